//! What comes of an import.

use crate::collect::pattern::Pattern;
use crate::error::quoted;
use crate::model::Digest;
use crate::retention::policy::{Delete, Keep, Policy, Rule};
use crate::retention::write::yaml;
use std::fmt::Write as _;

/// One or more policies, and what has no equal.
#[derive(Debug, Clone, Default)]
pub struct Imported {
    /// In one rule all conditions must hold. Rules that drop for different reasons need a run each, in any order.
    pub policies: Vec<Policy>,
    /// What has no equal, and what was made of it: nothing more is dropped for it.
    pub notes: Vec<String>,
    /// Where the policy may drop what the other tool keeps. Whoever runs it must have read this.
    pub drops_more: Vec<String>,
    /// How to run it.
    pub head: Vec<String>,
}

impl Imported {
    /// Whether everything could be said.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.notes.is_empty() && self.drops_more.is_empty()
    }

    /// All that whoever runs it should know, what is most dangerous first.
    #[must_use]
    pub fn told(&self) -> Vec<String> {
        let more = self.drops_more.iter().map(|more| format!("DROPS MORE: {more}"));
        more.chain(self.notes.iter().cloned()).collect()
    }

    /// The first policy as a file; the others as comments at its end.
    #[must_use]
    pub fn yaml(&self) -> String {
        let mut head = self.head.clone();
        if !self.is_exact() {
            head.push("What has no equal, or not quite:".into());
            head.extend(self.told().iter().map(|note| format!("- {note}")));
        }
        let first = self.policies.first().cloned().unwrap_or_default();
        let mut text = yaml(&first, &head, |_| Vec::new());
        for (at, policy) in self.policies.iter().enumerate().skip(1) {
            let _ = writeln!(text, "\n# Policy {} of {}, for a run of its own:\n#", at + 1, self.policies.len());
            for line in yaml(policy, &[], |_| Vec::new()).lines() {
                let _ = writeln!(text, "# {line}");
            }
        }
        text
    }
}

/// A pattern that is known to be one: texts are escaped before they come here.
pub(super) fn pattern(text: &str) -> Result<Pattern, String> {
    text.parse().map_err(|why| format!("{} is no pattern: {why}", quoted(text)))
}

/// Every repository, unless the user named some.
pub(super) fn repositories(named: &[Pattern]) -> Result<Vec<Pattern>, String> {
    if named.is_empty() { Ok(vec![pattern("**")?]) } else { Ok(named.to_vec()) }
}

/// So long may the name of a rule be.
const LONGEST: usize = 100;

/// A name that a policy may have, and no other rule of the same file has, whatever the other tool calls it.
fn name_of(text: &str) -> String {
    let is_name = text.chars().count() <= LONGEST && !text.chars().any(char::is_control);
    if is_name {
        return text.to_owned();
    }
    let plain = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter });
    let beginning: String = plain.take(LONGEST - 12).collect();
    format!("{beginning}... {}", &Digest::of(text.as_bytes()).hex()[..8])
}

/// A rule for repositories.
pub(super) fn rule(name: &str, repositories: Vec<Pattern>, delete: Option<Delete>, keep: Keep) -> Rule {
    Rule { name: name_of(name), line: None, repositories, delete, keep, untagged_older_than: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_drops_more_comes_first_and_is_no_equal() {
        let drops_more = vec!["it counts tags".to_owned()];
        let imported = Imported { drops_more, notes: vec!["no pulls".to_owned()], ..Imported::default() };
        assert!(!imported.is_exact() && !Imported { notes: Vec::new(), ..imported.clone() }.is_exact());
        assert_eq!(imported.told(), ["DROPS MORE: it counts tags", "no pulls"]);
        assert!(imported.yaml().contains("# - DROPS MORE: it counts tags\n# - no pulls\n"), "{}", imported.yaml());
    }

    #[test]
    fn name_of_a_rule_fits_a_policy_and_stays_its_own() {
        assert_eq!(name_of("ecr-1, \u{e9}"), "ecr-1, \u{e9}");
        assert_eq!(name_of(&"x".repeat(LONGEST)), "x".repeat(LONGEST));
        let odd = ["a\u{1b}b".to_owned(), "a\nb".to_owned(), "\u{e9}".repeat(101), "\u{e9}".repeat(102)];
        let names: Vec<String> = odd.iter().map(|text| name_of(text)).collect();
        for (at, name) in names.iter().enumerate() {
            assert!(name.chars().count() <= LONGEST && !name.contains(char::is_control), "{name:?}");
            assert!(!names[..at].contains(name), "{names:?}");
        }
        assert!(names[0].starts_with("a b... "), "{names:?}");
    }
}
