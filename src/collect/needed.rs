//! What one repository needs, in the smaller of two forms.

use super::graph::{Id, IdHasher};
use super::roots::Reason;
use hashbrown::HashTable;
use std::hash::{BuildHasher as _, BuildHasherDefault};

/// What one repository needs. Where that is much of all there is, a place for each digest takes less than the digests.
#[derive(Debug, Clone)]
pub(super) enum Needed {
    Few(HashTable<Few>),
    /// The same in order, once nearly all is known: four bytes each, and no gaps.
    Settled(Box<[Few]>),
    Many(Vec<Option<Reason>>),
}

/// A repository that needs more than this part of all digests needs many.
const MANY: usize = 12;

/// A number and a reason in four bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Few(u32);

/// What the number of a digest has to leave to the reason.
const BITS: u32 = 2;

impl Few {
    /// None where the number is too large to leave that.
    fn new(id: Id, reason: Reason) -> Option<Self> {
        (id.number() < 1 << (u32::BITS - BITS)).then(|| Self(id.number() << BITS | reason as u32))
    }

    fn id(self) -> Id {
        Id::of(self.0 >> BITS)
    }

    fn reason(self) -> Reason {
        Reason::ALL[(self.0 & ((1 << BITS) - 1)) as usize]
    }

    fn hash(id: Id) -> u64 {
        BuildHasherDefault::<IdHasher>::default().hash_one(id)
    }
}

impl Needed {
    pub(super) fn get(&self, id: Id) -> Option<Reason> {
        match self {
            Self::Few(few) => few.find(Few::hash(id), |few| few.id() == id).map(|few| few.reason()),
            Self::Settled(few) => few.binary_search_by_key(&id, |few| few.id()).ok().map(|at| few[at].reason()),
            Self::Many(many) => many.get(id.index()).copied().flatten(),
        }
    }

    /// All that is needed, in no order.
    pub(super) fn ids(&self) -> impl Iterator<Item = Id> + '_ {
        let (few, settled, many) = match self {
            Self::Few(few) => (Some(few.iter()), &[][..], &[][..]),
            Self::Settled(few) => (None, &few[..], &[][..]),
            Self::Many(many) => (None, &[][..], &many[..]),
        };
        let few = few.into_iter().flatten().chain(settled).map(|few| few.id());
        let many = (0..).zip(many).filter(|(_, reason)| reason.is_some()).map(|(number, _)| Id::of(number));
        few.chain(many)
    }

    /// Takes no more than it must: most likely nothing is inserted any more.
    pub(super) fn settle(&mut self) {
        if let Self::Few(few) = self {
            let mut all: Vec<Few> = Vec::with_capacity(few.len());
            all.extend(few.iter().copied());
            all.sort_unstable_by_key(|few| few.id());
            *self = Self::Settled(all.into_boxed_slice());
        }
    }

    /// Takes in what is needed, unless it was for another reason before; `all` is how many digests there are. Tells whether it
    /// is new.
    pub(super) fn insert(&mut self, id: Id, reason: Reason, all: usize) -> bool {
        if let Self::Settled(few) = self {
            if few.binary_search_by_key(&id, |few| few.id()).is_ok() {
                return false;
            }
            let mut table = HashTable::with_capacity(few.len() + 1);
            few.iter().for_each(|one| _ = table.insert_unique(Few::hash(one.id()), *one, |few| Few::hash(few.id())));
            *self = Self::Few(table);
        }
        if let (Self::Few(few), Some(one)) = (&mut *self, Few::new(id, reason))
            && few.len() <= all / MANY
        {
            let is_new = few.find(Few::hash(id), |few| few.id() == id).is_none();
            if is_new {
                few.insert_unique(Few::hash(id), one, |few| Few::hash(few.id()));
            }
            return is_new;
        }
        let mut many = std::mem::take(self).into_many(all);
        let is_new = many[id.index()].is_none();
        many[id.index()].get_or_insert(reason);
        *self = Self::Many(many);
        is_new
    }

    fn into_many(self, all: usize) -> Vec<Option<Reason>> {
        match self {
            Self::Many(many) => many,
            few => {
                let mut many = vec![None; all];
                for id in few.ids() {
                    many[id.index()] = few.get(id);
                }
                many
            }
        }
    }
}

impl Default for Needed {
    fn default() -> Self {
        Self::Few(HashTable::new())
    }
}

#[cfg(test)]
mod tests {
    use super::super::graph::Graph;
    use super::super::scene::of;
    use super::*;

    #[test]
    fn number_that_leaves_no_place_for_a_reason_is_not_packed() {
        let largest = Id::of((1 << 30) - 1);
        for reason in Reason::ALL {
            let few = Few::new(largest, reason).map(|few| (few.id(), few.reason()));
            assert_eq!(few, Some((largest, reason)));
            assert!(Few::new(Id::of(1 << 30), reason).is_none());
        }
    }

    #[test]
    fn what_is_settled_is_told_as_before() {
        let mut needed = Needed::default();
        for (number, reason) in (0..40).map(|number| number * 7 % 40).zip(Reason::ALL.into_iter().cycle()) {
            needed.insert(Id::of(number), reason, 1000);
        }
        let told = |needed: &Needed| (0..50).map(|number| needed.get(Id::of(number))).collect::<Vec<_>>();
        let before = told(&needed);
        needed.settle();
        assert!(matches!(&needed, Needed::Settled(_)) && told(&needed) == before);
        assert!(needed.ids().eq((0..40).map(Id::of)));
        assert!(!needed.insert(Id::of(39), Reason::Young, 1000) && needed.insert(Id::of(45), Reason::Young, 1000));
        assert_eq!((needed.get(Id::of(45)), needed.ids().count()), (Some(Reason::Young), 41));
        assert_eq!(told(&needed)[..45], before[..45]);
        needed.settle();
        assert!(matches!(needed, Needed::Settled(_)) && needed.get(Id::of(45)) == Some(Reason::Young));
    }

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
            assert_eq!(needed.ids().count(), number / 2 + 1);
            assert!(needed.ids().all(|id| needed.get(id).is_some()));
            for (before, id) in ids[..=number].iter().enumerate() {
                let expected = (before % 2 == 0).then_some(Reason::ALL[before % Reason::ALL.len()]);
                assert_eq!(needed.get(*id), expected);
            }
        }
    }
}
