//! Whatever fails, at whatever point: nothing that is needed goes, nothing goes while a pointer to it stays, the report
//! adds up, and the next run does the rest.
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

#[path = "faults/answers.rs"]
mod answers;
#[path = "faults/baseline.rs"]
mod baseline;
#[path = "faults/interruption.rs"]
mod interruption;
#[path = "faults/leases.rs"]
mod leases;
#[path = "faults/listing.rs"]
mod listing;
#[path = "faults/live.rs"]
mod live;
#[path = "faults/multipart.rs"]
mod multipart;
#[path = "faults/plans.rs"]
mod plans;
#[path = "faults/scene.rs"]
mod scene;
#[path = "faults/stages.rs"]
mod stages;
#[path = "faults/state.rs"]
mod state;
#[path = "faults/whole.rs"]
mod whole;
