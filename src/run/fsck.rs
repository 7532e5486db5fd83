//! Looking for damage: everything is listed, and every link and manifest read that the listing does not prove. Changes
//! nothing, and cannot.

mod content;
mod verify;

use super::scan::{self, fetched};
use super::{Order, Stop, interrupted};
use crate::collect::blobs::Tally;
use crate::collect::fsck::blobs::{Stored, stray};
use crate::collect::fsck::check::{Known, check};
use crate::collect::fsck::content::Sample;
use crate::collect::fsck::finding::{Finding, Findings};
use crate::collect::fsck::links::{Unproven, judge, unproven};
use crate::collect::fsck::parts::{Parts, Read};
use crate::collect::graph::{Expectation, Graph, manifests_to_read};
use crate::collect::inventory::Inventory;
use crate::collect::learn::LARGEST_LINK;
use crate::collect::listing::Builder;
use crate::error::Result;
use crate::event::{Event, Observer, Phase};
use crate::layout::{self, StorageKey};
use crate::model::{Digest, Timestamp, manifest};
use crate::storage::fetch::{Fetcher, How};
use crate::storage::reader::{Area, Content, Storage};
use futures::TryStreamExt;
use std::collections::HashSet;

/// What was looked at, and what was found.
#[derive(Debug, Default)]
pub struct Checked {
    /// What was found.
    pub findings: Findings,
    /// What the listing of repositories said.
    pub inventory: Inventory,
    /// What names what.
    pub graph: Graph,
    /// What manifests say of their parts.
    pub parts: Parts,
    /// What the listing of blobs said.
    pub stored: Stored,
    /// *Now*, as ages were judged.
    pub now: Timestamp,
    /// The keys of links that were read before all others.
    read: HashSet<String>,
    /// How many links were read.
    pub links_read: u64,
    /// How many manifests were read.
    pub manifests_read: u64,
    /// The contents that were compared with their digests.
    pub content: Tally,
}

/// So many links are held while they wait for their turn.
const WAITING: usize = 4096;

/// Looks at everything. `sample` chooses the contents to compare with their digests.
///
/// # Errors
/// If anything could not be listed or read for good: half a picture would show damage that is none.
pub async fn fsck(
    storage: &dyn Storage,
    order: &Order,
    sample: Option<Sample>,
    observer: &dyn Observer,
    stop: &Stop,
) -> Result<Checked> {
    tokio::select! {
        checked = look(storage, order, sample, Findings::default(), observer) => checked,
        () = stop.requested() => Err(interrupted()),
    }
}

/// The same, where each finding is to be mended and none may be left out.
pub(super) async fn fsck_all(
    storage: &dyn Storage,
    order: &Order,
    observer: &dyn Observer,
    stop: &Stop,
) -> Result<Checked> {
    tokio::select! {
        checked = look(storage, order, None, Findings::telling_all(), observer) => checked,
        () = stop.requested() => Err(interrupted()),
    }
}

async fn look(
    storage: &dyn Storage,
    order: &Order,
    sample: Option<Sample>,
    findings: Findings,
    observer: &dyn Observer,
) -> Result<Checked> {
    let mut checked = Checked { now: order.now(storage), findings, ..Checked::default() };
    checked.inventory = repositories(storage, order, &mut checked, observer).await?;
    manifests(storage, order, &mut checked, observer).await?;
    blobs(storage, &mut checked, observer).await?;
    let mut findings = std::mem::take(&mut checked.findings);
    checked.links_read += links(storage, order, &checked, &mut findings, observer).await?;
    let known = Known {
        inventory: &checked.inventory,
        graph: &checked.graph,
        parts: &checked.parts,
        stored: &checked.stored,
        now: checked.now,
        both_key_forms: storage.has_both_key_forms(),
    };
    check(&known, &mut findings);
    let content = match sample {
        Some(sample) => content::check(storage, order, &known, sample, &mut findings, observer).await?,
        None => Tally::default(),
    };
    findings.sort();
    verify::verify(storage, order, &mut findings, observer).await?;
    (checked.findings, checked.content) = (findings, content);
    Ok(checked)
}

