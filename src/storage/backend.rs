//! Which cloud it is: the client of each, and where they differ.

use super::page::Dialect;
use object_store::ObjectStore;
use object_store::aws::AmazonS3;
use object_store::azure::MicrosoftAzure;
use object_store::gcp::GoogleCloudStorage;
use object_store::list::PaginatedListStore;

/// Which cloud, with its client.
#[derive(Debug, Clone)]
pub(super) enum Backend {
    S3(AmazonS3),
    Gcs(GoogleCloudStorage),
    Azure(MicrosoftAzure),
}

impl Backend {
    pub(super) fn store(&self) -> &dyn ObjectStore {
        match self {
            Self::S3(store) => store,
            Self::Gcs(store) => store,
            Self::Azure(store) => store,
        }
    }

    pub(super) fn lister(&self) -> &dyn PaginatedListStore {
        match self {
            Self::S3(store) => store,
            Self::Gcs(store) => store,
            Self::Azure(store) => store,
        }
    }

    pub(super) fn dialect(&self) -> Dialect {
        match self {
            Self::S3(_) | Self::Gcs(_) => Dialect::S3,
            Self::Azure(_) => Dialect::Azure,
        }
    }

    /// The largest page that the store gives.
    pub(super) fn page_size(&self) -> usize {
        match self {
            Self::S3(_) | Self::Gcs(_) => 1000,
            Self::Azure(_) => 5000,
        }
    }
}
