//! The pace as a function of what happens: pure, and the time is a value.
//!
//! Two things are bounded. How many requests are in flight doubles as long as all goes well, and is halved where a request
//! times out: a store that is slow gets no faster by being asked more at once. How many are sent in a second is bounded from
//! the first refusal on: it falls by a part with each round of refusals and rises by a little with each second without.

use std::time::Duration;

/// How one request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// It was answered.
    Answered,
    /// The store refused it for now.
    Refused,
    /// No answer came in time.
    TimedOut,
}

/// Why the next request cannot be sent now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    /// Until then, or until another has ended.
    Until(Duration),
    /// Until another has ended.
    ForAnother,
}

/// Requests in flight at the beginning.
const FIRST: f64 = 16.0;
/// What is left of a rate that was too high.
const FALL: f64 = 0.85;
/// By such a part it rises in a second, and by so much more in each second that passes without a refusal.
const RISE: f64 = 0.02;
/// By such a part it rises in a second as long as it is well below what was refused: it fell too low.
const RISE_BELOW: f64 = 0.4;
/// This is well below.
const WELL_BELOW: f64 = 0.8;
/// What a round of refusals leaves at least, in a second: an outage is no reason to stop asking.
const SLOWEST: f64 = 2.0;
/// Refusals that come so soon after a fall tell nothing of the new pace.
const ROUND: Duration = Duration::from_millis(400);
/// So many refusals tell enough in so much less, if so many are answered meanwhile: where none is, the store is away.
const EARLY: (Duration, u32, u32) = (Duration::from_millis(100), 16, 4);
/// What was sent in a round tells how fast that was, if it was so many in no longer: who sends little is not slow.
const TOLD: (u32, Duration) = (8, Duration::from_secs(2));
/// With this a store is asked on that has refused everything so far.
const UNKNOWN: f64 = 20.0;
/// So many requests, or those of so much time in seconds, may be made up for: timers come late.
const BURST: f64 = 2.0;
const LATE: f64 = 0.005;

/// The pace: a state that changes with each request.
#[derive(Debug)]
pub(super) struct Level {
    most_in_flight: f64,
    fastest: Option<f64>,
    /// How many may be in flight.
    window: f64,
    in_flight: usize,
    /// How many may be sent in a second, once the store has refused one or the user says so.
    rate: Option<f64>,
    /// Requests that may be sent at once, as of `counted`.
    tokens: f64,
    counted: Duration,
    /// When the rate fell, what was answered and refused since, and at which rate that happened.
    fell: Option<Duration>,
    answered: u32,
    refused: u32,
    refused_at: f64,
    /// When the window was halved.
    halved: Duration,
    has_timed_out: bool,
}

impl Level {
    /// Begins; never more than these.
    pub(super) fn new(most_in_flight: usize, fastest: Option<u32>) -> Self {
        let most = u32::try_from(most_in_flight.max(1)).map_or(f64::MAX, f64::from);
        let fastest = fastest.map(|fastest| f64::from(fastest.max(1)));
        Self {
            most_in_flight: most,
            fastest,
            window: FIRST.min(most),
            in_flight: 0,
            rate: fastest,
            tokens: 1.0,
            counted: Duration::ZERO,
            fell: None,
            answered: 0,
            refused: 0,
            refused_at: f64::MAX,
            halved: Duration::ZERO,
            has_timed_out: false,
        }
    }

    /// Sends a request, if one may be sent now.
    pub(super) fn send(&mut self, now: Duration) -> Result<(), Wait> {
        #[expect(clippy::cast_precision_loss, reason = "no process has so many connections")]
        let is_full = self.in_flight as f64 + 1.0 > self.window.max(1.0);
        if is_full {
            return Err(Wait::ForAnother);
        }
        if let Some(rate) = self.rate {
            self.count(now, rate);
            if self.tokens < 1.0 {
                return Err(Wait::Until(now + Duration::from_secs_f64((1.0 - self.tokens) / rate)));
            }
            self.tokens -= 1.0;
        }
        self.in_flight += 1;
        Ok(())
    }

    /// Takes note of how a request ended that was sent at `sent`.
    pub(super) fn ended(&mut self, ended: Ended, sent: Duration, now: Duration) {
        self.in_flight = self.in_flight.saturating_sub(1);
        match ended {
            Ended::Answered => {
                self.answered += 1;
                // At first by one for each: that doubles it in the time of one answer. Later by one in that time.
                self.window += if self.has_timed_out { 1.0 / self.window } else { 1.0 };
                self.window = self.window.min(self.most_in_flight);
            }
            Ended::Refused => self.fall(sent, now),
            Ended::TimedOut => {
                if !self.has_timed_out || sent > self.halved {
                    self.has_timed_out = true;
                    self.halved = now;
                    self.window = (self.window / 2.0).max(1.0);
                }
            }
        }
    }

