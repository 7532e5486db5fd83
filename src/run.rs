//! The story of a run: look, decide, ask, delete, wait, look again, mend, tell.
//!
//! [`survey`] is the whole of a dry run and the first part of every other; it is given nothing that could delete.
//! [`begin`] takes the lease before it, [`carry_out`] is the rest.

mod again;
pub mod audit;
mod caught;
mod content;
mod evict;
pub mod explain;
pub mod fsck;
mod lease;
pub mod left;
pub mod list;
mod marking;
mod order;
mod outlines;
pub mod pending;
pub mod purge;
mod reading;
mod recheck;
mod record;
pub mod repair;
pub mod restore;
mod retain;
mod scan;
mod settle;
mod stages;
mod survey;
mod tags;
mod tidy;
pub mod why;
mod work;

pub use caught::caught;
pub use lease::Tenure;
pub use order::{Order, Stop};
pub use retain::Retention;
pub use work::{Bounds, Done, Stopped};

use crate::collect::named::Unmatched;
use crate::collect::options::Mode;
use crate::collect::outcome::Outcomes;
use crate::collect::plan::Plan;
use crate::collect::refusal::Refusal;
use crate::collect::report::Scan;
use crate::collect::state::journal::Removed;
use crate::collect::state::taken::Taken;
use crate::collect::store_keeps::StoreKeeps;
use crate::error::{Error, ErrorKind, Result};
use crate::event::Observer;
use crate::model::Timestamp;
use crate::storage::descriptor_cache::Evictor;
use crate::storage::open::Opened;
use crate::storage::reader::Storage;
use crate::storage::sweep::{Approved, Sweeper, forget, put_back};
use again::Look;
use left::{Depth, Left};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use work::Work;

/// What a survey came to.
#[derive(Debug)]
pub struct Survey {
    /// What is there, and what is needed.
    pub scan: Scan,
    /// What would go.
    pub plan: Plan,
    /// What was named and nothing is.
    pub unmatched: Vec<Unmatched>,
    /// What the rules said, if there are any.
    pub retention: Option<Retention>,
    /// What speaks against it.
    pub refusals: Vec<Refusal>,
    /// What the store does with what is deleted.
    pub store_keeps: StoreKeeps,
    /// Time for listing and reading.
    pub scanning: Duration,
    /// Time for deciding.
    pub marking: Duration,
    /// When the listing of repositories began.
    pub listed: Instant,
    /// How long it took.
    pub listing: Duration,
}

/// What a run has beside the storage itself.
#[derive(Debug, Clone, Copy)]
pub struct Equipment<'a> {
    /// Its lease, if it keeps anything in the storage.
    pub tenure: Option<&'a Tenure>,
    /// What earlier runs have left.
    pub left: &'a Left,
    /// The registry's Redis, if it caches there.
    pub cache: Option<&'a Evictor>,
}

/// Takes the lease, makes sure that this run may write and delete, and puts back what a run that was killed has left
/// aside: it is judged anew.
///
/// # Errors
/// If another run is at work, a right is missing, or the run is told to stop: then the lease is given back.
pub async fn begin(opened: &Opened, order: &Order, stop: &Stop) -> Result<(Tenure, Left)> {
    let tenure = tokio::select! {
        tenure = lease::take(opened, order) => tenure?,
        () = stop.requested() => {
            // Perhaps it was written a moment ago: nobody shall wait for it to end by itself.
            lease::withdraw(opened, &order.run).await;
            return Err(interrupted());
        }
    };
    let prepared = tokio::select! {
        prepared = prepare(opened, order) => prepared,
        () = stop.requested() => Err(interrupted()),
    };
    match prepared {
        Ok(left) => Ok((tenure, left)),
        Err(error) => {
            tenure.give_back().await;
            Err(error)
        }
    }
}

/// What a run that was told to stop says, as long as nothing was deleted.
#[must_use]
pub fn interrupted() -> Error {
    Error::new(ErrorKind::Interrupted, "interrupted before anything was deleted")
}

async fn prepare(opened: &Opened, order: &Order) -> Result<Left> {
    lease::probe(opened, order).await?;
    let mut left = left::read(opened.reader(), Depth::Acting).await?;
    let now = order.now(opened.reader());
    let is_litter = |(_, written): &&(String, Timestamp)| lease::is_over(*written, now);
    let mut back: Vec<String> = left.litter.iter().filter(is_litter).map(|(key, _)| key.clone()).collect();
    for aside in &left.aside {
        put_back(opened, &aside.run, &aside.digest).await?;
        back.push(crate::layout::state::aside(&aside.run, &aside.digest));
    }
    forget(opened, &back).await;
    left.tags_put_back = tags::put_back_for_killed(opened, &left, order).await?;
    Ok(left)
}

/// What earlier runs have left, for one that only looks.
///
/// # Errors
/// If the storage cannot be read.
pub async fn left_by_earlier_runs(storage: &dyn Storage) -> Result<Left> {
    left::read(storage, Depth::Looking).await
}

/// Looks at everything and decides about everything. Changes nothing, and cannot.
///
/// # Errors
/// If anything could not be listed or read for good: nothing may be decided on half a picture.
pub async fn survey(
    storage: &dyn Storage,
    left: &Left,
    order: &Order,
    observer: &dyn Observer,
    stop: &Stop,
) -> Result<Survey> {
    tokio::select! {
        survey = survey::look_and_decide(storage, left, order, observer) => survey,
        () = stop.requested() => Err(interrupted()),
    }
}

