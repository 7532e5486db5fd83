//! Undo: reading what a restore is decided by, and writing pointers back.

use super::left::{Depth, Left, LeftAside, read};
use super::work::Stopped;
use super::{Order, Stop, Tenure, again, scan};
use crate::collect::blobs::Tally;
use crate::collect::inventory::Inventory;
use crate::collect::listing::Builder;
use crate::collect::state::journal::Pointers;
use crate::collect::state::pending::Pending;
use crate::collect::state::restore::{Ground, Restoration, Wanted, Write, lines, repositories};
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, Observer, Phase};
use crate::layout::{self, StorageKey, state};
use crate::model::{Digest, RepositoryName, manifest};
use crate::storage::fetch::read_all;
use crate::storage::open::Opened;
use crate::storage::reader::{Area, Storage};
use crate::storage::sweep::forget;
use crate::storage::write::Writer;
use futures::{StreamExt, TryStreamExt, stream};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// So many repositories are listed one by one; of more all there are.
const FEW_REPOSITORIES: usize = 100;
/// So many contents are looked for one by one; for more all blobs are listed, where a look is a request.
const FEW_CONTENTS: usize = 10_000;
/// Manifests are read so many at a time at most.
const MANIFESTS_IN_FLIGHT: usize = 64;

/// Everything that earlier runs have left, for one that only looks.
///
/// # Errors
/// If the storage cannot be read.
pub async fn all_left(storage: &dyn Storage) -> Result<Left> {
    read(storage, Depth::Acting).await
}

/// Decides what is written back. Changes nothing, and cannot. Tells how many lines of journals were left out, too.
///
/// # Errors
/// If anything could not be listed or read for good.
pub async fn look(
    storage: &dyn Storage,
    left: &Left,
    wanted: &Wanted,
    order: &Order,
    observer: &dyn Observer,
) -> Result<(Restoration, u64)> {
    let (lines, odd) = lines(left.journals.iter().map(|left| &left.journal));
    let names = repositories(&lines, wanted);
    let inventory = list(storage, names.as_ref(), observer).await?;
    let now = order.now(storage);
    let inventory = scan::links(storage, inventory, order, now, observer).await?;
    let mut ground = Ground::new(wanted, &lines, names.as_ref(), inventory);
    let aside: HashMap<&Digest, &LeftAside> = left.aside.iter().map(|aside| (&aside.digest, aside)).collect();
    loop {
        let wanted = ground.manifests_to_read();
        if wanted.is_empty() {
            break;
        }
        observer.notice(Event::Begin(Phase::ReadManifests, Some(wanted.len() as u64)));
        // A dry run leaves aside what a real one puts back first.
        let key = |(digest, _): &(Digest, _)| match aside.get(digest) {
            Some(aside) => state::aside(&aside.run, digest),
            None => layout::blob_data(digest),
        };
        let in_flight = order.concurrency.min(MANIFESTS_IN_FLIGHT);
        read_all(storage, wanted, key, manifest::LARGEST, in_flight, |(digest, expectation), content| {
            ground.learn(&digest, expectation, &scan::fetched(content));
            observer.notice(Event::Progress(1, 0));
        })
        .await?;
        observer.notice(Event::End);
    }
    let choice = ground.choose(&order.options, now);
    let to_find: Vec<Digest> = choice.contents.iter().filter(|digest| !aside.contains_key(digest)).cloned().collect();
    let missing = missing(storage, to_find, order, observer).await?;
    Ok((ground.decide(&choice, &missing, &order.options, now), odd))
}

async fn list(
    storage: &dyn Storage,
    names: Option<&BTreeSet<RepositoryName>>,
    observer: &dyn Observer,
) -> Result<Inventory> {
    observer.notice(Event::Begin(Phase::ListRepositories, None));
    let few = names.filter(|names| names.len() <= FEW_REPOSITORIES);
    let lists = match few {
        Some(names) => {
            let prefixes = again::outermost(names.iter().map(layout::repository));
            prefixes.into_iter().map(|prefix| storage.list_prefix(prefix)).collect()
        }
        None => vec![storage.list(Area::Repositories)],
    };
    let mut builder = Builder::new(storage.proof());
    for mut pages in lists {
        while let Some(page) = pages.try_next().await? {
            page.entries().for_each(|entry| _ = builder.see(&entry));
            observer.notice(Event::Progress(page.len() as u64, 0));
        }
    }
    observer.notice(Event::End);
    Ok(builder.finish())
}

