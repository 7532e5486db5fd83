//! What each stage of a run does, one listing, link or blob per step. Those after the pointers: `content_stages.rs`.

use crate::collector::Run;
use crate::judge;
use crate::names::{Kind, Set, link};
use crate::scenario::{Op, Step};
use crate::state::{At, Collector, Request, State};

impl Run<'_> {
    /// The step of a stage that has one way to go. None, while the stage has to wait.
    pub fn stage(&self) -> Option<(Step, State)> {
        let mut next = *self.before;
        let step = match self.me().at {
            At::PutBackDead => self.put_back_dead(&mut next),
            At::PutBackDeadTags => self.put_back_dead_tags(&mut next),
            At::LookAtTags => self.look_at_tags(&mut next),
            At::LookAtHistory => self.look_at_history(&mut next),
            At::PutBackTags => self.put_back_tags(&mut next),
            At::Scan => self.scan(&mut next)?,
            At::MendEarlier | At::Mend => self.mend(&mut next),
            At::ListContent => self.list_content(&mut next),
            At::Recheck => self.recheck(&mut next),
            At::WriteJournal => self.write_journal(&mut next),
            At::EvictBeforeContent => self.evict(&mut next, "evicts what is to go"),
            At::EvictAll => self.evict(&mut next, "evicts all that went"),
            At::SettleBeforeContent | At::SettleForEviction | At::SettleToVerify | At::SettleAgain => {
                self.settle(&mut next)?
            }
            At::ListAgain => self.list_again(&mut next)?,
            At::Content => self.content(&mut next),
            At::WritePending => self.write_pending(&mut next),
            At::Verify => self.verify(&mut next),
            At::PutBack => self.put_back(&mut next),
            At::LetGo => self.let_go(&mut next),
            At::End => self.end(&mut next),
            At::Idle | At::Tags | At::Pointers => unreachable!(),
        };
        Some((step, next))
    }

    fn put_back_dead(&self, next: &mut State) -> Step {
        // Without a lease another run may have been faster.
        let Some(digest) = next.storage.all_aside().first() else {
            self.over(next);
            return self.said("finds nothing aside");
        };
        next.storage.data.add(digest);
        next.storage.aside.iter_mut().for_each(|run| run.remove(digest));
        if next.storage.all_aside().is_empty() {
            self.over(next);
        }
        self.said("puts back what a dead run left aside:").of(digest)
    }

    /// One listing of one repository, or of a part of it: what is there at this moment.
    pub fn list(&self, next: &mut State) -> Step {
        let me = &mut next.collectors[self.slot];
        let parts = self.parts();
        let repository = me.listing / parts;
        let kinds: &[Kind] = match (parts, me.listing % parts) {
            (1, _) => &Kind::ALL,
            (_, 0) => &[Kind::Layer, Kind::Revision],
            _ => &Kind::ALL[..4],
        };
        for kind in kinds {
            me.seen.set(repository, *kind, next.storage.links.get(repository, *kind));
            if me.at == At::Scan {
                me.young.set(repository, *kind, next.storage.young.get(repository, *kind));
                me.changed.set(repository, *kind, Set::default());
            }
        }
        if me.at == At::Scan && self.scenario.protocol.sees_half_pushed {
            for (index, pusher) in self.before.pushers.iter().enumerate() {
                let op = self.scenario.programs[index].get(usize::from(pusher.request));
                if let Some(Op::Put { repository: of, manifest, tag }) = op
                    && pusher.at == Request::PutCurrent
                    && *of == repository
                    && self.scenario.tells(repository, *tag)
                {
                    me.changed.add(link(repository, Kind::History(*tag), *manifest));
                }
            }
        }
        me.listing += 1;
        let what = match me.at {
            At::Scan => "lists",
            At::Recheck => "lists again",
            At::ListAgain => "lists for content",
            _ => "lists to verify",
        };
        self.said(what).within(repository)
    }

    fn parts(&self) -> u8 {
        if self.scenario.lists_in_parts { 2 } else { 1 }
    }

    pub fn has_listed_all(&self, me: &Collector) -> bool {
        me.listing == 2 * self.parts()
    }

    fn scan(&self, next: &mut State) -> Option<Step> {
        if self.decides_by_scan() {
            self.open_window(next)?;
        }
        let step = self.list(next);
        if self.has_listed_all(&next.collectors[self.slot]) {
            let storage = next.storage;
            judge::pointers(self.scenario, &storage, &mut next.collectors[self.slot]);
            self.over(next);
        }
        Some(step)
    }

    fn list_content(&self, next: &mut State) -> Step {
        let storage = next.storage;
        judge::content(self.scenario, &storage, &mut next.collectors[self.slot]);
        if self.scenario.watches_recheck {
            next.always = next.always.or(next.promised);
        }
        self.over(next);
        self.said("lists blobs")
    }

    fn recheck(&self, next: &mut State) -> Step {
        let step = self.list(next);
        self.skip_unaffected(next);
        if self.has_listed_all(&next.collectors[self.slot]) {
            judge::again(self.scenario, &mut next.collectors[self.slot]);
            self.over(next);
        }
        step
    }

    /// Only repositories that are about to lose something are listed again.
    pub fn skip_unaffected(&self, next: &mut State) {
        let me = &mut next.collectors[self.slot];
        while !self.has_listed_all(me) && me.doomed.of_repository(me.listing / self.parts()).is_empty() {
            me.listing += 1;
        }
    }

    fn write_journal(&self, next: &mut State) -> Step {
        let protocol = self.scenario.protocol;
        let storage = &mut next.storage;
        let me = &mut next.collectors[self.slot];
        for (repository, tag) in me.doomed.tags().places() {
            storage.since_journal.set(repository, Kind::History(tag), Set::default());
        }
        if protocol.journal {
            storage.journal = storage.journal.or(me.doomed);
            storage.unfinished = storage.unfinished.or(me.doomed);
        }
        if protocol.strikes_first {
            storage.waited = storage.waited.minus(me.named);
            storage.waiting = storage.waiting.minus(me.named);
            storage.rewritten = storage.rewritten.minus(me.named);
        }
        me.named = Set::default();
        self.over(next);
        self.said("writes the journal")
    }

    /// What was pushed to tags that a killed run removed, after it had written its journal.
    fn put_back_dead_tags(&self, next: &mut State) -> Step {
        for lost in next.storage.lost_tags().all() {
            next.write(lost, self.scenario.with_min_age);
        }
        self.over(next);
        self.said("writes back the tags that a dead run has removed")
    }

    fn look_at_tags(&self, next: &mut State) -> Step {
        let me = &mut next.collectors[self.slot];
        for current in me.doomed.tags().all() {
            let Kind::Current(tag) = current.kind else { unreachable!() };
            if judge::has_changed(me, current.repository, tag) {
                judge::spare_tag(me, current);
            }
        }
        self.over(next);
        self.said("looks at the tags that go")
    }

    fn look_at_history(&self, next: &mut State) -> Step {
        let storage = next.storage;
        let me = &mut next.collectors[self.slot];
        for current in me.removed.tags().all() {
            let Kind::Current(tag) = current.kind else { unreachable!() };
            let repository = current.repository;
            let changed =
                me.changed.get(repository, Kind::History(tag)).and(storage.links.get(repository, Kind::History(tag)));
            let is_there = storage.current(repository, tag).is_some();
            if let Some(digest) = changed.first().filter(|_| !is_there) {
                me.pushed.add(link(repository, Kind::Current(tag), digest));
            }
            if is_there || !changed.is_empty() {
                judge::spare_tag(me, link(repository, Kind::Current(tag), changed.first().unwrap_or(current.digest)));
            }
        }
        self.over(next);
        self.said("looks at the tags that went")
    }

    /// Only where there is none.
    fn put_back_tags(&self, next: &mut State) -> Step {
        for pushed in next.collectors[self.slot].pushed.all() {
            let Kind::Current(tag) = pushed.kind else { unreachable!() };
            if next.storage.current(pushed.repository, tag).is_none() {
                next.write(pushed, self.scenario.with_min_age);
            }
        }
        self.over(next);
        self.said("writes back tags that were pushed meanwhile")
    }

    /// One pointer goes, or its removal fails.
    pub fn pointers(&self, out: &mut Vec<(Step, State)>) {
        let protocol = self.scenario.protocol;
        let pointer = self.me().doomed.first(protocol.parents_first).expect("a pointer to go");
        let mut removed = *self.before;
        removed.collectors[self.slot].doomed.remove(pointer);
        let mut failed = removed;
        if let Kind::Current(tag) = pointer.kind {
            let is_other = !self.me().changed.get(pointer.repository, pointer.kind).is_empty();
            if !is_other {
                removed.unpromise(pointer.repository, tag);
            }
            // It goes by its key, whatever it holds by now.
            for digest in 0..8 {
                removed.unlink(link(pointer.repository, Kind::Current(tag), digest));
            }
            removed.collectors[self.slot].removed.add(pointer);
        } else {
            removed.unlink(pointer);
            removed.collectors[self.slot].removed.add(pointer);
        }
        let what = match pointer.kind {
            Kind::Current(_) => "removes the current link to",
            Kind::History(_) => "removes the history link of",
            Kind::Revision => "removes the revision link of",
            Kind::Layer => "removes the link to",
        };
        let mut ways = vec![(what, removed)];
        if self.before.faults_left > 0 {
            failed.faults_left -= 1;
            if protocol.failed_is_root {
                judge::stays(&mut failed.collectors[self.slot], pointer);
            }
            let what = match pointer.kind {
                Kind::Current(_) => "cannot remove the current link to",
                Kind::History(_) => "cannot remove the history link of",
                Kind::Revision => "cannot remove the revision link of",
                Kind::Layer => "cannot remove the link to",
            };
            ways.push((what, failed));
        }
        for (what, mut next) in ways {
            let doomed = next.collectors[self.slot].doomed;
            if doomed.is_empty() || self.me().at == At::Tags && doomed.tags().is_empty() {
                self.over(&mut next);
            }
            out.push((self.said(what).of(pointer.digest).within(pointer.repository), next));
        }
    }

    /// The pause ends when every request has ended that was in flight when it began.
    fn settle(&self, next: &mut State) -> Option<Step> {
        if self.me().settles_for != 0 {
            return None;
        }
        self.over(next);
        Some(self.said("has settled"))
    }
}
