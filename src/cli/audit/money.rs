//! What it costs, for people.

use super::report::Report;
use super::tables::{KINDS, kept};
use crate::cli::args::Audit;
use crate::cli::columns::Columns;
use crate::cli::words::size;
use crate::collect::audit::report::Findings;
use crate::collect::money::amount::Amount;
use crate::collect::money::bill::{self, Bill, Change, Market, Money};
use crate::collect::money::prices::Prices;
use crate::error::{Error, ErrorKind, Result};
use crate::storage::biller::Biller;

/// Whose prices count: of a directory, and of what only speaks a provider's protocol, our own say nothing; then there is no
/// word of money, unless it was asked for.
fn market<'a>(args: &'a Audit, prices: &'a Prices, from: &'a str, biller: &'a Biller) -> Option<Market<'a>> {
    let is_asked = args.prices.is_some() || args.price_region.is_some();
    let is_priced = !biller.is_elsewhere && prices.providers.contains_key(biller.provider);
    let region = args.price_region.as_deref().or(biller.region.as_deref());
    (is_asked || is_priced).then_some(Market { prices, from, provider: biller.provider, region })
}

fn from(args: &Audit) -> String {
    args.prices.as_ref().map_or_else(|| "regsweep's own list".to_owned(), |file| file.display().to_string())
}

/// Finds out whether there are the prices that were asked for, before an hour is spent on an audit without them.
///
/// # Errors
/// If there are none.
pub(super) fn check(args: &Audit, prices: &Prices, biller: &Biller) -> Result<()> {
    let from = from(args);
    let lacks = market(args, prices, &from, biller).and_then(Market::lacks);
    match lacks {
        Some(why) if args.prices.is_some() || args.price_region.is_some() => {
            let error = Error::new(ErrorKind::Usage, "find the prices").because(why);
            Err(error.next("name a region of these with --price-region, or with --prices a file that has them"))
        }
        _ => Ok(()),
    }
}

/// Adds what it costs.
pub(super) fn add(report: &mut Report, args: &Audit, prices: &Prices, biller: &Biller) {
    let from = from(args);
    let Some(market) = market(args, prices, &from, biller) else { return };
    let mut money = bill::money(&report.findings, market, report.requests);
    let keeps = &report.store_keeps;
    // What the store keeps is billed: nothing is paid back before it lets go, and never if nobody knows when.
    let later = if keeps.known && keeps.how.is_none() { Some(0) } else { keeps.days };
    for change in money.after.values_mut() {
        change.pays_back_days = change.pays_back_days.zip(later).map(|(days, later)| days.saturating_add(later));
    }
    let Findings { repositories, groups, nobody, .. } = &mut report.findings;
    for row in repositories.iter_mut().chain(groups.iter_mut().flatten()).chain([nobody]) {
        let (per_month, unpriced) = bill::of_row(&money.now, row);
        (row.per_month, row.unpriced_bytes) = (per_month, Some(unpriced));
    }
    report.money = Some(money);
}

/// An amount with its currency.
pub(super) fn amount(money: &Money, amount: Amount) -> String {
    format!("{amount} {}", money.currency)
}

/// What is shown as more than nothing: over less than that is not known.
pub(super) const LEAST: Amount = Amount::from_millionths(50);

/// An amount; where a part of it has no price, it says so. `None` is not known.
pub(super) fn amount_known(amount: Option<Amount>, unpriced_bytes: u64) -> Option<String> {
    match (amount, unpriced_bytes) {
        (Some(amount), 0) => Some(amount.to_string()),
        (Some(amount), _) if amount >= LEAST => Some(format!("over {amount}")),
        _ => None,
    }
}

/// The same in words.
pub(super) fn known(amount: Option<Amount>, unpriced_bytes: u64) -> String {
    amount_known(amount, unpriced_bytes).unwrap_or_else(|| "not known".to_owned())
}

/// What a bill comes to.
pub(super) fn month(bill: &Bill) -> String {
    known(bill.per_month, bill.unpriced_bytes)
}

/// What is saved each month.
pub(super) fn saved(change: &Change) -> String {
    known(change.saved_per_month, change.unpriced_freed_bytes)
}

/// Which prices these are.
pub(super) fn title(money: &Money) -> String {
    let Money { currency, provider, prices_date, .. } = money;
    let region = match (money.region.as_deref(), money.now.per_month) {
        (Some(region), _) => format!(" {region}"),
        // A price for any region needs none.
        (None, Some(_)) => String::new(),
        (None, None) => ", region not known".to_owned(),
    };
    format!("{currency}, {provider}{region}, prices of {prices_date}")
}

/// What doing it costs once.
pub(super) fn once(change: &Change) -> String {
    let Change { early_deletion, requests_cost, unpriced_freed_bytes, .. } = change;
    let all = requests_cost.zip(*early_deletion).map(|(requests, early)| requests.plus(early));
    known(all, *unpriced_freed_bytes)
}

/// When that has paid for itself.
pub(super) fn pays_back(change: &Change) -> String {
    let saves_nothing = change.unpriced_freed_bytes == 0 && change.saved_per_month == Some(Amount::default());
    match change.pays_back_days {
        Some(0 | 1) => "in a day".to_owned(),
        Some(days) => format!("in {days} days"),
        None if saves_nothing => "never".to_owned(),
        None => "not known".to_owned(),
    }
}

/// What changes with what could be done: the command, the change.
pub(super) fn changes(money: &Money) -> Vec<(&'static str, &Change)> {
    KINDS.into_iter().filter_map(|(kind, words)| Some((words, money.after.get(kind)?))).collect()
}

/// What must be known beside the figures.
pub(super) fn notes(report: &Report) -> Vec<String> {
    let Some(money) = &report.money else { return Vec::new() };
    let mut notes = Vec::new();
    notes.extend(money.not_known.iter().map(|what| format!("not known: {what}")));
    let old = money.old_versions.unwrap_or_default();
    let unpriced = money.now.unpriced_bytes.saturating_add(old.unpriced_bytes);
    if money.now.per_month.or(old.per_month).is_some() && unpriced > 0 {
        let unpriced = size(unpriced);
        notes.push(format!("over: {unpriced} have no price here, and what they cost and save is in none of the sums"));
    }
    if let Some(requests) = money.audit_requests {
        let gigabyte = if money.gigabyte_bytes == Some(1 << 30) { "2^30" } else { "10^9" };
        notes.push(format!(
            "List prices before discounts and taxes, from {}; a GB is {gigabyte} bytes, as it is billed. What it costs once: \
             about the requests of a live collection, and charges for what goes before its minimum age. This audit's \
             requests cost {}.",
            money.prices_from,
            amount(money, requests)
        ));
    }
    if let Some(early) = money.after.values().filter_map(|change| change.early_deletion).max()
        && early > Amount::default()
    {
        notes.push(format!(
            "Up to {} of it is charged because objects go too early for their storage class; their age counts from when \
             they were written.",
            amount(money, early)
        ));
    }
    if money.now.per_month.is_some() && kept(report).is_some() {
        let what = "As long as the store keeps what is deleted, it bills it; versions that it keeps already are in no sum \
                    here.";
        notes.push(what.to_owned());
    }
    notes
}

/// The table.
pub(super) fn table(money: &Money) -> Columns {
    let mut table = Columns::default().left("").right("PER MONTH").right("SAVED").right("ONCE").right("PAYS BACK");
    table.row(vec!["now".into(), month(&money.now), String::new(), String::new(), String::new()]);
    for (words, change) in changes(money) {
        table.row(vec![format!("after {words}"), month(&change.bill), saved(change), once(change), pays_back(change)]);
    }
    table
}
