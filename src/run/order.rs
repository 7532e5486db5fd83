//! What a run is told: what to work with, and when to stop.

use super::work::Bounds;
use crate::collect::applied::Limit;
use crate::collect::fsck::mend::Mend;
use crate::collect::options::Options;
use crate::collect::shelf::Shelf;
use crate::model::Timestamp;
use crate::storage::manifest_cache::ManifestCache;
use crate::storage::open::Opened;
use crate::storage::reader::Storage;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;
use tokio::sync::Notify;

/// What a run works with.
#[derive(Debug, Clone)]
pub struct Order {
    /// The run's name.
    pub run: String,
    /// The command.
    pub command: &'static str,
    /// This machine's name, for the lease.
    pub host: String,
    /// The registry's storage, as the report prints it.
    pub location: String,
    /// Whether its configuration is Harbor's.
    pub harbor: bool,
    /// All that decides.
    pub options: Options,
    /// Whether old versions that the store keeps go as well.
    pub purges: bool,
    /// How much this run may do.
    pub bounds: Bounds,
    /// The plan that is applied: nothing goes that it does not have.
    pub limit: Option<Arc<Limit>>,
    /// This machine's clock, read once.
    pub started: Timestamp,
    /// When that was.
    pub begun: Instant,
    /// How many requests are in flight at most.
    pub concurrency: usize,
    /// What mends the registry, where that is what is to be done.
    pub mend: Option<Arc<Mend>>,
    /// What is remembered of manifests, if anything is to be.
    pub cache: Option<Arc<ManifestCache>>,
    /// Where goes what would be too much for memory.
    pub shelf: Option<Arc<dyn Shelf>>,
}

impl Order {
    /// This machine's time now.
    #[must_use]
    pub fn local_now(&self) -> Timestamp {
        self.started.plus(self.begun.elapsed())
    }

    /// The storage's time now, where it tells it: leases and waits are measured by one clock, whoever is at work.
    #[must_use]
    pub fn now(&self, storage: &dyn Storage) -> Timestamp {
        storage.time().unwrap_or_else(|| self.local_now())
    }

    pub(super) fn clock(&self) -> impl Fn(&Opened) -> Timestamp + Send + Sync + use<> {
        let (started, begun) = (self.started, self.begun);
        move |opened| opened.reader().time().unwrap_or_else(|| started.plus(begun.elapsed()))
    }
}

/// How a run is told to stop: nothing new is begun, and what is on its way is waited for.
#[derive(Debug, Default)]
pub struct Stop {
    requested: AtomicBool,
    notify: Notify,
}

impl Stop {
    /// Asks the run to stop.
    pub fn request(&self) {
        self.requested.store(true, Ordering::SeqCst);
        self.notify.notify_waiters();
    }

    /// Whether it was asked to.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        self.requested.load(Ordering::SeqCst)
    }

    /// Ends when the run is asked to stop.
    pub async fn requested(&self) {
        let notified = self.notify.notified();
        if !self.is_requested() {
            notified.await;
        }
    }
}
