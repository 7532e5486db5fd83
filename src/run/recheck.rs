//! One more look at the repositories that are about to lose something, right before they do.

use crate::collect::entry::{Entry, Evidence};
use crate::collect::fingerprints::Fingerprints;
use crate::collect::inventory::Repository;
use crate::collect::outcome::{Outcome, Outcomes};
use crate::collect::plan::{Plan, Stage};
use crate::collect::report::Scan;
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, Observer, Phase};
use crate::layout::{self, StorageKey};
use crate::storage::reader::{Area, Storage};
use futures::{StreamExt, TryStreamExt, stream};
use std::collections::{BTreeSet, HashMap};

/// How many looks at single keys at a time.
const LOOKS_IN_FLIGHT: usize = 16;

/// Makes sure that nothing wrote to these repositories since they were listed. What another collector has removed of the
/// plan in the meantime is noted as gone.
pub(super) async fn unchanged(
    storage: &dyn Storage,
    scan: &Scan,
    plan: &Plan,
    outcomes: &mut Outcomes,
    observer: &dyn Observer,
) -> Result<()> {
    // No listing shows parts: what came of these is looked at when they go.
    let uploads = plan.deletions().range(plan.of_stage(Stage::Upload));
    let files = uploads.filter(|deletion| deletion.upload_id.is_none());
    let uploads: HashMap<String, Evidence> = files.map(|deletion| (deletion.key, deletion.evidence)).collect();
    let affected: BTreeSet<usize> = plan.deletions().repositories().collect();
    if affected.is_empty() {
        return Ok(());
    }
    observer.notice(Event::Begin(Phase::Recheck, None));
    let pointers = || affected.iter().flat_map(|at| pointers_of(&scan.inventory.repositories[*at]));
    let mut known = Fingerprints::default();
    pointers().for_each(|(key, evidence)| known.add(&key, &evidence));
    let names: BTreeSet<&str> = affected.iter().map(|at| scan.inventory.repositories[*at].name.as_str()).collect();
    let mut see = |entry: &Entry<'_>| {
        let repository = match StorageKey::parse(entry.key) {
            StorageKey::LayerLink { repository, .. }
            | StorageKey::RevisionLink { repository, .. }
            | StorageKey::SignatureLink { repository, .. }
            | StorageKey::TagCurrent { repository, .. }
            | StorageKey::TagHistory { repository, .. } => repository,
            // An upload that was given up may have been taken up again. One that is gone was purged: its delete will tell.
            StorageKey::Upload { repository, .. } => {
                let seen = uploads.get(entry.key).filter(|evidence| **evidence != entry.evidence());
                return seen.map_or(Ok(()), |_| Err(written_to(repository, entry.key)));
            }
            StorageKey::Blob(_) | StorageKey::Suspect { .. } | StorageKey::Unrecognized => return Ok(()),
        };
        if !names.contains(repository) {
            return Ok(());
        }
        if known.take(entry.key, &entry.evidence()) { Ok(()) } else { Err(written_to(repository, entry.key)) }
    };
    // Repositories nest: a prefix that was listed covers what is below it, and is not listed again.
    let mut prefixes: Vec<String> = Vec::new();
    for at in &affected {
        let prefix = layout::repository(&scan.inventory.repositories[*at].name);
        if !prefixes.iter().any(|covered| prefix.starts_with(covered)) {
            prefixes.push(prefix);
        }
    }
    let lists = if prefixes.len() * 2 > scan.inventory.repositories.len() {
        vec![storage.list(Area::Repositories)]
    } else {
        prefixes.into_iter().map(|prefix| storage.list_prefix(prefix)).collect()
    };
    for mut pages in lists {
        while let Some(page) = pages.try_next().await? {
            page.entries().try_for_each(|entry| see(&entry))?;
            observer.notice(Event::Progress(page.len() as u64, 0));
        }
    }
    // What was planned may be gone by another collector's hand. An absence in a listing alone proves nothing.
    let mut gone = Vec::new();
    if !known.is_empty() {
        let planned = plan.deletions().iter().enumerate().filter(|(_, deletion)| deletion.stage.is_pointer());
        let planned = planned.filter(|(_, deletion)| known.take(&deletion.key, &deletion.evidence));
        gone.extend(planned.map(|(index, deletion)| (index, deletion.key)));
        if let Some((key, _)) = pointers().find(|(key, evidence)| known.has(key, evidence)) {
            return Err(written_to("a repository", &key));
        }
    }
    let looks = gone.into_iter().map(|(index, key)| async move { Ok((index, storage.exists(&key).await?, key)) });
    let mut looks = Box::pin(stream::iter(looks).buffer_unordered(LOOKS_IN_FLIGHT));
    while let Some((index, is_there, key)) = looks.try_next().await? {
        if is_there {
            return Err(left_out(&key));
        }
        outcomes.set(index, Outcome::AlreadyGone);
    }
    observer.notice(Event::End);
    Ok(())
}

fn pointers_of(repository: &Repository) -> impl Iterator<Item = (String, Evidence)> {
    let name = &repository.name;
    let revisions =
        repository.revisions.iter().map(|link| (layout::revision_link(name, &link.digest), link.evidence()));
    let layers = repository.layers.iter().map(|link| (layout::layer_link(name, &link.digest), link.evidence()));
    let signatures = repository
        .signatures
        .iter()
        .map(|link| (layout::signature_link(name, &link.revision, &link.signature), link.evidence.clone()));
    let tags = repository.tags.iter().flat_map(move |(tag, entry)| {
        let current = entry.current.map(|current| (layout::tag_current(name, &tag), current.evidence));
        let history = entry.history.into_iter();
        let history = history.map(move |link| (layout::tag_history(name, &tag, &link.digest), link.evidence()));
        current.into_iter().chain(history)
    });
    revisions.chain(layers).chain(signatures).chain(tags)
}

fn left_out(key: &str) -> Error {
    Error::new(ErrorKind::Untrustworthy, "check the registry once more before deleting")
        .on(key)
        .because("it is there, but a listing leaves it out: the listing is not to be trusted; nothing was deleted")
        .next("find out what makes this storage's listings incomplete before anything is deleted from it")
}

fn written_to(repository: &str, key: &str) -> Error {
    Error::new(ErrorKind::Untrustworthy, "check the registry once more before deleting")
        .on(key)
        .because(format!("{repository} was written to while this run was looking at it; nothing was deleted"))
        .next("--offline wants the registry stopped or read-only until regsweep ends: see to that, and run again")
}
