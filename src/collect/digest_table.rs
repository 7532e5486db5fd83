//! Digests, each once, by number.

use crate::model::{Algorithm, Digest};
use hashbrown::HashTable;
use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher as _, RandomState};

/// So many digests are allocated at once: a table that doubled would for a moment need three times its place.
const CHUNK: usize = 1 << 15;

/// A table that only grows. A registry of ten million blobs has as many digests: so 32 bytes each and five of an index,
/// and nothing else.
#[derive(Clone)]
pub struct DigestTable {
    chunks: Vec<Vec<[u8; 32]>>,
    /// Digests that are no SHA-256, whole; their place among the others has their beginning.
    long: HashMap<u32, Digest>,
    /// The numbers, where the hash of their digest says.
    numbers: HashTable<u32>,
    /// Makes the hash of this process its own: whoever pushes cannot choose digests that fall together.
    key: (u64, u64),
}

impl Default for DigestTable {
    fn default() -> Self {
        let (state, other) = (RandomState::new(), RandomState::new());
        let key = (state.hash_one(0), other.hash_one(0) | 1);
        Self { chunks: Vec::new(), long: HashMap::new(), numbers: HashTable::new(), key }
    }
}

impl DigestTable {
    /// How many digests there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.chunks.last().map_or(0, |last| (self.chunks.len() - 1) * CHUNK + last.len())
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    /// The digest of a number that this table has given.
    #[must_use]
    pub fn get(&self, number: u32) -> Digest {
        match self.long.get(&number) {
            Some(long) => long.clone(),
            None => Digest::Sha256(*self.beginning(number)),
        }
    }

    /// The number of a digest, if it has one.
    #[must_use]
    pub fn find(&self, digest: &Digest) -> Option<u32> {
        self.numbers.find(self.hash(digest), |number| self.is(*number, digest)).copied()
    }

    /// The number of a digest; the next one if it has none.
    pub fn insert(&mut self, digest: &Digest) -> u32 {
        if let Some(number) = self.find(digest) {
            return number;
        }
        if self.numbers.len() == self.numbers.capacity() {
            self.grow();
        }
        // A registry of four thousand million digests does not fit into any memory that runs this.
        let number = u32::try_from(self.len()).unwrap_or(u32::MAX);
        if self.chunks.last().is_none_or(|last| last.len() == CHUNK) {
            self.chunks.push(Vec::with_capacity(if self.chunks.is_empty() { 64 } else { CHUNK }));
        }
        if let Some(last) = self.chunks.last_mut() {
            last.push(beginning_of(digest));
        }
        if digest.algorithm() != Algorithm::Sha256 {
            self.long.insert(number, digest.clone());
        }
        self.note(number);
        number
    }

    /// The first bytes of the digest of a number: of a SHA-256 all of them.
    pub(super) fn beginning(&self, number: u32) -> &[u8; 32] {
        beginning(&self.chunks, number)
    }

    fn is(&self, number: u32, digest: &Digest) -> bool {
        match digest {
            Digest::Sha256(bytes) => self.beginning(number) == bytes && !self.long.contains_key(&number),
            Digest::Sha384(_) | Digest::Sha512(_) => self.long.get(&number) == Some(digest),
        }
    }

    fn hash(&self, digest: &Digest) -> u64 {
        hash(self.key, &beginning_of(digest))
    }

    /// Makes room for twice as many. The old index goes first: both at once would need half as much again.
    fn grow(&mut self) {
        let wanted = (self.numbers.len() * 2).max(16);
        self.numbers = HashTable::new();
        self.numbers = HashTable::with_capacity(wanted);
        for number in 0..u32::try_from(self.len()).unwrap_or(u32::MAX) {
            self.note(number);
        }
    }

    /// Puts a number where it is found.
    fn note(&mut self, number: u32) {
        let Self { chunks, numbers, key, .. } = self;
        let of = |number: &u32| hash(*key, beginning(chunks, *number));
        numbers.insert_unique(of(&number), number, of);
    }
}

fn beginning(chunks: &[Vec<[u8; 32]>], number: u32) -> &[u8; 32] {
    &chunks[number as usize / CHUNK][number as usize % CHUNK]
}

fn hash(key: (u64, u64), beginning: &[u8; 32]) -> u64 {
    let word = beginning[..8].iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
    let product = (word ^ key.0).wrapping_mul(key.1);
    // The upper half depends on all of the lower one, and not the reverse.
    product ^ product >> 32
}

fn beginning_of(digest: &Digest) -> [u8; 32] {
    let mut beginning = [0; 32];
    beginning.copy_from_slice(&digest.bytes()[..32]);
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
    use super::*;

    #[test]
    fn each_digest_has_one_number_for_ever() {
        let mut table = DigestTable::default();
        let digest = |number: u32| Digest::of(&number.to_le_bytes());
        assert_eq!((table.find(&digest(0)), table.len(), table.is_empty()), (None, 0, true));
        let count = u32::try_from(3 * CHUNK / 2).unwrap_or_default();
        for number in 0..count {
            assert_eq!(table.insert(&digest(number)), number);
            assert_eq!(table.insert(&digest(number / 2)), number / 2, "it is there");
        }
        assert_eq!((table.len(), table.is_empty()), (count as usize, false));
        for number in (0..count).step_by(7) {
            assert_eq!((table.find(&digest(number)), table.get(number)), (Some(number), digest(number)));
        }
        assert_eq!(table.find(&digest(count)), None);
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
