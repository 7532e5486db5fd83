//! The same registry as a tree, for what must hold it: a directory, a bucket that obeys deletes.

use std::time::{Duration, SystemTime};

use super::keys::Computed;
use crate::lab::tree::{Entry, Tree};

/// All keys with their content.
pub fn stored(computed: &Computed) -> Tree {
    let mut tree = Tree::new();
    let mut keys = Vec::new();
    computed.behind("", true, &mut |item| {
        keys.push((item.key.to_owned(), item.time, item.size));
        true
    });
    for (key, time, size) in keys {
        let bytes = computed.content_of(&key, size).unwrap_or_else(|| panic!("no content of {key}"));
        assert_eq!(bytes.len() as u64, size, "{key}");
        let mtime = SystemTime::UNIX_EPOCH + Duration::from_secs(time.unsigned_abs());
        tree.insert(key, Entry { bytes: bytes.into(), mtime });
    }
    tree
}
