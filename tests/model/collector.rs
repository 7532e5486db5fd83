//! A live run of regsweep: which stages it has, when each of them is due, and what else can happen to it.
//!
//! This is the protocol. [`ORDER`] has the stages from first to last, [`Run::is_due`] says which of them a run skips;
//! what a stage does is in `stages.rs`, one listing, link or blob per step, and what it concludes from its listings in
//! `judge.rs`. Between any two steps clients, kills and time step in.

use crate::assumptions::{may_open_window, release};
use crate::names::{Kind, Links, Set};
use crate::protocol::Aside;
use crate::scenario::{CacheKind, Scenario, Step, Who};
use crate::state::{At, Cache, Collector, State, Stopped};

/// The order of a run.
const ORDER: [At; 26] = [
    // What a run that was killed left aside is put back: it is judged anew.
    At::PutBackDead,
    // A tag that such a run has removed, and that was pushed at that moment, is written back.
    At::PutBackDeadTags,
    // Repositories are listed. Links that a journal names, that something kept needs and that are not there are written
    // back; it is decided which go. Then blobs are listed, and it is decided which go in this run and which wait.
    At::Scan,
    At::MendEarlier,
    At::ListContent,
    // Repositories that are about to lose a link are listed once more: what changed, or is needed by now, stays. The links
    // that go are written to the journal, and the waits of all that a link named in the scan are struck from `pending`.
    // Only then they go: first the tags that the run was told to remove. They are looked at right before, and right after:
    // one that was pushed meanwhile stays, or is written back. Then the rest, parents before children.
    At::Recheck,
    At::WriteJournal,
    At::LookAtTags,
    At::Tags,
    At::LookAtHistory,
    At::PutBackTags,
    At::Pointers,
    // Without a `--defer`: a pause.
    At::SettleBeforeContent,
    // Beside Redis, if any content goes without being put aside: what is to go, and what unfinished journals name, is
    // evicted; a pause.
    At::EvictBeforeContent,
    At::SettleForEviction,
    // In both cases, and whenever the last such listing is too old: what is needed or named by now stays.
    At::ListAgain,
    // What goes is put aside, or is gone. What does not go waits.
    At::Content,
    At::WritePending,
    // If anything went, or an unfinished journal tells that it did in an earlier run: a pause. Beside Redis all that went
    // is evicted, with what unfinished journals name, and there is one more pause.
    At::SettleToVerify,
    At::EvictAll,
    At::SettleAgain,
    // Then repositories are listed. Links from journals are written back, and content is put back, if needed or named.
    At::Verify,
    At::Mend,
    At::PutBack,
    // What is still aside is gone, and all journals are finished.
    At::LetGo,
    At::End,
];

/// What [`pointers_first`](crate::protocol::Protocol::pointers_first) prevents.
fn content_first() -> [At; 26] {
    let place = |stage: At| ORDER.iter().position(|other| *other == stage).expect("a stage");
    let mut order = ORDER;
    order[place(At::WriteJournal)..place(At::WritePending)].rotate_left(6);
    order
}

/// Run `slot` in one state.
pub struct Run<'a> {
    pub scenario: &'a Scenario,
    pub before: &'a State,
    pub slot: usize,
}

