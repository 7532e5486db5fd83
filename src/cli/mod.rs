//! The command line: what was typed, what it means, and what is shown.

pub mod advice;
pub mod apply;
pub mod args;
pub mod ask;
pub mod engine;
pub mod exit;
pub mod garbage_collect;
mod held;
pub mod human;
pub mod json;
pub mod machine;
mod outcome_text;
pub mod pending;
pub mod plan;
pub mod plan_file;
pub mod plan_text;
pub mod progress;
pub mod restore;
pub mod restore_report;
pub mod restore_text;
pub mod settings;
mod short;
pub mod show;
pub mod signals;
mod telling;
pub mod verbose;
pub mod words;
