//! Links with a digest in their key, as small as what is known of them allows: a registry of ten million blobs has more
//! links than that.

use super::digest_table::DigestTable;
use super::entry::{Entry, Evidence, md5_of_link};
use super::packed_links::{PackedLinks, Usual};
use super::roots::all_names;
use crate::layout::SHA256_LINK_SIZE;
use crate::model::{Algorithm, Digest, Timestamp};
use std::fmt;
use std::sync::Arc;

/// What a link says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// The digest that its key names: proven by size and `ETag`, by reading it, or (where nothing can be proven) assumed.
    AsNamed,
    /// Another digest than its key names; both count.
    Other(Digest),
    /// Not one digest. Counts as naming the digest in its key.
    Unreadable,
    /// Not proven, and not read so far.
    Unread,
}

/// A link with a digest in its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The digest in its key.
    pub digest: Digest,
    seen: Seen,
}

/// What is known of a link. Of nearly all there is nothing to tell but their time.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Seen {
    /// A link to a SHA-256, of the usual size, that says what its key says; its `ETag` is that of such a link, as S3 writes
    /// it.
    Proven(Timestamp),
    /// The same without an `ETag`.
    Plain(Timestamp),
    /// Anything else.
    Odd(Box<(Content, Evidence)>),
}

impl Link {
    /// A link that says this, and of which the listing said that.
    #[must_use]
    pub fn new(digest: Digest, content: Content, evidence: Evidence) -> Self {
        let is_usual = digest.algorithm() == Algorithm::Sha256
            && evidence.size == SHA256_LINK_SIZE
            && !evidence.outside
            && content == Content::AsNamed;
        let seen = match &evidence.etag {
            None if is_usual => Seen::Plain(evidence.modified),
            Some(etag) if is_usual && etag.usual() == Some(md5_of_link(&digest)) => Seen::Proven(evidence.modified),
            _ => Seen::Odd(Box::new((content, evidence))),
        };
        Self { digest, seen }
    }

    /// A link to a SHA-256 that proves itself by its size and its `ETag`, as S3 writes it: only its time is kept.
    #[must_use]
    pub(super) fn proven(digest: Digest, entry: &Entry<'_>) -> Self {
        Self { digest, seen: Seen::Proven(entry.modified) }
    }

    /// The same, or one without an `ETag`, of which nothing but this is to be told.
    #[must_use]
    pub(super) fn of_usual(digest: Digest, modified: Timestamp, is_proven: bool) -> Self {
        Self { digest, seen: if is_proven { Seen::Proven(modified) } else { Seen::Plain(modified) } }
    }

    /// Its time, and whether its `ETag` proves it, if nothing else is to be told of it.
    #[must_use]
    pub(super) fn usual(&self) -> Option<(Timestamp, bool)> {
        match &self.seen {
            Seen::Proven(modified) => Some((*modified, true)),
            Seen::Plain(modified) => Some((*modified, false)),
            Seen::Odd(_) => None,
        }
    }

    /// What it says.
    #[must_use]
    pub fn content(&self) -> &Content {
        match &self.seen {
            Seen::Proven(_) | Seen::Plain(_) => &Content::AsNamed,
            Seen::Odd(odd) => &odd.0,
        }
    }

    /// The digest that it names beside the one in its key.
    #[must_use]
    pub fn alias(&self) -> Option<&Digest> {
        match self.content() {
            Content::Other(digest) => Some(digest),
            Content::AsNamed | Content::Unreadable | Content::Unread => None,
        }
    }

    /// Whether the listing proves what it says.
    #[must_use]
    pub fn is_proven(&self) -> bool {
        match &self.seen {
            Seen::Proven(_) => true,
            Seen::Plain(_) => false,
            Seen::Odd(odd) => odd.1.etag.as_ref().is_some_and(|etag| etag.md5() == Some(md5_of_link(&self.digest))),
        }
    }

