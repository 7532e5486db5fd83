//! Fills the report: from a scan and its plan, and from what came of the plan.

use super::blobs::Owner;
use super::outcome::{Outcome, Outcomes};
use super::plan::{Deletion, Plan, Stage};
use super::problem::ProblemCode;
use super::report::{Beside, Counts, Found, Nobody, Report, RepositoryRow, Scan, Space, TagRow};
use super::roots::{self, Reason, names};
use crate::layout;
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
        let parts = [scan.blobs.found.bytes, unrecognized, scan.inventory.multipart_bytes];
        report.bytes.before = parts.into_iter().fold(scan.inventory.bytes, u64::saturating_add);
        report.bytes.after = report.bytes.before;
        report.pending.blobs = scan.blobs.pending();
        report.pending.first_due = scan.blobs.first_due(wait, scan.now).map(Timestamp::to_rfc3339);
        report.bytes.freeable_later = scan.blobs.too_young.bytes.saturating_add(report.pending.blobs.bytes);
        report.young_until = scan.young_until.max(scan.blobs.young_until).map(Timestamp::to_rfc3339);
        report.problems = scan.problems.as_slice().to_vec();
        report.problem_counts = scan.problems.counts().collect();
        report.planned_bytes = plan.bytes();
        let count = |stage: Stage| plan.links().iter().filter(|link| link.stage == stage).count() as u64;
        report.links.manifests = count(Stage::Revision);
        report.links.layer_links = count(Stage::LayerLink);
        report.tags = plan.of_stage(Stage::Tag).filter_map(|number| tag_row(&plan.deletions().get(number))).collect();
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
        let mut rows = Rows::of(scan, self.bytes.before);
        (self.planned, self.deleted, self.nobody) = (Counts::default(), Counts::default(), Nobody::default());
        (self.bytes.freed, self.bytes.held_by_store) = (0, 0);
        let gone = GoneUploads::of(plan, outcomes);
        let mut last_upload: Option<String> = None;
        for (index, deletion) in plan.deletions().iter().enumerate() {
            let deleted = outcomes.is_some_and(|outcomes| *outcomes.get(index) == Outcome::Deleted);
            let size = deletion.evidence.size;
            let upload = layout::upload_directory(&deletion.key);
            let is_new = upload.is_some() && last_upload.as_deref() != upload;
            let one = Counts::one(deletion.stage, deletion.what(), size, is_new);
            if is_new {
                last_upload = upload.map(str::to_owned);
            }
            self.planned.add(&one);
            // The files of an upload are counted one by one, the upload itself when its last file is gone.
            let mut done = if deleted { one } else { Counts::default() };
            if deletion.stage == Stage::Upload {
                done.uploads.count = one.uploads.count * u64::from(gone.is_gone(&deletion.key));
            }
            self.deleted.add(&done);
            let freed = if deleted { size } else { 0 };
            self.bytes.free(freed);
            let owner = match (&deletion.repository, &deletion.digest) {
                (Some((at, _)), _) => Some(Owner::One(*at)),
                (None, Some(digest)) => scan.owners.get(scan.graph.id(digest), digest),
                (None, None) => None,
            };
            match owner {
                Some(Owner::One(at)) => {
                    let row = rows.of_repository(at);
                    row.planned.add(&one);
                    row.deleted.add(&done);
                    row.bytes.free(freed);
                }
                None if deletion.upload_id.is_some() => rows.beside.unlinked.free(freed),
                Some(Owner::Shared) => {
                    self.nobody.shared.add(size);
                    rows.beside.shared.free(freed);
                }
                None => {
                    self.nobody.unlinked.add(size);
                    rows.beside.unlinked.free(freed);
                }
            }
        }
        (self.repositories, self.beside) = rows.finish();
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
        let is_told = |_, outcome: &Outcome| matches!(outcome, Outcome::Failed(_) | Outcome::Unknown(_));
        let told = outcomes.of_all(plan, is_told).filter_map(|(_, deletion, outcome)| match outcome {
            Outcome::Failed(why) => Some(format!("{}: not deleted: {why}", deletion.key)),
            Outcome::Unknown(why) => Some(format!("{}: perhaps deleted: {why}", deletion.key)),
            Outcome::Deleted | Outcome::AlreadyGone | Outcome::NotAttempted | Outcome::Changed => None,
        });
        self.failures = told.take(FAILURES_TOLD).collect();
        let of_tags = plan.of_stage(Stage::Tag).filter(|number| tag_row(&plan.deletions().get(*number)).is_some());
        for (row, number) in self.tags.iter_mut().zip(of_tags) {
            row.outcome = Some(outcomes.get(number).name());
        }
    }
}

