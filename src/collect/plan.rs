//! The plan: what goes, in which order, why, and on what evidence. A value; nothing here can delete.

use super::decide::DeleteReason;
use super::deletions::Deletions;
use super::dismissed::Dismissed;
use super::entry::Evidence;
use super::graph::Graph;
use super::mark::Marks;
use crate::model::{Digest, RepositoryName};
use serde::Serialize;
use std::ops::Range;
use std::sync::Arc;

/// The stages of a run, in order: pointers go before what they point to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// A tag's `current/link`.
    Tag,
    /// An entry of a tag's history.
    TagHistory,
    /// A revision link (and its old signature links).
    Revision,
    /// A layer link.
    LayerLink,
    /// An object of an upload.
    Upload,
    /// Content.
    Blob,
}

impl Stage {
    /// All, in order.
    pub const ALL: [Self; 6] = [Self::Tag, Self::TagHistory, Self::Revision, Self::LayerLink, Self::Upload, Self::Blob];

    /// The word in plans and reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Tag => "tag",
            Self::TagHistory => "tag_history",
            Self::Revision => "revision",
            Self::LayerLink => "layer_link",
            Self::Upload => "upload",
            Self::Blob => "blob",
        }
    }

    /// Whether what this stage deletes is a pointer: if it stays, what it points to stays.
    #[must_use]
    pub fn is_pointer(self) -> bool {
        match self {
            Self::Tag | Self::TagHistory | Self::Revision | Self::LayerLink => true,
            Self::Upload | Self::Blob => false,
        }
    }
}

/// One object to delete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deletion {
    /// The stage it belongs to.
    pub stage: Stage,
    /// Its key, relative to the root.
    pub key: String,
    /// Which incomplete multipart upload of its key; nothing for the object itself.
    pub upload_id: Option<Box<str>>,
    /// The digest it holds or points to.
    pub digest: Option<Digest>,
    /// The other digest that its content points to.
    pub alias: Option<Digest>,
    /// The repository it is in, by name and by index in the inventory.
    pub repository: Option<(usize, RepositoryName)>,
    /// What the listing said of it.
    pub evidence: Evidence,
    /// Why it goes.
    pub reason: DeleteReason,
    /// The rule that let it go, in words.
    pub rule: Option<Arc<str>>,
    /// Parents before children: a deletion begins when all of lower levels of its stage have ended.
    pub level: u32,
}

impl Deletion {
    /// What goes: an object by its key, or one of the incomplete multipart uploads of a key.
    #[must_use]
    pub fn what(&self) -> (&str, Option<&str>) {
        (&self.key, self.upload_id.as_deref())
    }
}

/// Everything that goes, ordered by stage, level and key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    deletions: Deletions,
    links: Vec<NewLink>,
}

/// A link to write where there is none. It can take nothing away from anybody: at worst it keeps what nobody needs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct NewLink {
    /// Its stage: layers are linked before the manifests that need them.
    pub stage: Stage,
    /// Its key, relative to the root.
    pub key: String,
    /// What it says.
    pub content: Digest,
}

impl Plan {
    /// Puts deletions in order, each key once: of two levels the later counts.
    #[must_use]
    pub fn new(mut deletions: Deletions) -> Self {
        deletions.sort();
        Self { deletions, links: Vec::new() }
    }

    /// The same, with links to write.
    #[must_use]
    pub fn writing(self, mut links: Vec<NewLink>) -> Self {
        links.sort_by(|a, b| (b.stage, &a.key).cmp(&(a.stage, &b.key)));
        links.dedup_by(|a, b| a.key == b.key);
        Self { links, ..self }
    }

    /// The links to write, what is needed before what needs it.
    #[must_use]
    pub fn links(&self) -> &[NewLink] {
        &self.links
    }

    /// The deletions, in order.
    #[must_use]
    pub fn deletions(&self) -> &Deletions {
        &self.deletions
    }

    /// The numbers of the deletions of a stage.
    #[must_use]
    pub fn of_stage(&self, stage: Stage) -> Range<usize> {
        self.deletions.of_stage(stage)
    }

    /// The levels of a stage, each with the numbers of its deletions.
    #[must_use]
    pub fn levels(&self, stage: Stage) -> Vec<(u32, Range<usize>)> {
        self.deletions.levels(stage)
    }

    /// The numbers of the deletions in the order of stage and key, whatever their levels are.
    pub fn by_key(&self) -> impl Iterator<Item = usize> + '_ {
        self.deletions.by_key()
    }

    /// Whether nothing goes, and nothing is written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.deletions.is_empty() && self.links.is_empty()
    }

    /// All bytes of what goes; if no number can hold them, the largest.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        (0..self.deletions.len()).map(|number| self.deletions.size(number)).fold(0, u64::saturating_add)
    }
}

