//! What can be done to a registry's storage without changing it.

use super::page::Page;
pub use super::room::Held;
use crate::collect::listing::Proof;
use crate::collect::multipart::Multiparts;
use crate::collect::report::Requests;
use crate::collect::store_keeps::{Said, StoreKeeps};
use crate::collect::versions::Version;
use crate::error::Result;
use crate::layout;
use crate::model::{Algorithm, Digest, Timestamp};
use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use std::fmt;
use std::sync::Arc;

/// A part of the storage that is listed as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Area {
    /// All repositories.
    Repositories,
    /// All blobs.
    Blobs,
}

impl Area {
    /// The prefix of its keys.
    #[must_use]
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Repositories => layout::REPOSITORIES,
            Self::Blobs => layout::BLOBS,
        }
    }
}

/// What reading an object gave.
#[derive(Debug)]
pub enum Content {
    /// Its bytes.
    Bytes(Bytes),
    /// There is no such object.
    Missing,
    /// It is larger than was asked for; its size in bytes.
    TooLarge(u64),
}

/// What there is of a directory, which no listing shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Directories {
    /// Nothing.
    None,
    /// Directories, and nothing in them.
    Empty,
    /// Something else, or it lies behind a symbolic link.
    More,
}

/// A storage on this machine: reading it keeps a thread busy, and nothing is gained by waiting for many at once.
pub trait Local {
    /// Reads an object of at most `limit` bytes in this thread.
    ///
    /// # Errors
    /// If it is there and cannot be read.
    fn read_now(&self, key: &str, limit: u64) -> Result<Content>;
}

/// A registry's storage, opened for reading. It has no way to change anything.
#[async_trait]
pub trait Storage: fmt::Debug + Send + Sync {
    /// Lists an area completely, in any order, page by page. Keys are relative to the registry's root.
    ///
    /// The stream ends with an error if anything is amiss: what it gave until then must not be taken for all there is.
    fn list(&self, area: Area) -> BoxStream<'_, Result<Page>>;

    /// Lists an area completely, also what no registry writes and what therefore neither keeps anything nor goes.
    fn list_all(&self, area: Area) -> BoxStream<'_, Result<Page>> {
        self.list(area)
    }

    /// The digest of an object's content by this algorithm, and its size; `None` if there is no such object. However large
    /// it is, little of it is held at a time.
    async fn digest(&self, key: &str, algorithm: Algorithm) -> Result<Option<(Digest, u64)>>;

    /// Lists everything below one prefix, which ends with a slash.
    fn list_prefix(&self, prefix: String) -> BoxStream<'_, Result<Page>>;

    /// Lists everything below the root that is in neither area. What may not be looked into is named in
    /// [`Page::directories`].
    fn list_elsewhere(&self) -> BoxStream<'_, Result<Page>>;

    /// Reads an object of at most `limit` bytes.
    async fn read(&self, key: &str, limit: u64) -> Result<Content> {
        Ok(self.read_held(key, limit).await?.0)
    }

    /// Reads an object of at most `limit` bytes. Large ones are read a few at a time: the next begins when what is held of
    /// another is let go.
    async fn read_held(&self, key: &str, limit: u64) -> Result<(Content, Held)>;

    /// The same storage, for tasks that read beside each other.
    fn shared(&self) -> Arc<dyn Storage>;

    /// The same storage, if it is on this machine.
    fn local(&self) -> Option<&dyn Local> {
        None
    }

    /// Whether an object is there.
    async fn exists(&self, key: &str) -> Result<bool>;

    /// What there is of a directory below the repositories, where there are directories: an empty one is in no listing.
    async fn directories(&self, _key: &str) -> Result<Directories> {
        Ok(Directories::None)
    }

    /// What listings prove about the content of links.
    fn proof(&self) -> Proof;

    /// What was sent so far.
    fn requests(&self) -> Requests;

    /// The storage's time by its own clock, if it tells it.
    fn time(&self) -> Option<Timestamp>;

    /// What the store does with what is deleted, as it tells when it is asked.
    async fn store_keeps(&self) -> StoreKeeps {
        StoreKeeps::NOTHING
    }

    /// The incomplete multipart uploads below the registry's root, which no listing shows; at most so many requests at a
    /// time.
    async fn multiparts(&self, _concurrency: usize) -> Multiparts {
        Multiparts::None
    }

    /// All versions and delete markers below a prefix of the registry's root, which no listing shows: by key, within a key
    /// the newest first. None where the store has no such listing.
    fn versions(&self, _prefix: &str) -> Option<BoxStream<'static, Result<Vec<Version>>>> {
        None
    }

    /// What its answers to everything else said of that so far.
    fn said(&self) -> Said {
        Said::default()
    }

    /// Whether keys with and without a leading slash are there (Azure).
    fn has_both_key_forms(&self) -> bool {
        false
    }
}