/// The rows of repositories, as they are filled.
struct Rows<'a> {
    scan: &'a Scan,
    by_number: HashMap<usize, RepositoryRow>,
    beside: Beside,
}

impl<'a> Rows<'a> {
    /// Rows of the repositories that can lose something later; `before` is all that is there.
    fn of(scan: &'a Scan, before: u64) -> Self {
        let parts = &scan.blobs.parts;
        let several = parts.several;
        let linked = parts.repositories.iter().fold(several.before, |sum, part| sum.saturating_add(part.before));
        // What cannot be understood belongs to nobody, wherever it is.
        let unlinked = Space::of(before.saturating_sub(linked), parts.unlinked.later);
        let shared = Space::of(several.before, several.later);
        let mut rows =
            Self { scan, by_number: HashMap::new(), beside: Beside { shared, unlinked, ..Beside::default() } };
        let losing = parts.repositories.iter().enumerate().filter(|(_, part)| part.later > 0);
        losing.for_each(|(at, _)| _ = rows.of_repository(at));
        rows
    }

    fn of_repository(&mut self, at: usize) -> &mut RepositoryRow {
        let scan = self.scan;
        self.by_number.entry(at).or_insert_with(|| {
            let part = scan.blobs.parts.repositories.get(at).copied().unwrap_or_default();
            let name = scan.inventory.repositories[at].name.to_string();
            RepositoryRow { name, bytes: Space::of(part.before, part.later), ..RepositoryRow::default() }
        })
    }

    fn finish(mut self) -> (Vec<RepositoryRow>, Beside) {
        for (at, part) in self.scan.blobs.parts.repositories.iter().enumerate() {
            if !self.by_number.contains_key(&at) {
                self.beside.unchanged.add(part.before);
            }
        }
        let mut rows: Vec<_> = self.by_number.into_values().collect();
        rows.sort_by(RepositoryRow::largest_first);
        (rows, self.beside)
    }
}

fn tag_row(deletion: &Deletion) -> Option<TagRow> {
    TagRow::of(&deletion.key, deletion.digest.as_ref(), deletion.reason, deletion.rule.as_deref())
}

/// Uploads of which nothing is left.
struct GoneUploads(HashMap<String, Gone>);

#[derive(Default)]
struct Gone {
    /// Whether something may be left.
    left: bool,
    /// Whether this run deleted something of it.
    deleted: bool,
}

impl GoneUploads {
    fn of(plan: &Plan, outcomes: Option<&Outcomes>) -> Self {
        let mut gone = HashMap::new();
        for index in plan.of_stage(Stage::Upload) {
            let deletion = plan.deletions().get(index);
            if let Some(upload) = layout::upload_directory(&deletion.key) {
                let outcome = outcomes.map_or(&Outcome::NotAttempted, |outcomes| outcomes.get(index));
                let entry: &mut Gone = gone.entry(upload.to_owned()).or_default();
                entry.left |= outcome.may_still_be_there();
                entry.deleted |= *outcome == Outcome::Deleted;
            }
        }
        Self(gone)
    }

