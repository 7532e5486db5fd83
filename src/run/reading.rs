//! Listing repositories, and reading their manifests beside it.

use super::Order;
use super::outlines::{Brief, Outlines};
use super::scan::fetched;
use crate::collect::graph::{Expectation, Fetched, Graph, Id, Node};
use crate::collect::inventory::Inventory;
use crate::collect::listing::Builder;
use crate::collect::said::Said;
use crate::error::Result;
use crate::event::{Event, Observer, Phase};
use crate::layout;
use crate::model::{Digest, manifest};
use crate::storage::fetch::{Fetcher, How};
use crate::storage::manifest_cache::{ManifestCache, beginning};
use crate::storage::page::Page;
use crate::storage::reader::{Area, Content, Storage};
use futures::TryStreamExt;
use futures::stream::BoxStream;
use std::collections::HashSet;
use std::sync::Arc;

/// So many digests wait for their turn while the listing goes on. What comes beyond is read when it has ended.
const WAITING: usize = 10_000;
/// So many references are held until then, in about 20 MB. Where there are more, the listing is the smaller part by far.
const HELD: usize = 500_000;

/// Manifests that are read, each once, as the listing comes to them; those that are remembered are not read at all.
///
/// A manifest is what its digest says, whenever it is read: the graph is the same as if all were read when the listing has
/// ended. What was not there is looked for once more then, as it may have come in between.
pub(super) struct Reading<'a> {
    storage: &'a dyn Storage,
    order: &'a Order,
    observer: &'a dyn Observer,
    fetcher: Fetcher<Wanted, Read>,
    /// The beginnings of digests that were asked for, or are remembered. Two that begin alike cost a moment, as the second
    /// waits for the listing to end; it is never taken for the first.
    asked: HashSet<u64>,
    /// What was read before the inventory was complete, with which the graph begins.
    early: Graph,
    references: usize,
    outlines: Outlines,
}

/// What is read, and why.
type Wanted = (Digest, Expectation);

/// What is kept of its bytes.
struct Read {
    said: Said,
    brief: Option<Brief>,
}

/// What all manifests came to.
pub(super) struct Found {
    /// What names what.
    pub(super) graph: Graph,
    /// What else they say, where that is wanted of those that were read.
    pub(super) outlines: Outlines,
    /// What was remembered: whether it is there was not seen.
    pub(super) remembered: Vec<Id>,
}

impl<'a> Reading<'a> {
    pub(super) async fn begin(
        storage: &'a dyn Storage,
        order: &'a Order,
        outlines: Outlines,
        observer: &'a dyn Observer,
    ) -> Self {
        let asked = match &order.cache {
            Some(cache) => cache.beginnings().await,
            None => HashSet::new(),
        };
        let fetcher = fetcher(storage, order, outlines.keeps());
        Self { storage, order, observer, fetcher, asked, early: Graph::default(), references: 0, outlines }
    }

    /// Lists all repositories, and goes on to read what they show to be manifests.
    pub(super) async fn repositories(&mut self) -> Result<Inventory> {
        let pages = self.storage.list(Area::Repositories);
        self.repositories_of(pages, |_| {}).await
    }

    /// The same from a listing with all that lies among them, where somebody else sees each page as well.
    pub(super) async fn whole_repositories(&mut self, tell: impl FnMut(&Page)) -> Result<Inventory> {
        let pages = self.storage.list_all(Area::Repositories);
        self.repositories_of(pages, tell).await
    }

    async fn repositories_of(
        &mut self,
        mut pages: BoxStream<'_, Result<Page>>,
        mut tell: impl FnMut(&Page),
    ) -> Result<Inventory> {
        self.observer.notice(Event::Begin(Phase::ListRepositories, None));
        let mut builder = Builder::new(self.storage.proof()).shelving(self.order.shelf.clone());
        loop {
            tokio::select! {
                page = pages.try_next() => {
                    let Some(page) = page? else { break };
                    tell(&page);
                    if !self.storage.proof().cheap_reads {
                        builder.turn_page();
                    }
                    for entry in page.entries() {
                        if let Some(digest) = builder.see(&entry) {
                            self.see(digest);
                        }
                    }
                    self.observer.notice(Event::Progress(page.len() as u64, 0));
                }
                Some(read) = self.fetcher.next() => {
                    let (wanted, read) = read?;
                    let said = self.keep(&wanted, read);
                    if let Said::Names(names) = &said {
                        self.references += names.references.len() + 1;
                    }
                    self.early.hear(&wanted.0, wanted.1, &said);
                }
            }
        }
        self.observer.notice(Event::End);
        Ok(builder.finish())
    }

    fn see(&mut self, digest: Digest) {
        let is_full = self.references >= HELD || self.fetcher.waiting() >= WAITING;
        if !is_full && self.asked.insert(beginning(&digest)) {
            self.fetcher.add((digest, Expectation::Manifest));
        }
    }

    /// Keeps what is wanted of a manifest beside the graph.
    fn keep(&mut self, (digest, _): &Wanted, Read { said, brief }: Read) -> Said {
        if let Some(brief) = brief {
            self.outlines.hear(digest, brief);
        }
        // What cannot be read is read again by the next run: perhaps it was repaired, or that run can.
        if let (Some(cache), Said::Names(names)) = (&self.order.cache, &said) {
            cache.remember(digest, names);
        }
        said
    }

