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
    /// The name itself, where the pattern is one: a glob without anything to fill in.
    #[must_use]
    pub fn literal(&self) -> Option<&str> {
        match &self.matcher {
            Matcher::Glob(_) if !self.text.contains(['*', '?', '[', ']', '{', '}', '\\']) => Some(&self.text),
            Matcher::Glob(_) | Matcher::Regex(_) => None,
        }
    }

    /// The directory that all that a glob matches is in, without a slash at its end; `None` where that may be anywhere.
    #[must_use]
    pub fn directory(&self) -> Option<&str> {
        match &self.matcher {
            Matcher::Glob(_) => {
                let literal = self.text.split(['*', '?', '[', ']', '{', '}', '\\']).next().unwrap_or_default();
                literal.rsplit_once('/').map(|(directory, _)| directory).filter(|directory| !directory.is_empty())
            }
            Matcher::Regex(_) => None,
        }
    }

    /// Whether the pattern matches.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        match &self.matcher {
            Matcher::Glob(glob) => glob.is_match(name),
            Matcher::Regex(regex) => regex.is_match(name),
        }
    }
}

impl Pattern {
    /// The pattern as it was typed.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it matches all of these.
    #[must_use]
    pub(super) fn matches_all(&self, names: &[&str]) -> bool {
        names.iter().all(|name| self.matches(name))
    }
}

impl FromStr for Pattern {
    type Err = NotAPattern;

    fn from_str(text: &str) -> Result<Self, NotAPattern> {
        let matcher = if let Some(expression) = text.strip_prefix("re:") {
            Matcher::Regex(regex::Regex::new(expression).map_err(|error| NotAPattern(reason(expression, &error)))?)
        } else if text.is_empty() {
            return Err(NotAPattern("an empty pattern matches nothing".into()));
        } else {
            let glob = GlobBuilder::new(text).literal_separator(true).build();
            Matcher::Glob(glob.map_err(|error| NotAPattern(error.kind().to_string()))?.compile_matcher())
        };
        Ok(Self { text: text.to_owned(), matcher })
    }
}

/// Where an expression goes wrong is shown below it, unless it is too long for that.
fn reason(expression: &str, error: &regex::Error) -> String {
    let text = error.to_string();
    match text.lines().next_back() {
        Some(last) if expression.chars().count() > SHOWN || expression.contains(['\n', '\r']) => {
            last.strip_prefix("error: ").unwrap_or(last).to_owned()
        }
        _ => text,
    }
}

/// Expressions of so many letters fit into a line.
const SHOWN: usize = 100;

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
    fn reason_shows_where_an_expression_goes_wrong_and_is_short_whatever_its_length() {
        let reason = |pattern: &str| pattern.parse::<Pattern>().unwrap_err().to_string();
        let short = reason("re:a(b");
        assert!(short.contains("    a(b\n     ^\n") && short.ends_with("unclosed group"), "{short}");
        for long in [format!("re:({}", "é".repeat(2000)), "re:a\n(b".to_owned()] {
            assert_eq!(reason(&long), "unclosed group");
        }
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
    fn names_and_directories_are_seen_in_globs_only() {
        let parts = |text: &str| {
            let pattern: Pattern = text.parse().unwrap();
            (pattern.literal().map(str::to_owned), pattern.directory().map(str::to_owned))
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(parts("app"), (some("app"), None));
        assert_eq!(parts("team/app"), (some("team/app"), some("team")));
        assert_eq!(parts("team/x/ap?"), (None, some("team/x")));
        assert_eq!(parts("team*/x"), (None, None));
        assert_eq!(parts("{a,b}/x"), (None, None));
        assert_eq!(parts("re:^team/app$"), (None, None));
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
