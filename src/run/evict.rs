//! Telling the registry's Redis what is gone: it would go on claiming it, also across restarts.

use super::work::Work;
use crate::collect::plan::Stage;
use crate::collect::state::journal::Removed;
use crate::error::Result;
use crate::layout::StorageKey;
use crate::model::{Digest, RepositoryName};
use std::collections::HashSet;

/// Evicts what the pointers that went have named, in their repositories and everywhere.
///
/// # Errors
/// If Redis cannot be reached any more: then no content may go.
pub(super) async fn pointers(work: &mut Work<'_>) -> Result<()> {
    let Some(cache) = work.cache else { return Ok(()) };
    let gone = work.done.outcomes.with(work.plan).filter(|(_, outcome)| !outcome.may_still_be_there());
    let gone = gone.filter(|(deletion, _)| deletion.stage.is_pointer());
    let pairs: Vec<(&RepositoryName, &Digest)> = gone
        .flat_map(|(deletion, _)| {
            let digests = [&deletion.digest, &deletion.alias].into_iter().flatten();
            deletion.repository.iter().flat_map(move |(_, name)| digests.clone().map(move |digest| (name, digest)))
        })
        .collect();
    if pairs.is_empty() {
        return Ok(());
    }
    let digests: HashSet<&Digest> = pairs.iter().map(|(_, digest)| *digest).collect();
    let evicted = cache.evict(digests, pairs).await?;
    work.done.evicted += evicted.keys + evicted.members;
    Ok(())
}

/// Evicts the content that went or is aside, everywhere: also in the repositories whose links to it went in an earlier
/// run. A look that was on its way when those were evicted may have entered it again.
///
/// # Errors
/// If Redis cannot be reached any more.
pub(super) async fn content(work: &mut Work<'_>, removed: &[Removed]) -> Result<()> {
    let Some(cache) = work.cache else { return Ok(()) };
    let all = work.done.outcomes.with(work.plan).enumerate();
    let gone = all.filter(|(number, (deletion, outcome))| {
        deletion.stage == Stage::Blob && (!outcome.may_still_be_there() || work.aside.contains(number))
    });
    let gone: HashSet<&Digest> = gone.filter_map(|(_, (deletion, _))| deletion.digest.as_ref()).collect();
    if gone.is_empty() {
        return Ok(());
    }
    let earlier = work.left.journals.iter().flat_map(|left| &left.journal.removed);
    let pairs: Vec<(RepositoryName, Digest)> = removed
        .iter()
        .chain(earlier)
        .filter(|removed| gone.contains(&removed.content))
        .flat_map(|removed| {
            named(removed).into_iter().flat_map(|(name, digest)| {
                let both = HashSet::from([digest, removed.content.clone()]);
                both.into_iter().map(move |digest| (name.clone(), digest))
            })
        })
        .collect();
    let names: HashSet<&Digest> = gone.into_iter().chain(pairs.iter().map(|(_, digest)| digest)).collect();
    let evicted = cache.evict(names, pairs.iter().map(|(name, digest)| (name, digest))).await?;
    work.done.evicted += evicted.keys + evicted.members;
    Ok(())
}

/// The repository and the digest of a link by its key: clients ask for blobs by that name.
fn named(removed: &Removed) -> Option<(RepositoryName, Digest)> {
    match StorageKey::parse(&removed.key) {
        StorageKey::LayerLink { repository, digest } | StorageKey::RevisionLink { repository, digest } => {
            RepositoryName::new(repository).map(|name| (name, digest))
        }
        _ => None,
    }
}
