//! Deleting from a local directory, without leaving empty directories that belong to the deleted file alone.

use crate::collect::outcome::Outcome;
use crate::layout;
use crate::storage::directory::Directory;
use object_store::ObjectStoreExt;
use std::path::Path;

/// Deletes one file, and its own directory if that is empty now.
pub(super) async fn delete(directory: &Directory, key: &str) -> Outcome {
    directory.counters.count_delete();
    let checked = Directory::path(key).map_err(|_| "its name cannot be expressed".to_owned());
    let checked = checked.and_then(|path| stays_inside(directory, key).map(|()| path));
    let path = match checked {
        Ok(path) => path,
        Err(why) => return Outcome::Failed(why),
    };
    let outcome = match directory.store.delete(&path).await {
        Ok(()) => Outcome::Deleted,
        Err(object_store::Error::NotFound { .. }) => Outcome::AlreadyGone,
        Err(error) => Outcome::Failed(crate::storage::explain::chain(&error)),
    };
    if matches!(outcome, Outcome::Deleted | Outcome::AlreadyGone) {
        remove_own_directories(&directory.root, key);
    }
    outcome
}

/// Nothing is deleted through a symbolic link that leaves the root: what lies there belongs to somebody else as well.
pub(super) fn stays_inside(directory: &Directory, key: &str) -> Result<(), String> {
    let file = directory.root.join(key);
    let Some(parent) = file.parent() else { return Err("a file without a directory".into()) };
    match parent.canonicalize() {
        Ok(real) if real.starts_with(&directory.root) => Ok(()),
        Ok(real) => Err(format!("it lies outside the root, in {}", real.display())),
        // Then the file is gone as well.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}

/// Removes the directories from the file's up to its own, as long as they are empty. A directory that is not empty stays,
/// whatever is in it: the file system itself refuses.
#[expect(clippy::disallowed_methods, reason = "this is the one place that deletes")]
pub(super) fn remove_own_directories(root: &Path, key: &str) {
    let kept = layout::state::own_directory(key);
    let Some(own) = layout::own_directory(key).or(kept.as_deref()) else { return };
    let mut at = key;
    while let Some((parent, _)) = at.rsplit_once('/') {
        let is_own = parent.len() >= own.len() && parent.starts_with(own);
        if !is_own || std::fs::remove_dir(root.join(parent)).is_err() {
            return;
        }
        at = parent;
    }
}
