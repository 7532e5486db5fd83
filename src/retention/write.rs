//! A policy as YAML: what an import prints. It reads back as the same policy.

use super::duration;
use super::policy::{Delete, Keep, Policy, Rule};
use crate::collect::pattern::Pattern;
use std::fmt::Write as _;

/// The policy as a file, with comments before it and, by the rule's place, before each rule.
#[must_use]
pub fn yaml(policy: &Policy, head: &[String], notes: impl Fn(usize) -> Vec<String>) -> String {
    let mut text = String::new();
    comments(&mut text, "", head);
    text.push_str("version: 1\nrules:\n");
    for (at, rule) in policy.rules.iter().enumerate() {
        comments(&mut text, "  ", &notes(at));
        write_rule(&mut text, rule);
    }
    if policy.rules.is_empty() {
        text.truncate(text.len() - 1);
        text.push_str(" []\n");
    }
    text
}

fn comments(text: &mut String, indent: &str, lines: &[String]) {
    for line in lines.iter().flat_map(|line| line.split('\n')) {
        let _ = write!(text, "{indent}#{}", if line.is_empty() { "" } else { " " });
        for letter in line.chars() {
            // A carriage return would end the comment, and what stands behind it would be read as rules.
            if is_printable(letter) {
                text.push(letter);
            } else {
                text.extend(letter.escape_unicode());
            }
        }
        text.push('\n');
    }
}

fn write_rule(text: &mut String, rule: &Rule) {
    let _ = writeln!(text, "  - name: {}", quoted(&rule.name));
    let _ = writeln!(text, "    repositories: {}", list(&rule.repositories));
    if let Some(delete) = &rule.delete {
        text.push_str("    delete:\n");
        write_delete(text, delete);
    }
    if !rule.keep.is_empty() {
        text.push_str("    keep:\n");
        write_keep(text, &rule.keep);
    }
    if let Some(limit) = rule.untagged_older_than {
        let _ = writeln!(text, "    untagged: {{older_than: {}}}", duration::written(limit));
    }
}

fn write_delete(text: &mut String, delete: &Delete) {
    let Delete { older_than, created_older_than, tags, semver, labels, annotations } = delete;
    let mut line = |key: &str, value: Option<String>| {
        if let Some(value) = value {
            let _ = writeln!(text, "      {key}: {value}");
        }
    };
    line("older_than", older_than.map(duration::written));
    line("created_older_than", created_older_than.map(duration::written));
    let says_nothing = older_than.is_none()
        && created_older_than.is_none()
        && semver.is_none()
        && labels.is_empty()
        && annotations.is_empty();
    let every = says_nothing.then(|| "[\"*\"]".to_owned());
    line("tags", tags.as_deref().map(list).or(every));
    line("semver", semver.as_ref().map(|range| quoted(&range.to_string())));
    line("labels", pairs(labels));
    line("annotations", pairs(annotations));
}

fn write_keep(text: &mut String, keep: &Keep) {
    let Keep { tags, last, last_per, semver, younger_than, periods, images } = keep;
    let mut line = |key: &str, value: Option<String>| {
        if let Some(value) = value {
            let _ = writeln!(text, "      {key}: {value}");
        }
    };
    line("tags", (!tags.is_empty()).then(|| list(tags)));
    line("last", last.map(|count| count.to_string()));
    line(
        "last_per",
        last_per.as_ref().map(|per| format!("{{pattern: {}, count: {}}}", quoted(per.pattern.as_str()), per.count)),
    );
    line("semver", semver.as_ref().map(|range| quoted(&range.to_string())));
    line("younger_than", younger_than.map(duration::written));
    for (period, count) in periods {
        line(period.name(), Some(count.to_string()));
    }
    line("images_from", images.as_ref().map(|in_use| quoted(&in_use.file)));
}

fn list(patterns: &[Pattern]) -> String {
    let items: Vec<String> = patterns.iter().map(|pattern| quoted(&pattern.to_string())).collect();
    format!("[{}]", items.join(", "))
}

fn pairs(labels: &[(String, Pattern)]) -> Option<String> {
    let items = labels.iter().map(|(name, pattern)| format!("{}: {}", quoted(name), quoted(&pattern.to_string())));
    (!labels.is_empty()).then(|| format!("{{{}}}", items.collect::<Vec<_>>().join(", ")))
}