    /// Its size in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        match &self.seen {
            Seen::Proven(_) | Seen::Plain(_) => SHA256_LINK_SIZE,
            Seen::Odd(odd) => odd.1.size,
        }
    }

    /// When it was last modified.
    #[must_use]
    pub fn modified(&self) -> Timestamp {
        match &self.seen {
            Seen::Proven(modified) | Seen::Plain(modified) => *modified,
            Seen::Odd(odd) => odd.1.modified,
        }
    }

    /// Whether it is a symbolic link, or was reached through one that leaves the root.
    #[must_use]
    pub fn is_outside(&self) -> bool {
        matches!(&self.seen, Seen::Odd(odd) if odd.1.outside)
    }

    /// What the listing said of it.
    #[must_use]
    pub fn evidence(&self) -> Evidence {
        let usual = |modified, etag| Evidence { size: SHA256_LINK_SIZE, modified, etag, outside: false };
        match &self.seen {
            Seen::Proven(modified) => usual(*modified, Some(md5_of_link(&self.digest).into())),
            Seen::Plain(modified) => usual(*modified, None),
            Seen::Odd(odd) => odd.1.clone(),
        }
    }

    /// Learns what it says.
    pub fn says(&mut self, content: Content) {
        *self = Self::new(self.digest.clone(), content, self.evidence());
    }
}

/// All links of one kind in one repository, in the order of their digests once a listing has ended.
///
/// The usual ones take twelve bytes each; their digests stand in a table that is shared with all other repositories.
#[derive(Clone, Default)]
pub struct Links {
    digests: Arc<DigestTable>,
    usual: PackedLinks,
    odd: Vec<Link>,
}

/// What they say: how they are numbered tells nothing.
impl fmt::Debug for Links {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl Links {
    /// Adds a link from such a page of a listing; `digests` is the table of all links of this inventory, while it is being
    /// made.
    pub(super) fn add(&mut self, link: Link, page: u32, digests: &mut DigestTable) {
        let Some((modified, is_proven)) = link.usual() else { return self.odd.push(link) };
        match Usual::new(digests.insert(&link.digest), modified, is_proven) {
            Some(usual) => self.usual.push(usual, page, digests),
            None => self.odd.push(link),
        }
    }

    /// What follows is of another page of a listing.
    pub(super) fn end_page(&mut self, digests: &DigestTable) {
        self.usual.end_page(digests);
    }

    /// Ends the listing: what was numbered is in `digests` from now on; each digest is there once, and in order: of several
    /// links to one, the odd one, then the first counts.
    pub(super) fn settle(&mut self, digests: &Arc<DigestTable>) {
        self.digests = Arc::clone(digests);
        self.odd.sort_by(|a, b| a.digest.cmp(&b.digest));
        self.odd.dedup_by(|a, b| a.digest == b.digest);
        let are_odd = self.odd.iter().filter_map(|link| digests.find(&link.digest)).collect();
        self.usual.settle(digests, &are_odd);
    }

    /// Adds a link that a journal tells of, in its place, unless there is one.
    pub(super) fn insert(&mut self, link: Link) {
        if self.find(&link.digest).is_none() {
            let at = self.odd.partition_point(|other| other.digest < link.digest);
            self.odd.insert(at, link);
        }
    }

    /// Those of which more than their time is known. Only they can say anything else than their keys.
    #[must_use]
    pub fn odd(&self) -> &[Link] {
        &self.odd
    }

    /// The same, to learn more of them.
    pub(super) fn odd_mut(&mut self) -> &mut [Link] {
        &mut self.odd
    }

    /// As if nothing had proven any.
    #[cfg(test)]
    pub(super) fn doubt(&mut self) {
        self.odd = self.iter().map(|link| Link::new(link.digest.clone(), Content::Unread, link.evidence())).collect();
        self.usual = PackedLinks::default();
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = Link> + '_ {
        self.told(|_| true)
    }

    /// Those with such a time, in order. The digests of the others, which lie anywhere in memory, are not looked at.
    pub fn by_time<'a>(&'a self, is_wanted: impl Fn(Timestamp) -> bool + Copy + 'a) -> impl Iterator<Item = Link> + 'a {
        self.told(move |usual| is_wanted(usual.modified())).filter(move |link| is_wanted(link.modified()))
    }

