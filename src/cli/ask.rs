//! Asking before anything goes.

use super::{held, human, repair_text, words};
use crate::collect::report::Report;
use crate::error::{Error, ErrorKind, Result};
use std::io::{self, BufRead, IsTerminal, Write};

/// Whether there is a person to ask: stdin and stderr are terminals.
#[must_use]
pub fn is_possible() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Shows what would go, and asks whether it may.
///
/// # Errors
/// If the question cannot be put, or the answer not be read.
pub async fn confirmed(report: &Report) -> Result<bool> {
    let _ = writeln!(anstream::stderr(), "{} ({})\n{}", report.location, report.mode, human::plan(report).trim());
    answered(question(report)).await
}

/// Asks, and waits for the answer.
///
/// # Errors
/// If the question cannot be put, or the answer not be read.
pub(super) async fn answered(question: String) -> Result<bool> {
    let failed = |error: io::Error| Error::new(ErrorKind::Io, "ask").caused_by(error);
    match tokio::task::spawn_blocking(move || ask(&question)).await {
        Ok(answer) => answer.map_err(failed),
        Err(_) => Ok(false),
    }
}

fn question(report: &Report) -> String {
    let planned = &report.planned;
    if report.command == "fsck" {
        return repair_text::question(report);
    }
    if !report.collects {
        let what = [(planned.tags, "tag"), (planned.manifests, "manifest")].into_iter().filter(|(count, _)| *count > 0);
        let what: Vec<String> = what.map(|(count, one)| words::number(count, one)).collect();
        let what = if what.is_empty() { "these links".to_owned() } else { what.join(" and ") };
        let undo = if report.keeps_state {
            "Content stays, and `regsweep restore` undoes it for a day at least."
        } else {
            "Content stays, but this cannot be undone."
        };
        return format!("remove {what}? {undo}");
    }
    if planned.blobs.count == 0 && planned.uploads.count == 0 && report.pending.blobs.count > 0 {
        let waiting = words::size(report.pending.blobs.bytes);
        return format!(
            "delete these links? Their content ({waiting}) waits, and `regsweep restore` undoes it until then."
        );
    }
    let share = report.planned_bytes.saturating_mul(100).checked_div(report.bytes.before).unwrap_or(0);
    let split = held::split(&report.store_keeps, report.planned_bytes);
    format!(
        "delete {} ({share} % of {}{})? This cannot be undone.",
        words::size(report.planned_bytes),
        words::size(report.bytes.before),
        split.map_or_else(String::new, |split| format!("; {split}"))
    )
}

/// Asks on stderr; only `y` or `yes` goes on.
///
/// # Errors
/// If the question cannot be put, or the answer not be read.
pub fn ask(question: &str) -> io::Result<bool> {
    // The lock on stderr ends here: whoever interrupts while this waits must be able to say so.
    write!(anstream::stderr(), "{question} [y/N] ")?;
    anstream::stderr().flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(is_yes(&answer))
}

fn is_yes(answer: &str) -> bool {
    matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_yes_is_yes() {
        assert!(is_yes("y\n") && is_yes("YES") && is_yes(" Yes \r\n"));
        assert!(!is_yes("") && !is_yes("yeah") && !is_yes("n") && !is_yes("y y"));
    }
}
