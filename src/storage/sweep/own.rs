//! Deleting what regsweep has kept for itself: its lease, its probe, journals that can undo nothing any more, content aside
//! that nothing needs.

use super::sweeper::Place;
use crate::collect::outcome::Outcome;
use crate::layout::state::StateKey;
use crate::storage::open::Opened;
use futures::{StreamExt, stream};

/// How many deletes are on their way at a time.
const IN_FLIGHT: usize = 4;

/// Deletes keys of regsweep's own; an outcome for each, in order. A key that is not its own is not touched.
///
/// Of what a lost answer left open nothing is believed: it is looked for.
pub async fn forget(opened: &Opened, keys: &[String]) -> Vec<Outcome> {
    let place = Place::of(opened);
    let batches = keys.chunks(place.batch_size()).map(|chunk| {
        let place = &place;
        async move {
            if chunk.iter().any(|key| StateKey::parse(key) == StateKey::Unrecognized) {
                return vec![Outcome::Failed("it is not regsweep's own key".into()); chunk.len()];
            }
            let names: Vec<&str> = chunk.iter().map(String::as_str).collect();
            place.settled(&names, &|| true).await
        }
    });
    let batches: Vec<_> = batches.collect();
    stream::iter(batches).buffered(IN_FLIGHT).collect::<Vec<_>>().await.concat()
}