async fn repositories(
    storage: &dyn Storage,
    order: &Order,
    checked: &mut Checked,
    observer: &dyn Observer,
) -> Result<Inventory> {
    observer.notice(Event::Begin(Phase::ListRepositories, None));
    let mut builder = Builder::new(storage.proof());
    let mut pages = storage.list_all(Area::Repositories);
    while let Some(page) = pages.try_next().await? {
        for entry in page.entries() {
            builder.see(&entry);
            if StorageKey::parse(entry.key) == StorageKey::Unrecognized {
                stray(&entry, checked.now, &mut checked.findings);
            }
        }
        observer.notice(Event::Progress(page.len() as u64, 0));
    }
    observer.notice(Event::End);
    let inventory = builder.finish();
    let older_than = order.options.uploads_older_than;
    checked.links_read = inventory.count_to_read(checked.now, older_than) as u64;
    // Of a directory every revision link was read: they need not be remembered one by one.
    if !storage.proof().cheap_reads {
        checked.read = inventory.to_read(checked.now, older_than).into_iter().map(|link| link.key).collect();
    }
    scan::links(storage, inventory, order, checked.now, observer).await
}

async fn manifests(storage: &dyn Storage, order: &Order, checked: &mut Checked, observer: &dyn Observer) -> Result<()> {
    let wanted = manifests_to_read(&checked.inventory, &[]);
    observer.notice(Event::Begin(Phase::ReadManifests, Some(wanted.len() as u64)));
    checked.graph = Graph::new(&checked.inventory);
    let key = |(digest, _): &(Digest, Expectation)| layout::blob_data(digest);
    let make = |(digest, _): &(Digest, Expectation), content| Read::of(digest, &fetched(content));
    let mut fetcher = Fetcher::new(storage, How { key, limit: manifest::LARGEST, make }, order.concurrency);
    for wanted in wanted {
        fetcher.add(wanted);
    }
    while let Some(read) = fetcher.next().await {
        let ((digest, expectation), read) = read?;
        checked.parts.hear(&digest, expectation, &read, &mut checked.graph);
        checked.manifests_read += 1;
        observer.notice(Event::Progress(1, 0));
    }
    observer.notice(Event::End);
    Ok(())
}

/// Blobs are listed after repositories: what a pointer named then was there before that pointer.
async fn blobs(storage: &dyn Storage, checked: &mut Checked, observer: &dyn Observer) -> Result<()> {
    observer.notice(Event::Begin(Phase::ListBlobs, None));
    // Links may name what no manifest does.
    for repository in &checked.inventory.repositories {
        for link in repository.layers.iter() {
            checked.graph.intern(&link.digest);
        }
    }
    let mut pages = storage.list_all(Area::Blobs);
    while let Some(page) = pages.try_next().await? {
        for entry in page.entries() {
            checked.stored.see(&entry, &checked.graph, checked.now, &mut checked.findings);
        }
        let bytes = page.entries().map(|entry| entry.size).fold(0, u64::saturating_add);
        observer.notice(Event::Progress(page.len() as u64, bytes));
    }
    observer.notice(Event::End);
    Ok(())
}

/// Reads the links that were taken at their key's word; tells how many.
async fn links(
    storage: &dyn Storage,
    order: &Order,
    checked: &Checked,
    findings: &mut Findings,
    observer: &dyn Observer,
) -> Result<u64> {
    observer.notice(Event::Begin(Phase::ReadLinks, None));
    let how = How { key: |link: &Unproven| link.key.clone(), limit: LARGEST_LINK, make: finding };
    let mut fetcher = Fetcher::new(storage, how, order.concurrency);
    let unproven = unproven(&checked.inventory, storage.proof().cheap_reads);
    let mut waiting = unproven.filter(|link| !checked.read.contains(&link.key));
    let mut read = 0;
    loop {
        while fetcher.len() < WAITING {
            match waiting.next() {
                Some(link) => fetcher.add(link),
                None => break,
            }
        }
        let Some(next) = fetcher.next().await else { break };
        if let (_, Some(finding)) = next? {
            findings.add(finding);
        }
        read += 1;
        observer.notice(Event::Progress(1, 0));
    }
    observer.notice(Event::End);
    Ok(read)
}

fn finding(link: &Unproven, content: Content) -> Option<Finding> {
    match content {
        Content::Bytes(bytes) => judge(link, &bytes, bytes.len() as u64),
        Content::TooLarge(size) => judge(link, &[], size),
        // It went meanwhile: there is nothing wrong with it.
        Content::Missing => None,
    }
}
