//! The storage behind a registry.
pub mod location;
