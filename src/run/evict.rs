//! Telling the registry's Redis what is gone: it would go on claiming it, also across restarts.
//!
//! A look that read a link before it went may enter it into Redis after it was evicted. So eviction counts only when
//! every look that began before has ended, and what was let in by a late entry must have ended before content goes for
//! good.

use super::work::Work;
use crate::collect::outcome::Outcome;
use crate::collect::plan::Stage;
use crate::collect::state::journal::Removed;
use crate::error::Result;
use crate::layout::StorageKey;
use crate::model::{Digest, RepositoryName};
use std::collections::HashSet;

/// Evicts all that went, in the repositories whose links went, and everywhere; and what runs that were killed have taken.
///
/// # Errors
/// If Redis cannot be reached any more.
pub(super) async fn gone(work: &mut Work<'_>, removed: &[Removed]) -> Result<()> {
    if work.cache.is_none() {
        return Ok(());
    }
    let is_gone = |number: usize, outcome: &Outcome| !outcome.may_still_be_there() || work.aside.contains(&number);
    let gone = work.done.outcomes.of(work.plan, work.plan.of_stage(Stage::Blob), is_gone);
    let gone: HashSet<Digest> = gone.filter_map(|(_, deletion, _)| deletion.digest).collect();
    let links = unsettled(work, removed);
    evict(work, &gone, links).await
}

/// What this run has taken, and runs that never came to evict what they took.
fn unsettled(work: &Work<'_>, removed: &[Removed]) -> HashSet<(RepositoryName, Digest)> {
    let unfinished = work.left.journals.iter().filter(|left| left.journal.done.is_none());
    let killed = unfinished.flat_map(|left| &left.journal.removed);
    removed.iter().chain(killed).flat_map(named).collect()
}

/// Evicts content that is about to go, everywhere, and all that went and was not evicted so far: a push may name it
/// together with what goes.
///
/// # Errors
/// If Redis cannot be reached any more: then that content must not go.
pub(super) async fn about_to_go(work: &mut Work<'_>, removed: &[Removed]) -> Result<()> {
    if work.cache.is_none() {
        return Ok(());
    }
    let goes = |_, outcome: &Outcome| *outcome == Outcome::NotAttempted;
    let going = work.done.outcomes.of(work.plan, work.plan.of_stage(Stage::Blob), goes);
    let going: HashSet<Digest> = going.filter_map(|(_, deletion, _)| deletion.digest).collect();
    let links = unsettled(work, removed);
    evict(work, &going, links).await
}

/// Evicts digests, and links by every name that they have; of finished journals those that name one of the digests.
async fn evict(
    work: &mut Work<'_>,
    digests: &HashSet<Digest>,
    mut links: HashSet<(RepositoryName, Digest)>,
) -> Result<()> {
    let Some(cache) = work.cache else { return Ok(()) };
    let earlier = work.left.journals.iter().flat_map(|left| &left.journal.removed);
    let earlier = earlier.filter(|removed| digests.contains(&removed.content));
    links.extend(earlier.flat_map(named));
    let names: HashSet<&Digest> = digests.iter().chain(links.iter().map(|(_, digest)| digest)).collect();
    if names.is_empty() {
        return Ok(());
    }
    let evicted = cache.evict(names, links.iter().map(|(name, digest)| (name, digest))).await?;
    work.done.evicted += evicted.keys + evicted.members;
    Ok(())
}

/// The repository and the digests of a link: the one in its key, by which clients ask for it, and the one it held.
fn named(removed: &Removed) -> Vec<(RepositoryName, Digest)> {
    match StorageKey::parse(&removed.key) {
        StorageKey::LayerLink { repository, digest } | StorageKey::RevisionLink { repository, digest } => {
            let names = RepositoryName::new(repository).into_iter();
            names.flat_map(|name| [(name.clone(), digest.clone()), (name, removed.content.clone())]).collect()
        }
        _ => Vec::new(),
    }
}
