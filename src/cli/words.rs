//! Words for people: sizes, numbers, errors, and lines that fit a terminal.

use crate::error::Error;
use bytesize::ByteSize;
use std::fmt::Write as _;

/// Bytes for people: decimal, as storage is billed.
#[must_use]
pub fn size(bytes: u64) -> String {
    ByteSize(bytes).display().si().to_string()
}

/// A number of things: `1 blob`, `2 blobs`.
#[must_use]
pub fn number(count: u64, one: &str) -> String {
    match (count, one.strip_suffix('y')) {
        (1, _) => format!("1 {one}"),
        (_, Some(stem)) => format!("{count} {stem}ies"),
        _ => format!("{count} {one}s"),
    }
}

/// An error with its causes, and what to do next: a line each, so that logs can be searched.
#[must_use]
pub fn error(error: &Error) -> String {
    let mut text = format!("error: {}", printable(&error.to_string()));
    if let Some(causes) = causes(error) {
        let _ = write!(text, ": {}", printable(&causes));
    }
    if let Some(next) = error.hint() {
        let _ = write!(text, "\n  next: {}", printable(next));
    }
    text
}

/// An error and its causes, in one line.
#[must_use]
pub fn one_line(error: &Error) -> String {
    causes(error).map_or_else(|| error.to_string(), |causes| format!("{error}: {causes}"))
}

/// The causes of an error, from the outside in.
#[must_use]
pub fn causes(error: &Error) -> Option<String> {
    let mut causes = Vec::new();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        causes.push(cause.to_string());
        source = cause.source();
    }
    (!causes.is_empty()).then(|| causes.join(": "))
}

/// Text in lines of at most 80 columns; keys and digests are never broken, so that they can be copied.
#[must_use]
pub fn wrapped(text: &str, indent: &str) -> String {
    let options = textwrap::Options::new(80)
        .break_words(false)
        .word_splitter(textwrap::WordSplitter::NoHyphenation)
        .word_separator(textwrap::WordSeparator::AsciiSpace)
        .initial_indent(indent)
        .subsequent_indent(indent);
    textwrap::fill(text, options) + "\n"
}

/// Keys come from storage: what would move a terminal's cursor is shown as an escape.
#[must_use]
pub fn printable(text: &str) -> String {
    text.chars()
        .flat_map(|character| {
            let escape = character.is_control().then(|| character.escape_default());
            let plain = escape.is_none().then_some(character);
            escape.into_iter().flatten().chain(plain)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(number(1, "repository"), "1 repository");
        assert_eq!(number(0, "repository"), "0 repositories");
        assert_eq!(number(2, "history entry"), "2 history entries");
        assert_eq!(size(61_000_000), "61.0 MB");
    }

    #[test]
    fn hostile_key_does_not_move_the_cursor() {
        assert_eq!(printable("a\u{1b}[2Jb\n"), "a\\u{1b}[2Jb\\n");
        assert_eq!(printable("é/ü"), "é/ü");
    }

    #[test]
    fn error_says_what_where_why_and_what_next() {
        let error = Error::new(crate::error::ErrorKind::Io, "read a file").on("k").caused_by("denied").next("be root");
        assert_eq!(super::error(&error), "error: read a file: k: denied\n  next: be root");
    }
}
