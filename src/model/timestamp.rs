//! A point in time as a store reports it.

use chrono::Datelike as _;
use std::fmt;
use std::time::Duration;

/// Nanoseconds since 1970-01-01 UTC. Good until 2262; anything outside is clamped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From nanoseconds since 1970.
    #[must_use]
    pub fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// From days since 1970.
    #[must_use]
    pub const fn from_days(days: i64) -> Self {
        Self(days.saturating_mul(86_400_000_000_000))
    }

    /// From seconds and nanoseconds since 1970.
    #[must_use]
    pub fn from_parts(seconds: i64, nanos: u32) -> Self {
        let all = i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
        Self(i64::try_from(all).unwrap_or(if all < 0 { i64::MIN } else { i64::MAX }))
    }

    /// Nanoseconds since 1970.
    #[must_use]
    pub fn as_nanos(self) -> i64 {
        self.0
    }

    /// Reads RFC 3339, as the registry writes `startedat` and stores write times in listings.
    #[must_use]
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        if let Some(usual) = parse_usual(text.as_bytes()) {
            return Some(usual);
        }
        let time = chrono::DateTime::parse_from_rfc3339(text).ok()?;
        Some(Self::from_parts(time.timestamp(), time.timestamp_subsec_nanos()))
    }

    /// Reads the date of an HTTP header (RFC 9110, RFC 2822 form).
    #[must_use]
    pub fn parse_http(text: &str) -> Option<Self> {
        let time = chrono::DateTime::parse_from_rfc2822(text).ok()?;
        Some(Self::from_parts(time.timestamp(), 0))
    }

    /// How long before `now` this was; nothing for a time in the future.
    #[must_use]
    pub fn age(self, now: Self) -> Duration {
        Duration::from_nanos(u64::try_from(now.0.saturating_sub(self.0)).unwrap_or(0))
    }

    /// Whether this is less than `limit` before `now`. A time in the future is young; with a limit of zero nothing is.
    #[must_use]
    pub fn is_younger_than(self, limit: Duration, now: Self) -> bool {
        !limit.is_zero() && self.age(now) < limit
    }

    /// This time and `duration` more.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)))
    }

    /// This time without `duration`.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)))
    }

    /// How long it is from this time until a later one; nothing if that is past.
    #[must_use]
    pub fn until(self, later: Self) -> Duration {
        self.age(later)
    }

    /// The difference, whichever is earlier.
    #[must_use]
    pub fn distance(self, other: Self) -> Duration {
        Duration::from_nanos(self.0.abs_diff(other.0))
    }

    fn to_chrono(self) -> chrono::DateTime<chrono::Utc> {
        chrono::DateTime::from_timestamp_nanos(self.0)
    }

    /// Whole days since 1970, in UTC; days before 1970 are negative.
    #[must_use]
    pub fn days(self) -> i64 {
        self.0.div_euclid(86_400_000_000_000)
    }

    /// Year, month and day of the month, in UTC.
    #[must_use]
    pub fn date(self) -> (i32, u32, u32) {
        let time = self.to_chrono();
        (time.year(), time.month(), time.day())
    }

    /// Reads a date, `2026-11-21`: 00:00 UTC.
    #[must_use]
    pub fn parse_date(text: &str) -> Option<Self> {
        let date = chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
        Some(Self::from_parts(date.and_hms_opt(0, 0, 0)?.and_utc().timestamp(), 0))
    }

    /// RFC 3339 in UTC, with as many digits of a second as there are.
    #[must_use]
    pub fn to_rfc3339(self) -> String {
        self.to_chrono().to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)
    }

    /// For names: `20261121T191005Z`.
    #[must_use]
    pub fn to_compact(self) -> String {
        self.to_chrono().format("%Y%m%dT%H%M%SZ").to_string()
    }

    /// For people: `2026-11-21 19:10 UTC`.
    #[must_use]
    pub fn to_minute(self) -> String {
        self.to_chrono().format("%Y-%m-%d %H:%M UTC").to_string()
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_rfc3339())
    }
}

