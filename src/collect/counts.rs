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
    /// Uploads, and the bytes of their files.
    pub uploads: Tally,
    /// Incomplete multipart uploads, and the bytes of their parts.
    pub multipart_uploads: Tally,
    /// Blobs.
    pub blobs: Tally,
}

impl Counts {
    /// One object, or the parts of one. `is_new`: of an upload, the first of its files.
    pub(super) fn one(stage: Stage, (key, upload_id): (&str, Option<&str>), size: u64, is_new: bool) -> Self {
        let mut one = Self::default();
        if upload_id.is_some() {
            one.multipart_uploads.add(size);
            one.uploads.count = u64::from(is_new);
            return one;
        }
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
        self.uploads.add_all(other.uploads);
        self.multipart_uploads.add_all(other.multipart_uploads);
        self.blobs.add_all(other.blobs);
    }

    /// Bytes of all that is not links.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let parts = [self.blobs, self.uploads, self.multipart_uploads];
        parts.iter().map(|tally| tally.bytes).fold(0, u64::saturating_add)
    }

    /// Whether there is nothing at all.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        *self == Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::super::scene::{name, of, tag};
    use super::*;
    use crate::layout;

    #[test]
    fn one_object_of_each_stage_is_one_of_its_kind() {
        let (a, digest) = (name("a"), of("x"));
        let tally = |count, bytes| Tally { count, bytes };
        let zero = Counts::default();
        for (stage, key, is_new, expected) in [
            (Stage::Tag, layout::tag_current(&a, &tag("v1")), true, Counts { tags: 1, ..zero }),
            (Stage::TagHistory, layout::tag_history(&a, &tag("v1"), &digest), true, Counts { tag_history: 1, ..zero }),
            (Stage::Revision, layout::revision_link(&a, &digest), true, Counts { manifests: 1, ..zero }),
            (Stage::Revision, layout::signature_link(&a, &digest, &digest), true, zero),
            (Stage::LayerLink, layout::layer_link(&a, &digest), true, Counts { layer_links: 1, ..zero }),
            (Stage::Upload, "x".into(), true, Counts { uploads: tally(1, 7), ..zero }),
            (Stage::Upload, "x".into(), false, Counts { uploads: tally(0, 7), ..zero }),
            (Stage::Blob, layout::blob_data(&digest), true, Counts { blobs: tally(1, 7), ..zero }),
        ] {
            let one = Counts::one(stage, (&key, None), 7, is_new);
            assert_eq!(one, expected, "{key}");
            assert_eq!(one.is_zero(), expected == zero);
        }
        for is_new in [false, true] {
            let parts = Counts { uploads: tally(u64::from(is_new), 0), multipart_uploads: tally(1, 7), ..zero };
            assert_eq!(Counts::one(Stage::Upload, ("x", Some("id")), 7, is_new), parts);
        }
    }

    #[test]
    fn counts_of_every_kind_add_up() {
        let tally = |count, bytes| Tally { count, bytes };
        let counts = |n| Counts {
            tags: n,
            tag_history: n + 1,
            manifests: n + 2,
            layer_links: n + 3,
            uploads: tally(n + 4, n + 5),
            multipart_uploads: tally(n + 8, n + 9),
            blobs: tally(n + 6, n + 7),
        };
        let mut sum = counts(10);
        sum.add(&counts(3));
        let expected = Counts {
            tags: 13,
            tag_history: 15,
            manifests: 17,
            layer_links: 19,
            uploads: tally(21, 23),
            multipart_uploads: tally(29, 31),
            blobs: tally(25, 27),
        };
        assert_eq!((sum, sum.bytes()), (expected, 23 + 27 + 31));
    }
}
