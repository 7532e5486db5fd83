//! What is told of old versions.

use super::{Amount, Stays, Version};
use crate::collect::outcome::Outcome;
use serde::Serialize;

/// What stays, by why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Kept {
    /// Old for less than was asked, or hiding what is.
    pub young: Amount,
    /// Where the store's listing does not say what is current.
    pub unclear: Amount,
    /// Of what is missing or damaged and needed.
    pub needed: Amount,
    /// Under keys that no registry writes.
    pub foreign: Amount,
    /// Without an id of its own, where the next write takes its place.
    pub reused: Amount,
    /// More than one run can remember: the next one takes them.
    pub later: Amount,
}

impl Kept {
    /// All that stays.
    #[must_use]
    pub fn all(&self) -> Amount {
        self.young.plus(self.unclear).plus(self.needed).plus(self.foreign).plus(self.reused).plus(self.later)
    }

    /// Counts one more.
    pub fn add(&mut self, version: &Version, why: Stays) {
        match why {
            Stays::Young | Stays::Hides => self.young.add(version),
            Stays::Unclear => self.unclear.add(version),
            Stays::Needed => self.needed.add(version),
            Stays::Foreign => self.foreign.add(version),
            Stays::Reused => self.reused.add(version),
            Stays::Later => self.later.add(version),
        }
    }
}

/// What was found, planned and done about old versions (`--purge-versions`).
#[derive(Debug, Clone, Default, Serialize)]
pub struct OldVersions {
    /// What has been old since then, or before, was to go, RFC 3339.
    pub before: String,
    /// What there is.
    pub found: Amount,
    /// What was to go.
    pub planned: Amount,
    /// What stays, and why.
    pub kept: Kept,
    /// What went.
    pub deleted: Amount,
    /// What the store refused to delete.
    pub failed: u64,
    /// Of which nobody knows.
    pub unknown: u64,
    /// What was to go, and was gone or current again when it was listed once more.
    pub changed: u64,
    /// What was to go and was never tried.
    pub not_attempted: u64,
    /// Why it stopped before its end.
    pub stopped: Option<String>,
    /// Why some failed, the first of each kind.
    pub failures: Vec<String>,
}

/// So many reasons are told.
const FAILURES_TOLD: usize = 5;

impl OldVersions {
    /// Notes what came of one that was to go.
    pub fn note(&mut self, version: &Version, outcome: &Outcome) {
        match outcome {
            // A version that is gone already answers a delete as one that was there.
            Outcome::Deleted | Outcome::AlreadyGone => self.deleted.add(version),
            Outcome::Failed(why) => {
                self.failed += 1;
                self.tell(why);
            }
            Outcome::Unknown(why) => {
                self.unknown += 1;
                self.tell(why);
            }
            Outcome::NotAttempted => self.not_attempted += 1,
            Outcome::Changed => {}
        }
    }

    /// What was planned and not tried is told as such: as changed, where all was listed once more.
    pub fn close(&mut self, is_whole: bool) {
        let tried = self.deleted.count() + self.failed + self.unknown + self.not_attempted;
        debug_assert!(tried <= self.planned.count(), "nothing is tried that was not shown: {self:?}");
        let rest = self.planned.count().saturating_sub(tried);
        *(if is_whole { &mut self.changed } else { &mut self.not_attempted }) += rest;
    }

    fn tell(&mut self, why: &str) {
        if self.failures.len() < FAILURES_TOLD && !self.failures.iter().any(|told| told == why) {
            self.failures.push(why.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::blobs::Tally;
    use crate::model::Timestamp;

    fn version(is_marker: bool, size: u64) -> Version {
        Version {
            key: "key".into(),
            id: "id".into(),
            is_latest: false,
            is_marker,
            modified: Timestamp::from_days(1),
            size,
            storage_class: None,
        }
    }

    fn amount(count: u64, bytes: u64, delete_markers: u64) -> Amount {
        Amount { noncurrent_versions: Tally { count, bytes }, delete_markers }
    }

    #[test]
    fn what_stays_is_counted_by_why() {
        let mut kept = Kept::default();
        let all =
            [Stays::Young, Stays::Hides, Stays::Unclear, Stays::Needed, Stays::Foreign, Stays::Reused, Stays::Later];
        for (size, why) in (1..).zip(all) {
            kept.add(&version(false, size), why);
        }
        kept.add(&version(true, 0), Stays::Hides);
        let Kept { young, unclear, needed, foreign, reused, later } = kept;
        let one = |bytes| amount(1, bytes, 0);
        assert_eq!([young, unclear, needed], [amount(2, 3, 1), one(3), one(4)]);
        assert_eq!([foreign, reused, later], [one(5), one(6), one(7)]);
        assert_eq!(kept.all(), amount(7, 28, 1));
    }

    #[test]
    fn what_came_of_each_adds_up_to_what_was_planned() {
        let mut row = OldVersions { planned: amount(9, 90, 1), ..OldVersions::default() };
        row.note(&version(true, 0), &Outcome::Deleted);
        row.note(&version(false, 10), &Outcome::AlreadyGone);
        for why in ["a", "b", "a"] {
            row.note(&version(false, 10), &Outcome::Failed(why.into()));
        }
        row.note(&version(false, 10), &Outcome::Unknown("c".into()));
        row.note(&version(false, 10), &Outcome::NotAttempted);
        row.note(&version(false, 10), &Outcome::Changed);
        let told = |row: &OldVersions| (row.deleted, row.failed, row.unknown, row.changed, row.not_attempted);
        assert_eq!(told(&row), (amount(1, 10, 1), 3, 1, 0, 1));
        assert_eq!(row.failures, ["a", "b", "c"], "each reason once");
        // Of ten seven were tried.
        let (mut whole, mut broken_off) = (row.clone(), row);
        whole.close(true);
        broken_off.close(false);
        assert_eq!(told(&whole), (amount(1, 10, 1), 3, 1, 3, 1));
        assert_eq!(told(&broken_off), (amount(1, 10, 1), 3, 1, 0, 4));
    }

    #[test]
    fn so_many_reasons_are_told() {
        let mut row = OldVersions::default();
        for why in 0..FAILURES_TOLD + 2 {
            row.note(&version(false, 1), &Outcome::Unknown(why.to_string()));
        }
        assert_eq!((row.unknown, row.failures.len()), (FAILURES_TOLD as u64 + 2, FAILURES_TOLD));
    }
}
