//! What old versions may still be good for.

use super::Needs;
use crate::collect::graph::Node;
use crate::collect::problem::TOLD_IN_FULL;
use crate::collect::scan::Scan;
use crate::layout::StorageKey;
use std::collections::BTreeSet;

/// Tells where an old version may mend what is missing or damaged.
#[derive(Debug)]
pub struct Spared<'a> {
    scan: &'a Scan,
    /// Repositories in which something is damaged or odd; none if there are more than are told by name.
    repositories: Option<BTreeSet<&'a str>>,
    /// Whether anything is damaged or odd at all: what a manifest needs that is not there, nobody knows.
    is_odd: bool,
}

impl<'a> Spared<'a> {
    /// Reads it off what was found.
    #[must_use]
    pub fn of(scan: &'a Scan) -> Self {
        let mut repositories = BTreeSet::new();
        for problem in scan.problems.as_slice() {
            let of_key = problem.key.as_deref().and_then(|key| repository_of(&StorageKey::parse(key)));
            repositories.extend(problem.repository.as_deref().or(of_key));
        }
        let are_told = scan.problems.counts().all(|(_, count)| count <= TOLD_IN_FULL);
        let is_whole = |(id, _)| !matches!(scan.graph.node(id), Node::Unreadable(_) | Node::Missing);
        let is_odd = scan.problems.counts().next().is_some() || !scan.marks.all(&scan.graph).all(is_whole);
        Self { scan, repositories: are_told.then_some(repositories), is_odd }
    }
}

impl Needs for Spared<'_> {
    fn is_needed(&self, key: &str, is_gone: bool) -> bool {
        let key = StorageKey::parse(key);
        if let StorageKey::Blob(digest) = &key {
            let graph = &self.scan.graph;
            let id = graph.id(digest);
            let is_damaged = |id| matches!(graph.node(id), Node::Unreadable(_) | Node::Missing);
            let is_needed = self.scan.marks.anywhere(id).is_some();
            return is_gone && (is_needed || self.is_odd) || is_needed && id.is_some_and(is_damaged);
        }
        let is_odd = |name| self.repositories.as_ref().is_none_or(|odd| odd.contains(name));
        repository_of(&key).is_some_and(is_odd)
    }

    fn is_needed_content(&self, key: &str) -> bool {
        match StorageKey::parse(key) {
            StorageKey::Blob(digest) => self.scan.marks.anywhere(self.scan.graph.id(&digest)).is_some(),
            _ => false,
        }
    }
}

