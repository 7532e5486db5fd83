//! Exit codes. Scripts rely on them.

use crate::collect::report::Report;
use crate::error::ErrorKind;
use crate::run::{Done, Stopped};

/// Done: also nothing to do, a dry run, contained damage.
pub const DONE: u8 = 0;
/// Failed before the first delete, or the answer was no.
pub const FAILED: u8 = 1;
/// Wrong usage or configuration.
pub const USAGE: u8 = 2;
/// Refused; nothing changed.
pub const REFUSED: u8 = 3;
/// After the first delete something failed, or is unknown.
pub const INCOMPLETE: u8 = 4;
/// There is something to delete (`plan --detailed-exitcode`).
pub const CHANGES: u8 = 5;
/// Interrupted.
pub const INTERRUPTED: u8 = 130;

/// The code for an error. No error comes after the first delete: from then on there are outcomes.
#[must_use]
pub fn of_error(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::Usage | ErrorKind::Configuration => USAGE,
        ErrorKind::Interrupted => INTERRUPTED,
        ErrorKind::Refused => REFUSED,
        ErrorKind::NotFound
        | ErrorKind::Permission
        | ErrorKind::Credentials
        | ErrorKind::Unreachable
        | ErrorKind::Untrustworthy
        | ErrorKind::NotThere
        | ErrorKind::Io
        | ErrorKind::Bug => FAILED,
    }
}

/// The code where damage is left that a repair does not mend.
#[must_use]
pub fn with_damage(code: u8, left: u64) -> u8 {
    if code == DONE && left > 0 { INCOMPLETE } else { code }
}

/// The code for a run that went as far as deleting.
#[must_use]
pub fn of_sweep(report: &Report, done: &Done) -> u8 {
    let left = report.failed + report.unknown + report.links.not_written > 0
        || !done.errors.is_empty()
        || !done.broken.is_empty();
    match done.stopped {
        Some(Stopped::Signal) => INTERRUPTED,
        _ if left => INCOMPLETE,
        Some(stopped) if stopped.is_asked_for() => DONE,
        Some(_) => INCOMPLETE,
        None if report.not_attempted > 0 => INCOMPLETE,
        None => DONE,
    }
}
