//! What goes by decision although a pointer names it: because the user has named it (`rm`), or by a rule (`prune`).
//!
//! A value. Everything in it is noted as the scan saw it, and counts only as long as it looks the same: a tag that is
//! pushed again, a manifest that is sent again is a new one, of which nobody has decided anything. So marks that are made
//! from a later look are right without this being made anew.

use super::decide::DeleteReason;
use super::entry::Evidence;
use super::inventory::{Inventory, Link, Repository, TagEntry};
use super::roots::names;
use super::tag_change::{can_be_told_from, is_half_pushed};
use crate::layout::StorageKey;
use crate::model::{Digest, Tag, Timestamp};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::Duration;

pub use super::why::Why;

/// A push that is under way has mostly ended by then.
const A_MOMENT: Duration = Duration::from_secs(2);

/// All that is dismissed, by the repository's index in the inventory.
#[derive(Debug, Clone, Default)]
pub struct Dismissed {
    pub(super) repositories: BTreeMap<usize, Here>,
}

/// What is dismissed in one repository, and how the scan saw it.
#[derive(Debug, Clone, Default)]
pub(super) struct Here {
    pub(super) tags: BTreeMap<Tag, (TagEntry, Why)>,
    pub(super) manifests: HashMap<Digest, (Option<Evidence>, Why)>,
    layers: HashMap<Digest, (Evidence, Why)>,
    /// Those among the manifests that were meant themselves, and not only as part of something.
    meant: HashSet<Digest>,
    /// Those among them that must not stay: if something needs one, nothing goes.
    must_go: BTreeSet<Digest>,
    is_whole: bool,
    /// Single links, by their keys: they go whatever needs what they name, as they give nobody anything.
    links: HashMap<String, (Evidence, Why)>,
    /// Tags that a rule keeps, and that do not go with their image either.
    pub(super) kept: BTreeSet<Tag>,
}

