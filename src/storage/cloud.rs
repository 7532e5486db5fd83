//! Object stores: S3, GCS and Azure, through `object_store`.

use super::backend::Backend;
use super::biller::Biller;
use super::explain;
use super::listing::pages::Pager;
use super::multipart;
use super::page::{Dialect, Page};
use super::reader::{Area, Content, Held, Storage};
use super::room::Room;
use super::signed::Signed;
use super::store_keeps;
use super::transport::Counters;
use super::versions;
use crate::collect::listing::Proof;
use crate::collect::multipart::Multiparts;
use crate::collect::report::Requests;
use crate::collect::sealed::Place;
use crate::collect::store_keeps::{How, Said, StoreKeeps};
use crate::collect::versions::Version;
use crate::error::{Error, ErrorKind, Result};
use crate::model::digest::Hasher;
use crate::model::{Algorithm, Digest, Timestamp};
use async_trait::async_trait;
use bytes::BytesMut;
use futures::TryStreamExt;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectStoreExt};
use std::io;
use std::sync::Arc;

/// So much of an object is asked for at a time where all of it is read.
const STRETCH: u64 = 16 << 20;

/// A registry in an object store.
#[derive(Debug, Clone)]
pub struct Cloud {
    pub(super) backend: Backend,
    /// What stands before every key in listings: the configured prefix, with a slash before it where names begin with one.
    raw_prefix: String,
    /// What stands before every key in requests; how a leading slash gets into these is up to the client.
    pub(super) prefix: String,
    /// Who asks what `object_store` cannot.
    pub(super) signed: Option<Arc<Signed>>,
    /// The storage class of what is written, where it is not the store's own choice.
    pub(super) storage_class: Option<String>,
    counters: Arc<Counters>,
    room: Room,
    both_key_forms: bool,
    pub(super) place: Place,
    /// Who bills for it.
    pub(super) biller: Biller,
}

impl Cloud {
    pub(super) fn new(backend: Backend, prefix: String, counters: Arc<Counters>) -> Self {
        Self {
            backend,
            raw_prefix: prefix.clone(),
            prefix,
            signed: None,
            counters,
            room: Room::new(),
            both_key_forms: false,
            place: Place::default(),
            storage_class: None,
            biller: Biller::default(),
        }
    }

    /// With somebody who asks what `object_store` cannot.
    pub(super) fn with_signed(mut self, signed: Option<Signed>) -> Self {
        self.signed = signed.map(Arc::new);
        self
    }

    /// As a registry writes that asks for a storage class.
    pub(super) fn with_storage_class(mut self, class: Option<String>) -> Self {
        self.storage_class = class;
        self
    }

    /// Tells who bills for it.
    pub(super) fn billed_by(self, biller: Biller) -> Self {
        Self { biller, ..self }
    }

    /// Tells which of all places this is.
    pub(super) fn at(self, place: Place) -> Self {
        Self { place, ..self }
    }

    /// For a container whose names begin with a slash; the backend's client must put it there.
    pub(super) fn with_leading_slash(mut self, backend: Backend) -> Self {
        self.raw_prefix = format!("/{}", self.prefix);
        self.backend = backend;
        self
    }

    pub(super) fn with_both_key_forms(mut self) -> Self {
        self.both_key_forms = true;
        self
    }

    /// The name of an object in requests.
    pub(super) fn path(&self, key: &str) -> Result<Path> {
        let full = format!("{}{key}", self.prefix);
        Path::parse(&full).ok().filter(|path| path.as_ref() == full).ok_or_else(|| {
            Error::new(ErrorKind::Bug, "name an object").on(full).because("the store's client cannot express this key")
        })
    }

    /// Brings an object here, however large it is.
    ///
    /// # Errors
    /// If it is not there, cannot be read, or cannot be written down.
    pub async fn download(&self, key: &str, to: &mut (impl io::Write + Send)) -> Result<()> {
        let failed = |error: &object_store::Error| explain::request(error, "read", key);
        let answer = self.backend.store().get(&self.path(key)?).await.map_err(|error| failed(&error))?;
        let mut body = answer.into_stream();
        while let Some(part) = body.try_next().await.map_err(|error| failed(&error))? {
            to.write_all(&part).map_err(|error| Error::new(ErrorKind::Io, "keep a copy").on(key).caused_by(error))?;
        }
        Ok(())
    }

    /// Notes what an answer to a delete said of what is kept: as what, or that nothing is.
    pub(super) fn hear_delete(&self, kept: Option<How>) {
        self.counters.hear_delete(kept);
    }

    /// Whether anything is below a raw prefix.
    pub(super) async fn has_any(&self, raw_prefix: &str) -> Result<bool> {
        let page = self.pager().first_page(raw_prefix, 1).await?;
        // A page may be empty and yet not be the last.
        Ok(!page.is_empty() || page.next.is_some())
    }

