//! regsweep against the registry's own collector, and against itself, over many registries from seeds.
//!
//! A seed in the message of a failure is the whole reproduction: `lab::random::random_registry(seed)`.
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

#[path = "differential/oracle.rs"]
mod oracle;
#[path = "differential/properties.rs"]
mod properties;
#[path = "differential/runs.rs"]
mod runs;
