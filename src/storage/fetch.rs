//! Reading many small objects, many at a time.

use super::reader::{Content, Storage};
use crate::error::{Error, ErrorKind, Result};
use futures::StreamExt;
use futures::stream;
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use tokio::task::JoinSet;

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

/// Reads objects while something else goes on, and makes of each what is wanted in the task that has read it: so all
/// cores take part, and no more than that is kept of it.
pub struct Fetcher<I, T> {
    storage: Arc<dyn Storage>,
    how: How<I, T>,
    in_flight: usize,
    waiting: VecDeque<I>,
    under_way: JoinSet<Result<(I, T)>>,
}

/// What is read of an item, and what is made of it.
pub struct How<I, T> {
    /// Its key.
    pub key: fn(&I) -> String,
    /// So many bytes at most.
    pub limit: u64,
    /// What is made of its content.
    pub make: fn(&I, Content) -> T,
}

impl<I, T> fmt::Debug for Fetcher<I, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fetcher").field("waiting", &self.waiting.len()).finish_non_exhaustive()
    }
}

impl<I, T> fmt::Debug for How<I, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("How").field("limit", &self.limit).finish_non_exhaustive()
    }
}

impl<I: Send + 'static, T: Send + 'static> Fetcher<I, T> {
    /// Begins; `in_flight` are read at a time.
    #[must_use]
    pub fn new(storage: &dyn Storage, how: How<I, T>, in_flight: usize) -> Self {
        let storage = storage.shared();
        Self { storage, how, in_flight: in_flight.max(1), waiting: VecDeque::new(), under_way: JoinSet::new() }
    }

    /// Reads this as well, as soon as its turn has come.
    pub fn add(&mut self, item: I) {
        self.waiting.push_back(item);
        self.begin();
    }

    /// How many wait for their turn.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// How many were not read so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waiting.len() + self.under_way.len()
    }

    /// Whether all was read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn begin(&mut self) {
        while self.under_way.len() < self.in_flight {
            let Some(item) = self.waiting.pop_front() else { return };
            let (storage, key, make, limit) =
                (Arc::clone(&self.storage), (self.how.key)(&item), self.how.make, self.how.limit);
            self.under_way.spawn(async move {
                let (content, held) = storage.read_held(&key, limit).await?;
                let read = make(&item, content);
                drop(held);
                Ok((item, read))
            });
        }
    }

    /// The next that was read, in any order; none if there is nothing to read any more. Nothing is lost where this is not
    /// waited for to its end.
    pub async fn next(&mut self) -> Option<Result<(I, T)>> {
        let ended = self.under_way.join_next().await?;
        self.begin();
        Some(ended.unwrap_or_else(|error| Err(Error::new(ErrorKind::Bug, "read the storage").caused_by(error))))
    }
}
