//! Reading many small objects, many at a time.

use super::reader::{Content, Storage};
use crate::error::Result;
use futures::StreamExt;
use futures::stream;

/// Reads many objects and tells of each as it comes, in any order. Ends at the first error: a read that failed for good
/// is not damage, and nothing may be decided without it.
///
/// `in_flight` bounds how many are held in memory at a time, each of at most `limit` bytes.
///
/// # Errors
/// The first read that failed.
pub async fn read_all<T: Send>(
    storage: &dyn Storage,
    items: impl IntoIterator<Item = T> + Send,
    key: impl Fn(&T) -> String + Sync,
    limit: u64,
    in_flight: usize,
    mut take: impl FnMut(T, Content),
) -> Result<()> {
    let reads = items.into_iter().map(|item| {
        let key = key(&item);
        async move { storage.read(&key, limit).await.map(|content| (item, content)) }
    });
    let mut reads = Box::pin(stream::iter(reads).buffer_unordered(in_flight.max(1)));
    while let Some(result) = reads.next().await {
        let (item, content) = result?;
        take(item, content);
    }
    Ok(())
}
