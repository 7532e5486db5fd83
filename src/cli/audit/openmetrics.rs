//! An audit as figures.

use super::report::Report;
use crate::cli::openmetrics::{Figure, Metrics};
use crate::collect::audit::report::Row;
use crate::collect::money::amount::Amount;
use crate::collect::money::bill::Change;
use crate::model::Timestamp;

pub(super) fn text(report: &Report) -> String {
    let findings = &report.findings;
    let mut metrics = Metrics::new("audit", vec![("registry", report.location.as_str())]);
    let finished = Timestamp::parse_rfc3339(&report.finished).map_or(0, seconds);
    metrics.one("finished_timestamp", "seconds", "When the audit ended.", finished);
    metrics.one("storage", "bytes", "All bytes below the root.", findings.bytes);
    metrics.one("storage_objects", "", "All objects below the root.", findings.objects);
    let classes = || findings.classes.iter().map(|(name, tally)| (vec![("class", *name)], tally));
    let bytes = classes().map(|(labels, tally)| (labels, tally.bytes));
    metrics.gauge("class", "bytes", "Bytes by what they are; all of them add up to the whole.", bytes);
    let objects = classes().map(|(labels, tally)| (labels, tally.count));
    metrics.gauge("class_objects", "", "Objects by what they are.", objects);
    if let Some(versions) = findings.not_listed.noncurrent_versions {
        metrics.one(
            "noncurrent_versions",
            "bytes",
            "Bytes of old versions, which are in no other sum.",
            versions.bytes,
        );
    }
    let stored = findings.storage_classes.iter();
    let stored = stored.map(|(name, stored)| (vec![("storage_class", name.as_str())], stored.bytes));
    metrics.gauge("storage_class", "bytes", "Bytes by storage class.", stored);
    let freed = findings.after.iter().map(|(kind, after)| (vec![("by", *kind)], after.freed.bytes));
    metrics.gauge("freeable", "bytes", "Bytes that would be free, once they have waited, by what is done; what is younger than --min-age is not among them.", freed);
    costs(&mut metrics, report);
    if let Some(compared) = &report.compared {
        metrics.one("storage_change", "bytes", "How much it grew since the earlier audit.", compared.bytes.change);
    }
    for (title, label, rows) in
        [("repository", "repository", Some(&findings.repositories)), ("group", "group", findings.groups.as_ref())]
    {
        for (name, help, figure) in FIGURES {
            let rows = rows.into_iter().flatten();
            // What no repository uses stands beside both: with it, shares add up to the whole.
            let nobody =
                rows.clone().next().map(|_| &findings.nobody).filter(|_| matches!(name, "fair_share" | "garbage"));
            let figures = rows.chain(nobody).map(|row| (vec![(label, row.name.as_str())], figure(row)));
            metrics.gauge(&format!("{title}_{name}"), "bytes", help, figures);
        }
    }
    let pushes: Vec<Figure<'_>> = findings
        .repositories
        .iter()
        .filter_map(|row| Some((vec![("repository", row.name.as_str())], seconds(row.last_push?))))
        .collect();
    metrics.gauge("repository_last_push_timestamp", "seconds", "When something was last pushed.", pushes);
    metrics.finish()
}

/// Amounts of money, in the currency that stands beside them.
fn costs(metrics: &mut Metrics<'_>, report: &Report) {
    let Some(money) = &report.money else { return };
    // Nothing at all of what has no price is not known, and no figure says so.
    let told = |change: &Change, amount: Option<Amount>| {
        amount.filter(|amount| change.unpriced_freed_bytes == 0 || *amount > Amount::default())
    };
    let decimal = |amount: Amount| serde_json::json!(amount).to_string();
    let currency = ("currency", money.currency.as_str());
    let now = money.now.per_month.map(|month| (vec![currency], decimal(month)));
    metrics.gauge("cost_per_month", "", "What storage costs for a month, by list prices.", now);
    metrics.one("unpriced", "bytes", "Bytes without a price, which are in no cost.", money.now.unpriced_bytes);
    let old = money
        .old_versions
        .and_then(|old| old.per_month.filter(|cost| old.unpriced_bytes == 0 || *cost > Amount::default()));
    let old = old.map(|cost| (vec![currency], decimal(cost)));
    metrics.gauge("old_versions_cost_per_month", "", "What old versions cost for a month, beside all else.", old);
    let changes = || money.after.iter().map(|(kind, change)| (vec![("by", *kind), currency], change));
    let unpriced = money.after.iter().map(|(kind, change)| (vec![("by", *kind)], change.unpriced_freed_bytes));
    let help = "Bytes that would go and have no price, which are in no saving.";
    metrics.gauge("unpriced_freed", "bytes", help, unpriced);
    let saved = changes().filter_map(|(labels, change)| Some((labels, decimal(told(change, change.saved_per_month)?))));
    metrics.gauge("saved_per_month", "", "What would be saved each month, by what is done.", saved.collect::<Vec<_>>());
    let early = changes().filter_map(|(labels, change)| Some((labels, decimal(told(change, change.early_deletion)?))));
    let help = "What would be charged once, as it goes early.";
    metrics.gauge("early_deletion_cost", "", help, early.collect::<Vec<_>>());
    let rows = report.findings.repositories.iter().chain([&report.findings.nobody]);
    let rows =
        rows.filter_map(|row| Some((vec![("repository", row.name.as_str()), currency], decimal(row.per_month?))));
    metrics.gauge("repository_cost_per_month", "", "What a fair share costs for a month.", rows.collect::<Vec<_>>());
    let rows = report.findings.repositories.iter().chain([&report.findings.nobody]);
    let rows = rows.filter_map(|row| {
        let unpriced = row.unpriced_bytes.filter(|bytes| *bytes > 0)?;
        Some((vec![("repository", row.name.as_str())], unpriced))
    });
    let help = "Bytes of a fair share without a price, which are not in its cost.";
    metrics.gauge("repository_unpriced", "bytes", help, rows.collect::<Vec<_>>());
}

type Of = fn(&Row) -> u64;

const FIGURES: [(&str, &str, Of); 4] = [
    ("logical", "Bytes of all that it uses, each object in full.", |row| row.logical_bytes),
    ("unshared", "Bytes that nobody else uses.", |row| row.unshared_bytes),
    ("fair_share", "Its part of all bytes, where what several use is divided evenly.", |row| row.fair_share_bytes),
    ("garbage", "Its fair share of what a collection frees.", |row| {
        row.freed_bytes.get("collection").copied().unwrap_or(0)
    }),
];

fn seconds(time: Timestamp) -> u64 {
    u64::try_from(time.as_nanos() / 1_000_000_000).unwrap_or(0)
}
