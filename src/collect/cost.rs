//! What a run cost.

use serde::Serialize;

/// What the run cost, in requests by kind. On a filesystem, operations of the same kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Requests {
    /// Listings.
    pub list: u64,
    /// Reads.
    pub get: u64,
    /// Looks at one object.
    pub head: u64,
    /// Writes.
    pub put: u64,
    /// Copies.
    pub copy: u64,
    /// Deletes: requests, not keys.
    pub delete: u64,
}

impl Requests {
    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            list: self.list + other.list,
            get: self.get + other.get,
            head: self.head + other.head,
            put: self.put + other.put,
            copy: self.copy + other.copy,
            delete: self.delete + other.delete,
        }
    }
}

/// What the run cost in seconds.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Seconds {
    /// Listing and reading.
    pub scan: f64,
    /// Deciding.
    pub mark: f64,
    /// Deleting.
    pub sweep: f64,
    /// All in all.
    pub total: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_of_each_kind_are_added_to_their_own() {
        let one = Requests { list: 1, get: 2, head: 3, put: 4, copy: 5, delete: 6 };
        let other = Requests { list: 10, get: 20, head: 30, put: 40, copy: 50, delete: 60 };
        let both = Requests { list: 11, get: 22, head: 33, put: 44, copy: 55, delete: 66 };
        assert_eq!(one.plus(other), both);
        assert_eq!(one.plus(Requests::default()), one);
    }
}
