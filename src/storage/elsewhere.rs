//! What lies in a local directory beside the registry's two areas. It is counted, and nothing is ever decided on it: so it
//! is read by one thread, and no symbolic link is followed but where the registry itself would go.

use super::look::modified;
use super::page::Page;
use super::walk::{Message, unreadable};
use crate::collect::entry::Entry;
use crate::error::{Error, ErrorKind, Result};
use crate::layout::{self, Relation};
use std::fs::{self, Metadata};
use std::io;
use std::path::Path;
use tokio::sync::mpsc::Sender;

const PAGE: usize = 1000;

/// Sends all of it, but not the word that this is all.
///
/// A directory that may not be read is told by its name: what is not the registry's may belong to somebody else.
///
/// # Errors
/// If something that may be read cannot be read.
pub(super) fn walk(root: &Path, pages: &Sender<Message>) -> Result<()> {
    let mut page = Page::default();
    let mut todo = vec![String::new()];
    while let Some(directory) = todo.pop() {
        let place = root.join(&directory);
        let children = match fs::read_dir(&place) {
            Ok(children) => children,
            Err(error) => match error.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => continue,
                io::ErrorKind::PermissionDenied if layout::relation(&directory) == Relation::Beside => {
                    page.directories.push(directory);
                    continue;
                }
                _ => return Err(unreadable(&place, error)),
            },
        };
        for child in children {
            let child = child.map_err(|error| unreadable(&place, error))?;
            let key = format!("{directory}{}", child.file_name().to_string_lossy());
            let below = format!("{key}/");
            let relation = layout::relation(&below);
            // A file of that name is counted: the registry could not be there.
            let is_directory = || fs::metadata(child.path()).is_ok_and(|found| found.is_dir());
            let stat = match child.metadata() {
                Ok(stat) => stat,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(unreadable(&child.path(), error)),
            };
            match relation {
                Relation::IsArea if is_directory() => {}
                Relation::HoldsAreas if is_directory() => todo.push(below),
                _ if stat.is_dir() => todo.push(below),
                _ => see(&key, &stat, &mut page, pages)?,
            }
        }
    }
    send(page, pages)
}

fn see(key: &str, stat: &Metadata, page: &mut Page, pages: &Sender<Message>) -> Result<()> {
    page.push(&Entry { key, size: stat.len(), modified: modified(stat), etag: None, outside: stat.is_symlink() });
    if page.len() < PAGE { Ok(()) } else { send(std::mem::take(page), pages) }
}

fn send(page: Page, pages: &Sender<Message>) -> Result<()> {
    // Nobody listens any more: then nobody wants the rest.
    pages.blocking_send(Message::Page(page)).map_err(|_| Error::new(ErrorKind::Interrupted, "walk the directory"))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
    use super::*;
    use std::collections::BTreeMap;
    use tokio::sync::mpsc;

    fn walked(root: &Path) -> BTreeMap<String, (u64, bool)> {
        let (sender, mut receiver) = mpsc::channel(16);
        walk(root, &sender).unwrap();
        drop(sender);
        let mut found = BTreeMap::new();
        while let Some(message) = receiver.blocking_recv() {
            let Message::Page(page) = message else { panic!("{message:?}") };
            found.extend(page.entries().map(|entry| (entry.key.to_owned(), (entry.size, entry.outside))));
        }
        found
    }

    #[test]
    fn everything_beside_the_areas_is_seen_and_nothing_in_them() {
        let root = tempfile::tempdir().unwrap();
        let put = |key: &str, text: &str| {
            let path = root.path().join(key);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        for key in ["docker/registry/v2/blobs/x", "docker/registry/v2/repositories/a/y"] {
            put(key, "of the registry");
        }
        let beside =
            ["a", "docker/b", "docker/registry/c", "docker/registry/v2/d", "docker/registry/regsweep/e", "f/g/h"];
        for key in beside {
            put(key, key);
        }
        let found = walked(root.path());
        let expected = beside.map(|key| (key.to_owned(), (key.len() as u64, false)));
        assert_eq!(found, expected.into_iter().collect());
    }

    #[cfg(unix)]
    #[test]
    fn symbolic_links_are_followed_only_towards_the_areas() {
        use std::os::unix::fs::symlink;
        let (root, real) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::create_dir_all(real.path().join("registry/v2/blobs")).unwrap();
        fs::write(real.path().join("registry/notes"), "four").unwrap();
        symlink(real.path(), root.path().join("docker")).unwrap();
        symlink(real.path(), root.path().join("loop")).unwrap();
        let found = walked(root.path());
        assert_eq!(found.keys().collect::<Vec<_>>(), ["docker/registry/notes", "loop"]);
        assert_eq!((found["docker/registry/notes"], found["loop"].1), ((4, false), true));
    }
}