    /// Reads all the others that this inventory needs to be judged. Its links must have been read.
    pub(super) async fn finish(mut self, inventory: &Inventory) -> Result<Found> {
        self.asked = HashSet::new();
        let mut graph = Graph::new(inventory);
        graph.take_in(&std::mem::take(&mut self.early));
        self.take_all(&mut graph, Vec::new()).await?;
        let mut wanted = graph.unread(inventory, &self.order.options.keep_from);
        let mut remembered = Vec::new();
        if let Some(cache) = &self.order.cache {
            remembered = recall(cache, &mut graph, &mut wanted).await;
        }
        self.take_all(&mut graph, wanted).await?;
        if let Some(cache) = &self.order.cache {
            cache.tidy(|digest| matches!(graph.node_of(digest), Node::Manifest { .. }));
        }
        Ok(Found { graph, outlines: self.outlines, remembered })
    }

    /// Takes in what is being read, and these as well.
    async fn take_all(&mut self, graph: &mut Graph, wanted: Vec<(Id, Expectation)>) -> Result<()> {
        let all = self.fetcher.len() + wanted.len();
        if all == 0 {
            return Ok(());
        }
        self.observer.notice(Event::Begin(Phase::ReadManifests, Some(all as u64)));
        let mut wanted = wanted.into_iter();
        loop {
            add_next(&mut self.fetcher, &mut wanted, graph);
            let Some(read) = self.fetcher.next().await else { break };
            let (wanted, read) = read?;
            let said = self.keep(&wanted, read);
            graph.hear(&wanted.0, wanted.1, &said);
            self.observer.notice(Event::Progress(1, 0));
        }
        self.observer.notice(Event::End);
        Ok(())
    }
}

/// Lets some wait for their turn: all of them, by their digests, would be much of what a large run holds.
fn add_next(fetcher: &mut Fetcher<Wanted, Read>, wanted: &mut impl Iterator<Item = (Id, Expectation)>, graph: &Graph) {
    while fetcher.waiting() < WAITING {
        match wanted.next() {
            Some((id, expectation)) => fetcher.add((graph.digest(id), expectation)),
            None => return,
        }
    }
}

/// Takes in what is remembered of what is wanted, which is in order; what is not remembered stays wanted.
async fn recall(cache: &Arc<ManifestCache>, graph: &mut Graph, wanted: &mut Vec<(Id, Expectation)>) -> Vec<Id> {
    // Others may begin alike: these are left out below.
    let mut beginnings: Vec<u64> = wanted.iter().map(|(id, _)| beginning(&graph.digest(*id))).collect();
    beginnings.sort_unstable();
    let mut batches = cache.recall(move |digest| beginnings.binary_search(&beginning(digest)).is_ok());
    let mut is_known = vec![false; wanted.len()];
    while let Some(batch) = batches.recv().await {
        for record in batch {
            let found = graph.id(&record.digest).map(|id| wanted.binary_search_by_key(&id, |(id, _)| *id));
            let Some(Ok(at)) = found else { continue };
            is_known[at] = record.names.is_some();
            graph.hear(&record.digest, wanted[at].1, &record.names.map_or(Said::Missing, Said::Names));
        }
    }
    let (mut remembered, mut unknown) = (Vec::new(), Vec::new());
    for (found, is_known) in std::mem::take(wanted).into_iter().zip(is_known) {
        if is_known {
            remembered.push(found.0);
        } else {
            unknown.push(found);
        }
    }
    *wanted = unknown;
    remembered
}

fn fetcher(storage: &dyn Storage, order: &Order, briefly: bool) -> Fetcher<Wanted, Read> {
    let key = |(digest, _): &Wanted| layout::blob_data(digest);
    let make = if briefly { with_brief } else { without_brief };
    Fetcher::new(storage, How { key, limit: manifest::LARGEST, make }, order.concurrency)
}

fn without_brief((digest, _): &Wanted, content: Content) -> Read {
    Read { said: Said::of(digest, &fetched(content)), brief: None }
}

fn with_brief((digest, _): &Wanted, content: Content) -> Read {
    let fetched = fetched(content);
    let said = Said::of(digest, &fetched);
    let brief = match (&said, &fetched) {
        (Said::Names(_), Fetched::Bytes(bytes)) => Brief::of(bytes),
        _ => None,
    };
    Read { said, brief }
}

/// Reads every manifest that the graph does not know so far. One that was missing may be there by now.
pub(super) async fn new_manifests(
    storage: &dyn Storage,
    graph: &mut Graph,
    inventory: &Inventory,
    order: &Order,
    observer: &dyn Observer,
) -> Result<()> {
    let wanted = graph.unread(inventory, &order.options.keep_from);
    read(storage, graph, wanted, order, observer).await
}

/// Reads what may be manifests, and may as well be something else, or gone.
pub(super) async fn perhaps_manifests(
    storage: &dyn Storage,
    graph: &mut Graph,
    digests: Vec<Digest>,
    order: &Order,
    observer: &dyn Observer,
) -> Result<()> {
    let wanted = digests.iter().map(|digest| (graph.intern(digest), Expectation::Perhaps)).collect();
    read(storage, graph, wanted, order, observer).await
}

async fn read(
    storage: &dyn Storage,
    graph: &mut Graph,
    wanted: Vec<(Id, Expectation)>,
    order: &Order,
    observer: &dyn Observer,
) -> Result<()> {
    observer.notice(Event::Begin(Phase::ReadManifests, Some(wanted.len() as u64)));
    let (mut fetcher, mut wanted) = (fetcher(storage, order, false), wanted.into_iter());
    loop {
        add_next(&mut fetcher, &mut wanted, graph);
        let Some(read) = fetcher.next().await else { break };
        let ((digest, expectation), Read { said, .. }) = read?;
        graph.hear(&digest, expectation, &said);
        observer.notice(Event::Progress(1, 0));
    }
    observer.notice(Event::End);
    Ok(())
}
