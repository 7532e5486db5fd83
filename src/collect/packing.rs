//! What packed forms share.

/// Makes room at the end. Doubling would for a moment need three times the place; what is large is moved by the system
/// without being copied.
pub(super) fn make_room<T>(all: &mut Vec<T>, more: usize) {
    if all.capacity() - all.len() < more {
        let is_large = size_of_val(&all[..]) >= LARGE;
        let usual = if is_large { (all.len() / 16).max(VAST / size_of::<T>().max(1)) } else { all.len() / 4 };
        all.reserve_exact(usual.max(more).max(4));
    }
}

/// In bytes. What is larger is given [more](VAST) than it needs.
const LARGE: usize = 1 << 20;
/// In bytes. So much has a place of its own wherever the C library is glibc: it grows there without being copied, leaves
/// nothing behind that is too small for the next, and takes memory only as it is filled.
const VAST: usize = 33 << 20;

/// Both halves of a number, the upper one first: as a whole it would take a place of eight bytes at a multiple of eight.
pub(super) fn halves(number: u64) -> [u32; 2] {
    [number >> 32, number & u64::from(u32::MAX)].map(|half| u32::try_from(half).unwrap_or_default())
}

/// The number of these halves.
pub(super) fn whole([upper, lower]: [u32; 2]) -> u64 {
    u64::from(upper) << 32 | u64::from(lower)
}

/// Whether something is so of each of many numbers, in a bit each.
#[derive(Debug, Clone, Default)]
pub(super) struct Flags(Vec<u64>);

impl Flags {
    /// For so many numbers: it is so of none.
    pub(super) fn of(len: usize) -> Self {
        Self(vec![0; len.div_ceil(64)])
    }

    pub(super) fn set(&mut self, number: usize) {
        if let Some(word) = self.0.get_mut(number / 64) {
            *word |= 1 << (number % 64);
        }
    }

    /// Whether it is so; of a number that there is not, it is not.
    pub(super) fn has(&self, number: usize) -> bool {
        self.0.get(number / 64).is_some_and(|word| word >> (number % 64) & 1 == 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_is_told_by_its_halves() {
        for number in [0, 1, u64::from(u32::MAX), 1 << 32, 0x0123_4567_89ab_cdef, u64::MAX] {
            assert_eq!(whole(halves(number)), number);
        }
        assert_eq!(halves(7 << 32 | 5), [7, 5]);
    }

    #[test]
    fn each_number_has_its_own_flag() {
        let mut flags = Flags::of(130);
        let set = [0, 63, 64, 129];
        for number in set {
            flags.set(number);
        }
        flags.set(100_000);
        let is_set: Vec<usize> = (0..200).filter(|number| flags.has(*number)).collect();
        assert_eq!(is_set, set);
        assert!(!flags.has(100_000) && !Flags::of(0).has(0));
    }

    #[test]
    fn room_grows_by_a_part_or_by_what_is_needed() {
        let mut all = vec![0_u8; 100];
        all.shrink_to_fit();
        make_room(&mut all, 1);
        assert_eq!(all.capacity(), 125);
        make_room(&mut all, 25);
        assert_eq!(all.capacity(), 125, "there is room");
        make_room(&mut all, 60);
        assert_eq!(all.capacity(), 160);
        let mut large = vec![0_u64; LARGE / 8];
        large.shrink_to_fit();
        make_room(&mut large, 1);
        assert_eq!(large.capacity(), (LARGE + VAST) / 8, "a place of its own");
        let mut vast = vec![0_u64; 17 * VAST / 8];
        vast.shrink_to_fit();
        make_room(&mut vast, 1);
        assert_eq!(vast.capacity(), 17 * VAST / 8 * 17 / 16);
        let mut few: Vec<u8> = Vec::new();
        make_room(&mut few, 1);
        assert_eq!(few.capacity(), 4);
    }
}
