//! Usual links in twelve bytes each, in blocks that stay in memory or, where there are many, are put on the shelf.

use super::digest_table::DigestTable;
use super::packing::{halves, make_room, whole};
use super::shelf::Put;
use crate::model::Timestamp;
use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::HashSet;

/// So many links are in a block at most.
const FULL: usize = if cfg!(test) { 6 } else { 1024 };
/// So many links make a block of their own where the order of a listing begins anew.
const FEW: usize = if cfg!(test) { 3 } else { 64 };
const LENGTH: usize = 12;

/// Stands in the number of a link without an `ETag`.
const PLAIN: u32 = 1 << 31;

/// A link to a SHA-256 of which nothing but its time is to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Usual {
    number: u32,
    /// As a whole it would take sixteen bytes with the number.
    time: [u32; 2],
}

impl Usual {
    /// One with this number in the table of digests, and with or without an `ETag`; none if the number is too large.
    pub(super) fn new(number: u32, modified: Timestamp, is_proven: bool) -> Option<Self> {
        let flag = if is_proven { 0 } else { PLAIN };
        let time = halves(modified.as_nanos().cast_unsigned());
        (number < PLAIN).then_some(Self { number: number | flag, time })
    }

    /// Its number in the table of digests.
    pub(super) fn number(self) -> u32 {
        self.number & !PLAIN
    }

    pub(super) fn is_proven(self) -> bool {
        self.number & PLAIN == 0
    }

    pub(super) fn modified(self) -> Timestamp {
        Timestamp::from_nanos(whole(self.time).cast_signed())
    }

    fn to_bytes(self) -> [u8; LENGTH] {
        let mut bytes = [0; LENGTH];
        for (place, part) in bytes.as_chunks_mut().0.iter_mut().zip([self.number, self.time[0], self.time[1]]) {
            *place = part.to_le_bytes();
        }
        bytes
    }

    fn of_bytes(bytes: &[u8; LENGTH]) -> Self {
        let mut parts = [0; 3];
        for (part, place) in parts.iter_mut().zip(bytes.as_chunks().0) {
            *part = u32::from_le_bytes(*place);
        }
        Self { number: parts[0], time: [parts[1], parts[2]] }
    }
}

/// Usual links, in the order they came in, and in that of their digests once they are settled. All is told by the table
/// that their numbers are of.
#[derive(Clone, Default)]
pub(super) struct PackedLinks {
    blocks: Vec<Block>,
    len: usize,
    /// The digest that came last, and on which page of a listing.
    last: [u8; 32],
    page: u32,
}

#[derive(Clone)]
struct Block {
    place: Place,
    len: usize,
    /// The digest of the first: to find a block no other has to be got back.
    first: [u8; 32],
    /// Whether they came in the order of their digests, each once.
    is_sorted: bool,
}

#[derive(Clone)]
enum Place {
    Held(Vec<Usual>),
    Put(Put),
}

impl Block {
    fn links(&self) -> Cow<'_, [Usual]> {
        match &self.place {
            Place::Held(links) => Cow::Borrowed(links),
            Place::Put(put) => Cow::Owned(put.all().as_chunks().0.iter().map(Usual::of_bytes).collect()),
        }
    }

    /// Puts it on the shelf, if that is in use.
    fn put(&mut self, digests: &DigestTable) {
        if let Place::Held(links) = &mut self.place {
            let bytes = || links.iter().flat_map(|link| link.to_bytes()).collect::<Vec<u8>>();
            match digests.shelf_in_use().and_then(|beside| Put::on(beside, &bytes())) {
                Some(put) => self.place = Place::Put(put),
                None => links.shrink_to_fit(),
            }
        }
    }
}

