//! What manifests name: whether it is there, of the right size, and served by the repository.

use super::affected::{Affected, tell};
use super::blobs::Stored;
use super::check::{Known, served};
use super::code::Code;
use super::finding::{Finding, Findings, Proof};
use super::parts::Role;
use crate::collect::graph::{Id, Node};
use crate::collect::inventory::Repository;
use crate::collect::roots::all_names;
use crate::layout;
use crate::model::{Digest, RepositoryName};
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// Manifests, by the repository that has them.
type Manifests = BTreeSet<(usize, Id)>;

/// What was found to be wrong with what manifests name.
#[derive(Debug, Default)]
pub(super) struct Named {
    missing: BTreeMap<Digest, Manifests>,
    sizes: BTreeMap<Digest, (Manifests, BTreeSet<u64>)>,
    unlinked: BTreeMap<(usize, Digest), Manifests>,
    absent: BTreeSet<(usize, Digest)>,
    foreign: BTreeSet<(usize, Digest)>,
}

impl Named {
    /// Looks at all that the manifests of a repository name; tells which of it the repository must serve.
    pub(super) fn see(&mut self, known: &Known<'_>, at: usize, served: &[Id]) -> HashSet<Id> {
        let repository = &known.inventory.repositories[at];
        let mut needed = HashSet::new();
        for manifest in served {
            let Node::Manifest { references, .. } = known.graph.node(*manifest) else { continue };
            for part in references.all().iter() {
                let digest = known.graph.digest(*part);
                match known.parts.role(*manifest, *part) {
                    Role::Child => self.child(known, (at, repository), *manifest, (*part, digest)),
                    Role::Foreign => {
                        let is_here = known.stored.has(*part) && repository.layers.find(&digest).is_some();
                        if !is_here {
                            self.foreign.insert((at, digest));
                        }
                    }
                    role @ (Role::Own | Role::OwnOfIndex) => {
                        needed.insert(*part);
                        self.own(known, (at, repository), *manifest, (*part, digest), role, &mut needed);
                    }
                }
            }
        }
        needed
    }

    fn child(&mut self, known: &Known<'_>, (at, repository): (usize, &Repository), manifest: Id, part: (Id, Digest)) {
        let (id, digest) = part;
        let is_linked = repository.links_manifest(&digest);
        if !is_linked {
            self.absent.insert((at, digest));
        } else if let Some(size) = known.stored.size(id) {
            self.size(known, (at, manifest), (id, digest), size);
        }
    }

    fn own(
        &mut self,
        known: &Known<'_>,
        (at, repository): (usize, &Repository),
        manifest: Id,
        (id, digest): (Id, Digest),
        role: Role,
        needed: &mut HashSet<Id>,
    ) {
        let link = repository.layers.find(&digest);
        let alias = link.as_ref().and_then(|link| known.graph.id(link.alias()?));
        let content = alias.or_else(|| known.graph.aliases(id).first().copied()).unwrap_or(id);
        needed.insert(content);
        match known.stored.size(content) {
            None => {
                self.missing.entry(known.graph.digest(content)).or_default().insert((at, manifest));
            }
            Some(size) => {
                let is_served = link.is_some() || role == Role::OwnOfIndex && repository.links_manifest(&digest);
                if !is_served {
                    self.unlinked.entry((at, digest.clone())).or_default().insert((at, manifest));
                }
                let of = known.graph.digest(content);
                // The registry looks the content's own name up as well.
                if of != digest && repository.layers.find(&of).is_none() {
                    self.unlinked.entry((at, of.clone())).or_default().insert((at, manifest));
                }
                let said = known.parts.size(manifest, id);
                if said.is_some_and(|said| said != size) {
                    self.wrong_size(of, (at, manifest), said.unwrap_or_default());
                }
            }
        }
    }

