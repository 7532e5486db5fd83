//! What makes a run fast changes nothing about what it does: manifests are read beside the listing, remembered between
//! runs, and asked for as fast as the store permits.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    unreachable_pub,
    reason = "tests"
)]
#![allow(clippy::disallowed_methods, reason = "tests know the time, and tidy up after themselves")]

mod lab;
mod tool;

#[path = "speed/cache.rs"]
mod cache;
#[path = "speed/figures.rs"]
mod figures;
#[path = "speed/overlap.rs"]
mod overlap;
#[path = "speed/pace.rs"]
mod pace;
#[path = "speed/requests.rs"]
mod requests;
#[path = "speed/scene.rs"]
mod scene;
