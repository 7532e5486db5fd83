//! What a registry comes to: per month as it is, and after each thing that could be done; what doing it costs once.

use super::amount::Amount;
use super::prices::{ClassPrice, Prices, Region};
use crate::collect::audit::report::{Findings, Going, Row};
use crate::collect::audit::scenario::{SMALL, Stored};
use crate::collect::blobs::Tally;
use crate::collect::report::Requests;
use serde::Serialize;
use std::collections::BTreeMap;

/// Whose prices count.
#[derive(Debug, Clone, Copy)]
pub struct Market<'a> {
    /// All prices.
    pub prices: &'a Prices,
    /// Who says so, for people.
    pub from: &'a str,
    /// The provider: `s3`, `gcs`, `azure`, `directory`.
    pub provider: &'a str,
    /// The region, if it is known.
    pub region: Option<&'a str>,
}

impl Market<'_> {
    /// Why there is no price at all, if there is none.
    #[must_use]
    pub fn lacks(self) -> Option<String> {
        let Market { prices, from, provider: name, region } = self;
        let names = |names: Vec<&String>| names.into_iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        let Some(provider) = prices.providers.get(name) else {
            return Some(format!(
                "{from} has no prices for {name}, only for {}",
                names(prices.providers.keys().collect())
            ));
        };
        if provider.region(region).is_some() {
            return None;
        }
        let known = names(provider.regions.keys().collect());
        Some(match region {
            Some(region) => format!("{from} has no prices for {name} in the region {region}, only in {known}"),
            None => {
                format!("{name} does not tell the region: --price-region names it; {from} has {known}")
            }
        })
    }
}

/// What it costs. `null` is not known, and never nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Money {
    /// The currency of every amount.
    pub currency: String,
    /// Of which day the prices are.
    pub prices_date: String,
    /// Where the prices come from.
    pub prices_from: String,
    /// And where they have them from.
    pub sources: Vec<String>,
    /// What they leave out.
    pub notes: Vec<String>,
    /// The provider.
    pub provider: String,
    /// The region.
    pub region: Option<String>,
    /// How many bytes the provider calls a gigabyte.
    pub gigabyte_bytes: Option<u64>,
    /// As it is.
    pub now: Bill,
    /// What old versions cost beside that, which is in no other sum; `null` where nobody knows what there is of them.
    pub old_versions: Option<OldVersions>,
    /// After each thing that could be done.
    pub after: BTreeMap<&'static str, Change>,
    /// What this audit's own requests cost.
    pub audit_requests: Option<Amount>,
    /// What is not in these figures, in words.
    pub not_known: Vec<String>,
}

/// What is paid for a month of storage.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Bill {
    /// All classes that have a price; the sum of what these cost, to the millionth.
    pub per_month: Option<Amount>,
    /// By storage class; one without a price is `null`.
    pub storage_classes: BTreeMap<String, Option<ClassBill>>,
    /// Bytes in classes without a price.
    pub unpriced_bytes: u64,
}

/// What is paid for one storage class.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct ClassBill {
    /// Its bytes.
    pub bytes: u64,
    /// The bytes that are billed: more, where small objects count as larger ones.
    pub billed_bytes: u64,
    /// What they cost.
    pub per_month: Amount,
}

/// What is paid for old versions, beside what is current.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct OldVersions {
    /// What a month of them costs, as far as they have a price; `null` where none of them has one.
    pub per_month: Option<Amount>,
    /// Bytes of them that have no price.
    pub unpriced_bytes: u64,
}

/// What comes of something that could be done, once all waits are over.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Change {
    /// What is paid then.
    pub bill: Bill,
    /// What is saved each month, as far as what goes has a price.
    pub saved_per_month: Option<Amount>,
    /// Bytes that go and have no price: what they save, and what their going early costs, is not known.
    pub unpriced_freed_bytes: u64,
    /// What is charged once, because something goes before it is old enough; as far as it has a price.
    pub early_deletion: Option<Amount>,
    /// The requests of a live collection, about: it looks twice and deletes once.
    pub requests: Estimate,
    /// What these cost, once.
    pub requests_cost: Option<Amount>,
    /// After so many days what was saved is more than what it cost; `null` where nothing is saved, or not all is known.
    pub pays_back_days: Option<u64>,
}