/// Whether a planned deletion may still go, once more is known to be needed than when it was planned.
#[must_use]
pub fn still_goes(deletion: &Deletion, graph: &Graph, marks: &Marks, dismissed: &Dismissed) -> bool {
    let digests = [&deletion.digest, &deletion.alias];
    let mut ids = digests.into_iter().flatten().map(|digest| graph.id(digest));
    match (deletion.stage, &deletion.repository) {
        (Stage::Upload, _) => true,
        (Stage::Revision | Stage::LayerLink, Some((at, _))) if dismissed.is_lone_link(*at, &deletion.key) => true,
        (Stage::Blob, _) | (_, None) => ids.all(|id| marks.anywhere(id).is_none()),
        // What a tag names may be needed for another reason; that the tag goes was decided.
        (Stage::Tag, Some((at, _))) => dismissed.is_of_tag(*at, &deletion.key),
        (Stage::TagHistory, Some((at, _))) if dismissed.is_of_tag(*at, &deletion.key) => true,
        (Stage::TagHistory | Stage::Revision | Stage::LayerLink, Some((at, _))) => {
            ids.all(|id| marks.in_repository(*at, id).is_none())
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::super::levels::{levels, set_levels};
    use super::super::options::Options;
    use super::super::scene::{self, Storage};
    use super::*;
    use crate::collect::graph::{Expectation, Fetched};
    use crate::layout;
    use crate::model::Timestamp;

    fn going(digest: &Digest) -> Deletion {
        let name = RepositoryName::new("a").unwrap();
        Deletion {
            stage: Stage::Revision,
            key: layout::revision_link(&name, digest),
            upload_id: None,
            digest: Some(digest.clone()),
            alias: None,
            repository: Some((0, name)),
            evidence: Evidence { size: 71, modified: Timestamp::from_days(1), etag: None, outside: false },
            reason: DeleteReason::UntaggedManifest,
            rule: None,
            level: 0,
        }
    }

    /// A manifest of these children, about that subject.
    fn add(graph: &mut Graph, children: &[&Digest], subject: Option<&Digest>) -> Digest {
        let descriptor = |digest: &&Digest| format!(r#"{{"digest":"{digest}"}}"#);
        let children: Vec<String> = children.iter().map(descriptor).collect();
        let subject = subject.map_or("null".to_owned(), |digest| descriptor(&digest));
        let json = format!(r#"{{"schemaVersion":2,"manifests":[{}],"subject":{subject}}}"#, children.join(","));
        let digest = Digest::of(json.as_bytes());
        graph.learn(&digest, Expectation::Manifest, &Fetched::Bytes(json.into()));
        digest
    }

    /// A plan with one key twice would be saved, and refused when it is to be applied.
    #[test]
    fn key_goes_once_whatever_its_levels_are() {
        let at = |content: &[u8], level| Deletion { level, ..going(&Digest::of(content)) };
        let plan = Plan::new(vec![at(b"a", 0), at(b"b", 0), at(b"a", 1)].into());
        assert_eq!(plan.deletions().iter().collect::<Vec<_>>(), [at(b"b", 0), at(b"a", 1)]);
    }

    #[test]
    fn parents_go_before_children_and_subjects_before_what_is_about_them() {
        let mut graph = Graph::default();
        let child = add(&mut graph, &[], None);
        let inner = add(&mut graph, &[&child], None);
        let outer = add(&mut graph, &[&inner, &child], None);
        let signature = add(&mut graph, &[], Some(&outer));
        let mut deletions: Deletions = [&child, &signature, &inner, &outer].map(going).into_iter().collect();
        set_levels(&mut deletions, &graph);
        let level = |digest: &Digest| deletions.iter().find(|it| it.digest.as_ref() == Some(digest)).unwrap().level;
        assert!(level(&outer) < level(&inner) && level(&inner) < level(&child), "{deletions:#?}");
        assert!(level(&outer) < level(&signature));
        let plan = Plan::new(deletions);
        assert_eq!(plan.deletions().get(0).digest.as_ref(), Some(&outer));
        assert_eq!(plan.deletions().get(3).digest.as_ref(), Some(&child));
    }

    #[test]
    fn what_is_planned_twice_goes_once() {
        let digest = Digest::of(b"x");
        assert_eq!(Plan::new(vec![going(&digest), going(&digest)].into()).deletions().len(), 1);
    }

    #[test]
    fn bytes_are_those_of_all_that_goes() {
        let of_size = |content: &[u8], size| {
            let going = going(&Digest::of(content));
            Deletion { evidence: Evidence { size, ..going.evidence.clone() }, ..going }
        };
        assert_eq!(Plan::new(vec![of_size(b"a", 3), of_size(b"b", 4)].into()).bytes(), 7);
        assert_eq!(Plan::new(vec![of_size(b"a", u64::MAX), of_size(b"b", 4)].into()).bytes(), u64::MAX);
        assert!(Plan::default().is_empty() && !Plan::new(vec![of_size(b"a", 3)].into()).is_empty());
    }

    #[test]
    fn what_is_named_in_a_circle_goes_last() {
        let mut graph = Graph::default();
        let [child, inner] = ["child", "inner"].map(scene::of);
        let (one, two) = (scene::sha512("one"), scene::sha512("two"));
        // Links of other names can claim what no bytes can: each stands for the other.
        let mut storage = Storage::default();
        storage.link(layout::layer_link(&scene::name("a"), &one), &two.to_string());
        storage.link(layout::layer_link(&scene::name("a"), &two), &one.to_string());
        graph.learn_links(&storage.inventory(&scene::options()));
        let outer = add(&mut graph, &[&child, &inner], None);
        let digests = [&one, &two, &outer, &child, &inner];
        let ids = digests.map(|digest| graph.intern(digest));
        let level = levels(ids.into_iter(), &graph);
        assert_eq!(ids.map(|id| level[&id]), [5, 5, 0, 1, 1]);
    }

    #[test]
    fn child_of_many_goes_after_the_last_of_them() {
        let mut graph = Graph::default();
        let child = add(&mut graph, &[], None);
        let one = add(&mut graph, &[&child], None);
        let two = add(&mut graph, &[&child, &one], None);
        let three = add(&mut graph, &[&two, &child], None);
        let unplanned = add(&mut graph, &[&three], None);
        let ids = [&three, &two, &one, &child].map(|digest| graph.intern(digest));
        let level = levels(ids.into_iter(), &graph);
        assert_eq!(ids.map(|id| level[&id]), [0, 1, 2, 3], "what stays has no level");
        assert!(!level.contains_key(&graph.intern(&unplanned)));
    }

    #[test]
    fn what_is_about_something_that_stays_waits_for_nothing() {
        let mut graph = Graph::default();
        let subject = add(&mut graph, &[], None);
        let child = add(&mut graph, &[&subject], None);
        let about = add(&mut graph, &[&child], Some(&subject));
        let ids = [&about, &child].map(|digest| graph.intern(digest));
        let level = levels(ids.into_iter(), &graph);
        assert_eq!(ids.map(|id| level[&id]), [0, 1]);
        assert_eq!(level.len(), 2, "what stays has no level");
    }

    #[test]
    fn only_revisions_have_levels() {
        let mut storage = Storage::default();
        let child = storage.index("a", &[]);
        let index = storage.index("a", &[&child]);
        storage.put(layout::layer_link(&scene::name("a"), &child));
        storage.put(layout::layer_link(&scene::name("a"), &index));
        let (_, plan) = storage.scan(&scene::options());
        let levels = |stage| {
            let of_stage = plan.deletions().iter().filter(move |deletion| deletion.stage == stage);
            of_stage.map(|deletion| deletion.level).collect::<Vec<_>>()
        };
        assert_eq!((levels(Stage::Revision), levels(Stage::LayerLink)), (vec![0, 1], vec![0, 0]));
    }

    #[test]
    fn what_is_needed_after_all_does_not_go() {
        let mut storage = Storage::default();
        let layer = storage.layer("a", "layer");
        let image = storage.index("a", &[&layer]);
        let tag = scene::tag("v1");
        storage.put(layout::tag_history(&scene::name("a"), &tag, &image));
        storage.upload("a", &["data"]);
        storage.layer("b", "layer");
        let (before, plan) = storage.scan(&scene::options());
        assert!(plan.deletions().iter().all(|deletion| still_goes(
            &deletion,
            &before.graph,
            &before.marks,
            &before.dismissed
        )));
        storage.tag("a", "v2", &image);
        let (scan, _) = storage.scan(&scene::options());
        let goes =
            plan.deletions().iter().filter(|deletion| still_goes(deletion, &scan.graph, &scan.marks, &scan.dismissed));
        let own =
            [layout::layer_link(&scene::name("b"), &layer), layout::upload(&scene::name("a"), scene::UPLOAD) + "data"];
        assert_eq!(goes.map(|deletion| deletion.key.clone()).collect::<Vec<_>>(), own);
    }

    #[test]
    fn pointers_are_what_names_something() {
        let pointers = Stage::ALL.map(Stage::is_pointer);
        assert_eq!(pointers, [true, true, true, true, false, false]);
    }

    #[test]
    fn entry_of_history_that_the_tag_names_now_stays() {
        let mut storage = Storage::default();
        let gone = scene::of("gone");
        storage.tag("a", "v1", &gone);
        storage.put(layout::tag_history(&scene::name("a"), &scene::tag("v1"), &scene::of("before")));
        let (_, plan) = storage.scan(&scene::options());
        let keys: Vec<_> = plan.deletions().iter().map(|deletion| deletion.digest.clone()).collect();
        assert_eq!(keys, [Some(scene::of("before"))]);
    }

    #[test]
    fn upload_goes_whole_once_its_newest_file_is_old() {
        let mut storage = Storage::default();
        storage.upload("a", &["startedat", "data"]);
        let data = layout::upload(&scene::name("a"), scene::UPLOAD) + "data";
        let weekly = Options { uploads_older_than: Some(7 * scene::DAY), ..scene::options() };
        assert!(storage.kept(&weekly).is_empty());
        let scoped = Options { repositories: vec!["b".parse().unwrap()], ..weekly.clone() };
        assert_eq!(storage.kept(&scoped).len(), 2);
        let mut outside = storage.clone();
        outside.seen(&data).outside = true;
        assert_eq!(outside.kept(&weekly).len(), 2);
        storage.seen(&data).modified = scene::NOW;
        assert_eq!(storage.kept(&weekly).len(), 2);
    }

    #[test]
    fn every_stage_has_its_word() {
        let words = ["tag", "tag_history", "revision", "layer_link", "upload", "blob"];
        assert_eq!(Stage::ALL.map(Stage::name), words);
    }
    #[test]
    fn links_are_written_once_and_what_is_needed_before_what_needs_it() {
        let link = |stage, key: &str| NewLink { stage, key: key.into(), content: Digest::of(key.as_bytes()) };
        let links = [
            link(Stage::Revision, "b"),
            link(Stage::LayerLink, "d"),
            link(Stage::Revision, "a"),
            link(Stage::LayerLink, "c"),
            link(Stage::Revision, "b"),
        ];
        let plan = Plan::default().writing(links.to_vec());
        let told: Vec<(Stage, &str)> = plan.links().iter().map(|link| (link.stage, link.key.as_str())).collect();
        let (layer, revision) = (Stage::LayerLink, Stage::Revision);
        assert_eq!(told, [(layer, "c"), (layer, "d"), (revision, "a"), (revision, "b")]);
        assert!(!plan.is_empty() && Plan::default().writing(Vec::new()).is_empty());
    }

    #[test]
    fn each_level_of_a_stage_is_told_with_what_goes_in_it() {
        let at = |content: &[u8], level| Deletion { level, ..going(&Digest::of(content)) };
        let plan = Plan::new(vec![at(b"a", 4), at(b"b", 0), at(b"c", 4)].into());
        assert_eq!(plan.levels(Stage::Revision), [(0, 0..1), (4, 1..3)]);
        assert_eq!(plan.levels(Stage::Blob), []);
        let in_order: Vec<usize> = plan.by_key().collect();
        let keys: Vec<String> = in_order.iter().map(|number| plan.deletions().get(*number).key).collect();
        assert!(in_order.len() == 3 && keys.is_sorted(), "{keys:?}");
    }

    /// A tag that goes may name what is needed for another reason, and a repair may take a link away from it.
    #[test]
    fn what_is_needed_after_all_stays_but_for_history_of_tags_that_go_and_links_of_a_repair() {
        let mut storage = Storage::default();
        let layer = storage.layer("a", "layer");
        let (old, new) = (storage.index("a", &[&layer]), storage.index("a", &[]));
        for (tag, image) in [("v1", &new), ("v2", &old), ("v3", &old)] {
            storage.tag("a", tag, image);
        }
        let name = scene::name("a");
        let history = |tag: &str| layout::tag_history(&name, &scene::tag(tag), &old);
        storage.put(history("v1"));
        let (scan, _) = storage.scan(&scene::removing(&["a:v1"]));
        let mut dismissed = scan.dismissed.clone();
        let goes = |dismissed: &Dismissed, stage, key, digest: &Digest| {
            let going = Deletion { stage, key, ..going(digest) };
            still_goes(&going, &scan.graph, &scan.marks, dismissed)
        };
        assert!(goes(&dismissed, Stage::TagHistory, history("v1"), &old), "its tag goes");
        assert!(!goes(&dismissed, Stage::TagHistory, history("v2"), &old), "its tag stays");
        let link = layout::layer_link(&name, &layer);
        assert!(!goes(&dismissed, Stage::LayerLink, link.clone(), &layer));
        let why = crate::collect::dismissed::Why::repair(DeleteReason::Unreadable);
        dismissed.add_lone_link(0, link.clone(), storage.seen(&link).clone(), &why);
        assert!(goes(&dismissed, Stage::LayerLink, link, &layer), "the repair takes it away");
        assert!(!goes(&dismissed, Stage::Revision, layout::revision_link(&name, &old), &old), "and nothing else");
    }
}
