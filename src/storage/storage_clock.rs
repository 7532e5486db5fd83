//! The storage's time, by the `Date` of its answers.
//!
//! `Date` tells whole seconds ([RFC 9110 §6.6.1](https://www.rfc-editor.org/rfc/rfc9110#section-6.6.1)), so an answer says
//! that a second has begun, and not how much of it is over. What earlier answers said is kept as far as the newest bears
//! it out. Without that, this clock would go back by most of a second with an answer from a second's end, and who waits
//! until a time would find that it has not come.

use crate::model::Timestamp;
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);

/// The latest time that is certain to have come, and when it had. It never runs ahead of the storage's own clock.
#[derive(Debug, Clone, Copy)]
pub(super) struct StorageClock {
    time: Timestamp,
    heard: Instant,
}

impl StorageClock {
    /// The clock by an answer that came just now, to what was asked at `sent`, and by what was known before.
    ///
    /// Several servers of one storage may differ: what could not be so by this answer's clock is dropped.
    pub(super) fn hear(before: Option<Self>, date: Timestamp, sent: Instant, now: Instant) -> Self {
        let latest = date.plus(SECOND).plus(now.saturating_duration_since(sent));
        let known = before.map_or(date, |clock| clock.at(now));
        Self { time: if known <= latest { known.max(date) } else { date }, heard: now }
    }

    /// The storage's time at an instant.
    pub(super) fn at(self, instant: Instant) -> Timestamp {
        self.time.plus(instant.saturating_duration_since(self.heard))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATE: Timestamp = Timestamp::from_days(20_000);

    fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn first_answer_tells_that_its_second_has_begun() {
        let start = Instant::now();
        let clock = StorageClock::hear(None, DATE, start, start);
        assert_eq!(clock.at(start), DATE);
        assert_eq!(clock.at(start + millis(1700)), DATE.plus(millis(1700)));
        assert_eq!(clock.at(start - millis(1)), DATE, "an instant before it was heard");
    }

    #[test]
    fn answer_from_the_end_of_a_second_does_not_set_the_clock_back() {
        let start = Instant::now();
        let clock = StorageClock::hear(None, DATE, start, start);
        let now = start + millis(900);
        let clock = StorageClock::hear(Some(clock), DATE, now, now);
        assert_eq!(clock.at(now), DATE.plus(millis(900)));
        assert_eq!(clock.at(start + millis(2000)), DATE.plus(millis(2000)), "who waits two seconds has waited them");
    }

    #[test]
    fn answer_that_was_long_on_its_way_does_not_set_the_clock_back() {
        let start = Instant::now();
        let clock = StorageClock::hear(None, DATE, start, start);
        let clock = StorageClock::hear(Some(clock), DATE, start + millis(100), start + millis(5000));
        assert_eq!(clock.at(start + millis(5000)), DATE.plus(millis(5000)));
    }

    #[test]
    fn answer_from_the_beginning_of_a_second_sets_the_clock_on() {
        let start = Instant::now();
        let clock = StorageClock::hear(None, DATE, start, start);
        let now = start + millis(100);
        let clock = StorageClock::hear(Some(clock), DATE.plus(SECOND), now, now);
        assert_eq!(clock.at(now), DATE.plus(SECOND));
    }

    #[test]
    fn clock_that_the_newest_answer_rules_out_is_dropped() {
        let start = Instant::now();
        let ahead = StorageClock::hear(None, DATE.plus(millis(60_000)), start, start);
        let clock = StorageClock::hear(Some(ahead), DATE, start, start + millis(10));
        assert_eq!(clock.at(start + millis(10)), DATE);
        let barely = StorageClock::hear(None, DATE.plus(millis(1_000)), start, start);
        assert_eq!(StorageClock::hear(Some(barely), DATE, start, start).at(start), DATE.plus(millis(1_000)));
    }
}
