//! What earlier runs have left beside the registry, read back.

use crate::collect::plan::Plan;
use crate::collect::state::journal::{self, Done, Journal};
use crate::collect::state::pending::Pending;
use crate::collect::state::undo::{EndsUndo, ends_undo};
use crate::error::{ErrorKind, Result};
use crate::layout::state::{self, StateKey};
use crate::model::{Digest, Timestamp};
use crate::storage::fetch::read_all;
use crate::storage::reader::{Content, Storage};
use futures::TryStreamExt;
use std::collections::BTreeMap;

/// Content that a run has moved out of the way and that is still there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftAside {
    /// The run.
    pub run: String,
    /// The content.
    pub digest: Digest,
    /// Size in bytes.
    pub size: u64,
}

/// The journal of an earlier run, and when its last part was written.
#[derive(Debug, Clone, Default)]
pub struct LeftJournal {
    /// The journal.
    pub journal: Journal,
    /// When its last part was written.
    pub written: Timestamp,
}

/// What earlier runs have left.
#[derive(Debug, Clone, Default)]
pub struct Left {
    /// When the lease was written, if there is one.
    pub lease: Option<Timestamp>,
    /// What waits.
    pub pending: Pending,
    /// Journals, by run.
    pub journals: Vec<LeftJournal>,
    /// Content aside.
    pub aside: Vec<LeftAside>,
    /// Probes and drafts of runs that were killed, and when they were written: of no meaning.
    pub litter: Vec<(String, Timestamp)>,
    /// Lines and keys that could not be understood.
    pub odd: u64,
    /// Tags that were written back: they were pushed while a run that was killed removed them.
    pub tags_put_back: u64,
}

impl Left {
    /// The runs whose undo a plan ends before its time.
    #[must_use]
    pub fn ends_undo(&self, plan: &Plan, now: Timestamp) -> Vec<EndsUndo> {
        ends_undo(self.journals.iter().map(|left| &left.journal), plan, now)
    }
}

/// How much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Which keys there are.
    Keys,
    /// All of it, for one that only looks.
    Looking,
    /// All of it.
    Acting,
}

/// No part of a journal is larger: so many pointers, each of a key and a digest.
const LARGEST_PART: u64 = 64 << 20;
/// The largest record of what waits.
const LARGEST_RECORD: u64 = 4 << 30;
const PARTS_IN_FLIGHT: usize = 4;

/// Reads it. Whoever only looks may lack the right to look here: then there is nothing to be had, and that is safe.
///
/// # Errors
/// If the storage cannot be read.
pub async fn read(storage: &dyn Storage, depth: Depth) -> Result<Left> {
    match listed(storage, depth).await {
        Err(error) if depth == Depth::Looking && error.kind() == ErrorKind::Permission => Ok(Left::default()),
        left => left,
    }
}

async fn listed(storage: &dyn Storage, depth: Depth) -> Result<Left> {
    let mut left = Left::default();
    let mut journals: BTreeMap<String, LeftJournal> = BTreeMap::new();
    let mut to_read = Vec::new();
    let mut has_pending = false;
    let mut pages = storage.list_prefix(state::ROOT.to_owned());
    while let Some(page) = pages.try_next().await? {
        for entry in page.entries() {
            match StateKey::parse(entry.key) {
                StateKey::Lease => left.lease = Some(entry.modified),
                StateKey::Pending => has_pending = true,
                StateKey::Journal { run, .. } | StateKey::Done { run } => {
                    let journal = journals.entry(run.to_owned()).or_default();
                    run.clone_into(&mut journal.journal.run);
                    journal.journal.keys.push(entry.key.to_owned());
                    journal.written = journal.written.max(entry.modified);
                    to_read.push(entry.key.to_owned());
                }
                StateKey::Aside { run, digest } => {
                    left.aside.push(LeftAside { run: run.to_owned(), digest, size: entry.size });
                }
                StateKey::Probe | StateKey::Draft => left.litter.push((entry.key.to_owned(), entry.modified)),
                StateKey::Unrecognized => left.odd += 1,
            }
        }
    }
    if has_pending
        && depth != Depth::Keys
        && let Content::Bytes(bytes) = storage.read(state::PENDING, LARGEST_RECORD).await?
    {
        let (pending, odd) = Pending::parse(&bytes);
        left.pending = pending;
        left.odd += odd;
    }
    if depth != Depth::Keys {
        to_read.sort();
        let mut unread = 0;
        read_all(storage, to_read, Clone::clone, LARGEST_PART, PARTS_IN_FLIGHT, |key, content| {
            let Some(journal) = run_of(&key).and_then(|run| journals.get_mut(run)) else { return };
            let is_done = matches!(StateKey::parse(&key), StateKey::Done { .. });
            match content {
                Content::Bytes(bytes) if is_done => journal.journal.done = Done::parse(&bytes),
                Content::Bytes(bytes) => {
                    let (removed, odd) = journal::parse(&bytes);
                    journal.journal.removed.extend(removed);
                    journal.journal.odd += odd;
                }
                // It tells of nothing that was taken away.
                Content::TooLarge(_) | Content::Missing if is_done => unread += 1,
                Content::TooLarge(_) | Content::Missing => journal.journal.unread_parts += 1,
            }
        })
        .await?;
        left.odd += unread;
    }
    left.journals = journals.into_values().collect();
    left.odd += left.journals.iter().map(|left| left.journal.odd + left.journal.unread_parts).sum::<u64>();
    Ok(left)
}

fn run_of(key: &str) -> Option<&str> {
    match StateKey::parse(key) {
        StateKey::Journal { run, .. } | StateKey::Done { run } | StateKey::Aside { run, .. } => Some(run),
        StateKey::Lease | StateKey::Pending | StateKey::Probe | StateKey::Draft | StateKey::Unrecognized => None,
    }
}
