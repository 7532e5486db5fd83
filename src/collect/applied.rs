//! A saved plan that is applied: what goes is the intersection of that plan and of what may go now.
//!
//! The plan is only ever a limit. A fresh scan decides, as if there were no plan; then whatever the plan does not have, or
//! has with other evidence, stays. A pointer that stays keeps what it names, with all that needs: a link that came after
//! the plan was made must not dangle because of it.

use super::blobs::{BlobSurvey, Tally};
use super::decide::DeleteReason;
use super::deletions::Deletions;
use super::dismissed::Dismissed;
use super::entry::Evidence;
use super::graph::Graph;
use super::inventory::Inventory;
use super::mark::{Marks, mark_without};
use super::multipart::Multipart;
use super::options::Options;
use super::packed_roots::Roots;
use super::plan::{Deletion, Plan, Stage};
use super::pointers::plan_pointers;
use super::roots::{Reason, Root, roots};
use super::sealed::Line;
use crate::layout::{self, StorageKey};
use crate::model::Timestamp;
use std::collections::HashSet;

/// What an applied plan allows.
#[derive(Debug, Default)]
pub struct Limit {
    entries: Vec<Entry>,
}

#[derive(Debug, PartialEq, Eq)]
struct Entry {
    stage: Stage,
    key: Box<str>,
    upload_id: Option<Box<str>>,
    evidence: Evidence,
    reason: DeleteReason,
}

impl Entry {
    fn what(&self) -> (&str, Option<&str>) {
        (&self.key, self.upload_id.as_deref())
    }
}

/// What of an applied plan may not go now, and what may go and is not in it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Left {
    /// In the plan and still there, but something needs it now, or it is no longer what it was.
    pub changed: u64,
    /// In the plan, and not listed any more.
    pub gone: u64,
    /// What may go, and is not in the plan.
    pub not_in_plan: Tally,
}

impl Limit {
    /// Takes the lines of a plan.
    #[must_use]
    pub fn new(lines: impl IntoIterator<Item = Line>) -> Self {
        let mut entries: Vec<Entry> = lines.into_iter().map(entry).collect();
        entries.sort_by(|a, b| (a.stage, a.what()).cmp(&(b.stage, b.what())));
        Self { entries }
    }

    /// Takes one more line, in the order of the file.
    pub fn add(&mut self, line: Line) {
        self.entries.push(entry(line));
    }

    /// How many deletions the plan has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether the plan has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The plan's line for a key, by its number.
    pub(super) fn find(&self, stage: Stage, what: (&str, Option<&str>)) -> Option<usize> {
        self.entries.binary_search_by(|entry| (entry.stage, entry.what()).cmp(&(stage, what))).ok()
    }

    /// Whether the plan has this very object: the same key, and nothing about it has changed.
    pub(super) fn has(&self, stage: Stage, key: &str, evidence: &Evidence) -> bool {
        self.find(stage, (key, None)).is_some_and(|at| self.entries[at].evidence == *evidence)
    }

    /// Whether the plan has this deletion: the same object, for the same reason.
    #[must_use]
    pub fn allows(&self, deletion: &Deletion) -> bool {
        let at = self.find(deletion.stage, deletion.what()).map(|at| &self.entries[at]);
        at.is_some_and(|entry| entry.evidence == deletion.evidence && entry.reason == deletion.reason)
    }
}

fn entry(line: Line) -> Entry {
    let Line { stage, key, upload_id, evidence, reason, .. } = line;
    Entry { stage, key, upload_id, evidence, reason }
}

/// What a plan leaves of the pointers and uploads that may go.
#[derive(Debug)]
pub struct Limited {
    /// What is needed, by what stays as well.
    pub marks: Marks,
    /// What goes.
    pub deletions: Deletions,
    /// The pointers that may go and stay, as roots.
    pub staying: Vec<Root>,
    /// What may go and is not in the plan.
    pub not_in_plan: Tally,
}

impl Limited {
    /// Where no plan is applied, everything may go that the marks let go.
    #[must_use]
    pub fn all(marks: Marks, deletions: Deletions) -> Self {
        Self { marks, deletions, staying: Vec::new(), not_in_plan: Tally::default() }
    }
}