fn repository_of<'k>(key: &StorageKey<'k>) -> Option<&'k str> {
    match key {
        StorageKey::LayerLink { repository, .. }
        | StorageKey::RevisionLink { repository, .. }
        | StorageKey::SignatureLink { repository, .. }
        | StorageKey::TagCurrent { repository, .. }
        | StorageKey::TagHistory { repository, .. }
        | StorageKey::Upload { repository, .. } => Some(repository),
        StorageKey::Suspect { place, .. } => Some(place),
        StorageKey::Blob(_) | StorageKey::Unrecognized => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::scene::{Storage, UPLOAD, name, of, options, sha512, tag};
    use crate::layout;

    /// A tagged image of one layer in `app`, and garbage.
    fn sound() -> Storage {
        let mut storage = Storage::default();
        let layer = storage.layer("app", "layer");
        let text = format!(r#"{{"schemaVersion":2,"layers":[{{"digest":"{layer}"}}]}}"#);
        let image = storage.manifest("app", &text);
        storage.tag("app", "v1", &image);
        storage.blob("garbage");
        storage
    }

    fn blob(content: &str) -> String {
        layout::blob_data(&of(content))
    }

    /// Keys of every pointer that a repository may have.
    fn pointers(repository: &str) -> [String; 7] {
        let (name, tag, digest) = (name(repository), tag("old"), of("old"));
        let current = layout::tag_current(&name, &tag);
        [
            layout::layer_link(&name, &digest),
            layout::revision_link(&name, &digest),
            layout::signature_link(&name, &digest, &digest),
            layout::tag_history(&name, &tag, &digest),
            format!("{}data", layout::upload(&name, UPLOAD)),
            current.replace("/current/link", "/later/link"),
            current,
        ]
    }

    /// Whether a content is needed while it is there, and once it is gone; and whether it is content that something needs.
    fn content(storage: &Storage, key: &str) -> [bool; 3] {
        let (scan, _) = storage.scan(&options());
        let spared = Spared::of(&scan);
        [spared.is_needed(key, false), spared.is_needed(key, true), spared.is_needed_content(key)]
    }

    /// Whether pointers of a repository are needed: all or none.
    #[track_caller]
    fn needs_pointers(storage: &Storage, repository: &str) -> bool {
        let (scan, _) = storage.scan(&options());
        let spared = Spared::of(&scan);
        let needed = pointers(repository).map(|key| spared.is_needed(&key, true));
        assert_eq!(needed, pointers(repository).map(|key| spared.is_needed(&key, false)));
        assert!(needed == [true; 7] || needed == [false; 7], "{needed:?}");
        assert!(pointers(repository).iter().all(|key| !spared.is_needed_content(key)));
        needed[0]
    }

    #[test]
    fn of_a_sound_registry_only_needed_content_that_is_gone_may_be_mended() {
        let storage = sound();
        assert_eq!(content(&storage, &blob("layer")), [false, true, true]);
        assert_eq!(content(&storage, &blob("garbage")), [false, false, false]);
        assert_eq!(content(&storage, &blob("nobody knows it")), [false, false, false]);
        assert_eq!(content(&storage, "elsewhere"), [false, false, false]);
        assert!(!needs_pointers(&storage, "app") && !needs_pointers(&storage, "other"));
    }

    /// What a manifest needs that cannot be read nobody knows: any content that is gone may be among it.
    #[test]
    fn beside_a_manifest_that_is_lost_or_damaged_all_that_is_gone_may_be_needed() {
        let (mut lost, mut damaged) = (sound(), sound());
        let manifest = of("lost");
        lost.tag("app", "v2", &manifest);
        let odd = damaged.manifest("app", "{");
        damaged.tag("app", "v2", &odd);
        assert_eq!(content(&lost, &layout::blob_data(&manifest)), [false, true, false], "it is gone");
        assert_eq!(content(&damaged, &layout::blob_data(&odd)), [true, true, true], "an old version may be sound");
        for storage in [&lost, &damaged] {
            assert_eq!(content(storage, &blob("garbage")), [false, true, false]);
            assert_eq!(content(storage, &blob("nobody knows it")), [false, true, false]);
            assert!(needs_pointers(storage, "app") && !needs_pointers(storage, "other"), "only where it is odd");
        }
    }

    /// A link of a shape that nobody knows: every manifest is whole, and something is odd all the same.
    #[test]
    fn what_is_odd_in_any_way_spares_what_is_gone() {
        let mut storage = sound();
        let odd = layout::revision_link(&name("app"), &of("x")).replace("/link", "/more/link");
        storage.put(odd);
        assert_eq!(content(&storage, &blob("garbage")), [false, true, false]);
        assert!(needs_pointers(&storage, "app") && !needs_pointers(&storage, "other"));
        // A key without a repository of its own, that is told by its key alone.
        let mut storage = sound();
        storage.put(layout::layer_link(&name("other"), &sha512("x"))).outside = true;
        assert!(!needs_pointers(&storage, "app") && needs_pointers(&storage, "other"));
    }

    #[test]
    fn where_not_all_that_is_odd_is_told_every_repository_is() {
        let of = |count: u64| {
            let mut storage = sound();
            for number in 0..count {
                let link = layout::revision_link(&name("odd"), &of("x"));
                storage.put(link.replace("/link", &format!("/{number}/link")));
            }
            storage
        };
        assert!(!needs_pointers(&of(TOLD_IN_FULL), "app"));
        assert!(needs_pointers(&of(TOLD_IN_FULL + 1), "app"));
    }
}