    fn size(&mut self, known: &Known<'_>, manifest: (usize, Id), (id, digest): (Id, Digest), size: u64) {
        if let Some(said) = known.parts.size(manifest.1, id).filter(|said| *said != size) {
            self.wrong_size(digest, manifest, said);
        }
    }

    fn wrong_size(&mut self, digest: Digest, manifest: (usize, Id), said: u64) {
        let (manifests, sizes) = self.sizes.entry(digest).or_default();
        manifests.insert(manifest);
        sizes.insert(said);
    }

    /// Tells what was found.
    pub(super) fn tell(self, known: &Known<'_>, affected: &mut Affected<'_>, findings: &mut Findings) {
        let empty: BTreeSet<Digest> = known.stored.empty.iter().map(|id| known.graph.digest(*id)).collect();
        for (digest, manifests) in &self.missing {
            let key = layout::blob_data(digest);
            let proof = Proof::Keys { absent: vec![key.clone()], there: Vec::new() };
            let finding = Finding::new(Code::MissingBlob, key).about(digest).proven_by(proof);
            findings.add(suffering(finding, known, affected, manifests));
        }
        for (digest, (manifests, said)) in self.sizes.iter().filter(|(digest, _)| !empty.contains(digest)) {
            let size = known.graph.id(digest).and_then(|id| known.stored.size(id)).unwrap_or_default();
            let said: Vec<String> = said.iter().take(3).map(u64::to_string).collect();
            let detail = format!("it has {size} bytes, and manifests say {}", said.join(", "));
            let finding = Finding::new(Code::WrongSize, layout::blob_data(digest)).about(digest).saying(detail);
            findings.add(suffering(finding, known, affected, manifests));
        }
        let unread = |digest: &&Digest| matches!(known.graph.node_of(digest), Node::Plain);
        for digest in empty.iter().filter(unread) {
            let finding = Finding::new(Code::EmptyBlob, layout::blob_data(digest)).about(digest);
            let manifests = self.sizes.get(digest).map(|(manifests, _)| manifests.clone()).unwrap_or_default();
            findings.add(suffering(finding, known, affected, &manifests));
        }
        for ((at, digest), manifests) in &self.unlinked {
            let name = &known.inventory.repositories[*at].name;
            let key = layout::layer_link(name, digest);
            let proof = Proof::Keys { absent: vec![key.clone()], there: Vec::new() };
            let finding = Finding::new(Code::MissingLink, key).about(digest).within(name).proven_by(proof);
            findings.add(suffering(finding, known, affected, manifests));
        }
        for (code, places) in [(Code::AbsentChild, &self.absent), (Code::ForeignLayer, &self.foreign)] {
            for (at, digest) in places {
                let name = &known.inventory.repositories[*at].name;
                let key = if code == Code::AbsentChild {
                    layout::revision_link(name, digest)
                } else {
                    layout::layer_link(name, digest)
                };
                findings.add(Finding::new(code, key).about(digest).within(name));
            }
        }
    }
}

/// With the images that suffer from it. Where all of them are as young as a push that is under way, so is the finding.
fn suffering(mut finding: Finding, known: &Known<'_>, affected: &mut Affected<'_>, manifests: &Manifests) -> Finding {
    let mut by_repository: BTreeMap<usize, Vec<Id>> = BTreeMap::new();
    for (at, id) in manifests {
        by_repository.entry(*at).or_default().push(*id);
    }
    let mut images = BTreeSet::new();
    let mut is_young = !manifests.is_empty();
    for (at, ids) in &by_repository {
        let repository = &known.inventory.repositories[*at];
        let links = repository.revisions.iter();
        let old = links.filter(|link| !known.is_young(link.modified())).flat_map(all_names);
        let tags = repository.current_tags().filter(|(_, current)| !known.is_young(current.evidence.modified));
        let tagged = tags.filter_map(|(_, current)| known.graph.id(current.target.digest()?));
        let old: HashSet<Id> = old.filter_map(|digest| known.graph.id(&digest)).chain(tagged).collect();
        is_young &= ids.iter().all(|id| !old.contains(id));
        images.extend(affected.images(*at, ids.iter().copied()));
    }
    if let (1, Some(at)) = (by_repository.len(), by_repository.keys().next()) {
        finding.repository = Some(known.inventory.repositories[*at].name.clone());
    }
    tell(&mut finding, images);
    finding.young(is_young)
}

