//! What of the damage can be mended, and by what: pointers that give nobody anything go, links that are needed are written.

use super::check::{Known, served};
use super::code::{Code, Level};
use super::finding::{Finding, Findings};
use super::parts::Role;
use crate::collect::decide::DeleteReason;
use crate::collect::dismissed::{Dismissed, Why};
use crate::collect::graph::Node;
use crate::collect::inventory::{Inventory, Target};
use crate::collect::options::Options;
use crate::collect::plan::{NewLink, Stage};
use crate::layout::{self, StorageKey};
use crate::model::{Digest, RepositoryName, Tag};
use std::collections::{BTreeMap, BTreeSet};

/// What mends a registry, as it was found.
#[derive(Debug, Clone, Default)]
pub struct Mend {
    /// Tags whose manifests are not there, with what they name.
    tags: BTreeMap<(RepositoryName, Tag), Digest>,
    /// Single links to take away, by their keys.
    links: BTreeMap<String, DeleteReason>,
    /// Links to write.
    writes: Vec<NewLink>,
    /// Findings of damage that this does not mend.
    pub left: u64,
}

/// A link that is written only if a manifest vouches for it.
#[derive(Debug, Clone)]
pub struct Wanted {
    link: NewLink,
    /// What manifests call it.
    pub part: Digest,
    /// The manifests of its repository that name it.
    pub manifests: Vec<Digest>,
}

impl Mend {
    /// Reads it off what was found. What is wanted, but not vouched for so far, is told beside it.
    #[must_use]
    pub fn of(known: &Known<'_>, findings: &Findings, options: &Options) -> (Self, Vec<Wanted>) {
        let (mut mend, mut wanted) = (Self::default(), Vec::new());
        for finding in findings.told() {
            let Some(name) = &finding.repository else {
                mend.left += u64::from(finding.level == Level::Damage);
                continue;
            };
            if options.is_in_scope(name.as_str()) && matches!(finding.level, Level::Damage | Level::Litter) {
                let mended = mend.add(known, name, finding, &mut wanted);
                mend.left += u64::from(!mended && finding.level == Level::Damage);
            }
        }
        (mend, wanted)
    }

    /// Tells whether it is mended, or may be.
    fn add(&mut self, known: &Known<'_>, name: &RepositoryName, finding: &Finding, wanted: &mut Vec<Wanted>) -> bool {
        let Some(digest) = &finding.digest else { return false };
        let key = || finding.key.clone();
        match (finding.code, StorageKey::parse(&finding.key)) {
            (Code::DanglingTag, StorageKey::TagCurrent { tag, .. }) => {
                self.tags.extend(Tag::new(tag).map(|tag| ((name.clone(), tag), digest.clone())));
                true
            }
            (Code::DanglingRevision | Code::DanglingLayerLink, _) => {
                self.links.insert(key(), DeleteReason::Dangling);
                true
            }
            (Code::UnreadableLink, StorageKey::LayerLink { digest, .. }) => {
                let is_there = known.graph.id(&digest).is_some_and(|id| known.stored.has(id));
                self.rewrite(Stage::LayerLink, key(), digest, is_there)
            }
            (Code::UnreadableLink, StorageKey::RevisionLink { digest, .. }) => {
                // A run that is killed before it is written anew must find that something needs it.
                let is_there = matches!(known.graph.node_of(&digest), Node::Manifest { .. });
                let is_there = is_there && is_named(known, name, &digest);
                self.rewrite(Stage::Revision, key(), digest, is_there)
            }
            (Code::BrokenTag, _) if is_whole(known, digest) => {
                let key = layout::revision_link(name, digest);
                self.writes.push(NewLink { stage: Stage::Revision, key, content: digest.clone() });
                true
            }
            (Code::MissingLink, _) => {
                wanted.extend(want(known, name, digest));
                true
            }
            _ => false,
        }
    }

    /// A link that is none can only have meant what its key says: the registry stores content by that name.
    fn rewrite(&mut self, stage: Stage, key: String, digest: Digest, is_there: bool) -> bool {
        if !matches!(digest, Digest::Sha256(_)) || !is_there {
            return false;
        }
        self.links.insert(key.clone(), DeleteReason::Unreadable);
        self.writes.push(NewLink { stage, key, content: digest });
        true
    }

    /// Adds a link that a manifest vouches for.
    pub fn vouched(&mut self, wanted: &Wanted) {
        self.writes.push(wanted.link.clone());
    }

    /// One that none vouches for: it is not mended.
    pub fn not_vouched(&mut self) {
        self.left += 1;
    }

