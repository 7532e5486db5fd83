//! The newest tag of each day, week, month or year, in UTC.

use super::policy::Period;
use crate::model::Timestamp;
use std::collections::BTreeMap;

/// Which day, week, month or year a time is in: a number that grows by one from each to the next.
fn number(period: Period, time: Timestamp) -> i64 {
    let (year, month, _) = time.date();
    match period {
        Period::Day => time.days(),
        // The first of January 1970 was a Thursday.
        Period::Week => (time.days() + 3).div_euclid(7),
        Period::Month => i64::from(year) * 12 + i64::from(month),
        Period::Year => i64::from(year),
    }
}

/// How a period is called: `2026-11-21`, `week of 2026-11-16`, `2026-11`, `2026`.
pub(super) fn name(period: Period, time: Timestamp) -> String {
    let (year, month, day) = time.date();
    match period {
        Period::Day => format!("{year:04}-{month:02}-{day:02}"),
        Period::Week => {
            let (year, month, day) = Timestamp::from_days(number(period, time) * 7 - 3).date();
            format!("week of {year:04}-{month:02}-{day:02}")
        }
        Period::Month => format!("{year:04}-{month:02}"),
        Period::Year => format!("{year:04}"),
    }
}

/// Which of these are the newest of their period, for the last `count` periods that have any. What is as new as the newest
/// is so as well, and what has no time may be the newest of any: both stay, and use up no period.
pub(super) fn newest<K: Copy>(times: &[(K, Option<Timestamp>)], period: Period, count: usize) -> Vec<K> {
    let mut newest: BTreeMap<i64, Timestamp> = BTreeMap::new();
    for time in times.iter().filter_map(|(_, time)| *time) {
        let of_period = newest.entry(number(period, time)).or_insert(time);
        *of_period = time.max(*of_period);
    }
    let kept: BTreeMap<i64, Timestamp> = newest.into_iter().rev().take(count).collect();
    let is_kept = |time: &Option<Timestamp>| match time {
        Some(time) => kept.get(&number(period, *time)) == Some(time),
        None => count > 0,
    };
    times.iter().filter(|(_, time)| is_kept(time)).map(|(key, _)| *key).collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).unwrap()
    }

    fn kept(period: Period, count: usize, times: &[&str]) -> Vec<usize> {
        let times: Vec<_> = times.iter().enumerate().map(|(key, text)| (key, Timestamp::parse_rfc3339(text))).collect();
        newest(&times, period, count)
    }

    #[test]
    fn days_begin_at_midnight_utc() {
        let times = ["2026-11-21T23:59:59Z", "2026-11-22T00:00:00Z", "2026-11-21T00:00:00Z", "2026-11-20T23:59:59Z"];
        assert_eq!(kept(Period::Day, 9, &times), [0, 1, 3]);
        assert_eq!(kept(Period::Day, 1, &times), [1]);
        assert_eq!(kept(Period::Day, 2, &times), [0, 1]);
    }

    #[test]
    fn days_without_a_tag_do_not_count() {
        assert_eq!(
            kept(Period::Day, 2, &["2026-11-21T00:00:00Z", "2026-01-01T00:00:00Z", "2025-01-01T00:00:00Z"]),
            [0, 1]
        );
    }

    #[test]
    fn weeks_begin_on_monday() {
        // 2026-11-16 is a Monday.
        assert_eq!(
            kept(Period::Week, 9, &["2026-11-16T00:00:00Z", "2026-11-15T23:59:59Z", "2026-11-22T23:59:59Z"]),
            [1, 2]
        );
        assert_eq!(kept(Period::Week, 1, &["2026-12-31T00:00:00Z", "2027-01-03T00:00:00Z"]), [1]);
        assert_eq!(name(Period::Week, at("2026-11-22T23:00:00Z")), "week of 2026-11-16");
        assert_eq!(name(Period::Week, at("2026-11-16T00:00:00Z")), "week of 2026-11-16");
    }

    #[test]
    fn months_and_years_are_those_of_the_calendar() {
        let times = ["2026-12-01T00:00:00Z", "2026-11-30T23:59:59Z", "2025-12-31T00:00:00Z", "2026-11-01T00:00:00Z"];
        assert_eq!(kept(Period::Month, 9, &times), [0, 1, 2]);
        assert_eq!(kept(Period::Year, 9, &times), [0, 2]);
        assert_eq!(kept(Period::Year, 1, &times), [0]);
        let december = at("2026-12-01T00:00:00Z");
        assert_eq!(number(Period::Month, december) - number(Period::Month, at("2026-11-30T00:00:00Z")), 1);
        assert_eq!(number(Period::Month, at("2027-01-01T00:00:00Z")) - number(Period::Month, december), 1);
        let names = Period::ALL.map(|period| name(period, at("2026-02-03T00:00:00Z")));
        assert_eq!(names, ["2026-02-03", "week of 2026-02-02", "2026-02", "2026"]);
    }

    #[test]
    fn equals_and_the_unknown_stay() {
        let times = ["2026-11-21T10:00:00Z", "2026-11-21T10:00:00Z", "odd", "2026-11-20T00:00:00Z"];
        assert_eq!(kept(Period::Day, 1, &times), [0, 1, 2]);
        assert_eq!(kept(Period::Day, 0, &times), [0_usize; 0]);
    }
}
