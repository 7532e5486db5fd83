//! The end of a live run: wait, look again, and mend what a push that was admitted before has made necessary.

use super::again::{self, Look};
use super::work::{Stopped, Work};
use super::{content, evict};
use crate::collect::graph::Node;
use crate::collect::images::images_with;
use crate::collect::outcome::Outcome;
use crate::collect::plan::Stage;
use crate::collect::report::Scan;
use crate::collect::state::journal::Removed;
use crate::collect::state::mend::to_mend;
use crate::error::{Error, Result};
use crate::event::{Event, Observer, Phase};
use crate::layout::state;
use crate::model::Digest;
use crate::storage::open::Opened;
use crate::storage::sweep::{forget, put_back};
use crate::storage::write::Writer;
use futures::{StreamExt, stream};
use std::collections::HashSet;

/// How many links are written at a time.
const WRITES_IN_FLIGHT: usize = 16;
/// How many looks at single keys at a time.
const LOOKS_IN_FLIGHT: usize = 16;

/// Waits, looks at all repositories again, writes back every pointer that something kept needs, puts back all content
/// aside that is needed or that a pointer names, and lets the rest of it go. Tells whether it came to its end: if the run
/// is stopped meanwhile or has lost its lease, all that is aside is put back, and the next run mends.
///
/// # Errors
/// If the repositories cannot be looked at again; content aside is to be put back then.
pub(super) async fn settle_and_mend(work: &mut Work<'_>, removed: &[Removed]) -> Result<bool> {
    if work.is_lease_lost() {
        put_back_all(work).await;
        return Ok(false);
    }
    content::settle(work).await;
    if work.cache.is_some() && !work.stop.is_requested() {
        // A look that was on its way when the links went may have entered into Redis what is gone, until now; a push that
        // was let in by such an entry may take as long as any.
        evict::gone(work, removed).await?;
        content::settle(work).await;
    }
    if work.stop.is_requested() || work.is_lease_lost() {
        put_back_all(work).await;
        return Ok(false);
    }
    let journals = work.left.journals.iter().flat_map(|left| &left.journal.removed);
    let removed: Vec<&Removed> = removed.iter().chain(journals).collect();
    let removed = &removed[..];
    let storage = work.opened.reader();
    work.listed = again::look(storage, work.scan, Look::All, &work.staying, work.order, work.observer).await?;
    loop {
        let (mended, errors) = mend(work.opened, work.scan, removed, work.observer).await;
        work.done.mended += mended;
        work.done.errors.extend(errors);
        if !put_back_needed(work).await {
            break;
        }
        // A manifest may be among what came back: only now can it tell what it needs.
        again::manifests_and_marks(storage, work.scan, &work.staying, work.order, work.observer).await?;
    }
    if work.is_lease_lost() {
        // Another run judges all of it anew.
        work.done.stopped = work.done.stopped.or(Some(Stopped::Lease));
        put_back_all(work).await;
    } else {
        let_go(work).await;
    }
    find_broken(work).await;
    Ok(!work.is_lease_lost())
}

/// Writes back every pointer that something kept needs; tells how many there were, and what went wrong.
pub(super) async fn mend(
    opened: &Opened,
    scan: &Scan,
    removed: &[&Removed],
    observer: &dyn Observer,
) -> (u64, Vec<Error>) {
    let mut needed = to_mend(removed.iter().copied(), &scan.inventory, &scan.graph, &scan.marks);
    // A link to a manifest that is not there gives nobody anything: a repair has taken it away for that.
    needed.retain(|it| it.stage() != Some(Stage::Revision) || scan.graph.node_of(&it.content) != Node::Missing);
    let (mut mended, mut errors) = (0, Vec::new());
    if needed.is_empty() {
        return (mended, errors);
    }
    observer.notice(Event::Begin(Phase::Mend, Some(needed.len() as u64)));
    let writer = Writer::new(opened);
    for stage in [Stage::LayerLink, Stage::Revision, Stage::TagHistory] {
        let of_stage = needed.iter().filter(|removed| removed.stage() == Some(stage));
        let links: Vec<_> = of_stage.map(|removed| writer.link(&removed.key, &removed.content)).collect();
        let mut results = Box::pin(stream::iter(links).buffer_unordered(WRITES_IN_FLIGHT));
        while let Some(written) = results.next().await {
            match written {
                Ok(written) => mended += u64::from(written),
                Err(error) => errors.push(error),
            }
            observer.notice(Event::Progress(1, 0));
        }
    }
    observer.notice(Event::End);
    (mended, errors)
}

fn digest_of(work: &Work<'_>, number: usize) -> Option<Digest> {
    work.plan.deletions().get(number).digest
}

