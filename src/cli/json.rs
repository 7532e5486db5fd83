//! One JSON object on stdout.

use crate::collect::report::Report;
use crate::error::Error;
use serde_json::json;

/// A report.
#[must_use]
pub fn report(report: &Report) -> String {
    // Plain structures of strings and numbers: there is nothing in them that JSON could not say.
    serde_json::to_string_pretty(report).unwrap_or_default()
}

/// A run that ended with an error before there was a report.
#[must_use]
pub fn error(command: &str, error: &Error, exit_code: u8) -> String {
    let value = json!({
        "schema": "regsweep.report/1",
        "command": command,
        "version": env!("CARGO_PKG_VERSION"),
        "exit_code": exit_code,
        "error": { "message": error.to_string(), "cause": super::words::causes(error), "next": error.hint() },
    });
    serde_json::to_string_pretty(&value).unwrap_or_default()
}
