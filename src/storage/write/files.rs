//! Writing into a local directory, so that it looks as if the registry had done it: owner, group and mode are those of
//! its neighbours, and a file is there whole or not at all.

use crate::error::{Error, ErrorKind, Result};
use crate::layout::state::{self, StateKey};
use crate::storage::directory::Directory;
use bytes::Bytes;
use std::fs::{self, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::Path;
use std::time::SystemTime;

/// Whether a file is written over one that is there, and the time that it is to have, if not now.
type Manner = (bool, Option<SystemTime>);

/// Writes a file; tells whether it did.
pub(super) async fn put(directory: &Directory, key: &str, bytes: Bytes, manner: Manner) -> Result<bool> {
    directory.counters.count_put();
    let (root, name) = (directory.root.clone(), key.to_owned());
    let written = tokio::task::spawn_blocking(move || write(&root, &name, &bytes, manner)).await;
    let written = written.unwrap_or_else(|error| Err(io::Error::other(error)));
    written.map_err(|error| failed(key, error))
}

fn failed(key: &str, error: io::Error) -> Error {
    let denied = matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem);
    let full = matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
    let kind = if denied { ErrorKind::Permission } else { ErrorKind::Io };
    let failed = Error::new(kind, "write a file").on(key).caused_by(error);
    match (denied, full) {
        (true, _) => failed.next("run as the user that the registry runs as, or as root"),
        // What can be undone must be written down first, and that takes space as well.
        (_, true) => failed.next("free a little space, or delete without a journal: --no-state"),
        _ => failed,
    }
}

fn write(root: &Path, key: &str, bytes: &[u8], (over, modified): Manner) -> io::Result<bool> {
    let target = root.join(key);
    let Some(parent) = target.parent() else { return Err(io::ErrorKind::InvalidInput.into()) };
    make_directories(parent)?;
    let inside = parent.canonicalize()?;
    if !inside.starts_with(root) {
        return Err(io::Error::other(format!("it lies outside the root, in {}", inside.display())));
    }
    // Beside the registry's tree, not in it: what a crash leaves is nothing that the registry would stumble on.
    let drafts = root.join(state::ROOT);
    make_directories(&drafts)?;
    let mut draft = tempfile::Builder::new().prefix(state::DRAFT).tempfile_in(&drafts)?;
    draft.write_all(bytes)?;
    let neighbour = fs::metadata(parent)?;
    draft.as_file().set_permissions(Permissions::from_mode(neighbour.mode() & 0o666))?;
    own_as(draft.path(), &neighbour)?;
    if let Some(modified) = modified {
        // Some file systems do not take it. What comes back is worth more than its age.
        let _ = draft.as_file().set_modified(modified);
    }
    // What must outlive a power cut: without the journal, links that went could not be written back.
    if !matches!(StateKey::parse(key), StateKey::Lease | StateKey::Probe) {
        draft.as_file().sync_all()?;
    }
    if over {
        return draft.persist(&target).map(|_| true).map_err(|error| error.error);
    }
    match draft.persist_noclobber(&target) {
        Ok(_) => Ok(true),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error.error),
    }
}

/// Creates what is missing of a directory's path, each as its parent is.
pub(in crate::storage) fn make_directories(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let Some(parent) = path.parent() else { return Ok(()) };
    make_directories(parent)?;
    match fs::create_dir(path) {
        Ok(()) => {
            let neighbour = fs::metadata(parent)?;
            fs::set_permissions(path, Permissions::from_mode(neighbour.mode() & 0o7777))?;
            own_as(path, &neighbour)
        }
        // The registry, or somebody else, was quicker.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// Only root may give files away; everybody else has made them as the registry's user would.
fn own_as(path: &Path, neighbour: &fs::Metadata) -> io::Result<()> {
    let own = fs::metadata(path)?;
    if (own.uid(), own.gid()) == (neighbour.uid(), neighbour.gid()) {
        return Ok(());
    }
    match chown(path, Some(neighbour.uid()), Some(neighbour.gid())) {
        Err(error) if error.kind() != io::ErrorKind::PermissionDenied => Err(error),
        _ => Ok(()),
    }
}
