//! Listing and reading: what the pure core is told.

use super::Order;
use crate::collect::blobs::{BlobJudge, BlobSurvey, Owners};
use crate::collect::deletions::Deletions;
use crate::collect::graph::{Fetched, Graph, Node};
use crate::collect::holders::Holders;
use crate::collect::inventory::Inventory;
use crate::collect::learn::{LARGEST_LINK, ToRead};
use crate::collect::mark::Marks;
use crate::collect::state::pending::Pending;
use crate::error::Result;
use crate::event::{Event, Observer, Phase};
use crate::layout;
use crate::model::Timestamp;
use crate::storage::fetch::{Fetcher, How};
use crate::storage::reader::{Area, Content, Storage};
use futures::{StreamExt, TryStreamExt, stream};
use std::collections::VecDeque;

/// So many links are read, or wait for those of their repository and of all before it, before what they say is learned: all
/// links of a large registry would be most of what is held then.
const LINKS_HELD: usize = 2_000;

/// Reads the links that the listing does not prove.
pub(super) async fn links(
    storage: &dyn Storage,
    mut inventory: Inventory,
    order: &Order,
    now: Timestamp,
    observer: &dyn Observer,
) -> Result<Inventory> {
    let older_than = order.options.uploads_older_than;
    observer.notice(Event::Begin(Phase::ReadLinks, Some(inventory.count_to_read(now, older_than) as u64)));
    let how = How { key: |link: &ToRead| link.key.clone(), limit: LARGEST_LINK, make: |_, content| content };
    let mut fetcher = Fetcher::new(storage, how, order.concurrency);
    let mut to_ask = (0..inventory.repositories.len()).peekable();
    let mut asked: VecDeque<Asked> = VecDeque::new();
    let mut held = 0;
    loop {
        while let Some(at) = to_ask.next_if(|_| held < LINKS_HELD) {
            let links = inventory.to_read_in(at, now, older_than);
            if !links.is_empty() {
                held += links.len();
                asked.push_back(Asked { at, missing: links.len(), read: Vec::with_capacity(links.len()) });
                for link in links {
                    fetcher.add(link);
                }
            }
        }
        let Some(read) = fetcher.next().await else { break };
        let (link, content) = read?;
        observer.notice(Event::Progress(1, 0));
        if let Ok(of) = asked.binary_search_by_key(&link.repository, |asked| asked.at) {
            asked[of].missing -= 1;
            asked[of].read.push((link, content));
        }
        // Answers come in any order; what is learned, and told of it, must not depend on it.
        while let Some(whole) = asked.pop_front_if(|asked| asked.missing == 0) {
            held -= whole.read.len();
            whole.learn(&mut inventory);
        }
    }
    observer.notice(Event::End);
    Ok(inventory)
}

/// The links of one repository that are being read.
struct Asked {
    at: usize,
    missing: usize,
    read: Vec<(ToRead, Content)>,
}

impl Asked {
    fn learn(mut self, inventory: &mut Inventory) {
        self.read.sort_by(|a, b| a.0.key.cmp(&b.0.key));
        for (link, content) in &self.read {
            match content {
                Content::Bytes(bytes) => inventory.learn(link, Some(bytes)),
                Content::Missing | Content::TooLarge(_) => inventory.learn(link, None),
            }
        }
    }
}

/// What was read, for the graph.
pub(super) fn fetched(content: Content) -> Fetched {
    match content {
        Content::Bytes(bytes) => Fetched::Bytes(bytes),
        Content::Missing => Fetched::Missing,
        Content::TooLarge(size) => Fetched::TooLarge(size),
    }
}

/// Lists all blobs and judges each as it passes; what goes is added to the pointers that go.
pub(super) async fn blobs(
    storage: &dyn Storage,
    inventory: &Inventory,
    (graph, marks, owners): (&Graph, &Marks, &Owners),
    (pointers, record): (Deletions, &Pending),
    order: &Order,
    now: Timestamp,
    observer: &dyn Observer,
) -> Result<BlobSurvey> {
    observer.notice(Event::Begin(Phase::ListBlobs, None));
    let holders = Holders::of(inventory, graph);
    let judge =
        BlobJudge::new(graph, marks, &order.options, owners, record, now).shared_among(&holders).adding_to(pointers);
    let mut judge = judge.limited_to(order.limit.as_deref());
    let mut pages = storage.list(Area::Blobs);
    while let Some(page) = pages.try_next().await? {
        page.entries().for_each(|entry| judge.see(&entry));
        observer.notice(Event::Progress(
            page.len() as u64,
            page.entries().map(|entry| entry.size).fold(0, u64::saturating_add),
        ));
    }
    observer.notice(Event::End);
    Ok(judge.finish())
}

/// So many needed blobs that were not listed are looked for. One that is found shows that the listing leaves things out;
/// foreign layers and children that were deleted are rightly absent.
const LOOKED_FOR: usize = 256;

/// What a GET found and the listing did not, or the reverse.
///
/// So is the link of a tag that has a history and nothing it names now: no registry leaves that but by a crash, and a
/// listing that leaves the link out would cost the image.
pub(super) async fn holes(
    storage: &dyn Storage,
    inventory: &Inventory,
    (graph, marks, blobs): (&Graph, &Marks, &BlobSurvey),
    concurrency: usize,
    observer: &dyn Observer,
) -> Result<Vec<String>> {
    observer.notice(Event::Begin(Phase::Verify, None));
    let mut holes = Vec::new();
    let mut absent = Vec::new();
    for (id, _) in marks.all(graph) {
        match (graph.node(id), blobs.is_listed(id)) {
            (Node::Manifest { .. } | Node::Unreadable(_), false) => {
                holes.push(format!("{} can be read, but is not listed", layout::blob_data(&graph.digest(id))));
            }
            (Node::Missing, true) => {
                holes.push(format!("{} is listed, but cannot be read", layout::blob_data(&graph.digest(id))));
            }
            (Node::Plain, false) if absent.len() < LOOKED_FOR => absent.push(layout::blob_data(&graph.digest(id))),
            (Node::Plain, _) | (Node::Missing, false) | (Node::Manifest { .. } | Node::Unreadable(_), true) => {}
        }
    }
    let tags = inventory.repositories.iter().flat_map(|repository| {
        let lost = repository.tags.iter().filter(|(_, entry)| entry.current.is_none());
        lost.map(|(tag, _)| layout::tag_current(&repository.name, &tag))
    });
    absent.extend(tags.take(LOOKED_FOR));
    let looks = absent.into_iter().map(|key| async move { storage.exists(&key).await.map(|there| (key, there)) });
    let mut looks = Box::pin(stream::iter(looks).buffer_unordered(concurrency.max(1)));
    while let Some((key, there)) = looks.try_next().await? {
        if there {
            holes.push(format!("{key} is there, but is not listed"));
        }
    }
    holes.sort();
    observer.notice(Event::End);
    Ok(holes)
}
