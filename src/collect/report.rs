//! The report: what was found, marked, kept, planned and done, in one value for every outlet.

use super::blobs::{BlobSurvey, Owner, Owners, Tally};
use super::graph::{Graph, Node};
use super::inventory::{Inventory, Target};
use super::mark::Marks;
use super::outcome::{Outcome, Outcomes};
use super::plan::{Plan, Stage};
use super::problem::{Problem, ProblemCode, Problems};
use super::roots::{self, Reason, names};
use crate::layout::{self, StorageKey};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};

/// How much of each kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Tags.
    pub tags: u64,
    /// Entries of tags' histories.
    pub tag_history: u64,
    /// Revision links.
    pub manifests: u64,
    /// Layer links.
    pub layer_links: u64,
    /// Uploads.
    pub uploads: Tally,
    /// Blobs.
    pub blobs: Tally,
}

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
}

/// What waits for a later run.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Pending {
    /// Blobs.
    pub blobs: Tally,
    /// When the first may go, RFC 3339.
    pub first_due: Option<String>,
}

/// Space, in bytes.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Space {
    /// Below the root, before.
    pub before: u64,
    /// Freed, as the store confirmed.
    pub freed: u64,
    /// Deleted, but kept by the store for a while (versions).
    pub held_by_store: u64,
    /// Below the root, after.
    pub after: u64,
    /// What a later run can free.
    pub freeable_later: u64,
}

/// One repository's part.
#[derive(Debug, Clone, Serialize)]
pub struct RepositoryRow {
    /// Its name.
    pub name: String,
    /// What was planned in it.
    pub planned: Counts,
    /// What was deleted in it.
    pub deleted: Counts,
}

/// Blobs that go and belong to no one repository.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Nobody {
    /// Linked by several repositories.
    pub shared: Tally,
    /// Linked by none.
    pub unlinked: Tally,
}

/// A refusal in a report.
#[derive(Debug, Clone, Serialize)]
pub struct RefusalRow {
    /// The code.
    pub code: &'static str,
    /// What was seen, and what would have been lost.
    pub message: String,
    /// The argument that allows it.
    pub allow: String,
}

/// What the run cost, in requests by kind. On a filesystem, operations of the same kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Requests {
    /// Listings.
    pub list: u64,
    /// Reads.
    pub get: u64,
    /// Looks at one object.
    pub head: u64,
    /// Writes.
    pub put: u64,
    /// Copies.
    pub copy: u64,
    /// Deletes: requests, not keys.
    pub delete: u64,
}

/// What the run cost in seconds.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Seconds {
    /// Listing and reading.
    pub scan: f64,
    /// Deciding.
    pub mark: f64,
    /// Deleting.
    pub sweep: f64,
    /// All in all.
    pub total: f64,
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
    /// Why the run stopped before its end.
    pub stopped: Option<String>,
    /// The registry's storage.
    pub location: String,
    /// Whether nothing was to be deleted.
    pub dry_run: bool,
    /// `live` or `offline`.
    pub mode: &'static str,
    /// Every option that decided.
    pub options: serde_json::Value,
    /// What is there.
    pub found: Found,
    /// What is needed.
    pub marked: Marked,
    /// What is kept for safety.
    pub kept: Kept,
    /// What was to go.
    pub planned: Counts,
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
    /// Space.
    pub bytes: Space,
    /// When what is too young is old enough, RFC 3339.
    pub young_until: Option<String>,
    /// By repository, the largest first.
    pub repositories: Vec<RepositoryRow>,
    /// Blobs that belong to no one repository.
    pub nobody: Nobody,
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

/// All that a scan learned.
#[derive(Debug, Clone, Default)]
pub struct Scan {
    /// What the listing of repositories said.
    pub inventory: Inventory,
    /// What names what.
    pub graph: Graph,
    /// What is needed.
    pub marks: Marks,
    /// What the blobs came to.
    pub blobs: BlobSurvey,
    /// Whose the blobs were that go.
    pub owners: Owners,
    /// What is odd.
    pub problems: Problems,
    /// *Now*, as it was judged.
    pub now: crate::model::Timestamp,
    /// When the last young link is old enough.
    pub young_until: Option<crate::model::Timestamp>,
}

/// How many failures are told.
const FAILURES_TOLD: usize = 20;

