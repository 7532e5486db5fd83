//! Whose what goes was: the repositories whose pointers go.

use super::deletions::Deletions;
use super::graph::{Graph, Id, IdHasher};
use super::plan::Stage;
use crate::model::Digest;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use std::collections::HashMap;
use std::hash::{BuildHasher as _, BuildHasherDefault};

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
pub struct Owners {
    /// Of what the graph knows: a number, and that of a repository.
    known: HashTable<(Id, u32)>,
    others: HashMap<Digest, Owner>,
}

/// Stands in the place of the number of a repository.
const SEVERAL: u32 = u32::MAX;

fn hash(id: Id) -> u64 {
    BuildHasherDefault::<IdHasher>::default().hash_one(id)
}

impl Owners {
    /// Reads them off the pointers that go, and what the manifests among these name.
    #[must_use]
    pub fn of(pointers: &Deletions, graph: &Graph) -> Self {
        let mut owners = Self::default();
        for deletion in pointers.iter().filter(|deletion| deletion.stage.is_pointer()) {
            let Some((repository, _)) = &deletion.repository else { continue };
            let repository = *repository;
            for digest in [&deletion.digest, &deletion.alias].into_iter().flatten() {
                let Some(id) = graph.id(digest) else {
                    owners.add(digest, repository);
                    continue;
                };
                owners.add_known(id, repository);
                if deletion.stage == Stage::Revision {
                    for id in graph.node(id).named().iter() {
                        owners.add_known(*id, repository);
                        graph.aliases(*id).iter().for_each(|alias| owners.add_known(*alias, repository));
                    }
                }
            }
        }
        owners
    }

    fn add_known(&mut self, id: Id, repository: usize) {
        let number = u32::try_from(repository).unwrap_or(SEVERAL);
        match self.known.entry(hash(id), |(other, _)| *other == id, |(other, _)| hash(*other)) {
            Entry::Vacant(entry) => _ = entry.insert((id, number)),
            Entry::Occupied(mut entry) if entry.get().1 != number => entry.get_mut().1 = SEVERAL,
            Entry::Occupied(_) => {}
        }
    }

    /// The same of something of which no graph is asked.
    pub(super) fn add(&mut self, digest: &Digest, repository: usize) {
        let owner = self.others.entry(digest.clone()).or_insert(Owner::One(repository));
        if *owner != Owner::One(repository) {
            *owner = Owner::Shared;
        }
    }

    /// Whose a blob was; `id` is its number in the graph, if it has one.
    #[must_use]
    pub fn get(&self, id: Option<Id>, digest: &Digest) -> Option<Owner> {
        let known = id.and_then(|id| self.known.find(hash(id), |(other, _)| *other == id));
        let known = known.map(|(_, number)| match *number {
            SEVERAL => Owner::Shared,
            number => Owner::One(number as usize),
        });
        known.or_else(|| self.others.get(digest).copied())
    }
}
