//! Fills the report: from a scan and its plan, and from what came of the plan.

use super::blobs::Owner;
use super::graph::{Graph, Node};
use super::inventory::{Inventory, Target};
use super::mark::Marks;
use super::outcome::{Outcome, Outcomes};
use super::plan::{Deletion, Plan, Stage};
use super::problem::ProblemCode;
use super::report::{Counts, Found, Nobody, Report, RepositoryRow, Scan, TagRow};
use super::roots::{self, Reason, names};
use crate::layout::{self, StorageKey};
use crate::model::Timestamp;
use std::collections::HashMap;
use std::time::Duration;

/// How many failures are told.
const FAILURES_TOLD: usize = 20;

impl Report {
    /// A report of nothing.
    #[must_use]
    pub fn empty() -> Self {
        Self { schema: "regsweep.report/1", version: env!("CARGO_PKG_VERSION"), ..Self::default() }
    }

    /// Tells of a scan and its plan.
    #[must_use]
    pub fn new(scan: &Scan, plan: &Plan, wait: Duration) -> Self {
        let mut report = Self::empty();
        report.found = found(scan);
        report.marked.blobs = scan.blobs.marked;
        report.kept.too_young = scan.blobs.too_young;
        report.kept.broken_tags.bytes = scan.blobs.broken_tags.bytes;
        report.kept.broken_tags.count = scan.problems.count(ProblemCode::BrokenTag);
        for (at, repository) in scan.inventory.repositories.iter().enumerate() {
            report.kept.damaged_repositories +=
                u64::from(roots::is_damaged(at, repository, &scan.graph, &scan.dismissed));
            let needed = repository.revisions.iter().filter(|link| {
                names(link).any(|digest| {
                    let reason = scan.marks.in_repository(at, scan.graph.id(digest));
                    matches!(reason, Some(Reason::Needed | Reason::BrokenTag | Reason::PointerStays))
                })
            });
            report.marked.manifests += needed.count() as u64;
        }
        let unrecognized = scan.blobs.unrecognized.bytes;
        report.bytes.before = scan.inventory.bytes.saturating_add(scan.blobs.found.bytes).saturating_add(unrecognized);
        report.bytes.after = report.bytes.before;
        report.pending.blobs = scan.blobs.pending();
        report.pending.first_due = scan.blobs.first_due(wait, scan.now).map(Timestamp::to_rfc3339);
        report.bytes.freeable_later = scan.blobs.too_young.bytes.saturating_add(report.pending.blobs.bytes);
        report.young_until = scan.young_until.max(scan.blobs.young_until).map(Timestamp::to_rfc3339);
        report.problems = scan.problems.as_slice().to_vec();
        report.problem_counts = scan.problems.counts().collect();
        report.planned_bytes = plan.bytes();
        report.tags = plan.deletions().iter().filter_map(tag_row).collect();
        // What an applied plan has and may not go now ends somewhere as well.
        report.kept.changed = scan.left.changed;
        report.kept.not_in_plan = scan.left.not_in_plan;
        report.already_gone = scan.left.gone;
        report.entries.planned = plan.deletions().len() as u64 + scan.left.changed + scan.left.gone;
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
        (self.bytes.freed, self.bytes.held_by_store) = (0, 0);
        let gone = GoneUploads::of(plan, outcomes);
        let mut last_upload = None;
        for (index, deletion) in plan.deletions().iter().enumerate() {
            let deleted = outcomes.is_some_and(|outcomes| *outcomes.get(index) == Outcome::Deleted);
            let size = deletion.evidence.size;
            let upload = layout::own_directory(&deletion.key).filter(|_| deletion.stage == Stage::Upload);
            let one = Counts::one(deletion.stage, &deletion.key, size, last_upload != upload);
            last_upload = upload.or(last_upload);
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
                self.bytes.freed = self.bytes.freed.saturating_add(size);
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
        self.repositories.sort_by(RepositoryRow::largest_first);
        self.bytes.after = self.bytes.before.saturating_sub(self.bytes.freed);
        if let Some(outcomes) = outcomes {
            self.account_outcomes(scan, plan, outcomes);
        }
    }

    fn account_outcomes(&mut self, scan: &Scan, plan: &Plan, outcomes: &Outcomes) {
        self.entries.deleted = outcomes.count(|outcome| *outcome == Outcome::Deleted);
        self.already_gone = scan.left.gone + outcomes.count(|outcome| *outcome == Outcome::AlreadyGone);
        self.failed = outcomes.count(|outcome| matches!(outcome, Outcome::Failed(_)));
        self.unknown = outcomes.count(|outcome| matches!(outcome, Outcome::Unknown(_)));
        self.not_attempted = outcomes.count(|outcome| *outcome == Outcome::NotAttempted);
        self.kept.changed = scan.left.changed + outcomes.count(|outcome| *outcome == Outcome::Changed);
        let told = outcomes.with(plan).filter_map(|(deletion, outcome)| match outcome {
            Outcome::Failed(why) => Some(format!("{}: not deleted: {why}", deletion.key)),
            Outcome::Unknown(why) => Some(format!("{}: perhaps deleted: {why}", deletion.key)),
            Outcome::Deleted | Outcome::AlreadyGone | Outcome::NotAttempted | Outcome::Changed => None,
        });
        self.failures = told.take(FAILURES_TOLD).collect();
    }
}

fn tag_row(deletion: &Deletion) -> Option<TagRow> {
    let StorageKey::TagCurrent { repository, tag } = StorageKey::parse(&deletion.key) else { return None };
    Some(TagRow {
        image: format!("{repository}:{tag}"),
        digest: deletion.digest.as_ref().map(ToString::to_string),
        reason: deletion.reason.name(),
        rule: deletion.rule.as_deref().map(Into::into),
    })
}

/// Uploads of which nothing is left.
struct GoneUploads<'a>(HashMap<&'a str, Gone>);

#[derive(Default)]
struct Gone {
    /// Whether something may be left.
    left: bool,
    /// Whether this run deleted something of it.
    deleted: bool,
}

impl<'a> GoneUploads<'a> {
    fn of(plan: &'a Plan, outcomes: Option<&Outcomes>) -> Self {
        let mut gone = HashMap::new();
        for (index, deletion) in plan.deletions().iter().enumerate() {
            if let (Stage::Upload, Some(upload)) = (deletion.stage, layout::own_directory(&deletion.key)) {
                let outcome = outcomes.map_or(&Outcome::NotAttempted, |outcomes| outcomes.get(index));
                let entry: &mut Gone = gone.entry(upload).or_default();
                entry.left |= outcome.may_still_be_there();
                entry.deleted |= *outcome == Outcome::Deleted;
            }
        }
        Self(gone)
    }

    fn is_gone(&self, key: &str) -> bool {
        layout::own_directory(key)
            .is_some_and(|upload| self.0.get(upload).is_some_and(|gone| gone.deleted && !gone.left))
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
pub fn marked_manifests(inventory: &Inventory, graph: &Graph, marks: &Marks) -> u64 {
    let mut marked = 0;
    for (at, repository) in inventory.repositories.iter().enumerate() {
        let revisions = repository.revisions.iter().flat_map(names);
        let tagged = repository.current_tags().filter_map(|(_, current)| match &current.target {
            Target::Digest(digest) => Some(digest),
            Target::Unreadable(_) | Target::Unread => None,
        });
        let kept = revisions.chain(tagged).filter(|digest| {
            let is_there = *graph.node_of(digest) != Node::Missing;
            is_there && marks.in_repository(at, graph.id(digest)).is_some()
        });
        marked += kept.count() as u64;
    }
    marked
}
