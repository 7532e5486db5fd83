//! The command line: what was typed, what it means, and what is shown.

pub mod args;
pub mod ask;
pub mod engine;
pub mod exit;
pub mod garbage_collect;
pub mod human;
pub mod json;
pub mod pending;
pub mod plan;
pub mod plan_file;
pub mod progress;
pub mod restore;
pub mod restore_report;
pub mod restore_text;
pub mod settings;
mod short;
pub mod signals;
pub mod verbose;
pub mod words;
