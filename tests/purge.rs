//! `gc --purge-versions` on a bucket that keeps versions: what is current is never touched, what is hidden stays hidden, and
//! nothing goes that was not shown, whatever the store answers and wherever the run ends.
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

#[path = "purge/answers.rs"]
mod answers;
#[path = "purge/bounds.rs"]
mod bounds;
#[path = "purge/busy.rs"]
mod busy;
#[path = "purge/kills.rs"]
mod kills;
#[path = "purge/meanwhile.rs"]
mod meanwhile;
#[path = "purge/random.rs"]
mod random;
#[path = "purge/scene.rs"]
mod scene;
