//! A registry in a local directory.

use super::elsewhere;
use super::identity;
use super::page::Page;
use super::reader::{Area, Content, Directories, Held, Local, Storage};
use super::room::Room;
use super::transport::Counters;
use super::walk::{How, Message, Walk};
use crate::collect::listing::Proof;
use crate::collect::report::Requests;
use crate::collect::sealed::Place;
use crate::error::{Error, ErrorKind, Result};
use crate::layout::REPOSITORIES;
use crate::model::digest::Hasher;
use crate::model::{Algorithm, Digest, Timestamp};
use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use object_store::local::LocalFileSystem;
use object_store::path::Path as Name;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::mpsc::{self, Receiver};

/// A registry in a local directory.
#[derive(Debug, Clone)]
pub struct Directory {
    /// The root, free of symbolic links.
    pub(super) root: PathBuf,
    pub(super) store: Arc<LocalFileSystem>,
    pub(super) counters: Arc<Counters>,
    room: Room,
    pub(super) place: Place,
}

/// No directory of the registry's own is deeper, below the first of its name.
pub(super) const DEEPEST: u32 = 8;

/// More threads than this do not make a local disk faster.
const THREADS: usize = 8;

impl Directory {
    /// Opens a directory that exists.
    pub(super) fn open(root: &Path) -> Result<Self> {
        let failed = |why: String| {
            Error::new(ErrorKind::Configuration, "open the directory").on(root.display().to_string()).because(why)
        };
        let real = std::fs::canonicalize(root).map_err(|error| failed(error.to_string()))?;
        let store = LocalFileSystem::new_with_prefix(&real).map_err(|error| failed(error.to_string()))?;
        let place = identity::of_directory(&real)?;
        Ok(Self { root: real, store: Arc::new(store), counters: Arc::default(), room: Room::new(), place })
    }

    pub(super) fn path(key: &str) -> Result<Name> {
        Name::parse(key).map_err(|error| Error::new(ErrorKind::Bug, "name a file").on(key).caused_by(error))
    }

    /// Whether what is at a key below the repositories is there, inside the root, and on no symbolic link's way: behind one
    /// it may be a living repository's.
    pub(super) fn leads_straight(&self, key: &str) -> bool {
        let Some(rest) = key.strip_prefix(REPOSITORIES) else { return false };
        let Ok(top) = self.root.join(REPOSITORIES).canonicalize() else { return false };
        let real = self.root.join(key).canonicalize();
        top.starts_with(&self.root) && real.is_ok_and(|real| real == top.join(rest))
    }

    fn walk(&self, key: String, area: Area, how: How) -> BoxStream<'static, Result<Page>> {
        let (pages, receiver) = mpsc::channel(16);
        let threads = std::thread::available_parallelism().map_or(2, |n| n.get().clamp(2, THREADS));
        let root = self.root.clone();
        let place = key.clone();
        self.counters.count_list();
        tokio::task::spawn_blocking(move || {
            Walk::start(&root, &key, area.prefix(), how, threads, &pages);
        });
        pages_of(receiver, place)
    }
}

/// The pages of a walk. If it broke off, the last of them is an error.
fn pages_of(receiver: Receiver<Message>, place: String) -> BoxStream<'static, Result<Page>> {
    let pages = stream::try_unfold(Some(receiver), move |state| {
        let place = place.clone();
        async move {
            let Some(mut receiver) = state else { return Ok(None) };
            match receiver.recv().await {
                Some(Message::Page(page)) => Ok(Some((page, Some(receiver)))),
                Some(Message::Complete) => Ok(None),
                Some(Message::Failed(error)) => Err(error),
                None => {
                    let error = Error::new(ErrorKind::Io, "read the registry's directory").on(place);
                    Err(error.because("the walk broke off").next("perhaps this machine has no threads left; run again"))
                }
            }
        }
    });
    pages.boxed()
}

impl Local for Directory {
    fn read_now(&self, key: &str, limit: u64) -> Result<Content> {
        self.counters.count_get();
        // What cannot be expressed as a path is not read as another.
        let path = Self::path(key)?;
        match read_file(&self.root.join(path.as_ref()), limit) {
            Ok(content) => Ok(content),
            Err(error) if is_absent(&error) => Ok(Content::Missing),
            Err(error) => Err(unreadable(error, "read", key)),
        }
    }
}

/// Nearly all links and manifests fit into this: their size need not be asked for.
const USUAL: usize = 4096;

