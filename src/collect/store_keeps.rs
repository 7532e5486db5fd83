//! What a store does with what is deleted from it: a versioned bucket gives nothing back while it keeps the old versions,
//! and a report that called them free would be refuted by the next bill.

use super::report::Report;
use crate::model::Timestamp;
use serde::Serialize;
use std::time::Duration;

/// What a store does with what is deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreKeeps {
    /// What becomes of it.
    pub deleted: Deleted,
    /// So long after it was written nothing can be removed for good: object lock, a retention policy.
    pub locked: Option<Duration>,
}

/// What becomes of what is deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deleted {
    /// It is gone, and its space is free.
    Freed,
    /// The store keeps it.
    Held {
        /// As what.
        how: How,
        /// Until when.
        period: Period,
    },
    /// Nobody told.
    NotKnown {
        /// Why it is not known.
        why: String,
    },
}

/// As what a store keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// As an old version.
    Versioning,
    /// As an old version, if it was written while versioning was on: a listing does not tell which was.
    VersioningSuspended,
    /// As an old version of a bucket that can lock versions.
    ObjectLock,
    /// As something that can be undeleted.
    SoftDelete,
    /// As its answers to the deletes say, which do not tell more.
    SaidByAnswers,
}

/// How long a store keeps what is deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Period {
    /// So long from the delete on.
    For {
        /// How long.
        time: Duration,
        /// Whether it is removed at the midnight (UTC) after that: lifecycle rules count whole days.
        to_midnight: bool,
    },
    /// Until somebody removes it: no rule does.
    UntilRemoved,
    /// Nobody told.
    NotKnown {
        /// Why it is not known.
        why: String,
    },
}

/// What a store's answers to ordinary requests gave away.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Said {
    /// A read was answered with the version of the object.
    pub versions: bool,
    /// A delete was answered with a word of what is kept.
    pub kept: Option<How>,
    /// A delete was answered as permanent.
    pub gone: bool,
}

/// What a store keeps, as reports show it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct StoreKeepsRow {
    /// Whether it is known at all.
    pub known: bool,
    /// As what; none where nothing is kept, or nothing is known.
    pub how: Option<How>,
    /// For how many days from the delete on, rounded up; none where no rule ends it, or the end is not known.
    pub days: Option<u64>,
    /// Until when, for what is deleted now, RFC 3339.
    pub until: Option<String>,
    /// For how many days after it was written nothing can be removed for good.
    pub locked_days: Option<u64>,
    /// Why it, or its end, is not known.
    pub why: Option<String>,
}

const DAY: Duration = Duration::from_hours(24);

impl How {
    /// For people.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Versioning => "versioning",
            Self::VersioningSuspended => "versioning is suspended: what was written before that",
            Self::ObjectLock => "versioning, object lock",
            Self::SoftDelete => "soft delete",
            Self::SaidByAnswers => "versioning or soft delete",
        }
    }
}

impl Period {
    /// Until when something is kept that is deleted at `now`.
    fn until(&self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::For { time, to_midnight: false } => Some(now.plus(*time)),
            Self::For { time, to_midnight: true } => Some(midnight_after(now.plus(*time))),
            Self::UntilRemoved | Self::NotKnown { .. } => None,
        }
    }
}

fn midnight_after(time: Timestamp) -> Timestamp {
    let day = Timestamp::from_days(1).as_nanos();
    let into_the_day = time.as_nanos().rem_euclid(day);
    Timestamp::from_nanos(time.as_nanos().saturating_add((day - into_the_day) % day))
}

fn whole_days(time: Duration) -> u64 {
    time.as_secs().div_ceil(DAY.as_secs())
}

impl StoreKeeps {
    /// A store that keeps nothing.
    pub const NOTHING: Self = Self { deleted: Deleted::Freed, locked: None };

    /// A store of which nobody knows.
    pub fn not_known(why: impl Into<String>) -> Self {
        Self { deleted: Deleted::NotKnown { why: why.into() }, locked: None }
    }

    /// A store that keeps what is deleted.
    #[must_use]
    pub fn held(how: How, period: Period) -> Self {
        Self { deleted: Deleted::Held { how, period }, locked: None }
    }