impl Dismissed {
    /// Whether nothing is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.repositories.is_empty()
    }

    /// A tag with its history, and the manifest that it names: that goes if nothing else needs it. A tag of which a part
    /// lies outside the root cannot go, and is not dismissed.
    pub fn add_tag(&mut self, inventory: &Inventory, at: usize, tag: &Tag, why: &Why) {
        let Some(repository) = inventory.repositories.get(at) else { return };
        let Some(entry) = repository.tags.get(tag) else { return };
        let current = entry.current.as_ref();
        if current.is_some_and(|current| current.evidence.outside) || entry.history.iter().any(Link::is_outside) {
            return;
        }
        if let Some(digest) = entry.current.as_ref().and_then(|current| current.target.digest()) {
            let digest = digest.clone();
            self.add_tagged(inventory, at, &digest, why);
        }
        self.here(at).tags.entry(tag.clone()).or_insert_with(|| (entry.clone(), why.clone()));
    }

    /// The manifest of a tag that goes, or is gone: it goes as well if nothing else needs it.
    pub fn add_tagged(&mut self, inventory: &Inventory, at: usize, digest: &Digest, why: &Why) {
        let Some(repository) = inventory.repositories.get(at) else { return };
        self.add(repository, at, digest, why);
        // A rule that drops a tag says nothing of what the tagged manifest is about.
        if why.reason == DeleteReason::Named {
            self.here(at).meant.insert(digest.clone());
        }
    }

    /// A manifest, with every tag that names it. Its revision link may be missing.
    pub fn add_manifest(&mut self, inventory: &Inventory, at: usize, digest: &Digest, why: &Why) {
        let Some(repository) = inventory.repositories.get(at) else { return };
        let tagged = repository.current_tags().filter(|(_, current)| current.target.digest() == Some(digest));
        let tags: Vec<Tag> = tagged.map(|(tag, _)| tag).collect();
        for tag in tags {
            self.add_tag(inventory, at, &tag, why);
        }
        self.add_named(repository, at, digest, why);
    }

    fn add_named(&mut self, repository: &Repository, at: usize, digest: &Digest, why: &Why) {
        self.add(repository, at, digest, why);
        let here = self.here(at);
        here.meant.insert(digest.clone());
        here.must_go.insert(digest.clone());
    }

    /// A manifest that has no tag, or loses it by a rule: it goes if nothing else needs it.
    pub fn add_untagged(&mut self, inventory: &Inventory, at: usize, digest: &Digest, why: &Why) {
        if let Some(repository) = inventory.repositories.get(at) {
            self.add(repository, at, digest, why);
        }
    }

    /// All of a repository, so that it is gone from the catalogue as well. Repositories below it stay.
    pub fn add_repository(&mut self, inventory: &Inventory, at: usize, why: &Why) {
        let Some(repository) = inventory.repositories.get(at) else { return };
        for tag in repository.tags.keys() {
            self.add_tag(inventory, at, &tag, why);
        }
        for digest in repository.revisions.names() {
            self.add_named(repository, at, &digest, why);
        }
        let here = self.here(at);
        here.is_whole = true;
        let layers = repository.layers.iter();
        here.layers.extend(layers.map(|link| (link.digest.clone(), (link.evidence(), why.clone()))));
    }

    /// A tag with its history, and nothing that it names: that is not there.
    pub fn add_lone_tag(&mut self, inventory: &Inventory, at: usize, tag: &Tag, why: &Why) {
        let Some(entry) = inventory.repositories.get(at).and_then(|repository| repository.tags.get(tag)) else {
            return;
        };
        let current = entry.current.as_ref();
        if current.is_some_and(|current| current.evidence.outside) || entry.history.iter().any(Link::is_outside) {
            return;
        }
        self.here(at).tags.entry(tag.clone()).or_insert_with(|| (entry.clone(), why.clone()));
    }

    /// A single link of this key, whatever needs what it names. One that lies outside the root stays.
    pub fn add_lone_link(&mut self, at: usize, key: String, evidence: Evidence, why: &Why) {
        if !evidence.outside {
            self.here(at).links.insert(key, (evidence, why.clone()));
        }
    }

    /// Why a single link goes, if it is dismissed and looks as it did then.
    #[must_use]
    pub fn lone_link(
        &self,
        at: usize,
        key: impl FnOnce() -> String,
        evidence: impl FnOnce() -> Evidence,
    ) -> Option<&Why> {
        let here = self.repositories.get(&at).filter(|here| !here.links.is_empty())?;
        let (seen, why) = here.links.get(&key())?;
        (*seen == evidence()).then_some(why)
    }

    /// Whether any single link of a repository is.
    #[must_use]
    pub fn has_lone_links(&self, at: usize) -> bool {
        self.repositories.get(&at).is_some_and(|here| !here.links.is_empty())
    }

    /// Whether the key is that of a single link that is dismissed.
    #[must_use]
    pub fn is_lone_link(&self, at: usize, key: &str) -> bool {
        self.repositories.get(&at).is_some_and(|here| here.links.contains_key(key))
    }

    /// A tag that stays even if it is about an image that goes: a rule says so.
    pub fn keep_tag(&mut self, at: usize, tag: &Tag) {
        self.here(at).kept.insert(tag.clone());
    }

    pub(super) fn here(&mut self, at: usize) -> &mut Here {
        self.repositories.entry(at).or_default()
    }

    /// Tells whether it is new.
    pub(super) fn add(&mut self, repository: &Repository, at: usize, digest: &Digest, why: &Why) -> bool {
        let seen = repository.revisions.find(digest).map(|link| link.evidence());
        let manifests = &mut self.here(at).manifests;
        let is_new = !manifests.contains_key(digest);
        manifests.entry(digest.clone()).or_insert_with(|| (seen, why.clone()));
        is_new
    }

    /// Why a tag goes, if it is dismissed and looks as it did then.
    #[must_use]
    pub fn tag(&self, at: usize, tag: &Tag, entry: &TagEntry) -> Option<&Why> {
        let (seen, why) = self.repositories.get(&at)?.tags.get(tag)?;
        (seen == entry).then_some(why)
    }

    /// How a dismissed tag was seen.
    #[must_use]
    pub fn seen(&self, at: usize, tag: &Tag) -> Option<&TagEntry> {
        self.repositories.get(&at)?.tags.get(tag).map(|(seen, _)| seen)
    }

    /// Why a revision link goes, if it is dismissed and looks as it did then, and nothing needs it.
    #[must_use]
    pub fn revision(&self, at: usize, link: &Link) -> Option<&Why> {
        let here = self.repositories.get(&at)?;
        let (seen, why) = names(link).find_map(|digest| here.manifests.get(digest))?;
        seen.as_ref().is_none_or(|seen| *seen == link.evidence()).then_some(why)
    }

    /// Why a manifest is dismissed, whether it is linked or not.
    #[must_use]
    pub fn manifest(&self, at: usize, digest: &Digest) -> Option<&Why> {
        self.repositories.get(&at)?.manifests.get(digest).map(|(_, why)| why)
    }

    /// Why a layer link goes, if its whole repository is dismissed and it looks as it did then.
    #[must_use]
    pub fn layer(&self, at: usize, link: &Link) -> Option<&Why> {
        let (seen, why) = self.repositories.get(&at)?.layers.get(&link.digest)?;
        (*seen == link.evidence()).then_some(why)
    }

    /// Whether a manifest was meant itself. Then what it is about does not keep it.
    #[must_use]
    pub fn is_meant(&self, at: usize, link: &Link) -> bool {
        let is_meant = |here: &Here| names(link).any(|digest| here.meant.contains(digest));
        self.repositories.get(&at).is_some_and(is_meant) && self.revision(at, link).is_some()
    }

    /// Whether all of a repository is dismissed.
    #[must_use]
    pub fn is_whole(&self, at: usize) -> bool {
        self.repositories.get(&at).is_some_and(|here| here.is_whole)
    }

    /// The manifests that the user has named, and that must not stay.
    pub fn must_go(&self) -> impl Iterator<Item = (usize, &Digest)> {
        self.repositories.iter().flat_map(|(at, here)| here.must_go.iter().map(move |digest| (*at, digest)))
    }

    /// A tag that stays after all, and keeps what it names.
    pub fn spare_tag(&mut self, at: usize, tag: &str) {
        if let Some(here) = self.repositories.get_mut(&at) {
            here.tags.retain(|known, _| known.as_str() != tag);
        }
    }

    /// When to look once more: a later write to one of these tags could not be told from what was seen at `looked`, or a
    /// push to one is under way.
    #[must_use]
    pub fn look_again(&self, looked: Timestamp, settle: Duration) -> Option<Timestamp> {
        let entries = self.repositories.values().flat_map(|here| here.tags.values());
        let times = entries.filter_map(|(seen, _)| {
            let soon = is_half_pushed(seen, looked, settle).then(|| looked.plus(A_MOMENT));
            can_be_told_from(seen, looked).max(soon)
        });
        times.max()
    }

    /// Tags of which that still holds: they stay.
    pub fn spare_just_pushed(&mut self, looked: Timestamp, settle: Duration) -> Vec<(usize, Tag)> {
        let mut spared = Vec::new();
        for (at, here) in &mut self.repositories {
            here.tags.retain(|tag, (seen, _)| {
                let is_told = can_be_told_from(seen, looked).is_none() && !is_half_pushed(seen, looked, settle);
                if !is_told {
                    spared.push((*at, tag.clone()));
                }
                is_told
            });
        }
        spared
    }

    /// Whether the key is that of a dismissed tag, or of an entry in its history.
    #[must_use]
    pub fn is_of_tag(&self, at: usize, key: &str) -> bool {
        let (StorageKey::TagCurrent { tag, .. } | StorageKey::TagHistory { tag, .. }) = StorageKey::parse(key) else {
            return false;
        };
        self.repositories.get(&at).is_some_and(|here| here.tags.contains_key(tag))
    }
}

