//! What holds of every bill, whatever is stored and whatever it costs.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::amount::{Amount, Price};
use super::bill::{Market, Money, money, of_row};
use super::prices::{ANY, ClassPrice, Prices, Provider, Region, Step};
use crate::collect::audit::report::{After, Age, Findings, Going, Row};
use crate::collect::audit::scenario::{SMALL, Stored};
use crate::collect::blobs::Tally;
use crate::collect::report::Requests;
use proptest::prelude::*;
use std::collections::BTreeMap;

const CLASSES: [&str; 3] = ["A", "B", "C"];

fn price(nanos: u64) -> Price {
    Price::parse(&format!("{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000)).unwrap()
}

fn class() -> impl Strategy<Value = ClassPrice> {
    let steps = prop::collection::btree_map(1_u64..100_000, 0_u64..1_000_000_000, 0..3);
    (steps, 0_u64..1_000_000_000, 0_u16..366, any::<bool>()).prop_map(|(steps, last, minimum_days, small)| {
        let mut steps: Vec<Step> =
            steps.into_iter().map(|(end, nanos)| Step { up_to: Some(end), price: price(nanos) }).collect();
        steps.push(Step { up_to: None, price: price(last) });
        ClassPrice { steps, read: price(last / 1000), minimum_days, bills_small_as_128_kib: small }
    })
}

/// Some of the classes have a price.
fn region() -> impl Strategy<Value = Region> {
    prop::collection::btree_map(prop::sample::select(&CLASSES[..2]).prop_map(str::to_owned), class(), 0..3).prop_map(
        |classes| Region {
            list: price(5_000_000),
            write: price(5_000_000),
            delete: price(0),
            keys_per_delete: 1000,
            classes,
        },
    )
}

/// Objects of one class: large ones, and small ones.
fn stored() -> impl Strategy<Value = Stored> {
    (0_u64..1 << 20, 0_u64..1 << 30, 0_u64..1 << 20, 0..SMALL).prop_map(|(large, size, small, small_size)| Stored {
        count: large + small,
        bytes: large * (SMALL + size) + small * small_size,
        small: Tally { count: small, bytes: small * small_size },
    })
}

/// What is there, and a part of it that goes.
fn findings() -> impl Strategy<Value = Findings> {
    let class = (stored(), stored(), 0_u16..=366);
    prop::collection::btree_map(prop::sample::select(&CLASSES[..]), class, 0..4).prop_map(|classes| {
        let (mut findings, mut after) = (Findings::default(), After::default());
        for (name, (stays, goes, days)) in classes {
            let sum = |a: Tally, b: Tally| Tally { count: a.count + b.count, bytes: a.bytes + b.bytes };
            let (count, bytes) = (stays.count + goes.count, stays.bytes + goes.bytes);
            findings.bytes += bytes;
            findings
                .storage_classes
                .insert(name.to_owned(), Stored { count, bytes, small: sum(stays.small, goes.small) });
            after.freed = sum(after.freed, Tally { count: goes.count, bytes: goes.bytes });
            let ages = vec![Age { days, stored: goes }];
            let Stored { count, bytes, small } = goes;
            after.storage_classes.insert(name.to_owned(), Going { count, bytes, small, ages });
        }
        findings.after.insert("collection", after);
        findings
    })
}

fn of(findings: &Findings, region: Option<Region>) -> Money {
    let other = ("there".to_owned(), Region::default());
    let regions = region.map(|region| ("here".to_owned(), region)).into_iter().chain([other]).collect();
    let providers = [("s3".to_owned(), Provider { gigabyte: 1 << 30, regions })].into();
    let prices = Prices { currency: "USD".into(), providers, ..Prices::default() };
    let requests = Requests { list: 7, get: 11, ..Requests::default() };
    money(findings, Market { prices: &prices, from: "a test", provider: "s3", region: Some("here") }, requests)
}

proptest! {
    #[test]
    fn classes_add_up_and_nothing_costs_more_when_some_of_it_is_gone(findings in findings(), region in region()) {
        let money = of(&findings, Some(region.clone()));
        let change = &money.after["collection"];
        for bill in [&money.now, &change.bill] {
            let priced: Vec<Amount> = bill.storage_classes.values().flatten().map(|one| one.per_month).collect();
            let sum = if priced.is_empty() { None } else { Some(priced.into_iter().sum::<Amount>()) };
            prop_assert_eq!(bill.per_month, sum, "what is not known is not nothing");
        }
        let priced: u64 = money.now.storage_classes.values().flatten().map(|one| one.bytes).sum();
        prop_assert_eq!(priced + money.now.unpriced_bytes, findings.bytes, "every byte has a price or is said to have none");
        if let (Some(now), Some(then), Some(saved)) = (money.now.per_month, change.bill.per_month, change.saved_per_month) {
            prop_assert!(then <= now);
            prop_assert_eq!(then.plus(saved), now);
            let unpriced = change.unpriced_freed_bytes > 0;
            prop_assert_eq!(change.pays_back_days.is_none(), saved == Amount::default() || unpriced);
        }
        prop_assert_eq!(change.early_deletion.is_some(), change.saved_per_month.is_some());
        let old = |class: &String, going: &Going| {
            region.class(class).is_none_or(|price| going.ages.iter().all(|age| age.days >= price.minimum_days))
        };
        if findings.after["collection"].storage_classes.iter().all(|(class, going)| old(class, going)) {
            prop_assert_eq!(change.early_deletion.unwrap_or_default(), Amount::default());
        }
    }

    #[test]
    fn rows_pay_for_the_whole(findings in findings(), region in region(), cut in 0_u64..=100) {
        let bill = of(&findings, Some(region)).now;
        let row = |part: &dyn Fn(u64) -> u64| Row {
            storage_classes: findings.storage_classes.iter().map(|(name, all)| (name.clone(), part(all.bytes))).collect(),
            ..Row::default()
        };
        let first = |bytes: u64| u64::try_from(u128::from(bytes) * u128::from(cut) / 100).unwrap();
        let rows = [row(&first), row(&|bytes| bytes - first(bytes))];
        let (paid, unpriced): (Vec<Option<Amount>>, Vec<u64>) = rows.iter().map(|row| of_row(&bill, row)).unzip();
        prop_assert_eq!(unpriced.iter().sum::<u64>(), bill.unpriced_bytes);
        for (at, paid) in paid.iter().enumerate() {
            let bytes: u64 = rows[at].storage_classes.values().sum();
            prop_assert!(paid.is_some() || unpriced[at] == bytes, "null only where nothing of it has a price");
            prop_assert!(bytes == 0 || paid.is_none() || unpriced[at] < bytes, "and never nothing then");
        }
        match bill.per_month {
            None => prop_assert_eq!(paid, [None, None]),
            Some(whole) => {
                let sum: u64 = paid.into_iter().flatten().map(Amount::millionths).sum();
                // Each part of each class is rounded by itself; and where objects of no bytes are billed, no byte pays for them.
                let billed = bill.storage_classes.values().flatten().all(|one| one.bytes > 0 || one.billed_bytes == 0);
                prop_assert!(!billed || sum.abs_diff(whole.millionths()) <= 3, "{} of {}", sum, whole);
            }
        }
    }
}

#[test]
fn without_a_price_nothing_is_known_and_what_has_one_is_named() {
    let findings = Findings { bytes: 5, ..Findings::default() };
    let money = of(&findings, None);
    assert_eq!((money.now.per_month, money.now.unpriced_bytes, money.after.len()), (None, 5, 0));
    assert_eq!(money.not_known, ["the price: a test has no prices for s3 in the region here, only in there"]);
    let regions = [("there".to_owned(), Region::default())].into();
    let providers = [("gcs".to_owned(), Provider { gigabyte: 1, regions })].into();
    let prices = Prices { providers, ..Prices::default() };
    let lacks = |provider, region| Market { prices: &prices, from: "a test", provider, region }.lacks();
    let why = lacks("gcs", None).unwrap();
    assert_eq!(why, "gcs does not tell the region: --price-region names it; a test has there");
    assert_eq!(lacks("azure", Some("there")).unwrap(), "a test has no prices for azure, only for gcs");
    assert_eq!(lacks("gcs", Some("there")), None);
}

/// What goes and has no price saves something, and costs something, that nobody knows.
#[test]
fn what_goes_without_a_price_is_never_paid_back() {
    let stored = Stored { count: 1, bytes: 1 << 30, small: Tally::default() };
    let going = Going { count: 1, bytes: 1 << 30, ..Going::default() };
    let storage_classes: BTreeMap<String, Stored> = [("A".into(), stored), ("dark".into(), stored)].into();
    let freed = Tally { count: 2, bytes: 2 << 30 };
    let after = After {
        freed,
        storage_classes: [("A".into(), going.clone()), ("dark".into(), going)].into(),
        ..After::default()
    };
    let after = BTreeMap::from([("collection", after)]);
    let findings = Findings { bytes: 2 << 30, storage_classes, after, ..Findings::default() };
    let steps = vec![Step { up_to: None, price: price(1_000_000_000) }];
    let classes = [("A".to_owned(), ClassPrice { steps, ..ClassPrice::default() })].into();
    let money = of(&findings, Some(Region { keys_per_delete: 1, classes, ..Region::default() }));
    let change = &money.after["collection"];
    assert_eq!(change.saved_per_month.map(Amount::millionths), Some(1_000_000));
    assert_eq!((change.unpriced_freed_bytes, change.pays_back_days), (1 << 30, None));
    assert_eq!(money.not_known, ["the price of the storage class dark"]);
}

/// The more is stored, the less the rest of it costs: old versions cost what they add.
#[test]
fn old_versions_cost_what_they_add_and_what_has_no_price_is_not_known() {
    let stored = |gigabytes: u64| Stored { count: 1, bytes: gigabytes << 30, small: Tally::default() };
    let steps =
        vec![Step { up_to: Some(3), price: price(1_000_000_000) }, Step { up_to: None, price: price(100_000_000) }];
    let classes = [("A".to_owned(), ClassPrice { steps, ..ClassPrice::default() })].into();
    let region = Region { keys_per_delete: 1, classes, ..Region::default() };
    let mut findings =
        Findings { bytes: 2 << 30, storage_classes: [("A".into(), stored(2))].into(), ..Findings::default() };
    assert_eq!(of(&findings, Some(region.clone())).old_versions, None, "nobody knows of any");
    let mut of_old = |old: &[(&str, u64)]| {
        let classes = old.iter().map(|(class, gigabytes)| ((*class).to_owned(), stored(*gigabytes)));
        findings.not_listed.noncurrent_storage_classes = Some(classes.collect());
        let money = of(&findings, Some(region.clone()));
        assert_eq!(money.now.per_month.map(Amount::millionths), Some(2_000_000), "as without them");
        let dark = old.iter().filter(|(class, _)| *class == "dark").map(|_| "the price of the storage class dark");
        assert_eq!(money.not_known, dark.collect::<Vec<_>>());
        let old = money.old_versions.unwrap();
        (old.per_month.map(Amount::millionths), old.unpriced_bytes)
    };
    assert_eq!(of_old(&[]), (Some(0), 0));
    assert_eq!(of_old(&[("A", 3)]), (Some(1_200_000), 0));
    assert_eq!(of_old(&[("A", 1), ("dark", 5)]), (Some(1_000_000), 5 << 30));
    assert_eq!(of_old(&[("dark", 5)]), (None, 5 << 30));
}

/// By hand: 2 TB of which half goes, a fifth of that ten days too early.
#[test]
fn figures_are_those_of_a_calculation_by_hand() {
    let tera = 1_u64 << 40;
    let stored = |bytes| Stored { count: bytes >> 20, bytes, small: Tally::default() };
    let ages = vec![Age { days: 20, stored: stored(tera / 4) }, Age { days: 30, stored: stored(tera * 3 / 4) }];
    let Stored { count, bytes, small } = stored(tera);
    let going = Going { count, bytes, small, ages };
    let after =
        After { freed: Tally { count, bytes }, storage_classes: [("B".into(), going)].into(), ..After::default() };
    let findings = Findings {
        bytes: 2 * tera,
        storage_classes: [("B".into(), stored(2 * tera))].into(),
        after: BTreeMap::from([("collection", after)]),
        ..Findings::default()
    };
    let steps = vec![Step { up_to: None, price: price(12_500_000) }];
    let class = ClassPrice { steps, read: price(1_000_000), minimum_days: 30, bills_small_as_128_kib: true };
    let region = Region {
        list: price(5_000_000),
        write: price(5_000_000),
        delete: price(5_000_000),
        keys_per_delete: 1000,
        classes: [(ANY.to_owned(), class)].into(),
    };
    let money = of(&findings, Some(region));
    let change = &money.after["collection"];
    assert_eq!(money.now.per_month.map(Amount::millionths), Some(25_600_000), "2048 GB at 0.0125");
    assert_eq!(change.saved_per_month.map(Amount::millionths), Some(12_800_000));
    assert_eq!(
        change.early_deletion.map(Amount::millionths),
        Some(1_066_667),
        "256 GB at 0.0125 for a third of a month"
    );
    assert_eq!(change.requests.delete, 1049, "a thousand keys each");
    // 14 lists and 12 writes and 1049 deletes at 0.005 a thousand, 22 reads at 0.001 a thousand.
    assert_eq!(change.requests_cost.map(Amount::millionths), Some(70 + 60 + 5245 + 22));
    assert_eq!(change.pays_back_days, Some(3));
}

/// Small objects are billed as larger ones where the class says so.
#[test]
fn small_objects_are_billed_by_their_minimum() {
    let small = Tally { count: 8192, bytes: 8192 };
    let findings = Findings {
        bytes: 8192,
        storage_classes: [("B".into(), Stored { count: 8192, bytes: 8192, small })].into(),
        ..Findings::default()
    };
    let steps = vec![Step { up_to: None, price: price(1_000_000_000) }];
    let class = ClassPrice { steps, bills_small_as_128_kib: true, ..ClassPrice::default() };
    let region = Region { keys_per_delete: 1, classes: [("B".to_owned(), class)].into(), ..Region::default() };
    let bill = of(&findings, Some(region)).now;
    let of_class = bill.storage_classes["B"].unwrap();
    assert_eq!((of_class.bytes, of_class.billed_bytes), (8192, 1 << 30));
    assert_eq!(bill.per_month.map(Amount::millionths), Some(1_000_000));
}
