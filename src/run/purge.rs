//! Old versions of a versioned bucket: what there is, and, once that was allowed, removing them for good.
//!
//! No registry reads them, and each goes by its own id: what is written meanwhile is another version. So nothing of this
//! needs to be verified afterwards, and a run that breaks off is finished by the next.

use super::{Order, Stop, Stopped, Tenure};
use crate::collect::options::Mode;
use crate::collect::outcome::Outcome;
use crate::collect::report::Scan;
use crate::collect::store_keeps::{Deleted, StoreKeeps};
use crate::collect::versions::shown::{MOST, Shown};
use crate::collect::versions::spared::Spared;
use crate::collect::versions::{Amount, ByKey, OldVersions, OutOfOrder, Rule, Stays, Verdict, Version, judge};
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, Observer, Phase};
use crate::layout;
use crate::model::Timestamp;
use crate::storage::open::Opened;
use crate::storage::reader::Storage;
use crate::storage::sweep::{ApprovedPurge, NOT_BY_ID, Purger};
use futures::TryStreamExt;
use std::collections::HashSet;
use std::time::{Duration, Instant};

/// What decides about old versions.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// How long a version must have been old.
    pub older_than: Duration,
    /// What was found of the registry.
    pub scan: &'a Scan,
    /// What the store was found to do with what is deleted.
    pub keeps: &'a StoreKeeps,
    /// All else.
    pub order: &'a Order,
}

/// What a look came to.
#[derive(Debug)]
pub struct Looked {
    /// What has been old since then, or before, may go.
    pub before: Timestamp,
    /// What may go, and nothing else.
    pub shown: Shown,
    /// What is told of it.
    pub row: OldVersions,
}

/// Looks what there is, and what may go of it. None where the bucket has never kept versions, or the store has none.
///
/// # Errors
/// If the versions cannot be listed.
pub async fn look(storage: &dyn Storage, question: Question<'_>, observer: &dyn Observer) -> Result<Option<Looked>> {
    if matches!(question.keeps.deleted, Deleted::Freed) {
        return Ok(None);
    }
    let before = question.order.now(storage).minus(question.older_than);
    let mut row = OldVersions { before: before.to_rfc3339(), ..OldVersions::default() };
    let spared = Spared::of(question.scan);
    let null_is_reused = is_null_reused(question);
    let rule = Rule { before, null_is_reused, needs: &spared };
    let Some(mut pages) = storage.versions(layout::REGISTRY) else { return Ok(None) };
    observer.notice(Event::Begin(Phase::ListVersions, None));
    let mut shown = Shown::default();
    let mut tell = |versions| {
        judge(rule, versions, |verdict| match verdict {
            Verdict::Goes(version) | Verdict::GoesLast(version) => {
                // What there is no room for stays, and so does the marker that hides it: it comes after it.
                if shown.add(&version, MOST) {
                    row.planned.add(&version);
                } else {
                    row.kept.add(&version, Stays::Later);
                }
            }
            Verdict::Stays(version, why) => row.kept.add(&version, why),
        });
    };
    let mut keys = ByKey::default();
    while let Some(page) = pages.try_next().await? {
        observer.notice(Event::Progress(page.len() as u64, 0));
        keys.see(page, &mut tell).map_err(out_of_order)?;
    }
    keys.finish(tell);
    observer.notice(Event::End);
    row.found = row.planned.plus(row.kept.all());
    Ok(Some(Looked { before, shown: shown.closed(), row }))
}

/// Where versioning is suspended, for a bucket or for some of its keys, whatever is written takes the place of the version
/// that has no id of its own. Not every store tells.
fn is_null_reused(question: Question<'_>) -> bool {
    question.order.options.mode == Mode::Live
}

