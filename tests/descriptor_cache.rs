//! The registry's descriptor cache: what is evicted from it, by whom it is reached, and that no password is ever shown.
//!
//! Every server is a real one, listens on 127.0.0.1 and ends with the test.
#![allow(clippy::disallowed_methods, reason = "tests know the time, and tidy up after themselves")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    unreachable_pub,
    reason = "a test fails by panicking"
)]

mod real;
mod tool;

#[path = "descriptor_cache/broken.rs"]
mod broken;
#[path = "descriptor_cache/entries.rs"]
mod entries;
#[path = "descriptor_cache/evict.rs"]
mod evict;
#[path = "descriptor_cache/option.rs"]
mod option;
#[path = "descriptor_cache/registry.rs"]
mod registry;
#[path = "descriptor_cache/sentinel.rs"]
mod sentinel;
#[path = "descriptor_cache/sign_in.rs"]
mod sign_in;
#[path = "descriptor_cache/tls.rs"]
mod tls;
