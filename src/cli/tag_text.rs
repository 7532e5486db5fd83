//! The tags that go, for people: which, and why.

use super::columns::{Columns, shortened};
use super::words::printable;
use crate::collect::list::order::natural;
use crate::collect::report::TagRow;
use crate::model::Tag;
use std::fmt::Write as _;

/// So many are shown; JSON has them all.
const ROWS: usize = 15;
/// How wide a line may be, if names can be shortened to it.
const WIDTH: usize = 80;
/// Shorter no name becomes: the end of a tag is what tells it from others.
const SHORTEST: usize = 24;
const INDENT: &str = "  ";

/// Each with the rule that lets it go, or with its digest where it was named.
pub(super) fn tags(all: &[TagRow]) -> String {
    if all.is_empty() {
        return String::new();
    }
    let mut all: Vec<&TagRow> = all.iter().collect();
    all.sort_by(|a, b| natural(&a.image, &b.image));
    let said: Vec<(String, String)> = all.iter().take(ROWS).map(|row| (printable(&row.image), why(row))).collect();
    let longest = said.iter().map(|(_, why)| why.chars().count()).max().unwrap_or_default();
    let longest = WIDTH.saturating_sub(2 * INDENT.len() + longest).max(SHORTEST);
    let mut rows = Columns::default().left("").left("");
    for (image, why) in said {
        rows.row(vec![shortened(&image, longest), why]);
    }
    let mut text = "\ntags\n".to_owned();
    for line in rows.text().lines() {
        let _ = writeln!(text, "{INDENT}{line}");
    }
    if all.len() > ROWS {
        let _ = writeln!(text, "{INDENT}and {} more (--format json names them all)", all.len() - ROWS);
    }
    text
}

/// A digest is known by its beginning. Of a tag that nobody named, its name says what it goes with.
fn why(row: &TagRow) -> String {
    let digest = || {
        let digest: String = row.digest.as_deref().unwrap_or("?").chars().take("sha256:".len() + 12).collect();
        let tag = row.image.rsplit_once(':').and_then(|(_, tag)| Tag::new(tag));
        let about = tag.and_then(|tag| tag.about().map(|(image, _)| image.hex()[..12].to_owned()));
        about.map_or_else(|| digest.clone(), |about| format!("{digest}, about {about}"))
    };
    row.rule.as_deref().map_or_else(digest, printable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_names_are_numbers() {
        let text = tags(&["app:pr-10", "app:pr-9", "app:pr-100"].map(|image| row(image, Some("rule ci"))));
        let found: Vec<&str> =
            text.lines().filter_map(|line| line.split_whitespace().find(|word| word.contains(':'))).collect();
        assert_eq!(found, ["app:pr-9", "app:pr-10", "app:pr-100"]);
    }

    fn row(image: &str, rule: Option<&str>) -> TagRow {
        let digest = Some(format!("sha256:{}", "0123456789abcdef".repeat(4)));
        TagRow { image: image.into(), digest, rule: rule.map(Into::into), ..TagRow::default() }
    }

    #[test]
    fn lines_fit_a_terminal_whatever_a_tag_is_called() {
        let signature = format!("team/app:sha256-{}.sig", "0123456789abcdef".repeat(4));
        let rule = "rule ci: older than 30d (pushed 49d ago), tag pr-*";
        let expected = "
tags
  app:pr-1                    rule ci: older than 30d (pushed 49d ago), tag pr-*
  team/app:sha256-..cdef.sig  rule ci: older than 30d (pushed 49d ago), tag pr-*
";
        let text = tags(&[row("app:pr-1", Some(rule)), row(&signature, Some(rule))]);
        assert_eq!(text, expected);
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
    }

    #[test]
    fn signature_that_goes_along_says_what_it_is_about() {
        let signature = format!("team/app:sha256-{}.sig", "fedcba9876543210".repeat(4));
        let text = tags(&[row(&signature, None)]);
        assert!(text.ends_with("  sha256:0123456789ab, about fedcba987654\n"), "{text}");
    }

    #[test]
    fn what_was_named_is_shown_with_its_digest_and_only_the_first_of_many() {
        let text = tags(&vec![row("app:v1", None); ROWS + 2]);
        assert!(text.starts_with("\ntags\n  app:v1  sha256:0123456789ab\n"), "{text}");
        assert!(text.ends_with("\n  and 2 more (--format json names them all)\n"), "{text}");
        assert_eq!((tags(&[]).as_str(), text.lines().count()), ("", 2 + ROWS + 1));
    }
}