#[cfg(test)]
mod tests {
    use super::super::scene::{DAY, NOW, Storage, keys, name, of, options, removing, sha512, tag};
    use super::*;
    use crate::collect::mark::mark_without;
    use crate::collect::options::Options;
    use crate::collect::roots::roots;
    use crate::layout;
    use std::collections::BTreeSet;

    fn gone(storage: &Storage, options: &Options) -> BTreeSet<String> {
        let (_, plan) = storage.scan(options);
        keys(&plan)
    }

    fn links_of_tag(text: &str, digest: &Digest) -> [String; 2] {
        [layout::tag_current(&name("a"), &tag(text)), layout::tag_history(&name("a"), &tag(text), digest)]
    }

    fn revision(digest: &Digest) -> String {
        layout::revision_link(&name("a"), digest)
    }

    fn set<const N: usize>(lists: [Vec<String>; N]) -> BTreeSet<String> {
        lists.into_iter().flatten().collect()
    }

    /// Two images that share a layer, each with its tag.
    fn two() -> (Storage, Digest, Digest) {
        let mut storage = Storage::default();
        let layer = storage.layer("a", "layer");
        let one = storage.index("a", &[&layer]);
        let two = storage.index("a", &[&layer, &layer]);
        storage.tag("a", "v1", &one);
        storage.tag("a", "v2", &two);
        storage.upload("a", &["data"]);
        storage.layer("a", "garbage");
        (storage, one, two)
    }

