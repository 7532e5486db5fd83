//! Listing and reading: what the pure core is told.

use super::Order;
use super::outlines::Outlines;
use crate::collect::blobs::{BlobJudge, BlobSurvey, Owners};
use crate::collect::graph::{Expectation, Fetched, Graph, Node, manifests_to_read};
use crate::collect::holders::Holders;
use crate::collect::inventory::Inventory;
use crate::collect::learn::LARGEST_LINK;
use crate::collect::listing::Builder;
use crate::collect::mark::Marks;
use crate::collect::state::pending::Pending;
use crate::error::Result;
use crate::event::{Event, Observer, Phase};
use crate::layout;
use crate::model::{Digest, Timestamp, manifest};
use crate::storage::fetch::read_all;
use crate::storage::reader::{Area, Content, Storage};
use futures::{StreamExt, TryStreamExt, stream};

/// Lists all repositories.
pub(super) async fn repositories(storage: &dyn Storage, observer: &dyn Observer) -> Result<Inventory> {
    observer.notice(Event::Begin(Phase::ListRepositories, None));
    let mut builder = Builder::new(storage.proof());
    let mut pages = storage.list(Area::Repositories);
    while let Some(page) = pages.try_next().await? {
        page.entries().for_each(|entry| builder.see(&entry));
        observer.notice(Event::Progress(page.len() as u64, 0));
    }
    observer.notice(Event::End);
    Ok(builder.finish())
}

/// Reads the links that the listing does not prove.
pub(super) async fn links(
    storage: &dyn Storage,
    mut inventory: Inventory,
    order: &Order,
    now: Timestamp,
    observer: &dyn Observer,
) -> Result<Inventory> {
    let to_read = inventory.to_read(now, order.options.uploads_older_than);
    observer.notice(Event::Begin(Phase::ReadLinks, Some(to_read.len() as u64)));
    let mut read = Vec::new();
    read_all(
        storage,
        to_read,
        |link| link.key.clone(),
        LARGEST_LINK,
        order.concurrency,
        |link, content| {
            observer.notice(Event::Progress(1, 0));
            read.push((link, content));
        },
    )
    .await?;
    // Answers come in any order; what is learned must not depend on it.
    read.sort_by(|a, b| a.0.key.cmp(&b.0.key));
    for (link, content) in &read {
        match content {
            Content::Bytes(bytes) => inventory.learn(link, Some(bytes)),
            Content::Missing | Content::TooLarge(_) => inventory.learn(link, None),
        }
    }
    observer.notice(Event::End);
    Ok(inventory)
}

/// Manifests are read so many at a time at most: each may be of 4 MiB, and a hostile registry has only such.
const MANIFESTS_IN_FLIGHT: usize = 64;

/// Reads every manifest, each once.
pub(super) async fn manifests(
    storage: &dyn Storage,
    inventory: &Inventory,
    outlines: &mut Outlines,
    order: &Order,
    observer: &dyn Observer,
) -> Result<Graph> {
    let mut graph = Graph::new(inventory);
    let wanted = manifests_to_read(inventory, &order.options.keep_from);
    read_manifests(storage, &mut graph, wanted, outlines, order, observer).await?;
    Ok(graph)
}

/// Reads every manifest that the graph does not know so far. One that was missing may be there by now.
pub(super) async fn new_manifests(
    storage: &dyn Storage,
    graph: &mut Graph,
    inventory: &Inventory,
    order: &Order,
    observer: &dyn Observer,
) -> Result<()> {
    let mut wanted = manifests_to_read(inventory, &order.options.keep_from);
    wanted.retain(|(digest, _)| matches!(graph.node_of(digest), Node::Plain | Node::Missing));
    read_manifests(storage, graph, wanted, &mut Outlines::default(), order, observer).await
}

/// Reads what may be manifests, and may as well be something else, or gone.
pub(super) async fn perhaps_manifests(
    storage: &dyn Storage,
    graph: &mut Graph,
    digests: Vec<Digest>,
    order: &Order,
    observer: &dyn Observer,
) -> Result<()> {
    let wanted = digests.into_iter().map(|digest| (digest, Expectation::Perhaps)).collect();
    read_manifests(storage, graph, wanted, &mut Outlines::default(), order, observer).await
}

async fn read_manifests(
    storage: &dyn Storage,
    graph: &mut Graph,
    wanted: Vec<(Digest, Expectation)>,
    outlines: &mut Outlines,
    order: &Order,
    observer: &dyn Observer,
) -> Result<()> {
    observer.notice(Event::Begin(Phase::ReadManifests, Some(wanted.len() as u64)));
    let in_flight = order.concurrency.min(MANIFESTS_IN_FLIGHT);
    let key = |wanted: &(_, Expectation)| layout::blob_data(&wanted.0);
    read_all(storage, wanted, key, manifest::LARGEST, in_flight, |(digest, expectation), content| {
        let fetched = fetched(content);
        graph.learn(&digest, expectation, &fetched);
        if let (Fetched::Bytes(bytes), Node::Manifest { .. }) = (&fetched, graph.node_of(&digest)) {
            outlines.hear(&digest, bytes);
        }
        observer.notice(Event::Progress(1, 0));
    })
    .await?;
    observer.notice(Event::End);
    Ok(())
}

/// What was read, for the graph.
pub(super) fn fetched(content: Content) -> Fetched {
    match content {
        Content::Bytes(bytes) => Fetched::Bytes(bytes),
        Content::Missing => Fetched::Missing,
        Content::TooLarge(size) => Fetched::TooLarge(size),
    }
}

/// Lists all blobs and judges each as it passes.
pub(super) async fn blobs(
    storage: &dyn Storage,
    inventory: &Inventory,
    (graph, marks, owners): (&Graph, &Marks, &Owners),
    record: &Pending,
    order: &Order,
    now: Timestamp,
    observer: &dyn Observer,
) -> Result<BlobSurvey> {
    observer.notice(Event::Begin(Phase::ListBlobs, None));
    let holders = Holders::of(inventory, graph);
    let judge = BlobJudge::new(graph, marks, &order.options, owners, record, now).shared_among(&holders);
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
        lost.map(|(tag, _)| layout::tag_current(&repository.name, tag))
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
