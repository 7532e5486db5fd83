//! A tag and all that was listed of it, in as few bytes as that takes.

use super::entry::Evidence;
use super::etag::Etag;
use super::inventory::{Content, Current, Link, Target};
use super::shelf::not_understood;
use super::tags::TagEntry;
use crate::model::{Digest, Tag, Timestamp};
use std::ops::Range;

/// Writes one at the end.
pub(super) fn write(place: &mut Vec<u8>, tag: &Tag, entry: &TagEntry) {
    let begin = place.len();
    place.extend_from_slice(&[0; LENGTH]);
    text(place, tag.as_str());
    match &entry.current {
        None => place.push(0),
        Some(Current { target, evidence }) => {
            match target {
                Target::Digest(named) => (place.push(1), digest(place, named)).1,
                Target::Unreadable(Some(named)) => (place.push(2), digest(place, named)).1,
                Target::Unreadable(None) => place.push(3),
                Target::Unread => place.push(4),
            }
            self::evidence(place, evidence);
        }
    }
    entry.history.iter().for_each(|listed| link(place, listed));
    let length = u32::try_from(place.len() - begin).unwrap_or(u32::MAX);
    place[begin..begin + LENGTH].copy_from_slice(&length.to_le_bytes());
}

/// What stands before each: its length with that.
const LENGTH: usize = 4;

fn text(place: &mut Vec<u8>, text: &str) {
    place.extend_from_slice(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes());
    place.extend_from_slice(text.as_bytes());
}

fn digest(place: &mut Vec<u8>, digest: &Digest) {
    place.push(match digest {
        Digest::Sha256(_) => 0,
        Digest::Sha384(_) => 1,
        Digest::Sha512(_) => 2,
    });
    place.extend_from_slice(digest.bytes());
}

fn evidence(place: &mut Vec<u8>, Evidence { size, modified, etag, outside }: &Evidence) {
    place.extend_from_slice(&size.to_le_bytes());
    place.extend_from_slice(&modified.as_nanos().to_le_bytes());
    place.push(u8::from(*outside));
    match (etag, etag.as_ref().and_then(Etag::usual)) {
        (None, _) => place.push(0),
        (Some(_), Some(md5)) => {
            place.push(1);
            place.extend_from_slice(&md5);
        }
        (Some(etag), None) => {
            place.push(2);
            text(place, &etag.text());
        }
    }
}

fn link(place: &mut Vec<u8>, link: &Link) {
    if let Some((modified, is_proven)) = link.usual() {
        place.push(u8::from(is_proven));
        digest(place, &link.digest);
        place.extend_from_slice(&modified.as_nanos().to_le_bytes());
        return;
    }
    place.push(2);
    digest(place, &link.digest);
    match link.content() {
        Content::AsNamed => place.push(0),
        Content::Unreadable => place.push(1),
        Content::Unread => place.push(2),
        Content::Other(other) => {
            place.push(3);
            digest(place, other);
        }
    }
    evidence(place, &link.evidence());
}

/// All that were written, one after the other.
pub(super) fn all(bytes: &[u8]) -> impl Iterator<Item = Packed<'_>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = bytes.get(at..).filter(|rest| !rest.is_empty())?;
        let packed = one(rest, at).unwrap_or_else(|| not_understood());
        at = packed.place.end;
        Some(packed)
    })
}

fn one(bytes: &[u8], at: usize) -> Option<Packed<'_>> {
    let length = u32::from_le_bytes(*bytes.first_chunk()?) as usize;
    let mut reader = Reader(bytes.get(LENGTH..length)?);
    Some(Packed { name: reader.text()?, place: at..at + length, rest: reader })
}

/// One that was written.
pub(super) struct Packed<'a> {
    /// Its name.
    pub(super) name: &'a str,
    /// Where it is.
    pub(super) place: Range<usize>,
    rest: Reader<'a>,
}

impl Packed<'_> {
    pub(super) fn tag(&self) -> Tag {
        Tag::new(self.name).unwrap_or_else(|| not_understood())
    }

    /// All that was listed of it, as it was put in.
    pub(super) fn entry(mut self) -> TagEntry {
        self.rest.entry().unwrap_or_else(|| not_understood())
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take().map(|[byte]| byte)
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = u32::from_le_bytes(self.take()?) as usize;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        std::str::from_utf8(text).ok()
    }

    fn digest(&mut self) -> Option<Digest> {
        Some(match self.byte()? {
            0 => Digest::Sha256(self.take()?),
            1 => Digest::Sha384(Box::new(self.take()?)),
            _ => Digest::Sha512(Box::new(self.take()?)),
        })
    }

    fn time(&mut self) -> Option<Timestamp> {
        self.take().map(|nanos| Timestamp::from_nanos(i64::from_le_bytes(nanos)))
    }

    fn evidence(&mut self) -> Option<Evidence> {
        let size = u64::from_le_bytes(self.take()?);
        let (modified, outside) = (self.time()?, self.byte()? != 0);
        let etag = match self.byte()? {
            0 => None,
            1 => Some(Etag::from(self.take::<16>()?)),
            _ => Some(Etag::from(self.text()?)),
        };
        Some(Evidence { size, modified, etag, outside })
    }

    fn entry(&mut self) -> Option<TagEntry> {
        let target = match self.byte()? {
            0 => None,
            1 => Some(Target::Digest(self.digest()?)),
            2 => Some(Target::Unreadable(Some(self.digest()?))),
            3 => Some(Target::Unreadable(None)),
            _ => Some(Target::Unread),
        };
        let mut entry = TagEntry::default();
        if let Some(target) = target {
            entry.current = Some(Current { target, evidence: self.evidence()? });
        }
        while !self.0.is_empty() {
            entry.history.push(self.link()?);
        }
        Some(entry)
    }

    fn link(&mut self) -> Option<Link> {
        let (kind, digest) = (self.byte()?, self.digest()?);
        if kind < 2 {
            return Some(Link::of_usual(digest, self.time()?, kind == 1));
        }
        let content = match self.byte()? {
            0 => Content::AsNamed,
            1 => Content::Unreadable,
            2 => Content::Unread,
            _ => Content::Other(self.digest()?),
        };
        Some(Link::new(digest, content, self.evidence()?))
    }
}