impl Report {
    /// Tells of a scan and its plan.
    #[must_use]
    pub fn new(scan: &Scan, plan: &Plan) -> Self {
        let mut report = Self { schema: "regsweep.report/1", version: env!("CARGO_PKG_VERSION"), ..Self::default() };
        report.found = found(scan);
        report.marked.blobs = scan.blobs.marked;
        report.kept.too_young = scan.blobs.too_young;
        report.kept.broken_tags.bytes = scan.blobs.broken_tags.bytes;
        report.kept.broken_tags.count = scan.problems.count(ProblemCode::BrokenTag);
        for (at, repository) in scan.inventory.repositories.iter().enumerate() {
            report.kept.damaged_repositories += u64::from(roots::is_damaged(repository, &scan.graph));
            let needed = repository.revisions.iter().filter(|link| {
                names(link).any(|digest| {
                    let reason = scan.marks.in_repository(at, scan.graph.id(digest));
                    matches!(reason, Some(Reason::Needed | Reason::BrokenTag))
                })
            });
            report.marked.manifests += needed.count() as u64;
        }
        let unrecognized = scan.blobs.unrecognized.bytes;
        report.bytes.before = scan.inventory.bytes + scan.blobs.found.bytes + unrecognized;
        report.bytes.after = report.bytes.before;
        report.bytes.freeable_later = scan.blobs.too_young.bytes;
        report.young_until = scan.young_until.max(scan.blobs.young_until).map(crate::model::Timestamp::to_rfc3339);
        report.problems = scan.problems.as_slice().to_vec();
        report.problem_counts = scan.problems.counts().collect();
        report.planned_bytes = plan.bytes();
        report.account(scan, plan, None);
        report
    }

    /// Tells what came of the plan.
    pub fn account(&mut self, scan: &Scan, plan: &Plan, outcomes: Option<&Outcomes>) {
        let mut rows: HashMap<usize, RepositoryRow> = HashMap::new();
        let mut row = |at: usize, add: &mut dyn FnMut(&mut RepositoryRow)| {
            let name = || scan.inventory.repositories[at].name.to_string();
            add(rows.entry(at).or_insert_with(|| RepositoryRow {
                name: name(),
                planned: Counts::default(),
                deleted: Counts::default(),
            }));
        };
        (self.planned, self.deleted, self.nobody) = (Counts::default(), Counts::default(), Nobody::default());
        self.bytes.freed = 0;
        let gone = GoneUploads::of(plan, outcomes);
        let mut last_upload = None;
        for (index, deletion) in plan.deletions().iter().enumerate() {
            let deleted = outcomes.is_some_and(|outcomes| *outcomes.get(index) == Outcome::Deleted);
            let mut one = Counts::default();
            let size = deletion.evidence.size;
            match deletion.stage {
                Stage::Tag => one.tags = 1,
                Stage::TagHistory => one.tag_history = 1,
                Stage::Revision => {
                    let is_link = matches!(StorageKey::parse(&deletion.key), StorageKey::RevisionLink { .. });
                    one.manifests = u64::from(is_link);
                }
                Stage::LayerLink => one.layer_links = 1,
                Stage::Upload => {
                    let upload = layout::own_directory(&deletion.key);
                    one.uploads = Tally { count: u64::from(last_upload != upload), bytes: size };
                    last_upload = upload;
                }
                Stage::Blob => one.blobs.add(size),
            }
            self.planned.add(&one);
            let mut done = one;
            if deletion.stage == Stage::Upload {
                done.uploads.count = one.uploads.count * u64::from(gone.is_gone(&deletion.key));
            }
            // The files of an upload are counted one by one, the upload itself when its last file is gone.
            let counted = deleted || deletion.stage == Stage::Upload && done.uploads.count > 0;
            if !deleted {
                done.uploads.bytes = 0;
            }
            if counted {
                self.deleted.add(&done);
            }
            if deleted {
                self.bytes.freed += size;
            }
            let owner = match (&deletion.repository, &deletion.digest) {
                (Some((at, _)), _) => Some(Owner::One(*at)),
                (None, Some(digest)) => scan.owners.get(digest),
                (None, None) => None,
            };
            match owner {
                Some(Owner::One(at)) => row(at, &mut |row| {
                    row.planned.add(&one);
                    if counted {
                        row.deleted.add(&done);
                    }
                }),
                Some(Owner::Shared) => self.nobody.shared.add(size),
                None => self.nobody.unlinked.add(size),
            }
        }
        self.repositories = rows.into_values().collect();
        self.repositories.sort_by(|a, b| {
            let bytes = |row: &RepositoryRow| row.planned.blobs.bytes + row.planned.uploads.bytes;
            bytes(b).cmp(&bytes(a)).then_with(|| a.name.cmp(&b.name))
        });
        self.bytes.after = self.bytes.before.saturating_sub(self.bytes.freed);
        if let Some(outcomes) = outcomes {
            self.account_outcomes(plan, outcomes);
        }
    }