    #[test]
    fn named_tag_goes_with_its_manifest_and_nothing_else_does() {
        let (mut storage, one, _) = two();
        assert!(gone(&storage, &removing(&[])).is_empty());
        let expected = set([links_of_tag("v1", &one).to_vec(), vec![revision(&one)]]);
        assert_eq!(gone(&storage, &removing(&["a:v1"])), expected);
        // Another tag names it: only the tag goes.
        storage.tag("a", "v3", &one);
        assert_eq!(gone(&storage, &removing(&["a:v1"])), set([links_of_tag("v1", &one).to_vec()]));
        assert_eq!(storage.scan(&removing(&["a:v1"])).1.deletions().get(0).reason, DeleteReason::Named);
        // Whatever its age.
        for key in [revision(&one), links_of_tag("v1", &one)[0].clone(), links_of_tag("v3", &one)[0].clone()] {
            storage.seen(&key).modified = NOW;
        }
        let young = Options { min_age: DAY, ..removing(&["a:v1", "a:v3"]) };
        assert!(gone(&storage, &young).contains(&revision(&one)));
    }

    #[test]
    fn named_digest_goes_with_every_tag_that_names_it() {
        let (mut storage, one, two) = two();
        storage.tag("a", "v3", &one);
        let named = removing(&[&format!("a@{one}")]);
        let tags = [links_of_tag("v1", &one), links_of_tag("v3", &one)].concat();
        assert_eq!(gone(&storage, &named), set([tags, vec![revision(&one)]]));
        let (scan, _) = storage.scan(&named);
        assert_eq!(scan.dismissed.must_go().collect::<Vec<_>>(), [(0, &one)]);
        let (scan, _) = storage.scan(&removing(&["a:v1"]));
        assert_eq!(scan.dismissed.must_go().count(), 0, "a tag was named, and what it names may be needed");
        // What an index names stays with it.
        let index = storage.index("a", &[&one]);
        storage.tag("a", "v4", &index);
        assert!(!gone(&storage, &named).contains(&revision(&one)));
        assert!(!gone(&storage, &named).contains(&revision(&two)));
    }

