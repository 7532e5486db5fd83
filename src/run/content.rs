//! Content goes last: only what nothing needs and no pointer names, on the word of a listing that is not old.

use super::again::{self, Look};
use super::stages;
use super::work::{Stopped, Work};
use crate::collect::options::{Aside, Mode};
use crate::collect::outcome::Outcome;
use crate::collect::plan::Stage;
use crate::error::Result;
use crate::event::{Event, Phase};
use crate::storage::open::Opened;
use crate::storage::sweep::Moved;
use std::time::Instant;

/// So many go between two looks at the clock.
const GROUP: usize = 4000;

/// Deletes content, or moves it aside.
///
/// # Errors
/// If the repositories cannot be looked at again. What went until then has its outcome.
pub(super) async fn content(work: &mut Work<'_>) -> Result<()> {
    let total = stages::going(work, Stage::Blob, 0).len();
    if total == 0 || work.done.stopped.is_some() {
        return Ok(());
    }
    let is_live = work.order.options.mode == Mode::Live;
    if is_live && work.order.options.defer.is_zero() {
        // Their pointers went a moment ago: a push that was admitted before may still be writing its own.
        settle(work).await;
        if work.done.stopped.is_none() {
            look_and_trim(work).await?;
        }
    }
    work.observer.notice(Event::Begin(Phase::Delete(Stage::Blob), Some(total as u64)));
    let mut open = stages::going(work, Stage::Blob, 0);
    let mut at = 0;
    while at < open.len() && work.done.stopped.is_none() {
        if is_live && work.listed.elapsed() >= work.order.options.max_scan_age {
            look_and_trim(work).await?;
            if work.listed.elapsed() >= work.order.options.max_scan_age {
                work.done.stopped = Some(Stopped::ScanAge);
                break;
            }
            (open, at) = (stages::going(work, Stage::Blob, 0), 0);
        }
        let group = &open[at..open.len().min(at + GROUP)];
        at += group.len();
        let group = work.within_bounds(group);
        if moves_aside(work) {
            set_aside(work, &group).await;
        } else {
            stages::delete(work, &group).await;
        }
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

fn moves_aside(work: &Work<'_>) -> bool {
    // Without a later look nothing would tell whether it is needed after all; and what moved must be found again.
    let can = work.verifies() && work.tenure.is_some();
    can && match work.order.options.aside {
        Aside::Auto => matches!(work.opened, Opened::Directory(_)),
        Aside::Always => true,
        Aside::Never => false,
    }
}

async fn set_aside(work: &mut Work<'_>, numbers: &[usize]) {
    let plan = work.plan;
    let keys: Vec<(usize, &str)> =
        numbers.iter().map(|number| (*number, plan.deletions()[*number].key.as_str())).collect();
    let observer = work.observer;
    let mut moved = Vec::with_capacity(keys.len());
    let tell = |number: usize, what: Moved| {
        observer.notice(Event::Progress(1, plan.deletions()[number].evidence.size));
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
    work.observer.notice(Event::Begin(Phase::Settle, None));
    tokio::select! {
        () = tokio::time::sleep(work.order.options.settle) => {}
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