/// Lists them once more, and removes what was shown and may still go. What became current in the meantime is not among
/// them, nor is what became old: that is for the next run.
///
/// # Errors
/// If the versions cannot be listed to their end; what went until then is in the row.
pub async fn carry_out(
    (opened, approved): (&Opened, &ApprovedPurge),
    tenure: Option<&Tenure>,
    question: Question<'_>,
    row: &mut OldVersions,
    observer: &dyn Observer,
    stop: &Stop,
) -> Result<()> {
    let (purger, pages) = (Purger::arm(opened, approved), opened.reader().versions(layout::REGISTRY));
    let (Some(purger), Some(mut pages)) = (purger, pages) else {
        row.close(false);
        return Ok(());
    };
    let spared = Spared::of(question.scan);
    let null_is_reused = is_null_reused(question);
    let rule = Rule { before: approved.before, null_is_reused, needs: &spared };
    observer.notice(Event::Begin(Phase::DeleteVersions, Some(row.planned.count())));
    let (spent, stay, listed) = (Amount::default(), HashSet::new(), Instant::now());
    let order = question.order;
    let mut purge = Purge { purger, row, observer, order, tenure, stop, spent, stay, listed, alone: 0, lost: 0 };
    let (mut versions, mut markers) = (Vec::new(), Vec::new());
    let mut keys = ByKey::default();
    let result = loop {
        let page = tokio::select! {
            biased;
            () = stop.requested() => {
                purge.stops();
                break Ok(());
            }
            page = pages.try_next() => page,
        };
        let page = match page {
            Ok(page) => page,
            Err(error) => break Err(error),
        };
        purge.listed = Instant::now();
        let is_last = page.is_none();
        if !is_last && purge.stops() {
            break Ok(());
        }
        let mut tell = |of_key| {
            judge(rule, of_key, |verdict| match verdict {
                Verdict::Goes(version) if approved.shown.has(&version) => versions.push(version),
                Verdict::GoesLast(version) if approved.shown.has(&version) => markers.push(version),
                Verdict::Goes(version) | Verdict::GoesLast(version) => drop(purge.stay.insert(version.key)),
                Verdict::Stays(..) => {}
            });
        };
        match page {
            Some(page) => {
                if let Err(error) = keys.see(page, &mut tell) {
                    break Err(out_of_order(error));
                }
            }
            None => keys.finish(tell),
        }
        // At once: who brings back what was deleted makes an old version the current one. What a marker hides goes first.
        // The versions that the next page goes on from are not among these: their key is not complete.
        purge.delete(&mut versions).await;
        purge.delete(&mut markers).await;
        // All that there is of a key was at hand.
        purge.stay.clear();
        if is_last || purge.row.stopped.is_some() {
            break Ok(());
        }
    };
    let is_whole = result.is_ok() && row.stopped.is_none();
    row.close(is_whole);
    observer.notice(Event::End);
    result
}

fn out_of_order(OutOfOrder: OutOfOrder) -> Error {
    Error::new(ErrorKind::Untrustworthy, "list old versions")
        .because("the store's listing is not in the order of keys, so nobody knows what a delete marker hides")
        .next("leave --purge-versions out on this store")
}

struct Purge<'a> {
    purger: Purger<'a>,
    row: &'a mut OldVersions,
    observer: &'a dyn Observer,
    order: &'a Order,
    tenure: Option<&'a Tenure>,
    stop: &'a Stop,
    /// What is gone, or may be.
    spent: Amount,
    /// Keys of the page of which a version stays that may go: the marker that hides it stays as well.
    stay: HashSet<String>,
    /// When the page was listed that is at hand.
    listed: Instant,
    /// How many were deleted alone, as nobody knew what the store would delete.
    alone: u32,
    /// How many deletes in a row the store has not answered.
    lost: u32,
}

/// What was listed longer ago is not deleted any more: somebody may have brought back by hand what a marker hid.
const FRESH: Duration = Duration::from_mins(2);
/// So many are tried alone, if the store refuses each, until the purge ends.
const MOST_ALONE: u32 = 8;
/// After so many deletes in a row without an answer the purge ends.
const MOST_LOST: u32 = 3;