/// Writes back what an earlier run has taken away and something kept needs now; tells how many links that were.
///
/// # Errors
/// If a link cannot be written. Nothing was deleted.
pub async fn mend_earlier(opened: &Opened, left: &Left, survey: &Survey, observer: &dyn Observer) -> Result<u64> {
    let removed: Vec<&Removed> = left.journals.iter().flat_map(|left| &left.journal.removed).collect();
    let (mended, mut errors) = settle::mend(opened, &survey.scan, &removed, observer).await;
    errors.pop().map_or(Ok(left.tags_put_back + mended), Err)
}

/// Deletes what an approved plan says, pointers before content, and tells what came of each deletion. Beside a live
/// registry it waits then, looks again, and mends.
///
/// # Errors
/// If nothing may be deleted after all: something wrote to a registry that was said to be offline, the lease was lost, or
/// the storage does not take the journal. Then nothing was deleted. What goes wrong later is in [`Done::errors`].
pub async fn carry_out(
    opened: &Opened,
    equipment: Equipment<'_>,
    approved: &Approved<'_>,
    survey: &mut Survey,
    order: &Order,
    observer: &dyn Observer,
    stop: &Stop,
) -> Result<Done> {
    let plan = approved.plan;
    let Equipment { tenure, left, cache } = equipment;
    let staying = survey.scan.staying.clone();
    let mut work = Work {
        opened,
        sweeper: Sweeper::arm(opened, approved, order.concurrency),
        plan,
        scan: &mut survey.scan,
        left,
        order,
        tenure,
        cache,
        observer,
        stop,
        staying,
        listed: survey.listed,
        listing: survey.listing,
        aside: BTreeSet::new(),
        recorded: None,
        objects: 0,
        bytes: 0,
        done: Done { outcomes: Outcomes::new(plan), ..Done::default() },
    };
    let before = async {
        check(&mut work).await?;
        let removed = record::removed(&work);
        if let Some(tenure) = tenure {
            record::pending(&mut work, None).await?;
            record::journal(&work, &removed).await?;
            tenure.confirm().await?;
        }
        Ok::<_, Error>(removed)
    };
    let removed = tokio::select! {
        removed = before => removed?,
        () = stop.requested() => {
            work.done.stopped = Some(Stopped::Signal);
            return Ok(work.done);
        }
    };
    work.scan.taken.extend(Taken::among(&removed));
    let deleted = caught(async {
        delete(&mut work, &removed).await;
        Ok(())
    });
    if let Err(error) = deleted.await {
        work.done.errors.push(error);
        // Nobody can tell what of it is needed, and the next run may be a day away.
        settle::put_back_all(&mut work).await;
    }
    Ok(work.done)
}

/// Looks once more at what is about to lose something. Offline, any difference ends the run; beside a live registry, what
/// changed or is needed by now leaves the plan.
async fn check(work: &mut Work<'_>) -> Result<()> {
    if work.plan.deletions().is_empty() {
        return Ok(());
    }
    let storage = work.opened.reader();
    if work.order.options.mode == Mode::Offline {
        recheck::unchanged(storage, work.scan, work.plan, &mut work.done.outcomes, work.observer).await?;
        return repair::still_broken(work).await;
    }
    let look = Look::at_losers(work.plan, &work.scan.inventory);
    let is_complete = matches!(look, Look::All);
    let began = again::look(storage, work.scan, look, &work.staying, work.order, work.observer).await?;
    if is_complete {
        work.listed = began;
    }
    again::trim(storage, work.plan, work.scan, &mut work.done.outcomes, work.order).await?;
    repair::still_broken(work).await
}

/// From here on something may be gone: what goes wrong is told, and the rest is still done as far as it is safe.
async fn delete(work: &mut Work<'_>, removed: &[Removed]) {
    stages::pointers(work).await;
    repair::write(work).await;
    tidy::remove_left_empty(work).await;
    let gone = work.order.now(work.opened.reader());
    if let Err(error) = content::content(work, removed).await {
        work.done.errors.push(error);
    }
    // Where the lease is lost, another run may keep the record by now.
    if work.tenure.is_some()
        && !work.is_lease_lost()
        && let Err(error) = record::pending(work, Some(gone)).await
    {
        work.done.errors.push(error);
    }
    let ended = match end(work, removed).await {
        Ok(ended) => ended,
        Err(error) => {
            work.done.errors.push(error);
            // Nobody can tell what of it is needed, and the next run may be a day away.
            settle::put_back_all(work).await;
            false
        }
    };
    let holds = work.tenure.is_some() && !work.is_lease_lost();
    if ended
        && holds
        && work.done.errors.is_empty()
        && let Err(error) = record::end(work, removed, gone).await
    {
        work.done.errors.push(error);
    }
}

/// Settles and mends, if anything went, or if a run that was killed has left that to do. Tells whether all of it is done.
async fn end(work: &mut Work<'_>, removed: &[Removed]) -> Result<bool> {
    if !work.verifies() {
        evict::gone(work, removed).await?;
        return Ok(work.done.stopped != Some(Stopped::Signal));
    }
    let unfinished = work.left.journals.iter().any(|left| left.journal.done.is_none());
    if work.objects == 0 && !unfinished {
        return Ok(true);
    }
    settle::settle_and_mend(work, removed).await
}
