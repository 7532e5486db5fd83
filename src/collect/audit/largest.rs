//! The largest of many, without holding the many.

use super::class::Class;
use super::users::SetId;
use crate::model::Digest;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// One content.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Large {
    /// Size in bytes.
    pub(super) size: u64,
    /// Of equal sizes the first by digest counts as the larger.
    pub(super) digest: Reverse<Digest>,
    /// Who uses it.
    pub(super) users: SetId,
    /// What it is.
    pub(super) class: Class,
}

/// The largest so many.
#[derive(Debug, Clone, Default)]
pub(super) struct Largest(BinaryHeap<Reverse<Large>>);

impl Largest {
    /// Takes one in, if it is among the largest `most`.
    pub(super) fn see(&mut self, most: usize, size: u64, make: impl FnOnce() -> Large) {
        if self.0.len() == most {
            if self.0.peek().is_none_or(|least| size < least.0.size) {
                return;
            }
            let one = make();
            if self.0.peek().is_some_and(|least| one < least.0) {
                return;
            }
            self.0.pop();
            self.0.push(Reverse(one));
        } else if self.0.len() < most {
            self.0.push(Reverse(make()));
        }
    }

    /// All of them, the largest first.
    pub(super) fn into_sorted(self) -> Vec<Large> {
        self.0.into_sorted_vec().into_iter().map(|large| large.0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn large(size: u64, text: &str) -> Large {
        Large { size, digest: Reverse(Digest::of(text.as_bytes())), users: SetId::NOBODY, class: Class::Foreign }
    }

    #[test]
    fn the_largest_stay_in_whatever_order_they_come() {
        let all: Vec<Large> = (0..50).map(|number| large(number / 2, &number.to_string())).collect();
        let mut expected = all.clone();
        expected.sort_by(|a, b| b.cmp(a));
        expected.truncate(7);
        for turn in [0, 13, 37] {
            let mut largest = Largest::default();
            for one in all[turn..].iter().chain(&all[..turn]) {
                largest.see(7, one.size, || one.clone());
            }
            assert_eq!(largest.into_sorted(), expected);
        }
        let mut none = Largest::default();
        none.see(0, 1, || large(1, "x"));
        assert!(none.into_sorted().is_empty());
    }
}
