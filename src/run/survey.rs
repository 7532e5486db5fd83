//! Looking at everything, and deciding about everything. Changes nothing, and cannot.

use super::left::Left;
use super::reading::{Found, Reading};
use super::{Order, Survey, marking, repair, retain, scan};
use crate::collect::applied::{self, Limited, limit_pointers};
use crate::collect::deletions::Deletions;
use crate::collect::dismissed::Dismissed;
use crate::collect::inventory::Inventory;
use crate::collect::multipart::Multiparts;
use crate::collect::named::{Unmatched, kept_tags, named};
use crate::collect::needs;
use crate::collect::options::{Mode, Options};
use crate::collect::packed_roots::Roots;
use crate::collect::plan::Plan;
use crate::collect::pointers::plan_pointers;
use crate::collect::problem::{ProblemCode, Problems};
use crate::collect::refusal::marked_manifests;
use crate::collect::refusal::{Findings, refusals};
use crate::collect::report::Scan;
use crate::collect::roots::{self, Reason};
use crate::collect::state::journal::Journal;
use crate::collect::state::taken::Taken;
use crate::collect::{blobs::BlobSurvey, blobs::Owners, graph::Graph, graph::Id, mark, mark::Marks};
use crate::error::Result;
use crate::event::{Event, Observer, Phase};
use crate::layout;
use crate::model::{Digest, RepositoryName, Tag, Timestamp};
use crate::storage::reader::{Directories, Storage};
use futures::{StreamExt, TryStreamExt, stream};
use std::time::{Duration, Instant};

/// Looks at everything and decides about everything. Where what is remembered of a manifest turns out to be all there is of
/// it, all is looked at anew without that: the result is the same as if nothing were remembered.
pub(super) async fn look_and_decide(
    storage: &dyn Storage,
    left: &Left,
    order: &Order,
    observer: &dyn Observer,
) -> Result<Survey> {
    loop {
        if let Some(survey) = look_once(storage, left, order, observer).await? {
            return Ok(survey);
        }
    }
}

