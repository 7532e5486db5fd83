//! A storage whose listings come from elsewhere, or are saved as they pass; all else is asked of the storage itself.

use super::recorder::Recorder;
use super::source::Source;
use crate::collect::listing::Proof;
use crate::collect::multipart::Multiparts;
use crate::collect::report::Requests;
use crate::collect::store_keeps::{Said, StoreKeeps};
use crate::collect::versions::Version;
use crate::error::Result;
use crate::layout;
use crate::model::{Algorithm, Digest, Timestamp};
use crate::storage::page::Page;
use crate::storage::reader::{Area, Content, Held, Local, Storage};
use async_trait::async_trait;
use futures::stream::{BoxStream, StreamExt, TryStreamExt};
use std::sync::Arc;

/// A storage, seen through other listings.
#[derive(Debug, Clone, Copy)]
pub struct Through<'a> {
    /// The storage itself.
    pub storage: &'a dyn Storage,
    /// Where its listings come from, if not from itself.
    pub source: Option<&'a Arc<Source>>,
    /// Who saves them.
    pub recorder: Option<&'a Recorder>,
}

impl<'a> Through<'a> {
    fn saved(self, area: Option<Area>, pages: BoxStream<'a, Result<Page>>) -> BoxStream<'a, Result<Page>> {
        let Some(recorder) = self.recorder else { return pages };
        if let Some(area) = area {
            recorder.begin(area);
        }
        pages.inspect_ok(|page| recorder.see(page)).boxed()
    }
}

fn is_of_repositories(key: &str) -> bool {
    key.starts_with(layout::REPOSITORIES)
}

fn is_of_blobs(key: &str) -> bool {
    key.starts_with(layout::BLOBS)
}

fn is_elsewhere(key: &str) -> bool {
    !is_of_repositories(key) && !is_of_blobs(key)
}

fn wanted(area: Area) -> fn(&str) -> bool {
    match area {
        Area::Repositories => is_of_repositories,
        Area::Blobs => is_of_blobs,
    }
}

#[async_trait]
impl Storage for Through<'_> {
    fn list(&self, area: Area) -> BoxStream<'_, Result<Page>> {
        let pages = self.source.map_or_else(|| self.storage.list(area), |source| source.pages(wanted(area)));
        self.saved(Some(area), pages)
    }

    fn list_all(&self, area: Area) -> BoxStream<'_, Result<Page>> {
        let pages = self.source.map_or_else(|| self.storage.list_all(area), |source| source.pages(wanted(area)));
        self.saved(Some(area), pages)
    }

    fn list_elsewhere(&self) -> BoxStream<'_, Result<Page>> {
        let pages = self.source.map_or_else(|| self.storage.list_elsewhere(), |source| source.pages(is_elsewhere));
        self.saved(None, pages)
    }

    fn versions(&self, prefix: &str) -> Option<BoxStream<'static, Result<Vec<Version>>>> {
        self.source.map_or_else(|| self.storage.versions(prefix), |source| source.versions(prefix))
    }

    fn requests(&self) -> Requests {
        let more = self.source.map(|source| source.requests()).unwrap_or_default();
        self.storage.requests().plus(more)
    }

    async fn digest(&self, key: &str, algorithm: Algorithm) -> Result<Option<(Digest, u64)>> {
        self.storage.digest(key, algorithm).await
    }

    fn list_prefix(&self, prefix: String) -> BoxStream<'_, Result<Page>> {
        self.storage.list_prefix(prefix)
    }

    async fn read_held(&self, key: &str, limit: u64) -> Result<(Content, Held)> {
        self.storage.read_held(key, limit).await
    }

    fn shared(&self) -> Arc<dyn Storage> {
        self.storage.shared()
    }

    fn local(&self) -> Option<&dyn Local> {
        self.storage.local()
    }

    async fn exists(&self, key: &str) -> Result<bool> {
        self.storage.exists(key).await
    }

    fn proof(&self) -> Proof {
        self.storage.proof()
    }

    fn time(&self) -> Option<Timestamp> {
        self.storage.time()
    }

    async fn store_keeps(&self) -> StoreKeeps {
        self.storage.store_keeps().await
    }

    async fn multiparts(&self, concurrency: usize) -> Multiparts {
        self.storage.multiparts(concurrency).await
    }

    fn said(&self) -> Said {
        self.storage.said()
    }

    fn has_both_key_forms(&self) -> bool {
        self.storage.has_both_key_forms()
    }
}
