//! Manifests whose links regsweep itself has taken away, and that something needs again.
//!
//! A digest is a manifest because a repository links it as one. Where regsweep has removed that link, nothing in the
//! listing says so any more: an index that was admitted a moment before would keep its child's bytes, and lose what the
//! child needs; a signature would not come back with the image that it is about.

use super::journal::Removed;
use crate::collect::graph::{Graph, Node};
use crate::collect::inventory::Inventory;
use crate::collect::mark::Marks;
use crate::collect::roots::Root;
use crate::layout::StorageKey;
use crate::model::{Digest, RepositoryName};
use std::collections::HashMap;

/// One manifest whose revision link was taken away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// The repository.
    pub repository: RepositoryName,
    /// The digest in the link's key.
    pub digest: Digest,
    /// The digest that the link held: the manifest.
    pub manifest: Digest,
    /// What it is about.
    pub subject: Option<Digest>,
}

impl Taken {
    /// The revision links among what a run has taken away.
    pub fn among<'a>(removed: impl IntoIterator<Item = &'a Removed>) -> impl Iterator<Item = Self> {
        removed.into_iter().filter_map(|removed| match StorageKey::parse(&removed.key) {
            StorageKey::RevisionLink { repository, digest } => Some(Self {
                repository: RepositoryName::new(repository)?,
                digest,
                manifest: removed.content.clone(),
                subject: removed.subject.clone(),
            }),
            _ => None,
        })
    }
}

/// What must be read before marks can be trusted: taken manifests that something needs. What is known is not read again.
#[must_use]
pub fn to_read(taken: &[Taken], inventory: &Inventory, graph: &Graph, marks: &Marks) -> Vec<Digest> {
    let places = places(inventory);
    let wanted = taken.iter().filter(|taken| {
        let needs = |at: &usize, digest: &Digest| marks.in_repository(*at, graph.id(digest)).is_some();
        let at = places.get(&taken.repository);
        at.is_some_and(|at| needs(at, &taken.digest) || needs(at, &taken.manifest))
    });
    let unknown = wanted.filter(|taken| matches!(graph.node_of(&taken.manifest), Node::Plain));
    let mut list: Vec<Digest> = unknown.map(|taken| taken.manifest.clone()).collect();
    list.sort();
    list.dedup();
    list
}

/// Taken manifests that are about something their repository needs: roots again, as if their links were there.
#[must_use]
pub fn needed_again(taken: &[Taken], inventory: &Inventory, graph: &Graph, marks: &Marks) -> Vec<Root> {
    let places = places(inventory);
    let again = taken.iter().filter_map(|taken| {
        let at = *places.get(&taken.repository)?;
        let reason = marks.in_repository(at, graph.id(taken.subject.as_ref()?))?;
        let is_new = marks.in_repository(at, graph.id(&taken.manifest)).is_none();
        is_new.then(|| Root { repository: Some(at), digest: taken.manifest.clone(), reason })
    });
    again.collect()
}

fn places(inventory: &Inventory) -> HashMap<&RepositoryName, usize> {
    inventory.repositories.iter().enumerate().map(|(at, repository)| (&repository.name, at)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::report::Scan;
    use crate::collect::roots::Reason;
    use crate::collect::scene::{Storage, name, of, options, sha512, tag};
    use crate::layout;

    fn removed(key: String, content: &Digest, subject: Option<&Digest>) -> Removed {
        Removed { key, content: content.clone(), subject: subject.cloned(), modified: None }
    }

    fn among(removed: &[Removed]) -> Vec<Taken> {
        Taken::among(removed).collect()
    }

    /// The revision link of a manifest that a run took away.
    fn link(repository: &str, key: &Digest, content: &Digest, subject: Option<&Digest>) -> Removed {
        removed(layout::revision_link(&name(repository), key), content, subject)
    }

    fn read(scan: &Scan, taken: &[Removed]) -> Vec<Digest> {
        to_read(&among(taken), &scan.inventory, &scan.graph, &scan.marks)
    }

    fn again(scan: &Scan, taken: &[Removed]) -> Vec<Root> {
        needed_again(&among(taken), &scan.inventory, &scan.graph, &scan.marks)
    }

    #[test]
    fn only_revision_links_were_manifests() {
        let (a, digest, alias) = (name("a"), of("x"), sha512("x"));
        let all = [
            link("a", &alias, &digest, Some(&of("subject"))),
            removed(layout::layer_link(&a, &digest), &digest, None),
            removed(layout::signature_link(&a, &digest, &digest), &digest, None),
            removed(layout::tag_current(&a, &tag("v1")), &digest, None),
            removed(layout::tag_history(&a, &tag("v1"), &digest), &digest, None),
        ];
        let taken = Taken { repository: a, digest: alias, manifest: digest, subject: Some(of("subject")) };
        assert_eq!(among(&all), [taken]);
    }

    /// An index in `b` that names two children; a tag keeps it.
    fn index() -> (Storage, Digest, Digest) {
        let mut storage = Storage::default();
        storage.layer("a", "layer");
        let (child, other) = (of("child"), sha512("other"));
        let index = storage.index("b", &[&child, &other]);
        storage.tag("b", "v1", &index);
        (storage, child, other)
    }

    #[test]
    fn needed_manifest_without_its_link_is_read_once_by_either_name() {
        let (storage, child, other) = index();
        let (scan, _) = storage.scan(&options());
        let content = of("the content of the other");
        let by_name = link("b", &other, &content, None);
        let by_content = link("b", &sha512("another name"), &child, None);
        let mut expected = vec![child.clone(), content];
        expected.sort();
        assert_eq!(read(&scan, &[by_name.clone(), by_content.clone(), by_content, by_name]), expected);
        // Where nobody needs it, in another repository, or where it is known already.
        let index = scan.graph.known().find(|(_, node)| matches!(node, Node::Manifest { .. }));
        let index = index.map_or_else(|| of("none"), |(id, _)| scan.graph.digest(id));
        let nothing = [
            link("b", &of("unneeded"), &of("unneeded"), None),
            link("a", &child, &child, None),
            link("c", &child, &child, None),
            link("b", &index, &index, None),
        ];
        assert_eq!(read(&scan, &nothing), []);
    }

    #[test]
    fn what_is_about_something_needed_is_needed_again_for_the_same_reason() {
        let (mut storage, child, _) = index();
        let broken = storage.index("b", &[&of("x")]);
        storage.objects.remove(&layout::revision_link(&name("b"), &broken));
        storage.tag("b", "v2", &broken);
        let (scan, _) = storage.scan(&options());
        let (sbom, older) = (of("sbom"), of("older"));
        let root = |digest: &Digest, reason| Root { repository: Some(1), digest: digest.clone(), reason };
        let taken = [link("b", &sha512("sbom"), &sbom, Some(&child)), link("b", &older, &older, Some(&broken))];
        assert_eq!(again(&scan, &taken), [root(&sbom, Reason::Needed), root(&older, Reason::BrokenTag)]);
        let nothing = [
            link("b", &sbom, &sbom, None),
            link("b", &sbom, &sbom, Some(&of("unneeded"))),
            link("a", &sbom, &sbom, Some(&child)),
            link("c", &sbom, &sbom, Some(&child)),
            link("b", &child, &child, Some(&child)),
        ];
        assert_eq!(again(&scan, &nothing), [], "what is needed already is no news");
    }
}
