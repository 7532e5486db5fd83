//! Empty directories of what is gone by decision. The registry lists a tag, and a repository, by its directory.
//!
//! A push that creates a file in such a directory at this very moment may fail once, and can be sent again: it is one to
//! the tag, or to the repository, that is being removed. Nothing that is in a directory can be lost here: the file system
//! itself refuses to remove one that is not empty.

use super::files::stays_inside;
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
    let storage = directory.clone();
    let removed = tokio::task::spawn_blocking(move || {
        for (repository, tag) in &tags {
            let key = layout::tag(repository, tag);
            let directory = storage.root.join(&key);
            // Without what it names now there is no tag.
            if stays_inside(&storage, &key).is_ok() && is_gone(&directory.join("current")) {
                remove_tree(&directory, DEEPEST);
            }
        }
        for repository in &repositories {
            let key = layout::repository(repository);
            if stays_inside(&storage, &format!("{key}_manifests")).is_err() {
                continue;
            }
            let directory = storage.root.join(key);
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
    // A symbolic link is not followed, and stays.
    let is_directory = std::fs::symlink_metadata(directory).is_ok_and(|found| found.is_dir());
    if is_directory && deepest > 0 {
        for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
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

#[cfg(all(test, unix))]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::storage::directory::Directory;
    use std::fs::create_dir_all;
    use std::os::unix::fs::symlink;

    async fn remove_repositories(root: &Path, names: &[&str]) {
        let opened = Opened::Directory(Directory::open(root).unwrap());
        let names = names.iter().map(|name| RepositoryName::new(name).unwrap()).collect();
        remove_empty(&opened, Vec::new(), names).await;
    }

    #[tokio::test]
    async fn what_is_empty_behind_a_symbolic_link_stays() {
        let (root, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let repositories = root.path().join(layout::REPOSITORIES);
        for own in ["whole/_layers/sha256", "part/x"] {
            create_dir_all(elsewhere.path().join(own)).unwrap();
        }
        create_dir_all(repositories.join("part/_uploads/1")).unwrap();
        symlink(elsewhere.path().join("whole"), repositories.join("whole")).unwrap();
        symlink(elsewhere.path().join("part"), repositories.join("part/_layers")).unwrap();
        remove_repositories(root.path(), &["whole", "part"]).await;
        for kept in ["whole/_layers/sha256", "part/x"] {
            assert!(elsewhere.path().join(kept).is_dir(), "{kept}");
        }
        assert!(repositories.join("part/_layers").is_symlink() && !repositories.join("part/_uploads").exists());
    }

    #[tokio::test]
    async fn repository_inside_another_stays() {
        let root = tempfile::tempdir().unwrap();
        let repositories = root.path().join(layout::REPOSITORIES);
        for own in ["a/_layers/sha256", "a/_manifests/tags/v1/index", "a/b/_layers", "c/_uploads"] {
            create_dir_all(repositories.join(own)).unwrap();
        }
        remove_repositories(root.path(), &["a", "c"]).await;
        assert!(repositories.join("a/b/_layers").is_dir() && !repositories.join("a/_layers").exists());
        assert!(!repositories.join("a/_manifests").exists() && !repositories.join("c").exists());
    }
}
