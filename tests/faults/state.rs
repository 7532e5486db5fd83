//! What regsweep keeps beside the registry, as tests see it.
#![allow(dead_code, reason = "several test programs share it")]

use bytes::Bytes;

use super::lab::tree::Tree;

/// Where it is.
pub const STATE: &str = "docker/registry/regsweep/";
/// Who is at work.
pub const LEASE: &str = "docker/registry/regsweep/lease.json";
/// What waits.
pub const PENDING: &str = "docker/registry/regsweep/pending";

/// Whether a key is regsweep's own.
pub fn is_own(key: &str) -> bool {
    key.starts_with(STATE)
}

/// The registry alone.
pub fn without_own(mut tree: Tree) -> Tree {
    tree.retain(|key, _| !is_own(key));
    tree
}

/// A lease that has ended.
pub fn long_ago(lease: &[u8]) -> Bytes {
    let Ok(mut lease) = serde_json::from_slice::<serde_json::Value>(lease) else { return lease.to_vec().into() };
    lease["expires"] = "2020-01-01T00:00:00Z".into();
    lease.to_string().into()
}
