//! Where it is kept, and whether that can be trusted.

use super::record::Owner;
use crate::collect::sealed::Place;
use crate::error::{Error, ErrorKind, Result};
use crate::model::digest::hex;
use sha2::Digest as _;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The directory of its own in the one that was named.
const DIRECTORY: &str = "regsweep-manifests";

/// Whose records a storage has: equal for the same place only.
pub(super) fn owner(place: &Place) -> Owner {
    let text = serde_json::to_vec(place).unwrap_or_default();
    let mut owner = Owner::default();
    owner.copy_from_slice(&sha2::Sha256::digest(text)[..size_of::<Owner>()]);
    owner
}

/// Opens the file of one registry; makes it, and the directories that it needs.
pub(super) fn open(named: &Path, owner: Owner) -> Result<(PathBuf, File)> {
    let directory = named.join(DIRECTORY);
    let failed = |why: io::Error| unusable(&directory).caused_by(why);
    DirBuilder::new().recursive(true).mode(0o700).create(&directory).map_err(failed)?;
    let found = directory.symlink_metadata().map_err(failed)?;
    let mode = found.permissions().mode();
    // Whoever can write there could make manifests look as if they needed nothing.
    if !found.is_dir() || found.uid() != rustix::process::geteuid().as_raw() || mode & 0o022 != 0 {
        let why = format!(
            "it is not a directory of this user's alone (owner {}, mode {:o}): who can write there can make content look unneeded",
            found.uid(),
            mode & 0o7777
        );
        return Err(unusable(&directory).because(why).next("chown it, chmod it to 0700, or name another directory"));
    }
    let path = directory.join(format!("{}.v1", hex(&owner)));
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
    let file = file.map_err(|error| unusable(&path).caused_by(error))?;
    Ok((path, file))
}

fn unusable(path: &Path) -> Error {
    Error::new(ErrorKind::Usage, "use the cache of manifests")
        .on(path.display().to_string())
        .next("name a directory that this user can write to, or leave --cache-dir out")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::symlink;

    #[test]
    fn each_place_has_its_own_records() {
        let place = |root: &str| owner(&Place { kind: "s3".into(), root: root.into(), ..Place::default() });
        assert_eq!(place("a"), place("a"));
        assert_ne!(place("a"), place("b"));
    }

    #[test]
    fn nobody_else_may_write_there() {
        let named = tempfile::tempdir().unwrap();
        let (path, _) = open(&named.path().join("a/b"), Owner::default()).unwrap();
        let mode = |path: &Path| path.metadata().unwrap().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        for wide in [0o770, 0o702] {
            fs::set_permissions(path.parent().unwrap(), Permissions::from_mode(wide)).unwrap();
            let error = open(&named.path().join("a/b"), Owner::default()).unwrap_err();
            assert!(error.kind() == ErrorKind::Usage && error.to_string().contains("unneeded"), "{error}");
        }
        fs::set_permissions(path.parent().unwrap(), Permissions::from_mode(0o755)).unwrap();
        assert!(open(&named.path().join("a/b"), Owner::default()).is_ok(), "others may read");
        symlink(path.parent().unwrap(), named.path().join(DIRECTORY)).unwrap();
        assert!(open(named.path(), Owner::default()).is_err(), "it leads elsewhere");
    }
}