impl PackedLinks {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Adds one at the end. Where ranges of a listing are listed side by side, its pages come in any order, and each is in
    /// order: so each has blocks of its own.
    pub(super) fn push(&mut self, link: Usual, page: u32, digests: &DigestTable) {
        let digest = digests.beginning(link.number());
        let is_next = self.len == 0 || self.last < digest;
        let is_same_page = self.page == page;
        (self.last, self.page) = (digest, page);
        self.len += 1;
        if let Some(Block { place: Place::Held(links), len, is_sorted, .. }) = self.blocks.last_mut()
            && *len < FULL
            && is_same_page
            && (is_next || *len < FEW)
        {
            make_room(links, 1);
            links.push(link);
            *len += 1;
            *is_sorted &= is_next;
            return;
        }
        // What is not in order is put where it is once it is.
        self.end_page(digests);
        self.blocks.push(Block { place: Place::Held(vec![link]), len: 1, first: digest, is_sorted: true });
    }

    /// The last block is whole: what follows is of another page, or not next to it. Of thousands of repositories each would
    /// hold one.
    pub(super) fn end_page(&mut self, digests: &DigestTable) {
        if let Some(block) = self.blocks.last_mut().filter(|block| block.is_sorted) {
            block.put(digests);
        }
    }

    /// Puts them into the order of their digests, each once: of several the first counts. Those with these numbers go.
    pub(super) fn settle(&mut self, digests: &DigestTable, without: &HashSet<u32>) {
        let is_left_out = |link: &Usual| without.contains(&link.number());
        if !self.are_blocks_in_order(digests) || !without.is_empty() && self.iter().any(|link| is_left_out(&link)) {
            let mut all: Vec<Usual> = self.iter().filter(|link| !is_left_out(link)).collect();
            sort(&mut all, digests);
            self.blocks = all.chunks(FULL).filter_map(|links| block(links, digests)).collect();
        }
        for block in &mut self.blocks {
            block.put(digests);
        }
        self.blocks.shrink_to_fit();
        self.len = self.blocks.iter().map(|block| block.len).sum();
    }

    /// Puts the blocks into order; tells whether all links are in order then, as they are if no two pages overlap.
    fn are_blocks_in_order(&mut self, digests: &DigestTable) -> bool {
        for block in self.blocks.iter_mut().filter(|block| !block.is_sorted) {
            let mut links = block.links().into_owned();
            sort(&mut links, digests);
            let Some(sorted) = self::block(&links, digests) else { continue };
            // One of several was the first to come: that is not known of what is sorted already.
            if sorted.len < block.len {
                return false;
            }
            *block = sorted;
        }
        let mut bounds: Vec<([u8; 32], usize)> = Vec::with_capacity(self.blocks.len());
        bounds.extend(self.blocks.iter().enumerate().map(|(at, block)| (block.first, at)));
        bounds.sort_unstable();
        let are_apart = bounds.is_sorted_by(|(_, before), (next, _)| {
            self.blocks[*before].links().last().is_none_or(|last| digests.beginning(last.number()) < *next)
        });
        if are_apart {
            let mut blocks: Vec<Option<Block>> = std::mem::take(&mut self.blocks).into_iter().map(Some).collect();
            self.blocks = bounds.into_iter().filter_map(|(_, at)| blocks[at].take()).collect();
        }
        are_apart
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = Usual> + '_ {
        self.blocks.iter().flat_map(|block| {
            let links = block.links();
            (0..block.len).map(move |at| links[at])
        })
    }

    /// Those that are to be told, with their digests.
    pub(super) fn told<'a>(
        &'a self,
        digests: &'a DigestTable,
        is_told: impl Fn(Usual) -> bool + 'a,
    ) -> impl Iterator<Item = (Usual, [u8; 32])> + 'a {
        self.blocks.iter().flat_map(move |block| {
            let told: Vec<Usual> = block.links().iter().copied().filter(|link| is_told(*link)).collect();
            let digests = digests.beginnings(told.iter().map(|link| link.number()));
            told.into_iter().zip(digests)
        })
    }

    /// The one to this digest, of links in order.
    pub(super) fn find(&self, digest: &[u8; 32], digests: &DigestTable) -> Option<Usual> {
        let after = self.blocks.partition_point(|block| block.first <= *digest);
        let links = self.blocks[after.checked_sub(1)?].links();
        let at = links.binary_search_by(|link| digests.beginning(link.number()).cmp(digest)).ok()?;
        Some(links[at])
    }
}

