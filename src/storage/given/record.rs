//! One object, as a listing from elsewhere tells of it.

use crate::collect::versions::Version;
use crate::model::Timestamp;

/// One object, one old version, or one delete marker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The key, as the bucket has it.
    pub key: String,
    /// Its size in bytes.
    pub size: u64,
    /// When it was last modified.
    pub modified: Timestamp,
    /// Its `ETag`, where that is told.
    pub etag: Option<String>,
    /// Its storage class, where that is told.
    pub class: Option<String>,
    /// Whether a reader of the key gets it.
    pub is_latest: bool,
    /// Whether it is a delete marker.
    pub is_marker: bool,
}

impl Record {
    /// Whether an ordinary listing shows it.
    #[must_use]
    pub fn is_listed(&self) -> bool {
        self.is_latest && !self.is_marker
    }

    /// As one of the versions that an ordinary listing does not show.
    #[must_use]
    pub fn into_version(self) -> Version {
        let Self { key, size, modified, class, is_latest, is_marker, .. } = self;
        Version { key, id: "".into(), is_latest, is_marker, modified, size, storage_class: class.map(Into::into) }
    }
}
