//! What retention rules let go, for people.

use super::words::{number, printable, wrapped};
use crate::collect::report::RetentionRow;
use std::fmt::Write as _;

/// So many are told; JSON has them all.
const TOLD: usize = 20;

/// What each rule lets go.
pub(super) fn by_rule(row: &RetentionRow) -> String {
    let mut text = String::new();
    let rules = row.rules.iter().filter(|rule| rule.tags + rule.manifests > 0);
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

/// What nobody should overlook, last before the question.
pub(super) fn cautions(row: &RetentionRow) -> String {
    let mut text = String::new();
    for (at, caution) in row.cautions.iter().take(TOLD).enumerate() {
        text.push_str(if at == 0 { "\n" } else { "" });
        text.push_str(&wrapped(&printable(caution), "! "));
    }
    if row.cautions.len() > TOLD {
        let _ = writeln!(text, "! and {} more (--format json names them all)", row.cautions.len() - TOLD);
    }
    text
}
