//! Empty directories of what is gone by decision. The registry lists a tag, and a repository, by its directory.
//!
//! A push that creates a file in such a directory at this very moment may fail once, and can be sent again: it is one to
//! the tag, or to the repository, that is being removed. Nothing that is in a directory can be lost here: the file system
//! itself refuses to remove one that is not empty.

use crate::layout;
use crate::model::{RepositoryName, Tag};
use crate::storage::open::Opened;
use std::io::ErrorKind;
use std::path::Path;

/// No directory of the registry's own is deeper.
const DEEPEST: u32 = 8;

/// Removes what is empty of these tags and repositories, in a local directory. A tag that is there stays as it is.
pub async fn remove_empty(opened: &Opened, tags: Vec<(RepositoryName, Tag)>, repositories: Vec<RepositoryName>) {
    let Opened::Directory(directory) = opened else { return };
    let root = directory.root.clone();
    let removed = tokio::task::spawn_blocking(move || {
        for (repository, tag) in &tags {
            let directory = root.join(layout::tag(repository, tag));
            // Without what it names now there is no tag.
            if is_gone(&directory.join("current")) {
                remove_tree(&directory, DEEPEST);
            }
        }
        for repository in &repositories {
            let directory = root.join(layout::repository(repository));
            // Repositories nest: only what is this one's own.
            let own = ["_layers", "_manifests", "_uploads"].map(|name| remove_tree(&directory.join(name), DEEPEST));
            if own.into_iter().all(|gone| gone) {
                is_gone(&directory);
            }
        }
    });
    // What could not be removed is no more than an empty directory.
    let _ = removed.await;
}

/// Removes a directory with all below it, as far as there is nothing in it. Tells whether it is gone.
fn remove_tree(directory: &Path, deepest: u32) -> bool {
    let Ok(entries) = std::fs::read_dir(directory) else { return is_gone(directory) };
    for entry in entries.flatten() {
        // A symbolic link is not followed.
        if deepest > 0 && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_tree(&entry.path(), deepest - 1);
        }
    }
    is_gone(directory)
}

/// Removes a directory if it is empty. Tells whether there is none afterwards.
#[expect(clippy::disallowed_methods, reason = "this is the one place that deletes")]
fn is_gone(directory: &Path) -> bool {
    match std::fs::remove_dir(directory) {
        Ok(()) => true,
        Err(error) => error.kind() == ErrorKind::NotFound,
    }
}
