//! The whole way: real registries and clients, real stores, and the built `regsweep` between them.
#![allow(clippy::disallowed_methods, reason = "tests know the time, and tidy up after themselves")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    unreachable_pub,
    reason = "a test fails by panicking"
)]

mod lab;
mod real;
mod tool;

#[path = "end_to_end/azure.rs"]
mod azure;
#[path = "end_to_end/gcs.rs"]
mod gcs;
#[path = "end_to_end/last_image.rs"]
mod last_image;
#[path = "end_to_end/multipart.rs"]
mod multipart;
#[path = "end_to_end/prune.rs"]
mod prune;
#[path = "end_to_end/recipes.rs"]
mod recipes;
#[path = "end_to_end/registry.rs"]
mod registry;
#[path = "end_to_end/repair.rs"]
mod repair;
#[path = "end_to_end/requests.rs"]
mod requests;
#[path = "end_to_end/sample.rs"]
mod sample;
#[path = "end_to_end/store_keeps.rs"]
mod store_keeps;
#[path = "end_to_end/undo.rs"]
mod undo;
#[path = "end_to_end/versions.rs"]
mod versions;
#[path = "end_to_end/while_asking.rs"]
mod while_asking;