fn block(links: &[Usual], digests: &DigestTable) -> Option<Block> {
    let first = digests.beginning(links.first()?.number());
    Some(Block { place: Place::Held(links.to_vec()), len: links.len(), first, is_sorted: true })
}

/// Puts links in order, each once: of several the first counts. Digests lie anywhere: so each is looked at once, and only
/// those that begin alike again.
fn sort(links: &mut Vec<Usual>, digests: &DigestTable) {
    let first = |digest: [u8; 32]| digest[..8].iter().fold(0_u64, |all, byte| all << 8 | u64::from(*byte));
    let mut keyed: Vec<(u64, Usual)> =
        links.iter().map(|link| (first(digests.beginning(link.number())), *link)).collect();
    let compare = |a: &Usual, b: &Usual| digests.beginning(a.number()).cmp(&digests.beginning(b.number()));
    let whole = |a: &Usual, b: &Usual| if a.number() == b.number() { Ordering::Equal } else { compare(a, b) };
    keyed.sort_by(|(a, x), (b, y)| a.cmp(b).then_with(|| whole(x, y)));
    links.clear();
    links.extend(keyed.into_iter().map(|(_, link)| link));
    links.dedup_by_key(|link| link.number());
}

#[cfg(test)]
mod tests {
    use super::super::shelf::Shelf;
    use super::super::shelf::tests::InMemory;
    use super::*;
    use crate::model::Digest;
    use proptest::prelude::*;
    use std::collections::BTreeMap;
    use std::sync::Arc;

    fn beginning(digest: &Digest) -> [u8; 32] {
        match digest {
            Digest::Sha256(bytes) => *bytes,
            Digest::Sha384(_) | Digest::Sha512(_) => [0; 32],
        }
    }

    #[test]
    fn link_is_the_same_when_it_comes_back_in_its_twelve_bytes() {
        let times = [i64::MIN, -1, 0, 7 << 32 | 5, i64::MAX].map(Timestamp::from_nanos);
        for (time, number, is_proven) in times
            .into_iter()
            .zip([0, 1, PLAIN - 1, 77, 5])
            .flat_map(|(time, number)| [true, false].map(|is_proven| (time, number, is_proven)))
        {
            let link = Usual::new(number, time, is_proven);
            let told = link.map(|link| (link.number(), link.modified(), link.is_proven()));
            assert_eq!(told, Some((number, time, is_proven)));
            assert_eq!(link.map(|link| Usual::of_bytes(&link.to_bytes())), link);
        }
        assert_eq!(Usual::new(PLAIN, times[0], true), None);
        assert_eq!(size_of::<Usual>(), LENGTH);
    }

    proptest! {
        /// In pages that are in order, as ranges of a listing give them, and in any order, as a directory does; wherever
        /// they are put.
        #[test]
        fn links_are_told_in_order_each_once_as_the_first_said(
            pages in proptest::collection::vec(proptest::collection::vec(0_u32..60, 0..20), 0..8),
            are_sorted in any::<bool>(),
            takes in prop_oneof![Just(0), Just(1000), Just(usize::MAX)],
            before in 0_u32..40,
            without in proptest::collection::hash_set(0_u32..60, 0..3),
        ) {
            let beside = Arc::new(InMemory::of(takes));
            let mut digests = DigestTable::with(Some(beside as Arc<dyn Shelf>));
            for other in 0..before {
                digests.insert(&Digest::of(&other.to_be_bytes()));
            }
            let mut packed = PackedLinks::default();
            let mut expected: BTreeMap<[u8; 32], Usual> = BTreeMap::new();
            let mut time = 0;
            for (at, page) in (0..).zip(pages) {
                let mut page: Vec<Digest> = page.into_iter().map(|name| Digest::of(&name.to_le_bytes())).collect();
                if are_sorted {
                    page.sort();
                }
                for digest in page {
                    time += 1;
                    let number = digests.insert(&digest);
                    let Some(link) = Usual::new(number, Timestamp::from_nanos(time), time % 2 == 0) else { continue };
                    expected.entry(beginning(&digest)).or_insert(link);
                    packed.push(link, at, &digests);
                }
            }
            prop_assert_eq!(packed.iter().count(), packed.len());
            let leaves = |digest: &Digest| digests.find(digest).filter(|number| *number >= before);
            let without: HashSet<u32> = without.iter().filter_map(|name| leaves(&Digest::of(&name.to_le_bytes()))).collect();
            expected.retain(|_, link| !without.contains(&link.number()));
            packed.settle(&digests, &without);
            prop_assert_eq!(packed.len(), expected.len());
            prop_assert!(packed.iter().eq(expected.values().copied()));
            for name in 0..60_u32 {
                let digest = beginning(&Digest::of(&name.to_le_bytes()));
                prop_assert_eq!(packed.find(&digest, &digests), expected.get(&digest).copied());
            }
        }
    }

