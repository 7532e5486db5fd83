//! Other tools' rules as policies.
//!
//! What cannot be said in a policy is kept in a wider sense, or not dropped at all, and is named: a policy that is printed
//! here drops nothing that the rules it was made from would keep, but where it says DROPS MORE.

pub mod artifact_registry;
pub mod cleanup_script;
pub mod ecr;
mod foreign;
mod glob;
pub mod harbor;
mod imported;
pub mod zot;

pub use imported::Imported;
