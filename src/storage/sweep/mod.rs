//! The only place that deletes.
//!
//! Everything here takes exact keys, of a plan or of regsweep's own, or ids of versions, never a prefix, and ends each of
//! them in exactly one outcome.

pub mod answer;
mod aside;
mod batch;
mod empty;
mod files;
mod own;
mod parts;
mod sweeper;
mod versions;

pub use aside::{Moved, put_back};
pub use empty::remove_empty;
pub use own::forget;
pub use parts::Begun;
pub use sweeper::{Approved, Sweeper};
pub use versions::{ApprovedPurge, NOT_BY_ID, Purger};
