//! An audit for the one who pays: one file that opens without a network, on a screen, a phone and on paper.

mod charts;
mod map;
mod policy;
mod rows;
mod steps;
mod treemap;

use super::report::Report;
use super::tables::{KINDS, OldCost, after, beside, counted_by, freeable, kept, of_old_versions, percent, sum};
use super::{compared, money};
use crate::cli::words::{printable, size};
use crate::collect::audit::storage_class::NOT_KNOWN;
use askama::Template;
use std::fmt::Write as _;

const STYLE: &str = include_str!("html/audit.css");
const SCRIPT: &str = include_str!("html/audit.js");
/// So many movers are named.
const MOVERS: usize = 12;

/// A row of a table: what it is about, in short and perhaps at length, and its cells.
#[derive(Debug)]
struct Line {
    name: String,
    about: &'static str,
    cells: Vec<String>,
}

#[derive(Debug, Template)]
#[template(path = "audit.html", config = "src/cli/audit/html/askama.toml")]
struct Page<'a> {
    csp: String,
    style: &'static str,
    script: &'static str,
    location: String,
    day: String,
    version: &'static str,
    sentence: String,
    freeable: String,
    notes: Vec<String>,
    after_titles: Vec<&'static str>,
    after: Vec<Line>,
    money_title: String,
    money_notes: Vec<String>,
    kept: Vec<String>,
    maps: Vec<map::Map>,
    map_label: String,
    legend: &'a [(u8, &'static str)],
    freed_by: &'static str,
    classes: Vec<charts::Bar>,
    months: Vec<charts::Month>,
    months_width: usize,
    months_first: String,
    months_last: String,
    months_most: String,
    months_before: String,
    storage: Vec<Line>,
    movers_sum: String,
    movers_notes: Vec<String>,
    movers: Vec<Line>,
    movers_more: usize,
    steps: Vec<steps::Step>,
    group_columns: Vec<&'static str>,
    groups: Vec<Line>,
    columns: Vec<rows::Column>,
    rows: Vec<Line>,
    rows_left: usize,
    data_left: usize,
    data: String,
}

pub(super) fn text(report: &Report) -> String {
    let page = page(report);
    page.render().unwrap_or_else(|error| format!("<!doctype html><title>regsweep</title><p>{error}"))
}

fn page(report: &Report) -> Page<'_> {
    let findings = &report.findings;
    let has_policy = findings.after.contains_key("policy");
    let (kind, freed_by) = if has_policy { ("policy", "the policy") } else { ("collection", "regsweep gc") };
    let rows = rows::rows(report);
    let groups = findings.groups.iter().flatten().chain(findings.groups.iter().map(|_| &findings.nobody));
    let of_groups = || rows.columns.iter().filter(|column| column.title != "Group");
    let groups: Vec<Line> = groups.map(|row| rows::line(of_groups(), row)).collect();
    let (months, scale) = charts::months(&report.findings.months);
    let moved = report.compared.as_ref().map(|compared| compared.repositories.as_slice()).unwrap_or_default();
    let notes = report.not_known.iter().map(|note| format!("Not counted: {}", printable(note)));
    let notes = notes.chain(report.warnings.iter().map(|warning| printable(warning)));
    Page {
        csp: policy::security(SCRIPT),
        style: STYLE,
        script: SCRIPT,
        location: printable(&report.location),
        day: report.finished.chars().take(10).collect(),
        version: env!("CARGO_PKG_VERSION"),
        sentence: sentence(report),
        freeable: freeable(report.min_age),
        notes: counted_by(report).into_iter().chain(notes).chain(refusals(report)).collect(),
        after_titles: after_titles(report),
        after: after_lines(report),
        money_title: report.money.as_ref().map(|money| printable(&money::title(money))).unwrap_or_default(),
        money_notes: money::notes(report).iter().map(|one| printable(one)).collect(),
        kept: kept(report).into_iter().chain(beside(report)).collect(),
        map_label: format!("Map of {} by repository; the table below has the same figures", size(findings.bytes)),
        maps: map::maps(report, kind),
        legend: &map::LEGEND,
        freed_by,
        classes: charts::classes(report),
        months,
        months_width: scale.many * 10,
        months_first: scale.first,
        months_last: scale.last,
        months_most: scale.most,
        months_before: scale.before,
        storage: storage(report),
        movers_sum: report.compared.as_ref().map(compared::sum).unwrap_or_default(),
        movers_notes: report.compared.iter().flat_map(|one| &one.notes).map(|note| printable(note)).collect(),
        movers: moved.iter().take(MOVERS).map(mover).collect(),
        movers_more: moved.len().saturating_sub(MOVERS),
        steps: steps::steps(report),
        group_columns: of_groups().map(|one| if one.title == "Repository" { "Group" } else { one.title }).collect(),
        groups,
        rows: rows.first,
        rows_left: rows.rest,
        data_left: rows.left_out,
        data: rows.data,
        columns: rows.columns,
    }
}

