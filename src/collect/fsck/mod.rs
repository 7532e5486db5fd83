//! What is broken in a registry, what that means, and what mends it. Pure: it is told what was listed and read.

pub mod affected;
pub mod blobs;
pub mod check;
pub mod code;
pub mod content;
pub mod finding;
pub mod links;
pub mod mend;
pub mod named;
pub mod parts;
#[cfg(test)]
mod scene;
pub mod vouch;
