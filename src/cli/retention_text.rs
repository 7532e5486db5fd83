//! What retention rules let go, for people.

use super::words::{number, printable, wrapped};
use crate::collect::report::RetentionRow;
use std::fmt::Write as _;

/// So many tags are told by name; JSON has them all.
const TOLD: usize = 20;

/// What each rule lets go, and which tags.
pub(super) fn by_rule(row: &RetentionRow) -> String {
    let mut text = String::new();
    let rules = row.rules.iter().filter(|rule| rule.tags + rule.manifests > 0);
    let lines: Vec<String> = rules
        .map(|rule| format!("{}: {}, {}", rule.rule, number(rule.tags, "tag"), number(rule.manifests, "manifest")))
        .collect();
    if !lines.is_empty() {
        text.push_str("\nby rule\n");
        for line in lines {
            text.push_str(&wrapped(&printable(&line), "  "));
        }
    }
    if !row.tags.is_empty() {
        text.push_str("\ntags to go\n");
        for tag in row.tags.iter().take(TOLD) {
            let line = format!("{}:{}  {}", tag.repository, tag.tag, tag.why);
            let _ = writeln!(text, "  {}", printable(&line));
        }
        if row.tags.len() > TOLD {
            let _ = writeln!(text, "  and {} more (--format json names them all)", row.tags.len() - TOLD);
        }
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