    async fn is_empty(&self, path: &Path) -> bool {
        self.backend.store().head(path).await.is_ok_and(|meta| meta.size == 0)
    }

    fn pager(&self) -> Pager {
        Pager::new(self.backend.clone(), self.raw_prefix.clone())
    }
}

#[async_trait]
impl Storage for Cloud {
    fn list(&self, area: Area) -> BoxStream<'_, Result<Page>> {
        self.list_prefix(area.prefix().into())
    }

    fn list_prefix(&self, prefix: String) -> BoxStream<'_, Result<Page>> {
        self.pager().pages(prefix)
    }

    fn list_elsewhere(&self) -> BoxStream<'_, Result<Page>> {
        self.pager().elsewhere()
    }

    async fn read_held(&self, key: &str, limit: u64) -> Result<(Content, Held)> {
        let path = self.path(key)?;
        let mut room: Option<Held> = None;
        loop {
            let answer = match self.backend.store().get(&path).await {
                Ok(answer) => answer,
                Err(object_store::Error::NotFound { .. }) => return Ok((Content::Missing, Held::default())),
                Err(error) => return Err(explain::request(&error, "read", key)),
            };
            let size = answer.meta.size;
            if size > limit {
                return Ok((Content::TooLarge(size), Held::default()));
            }
            let is_again = room.is_some();
            let Some(held) = room.take().filter(|held| held.is_for(size)).or_else(|| self.room.now(size)) else {
                // An answer that waits for room would be cut off by its timeout: it is asked for again.
                drop(answer);
                // What grows meanwhile gets room for as much as it may have: it is not asked for without end.
                room = Some(self.room.large(if is_again { limit } else { size }).await);
                continue;
            };
            let mut bytes = BytesMut::with_capacity(usize::try_from(size).unwrap_or_default());
            let mut body = answer.into_stream();
            while let Some(part) = body.try_next().await.map_err(|error| explain::request(&error, "read", key))? {
                bytes.extend_from_slice(&part);
                if bytes.len() as u64 > limit {
                    return Ok((Content::TooLarge(bytes.len() as u64), held));
                }
            }
            return Ok((Content::Bytes(bytes.freeze()), held));
        }
    }

    fn shared(&self) -> Arc<dyn Storage> {
        Arc::new(self.clone())
    }

    async fn digest(&self, key: &str, algorithm: Algorithm) -> Result<Option<(Digest, u64)>> {
        let path = self.path(key)?;
        let (mut hasher, mut read) = (Hasher::new(algorithm), 0);
        loop {
            // Content may take longer than any one request may.
            let before = read;
            let range = GetRange::Bounded(read..read + STRETCH);
            let options = GetOptions { range: Some(range), ..GetOptions::default() };
            let answer = match self.backend.store().get_opts(&path, options).await {
                Ok(answer) => answer,
                Err(object_store::Error::NotFound { .. }) => return Ok(None),
                // Of content of no bytes there is no such stretch.
                Err(_) if read == 0 && self.is_empty(&path).await => return Ok(Some((hasher.finish(), 0))),
                Err(error) => return Err(explain::request(&error, "read", key)),
            };
            let size = answer.meta.size;
            let mut body = answer.into_stream();
            while let Some(part) = body.try_next().await.map_err(|error| explain::request(&error, "read", key))? {
                hasher.update(&part);
                read += part.len() as u64;
            }
            if read >= size {
                return Ok(Some((hasher.finish(), read)));
            }
            if read == before {
                let error = Error::new(ErrorKind::Unreachable, "read an object").on(key);
                return Err(error.because("the store answered with nothing in the middle of it"));
            }
        }
    }

    async fn exists(&self, key: &str) -> Result<bool> {
        match self.backend.store().head(&self.path(key)?).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(explain::request(&error, "look for", key)),
        }
    }

    fn proof(&self) -> Proof {
        Proof { etags: self.backend.dialect() == Dialect::S3, cheap_reads: false }
    }

    fn requests(&self) -> Requests {
        self.counters.requests()
    }

    fn time(&self) -> Option<Timestamp> {
        self.counters.time()
    }

    async fn store_keeps(&self) -> StoreKeeps {
        store_keeps::ask(self).await
    }

    async fn multiparts(&self, concurrency: usize) -> Multiparts {
        multipart::below(self, concurrency).await
    }

    fn versions(&self, prefix: &str) -> Option<BoxStream<'static, Result<Vec<Version>>>> {
        versions::below(self, prefix)
    }

    fn said(&self) -> Said {
        self.counters.said()
    }

    fn has_both_key_forms(&self) -> bool {
        self.both_key_forms
    }
}
