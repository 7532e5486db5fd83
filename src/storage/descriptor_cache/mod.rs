//! Eviction from the registry's descriptor cache in Redis: what the registry remembers there outlives a deletion, and a
//! push that names a remembered blob is accepted without it.
//!
//! Evicting is safe at any time: the registry asks its storage for what the cache does not know. A dry run makes no
//! [`Evictor`].

mod dial;
mod evictor;
mod keys;
mod tls;
mod words;

pub use evictor::{Evicted, Evictor};