fn read_file(path: &Path, limit: u64) -> io::Result<Content> {
    let mut file = File::open(path)?;
    let most = limit.saturating_add(1);
    let mut bytes = Vec::with_capacity(usize::try_from(most).map_or(USUAL, |most| most.min(USUAL)));
    file.by_ref().take(most).read_to_end(&mut bytes)?;
    if bytes.len() as u64 <= limit {
        // Some are kept by the hundred thousand: not with room for more.
        return Ok(Content::Bytes(Bytes::copy_from_slice(&bytes)));
    }
    Ok(Content::TooLarge(file.metadata()?.len().max(bytes.len() as u64)))
}

/// So much of a file is held at a time.
const STRETCH: usize = 1 << 20;

fn digest_file(path: &Path, algorithm: Algorithm) -> io::Result<(Digest, u64)> {
    let mut file = File::open(path)?;
    let (mut hasher, mut size, mut stretch) = (Hasher::new(algorithm), 0, vec![0; STRETCH]);
    loop {
        match file.read(&mut stretch)? {
            0 => return Ok((hasher.finish(), size)),
            read => {
                hasher.update(&stretch[..read]);
                size += read as u64;
            }
        }
    }
}

/// Whether there is nothing below a directory but directories. What cannot be looked into is not called empty.
fn is_hollow(directory: &Path, deepest: u32) -> bool {
    std::fs::read_dir(directory).is_ok_and(|mut entries| {
        entries.all(|entry| {
            let below = entry.ok().filter(|entry| deepest > 0 && entry.file_type().is_ok_and(|kind| kind.is_dir()));
            below.is_some_and(|below| is_hollow(&below.path(), deepest - 1))
        })
    })
}

fn is_absent(error: &io::Error) -> bool {
    // Where a part of the path is a file there is nothing below it, and a directory is no object.
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::IsADirectory)
}

fn unreadable(error: io::Error, doing: &str, key: &str) -> Error {
    let denied = error.kind() == io::ErrorKind::PermissionDenied;
    let found =
        Error::new(if denied { ErrorKind::Permission } else { ErrorKind::Io }, format!("{doing} a file")).on(key);
    let found = found.because(error.to_string()).caused_by(error);
    if denied { found.next(AS_WHOM) } else { found }
}

#[async_trait]
impl Storage for Directory {
    fn list(&self, area: Area) -> BoxStream<'_, Result<Page>> {
        self.walk(area.prefix().to_owned(), area, How { strict: area == Area::Repositories, all: false })
    }

    fn list_all(&self, area: Area) -> BoxStream<'_, Result<Page>> {
        self.walk(area.prefix().to_owned(), area, How { strict: area == Area::Repositories, all: true })
    }

    fn list_prefix(&self, prefix: String) -> BoxStream<'_, Result<Page>> {
        self.walk(prefix, Area::Repositories, How { strict: true, all: false })
    }

    async fn digest(&self, key: &str, algorithm: Algorithm) -> Result<Option<(Digest, u64)>> {
        let path = self.root.join(Self::path(key)?.as_ref());
        let (counters, key) = (Arc::clone(&self.counters), key.to_owned());
        let read = tokio::task::spawn_blocking(move || {
            counters.count_get();
            match digest_file(&path, algorithm) {
                Ok(found) => Ok(Some(found)),
                Err(error) if is_absent(&error) => Ok(None),
                Err(error) => Err(unreadable(error, "read", &key)),
            }
        });
        read.await.map_err(|error| Error::new(ErrorKind::Bug, "read a file").caused_by(error))?
    }

    fn list_elsewhere(&self) -> BoxStream<'_, Result<Page>> {
        let (pages, receiver) = mpsc::channel(16);
        let root = self.root.clone();
        self.counters.count_list();
        tokio::task::spawn_blocking(move || {
            let ended = elsewhere::walk(&root, &pages);
            let _ = pages.blocking_send(ended.map_or_else(Message::Failed, |()| Message::Complete));
        });
        pages_of(receiver, String::new())
    }

    async fn read_held(&self, key: &str, limit: u64) -> Result<(Content, Held)> {
        let (directory, key) = (self.clone(), key.to_owned());
        // How large it is shows when it is read.
        let held = self.room.large(limit).await;
        let read = tokio::task::spawn_blocking(move || directory.read_now(&key, limit)).await;
        let content = read.map_err(|error| Error::new(ErrorKind::Bug, "read a file").caused_by(error))??;
        Ok((content, held))
    }

    fn shared(&self) -> Arc<dyn Storage> {
        Arc::new(self.clone())
    }

    fn local(&self) -> Option<&dyn Local> {
        Some(self)
    }

    async fn directories(&self, key: &str) -> Result<Directories> {
        let path = self.root.join(Self::path(key)?.as_ref());
        match std::fs::symlink_metadata(&path) {
            Ok(found) if found.is_dir() && self.leads_straight(key) && is_hollow(&path, DEEPEST) => {
                Ok(Directories::Empty)
            }
            Ok(_) => Ok(Directories::More),
            Err(error) if is_absent(&error) => Ok(Directories::None),
            Err(error) => Err(unreadable(error, "look for", key)),
        }
    }

    async fn exists(&self, key: &str) -> Result<bool> {
        self.counters.count_head();
        // One look takes less than to wake another thread for it.
        match std::fs::metadata(self.root.join(Self::path(key)?.as_ref())) {
            Ok(found) => Ok(found.is_file()),
            Err(error) if is_absent(&error) => Ok(false),
            Err(error) => Err(unreadable(error, "look for", key)),
        }
    }

    fn proof(&self) -> Proof {
        Proof { etags: false, cheap_reads: true }
    }

    fn requests(&self) -> Requests {
        self.counters.requests()
    }

    fn time(&self) -> Option<Timestamp> {
        None
    }
}

