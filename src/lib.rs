//! regsweep.
pub mod cli;
pub mod collect;
pub mod config;
pub mod error;
pub mod event;
pub mod layout;
pub mod model;
pub mod run;
pub mod storage;