    #[test]
    fn whole_repository_goes_with_all_that_is_in_it() {
        let (mut storage, one, _) = two();
        storage.tag("b", "v1", &one);
        storage.put(layout::revision_link(&name("b"), &one));
        storage.upload("b", &["data"]);
        let in_a = |key: &String| key.starts_with(&layout::repository(&name("a")));
        let all: BTreeSet<String> = storage.objects.keys().filter(|key| in_a(key)).cloned().collect();
        // The other repository's image names a layer that only this one links.
        let layer = layout::layer_link(&name("a"), &of("layer"));
        let whole = storage.scan(&removing(&["a"])).0;
        assert!(whole.dismissed.is_whole(0) && !whole.dismissed.is_whole(1));
        assert_eq!(gone(&storage, &removing(&["a"])), all);
        assert!(all.contains(&layer));
        assert!(gone(&storage, &removing(&["b:v1"])).iter().all(|key| !in_a(key) && !key.contains("_uploads")));
    }

    #[test]
    fn damaged_repository_lets_go_only_of_what_is_named_whole() {
        let (mut storage, one, _) = two();
        storage.manifest("a", "{");
        let tags = links_of_tag("v1", &one);
        assert_eq!(gone(&storage, &removing(&["a:v1"])), set([tags.to_vec()]), "something may need the manifest");
        let whole = gone(&storage, &removing(&["a"]));
        assert_eq!(whole.len(), storage.objects.keys().filter(|key| !key.starts_with(layout::BLOBS)).count());
        // The one that cannot be read damages nothing once it is what goes.
        let broken = removing(&[&format!("a@{}", of("{"))]);
        assert_eq!(gone(&storage, &broken), set([vec![revision(&of("{"))]]));
    }

    #[test]
    fn children_and_what_is_about_an_image_go_with_it() {
        let mut storage = Storage::default();
        let child = storage.index("a", &[]);
        let shared = storage.index("a", &[&of("x")]);
        let index = storage.index("a", &[&child, &shared]);
        let other = storage.index("a", &[&shared]);
        storage.tag("a", "v1", &index);
        storage.tag("a", "v2", &other);
        let sbom = storage.about("a", &[], Some(&index));
        let above = storage.about("a", &[], Some(&sbom));
        let of_child = storage.about("a", &[&of("y")], Some(&child));
        let expected = [&index, &child, &sbom, &above, &of_child].map(revision);
        assert_eq!(gone(&storage, &removing(&["a:v1"])), set([links_of_tag("v1", &index).to_vec(), expected.to_vec()]));
        // What is about an image may be named without it.
        assert_eq!(gone(&storage, &removing(&[&format!("a@{sbom}")])), set([vec![revision(&sbom), revision(&above)]]));
    }

    #[test]
    fn tags_that_are_bound_to_an_image_go_with_it_and_stay_with_it() {
        let (mut storage, one, two) = two();
        let bound = format!("sha256-{}.sig", one.hex());
        let signature = storage.index("a", &[&of("signature")]);
        storage.tag("a", &bound, &signature);
        let expected = [links_of_tag("v1", &one), links_of_tag(&bound, &signature)].concat();
        let manifests = vec![revision(&one), revision(&signature)];
        assert_eq!(gone(&storage, &removing(&["a:v1"])), set([expected, manifests]));
        assert!(gone(&storage, &removing(&["a:v2"])).contains(&revision(&two)));
        assert!(!gone(&storage, &removing(&["a:v2"])).contains(&revision(&signature)));
        storage.tag("a", "v3", &one);
        assert_eq!(gone(&storage, &removing(&["a:v1"])), set([links_of_tag("v1", &one).to_vec()]), "the image stays");
    }

    #[test]
    fn tag_outside_of_the_root_stays_with_all_it_names() {
        let (storage, one, _) = two();
        for key in links_of_tag("v1", &one) {
            let mut linked = storage.clone();
            linked.seen(&key).outside = true;
            assert_eq!(gone(&linked, &removing(&["a:v1"])), BTreeSet::new(), "{key}");
        }
    }

