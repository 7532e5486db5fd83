//! Numbers, found by the hash of what they stand for.

use hashbrown::HashTable;

/// So many numbers are in one table, as a rule: some tables have a few more, and none of 8,192 places is full.
const USUAL: usize = if cfg!(test) { 10 } else { 6800 };
/// So many fit into one.
const FULL: usize = if cfg!(test) { 14 } else { 7168 };

/// Many small tables instead of one: that would have to double, and what it leaves then is too small for anything that
/// grows as well. These are a quarter more each time, and each takes a place that another has left.
#[derive(Debug, Clone, Default)]
pub(super) struct DigestNumbers {
    tables: Vec<HashTable<u32>>,
    len: usize,
}

impl DigestNumbers {
    /// The number of something with this hash.
    pub(super) fn find(&self, hash: u64, mut is_it: impl FnMut(u32) -> bool) -> Option<u32> {
        let table = self.tables.get(place(hash, self.tables.len()))?;
        table.find(hash, |number| is_it(*number)).copied()
    }

    /// Adds a number that is not there. Should a table be full all the same, it asks for the hashes of its numbers.
    pub(super) fn insert(&mut self, hash: u64, number: u32, hash_of: impl Fn(u32) -> u64) {
        let at = place(hash, self.tables.len());
        if let Some(table) = self.tables.get_mut(at) {
            table.insert_unique(hash, number, |number| hash_of(*number));
            self.len += 1;
        }
    }

    /// Whether it is time to [make room](Self::make_room).
    pub(super) fn is_full(&self) -> bool {
        match &self.tables[..] {
            [] => true,
            [only] => only.len() == only.capacity() || only.len() >= USUAL,
            several => self.len >= several.len() * USUAL,
        }
    }

    /// Forgets all numbers, and makes room for more than there were.
    pub(super) fn make_room(&mut self) {
        let more = (self.tables.len() / 4).max(1);
        let wanted = if self.len < USUAL / 2 { 1 } else { self.tables.len() + more };
        let each = if wanted == 1 { (self.len * 2).clamp(8, FULL) } else { FULL };
        self.len = 0;
        // Room that is left goes first: both at once would need twice the place.
        self.tables.clear();
        self.tables.reserve_exact(wanted);
        self.tables.extend((0..wanted).map(|_| HashTable::with_capacity(each)));
    }
}

/// The table of a hash. A table goes by the lowest bits and the highest: so these are others.
fn place(hash: u64, tables: usize) -> usize {
    let middle = hash >> 20 & u64::from(u32::MAX);
    ((middle * tables as u64) >> 32) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Spread as those of digests are.
    fn hash(number: u32) -> u64 {
        let product = (u64::from(number) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        product ^ product >> 32
    }

    fn filled(count: u32, hash: impl Fn(u32) -> u64 + Copy) -> (DigestNumbers, Vec<usize>) {
        let (mut numbers, mut sizes) = (DigestNumbers::default(), Vec::new());
        for number in 0..count {
            if numbers.is_full() {
                numbers.make_room();
                (0..number).for_each(|number| numbers.insert(hash(number), number, hash));
                sizes.push(numbers.tables.len());
            }
            assert!(!numbers.is_full(), "there is room for {number}");
            numbers.insert(hash(number), number, hash);
        }
        (numbers, sizes)
    }

    #[test]
    fn each_number_is_found_by_its_hash_and_no_other_is() {
        for hash in [hash, |_| 7, |number| u64::from(number % 3) << 50] {
            let (numbers, _) = filled(300, hash);
            for number in 0..300 {
                assert_eq!(numbers.find(hash(number), |other| other == number), Some(number));
            }
            assert_eq!(numbers.find(hash(300), |other| other == 300), None);
        }
        assert_eq!(DigestNumbers::default().find(1, |_| true), None);
    }

    #[test]
    fn tables_become_more_by_a_quarter_and_none_is_left_empty() {
        let (numbers, sizes) = filled(300, hash);
        assert_eq!(sizes, [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 18, 22, 27, 33]);
        assert!(numbers.tables.iter().all(|table| !table.is_empty()));
        let places: Vec<usize> = [0, u64::MAX >> 12, 1 << 51].map(|hash| place(hash, 10)).into();
        assert_eq!(places, [0, 9, 5]);
    }
}
