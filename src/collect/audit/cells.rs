//! Objects that are alike in all that reports tell apart, counted together: everything else is a sum of these.

use super::class::Class;
use super::storage_class::ClassId;
use super::users::SetId;
use crate::collect::blobs::Tally;
use crate::model::Timestamp;
use std::collections::HashMap;

/// A month, counted from January 1970 on. What is older counts as of that month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month(u16);

impl Month {
    /// The month of a time, in UTC.
    #[must_use]
    pub fn of(time: Timestamp) -> Self {
        let (year, month, _) = time.date();
        let months = (i64::from(year) - 1970) * 12 + i64::from(month) - 1;
        Self(u16::try_from(months.max(0)).unwrap_or(u16::MAX))
    }

    /// As `2026-11`.
    #[must_use]
    pub fn name(self) -> String {
        format!("{:04}-{:02}", 1970 + self.0 / 12, self.0 % 12 + 1)
    }
}

/// What may become of an object.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fate(u8);

const STICKS: u8 = 1 << 7;

impl Fate {
    /// It goes in this scenario as well.
    #[must_use]
    pub fn going_in(self, scenario: usize) -> Self {
        Self(self.0 | 1 << scenario.min(6))
    }

    /// It would stay even if all repositories that use it were removed.
    #[must_use]
    pub fn sticking(self, sticks: bool) -> Self {
        Self(if sticks { self.0 | STICKS } else { self.0 })
    }

    /// Whether it goes in this scenario.
    #[must_use]
    pub fn goes_in(self, scenario: usize) -> bool {
        self.0 & 1 << scenario.min(6) != 0
    }

    /// Whether it would stay without its repositories.
    #[must_use]
    pub fn sticks(self) -> bool {
        self.0 & STICKS != 0
    }
}

/// What objects have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cell {
    /// The repositories that use them.
    pub users: SetId,
    /// When they were last modified.
    pub month: Month,
    /// What they are.
    pub class: Class,
    /// How they are stored.
    pub storage: ClassId,
    /// What may become of them.
    pub fate: Fate,
}

/// All objects.
#[derive(Debug, Default)]
pub struct Cells(HashMap<Cell, Tally>);

impl Cells {
    /// Counts an object.
    pub fn add(&mut self, cell: Cell, size: u64) {
        self.0.entry(cell).or_default().add(size);
    }

    /// All of them, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (Cell, Tally)> + '_ {
        self.0.iter().map(|(cell, tally)| (*cell, *tally))
    }
}

/// A fair part of bytes that so many use: what cannot be divided goes to the first of them, a byte each. So the parts are the
/// whole.
#[must_use]
pub fn fair_part(bytes: u64, users: usize, place: usize) -> u64 {
    let users = (users as u64).max(1);
    bytes / users + u64::from((place as u64) < bytes % users)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fair_parts_are_the_whole() {
        for (bytes, users) in [(0, 3), (1, 3), (100, 7), (u64::MAX, 5), (5, 1)] {
            let parts: Vec<u64> = (0..users).map(|place| fair_part(bytes, users, place)).collect();
            assert_eq!(parts.iter().sum::<u64>(), bytes);
            assert!(parts.iter().max().unwrap_or(&0) - parts.iter().min().unwrap_or(&0) <= 1);
        }
    }

    #[test]
    fn months_are_those_of_the_calendar() {
        let month = |text| Timestamp::parse_rfc3339(text).map(|time| Month::of(time).name());
        for (time, name) in [
            ("1970-01-01T00:00:00Z", "1970-01"),
            ("1960-05-05T00:00:00Z", "1970-01"),
            ("2026-11-30T23:59:59Z", "2026-11"),
            ("2026-12-01T00:00:00Z", "2026-12"),
        ] {
            assert_eq!(month(time).as_deref(), Some(name));
        }
    }

    #[test]
    fn fates_do_not_mix() {
        let fate = Fate::default().going_in(1).sticking(true).sticking(false);
        assert!(fate.goes_in(1) && fate.sticks() && !fate.goes_in(0) && !fate.goes_in(2));
    }
}
