//! Digests, each once, by number.

use super::digest_numbers::DigestNumbers;
use super::shelf::{Put, Shelf};
use crate::model::{Algorithm, Digest};
use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;

/// So many digests are allocated at once: a table that doubled would for a moment need three times its place.
const CHUNK: usize = if cfg!(test) { 4 } else { 1 << 15 };
/// So many of these stay in memory, 16 MB: what a registry of a few hundred thousand blobs has.
const HELD: usize = if cfg!(test) { 1 } else { 16 };
/// Of so many none do but the last: of millions of digests the first are not asked for more often than others.
const MANY: usize = 4 * HELD;
const LENGTH: usize = 32;
/// So many are got back at once.
const WINDOW: usize = if cfg!(test) { 3 } else { 128 };

/// A table that only grows. A registry of ten million blobs has as many digests: so six bytes of an index for each, and
/// nothing else in memory if there is a shelf for the digests.
#[derive(Clone)]
pub struct DigestTable {
    chunks: Vec<Chunk>,
    shelf: Option<Arc<dyn Shelf>>,
    /// How many there are.
    len: usize,
    /// Digests that are no SHA-256, whole; their place among the others has their beginning.
    long: HashMap<u32, Digest>,
    /// The numbers, where the hash of their digest says.
    numbers: DigestNumbers,
    /// Makes the hash of this process its own: whoever pushes cannot choose digests that fall together.
    key: (u64, u64),
}

/// The beginnings of some digests. Only the last of a table is not full, and it is held.
#[derive(Clone)]
enum Chunk {
    Held(Vec<[u8; LENGTH]>),
    Put(Put),
}

impl Default for DigestTable {
    fn default() -> Self {
        let (state, other) = (RandomState::new(), RandomState::new());
        let key = (state.hash_one(0), other.hash_one(0) | 1);
        Self { chunks: Vec::new(), shelf: None, len: 0, long: HashMap::new(), numbers: DigestNumbers::default(), key }
    }
}

impl DigestTable {
    /// One of which most is put on a shelf where it is long.
    #[must_use]
    pub fn with(beside: Option<Arc<dyn Shelf>>) -> Self {
        Self { shelf: beside, ..Self::default() }
    }

    /// The shelf of this table.
    pub(super) fn shelf(&self) -> Option<Arc<dyn Shelf>> {
        self.shelf.clone()
    }

    /// Its shelf, if it is so long that some of it is there: then what belongs to it may as well be.
    pub(super) fn shelf_in_use(&self) -> Option<&Arc<dyn Shelf>> {
        self.shelf.as_ref().filter(|_| self.chunks.len() > HELD + 1)
    }

    /// How many digests there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The digest of a number that this table has given.
    #[must_use]
    pub fn get(&self, number: u32) -> Digest {
        match self.long.get(&number) {
            Some(long) => long.clone(),
            None => Digest::Sha256(self.beginning(number)),
        }
    }

    /// The number of a digest, if it has one.
    #[must_use]
    pub fn find(&self, digest: &Digest) -> Option<u32> {
        self.numbers.find(self.hash(digest), |number| self.is(number, digest))
    }

    /// The number of a digest; the next one if it has none.
    pub fn insert(&mut self, digest: &Digest) -> u32 {
        if let Some(number) = self.find(digest) {
            return number;
        }
        if self.numbers.is_full() {
            self.grow();
        }
        // A registry of four thousand million digests does not fit into any memory that runs this.
        let number = u32::try_from(self.len).unwrap_or(u32::MAX);
        self.push(beginning_of(digest));
        if digest.algorithm() != Algorithm::Sha256 {
            self.long.insert(number, digest.clone());
        }
        let hash_of = |number| hash(self.key, &beginning(&self.chunks, number));
        self.numbers.insert(hash(self.key, &beginning_of(digest)), number, hash_of);
        number
    }

    /// The first bytes of the digest of a number: of a SHA-256 all of them.
    pub(super) fn beginning(&self, number: u32) -> [u8; LENGTH] {
        beginning(&self.chunks, number)
    }

