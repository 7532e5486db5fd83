//! A bucket in this process: real HTTP on 127.0.0.1, spoken as S3, GCS (XML API) or Azure Blob Storage do.

mod azure;
mod batch;
mod counts;
mod fault;
mod listing;
mod multipart;
mod object;
mod request;
mod server;
mod single;
mod store;
mod versions;
mod xml;

pub use counts::{Call, Counts};
pub use fault::{Fault, FaultId};
pub use object::{EtagStyle, Object, hex, http_date};
pub use request::Kind;
pub use server::Bucket;
pub use store::Store;
pub use versions::{ById, NULL, Saved, Version};

/// Whose protocol a bucket speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// Amazon S3, path style.
    S3,
    /// The XML API of Google Cloud Storage: no batch delete, deleting what is not there is 404.
    Gcs,
    /// Azure Blob Storage with the container in the path: Blob Batch of 256, deleting what is not there is 404.
    Azure,
}
