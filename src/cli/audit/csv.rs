//! A row for each repository, and one for what none uses.

use super::report::Report;
use crate::cli::csv::line;
use crate::collect::audit::class::Class;
use crate::collect::audit::report::Row;
use crate::model::Timestamp;

const TITLES: &[&str] = &[
    "repository",
    "group",
    "tags",
    "manifests",
    "untagged_manifests",
    "last_push",
    "logical_bytes",
    "unshared_bytes",
    "fair_share_bytes",
    "freed_by_deleting_bytes",
    "untagged_bytes",
    "freed_collection_bytes",
    "freed_collection_untagged_bytes",
    "freed_policy_bytes",
    "per_month",
    "currency",
    "unpriced_bytes",
];

pub(super) fn text(report: &Report) -> String {
    let classes: Vec<String> = Class::ALL.iter().map(|class| format!("{}_bytes", class.name())).collect();
    let titles: Vec<&str> = TITLES.iter().copied().chain(classes.iter().map(String::as_str)).collect();
    let mut text = String::new();
    let currency = report.money.as_ref().map_or("", |money| money.currency.as_str());
    for row in report.findings.repositories.iter().chain([&report.findings.nobody]) {
        line(&mut text, &titles, || cells(row, currency));
    }
    text
}

fn cells(row: &Row, currency: &str) -> Vec<String> {
    let freed = |kind: &str| row.freed_bytes.get(kind).map(u64::to_string).unwrap_or_default();
    let mut cells = vec![
        row.name.clone(),
        row.group.clone().unwrap_or_default(),
        row.tags.to_string(),
        row.manifests.to_string(),
        row.untagged_manifests.to_string(),
        row.last_push.map(Timestamp::to_rfc3339).unwrap_or_default(),
        row.logical_bytes.to_string(),
        row.unshared_bytes.to_string(),
        row.fair_share_bytes.to_string(),
        row.freed_by_deleting_bytes.to_string(),
        row.untagged_bytes.to_string(),
        freed("collection"),
        freed("collection_untagged"),
        freed("policy"),
        row.per_month.map(|amount| serde_json::json!(amount).to_string()).unwrap_or_default(),
        currency.to_owned(),
        row.unpriced_bytes.map(|bytes| bytes.to_string()).unwrap_or_default(),
    ];
    // What every row has stands in it as a number, also where it is nothing.
    cells.extend(Class::ALL.iter().map(|class| row.classes.get(class.name()).copied().unwrap_or(0).to_string()));
    cells
}
