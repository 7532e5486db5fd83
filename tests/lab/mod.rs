//! The laboratory: a simulated bucket over HTTP with faults on demand, registries as values, and a reader that pulls
//! from them as a registry would. No public host is ever contacted.
//!
//! - [`bucket::Bucket`]: the bucket; [`bucket::Fault`]: what goes wrong in it; [`clients`]: real clients for it
//! - [`registry::RegistryBuilder`]: a registry as a value; [`random::random_registry`]: one from a seed
//! - [`tree::Tree`]: what all of them exchange: key -> (bytes, modification time)
//! - [`computed`]: one of any size, of which nothing is stored
//! - [`pull`]: what can be pulled from a tree; [`push`]: what a push writes
#![allow(clippy::disallowed_methods, reason = "tests know the time, and tidy up after themselves")]
#![allow(dead_code, unused_imports, unreachable_pub, reason = "each test crate uses a part")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    clippy::return_self_not_must_use,
    reason = "a test stops where its laboratory is wrong"
)]

pub mod bucket;
pub mod clients;
pub mod computed;
pub mod manifests;
pub mod pull;
pub mod push;
pub mod random;
pub mod registry;
pub mod tree;