    /// The same of many. Those that were numbered one after the other are got back from the shelf together.
    pub(super) fn beginnings(&self, numbers: impl ExactSizeIterator<Item = u32> + Clone) -> Vec<[u8; LENGTH]> {
        let mut all = Vec::with_capacity(numbers.len());
        let (mut window, mut from) = (Vec::new(), 0);
        let mut numbers = numbers.peekable();
        while let Some(number) = numbers.next() {
            let known = number.checked_sub(from).and_then(|place| window.get(place as usize));
            let known: Option<[u8; LENGTH]> = known.copied();
            let has_next = numbers.peek() == Some(&(number + 1));
            all.push(match (known, self.chunks.get(number as usize / CHUNK)) {
                (Some(known), _) => known,
                (None, Some(Chunk::Put(put))) if has_next => {
                    let place = number as usize % CHUNK;
                    window.resize(WINDOW.min(CHUNK - place), [0; LENGTH]);
                    from = number;
                    put.get(place * LENGTH, window.as_flattened_mut());
                    window[0]
                }
                (None, _) => self.beginning(number),
            });
        }
        all
    }

    fn is(&self, number: u32, digest: &Digest) -> bool {
        match digest {
            Digest::Sha256(bytes) => self.beginning(number) == *bytes && !self.long.contains_key(&number),
            Digest::Sha384(_) | Digest::Sha512(_) => self.long.get(&number) == Some(digest),
        }
    }

    fn hash(&self, digest: &Digest) -> u64 {
        hash(self.key, &beginning_of(digest))
    }

    fn push(&mut self, beginning: [u8; LENGTH]) {
        if self.len.is_multiple_of(CHUNK) {
            let last = self.put_last();
            let room = if self.chunks.is_empty() { 64 } else { CHUNK };
            self.chunks.push(Chunk::Held(last.unwrap_or_else(|| Vec::with_capacity(room))));
        }
        if let Some(Chunk::Held(last)) = self.chunks.last_mut() {
            last.push(beginning);
            self.len += 1;
        }
    }

    /// Puts the last chunk, which is full, on the shelf, if there are more than memory is to hold, and the first ones as well
    /// once there are many. Gives the place of one back.
    fn put_last(&mut self) -> Option<Vec<[u8; LENGTH]>> {
        let beside = self.shelf.as_ref().filter(|_| self.chunks.len() > HELD)?;
        let first = if self.chunks.len() == MANY { 0 } else { self.chunks.len() - 1 };
        let mut place = None;
        for chunk in &mut self.chunks[first..] {
            if let Chunk::Held(digests) = chunk
                && let Some(put) = Put::on(beside, digests.as_flattened())
            {
                place = Some(std::mem::take(digests));
                *chunk = Chunk::Put(put);
            }
        }
        place.as_mut().map(Vec::clear);
        place
    }

    /// Makes room for more, and finds a place for each anew.
    fn grow(&mut self) {
        self.numbers.make_room();
        let mut place: Vec<u8>;
        let mut number = 0;
        let hash_of = |number| hash(self.key, &beginning(&self.chunks, number));
        for chunk in &self.chunks {
            let digests: &[[u8; LENGTH]] = match chunk {
                Chunk::Held(digests) => digests,
                Chunk::Put(put) => {
                    place = put.all();
                    place.as_chunks().0
                }
            };
            for digest in digests {
                self.numbers.insert(hash(self.key, digest), number, hash_of);
                number += 1;
            }
        }
    }
}

fn beginning(chunks: &[Chunk], number: u32) -> [u8; LENGTH] {
    let (chunk, place) = (number as usize / CHUNK, number as usize % CHUNK);
    match &chunks[chunk] {
        Chunk::Held(digests) => digests[place],
        Chunk::Put(put) => {
            let mut beginning = [0; LENGTH];
            put.get(place * LENGTH, &mut beginning);
            beginning
        }
    }
}

fn hash(key: (u64, u64), beginning: &[u8; LENGTH]) -> u64 {
    let word = beginning[..8].iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
    let product = (word ^ key.0).wrapping_mul(key.1);
    // The upper half depends on all of the lower one, and not the reverse.
    product ^ product >> 32
}