/// Adds the images that suffer from links that cannot be read, or say something else.
pub(super) fn suffering_from_links(known: &Known<'_>, affected: &mut Affected<'_>, findings: &mut Findings) {
    let mut wanted: BTreeMap<RepositoryName, Vec<(Id, usize)>> = BTreeMap::new();
    for (number, finding) in findings.told().iter().enumerate() {
        let is_of_link = matches!(finding.code, Code::UnreadableLink | Code::WrongLink);
        let id = finding.digest.as_ref().and_then(|digest| known.graph.id(digest));
        if let (true, Some(name), Some(id)) = (is_of_link && finding.images.is_empty(), &finding.repository, id) {
            wanted.entry(name.clone()).or_default().push((id, number));
        }
    }
    for (at, repository) in known.inventory.repositories.iter().enumerate() {
        let Some(wanted) = wanted.remove(&repository.name) else { continue };
        let mut naming: BTreeMap<Id, Vec<Id>> = wanted.iter().map(|(id, _)| (*id, vec![*id])).collect();
        for manifest in served(known, repository) {
            let Node::Manifest { references, .. } = known.graph.node(manifest) else { continue };
            let references = references.all();
            for id in references.iter().chain(references.iter().flat_map(|id| known.graph.aliases(*id))) {
                if let Some(by) = naming.get_mut(id) {
                    by.push(manifest);
                }
            }
        }
        for (id, number) in wanted {
            let is_manifest = |id: &Id| !matches!(known.graph.node(*id), Node::Plain);
            let by = naming.get(&id).into_iter().flatten().copied().filter(is_manifest);
            let images = affected.images(at, by);
            findings.change(number, |finding| tell(finding, images));
        }
    }
}

