//! Retention: which tags, and which manifests without one, rules let go.
//!
//! Pure and synchronous like [`collect`](crate::collect): a policy, the facts of one repository and *now* go in, a verdict
//! for every tag comes out, with the rule and the condition that decided. Nothing is deleted here, and what a kept image
//! needs stays whatever is said here: that is decided by the marks.

pub mod coverage;
pub mod document;
pub mod duration;
pub mod facts;
pub mod fault;
pub(crate) mod fields;
pub mod fixture;
pub mod gather;
pub mod images;
pub mod import;
pub mod judge;
mod keep_last;
pub mod parse;
mod periods;
pub mod policy;
mod selection;
pub mod verdict;
pub mod version;
pub mod write;
