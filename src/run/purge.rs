//! Old versions of a versioned bucket: what there is, and, once that was allowed, removing them for good.
//!
//! No registry reads them, and each goes by its own id: what is written meanwhile is another version. So nothing of this
//! needs to be verified afterwards, and a run that breaks off is finished by the next.

use super::{Order, Stop, Stopped, Tenure};
use crate::collect::options::Mode;
use crate::collect::outcome::Outcome;
use crate::collect::report::Scan;
use crate::collect::store_keeps::{Deleted, StoreKeeps};
use crate::collect::versions::spared::Spared;
use crate::collect::versions::{Amount, ByKey, OldVersions, OutOfOrder, Rule, Verdict, Version, judge};
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, Observer, Phase};
use crate::layout;
use crate::model::Timestamp;
use crate::storage::open::Opened;
use crate::storage::reader::Storage;
use crate::storage::sweep::{ApprovedPurge, NOT_BY_ID, Purger};
use futures::TryStreamExt;
use std::collections::HashSet;
use std::time::Duration;

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

/// Looks what there is, and what may go of it: what has been old since the time that is told. None where the bucket has never kept versions, or the store has none.
///
/// # Errors
/// If the versions cannot be listed.
pub async fn look(
    storage: &dyn Storage,
    question: Question<'_>,
    observer: &dyn Observer,
) -> Result<Option<(Timestamp, OldVersions)>> {
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
    let mut tell = |versions| {
        judge(rule, versions, |verdict| match verdict {
            Verdict::Goes(version) | Verdict::GoesLast(version) => row.planned.add(&version),
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
    Ok(Some((before, row)))
}

/// Where versioning is suspended, for a bucket or for some of its keys, whatever is written takes the place of the version
/// that has no id of its own. Not every store tells.
fn is_null_reused(question: Question<'_>) -> bool {
    question.order.options.mode == Mode::Live
}

/// Lists them once more and removes what may go by now as well. What became current in the meantime is not among them.
///
/// # Errors
/// If the versions cannot be listed to their end; what went until then is in the row.
pub async fn carry_out(
    (opened, approved): (&Opened, ApprovedPurge),
    tenure: Option<&Tenure>,
    question: Question<'_>,
    row: &mut OldVersions,
    observer: &dyn Observer,
    stop: &Stop,
) -> Result<()> {
    let Some(purger) = Purger::arm(opened, approved) else { return Ok(()) };
    let Some(mut pages) = opened.reader().versions(layout::REGISTRY) else { return Ok(()) };
    let spared = Spared::of(question.scan);
    let null_is_reused = is_null_reused(question);
    let rule = Rule { before: approved.before, null_is_reused, needs: &spared };
    observer.notice(Event::Begin(Phase::DeleteVersions, Some(row.planned.count())));
    let mut purge = Purge { purger, row, observer, order: question.order, tenure, stop, stay: HashSet::new() };
    let (mut versions, mut markers) = (Vec::new(), Vec::new());
    let mut keys = ByKey::default();
    let result = loop {
        let page = match pages.try_next().await {
            Ok(page) => page,
            Err(error) => break Err(error),
        };
        let is_last = page.is_none();
        let mut tell = |of_key| {
            judge(rule, of_key, |verdict| match verdict {
                Verdict::Goes(version) => versions.push(version),
                Verdict::GoesLast(version) => markers.push(version),
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
        purge.delete(&mut versions).await;
        purge.delete(&mut markers).await;
        purge.row.stopped = purge.row.stopped.take().or(purge.interrupted().map(|stopped| stopped.name().to_owned()));
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
    /// Keys of which a version stays that was to go: the marker that hides it stays as well.
    stay: HashSet<String>,
}

impl Purge<'_> {
    /// Deletes these, as far as the bounds let it, and empties the list.
    async fn delete(&mut self, versions: &mut Vec<Version>) {
        let all = std::mem::take(versions);
        let mut tried = self.row.deleted;
        let mut going = Vec::with_capacity(all.len());
        for version in all {
            let is_hiding = version.is_marker && version.is_latest && self.stay.contains(&version.key);
            let stopped = self.must_stop(tried, &version);
            if is_hiding || stopped.is_some() || self.row.stopped.is_some() {
                self.row.not_attempted += 1;
                self.row.stopped = self.row.stopped.take().or(stopped.map(|stopped| stopped.name().to_owned()));
                self.stay.insert(version.key);
            } else {
                tried.add(&version);
                going.push(version);
            }
        }
        if going.is_empty() {
            return;
        }
        // A store that does not delete by ids would delete what is current: the first goes alone.
        let alone = usize::from(self.row.deleted.count() == 0).min(going.len());
        let (first, rest) = going.split_at(alone);
        for part in [first, rest] {
            if self.row.stopped.is_some() {
                self.row.not_attempted += part.len() as u64;
                self.stay.extend(part.iter().map(|version| version.key.clone()));
                continue;
            }
            for (version, outcome) in part.iter().zip(self.purger.delete(part).await) {
                self.row.note(version, &outcome);
                if outcome.may_still_be_there() {
                    self.stay.insert(version.key.clone());
                }
                if outcome == Outcome::Failed(NOT_BY_ID.into()) {
                    self.row.stopped = Some("not-by-id".into());
                }
            }
        }
        self.observer.notice(Event::Progress(going.len() as u64, going.iter().map(|version| version.size).sum()));
    }

    /// Why this one may not be begun, if so.
    fn must_stop(&self, tried: Amount, version: &Version) -> Option<Stopped> {
        let bounds = self.order.bounds;
        if let Some(stopped) = self.interrupted() {
            return Some(stopped);
        }
        if bounds.objects.is_some_and(|limit| tried.count() + self.row.unknown >= limit) {
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
