//! What the tests ask of explorations.

use crate::protocol::{Aside, Protocol};
use crate::scenario::{CacheKind, Scenario, Wrong};
use crate::scenes::{SCENES, Scene};
use crate::search::{Trace, explore};
use crate::state::At;
use std::io::Write;
use std::time::Instant;

impl Scenario {
    pub fn deferring(mut self, defers: bool) -> Scenario {
        self.protocol.defers = defers;
        self
    }
    pub fn aside(mut self, aside: Aside) -> Scenario {
        self.protocol.aside = aside;
        self
    }
    pub fn with_min_age(mut self, with_min_age: bool) -> Scenario {
        self.with_min_age = with_min_age;
        self
    }
    pub fn without(mut self, step: fn(&mut Protocol)) -> Scenario {
        step(&mut self.protocol);
        self
    }
    pub fn within(mut self, bounds: Bounds) -> Scenario {
        let begin = &mut self.begin;
        (begin.runs_left, begin.kills_left) = (bounds.runs, bounds.kills);
        (begin.stops_left, begin.faults_left) = (bounds.stops, bounds.faults);
        self
    }
    /// The registry has a cache that knows all there is. One in memory is looked at when a last run has ended that begins
    /// after all clients have.
    pub fn beside(mut self, cache: CacheKind) -> Scenario {
        self.cache = cache;
        self.closing_run = cache == CacheKind::Memory;
        if cache == CacheKind::None { self } else { self.warm() }
    }
    /// Each repository is listed in two parts.
    pub fn listing_in_parts(mut self) -> Scenario {
        self.lists_in_parts = true;
        self
    }

    fn described(&self) -> String {
        let begin = &self.begin;
        format!(
            "{}; cache {:?}, defer {}, aside {:?}, min-age {}, {} runs, {} kills, {} stops, {} faults{}{}",
            self.name,
            self.cache,
            self.protocol.defers,
            self.protocol.aside,
            self.with_min_age,
            begin.runs_left,
            begin.kills_left,
            begin.stops_left,
            begin.faults_left,
            if self.lists_in_parts { ", listed in parts" } else { "" },
            if self.retries { ", refused clients try again" } else { "" },
        )
    }
}

/// How much happens in one exploration.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    pub runs: u8,
    pub kills: u8,
    pub stops: u8,
    pub faults: u8,
}

impl Bounds {
    pub const ONE_RUN: Bounds = Bounds { runs: 1, kills: 0, stops: 0, faults: 0 };

    pub const fn runs(self, runs: u8) -> Bounds {
        Bounds { runs, ..self }
    }
    pub const fn kills(self, kills: u8) -> Bounds {
        Bounds { kills, ..self }
    }
    pub const fn stops(self, stops: u8) -> Bounds {
        Bounds { stops, ..self }
    }
    pub const fn faults(self, faults: u8) -> Bounds {
        Bounds { faults, ..self }
    }
}

/// All ways to tell a collector how to run.
pub fn modes(scene: Scene) -> impl Iterator<Item = Scenario> {
    let ages = [false, true].into_iter();
    let asides = ages.flat_map(|age| Aside::ALL.into_iter().map(move |aside| (age, aside)));
    let all = asides.flat_map(|(age, aside)| [false, true].map(|defers| (age, aside, defers)));
    all.map(move |(age, aside, defers)| scene().with_min_age(age).aside(aside).deferring(defers))
}

pub fn all_scenes() -> impl Iterator<Item = Scenario> {
    SCENES.into_iter().flat_map(modes)
}

/// In every interleaving of this, nothing is wrong. Tells which stages some run came to, one bit each.
pub fn holds(scenario: &Scenario) -> u32 {
    all_hold([scenario.clone()])
}

/// The same for all of these.
pub fn all_hold(scenarios: impl IntoIterator<Item = Scenario>) -> u32 {
    let begun = Instant::now();
    let (mut explored, mut states, mut reached) = (0, 0, 0);
    for scenario in scenarios {
        let found = explore(&scenario);
        if let Some(trace) = found.wrong {
            panic!("{}:\n{trace}", scenario.described());
        }
        (explored, states, reached) = (explored + 1, states + found.states, reached | found.stages);
    }
    assert!(explored > 0, "nothing was explored");
    let seconds = begun.elapsed().as_secs_f32();
    tell(&format!("{explored} explored, {states} states, {seconds:.1} s: nothing is wrong"));
    reached
}

/// In some interleaving of this, something is wrong.
pub fn breaks(scenario: &Scenario) -> Trace {
    let found = explore(scenario);
    let Some(trace) = found.wrong else {
        panic!("nothing is wrong in {} states: {}", found.states, scenario.described());
    };
    tell(&format!("{} states: {}\n{trace}", found.states, scenario.described()));
    trace
}

/// Nothing is wrong in this scenario, but without this step a tag breaks that was promised.
pub fn breaks_without(step: fn(&mut Protocol), scenario: &Scenario) {
    holds(scenario);
    let trace = breaks(&scenario.clone().without(step));
    assert!(matches!(trace.wrong, Some(Wrong::Tag(..))), "not a tag:\n{trace}");
}

/// All stages, as [`holds`] tells of them.
pub fn all_stages() -> u32 {
    (2 << At::End as u32) - 1
}

/// With `REGSWEEP_TRACE`, figures and traces are printed, also for tests that pass.
fn tell(what: &str) {
    if std::env::var_os("REGSWEEP_TRACE").is_some() {
        let test = std::thread::current().name().unwrap_or("a test").to_owned();
        // Not by a macro: the test program would keep it to itself.
        writeln!(std::io::stderr(), "{test}: {what}").expect("standard error");
    }
}
