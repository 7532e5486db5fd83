//! Marking, with what regsweep itself has taken away in mind: the one way to marks, whenever they are made with I/O at hand.

use super::{Order, reading};
use crate::collect::dismissed::Dismissed;
use crate::collect::graph::Graph;
use crate::collect::inventory::Inventory;
use crate::collect::mark::{Marks, mark_without};
use crate::collect::packed_roots::Roots;
use crate::collect::state::taken::{Taken, needed_again, to_read};
use crate::error::Result;
use crate::event::Observer;
use crate::model::Digest;
use crate::storage::reader::Storage;
use std::collections::HashSet;

/// Marks until nothing changes any more: a manifest whose link was taken away may turn out to be needed, and to need more.
/// Roots that come to light on the way are added.
pub(super) async fn marks(
    storage: &dyn Storage,
    (inventory, graph, dismissed): (&Inventory, &mut Graph, &Dismissed),
    roots: &mut Roots,
    taken: &[Taken],
    order: &Order,
    observer: &dyn Observer,
) -> Result<Marks> {
    // Some are no manifests, or are not there: looking at them once is enough.
    let mut tried: HashSet<Digest> = HashSet::new();
    loop {
        let marks = mark_without(inventory, graph, roots, dismissed);
        let mut unread = to_read(taken, inventory, graph, &marks);
        unread.retain(|digest| tried.insert(digest.clone()));
        let again = needed_again(taken, inventory, graph, &marks);
        if unread.is_empty() && again.is_empty() {
            return Ok(marks);
        }
        roots.add_all(again, graph);
        if !unread.is_empty() {
            reading::perhaps_manifests(storage, graph, unread, order, observer).await?;
        }
    }
}
