//! Content goes last: only what nothing needs and no pointer names, on the word of a listing that is not old.

use super::again::{self, Look};
use super::evict;
use super::stages;
use super::work::{Stopped, Work};
use crate::collect::graph::Node;
use crate::collect::options::{Aside, Mode};
use crate::collect::outcome::Outcome;
use crate::collect::plan::Stage;
use crate::collect::state::journal::Removed;
use crate::error::Result;
use crate::event::{Event, Phase};
use crate::model::Digest;
use crate::storage::open::Opened;
use crate::storage::sweep::Moved;
use std::collections::HashSet;
use std::time::{Duration, Instant};

/// How often it is told that a wait goes on.
const SECOND: Duration = Duration::from_secs(1);
/// So many go between two looks at the clock.
const GROUP: usize = 4000;

/// Deletes content, or moves it aside.
///
/// # Errors
/// If the repositories cannot be looked at again. What went until then has its outcome.
pub(super) async fn content(work: &mut Work<'_>, removed: &[Removed]) -> Result<()> {
    let mut open = stages::going(work, work.plan.of_stage(Stage::Blob));
    if open.is_empty() || work.done.stopped.is_some() {
        return Ok(());
    }
    let manifests = known_manifests(work);
    let is_live = work.order.options.mode == Mode::Live;
    if is_live {
        open = last_look(work, open, &manifests, removed).await?;
    }
    work.observer.notice(Event::Begin(Phase::Delete(Stage::Blob), Some(open.len() as u64)));
    let mut at = 0;
    while at < open.len() && work.done.stopped.is_none() {
        if is_live && work.listed.elapsed() >= work.order.options.max_scan_age {
            look_and_trim(work).await?;
            if work.listed.elapsed() >= work.order.options.max_scan_age {
                work.done.stopped = Some(Stopped::ScanAge);
                break;
            }
            (open, at) = (stages::going(work, work.plan.of_stage(Stage::Blob)), 0);
        }
        let group = &open[at..open.len().min(at + GROUP)];
        at += group.len();
        let group = work.within_bounds(group);
        let (moved, gone): (Vec<usize>, Vec<usize>) =
            group.iter().partition(|number| moves_aside(work, **number, &manifests));
        set_aside(work, &moved).await;
        stages::delete(work, &gone).await;
        // Where the store does not answer any more, the sweeper tries no further.
        let untried =
            |number: &usize| *work.done.outcomes.get(*number) == Outcome::NotAttempted && !work.aside.contains(number);
        if group.iter().any(untried) {
            break;
        }
    }
    work.observer.notice(Event::End);
    Ok(())
}

/// What the end of a wait does not rule out: with no wait, pushes that were admitted a moment ago; with Redis, pushes that
/// an old entry lets in.
async fn last_look(
    work: &mut Work<'_>,
    open: Vec<usize>,
    manifests: &HashSet<Digest>,
    removed: &[Removed],
) -> Result<Vec<usize>> {
    let waits = work.order.options.defer.is_zero();
    let evicts = work.cache.is_some() && !open.iter().all(|number| moves_aside(work, *number, manifests));
    if !waits && !evicts {
        return Ok(open);
    }
    if waits {
        settle(work).await;
    }
    if evicts && work.done.stopped.is_none() {
        evict::about_to_go(work, removed).await?;
        settle(work).await;
    }
    if work.done.stopped.is_none() {
        look_and_trim(work).await?;
    }
    Ok(stages::going(work, work.plan.of_stage(Stage::Blob)))
}

/// What earlier runs have known to be a manifest when they took its links.
fn known_manifests(work: &Work<'_>) -> HashSet<Digest> {
    let journals = work.left.journals.iter().flat_map(|left| &left.journal.removed);
    let revisions = journals.filter(|removed| removed.stage() == Some(Stage::Revision));
    revisions.map(|removed| removed.content.clone()).collect()
}

/// A push that brings a manifest back writes only links, in one request, if its content is there: so manifests, which are
/// small, go aside in buckets as well.
fn moves_aside(work: &Work<'_>, number: usize, manifests: &HashSet<Digest>) -> bool {
    // Without a later look nothing would tell whether it is needed after all; and what moved must be found again.
    let can = work.verifies() && work.tenure.is_some();
    can && match work.order.options.aside {
        Aside::Auto => {
            let digest = work.plan.deletions().get(number).digest;
            matches!(work.opened, Opened::Directory(_))
                || digest.is_some_and(|digest| {
                    manifests.contains(&digest) || matches!(work.scan.graph.node_of(&digest), Node::Manifest { .. })
                })
        }
        Aside::Always => true,
        Aside::Never => false,
    }
}

async fn set_aside(work: &mut Work<'_>, numbers: &[usize]) {
    if numbers.is_empty() {
        return;
    }
    let plan = work.plan;
    let keys: Vec<(usize, String)> =
        numbers.iter().map(|number| (*number, plan.deletions().get(*number).key)).collect();
    let keys: Vec<(usize, &str)> = keys.iter().map(|(number, key)| (*number, key.as_str())).collect();
    let observer = work.observer;
    let mut moved = Vec::with_capacity(keys.len());
    let tell = |number: usize, what: Moved| {
        observer.notice(Event::Progress(1, plan.deletions().size(number)));
        moved.push((number, what));
    };
    work.sweeper.set_aside(&work.order.run, &keys, || work.must_stop().is_none(), tell).await;
    for (number, what) in moved {
        match what {
            Moved::Aside => {
                work.aside.insert(number);
            }
            Moved::Not(outcome) => work.done.outcomes.set(number, outcome),
        }
    }
    work.done.stopped = work.done.stopped.or(work.must_stop());
}

/// Waits as long as a push that was admitted before may take, or until the run is told to stop.
pub(super) async fn settle(work: &mut Work<'_>) {
    let settle = work.order.options.settle;
    work.observer.notice(Event::Begin(Phase::Settle, Some(settle.as_secs())));
    let observer = work.observer;
    let tell_seconds = async {
        let mut seconds = tokio::time::interval(SECOND);
        seconds.tick().await;
        loop {
            seconds.tick().await;
            observer.notice(Event::Progress(1, 0));
        }
    };
    tokio::select! {
        () = tokio::time::sleep(settle) => {}
        () = tell_seconds => {}
        () = work.stop.requested() => work.done.stopped = work.done.stopped.or(Some(Stopped::Signal)),
    }
    work.observer.notice(Event::End);
}

/// Looks at all repositories again, and takes from the plan what may not go any more.
async fn look_and_trim(work: &mut Work<'_>) -> Result<()> {
    let storage = work.opened.reader();
    let began = Instant::now();
    work.listed = again::look(storage, work.scan, Look::All, &work.staying, work.order, work.observer).await?;
    work.listing = work.listing.max(began.elapsed());
    again::trim(storage, work.plan, work.scan, &mut work.done.outcomes, work.order).await
}
