//! In which order rows are shown.

use super::overview::RepositoryRow;
use super::row::{ManifestRow, TagRow};
use std::cmp::Ordering;
use std::cmp::Reverse;

/// By what rows are sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// Names, with the numbers in them as numbers: `v9` before `v10`.
    Name,
    /// The number of tags, the most first.
    Tags,
    /// The number of manifests, the most first.
    Manifests,
    /// Bytes, the largest first.
    Size,
    /// Shared bytes, the largest first.
    Shared,
    /// The time of the last push, the newest first.
    Pushed,
    /// The date of the image, the newest first.
    Created,
    /// The number of signatures and the like, the most first.
    Referrers,
}

/// Something that can be sorted.
pub trait Sorted {
    /// What it is called, from the widest on.
    fn name(&self) -> (&str, &str);
    /// What it comes to; `None` sorts last.
    fn key(&self, by: By) -> Option<i128>;
    /// What its rows can be sorted by.
    const BY: &'static [By];
}

impl Sorted for RepositoryRow {
    const BY: &'static [By] = &[By::Name, By::Tags, By::Manifests, By::Size, By::Shared, By::Pushed];

    fn name(&self) -> (&str, &str) {
        (&self.name, "")
    }

    fn key(&self, by: By) -> Option<i128> {
        match by {
            By::Tags => Some(self.tags.into()),
            By::Manifests => Some(self.manifests.into()),
            By::Size => self.bytes.map(Into::into),
            By::Shared => self.shared_bytes.map(Into::into),
            By::Pushed => self.last_push.map(|time| time.as_nanos().into()),
            By::Name | By::Created | By::Referrers => None,
        }
    }
}

/// What tags and manifests can be sorted by.
const OF_IMAGES: &[By] = &[By::Name, By::Size, By::Pushed, By::Created, By::Referrers];

macro_rules! sorted_as_an_image {
    ($row:ty, $name:expr) => {
        impl Sorted for $row {
            const BY: &'static [By] = OF_IMAGES;

            fn name(&self) -> (&str, &str) {
                let name: fn(&$row) -> &str = $name;
                (&self.repository, name(self))
            }

            fn key(&self, by: By) -> Option<i128> {
                match by {
                    By::Size => self.facts.bytes.map(Into::into),
                    By::Pushed => self.pushed.map(|time| time.as_nanos().into()),
                    By::Created => self.facts.created.map(|time| time.as_nanos().into()),
                    By::Referrers => self.facts.referrers.map(Into::into),
                    By::Name | By::Tags | By::Manifests | By::Shared => None,
                }
            }
        }
    };
}
sorted_as_an_image!(TagRow, |row| &row.tag);
// Rows come in the order of their digests, and stay so.
sorted_as_an_image!(ManifestRow, |_| "");

/// Sorts rows; those that are equal in what they are sorted by, by their names.
pub fn sort<T: Sorted>(rows: &mut [T], by: By, reverse: bool) {
    let names = |a: &T, b: &T| {
        let ((a, below_a), (b, below_b)) = (a.name(), b.name());
        natural(a, b).then_with(|| natural(below_a, below_b))
    };
    let turned = |order: Ordering| if reverse { order.reverse() } else { order };
    rows.sort_by(|a, b| match (by, a.key(by), b.key(by)) {
        (By::Name, ..) => turned(names(a, b)),
        // What is not known is last, whichever way the rest is turned.
        (_, None, None) => names(a, b),
        (_, None, Some(_)) => Ordering::Greater,
        (_, Some(_), None) => Ordering::Less,
        (_, Some(a_key), Some(b_key)) => turned(Reverse(a_key).cmp(&Reverse(b_key))).then_with(|| names(a, b)),
    });
}

/// Compares names as people do: runs of digits as numbers. Names that differ only in leading zeros differ all the same.
#[must_use]
pub fn natural(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a.as_bytes(), b.as_bytes());
    while let (Some(x), Some(y)) = (left.first(), right.first()) {
        if x.is_ascii_digit() && y.is_ascii_digit() {
            let (number, rest) = split_number(left);
            let (other, other_rest) = split_number(right);
            let order = number.len().cmp(&other.len()).then_with(|| number.cmp(other));
            if order != Ordering::Equal {
                return order;
            }
            (left, right) = (rest, other_rest);
        } else if x == y {
            (left, right) = (&left[1..], &right[1..]);
        } else {
            return x.cmp(y);
        }
    }
    left.len().cmp(&right.len()).then_with(|| a.cmp(b))
}

/// A run of digits without its leading zeros, and what follows it.
fn split_number(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let (number, rest) = text.split_at(end);
    let zeros = number.iter().take_while(|byte| **byte == b'0').count();
    (&number[zeros..], rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_in_names_count_as_numbers() {
        let mut names = ["v10", "v9", "v1.2", "v1.10", "latest", "v9-rc1", "2024", "v09", "v9"];
        names.sort_by(|a, b| natural(a, b));
        assert_eq!(names, ["2024", "latest", "v1.2", "v1.10", "v09", "v9", "v9", "v9-rc1", "v10"]);
    }

    #[test]
    fn unknown_is_last_whichever_way_the_rest_is_turned() {
        let row = |name: &str, bytes| RepositoryRow { name: name.into(), bytes, ..RepositoryRow::default() };
        let mut rows = [row("a", None), row("b", Some(1)), row("c", Some(2)), row("d", Some(1))];
        let names = |rows: &[RepositoryRow]| rows.iter().map(|row| row.name.clone()).collect::<String>();
        sort(&mut rows, By::Size, false);
        assert_eq!(names(&rows), "cbda");
        sort(&mut rows, By::Size, true);
        assert_eq!(names(&rows), "bdca");
        sort(&mut rows, By::Name, true);
        assert_eq!(names(&rows), "dcba");
    }

    proptest! {
        /// An order that contradicts itself makes sorting panic.
        #[test]
        fn natural_order_is_an_order(a in "[a0-9.]{0,8}", b in "[a0-9.]{0,8}", c in "[a0-9.]{0,8}") {
            prop_assert_eq!(natural(&a, &b), natural(&b, &a).reverse());
            prop_assert_eq!(natural(&a, &b) == Ordering::Equal, a == b);
            if natural(&a, &b).is_le() && natural(&b, &c).is_le() {
                prop_assert!(natural(&a, &c).is_le(), "{} {} {}", a, b, c);
            }
        }
    }
}
