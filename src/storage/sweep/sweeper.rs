//! Carries out the deletions of an approved plan.

use super::aside::{self, Moved};
use super::parts::{self, Begun};
use super::{batch, files};
use crate::collect::outcome::Outcome;
use crate::collect::plan::Plan;
use crate::storage::cloud::Cloud;
use crate::storage::directory::Directory;
use crate::storage::open::Opened;
use futures::{StreamExt, stream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// A plan that was looked at, was not refused, and is to be carried out. Only its maker can make it, and only it arms a
/// [`Sweeper`]: a dry run ends before there is one.
#[derive(Debug)]
pub struct Approved<'a> {
    /// The plan.
    pub plan: &'a Plan,
}

/// What can delete.
#[derive(Debug)]
pub struct Sweeper<'a> {
    place: Place<'a>,
    in_flight: usize,
}

/// Where keys are deleted.
#[derive(Debug)]
pub(super) enum Place<'a> {
    Directory(&'a Directory),
    Cloud(&'a Cloud),
}

/// How many batches are on their way at a time: each counts a thousandfold against the store's request rate.
const BATCHES_IN_FLIGHT: usize = 4;
/// How many looks at single keys, to settle what a batch left open.
const LOOKS_IN_FLIGHT: usize = 16;
/// After so many batches in a row of which nobody knows anything the store is not asked for more: it is gone, or does not
/// accept the credential any more.
const LOST_BATCHES: u32 = 3;
/// So much content is moved aside at a time.
const GROUP_ASIDE: usize = 1000;
/// How many moves are on their way at a time.
const MOVES_IN_FLIGHT: usize = 16;
/// How often a key is tried of which the store's answer told nothing.
const TRIES: u32 = 3;

impl<'a> Sweeper<'a> {
    /// Arms it for one approved plan. `concurrency` bounds single deletes, where the store has no batches.
    #[must_use]
    pub fn arm(opened: &'a Opened, _approved: &Approved<'_>, concurrency: usize) -> Self {
        let place = Place::of(opened);
        let in_flight = if place.batch_size() > 1 { BATCHES_IN_FLIGHT } else { concurrency.max(1) };
        Self { place, in_flight }
    }

    /// Deletes keys, each with its number, and tells what came of each, batch by batch, in any order.
    ///
    /// `go_on` is asked before each batch; what is not begun by then is never attempted, and not told of.
    pub async fn delete(
        &self,
        keys: &[(usize, &str)],
        go_on: impl Fn() -> bool + Sync,
        mut tell: impl FnMut(&[(usize, Outcome)]),
    ) {
        let size = self.place.batch_size();
        let lost = AtomicU32::new(0);
        let (go_on, lost) = (&go_on, &lost);
        let batches = keys.chunks(size).map(|chunk| async move {
            if !go_on() || lost.load(Ordering::SeqCst) >= LOST_BATCHES {
                return Vec::new();
            }
            let names: Vec<&str> = chunk.iter().map(|(_, key)| *key).collect();
            let outcomes = self.place.settled(&names, go_on).await;
            if outcomes.iter().all(|outcome| matches!(outcome, Outcome::Unknown(_))) {
                lost.fetch_add(1, Ordering::SeqCst);
            } else {
                lost.store(0, Ordering::SeqCst);
            }
            chunk.iter().map(|(number, _)| *number).zip(outcomes).collect::<Vec<_>>()
        });
        let mut batches = Box::pin(stream::iter(batches).buffer_unordered(self.in_flight));
        while let Some(outcomes) = batches.next().await {
            tell(&outcomes);
        }
    }

    /// Aborts incomplete multipart uploads, each with its number, and tells what came of each, in any order.
    ///
    /// `go_on` is asked before each; what is not begun by then is never attempted, and not told of.
    pub async fn abort(
        &self,
        all: &[(usize, Begun<'_>)],
        go_on: impl Fn() -> bool + Sync,
        mut tell: impl FnMut(&[(usize, Outcome)]),
    ) {
        let Place::Cloud(cloud) = self.place else { return };
        let go_on = &go_on;
        let aborts = all.iter().map(|(number, begun)| async move {
            if go_on() { Some((*number, parts::abort(cloud, *begun).await)) } else { None }
        });
        let aborts: Vec<_> = aborts.collect();
        let mut aborts = Box::pin(stream::iter(aborts).buffer_unordered(LOOKS_IN_FLIGHT));
        while let Some(ended) = aborts.next().await {
            tell(ended.as_slice());
        }
    }

    /// Moves content aside, each key with its number, and tells what became of each.
    ///
    /// `go_on` is asked before each group; what is not begun by then stays, and is not told of.
    pub async fn set_aside(
        &self,
        run: &str,
        keys: &[(usize, &str)],
        go_on: impl Fn() -> bool + Sync,
        mut tell: impl FnMut(usize, Moved),
    ) {
        for group in keys.chunks(GROUP_ASIDE) {
            if !go_on() {
                return;
            }
            let moves = group.iter().map(|(number, key)| async move {
                let moved = match self.place {
                    Place::Directory(directory) => aside::move_file(directory, run, key).await,
                    Place::Cloud(cloud) => aside::copy_object(cloud, run, key).await,
                };
                (*number, *key, moved)
            });
            let moves: Vec<_> = moves.collect();
            let ended: Vec<_> = stream::iter(moves).buffered(MOVES_IN_FLIGHT).collect().await;
            let mut copied = Vec::new();
            for (number, key, what) in ended {
                if what == Moved::Aside && matches!(self.place, Place::Cloud(_)) {
                    copied.push((number, key));
                } else {
                    tell(number, what);
                }
            }
            let done = |outcomes: &[(usize, Outcome)]| {
                for (number, outcome) in outcomes {
                    let is_aside = matches!(outcome, Outcome::Deleted | Outcome::AlreadyGone);
                    tell(*number, if is_aside { Moved::Aside } else { Moved::Not(outcome.clone()) });
                }
            };
            self.delete(&copied, || true, done).await;
        }
    }
}

impl<'a> Place<'a> {
    pub(super) fn of(opened: &'a Opened) -> Self {
        match opened {
            Opened::Directory(directory) => Self::Directory(directory),
            Opened::Cloud(cloud) => Self::Cloud(cloud),
        }
    }

    /// How many keys go with one request.
    pub(super) fn batch_size(&self) -> usize {
        match self {
            Self::Directory(_) => 1,
            Self::Cloud(cloud) => batch::batch_size(&cloud.backend),
        }
    }

    /// Deletes one batch and settles what the store's answer left open: looks for each such key, and tries again as long
    /// as it is there. Where even looking fails, the rest stays unknown: the next run will know.
    pub(super) async fn settled(&self, keys: &[&str], go_on: &(impl Fn() -> bool + Sync)) -> Vec<Outcome> {
        let mut outcomes = self.attempt(keys).await;
        for attempt in 1..=TRIES {
            let open: Vec<usize> = (0..keys.len()).filter(|at| matches!(outcomes[*at], Outcome::Unknown(_))).collect();
            if open.is_empty() || !go_on() {
                break;
            }
            let mut there = Vec::new();
            let looks = open.into_iter().map(|at| async move { (at, self.is_there(keys[at]).await) });
            let mut looks = Box::pin(stream::iter(looks).buffer_unordered(LOOKS_IN_FLIGHT));
            while let Some((at, found)) = looks.next().await {
                match found {
                    Some(true) => there.push(at),
                    // It was there when it was listed, and it is gone now that its delete was sent.
                    Some(false) => outcomes[at] = Outcome::Deleted,
                    None => break,
                }
                if !go_on() {
                    break;
                }
            }
            drop(looks);
            if there.is_empty() {
                break;
            }
            if attempt == TRIES {
                for at in there {
                    if let Outcome::Unknown(why) = &outcomes[at] {
                        outcomes[at] = Outcome::Failed(why.clone());
                    }
                }
                break;
            }
            tokio::time::sleep(Duration::from_millis(200) * 4_u32.pow(attempt - 1)).await;
            let again: Vec<&str> = there.iter().map(|at| keys[*at]).collect();
            for (at, outcome) in there.into_iter().zip(self.attempt(&again).await) {
                outcomes[at] = outcome;
            }
        }
        outcomes
    }

    async fn attempt(&self, keys: &[&str]) -> Vec<Outcome> {
        match self {
            Self::Cloud(cloud) => batch::delete(cloud, keys).await,
            Self::Directory(directory) => {
                let mut outcomes = Vec::with_capacity(keys.len());
                for key in keys {
                    outcomes.push(files::delete(directory, key).await);
                }
                outcomes
            }
        }
    }

    async fn is_there(&self, key: &str) -> Option<bool> {
        use crate::storage::reader::Storage;
        match self {
            Self::Cloud(cloud) => cloud.exists(key).await.ok(),
            Self::Directory(directory) => directory.exists(key).await.ok(),
        }
    }
}