/// Whether a character may stand in YAML as it is, wherever it stands: none that ends a line, is invisible at its beginning,
/// or is none at all.
fn is_printable(letter: char) -> bool {
    !letter.is_control() && !matches!(letter, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

/// Between double quotes, as YAML and JSON have them; a plain word needs none.
fn quoted(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'/' | b'.');
    let word = text.bytes().all(plain) && text.starts_with(|first: char| first.is_ascii_alphabetic());
    let reserved = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    if word && !reserved.contains(&text.to_ascii_lowercase().as_str()) {
        return text.to_owned();
    }
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            letter if is_printable(letter) => quoted.push(letter),
            // None of those that may not stand there has a higher number.
            letter => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(letter));
            }
        }
    }
    quoted + "\""
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::keep_from::KeepFrom;
    use crate::retention::parse::parse;

    fn read(text: &str) -> Policy {
        let parsed = parse(text, &mut |_| Ok(vec![KeepFrom::Digest(crate::model::Digest::of(b"x"))]));
        parsed.unwrap_or_else(|faults| unreachable!("{faults}\n{text}")).policy
    }

    const EVERYTHING: &str = r##"version: 1
rules:
  - name: ci
    repositories: ["ci/**", "re:^team-[a-z]+/tmp"]
    delete:
      older_than: 30d
      created_older_than: 1d12h
      tags: ["pr-*", main]
      semver: "<2.0.0"
      labels: {stage: "dev*", "on": "\"x\\y\""}
      annotations: {org.opencontainers.image.vendor: "re:^x"}
    keep:
      tags: [latest, "re:^v?[0-9]+(\\.[0-9]+)*$"]
      last: 10
      last_per: {pattern: "^(?<minor>\\d+\\.\\d+)\\.\\d+-(?<variant>.+)$", count: 3}
      semver: ">=1.0.0"
      younger_than: 7d
      daily: 7
      weekly: 4
      monthly: 12
      yearly: 5
      images_from: in-use.json
    untagged: {older_than: 7d}
  - name: "#2"
    repositories: ["**"]
    untagged: {older_than: 0s}
"##;

    /// What another tool's file says is quoted in comments, and stays there.
    #[test]
    fn comments_end_where_their_line_ends() {
        let note =
            "half\rrules: [{repositories: ['**'], delete: {tags: ['*']}}]\n\u{0}\u{2028}\u{fffe} more".to_owned();
        let rule = "rules: [{repositories: [app], delete: {tags: [v1]}}]";
        let text = yaml(&read(rule), &[note], |_| Vec::new());
        assert_eq!(read(&text).rules.len(), 1, "{text}");
        assert_eq!(text.lines().filter(|line| line.starts_with('#')).count(), 2, "{text}");
        assert!(text.contains(r"half\u{d}rules"), "{text}");
    }

    #[test]
    fn what_is_written_reads_back_as_it_was() {
        assert_eq!(yaml(&read(EVERYTHING), &[], |_| Vec::new()), EVERYTHING);
    }

    #[test]
    fn rule_that_selects_every_tag_says_so() {
        let mut policy = read("rules: [{repositories: [a], delete: {older_than: 1d}, keep: {last: 1}}]");
        policy.rules[0].delete = Some(Delete::default());
        let text = yaml(&policy, &[], |_| Vec::new());
        assert!(text.contains("      tags: [\"*\"]\n"), "{text}");
        assert_eq!(read(&text).rules.len(), 1);
        for (condition, every) in [
            ("older_than: 1d", false),
            ("created_older_than: 1d", false),
            ("semver: \">1\"", false),
            ("labels: {a: b}", false),
            ("annotations: {a: b}", false),
            ("tags: [\"*\"]", true),
        ] {
            let text =
                yaml(&read(&format!("rules: [{{repositories: [a], delete: {{{condition}}}}}]")), &[], |_| Vec::new());
            assert_eq!(text.contains("tags:"), every, "{text}");
            assert!(!text.contains("keep:") && !text.contains("untagged:"), "{text}");
        }
    }

    #[test]
    fn notes_are_comments_before_what_they_are_about() {
        let policy = read("rules: [{name: a, repositories: [a], delete: {tags: [x]}}]");
        let text = yaml(&policy, &["one\ntwo".into()], |at| vec![format!("rule {at}")]);
        assert!(text.starts_with("# one\n# two\nversion: 1\nrules:\n  # rule 0\n  - name: a\n"), "{text}");
        assert_eq!(read(&text).rules[0].name, "a");
        assert_eq!(yaml(&Policy::default(), &[], |_| Vec::new()), "version: 1\nrules: []\n");
    }

    #[test]
    fn odd_names_are_quoted() {
        for (name, written) in
            [("ci", "ci"), ("No", "\"No\""), ("1.0", "\"1.0\""), ("a b", "\"a b\""), ("é\u{1}", "\"é\\u0001\"")]
        {
            assert_eq!(quoted(name), written);
        }
        assert_eq!(quoted(""), "\"\"");
    }
}
