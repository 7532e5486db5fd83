//! The story of a run: look, decide, ask, delete, tell.
//!
//! [`survey`] is the whole of a dry run and the first part of every other; it is given nothing that could delete.
//! [`carry_out`] is the rest.

mod recheck;
mod scan;
mod stages;

use crate::collect::account::marked_manifests;
use crate::collect::applied::{self, Limit, Limited, limit_pointers};
use crate::collect::options::Options;
use crate::collect::outcome::Outcomes;
use crate::collect::plan::{Plan, plan_pointers};
use crate::collect::problem::ProblemCode;
use crate::collect::refusal::{Findings, Refusal, refusals};
use crate::collect::report::Scan;
use crate::collect::roots::{self, Reason};
use crate::collect::{blobs::Owners, mark};
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, Observer, Phase};
use crate::layout;
use crate::model::Timestamp;
use crate::storage::open::Opened;
use crate::storage::reader::Storage;
use crate::storage::sweep::{Approved, Sweeper};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// What a run works with.
#[derive(Debug)]
pub struct Order {
    /// The registry's storage, as the report prints it.
    pub location: String,
    /// Whether its configuration is Harbor's.
    pub harbor: bool,
    /// All that decides.
    pub options: Options,
    /// The plan that is applied: nothing goes that it does not have.
    pub limit: Option<Arc<Limit>>,
    /// This machine's clock, read once.
    pub started: Timestamp,
    /// How many requests are in flight at most.
    pub concurrency: usize,
}

/// How a run is told to stop: nothing new is begun, and what is on its way is waited for.
#[derive(Debug, Default)]
pub struct Stop {
    requested: AtomicBool,
    notify: Notify,
}

impl Stop {
    /// Asks the run to stop.
    pub fn request(&self) {
        self.requested.store(true, Ordering::SeqCst);
        self.notify.notify_waiters();
    }

    /// Whether it was asked to.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        self.requested.load(Ordering::SeqCst)
    }

    /// Ends when the run is asked to stop.
    pub async fn requested(&self) {
        let notified = self.notify.notified();
        if !self.is_requested() {
            notified.await;
        }
    }
}

/// What a survey came to.
#[derive(Debug)]
pub struct Survey {
    /// What is there, and what is needed.
    pub scan: Scan,
    /// What would go.
    pub plan: Plan,
    /// What speaks against it.
    pub refusals: Vec<Refusal>,
    /// Time for listing and reading.
    pub scanning: Duration,
    /// Time for deciding.
    pub marking: Duration,
}

/// Looks at everything and decides about everything. Changes nothing, and cannot.
///
/// # Errors
/// If anything could not be listed or read for good: nothing may be decided on half a picture.
pub async fn survey(storage: &dyn Storage, order: &Order, observer: &dyn Observer, stop: &Stop) -> Result<Survey> {
    tokio::select! {
        survey = look_and_decide(storage, order, observer) => survey,
        () = stop.requested() => Err(Error::new(ErrorKind::Interrupted, "interrupted before anything was deleted")),
    }
}

async fn look_and_decide(storage: &dyn Storage, order: &Order, observer: &dyn Observer) -> Result<Survey> {
    let options = &order.options;
    let begun = Instant::now();
    let mut findings = Findings {
        location: order.location.clone(),
        harbor: order.harbor,
        both_key_forms: storage.has_both_key_forms(),
        database_lock: storage.exists(layout::DATABASE_LOCK).await?,
        scheduler_state: options.delete_untagged && storage.exists(layout::SCHEDULER_STATE).await?,
        ..Findings::default()
    };
    let inventory = scan::repositories(storage, observer).await?;
    let (now, clock_difference) = judged_now(storage, order.started, begun);
    findings.clock_difference = clock_difference;
    let mut inventory = scan::links(storage, inventory, order, now, observer).await?;
    let mut graph = scan::manifests(storage, &inventory, order, observer).await?;

    let deciding = Instant::now();
    observer.notice(Event::Begin(Phase::Mark, None));
    let roots = roots::roots(&inventory, &graph, options, now);
    let marks = mark::mark(&inventory, &mut graph, &roots);
    findings.marked_manifests = marked_manifests(&inventory, &graph, &marks);
    let pointers = plan_pointers(&inventory, &graph, &marks, options, now);
    let Limited { marks, deletions: pointers, staying, not_in_plan } = match &order.limit {
        Some(limit) => limit_pointers(limit, (&inventory, &mut graph), roots, pointers, options, now),
        None => Limited::all(marks, pointers),
    };
    let owners = Owners::of(&pointers, &graph);
    observer.notice(Event::End);
    let marking = deciding.elapsed();

    let mut blobs = scan::blobs(storage, (&graph, &marks, &owners), order, now, observer).await?;
    findings.holes = scan::holes(storage, &inventory, (&graph, &marks, &blobs), order.concurrency, observer).await?;
    let plan = Plan::new(pointers.into_iter().chain(std::mem::take(&mut blobs.deletions)).collect());
    let left = order.limit.as_ref().map(|limit| applied::left(limit, &inventory, &blobs, &plan, not_in_plan));
    let left = left.unwrap_or_default();
    let mut problems = std::mem::take(&mut inventory.problems);
    problems.extend(roots::problems(&inventory, &graph, options));
    if blobs.outside.count > 0 {
        let message = format!(
            "{} unneeded blobs are symbolic links, or lie behind one that leaves the root: they stay",
            blobs.outside.count
        );
        problems.add(ProblemCode::OutsideRoot, None, None, message);
    }
    let young_until = young_until(&inventory, &graph, &marks, options.min_age);
    let scan = Scan { inventory, graph, marks, blobs, owners, problems, now, young_until, staying, left };
    complete(&mut findings, &scan, &plan);
    let refusals = refusals(&findings, options);
    Ok(Survey { scan, plan, refusals, scanning: begun.elapsed().saturating_sub(marking), marking })
}

