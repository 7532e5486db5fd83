//! The newest few of a set.

use crate::model::Timestamp;

/// When something happened, for comparing: what is not known is later than all that is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Recency {
    Known(Timestamp),
    Unknown,
}

impl Recency {
    fn of(time: Option<Timestamp>) -> Self {
        time.map_or(Self::Unknown, Self::Known)
    }
}

/// Which of these are the newest `count`. Those that are exactly as old as the last of them are as well: which of two equals
/// goes must not depend on their order.
pub(super) fn newest<K: Copy>(times: &[(K, Option<Timestamp>)], count: usize) -> Vec<K> {
    let mut recencies: Vec<Recency> = times.iter().map(|(_, time)| Recency::of(*time)).collect();
    recencies.sort_unstable_by(|one, other| other.cmp(one));
    let Some(last) = count.checked_sub(1) else { return Vec::new() };
    let boundary = recencies.get(last).or(recencies.last()).copied();
    times.iter().filter(|(_, time)| Some(Recency::of(*time)) >= boundary).map(|(key, _)| *key).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::unnecessary_wraps, reason = "as facts have it")]
    fn day(day: i64) -> Option<Timestamp> {
        Some(Timestamp::from_days(day))
    }

    #[test]
    fn newest_stay_whatever_the_order() {
        assert_eq!(newest(&[('a', day(1)), ('b', day(3)), ('c', day(2))], 2), ['b', 'c']);
        assert_eq!(newest(&[('c', day(2)), ('a', day(1)), ('b', day(3))], 2), ['c', 'b']);
        assert_eq!(newest(&[('a', day(1)), ('b', day(2))], 5), ['a', 'b']);
        assert_eq!(newest::<char>(&[], 5), ['x'; 0]);
        assert_eq!(newest(&[('a', day(1))], 0), ['x'; 0]);
    }

    #[test]
    fn equals_at_the_boundary_stay_together() {
        assert_eq!(newest(&[('a', day(1)), ('b', day(1)), ('c', day(2)), ('d', day(0))], 2), ['a', 'b', 'c']);
        assert_eq!(newest(&[('a', day(1)), ('b', day(2)), ('c', day(2))], 2), ['b', 'c']);
    }

    #[test]
    fn unknown_is_newest() {
        assert_eq!(newest(&[('a', day(9)), ('b', None), ('c', day(8))], 1), ['b']);
        assert_eq!(newest(&[('a', day(9)), ('b', None), ('c', day(8))], 2), ['a', 'b']);
        assert_eq!(newest(&[('a', None), ('b', None), ('c', day(8))], 1), ['a', 'b']);
    }
}