    /// With what its answers said. What it said of a delete it did counts more than what it said of itself before; if it
    /// said that something is kept and that something is not, nothing is called free.
    #[must_use]
    pub fn knowing(self, said: Said) -> Self {
        let Self { deleted, locked } = self;
        let held = |how, why: String| Deleted::Held { how, period: Period::NotKnown { why } };
        let deleted = match (deleted, said) {
            (Deleted::Freed, Said { kept: Some(how), .. }) => {
                held(how, "it named no versioning when it was asked".into())
            }
            (Deleted::NotKnown { why }, Said { kept: Some(how), .. }) => held(how, why),
            (Deleted::NotKnown { .. }, Said { gone: true, .. }) => Deleted::Freed,
            (Deleted::NotKnown { why }, Said { versions: true, .. }) => held(How::Versioning, why),
            // A deleted object becomes an old version; it is soft-deleted only when that version is removed.
            (Deleted::Held { how: How::SoftDelete, .. }, Said { versions: true, .. }) => {
                held(How::Versioning, "rules for old versions are told by the management API only".into())
            }
            (deleted, _) => deleted,
        };
        Self { deleted, locked }
    }

    /// For reports, for what is deleted at `now`.
    #[must_use]
    pub fn row(&self, now: Timestamp) -> StoreKeepsRow {
        let locked_days = self.locked.map(whole_days);
        match &self.deleted {
            Deleted::Freed => StoreKeepsRow { known: true, locked_days, ..StoreKeepsRow::default() },
            Deleted::NotKnown { why } => {
                StoreKeepsRow { why: Some(why.clone()), locked_days, ..StoreKeepsRow::default() }
            }
            Deleted::Held { how, period } => StoreKeepsRow {
                known: true,
                how: Some(*how),
                days: match period {
                    Period::For { time, .. } => Some(whole_days(*time)),
                    Period::UntilRemoved | Period::NotKnown { .. } => None,
                },
                until: period.until(now).map(Timestamp::to_rfc3339),
                locked_days,
                why: match period {
                    Period::NotKnown { why } => Some(why.clone()),
                    Period::For { .. } | Period::UntilRemoved => None,
                },
            },
        }
    }
}

