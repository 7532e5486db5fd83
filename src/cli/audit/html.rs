//! An audit for the one who pays: one file that opens without a network, on a screen, a phone and on paper.

mod map;
mod policy;
mod rows;
mod steps;
mod treemap;

use super::report::Report;
use super::tables::{after, percent, sum, words};
use super::{compared, money};
use crate::cli::words::{printable, size};
use crate::collect::audit::class::Class;
use crate::collect::audit::storage_class::NOT_KNOWN;
use crate::collect::blobs::Tally;
use askama::Template;
use std::fmt::Write as _;

const STYLE: &str = include_str!("html/audit.css");
const SCRIPT: &str = include_str!("html/audit.js");
/// So many months are drawn, and so many movers are named.
const MONTHS: usize = 36;
const MOVERS: usize = 20;

/// A row of a table: what it is about, and its cells.
#[derive(Debug)]
struct Line {
    name: String,
    cells: Vec<String>,
}

/// A class and its part of the whole.
#[derive(Debug)]
struct Bar {
    name: &'static str,
    bytes: String,
    share: String,
    percent: String,
    is_garbage: bool,
}

/// A month and its bar.
#[derive(Debug)]
struct Month {
    title: String,
    x: usize,
    y: String,
    height: String,
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
    notes: Vec<String>,
    after_titles: Vec<&'static str>,
    after: Vec<Line>,
    money_notes: Vec<String>,
    maps: Vec<map::Map>,
    map_label: String,
    legend: &'a [(u8, &'static str)],
    freed_by: &'static str,
    classes: Vec<Bar>,
    months: Vec<Month>,
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
    let (months, scale) = months(report);
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
        notes: notes.chain(refusals(report)).collect(),
        after_titles: after_titles(report),
        after: after_lines(report),
        money_notes: report
            .money
            .as_ref()
            .map(money::notes)
            .unwrap_or_default()
            .iter()
            .map(|one| printable(one))
            .collect(),
        map_label: format!("Map of {} by repository; the table below has the same figures", size(findings.bytes)),
        maps: map::maps(report, kind),
        legend: &map::LEGEND,
        freed_by,
        classes: classes(report),
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
    let costs = money.and_then(|money| Some(money::amount(money, money.now.per_month?)));
    let mut text = format!("This registry holds {}", sum(report));
    if let Some(costs) = costs {
        let more = if money.is_some_and(|money| money.now.unpriced_bytes > 0) { "over " } else { "" };
        let _ = write!(text, " and costs {more}{costs} a month");
    }
    let kinds = [("policy", "the policy"), ("collection", "regsweep gc")];
    let best = kinds.into_iter().find_map(|(kind, words)| Some((kind, words, findings.after.get(kind)?)));
    let Some((kind, words, after)) = best else { return text + "." };
    if after.freed.bytes == 0 {
        return format!("{text}; {words} would free nothing.");
    }
    let share = percent(after.freed.bytes, findings.bytes);
    let _ = write!(text, "; {words} would free {} of that ({share})", size(after.freed.bytes));
    let saved = money.and_then(|money| Some(money::amount(money, money.after.get(kind)?.saved_per_month?)));
    text + &saved.map(|saved| format!(" and save {saved} a month")).unwrap_or_default() + "."
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
    let money = if report.money.is_some() { &["Per month", "Saved", "Once", "Pays back"][..] } else { &[] };
    ["Frees", "Of all", "Left"].iter().chain(money).copied().collect()
}

fn after_lines(report: &Report) -> Vec<Line> {
    let whole = report.findings.bytes;
    let empty = String::new;
    let mut now = vec![empty(), empty(), size(whole)];
    now.extend(report.money.iter().flat_map(|money| [money::month(&money.now), empty(), empty(), empty()]));
    let mut lines = vec![Line { name: "now".to_owned(), cells: now }];
    let changes = report.money.as_ref().map(|money| money::changes(money)).unwrap_or_default();
    for (name, after) in after(report) {
        let mut cells = vec![size(after.freed.bytes), percent(after.freed.bytes, whole), size(after.bytes)];
        if report.money.is_some() {
            let change = changes.iter().find(|(words, _)| *words == name).map(|(_, change)| *change);
            cells.extend(match change {
                Some(change) => {
                    let (month, saved) = (money::month(&change.bill), money::saved(change));
                    [month, saved, money::once(change), money::pays_back(change)]
                }
                None => ["not known"; 4].map(str::to_owned),
            });
        }
        lines.push(Line { name: format!("after {name}"), cells });
    }
    lines
}

fn classes(report: &Report) -> Vec<Bar> {
    let whole = report.findings.bytes;
    let garbage =
        [Class::Unreferenced, Class::Pending, Class::UploadsStale, Class::OrphanLayerLinks, Class::DanglingLinks];
    let bar = |class: &Class| {
        let tally = report.findings.classes.get(class.name()).copied().unwrap_or_default();
        let width = u128::from(tally.bytes) * 1000 / u128::from(whole.max(1));
        let bar = Bar {
            name: words(*class),
            bytes: size(tally.bytes),
            share: percent(tally.bytes, whole),
            percent: format!("{}.{}", width / 10, width % 10),
            is_garbage: garbage.contains(class),
        };
        (tally.count > 0).then_some(bar)
    };
    Class::ALL.iter().filter_map(bar).collect()
}

/// What stands below the months.
#[derive(Debug, Default)]
struct Scale {
    many: usize,
    first: String,
    last: String,
    most: String,
    before: String,
}

fn months(report: &Report) -> (Vec<Month>, Scale) {
    let all = &report.findings.months;
    let skipped = all.len().saturating_sub(MONTHS);
    let before: u64 = all.values().take(skipped).map(|tally| tally.bytes).fold(0, u64::saturating_add);
    let shown: Vec<(&String, &Tally)> = all.iter().skip(skipped).collect();
    let most = shown.iter().map(|(_, tally)| tally.bytes).max().unwrap_or(0);
    let bar = |(at, (name, tally)): (usize, &(&String, &Tally))| {
        let height = u128::from(tally.bytes) * 1000 / u128::from(most.max(1));
        let (down, up) = (1000 - height, height);
        Month {
            title: format!("{name}: {}", size(tally.bytes)),
            x: at * 10 + 1,
            y: format!("{}.{}", down / 10, down % 10),
            height: format!("{}.{}", up / 10, up % 10),
        }
    };
    let months: Vec<Month> = shown.iter().enumerate().map(bar).collect();
    let name = |month: Option<&(&String, &Tally)>| month.map(|(name, _)| (*name).clone()).unwrap_or_default();
    let scale = Scale {
        // A few months do not fill the whole width.
        many: months.len().max(12),
        first: name(shown.first()),
        last: name(shown.last()),
        most: size(most),
        before: if skipped > 0 { size(before) } else { String::new() },
    };
    (months, scale)
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
        cells: vec![size(stored.bytes), month(name)],
    };
    classes.iter().map(line).collect()
}

fn mover(moved: &crate::collect::audit::compare::Moved) -> Line {
    let how = if matches!(moved.how, "new" | "gone") { moved.how } else { "" };
    let bytes = moved.bytes;
    let cells = vec![size(bytes.before), size(bytes.after), compared::signed(bytes), how.to_owned()];
    Line { name: printable(&moved.name), cells }
}