/// Puts back content aside that is needed, or that any pointer names: a push may be about to need it. Tells whether a
/// manifest may be among it.
async fn put_back_needed(work: &mut Work<'_>) -> bool {
    let digests: Vec<Digest> = work.aside.iter().filter_map(|number| digest_of(work, *number)).collect();
    let digests = digests.iter().collect();
    let pointed: HashSet<Digest> = work.scan.inventory.pointers_to(&digests).map(|(_, digest)| digest).collect();
    let is_wanted = |number: &usize| {
        digest_of(work, *number).is_none_or(|digest| {
            pointed.contains(&digest) || work.scan.marks.anywhere(work.scan.graph.id(&digest)).is_some()
        })
    };
    let wanted: Vec<usize> = work.aside.iter().copied().filter(is_wanted).collect();
    let missed = |number: &usize| {
        digest_of(work, *number).is_some_and(|digest| work.scan.graph.node_of(&digest) == Node::Missing)
    };
    let teaches = wanted.iter().any(missed);
    put_these_back(work, &wanted).await;
    teaches
}

/// Puts back all content aside. What cannot be put back stays there, and the next run does it.
pub(super) async fn put_back_all(work: &mut Work<'_>) {
    let all: Vec<usize> = work.aside.iter().copied().collect();
    put_these_back(work, &all).await;
}

async fn put_these_back(work: &mut Work<'_>, numbers: &[usize]) {
    let mut kept = Vec::new();
    for number in numbers {
        let Some(digest) = digest_of(work, *number) else { continue };
        match put_back(work.opened, &work.order.run, &digest).await {
            Ok(_) => {
                kept.push(state::aside(&work.order.run, &digest));
                work.done.put_back += 1;
                work.done.outcomes.set(*number, Outcome::Changed);
            }
            // It stays aside, and the next run puts it back.
            Err(error) => {
                work.done.outcomes.set(*number, Outcome::Unknown("it is aside".into()));
                work.done.errors.push(error);
            }
        }
        work.aside.remove(number);
    }
    forget(work.opened, &kept).await;
}

/// Lets go what is still aside: nothing needs it, and no pointer names it.
async fn let_go(work: &mut Work<'_>) {
    let numbers: Vec<usize> = std::mem::take(&mut work.aside).into_iter().collect();
    let keys: Vec<String> = numbers
        .iter()
        .filter_map(|number| digest_of(work, *number).map(|digest| state::aside(&work.order.run, &digest)))
        .collect();
    work.observer.notice(Event::Begin(Phase::LetGo, Some(keys.len() as u64)));
    for (number, outcome) in numbers.into_iter().zip(forget(work.opened, &keys).await) {
        let deletion = work.plan.deletions().get(number);
        // It was there when it was moved.
        let outcome = if outcome == Outcome::AlreadyGone { Outcome::Deleted } else { outcome };
        if outcome == Outcome::Deleted {
            work.observer.notice(Event::Deleted(&deletion));
        }
        work.observer.notice(Event::Progress(1, deletion.evidence.size));
        work.done.outcomes.set(number, outcome);
    }
    work.observer.notice(Event::End);
}

/// A push that was admitted before content went for good, and took longer than the wait, cannot be mended: its image must
/// be pushed again. A client that has uploaded the content anew since is not told to do so once more.
async fn find_broken(work: &mut Work<'_>) {
    let (plan, storage) = (work.plan, work.opened.reader());
    let gone = work
        .done
        .outcomes
        .of(plan, plan.of_stage(Stage::Blob), |_, outcome| *outcome == Outcome::Deleted)
        .filter_map(|(_, deletion, _)| Some((deletion.key, deletion.digest?)))
        .filter(|(_, digest)| work.scan.marks.anywhere(work.scan.graph.id(digest)).is_some());
    let looks: Vec<_> = gone.map(|(key, digest)| async move { (digest, storage.exists(&key).await) }).collect();
    let mut looks = Box::pin(stream::iter(looks).buffer_unordered(LOOKS_IN_FLIGHT));
    let mut missing: HashSet<Digest> = HashSet::new();
    while let Some((digest, is_there)) = looks.next().await {
        match is_there {
            Ok(true) => {}
            Ok(false) => drop(missing.insert(digest)),
            // It was deleted: as long as nobody can tell better, it is gone.
            Err(error) => {
                missing.insert(digest);
                work.done.errors.push(error);
            }
        }
    }
    if !missing.is_empty() {
        let missing = missing.iter().collect();
        work.done.broken = images_with(&missing, &work.scan.inventory, &work.scan.graph);
    }
}
