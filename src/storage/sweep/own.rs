//! Deleting what regsweep has kept for itself: its lease, its probe, journals that can undo nothing any more, content aside
//! that nothing needs.

use super::{batch, files};
use crate::collect::outcome::Outcome;
use crate::layout::state::StateKey;
use crate::storage::open::Opened;
use futures::{StreamExt, stream};

/// How many deletes are on their way at a time.
const IN_FLIGHT: usize = 4;

/// Deletes keys of regsweep's own; an outcome for each, in order. A key that is not its own is not touched.
pub async fn forget(opened: &Opened, keys: &[String]) -> Vec<Outcome> {
    let size = match opened {
        Opened::Directory(_) => 1,
        Opened::Cloud(cloud) => batch::batch_size(&cloud.backend),
    };
    let batches = keys.chunks(size).map(|chunk| async move {
        if chunk.iter().any(|key| StateKey::parse(key) == StateKey::Unrecognized) {
            return vec![Outcome::Failed("it is not regsweep's own key".into()); chunk.len()];
        }
        match opened {
            Opened::Cloud(cloud) => {
                let names: Vec<&str> = chunk.iter().map(String::as_str).collect();
                batch::delete(cloud, &names).await
            }
            Opened::Directory(directory) => vec![files::delete(directory, &chunk[0]).await],
        }
    });
    let batches: Vec<_> = batches.collect();
    stream::iter(batches).buffered(IN_FLIGHT).collect::<Vec<_>>().await.concat()
}
