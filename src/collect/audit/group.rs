//! Groups of repositories: teams, cost centres. Each repository is in one.

use crate::collect::pattern::Pattern;

/// The group of repositories that no pattern names.
pub const OTHERS: &str = "(other)";

/// How repositories are grouped.
#[derive(Debug, Clone)]
pub enum Groups {
    /// By a part of their names: the first named part of the expression that matched, else its first part, else all of it.
    Expression(regex::Regex),
    /// By patterns, of which the first that matches names the group.
    Lines(Vec<(Pattern, String)>),
}

/// The text is no way to group.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotGroups(String);

impl Groups {
    /// Understands a regular expression, without `re:`.
    ///
    /// # Errors
    /// If it is none.
    pub fn expression(text: &str) -> Result<Self, NotGroups> {
        regex::Regex::new(text).map(Self::Expression).map_err(|error| NotGroups(error.to_string()))
    }

    /// Understands a file: a pattern for repositories and the name of a group on each line. What follows `#` at the
    /// beginning of a line is a comment.
    ///
    /// # Errors
    /// If a line is anything else, or there is none.
    pub fn lines(text: &str) -> Result<Self, NotGroups> {
        let mut lines = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim().trim_start_matches('\u{feff}');
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let wrong = |why: &str| NotGroups(format!("line {number}: {why}"));
            let Some((pattern, name)) = line.split_once(char::is_whitespace) else {
                return Err(wrong("a pattern and the name of a group are wanted"));
            };
            let pattern = pattern.parse().map_err(|error| wrong(&format!("{error}")))?;
            lines.push((pattern, name.trim().to_owned()));
        }
        if lines.is_empty() {
            return Err(NotGroups("there is nothing in it".into()));
        }
        Ok(Self::Lines(lines))
    }

    /// The group of a repository.
    #[must_use]
    pub fn of<'a>(&'a self, repository: &'a str) -> &'a str {
        let found = match self {
            Self::Lines(lines) => {
                lines.iter().find(|(pattern, _)| pattern.matches(repository)).map(|(_, name)| &**name)
            }
            Self::Expression(expression) => expression.captures(repository).and_then(|found| {
                let named = expression.capture_names().flatten().find_map(|name| found.name(name));
                named.or_else(|| found.get(1)).or_else(|| found.get(0)).map(|part| part.as_str())
            }),
        };
        found.filter(|name| !name.is_empty()).unwrap_or(OTHERS)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn part_of_a_name_is_the_group() {
        for (expression, groups) in [
            ("^(?<team>[^/]+)/", ["a", "team-b", OTHERS]),
            ("^([^/]+)/", ["a", "team-b", OTHERS]),
            ("^[a-z]", ["a", "t", "s"]),
            ("^team-(?<x>q)?(?<team>.)", [OTHERS, "b", OTHERS]),
        ] {
            let found = Groups::expression(expression).unwrap();
            assert_eq!(["a/b", "team-b/x/y", "single"].map(|name| found.of(name).to_owned()), groups, "{expression}");
        }
        assert!(Groups::expression("(").is_err());
    }

    #[test]
    fn first_line_that_matches_is_the_group() {
        let text = "# teams\n\nbase/**  Platform team\nre:^(web|shop)/  Shop\nbase/images never\n";
        let groups = Groups::lines(text).unwrap();
        for (name, group) in
            [("base/images", "Platform team"), ("shop/x", "Shop"), ("base", OTHERS), ("other/shop/", OTHERS)]
        {
            assert_eq!(groups.of(name), group, "{name}");
        }
    }

    #[test]
    fn what_is_no_grouping_is_told_with_its_line() {
        for (text, why) in [
            ("", "there is nothing in it"),
            ("# nothing\n", "there is nothing in it"),
            ("a b\nlonely\n", "line 2: a pattern and the name of a group are wanted"),
            ("re:( x\n", "line 1: regex parse error"),
        ] {
            assert!(Groups::lines(text).unwrap_err().to_string().starts_with(why), "{text}");
        }
    }
}
