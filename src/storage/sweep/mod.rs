//! The only place that deletes.
//!
//! Everything here takes exact keys of a plan, never a prefix, and ends each of them in exactly one outcome.

mod answer;
mod batch;
mod files;
mod sweeper;

pub use sweeper::{Approved, Sweeper};
