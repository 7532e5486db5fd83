//! Pointers go before what they point to, and nothing goes while a pointer to it stays.

use super::tags;
use super::work::Work;
use crate::collect::mark::mark_without;
use crate::collect::options::Mode;
use crate::collect::outcome::Outcome;
use crate::collect::plan::{Deletion, Stage, still_goes};
use crate::collect::roots::{Reason, Root, roots};
use crate::event::{Event, Phase};
use crate::layout::{self, StorageKey};
use crate::storage::sweep::Begun;
use std::collections::HashMap;
use std::ops::Range;

/// The keys of so many are held at a time: a multiple of every store's batch.
const GROUP: usize = 64_000;

/// Deletes pointers and uploads, stage by stage, parents before children.
pub(super) async fn pointers(work: &mut Work<'_>) {
    for stage in Stage::ALL.into_iter().filter(|stage| *stage != Stage::Blob) {
        let total = work.plan.of_stage(stage).len();
        if total == 0 {
            continue;
        }
        work.observer.notice(Event::Begin(Phase::Delete(stage), Some(total as u64)));
        for (_, level) in work.plan.levels(stage) {
            let numbers = going(work, level.clone());
            let numbers = work.within_bounds(&numbers);
            let mut is_told = true;
            if stage == Stage::Tag && work.order.options.mode == Mode::Live {
                if let Err(error) = tags::delete(work, &numbers).await {
                    work.done.errors.push(error);
                    is_told = false;
                }
            } else {
                delete_all(work, stage, &numbers).await;
            }
            if stage.is_pointer() {
                keep_what_stays(work, stage, level);
            }
            if work.done.stopped.is_some() || !is_told {
                work.observer.notice(Event::End);
                return;
            }
        }
        work.observer.notice(Event::End);
    }
}

/// Those of some deletions that may still go.
pub(super) fn going(work: &Work<'_>, numbers: Range<usize>) -> Vec<usize> {
    let is_open =
        |number: &usize| *work.done.outcomes.get(*number) == Outcome::NotAttempted && !work.aside.contains(number);
    let goes = |number: &usize| {
        let deletion = work.plan.deletions().get(*number);
        still_goes(&deletion, &work.scan.graph, &work.scan.marks, &work.scan.dismissed)
    };
    numbers.filter(is_open).filter(goes).collect()
}

/// Deletes these, for good, some at a time: all their keys at once may take more place than all else. Files of an upload
/// are judged together with its parts.
async fn delete_all(work: &mut Work<'_>, stage: Stage, numbers: &[usize]) {
    let group = if stage == Stage::Upload { numbers.len().max(1) } else { GROUP };
    for group in numbers.chunks(group) {
        delete(work, group).await;
        // Where the store does not answer any more, the sweeper tries no further.
        if group.iter().any(|number| *work.done.outcomes.get(*number) == Outcome::NotAttempted) {
            return;
        }
    }
}

/// Deletes these, for good.
pub(super) async fn delete(work: &mut Work<'_>, numbers: &[usize]) {
    let plan = work.plan;
    let deletions: Vec<(usize, Deletion)> =
        numbers.iter().map(|number| (*number, plan.deletions().get(*number))).collect();
    let mut keys: Vec<(usize, &str)> = Vec::with_capacity(numbers.len());
    let mut begun = Vec::new();
    for (number, Deletion { key, upload_id, evidence, .. }) in &deletions {
        match upload_id {
            Some(id) => begun.push((*number, Begun { key, id, evidence })),
            None => keys.push((*number, key)),
        }
    }
    let observer = work.observer;
    let mut ended: Vec<(usize, Outcome)> = Vec::with_capacity(numbers.len());
    let mut tell = |batch: &[(usize, Outcome)]| {
        for (number, outcome) in batch {
            // These numbers are in order.
            let at = deletions.binary_search_by_key(number, |(number, _)| *number).ok();
            let Some((_, deletion)) = at.map(|at| &deletions[at]) else { continue };
            if *outcome == Outcome::Deleted {
                observer.notice(Event::Deleted(deletion));
            }
            observer.notice(Event::Progress(1, deletion.evidence.size));
        }
        ended.extend_from_slice(batch);
    };
    let mut open = HashMap::new();
    let tell_of_parts = |batch: &[(usize, Outcome)]| {
        for (number, outcome) in batch.iter().filter(|(_, outcome)| outcome.may_still_be_there()) {
            let key = plan.deletions().get(*number).key;
            let upload = layout::upload_directory(&key);
            open.extend(upload.map(|upload| (upload.to_owned(), *outcome == Outcome::Changed)));
        }
        tell(batch);
    };
    // Parts go first: they show whether somebody has taken up the upload again, who needs its files as well then. Where
    // nobody can tell, the files stay too.
    work.sweeper.abort(&begun, || work.must_stop().is_none(), tell_of_parts).await;
    if !open.is_empty() {
        let mut changed = Vec::new();
        keys.retain(|(number, key)| {
            let is_changed = layout::upload_directory(key).and_then(|upload| open.get(upload));
            changed.extend(is_changed.filter(|is_changed| **is_changed).map(|_| (*number, Outcome::Changed)));
            is_changed.is_none()
        });
        tell(&changed);
    }
    work.sweeper.delete(&keys, || work.must_stop().is_none(), &mut tell).await;
    for (number, outcome) in ended {
        work.done.outcomes.set(number, outcome);
    }
    work.done.stopped = work.done.stopped.or(work.must_stop());
}

/// A pointer that may still be there is a root again, with all that needs: without this, a tag that could not be deleted
/// would lose its layers. What follows is judged anew.
fn keep_what_stays(work: &mut Work<'_>, stage: Stage, level: Range<usize>) {
    let before = work.staying.len();
    let (mut spared, mut only_changed) = (Vec::new(), true);
    for number in level {
        let outcome = work.done.outcomes.get(number);
        if !outcome.may_still_be_there() {
            continue;
        }
        let deletion = work.plan.deletions().get(number);
        let repository = deletion.repository.as_ref().map(|(at, _)| *at);
        only_changed &= *outcome == Outcome::Changed;
        if let (Stage::Tag, Some(at), StorageKey::TagCurrent { tag, .. }) =
            (stage, repository, StorageKey::parse(&deletion.key))
        {
            spared.push((at, tag.to_owned()));
        }
        for digest in [&deletion.digest, &deletion.alias].into_iter().flatten() {
            work.staying.push(Root { repository, digest: digest.clone(), reason: Reason::PointerStays });
        }
    }
    // A tag that stays keeps what it names, and its history is judged as that of any other.
    for (at, tag) in &spared {
        work.scan.dismissed.spare_tag(*at, tag);
    }
    if work.staying.len() > before || !spared.is_empty() {
        if stage == Stage::Tag && only_changed {
            tags::spare_what_changed(work);
        } else {
            mark_anew(work);
        }
    }
}

/// Marks from the inventory as it is known, and from all that stays.
pub(super) fn mark_anew(work: &mut Work<'_>) {
    let scan = &mut *work.scan;
    let mut all = roots(&scan.inventory, &scan.graph, &work.order.options, &scan.dismissed, scan.now);
    all.add_all(work.staying.iter().cloned(), &scan.graph);
    scan.marks = mark_without(&scan.inventory, &mut scan.graph, &all, &scan.dismissed);
}