fn beginning_of(digest: &Digest) -> [u8; LENGTH] {
    let mut beginning = [0; LENGTH];
    beginning.copy_from_slice(&digest.bytes()[..LENGTH]);
    beginning
}

impl fmt::Debug for DigestTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DigestTable").field("len", &self.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::super::scene::sha512;
    use super::super::shelf::tests::InMemory;
    use super::*;

    #[test]
    fn the_first_digests_stay_in_memory_until_there_are_many() {
        let shelf = Arc::new(InMemory::of(usize::MAX));
        let mut table = DigestTable::with(Some(Arc::clone(&shelf) as Arc<dyn Shelf>));
        let mut on_shelf = |chunks: usize| {
            for number in table.len()..=chunks * CHUNK {
                table.insert(&Digest::of(&number.to_le_bytes()));
            }
            shelf.len() / CHUNK / LENGTH
        };
        assert_eq!(
            [HELD, HELD + 1, MANY - 1, MANY, MANY + 1].map(&mut on_shelf),
            [0, 1, MANY - 1 - HELD, MANY, MANY + 1]
        );
    }

    #[test]
    fn each_digest_has_one_number_for_ever() {
        let digest = |number: u32| Digest::of(&number.to_le_bytes());
        let count = 600;
        let shelves = [0, 1, 5, 1000].map(|chunks| Arc::new(InMemory::of(chunks * CHUNK * LENGTH)));
        for beside in shelves.iter().cloned().map(Some).chain([None]) {
            let mut table = DigestTable::with(beside.map(|beside| beside as Arc<dyn Shelf>));
            assert_eq!((table.find(&digest(0)), table.len(), table.is_empty()), (None, 0, true));
            for number in 0..count {
                assert_eq!(table.insert(&digest(number)), number);
                assert_eq!(table.insert(&digest(number / 2)), number / 2, "it is there");
            }
            assert_eq!((table.len(), table.is_empty()), (count as usize, false));
            let mut copy = table.clone();
            assert_eq!((table.insert(&digest(count)), copy.insert(&digest(count + 1))), (count, count));
            for number in 0..count {
                assert_eq!((table.find(&digest(number)), table.get(number)), (Some(number), digest(number)));
                assert_eq!((copy.find(&digest(number)), copy.get(number)), (Some(number), digest(number)));
            }
            assert_eq!((table.get(count), copy.get(count)), (digest(count), digest(count + 1)));
            for step in [1, 2, 5] {
                for order in
                    [(0..count).collect::<Vec<u32>>(), (0..count).rev().collect(), vec![7, 8, 7, 8, 9, 7, 400, 401]]
                {
                    let numbers = order.iter().copied().step_by(step);
                    let expected: Vec<_> = numbers.clone().map(|number| beginning_of(&digest(number))).collect();
                    assert_eq!(table.beginnings(numbers), expected);
                }
            }
            assert_eq!((table.find(&digest(count + 1)), copy.find(&digest(count))), (None, None));
        }
        // Of so many only the last stays, which has become another for the copy.
        let all = count as usize + 2 * CHUNK - CHUNK;
        assert_eq!(shelves.map(|beside| beside.len() / LENGTH), [0, CHUNK, 5 * CHUNK, all]);
    }

    /// Two that begin alike, or fall together, are two.
    #[test]
    fn longer_digest_is_not_the_one_that_it_begins_with() {
        let mut table = DigestTable::default();
        let long = sha512("x");
        let short = Digest::Sha256(beginning_of(&long));
        for digests in [[&long, &short], [&short, &long]] {
            let mut table = DigestTable::default();
            assert_eq!(digests.map(|digest| table.insert(digest)), [0, 1]);
            assert_eq!(digests.map(|digest| table.find(digest)), [Some(0), Some(1)]);
            assert_eq!([0, 1].map(|number| table.get(number)), digests.map(Clone::clone));
        }
        table.key.1 = 0;
        for number in 0..40_u32 {
            assert_eq!(table.insert(&Digest::of(&number.to_le_bytes())), number, "all in one heap");
        }
        assert_eq!(table.find(&Digest::of(&39_u32.to_le_bytes())), Some(39));
    }
}
