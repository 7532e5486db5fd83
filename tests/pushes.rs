//! A push at every point of a live run: whatever the registry has acknowledged pulls completely afterwards. Where content
//! goes for good in a bucket, a push may lose against it in one small window: then the report names its image.
#![allow(clippy::disallowed_methods, reason = "tests know the time, and tidy up after themselves")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    unreachable_pub,
    reason = "tests"
)]

mod lab;
mod tool;

#[path = "pushes/at_requests.rs"]
mod at_requests;
#[path = "pushes/clients.rs"]
mod clients;
#[path = "pushes/refusals.rs"]
mod refusals;
#[path = "faults/scene.rs"]
mod scene;
#[path = "faults/state.rs"]
mod state;
#[path = "pushes/tags.rs"]
mod tags;
#[path = "faults/whole.rs"]
mod whole;
