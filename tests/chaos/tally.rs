//! What happened, counted by all clients together.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How many of the things that went wrong are told.
const TOLD: usize = 20;

/// A counter.
#[derive(Debug, Default)]
pub struct Count(AtomicUsize);

impl Count {
    /// One more.
    pub fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// How many so far.
    pub fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

/// What the clients did, and what the registry answered.
#[derive(Debug, Default)]
pub struct Tally {
    /// Pushes begun: each a manifest to be put under a tag, or a referrer by its digest.
    pub tried: Count,
    /// Pushes the registry answered with 201.
    pub acknowledged: Count,
    /// Pushes the registry refused in the end (4xx).
    pub refused: Count,
    /// Pushes that ended in an error of the server, or without an answer.
    pub failed: Count,
    /// Manifests put once more after a refusal.
    pub retried: Count,
    /// Blobs uploaded in one piece.
    pub uploads: Count,
    /// Blobs uploaded in chunks.
    pub chunked: Count,
    /// Blobs mounted from another repository.
    pub mounts: Count,
    /// Blobs that were there already.
    pub present: Count,
    /// Uploads given up in the middle.
    pub given_up: Count,
    /// Manifests deleted through the API.
    pub deletes: Count,
    /// Deletes the registry refused.
    pub deletes_refused: Count,
    /// Answers 5xx, and requests without an answer.
    pub errors: Count,
    /// Pulls while the chaos went on, by the owner of the tag.
    pub looks: Count,
    /// Pulls among them that something was missing for, and nothing two collector runs later.
    pub healed: Count,
    slowest_put: AtomicUsize,
    said: Mutex<Vec<String>>,
}

impl Tally {
    /// The registry answered a manifest after so long.
    pub fn put_took(&self, time: Duration) {
        self.slowest_put.fetch_max(usize::try_from(time.as_millis()).unwrap_or(usize::MAX), Ordering::Relaxed);
    }

    /// The longest time the registry took for a manifest.
    pub fn slowest_put(&self) -> Duration {
        Duration::from_millis(self.slowest_put.load(Ordering::Relaxed) as u64)
    }

    /// Remembers what went wrong, for the report.
    pub fn say(&self, what: String) {
        self.errors.add();
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.len() < TOLD {
            said.push(what);
        }
    }

    /// What went wrong, the first of it.
    pub fn said(&self) -> Vec<String> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