    /// Of what looks otherwise by now nobody has decided anything.
    #[test]
    fn decision_counts_only_as_long_as_everything_looks_the_same() {
        let (mut storage, one, two) = two();
        let (scan, _) = storage.scan(&removing(&["a"]));
        let (dismissed, v1) = (&scan.dismissed, tag("v1"));
        let looks = |storage: &Storage| {
            let inventory = storage.inventory(&options());
            let repository = &inventory.repositories[0];
            let revision = repository.revisions.iter().find(|link| link.digest == one);
            let (Some(revision), Some(layer)) = (revision, repository.layers.find(&of("layer"))) else {
                return [false; 4];
            };
            [
                repository.tags.get(&v1).is_some_and(|entry| dismissed.tag(0, &v1, &entry).is_some()),
                dismissed.revision(0, &revision).is_some(),
                dismissed.is_meant(0, &revision),
                dismissed.layer(0, &layer).is_some(),
            ]
        };
        assert_eq!(looks(&storage), [true; 4]);
        assert_eq!(dismissed.seen(0, &v1).map(|entry| entry.history.len()), Some(1));
        assert!(dismissed.manifest(0, &two).is_some() && dismissed.manifest(1, &two).is_none());
        assert!(dismissed.manifest(0, &of("layer")).is_none() && dismissed.seen(0, &tag("v9")).is_none());
        for key in [revision(&one), layout::layer_link(&name("a"), &of("layer"))] {
            storage.seen(&key).modified = NOW;
        }
        storage.tag("a", "v1", &two);
        assert_eq!(looks(&storage), [false; 4]);
    }

    #[test]
    fn revision_by_another_name_is_meant_by_either() {
        let mut storage = Storage::default();
        let image = storage.index("a", &[]);
        storage.link(revision(&sha512("image")), &image.to_string());
        let both = set([vec![revision(&image), revision(&sha512("image"))]]);
        for digest in [image, sha512("image")] {
            assert_eq!(gone(&storage, &removing(&[&format!("a@{digest}")])), both);
        }
    }

    #[test]
    fn only_keys_of_dismissed_tags_are_theirs_and_a_spared_one_is_none() {
        let (storage, one, _) = two();
        let (mut scan, _) = storage.scan(&removing(&["a:v1", "a:v2"]));
        let [current, history] = links_of_tag("v1", &one);
        let is_of = |dismissed: &Dismissed| [&current, &history].map(|key| dismissed.is_of_tag(0, key));
        assert_eq!(is_of(&scan.dismissed), [true, true]);
        assert!(!scan.dismissed.is_of_tag(1, &current) && !scan.dismissed.is_of_tag(0, &revision(&one)));
        assert!(!scan.dismissed.is_of_tag(0, &links_of_tag("v3", &one)[0]));
        scan.dismissed.spare_tag(0, "v1");
        assert_eq!(is_of(&scan.dismissed), [false, false]);
        assert!(scan.dismissed.is_of_tag(0, &links_of_tag("v2", &one)[0]));
        assert!(!scan.dismissed.is_empty() && Dismissed::default().is_empty());
    }

