//! Blobs, judged as they stream past the marks. Only what may go is held.

use super::applied::Limit;
use super::decide::{self, Decision, DeleteReason, KeepReason};
use super::deletions::Deletions;
use super::entry::Entry;
use super::graph::{Graph, Id};
use super::holders::{Holders, Parts};
use super::mark::Marks;
use super::options::Options;
use super::packing::Flags;
use super::plan::{Deletion, Stage};
use super::roots::Reason;
use super::state::pending::Pending;
use crate::layout::StorageKey;
use crate::model::{Digest, Timestamp};
use std::time::Duration;

pub use super::owners::{Owner, Owners};

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
    pub deletions: Deletions,
    /// What waits.
    pub waiting: Vec<WaitingBlob>,
    /// Unneeded blobs that are symbolic links, or were reached through one that leaves the root.
    pub outside: Tally,
    /// Objects below `blobs/` that are no blobs.
    pub unrecognized: Tally,
    /// What may go, and is not in the plan that is applied.
    pub not_in_plan: Tally,
    /// The space by whose it is.
    pub parts: Parts,
    /// Digests of the graph that were listed.
    listed: Flags,
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
        self.listed.has(id.index())
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
    holders: Option<&'a Holders>,
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
        let survey = BlobSurvey {
            listed: Flags::of(graph.len()),
            deletions: Deletions::over(graph.linked()),
            ..BlobSurvey::default()
        };
        Self { graph, marks, options, owners, holders: None, limit: None, record, now, survey }
    }

    /// Nothing goes that a plan does not have.
    #[must_use]
    pub fn limited_to(mut self, limit: Option<&'a Limit>) -> Self {
        self.survey.listed_of_plan = vec![false; limit.map_or(0, Limit::len)];
        Self { limit, ..self }
    }

    /// Adds what goes to the pointers that go: to put the two together later would for a moment take the place of both.
    #[must_use]
    pub fn adding_to(mut self, pointers: Deletions) -> Self {
        self.survey.deletions = pointers;
        self
    }

    /// Counts also whose each blob is.
    #[must_use]
    pub fn shared_among(mut self, holders: &'a Holders) -> Self {
        self.survey.parts = holders.links();
        Self { holders: Some(holders), ..self }
    }

    /// Judges one entry of the listing.
    pub fn see(&mut self, entry: &Entry<'_>) {
        let StorageKey::Blob(digest) = StorageKey::parse(entry.key) else {
            self.survey.unrecognized.add(entry.size);
            return;
        };
        let id = self.graph.id(&digest);
        if let Some(id) = id {
            self.survey.listed.set(id.index());
        }
        self.survey.found.add(entry.size);
        let owner = self.holders.and_then(|holders| holders.whose(id, &digest, self.owners.get(id, &digest)));
        self.survey.parts.add(owner, entry.size);
        let needed = self.marks.anywhere(id);
        let line = self.limit.and_then(|limit| limit.find(Stage::Blob, (entry.key, None)));
        if let Some(line) = line {
            self.survey.listed_of_plan[line] = true;
        }
        // The links that told whose a blob was may have gone in an earlier run of the same plan: it remembers.
        let is_planned = || self.limit.is_some_and(|limit| limit.has(Stage::Blob, entry.key, &entry.evidence()));
        let has_owner = self.owners.get(id, &digest).is_some();
        let in_scope = self.options.repositories.is_empty() || has_owner || is_planned();
        match decide::blob(needed, entry, self.options.min_age, self.now, in_scope) {
            // Out of this run's scope, not out of what an earlier one has found: it goes on waiting.
            Decision::Keep(KeepReason::OutOfScope) => {
                if let Some(recorded) = self.record.get(&digest) {
                    let since = Some(recorded.since.min(self.now));
                    self.wait(digest, since, owner, entry);
                }
            }
            Decision::Keep(reason) => self.keep(reason, owner, entry),
            Decision::Delete(reason) => match self.waits_since(&digest, has_owner, entry) {
                // It begins to wait, or goes on: when a collection comes, its time may be over.
                Wait::Over if !self.options.collects => {
                    let recorded = self.record.get(&digest).map(|recorded| recorded.since.min(self.now));
                    let since = recorded.filter(|_| !has_owner);
                    self.wait(digest, since, owner, entry);
                }
                Wait::Over => {
                    let deletion = deletion(entry, digest, reason);
                    if self.limit.is_none_or(|limit| limit.allows(&deletion)) {
                        self.survey.deletions.push(deletion);
                    } else {
                        self.survey.not_in_plan.add(entry.size);
                    }
                }
                Wait::Since(since) => self.wait(digest, since, owner, entry),
            },
        }
    }

    /// A push that was admitted while a pointer to this content was there may write its manifest later. Only when no
    /// pointer has named it for long enough, in this scan and in an earlier one, is that over.
    fn waits_since(&self, digest: &Digest, has_owner: bool, entry: &Entry<'_>) -> Wait {
        if self.options.defer.is_zero() {
            return Wait::Over;
        }
        if has_owner {
            return Wait::Since(None);
        }
        // What was written later than the record says has not waited: it went, and came back.
        let recorded = self.record.get(digest).map(|recorded| recorded.since.min(self.now));
        let since = recorded.filter(|since| *since >= entry.modified).unwrap_or(self.now);
        if since.plus(self.options.wait()) <= self.now { Wait::Over } else { Wait::Since(Some(since)) }
    }

    fn wait(&mut self, digest: Digest, since: Option<Timestamp>, owner: Option<Owner>, entry: &Entry<'_>) {
        self.survey.waiting.push(WaitingBlob { digest, since, size: entry.size });
        self.survey.parts.can_go_later(owner, entry.size);
    }

    fn keep(&mut self, reason: KeepReason, owner: Option<Owner>, entry: &Entry<'_>) {
        let survey = &mut self.survey;
        if matches!(reason, KeepReason::Needed(Reason::Young) | KeepReason::Young) {
            survey.parts.can_go_later(owner, entry.size);
        }
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
        upload_id: None,
        digest: Some(digest),
        alias: None,
        repository: None,
        evidence: entry.evidence(),
        reason,
        rule: None,
        level: 0,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
    use super::super::scene::{DAY, NOW, Storage, line, name, of, options, sha512};
    use super::super::state::pending::Waiting;
    use super::*;
    use crate::layout;

    fn tally(count: u64, bytes: u64) -> Tally {
        Tally { count, bytes }
    }

    fn deferring() -> Options {
        Options { defer: 7 * DAY, ..options() }
    }

    /// What becomes of the one blob of a storage that waits since some days by the record.
    fn waits(storage: &Storage, options: &Options, days: Option<i64>) -> (usize, Vec<Option<Timestamp>>) {
        let mut record = Pending::default();
        if let Some(days) = days {
            let since = Timestamp::from_days(1000 - days);
            record.insert(of("blob"), Waiting { since, size: 4 });
        }
        let (scan, plan) = storage.scan_with(options, None, &record);
        let blobs = plan.deletions().iter().filter(|deletion| deletion.stage == Stage::Blob);
        (blobs.count(), scan.blobs.waiting.iter().map(|blob| blob.since).collect())
    }

    #[test]
    fn every_blob_is_counted_by_what_keeps_it() {
        let mut storage = Storage::default();
        let (layer, orphan) = (storage.layer("a", "layer"), storage.blob("an orphan"));
        let image = storage.index("a", &[&layer]);
        storage.tag("a", "v1", &image);
        let broken = storage.index("a", &[]);
        storage.objects.remove(&layout::revision_link(&name("a"), &broken));
        storage.tag("a", "v2", &broken);
        let young = storage.layer("a", "young");
        storage.seen(&layout::layer_link(&name("a"), &young)).modified = NOW;
        let (new, newer) = (storage.blob("new"), storage.blob("newer"));
        let hour = DAY / 24;
        storage.seen(&layout::blob_data(&new)).modified = NOW;
        storage.seen(&layout::blob_data(&newer)).modified = NOW.plus(hour);
        let elsewhere = storage.blob("elsewhere");
        storage.seen(&layout::blob_data(&elsewhere)).outside = true;
        storage.put(format!("{}sha256/xx/notes.txt", layout::BLOBS)).size = 1000;

        let (scan, plan) = storage.scan(&Options { min_age: DAY, ..options() });
        let [image, broken] = [image, broken].map(|digest| storage.seen(&layout::blob_data(&digest)).size);
        assert_eq!(scan.blobs.found, tally(8, 5 + 9 + image + broken + 5 + 3 + 5 + 9));
        assert_eq!(scan.blobs.marked, tally(3, 5 + image + broken));
        assert_eq!(scan.blobs.broken_tags, tally(1, broken));
        assert_eq!(scan.blobs.too_young, tally(3, 5 + 3 + 5));
        assert_eq!(scan.blobs.young_until, Some(NOW.plus(DAY).plus(hour)));
        assert_eq!(scan.blobs.outside, tally(1, 9));
        assert_eq!(scan.blobs.unrecognized, tally(1, 1000));
        let [gone] = &plan.deletions().iter().collect::<Vec<_>>()[..] else { panic!("{plan:?}") };
        assert_eq!((gone.digest.as_ref(), &gone.key), (Some(&orphan), &layout::blob_data(&orphan)));
        assert_eq!((gone.stage, gone.reason, gone.evidence.size), (Stage::Blob, DeleteReason::UnreferencedBlob, 9));
        for (digest, is_listed) in [(&layer, true), (&young, true), (&of("not there"), false)] {
            let mut graph = scan.graph.clone();
            assert_eq!(scan.blobs.is_listed(graph.intern(digest)), is_listed);
        }
    }

    #[test]
    fn content_waits_from_when_no_pointer_names_it() {
        let mut storage = Storage::default();
        let digest = storage.blob("blob");
        let days = |days: i64| vec![Some(Timestamp::from_days(1000 - days))];
        assert_eq!(waits(&storage, &options(), None), (1, vec![]), "nothing waits");
        assert_eq!(waits(&storage, &deferring(), None), (0, days(0)), "from now on");
        assert_eq!(waits(&storage, &deferring(), Some(6)), (0, days(6)));
        assert_eq!(waits(&storage, &deferring(), Some(7)), (1, vec![]), "to the day");
        assert_eq!(waits(&storage, &deferring(), Some(-1)), (0, days(0)), "a record of a clock that ran ahead");
        let patient = Options { settle: 30 * DAY, ..deferring() };
        assert_eq!(waits(&storage, &patient, Some(8)), (0, days(8)), "as long as a push may take");
        // It went, and came back.
        storage.seen(&layout::blob_data(&digest)).modified = Timestamp::from_days(990);
        assert_eq!(waits(&storage, &deferring(), Some(11)), (0, days(0)));
        assert_eq!(waits(&storage, &deferring(), Some(10)), (1, vec![]), "written at that very time");
        // A pointer to it goes only now.
        storage.put(layout::layer_link(&name("a"), &digest));
        assert_eq!(waits(&storage, &deferring(), Some(10)), (0, vec![None]));
        storage.index("a", &[&digest]);
        storage.objects.remove(&layout::layer_link(&name("a"), &digest));
        assert_eq!(waits(&storage, &deferring(), Some(10)), (0, vec![None, None]), "nor a manifest that names it");
    }

    #[test]
    fn what_waits_is_added_up_with_its_first_day() {
        let mut storage = Storage::default();
        assert_eq!(storage.scan(&deferring()).0.blobs.first_due(DAY, NOW), None);
        storage.blob("one");
        storage.layer("a", "three");
        let (scan, _) = storage.scan(&deferring());
        assert_eq!(scan.blobs.pending(), tally(2, 8));
        assert_eq!(scan.blobs.first_due(DAY, NOW.plus(DAY)), Some(NOW.plus(DAY)), "the one that waits already");
        storage.objects.remove(&layout::blob_data(&of("one")));
        let (scan, _) = storage.scan(&deferring());
        assert_eq!(scan.blobs.first_due(DAY, NOW.plus(DAY)), Some(NOW.plus(2 * DAY)));
    }

    #[test]
    fn content_out_of_scope_stays_and_goes_on_waiting() {
        let mut storage = Storage::default();
        storage.blob("blob");
        let scoped = Options { repositories: vec!["b".parse().unwrap()], ..options() };
        assert_eq!(waits(&storage, &scoped, None), (0, vec![]));
        assert_eq!(waits(&storage, &scoped, Some(100)), (0, vec![Some(Timestamp::from_days(900))]));
        assert_eq!(waits(&storage, &scoped, Some(-1)), (0, vec![Some(NOW)]));
        storage.layer("b", "blob");
        assert_eq!(waits(&storage, &scoped, None), (1, vec![]));
    }

    #[test]
    fn only_the_plan_that_is_applied_brings_content_into_scope() {
        let mut storage = Storage::default();
        let digest = storage.blob("blob");
        let (_, plan) = storage.scan(&options());
        let limit = Limit::new(plan.deletions().iter().map(line));
        let scoped = Options { repositories: vec!["b".parse().unwrap()], ..options() };
        let goes =
            |storage: &Storage| storage.scan_with(&scoped, Some(&limit), &Pending::default()).1.deletions().len();
        assert_eq!(goes(&storage), 1);
        storage.seen(&layout::blob_data(&digest)).size += 1;
        assert_eq!(goes(&storage), 0, "it is no longer what was planned");
        let (scan, _) = storage.scan_with(&options(), Some(&limit), &Pending::default());
        assert_eq!((scan.blobs.not_in_plan, scan.left.changed), (tally(1, 5), 1));
    }

    #[test]
    fn blob_belongs_to_the_one_repository_whose_pointers_go() {
        let mut storage = Storage::default();
        let (alias, own, shared) = (sha512("content"), storage.layer("a", "own"), storage.layer("a", "shared"));
        let content = storage.blob("content");
        storage.link(layout::layer_link(&name("b"), &alias), &content.to_string());
        storage.layer("b", "shared");
        let named = storage.blob("named");
        let index = storage.index("a", &[&named, &alias]);
        let orphan = storage.blob("orphan");
        storage.upload("a", &["data"]);
        let (scan, _) = storage.scan(&options());
        for (digest, owner) in [
            (&own, Some(Owner::One(0))),
            (&named, Some(Owner::One(0))),
            (&index, Some(Owner::One(0))),
            (&shared, Some(Owner::Shared)),
            (&alias, Some(Owner::Shared)),
            (&content, Some(Owner::Shared)),
            (&orphan, None),
        ] {
            assert_eq!(scan.owners.get(scan.graph.id(digest), digest), owner, "{digest}");
        }
        storage.objects.remove(&layout::revision_link(&name("a"), &index));
        let (scan, _) = storage.scan(&options());
        assert_eq!(scan.owners.get(scan.graph.id(&content), &content), Some(Owner::One(1)));
    }

    #[test]
    fn content_only_waits_where_nothing_is_collected() {
        let mut storage = Storage::default();
        let digest = storage.blob("blob");
        let removing = super::super::scene::removing(&["b"]);
        assert_eq!(waits(&storage, &removing, None), (0, vec![None]));
        let days = |days: i64| vec![Some(Timestamp::from_days(1000 - days))];
        assert_eq!(waits(&storage, &removing, Some(6)), (0, days(6)), "it goes on");
        assert_eq!(waits(&storage, &removing, Some(-1)), (0, days(0)), "a record of a clock that ran ahead");
        // A pointer to it goes only now.
        storage.put(layout::layer_link(&name("b"), &digest));
        assert_eq!(waits(&storage, &removing, Some(6)), (0, vec![None]));
    }
}
