//! What was told of before anything went: what becomes old enough afterwards is for the next run.

use super::Version;
use std::hash::{BuildHasher, RandomState};

/// Remembers versions, each in eight bytes, and no more than it has room for.
///
/// Two that are not the same look the same one time in 2^64; and what has not been old enough at the moment of the plan
/// does not go whatever is remembered here.
#[derive(Debug, Default)]
pub struct Shown {
    hasher: RandomState,
    marks: Vec<u64>,
    is_sorted: bool,
}

/// So many versions go in one run at most: a quarter of a gigabyte remembers them.
pub const MOST: usize = 32 << 20;

impl Shown {
    /// Remembers one more; not if there is no room for it among `most`: it is for the next run then.
    pub fn add(&mut self, version: &Version, most: usize) -> bool {
        let has_room = self.marks.len() < most;
        if has_room {
            self.marks.push(self.mark(version));
            self.is_sorted = false;
        }
        has_room
    }

    /// Nothing more comes.
    #[must_use]
    pub fn closed(mut self) -> Self {
        self.marks.sort_unstable();
        self.is_sorted = true;
        self
    }

    /// Whether this was told of, exactly as it is. Before it is closed nothing was.
    #[must_use]
    pub fn has(&self, version: &Version) -> bool {
        self.is_sorted && self.marks.binary_search(&self.mark(version)).is_ok()
    }

    fn mark(&self, version: &Version) -> u64 {
        // What is stored otherwise by now is the same all the same.
        let Version { key, id, is_latest: _, is_marker, modified, size, storage_class: _ } = version;
        self.hasher.hash_one((key, id, is_marker, modified.as_nanos(), size))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;

    fn version(id: &str) -> Version {
        Version {
            key: "k".into(),
            id: id.into(),
            is_latest: false,
            is_marker: false,
            modified: Timestamp::from_days(7),
            size: 3,
            storage_class: None,
        }
    }

    #[test]
    fn only_what_was_told_of_was_shown() {
        let mut shown = Shown::default();
        for id in ["3", "1", "2"] {
            assert!(shown.add(&version(id), 9));
        }
        assert!(!shown.has(&version("1")), "it is not closed");
        let shown = shown.closed();
        for id in ["1", "2", "3"] {
            assert!(shown.has(&version(id)));
            assert!(shown.has(&Version { is_latest: true, ..version(id) }), "what is above it may have gone");
        }
        let later = Version { modified: Timestamp::from_days(8), ..version("1") };
        for other in [
            version("4"),
            later,
            Version { key: "l".into(), ..version("1") },
            Version { is_marker: true, ..version("1") },
            Version { size: 4, ..version("1") },
        ] {
            assert!(!shown.has(&other), "{other:?}");
        }
        assert!(!Shown::default().closed().has(&version("1")));
    }

    #[test]
    fn what_there_is_no_room_for_is_not_shown() {
        let mut shown = Shown::default();
        assert_eq!(["1", "2", "3"].map(|id| shown.add(&version(id), 2)), [true, true, false]);
        let shown = shown.closed();
        assert!(shown.has(&version("2")) && !shown.has(&version("3")));
    }
}
