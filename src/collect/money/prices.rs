//! What a cloud asks for: a list of prices.

use super::amount::{Amount, Price};
use std::collections::BTreeMap;

/// What a name is called that stands for all others of its kind.
pub const ANY: &str = "*";

/// A list of prices.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prices {
    /// Of which day they are.
    pub date: String,
    /// In which currency.
    pub currency: String,
    /// Where they come from.
    pub sources: Vec<String>,
    /// What they leave out.
    pub notes: Vec<String>,
    /// By provider: `s3`, `gcs`, `azure`, `directory`.
    pub providers: BTreeMap<String, Provider>,
}

/// The prices of one provider.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Provider {
    /// How many bytes it calls a gigabyte.
    pub gigabyte: u64,
    /// By region.
    pub regions: BTreeMap<String, Region>,
}

/// The prices of one region.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Region {
    /// A thousand listings.
    pub list: Price,
    /// A thousand writes.
    pub write: Price,
    /// A thousand requests that delete.
    pub delete: Price,
    /// So many objects go with one of these.
    pub keys_per_delete: u64,
    /// By storage class.
    pub classes: BTreeMap<String, ClassPrice>,
}

/// The prices of one storage class.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClassPrice {
    /// A gigabyte for a month, by how much there is.
    pub steps: Vec<Step>,
    /// A thousand reads.
    pub read: Price,
    /// What is deleted before it is so many days old is billed as if it were.
    pub minimum_days: u16,
    /// Whether what is smaller than 128 KiB is billed as 128 KiB.
    pub bills_small_as_128_kib: bool,
}

/// One step of a price: up to so many gigabytes in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Where it ends; none for the last.
    pub up_to: Option<u64>,
    /// What a gigabyte costs for a month.
    pub price: Price,
}

/// What has this name, or stands for all.
fn named<'a, T>(all: &'a BTreeMap<String, T>, name: Option<&str>) -> Option<&'a T> {
    name.and_then(|name| all.get(name)).or_else(|| all.get(ANY))
}

impl Provider {
    /// The prices of a region.
    #[must_use]
    pub fn region(&self, name: Option<&str>) -> Option<&Region> {
        named(&self.regions, name)
    }
}

impl Region {
    /// The prices of a storage class.
    #[must_use]
    pub fn class(&self, name: &str) -> Option<&ClassPrice> {
        named(&self.classes, Some(name))
    }
}

impl ClassPrice {
    /// What so many bytes cost for a month, as if there were nothing else in the account.
    #[must_use]
    pub fn month(&self, bytes: u64, gigabyte: u64) -> Amount {
        let mut from: u64 = 0;
        let step = |step: &Step| {
            let to = step.up_to.map_or(u64::MAX, |gigabytes| gigabytes.saturating_mul(gigabyte)).min(bytes);
            let within = to.saturating_sub(from);
            from = from.max(to);
            step.price.of(within, gigabyte)
        };
        self.steps.iter().map(step).sum()
    }

    /// What is charged for bytes that go so many days too early. A month has thirty days here.
    #[must_use]
    pub fn early(&self, bytes: u64, gigabyte: u64, days: u16) -> Amount {
        let price = self.steps.iter().map(|step| step.price).max().unwrap_or_default();
        price.of_parts(bytes, u64::from(days), gigabyte.saturating_mul(30))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn steps() -> ClassPrice {
        let step = |up_to, price: &str| Step { up_to, price: Price::parse(price).unwrap() };
        ClassPrice { steps: vec![step(Some(10), "3"), step(Some(30), "2"), step(None, "1")], ..ClassPrice::default() }
    }

    #[test]
    fn each_step_has_its_price() {
        for (gigabytes, units) in [(0, 0), (1, 3), (10, 30), (11, 32), (30, 70), (31, 71), (100, 140)] {
            assert_eq!(steps().month(gigabytes * 100, 100).millionths(), units * 1_000_000, "{gigabytes}");
        }
    }

    #[test]
    fn what_goes_early_is_charged_for_the_rest() {
        // As the providers' example has it: half of a month of 1000 GB at 0.01 is 5.
        let step = Step { up_to: None, price: Price::parse("0.01").unwrap() };
        let class = ClassPrice { steps: vec![step], ..ClassPrice::default() };
        assert_eq!(class.early(1000 << 30, 1 << 30, 15).millionths(), 5_000_000);
    }

    #[test]
    fn a_name_of_its_own_counts_before_the_one_for_all() {
        let region = |keys_per_delete| Region { keys_per_delete, ..Region::default() };
        let regions = [("a".to_owned(), region(1)), (ANY.to_owned(), region(2))].into();
        let provider = Provider { gigabyte: 1, regions };
        let of = |name| provider.region(name).map(|region| region.keys_per_delete);
        assert_eq!((of(Some("a")), of(Some("b")), of(None)), (Some(1), Some(2), Some(2)));
        assert_eq!(Provider::default().region(Some("a")), None);
    }
}
