//! What if: what a collection would free of what is old enough, once it has waited.

use super::storage_class::ClassId;
use crate::collect::blobs::Tally;
use crate::collect::counts::Counts;
use crate::collect::mark::Marks;
use crate::collect::options::Options;
use crate::collect::plan::{Deletion, Stage};
use crate::model::Timestamp;
use std::collections::{BTreeMap, HashMap};

/// One of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// `garbage-collect`.
    Collection,
    /// `garbage-collect -m`.
    Untagged,
    /// `prune --policy`.
    Policy,
}

impl Kind {
    /// The word in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Collection => "collection",
            Self::Untagged => "collection_untagged",
            Self::Policy => "policy",
        }
    }
}

/// What one of them needs, and which pointers and uploads it lets go.
#[derive(Debug)]
pub struct Scenario {
    /// Which.
    pub kind: Kind,
    /// All that decides. Nothing waits: what is asked is what will be free in the end.
    pub options: Options,
    /// What is needed.
    pub marks: Marks,
    /// How many revisions and tagged manifests are needed.
    pub marked_manifests: u64,
    /// The pointers and uploads that go.
    pub pointers: Vec<Deletion>,
}

impl Scenario {
    /// Keeps only what anyone needs: which repositories do is asked of a plain collection alone, and takes as much place as
    /// all links.
    #[must_use]
    pub fn in_brief(mut self) -> Self {
        self.marks.forget_repositories();
        self
    }
}

/// Objects of less than 128 KiB, the size that cold classes bill at least.
pub const SMALL: u64 = 128 << 10;

/// So many days of age are told apart; no cold class has a longer minimum.
pub const OLD: u16 = 366;

/// Objects of one storage class.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Stored {
    /// How many.
    pub count: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Those of less than 128 KiB among them.
    pub small: Tally,
}

impl Stored {
    /// Counts one more.
    pub fn add(&mut self, size: u64) {
        self.count += 1;
        self.bytes = self.bytes.saturating_add(size);
        if size < SMALL {
            self.small.add(size);
        }
    }

    /// Counts others as well.
    pub fn add_all(&mut self, other: Self) {
        self.count = self.count.saturating_add(other.count);
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.small.add_all(other.small);
    }
}

/// What goes in a scenario.
#[derive(Debug, Default)]
pub struct Freed {
    /// All of it.
    pub all: Tally,
    /// By kind.
    pub planned: Counts,
    /// By storage class, and within each by age in whole days; what is older than a year counts together.
    pub ages: BTreeMap<(ClassId, u16), Stored>,
    last_upload: Option<String>,
}

impl Freed {
    /// Counts an object that goes.
    pub(super) fn add(&mut self, (stage, what): (Stage, What<'_>), size: u64, storage: ClassId, age: u16) {
        let upload = crate::layout::upload_directory(what.0);
        let is_new = upload.is_some() && self.last_upload.as_deref() != upload;
        if let Some(upload) = upload {
            self.last_upload = Some(upload.to_owned());
        }
        self.planned.add(&Counts::one(stage, what, size, is_new));
        self.all.add(size);
        self.ages.entry((storage, age)).or_default().add(size);
    }
}

/// The age in whole days.
#[must_use]
pub fn days(modified: Timestamp, now: Timestamp) -> u16 {
    let days = modified.age(now).as_secs() / 86_400;
    u16::try_from(days).unwrap_or(OLD).min(OLD)
}

/// A key, and which of its multipart uploads, if it is about one.
pub(super) type What<'a> = (&'a str, Option<&'a str>);

/// Which pointers and uploads go in which scenarios, by repository (none for what is no repository's) and key.
#[derive(Debug, Default)]
pub(super) struct Going<'a>(HashMap<Option<usize>, Keys<'a>>);

/// The keys of one repository, each with the scenarios in which it goes.
type Keys<'a> = HashMap<What<'a>, Vec<(usize, Stage)>>;

impl<'a> Going<'a> {
    pub(super) fn of(scenarios: &'a [Scenario]) -> Self {
        let mut going = Self::default();
        for (number, scenario) in scenarios.iter().enumerate() {
            for deletion in &scenario.pointers {
                let at = deletion.repository.as_ref().map(|(at, _)| *at);
                let of_key = going.0.entry(at).or_default().entry(deletion.what()).or_default();
                of_key.push((number, deletion.stage));
            }
        }
        going
    }

    /// Whether anything of a repository goes: else no key need be made.
    pub(super) fn any_of(&self, repository: Option<usize>) -> bool {
        self.0.contains_key(&repository)
    }

    pub(super) fn of_key<'s>(&'s self, repository: Option<usize>, what: What<'s>) -> &'s [(usize, Stage)] {
        self.0.get(&repository).and_then(|keys| keys.get(&what)).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_whole_days_and_end_with_a_year() {
        let now = Timestamp::from_days(1000);
        for (modified, expected) in [
            (Timestamp::from_days(1000), 0),
            (Timestamp::from_days(999), 1),
            (Timestamp::from_days(1001), 0),
            (Timestamp::from_days(1), OLD),
            (now.minus(std::time::Duration::from_secs(86_399)), 0),
        ] {
            assert_eq!(days(modified, now), expected);
        }
    }

    #[test]
    fn small_objects_are_told_from_others_to_the_byte() {
        let mut stored = Stored::default();
        for size in [SMALL - 1, SMALL, SMALL + 1] {
            stored.add(size);
        }
        assert_eq!((stored.count, stored.bytes), (3, 3 * SMALL));
        assert_eq!(stored.small, Tally { count: 1, bytes: SMALL - 1 });
    }
}