    #[test]
    fn what_a_rule_lets_go_goes_only_if_nothing_else_needs_it() {
        let (mut storage, one, _) = two();
        let untagged = storage.index("a", &[]);
        let child = storage.index("a", &[&of("x")]);
        let index = storage.index("a", &[&child]);
        storage.tag("a", "v3", &index);
        let inventory = storage.inventory(&options());
        let (mut dismissed, why) = (Dismissed::default(), Why::rule("keep = 1"));
        for digest in [&untagged, &child] {
            dismissed.add_untagged(&inventory, 0, digest, &why);
        }
        dismissed.add_untagged(&inventory, 9, &untagged, &why);
        dismissed.add_tag(&inventory, 0, &tag("v1"), &why);
        let repository = &inventory.repositories[0];
        let links = repository.revisions.iter().filter(|link| [&untagged, &child, &one].contains(&&link.digest));
        for link in links {
            assert_eq!(dismissed.revision(0, &link), Some(&why));
            assert!(!dismissed.is_meant(0, &link), "what it is about may keep it");
        }
        assert_eq!((dismissed.must_go().count(), &why.reason), (0, &DeleteReason::Retention));
        let mut graph = storage.scan(&options()).0.graph;
        let careful = Options { delete_untagged: false, ..options() };
        let roots = roots(&inventory, &graph, &careful, &dismissed, NOW);
        let marks = mark_without(&inventory, &mut graph, &roots, &dismissed);
        let is_needed = |digest: &Digest| marks.in_repository(0, graph.id(digest)).is_some();
        assert_eq!([&untagged, &one, &child, &index].map(is_needed), [false, false, true, true]);
    }

    /// Who names a signature's tag means the signature; a rule that drops the tag says nothing of it.
    #[test]
    fn what_is_about_an_image_that_stays_goes_only_if_it_was_meant() {
        let (mut storage, one, _) = two();
        let sbom = storage.about("a", &[], Some(&one));
        storage.tag("a", "sbom", &sbom);
        let expected = set([links_of_tag("sbom", &sbom).to_vec(), vec![revision(&sbom)]]);
        assert_eq!(gone(&storage, &removing(&["a:sbom"])), expected);
        let inventory = storage.inventory(&options());
        let mut dismissed = Dismissed::default();
        dismissed.add_tag(&inventory, 0, &tag("sbom"), &Why::rule("keep = 1"));
        let link = inventory.repositories[0].revisions.iter().find(|link| link.digest == sbom);
        assert!(link.is_some_and(|link| !dismissed.is_meant(0, &link)));
    }

    /// What a repair takes away: what a tag names is not there, so nothing is decided of it.
    #[test]
    fn lone_tag_goes_with_its_history_alone() {
        let (mut storage, one, two) = two();
        storage.seen(&links_of_tag("v2", &two)[0]).outside = true;
        storage.tag("a", "v3", &one);
        storage.seen(&links_of_tag("v3", &one)[1]).outside = true;
        let inventory = storage.inventory(&options());
        let (mut dismissed, why) = (Dismissed::default(), Why::repair(DeleteReason::Dangling));
        for (at, name) in [(0, "v1"), (0, "v2"), (0, "v3"), (0, "v9"), (7, "v1")] {
            dismissed.add_lone_tag(&inventory, at, &tag(name), &why);
        }
        let entry = |name: &str| inventory.repositories[0].tags.get(name).unwrap_or_default();
        let goes = |name: &str| dismissed.tag(0, &tag(name), &entry(name));
        assert_eq!(["v1", "v2", "v3", "v9"].map(goes), [Some(&why), None, None, None]);
        assert!(dismissed.manifest(0, &one).is_none() && dismissed.seen(7, &tag("v1")).is_none());
    }

    #[test]
    fn lone_link_goes_as_long_as_it_looks_the_same_and_lies_in_the_root() {
        let seen = |size, outside| Evidence { size, modified: NOW, etag: None, outside };
        let (mut dismissed, why) = (Dismissed::default(), Why::repair(DeleteReason::Unreadable));
        let goes = |dismissed: &Dismissed, at, key: &str, size| {
            dismissed.lone_link(at, || key.to_owned(), || seen(size, false)).cloned()
        };
        assert!(goes(&dismissed, 0, "key", 5).is_none() && !dismissed.is_lone_link(0, "key"));
        assert!(!dismissed.has_lone_links(0));
        dismissed.add_lone_link(0, "key".into(), seen(5, false), &why);
        dismissed.add_lone_link(0, "outside".into(), seen(5, true), &why);
        assert_eq!(goes(&dismissed, 0, "key", 5), Some(why));
        assert!(dismissed.has_lone_links(0) && !dismissed.has_lone_links(1));
        for (at, key, size) in [(0, "key", 6), (1, "key", 5), (0, "other", 5), (0, "outside", 5)] {
            assert_eq!(goes(&dismissed, at, key, size), None, "{at} {key} {size}");
        }
        let keys = [(0, "key"), (1, "key"), (0, "other"), (0, "outside")];
        assert_eq!(keys.map(|(at, key)| dismissed.is_lone_link(at, key)), [true, false, false, false]);
    }

