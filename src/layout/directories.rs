//! Directories, on stores that have them: whose they are.

use super::{BLOBS, REPOSITORIES, StorageKey};

/// The directory that a deleted key leaves empty and that belongs to this key alone, on stores that have directories.
///
/// Directories that the registry may be filling for somebody else (a shard, `_layers/sha256`, a repository) are nobody's
/// own: removing one while the registry creates a file in it would fail that push.
#[must_use]
pub fn own_directory(key: &str) -> Option<&str> {
    match StorageKey::parse(key) {
        StorageKey::Blob(_)
        | StorageKey::LayerLink { .. }
        | StorageKey::RevisionLink { .. }
        | StorageKey::SignatureLink { .. }
        | StorageKey::TagCurrent { .. }
        | StorageKey::TagHistory { .. } => key.rsplit_once('/').map(|(directory, _)| directory),
        StorageKey::Upload { upload, .. } => {
            // The id may also be the name of a repository: only its place below `_uploads` tells where it ends.
            let place = format!("/_uploads/{upload}/");
            key.find(&place).map(|start| &key[..start + place.len() - 1])
        }
        StorageKey::Suspect { .. } | StorageKey::Unrecognized => None,
    }
}

/// The directory of the upload that a key belongs to.
#[must_use]
pub fn upload_directory(key: &str) -> Option<&str> {
    match StorageKey::parse(key) {
        StorageKey::Upload { .. } => own_directory(key),
        _ => None,
    }
}

/// What a directory below the root is to the two areas that are listed as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// It is one of them: [`BLOBS`] or [`REPOSITORIES`].
    IsArea,
    /// It holds them, and perhaps something else.
    HoldsAreas,
    /// It lies beside them.
    Beside,
}

/// What a directory, with its last slash, is to [`BLOBS`] and [`REPOSITORIES`]. The root has no name.
#[must_use]
pub fn relation(directory: &str) -> Relation {
    let areas = [BLOBS, REPOSITORIES];
    if areas.contains(&directory) {
        Relation::IsArea
    } else if areas.iter().any(|area| area.starts_with(directory)) {
        Relation::HoldsAreas
    } else {
        Relation::Beside
    }
}

/// Whether a key is in one of the two areas.
#[must_use]
pub fn is_in_area(key: &str) -> bool {
    [BLOBS, REPOSITORIES].iter().any(|area| key.starts_with(area))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::layout::{blob_data, layer_link, upload};
    use crate::model::{Digest, RepositoryName};

    #[test]
    fn upload_is_told_by_its_own_directory_and_nothing_else_is_one() {
        let (name, digest) = (RepositoryName::new("a/b").unwrap(), Digest::of(b"x"));
        let directory = upload(&name, "0f8fad5b-d9cb-469f-a165-70867728950e");
        let own = directory.strip_suffix('/').unwrap();
        for file in ["data", "startedat", "hashstates/sha256/0"] {
            assert_eq!(upload_directory(&format!("{directory}{file}")), Some(own), "{file}");
        }
        for key in [layer_link(&name, &digest), blob_data(&digest), String::new()] {
            assert_eq!(upload_directory(&key), None, "{key}");
        }
    }

    #[test]
    fn keys_of_blobs_and_repositories_are_in_the_areas_that_are_listed() {
        let (name, digest) = (RepositoryName::new("a").unwrap(), Digest::of(b"x"));
        assert!([layer_link(&name, &digest), blob_data(&digest)].iter().all(|key| is_in_area(key)));
        assert!(!["", "docker/registry/v2/", "docker/registry/regsweep/lease.json"].into_iter().any(is_in_area));
    }
}