    /// Dismisses what goes: tags as far as they name what they named, and links by their keys. A link may be pushed anew
    /// meanwhile: whether it still is what it was is looked up right before it would go.
    pub fn dismiss(&self, inventory: &Inventory, dismissed: &mut Dismissed) {
        let why = Why::repair(DeleteReason::Dangling);
        for (at, repository) in inventory.repositories.iter().enumerate() {
            for (ref tag, ref current) in repository.current_tags() {
                let digest = self.tags.get(&(repository.name.clone(), tag.clone()));
                if digest.is_some_and(|digest| current.target == Target::Digest(digest.clone())) {
                    dismissed.add_lone_tag(inventory, at, tag, &why);
                }
            }
            let revisions = repository.revisions.iter();
            let revisions = revisions.map(|link| (layout::revision_link(&repository.name, &link.digest), link));
            let layers = repository.layers.iter();
            let layers = layers.map(|link| (layout::layer_link(&repository.name, &link.digest), link));
            for (key, link) in revisions.chain(layers).filter(|_| !self.links.is_empty()) {
                if let Some(reason) = self.links.get(&key) {
                    dismissed.add_lone_link(at, key, link.evidence(), &Why::repair(*reason));
                }
            }
        }
    }

    /// The links to write, as far as a scan finds them missing, or about to be taken away; and as far as they are allowed.
    #[must_use]
    pub fn writes(&self, inventory: &Inventory, options: &Options) -> Vec<NewLink> {
        let allowed = options.repair.as_ref().and_then(|repair| repair.links.as_ref());
        let is_allowed = |link: &&NewLink| allowed.is_none_or(|links| links.get(&link.key) == Some(&link.content));
        let is_there = |link: &NewLink| {
            let (repository, digest, is_layer) = match StorageKey::parse(&link.key) {
                StorageKey::LayerLink { repository, digest } => (repository, digest, true),
                StorageKey::RevisionLink { repository, digest } => (repository, digest, false),
                _ => return true,
            };
            let found = inventory.repositories.binary_search_by(|found| found.name.as_str().cmp(repository));
            let Ok(found) = found.map(|at| &inventory.repositories[at]) else { return true };
            if is_layer { found.layers.find(&digest).is_some() } else { found.links_manifest(&digest) }
        };
        let is_open = |link: &&NewLink| self.links.contains_key(&link.key) || !is_there(link);
        self.writes.iter().filter(is_allowed).filter(is_open).cloned().collect()
    }
}

/// Whether a tag names a manifest, or another manifest of its repository does.
fn is_named(known: &Known<'_>, name: &RepositoryName, digest: &Digest) -> bool {
    let found = known.inventory.repositories.binary_search_by(|found| found.name.cmp(name));
    let (Ok(at), Some(id)) = (found, known.graph.id(digest)) else { return false };
    let repository = &known.inventory.repositories[at];
    let is_tagged = repository.current_tags().any(|(_, current)| current.target.digest() == Some(digest));
    is_tagged
        || served(known, repository).into_iter().any(|manifest| match known.graph.node(manifest) {
            Node::Manifest { references, .. } => manifest != id && references.all().contains(&id),
            Node::Plain | Node::Unreadable(_) | Node::Missing => false,
        })
}

/// Whether all that an image needs for itself is there.
fn is_whole(known: &Known<'_>, digest: &Digest) -> bool {
    let Some(id) = known.graph.id(digest) else { return false };
    let Node::Manifest { references, .. } = known.graph.node(id) else { return false };
    references.all().iter().all(|part| {
        let content = known.graph.aliases(*part).first().unwrap_or(part);
        !matches!(known.parts.role(id, *part), Role::Own | Role::OwnOfIndex) || known.stored.has(*content)
    })
}