/// Those that are not there. An absence in a listing alone proves nothing.
async fn missing(
    storage: &dyn Storage,
    contents: Vec<Digest>,
    order: &Order,
    observer: &dyn Observer,
) -> Result<HashSet<Digest>> {
    let mut missing: HashSet<Digest> = contents.into_iter().collect();
    observer.notice(Event::Begin(Phase::LookForContent, Some(missing.len() as u64)));
    if missing.len() > FEW_CONTENTS && !storage.proof().cheap_reads {
        let mut pages = storage.list(Area::Blobs);
        while let Some(page) = pages.try_next().await? {
            for entry in page.entries() {
                if let StorageKey::Blob(digest) = StorageKey::parse(entry.key)
                    && missing.remove(&digest)
                {
                    observer.notice(Event::Progress(1, 0));
                }
            }
        }
    }
    let looks = missing.iter().map(|digest| async move {
        storage.exists(&layout::blob_data(digest)).await.map(|is_there| (digest.clone(), is_there))
    });
    let looks: Vec<_> = looks.collect();
    let mut looks = Box::pin(stream::iter(looks).buffer_unordered(order.concurrency.max(1)));
    let mut found = Vec::new();
    while let Some((digest, is_there)) = looks.try_next().await? {
        observer.notice(Event::Progress(1, 0));
        found.extend(is_there.then_some(digest));
    }
    drop(looks);
    for digest in found {
        missing.remove(&digest);
    }
    observer.notice(Event::End);
    Ok(missing)
}

/// What came of a restore.
#[derive(Debug, Default)]
pub struct Restored {
    /// What was written back, by repository.
    pub by_repository: BTreeMap<RepositoryName, Pointers>,
    /// What somebody else wrote meanwhile.
    pub there: Pointers,
    /// What could not be written, and why.
    pub failed: Vec<(String, Error)>,
    /// What was not tried: something that it needs could not be written, or the run was stopped.
    pub not_attempted: u64,
    /// Why it stopped before its end.
    pub stopped: Option<Stopped>,
    /// Content that waits no longer.
    pub content: Tally,
    /// What went wrong beside single pointers.
    pub error: Option<Error>,
}

/// Writes pointers back, group by group. Where one could not be written nothing that may need it follows: no tag comes
/// back before what it names.
///
/// # Errors
/// If the lease was lost. Nothing was written.
pub async fn write_back(
    opened: &Opened,
    (tenure, left): (&Tenure, &Left),
    restoration: &Restoration,
    order: &Order,
    observer: &dyn Observer,
    stop: &Stop,
) -> Result<Restored> {
    let mut restored = Restored::default();
    if restoration.groups.is_empty() {
        return Ok(restored);
    }
    tenure.confirm().await?;
    let writer = Writer::new(opened);
    let total = restoration.writes().count() as u64;
    observer.notice(Event::Begin(Phase::Restore, Some(total)));
    let must_stop = || {
        let signal = stop.is_requested().then_some(Stopped::Signal);
        signal.or(tenure.is_lost().then_some(Stopped::Lease))
    };
    let (mut pointed, mut stuck, mut hopeless) = (HashSet::new(), HashSet::new(), false);
    for group in &restoration.groups {
        let (open, behind): (Vec<&Write>, Vec<&Write>) =
            group.iter().partition(|write| !hopeless && !stuck.contains(&write.repository));
        restored.not_attempted += behind.len() as u64;
        let (writer, must_stop) = (&writer, &must_stop);
        let attempts = open.into_iter().map(|write| async move {
            if must_stop().is_some() {
                return (write, None);
            }
            (write, Some(writer.link_as_of(&write.key, &write.content, write.modified).await))
        });
        let attempts: Vec<_> = attempts.collect();
        let mut attempts = Box::pin(stream::iter(attempts).buffer_unordered(order.concurrency.max(1)));
        while let Some((write, result)) = attempts.next().await {
            observer.notice(Event::Progress(1, 0));
            match result {
                None => restored.not_attempted += 1,
                Some(Err(error)) => {
                    hopeless |= matches!(error.kind(), ErrorKind::Permission | ErrorKind::Credentials);
                    stuck.insert(write.repository.clone());
                    restored.failed.push((write.key.clone(), error));
                }
                Some(Ok(is_new)) => {
                    pointed.insert(&write.content);
                    let of = restored.by_repository.entry(write.repository.clone()).or_default();
                    if is_new { of.add(write.stage) } else { restored.there.add(write.stage) }
                }
            }
        }
        restored.stopped = restored.stopped.or_else(must_stop);
    }
    observer.notice(Event::End);
    restored.failed.sort_by(|a, b| a.0.cmp(&b.0));
    if !tenure.is_lost() {
        match waits_no_longer(opened, left, &pointed, order).await {
            Ok(content) => restored.content = content,
            Err(error) => restored.error = Some(error),
        }
    }
    Ok(restored)
}

/// What a pointer names again waits anew, once it has lost it: takes it from the record of what waits.
async fn waits_no_longer(opened: &Opened, left: &Left, pointed: &HashSet<&Digest>, order: &Order) -> Result<Tally> {
    let mut content = Tally::default();
    for (_, waiting) in left.pending.iter().filter(|(digest, _)| pointed.contains(digest)) {
        content.add(waiting.size);
    }
    if content.count == 0 {
        return Ok(content);
    }
    let mut pending: Pending = left.pending.clone();
    pending.retain(|digest| !pointed.contains(digest));
    if pending.is_empty() {
        forget(opened, &[state::PENDING.to_owned()]).await;
    } else {
        Writer::new(opened).keep(state::PENDING, pending.to_text(&order.run)).await?;
    }
    Ok(content)
}
