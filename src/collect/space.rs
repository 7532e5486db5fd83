//! Space before and after: of the whole, and of its parts.

use super::blobs::Tally;
use serde::Serialize;

/// Space, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Space {
    /// What is there, before: of the whole, all below the root.
    pub before: u64,
    /// Freed, as the store confirmed; where it is not known what the store keeps: deleted.
    pub freed: u64,
    /// Deleted, as the store confirmed, but kept by it for a while (versions, soft delete): not free, not listed any more.
    pub held_by_store: u64,
    /// What is left of `before`, what the store holds included; a listing shows so much less.
    pub after: u64,
    /// What a later run can free.
    pub freeable_later: u64,
}

impl Space {
    /// Nothing but what is there.
    #[must_use]
    pub(super) fn of(before: u64, freeable_later: u64) -> Self {
        Self { before, after: before, freeable_later, ..Self::default() }
    }

    /// Both together.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        Self {
            before: self.before.saturating_add(other.before),
            freed: self.freed.saturating_add(other.freed),
            held_by_store: self.held_by_store.saturating_add(other.held_by_store),
            after: self.after.saturating_add(other.after),
            freeable_later: self.freeable_later.saturating_add(other.freeable_later),
        }
    }

    /// Counts what the store confirmed as deleted.
    pub(super) fn free(&mut self, bytes: u64) {
        self.freed = self.freed.saturating_add(bytes);
        self.after = self.before.saturating_sub(self.freed);
    }

    /// What was deleted is free, or the store holds it.
    pub(super) fn split(&mut self, holds: bool) {
        let deleted = self.freed.saturating_add(self.held_by_store);
        (self.freed, self.held_by_store) = if holds { (0, deleted) } else { (deleted, 0) };
        self.after = self.before.saturating_sub(self.freed);
    }
}

/// The space of what is in no row of a repository: with it, the rows add up to the whole.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Beside {
    /// Blobs that several repositories link.
    pub shared: Space,
    /// What no repository links.
    pub unlinked: Space,
    /// Repositories that lose nothing now, and can lose nothing later: how many, and their space.
    pub unchanged: Tally,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_is_free_or_held_and_only_what_is_free_is_less() {
        let mut space = Space::of(100, 7);
        assert_eq!(space, Space { before: 100, freed: 0, held_by_store: 0, after: 100, freeable_later: 7 });
        space.free(30);
        space.free(5);
        assert_eq!((space.freed, space.after), (35, 65));
        space.split(true);
        assert_eq!((space.freed, space.held_by_store, space.after), (0, 35, 100));
        space.split(false);
        assert_eq!((space.freed, space.held_by_store, space.after), (35, 0, 65));
    }

    #[test]
    fn spaces_add_up() {
        let one = Space { before: 100, freed: 10, held_by_store: 20, after: 90, freeable_later: 3 };
        let other = Space { before: 7, freed: 1, held_by_store: 2, after: 6, freeable_later: 4 };
        let both = Space { before: 107, freed: 11, held_by_store: 22, after: 96, freeable_later: 7 };
        assert_eq!(one.plus(&other), both);
    }
}