impl Purge<'_> {
    /// Deletes these, as far as the bounds let it, and empties the list.
    async fn delete(&mut self, versions: &mut Vec<Version>) {
        let all = std::mem::take(versions);
        let (mut tried, mut bound) = (self.spent, None);
        let mut going = Vec::with_capacity(all.len());
        for version in all {
            let is_hiding = version.is_marker && version.is_latest && self.stay.contains(&version.key);
            if !is_hiding && self.row.stopped.is_none() {
                bound = bound.or_else(|| self.must_stop(tried, &version));
            }
            if is_hiding || bound.is_some() || self.row.stopped.is_some() {
                self.leave(&version);
            } else {
                tried.add(&version);
                going.push(version);
            }
        }
        let mut rest = going.as_slice();
        // A store that does not delete by ids would delete what is current: until one has gone by its id, each goes alone.
        while let Some((first, others)) = rest.split_first()
            && !self.purger.goes_by_ids()
            && !self.stops()
        {
            self.delete_part(std::slice::from_ref(first)).await;
            self.alone += 1;
            rest = others;
            // One that is refused, as under a lock, shows neither; an answer without its id shows that something is amiss.
            let may_go_on = self.purger.names_ids() && self.alone < MOST_ALONE;
            if !self.purger.goes_by_ids() && !may_go_on && !self.stops() {
                self.row.stopped = Some("not-by-id".into());
            }
        }
        self.delete_part(rest).await;
        // What is within the bounds went.
        self.row.stopped = self.row.stopped.take().or(bound.map(|bound| bound.name().to_owned()));
    }

    async fn delete_part(&mut self, part: &[Version]) {
        if self.row.stopped.is_some() {
            for version in part {
                self.leave(version);
            }
            return;
        }
        if part.is_empty() {
            return;
        }
        let listed = self.listed;
        let go_on = || self.interrupted().is_none() && listed.elapsed() < FRESH;
        let outcomes = self.purger.delete(part, go_on).await;
        for (version, outcome) in part.iter().zip(&outcomes) {
            self.row.note(version, outcome);
            if outcome.may_still_be_there() {
                self.stay.insert(version.key.clone());
            }
            if matches!(outcome, Outcome::Deleted | Outcome::AlreadyGone | Outcome::Unknown(_)) {
                self.spent.add(version);
            }
            if *outcome == Outcome::Failed(NOT_BY_ID.into()) {
                self.row.stopped = Some("not-by-id".into());
            }
        }
        if outcomes.contains(&Outcome::NotAttempted) {
            self.stops();
        }
        let is_lost = outcomes.iter().all(|outcome| matches!(outcome, Outcome::Unknown(_) | Outcome::NotAttempted));
        self.lost = if is_lost { self.lost + 1 } else { 0 };
        if self.lost == MOST_LOST && !self.stops() {
            self.row.stopped = Some("no-answer".into());
        }
        self.observer.notice(Event::Progress(part.len() as u64, part.iter().map(|version| version.size).sum()));
    }

    /// One that was to go stays, and so does the marker that hides it.
    fn leave(&mut self, version: &Version) {
        self.row.note(version, &Outcome::NotAttempted);
        self.stay.insert(version.key.clone());
    }

    /// Whether nothing more is begun, whatever the reason.
    fn stops(&mut self) -> bool {
        let stopped = self.row.stopped.take();
        self.row.stopped = stopped.or_else(|| self.interrupted().map(|stopped| stopped.name().to_owned()));
        self.row.stopped.is_some()
    }

    /// Why this one may not be begun, if so.
    fn must_stop(&self, tried: Amount, version: &Version) -> Option<Stopped> {
        let bounds = self.order.bounds;
        if let Some(stopped) = self.interrupted() {
            return Some(stopped);
        }
        if bounds.objects.is_some_and(|limit| tried.count() >= limit) {
            return Some(Stopped::Objects);
        }
        let bytes = tried.noncurrent_versions.bytes.saturating_add(version.size);
        bounds.bytes.is_some_and(|limit| bytes > limit).then_some(Stopped::Bytes)
    }

    /// Why nothing more may be begun at all, if so.
    fn interrupted(&self) -> Option<Stopped> {
        if self.stop.is_requested() {
            return Some(Stopped::Signal);
        }
        if self.tenure.is_some_and(Tenure::is_lost) {
            return Some(Stopped::Lease);
        }
        let is_over = self.order.bounds.duration.is_some_and(|duration| self.order.begun.elapsed() >= duration);
        is_over.then_some(Stopped::Duration)
    }
}
