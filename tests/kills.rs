//! SIGKILL at every point of a live run: nothing reachable is missing afterwards, no pointer dangles that the plan did not
//! doom, and the next run mends and deletes exactly the rest.
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

#[path = "kills/again.rs"]
mod again;
#[path = "kills/directory.rs"]
mod directory;
#[path = "kills/requests.rs"]
mod requests;
#[path = "faults/scene.rs"]
mod scene;
#[path = "kills/small.rs"]
mod small;
#[path = "faults/state.rs"]
mod state;
#[path = "kills/tags.rs"]
mod tags;
#[path = "kills/victim.rs"]
mod victim;
#[path = "faults/whole.rs"]
mod whole;
