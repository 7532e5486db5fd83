//! Moving content out of the way before it is deleted for good, and back.
//!
//! Where content is moved, a push that brings it back writes it anew; and a manifest that was admitted a moment before is
//! whole again once its content is back.

use super::files;
use crate::collect::outcome::Outcome;
use crate::error::{Error, ErrorKind, Result};
use crate::layout::{self, StorageKey, state};
use crate::model::Digest;
use crate::storage::cloud::Cloud;
use crate::storage::directory::Directory;
use crate::storage::explain;
use crate::storage::open::Opened;
use crate::storage::reader::Storage;
use crate::storage::write;
use object_store::ObjectStoreExt;
use std::io;

/// What became of content that was to be moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Moved {
    /// It is aside.
    Aside,
    /// It is where it was, or gone: the outcome of its deletion.
    Not(Outcome),
}

/// Moves one file aside.
pub(super) async fn move_file(directory: &Directory, run: &str, key: &str) -> Moved {
    let StorageKey::Blob(digest) = StorageKey::parse(key) else { return not_content() };
    directory.counters.count_copy();
    match rename(directory, key, &state::aside(run, &digest)).await {
        Ok(()) => {
            files::remove_own_directories(&directory.root, key);
            Moved::Aside
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Moved::Not(Outcome::AlreadyGone),
        Err(error) => Moved::Not(Outcome::Failed(format!("it cannot be moved aside: {error}"))),
    }
}

/// Copies one object aside. It is aside only when the original is gone, too.
pub(super) async fn copy_object(cloud: &Cloud, run: &str, key: &str) -> Moved {
    let StorageKey::Blob(digest) = StorageKey::parse(key) else { return not_content() };
    match copy(cloud, key, &state::aside(run, &digest)).await {
        Ok(()) => Moved::Aside,
        Err(object_store::Error::NotFound { .. }) => Moved::Not(Outcome::AlreadyGone),
        Err(error) => {
            let why = explain::shortened(&explain::chain(&error));
            Moved::Not(Outcome::Failed(format!("it cannot be copied aside: {why}")))
        }
    }
}

fn not_content() -> Moved {
    Moved::Not(Outcome::Failed("only content is moved aside".into()))
}

async fn rename(directory: &Directory, from: &str, to: &str) -> io::Result<()> {
    files::stays_inside(directory, from).map_err(io::Error::other)?;
    let (from, to) = (directory.root.join(from), directory.root.join(to));
    let moved = tokio::task::spawn_blocking(move || {
        if let Some(parent) = to.parent() {
            write::make_directories(parent)?;
        }
        std::fs::rename(from, to)
    });
    moved.await.unwrap_or_else(|error| Err(io::Error::other(error)))
}

async fn copy(cloud: &Cloud, from: &str, to: &str) -> object_store::Result<()> {
    let unnamed = |error: Error| object_store::Error::Generic { store: "regsweep", source: error.into() };
    let (from, to) = (cloud.path(from).map_err(unnamed)?, cloud.path(to).map_err(unnamed)?);
    cloud.backend.store().copy(&from, &to).await
}

/// Puts content back where it was, unless there is some: then a push has written it anew, and what is aside is not needed
/// any more. Tells whether it was put back.
///
/// # Errors
/// If it is neither where it was nor can be put there.
pub async fn put_back(opened: &Opened, run: &str, digest: &Digest) -> Result<bool> {
    let (from, to) = (state::aside(run, digest), layout::blob_data(digest));
    let failed = |why: String| {
        Error::new(ErrorKind::Unreachable, "put back what was moved aside")
            .on(&to)
            .because(why)
            .next(format!("it is safe in {from}: run again"))
    };
    match opened {
        Opened::Directory(directory) => {
            directory.counters.count_copy();
            let (source, target) = (directory.root.join(&from), directory.root.join(&to));
            let linked = tokio::task::spawn_blocking(move || {
                if let Some(parent) = target.parent() {
                    write::make_directories(parent)?;
                }
                // A link, not a rename: what a push has written in the meantime is not written over.
                match std::fs::hard_link(&source, &target) {
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
                    Err(_) if !target.exists() => std::fs::rename(&source, &target).map(|()| true),
                    Err(error) => Err(error),
                    Ok(()) => Ok(true),
                }
            });
            linked.await.unwrap_or_else(|error| Err(io::Error::other(error))).map_err(|error| failed(error.to_string()))
        }
        Opened::Cloud(cloud) => {
            if cloud.exists(&to).await? {
                return Ok(false);
            }
            let copied = copy(cloud, &from, &to).await;
            copied.map_err(|error| {
                let why = explain::request(&error, "put back into", &to);
                let then = why.hint().map_or_else(String::new, |hint| format!("{hint}, then "));
                why.next(format!("it is safe in {from}: {then}run again"))
            })?;
            Ok(true)
        }
    }
}
