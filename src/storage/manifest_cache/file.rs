//! The file of one registry.

use super::place;
use super::record::{self, HEADER, Owner, Record, Records};
use crate::collect::said::Names;
use crate::collect::sealed::Place;
use crate::error::Result;
use crate::model::Digest;
use std::collections::HashSet;
use std::fs::{File, TryLockError};
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc::{self, Receiver};

/// What is remembered of one registry's manifests.
#[derive(Debug)]
pub struct ManifestCache {
    path: PathBuf,
    owner: Owner,
    file: File,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Whether this run writes: it holds the lock, and nothing went wrong so far.
    writes: bool,
    /// Where the records end that can be found from the beginning; nothing before the first look.
    end: Option<u64>,
    /// What lies behind that, of a run that was killed, was cut off.
    is_trimmed: bool,
    /// Records that were not written so far.
    buffer: Vec<u8>,
    /// Bytes of records that the last look wanted, and of all.
    wanted: u64,
    all: u64,
    /// What turned out to be gone.
    forgotten: HashSet<Digest>,
    trouble: Option<String>,
}

/// So much is written at a time.
const CHUNK: usize = 1 << 16;
/// So many records are handed over at a time.
const BATCH: usize = 1000;
/// Less than this is not worth the work of making a file smaller.
const LITTER: u64 = 1 << 20;

impl ManifestCache {
    /// Opens what is remembered of a registry, in a directory; makes what is not there.
    ///
    /// # Errors
    /// If the directory cannot be used, or others may write to it.
    pub fn open(named: &Path, place: &Place) -> Result<Self> {
        let owner = place::owner(place);
        let (path, file) = place::open(named, owner)?;
        let (writes, trouble) = match file.try_lock() {
            Ok(()) => (true, None),
            // Another run at the same registry writes down what it reads.
            Err(TryLockError::WouldBlock) => (false, None),
            Err(TryLockError::Error(error)) => (false, Some(format!("it cannot be locked: {error}"))),
        };
        Ok(Self { path, owner, file, state: Mutex::new(State { writes, trouble, ..State::default() }) })
    }

