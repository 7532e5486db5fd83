//! Finds the line of a setting: the YAML library gives values without positions.
//!
//! A small scan of block style (and of JSON as it is usually printed). It decides no value: a path it misses costs a
//! line number, and the text it finds counts only where the YAML library read the very same text.

use std::collections::HashMap;

/// The lines of a document, by path of keys.
#[derive(Default)]
pub(super) struct Lines(HashMap<Vec<String>, Place>);

/// Where a key stands, and what stands behind it.
pub(super) struct Place {
    /// The line, counted from 1.
    pub(super) line: usize,
    /// The text behind the colon, without comment.
    pub(super) text: String,
}

/// The key of a list's item: settings below one are never looked up.
const ITEM: &str = "-";

impl Lines {
    /// Scans the first document of a text.
    pub(super) fn scan(text: &str) -> Self {
        let mut lines = Self::default();
        let mut open: Vec<(usize, String)> = Vec::new();
        let mut block: Option<usize> = None;
        for (index, line) in text.lines().enumerate() {
            if line.starts_with("---") || line.starts_with("...") {
                if lines.0.is_empty() {
                    continue;
                }
                break;
            }
            let mut rest = line.trim_start_matches(' ');
            let mut indent = line.len() - rest.len();
            if rest.is_empty() || rest.starts_with('#') || block.is_some_and(|block| indent > block) {
                continue;
            }
            block = None;
            while let Some(item) = rest.strip_prefix("- ") {
                close(&mut open, |at, key| at > indent || (at == indent && key == ITEM));
                open.push((indent, ITEM.into()));
                let inner = item.trim_start_matches(' ');
                indent += rest.len() - inner.len();
                rest = inner;
            }
            let Some((key, behind)) = split(rest) else { continue };
            close(&mut open, |at, _| at >= indent);
            open.push((indent, key));
            let text = without_comment(behind);
            if text.starts_with(['|', '>']) {
                block = Some(indent);
            }
            let path = open.iter().map(|(_, key)| key.clone()).collect();
            lines.0.insert(path, Place { line: index + 1, text: text.to_owned() });
        }
        lines
    }

    /// Where the setting at this path stands.
    pub(super) fn get(&self, path: &[String]) -> Option<&Place> {
        self.0.get(path)
    }
}

/// Drops the comment and the white space around a value that is not quoted.
pub(super) fn without_comment(text: &str) -> &str {
    let text = text.trim();
    if text.starts_with('#') {
        return "";
    }
    text.split_once(" #").map_or(text, |(value, _)| value.trim_end())
}

/// Leaves what the current line is not part of.
fn close(open: &mut Vec<(usize, String)>, ended: impl Fn(usize, &str) -> bool) {
    while open.last().is_some_and(|(indent, key)| ended(*indent, key)) {
        open.pop();
    }
}

/// Splits `key: value`, where the key may be quoted.
fn split(line: &str) -> Option<(String, &str)> {
    if let Some(quote) = line.chars().next().filter(|first| matches!(first, '"' | '\'')) {
        let (key, rest) = line.get(1..)?.split_once(quote)?;
        return Some((key.to_owned(), rest.trim_start().strip_prefix(':')?));
    }
    if let Some((key, value)) = line.split_once(": ") {
        return Some((key.trim_end().to_owned(), value));
    }
    line.trim_end().strip_suffix(':').map(|key| (key.trim_end().to_owned(), ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str, path: &[&str]) -> Option<usize> {
        let path: Vec<String> = path.iter().map(|&key| key.to_owned()).collect();
        Lines::scan(text).get(&path).map(|place| place.line)
    }

    #[test]
    fn finds_the_line_of_a_nested_key() {
        let text =
            "# registry\nversion: 0.1\n\nstorage:\n  delete:\n    enabled: true\n  s3: # main\n    bucket: a # b\n";
        assert_eq!(line(text, &["storage", "s3"]), Some(7));
        assert_eq!(line(text, &["storage", "s3", "bucket"]), Some(8));
        assert_eq!(line(text, &["storage", "delete", "enabled"]), Some(6));
        assert_eq!(line(text, &["storage", "bucket"]), None);
        let path = ["storage", "s3", "bucket"].map(str::to_owned);
        assert_eq!(Lines::scan(text).get(&path).map(|place| place.text.as_str()), Some("a"));
    }

    #[test]
    fn lists_and_block_scalars_do_not_shift_paths() {
        let text = "http:\n  headers:\n    X:\n    - a: 1\n      b: 2\n    Y: |\n      storage:\n        s3: no\nstorage:\n  s3: {}\n";
        assert_eq!(line(text, &["http", "headers", "Y"]), Some(6));
        assert_eq!(line(text, &["storage", "s3"]), Some(10));
    }

    #[test]
    fn printed_json_has_lines() {
        let text =
            "{\n  \"version\": \"0.1\",\n  \"storage\": {\n    \"s3\": {\n      \"bucket\": \"b\"\n    }\n  }\n}\n";
        assert_eq!(line(text, &["storage", "s3", "bucket"]), Some(5));
    }

    #[test]
    fn odd_text_is_no_panic() {
        for text in ["", ":", "\"", "'a", "- - -", "- ", "é: ü", "\u{feff}a: b", "a:b", "--- a: b\n...\n", "\t: :\n :"]
        {
            Lines::scan(text);
        }
    }

    #[test]
    fn only_the_first_document_counts() {
        assert_eq!(line("---\na: 1\n---\nb: 2\n", &["a"]), Some(2));
        assert_eq!(line("---\na: 1\n---\nb: 2\n", &["b"]), None);
    }
}
