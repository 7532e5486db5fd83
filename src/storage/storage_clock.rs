//! The storage's time, by the `Date` of its answers.
//!
//! `Date` tells whole seconds ([RFC 9110 §6.6.1](https://www.rfc-editor.org/rfc/rfc9110#section-6.6.1)), so an answer says
//! that a second has begun, and not how much of it is over. What earlier answers said is kept as far as the newest bears
//! it out. Without that, this clock would go back by most of a second with an answer from a second's end, and who waits
//! until a time would find that it has not come.
//!
//! Of one server whose clock is steady it tells a time that has come. Of several it may be ahead of the last one by a
//! second and the time that its answer took.

use crate::model::Timestamp;
use http::uri::Authority;
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);

/// Who has answered. Credentials are had from other hosts by the same clients, and their clocks are not the storage's.
#[derive(Debug, Clone)]
pub(super) struct Teller {
    pub(super) host: Option<Authority>,
    /// Whether it answered as only the storage does.
    pub(super) is_storage: bool,
}

/// The latest time that is known to have come, and when it had.
#[derive(Debug, Default)]
pub(super) struct StorageClock {
    /// The storage's host, once it is known.
    storage: Option<Authority>,
    known: Option<(Timestamp, Instant)>,
}

impl StorageClock {
    /// Takes in an answer that came at `now` to what was sent at `sent`.
    pub(super) fn hear(&mut self, teller: Teller, date: Timestamp, sent: Instant, now: Instant) {
        if teller.is_storage && self.storage != teller.host {
            // What was believed until now may have been somebody else's.
            (self.storage, self.known) = (teller.host, None);
        } else if self.storage.is_some() && self.storage != teller.host {
            return;
        }
        // Its second was not over when it answered, which was after it was asked.
        let limit = date.plus(SECOND).plus(now.saturating_duration_since(sent));
        let known = self.at(now).filter(|known| *known < limit);
        self.known = Some((known.map_or(date, |known| known.max(date)), now));
    }

    /// The storage's time at an instant, if it has told it.
    pub(super) fn at(&self, instant: Instant) -> Option<Timestamp> {
        let (time, heard) = self.known?;
        Some(time.plus(instant.saturating_duration_since(heard)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATE: Timestamp = Timestamp::from_days(20_000);

    fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn teller(host: &'static str, is_storage: bool) -> Teller {
        Teller { host: Some(Authority::from_static(host)), is_storage }
    }

    /// What the clock says right after each of these answers: their dates in seconds, when they were asked for and when
    /// they came in milliseconds.
    fn said(answers: &[(u64, u64, u64)]) -> Vec<Duration> {
        let (start, mut clock) = (Instant::now(), StorageClock::default());
        let said = answers.iter().map(|(date, sent, now)| {
            let now = start + millis(*now);
            clock.hear(teller("storage", true), DATE.plus(millis(date * 1000)), start + millis(*sent), now);
            clock.at(now).map_or(Duration::ZERO, |time| DATE.until(time))
        });
        said.collect()
    }

    #[test]
    fn first_answer_tells_that_its_second_has_begun() {
        let (start, mut clock) = (Instant::now(), StorageClock::default());
        assert_eq!(clock.at(start), None);
        clock.hear(teller("storage", false), DATE, start, start + millis(20));
        assert_eq!(clock.at(start + millis(20)), Some(DATE));
        assert_eq!(clock.at(start + millis(1720)), Some(DATE.plus(millis(1700))));
        assert_eq!(clock.at(start), Some(DATE), "an instant before it was heard");
    }

    #[test]
    fn answer_from_the_end_of_a_second_does_not_set_the_clock_back() {
        assert_eq!(said(&[(0, 0, 0), (0, 900, 900)]), [millis(0), millis(900)]);
        assert_eq!(said(&[(0, 0, 0), (0, 100, 5000)]), [millis(0), millis(5000)], "it was long on its way");
    }

    #[test]
    fn answer_from_the_beginning_of_a_second_sets_the_clock_on() {
        assert_eq!(said(&[(0, 0, 0), (1, 100, 100)]), [millis(0), millis(1000)]);
    }

    #[test]
    fn time_that_the_newest_answer_rules_out_is_dropped() {
        assert_eq!(said(&[(60, 0, 0), (0, 0, 10)]), [millis(60_000), millis(0)]);
        assert_eq!(said(&[(1, 0, 0), (0, 10, 10)]), [millis(1000), millis(0)], "its second would be over");
        assert_eq!(said(&[(1, 0, 0), (0, 10, 30)]), [millis(1000), millis(0)], "it took 20 ms, and that is 30 over");
        assert_eq!(said(&[(1, 0, 0), (0, 0, 30)]), [millis(1000), millis(0)]);
        assert_eq!(
            said(&[(0, 0, 0), (0, 980, 1000)]),
            [millis(0), millis(1000)],
            "it may have been sent as its second ended"
        );
    }

    #[test]
    fn nobody_but_the_storage_tells_its_time() {
        let (start, mut clock) = (Instant::now(), StorageClock::default());
        let (tokens, storage) = (teller("tokens", false), teller("storage", true));
        clock.hear(tokens.clone(), DATE.plus(millis(9000)), start, start);
        clock.hear(storage, DATE, start, start + millis(9000));
        assert_eq!(clock.at(start + millis(9000)), Some(DATE), "though it would bear the other out");
        clock.hear(tokens, DATE.plus(millis(1000)), start, start + millis(9000));
        clock.hear(teller("storage", false), DATE, start, start + millis(9100));
        assert_eq!(clock.at(start + millis(9100)), Some(DATE.plus(millis(100))));
    }
}
