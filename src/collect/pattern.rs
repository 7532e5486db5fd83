//! Patterns as users write them: a glob, or `re:` and a regular expression.

use globset::{GlobBuilder, GlobMatcher};
use std::fmt;
use std::str::FromStr;

/// A pattern for names. In a glob `*` stops at `/` and `**` does not; a regular expression is searched, not anchored.
#[derive(Debug, Clone)]
pub struct Pattern {
    text: String,
    matcher: Matcher,
}

#[derive(Debug, Clone)]
enum Matcher {
    Glob(GlobMatcher),
    Regex(regex::Regex),
}

/// The text is no pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotAPattern(pub(super) String);

impl Pattern {
    /// Whether the pattern matches.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        match &self.matcher {
            Matcher::Glob(glob) => glob.is_match(name),
            Matcher::Regex(regex) => regex.is_match(name),
        }
    }
}

impl FromStr for Pattern {
    type Err = NotAPattern;

    fn from_str(text: &str) -> Result<Self, NotAPattern> {
        let matcher = if let Some(expression) = text.strip_prefix("re:") {
            Matcher::Regex(regex::Regex::new(expression).map_err(|error| NotAPattern(error.to_string()))?)
        } else if text.is_empty() {
            return Err(NotAPattern("an empty pattern matches nothing".into()));
        } else {
            let glob = GlobBuilder::new(text).literal_separator(true).build();
            Matcher::Glob(glob.map_err(|error| NotAPattern(error.kind().to_string()))?.compile_matcher())
        };
        Ok(Self { text: text.to_owned(), matcher })
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn matches(pattern: &str, name: &str) -> bool {
        pattern.parse::<Pattern>().unwrap().matches(name)
    }

    #[test]
    fn one_star_stops_at_a_slash_and_two_do_not() {
        assert!(matches("ci/*", "ci/app"));
        assert!(!matches("ci/*", "ci/team/app"));
        assert!(matches("ci/**", "ci/team/app"));
        assert!(matches("**", "a/b"));
        assert!(!matches("images", "images2"));
        assert!(!matches("images", "my/images"));
    }

    #[test]
    fn regular_expression_is_searched() {
        assert!(matches("re:^team-[a-z]+/tmp", "team-x/tmp/y"));
        assert!(matches("re:tmp", "a/tmpfiles"));
        assert!(!matches("re:^tmp$", "a/tmp"));
    }

    #[test]
    fn bad_patterns_are_told() {
        assert!("re:(".parse::<Pattern>().is_err());
        assert!("a[".parse::<Pattern>().is_err());
        assert!("".parse::<Pattern>().is_err());
    }

    #[test]
    fn pattern_reads_back_as_it_was_written() {
        for text in ["ci/*", "re:^a$"] {
            assert_eq!(text.parse::<Pattern>().unwrap().to_string(), text);
        }
    }
}
