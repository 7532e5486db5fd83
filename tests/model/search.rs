//! Every interleaving, breadth first, so that the first counter-example is a shortest one.

use crate::collector;
use crate::registry;
use crate::scenario::{Scenario, Step, Wrong};
use crate::state::State;
use std::collections::{HashSet, VecDeque};
use std::hash::{BuildHasherDefault, Hash, Hasher};

/// What an exploration came to.
#[derive(Debug)]
pub struct Found {
    /// How many states there are.
    pub states: usize,
    /// Every stage that some run came to, one bit each.
    pub stages: u32,
    /// The shortest way to something that is wrong.
    pub wrong: Option<Trace>,
}

/// A way, where it leads, and what is wrong there.
#[derive(Debug)]
pub struct Trace {
    pub steps: Vec<Step>,
    pub end: State,
    pub wrong: Option<Wrong>,
}

impl std::fmt::Display for Trace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for step in &self.steps {
            writeln!(f, "    {step}")?;
        }
        match self.wrong {
            Some(wrong) => write!(f, "    {wrong}"),
            None => write!(f, "    nothing is wrong"),
        }
    }
}

/// All that can happen next.
fn successors(scenario: &Scenario, state: &State, out: &mut Vec<(Step, State)>) {
    out.clear();
    for slot in 0..usize::from(scenario.collectors) {
        collector::steps(scenario, state, slot, out);
    }
    out.extend((0..2).filter_map(|index| registry::step(scenario, state, index)));
}

/// Follows every interleaving to its end, or to the first state in which something is wrong.
pub fn explore(scenario: &Scenario) -> Found {
    let mut found = Found { states: 0, stages: 0, wrong: None };
    let mut known: HashSet<u128, BuildHasherDefault<AsIs>> = HashSet::default();
    // Which state each state was reached from, and by which of its steps.
    let mut ways: Vec<(u32, u8)> = vec![(0, 0)];
    let mut todo = VecDeque::from([(0_u32, scenario.begin)]);
    let mut next = Vec::new();
    known.insert(fingerprint(&scenario.begin));
    while let Some((index, state)) = todo.pop_front() {
        found.states += 1;
        found.stages |= 1 << state.collectors[0].at as u32;
        if scenario.wrong(&state).is_some() {
            found.wrong = Some(retrace(scenario, &ways, index));
            return found;
        }
        successors(scenario, &state, &mut next);
        if next.is_empty() {
            assert!(scenario.all_done(&state) && state.runs_left == 0, "stuck:\n{}", retrace(scenario, &ways, index));
        }
        for (place, (_, next)) in next.iter().enumerate() {
            if known.insert(fingerprint(next)) {
                todo.push_back((u32::try_from(ways.len()).expect("fewer states"), *next));
                ways.push((index, u8::try_from(place).expect("fewer steps")));
            }
        }
    }
    found
}

fn retrace(scenario: &Scenario, ways: &[(u32, u8)], mut index: u32) -> Trace {
    let mut places = Vec::new();
    while index != 0 {
        let (from, place) = ways[index as usize];
        places.push(place);
        index = from;
    }
    let mut trace = Trace { steps: Vec::new(), end: scenario.begin, wrong: None };
    let mut next = Vec::new();
    for place in places.into_iter().rev() {
        successors(scenario, &trace.end, &mut next);
        let (step, state) = next[usize::from(place)];
        trace.steps.push(step);
        trace.end = state;
    }
    trace.wrong = scenario.wrong(&trace.end);
    trace
}

/// Two states with one fingerprint would hide what follows one of them: with 128 bits that does not happen to millions.
fn fingerprint(state: &State) -> u128 {
    let mut hasher = Fingerprint([0x9e37_79b9_7f4a_7c15, 0xc2b2_ae3d_27d4_eb4f]);
    state.hash(&mut hasher);
    u128::from(hasher.0[0]) << 64 | u128::from(hasher.0[1])
}

/// Two lanes of multiply and rotate over the words of a state.
struct Fingerprint([u64; 2]);

impl Fingerprint {
    fn word(&mut self, word: u64) {
        let [one, two] = self.0;
        let one = (one ^ word).wrapping_mul(0xff51_afd7_ed55_8ccd);
        let two = (two.rotate_left(29) ^ word).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        self.0 = [one ^ one >> 32, two ^ two >> 29];
    }
}

impl Hasher for Fingerprint {
    fn write(&mut self, _: &[u8]) {
        unreachable!("a state is made of words")
    }
    fn write_u64(&mut self, word: u64) {
        self.word(word);
    }
    fn write_u128(&mut self, links: u128) {
        self.word(links as u64);
        self.word((links >> 64) as u64);
    }
    fn finish(&self) -> u64 {
        unreachable!("only the whole fingerprint is used")
    }
}

/// A fingerprint needs no further hashing.
#[derive(Default)]
struct AsIs(u64);

impl Hasher for AsIs {
    fn write(&mut self, _: &[u8]) {
        unreachable!("only fingerprints are kept")
    }
    fn write_u128(&mut self, fingerprint: u128) {
        self.0 = fingerprint as u64;
    }
    fn finish(&self) -> u64 {
        self.0
    }
}