/// A missing layer link, with the manifests that may vouch for it.
fn want(known: &Known<'_>, name: &RepositoryName, digest: &Digest) -> Option<Wanted> {
    let at = known.inventory.repositories.binary_search_by(|found| found.name.cmp(name)).ok()?;
    let repository = &known.inventory.repositories[at];
    let id = known.graph.id(digest)?;
    // Where a name stands for it by a link of this repository, manifests may name it so.
    let alias = repository.layers.odd().iter().find(|link| link.alias() == Some(digest));
    let names: BTreeSet<_> = alias.and_then(|link| known.graph.id(&link.digest)).into_iter().chain([id]).collect();
    let mut part = digest.clone();
    let mut manifests = Vec::new();
    for manifest in served(known, repository) {
        let Node::Manifest { references, .. } = known.graph.node(manifest) else { continue };
        if let Some(named) = references.all().iter().find(|reference| names.contains(reference)) {
            part = known.graph.digest(*named);
            manifests.push(known.graph.digest(manifest));
        }
    }
    let content =
        known.graph.aliases(id).first().map_or_else(|| digest.clone(), |content| known.graph.digest(*content));
    let link = NewLink { stage: Stage::LayerLink, key: layout::layer_link(name, digest), content };
    Some(Wanted { link, part, manifests })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
    use super::super::scene::{Looked, aliased, image, image_of, layer_key, revision_key, tagged};
    use super::*;
    use crate::collect::options::Repair;
    use crate::collect::scene::{NOW, Storage, name, of, options, sha512, tag};

    /// What mends a registry, and what of it waits for a manifest's word.
    fn mend(storage: &Storage) -> (Mend, Vec<Wanted>) {
        let looked = Looked::at(storage);
        Mend::of(&looked.known(), &looked.check(), &options())
    }

    /// The links that go, and those that are written, of what is mended without more ado.
    fn links(storage: &Storage) -> (Vec<(String, DeleteReason)>, Vec<NewLink>, u64) {
        let (mend, wanted) = mend(storage);
        assert!(wanted.is_empty() && mend.tags.is_empty());
        (mend.links.into_iter().collect(), mend.writes, mend.left)
    }

    fn new(stage: Stage, key: String, content: &Digest) -> NewLink {
        NewLink { stage, key, content: content.clone() }
    }

    #[test]
    fn sound_registry_needs_nothing() {
        assert_eq!(links(&tagged(&["a"]).0), (vec![], vec![], 0));
    }

    #[test]
    fn pointers_that_give_nobody_anything_go() {
        let (mut storage, _) = tagged(&["a"]);
        let (manifest, layer) = (of("manifest"), of("layer"));
        for key in [revision_key(&manifest), layer_key(&layer)] {
            storage.put(key);
        }
        let dangling = |key| (key, DeleteReason::Dangling);
        assert_eq!(links(&storage), (vec![dangling(layer_key(&layer)), dangling(revision_key(&manifest))], vec![], 0));
        storage.tag("app", "lost", &of("lost"));
        let (mend, _) = mend(&storage);
        assert_eq!(mend.tags, BTreeMap::from([((name("app"), tag("lost")), of("lost"))]));
        assert_eq!(mend.left, 0);
    }

    #[test]
    fn what_is_young_or_out_of_scope_is_left_alone() {
        let (mut storage, _) = tagged(&["a"]);
        let layer = layer_key(&of("layer"));
        storage.put(layer.clone());
        storage.tag("app", "lost", &of("lost"));
        let looked = Looked::at(&storage);
        let other = Options { repositories: vec!["other".parse().unwrap()], ..options() };
        let (mend, _) = Mend::of(&looked.known(), &looked.check(), &other);
        assert!(mend.tags.is_empty() && mend.links.is_empty() && mend.left == 0);
        for key in [layer, layout::tag_current(&name("app"), &tag("lost"))] {
            storage.seen(&key).modified = NOW;
        }
        assert_eq!(links(&storage), (vec![], vec![], 0));
    }

    #[test]
    fn link_that_says_nothing_is_written_anew_where_its_content_is_there() {
        let (mut storage, image) = tagged(&["a"]);
        storage.link(layer_key(&of("a")), "x");
        let unreadable = |key| (key, DeleteReason::Unreadable);
        let layer = new(Stage::LayerLink, layer_key(&of("a")), &of("a"));
        assert_eq!(links(&storage), (vec![unreadable(layer_key(&of("a")))], vec![layer.clone()], 0));
        storage.link(revision_key(&image), "x");
        let revision = new(Stage::Revision, revision_key(&image), &image);
        let both = vec![unreadable(layer_key(&of("a"))), unreadable(revision_key(&image))];
        let (gone, mut written, left) = links(&storage);
        written.sort();
        assert_eq!((gone, written, left), (both, vec![revision, layer], 0));
    }

    #[test]
    fn link_that_says_nothing_stays_where_nothing_can_be_put_in_its_place() {
        let (mut storage, _) = tagged(&["a"]);
        storage.link(layer_key(&of("lost")), "x");
        assert_eq!(links(&storage), (vec![], vec![], 1));
        // A name by another algorithm: what it stood for is not known.
        let (mut storage, _) = tagged(&["a"]);
        storage.put(layout::blob_data(&sha512("a")));
        storage.link(layer_key(&sha512("a")), "x");
        assert_eq!(links(&storage), (vec![], vec![], 1));
        // Killed in between, nobody would know that this manifest was ever linked.
        let mut storage = Storage::default();
        let untagged = image(&mut storage, "app", &["a"]);
        image(&mut storage, "app", &["another"]);
        storage.link(revision_key(&untagged), "x");
        assert_eq!(links(&storage), (vec![], vec![], 1));
        let index = storage.index("app", &[&untagged]);
        assert_eq!(links(&storage).1, [new(Stage::Revision, revision_key(&untagged), &untagged)], "an index names it");
        // That another repository names it does not help.
        storage.objects.remove(&revision_key(&index));
        storage.index("other", &[&untagged]);
        assert_eq!(links(&storage), (vec![], vec![], 1));
        // What it names is no manifest.
        let mut storage = Storage::default();
        let odd = storage.manifest("app", "{}");
        storage.tag("app", "v1", &odd);
        storage.link(revision_key(&odd), "x");
        let (gone, written, _) = links(&storage);
        assert_eq!((gone, written), (vec![], vec![]));
    }

    #[test]
    fn manifest_of_a_tag_is_linked_again_if_its_image_is_whole() {
        let (mut storage, image) = tagged(&["a"]);
        storage.objects.remove(&revision_key(&image));
        assert_eq!(links(&storage), (vec![], vec![new(Stage::Revision, revision_key(&image), &image)], 0));
        storage.objects.remove(&layout::blob_data(&of("a")));
        assert_eq!(links(&storage), (vec![], vec![], 2), "the tag, and what is lost");
        // Children may be absent; what it needs by another name is looked up by its own.
        let (mut storage, aliased) = aliased();
        let index = storage.index("app", &[&of("absent")]);
        for (text, digest) in [("v1", &aliased), ("v2", &index)] {
            storage.tag("app", text, digest);
            storage.objects.remove(&revision_key(digest));
        }
        let mut expected = [&index, &aliased].map(|digest| new(Stage::Revision, revision_key(digest), digest));
        expected.sort();
        let (_, mut written, left) = links(&storage);
        written.sort();
        assert_eq!((written, left), (expected.to_vec(), 0));
    }

    #[test]
    fn missing_layer_link_waits_for_the_word_of_the_manifests_that_name_it() {
        let (mut storage, image) = tagged(&["a"]);
        let (other, a) = (storage.manifest("app", &image_of("config of a", &["a", "a"])), of("a"));
        storage.manifest("app", &image_of("config of a", &[]));
        storage.objects.remove(&layer_key(&a));
        let (mut mended, wanted) = mend(&storage);
        let [wanted] = &wanted[..] else { panic!("{wanted:?}") };
        assert_eq!((&wanted.link, &wanted.part), (&new(Stage::LayerLink, layer_key(&a), &a), &a));
        assert_eq!(BTreeSet::from_iter(&wanted.manifests), BTreeSet::from([&image, &other]));
        assert_eq!((mended.left, mended.writes.len()), (0, 0), "nothing is written before");
        mended.not_vouched();
        assert_eq!((mended.left, mended.writes.len()), (1, 0));
        mended.vouched(wanted);
        assert_eq!(mended.writes, std::slice::from_ref(&wanted.link));
    }

    /// The registry looks up a part by the name that a manifest gives it, and then by its content's own.
    #[test]
    fn link_of_a_part_by_another_name_is_wanted_under_the_right_one() {
        let (a, alias) = (of("a"), sha512("a"));
        let (mut storage, image) = aliased();
        let only = |storage: &Storage| {
            let (_, wanted) = mend(storage);
            let [wanted] = &wanted[..] else { panic!("{wanted:?}") };
            assert_eq!(wanted.manifests, std::slice::from_ref(&image));
            wanted.clone()
        };
        let mut own = storage.clone();
        own.objects.remove(&layer_key(&a));
        let wanted = only(&own);
        assert_eq!((wanted.link, wanted.part), (new(Stage::LayerLink, layer_key(&a), &a), alias.clone()));
        // Another repository tells for what the name stands.
        storage.link(layout::layer_link(&name("other"), &alias), &a.to_string());
        storage.put(layout::layer_link(&name("other"), &a));
        storage.objects.remove(&layer_key(&alias));
        let wanted = only(&storage);
        assert_eq!((wanted.link, wanted.part), (new(Stage::LayerLink, layer_key(&alias), &a), alias));
    }

    #[test]
    fn damage_that_nothing_mends_is_left() {
        let (mut storage, image) = tagged(&["a"]);
        storage.seen(&layout::blob_data(&of("a"))).size = 9;
        assert_eq!(links(&storage), (vec![], vec![], 1), "in a repository");
        storage.put(layout::blob_data(&of("nobody's"))).size = 0;
        assert_eq!(links(&storage), (vec![], vec![], 2), "and in none");
        storage.put(format!("{}x", layout::BLOBS));
        storage.put(layout::tag_history(&name("app"), &tag("half"), &image));
        assert_eq!(links(&storage), (vec![], vec![], 2), "litter is no damage");
        storage.link(layer_key(&of("config of a")), &of("a").to_string());
        assert_eq!(links(&storage).2, 3, "what a wrong link should say is not known");
    }

    #[test]
    fn tag_is_dismissed_as_it_was_found_and_a_link_by_its_key() {
        let (mut storage, _) = tagged(&["a"]);
        storage.put(layer_key(&of("layer")));
        storage.put(revision_key(&of("manifest")));
        storage.tag("app", "lost", &of("lost"));
        let (mended, _) = mend(&storage);
        let dismissed = |mend: &Mend, storage: &Storage| {
            let (inventory, mut dismissed) = (storage.inventory(&options()), Dismissed::default());
            mend.dismiss(&inventory, &mut dismissed);
            let here = dismissed.repositories.get(&0);
            let tags: Vec<String> = here.into_iter().flat_map(|here| here.tags.keys().map(Tag::to_string)).collect();
            let keys = [layer_key(&of("layer")), revision_key(&of("manifest"))];
            (tags, keys.map(|key| dismissed.is_lone_link(0, &key)), dismissed.is_empty())
        };
        assert_eq!(dismissed(&mended, &storage), (vec!["lost".to_owned()], [true, true], false));
        assert_eq!(dismissed(&Mend::default(), &storage), (vec![], [false, false], true));
        // Pushed again, as another image.
        let (mut again, _) = tagged(&["b"]);
        let pushed = image(&mut again, "app", &["b"]);
        again.tag("app", "lost", &pushed);
        assert_eq!(dismissed(&mended, &again), (vec![], [false, false], true));
        again.layer("app", "layer");
        assert_eq!(dismissed(&mended, &again), (vec![], [true, false], false));
    }

    #[test]
    fn link_is_written_where_there_is_none_or_goes_and_where_it_is_allowed() {
        let (mut storage, image) = tagged(&["a"]);
        storage.link(layer_key(&of("a")), "x");
        storage.objects.remove(&revision_key(&image));
        let (mended, _) = mend(&storage);
        let (layer, revision) =
            (new(Stage::LayerLink, layer_key(&of("a")), &of("a")), new(Stage::Revision, revision_key(&image), &image));
        let writes = |mend: &Mend, storage: &Storage, repair: Option<Repair>| {
            let mut writes = mend.writes(&storage.inventory(&options()), &Options { repair, ..options() });
            writes.sort();
            writes
        };
        let both = [revision.clone(), layer.clone()];
        assert_eq!(writes(&mended, &storage, None), both);
        assert_eq!(writes(&mended, &storage, Some(Repair::default())), both);
        let allowing = |links: &[(&NewLink, &Digest)]| {
            let links = links.iter().map(|(link, says)| (link.key.clone(), (*says).clone()));
            Some(Repair { links: Some(links.collect()) })
        };
        let allowed = allowing(&[(&layer, &of("a")), (&revision, &of("something else"))]);
        assert_eq!(writes(&mended, &storage, allowed), std::slice::from_ref(&layer));
        assert_eq!(writes(&mended, &storage, allowing(&[])), []);
        // Somebody has pushed in the meantime. What goes is written again in any case.
        storage.put(revision_key(&image));
        assert_eq!(writes(&mended, &storage, None), std::slice::from_ref(&layer));
        // Missing links are written only where they are still missing, and not where the repository is gone as well.
        let links = Mend { links: BTreeMap::new(), ..mended.clone() };
        assert_eq!(writes(&links, &storage, None), []);
        storage.objects.remove(&layer_key(&of("a")));
        assert_eq!(writes(&links, &storage, None), std::slice::from_ref(&layer));
        assert_eq!(writes(&links, &Storage::default(), None), []);
        let odd = new(Stage::LayerLink, "x".into(), &of("a"));
        assert_eq!(writes(&Mend { writes: vec![odd], ..links }, &storage, None), []);
    }
}