/// How many requests something takes, about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Estimate {
    /// Listings.
    pub list: u64,
    /// Reads and looks.
    pub read: u64,
    /// Writes of its own records, the least there are.
    pub write: u64,
    /// Deletes.
    pub delete: u64,
}

/// The lease, a journal and the list of what waits, in two runs.
const WRITES: u64 = 12;

/// What a registry costs.
#[must_use]
pub fn money(findings: &Findings, market: Market<'_>, requests: Requests) -> Money {
    let Market { prices, from, provider: name, region: region_name } = market;
    let mut money = Money {
        currency: prices.currency.clone(),
        prices_date: prices.date.clone(),
        prices_from: from.to_owned(),
        sources: prices.sources.clone(),
        notes: prices.notes.clone(),
        provider: name.to_owned(),
        region: region_name.map(str::to_owned),
        ..Money::default()
    };
    let provider = prices.providers.get(name);
    let found = provider.and_then(|provider| Some((provider.gigabyte, provider.region(region_name)?)));
    let Some((gigabyte, region)) = found else {
        money.not_known.extend(market.lacks().map(|why| format!("the price: {why}")));
        money.now = Bill { unpriced_bytes: findings.bytes, ..Bill::default() };
        return money;
    };
    money.gigabyte_bytes = Some(gigabyte);
    let biller = Biller { gigabyte, region };
    let now = findings.storage_classes.iter().map(|(class, stored)| (class.as_str(), *stored));
    money.now = biller.bill(now);
    // What is in a class that only old versions have is named as well.
    let mut all_classes = money.now.storage_classes.clone();
    money.old_versions = findings.not_listed.noncurrent_storage_classes.as_ref().map(|old| {
        let mut all = findings.storage_classes.clone();
        for (class, stored) in old {
            all.entry(class.clone()).or_default().add_all(*stored);
        }
        // The more is stored, the less the rest of it costs.
        let all = biller.bill(all.iter().map(|(class, stored)| (class.as_str(), *stored)));
        let unpriced_bytes = all.unpriced_bytes.saturating_sub(money.now.unpriced_bytes);
        all_classes.extend(all.storage_classes);
        let is_priced = old.is_empty() || old.keys().any(|class| region.class(class).is_some());
        let per_month = all.per_month.filter(|_| is_priced);
        let per_month = per_month.map(|all| all.minus(money.now.per_month.unwrap_or_default()));
        OldVersions { per_month, unpriced_bytes }
    });
    // Which class is read from is not known: the dearest read counts.
    let read = findings.storage_classes.keys().filter_map(|class| region.class(class)).map(|class| class.read).max();
    let cost = |estimate: Estimate| {
        let Estimate { list, read: reads, write, delete } = estimate;
        let of =
            [(region.list, list), (read.unwrap_or_default(), reads), (region.write, write), (region.delete, delete)];
        of.into_iter().map(|(price, count)| price.of(count, 1000)).sum::<Amount>()
    };
    let Requests { list, get, head, .. } = requests;
    let reads = get.saturating_add(head);
    money.audit_requests = Some(cost(Estimate { list, read: reads, ..Estimate::default() }));
    // An audit by a list that was made earlier has listed nothing; a collection lists all, a thousand at a time.
    let list = list.max(findings.objects.div_ceil(1000));
    for (kind, after) in &findings.after {
        let left = findings.storage_classes.iter().map(|(class, stored)| {
            let going = after.storage_classes.get(class);
            (class.as_str(), going.map_or(*stored, |going| left(*stored, going)))
        });
        let bill = biller.bill(left);
        let saved = money.now.per_month.zip(bill.per_month).map(|(now, then)| now.minus(then));
        let unpriced_freed_bytes = money.now.unpriced_bytes.saturating_sub(bill.unpriced_bytes);
        let early = saved.map(|_| biller.early(&after.storage_classes));
        let delete = after.freed.count.div_ceil(region.keys_per_delete.max(1));
        let requests = Estimate { list: list.saturating_mul(2), read: reads.saturating_mul(2), write: WRITES, delete };
        let requests_cost = cost(requests);
        let once = early.unwrap_or_default().plus(requests_cost);
        let known = saved.filter(|_| unpriced_freed_bytes == 0);
        money.after.insert(
            kind,
            Change {
                bill,
                saved_per_month: saved,
                unpriced_freed_bytes,
                early_deletion: early,
                requests,
                requests_cost: Some(requests_cost),
                pays_back_days: known.and_then(|saved| days(once, saved)),
            },
        );
    }
    for (class, bill) in &all_classes {
        if bill.is_none() {
            money.not_known.push(format!("the price of the storage class {class}"));
        }
    }
    money
}

