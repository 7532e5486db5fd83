//! The order of deletions: that of their keys, which need not be written out for it.

use super::plan::{Deletion, Stage};
use crate::layout::{self, StorageKey};
use crate::model::{Digest, RepositoryName, Tag};
use std::borrow::Cow;
use std::cmp::Ordering;

/// What orders a deletion: its key, as far as it has to be written out for that.
#[derive(Debug)]
pub(super) enum Sight<'a> {
    Odd(&'a Deletion),
    Tag(&'a RepositoryName, &'a str),
    TagHistory(&'a RepositoryName, &'a str, [u8; 32]),
    Revision(&'a RepositoryName, [u8; 32]),
    LayerLink(&'a RepositoryName, [u8; 32]),
    Blob([u8; 32]),
}

impl Sight<'_> {
    pub(super) fn key(&self) -> Cow<'_, str> {
        let tag = |tag: &str| Tag::new(tag);
        let key = match self {
            Self::Odd(deletion) => return Cow::Borrowed(&deletion.key),
            Self::Tag(name, text) => tag(text).map(|tag| layout::tag_current(name, &tag)),
            Self::TagHistory(name, text, digest) => {
                tag(text).map(|tag| layout::tag_history(name, &tag, &Digest::Sha256(*digest)))
            }
            Self::Revision(name, digest) => Some(layout::revision_link(name, &Digest::Sha256(*digest))),
            Self::LayerLink(name, digest) => Some(layout::layer_link(name, &Digest::Sha256(*digest))),
            Self::Blob(digest) => Some(layout::blob_data(&Digest::Sha256(*digest))),
        };
        Cow::Owned(key.unwrap_or_default())
    }

    fn upload_id(&self) -> Option<&str> {
        match self {
            Self::Odd(deletion) => deletion.upload_id.as_deref(),
            _ => None,
        }
    }

    /// The order of keys. Two of one shape need not be written out for it: hex digits are in the order of what they say.
    pub(super) fn key_cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Blob(a), Self::Blob(b)) => a.cmp(b),
            (Self::Revision(a, x), Self::Revision(b, y)) | (Self::LayerLink(a, x), Self::LayerLink(b, y)) => {
                names_cmp(a, b).then_with(|| x.cmp(y))
            }
            (Self::Tag(a, x), Self::Tag(b, y)) => names_cmp(a, b).then_with(|| before(x, "/").cmp(before(y, "/"))),
            (Self::TagHistory(a, x, digest), Self::TagHistory(b, y, other)) => {
                names_cmp(a, b).then_with(|| before(x, "/").cmp(before(y, "/"))).then_with(|| digest.cmp(other))
            }
            _ => self.key().cmp(&other.key()),
        }
    }

    /// The order of what goes: keys, and the parts of one key.
    pub(super) fn what_cmp(&self, other: &Self) -> Ordering {
        self.key_cmp(other).then_with(|| self.upload_id().cmp(&other.upload_id()))
    }
}

/// The order of two repositories' keys: what follows a name in a key decides where it is the beginning of the other.
pub(super) fn names_cmp(a: &RepositoryName, b: &RepositoryName) -> Ordering {
    if a == b { Ordering::Equal } else { before(a.as_str(), "/_").cmp(before(b.as_str(), "/_")) }
}

fn before<'a>(text: &'a str, what_follows: &'static str) -> impl Iterator<Item = u8> + 'a {
    text.bytes().chain(what_follows.bytes())
}

/// What orders a deletion, read off its key.
pub(super) fn sight_of(deletion: &Deletion) -> Sight<'_> {
    let name = |repository: &str| Some(&deletion.repository.as_ref()?.1).filter(|name| name.as_str() == repository);
    let usual = match (deletion.stage, StorageKey::parse(&deletion.key)) {
        (Stage::Tag, StorageKey::TagCurrent { repository, tag }) => name(repository).map(|name| Sight::Tag(name, tag)),
        (Stage::TagHistory, StorageKey::TagHistory { repository, tag, digest: Digest::Sha256(digest) }) => {
            name(repository).map(|name| Sight::TagHistory(name, tag, digest))
        }
        (Stage::Revision, StorageKey::RevisionLink { repository, digest: Digest::Sha256(digest) }) => {
            name(repository).map(|name| Sight::Revision(name, digest))
        }
        (Stage::LayerLink, StorageKey::LayerLink { repository, digest: Digest::Sha256(digest) }) => {
            name(repository).map(|name| Sight::LayerLink(name, digest))
        }
        (Stage::Blob, StorageKey::Blob(Digest::Sha256(digest))) => Some(Sight::Blob(digest)),
        _ => None,
    };
    // The parts of an upload to the key of a blob are no blob.
    usual.filter(|_| deletion.upload_id.is_none()).unwrap_or(Sight::Odd(deletion))
}