impl Report {
    /// Tells what the store keeps, and splits the bytes of confirmed deletes accordingly: what is held is not free, and is
    /// still there afterwards.
    pub fn split_by(&mut self, keeps: &StoreKeeps, now: Timestamp) {
        self.store_keeps = keeps.row(now);
        let holds = self.store_keeps.how.is_some();
        let parts = self.repositories.iter_mut().map(|row| &mut row.bytes);
        let beside = [&mut self.bytes, &mut self.beside.shared, &mut self.beside.unlinked];
        parts.chain(beside).for_each(|space| space.split(holds));
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::super::report::RepositoryRow;
    use super::*;

    fn now() -> Timestamp {
        Timestamp::parse_rfc3339("2026-11-21T10:30:00Z").unwrap()
    }

    fn denied() -> StoreKeeps {
        StoreKeeps::not_known("no permission")
    }

    fn report(freed: u64) -> Report {
        let mut report = Report::empty();
        report.bytes.before = 100;
        report.bytes.freed = freed;
        report.repositories.push(RepositoryRow { bytes: report.bytes, ..RepositoryRow::default() });
        report
    }

    #[test]
    fn what_is_held_is_neither_free_nor_gone() {
        let mut report = report(60);
        let versioned = StoreKeeps::held(How::Versioning, Period::UntilRemoved);
        // Told twice, as in a run: before the plan is shown, and at the end.
        for _ in 0..2 {
            report.split_by(&versioned, now());
            assert_eq!((report.bytes.freed, report.bytes.held_by_store, report.bytes.after), (0, 60, 100));
            assert_eq!(report.repositories[0].bytes, report.bytes);
        }
        for frees in [StoreKeeps::NOTHING, denied()] {
            report.split_by(&frees, now());
            assert_eq!((report.bytes.freed, report.bytes.held_by_store, report.bytes.after), (60, 0, 40));
        }
    }

    #[test]
    fn lifecycle_rules_end_at_midnight_and_soft_delete_at_the_minute() {
        let until = |time, to_midnight| {
            StoreKeeps::held(How::Versioning, Period::For { time, to_midnight }).row(now()).until.unwrap()
        };
        assert_eq!(until(30 * DAY, true), "2026-12-22T00:00:00Z");
        assert_eq!(until(30 * DAY, false), "2026-12-21T10:30:00Z");
        assert_eq!(until(Duration::from_mins(13 * 60 + 30), true), "2026-11-22T00:00:00Z");
        let soft = StoreKeeps::held(How::SoftDelete, Period::For { time: DAY / 2, to_midnight: false });
        assert_eq!(soft.row(now()).days, Some(1), "rounded up");
        let forever = StoreKeeps::held(How::ObjectLock, Period::UntilRemoved).row(now());
        assert_eq!((forever.known, forever.days, forever.until, forever.why), (true, None, None, None));
    }

    #[test]
    fn answers_to_deletes_count_more_than_what_was_said_before() {
        let kept = Said { kept: Some(How::Versioning), gone: true, versions: false };
        for before in [StoreKeeps::NOTHING, denied()] {
            let row = before.knowing(kept).row(now());
            assert_eq!((row.known, row.how, row.until), (true, Some(How::Versioning), None));
            assert!(row.why.is_some());
        }
        let gone = Said { gone: true, ..Said::default() };
        assert_eq!(denied().knowing(gone), StoreKeeps::NOTHING);
        // Never the other way round.
        let soft = StoreKeeps::held(How::SoftDelete, Period::For { time: DAY, to_midnight: false });
        assert_eq!(soft.clone().knowing(gone), soft);
        assert_eq!(denied().knowing(Said::default()), denied());
    }

    #[test]
    fn versions_in_answers_count_where_the_store_did_not_tell() {
        let versions = Said { versions: true, ..Said::default() };
        let how = |keeps: StoreKeeps| keeps.knowing(versions).row(now()).how;
        assert_eq!(how(denied()), Some(How::Versioning));
        assert_eq!(how(StoreKeeps::held(How::SoftDelete, Period::UntilRemoved)), Some(How::Versioning));
        // Some stores name versions and keep none.
        assert_eq!(how(StoreKeeps::NOTHING), None);
        let known = StoreKeeps::held(How::ObjectLock, Period::For { time: DAY, to_midnight: true });
        assert_eq!(known.clone().knowing(versions), known);
    }

    #[test]
    fn locks_are_told_beside_whatever_becomes_of_it() {
        for mut keeps in [StoreKeeps::NOTHING, denied(), StoreKeeps::held(How::ObjectLock, Period::UntilRemoved)] {
            keeps.locked = Some(7 * DAY);
            assert_eq!(keeps.row(now()).locked_days, Some(7));
            assert_eq!(keeps.knowing(Said { gone: true, ..Said::default() }).locked, Some(7 * DAY));
        }
    }

    #[test]
    fn json_names_are_fixed() {
        let text = |how| serde_json::to_string(&how).unwrap();
        assert_eq!(text(How::VersioningSuspended), "\"versioning_suspended\"");
        assert_eq!(text(How::SoftDelete), "\"soft_delete\"");
        assert_eq!(text(How::SaidByAnswers), "\"said_by_answers\"");
    }

    #[test]
    fn midnight_itself_is_no_day_further() {
        let midnight = Timestamp::parse_rfc3339("2026-11-22T00:00:00Z").unwrap();
        assert_eq!(midnight_after(midnight), midnight);
        assert_eq!(midnight_after(midnight.plus(Duration::from_nanos(1))), midnight.plus(DAY));
        assert_eq!(midnight_after(Timestamp::from_nanos(-1)), Timestamp::default());
        assert_eq!([1, 86_400, 86_401, 200_000].map(|seconds| whole_days(Duration::from_secs(seconds))), [1, 1, 2, 3]);
    }

    #[test]
    fn every_way_to_keep_something_has_its_word() {
        let all = [How::Versioning, How::VersioningSuspended, How::ObjectLock, How::SoftDelete, How::SaidByAnswers];
        let words: std::collections::BTreeSet<&str> = all.iter().map(|how| how.words()).collect();
        assert_eq!(words.len(), all.len());
        assert!(words.iter().all(|words| words.contains("version") || words.contains("delete")));
    }

    #[test]
    fn what_is_not_known_is_not_called_free() {
        let row = |keeps: StoreKeeps| {
            let row = keeps.row(now());
            (row.known, row.how, row.why)
        };
        assert_eq!(row(StoreKeeps::NOTHING), (true, None, None));
        assert_eq!(row(denied()), (false, None, Some("no permission".into())));
        let end = Period::NotKnown { why: "nobody told".into() };
        let held = StoreKeeps::held(How::SoftDelete, end);
        assert_eq!(row(held), (true, Some(How::SoftDelete), Some("nobody told".into())));
    }
}
