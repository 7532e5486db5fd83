//! What comes of an import.

use crate::collect::pattern::Pattern;
use crate::error::shortened;
use crate::retention::policy::{Delete, Keep, Policy, Rule};
use crate::retention::write::yaml;
use std::fmt::Write as _;

/// One or more policies, and what has no equal.
#[derive(Debug, Clone, Default)]
pub struct Imported {
    /// In one rule all conditions must hold. Rules that drop for different reasons need a run each, in any order.
    pub policies: Vec<Policy>,
    /// What has no equal, and what was made of it.
    pub notes: Vec<String>,
    /// How to run it.
    pub head: Vec<String>,
}

impl Imported {
    /// Whether everything could be said.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.notes.is_empty()
    }

    /// The first policy as a file; the others as comments at its end.
    #[must_use]
    pub fn yaml(&self) -> String {
        let mut head = self.head.clone();
        if !self.notes.is_empty() {
            head.push("What has no equal, or not quite:".into());
            head.extend(self.notes.iter().map(|note| format!("- {note}")));
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
    text.parse().map_err(|why| format!("{:?} is no pattern: {why}", shortened(text)))
}

/// Every repository, unless the user named some.
pub(super) fn repositories(named: &[Pattern]) -> Result<Vec<Pattern>, String> {
    if named.is_empty() { Ok(vec![pattern("**")?]) } else { Ok(named.to_vec()) }
}

/// A rule for repositories.
pub(super) fn rule(name: &str, repositories: Vec<Pattern>, delete: Option<Delete>, keep: Keep) -> Rule {
    Rule { name: name.to_owned(), line: None, repositories, delete, keep, untagged_older_than: None }
}
