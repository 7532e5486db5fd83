//! Blobs, judged as they stream past the marks. Only what may go is held.

use super::applied::Limit;
use super::decide::{self, Decision, DeleteReason, KeepReason};
use super::entry::Entry;
use super::graph::{Graph, Id, Node};
use super::mark::Marks;
use super::options::Options;
use super::plan::{Deletion, Stage};
use super::roots::Reason;
use super::state::pending::Pending;
use crate::layout::StorageKey;
use crate::model::{Digest, Timestamp};
use std::collections::HashMap;
use std::time::Duration;

/// A number of objects and their bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Tally {
    /// How many.
    pub count: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Tally {
    /// Counts one more.
    pub fn add(&mut self, bytes: u64) {
        self.add_all(Self { count: 1, bytes });
    }

    /// Counts more. What no number can hold stays at the largest: a listing may say anything of an object's size, and a
    /// sum that begins anew would make a large share look small.
    pub fn add_all(&mut self, other: Self) {
        self.count += other.count;
        self.bytes = self.bytes.saturating_add(other.bytes);
    }
}

/// Which repository a blob that goes belonged to, as far as the links that go with it tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// One repository, by its index.
    One(usize),
    /// Several.
    Shared,
}

/// The repositories whose pointers go, by what these name.
#[derive(Debug, Clone, Default)]
pub struct Owners(HashMap<Digest, Owner>);

impl Owners {
    /// Reads them off the pointers that go, and what the manifests among these name.
    #[must_use]
    pub fn of(pointers: &[Deletion], graph: &Graph) -> Self {
        let mut owners = Self::default();
        for deletion in pointers.iter().filter(|deletion| deletion.stage.is_pointer()) {
            let Some((repository, _)) = deletion.repository else { continue };
            for digest in [&deletion.digest, &deletion.alias].into_iter().flatten() {
                owners.add(digest, repository);
                if let (Stage::Revision, Node::Manifest { references, .. }) = (deletion.stage, graph.node_of(digest)) {
                    for id in references {
                        owners.add(graph.digest(*id), repository);
                        for alias in graph.aliases(*id) {
                            owners.add(graph.digest(*alias), repository);
                        }
                    }
                }
            }
        }
        owners
    }

    pub(super) fn add(&mut self, digest: &Digest, repository: usize) {
        let owner = self.0.entry(digest.clone()).or_insert(Owner::One(repository));
        if *owner != Owner::One(repository) {
            *owner = Owner::Shared;
        }
    }

    /// Whose a blob was.
    #[must_use]
    pub fn get(&self, digest: &Digest) -> Option<Owner> {
        self.0.get(digest).copied()
    }
}

/// Content that nothing needs and that still waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingBlob {
    /// The content.
    pub digest: Digest,
    /// Since when no pointer has named it. `None` if one did in this scan: its wait begins when the pointers are gone.
    pub since: Option<Timestamp>,
    /// Size in bytes.
    pub size: u64,
}

/// What the blobs came to.
#[derive(Debug, Clone, Default)]
pub struct BlobSurvey {
    /// All blobs.
    pub found: Tally,
    /// Blobs that are needed for a lasting reason.
    pub marked: Tally,
    /// Blobs that only their age, or that of a link, keeps.
    pub too_young: Tally,
    /// Blobs that only a broken tag keeps.
    pub broken_tags: Tally,
    /// When the last of the young blobs is old enough by its own age.
    pub young_until: Option<Timestamp>,
    /// What goes.
    pub deletions: Vec<Deletion>,
    /// What waits.
    pub waiting: Vec<WaitingBlob>,
    /// Unneeded blobs that are symbolic links, or were reached through one that leaves the root.
    pub outside: Tally,
    /// Objects below `blobs/` that are no blobs.
    pub unrecognized: Tally,
    /// What may go, and is not in the plan that is applied.
    pub not_in_plan: Tally,
    /// Digests of the graph that were listed.
    listed: Vec<bool>,
    /// Lines of the plan that is applied whose blobs were listed.
    listed_of_plan: Vec<bool>,
}

impl BlobSurvey {
    /// How much waits.
    #[must_use]
    pub fn pending(&self) -> Tally {
        let mut tally = Tally::default();
        self.waiting.iter().for_each(|blob| tally.add(blob.size));
        tally
    }

    /// When the first of what waits may go.
    #[must_use]
    pub fn first_due(&self, wait: Duration, now: Timestamp) -> Option<Timestamp> {
        self.waiting.iter().map(|blob| blob.since.unwrap_or(now).plus(wait)).min()
    }

    /// Whether the listing held a blob that the graph knows.
    #[must_use]
    pub fn is_listed(&self, id: Id) -> bool {
        self.listed.get(id.index()).copied().unwrap_or(false)
    }

    /// Whether the listing held the blob of a line of the plan that is applied.
    #[must_use]
    pub(super) fn is_listed_of_plan(&self, line: usize) -> bool {
        self.listed_of_plan.get(line).copied().unwrap_or(false)
    }
}

/// Judges blobs, entry by entry, in any order.
#[derive(Debug)]
pub struct BlobJudge<'a> {
    graph: &'a Graph,
    marks: &'a Marks,
    options: &'a Options,
    owners: &'a Owners,
    record: &'a Pending,
    limit: Option<&'a Limit>,
    now: Timestamp,
    survey: BlobSurvey,
}