async fn look_once(
    storage: &dyn Storage,
    left: &Left,
    order: &Order,
    observer: &dyn Observer,
) -> Result<Option<Survey>> {
    let options = &order.options;
    let begun = Instant::now();
    let mut findings = first_findings(storage, order).await?;
    let (mut listed, mut looked) = (Instant::now(), order.now(storage));
    // What the store keeps of what is deleted is asked for beside the listing, and is no reason to fail.
    let mut reading = Reading::begin(storage, order, retain::outlines(order)?, observer).await;
    let asked = async { Ok(tokio::join!(storage.store_keeps(), multiparts(storage, order))) };
    let (mut inventory, (store_keeps, multiparts)) = tokio::try_join!(reading.repositories(), asked)?;
    inventory.learn_multiparts(multiparts.clone());
    let listing = listed.elapsed();
    let (now, clock_difference) = judged_now(storage, order);
    findings.clock_difference = clock_difference;
    let mut inventory = scan::links(storage, inventory, order, now, observer).await?;
    let unfinished = left.journals.iter().filter(|left| left.journal.done.is_none());
    let killed: Vec<&Journal> = unfinished.map(|left| &left.journal).collect();
    let (mut dismissed, mut unmatched) = named(&options.images, &inventory, &options.keep_from, &killed);
    let mut just_pushed = Vec::new();
    if options.mode == Mode::Live
        && let Some(until) = dismissed.look_again(looked, options.settle)
    {
        // A push to such a tag is under way, or a later one could not be told from what was seen.
        tokio::time::sleep(looked.until(until)).await;
        listed = Instant::now();
        looked = order.now(storage);
        inventory = reading.repositories().await?;
        inventory.learn_multiparts(multiparts);
        inventory = scan::links(storage, inventory, order, now, observer).await?;
        (dismissed, unmatched) = named(&options.images, &inventory, &options.keep_from, &killed);
        just_pushed = dismissed.spare_just_pushed(looked, options.settle);
    }
    let Found { mut graph, mut outlines, remembered } = reading.finish(&inventory).await?;

    let deciding = Instant::now();
    observer.notice(Event::Begin(Phase::Mark, None));
    let taken: Vec<Taken> = left.journals.iter().flat_map(|left| Taken::among(&left.journal.removed)).collect();
    let nothing = Dismissed::default();
    let mut roots = roots::roots(&inventory, &graph, options, &nothing, now);
    let as_found = (&inventory, &mut graph, &nothing);
    let mut marks = marking::marks(storage, as_found, &mut roots, &taken, order, observer).await?;
    findings.marked_manifests = marked_manifests(&inventory, &graph, &marks);
    let known = (&inventory, &graph, &mut outlines);
    let retention = retain::dismiss(storage, known, &mut dismissed, order, (now, looked), observer).await?;
    drop(outlines);
    just_pushed.extend(retention.iter().flat_map(|said| said.just_pushed.clone()));
    just_pushed.extend(repair::dismiss(&inventory, &mut dismissed, order, looked));
    if !dismissed.is_empty() {
        dismissed.complete(&inventory, &mut graph, options, now);
        roots = roots::roots(&inventory, &graph, options, &dismissed, now);
        let without = (&inventory, &mut graph, &dismissed);
        marks = marking::marks(storage, without, &mut roots, &taken, order, observer).await?;
        if order.limit.is_none() {
            needs::none_is_needed((&inventory, &graph, &marks), options, &dismissed)?;
        }
    }
    let pointers = plan_pointers(&inventory, &graph, &marks, options, &dismissed, now);
    let known = (&inventory, &mut graph, &mut dismissed);
    let Limited { marks, deletions: pointers, staying, not_in_plan } =
        limited(known, (marks, roots), pointers, order, now);
    let owners = Owners::of(&pointers, &graph);
    observer.notice(Event::End);
    let marking = deciding.elapsed();

    let found = (&graph, &marks, &owners);
    let mut blobs = scan::blobs(storage, &inventory, found, (pointers, &left.pending), order, now, observer).await?;
    if forget_what_is_gone(storage, &graph, |id| blobs.is_listed(id), &remembered, order).await? {
        return Ok(None);
    }
    findings.holes = scan::holes(storage, &inventory, (&graph, &marks, &blobs), order.concurrency, observer).await?;
    let plan = Plan::new(std::mem::take(&mut blobs.deletions));
    let plan = plan.writing(repair::links(&inventory, order));
    let not_now = order.limit.as_ref();
    let not_now = not_now.map(|limit| applied::left(limit, &inventory, &blobs, &plan, not_in_plan)).unwrap_or_default();
    let mut problems = std::mem::take(&mut inventory.problems);
    if order.mend.is_none() {
        problems.extend(roots::problems(&inventory, &graph, options));
    }
    tell_of_pushed(&just_pushed, &inventory, &mut problems);
    tell_of_kept(options, &inventory, &mut problems);
    let hollow = hollow(storage, options, &mut unmatched, &mut problems).await?;
    tell_of_links(&blobs, &mut problems);
    let young_until = young_until(&inventory, &graph, &marks, options.min_age);
    let scan = Scan {
        inventory,
        graph,
        marks,
        blobs,
        owners,
        problems,
        now,
        young_until,
        staying,
        dismissed,
        taken,
        hollow,
        left: not_now,
    };
    complete(&mut findings, &scan, &plan, order);
    let refusals = refusals(&findings, options);
    let scanning = begun.elapsed().saturating_sub(marking);
    Ok(Some(Survey { scan, plan, unmatched, retention, refusals, store_keeps, scanning, marking, listed, listing }))
}

/// What a plan leaves of the pointers, where one is applied. The roots end here, one for each tag and revision: they would
/// be a large part of what is held while blobs pass.
fn limited(
    known: (&Inventory, &mut Graph, &mut Dismissed),
    (marks, roots): (Marks, Roots),
    pointers: Deletions,
    order: &Order,
    now: Timestamp,
) -> Limited {
    match &order.limit {
        Some(limit) => limit_pointers(limit, known, roots, pointers, &order.options, now),
        None => Limited::all(marks, pointers),
    }
}

/// What no listing shows, where it may go.
async fn multiparts(storage: &dyn Storage, order: &Order) -> Multiparts {
    match order.options.uploads_older_than {
        Some(_) if order.options.collects => storage.multiparts(order.concurrency).await,
        _ => Multiparts::None,
    }
}

async fn first_findings(storage: &dyn Storage, order: &Order) -> Result<Findings> {
    let scheduler_state =
        async { if order.options.trusts_tags() { storage.exists(layout::SCHEDULER_STATE).await } else { Ok(false) } };
    let (database_lock, scheduler_state) = tokio::try_join!(storage.exists(layout::DATABASE_LOCK), scheduler_state)?;
    Ok(Findings {
        location: order.location.clone(),
        harbor: order.harbor,
        both_key_forms: storage.has_both_key_forms(),
        database_lock,
        scheduler_state,
        ..Findings::default()
    })
}

/// Looks for manifests that were remembered and that the listing does not hold: most likely their data is gone, and a link
/// is all that is left. They are forgotten; tells whether there were any.
pub(super) async fn forget_what_is_gone(
    storage: &dyn Storage,
    graph: &Graph,
    is_listed: impl Fn(Id) -> bool,
    remembered: &[Id],
    order: &Order,
) -> Result<bool> {
    let unlisted = remembered.iter().filter(|id| !is_listed(**id)).map(|id| graph.digest(*id).clone());
    let looks = unlisted.map(|digest| async move {
        storage.exists(&layout::blob_data(&digest)).await.map(|is_there| (!is_there).then_some(digest))
    });
    let looks: Vec<_> = looks.collect();
    let gone: Vec<Option<Digest>> = stream::iter(looks).buffer_unordered(order.concurrency).try_collect().await?;
    let gone: Vec<Digest> = gone.into_iter().flatten().collect();
    if let Some(cache) = &order.cache {
        cache.forget(&gone);
    }
    Ok(!gone.is_empty())
}

