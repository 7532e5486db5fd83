//! Who uses what: sets of repositories, each stored once, however many contents are used by the same ones.

use std::collections::HashMap;

/// A set of repositories.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SetId(pub(super) u32);

impl SetId {
    /// No repository.
    pub const NOBODY: Self = Self(0);
}

/// One set: another, and one repository more.
#[derive(Debug, Clone, Copy)]
struct Set {
    others: u32,
    last: u32,
    count: u32,
}

/// Sets of repositories. Each is built by adding repositories in their order, so that equal sets are one.
#[derive(Debug, Clone, Default)]
pub struct Sets {
    sets: Vec<Set>,
    known: HashMap<(u32, u32), u32>,
}

impl Sets {
    /// The set with one repository more, which comes behind all that are in it.
    pub fn with(&mut self, set: SetId, repository: u32) -> SetId {
        if self.last(set) == Some(repository) {
            return set;
        }
        let count = self.count(set) + 1;
        let next = u32::try_from(self.sets.len() + 1).unwrap_or(u32::MAX);
        let number = *self.known.entry((set.0, repository)).or_insert(next);
        if number == next {
            self.sets.push(Set { others: set.0, last: repository, count: u32::try_from(count).unwrap_or(u32::MAX) });
        }
        SetId(number)
    }

    fn get(&self, set: SetId) -> Option<&Set> {
        self.sets.get((set.0 as usize).checked_sub(1)?)
    }

    fn last(&self, set: SetId) -> Option<u32> {
        self.get(set).map(|set| set.last)
    }

    /// How many repositories are in it.
    #[must_use]
    pub fn count(&self, set: SetId) -> usize {
        self.get(set).map_or(0, |set| set.count as usize)
    }

    /// The repositories in it, the last first.
    pub fn members(&self, set: SetId) -> impl Iterator<Item = usize> + '_ {
        let mut at = self.get(set);
        std::iter::from_fn(move || {
            let set = at?;
            at = self.get(SetId(set.others));
            Some(set.last as usize)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_sets_are_one_and_tell_their_members() {
        let mut sets = Sets::default();
        let mut of = |members: &[u32]| members.iter().fold(SetId::NOBODY, |set, member| sets.with(set, *member));
        let (one, both, again) = (of(&[3]), of(&[3, 7]), of(&[3, 3, 7, 7]));
        let other = of(&[7]);
        assert_eq!(both, again);
        assert!(one != both && other != both && other != one);
        assert_eq!(sets.members(both).collect::<Vec<_>>(), [7, 3]);
        assert_eq!([SetId::NOBODY, one, both].map(|set| sets.count(set)), [0, 1, 2]);
        assert_eq!(sets.members(SetId::NOBODY).count(), 0);
    }
}
