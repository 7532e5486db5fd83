//! What one repository needs, in the smaller of two forms.

use super::graph::{Id, IdMap};
use super::roots::Reason;
use std::collections::hash_map::Entry;

/// What one repository needs. Where that is much of all there is, a place for each digest takes less than the digests.
#[derive(Debug, Clone)]
pub(super) enum Needed {
    Few(IdMap<Reason>),
    Many(Vec<Option<Reason>>),
}

/// A repository that needs more than this part of all digests needs many.
const MANY: usize = 12;

impl Needed {
    pub(super) fn get(&self, id: Id) -> Option<Reason> {
        match self {
            Self::Few(few) => few.get(&id).copied(),
            Self::Many(many) => many.get(id.index()).copied().flatten(),
        }
    }

    /// Takes in what is needed, unless it was for another reason before; `all` is how many digests there are. Tells whether it
    /// is new.
    pub(super) fn insert(&mut self, id: Id, reason: Reason, all: usize) -> bool {
        if let Self::Few(few) = self
            && few.len() > all / MANY
        {
            let mut many = vec![None; all];
            for (id, reason) in &*few {
                many[id.index()] = Some(*reason);
            }
            *self = Self::Many(many);
        }
        match self {
            Self::Few(few) => match few.entry(id) {
                Entry::Occupied(_) => false,
                Entry::Vacant(vacant) => {
                    vacant.insert(reason);
                    true
                }
            },
            Self::Many(many) => {
                let is_new = many[id.index()].is_none();
                many[id.index()].get_or_insert(reason);
                is_new
            }
        }
    }
}

impl Default for Needed {
    fn default() -> Self {
        Self::Few(IdMap::default())
    }
}

#[cfg(test)]
mod tests {
    use super::super::graph::Graph;
    use super::super::scene::of;
    use super::*;

    /// The first reason stays, in either form and beyond the change from one to the other.
    #[test]
    fn few_and_many_are_told_alike() {
        let mut graph = Graph::default();
        let ids: Vec<Id> = (0..100).map(|number: u32| graph.intern(&of(&number.to_string()))).collect();
        let mut needed = Needed::default();
        for (number, id) in ids.iter().enumerate().filter(|(number, _)| number % 2 == 0) {
            let reason = Reason::ALL[number % Reason::ALL.len()];
            assert_eq!(needed.get(*id), None);
            assert!(needed.insert(*id, reason, ids.len()), "{number} is new");
            assert!(!needed.insert(*id, Reason::Young, ids.len()), "{number} is not");
            assert_eq!(matches!(needed, Needed::Many(_)), number / 2 + 1 > ids.len() / MANY, "{number}");
            for (before, id) in ids[..=number].iter().enumerate() {
                let expected = (before % 2 == 0).then_some(Reason::ALL[before % Reason::ALL.len()]);
                assert_eq!(needed.get(*id), expected);
            }
        }
    }
}
