//! regsweep.
pub mod collect;
pub mod config;
pub mod error;
pub mod layout;
pub mod model;
pub mod storage;