/// Limits the pointers and uploads that may go to those that a plan has.
///
/// `deletions` is what may go by the marks of `roots`. What is not in the plan is a root again; then it is decided anew
/// what may go. Once is enough: more roots never let go of anything, so what is not in the plan then was not before, and
/// is a root already.
#[must_use]
pub fn limit_pointers(
    limit: &Limit,
    (inventory, graph, dismissed): (&Inventory, &mut Graph, &mut Dismissed),
    mut known: Roots,
    deletions: Deletions,
    options: &Options,
    now: Timestamp,
) -> Limited {
    let mut not_in_plan = Tally::default();
    let mut staying = Vec::new();
    for deletion in deletions.iter().filter(|deletion| !limit.allows(deletion)) {
        not_in_plan.add(deletion.evidence.size);
        if deletion.stage.is_pointer() {
            let repository = deletion.repository.as_ref().map(|(at, _)| *at);
            for digest in [&deletion.digest, &deletion.alias].into_iter().flatten() {
                staying.push(Root { repository, digest: digest.clone(), reason: Reason::PointerStays });
            }
        }
        if let (Stage::Tag, Some((at, _)), StorageKey::TagCurrent { tag, .. }) =
            (deletion.stage, &deletion.repository, StorageKey::parse(&deletion.key))
        {
            dismissed.spare_tag(*at, tag);
        }
    }
    drop(deletions);
    known.add_all(staying.iter().cloned(), graph);
    // A tag that stays is a root by itself again.
    known.append(roots(inventory, graph, options, dismissed, now));
    let marks = mark_without(inventory, graph, &known, dismissed);
    let mut deletions = plan_pointers(inventory, graph, &marks, options, dismissed, now);
    let not_allowed = deletions.iter().filter(|it| !limit.allows(it));
    let partly: HashSet<String> = not_allowed.filter_map(|it| upload_of(&it)).collect();
    // Half an upload that was taken up again is worth nothing to whoever took it up.
    deletions.retain(|it| limit.allows(it) && upload_of(it).is_none_or(|upload| !partly.contains(&upload)));
    Limited { marks, deletions, staying, not_in_plan }
}

fn upload_of(deletion: &Deletion) -> Option<String> {
    layout::upload_directory(&deletion.key).map(Into::into)
}

/// What came of the lines of a plan that do not go.
///
/// Whether such a key is still there is read off the listings: nothing depends on it but a word in the report.
#[must_use]
pub fn left(limit: &Limit, inventory: &Inventory, blobs: &BlobSurvey, plan: &Plan, not_in_plan: Tally) -> Left {
    let mut left = Left { not_in_plan, ..Left::default() };
    left.not_in_plan.add_all(blobs.not_in_plan);
    let mut goes = vec![false; limit.len()];
    for at in plan.deletions().iter().filter_map(|deletion| limit.find(deletion.stage, deletion.what())) {
        goes[at] = true;
    }
    for (at, entry) in limit.entries.iter().enumerate().filter(|(at, _)| !goes[*at]) {
        if blobs.is_listed_of_plan(at) || is_listed(inventory, entry) {
            left.changed += 1;
        } else {
            left.gone += 1;
        }
    }
    left
}

