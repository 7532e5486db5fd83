//! A file of prices becomes [`Prices`]. Strict: a price that is half understood is money that is not there.

use crate::cli::policy::read;
use crate::collect::money::amount::Price;
use crate::collect::money::prices::{ClassPrice, Prices, Provider, Region, Step};
use crate::error::Result;
use crate::model::Timestamp;
use crate::retention::document;
use crate::retention::fault::Faults;
use crate::retention::fields::{Fields, Setting};
use std::collections::BTreeMap;
use std::path::Path;

/// The prices that come with regsweep.
const OURS: &str = include_str!("prices.yml");

const PROVIDERS: [&str; 4] = ["s3", "gcs", "azure", "directory"];

/// The prices of a file, or those that come with regsweep.
///
/// # Errors
/// If the file cannot be read, or anything in it is wrong.
pub(super) fn prices(file: Option<&Path>) -> Result<Prices> {
    let text = file.map(|file| read::text("read the prices", file)).transpose()?;
    let of = file.unwrap_or(Path::new("prices.yml"));
    parse(text.as_deref().unwrap_or(OURS)).map_err(|faults| read::wrong("read the prices", of, &faults))
}

/// Reads prices.
pub(super) fn parse(text: &str) -> std::result::Result<Prices, Faults> {
    let mut faults = Faults::default();
    let root = document::parse(text, &mut faults);
    let prices = root.and_then(|root| of_root(&Setting::root(&root), &mut faults));
    match prices {
        Some(prices) if faults.is_empty() => Ok(prices),
        _ => Err(faults),
    }
}

fn of_root(root: &Setting<'_>, faults: &mut Faults) -> Option<Prices> {
    let known = &["version", "date", "currency", "sources", "notes", "providers"];
    let fields = root.fields(known, faults)?;
    if let Some(version) = fields.get("version")
        && version.count(faults).is_some_and(|version| version != 1)
    {
        version.wrong(faults, "unknown version: this regsweep knows 1");
    }
    let date = fields.required("date", faults).and_then(|date| {
        let text = date.text("a date such as 2026-11-22", faults)?;
        if Timestamp::parse_date(text).is_none() {
            date.wrong(faults, "expected a date such as 2026-11-22");
        }
        Some(text.to_owned())
    });
    let currency = fields.required("currency", faults).and_then(|currency| {
        let text = currency.text("a currency such as USD", faults)?;
        if text.len() != 3 || !text.bytes().all(|byte| byte.is_ascii_uppercase()) {
            currency.wrong(faults, "expected the three capitals of a currency, such as USD");
        }
        Some(text.to_owned())
    });
    let sources = texts(&fields, "sources", faults);
    let notes = texts(&fields, "notes", faults);
    let providers = fields.required("providers", faults)?;
    let mut all = BTreeMap::new();
    for (key, setting) in providers.entries("providers and their prices", faults) {
        if PROVIDERS.contains(&key.text.as_str()) {
            all.extend(provider(&setting, faults).map(|provider| (key.text.clone(), provider)));
        } else {
            faults.add(key.place, setting.path.clone(), format!("unknown: known are {}", PROVIDERS.join(", ")));
        }
    }
    Some(Prices { date: date?, currency: currency?, sources, notes, providers: all })
}

fn texts(fields: &Fields<'_>, key: &str, faults: &mut Faults) -> Vec<String> {
    let Some(setting) = fields.get(key) else { return Vec::new() };
    let items = setting.items("lines of text", faults);
    items.iter().filter_map(|item| item.text("a line of text", faults).map(str::to_owned)).collect()
}

fn provider(setting: &Setting<'_>, faults: &mut Faults) -> Option<Provider> {
    let fields = setting.fields(&["gigabyte_bytes", "regions"], faults)?;
    let gigabyte = fields.required("gigabyte_bytes", faults).and_then(|bytes| {
        let count = bytes.count(faults)? as u64;
        if count != 1 << 30 && count != 1_000_000_000 {
            bytes.wrong(faults, "expected 1073741824 or 1000000000");
        }
        Some(count)
    });
    let regions = fields.required("regions", faults)?.entries("regions and their prices", faults);
    let regions = regions.iter().filter_map(|(key, one)| Some((key.text.clone(), region(one, faults)?))).collect();
    Some(Provider { gigabyte: gigabyte?, regions })
}

fn region(setting: &Setting<'_>, faults: &mut Faults) -> Option<Region> {
    let known = &["list_per_1000", "write_per_1000", "delete_per_1000", "keys_per_delete", "classes"];
    let fields = setting.fields(known, faults)?;
    let list = price(&fields, "list_per_1000", faults);
    let write = price(&fields, "write_per_1000", faults);
    let delete = price(&fields, "delete_per_1000", faults);
    let keys = fields.required("keys_per_delete", faults).and_then(|keys| keys.count(faults));
    let classes = fields.required("classes", faults)?.entries("storage classes and their prices", faults);
    let classes = classes.iter().filter_map(|(key, one)| Some((key.text.clone(), class(one, faults)?))).collect();
    Some(Region { list: list?, write: write?, delete: delete?, keys_per_delete: keys? as u64, classes })
}

