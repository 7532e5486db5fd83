//! What retention rules let go, for people.

use super::words::{number, printable, wrapped};
use crate::collect::report::RuleRow;

/// What each rule lets go.
pub(super) fn by_rule(rules: &[RuleRow]) -> String {
    let mut text = String::new();
    let rules = rules.iter().filter(|rule| rule.tags + rule.manifests > 0);
    let lines: Vec<String> = rules
        .map(|rule| format!("{}: {}, {}", rule.rule, number(rule.tags, "tag"), number(rule.manifests, "manifest")))
        .collect();
    if lines.is_empty() {
        return "\nno rule lets a tag or a manifest go\n".into();
    }
    text.push_str("\nby rule\n");
    for line in lines {
        text.push_str(&wrapped(&printable(&line), "  "));
    }
    text
}