#[cfg(test)]
mod tests {
    use super::super::scene::{of, sha512};
    use super::*;
    use proptest::prelude::*;

    fn some_digest() -> impl Strategy<Value = Digest> {
        let wide = |name: String| Digest::Sha384(Box::new(std::array::from_fn(|at| sha512(&name).bytes()[at])));
        ("[a-c]", 0_u8..3).prop_map(move |(name, kind)| match kind {
            0 => of(&name),
            1 => sha512(&name),
            _ => wide(name),
        })
    }

    fn some_evidence() -> impl Strategy<Value = Evidence> {
        let etag = prop_oneof![
            Just(None),
            any::<[u8; 16]>().prop_map(|md5| Some(Etag::from(md5))),
            "\\PC{0,9}".prop_map(|text| Some(Etag::from(text))),
        ];
        (prop_oneof![Just(71), any::<u64>()], any::<i64>(), etag, any::<bool>()).prop_map(
            |(size, modified, etag, outside)| Evidence {
                size,
                modified: Timestamp::from_nanos(modified),
                etag,
                outside,
            },
        )
    }

    fn some_link() -> impl Strategy<Value = Link> {
        let content = prop_oneof![
            Just(Content::AsNamed),
            Just(Content::Unreadable),
            Just(Content::Unread),
            some_digest().prop_map(Content::Other),
        ];
        let odd = (some_digest(), content, some_evidence());
        let odd = odd.prop_map(|(digest, content, evidence)| Link::new(digest, content, evidence));
        let usual = ("[a-c]", any::<i64>(), any::<bool>());
        let usual = usual.prop_map(|(name, nanos, is)| Link::of_usual(of(&name), Timestamp::from_nanos(nanos), is));
        prop_oneof![odd, usual]
    }

    fn some_current() -> impl Strategy<Value = Current> {
        let target = prop_oneof![
            some_digest().prop_map(Target::Digest),
            proptest::option::of(some_digest()).prop_map(Target::Unreadable),
            Just(Target::Unread),
        ];
        (target, some_evidence()).prop_map(|(target, evidence)| Current { target, evidence })
    }

    proptest! {
        #[test]
        fn tag_is_read_as_it_was_written(
            tags in proptest::collection::vec(
                ("[a-z]{1,128}", proptest::option::of(some_current()), proptest::collection::vec(some_link(), 0..3)),
                0..5,
            ),
        ) {
            let mut bytes = Vec::new();
            let mut expected = Vec::new();
            for (name, current, history) in tags {
                let entry = TagEntry { current, history: history.into() };
                if let Some(tag) = Tag::new(&name) {
                    write(&mut bytes, &tag, &entry);
                }
                expected.push((name, entry));
            }
            let read: Vec<_> = all(&bytes).map(|packed| (packed.name.to_owned(), packed.entry())).collect();
            prop_assert_eq!(read, expected);
        }
    }

    /// A tag that is left out would cost its image.
    #[test]
    fn what_cannot_be_understood_ends_the_run() {
        let tag = Tag::new("v1").unwrap_or_else(|| not_understood());
        let mut bytes = Vec::new();
        let history = [Link::of_usual(of("a"), Timestamp::default(), true)].into_iter().collect();
        write(&mut bytes, &tag, &TagEntry { current: None, history });
        let read = |bytes: &[u8]| {
            let told = || all(bytes).map(|packed| (packed.tag(), packed.entry())).collect::<Vec<_>>().len();
            std::panic::catch_unwind(told).map_err(|payload| payload.is::<crate::error::Error>())
        };
        assert_eq!((read(&bytes).ok(), read(&[]).ok()), (Some(1), Some(0)));
        for length in 1..bytes.len() {
            assert_eq!(read(&bytes[..length]), Err(true), "{length} bytes of it");
        }
        let mut odd = bytes.clone();
        odd[2 * LENGTH] = b'-';
        assert_eq!(read(&odd), Err(true), "no tag is called so");
        bytes.push(7);
        assert_eq!(read(&bytes), Err(true));
    }
}