/// What a row pays, its part of each storage class, as far as that has a price; and its bytes that have none.
#[must_use]
pub fn of_row(bill: &Bill, row: &Row) -> (Option<Amount>, u64) {
    let (mut paid, mut unpriced) = (None::<Amount>, 0_u64);
    for (class, bytes) in row.storage_classes.iter().filter(|(_, bytes)| **bytes > 0) {
        match bill.storage_classes.get(class).copied().flatten() {
            Some(of_class) => {
                let part = of_class.per_month.part(*bytes, of_class.bytes);
                paid = Some(paid.unwrap_or_default().plus(part));
            }
            None => unpriced = unpriced.saturating_add(*bytes),
        }
    }
    // What has no byte costs nothing, if anything here has a price.
    (paid.or_else(|| bill.per_month.filter(|_| unpriced == 0).map(|_| Amount::default())), unpriced)
}

fn left(stored: Stored, going: &Going) -> Stored {
    let minus = |all: Tally, part: Tally| Tally {
        count: all.count.saturating_sub(part.count),
        bytes: all.bytes.saturating_sub(part.bytes),
    };
    Stored {
        count: stored.count.saturating_sub(going.count),
        bytes: stored.bytes.saturating_sub(going.bytes),
        small: minus(stored.small, going.small),
    }
}

/// The days after which something has paid for itself.
fn days(once: Amount, saved_per_month: Amount) -> Option<u64> {
    let saved = u128::from(saved_per_month.millionths());
    (saved > 0).then(|| u64::try_from((u128::from(once.millionths()) * 30).div_ceil(saved)).unwrap_or(u64::MAX))
}

struct Biller<'a> {
    gigabyte: u64,
    region: &'a Region,
}

impl Biller<'_> {
    fn bill<'b>(&self, stored: impl Iterator<Item = (&'b str, Stored)>) -> Bill {
        let mut bill = Bill::default();
        for (class, stored) in stored {
            let of_class = self.region.class(class).map(|price| {
                let billed_bytes = billed(price, stored);
                let per_month = price.month(billed_bytes, self.gigabyte);
                ClassBill { bytes: stored.bytes, billed_bytes, per_month }
            });
            match of_class {
                Some(of_class) => bill.per_month = Some(bill.per_month.unwrap_or_default().plus(of_class.per_month)),
                None => bill.unpriced_bytes = bill.unpriced_bytes.saturating_add(stored.bytes),
            }
            bill.storage_classes.insert(class.to_owned(), of_class);
        }
        bill
    }

    fn early(&self, going: &BTreeMap<String, Going>) -> Amount {
        let of_class = |(class, going): (&String, &Going)| {
            let price = self.region.class(class)?;
            let early = |age: &crate::collect::audit::report::Age| {
                let days = price.minimum_days.saturating_sub(age.days);
                price.early(billed(price, age.stored), self.gigabyte, days)
            };
            Some(going.ages.iter().map(early).sum::<Amount>())
        };
        going.iter().filter_map(of_class).sum()
    }
}

/// The bytes that are billed.
fn billed(price: &ClassPrice, stored: Stored) -> u64 {
    if !price.bills_small_as_128_kib {
        return stored.bytes;
    }
    let small = stored.small.count.saturating_mul(SMALL);
    stored.bytes.saturating_sub(stored.small.bytes).saturating_add(small)
}
