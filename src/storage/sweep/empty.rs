//! Empty directories of what is gone by decision. The registry lists a tag, and a repository, by its directory.
//!
//! A push that creates a file in such a directory at this very moment may fail once, and can be sent again: it is one to
//! the tag, or to the repository, that is being removed. Nothing that is in a directory can be lost here: the file system
//! itself refuses to remove one that is not empty.

use super::files::stays_inside;
use crate::layout;
use crate::model::{RepositoryName, Tag};
use crate::storage::directory::DEEPEST;
use crate::storage::open::Opened;
use std::io::ErrorKind;
use std::path::Path;

/// Removes what is empty of these tags and repositories, in a local directory. A tag that is there stays as it is.
pub async fn remove_empty(opened: &Opened, tags: Vec<(RepositoryName, Tag)>, repositories: Vec<RepositoryName>) {
    let Opened::Directory(directory) = opened else { return };
    let storage = directory.clone();
    let removed = tokio::task::spawn_blocking(move || {
        for (repository, tag) in &tags {
            let key = layout::tag(repository, tag);
            let directory = storage.root.join(&key);
            // Behind a symbolic link it is another tag's, or somebody else's; without what it names now there is no tag.
            let current = format!("{}/current", key.trim_end_matches('/'));
            if is_directory(&directory)
                && stays_inside(&storage, &current).is_ok()
                && is_gone(&storage.root.join(current))
            {
                remove_below(&directory, DEEPEST);
            }
        }
        for repository in &repositories {
            let key = layout::repository(repository);
            if !storage.leads_straight(&key) {
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
    match std::fs::symlink_metadata(directory) {
        Ok(found) => found.is_dir() && remove_below(directory, deepest),
        Err(error) => error.kind() == ErrorKind::NotFound,
    }
}

/// The same of what is a directory, and no symbolic link: one is not followed, and stays. Files are not even looked at: of a
/// living repository there may be a million.
fn remove_below(directory: &Path, deepest: u32) -> bool {
    if deepest > 0 {
        for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                remove_below(&entry.path(), deepest - 1);
            }
        }
    }
    is_gone(directory)
}

fn is_directory(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|found| found.is_dir())
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
    use crate::storage::reader::{Directories, Storage};
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

    /// Both are inside the root, and one of them lives.
    #[tokio::test]
    async fn what_is_empty_of_a_repository_stays_when_another_is_a_link_to_it() {
        let root = tempfile::tempdir().unwrap();
        let repositories = root.path().join(layout::REPOSITORIES);
        for own in ["living/_uploads/1", "living/sub/_layers/sha256"] {
            create_dir_all(repositories.join(own)).unwrap();
        }
        symlink(repositories.join("living"), repositories.join("alias")).unwrap();
        let names = ["alias", "alias/sub"];
        remove_repositories(root.path(), &names).await;
        assert!(
            repositories.join("living/_uploads/1").is_dir() && repositories.join("living/sub/_layers/sha256").is_dir()
        );
        // And nobody is told that it goes.
        let directory = Directory::open(root.path()).unwrap();
        for (name, own) in names.into_iter().zip(["_uploads", "_layers"]) {
            let key = |name: &str| format!("{}{own}", layout::repository(&RepositoryName::new(name).unwrap()));
            assert_eq!(directory.directories(&key(name)).await.unwrap(), Directories::More, "{name}");
            let living = name.replace("alias", "living");
            assert_eq!(directory.directories(&key(&living)).await.unwrap(), Directories::Empty, "{living}");
        }
    }

    #[tokio::test]
    async fn what_a_directory_holds_beside_directories_is_told() {
        let root = tempfile::tempdir().unwrap();
        let own = format!("{}a/_layers", layout::REPOSITORIES);
        let directory = Directory::open(root.path()).unwrap();
        let seen = async || directory.directories(&own).await.unwrap();
        assert_eq!(seen().await, Directories::None);
        create_dir_all(root.path().join(&own).join("sha256/x")).unwrap();
        assert_eq!(seen().await, Directories::Empty);
        symlink(root.path(), root.path().join(&own).join("sha256/link")).unwrap();
        assert_eq!(seen().await, Directories::More, "the link stays, and so does what it is in");
    }

    #[tokio::test]
    async fn what_is_empty_behind_a_tag_that_is_a_link_stays() {
        let (root, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (repository, tags) =
            (RepositoryName::new("a").unwrap(), ["v1", "v2", "v3"].map(|tag| Tag::new(tag).unwrap()));
        let place = |tag: &Tag| root.path().join(layout::tag(&repository, tag));
        create_dir_all(elsewhere.path().join("current")).unwrap();
        create_dir_all(place(&tags[1]).join("current")).unwrap();
        create_dir_all(place(&tags[2]).join("index/sha256")).unwrap();
        symlink(elsewhere.path(), place(&tags[0])).unwrap();
        let gone = [&tags[0], &tags[2]].map(|tag| (repository.clone(), tag.clone())).to_vec();
        remove_empty(&Opened::Directory(Directory::open(root.path()).unwrap()), gone, Vec::new()).await;
        assert!(elsewhere.path().join("current").is_dir() && place(&tags[0]).is_symlink());
        assert!(place(&tags[1]).join("current").is_dir() && !place(&tags[2]).exists());
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