    /// What went wrong with it, for people: it is no reason to fail.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        let trouble = self.state().trouble.clone()?;
        Some(format!("what was read of manifests could not be kept in {}: {trouble}", self.path.display()))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn records(&self) -> io::Result<Option<Records<FromStart<'_>>>> {
        Records::open(FromStart { file: &self.file, at: 0 }, self.owner)
    }

    /// What seems to be remembered, by the first eight bytes of its digest. Nothing is verified: it only tells what need not
    /// be read at once.
    pub async fn beginnings(self: &Arc<Self>) -> HashSet<u64> {
        let cache = Arc::clone(self);
        // A task that fails remembers nothing.
        tokio::task::spawn_blocking(move || cache.look().unwrap_or_default()).await.unwrap_or_default()
    }

    fn look(&self) -> io::Result<HashSet<u64>> {
        self.flush();
        let mut beginnings = HashSet::new();
        let mut end = 0;
        if let Some(mut records) = self.records()? {
            while records.advance()? {
                beginnings.extend(records.about().as_ref().map(beginning));
            }
            end = records.end();
        }
        self.state().end = Some(end);
        Ok(beginnings)
    }

    /// Tells what is remembered of those that are wanted, in batches. Of one digest the last record counts.
    pub fn recall(self: &Arc<Self>, is_wanted: impl Fn(&Digest) -> bool + Send + 'static) -> Receiver<Vec<Record>> {
        let (sender, receiver) = mpsc::channel(4);
        let cache = Arc::clone(self);
        tokio::task::spawn_blocking(move || {
            let send = |batch: &mut Vec<Record>| sender.blocking_send(std::mem::take(batch)).is_ok();
            // What cannot be read is read from the storage instead.
            let _ = cache.recall_all(is_wanted, send);
            // Whoever has received all of it may close the file.
            drop(cache);
        });
        receiver
    }

    fn recall_all(
        &self,
        is_wanted: impl Fn(&Digest) -> bool,
        send: impl Fn(&mut Vec<Record>) -> bool,
    ) -> io::Result<()> {
        self.flush();
        let forgotten = self.state().forgotten.clone();
        let (mut wanted, mut batch) = (0, Vec::new());
        let Some(mut records) = self.records()? else { return Ok(()) };
        let mut before = records.end();
        while records.advance()? {
            let length = records.end() - before;
            before = records.end();
            let is_wanted = |digest: &Digest| is_wanted(digest) && !forgotten.contains(digest);
            if !records.about().as_ref().is_some_and(is_wanted) {
                continue;
            }
            if let Some(record) = records.record() {
                wanted += length;
                batch.push(record);
                if batch.len() == BATCH && !send(&mut batch) {
                    return Ok(());
                }
            }
        }
        send(&mut batch);
        let mut state = self.state();
        (state.wanted, state.all) = (wanted, before);
        Ok(())
    }

    /// Remembers what a manifest names, as far as this run writes.
    pub fn remember(&self, digest: &Digest, names: &Names) {
        let mut state = self.state();
        if state.writes {
            record::write(digest, Some(names), self.owner, &mut state.buffer);
            if state.buffer.len() >= CHUNK {
                self.write(&mut state);
            }
        }
    }

    /// Forgets what turned out to be gone.
    pub fn forget(&self, digests: &[Digest]) {
        let mut state = self.state();
        state.forgotten.extend(digests.iter().cloned());
        if state.writes {
            for digest in digests {
                record::write(digest, None, self.owner, &mut state.buffer);
            }
            self.write(&mut state);
        }
    }

    /// Writes down what is not written so far.
    pub fn flush(&self) {
        self.write(&mut self.state());
    }

    /// Where most of the file is of no use any more, makes it smaller. `is_needed` tells what is.
    pub fn tidy(&self, is_needed: impl Fn(&Digest) -> bool) {
        let mut state = self.state();
        self.write(&mut state);
        if state.writes
            && state.all - state.wanted > state.wanted + LITTER
            && let Err(error) = self.slide(&mut state, is_needed)
        {
            state.writes = false;
            state.trouble = Some(error.to_string());
        }
    }

    /// Moves what is needed to the front of the file. Nothing is written over that was not read before; a reader that looks
    /// on, or the next run if this one is killed, finds records cut in two, which are none.
    fn slide(&self, state: &mut State, is_needed: impl Fn(&Digest) -> bool) -> io::Result<()> {
        let Some(mut records) = self.records()? else { return Ok(()) };
        let mut end = records.end();
        let (mut kept, mut buffer) = (HashSet::new(), Vec::new());
        while records.advance()? {
            let found = records.record().filter(|record| record.names.is_some() && is_needed(&record.digest));
            if found.is_some_and(|record| kept.insert(beginning(&record.digest))) {
                buffer.extend(records.raw());
            }
            if buffer.len() >= CHUNK {
                self.file.write_all_at(&buffer, end)?;
                end += buffer.len() as u64;
                buffer.clear();
            }
        }
        self.file.write_all_at(&buffer, end)?;
        end += buffer.len() as u64;
        self.file.set_len(end)?;
        state.end = Some(end);
        Ok(())
    }

    fn write(&self, state: &mut State) {
        if state.buffer.is_empty() || !state.writes {
            return;
        }
        let buffer = std::mem::take(&mut state.buffer);
        if let Err(error) = self.append(state, &buffer) {
            // What is cut off is no record; the next run cuts it away.
            state.writes = false;
            state.trouble = Some(error.to_string());
        }
    }

    fn append(&self, state: &mut State, records: &[u8]) -> io::Result<()> {
        // Behind what nobody can read, nobody would find it.
        let Some(mut end) = state.end else { return Ok(()) };
        if !state.is_trimmed {
            self.file.set_len(end)?;
            state.is_trimmed = true;
        }
        if end == 0 {
            self.file.write_all_at(HEADER, 0)?;
            end = HEADER.len() as u64;
        }
        self.file.write_all_at(records, end)?;
        state.end = Some(end + records.len() as u64);
        Ok(())
    }
}

impl Drop for ManifestCache {
    fn drop(&mut self) {
        self.flush();
    }
}

/// Eight bytes tell nearly all digests apart.
#[must_use]
pub fn beginning(digest: &Digest) -> u64 {
    digest.bytes().first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

/// A file from its beginning, whoever else reads or writes it.
#[derive(Debug)]
struct FromStart<'a> {
    file: &'a File,
    at: u64,
}

