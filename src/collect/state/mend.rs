//! What has to be written back: pointers that a run took away and that something kept needs now.
//!
//! A push that was admitted before a link went may write its manifest or tag after that. The registry then serves an
//! image whose links are missing. As its content still waits, writing the links back makes it whole.

use super::journal::Removed;
use crate::collect::graph::Graph;
use crate::collect::inventory::{Inventory, Link, Repository};
use crate::collect::mark::Marks;
use crate::layout::StorageKey;
use crate::model::Digest;
use std::collections::HashMap;

/// Those that something kept needs and that are not there.
#[must_use]
pub fn to_mend<'a>(
    removed: impl IntoIterator<Item = &'a Removed>,
    inventory: &Inventory,
    graph: &Graph,
    marks: &Marks,
) -> Vec<&'a Removed> {
    let names = inventory.repositories.iter().enumerate();
    let by_name: HashMap<&str, usize> = names.map(|(at, repository)| (repository.name.as_str(), at)).collect();
    let is_needed_and_missing = |removed: &&Removed| {
        let at = repository_of(&removed.key).and_then(|name| by_name.get(name).copied());
        at.is_some_and(|at| {
            let needs = |digest: &Digest| marks.in_repository(at, graph.id(digest)).is_some();
            is_missing(removed, &inventory.repositories[at], needs)
        })
    };
    let mut found: Vec<&Removed> = removed.into_iter().filter(is_needed_and_missing).collect();
    // Links before what needs them, and each once, whatever journals it is in.
    found.sort_by(|a, b| (b.stage(), &a.key).cmp(&(a.stage(), &b.key)));
    found.dedup_by(|a, b| a.key == b.key);
    found
}

fn repository_of(key: &str) -> Option<&str> {
    match StorageKey::parse(key) {
        StorageKey::LayerLink { repository, .. }
        | StorageKey::RevisionLink { repository, .. }
        | StorageKey::SignatureLink { repository, .. }
        | StorageKey::TagHistory { repository, .. } => Some(repository),
        // A tag went because it was named, or by a rule: only `restore` brings it back.
        StorageKey::TagCurrent { .. }
        | StorageKey::Blob(_)
        | StorageKey::Upload { .. }
        | StorageKey::Suspect { .. }
        | StorageKey::Unrecognized => None,
    }
}

