//! The storage behind a registry: opening it, listing it, reading from it, and, in one place, deleting from it.

mod backend;
mod clients;
pub mod cloud;
pub mod credentials;
pub mod descriptor_cache;
pub mod directory;
mod effort;
mod elsewhere;
pub mod explain;
pub mod fetch;
mod identity;
mod listing;
pub mod location;
mod look;
pub mod manifest_cache;
pub mod open;
pub mod pace;
pub mod page;
pub mod reader;
mod room;
mod signed;
pub mod store_keeps;
pub mod sweep;
pub mod transport;
mod walk;
pub mod write;
pub mod xml;