/// Whether a content that a link stands for is there.
pub(super) fn is_there(stored: &Stored, known: &Known<'_>, digest: &Digest) -> bool {
    known.graph.id(digest).is_some_and(|id| stored.has(id))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::panic, reason = "a test fails by panicking")]
    use super::super::code::Level;
    use super::super::scene::{Looked, aliased, descriptor, found, image, image_of, layer_key, tagged};
    use super::*;
    use crate::collect::scene::{NOW, Storage, name, of, tag};

    fn absent(code: Code, key: String, digest: &Digest) -> Finding {
        Finding::new(code, key.clone()).about(digest).proven_by(Proof::Keys { absent: vec![key], there: Vec::new() })
    }

    fn by(images: &[&str], finding: Finding) -> Finding {
        let images: Vec<String> = images.iter().map(|image| (*image).to_owned()).collect();
        Finding { images_in_all: images.len() as u64, images, ..finding }
    }

    fn told(storage: &Storage) -> Vec<(Code, Level, Vec<String>)> {
        found(storage).into_iter().map(|finding| (finding.code, finding.level, finding.images)).collect()
    }

    #[test]
    fn lost_content_is_told_with_all_images_that_need_it() {
        let (mut storage, _) = tagged(&["lost", "other"]);
        let lost = of("lost");
        storage.objects.remove(&layout::blob_data(&lost));
        let missing = absent(Code::MissingBlob, layout::blob_data(&lost), &lost);
        assert_eq!(found(&storage), [by(&["app:v1"], missing.clone().within(&name("app")))]);
        let untagged = storage.manifest("web", &image_of("config of lostother", &["lost"]));
        for content in ["lost", "config of lostother"] {
            storage.put(layout::layer_link(&name("web"), &of(content)));
        }
        assert_eq!(found(&storage), [by(&["app:v1", &format!("web@{untagged}")], missing)], "of two repositories");
    }

    #[test]
    fn damage_is_young_if_all_that_suffers_is() {
        let (storage, image) = tagged(&["lost"]);
        let pointers = [layout::tag_current(&name("app"), &tag("v1")), layout::revision_link(&name("app"), &image)];
        let young_except = |old: &[usize]| {
            let mut storage = storage.clone();
            storage.objects.remove(&layout::blob_data(&of("lost")));
            for (at, key) in pointers.iter().enumerate() {
                if !old.contains(&at) {
                    storage.seen(key).modified = NOW;
                }
            }
            let [(Code::MissingBlob, level, _)] = told(&storage)[..] else { panic!("{:?}", told(&storage)) };
            level
        };
        assert_eq!(young_except(&[]), Level::Young);
        assert_eq!([&[0][..], &[1], &[0, 1]].map(young_except), [Level::Damage; 3]);
        // One that is old is enough.
        let mut both = storage.clone();
        both.objects.remove(&layout::blob_data(&of("lost")));
        both.manifest("app", &image_of("config of lost", &["lost", "lost"]));
        for key in &pointers {
            both.seen(key).modified = NOW;
        }
        assert_eq!(told(&both)[0].1, Level::Damage);
    }

    #[test]
    fn content_that_its_repository_may_not_serve_is_told() {
        let (mut storage, _) = tagged(&["layer"]);
        let layer = of("layer");
        storage.objects.remove(&layer_key(&layer));
        let missing = absent(Code::MissingLink, layer_key(&layer), &layer).within(&name("app"));
        assert_eq!(found(&storage), [by(&["app:v1"], missing)]);
    }

    #[test]
    fn content_of_another_size_is_told_with_what_manifests_say() {
        let (mut storage, _) = tagged(&["layer"]);
        storage.seen(&layout::blob_data(&of("layer"))).size = 4;
        let wrong = Finding::new(Code::WrongSize, layout::blob_data(&of("layer"))).about(&of("layer"));
        let wrong = wrong.within(&name("app"));
        let detail = |said: &str| format!("it has 4 bytes, and manifests say {said}");
        assert_eq!(found(&storage), [by(&["app:v1"], wrong.clone().saying(detail("5")))]);
        let other = image_of("config of layer", &["layer"]).replace("\"size\":5", "\"size\":7");
        let other = storage.manifest("app", &other);
        let images = ["app:v1", &*format!("app@{other}")];
        assert_eq!(found(&storage), [by(&images, wrong.saying(detail("5, 7")))]);
    }

    /// A child may be absent; one that is there is a part like any other.
    #[test]
    fn child_of_an_index_may_be_absent() {
        let mut storage = Storage::default();
        let whole = image(&mut storage, "app", &["a"]);
        let text = storage.manifests[&whole].clone();
        let gone = of("gone");
        let index = format!(r#"{{"schemaVersion":2,"manifests":[{},{{"digest":"{gone}"}}]}}"#, descriptor(&text));
        let index = storage.manifest("app", &index);
        storage.tag("app", "multi", &index);
        let note = Finding::new(Code::AbsentChild, layout::revision_link(&name("app"), &gone));
        let note = note.about(&gone).within(&name("app"));
        assert_eq!(found(&storage), std::slice::from_ref(&note));
        storage.seen(&layout::blob_data(&whole)).size = 1;
        let told = found(&storage);
        assert_eq!(told.iter().map(|finding| finding.code).collect::<Vec<_>>(), [Code::WrongSize, Code::AbsentChild]);
        assert_eq!(told[0].images, ["app:multi"]);
    }

    #[test]
    fn layer_that_is_had_elsewhere_may_be_absent() {
        let mut storage = Storage::default();
        let urls = r#","urls":["https://layers.example"]}"#;
        let layer = descriptor("foreign").replace('}', urls);
        storage.layer("app", "c");
        storage.manifest("app", &format!(r#"{{"schemaVersion":2,"config":{},"layers":[{layer}]}}"#, descriptor("c")));
        let note = Finding::new(Code::ForeignLayer, layer_key(&of("foreign"))).about(&of("foreign"));
        let notes = [note.within(&name("app"))];
        assert_eq!(found(&storage), notes);
        storage.blob("foreign");
        assert_eq!(found(&storage), notes, "it is there, and not served here");
        storage.layer("app", "foreign");
        assert_eq!(found(&storage), []);
    }

    /// `BuildKit` stores caches as indexes of layers. The registry takes them by either kind of link.
    #[test]
    fn blob_of_an_index_is_served_by_either_link() {
        let blob = descriptor("cache").replace('}', r#","mediaType":"application/vnd.buildkit.cacheconfig.v0"}"#);
        let mut storage = Storage::default();
        storage.manifest("app", &format!(r#"{{"schemaVersion":2,"manifests":[{blob}]}}"#));
        storage.blob("cache");
        assert_eq!(told(&storage)[0].0, Code::MissingLink);
        let mut by_layer = storage.clone();
        by_layer.put(layer_key(&of("cache")));
        assert_eq!(found(&by_layer), []);
        // Whoever links it as a manifest has it read as one, and what it is then is another matter.
        storage.put(layout::revision_link(&name("app"), &of("cache")));
        let codes: Vec<Code> = told(&storage).into_iter().map(|(code, ..)| code).collect();
        assert_eq!(codes, [Code::WrongContent]);
    }

    /// A part that is named by another algorithm is served by two links: by that name, and by the content's own.
    #[test]
    fn content_by_another_name_is_found_by_its_own() {
        let (mut storage, _) = aliased();
        assert_eq!(found(&storage), []);
        let mut without = storage.clone();
        without.objects.remove(&layer_key(&of("a")));
        let missing = absent(Code::MissingLink, layer_key(&of("a")), &of("a")).within(&name("app"));
        assert_eq!(found(&without), [by(&["app:v1"], missing)]);
        let mut lost = storage.clone();
        lost.objects.remove(&layout::blob_data(&of("a")));
        let missing = absent(Code::MissingBlob, layout::blob_data(&of("a")), &of("a")).within(&name("app"));
        assert_eq!(found(&lost), [by(&["app:v1"], missing)]);
        storage.seen(&layout::blob_data(&of("a"))).size = 9;
        assert_eq!(told(&storage), [(Code::WrongSize, Level::Damage, vec!["app:v1".to_owned()])]);
    }

    #[test]
    fn link_that_says_nothing_is_told_with_the_images_that_need_it() {
        let (mut storage, _) = tagged(&["a", "b"]);
        storage.link(layer_key(&of("a")), "x");
        let unreadable = (Code::UnreadableLink, Level::Damage, vec!["app:v1".to_owned()]);
        assert_eq!(told(&storage), [unreadable]);
        // A name by another algorithm that leads astray.
        let (mut storage, _) = aliased();
        storage.link(layer_key(&of("a")), &of("c").to_string());
        assert!(told(&storage).contains(&(Code::WrongLink, Level::Damage, vec!["app:v1".to_owned()])));
        // Nobody suffers from one that nothing needs.
        storage.layer("app", "alone");
        storage.link(layer_key(&of("alone")), "x");
        assert!(told(&storage).contains(&(Code::UnreadableLink, Level::Damage, Vec::new())));
    }

    #[test]
    fn content_of_no_bytes_is_told_with_the_images_that_need_it() {
        let (mut storage, _) = tagged(&["a"]);
        storage.seen(&layout::blob_data(&of("a"))).size = 0;
        assert_eq!(told(&storage), [(Code::EmptyBlob, Level::Damage, vec!["app:v1".to_owned()])]);
        let Looked { graph, stored, .. } = Looked::at(&storage);
        assert_eq!(stored.empty, [graph.id(&of("a")).unwrap_or_else(|| panic!("it is named"))]);
    }
}
