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
        Self { scan, repositories: are_told.then_some(repositories) }
    }
}

impl Needs for Spared<'_> {
    fn is_needed(&self, key: &str, is_gone: bool) -> bool {
        let key = StorageKey::parse(key);
        if let StorageKey::Blob(digest) = &key {
            let graph = &self.scan.graph;
            let id = graph.id(digest);
            let is_damaged = |id| matches!(graph.node(id), Node::Unreadable(_) | Node::Missing);
            return self.scan.marks.anywhere(id).is_some() && (is_gone || id.is_some_and(is_damaged));
        }
        let is_odd = |name| self.repositories.as_ref().is_none_or(|odd| odd.contains(name));
        repository_of(&key).is_some_and(is_odd)
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
