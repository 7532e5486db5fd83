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