impl Run<'_> {
    /// Whether a run that comes to this stage has anything to do there.
    fn is_due(&self, stage: At, now: &State) -> bool {
        let protocol = self.scenario.protocol;
        let (me, storage) = (&now.collectors[self.slot], &now.storage);
        let is_redis = self.scenario.cache == CacheKind::Redis;
        let content_goes = !me.going.is_empty() && me.stopped == Stopped::No;
        let for_good = me.going.minus(protocol.puts_aside(me.manifests));
        let evicts_first = content_goes && is_redis && protocol.evicts_before_content && !for_good.is_empty();
        let anything_went = !me.removed.is_empty() || !me.gone.is_empty();
        let is_unfinished = protocol.verifies_for_unfinished && !storage.unfinished.is_empty();
        let verifies = protocol.verifies && (anything_went || is_unfinished) && me.stopped != Stopped::Signal;
        match stage {
            At::PutBackDead => protocol.puts_back_dead && !storage.all_aside().is_empty(),
            At::MendEarlier | At::Mend => !me.missing.is_empty(),
            At::Recheck => protocol.recheck && !me.doomed.is_empty(),
            At::PutBackDeadTags => protocol.puts_back_dead_tags && !storage.lost_tags().is_empty(),
            At::LookAtTags => protocol.looks_before_tags && !me.doomed.tags().is_empty(),
            At::Tags => !me.doomed.tags().is_empty(),
            At::LookAtHistory => protocol.looks_after_tags && !me.removed.tags().is_empty(),
            At::PutBackTags => !me.pushed.is_empty(),
            At::WriteJournal | At::Pointers => !me.doomed.is_empty(),
            At::SettleBeforeContent => {
                let is_asked_for = protocol.settles_always || !me.removed.is_empty();
                content_goes && !protocol.defers && protocol.settles_before_content && is_asked_for
            }
            At::EvictBeforeContent => evicts_first,
            At::SettleForEviction => evicts_first && protocol.settles_for_eviction,
            At::ListAgain => {
                let for_pointers = !protocol.defers && protocol.lists_again;
                content_goes && (for_pointers || evicts_first && protocol.lists_after_eviction)
            }
            At::Content => content_goes,
            At::SettleToVerify => verifies && protocol.settles_to_verify,
            At::EvictAll => verifies && is_redis && protocol.evicts_at_end,
            At::SettleAgain => verifies && is_redis && protocol.evicts_at_end && protocol.settles_again,
            At::Verify => verifies,
            At::PutBack => !me.put_back.is_empty(),
            At::LetGo => !storage.aside[self.slot].is_empty() && me.stopped != Stopped::Signal,
            At::Idle | At::Scan | At::ListContent | At::WritePending | At::End => true,
        }
    }

    /// Whether content is judged by the scan's listing, or by one that is made later.
    pub fn decides_by_scan(&self) -> bool {
        let protocol = self.scenario.protocol;
        let evicts = self.scenario.cache == CacheKind::Redis && protocol.evicts_before_content;
        let lists_later = evicts && protocol.lists_after_eviction && protocol.aside != Aside::All;
        if protocol.defers { !lists_later } else { !protocol.lists_again && !lists_later }
    }

    /// A stage is over: the next one that is due begins.
    pub fn over(&self, next: &mut State) {
        let order = if self.scenario.protocol.pointers_first { ORDER } else { content_first() };
        let from = next.collectors[self.slot].at;
        let rest = order.iter().skip_while(|stage| **stage != from).skip(1);
        let to = rest.copied().find(|stage| self.is_due(*stage, next)).expect("a run ends at its end");
        let busy = next.busy();
        let me = &mut next.collectors[self.slot];
        me.at = to;
        me.listing = 0;
        if from <= At::Pointers && to > At::Pointers {
            // From here on something waits that had pointers until now.
            me.wait_outlasts = busy;
        }
        if from <= At::Recheck && to > At::Recheck {
            // What the scan saw is not needed any more, except for what is to be compared with it.
            (me.seen, me.young) = Default::default();
            me.changed = me.changed.and(self.scenario.removes.with_history());
        }
        if from <= At::LookAtHistory && to > At::LookAtHistory {
            me.changed = Links::default();
        }
        if to > At::PutBackTags {
            me.pushed = Links::default();
        }
        if from == At::Content || to >= At::WritePending {
            (me.window, me.stale) = (false, false);
        }
        match to {
            At::SettleBeforeContent | At::SettleForEviction | At::SettleToVerify | At::SettleAgain => {
                me.settles_for = self.held_up_by(busy);
            }
            At::Recheck => self.skip_unaffected(next),
            _ => {}
        }
    }

    /// For whose requests a pause is long enough.
    fn held_up_by(&self, busy: u8) -> u8 {
        if self.scenario.assumptions.settle_outlasts_put {
            return busy;
        }
        let putting = self.before.pushers.map(|pusher| u8::from(pusher.is_putting()));
        busy & !(putting[0] | putting[1] << 1)
    }

    pub fn me(&self) -> &Collector {
        &self.before.collectors[self.slot]
    }

    pub fn said(&self, what: &'static str) -> Step {
        Step::new(Who::Collector(self.slot), what)
    }

    /// A run begins: at once, or when so much time has gone by that what waits has waited long enough and journals are
    /// old, or that nothing is young.
    fn begin(&self, out: &mut Vec<(Step, State)>) {
        let (scenario, state) = (self.scenario, self.before);
        let is_last = state.runs_left == 1;
        let rival = state.collectors[1 - self.slot].at != At::Idle;
        let is_closing = is_last && scenario.closing_run;
        if state.runs_left == 0 || rival && scenario.protocol.lease || is_closing && !scenario.all_done(state) {
            return;
        }
        let must_restart = scenario.cache == CacheKind::Memory && scenario.assumptions.registry_restarts;
        let has_settled = state.storage.wait_outlasts == 0 || !scenario.protocol.wait_covers_settle;
        let can_wait = has_settled && !(must_restart && state.busy() != 0);
        let can_age = scenario.with_min_age && state.busy() == 0;
        for (waits, ages) in [(false, false), (false, true), (true, false), (true, true)] {
            if waits && !can_wait || ages && !can_age || is_closing && !waits {
                continue;
            }
            let mut next = *state;
            next.runs_left -= 1;
            let storage = &mut next.storage;
            if waits {
                storage.waited = storage.waited.or(storage.waiting);
                storage.waiting = Set::default();
                storage.old_journal = storage.journals();
                storage.journal = Links::default();
                if must_restart {
                    next.cache = Cache::default();
                }
            }
            if ages {
                storage.young = Links::default();
                storage.young_data = Set::default();
            }
            let journals = storage.journals();
            let manifests = journals.get(0, Kind::Revision).or(journals.get(1, Kind::Revision));
            let first = [At::PutBackDead, At::PutBackDeadTags].into_iter().find(|stage| self.is_due(*stage, &next));
            let at = first.unwrap_or(At::Scan);
            next.collectors[self.slot] = Collector { at, manifests, ..Collector::default() };
            let what = match (waits, ages) {
                (false, false) => "begins, soon",
                (true, false) => "begins, --defer has passed",
                (false, true) => "begins, --min-age has passed",
                (true, true) => "begins, --defer and --min-age have passed",
            };
            out.push((self.said(what), next));
        }
    }

    /// What comes from outside: the run is told to stop, has used up its budget, is killed, or its listing gets old.
    fn interruptions(&self, out: &mut Vec<(Step, State)>) {
        let (state, me) = (self.before, self.me());
        let may_stop = me.at >= At::Tags
            && !matches!(me.at, At::LookAtHistory | At::PutBackTags)
            && me.at <= At::SettleAgain
            && me.at != At::WritePending;
        if may_stop && me.stopped == Stopped::No && state.stops_left > 0 {
            for (stopped, what) in [(Stopped::Budget, "has used up its budget"), (Stopped::Signal, "is told to stop")] {
                if stopped == Stopped::Budget && me.at > At::Content {
                    continue;
                }
                let mut next = *state;
                next.stops_left -= 1;
                let me = &mut next.collectors[self.slot];
                me.stopped = stopped;
                me.settles_for = 0;
                me.doomed = Links::default();
                if stopped == Stopped::Signal {
                    me.put_back = next.storage.aside[self.slot];
                }
                self.over(&mut next);
                out.push((self.said(what), next));
            }
        }
        if state.kills_left > 0 {
            // Nothing is left of it but what it wrote.
            let mut next = *state;
            next.kills_left -= 1;
            next.collectors[self.slot] = Collector::default();
            next.runs_left += 1;
            next.interrupted = true;
            out.push((self.said("is killed"), next));
        }
        if me.window && !me.stale && !self.scenario.exposed(state).is_empty() {
            let mut next = *state;
            next.collectors[self.slot].stale = true;
            out.push((Step::new(Who::World, "--max-scan-age has passed"), next));
        }
    }

    /// A listing by which content will be judged begins.
    pub fn open_window(&self, next: &mut State) -> Option<()> {
        let me = &mut next.collectors[self.slot];
        if me.listing == 0 {
            if !may_open_window(self.scenario, self.before, self.slot) {
                return None;
            }
            (me.window, me.stale) = (true, false);
        }
        Some(())
    }
}

/// What can happen next in run `slot`: more than one thing where it is not up to regsweep.
pub fn steps(scenario: &Scenario, state: &State, slot: usize, out: &mut Vec<(Step, State)>) {
    let run = Run { scenario, before: state, slot };
    let first = out.len();
    match run.me().at {
        At::Idle => run.begin(out),
        At::Tags | At::Pointers => run.pointers(out),
        _ => out.extend(run.stage()),
    }
    if run.me().at != At::Idle {
        run.interruptions(out);
    }
    out[first..].iter_mut().for_each(|(_, next)| release(next));
}