    fn account_outcomes(&mut self, plan: &Plan, outcomes: &Outcomes) {
        self.already_gone = outcomes.count(|outcome| *outcome == Outcome::AlreadyGone);
        self.failed = outcomes.count(|outcome| matches!(outcome, Outcome::Failed(_)));
        self.unknown = outcomes.count(|outcome| matches!(outcome, Outcome::Unknown(_)));
        self.not_attempted = outcomes.count(|outcome| *outcome == Outcome::NotAttempted);
        self.kept.changed = outcomes.count(|outcome| *outcome == Outcome::Changed);
        let told = outcomes.with(plan).filter_map(|(deletion, outcome)| match outcome {
            Outcome::Failed(why) => Some(format!("{}: not deleted: {why}", deletion.key)),
            Outcome::Unknown(why) => Some(format!("{}: perhaps deleted: {why}", deletion.key)),
            Outcome::Deleted | Outcome::AlreadyGone | Outcome::NotAttempted | Outcome::Changed => None,
        });
        self.failures = told.take(FAILURES_TOLD).collect();
    }
}

impl Counts {
    fn add(&mut self, other: &Self) {
        self.tags += other.tags;
        self.tag_history += other.tag_history;
        self.manifests += other.manifests;
        self.layer_links += other.layer_links;
        self.uploads.count += other.uploads.count;
        self.uploads.bytes += other.uploads.bytes;
        self.blobs.count += other.blobs.count;
        self.blobs.bytes += other.blobs.bytes;
    }

    /// Whether there is nothing at all.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        *self == Self::default()
    }
}

/// Uploads of which nothing is left.
struct GoneUploads<'a>(HashMap<&'a str, bool>);

impl<'a> GoneUploads<'a> {
    fn of(plan: &'a Plan, outcomes: Option<&Outcomes>) -> Self {
        let mut gone = HashMap::new();
        for (index, deletion) in plan.deletions().iter().enumerate() {
            if let (Stage::Upload, Some(upload)) = (deletion.stage, layout::own_directory(&deletion.key)) {
                let left = outcomes.is_none_or(|outcomes| outcomes.get(index).may_still_be_there());
                let all_gone = gone.entry(upload).or_insert(true);
                *all_gone = *all_gone && !left;
            }
        }
        Self(gone)
    }

    fn is_gone(&self, key: &str) -> bool {
        layout::own_directory(key).is_some_and(|upload| self.0.get(upload) == Some(&true))
    }
}

fn found(scan: &Scan) -> Found {
    let mut found = Found { blobs: scan.blobs.found, ..Found::default() };
    found.repositories = scan.inventory.repositories.len() as u64;
    for repository in &scan.inventory.repositories {
        found.tags += repository.current_tags().count() as u64;
        found.manifests += repository.revisions.len() as u64;
        found.layer_links += repository.layers.len() as u64;
        for upload in repository.uploads.values() {
            found.uploads.add(upload.bytes());
        }
    }
    found
}

/// How many revisions and tagged manifests the marks keep: what `nothing-marked` is judged by.
#[must_use]
pub fn marked_manifests(scan: &Scan) -> u64 {
    let mut marked = 0;
    for (at, repository) in scan.inventory.repositories.iter().enumerate() {
        let revisions = repository.revisions.iter().flat_map(names);
        let tagged = repository.current_tags().filter_map(|(_, current)| match &current.target {
            Target::Digest(digest) => Some(digest),
            Target::Unreadable(_) | Target::Unread => None,
        });
        let kept = revisions.chain(tagged).filter(|digest| {
            let is_there = *scan.graph.node_of(digest) != Node::Missing;
            is_there && scan.marks.in_repository(at, scan.graph.id(digest)).is_some()
        });
        marked += kept.count() as u64;
    }
    marked
}
