//! Whose what goes was: the repositories whose pointers go.

use super::deletions::Deletions;
use super::graph::{Graph, Node};
use super::plan::Stage;
use crate::model::Digest;
use std::collections::HashMap;

/// Which repository a blob that goes belonged to, as far as the links that go with it tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// One repository, by its index.
    One(usize),
    /// Several.
    Shared,
}

/// The repositories whose pointers go, by what these name.
#[derive(Debug, Clone, Default)]
pub struct Owners(HashMap<Digest, Owner>);

impl Owners {
    /// Reads them off the pointers that go, and what the manifests among these name.
    #[must_use]
    pub fn of(pointers: &Deletions, graph: &Graph) -> Self {
        let mut owners = Self::default();
        for deletion in pointers.iter().filter(|deletion| deletion.stage.is_pointer()) {
            let Some((repository, _)) = &deletion.repository else { continue };
            let repository = *repository;
            for digest in [&deletion.digest, &deletion.alias].into_iter().flatten() {
                owners.add(digest, repository);
                if let (Stage::Revision, Node::Manifest { references, .. }) = (deletion.stage, graph.node_of(digest)) {
                    for id in references.all().iter() {
                        owners.add(&graph.digest(*id), repository);
                        for alias in graph.aliases(*id) {
                            owners.add(&graph.digest(*alias), repository);
                        }
                    }
                }
            }
        }
        owners
    }

    pub(super) fn add(&mut self, digest: &Digest, repository: usize) {
        let owner = self.0.entry(digest.clone()).or_insert(Owner::One(repository));
        if *owner != Owner::One(repository) {
            *owner = Owner::Shared;
        }
    }

    /// Whose a blob was.
    #[must_use]
    pub fn get(&self, digest: &Digest) -> Option<Owner> {
        self.0.get(digest).copied()
    }
}
