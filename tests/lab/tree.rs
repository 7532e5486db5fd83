//! What a directory, a bucket and a built registry exchange: every key with its bytes and modification time.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use bytes::Bytes;

/// One stored object or file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The content.
    pub bytes: Bytes,
    /// The modification time.
    pub mtime: SystemTime,
}

/// All objects of a store, in byte order of their keys, as a listing shows them.
pub type Tree = BTreeMap<String, Entry>;

/// The time that many days before now.
pub fn days_ago(days: u64) -> SystemTime {
    SystemTime::now() - Duration::from_secs(days * 24 * 3600)
}

/// The time of an RFC 3339 text such as `2024-02-29T12:00:00Z`.
pub fn at(text: &str) -> SystemTime {
    chrono::DateTime::parse_from_rfc3339(text).expect("an RFC 3339 time").into()
}

/// Reads a directory: keys are paths relative to it, joined with `/`. Empty directories do not appear.
pub fn read_dir(root: &Path) -> Tree {
    let mut tree = Tree::new();
    let mut open: Vec<PathBuf> = vec![root.to_owned()];
    while let Some(directory) = open.pop() {
        for child in fs::read_dir(&directory).unwrap_or_else(|e| panic!("{}: {e}", directory.display())) {
            let path = child.unwrap().path();
            if path.is_dir() {
                open.push(path);
                continue;
            }
            let key = path.strip_prefix(root).unwrap().to_str().expect("a UTF-8 file name").to_owned();
            let mtime = fs::metadata(&path).unwrap().modified().unwrap();
            tree.insert(key, Entry { bytes: fs::read(&path).unwrap().into(), mtime });
        }
    }
    tree
}

/// Writes a tree below a directory, with its modification times.
///
/// Panics on a key no file can have (`a//b`, `../x`, a leading or trailing `/`): only a bucket holds those.
pub fn write_dir(tree: &Tree, root: &Path) {
    fs::create_dir_all(root).unwrap();
    for (key, entry) in tree {
        let fits = key.split('/').all(|part| !matches!(part, "" | "." | ".."));
        assert!(fits, "no file can have the key {key:?}");
        let path = root.join(key);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &entry.bytes).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let file = fs::File::options().write(true).open(&path).unwrap();
        file.set_modified(entry.mtime).unwrap();
    }
}

/// The same tree below a prefix (`""`, or one that ends with `/`), as `rootdirectory` moves it.
pub fn under(tree: &Tree, prefix: &str) -> Tree {
    tree.iter().map(|(key, entry)| (format!("{prefix}{key}"), entry.clone())).collect()
}

/// The inverse of [`under`]: what is below the prefix, without it.
pub fn below(tree: &Tree, prefix: &str) -> Tree {
    tree.iter().filter_map(|(key, entry)| Some((key.strip_prefix(prefix)?.to_owned(), entry.clone()))).collect()
}

/// The keys that are in `before` and not in `after`: what a run removed.
pub fn removed(before: &Tree, after: &Tree) -> Vec<String> {
    before.keys().filter(|key| !after.contains_key(*key)).cloned().collect()
}