    /// What is told of pages of such digests, each of one byte after others that are the same: the byte, and when it came.
    fn told(pages: &[&[u8]]) -> Vec<(u8, i64)> {
        let (mut digests, mut packed, mut time) = (DigestTable::default(), PackedLinks::default(), 0);
        for (at, page) in (0..).zip(pages) {
            for last in *page {
                let mut digest = [7; 32];
                digest[31] = *last;
                time += 1;
                let link = Usual::new(digests.insert(&Digest::Sha256(digest)), Timestamp::from_nanos(time), true);
                if let Some(link) = link {
                    packed.push(link, at, &digests);
                }
            }
        }
        packed.settle(&digests, &HashSet::new());
        packed.iter().map(|link| (digests.beginning(link.number())[31], link.modified().as_nanos())).collect()
    }

    #[test]
    fn link_that_ends_one_page_and_begins_the_next_is_one() {
        assert_eq!(told(&[&[1, 2], &[2, 3]]), [(1, 1), (2, 2), (3, 4)]);
        assert_eq!(told(&[&[3, 4], &[1, 2, 3]]), [(1, 3), (2, 4), (3, 1), (4, 2)]);
    }

    #[test]
    fn digests_that_begin_alike_are_told_apart_and_put_in_order() {
        assert_eq!(told(&[&[3, 1, 2, 1, 3]]), [(1, 2), (2, 3), (3, 1)]);
        assert_eq!(told(&[&[9, 8, 9], &[5, 9, 8, 5]]), [(5, 4), (8, 2), (9, 1)]);
    }

    /// Pages of ranges that were listed side by side are put where they are once, and not sorted anew.
    #[test]
    fn pages_of_one_repository_stay_where_they_were_put() {
        let mut names: Vec<Digest> = (0..200_u32).map(|number| Digest::of(&number.to_le_bytes())).collect();
        names.sort();
        let beside = Arc::new(InMemory::of(usize::MAX));
        let mut digests = DigestTable::with(Some(Arc::clone(&beside) as Arc<dyn Shelf>));
        for other in 0..100_u32 {
            digests.insert(&Digest::of(&other.to_be_bytes()));
        }
        let (first, second) = names.split_at(100);
        let mut packed = PackedLinks::default();
        for (at, page) in (0..).zip(second.chunks(10).zip(first.chunks(10)).flat_map(|(a, b)| [a, b])) {
            for digest in page {
                let link = Usual::new(digests.insert(digest), Timestamp::default(), true);
                if let Some(link) = link {
                    packed.push(link, at, &digests);
                }
            }
        }
        packed.end_page(&digests);
        let before = beside.len();
        packed.settle(&digests, &HashSet::new());
        assert!(packed.iter().map(|link| digests.get(link.number())).eq(names));
        assert!(packed.blocks.iter().all(|block| matches!(block.place, Place::Put(_))));
        assert_eq!(beside.len(), before, "none is put there once more");
    }
}