impl<'a> BlobJudge<'a> {
    /// Begins.
    #[must_use]
    pub fn new(
        graph: &'a Graph,
        marks: &'a Marks,
        options: &'a Options,
        owners: &'a Owners,
        record: &'a Pending,
        now: Timestamp,
    ) -> Self {
        let survey = BlobSurvey { listed: vec![false; graph.len()], ..BlobSurvey::default() };
        Self { graph, marks, options, owners, limit: None, record, now, survey }
    }

    /// Nothing goes that a plan does not have.
    #[must_use]
    pub fn limited_to(mut self, limit: Option<&'a Limit>) -> Self {
        self.survey.listed_of_plan = vec![false; limit.map_or(0, Limit::len)];
        Self { limit, ..self }
    }

    /// Judges one entry of the listing.
    pub fn see(&mut self, entry: &Entry<'_>) {
        let StorageKey::Blob(digest) = StorageKey::parse(entry.key) else {
            self.survey.unrecognized.add(entry.size);
            return;
        };
        let id = self.graph.id(&digest);
        if let Some(id) = id {
            self.survey.listed[id.index()] = true;
        }
        self.survey.found.add(entry.size);
        let needed = self.marks.anywhere(id);
        let line = self.limit.and_then(|limit| limit.find(Stage::Blob, entry.key));
        if let Some(line) = line {
            self.survey.listed_of_plan[line] = true;
        }
        // The links that told whose a blob was may have gone in an earlier run of the same plan: it remembers.
        let is_planned = || self.limit.is_some_and(|limit| limit.has(Stage::Blob, entry.key, &entry.evidence()));
        let in_scope = self.options.repositories.is_empty() || self.owners.get(&digest).is_some() || is_planned();
        match decide::blob(needed, entry, self.options.min_age, self.now, in_scope) {
            // Out of this run's scope, not out of what an earlier one has found: it goes on waiting.
            Decision::Keep(KeepReason::OutOfScope) => {
                if let Some(recorded) = self.record.get(&digest) {
                    let since = Some(recorded.since.min(self.now));
                    self.survey.waiting.push(WaitingBlob { digest, since, size: entry.size });
                }
            }
            Decision::Keep(reason) => self.keep(reason, entry),
            Decision::Delete(reason) => match self.waits_since(&digest, entry) {
                // It begins to wait, or goes on: when a collection comes, its time may be over.
                Wait::Over if !self.options.collects => {
                    let recorded = self.record.get(&digest).map(|recorded| recorded.since.min(self.now));
                    let since = recorded.filter(|_| self.owners.get(&digest).is_none());
                    self.survey.waiting.push(WaitingBlob { digest, since, size: entry.size });
                }
                Wait::Over => {
                    let deletion = deletion(entry, digest, reason);
                    if self.limit.is_none_or(|limit| limit.allows(&deletion)) {
                        self.survey.deletions.push(deletion);
                    } else {
                        self.survey.not_in_plan.add(entry.size);
                    }
                }
                Wait::Since(since) => {
                    self.survey.waiting.push(WaitingBlob { digest, since, size: entry.size });
                }
            },
        }
    }

    /// A push that was admitted while a pointer to this content was there may write its manifest later. Only when no
    /// pointer has named it for long enough, in this scan and in an earlier one, is that over.
    fn waits_since(&self, digest: &Digest, entry: &Entry<'_>) -> Wait {
        if self.options.defer.is_zero() {
            return Wait::Over;
        }
        if self.owners.get(digest).is_some() {
            return Wait::Since(None);
        }
        // What was written later than the record says has not waited: it went, and came back.
        let recorded = self.record.get(digest).map(|recorded| recorded.since.min(self.now));
        let since = recorded.filter(|since| *since >= entry.modified).unwrap_or(self.now);
        if since.plus(self.options.wait()) <= self.now { Wait::Over } else { Wait::Since(Some(since)) }
    }

    fn keep(&mut self, reason: KeepReason, entry: &Entry<'_>) {
        let survey = &mut self.survey;
        match reason {
            KeepReason::Needed(Reason::Needed | Reason::PointerStays) => survey.marked.add(entry.size),
            KeepReason::Needed(Reason::BrokenTag) => {
                survey.marked.add(entry.size);
                survey.broken_tags.add(entry.size);
            }
            KeepReason::Needed(Reason::Young) => survey.too_young.add(entry.size),
            KeepReason::Young => {
                survey.too_young.add(entry.size);
                survey.young_until = survey.young_until.max(Some(entry.modified.plus(self.options.min_age)));
            }
            KeepReason::OutsideRoot => survey.outside.add(entry.size),
            KeepReason::OutOfScope | KeepReason::Current | KeepReason::SwitchedOff => {}
        }
    }

    /// Ends the listing.
    #[must_use]
    pub fn finish(self) -> BlobSurvey {
        self.survey
    }
}

enum Wait {
    Over,
    Since(Option<Timestamp>),
}

fn deletion(entry: &Entry<'_>, digest: Digest, reason: DeleteReason) -> Deletion {
    Deletion {
        stage: Stage::Blob,
        key: entry.key.to_owned(),
        digest: Some(digest),
        alias: None,
        repository: None,
        evidence: entry.evidence(),
        reason,
        rule: None,
        level: 0,
    }
}