/// The form of S3 listings, `2026-11-21T19:10:05.000Z`: read by the million. Anything else, and whatever is no such time, is
/// left to who knows all forms.
fn parse_usual(text: &[u8]) -> Option<Timestamp> {
    let number = |from: usize, to: usize| {
        let add = |all: i64, digit: &u8| digit.is_ascii_digit().then(|| all * 10 + i64::from(digit - b'0'));
        text[from..to].iter().try_fold(0, add)
    };
    let has = |places: &[(usize, u8)]| places.iter().all(|(at, byte)| text[*at] == *byte);
    let separators = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':'), (19, b'.'), (23, b'Z')];
    if text.len() != 24 || !has(&separators) {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let is_time = (1970..2262).contains(&year)
        && (1..=12).contains(&month)
        && (1..=28).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    if !is_time {
        return None;
    }
    // Days of a year that begins in March, so that the leap day is its last.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year / 4 - year / 100 + year / 400;
    let days = year * 365 + leap_days + (month * 153 + 2) / 5 + day - 1 - 719_468;
    let seconds = days * 86_400 + hour * 3600 + minute * 60 + second;
    Some(Timestamp(seconds * 1_000_000_000 + number(20, 23)? * 1_000_000))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    const DAY: Duration = Duration::from_hours(24);

    #[test]
    fn future_is_young_and_no_limit_makes_nothing_young() {
        let now = Timestamp::parse_rfc3339("2026-11-21T00:00:00Z").unwrap();
        let tomorrow = now.plus(DAY);
        assert!(tomorrow.is_younger_than(DAY, now));
        assert!(!tomorrow.is_younger_than(Duration::ZERO, now));
        assert!(!now.is_younger_than(DAY, now.plus(DAY)), "exactly as old as the limit is old enough");
        assert!(now.is_younger_than(DAY, now.plus(Duration::from_nanos(86_399_999_999_999))));
    }

    #[test]
    fn writes_and_reads_times() {
        let time = Timestamp::parse_rfc3339("2026-11-21T19:10:05.25Z").unwrap();
        assert_eq!(time.to_rfc3339(), "2026-11-21T19:10:05.250Z");
        assert_eq!(time.to_minute(), "2026-11-21 19:10 UTC");
        assert_eq!(
            Timestamp::parse_http("Sat, 21 Nov 2026 19:10:05 GMT").unwrap().to_rfc3339(),
            "2026-11-21T19:10:05Z"
        );
        assert_eq!(Timestamp::parse_rfc3339("yesterday"), None);
    }

    #[test]
    fn days_and_dates_are_those_of_utc() {
        let time = Timestamp::parse_rfc3339("2026-11-21T01:30:00+02:00").unwrap();
        assert_eq!((time.days(), time.date()), (20_777, (2026, 11, 20)));
        assert_eq!((Timestamp::from_nanos(-1).days(), Timestamp::from_nanos(-1).date()), (-1, (1969, 12, 31)));
        assert_eq!(Timestamp::parse_date("1970-01-02"), Some(Timestamp::from_days(1)));
        assert_eq!(Timestamp::from_days(3).minus(DAY), Timestamp::from_days(2));
        for text in ["2026-02-30", "2026-11-21T00:00:00Z", "21.11.2026", ""] {
            assert_eq!(Timestamp::parse_date(text), None, "{text}");
        }
    }

    /// A plan's evidence is compared with a listing to the nanosecond.
    #[test]
    fn every_time_reads_back_as_it_was_written() {
        for nanos in [0, 1, -1, 999_999_999, -1_000_000_001, i64::MAX, i64::MIN, 1_763_750_405_123_456_789] {
            let time = Timestamp::from_nanos(nanos);
            assert_eq!(Timestamp::parse_rfc3339(&time.to_rfc3339()), Some(time), "{time}");
        }
    }

    #[test]
    fn far_times_are_clamped_not_wrapped() {
        assert_eq!(Timestamp::from_parts(i64::MAX, 0), Timestamp::from_nanos(i64::MAX));
        assert_eq!(Timestamp::from_nanos(i64::MAX).plus(Duration::MAX), Timestamp::from_nanos(i64::MAX));
        assert_eq!(
            Timestamp::from_nanos(i64::MIN).age(Timestamp::from_nanos(i64::MAX)),
            Duration::from_nanos(i64::MAX.cast_unsigned())
        );
    }

    #[test]
    fn spans_are_told_in_either_direction() {
        let (early, late) = (Timestamp::from_days(10), Timestamp::from_days(12));
        assert_eq!((early.until(late), late.until(early)), (2 * DAY, Duration::ZERO));
        assert_eq!((early.age(late), late.age(early)), (2 * DAY, Duration::ZERO));
        assert_eq!((early.distance(late), late.distance(early)), (2 * DAY, 2 * DAY));
        assert_eq!(early.plus(2 * DAY), late);
        assert_eq!(early.as_nanos(), 864_000_000_000_000);
        assert_eq!(Timestamp::from_parts(i64::MIN, 0), Timestamp::from_nanos(i64::MIN));
        assert_eq!(Timestamp::from_parts(-1, 1), Timestamp::from_nanos(-999_999_999));
    }

    #[test]
    fn names_and_people_have_their_own_forms() {
        let time = Timestamp::parse_rfc3339("2026-11-21T19:10:05.25Z").unwrap();
        assert_eq!(time.to_compact(), "20261121T191005Z");
        assert_eq!(time.to_string(), time.to_rfc3339());
        assert_eq!(Timestamp::parse_http("yesterday"), None);
    }

    /// The quick way is the same as the thorough one.
    #[test]
    fn times_of_listings_are_read_as_all_others() {
        for day in (0..100_000).step_by(13) {
            let time =
                Timestamp::from_parts(day * 86_400 + day % 86_400, u32::try_from(day % 1000).unwrap() * 1_000_000);
            let text = time.to_chrono().to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
            assert_eq!(text.len(), 24);
            let quick = parse_usual(text.as_bytes());
            assert!(quick.is_none_or(|quick| quick == time), "{text}");
            assert_eq!(quick.is_none(), time.date().2 > 28, "{text}");
            assert_eq!(Timestamp::parse_rfc3339(&text), Some(time), "{text}");
        }
        for odd in [
            "2026-13-01T00:00:00.000Z",
            "2026-01-01T24:00:00.000Z",
            "2026-01-01T00:00:0x.000Z",
            "2026-01-00T00:00:00.000Z",
        ] {
            assert_eq!(Timestamp::parse_rfc3339(odd), None, "{odd}");
        }
        for left_to_others in ["2026-01-01T00:60:00.000Z", "2026-01-01T00:00:60.000Z"] {
            assert_eq!(parse_usual(left_to_others.as_bytes()), None, "{left_to_others}");
        }
    }
}
