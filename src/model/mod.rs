//! The standard's words as values: digests, names, media types, manifests. Pure: no I/O, no clock.

pub mod annotations;
pub mod digest;
pub mod image_config;
pub mod manifest;
pub mod media_type;
pub mod name;
pub mod outline;
pub mod timestamp;

pub use digest::{Algorithm, Digest};
pub use image_config::{ImageConfig, Platform};
pub use manifest::{Manifest, Parsed, Reference};
pub use media_type::{Kind, MediaType};
pub use name::{RepositoryName, Tag};
pub use outline::Outline;
pub use timestamp::Timestamp;
