//! One deletion in thirty-two bytes.

use super::decide::DeleteReason;
use super::entry::{Evidence, md5_of_link};
use super::plan::Deletion;
use crate::layout::SHA256_LINK_SIZE;
use crate::model::Digest;

/// How a deletion is kept: those of the usual shapes have the key that `layout` writes for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// Whole.
    Odd,
    Tag,
    TagHistory,
    Revision,
    LayerLink,
    Blob,
}

/// What the listing said of it, beside its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    /// The usual size, and the `ETag` of a link to its digest as S3 writes it.
    Proven,
    /// The usual size, and no `ETag`.
    Plain,
    /// Among the texts.
    Told,
}

/// One deletion; what its numbers mean is known to the store that has made it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Item {
    /// Of a deletion that is kept whole: where it is.
    pub(super) digest: u32,
    pub(super) repository: u32,
    pub(super) rule: u32,
    pub(super) text: u32,
    /// How its digest begins: nearly all are put in order by that, and a digest has to be got back for it from wherever it is.
    pub(super) beginning: u32,
    /// The upper and the lower half of its time.
    pub(super) time: [u32; 2],
    pub(super) level: u8,
    pub(super) shape: Shape,
    pub(super) seen: Seen,
    pub(super) reason: DeleteReason,
}

/// No digest, repository or rule.
pub(super) const NONE: u32 = u32::MAX;

#[cfg(test)]
impl Item {
    pub(super) fn is_odd(&self) -> bool {
        self.shape == Shape::Odd
    }
}

/// What the listing said of a deletion.
pub(super) fn seen(deletion: &Deletion) -> Seen {
    let Evidence { size, etag, .. } = &deletion.evidence;
    match (etag, &deletion.digest) {
        _ if *size != SHA256_LINK_SIZE => Seen::Told,
        (None, _) => Seen::Plain,
        (Some(etag), Some(digest)) if etag.usual() == Some(md5_of_link(digest)) => Seen::Proven,
        (Some(_), _) => Seen::Told,
    }
}

/// The order of beginnings is that of digests, as far as they tell them apart.
pub(super) fn beginning_of(digest: &Digest) -> u32 {
    digest.bytes().first_chunk().map_or(0, |first| u32::from_be_bytes(*first))
}
