//! The only place that writes: what regsweep keeps for itself beside the registry, and pointers that are put back.
//!
//! There is no way here to write content, or anything over what the registry has written: a link is written only where
//! there is none.

mod files;

pub(super) use files::make_directories;

use super::cloud::Cloud;
use super::directory::Directory;
use super::explain;
use super::open::Opened;
use crate::error::{Error, ErrorKind, Result};
use crate::layout::{self, StorageKey};
use crate::model::{Digest, Timestamp};
use bytes::Bytes;
use object_store::{Attribute, Attributes, PutMode, PutOptions};
use std::time::{Duration, SystemTime};

/// Writes what belongs to regsweep, and pointers of the registry that are missing.
#[derive(Debug, Clone)]
pub struct Writer {
    place: Place,
}

#[derive(Debug, Clone)]
enum Place {
    Directory(Directory),
    Cloud(Cloud),
}

impl Writer {
    /// For an opened registry.
    #[must_use]
    pub fn new(opened: &Opened) -> Self {
        let place = match opened {
            Opened::Directory(directory) => Place::Directory(directory.clone()),
            Opened::Cloud(cloud) => Place::Cloud(cloud.clone()),
        };
        Self { place }
    }

    /// Writes a key of regsweep's own, over what is there.
    ///
    /// # Errors
    /// If the storage does not take it.
    pub async fn keep(&self, key: &str, bytes: impl Into<Bytes> + Send) -> Result<()> {
        own(key)?;
        self.put(key, bytes.into(), PutMode::Overwrite).await.map(|_| ())
    }

    /// Writes a key of regsweep's own if there is none; tells whether it did.
    ///
    /// Some stores do not know this condition and write all the same: whoever relies on it reads back.
    ///
    /// # Errors
    /// If the storage does not take it.
    pub async fn keep_new(&self, key: &str, bytes: impl Into<Bytes> + Send) -> Result<bool> {
        own(key)?;
        self.put(key, bytes.into(), PutMode::Create).await
    }

    /// Writes a link of the registry if there is none; tells whether it did.
    ///
    /// # Errors
    /// If the key is not that of a link, or the storage does not take it.
    pub async fn link(&self, key: &str, digest: &Digest) -> Result<bool> {
        self.link_as_of(key, digest, None).await
    }

    /// The same, as if it had been written at that time, where the storage lets itself be told: see [`Self::keeps_times`].
    ///
    /// # Errors
    /// If the key is not that of a link, or the storage does not take it.
    pub async fn link_as_of(&self, key: &str, digest: &Digest, modified: Option<Timestamp>) -> Result<bool> {
        let modified = modified.map(system_time);
        match StorageKey::parse(key) {
            StorageKey::LayerLink { .. }
            | StorageKey::RevisionLink { .. }
            | StorageKey::SignatureLink { .. }
            | StorageKey::TagCurrent { .. }
            | StorageKey::TagHistory { .. } => {
                self.put_as_of(key, digest.to_string().into(), PutMode::Create, modified).await
            }
            StorageKey::Blob(_) | StorageKey::Upload { .. } | StorageKey::Suspect { .. } | StorageKey::Unrecognized => {
                Err(Error::new(ErrorKind::Bug, "write a link").on(key).because("it is none"))
            }
        }
    }

    /// Whether what is written can have another time than now. No object store allows that.
    #[must_use]
    pub fn keeps_times(&self) -> bool {
        matches!(self.place, Place::Directory(_))
    }

    async fn put(&self, key: &str, bytes: Bytes, mode: PutMode) -> Result<bool> {
        self.put_as_of(key, bytes, mode, None).await
    }

    async fn put_as_of(&self, key: &str, bytes: Bytes, mode: PutMode, modified: Option<SystemTime>) -> Result<bool> {
        match &self.place {
            Place::Directory(directory) => {
                files::put(directory, key, bytes, (mode == PutMode::Overwrite, modified)).await
            }
            Place::Cloud(cloud) => put(cloud, key, bytes, mode).await,
        }
    }
}

fn system_time(time: Timestamp) -> SystemTime {
    let nanos = Duration::from_nanos(time.as_nanos().unsigned_abs());
    if time < Timestamp::default() { SystemTime::UNIX_EPOCH - nanos } else { SystemTime::UNIX_EPOCH + nanos }
}

/// Nothing but its own may be written over.
fn own(key: &str) -> Result<()> {
    if key.starts_with(layout::state::ROOT) && !layout::is_unaddressable(key) {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Bug, "keep a note in the storage").on(key).because("it is not regsweep's own key"))
}

async fn put(cloud: &Cloud, key: &str, bytes: Bytes, mode: PutMode) -> Result<bool> {
    let path = cloud.path(key)?;
    // As the registry writes everything.
    let mut attributes = Attributes::from_iter([(Attribute::ContentType, "application/octet-stream")]);
    if let Some(class) = &cloud.storage_class {
        attributes.insert(Attribute::StorageClass, class.clone().into());
    }
    let options = |mode| PutOptions { mode, attributes: attributes.clone(), ..PutOptions::default() };
    let creates = mode == PutMode::Create;
    let mut answer = cloud.backend.store().put_opts(&path, bytes.clone().into(), options(mode)).await;
    if creates
        && matches!(answer, Err(object_store::Error::NotImplemented { .. } | object_store::Error::NotSupported { .. }))
    {
        use super::reader::Storage;
        if cloud.exists(key).await? {
            return Ok(false);
        }
        answer = cloud.backend.store().put_opts(&path, bytes.into(), options(PutMode::Overwrite)).await;
    }
    match answer {
        Ok(_) => Ok(true),
        Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) if creates => {
            Ok(false)
        }
        Err(error) => {
            let error = explain::request(&error, "write", key);
            let denied = error.kind() == ErrorKind::Permission;
            Err(if denied { error.next(missing_right(key)) } else { error })
        }
    }
}

/// What is to be granted so that this can be written.
fn missing_right(key: &str) -> &'static str {
    if key.starts_with(layout::state::ROOT) {
        "grant the right to write and delete below docker/registry/regsweep, or run with --no-state"
    } else {
        "grant the right to write to this credential; the next run writes it back"
    }
}