    /// The store refused something that was sent at `sent`, if only a part of it.
    pub(super) fn fall(&mut self, sent: Duration, now: Duration) {
        let since = now.saturating_sub(self.fell.unwrap_or_default());
        if self.fell.is_some_and(|fell| sent < fell) {
            return;
        }
        self.refused += 1;
        let (early, refused, answered) = EARLY;
        let is_early = since >= early && self.refused >= refused && self.answered >= answered;
        if self.fell.is_some() && since < ROUND && !is_early {
            return;
        }
        // What was answered is what the store permits, and what it allows in a burst.
        let answered = f64::from(self.answered) / since.as_secs_f64().max(0.1);
        // To fall from a rate that nobody has used would change nothing for a while.
        let ended = self.answered + self.refused;
        let is_told = ended >= TOLD.0 && since <= TOLD.1;
        let used = if is_told { f64::from(ended) / since.as_secs_f64().max(0.1) } else { f64::MAX };
        let too_fast = self.rate.filter(|_| self.fell.is_some()).map(|rate| rate.min(used));
        let rate = match (too_fast, self.rate) {
            (Some(rate), _) => (rate * FALL).min(answered.max(rate / 2.0)),
            (None, Some(rate)) => answered.max(SLOWEST).min(rate) * FALL,
            (None, None) if self.answered == 0 => UNKNOWN,
            (None, None) => answered * FALL,
        };
        self.refused_at = too_fast.unwrap_or(f64::MAX);
        self.rate = Some(rate.max(SLOWEST).min(self.fastest.unwrap_or(f64::MAX)));
        self.tokens = self.tokens.min(0.0);
        self.counted = now;
        self.fell = Some(now);
        (self.answered, self.refused) = (0, 0);
    }