fn tell_of_links(blobs: &BlobSurvey, problems: &mut Problems) {
    if blobs.outside.count > 0 {
        let message = format!(
            "{} unneeded blobs are symbolic links, or lie behind one that leaves the root: they stay",
            blobs.outside.count
        );
        problems.add(ProblemCode::OutsideRoot, None, None, message);
    }
}

/// On a file system a repository stays in the catalogue when all that was in it is gone, and no listing shows it. Whoever
/// names it is understood all the same.
async fn hollow(
    storage: &dyn Storage,
    options: &Options,
    unmatched: &mut Vec<Unmatched>,
    problems: &mut Problems,
) -> Result<Vec<RepositoryName>> {
    let mut hollow = Vec::new();
    for image in options.images.iter().filter(|image| image.is_whole()) {
        let Some(name) = image.repository().literal().and_then(RepositoryName::new) else { continue };
        let typed = image.to_string();
        let Some(at) = unmatched.iter().position(|unmatched| unmatched.image == typed) else { continue };
        let mut found = Vec::new();
        for own in ["_layers", "_manifests", "_uploads"] {
            found.push(storage.directories(&format!("{}{own}", layout::repository(&name))).await?);
        }
        // What holds more, or lies behind a symbolic link, stays: nobody is told that it goes.
        if found.contains(&Directories::Empty) && !found.contains(&Directories::More) {
            unmatched.remove(at);
            let message = "nothing is in it but empty directories, for which a registry lists it: they go";
            problems.add(ProblemCode::EmptyRepository, Some(name.as_str()), None, message);
            hollow.push(name);
        }
    }
    Ok(hollow)
}

fn tell_of_kept(options: &Options, inventory: &Inventory, problems: &mut Problems) {
    for (at, tag) in kept_tags(&options.images, inventory, &options.keep_from) {
        let name = &inventory.repositories[at].name;
        let message = format!("tag {tag} was named, and --keep-from names it as well: it stays");
        problems.add(ProblemCode::KeptByKeepFrom, Some(name.as_str()), Some(layout::tag_current(name, &tag)), message);
    }
}

fn tell_of_pushed(just_pushed: &[(usize, Tag)], inventory: &Inventory, problems: &mut Problems) {
    for (at, tag) in just_pushed {
        let name = &inventory.repositories[*at].name;
        let message = format!("tag {tag} was pushed a moment ago, and perhaps again: it stays");
        problems.add(ProblemCode::PushedJustNow, Some(name.as_str()), Some(layout::tag_current(name, tag)), message);
    }
}

/// *Now*: the earlier of this machine's clock and the storage's. A clock that runs ahead would make young things old.
pub(super) fn judged_now(storage: &dyn Storage, order: &Order) -> (Timestamp, Option<Duration>) {
    let ours = order.local_now();
    match storage.time() {
        None => (order.started, None),
        Some(theirs) => (order.started.min(theirs), Some(ours.distance(theirs))),
    }
}

fn complete(findings: &mut Findings, scan: &Scan, plan: &Plan, order: &Order) {
    findings.count(&scan.inventory);
    findings.blobs = scan.blobs.found.count;
    findings.bytes = [scan.blobs.found.bytes, scan.blobs.unrecognized.bytes, scan.inventory.multipart_bytes]
        .into_iter()
        .fold(scan.inventory.bytes, u64::saturating_add);
    findings.planned_bytes = plan.bytes();
    // What the plan does not say of old versions is looked up later.
    findings.nothing_goes = plan.is_empty() && !order.purges;
}

/// When the last of the links that keep something only by their age is old enough.
fn young_until(
    inventory: &crate::collect::inventory::Inventory,
    graph: &crate::collect::graph::Graph,
    marks: &mark::Marks,
    min_age: Duration,
) -> Option<Timestamp> {
    if !marks.has(Reason::Young) {
        return None;
    }
    let mut newest = None;
    for (at, repository) in inventory.repositories.iter().enumerate() {
        let links = repository.revisions.iter();
        let links = links.chain(repository.histories()).chain(repository.layers.iter());
        let young = links.filter(|link| marks.in_repository(at, graph.id(&link.digest)) == Some(Reason::Young));
        newest = young.map(|link| link.modified().plus(min_age)).max().max(newest);
    }
    newest
}
