//! One JSON object on stdout.

use super::{machine, words};
use crate::collect::report::{ErrorRow, RefusalRow, Report};
use crate::error::Error;
use serde::Serialize;

/// Any report.
#[must_use]
pub fn text(report: &impl Serialize) -> String {
    // Plain structures of strings and numbers: there is nothing in them that JSON could not say.
    serde_json::to_string_pretty(report).unwrap_or_default()
}

/// The report of a run.
#[must_use]
pub fn report(report: &Report) -> String {
    text(report)
}

/// A run that ended with an error before anything was known.
#[must_use]
pub fn error(command: &str, error: &Error, exit_code: u8) -> String {
    let row = self::row(error);
    let refusal = refusal(error);
    let now = machine::clock().to_rfc3339();
    report(&Report {
        command: command.to_owned(),
        exit_code,
        refusals: refusal.clone().into_iter().collect(),
        refusal,
        error: Some(row),
        started: now.clone(),
        finished: now,
        ..Report::empty()
    })
}

/// What is refused without a survey: a registry that another run works on. Nothing allows that.
#[must_use]
pub fn refusal(error: &Error) -> Option<RefusalRow> {
    error.refusal().map(|code| RefusalRow { code: code.name(), message: error.to_string(), allow: String::new() })
}

/// An error as reports show it.
#[must_use]
pub fn row(error: &Error) -> ErrorRow {
    ErrorRow { message: error.to_string(), cause: words::causes(error), next: error.hint().map(Into::into) }
}
