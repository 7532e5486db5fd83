//! What packed forms share.

/// Makes room at the end. Doubling would for a moment need three times the place.
pub(super) fn make_room<T>(all: &mut Vec<T>, more: usize) {
    if all.capacity() - all.len() < more {
        all.reserve_exact((all.len() / 4).max(more).max(4));
    }
}

/// Both halves of a number, the upper one first: as a whole it would take a place of eight bytes at a multiple of eight.
pub(super) fn halves(number: u64) -> [u32; 2] {
    [number >> 32, number & u64::from(u32::MAX)].map(|half| u32::try_from(half).unwrap_or_default())
}

/// The number of these halves.
pub(super) fn whole([upper, lower]: [u32; 2]) -> u64 {
    u64::from(upper) << 32 | u64::from(lower)
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
    fn room_grows_by_a_quarter_or_by_what_is_needed() {
        let mut all = vec![0_u8; 100];
        all.shrink_to_fit();
        make_room(&mut all, 1);
        assert_eq!(all.capacity(), 125);
        make_room(&mut all, 25);
        assert_eq!(all.capacity(), 125, "there is room");
        make_room(&mut all, 60);
        assert_eq!(all.capacity(), 160);
        let mut few: Vec<u8> = Vec::new();
        make_room(&mut few, 1);
        assert_eq!(few.capacity(), 4);
    }
}
