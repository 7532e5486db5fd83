//! Which of many objects were seen, and how each looked, in few bytes: by a fingerprint that nobody can foresee.

use super::entry::Evidence;
use hashbrown::HashTable;
use hashbrown::hash_table::OccupiedEntry;
use std::hash::{BuildHasher as _, RandomState};

/// Objects that were seen. That another object, or another state of the same, passes for one of ten million of these has a
/// probability of one in 10^12.
#[derive(Debug, Default)]
pub struct Fingerprints {
    /// Of this process alone: whoever chooses keys cannot choose fingerprints.
    secret: RandomState,
    /// One for each object, also where two are the same.
    seen: HashTable<u64>,
}

impl Fingerprints {
    /// Adds an object.
    pub fn add(&mut self, key: &str, evidence: &Evidence) {
        let print = self.of(key, evidence);
        self.seen.insert_unique(print, print, |print| *print);
    }

    /// Takes an object out. Tells whether it was there, and looked like this.
    pub fn take(&mut self, key: &str, evidence: &Evidence) -> bool {
        let print = self.of(key, evidence);
        self.seen.find_entry(print, |other| *other == print).map(OccupiedEntry::remove).is_ok()
    }

    /// Whether an object is there, and looks like this.
    #[must_use]
    pub fn has(&self, key: &str, evidence: &Evidence) -> bool {
        let print = self.of(key, evidence);
        self.seen.find(print, |other| *other == print).is_some()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.seen.is_empty()
    }

    fn of(&self, key: &str, evidence: &Evidence) -> u64 {
        self.secret.hash_one((key, evidence))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;

    #[test]
    fn object_is_known_by_its_key_and_by_all_that_was_seen_of_it() {
        let seen = |size| Evidence { size, modified: Timestamp::from_days(1), etag: Some("x".into()), outside: false };
        let mut prints = Fingerprints::default();
        assert!(prints.is_empty() && !prints.take("a", &seen(1)));
        for (key, size) in [("a", 1), ("b", 1), ("a", 1)] {
            prints.add(key, &seen(size));
        }
        let others = [
            ("c", seen(1)),
            ("a", seen(2)),
            ("a", Evidence { modified: Timestamp::from_days(2), ..seen(1) }),
            ("a", Evidence { etag: None, ..seen(1) }),
            ("a", Evidence { etag: Some("y".into()), ..seen(1) }),
            ("a", Evidence { outside: true, ..seen(1) }),
        ];
        for (key, evidence) in &others {
            assert!(!prints.has(key, evidence) && !prints.take(key, evidence), "{key} {evidence:?}");
        }
        assert!(prints.has("a", &seen(1)) && !prints.is_empty(), "it was only looked at");
        let taken = [("a", true), ("a", true), ("a", false), ("b", true), ("b", false)];
        for (key, is_there) in taken {
            assert_eq!((prints.has(key, &seen(1)), prints.take(key, &seen(1))), (is_there, is_there));
        }
        assert!(prints.is_empty());
    }
}
