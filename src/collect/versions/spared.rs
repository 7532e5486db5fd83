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