    /// All in order but for usual ones that stay, by their number in `digests`, if that is the table of these links.
    pub(super) fn unless<'a>(
        &'a self,
        digests: &Arc<DigestTable>,
        stays: impl Fn(u32) -> bool + 'a,
    ) -> impl Iterator<Item = Link> + 'a {
        let are_numbered = Arc::ptr_eq(&self.digests, digests);
        self.told(move |usual| !(are_numbered && stays(usual.number())))
    }

    fn told<'a>(&'a self, is_told: impl Fn(Usual) -> bool + 'a) -> impl Iterator<Item = Link> + 'a {
        let usual = self.usual.told(&self.digests, is_told).map(|(usual, digest)| link(usual, digest));
        let (mut usual, mut odd) = (usual.peekable(), self.odd.iter().peekable());
        std::iter::from_fn(move || {
            let Some(next) = odd.peek() else { return usual.next() };
            match usual.next_if(|link| link.digest < next.digest) {
                Some(link) => Some(link),
                None => odd.next().cloned(),
            }
        })
    }

    /// The link to a digest.
    #[must_use]
    pub fn find(&self, digest: &Digest) -> Option<Link> {
        if let Ok(at) = self.odd.binary_search_by(|link| link.digest.cmp(digest)) {
            return Some(self.odd[at].clone());
        }
        let Digest::Sha256(digest) = digest else { return None };
        self.usual.find(digest, &self.digests).map(|usual| link(usual, *digest))
    }

    /// Whether there is a link to a digest.
    #[must_use]
    pub fn has(&self, digest: &Digest) -> bool {
        self.find(digest).is_some()
    }

    /// All that they name, by their keys and by what they say.
    pub fn names(&self) -> impl Iterator<Item = Digest> + '_ {
        self.iter().flat_map(all_names)
    }

    /// The numbers of the usual ones in `digests`, if that is the table of these links: to tell these, no digest has to be
    /// got back.
    pub(super) fn usual_in(&self, digests: &Arc<DigestTable>) -> Option<impl Iterator<Item = u32> + '_> {
        Arc::ptr_eq(&self.digests, digests).then(|| self.usual.iter().map(Usual::number))
    }

    /// The bytes of all of them.
    pub(super) fn bytes(&self) -> u64 {
        let usual = SHA256_LINK_SIZE.saturating_mul(self.usual.len() as u64);
        self.odd.iter().map(Link::size).fold(usual, u64::saturating_add)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.usual.len() + self.odd.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Only links to a SHA-256 are usual.
fn link(usual: Usual, digest: [u8; 32]) -> Link {
    Link::of_usual(Digest::Sha256(digest), usual.modified(), usual.is_proven())
}

impl<'a> IntoIterator for &'a Links {
    type Item = Link;
    type IntoIter = Box<dyn Iterator<Item = Link> + 'a>;

    fn into_iter(self) -> Self::IntoIter {
        Box::new(self.iter())
    }
}

#[cfg(test)]
mod tests {
    use super::super::entry::etag_of_link;
    use super::super::etag::Etag;
    use super::super::scene::{of, sha512};
    use super::*;
    use proptest::prelude::*;

    fn evidence(digest: &Digest, kind: u8) -> Evidence {
        let md5 = etag_of_link(digest);
        let etag: Option<Etag> = match kind {
            0 => Some(format!("\"{md5}\"").into()),
            1 => Some(md5.into()),
            2 => Some(format!("\"{}\"", md5.to_ascii_uppercase()).into()),
            3 => Some("\"0x8D\"".into()),
            _ => None,
        };
        let size = SHA256_LINK_SIZE + u64::from(kind == 5);
        let modified = Timestamp::from_nanos(i64::from(kind) * 7_000_000_001 - 9_000_000_000);
        Evidence { size, modified, etag, outside: kind == 6 }
    }

    fn content(kind: u8) -> Content {
        match kind {
            0..5 => Content::AsNamed,
            5 => Content::Unread,
            6 => Content::Unreadable,
            _ => Content::Other(of("other")),
        }
    }

    /// A listing in order needs no sorting, and must not be taken for one where it is none.
    #[test]
    fn usual_links_come_out_in_order_and_once() {
        let mut names: Vec<Digest> = (0..5_u8).map(|number| Digest::of(&[number])).collect();
        names.sort();
        let settled = |order: &[usize]| {
            let (mut links, mut digests) = (Links::default(), DigestTable::default());
            for at in order {
                links.add(Link::new(names[*at].clone(), Content::AsNamed, evidence(&names[*at], 0)), 0, &mut digests);
            }
            links.settle(&Arc::new(digests));
            links.iter().map(|link| link.digest).collect::<Vec<_>>()
        };
        for order in [&[0, 1, 2, 3, 4][..], &[4, 3, 2, 1, 0], &[0, 0, 1, 1, 2, 2, 3, 3, 4, 4], &[3, 1, 4, 1, 0, 2]] {
            assert_eq!(settled(order), names, "{order:?}");
        }
        assert_eq!(settled(&[2, 2]), &names[2..3]);
        assert!(settled(&[]).is_empty() && Links::default().is_empty());
    }

    proptest! {
        /// Whatever is not kept of a link can be told again.
        #[test]
        fn links_are_told_as_they_were_seen_each_once_and_in_order(
            seen in proptest::collection::vec((0_u8..30, any::<bool>(), 0_u8..8, 0_u8..8), 0..60),
        ) {
            let is_odd = |link: &Link| matches!(link.seen, Seen::Odd(_));
            let (mut links, mut digests) = (Links::default(), DigestTable::default());
            let mut expected: std::collections::BTreeMap<Digest, Link> = std::collections::BTreeMap::new();
            for (name, is_long, of_content, of_evidence) in seen {
                let digest = if is_long { sha512(&name.to_string()) } else { of(&name.to_string()) };
                let (content, evidence) = (content(of_content), evidence(&digest, of_evidence));
                let link = Link::new(digest.clone(), content.clone(), evidence.clone());
                prop_assert_eq!(link.content(), &content);
                prop_assert_eq!(link.evidence(), evidence.clone());
                prop_assert_eq!((link.modified(), link.is_outside()), (evidence.modified, evidence.outside));
                prop_assert_eq!(link.size(), evidence.size);
                prop_assert_eq!(link.is_proven(), of_evidence < 3, "as its `ETag` is the MD5 of its name");
                let known = expected.get(&digest);
                if known.is_none_or(|known| !is_odd(known) && is_odd(&link)) {
                    expected.insert(digest, link.clone());
                }
                links.add(link, u32::from(name) / 10, &mut digests);
            }
            links.settle(&Arc::new(digests));
            prop_assert_eq!(links.iter().collect::<Vec<_>>(), expected.values().cloned().collect::<Vec<_>>());
            let time = |link: &Link| link.modified() < Timestamp::from_nanos(0);
            let early: Vec<Link> = expected.values().filter(|link| time(link)).cloned().collect();
            prop_assert_eq!(links.by_time(|time| time < Timestamp::from_nanos(0)).collect::<Vec<_>>(), early);
            let (own, other) = (Arc::clone(&links.digests), Arc::new(DigestTable::default()));
            let stays = |number: u32| number.is_multiple_of(2);
            let goes = |link: &&Link| is_odd(link) || !own.find(&link.digest).is_some_and(stays);
            let going: Vec<Link> = expected.values().filter(goes).cloned().collect();
            prop_assert_eq!(links.unless(&own, stays).collect::<Vec<_>>(), going);
            prop_assert_eq!(links.unless(&other, stays).count(), expected.len(), "numbers of another table");
            let usual = expected.values().filter(|link| !is_odd(link));
            let numbers: Option<Vec<u32>> = usual.map(|link| own.find(&link.digest)).collect();
            prop_assert_eq!(links.usual_in(&own).map(Iterator::collect::<Vec<u32>>), numbers);
            prop_assert!(links.usual_in(&other).is_none());
            prop_assert_eq!((links.len(), links.is_empty()), (expected.len(), expected.is_empty()));
            for (digest, link) in &expected {
                prop_assert_eq!(links.find(digest), Some(link.clone()));
            }
            prop_assert_eq!(links.find(&of("nothing")), None);
            prop_assert!(links.odd().iter().all(|link| links.find(&link.digest).as_ref() == Some(link)));
            // What a journal tells of does not take the place of what was listed.
            let told = |name: &str| Link::new(of(name), Content::Other(of("told")), evidence(&of(name), 5));
            for name in ["1", "told", "told"] {
                links.insert(told(name));
            }
            let first = expected.get(&of("1")).cloned().unwrap_or_else(|| told("1"));
            prop_assert_eq!((links.find(&of("1")), links.find(&of("told"))), (Some(first), Some(told("told"))));
            prop_assert!(links.iter().is_sorted_by(|a, b| a.digest < b.digest));
        }
    }

    #[test]
    fn link_takes_no_more_than_it_must() {
        assert_eq!((size_of::<Usual>(), size_of::<Link>()), (12, 56));
    }
}