impl Read for FromStart<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(to, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use std::collections::{BTreeMap, HashMap};
    use std::fs;
    use std::sync::LazyLock;

    fn digest(number: u32) -> Digest {
        Digest::of(&number.to_le_bytes())
    }

    fn names(number: u32) -> Names {
        Names { references: vec![digest(number + 1), digest(number + 2)], subject: None }
    }

    static NUMBERS: LazyLock<HashMap<Digest, u32>> =
        LazyLock::new(|| (0..20_100).map(|number| (digest(number), number)).collect());

    fn open(directory: &Path) -> Arc<ManifestCache> {
        Arc::new(ManifestCache::open(directory, &Place::default()).unwrap())
    }

    async fn recalled(cache: &Arc<ManifestCache>) -> Vec<Digest> {
        let mut receiver = cache.recall(|_| true);
        let mut found: BTreeMap<u32, Digest> = BTreeMap::new();
        while let Some(batch) = receiver.recv().await {
            for record in batch {
                let number = NUMBERS[&record.digest];
                found.remove(&number);
                if let Some(said) = record.names {
                    assert_eq!(said, names(number));
                    found.insert(number, record.digest);
                }
            }
        }
        found.into_values().collect()
    }

    async fn filled(directory: &Path, numbers: std::ops::Range<u32>) -> Arc<ManifestCache> {
        let cache = open(directory);
        cache.beginnings().await;
        numbers.for_each(|number| cache.remember(&digest(number), &names(number)));
        cache.flush();
        cache
    }

    fn digests(numbers: impl IntoIterator<Item = u32>) -> Vec<Digest> {
        numbers.into_iter().map(digest).collect()
    }

    #[tokio::test]
    async fn what_was_remembered_is_known_to_the_next_run() {
        let home = tempfile::tempdir().unwrap();
        drop(filled(home.path(), 0..2500).await);
        let cache = open(home.path());
        let beginnings = cache.beginnings().await;
        assert_eq!(beginnings.len(), 2500);
        assert!((0..2500).all(|number| beginnings.contains(&beginning(&digest(number)))));
        assert_eq!(recalled(&cache).await, digests(0..2500));
        cache.forget(&[digest(7)]);
        assert_eq!(recalled(&cache).await.len(), 2499, "at once");
        drop(cache);
        assert_eq!(recalled(&filled(home.path(), 7..8).await).await.len(), 2500, "until it is read again");
    }

    #[tokio::test]
    async fn only_one_run_writes_and_the_other_reads_on() {
        let home = tempfile::tempdir().unwrap();
        let first = filled(home.path(), 0..10).await;
        let second = filled(home.path(), 10..20).await;
        assert_eq!(recalled(&second).await, digests(0..10));
        assert_eq!(second.trouble(), None);
        first.remember(&digest(20), &names(20));
        first.flush();
        assert_eq!(recalled(&second).await.len(), 11);
        drop(first);
        drop(second);
        assert_eq!(recalled(&open(home.path())).await.len(), 11);
    }

    #[tokio::test]
    async fn what_a_killed_run_has_cut_off_is_cut_away() {
        let home = tempfile::tempdir().unwrap();
        let cache = filled(home.path(), 0..20).await;
        let path = cache.path.clone();
        drop(cache);
        let whole = fs::read(&path).unwrap();
        for cut in (0..whole.len()).step_by(37) {
            fs::write(&path, &whole[..cut]).unwrap();
            let cache = open(home.path());
            let known = cache.beginnings().await.len();
            assert!(known < 20);
            assert_eq!(recalled(&cache).await.len(), known);
            (0..20).for_each(|number| cache.remember(&digest(number), &names(number)));
            drop(cache);
            assert_eq!(recalled(&open(home.path())).await.len(), 20, "cut at {cut}");
        }
    }

    #[tokio::test]
    async fn what_is_not_needed_any_more_goes_once_it_is_the_larger_part() {
        let home = tempfile::tempdir().unwrap();
        let cache = filled(home.path(), 0..20_000).await;
        let size = || fs::metadata(&cache.path).unwrap().len();
        let before = size();
        recalled(&cache).await;
        cache.tidy(|_| false);
        assert_eq!(size(), before, "all of it was wanted");
        let needed = digests((0..20_000).step_by(100));
        let wanted: HashSet<Digest> = needed.iter().cloned().collect();
        let still = wanted.clone();
        let mut receiver = cache.recall(move |digest| wanted.contains(digest));
        while receiver.recv().await.is_some() {}
        cache.tidy(|digest| still.contains(digest));
        assert!(size() * 50 < before, "{} of {before}", size());
        assert_eq!(recalled(&cache).await, needed);
        cache.remember(&digest(20_001), &names(20_001));
        drop(cache);
        assert_eq!(recalled(&open(home.path())).await.len(), needed.len() + 1);
    }
}
