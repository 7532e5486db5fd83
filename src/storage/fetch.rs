//! Reading many small objects, many at a time.

use super::reader::{Content, Storage};
use crate::error::{Error, ErrorKind, Result};
use futures::StreamExt;
use futures::stream;
use std::collections::VecDeque;
use std::fmt;
use std::num::NonZero;
use std::sync::Arc;
use std::time::{Duration, Instant};
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
    level: Level,
    waiting: VecDeque<I>,
    under_way: JoinSet<Result<Batch<I, T>>>,
    /// How many of them.
    items: usize,
    read: Vec<(I, T)>,
}

/// What was read in a row.
struct Batch<I, T> {
    read: Vec<(I, T)>,
    took: Duration,
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

impl<I, T> Clone for How<I, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<I, T> Copy for How<I, T> {}

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

/// How many are read side by side.
///
/// What this machine has in memory is read as fast as its cores can, and each thread more costs memory of its own. What has
/// to be waited for, a disk or a server of files, is waited for by many threads at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Level {
    now: usize,
    most: usize,
}

impl Level {
    fn of(is_local: bool, in_flight: usize) -> Self {
        if !is_local {
            return Self { now: in_flight.max(1), most: in_flight.max(1) };
        }
        let most = in_flight.clamp(1, LOCAL_THREADS);
        let cores = std::thread::available_parallelism().map_or(2, NonZero::get);
        Self { now: cores.min(most), most }
    }

    /// So many took so long, one after another.
    fn learn(&mut self, files: usize, took: Duration) {
        let waited = took.as_nanos() > LOCAL_WAIT.as_nanos() * files as u128;
        if waited {
            self.now = (self.now * 2).min(self.most);
        }
    }
}

/// More threads than this do not make a local disk faster.
const LOCAL_THREADS: usize = 8;
/// A file that takes longer is not in memory: tens of microseconds are what the machine needs for one that is.
const LOCAL_WAIT: Duration = Duration::from_micros(250);
/// So many files are read by one thread in a row: waking it costs as much as reading some.
const LOCAL_BATCH: usize = 32;

impl<I: Send + 'static, T: Send + 'static> Fetcher<I, T> {
    /// Begins; `in_flight` are read at a time.
    #[must_use]
    pub fn new(storage: &dyn Storage, how: How<I, T>, in_flight: usize) -> Self {
        let storage = storage.shared();
        let level = Level::of(storage.local().is_some(), in_flight);
        Self { storage, how, level, waiting: VecDeque::new(), under_way: JoinSet::new(), items: 0, read: Vec::new() }
    }

    /// Reads this as well, as soon as its turn has come.
    pub fn add(&mut self, item: I) {
        self.waiting.push_back(item);
        self.begin_what_is_worth_it();
    }

    /// How many wait for their turn.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// How many were not read so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waiting.len() + self.items + self.read.len()
    }

    /// Whether all was read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Of a directory many are read in a row, unless nothing else is under way.
    fn begin_what_is_worth_it(&mut self) {
        if self.storage.local().is_none() || self.waiting.len() >= LOCAL_BATCH {
            self.begin();
        }
    }

    fn begin(&mut self) {
        let is_local = self.storage.local().is_some();
        while self.under_way.len() < self.level.now && !self.waiting.is_empty() {
            let number = if is_local { self.waiting.len().min(LOCAL_BATCH) } else { 1 };
            let batch: Vec<I> = self.waiting.drain(..number).collect();
            self.items += batch.len();
            let (storage, how) = (Arc::clone(&self.storage), self.how);
            if is_local {
                self.under_way.spawn_blocking(move || read_files(&*storage, how, batch));
            } else {
                self.under_way.spawn(async move { read_objects(&*storage, how, batch).await });
            }
        }
    }

    /// The next that was read, in any order; none if there is nothing to read any more. Nothing is lost where this is not
    /// waited for to its end.
    pub async fn next(&mut self) -> Option<Result<(I, T)>> {
        loop {
            if let Some(read) = self.read.pop() {
                return Some(Ok(read));
            }
            if self.under_way.is_empty() {
                self.begin();
            }
            let ended = self.under_way.join_next().await?;
            match ended.unwrap_or_else(|error| Err(Error::new(ErrorKind::Bug, "read the storage").caused_by(error))) {
                Ok(Batch { read, took }) => {
                    self.items -= read.len();
                    self.level.learn(read.len(), took);
                    self.read = read;
                    self.begin_what_is_worth_it();
                }
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

async fn read_objects<I, T>(storage: &dyn Storage, how: How<I, T>, batch: Vec<I>) -> Result<Batch<I, T>> {
    let (begun, mut all) = (Instant::now(), Vec::with_capacity(batch.len()));
    for item in batch {
        let (content, held) = storage.read_held(&(how.key)(&item), how.limit).await?;
        let read = (how.make)(&item, content);
        drop(held);
        all.push((item, read));
    }
    Ok(Batch { read: all, took: begun.elapsed() })
}

fn read_files<I, T>(storage: &dyn Storage, how: How<I, T>, batch: Vec<I>) -> Result<Batch<I, T>> {
    let begun = Instant::now();
    let broken = || Error::new(ErrorKind::Bug, "read the storage").because("it is not on this machine");
    let local = storage.local().ok_or_else(broken)?;
    let read = batch.into_iter().map(|item| {
        let content = local.read_now(&(how.key)(&item), how.limit)?;
        let read = (how.make)(&item, content);
        Ok((item, read))
    });
    let read = read.collect::<Result<_>>()?;
    Ok(Batch { read, took: begun.elapsed() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_threads_read_a_directory_only_where_there_is_something_to_wait_for() {
        let mut level = Level { now: 2, most: 5 };
        level.learn(32, LOCAL_WAIT * 32);
        assert_eq!(level.now, 2, "what is in memory is read by as many threads as there are cores");
        let mut seen = Vec::new();
        for _ in 0..3 {
            level.learn(32, LOCAL_WAIT * 33);
            seen.push(level.now);
        }
        assert_eq!(seen, [4, 5, 5]);
        level.learn(32, Duration::ZERO);
        assert_eq!(level.now, 5, "once a disk was waited for, the next file may be on it as well");
    }

    #[test]
    fn a_store_is_asked_for_as_many_at_once_as_was_said() {
        assert_eq!(Level::of(false, 128), Level { now: 128, most: 128 });
        assert_eq!(Level::of(false, 0), Level { now: 1, most: 1 });
        assert_eq!(Level::of(true, 1), Level { now: 1, most: 1 });
        let local = Level::of(true, 128);
        assert!(local.most == LOCAL_THREADS && (1..=LOCAL_THREADS).contains(&local.now), "{local:?}");
    }
}
