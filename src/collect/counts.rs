//! How much of each kind: the unit of reports.

use super::blobs::Tally;
use super::plan::Stage;
use crate::layout::StorageKey;
use serde::Serialize;

/// How much of each kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Tags.
    pub tags: u64,
    /// Entries of tags' histories.
    pub tag_history: u64,
    /// Revision links.
    pub manifests: u64,
    /// Layer links.
    pub layer_links: u64,
    /// Uploads.
    pub uploads: Tally,
    /// Blobs.
    pub blobs: Tally,
}

impl Counts {
    /// One object. `is_new`: of an upload, the first of its files.
    pub(super) fn one(stage: Stage, key: &str, size: u64, is_new: bool) -> Self {
        let mut one = Self::default();
        match stage {
            Stage::Tag => one.tags = 1,
            Stage::TagHistory => one.tag_history = 1,
            Stage::Revision => {
                one.manifests = u64::from(matches!(StorageKey::parse(key), StorageKey::RevisionLink { .. }));
            }
            Stage::LayerLink => one.layer_links = 1,
            Stage::Upload => one.uploads = Tally { count: u64::from(is_new), bytes: size },
            Stage::Blob => one.blobs.add(size),
        }
        one
    }

    /// Adds another.
    pub(super) fn add(&mut self, other: &Self) {
        self.tags += other.tags;
        self.tag_history += other.tag_history;
        self.manifests += other.manifests;
        self.layer_links += other.layer_links;
        self.uploads.count += other.uploads.count;
        self.uploads.bytes += other.uploads.bytes;
        self.blobs.count += other.blobs.count;
        self.blobs.bytes += other.blobs.bytes;
    }

    /// Whether there is nothing at all.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        *self == Self::default()
    }
}
