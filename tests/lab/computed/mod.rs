//! A registry that is computed from a seed and stored nowhere, so that ten million blobs can be listed and their
//! manifests read. Only the digests of manifests are held: they are those of their content, as everybody checks them.
//!
//! - [`Shape`]: how many of what; equal shapes are equal registries, to the byte
//! - [`Computed`]: its keys, in order, from anywhere, and their content; [`stored`] is the same registry as a tree
//! - [`Truth`]: what a collection must find, counted without any of the collector's code
//! - [`Server`]: it speaks S3
#![allow(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "numbers far below any limit")]

mod digests;
mod keys;
mod manifests;
mod pages;
mod server;
mod shape;
mod stored;
mod truth;

pub use keys::{Computed, Item};
pub use server::{BUCKET, Served, Server};
pub use shape::Shape;
pub use stored::stored;
pub use truth::Truth;
