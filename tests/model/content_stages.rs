//! What the later stages of a run do: content, and the end.

use crate::collector::Run;
use crate::judge;
use crate::names::{Kind, Links, Set};
use crate::scenario::Step;
use crate::state::{At, Collector, State, Stopped};

impl Run<'_> {
    pub fn list_again(&self, next: &mut State) -> Option<Step> {
        self.open_window(next)?;
        let step = self.list(next);
        if self.has_listed_all(&next.collectors[self.slot]) {
            let storage = next.storage;
            let me = &mut next.collectors[self.slot];
            judge::trim(self.scenario, &storage, me);
            me.seen = Links::default();
            self.over(next);
        }
        Some(step)
    }

    pub fn content(&self, next: &mut State) -> Step {
        let protocol = self.scenario.protocol;
        let me = &mut next.collectors[self.slot];
        if me.stale && protocol.max_scan_age {
            me.at = At::ListAgain;
            return self.said("finds its listing too old");
        }
        let digest = me.going.first().expect("content to go");
        me.going.remove(digest);
        me.gone.add(digest);
        let goes_aside = protocol.puts_aside(me.manifests).has(digest);
        let is_last = me.going.is_empty();
        let storage = &mut next.storage;
        if goes_aside && storage.data.has(digest) {
            storage.aside[self.slot].add(digest);
        }
        storage.data.remove(digest);
        storage.young_data.remove(digest);
        if is_last {
            self.over(next);
        }
        self.said(if goes_aside { "moves aside the data of" } else { "removes for good the data of" }).of(digest)
    }

    /// What waits from now on, and what goes on waiting. What went, or is needed or named again, waits no longer.
    pub fn write_pending(&self, next: &mut State) -> Step {
        let storage = &mut next.storage;
        let me = &mut next.collectors[self.slot];
        if self.scenario.protocol.defers {
            storage.waited = me.going;
            storage.waiting = storage.waiting.and(me.goes_on_waiting).or(me.begins_to_wait);
            storage.rewritten = storage.rewritten.and(me.goes_on_waiting);
            storage.wait_outlasts = if storage.waiting.is_empty() {
                0
            } else if me.begins_to_wait.is_empty() {
                storage.wait_outlasts
            } else {
                storage.wait_outlasts | me.wait_outlasts
            };
        }
        (me.going, me.begins_to_wait, me.goes_on_waiting) = Default::default();
        me.wait_outlasts = 0;
        self.over(next);
        self.said("writes what is pending")
    }

    /// Redis forgets digests in the repositories that are known to have named them, and everywhere.
    pub fn evict(&self, next: &mut State, what: &'static str) -> Step {
        let protocol = self.scenario.protocol;
        let me = self.me();
        let at_end = me.at == At::EvictAll;
        let content = if at_end { me.gone } else { me.going };
        let journals = next.storage.journals();
        // What this run has removed is in its own journal: that is not finished either.
        let evicts_unfinished =
            if at_end { protocol.evicts_unfinished } else { protocol.evicts_unfinished_before_content };
        let unfinished = if evicts_unfinished { next.storage.unfinished } else { Links::default() };
        let links = if at_end { me.removed.or(unfinished) } else { unfinished };
        let mut everywhere = content;
        for repository in 0..2 {
            let named = |links: Links| {
                let revisions = links.get(repository, Kind::Revision);
                let revisions = if protocol.evicts_revisions { revisions } else { Set::default() };
                links.get(repository, Kind::Layer).or(revisions)
            };
            let named_once = named(journals.or(me.removed)).and(content);
            let known = &mut next.cache.repositories[repository as usize];
            *known = known.minus(named(links)).minus(named_once);
            everywhere = everywhere.or(named(links));
        }
        next.cache.anywhere = next.cache.anywhere.minus(everywhere);
        self.over(next);
        self.said(what)
    }

    pub fn verify(&self, next: &mut State) -> Step {
        let step = self.list(next);
        if self.has_listed_all(&next.collectors[self.slot]) {
            let storage = next.storage;
            let me = &mut next.collectors[self.slot];
            judge::verify(self.scenario, &storage, me, storage.aside[self.slot]);
            me.seen = Links::default();
            self.over(next);
        }
        step
    }

    pub fn mend(&self, next: &mut State) -> Step {
        let link = self.me().missing.first(true).expect("something missing");
        next.write(link, self.scenario.with_min_age);
        let me = &mut next.collectors[self.slot];
        me.missing.remove(link);
        me.changed.remove(link);
        if me.missing.is_empty() {
            self.over(next);
        }
        let what = match link.kind {
            Kind::Revision => "writes back the revision link of",
            Kind::Layer => "writes back the link to",
            Kind::History(_) | Kind::Current(_) => "writes back the history link of",
        };
        self.said(what).of(link.digest).within(link.repository)
    }

    pub fn put_back(&self, next: &mut State) -> Step {
        let me = &mut next.collectors[self.slot];
        let digest = me.put_back.first().expect("something to put back");
        me.put_back.remove(digest);
        let is_last = me.put_back.is_empty();
        // Without a lease another run may have been faster.
        if next.storage.aside[self.slot].has(digest) {
            next.storage.aside[self.slot].remove(digest);
            next.storage.data.add(digest);
        }
        if is_last {
            self.over(next);
        }
        self.said("puts back the data of").of(digest)
    }

    pub fn let_go(&self, next: &mut State) -> Step {
        next.storage.aside[self.slot] = Set::default();
        self.over(next);
        self.said("removes what is still aside")
    }

    /// A run that has come to its end says so of its own journal and of all that were unfinished.
    pub fn end(&self, next: &mut State) -> Step {
        let stopped = self.me().stopped;
        next.collectors[self.slot] = Collector::default();
        if stopped == Stopped::Signal {
            next.interrupted = true;
            next.runs_left += 1;
            return self.said("stops");
        }
        let storage = &mut next.storage;
        storage.unfinished = Links::default();
        storage.since_journal = Links::default();
        // A journal stays for as long as anything that it names waits.
        storage.old_journal = storage.old_journal.naming(storage.waited.or(storage.waiting));
        if !self.scenario.protocol.defers {
            storage.journal = Links::default();
        }
        next.interrupted = false;
        self.said("ends")
    }
}