    fn count(&mut self, now: Duration, rate: f64) {
        let passed = now.saturating_sub(self.counted).as_secs_f64();
        self.counted = self.counted.max(now);
        self.tokens = (self.tokens + passed * rate).min(BURST.max(rate * LATE));
        if let Some(fell) = self.fell {
            let calm = now.saturating_sub(fell).as_secs_f64();
            let rise = if rate < self.refused_at * WELL_BELOW { RISE_BELOW } else { RISE * (1.0 + calm) };
            self.rate = Some((rate * (1.0 + rise * passed)).min(self.fastest.unwrap_or(f64::MAX)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cmp::Reverse;
    use std::collections::BinaryHeap;

    /// A store that permits so many requests a second, a burst of so many, and answers after so long.
    struct Store {
        permits: f64,
        burst: f64,
        latency: Duration,
    }

    /// What came of a number of requests.
    #[derive(Debug)]
    struct Came {
        seconds: f64,
        answered: u32,
        refused: u32,
        /// How often the unluckiest request was refused.
        unluckiest: u32,
        peak: usize,
    }

    /// Sends requests in simulated time; each is sent again until it is answered, behind those that wait.
    fn simulate(store: &Store, mut level: Level, requests: u32) -> Came {
        let mut now = Duration::ZERO;
        let mut waiting: std::collections::VecDeque<u32> = std::iter::repeat_n(0, requests as usize).collect();
        let mut under_way: BinaryHeap<Reverse<(Duration, Duration, bool, u32)>> = BinaryHeap::new();
        let (mut tokens, mut counted) = (store.burst, Duration::ZERO);
        let mut came = Came { seconds: 0.0, answered: 0, refused: 0, unluckiest: 0, peak: 0 };
        while came.answered < requests {
            let mut next = Duration::MAX;
            while let Some(refusals) = waiting.front().copied() {
                match level.send(now) {
                    Ok(()) => {
                        waiting.pop_front();
                        tokens = (tokens + now.saturating_sub(counted).as_secs_f64() * store.permits).min(store.burst);
                        counted = now;
                        let is_permitted = tokens >= 1.0;
                        tokens -= if is_permitted { 1.0 } else { 0.0 };
                        under_way.push(Reverse((now + store.latency, now, is_permitted, refusals)));
                        came.peak = came.peak.max(under_way.len());
                    }
                    Err(Wait::Until(until)) => {
                        next = until.max(now + Duration::from_micros(1));
                        break;
                    }
                    Err(Wait::ForAnother) => break,
                }
            }
            if let Some(Reverse((at, sent, is_permitted, refusals))) = under_way.peek().copied()
                && at <= next
            {
                under_way.pop();
                now = at.max(now);
                if is_permitted {
                    came.answered += 1;
                    level.ended(Ended::Answered, sent, now);
                } else {
                    came.refused += 1;
                    came.unluckiest = came.unluckiest.max(refusals + 1);
                    level.ended(Ended::Refused, sent, now);
                    waiting.push_back(refusals + 1);
                }
            } else {
                now = next;
            }
        }
        came.seconds = now.as_secs_f64();
        came
    }

    #[test]
    fn four_fifths_of_what_a_store_permits_is_used_whatever_its_latency() {
        for permits in [20.0, 200.0, 3500.0] {
            for burst in [permits / 20.0 + 3.0, permits / 4.0, permits] {
                for latency in [0.2, 5.0, 25.0, 200.0] {
                    let latency = Duration::from_secs_f64(latency / 1000.0);
                    let store = Store { permits, burst, latency };
                    for in_flight in [64, 1024] {
                        let reachable = permits.min(f64::from(in_flight) / latency.as_secs_f64());
                        let requests = 60.0 * reachable;
                        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a test's figure")]
                        let came = simulate(&store, Level::new(in_flight as usize, None), requests as u32);
                        let used = requests / came.seconds / reachable;
                        let told =
                            format!("{permits}/s, bursts of {burst}, {latency:?}, {in_flight}: {used:.2} {came:?}");
                        assert!(used > 0.8, "{told}");
                        assert!(f64::from(came.refused) < requests * 0.15 + 2.0 * f64::from(in_flight), "{told}");
                        assert!(came.unluckiest < 40, "{told}");
                    }
                }
            }
        }
    }

    /// Two requests out of three were refused for two seconds, as the rate fell from one that nobody used.
    #[test]
    fn who_asks_one_after_the_other_is_soon_at_the_pace_of_the_store_however_fast_it_was_before() {
        for before in [5, 35, 2000] {
            let (mut level, early) = (Level::new(1, None), Duration::from_millis(1));
            for _ in 0..before {
                assert_eq!(level.send(early), Ok(()));
                level.ended(Ended::Answered, early, early);
            }
            let store = Store { permits: 10.0, burst: 1.0, latency: Duration::from_millis(33) };
            let came = simulate(&store, level, 60);
            assert!(came.refused < 30 && came.seconds < 9.0, "{before}: {came:?}");
        }
    }

    #[test]
    fn what_is_too_much_at_first_costs_few_refusals() {
        let store = Store { permits: 200.0, burst: 50.0, latency: Duration::from_micros(200) };
        let came = simulate(&store, Level::new(64, None), 320);
        assert!(came.refused < 64 + 320 / 4, "{came:?}");
    }

    #[test]
    fn a_store_that_permits_all_is_asked_by_as_many_at_once_as_allowed() {
        let store = Store { permits: 1e9, burst: 1e9, latency: Duration::from_millis(25) };
        let came = simulate(&store, Level::new(128, None), 20_000);
        assert_eq!((came.refused, came.peak), (0, 128));
        assert!(came.seconds < 20_000.0 * 0.025 / 128.0 + 0.2, "{came:?}");
        assert_eq!(simulate(&store, Level::new(1, None), 10).peak, 1);
    }

    #[test]
    fn nobody_is_faster_than_the_user_says() {
        for latency in [1, 25] {
            let store = Store { permits: 1e9, burst: 1e9, latency: Duration::from_millis(latency) };
            let came = simulate(&store, Level::new(64, Some(100)), 1000);
            assert!((9.8..10.5).contains(&came.seconds), "{came:?}");
        }
        let store = Store { permits: 50.0, burst: 10.0, latency: Duration::from_millis(5) };
        let came = simulate(&store, Level::new(64, Some(100)), 3000);
        assert!((60.0..75.0).contains(&came.seconds), "{came:?}");
    }

    #[test]
    fn a_pace_that_fell_rises_again() {
        let mut level = Level::new(64, None);
        let seconds = Duration::from_secs;
        for at in 1..20 {
            for _ in 0..10 {
                assert_eq!(level.send(seconds(at)), Ok(()));
                level.ended(if at < 10 { Ended::Refused } else { Ended::Answered }, seconds(at), seconds(at));
                level.tokens = level.tokens.max(1.0);
            }
            if at == 9 {
                assert!(level.rate.is_some_and(|rate| rate < UNKNOWN), "{level:?}");
            }
        }
        let fallen = level.rate.unwrap_or_default();
        level.count(seconds(60), fallen);
        assert!(level.rate.unwrap_or_default() > 3.0 * fallen, "{level:?}");
    }

    #[test]
    fn timeouts_halve_what_is_in_flight_once_for_all_that_were_sent_together() {
        let mut level = Level::new(64, None);
        let at = Duration::from_millis;
        for _ in 0..200 {
            assert_eq!(level.send(at(1)), Ok(()));
            level.ended(Ended::Answered, at(1), at(2));
        }
        for _ in 0..64 {
            assert_eq!(level.send(at(3)), Ok(()));
        }
        assert_eq!(level.send(at(3)), Err(Wait::ForAnother));
        for _ in 0..64 {
            level.ended(Ended::TimedOut, at(3), at(1000));
        }
        assert!((level.window - 32.0).abs() < 0.1, "{level:?}");
        level.ended(Ended::TimedOut, at(1500), at(2000));
        assert!((level.window - 16.0).abs() < 0.1, "{level:?}");
        for _ in 0..64 {
            level.ended(Ended::Answered, at(2000), at(2025));
        }
        assert!((17.0..21.0).contains(&level.window), "it comes back slowly: {level:?}");
    }
}
