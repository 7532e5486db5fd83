//! The report: what was found, marked, kept, planned and done, in one value for every outlet.

use super::blobs::Tally;
use super::decide::DeleteReason;
use super::problem::{Problem, ProblemCode};
use super::store_keeps::StoreKeepsRow;
use crate::layout::StorageKey;
use crate::model::Digest;
use serde::Serialize;
use std::collections::BTreeMap;

pub use super::cost::{Requests, Seconds};
pub use super::counts::Counts;
pub use super::retained::{RetentionRow, RuleRow};
pub use super::scan::Scan;
pub use super::space::{Beside, Space};
pub use super::state::undo::EndsUndo;
pub use super::versions::OldVersions;

/// What is there.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Found {
    /// Repositories.
    pub repositories: u64,
    /// Tags.
    pub tags: u64,
    /// Revision links.
    pub manifests: u64,
    /// Layer links.
    pub layer_links: u64,
    /// Uploads that have not ended.
    pub uploads: Tally,
    /// Incomplete multipart uploads, with the bytes of their parts, where these are asked for.
    pub multipart_uploads: Tally,
    /// Blobs.
    pub blobs: Tally,
}

/// What is needed.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Marked {
    /// Revision links.
    pub manifests: u64,
    /// Blobs.
    pub blobs: Tally,
}

/// What is kept although nothing lasting needs it.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Kept {
    /// Blobs kept for their age or that of a link.
    pub too_young: Tally,
    /// Broken tags, and the bytes that only they keep.
    pub broken_tags: Tally,
    /// Repositories that keep everything.
    pub damaged_repositories: u64,
    /// Planned deletions that stayed because something changed.
    pub changed: u64,
    /// What may go as well, and is not in the plan that is applied.
    pub not_in_plan: Tally,
}

/// What waits for a later run.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Pending {
    /// Blobs.
    pub blobs: Tally,
    /// When the first may go, RFC 3339.
    pub first_due: Option<String>,
}

/// Links that a repair writes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Links {
    /// Manifests that are linked anew.
    pub manifests: u64,
    /// Layer links.
    pub layer_links: u64,
    /// Those that were written.
    pub written: u64,
    /// Those that were not.
    pub not_written: u64,
}

impl Links {
    /// Whether there are none to write.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.manifests + self.layer_links == 0
    }
}

/// One repository's part.
#[derive(Debug, Clone, Default, Serialize)]
pub struct RepositoryRow {
    /// Its name.
    pub name: String,
    /// What was planned in it.
    pub planned: Counts,
    /// What was deleted in it.
    pub deleted: Counts,
    /// Its space: its links and uploads, and the blobs that it alone links.
    pub bytes: Space,
}

impl RepositoryRow {
    /// The order of reports.
    pub(super) fn largest_first(a: &Self, b: &Self) -> std::cmp::Ordering {
        let bytes = |row: &Self| (row.planned.bytes(), row.bytes.freeable_later);
        bytes(b).cmp(&bytes(a)).then_with(|| a.name.cmp(&b.name))
    }
}

/// A tag that was to go.
#[derive(Debug, Clone, Default, Serialize)]
pub struct TagRow {
    /// The tag, with its repository.
    pub image: String,
    /// What it names, as far as that can be read.
    pub digest: Option<String>,
    /// Why it goes: `named` or `retention`.
    pub reason: &'static str,
    /// The rule that lets it go, in words.
    pub rule: Option<String>,
    /// What came of it, if anything was tried: `deleted`, `changed` (pushed again: it stays), `already_gone`, `failed`,
    /// `unknown`, `not_attempted`.
    pub outcome: Option<&'static str>,
}

impl TagRow {
    /// Of the key of a tag; nothing of any other.
    #[must_use]
    pub fn of(key: &str, digest: Option<&Digest>, reason: DeleteReason, rule: Option<&str>) -> Option<Self> {
        let StorageKey::TagCurrent { repository, tag } = StorageKey::parse(key) else { return None };
        Some(Self {
            image: format!("{repository}:{tag}"),
            digest: digest.map(ToString::to_string),
            reason: reason.name(),
            rule: rule.map(Into::into),
            outcome: None,
        })
    }
}

/// The plan that is applied.
#[derive(Debug, Clone, Serialize)]
pub struct PlanRow {
    /// The run that made it.
    pub run: String,
    /// The command.
    pub command: String,
    /// The version of regsweep.
    pub version: String,
    /// When it was made, RFC 3339.
    pub created: String,
    /// How many deletions it has.
    pub deletions: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The SHA-256 in its seal.
    pub sha256: String,
}

/// Blobs that go and belong to no one repository.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Nobody {
    /// Linked by several repositories.
    pub shared: Tally,
    /// Linked by none.
    pub unlinked: Tally,
}

/// Entries of a plan.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Entries {
    /// All.
    pub planned: u64,
    /// Those whose delete the store confirmed.
    pub deleted: u64,
}

/// An error in a report.
#[derive(Debug, Clone, Serialize)]
pub struct ErrorRow {
    /// What was being done, on what, why it failed.
    pub message: String,
    /// What is underneath.
    pub cause: Option<String>,
    /// What to do next.
    pub next: Option<String>,
}