fn class(setting: &Setting<'_>, faults: &mut Faults) -> Option<ClassPrice> {
    let known = &["per_gb_month", "read_per_1000", "minimum_days", "bills_small_as_128_kib"];
    let fields = setting.fields(known, faults)?;
    let steps = fields.required("per_gb_month", faults).and_then(|steps| steps_of(&steps, faults));
    let read = price(&fields, "read_per_1000", faults);
    let minimum_days = fields.get("minimum_days").and_then(|days| {
        let count = days.count(faults)?;
        if count > 365 {
            days.wrong(faults, "expected at most 365");
        }
        u16::try_from(count).ok()
    });
    let small = fields.get("bills_small_as_128_kib").and_then(|small| {
        let text = small.text("true or false", faults)?;
        if !matches!(text, "true" | "false") {
            small.wrong(faults, "expected true or false");
        }
        Some(text == "true")
    });
    let (minimum_days, bills_small_as_128_kib) = (minimum_days.unwrap_or(0), small.unwrap_or(false));
    Some(ClassPrice { steps: steps?, read: read?, minimum_days, bills_small_as_128_kib })
}

/// One price, or several by how much there is: each ends higher than the one before it, and the last has no end.
fn steps_of(setting: &Setting<'_>, faults: &mut Faults) -> Option<Vec<Step>> {
    if !matches!(setting.node.value, document::Value::List(_)) {
        return Some(vec![Step { up_to: None, price: number(setting, faults)? }]);
    }
    let items = setting.items("prices", faults);
    let mut steps: Vec<Step> = Vec::new();
    for (at, item) in items.iter().enumerate() {
        let fields = item.fields(&["up_to_gb", "price"], faults)?;
        let up_to = fields.get("up_to_gb").and_then(|end| end.count(faults)).map(|end| end as u64);
        let price = price(&fields, "price", faults)?;
        if up_to.is_none() != (at + 1 == items.len()) {
            item.wrong(faults, "every step but the last has `up_to_gb`, and the last has none");
        } else if steps.last().is_some_and(|last| up_to.is_some_and(|end| last.up_to >= Some(end))) {
            item.wrong(faults, "each step ends higher than the one before it");
        }
        steps.push(Step { up_to, price });
    }
    (!steps.is_empty()).then_some(steps)
}

fn price(fields: &Fields<'_>, key: &str, faults: &mut Faults) -> Option<Price> {
    number(&fields.required(key, faults)?, faults)
}

fn number(setting: &Setting<'_>, faults: &mut Faults) -> Option<Price> {
    let text = setting.text("a price such as 0.0235", faults)?;
    Price::parse(text).map_err(|why| setting.wrong(faults, why)).ok()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn our_own_prices_are_right() {
        let prices = parse(OURS).unwrap();
        assert_eq!(prices.currency, "USD");
        let s3 = prices.providers["s3"].region(Some("us-west-2")).unwrap();
        assert_eq!(s3.class("STANDARD").unwrap().month(1 << 40, 1 << 30).to_string(), "23.55");
        assert!(s3.class("GLACIER").is_none() && s3.class("not_known").is_none(), "no price is guessed");
        for (name, provider) in &prices.providers {
            assert_eq!(provider.gigabyte, 1 << 30, "{name}");
            assert!(provider.region(None).is_none(), "{name}: no price for a region that is not known");
        }
    }

    #[test]
    fn faults_of_a_price_file_say_where_they_are() {
        let text = "date: yesterday\ncurrency: dollars\nproviders:\n  s4: {}\n  s3:\n    gigabyte_bytes: 1000\n    \
                    regions:\n      r:\n        list_per_1000: -1\n        write_per_1000: 0.1\n        \
                    keys_per_delete: 0\n        clases: {}\n";
        let faults = parse(text).unwrap_err().to_string();
        for wanted in [
            "line 1, column 7: date: expected a date",
            "line 2, column 11: currency: expected the three capitals",
            "line 4, column 3: providers.s4: unknown: known are s3, gcs, azure, directory",
            "line 6, column 21: providers.s3.gigabyte_bytes: expected 1073741824 or 1000000000",
            "line 9, column 24: providers.s3.regions.r.list_per_1000: expected a price such as 0.0235",
            "delete_per_1000` is missing",
            "line 11, column 26: providers.s3.regions.r.keys_per_delete: expected a whole number from 1 on",
            "line 12, column 9: providers.s3.regions.r.clases: unknown key: did you mean `classes`?",
        ] {
            assert!(faults.contains(wanted), "{wanted}: {faults}");
        }
    }

    #[test]
    fn steps_of_a_price_rise_and_end() {
        let of = |steps: &str| {
            let text = format!("{{per_gb_month: {steps}, read_per_1000: 0}}");
            let mut faults = Faults::default();
            let node = document::parse(&text, &mut faults).unwrap();
            let class = class(&Setting::root(&node), &mut faults);
            (class.map(|class| class.steps.len()), faults.to_string())
        };
        assert_eq!(of("[{up_to_gb: 5, price: 2}, {price: 1}]"), (Some(2), String::new()));
        assert_eq!(of("0.5"), (Some(1), String::new()));
        for wrong in [
            "[]",
            "[{up_to_gb: 5, price: 2}]",
            "[{price: 1}, {price: 2}]",
            "x",
            "[{up_to_gb: 5, price: 2}, {up_to_gb: 5, price: 2}, {price: 1}]",
        ] {
            assert!(!of(wrong).1.is_empty(), "{wrong}");
        }
    }
}
