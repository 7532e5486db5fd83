//! Room for large answers: a manifest may be of 4 MiB, and a hostile registry has only such.

use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What is larger needs room of its own. Hardly any manifest is; all of those in flight together are few megabytes.
const LARGE: u64 = 64 << 10;
/// So many large answers are held at a time.
const LARGE_AT_ONCE: usize = 8;

/// Room for large answers, of one storage.
#[derive(Debug, Clone)]
pub(super) struct Room(Arc<Semaphore>);

/// The room that an answer takes. Whoever asked keeps it as long as it keeps the answer's bytes.
#[derive(Debug, Default)]
pub struct Held {
    _permit: Option<OwnedSemaphorePermit>,
}

impl Room {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(LARGE_AT_ONCE)))
    }

    /// Room for so many bytes, if there is some now.
    pub(super) fn now(&self, size: u64) -> Option<Held> {
        if size <= LARGE {
            return Some(Held::default());
        }
        Some(Held { _permit: Some(Arc::clone(&self.0).try_acquire_owned().ok()?) })
    }

    /// Room for a large answer, once there is some.
    pub(super) async fn large(&self) -> Held {
        // Nobody closes it.
        Held { _permit: Arc::clone(&self.0).acquire_owned().await.ok() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_so_many_large_answers_are_held_and_any_number_of_small_ones() {
        let room = Room::new();
        let mut held: Vec<Held> = Vec::new();
        for _ in 0..LARGE_AT_ONCE {
            held.extend(room.now(LARGE + 1));
        }
        assert_eq!(held.len(), LARGE_AT_ONCE);
        assert!(room.now(LARGE + 1).is_none() && room.now(LARGE).is_some());
        held.pop();
        let waited = room.large().await;
        assert!(room.now(LARGE + 1).is_none());
        drop(waited);
        assert!(room.now(LARGE + 1).is_some());
    }
}