const AS_WHOM: &str = "run as the user that the registry runs as, or as root";

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::collect::entry::Evidence;
    use futures::TryStreamExt;

    /// A thread that could not start, or that died, must not look like a directory with nothing in it.
    #[tokio::test]
    async fn walk_that_broke_off_is_an_error() {
        let (sender, receiver) = mpsc::channel(4);
        sender.send(Message::Page(Page::default())).await.unwrap();
        drop(sender);
        let listed: Result<Vec<Page>> = pages_of(receiver, "x".into()).try_collect().await;
        assert!(listed.unwrap_err().to_string().contains("the walk broke off"));
    }

    #[tokio::test]
    async fn directory_that_is_not_there_is_empty() {
        let root = tempfile::tempdir().unwrap();
        let directory = Directory::open(root.path()).unwrap();
        let listed: Vec<Page> = directory.list(Area::Blobs).try_collect().await.unwrap();
        assert!(listed.is_empty());
    }

    /// Key, size and time of all that a listing tells of.
    async fn told(pages: BoxStream<'_, Result<Page>>) -> Vec<(String, Evidence)> {
        let pages: Vec<Page> = pages.try_collect().await.unwrap();
        let entries = pages.iter().flat_map(Page::entries).map(|entry| (entry.key.to_owned(), entry.evidence()));
        let mut told: Vec<_> = entries.collect();
        told.sort_by(|a, b| a.0.cmp(&b.0));
        told
    }

    fn put(root: &Path, key: &str) {
        let path = root.join(key);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "sha256:".to_owned() + &"0f".repeat(32)).unwrap();
    }

    const HEX: &str = "0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f";
    const APP: &str = "docker/registry/v2/repositories/app";

    /// Tags of every shape, links of several algorithms, an old signature, an upload.
    fn registry(root: &Path) {
        let history = |tag: &str, algorithm: &str, hex: &str| {
            put(root, &format!("{APP}/_manifests/tags/{tag}/index/{algorithm}/{hex}/link"));
        };
        for tag in ["usual", "two", "without-history", "of-two-algorithms", "odd"] {
            put(root, &format!("{APP}/_manifests/tags/{tag}/current/link"));
            if tag != "without-history" {
                history(tag, "sha256", HEX);
            }
        }
        history("two", "sha256", &"1a".repeat(32));
        history("of-two-algorithms", "sha512", &HEX.repeat(2));
        history("without-current", "sha256", HEX);
        put(root, &format!("{APP}/_manifests/tags/odd/more/link"));
        for algorithm in ["sha256", "sha512"] {
            let hex = HEX.repeat(if algorithm == "sha512" { 2 } else { 1 });
            put(root, &format!("{APP}/_layers/{algorithm}/{hex}/link"));
            put(root, &format!("{APP}/_manifests/revisions/{algorithm}/{hex}/link"));
        }
        put(root, &format!("{APP}/_manifests/revisions/sha256/{HEX}/signatures/sha256/{HEX}/link"));
        put(root, &format!("{APP}/_uploads/0f8fad5b-d9cb-469f-a165-70867728950e/startedat"));
        put(root, "docker/registry/v2/repositories/app/nested/_layers/sha256/x/link");
    }

    #[tokio::test]
    async fn looking_into_directories_without_reading_them_leaves_nothing_out() {
        let home = tempfile::tempdir().unwrap();
        registry(home.path());
        let directory = Directory::open(home.path()).unwrap();
        let all = told(directory.list_all(Area::Repositories)).await;
        assert_eq!(all.len(), 20);
        assert_eq!(told(directory.list(Area::Repositories)).await, all);
    }
}
