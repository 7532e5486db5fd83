//! Room for large answers: a manifest may be of 4 MiB, and a hostile registry has only such.

use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What is larger needs room of its own. Hardly any manifest is; all of those in flight together are few megabytes.
const LARGE: u64 = 64 << 10;
/// Room is given away in pieces of so many bytes.
const PIECE: u64 = 4 << 10;
/// So many pieces there are: for eight of the largest manifests, or for 327 answers of 100 KB. As long as no more than that
/// are in flight, none is asked for twice.
const PIECES: u32 = 8 << 10;
/// What is larger than this is not held whole.
const LARGEST: u32 = PIECES / 8;

/// Room for large answers, of one storage.
#[derive(Debug, Clone)]
pub(super) struct Room(Arc<Semaphore>);

/// The room that an answer takes. Whoever asked keeps it as long as it keeps the answer's bytes.
#[derive(Debug, Default)]
pub struct Held {
    permit: Option<OwnedSemaphorePermit>,
}

impl Held {
    /// Whether there is room in it for so many bytes.
    pub(super) fn is_for(&self, size: u64) -> bool {
        size <= LARGE || self.permit.as_ref().is_some_and(|permit| permit.num_permits() >= pieces(size) as usize)
    }
}

impl Room {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(PIECES as usize)))
    }

    /// Room for so many bytes, if there is some now.
    pub(super) fn now(&self, size: u64) -> Option<Held> {
        if size <= LARGE {
            return Some(Held::default());
        }
        Some(Held { permit: Some(Arc::clone(&self.0).try_acquire_many_owned(pieces(size)).ok()?) })
    }

    /// Room for so many bytes, once there is some.
    pub(super) async fn large(&self, size: u64) -> Held {
        // Nobody closes it.
        Held { permit: Arc::clone(&self.0).acquire_many_owned(pieces(size)).await.ok() }
    }
}

fn pieces(size: u64) -> u32 {
    u32::try_from(size.div_ceil(PIECE)).unwrap_or(LARGEST).min(LARGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_so_many_of_the_largest_are_held_and_any_number_of_small_ones() {
        let (room, largest) = (Room::new(), 4 << 20);
        let mut held: Vec<Held> = Vec::new();
        for _ in 0..8 {
            held.extend(room.now(largest));
        }
        assert_eq!(held.len(), 8);
        assert!(room.now(LARGE + 1).is_none() && room.now(LARGE).is_some());
        held.pop();
        let waited = room.large(u64::MAX).await;
        assert!(room.now(LARGE + 1).is_none());
        drop(waited);
        assert!(room.now(LARGE + 1).is_some());
    }

    /// An answer that grew while it waited would be held without room.
    #[tokio::test]
    async fn room_is_only_for_what_it_was_taken_for() {
        let room = Room::new();
        let held = room.large(1 << 20).await;
        assert!(held.is_for(1 << 20) && held.is_for(1) && !held.is_for((1 << 20) + PIECE));
        assert!(room.large(64 << 20).await.is_for(u64::MAX), "more than the largest is never taken");
        assert!(Held::default().is_for(LARGE) && !Held::default().is_for(LARGE + 1));
    }

    #[tokio::test]
    async fn as_many_somewhat_large_ones_are_held_as_is_said() {
        let room = Room::new();
        let held: Vec<Held> = (0..400).filter_map(|_| room.now(100_000)).collect();
        assert_eq!(held.len(), 327, "all of it together is bounded");
    }
}