fn is_missing(removed: &Removed, repository: &Repository, needs: impl Fn(&Digest) -> bool) -> bool {
    let lacks = |links: &[Link], digest: &Digest| links.binary_search_by(|link| link.digest.cmp(digest)).is_err();
    match StorageKey::parse(&removed.key) {
        StorageKey::LayerLink { digest, .. } => {
            (needs(&digest) || needs(&removed.content)) && repository.layers.find(&digest).is_none()
        }
        StorageKey::RevisionLink { digest, .. } => {
            (needs(&digest) || needs(&removed.content)) && !repository.links_manifest(&digest)
        }
        StorageKey::SignatureLink { revision, signature, .. } => {
            let is_there =
                |link: &crate::collect::inventory::Signature| link.revision == revision && link.signature == signature;
            needs(&revision) && !repository.signatures.iter().any(is_there)
        }
        StorageKey::TagHistory { tag, digest, .. } => {
            let entry = repository.tags.iter().find(|(name, _)| name.as_str() == tag).map(|(_, entry)| entry);
            entry.is_some_and(|entry| {
                let current = entry.current.as_ref().and_then(|current| current.target.digest());
                current == Some(&digest) && lacks(&entry.history, &digest)
            })
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::collect::entry::Entry;
    use crate::collect::graph::{Expectation, Fetched};
    use crate::collect::listing::{Builder, Proof};
    use crate::collect::mark::mark;
    use crate::collect::packed_roots::Roots;
    use crate::collect::roots::{Reason, Root};
    use crate::collect::scene::{self, Storage};
    use crate::layout;
    use crate::model::{RepositoryName, Tag, Timestamp};

    struct World {
        name: RepositoryName,
        tag: Tag,
        manifest: Digest,
        bytes: String,
        layer: Digest,
        other: Digest,
        keys: Vec<(String, Option<Digest>)>,
    }

    impl World {
        fn new() -> Self {
            let (layer, other) = (Digest::of(b"layer"), Digest::of(b"other"));
            let bytes = format!(
                r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{{"mediaType":"x","size":1,"digest":"{layer}"}},"layers":[]}}"#
            );
            let manifest = Digest::of(bytes.as_bytes());
            let (name, tag) = (RepositoryName::new("app").unwrap(), Tag::new("v1").unwrap());
            let keys = vec![(layout::tag_current(&name, &tag), Some(manifest.clone()))];
            Self { name, tag, manifest, bytes, layer, other, keys }
        }

        fn all(&self) -> Vec<Removed> {
            let removed =
                |key, content: &Digest| Removed { key, content: content.clone(), subject: None, modified: None };
            vec![
                removed(layout::tag_history(&self.name, &self.tag, &self.manifest), &self.manifest),
                removed(layout::revision_link(&self.name, &self.manifest), &self.manifest),
                removed(layout::layer_link(&self.name, &self.layer), &self.layer),
                removed(layout::layer_link(&self.name, &self.other), &self.other),
                removed(layout::tag_current(&self.name, &Tag::new("gone").unwrap()), &self.manifest),
            ]
        }

        fn mended(&self) -> Vec<String> {
            let mut builder = Builder::new(Proof { etags: false, cheap_reads: false });
            for (key, _) in &self.keys {
                let (size, modified) = (71, Timestamp::default());
                builder.see(&Entry { key, size, modified, etag: None, outside: false });
            }
            let mut inventory = builder.finish();
            for read in inventory.to_read(Timestamp::default(), None) {
                let content =
                    self.keys.iter().find(|(key, _)| *key == read.key).and_then(|(_, digest)| digest.as_ref());
                inventory.learn(&read, content.map(ToString::to_string).as_deref().map(str::as_bytes));
            }
            let mut graph = Graph::new(&inventory);
            let bytes = Fetched::Bytes(self.bytes.clone().into());
            graph.learn(&self.manifest, Expectation::Manifest, &bytes);
            let roots = inventory.repositories.iter().enumerate().flat_map(|(at, repository)| {
                repository.current_tags().filter_map(move |(_, current)| {
                    let digest = current.target.digest()?.clone();
                    Some(Root { repository: Some(at), digest, reason: Reason::Needed })
                })
            });
            let mut found = Roots::default();
            found.add_all(roots, &graph);
            let marks = mark(&inventory, &mut graph, &found);
            to_mend(&self.all(), &inventory, &graph, &marks).into_iter().map(|removed| removed.key.clone()).collect()
        }
    }

    #[test]
    fn a_tag_that_came_back_gets_its_links_back_layers_first() {
        let world = World::new();
        let expected = [
            layout::layer_link(&world.name, &world.layer),
            layout::revision_link(&world.name, &world.manifest),
            layout::tag_history(&world.name, &world.tag, &world.manifest),
        ];
        assert_eq!(world.mended(), expected);
    }

    #[test]
    fn what_is_there_is_not_written_again() {
        let mut world = World::new();
        world.keys.push((layout::layer_link(&world.name, &world.layer), Some(world.layer.clone())));
        world.keys.push((layout::revision_link(&world.name, &world.manifest), Some(world.manifest.clone())));
        assert_eq!(world.mended(), [layout::tag_history(&world.name, &world.tag, &world.manifest)]);
    }

    #[test]
    fn what_nothing_needs_stays_away() {
        let mut world = World::new();
        world.keys.clear();
        assert_eq!(world.mended(), Vec::<String>::new());
    }

    /// A repository whose image is needed, and what was taken of it.
    fn to_mend_of(storage: &Storage, taken: &[(String, &Digest)]) -> Vec<String> {
        let (scan, _) = storage.scan(&scene::options());
        let taken = taken.iter().map(|(key, content)| Removed {
            key: key.clone(),
            content: (*content).clone(),
            subject: None,
            modified: None,
        });
        let taken: Vec<Removed> = taken.collect();
        let mend = to_mend(&taken, &scan.inventory, &scan.graph, &scan.marks);
        mend.into_iter().map(|removed| removed.key.clone()).collect()
    }

    #[test]
    fn link_is_needed_by_its_key_or_by_what_it_held() {
        let mut storage = Storage::default();
        let a = scene::name("a");
        let (content, alias) = (scene::of("content"), scene::sha512("content"));
        let image = storage.index("a", &[&content]);
        let other = storage.index("a", &[&alias, &image]);
        storage.tag("a", "v1", &image);
        storage.tag("a", "v2", &other);
        let wanted = [
            (layout::layer_link(&a, &scene::sha512("other name")), &content),
            (layout::layer_link(&a, &alias), &image),
            (layout::revision_link(&a, &alias), &scene::of("unneeded")),
            (layout::revision_link(&a, &scene::sha512("image")), &image),
        ];
        assert_eq!(to_mend_of(&storage, &wanted).len(), 4);
        // Each once, whatever journals it is in.
        assert_eq!(to_mend_of(&storage, &[wanted.clone(), wanted.clone()].concat()).len(), 4);
        let unneeded = scene::of("unneeded");
        let others = [
            (layout::layer_link(&a, &unneeded), &unneeded),
            (layout::revision_link(&a, &unneeded), &unneeded),
            (layout::layer_link(&scene::name("b"), &content), &content),
            (layout::tag_current(&a, &scene::tag("v3")), &image),
            (layout::blob_data(&content), &content),
        ];
        assert_eq!(to_mend_of(&storage, &others), Vec::<String>::new());
        for (key, _) in &wanted {
            storage.put(key.clone());
        }
        assert_eq!(to_mend_of(&storage, &wanted), Vec::<String>::new());
    }

    #[test]
    fn signature_comes_back_with_what_it_signs() {
        let mut storage = Storage::default();
        let a = scene::name("a");
        let image = storage.index("a", &[]);
        let (one, two) = (scene::of("one"), scene::of("two"));
        let taken = [(layout::signature_link(&a, &image, &one), &one)];
        assert_eq!(to_mend_of(&storage, &taken), Vec::<String>::new(), "nothing needs the image");
        storage.tag("a", "v1", &image);
        assert_eq!(to_mend_of(&storage, &taken), [taken[0].0.clone()]);
        storage.put(layout::signature_link(&a, &image, &two));
        storage.put(layout::signature_link(&a, &two, &one));
        assert_eq!(to_mend_of(&storage, &taken), [taken[0].0.clone()], "another signature, and one of another");
        storage.put(taken[0].0.clone());
        assert_eq!(to_mend_of(&storage, &taken), Vec::<String>::new());
    }

    #[test]
    fn history_comes_back_only_for_what_its_tag_names_now() {
        let mut storage = Storage::default();
        let (a, v1) = (scene::name("a"), scene::tag("v1"));
        let (image, before) = (storage.index("a", &[]), storage.index("a", &[&scene::of("x")]));
        storage.link(layout::tag_current(&a, &v1), &image.to_string());
        storage.tag("a", "v2", &before);
        let key = |tag: &Tag, digest| (layout::tag_history(&a, tag, digest), digest);
        let taken =
            [key(&v1, &image), key(&v1, &before), key(&scene::tag("v2"), &before), key(&scene::tag("v3"), &image)];
        assert_eq!(to_mend_of(&storage, &taken), [taken[0].0.clone()]);
    }
}
