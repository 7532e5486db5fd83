//! One object as a listing tells of it.

use super::etag::Etag;
use crate::model::digest::{LONGEST_DIGEST, hex};
use crate::model::{Digest, Timestamp};
use md5::Digest as _;

/// One object of a listing. Borrowed from its page: nothing here is kept but what a decision needs.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// The key, relative to the registry's root.
    pub key: &'a str,
    /// Its size in bytes.
    pub size: u64,
    /// When it was last modified.
    pub modified: Timestamp,
    /// The store's `ETag`, if it has one.
    pub etag: Option<&'a str>,
    /// Whether it is a symbolic link, or was reached through one that leaves the root. Such an object counts, and is never
    /// deleted: it belongs to somebody else as well, or removing it frees nothing.
    pub outside: bool,
}

/// What a listing said of an object that may be deleted: if it says something else later, the object has changed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Evidence {
    /// Size in bytes.
    pub size: u64,
    /// Time of last modification.
    pub modified: Timestamp,
    /// The store's `ETag`, if it has one.
    pub etag: Option<Etag>,
    /// See [`Entry::outside`].
    pub outside: bool,
}

impl Entry<'_> {
    /// What is worth keeping of this entry.
    #[must_use]
    pub fn evidence(&self) -> Evidence {
        Evidence { size: self.size, modified: self.modified, etag: self.etag.map(Into::into), outside: self.outside }
    }

    /// Whether the `ETag` is that of a link to `digest`: the MD5 of its text, as S3 and GCS give it for an object that was
    /// written in one request and is not encrypted with a key of its own.
    #[must_use]
    pub fn is_proven_link_to(&self, digest: &Digest) -> bool {
        self.etag.is_some_and(|etag| is_etag_of_link(etag, digest))
    }
}

/// Whether `etag` is the MD5 of the text of `digest`.
#[must_use]
pub fn is_etag_of_link(etag: &str, digest: &Digest) -> bool {
    md5_in(etag).is_some_and(|md5| md5 == md5_of_link(digest))
}

/// The MD5 that an `ETag` is, if it is one.
#[must_use]
pub fn md5_in(etag: &str) -> Option<[u8; 16]> {
    let etag = bare_etag(etag).as_bytes();
    let nibble = |digit: u8| char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut md5 = [0; 16];
    for (byte, pair) in md5.iter_mut().zip(etag.chunks_exact(2)) {
        *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
    }
    (etag.len() == 32).then_some(md5)
}

/// What the `ETag` of a link to `digest` is, where `ETag`s are the MD5 of the content.
#[must_use]
pub fn etag_of_link(digest: &Digest) -> String {
    hex(&md5_of_link(digest))
}

/// The MD5 of the text of `digest`.
#[must_use]
pub fn md5_of_link(digest: &Digest) -> [u8; 16] {
    let mut text = [0; LONGEST_DIGEST];
    let text = digest.write_to(&mut text);
    md5::Md5::digest(text).into()
}

/// An `ETag` without what stands around it.
#[must_use]
pub fn bare_etag(etag: &str) -> &str {
    etag.strip_prefix("W/").unwrap_or(etag).trim_matches('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn etag_proves_a_link_only_if_it_is_the_md5_of_its_text() {
        let digest = Digest::of(b"");
        let right = "56988e62da0324c7e2efd77b7f10be46";
        assert!(is_etag_of_link(&format!("\"{right}\""), &digest));
        assert!(is_etag_of_link(&right.to_uppercase(), &digest));
        assert!(!is_etag_of_link(&format!("\"{right}-1\""), &digest));
        assert!(!is_etag_of_link("", &digest));
        assert!(!is_etag_of_link(right, &Digest::of(b"x")));
    }

    #[test]
    fn evidence_is_all_that_a_listing_said() {
        let modified = Timestamp::from_days(3);
        let digest = Digest::of(b"");
        let entry =
            Entry { key: "key", size: 7, modified, etag: Some("56988e62da0324c7e2efd77b7f10be46"), outside: true };
        let etag = entry.etag.map(Into::into);
        assert_eq!(entry.evidence(), Evidence { size: 7, modified, etag, outside: true });
        assert!(entry.is_proven_link_to(&digest) && !entry.is_proven_link_to(&Digest::of(b"x")));
        assert!(!Entry { etag: None, ..entry }.is_proven_link_to(&digest));
        assert!(is_etag_of_link("W/\"56988e62da0324c7e2efd77b7f10be46\"", &digest));
    }
}