/// A refusal in a report.
#[derive(Debug, Clone, Serialize)]
pub struct RefusalRow {
    /// The code.
    pub code: &'static str,
    /// What was seen, and what would have been lost.
    pub message: String,
    /// The argument that allows it; empty where none does.
    pub allow: String,
}

/// The report (`regsweep.report/1`). Fields are only ever added.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// `regsweep.report/1`.
    pub schema: &'static str,
    /// The command.
    pub command: String,
    /// Version of regsweep.
    pub version: &'static str,
    /// The run's id.
    pub run: String,
    /// When it began, RFC 3339.
    pub started: String,
    /// When it ended.
    pub finished: String,
    /// The exit code.
    pub exit_code: u8,
    /// The first refusal, if there is one.
    pub refusal: Option<RefusalRow>,
    /// All refusals.
    pub refusals: Vec<RefusalRow>,
    /// Why the run failed before the first delete.
    pub error: Option<ErrorRow>,
    /// Why the run stopped before its end.
    pub stopped: Option<String>,
    /// The plan that is applied, if one is.
    pub plan: Option<PlanRow>,
    /// The registry's storage.
    pub location: String,
    /// Whether nothing was to be deleted.
    pub dry_run: bool,
    /// `live` or `offline`.
    pub mode: &'static str,
    /// Every option that decided.
    pub options: serde_json::Value,
    /// What must be known before anything else.
    pub first: Vec<String>,
    /// What a person should know before saying yes: a tag `latest`, or the last tag of a repository, goes.
    pub cautions: Vec<String>,
    /// Runs that can no longer be undone once this one is done, though they could have been for longer.
    pub ends_undo: Vec<EndsUndo>,
    /// What retention rules let go.
    pub retention: Option<RetentionRow>,
    /// What is there.
    pub found: Found,
    /// What is needed.
    pub marked: Marked,
    /// What is kept for safety.
    pub kept: Kept,
    /// What was to go.
    pub planned: Counts,
    /// The tags among it, each with its reason.
    pub tags: Vec<TagRow>,
    /// Whether what nothing needs goes as well. Else it is left to a collection.
    #[serde(skip)]
    pub collects: bool,
    /// Whether what goes is written down, so that it can be undone.
    #[serde(skip)]
    pub keeps_state: bool,
    /// The plan's entries: each is one key, and ends as deleted or in one of the five words below.
    pub entries: Entries,
    /// Bytes of all that was to go, links included.
    pub planned_bytes: u64,
    /// What went.
    pub deleted: Counts,
    /// Entries of the plan that were gone before.
    pub already_gone: u64,
    /// Entries that the store refused to delete.
    pub failed: u64,
    /// Entries of which nobody knows.
    pub unknown: u64,
    /// Entries that were never tried.
    pub not_attempted: u64,
    /// What waits for a later run.
    pub pending: Pending,
    /// Links that were written back because something needs them after all.
    pub mended: u64,
    /// Content that was moved aside and put back because something needs it after all.
    pub put_back: u64,
    /// Entries that were evicted from the registry's Redis.
    pub evicted: u64,
    /// Links that a repair writes.
    pub links: Links,
    /// Findings of damage that a repair does not mend.
    pub damage_left: u64,
    /// Images whose content is gone for good: to be pushed again.
    pub broken: Vec<String>,
    /// Space.
    pub bytes: Space,
    /// What the store does with what is deleted.
    pub store_keeps: StoreKeepsRow,
    /// Old versions, where these go as well (`--purge-versions`) and the store has any.
    pub old_versions: Option<OldVersions>,
    /// When what is too young is old enough, RFC 3339.
    pub young_until: Option<String>,
    /// By repository, the largest first: those that lose something, now or later.
    pub repositories: Vec<RepositoryRow>,
    /// Blobs that belong to no one repository.
    pub nobody: Nobody,
    /// The space of all else.
    pub beside: Beside,
    /// What it cost.
    pub requests: Requests,
    /// How long it took.
    pub seconds: Seconds,
    /// The most memory that was resident.
    pub peak_memory_bytes: u64,
    /// What is damaged or odd.
    pub problems: Vec<Problem>,
    /// How many problems there are of each code; more than are told in full.
    pub problem_counts: BTreeMap<ProblemCode, u64>,
    /// Why entries failed, the first of each kind.
    pub failures: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_ordered_by_bytes_and_then_by_name() {
        let row = |name: &str, blobs, uploads| {
            let tally = |bytes| Tally { count: 1, bytes };
            let planned = Counts { blobs: tally(blobs), uploads: tally(uploads), ..Counts::default() };
            RepositoryRow { name: name.into(), planned, ..RepositoryRow::default() }
        };
        let later = RepositoryRow { bytes: Space::of(9, 9), ..row("e", 1, 1) };
        let mut rows = [row("d", 1, 1), row("c", 2, 1), row("b", 1, 2), row("a", u64::MAX, 1), later];
        rows.sort_by(RepositoryRow::largest_first);
        assert_eq!(rows.map(|row| row.name), ["a", "b", "c", "e", "d"]);
    }
}