/// Whether the listing of repositories held this key, or what no listing shows did.
fn is_listed(inventory: &Inventory, entry: &Entry) -> bool {
    let key = &*entry.key;
    let find = |name: &str| {
        let at = inventory.repositories.binary_search_by(|repository| repository.name.as_str().cmp(name));
        at.ok().map(|at| &inventory.repositories[at])
    };
    let is_it = |multipart: &Multipart| (multipart.key.as_str(), Some(&*multipart.id)) == entry.what();
    let found = match StorageKey::parse(key) {
        StorageKey::Upload { repository, upload, .. } if entry.upload_id.is_some() => find(repository)
            .map(|found| found.uploads.get(upload).is_some_and(|upload| upload.multiparts.iter().any(is_it))),
        _ if entry.upload_id.is_some() => Some(inventory.multiparts.iter().any(is_it)),
        StorageKey::LayerLink { repository, digest } => {
            find(repository).map(|found| found.layers.find(&digest).is_some())
        }
        StorageKey::RevisionLink { repository, digest } => find(repository).map(|found| found.links_manifest(&digest)),
        StorageKey::SignatureLink { repository, revision, signature } => find(repository)
            .map(|found| found.signatures.iter().any(|link| link.revision == revision && link.signature == signature)),
        StorageKey::TagCurrent { repository, tag } => {
            find(repository).map(|found| found.tags.get(tag).is_some_and(|entry| entry.current.is_some()))
        }
        StorageKey::TagHistory { repository, tag, digest } => find(repository).map(|found| {
            found.tags.get(tag).is_some_and(|entry| entry.history.iter().any(|link| link.digest == digest))
        }),
        StorageKey::Upload { repository, upload, .. } => find(repository)
            .map(|found| found.uploads.get(upload).is_some_and(|upload| upload.files.iter().any(|(it, _)| it == key))),
        StorageKey::Blob(_) | StorageKey::Suspect { .. } | StorageKey::Unrecognized => None,
    };
    found.unwrap_or(false)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::super::multipart::{Multiparts, Parts};
    use super::super::scene::{Storage, UPLOAD, keys, line, name, options};
    use super::super::state::pending::Pending;
    use super::*;
    use crate::model::{Digest, Tag};
    use proptest::prelude::*;
    use std::collections::BTreeSet;
    use std::time::Duration;

    impl Storage {
        /// What may go, and what it comes to under a plan.
        fn survey(&self, options: &Options, limit: Option<&Limit>) -> (Plan, Left) {
            let (scan, plan) = self.scan_with(options, limit, &Pending::default());
            (plan, scan.left)
        }
    }

    fn limit(plan: &Plan) -> Limit {
        Limit::new(plan.deletions().iter().map(line))
    }

    /// Garbage of every stage, in two repositories.
    fn garbage() -> Storage {
        let mut storage = Storage::default();
        let layer = storage.layer("a", "layer");
        let child = storage.index("a", &[&layer]);
        let index = storage.index("a", &[&child]);
        let tag = Tag::new("v1").unwrap();
        storage.put(layout::tag_history(&name("a"), &tag, &index));
        storage.put(layout::signature_link(&name("a"), &child, &Digest::of(b"signature")));
        storage.layer("b", "alone");
        storage.upload("b", &["startedat", "data"]);
        storage.blob("orphan");
        storage
    }

    #[test]
    fn plan_of_the_same_storage_goes_as_it_is() {
        let storage = garbage();
        let (plan, _) = storage.survey(&options(), None);
        assert_eq!(plan.deletions().len(), storage.objects.len(), "everything is garbage");
        let (applied, left) = storage.survey(&options(), Some(&limit(&plan)));
        assert_eq!((applied, left), (plan, Left::default()));
    }

    #[test]
    fn only_what_is_exactly_as_it_was_goes() {
        let storage = garbage();
        let (plan, _) = storage.survey(&options(), None);
        let changes: [fn(&mut Evidence); 3] = [
            |seen| seen.size += 1,
            |seen| seen.modified = seen.modified.plus(Duration::from_nanos(1)),
            |seen| seen.etag = Some("new".into()),
        ];
        for key in storage.objects.keys() {
            for change in changes {
                let mut later = storage.clone();
                change(later.objects.get_mut(key).unwrap());
                let (applied, left) = later.survey(&options(), Some(&limit(&plan)));
                assert!(!keys(&applied).contains(key), "{key}");
                assert!(left.changed >= 1 && left.not_in_plan.count == 1 && left.gone == 0, "{key}: {left:?}");
            }
        }
        let mut lines: Vec<Line> = plan.deletions().iter().map(line).collect();
        for line in &mut lines {
            line.reason = DeleteReason::ALL.into_iter().find(|reason| !reason.is_of(line.stage)).unwrap();
        }
        let (applied, left) = storage.survey(&options(), Some(&Limit::new(lines)));
        assert!(applied.is_empty(), "for another reason");
        assert_eq!(left.changed, plan.deletions().len() as u64);
    }

    #[test]
    fn empty_plan_lets_nothing_go() {
        let (applied, left) = garbage().survey(&options(), Some(&Limit::default()));
        assert!(applied.is_empty());
        assert_eq!(left, Left { changed: 0, gone: 0, not_in_plan: left.not_in_plan });
        assert!(left.not_in_plan.count > 0);
    }

    /// The link came after the plan was made: nothing needs it, and it must not dangle all the same.
    #[test]
    fn pointer_that_is_not_in_the_plan_keeps_what_it_names() {
        let mut storage = garbage();
        let (plan, _) = storage.survey(&options(), None);
        let alone = Digest::of(b"alone");
        storage.put(layout::layer_link(&name("a"), &alone));
        let (applied, left) = storage.survey(&options(), Some(&limit(&plan)));
        let kept: Vec<String> = keys(&plan).difference(&keys(&applied)).cloned().collect();
        assert_eq!(kept, [layout::blob_data(&alone)]);
        assert_eq!((left.changed, left.gone, left.not_in_plan.count), (1, 0, 1));
    }

    /// An index and its history that are not in the plan keep the child, the child's layer, and all their links.
    #[test]
    fn pointer_that_is_not_in_the_plan_keeps_all_that_needs() {
        let storage = garbage();
        let (plan, _) = storage.survey(&options(), None);
        let tag = plan.deletions().iter().find(|deletion| deletion.stage == Stage::TagHistory).unwrap();
        let index = layout::revision_link(&name("a"), tag.digest.as_ref().unwrap());
        let less = plan.deletions().iter().filter(|deletion| deletion.key != index && deletion.key != tag.key);
        let less = Plan::new(less.collect());
        let (applied, _) = storage.survey(&options(), Some(&limit(&less)));
        let expected: BTreeSet<String> = [
            layout::layer_link(&name("b"), &Digest::of(b"alone")),
            layout::blob_data(&Digest::of(b"alone")),
            layout::blob_data(&Digest::of(b"orphan")),
        ]
        .into();
        let gone = keys(&applied).into_iter().filter(|key| !key.contains("/_uploads/"));
        assert_eq!(gone.collect::<BTreeSet<_>>(), expected);
    }

    #[test]
    fn upload_goes_as_a_whole_or_not_at_all() {
        let storage = garbage();
        let (plan, _) = storage.survey(&options(), None);
        let uploads = |plan: &Plan| keys(plan).into_iter().filter(|key| key.contains("/_uploads/")).count();
        assert_eq!(uploads(&plan), 2);
        let mut grown = storage.clone();
        grown.upload("b", &["hashstates/sha256/7"]);
        assert_eq!(uploads(&grown.survey(&options(), Some(&limit(&plan))).0), 0);
        let mut another = grown.clone();
        another.put(layout::upload(&name("a"), UPLOAD) + "data");
        let (both, _) = another.survey(&options(), None);
        let without = both.deletions().iter().filter(|deletion| !deletion.key.ends_with("/7")).collect();
        assert_eq!(uploads(&another.survey(&options(), Some(&limit(&Plan::new(without)))).0), 1, "the other one");
        // The rest of one that was half deleted by an earlier run goes.
        let mut rest = storage.clone();
        rest.objects.retain(|key, _| !key.ends_with("startedat"));
        assert_eq!(uploads(&rest.survey(&options(), Some(&limit(&plan))).0), 1);
    }

    #[test]
    fn what_is_gone_and_what_stays_are_told_apart() {
        let storage = garbage();
        let (plan, _) = storage.survey(&options(), None);
        for (at, key) in storage.objects.keys().enumerate() {
            let mut less = storage.clone();
            less.objects.remove(key);
            let (applied, left) = less.survey(&options(), Some(&limit(&plan)));
            assert_eq!(left, Left { gone: 1, ..Left::default() }, "{at}: {key}");
            assert_eq!(applied.deletions().len() + 1, plan.deletions().len(), "{at}: {key}");
        }
    }

    /// A run that was killed after the links went: what the blobs belonged to, only the plan knows.
    #[test]
    fn plan_of_one_repository_remembers_whose_the_blobs_were() {
        let mut storage = garbage();
        let scoped = Options { repositories: vec!["b".parse().unwrap()], ..options() };
        let (plan, _) = storage.survey(&scoped, None);
        let alone = layout::blob_data(&Digest::of(b"alone"));
        assert!(keys(&plan).contains(&alone) && !keys(&plan).contains("orphan"));
        storage.objects.retain(|key, _| !key.contains("/repositories/b/"));
        assert!(!keys(&storage.survey(&scoped, None).0).contains(alone.as_str()), "a new plan would not know");
        let (applied, _) = storage.survey(&scoped, Some(&limit(&plan)));
        assert_eq!(keys(&applied), [alone].into());
    }

    proptest! {
        /// Any part of a plan, applied to a storage that has changed in any way: nothing goes that is not in both, and
        /// nothing goes while a pointer to it stays.
        #[test]
        fn nothing_goes_that_is_not_in_both_or_that_a_pointer_names(
            content in proptest::collection::vec((0..2_u8, 0..4_u8, 0..5_u8), 1..14),
            wanted in any::<u64>(),
            changed in any::<u64>(),
        ) {
            let mut storage = Storage::default();
            let mut known: Vec<Digest> = Vec::new();
            for (repository, kind, other) in content {
                let repository = ["a", "b"][usize::from(repository)];
                let part = known.get(usize::from(other)).cloned();
                let made = match kind {
                    0 => storage.layer(repository, &format!("{other}")),
                    1 => storage.index(repository, &part.iter().collect::<Vec<_>>()),
                    2 => {
                        let digest = part.unwrap_or_else(|| Digest::of(b"nothing"));
                        let tag = Tag::new("v1").unwrap();
                        storage.put(layout::tag_history(&name(repository), &tag, &digest));
                        continue;
                    }
                    _ => storage.blob(&format!("orphan {other}")),
                };
                known.push(made);
            }
            let (fresh, _) = storage.survey(&options(), None);
            let bit = |bits: u64, at: usize| bits >> (at % 64) & 1 == 1;
            let some = fresh.deletions().iter().enumerate().filter(|(at, _)| bit(wanted, *at)).map(|(_, it)| it);
            let plan = Plan::new(some.collect());
            for (at, seen) in storage.objects.values_mut().enumerate() {
                seen.size += u64::from(bit(changed, at) && bit(changed, at + 32));
            }
            let (now, _) = storage.survey(&options(), None);
            let (applied, left) = storage.survey(&options(), Some(&limit(&plan)));
            let going = keys(&applied);
            prop_assert!(going.is_subset(&keys(&plan)) && going.is_subset(&keys(&now)));
            for deletion in applied.deletions() {
                prop_assert!(limit(&plan).allows(&deletion));
            }
            prop_assert_eq!(left.changed + left.gone, (plan.deletions().len() - applied.deletions().len()) as u64);
            prop_assert_eq!(left.gone, 0);
            // What stays, and what it names.
            for key in storage.objects.keys().filter(|key| !going.contains(key.as_str())) {
                let (repository, digest) = match StorageKey::parse(key) {
                    StorageKey::LayerLink { repository, digest }
                    | StorageKey::RevisionLink { repository, digest }
                    | StorageKey::TagHistory { repository, digest, .. } => (name(repository), digest),
                    _ => continue,
                };
                prop_assert!(!going.contains(layout::blob_data(&digest).as_str()), "{} dangles", key);
                prop_assert!(!going.contains(layout::revision_link(&repository, &digest).as_str()), "{} dangles", key);
                let served = storage.objects.contains_key(&layout::revision_link(&repository, &digest));
                for part in storage.manifests.get(&digest).filter(|_| served).into_iter().flat_map(|content| {
                    known.iter().filter(move |part| content.contains(&part.to_string()))
                }) {
                    prop_assert!(!going.contains(layout::blob_data(part).as_str()), "{} loses {}", key, part);
                    prop_assert!(!going.contains(layout::layer_link(&repository, part).as_str()), "{} loses {}", key, part);
                }
            }
        }
    }

    #[test]
    fn lines_added_in_the_order_of_the_file_are_found() {
        let (plan, _) = garbage().survey(&options(), None);
        let mut lines: Vec<Line> = plan.deletions().iter().map(line).collect();
        lines.sort_by(|a, b| (a.stage, &a.key).cmp(&(b.stage, &b.key)));
        let mut limit = Limit::default();
        assert_eq!((limit.is_empty(), limit.len()), (true, 0));
        for line in lines {
            limit.add(line);
        }
        assert_eq!((limit.is_empty(), limit.len()), (false, plan.deletions().len()));
        assert!(plan.deletions().iter().all(|deletion| limit.allows(&deletion)));
        for (at, deletion) in plan.deletions().iter().enumerate() {
            let is_it = |at: usize| *limit.entries[at].key == *deletion.key;
            assert!(limit.find(deletion.stage, deletion.what()).is_some_and(is_it), "{at}");
        }
        assert_eq!(limit.find(Stage::Blob, ("elsewhere", None)), None);
    }

    #[test]
    fn object_is_the_planned_one_only_with_its_evidence() {
        let storage = garbage();
        let (plan, _) = storage.survey(&options(), None);
        let limit = limit(&plan);
        let key = layout::blob_data(&Digest::of(b"orphan"));
        let seen = storage.objects[&key].clone();
        assert!(limit.has(Stage::Blob, &key, &seen));
        assert!(!limit.has(Stage::Blob, &key, &Evidence { size: seen.size + 1, ..seen.clone() }));
        assert!(!limit.has(Stage::LayerLink, &key, &seen));
    }

    #[test]
    fn tag_that_a_plan_has_and_that_stays_is_no_deletion_that_is_gone() {
        let mut storage = Storage::default();
        let image = storage.index("a", &[]);
        storage.tag("a", "v1", &image);
        let other = storage.blob("signature");
        storage.put(layout::signature_link(&name("a"), &image, &other));
        storage.put(layout::signature_link(&name("a"), &image, &image));
        let current = |tag| layout::tag_current(&name("a"), &Tag::new(tag).unwrap());
        let history = |tag, digest| layout::tag_history(&name("a"), &Tag::new(tag).unwrap(), digest);
        storage.put(history("v2", &image));
        let there = storage.objects.keys().filter(|key| !key.starts_with(layout::BLOBS)).cloned();
        let mut inventory = storage.inventory(&options());
        let entry = |key: &str, upload_id: Option<&str>| Entry {
            stage: Stage::Blob,
            key: key.into(),
            upload_id: upload_id.map(Into::into),
            evidence: Evidence { size: 0, modified: Timestamp::from_days(0), etag: None, outside: false },
            reason: DeleteReason::UnreferencedBlob,
        };
        for key in there.collect::<Vec<_>>() {
            assert!(is_listed(&inventory, &entry(&key, None)), "{key}");
        }
        let data = layout::upload(&name("a"), UPLOAD) + "data";
        for key in [&data, &layout::blob_data(&image)] {
            let parts = Parts::Known { bytes: 1, newest: None };
            let initiated = Timestamp::from_days(1);
            let begun = Multipart { key: key.clone(), id: "id".into(), initiated, parts };
            inventory.learn_multiparts(Multiparts::Known(vec![begun]));
            let ids = [None, Some("id"), Some("other")];
            assert_eq!(ids.map(|id| is_listed(&inventory, &entry(key, id))), [false, true, false], "{key}");
        }
        for key in [
            current("v2"),
            current("v3"),
            history("v1", &other),
            history("v3", &image),
            layout::signature_link(&name("a"), &other, &other),
            layout::signature_link(&name("a"), &other, &image),
            layout::revision_link(&name("a"), &other),
            layout::layer_link(&name("a"), &image),
            layout::revision_link(&name("b"), &image),
            layout::blob_data(&image),
        ] {
            assert!(!is_listed(&inventory, &entry(&key, None)), "{key}");
        }
    }
}