/// *Now*: the earlier of this machine's clock and the storage's. A clock that runs ahead would make young things old.
fn judged_now(storage: &dyn Storage, started: Timestamp, begun: Instant) -> (Timestamp, Option<Duration>) {
    match storage.time() {
        None => (started, None),
        Some(theirs) => {
            let ours = started.plus(begun.elapsed());
            (started.min(theirs), Some(ours.distance(theirs)))
        }
    }
}

fn complete(findings: &mut Findings, scan: &Scan, plan: &Plan) {
    let repositories = &scan.inventory.repositories;
    findings.repositories = repositories.len() as u64 + u64::from(!scan.inventory.strangers.is_empty());
    findings.blobs = scan.blobs.found.count;
    let counted = |repository: &crate::collect::inventory::Repository| {
        (repository.current_tags().count() + repository.revisions.len()) as u64
    };
    findings.tags_and_revisions = repositories.iter().map(counted).sum();
    let with_manifests = repositories.iter().filter(|repository| !repository.revisions.is_empty());
    let untagged = with_manifests.clone().filter(|repository| repository.current_tags().next().is_none());
    findings.of_these_untagged = untagged.count() as u64;
    findings.repositories_with_manifests = with_manifests.count() as u64;
    findings.bytes = scan.inventory.bytes + scan.blobs.found.bytes + scan.blobs.unrecognized.bytes;
    findings.planned_bytes = plan.bytes();
}

/// When the last of the links that keep something only by their age is old enough.
fn young_until(
    inventory: &crate::collect::inventory::Inventory,
    graph: &crate::collect::graph::Graph,
    marks: &mark::Marks,
    min_age: Duration,
) -> Option<Timestamp> {
    let repositories = inventory.repositories.iter().enumerate();
    let links = repositories.flat_map(|(at, repository)| {
        let history = repository.tags.values().flat_map(|entry| &entry.history);
        repository.revisions.iter().chain(&repository.layers).chain(history).map(move |link| (at, link))
    });
    let young = links.filter(|(at, link)| marks.in_repository(*at, graph.id(&link.digest)) == Some(Reason::Young));
    young.map(|(_, link)| link.evidence.modified.plus(min_age)).max()
}

/// Deletes what an approved plan says, stage by stage, and tells what came of each deletion.
///
/// # Errors
/// If something wrote to the registry since it was listed. Then nothing was deleted.
pub async fn carry_out(
    opened: &Opened,
    approved: &Approved<'_>,
    survey: &mut Scan,
    order: &Order,
    observer: &dyn Observer,
    stop: &Stop,
) -> Result<Outcomes> {
    let mut outcomes = Outcomes::new(approved.plan);
    let check = recheck::unchanged(opened.reader(), survey, approved.plan, &mut outcomes, observer);
    tokio::select! {
        result = check => result?,
        () = stop.requested() => return Ok(outcomes),
    }
    let sweeper = Sweeper::arm(opened, approved, order.concurrency);
    stages::carry_out(&sweeper, approved.plan, survey, &mut outcomes, order, observer, stop).await;
    Ok(outcomes)
}
