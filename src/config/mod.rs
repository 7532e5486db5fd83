//! The registry's configuration: from what the user named, and the registry's own `config.yml` and `REGISTRY_*`
//! variables, to a [`Location`](crate::storage::location::Location).
//!
//! [`resolve`] is the entry. It is synchronous, reaches no network, and sees the machine only through an
//! [`Environment`], so that every rule can be tested with a value. The registry's rules are read from `distribution`
//! v2.8 and v3 (`configuration/parser.go`, `configuration/configuration.go`, `registry/storage/driver/*`): where the
//! two differ, the item that decides says so.
//!
//! Each value keeps its origin, a line of a file or a variable, because the reader of an error must know
//! what to change. No value is ever quoted in an error or a note: any of them could be a secret in the wrong place.

mod azure;
mod azure_environment;
mod cache_option;
mod endpoint;
mod environment;
mod filesystem;
mod gcs;
mod lines;
mod node;
mod origin;
mod redis;
mod registry;
mod resolve;
mod root;
mod s3;
mod section;
mod services;
mod storage;
mod url;
mod variables;
mod yaml;

pub use crate::storage::location::{DescriptorCache, RedisCache};
pub use cache_option::descriptor_cache;
pub use environment::{Environment, ProcessEnvironment};
pub use resolve::{Overrides, Resolved, resolve, resolve_from};
