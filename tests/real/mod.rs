//! Real servers and clients for tests: the registry, S3, Azure, skopeo.
//!
//! ```ignore
//! mod real;
//! let root = tempfile::tempdir()?;
//! let registry = real::Registry::on_directory(root.path())?;
//! let client = registry.client()?;
//! let pushed = real::everything(&client, 1).await?;
//! let images = client.pull_all().await?.whole()?;
//! ```
//! A program that is missing fails the test and says which package has it; `scripts/test` installs them all.

#![allow(dead_code, unused_imports, reason = "each test uses another part of the harness")]
#![allow(unreachable_pub, reason = "the harness is written like a library")]

pub mod authority;
pub mod azurite;
pub mod client;
pub mod content;
pub mod copy;
pub mod everything;
pub mod layer;
pub mod moto;
pub mod process;
pub mod pull;
pub mod redis;
pub mod registry;
pub mod sample;
pub mod skopeo;

pub use self::redis::Redis;
pub use authority::Authority;
pub use azurite::Azurite;
pub use client::{Answer, Client, Descriptor, sha256};
pub use content::{Flavour, IndexForm, Pushed};
pub use copy::{copy_tree_to_azure, copy_tree_to_s3};
pub use everything::{Everything, everything};
pub use moto::Moto;
pub use pull::{Broken, Pull};
pub use registry::{Cache, Outcome, Registry, Storage, registry_garbage_collect, registry_garbage_collect_watched};
