//! The sample as the tests of the clouds use it: its tree, and what is left of it.

use std::collections::BTreeSet;

use anyhow::Result;

use crate::lab::pull::{assert_tags_unharmed, tags};
use crate::lab::tree::{Tree, read_dir};
use crate::real;

/// The sample's registry.
pub(crate) fn tree() -> Tree {
    let mut tree = read_dir(&real::sample::directory());
    tree.retain(|key, _| key.starts_with("docker/"));
    tree
}

/// The keys that a run with `-m` leaves, if uploads of any age go.
pub(crate) fn left() -> Result<BTreeSet<String>> {
    let gone = real::sample::Expected::read(true)?.keys();
    let is_gone = |key: &String| gone.contains(key) || gone.iter().any(|dir| key.starts_with(&format!("{dir}/")));
    Ok(tree().into_keys().filter(|key| !is_gone(key)).collect())
}

/// What a run with `-m` must leave: the expected keys, unchanged, with every tag whole.
pub(crate) fn assert_collected(after: &Tree, context: &str) -> Result<()> {
    let before = tree();
    assert_eq!(after.keys().cloned().collect::<BTreeSet<_>>(), left()?, "{context}");
    for (key, entry) in after {
        assert_eq!(entry.bytes, before[key].bytes, "{context}: {key}");
    }
    assert_tags_unharmed(&before, after, context);
    assert_eq!(tags(after).len(), 6, "{context}");
    Ok(())
}
