//! What a run writes down: the pointers that it is about to delete, what waits, and that it has ended as it should.

use super::work::Work;
use crate::collect::outcome::Outcome;
use crate::collect::plan::Stage;
use crate::collect::state::journal::{Done, Journal, PART, Removed, to_text};
use crate::collect::state::pending::{Pending, Waiting};
use crate::error::Result;
use crate::layout::state::{self, StateKey};
use crate::model::Timestamp;
use crate::storage::open::Opened;
use crate::storage::sweep::forget;
use crate::storage::write::Writer;

/// Writes down every pointer that is about to go. Only then may the first of them go.
///
/// # Errors
/// If that is not possible. Nothing was deleted.
pub(super) async fn journal(work: &Work<'_>, removed: &[Removed]) -> Result<()> {
    let writer = Writer::new(work.opened);
    for (part, lines) in (0..).zip(removed.chunks(PART)) {
        writer.keep(&state::journal(&work.order.run, part), to_text(lines)).await?;
    }
    Ok(())
}

/// The pointers that may go, as they stand now.
pub(super) fn removed(work: &Work<'_>) -> Vec<Removed> {
    let going = work.done.outcomes.of_all(work.plan, |number, outcome| {
        *outcome == Outcome::NotAttempted && work.plan.deletions().stage(number).is_pointer()
    });
    going.filter_map(|(_, deletion, _)| Removed::of(&deletion, &work.scan.graph, &work.scan.marks)).collect()
}

/// Writes down what waits, and since when. `gone` is when the last pointer of this run went.
///
/// Before the first of them goes there is no such time: then what had a pointer in this scan is struck out. Without this,
/// a run that is killed after its pointers went would leave the time of an earlier wait, and the next one would take what
/// has not waited at all.
///
/// # Errors
/// If that is not possible: then what waits anew begins its wait with the next run.
pub(super) async fn pending(work: &mut Work<'_>, gone: Option<Timestamp>) -> Result<()> {
    let mut pending = Pending::default();
    for blob in &work.scan.blobs.waiting {
        if let Some(since) = blob.since.or(gone) {
            pending.insert(blob.digest.clone(), Waiting { since, size: blob.size });
        }
    }
    // What is aside goes within this run, or is judged anew by the next. What changed is needed, or was pointed to: its wait
    // begins anew when it is found unneeded again.
    let waits = |number: usize, outcome: &Outcome| {
        !work.aside.contains(&number)
            && matches!(outcome, Outcome::NotAttempted | Outcome::Failed(_) | Outcome::Unknown(_))
    };
    for (_, deletion, _) in work.done.outcomes.of(work.plan, work.plan.of_stage(Stage::Blob), waits) {
        let Some(digest) = &deletion.digest else { continue };
        if let Some(since) = work.left.pending.get(digest).map(|recorded| recorded.since).or(gone) {
            pending.insert(digest.clone(), Waiting { since, size: deletion.evidence.size });
        }
    }
    pending.wait = (!pending.is_empty()).then(|| work.order.options.wait());
    let before = work.recorded.as_ref().unwrap_or(&work.left.pending);
    if pending != *before {
        if pending.is_empty() {
            forget(work.opened, &[state::PENDING.to_owned()]).await;
        } else {
            Writer::new(work.opened).keep(state::PENDING, pending.to_text(&work.order.run)).await?;
        }
    }
    work.recorded = Some(pending);
    Ok(())
}

/// Ends a run that has mended what it had to: says so of its journal and of those that it has finished for others, and
/// removes journals that can restore nothing any more.
///
/// # Errors
/// If that cannot be written: then the next run mends once more.
pub(super) async fn end(work: &Work<'_>, removed: &[Removed], gone: Timestamp) -> Result<()> {
    let pending = work.recorded.as_ref().unwrap_or(&work.left.pending);
    let wait = work.order.options.undo();
    let writer = Writer::new(work.opened);
    let done = |command: &str, gone: Timestamp| Done {
        schema: "regsweep.done/1".into(),
        command: command.into(),
        gone: gone.to_rfc3339(),
        until: gone.plus(wait).to_rfc3339(),
    };
    let mut journals: Vec<Journal> = work.left.journals.iter().map(|left| left.journal.clone()).collect();
    for (journal, left) in journals.iter_mut().zip(&work.left.journals) {
        if journal.done.is_none() {
            let ended = done("unfinished", left.written);
            let key = state::done(&journal.run);
            writer.keep(&key, ended.to_text()).await?;
            journal.keys.push(key);
            journal.done = Some(ended);
        }
    }
    if !removed.is_empty() {
        let ended = done(work.order.command, gone);
        let key = state::done(&work.order.run);
        let parts = (0..).zip(removed.chunks(PART)).map(|(part, _)| state::journal(&work.order.run, part));
        let mut keys: Vec<String> = parts.collect();
        // What can be undone no longer than this run lasts needs no word that it has ended.
        if !wait.is_zero() {
            writer.keep(&key, ended.to_text()).await?;
            keys.push(key);
        }
        let (run, removed) = (work.order.run.clone(), removed.to_vec());
        journals.push(Journal { run, keys, removed, done: Some(ended), odd: 0, unread_parts: 0 });
    }
    // A store tells its time in whole seconds: a moment later may look like a moment before.
    let now = work.order.now(work.opened.reader()).max(gone);
    purge(work.opened, &journals, pending, now).await;
    Ok(())
}

/// A journal is over when its run has ended as it should, what it pointed to has waited long enough, and none of it waits
/// still.
async fn purge(opened: &Opened, journals: &[Journal], pending: &Pending, now: Timestamp) {
    let is_over = |journal: &&Journal| {
        let until = journal.done.as_ref().and_then(Done::until);
        until.is_some_and(|until| until <= now)
            && !journal.removed.iter().any(|removed| pending.get(&removed.content).is_some())
    };
    let over = journals.iter().filter(is_over).flat_map(|journal| &journal.keys);
    // The word that a run has ended goes last: a journal without it would be mended again.
    let (words, parts): (Vec<String>, Vec<String>) = over.cloned().partition(|key| key == &state::done(run_of(key)));
    forget(opened, &parts).await;
    forget(opened, &words).await;
}

fn run_of(key: &str) -> &str {
    match StateKey::parse(key) {
        StateKey::Journal { run, .. } | StateKey::Done { run } => run,
        _ => "",
    }
}
