//! Listing repositories, and reading their manifests beside it.

use super::Order;
use crate::collect::graph::{Expectation, Graph, Node, manifests_to_read};
use crate::collect::inventory::Inventory;
use crate::collect::listing::Builder;
use crate::collect::said::Said;
use crate::error::Result;
use crate::event::{Event, Observer, Phase};
use crate::layout::{self, StorageKey};
use crate::model::{Digest, manifest};
use crate::storage::fetch::{Fetcher, How};
use crate::storage::reader::{Area, Storage};
use futures::TryStreamExt;
use std::collections::HashSet;

/// So many digests wait for their turn while the listing goes on. What comes beyond is read when it has ended.
const WAITING: usize = 50_000;

/// Manifests that are read, each once, as the listing comes to them.
///
/// A manifest is what its digest says, whenever it is read: the graph is the same as if all were read when the listing has
/// ended. What was not there is looked for once more then, as it may have come in between.
pub(super) struct Reading<'a> {
    storage: &'a dyn Storage,
    observer: &'a dyn Observer,
    fetcher: Fetcher<Wanted, Said>,
    /// The beginnings of digests that were asked for. Two that begin alike cost a moment, as the second waits for the
    /// listing to end; it is never taken for the first.
    asked: HashSet<u64>,
    graph: Graph,
}

/// What is read, and why.
type Wanted = (Digest, Expectation);

impl<'a> Reading<'a> {
    pub(super) fn new(storage: &'a dyn Storage, order: &Order, observer: &'a dyn Observer) -> Self {
        let fetcher = fetcher(storage, order);
        Self { storage, observer, fetcher, asked: HashSet::new(), graph: Graph::default() }
    }

    /// Lists all repositories, and goes on to read what they show to be manifests.
    pub(super) async fn repositories(&mut self) -> Result<Inventory> {
        self.observer.notice(Event::Begin(Phase::ListRepositories, None));
        let mut builder = Builder::new(self.storage.proof());
        let mut pages = self.storage.list(Area::Repositories);
        loop {
            tokio::select! {
                page = pages.try_next() => {
                    let Some(page) = page? else { break };
                    for entry in page.entries() {
                        builder.see(&entry);
                        self.see(entry.key);
                    }
                    self.observer.notice(Event::Progress(page.len() as u64, 0));
                }
                Some(read) = self.fetcher.next() => {
                    let ((digest, expectation), said) = read?;
                    self.graph.hear(&digest, expectation, &said);
                }
            }
        }
        self.observer.notice(Event::End);
        Ok(builder.finish())
    }

    fn see(&mut self, key: &str) {
        if !key.contains(layout::REVISIONS) || self.fetcher.waiting() >= WAITING {
            return;
        }
        if let StorageKey::RevisionLink { digest, .. } = StorageKey::parse(key)
            && self.asked.insert(beginning(&digest))
        {
            self.fetcher.add((digest, Expectation::Manifest));
        }
    }

    /// Reads all the others that this inventory needs to be judged. Its links must have been read.
    pub(super) async fn finish(mut self, inventory: &Inventory, order: &Order) -> Result<Graph> {
        take_all(&mut self.fetcher, &mut self.graph, self.observer).await?;
        self.graph.learn_links(inventory);
        read_wanted(&mut self.fetcher, &mut self.graph, inventory, order, self.observer).await?;
        Ok(self.graph)
    }
}

/// Eight bytes tell nearly all digests apart.
fn beginning(digest: &Digest) -> u64 {
    digest.bytes().first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

fn fetcher(storage: &dyn Storage, order: &Order) -> Fetcher<Wanted, Said> {
    let how = How {
        key: |(digest, _): &Wanted| layout::blob_data(digest),
        limit: manifest::LARGEST,
        make: |(digest, _): &Wanted, content| Said::of(digest, &super::scan::fetched(content)),
    };
    Fetcher::new(storage, how, order.concurrency)
}

async fn take_all(fetcher: &mut Fetcher<Wanted, Said>, graph: &mut Graph, observer: &dyn Observer) -> Result<()> {
    if fetcher.is_empty() {
        return Ok(());
    }
    observer.notice(Event::Begin(Phase::ReadManifests, Some(fetcher.len() as u64)));
    while let Some(read) = fetcher.next().await {
        let ((digest, expectation), said) = read?;
        graph.hear(&digest, expectation, &said);
        observer.notice(Event::Progress(1, 0));
    }
    observer.notice(Event::End);
    Ok(())
}

async fn read_wanted(
    fetcher: &mut Fetcher<Wanted, Said>,
    graph: &mut Graph,
    inventory: &Inventory,
    order: &Order,
    observer: &dyn Observer,
) -> Result<()> {
    let mut wanted = manifests_to_read(inventory, &order.options.keep_from);
    wanted.retain(|(digest, _)| matches!(graph.node_of(digest), Node::Plain | Node::Missing));
    for wanted in wanted {
        fetcher.add(wanted);
    }
    take_all(fetcher, graph, observer).await
}

/// Reads every manifest that the graph does not know so far. One that was missing may be there by now.
pub(super) async fn new_manifests(
    storage: &dyn Storage,
    graph: &mut Graph,
    inventory: &Inventory,
    order: &Order,
    observer: &dyn Observer,
) -> Result<()> {
    read_wanted(&mut fetcher(storage, order), graph, inventory, order, observer).await
}

/// Reads what may be manifests, and may as well be something else, or gone.
pub(super) async fn perhaps_manifests(
    storage: &dyn Storage,
    graph: &mut Graph,
    digests: Vec<Digest>,
    order: &Order,
    observer: &dyn Observer,
) -> Result<()> {
    let mut fetcher = fetcher(storage, order);
    for digest in digests {
        fetcher.add((digest, Expectation::Perhaps));
    }
    take_all(&mut fetcher, graph, observer).await
}
