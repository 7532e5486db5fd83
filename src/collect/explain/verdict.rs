//! Whether something stays, and if not, when it goes.

use crate::collect::options::Options;
use crate::collect::plan::{Plan, Stage};
use crate::collect::report::Scan;
use crate::collect::roots::Reason;
use crate::model::{Digest, Timestamp};
use serde::Serialize;

/// What becomes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Something needs it.
    Kept,
    /// What was asked about loses its links; something else needs the content.
    KeptElsewhere,
    /// Nothing needs it, and it is too young to go.
    Young,
    /// Nothing needs it, and it waits.
    Waits,
    /// Nothing needs it, and the next collection removes it.
    Goes,
    /// Nothing needs it, and it stays: it lies outside the root.
    Stays,
    /// Its content is not there.
    Missing,
}

/// What becomes of it, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// What becomes of it.
    pub state: State,
    /// Why it is kept.
    pub reason: Option<Reason>,
    /// Since when it waits, if an earlier run has found it unneeded.
    pub since: Option<Timestamp>,
    /// When it may go at the earliest; nothing if the next collection takes it, or if it stays.
    pub not_before: Option<Timestamp>,
}

/// When the content was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored {
    /// Size in bytes.
    pub size: u64,
    /// When it was last modified.
    pub modified: Timestamp,
}

/// Reads it off what was decided; `only` is the one repository that was asked about.
#[must_use]
pub fn verdict(
    (scan, plan): (&Scan, &Plan),
    options: &Options,
    digest: &Digest,
    stored: Option<Stored>,
    only: Option<usize>,
) -> Verdict {
    let of = |state| Verdict { state, reason: None, since: None, not_before: None };
    let id = scan.graph.id(digest);
    let here = only.and_then(|at| scan.marks.in_repository(at, id));
    let needed = scan.marks.anywhere(id);
    let Some(stored) = stored else { return Verdict { reason: needed, ..of(State::Missing) } };
    if let Some(reason) = if only.is_some() { here } else { needed } {
        return Verdict { reason: Some(reason), ..of(State::Kept) };
    }
    if needed.is_some() {
        return Verdict { reason: needed, ..of(State::KeptElsewhere) };
    }
    let mut blobs = plan.deletions().range(plan.of_stage(Stage::Blob));
    if blobs.any(|deletion| deletion.digest.as_ref() == Some(digest)) {
        return of(State::Goes);
    }
    if let Some(waiting) = scan.blobs.waiting.iter().find(|waiting| waiting.digest == *digest) {
        let since = waiting.since.filter(|since| *since < scan.now);
        let not_before = since.unwrap_or(scan.now).plus(options.wait());
        return Verdict { since, not_before: Some(not_before), ..of(State::Waits) };
    }
    if stored.modified.is_younger_than(options.min_age, scan.now) {
        // It begins to wait when it is old enough.
        let not_before = stored.modified.plus(options.min_age).plus(options.wait());
        return Verdict { not_before: Some(not_before), ..of(State::Young) };
    }
    of(State::Stays)
}