    fn is_gone(&self, key: &str) -> bool {
        layout::upload_directory(key)
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
            found.uploads.add(upload.files.iter().map(|(_, evidence)| evidence.size).fold(0, u64::saturating_add));
            upload.multiparts.iter().for_each(|multipart| found.multipart_uploads.add(multipart.bytes()));
        }
    }
    scan.inventory.multiparts.iter().for_each(|multipart| found.multipart_uploads.add(multipart.bytes()));
    found
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::super::applied::Left;
    use super::super::blobs::Tally;
    use super::super::scene::{DAY, NOW, Storage, UPLOAD, name, of, options, tag};
    use super::*;

    fn tally(count: u64, bytes: u64) -> Tally {
        Tally { count, bytes }
    }

    /// Garbage of every kind in `a`, a shared layer in `a` and `b`, an image in `c`; and the sizes of both images.
    fn garbage() -> (Storage, u64, u64) {
        let mut storage = Storage::default();
        let layer = storage.layer("a", "layer");
        let image = storage.index("a", &[&layer]);
        storage.put(layout::tag_history(&name("a"), &tag("v1"), &image));
        storage.upload("a", &["startedat", "data"]);
        storage.layer("a", "shared");
        storage.layer("b", "shared");
        let needed = storage.layer("c", "kept");
        let kept = storage.index("c", &[&needed]);
        storage.tag("c", "v1", &kept);
        storage.blob("orphan");
        let [image, kept] = [image, kept].map(|digest| storage.seen(&layout::blob_data(&digest)).size);
        (storage, image, kept)
    }

    /// What came of a plan: of each key, what is said, or else that it was deleted.
    fn outcomes(plan: &Plan, of: impl Fn(&str) -> Option<Outcome>) -> Outcomes {
        let mut outcomes = Outcomes::new(plan);
        for (at, deletion) in plan.deletions().iter().enumerate() {
            outcomes.set(at, of(&deletion.key).unwrap_or(Outcome::Deleted));
        }
        outcomes
    }

    fn failed() -> Outcome {
        Outcome::Failed("denied".into())
    }

    #[test]
    fn report_says_what_was_found_marked_and_planned() {
        let (storage, image, kept) = garbage();
        let (scan, plan) = storage.scan(&options());
        let report = Report::new(&scan, &plan, DAY);
        assert_eq!((report.schema, report.version), ("regsweep.report/1", env!("CARGO_PKG_VERSION")));
        let found = &report.found;
        assert_eq!((found.repositories, found.tags, found.manifests, found.layer_links), (3, 1, 2, 4));
        assert_eq!((found.uploads, found.blobs), (tally(1, 142), tally(6, 5 + 6 + 4 + 6 + image + kept)));
        assert_eq!((report.marked.manifests, report.marked.blobs), (1, tally(2, 4 + kept)));
        let planned = Counts {
            tags: 0,
            tag_history: 1,
            manifests: 1,
            layer_links: 3,
            uploads: tally(1, 142),
            blobs: tally(4, 5 + 6 + 6 + image),
            ..Counts::default()
        };
        assert_eq!((report.planned, report.entries.planned), (planned, 11));
        assert_eq!((report.nobody.shared, report.nobody.unlinked), (tally(1, 6), tally(1, 6)));
        let all: u64 = storage.objects.values().map(|seen| seen.size).sum();
        assert_eq!((report.bytes.before, report.bytes.after, report.bytes.freed), (all, all, 0));
        assert!(report.deleted.is_zero() && !report.planned.is_zero());
        let rows: Vec<_> = report.repositories.iter().map(|row| (row.name.as_str(), row.planned)).collect();
        let a = Counts { layer_links: 2, blobs: tally(2, 5 + image), ..planned };
        assert_eq!(rows, [("a", a), ("b", Counts { layer_links: 1, ..Counts::default() })]);
    }

    #[test]
    fn what_was_deleted_is_freed_and_counted_by_repository() {
        let (storage, ..) = garbage();
        let (scan, plan) = storage.scan(&options());
        let mut report = Report::new(&scan, &plan, DAY);
        // Told twice, as in a run: numbers do not add up.
        for _ in 0..2 {
            report.account(&scan, &plan, Some(&outcomes(&plan, |_| None)));
        }
        assert_eq!((report.deleted, report.entries.deleted), (report.planned, 11));
        assert_eq!(report.bytes.freed, plan.bytes());
        assert_eq!(report.bytes.after, report.bytes.before - plan.bytes());
        assert!(report.repositories.iter().all(|row| row.deleted == row.planned));
        assert!(report.failures.is_empty());
    }

    #[test]
    fn every_entry_ends_in_one_word() {
        let (storage, image, _) = garbage();
        let (mut scan, plan) = storage.scan(&options());
        scan.left = Left { changed: 10, gone: 20, not_in_plan: tally(0, 0) };
        let mut report = Report::new(&scan, &plan, DAY);
        assert_eq!((report.kept.changed, report.already_gone, report.entries.planned), (10, 20, 41));
        let blob = |content| layout::blob_data(&of(content));
        let link = |repository, content| layout::layer_link(&name(repository), &of(content));
        let what_came = outcomes(&plan, |key| match key {
            _ if key == blob("layer") => Some(failed()),
            _ if key == blob("shared") => Some(Outcome::Unknown("no answer".into())),
            _ if key == blob("orphan") => Some(Outcome::NotAttempted),
            _ if key == link("a", "layer") || key == link("a", "shared") => Some(Outcome::AlreadyGone),
            _ if key == link("b", "shared") => Some(Outcome::Changed),
            _ => None,
        });
        report.account(&scan, &plan, Some(&what_came));
        assert_eq!((report.failed, report.unknown, report.not_attempted), (1, 1, 1));
        assert_eq!((report.already_gone, report.kept.changed, report.entries.deleted), (20 + 2, 10 + 1, 5));
        let failures = [
            format!("{}: not deleted: denied", blob("layer")),
            format!("{}: perhaps deleted: no answer", blob("shared")),
        ];
        assert_eq!(report.failures.iter().collect::<std::collections::BTreeSet<_>>(), failures.iter().collect());
        let deleted = Counts {
            tag_history: 1,
            manifests: 1,
            uploads: tally(1, 142),
            blobs: tally(1, image),
            ..Counts::default()
        };
        assert_eq!((report.deleted, report.bytes.freed), (deleted, 71 + 71 + 142 + image));
        assert_eq!(report.repositories.iter().map(|row| row.deleted).collect::<Vec<_>>(), [deleted, Counts::default()]);
    }

    #[test]
    fn every_tag_that_was_to_go_has_its_outcome() {
        let mut storage = Storage::default();
        let image = storage.index("a", &[]);
        for named in ["v1", "v2"] {
            storage.tag("a", named, &image);
            storage.put(layout::tag_history(&name("a"), &tag(named), &image));
        }
        let remove = super::super::scene::removing(&["a:v*"]).images;
        let (scan, plan) = storage.scan(&super::super::options::Options { images: remove, ..options() });
        let mut report = Report::new(&scan, &plan, DAY);
        assert!(report.tags.iter().all(|row| row.outcome.is_none()));
        let stays = layout::tag_current(&name("a"), &tag("v2"));
        let outcomes = outcomes(&plan, |key| (key == stays).then_some(Outcome::Changed));
        report.account(&scan, &plan, Some(&outcomes));
        let rows: Vec<_> = report.tags.iter().map(|row| (row.image.as_str(), row.outcome)).collect();
        assert_eq!(rows, [("a:v1", Some("deleted")), ("a:v2", Some("changed"))]);
    }

    #[test]
    fn upload_is_gone_when_its_last_file_is_and_this_run_took_one() {
        let mut storage = Storage::default();
        storage.upload("a", &["startedat", "data"]);
        storage.put(layout::upload(&name("a"), &UPLOAD.replace('0', "1")) + "data");
        storage.upload("b", &["data"]);
        let (scan, plan) = storage.scan(&options());
        let uploads = |start: Option<Outcome>, data: Option<Outcome>| {
            let mut report = Report::new(&scan, &plan, DAY);
            assert_eq!(report.planned.uploads, tally(3, 4 * 71));
            let of = |key: &str| match key.strip_prefix(&layout::upload(&name("a"), UPLOAD)) {
                Some("startedat") => start.clone(),
                Some(_) => data.clone(),
                None => Some(Outcome::NotAttempted),
            };
            report.account(&scan, &plan, Some(&outcomes(&plan, of)));
            let rows = report.repositories.iter().map(|row| row.deleted.uploads);
            assert_eq!(rows.collect::<Vec<_>>(), [report.deleted.uploads, tally(0, 0)]);
            report.deleted.uploads
        };
        let gone = || Some(Outcome::AlreadyGone);
        assert_eq!(uploads(None, None), tally(1, 142));
        assert_eq!(uploads(None, Some(failed())), tally(0, 71));
        assert_eq!(uploads(Some(failed()), None), tally(0, 71));
        assert_eq!(uploads(gone(), None), tally(1, 71));
        assert_eq!(uploads(None, gone()), tally(1, 71));
        assert_eq!(uploads(gone(), gone()), tally(0, 0));
        assert_eq!(uploads(Some(failed()), Some(failed())), tally(0, 0));
    }

    #[test]
    fn what_is_young_or_broken_or_damaged_is_told() {
        let mut storage = Storage::default();
        let young = storage.layer("a", "young");
        storage.seen(&layout::layer_link(&name("a"), &young)).modified = NOW;
        let image = storage.index("a", &[]);
        storage.objects.remove(&layout::revision_link(&name("a"), &image));
        storage.tag("a", "v1", &image);
        storage.manifest("b", "{");
        storage.blob("waits");
        let (mut scan, plan) =
            storage.scan(&super::super::options::Options { min_age: DAY, defer: 7 * DAY, ..options() });
        scan.young_until = Some(NOW.plus(DAY));
        let report = Report::new(&scan, &plan, 7 * DAY);
        let size = storage.seen(&layout::blob_data(&image)).size;
        assert_eq!((report.kept.too_young, report.kept.broken_tags), (tally(1, 5), tally(1, size)));
        assert_eq!(report.kept.damaged_repositories, 1);
        assert_eq!((report.pending.blobs, report.bytes.freeable_later), (tally(1, 5), 10));
        assert_eq!(report.pending.first_due, Some(NOW.plus(7 * DAY).to_rfc3339()));
        assert_eq!(report.young_until, Some(NOW.plus(DAY).to_rfc3339()));
        assert_eq!(report.problems.len(), 2);
        assert_eq!(report.problem_counts.values().sum::<u64>(), 2);
        assert_eq!(report.problem_counts.get(&ProblemCode::BrokenTag).unwrap(), &1);
    }
}
