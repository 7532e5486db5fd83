//! What nobody should overlook, for people: last before the question.

use super::human::minute;
use super::words::{number, printable, size, wrapped};
use crate::collect::report::{EndsUndo, Report};
use std::fmt::Write as _;

/// So many are told; JSON has them all.
const TOLD: usize = 20;

/// All of it.
pub(super) fn cautions(report: &Report) -> String {
    of_tags(&report.cautions) + &of_undo(&report.ends_undo)
}

/// Tags that are missed most.
pub(super) fn of_tags(cautions: &[String]) -> String {
    let mut text = String::new();
    for (at, caution) in cautions.iter().take(TOLD).enumerate() {
        text.push_str(if at == 0 { "\n" } else { "" });
        text.push_str(&wrapped(&printable(caution), "! "));
    }
    if cautions.len() > TOLD {
        let _ = writeln!(text, "! and {} more (--format json names them all)", cautions.len() - TOLD);
    }
    text
}

/// Runs that could have been undone for longer.
fn of_undo(runs: &[EndsUndo]) -> String {
    let mut text = String::new();
    for (at, row) in runs.iter().take(TOLD).enumerate() {
        text.push_str(if at == 0 { "\n" } else { "" });
        let until = minute(Some(&row.until)).unwrap_or_default();
        let (blobs, bytes) = (number(row.blobs.count, "blob"), size(row.blobs.bytes));
        let line = format!(
            "this ends the undo of run {} ({}), which was good until {until}: {blobs} ({bytes}) that it let wait go now",
            row.run, row.command
        );
        text.push_str(&wrapped(&printable(&line), "! "));
    }
    if runs.len() > TOLD {
        let _ = writeln!(text, "! and {} more runs (--format json names them all)", runs.len() - TOLD);
    }
    text
}