    #[test]
    fn bound_tag_that_a_rule_keeps_does_not_go_with_its_image() {
        let (mut storage, one, _) = two();
        let bound = format!("sha256-{}.sig", one.hex());
        let signature = storage.index("a", &[&of("signature")]);
        storage.tag("a", &bound, &signature);
        let inventory = storage.inventory(&options());
        for (is_kept, goes) in [(false, true), (true, false)] {
            let (mut dismissed, why) = (Dismissed::default(), Why::rule("keep = 1"));
            dismissed.add_tag(&inventory, 0, &tag("v1"), &why);
            if is_kept {
                dismissed.keep_tag(0, &tag(&bound));
            }
            let mut graph = storage.scan(&options()).0.graph;
            dismissed.complete(&inventory, &mut graph, &options(), NOW);
            assert_eq!(dismissed.seen(0, &tag(&bound)).is_some(), goes);
        }
    }

    #[test]
    fn tags_bound_to_what_a_bound_tag_names_go_as_well() {
        let (mut storage, one, _) = two();
        let mut image = one.clone();
        let mut expected = vec![links_of_tag("v1", &one).to_vec(), vec![revision(&one)]];
        for depth in ["signature", "of signature", "of signature of signature"] {
            let bound = format!("sha256-{}.sig", image.hex());
            image = storage.index("a", &[&of(depth)]);
            storage.tag("a", &bound, &image);
            expected.push(links_of_tag(&bound, &image).to_vec());
            expected.push(vec![revision(&image)]);
        }
        assert_eq!(gone(&storage, &removing(&["a:v1"])), expected.concat().into_iter().collect());
    }
    /// Else whoever pushes the same image again within that second loses it: the second push looks like the first.
    #[test]
    fn tag_that_was_pushed_a_moment_ago_is_looked_at_again_and_stays_if_it_still_was() {
        let settle = Duration::from_secs(10);
        let after = |seconds| NOW.plus(Duration::from_secs(seconds));
        let (storage, one, two) = two();
        let is_of = |dismissed: &Dismissed| {
            [("v1", &one), ("v2", &two)].map(|(tag, image)| dismissed.is_of_tag(0, &links_of_tag(tag, image)[0]))
        };
        let [_, history] = links_of_tag("v1", &one);
        // A time in whole seconds, as of S3; and a push of which only the history is written so far.
        for (written, last_seen, told_from, next_look) in [
            (links_of_tag("v1", &one).to_vec(), after(2), after(3), after(3)),
            (vec![history], after(9), after(10), after(11)),
        ] {
            let mut storage = storage.clone();
            for key in &written {
                storage.seen(key).modified = NOW;
            }
            let mut dismissed = storage.scan(&removing(&["a:v1", "a:v2"])).0.dismissed;
            assert_eq!(dismissed.look_again(last_seen, settle), Some(next_look), "{written:?}");
            assert_eq!(dismissed.look_again(told_from, settle), None, "{written:?}");
            assert_eq!(dismissed.spare_just_pushed(told_from, settle), []);
            assert_eq!(is_of(&dismissed), [true, true], "{written:?}");
            assert_eq!(dismissed.spare_just_pushed(last_seen, settle), [(0, tag("v1"))]);
            assert_eq!(is_of(&dismissed), [false, true], "{written:?}");
        }
    }
}
