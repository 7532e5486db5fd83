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