/// What it comes to, in one sentence.
fn sentence(report: &Report) -> String {
    let findings = &report.findings;
    let money = report.money.as_ref();
    let mut text = format!("This registry holds {}", sum(report));
    if let Some(money) = money.filter(|money| money.now.per_month >= Some(money::LEAST)) {
        let _ = write!(text, " and costs {} {} a month", money::month(&money.now), money.currency);
        match of_old_versions(report) {
            Some(OldCost::Known(cost)) => text.extend([", and old versions of it ", &cost, " more"]),
            Some(OldCost::NotKnown) => text += ", and nobody knows what old versions of it cost",
            None => {}
        }
    }
    let kinds = [("policy", "the policy"), ("collection", "regsweep gc")];
    let best = kinds.into_iter().find_map(|(kind, words)| Some((kind, words, findings.after.get(kind)?)));
    let Some((kind, words, after)) = best else { return text + "." };
    if after.freed.bytes == 0 {
        return format!("{text}; {words} would free nothing.");
    }
    let share = percent(after.freed.bytes, findings.bytes);
    let when = match (report.store_keeps.known, report.store_keeps.how) {
        (true, None) => "",
        (true, Some(_)) => ", once the store lets it go,",
        (false, _) => ", if the store does not keep it,",
    };
    let _ = write!(text, "; {words} would free {} of that ({share}){when}", size(after.freed.bytes));
    let change = money.and_then(|money| Some((money, money.after.get(kind)?)));
    if let Some((money, change)) = change.filter(|(_, change)| change.saved_per_month >= Some(money::LEAST)) {
        let _ = write!(text, " and save {} {} a month", money::saved(change), money.currency);
    }
    text.trim_end_matches(',').to_owned() + "."
}

fn refusals(report: &Report) -> Vec<String> {
    let of = |(words, after): (&'static str, &crate::collect::audit::report::After)| {
        let refused = |one: &crate::collect::report::RefusalRow| {
            format!("{words} is refused here: {} ({})", printable(&one.message), one.code)
        };
        after.refusals.iter().map(refused).collect::<Vec<_>>()
    };
    after(report).into_iter().flat_map(of).collect()
}

fn after_titles(report: &Report) -> Vec<&'static str> {
    let money = if report.money.is_some() { &["Saved a month", "Per month", "Once", "Pays back"][..] } else { &[] };
    money.iter().chain(&["Frees", "Of all", "Left"]).copied().collect()
}

/// What is done, for those who never ran it.
const DONE: [(&str, &str); 3] = [
    ("collection", "what nothing needs any more is gone"),
    ("collection_untagged", "images without a tag are gone as well, and what only they needed"),
    ("policy", "tags that the rules let go are gone, and what nothing needs then"),
];

fn after_lines(report: &Report) -> Vec<Line> {
    let (whole, empty) = (report.findings.bytes, String::new);
    let mut cells = Vec::new();
    if let Some(money) = &report.money {
        cells.extend([empty(), money::month(&money.now), empty(), empty()]);
    }
    cells.extend([empty(), empty(), size(whole)]);
    let mut lines = vec![Line { name: "now".to_owned(), about: "as it is", cells }];
    for (kind, words) in KINDS {
        let Some(after) = report.findings.after.get(kind) else { continue };
        let mut cells = Vec::new();
        if let Some(money) = &report.money {
            cells.extend(match money.after.get(kind) {
                Some(change) => {
                    let (saved, month) = (money::saved(change), money::month(&change.bill));
                    [saved, month, money::once(change), money::pays_back(change)]
                }
                None => ["not known"; 4].map(str::to_owned),
            });
        }
        cells.extend([size(after.freed.bytes), percent(after.freed.bytes, whole), size(after.bytes)]);
        let about = DONE.into_iter().find(|(of, _)| *of == kind).map_or("", |(_, about)| about);
        lines.push(Line { name: format!("after {words}"), about, cells });
    }
    lines
}

fn storage(report: &Report) -> Vec<Line> {
    let classes = &report.findings.storage_classes;
    if classes.keys().all(|name| name == NOT_KNOWN) {
        return Vec::new();
    }
    let bill = report.money.as_ref().map(|money| &money.now.storage_classes);
    let month = |name: &String| match bill.and_then(|bill| bill.get(name)) {
        Some(Some(of_class)) => of_class.per_month.to_string(),
        Some(None) | None => "not known".to_owned(),
    };
    let line = |(name, stored): (&String, &crate::collect::audit::scenario::Stored)| Line {
        name: printable(name),
        about: "",
        cells: vec![size(stored.bytes), month(name)],
    };
    classes.iter().map(line).collect()
}

fn mover(moved: &crate::collect::audit::compare::Moved) -> Line {
    let how = if matches!(moved.how, "new" | "gone") { moved.how } else { "" };
    let bytes = moved.bytes;
    let cells = vec![size(bytes.before), size(bytes.after), compared::signed(bytes), how.to_owned()];
    Line { name: printable(&moved.name), about: "", cells }
}
