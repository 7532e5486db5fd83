//! An audit for people: within eighty columns.

use super::compared;
use super::money;
use super::report::Report;
use super::tables::{after, beside, classes, counted_by, freeable, kept, percent, sum};
use crate::cli::columns::{Columns, shortened};
use crate::cli::words::{number, printable, size, wrapped};
use crate::collect::audit::report::{Layer, Row};
use crate::model::Timestamp;
use std::fmt::Write as _;

/// So many rows of each table are shown; JSON and CSV have them all.
const ROWS: usize = 15;
const MONTHS: usize = 12;
const LAYERS: usize = 5;
const WIDTH: usize = 80;
const INDENT: &str = "  ";

pub(super) fn text(report: &Report) -> String {
    let findings = &report.findings;
    let mut text = format!("{} (reads only; nothing was changed)\n", printable(&report.location));
    let _ = writeln!(text, "{}", sum(report));
    text += &listing(report);
    for note in &report.not_known {
        text += &wrapped(&format!("not counted: {}", printable(note)), "! ");
    }
    for warning in &report.warnings {
        text += &wrapped(&printable(warning), "! ");
    }
    if findings.objects == 0 {
        return text;
    }
    text += "\nwhat it is\n";
    text += &indented(&of_classes(report));
    if findings.storage_classes.keys().any(|name| name != crate::collect::audit::storage_class::NOT_KNOWN) {
        text += "\nhow it is stored\n";
        text += &indented(&of_storage(report));
    }
    text += &hidden(report);
    let _ = writeln!(text, "\n{}", freeable(report.min_age));
    text += &indented(&of_after(report));
    text += &store(report);
    text += &refused(report);
    text += &costs(report);
    text += &movers(report);
    if let Some(groups) = &findings.groups {
        let _ = writeln!(text, "\nby group, the largest share first");
        text += &rows(report, groups, &[&findings.nobody], "GROUP");
    }
    if !findings.repositories.is_empty() {
        let _ = writeln!(text, "\nby repository, the largest share first");
        text += &rows(report, &findings.repositories, &[&findings.nobody], "REPOSITORY");
        text += &wrapped(
            "USES: all that it links or needs, in full. ALONE: what nobody else uses. SHARE: what several use is divided \
             among them, so that shares add up to all there is. GARBAGE: its share of what `regsweep gc` frees.",
            INDENT,
        );
    }
    text += &layers("the largest layers", &findings.largest_layers, report);
    text += &layers("base layers, by how many images stand on them", &findings.base_layers, report);
    text += &growth(report);
    text += &problems(report);
    text
}

/// What was counted by, if not by a listing of now.
fn listing(report: &Report) -> String {
    counted_by(report).map(|line| wrapped(&line, "! ")).unwrap_or_default()
}

/// What stands beside all that, as no listing shows it.
fn hidden(report: &Report) -> String {
    beside(report).map(|line| format!("\n{}", wrapped(&line, ""))).unwrap_or_default()
}

fn indented(table: &Columns) -> String {
    table.text().lines().fold(String::new(), |text, line| text + INDENT + line + "\n")
}

fn of_classes(report: &Report) -> Columns {
    let mut table = Columns::default().left("").right("OBJECTS").right("BYTES").right("SHARE");
    for (words, tally) in classes(report) {
        let share = percent(tally.bytes, report.findings.bytes);
        table.row(vec![words.to_owned(), tally.count.to_string(), size(tally.bytes), share]);
    }
    table
}

fn of_storage(report: &Report) -> Columns {
    let mut table = Columns::default().left("STORAGE CLASS").right("OBJECTS").right("BYTES").right("SHARE");
    for (name, stored) in &report.findings.storage_classes {
        let share = percent(stored.bytes, report.findings.bytes);
        table.row(vec![shortened(&printable(name), 30), stored.count.to_string(), size(stored.bytes), share]);
    }
    table
}

fn of_after(report: &Report) -> Columns {
    let mut table = Columns::default().left("").right("FREED").right("OF ALL").right("LEFT");
    table.row(vec!["now".to_owned(), String::new(), String::new(), size(report.findings.bytes)]);
    for (words, after) in after(report) {
        let share = percent(after.freed.bytes, report.findings.bytes);
        table.row(vec![format!("after {words}"), size(after.freed.bytes), share, size(after.bytes)]);
    }
    table
}

fn costs(report: &Report) -> String {
    let Some(money) = &report.money else { return String::new() };
    let mut text = format!("\nwhat it costs per month ({})\n", printable(&money::title(money)));
    if money.now.per_month.is_some() {
        text += &indented(&money::table(money));
    }
    for note in money::notes(report) {
        text += &wrapped(&printable(&note), INDENT);
    }
    text
}

fn movers(report: &Report) -> String {
    let Some(compared) = &report.compared else { return String::new() };
    let mut text = format!("\n{}\n", compared::sum(compared));
    for note in &compared.notes {
        text += &wrapped(&printable(note), "! ");
    }
    let mut table = Columns::default().left("").right("CHANGE");
    let classes = compared::classes(compared);
    for (words, change) in &classes {
        table.row(vec![(*words).to_owned(), compared::signed(*change)]);
    }
    if !classes.is_empty() {
        text += &indented(&table);
    }
    let rows = [("GROUP", compared.groups.as_ref()), ("REPOSITORY", Some(&compared.repositories))];
    for (title, moved) in rows.into_iter().filter_map(|(title, moved)| Some((title, moved?))) {
        if moved.is_empty() {
            continue;
        }
        text += &indented(&compared::table(title, moved, ROWS, 36));
        if let Some(more) = moved.len().checked_sub(ROWS + 1) {
            let _ = writeln!(text, "{INDENT}and {} more (--json FILE has them all)", more + 1);
        }
    }
    text
}

/// What is refused cannot be had: each reason once, with all that it speaks against.
fn refused(report: &Report) -> String {
    let mut text = String::new();
    let mut told: Vec<&str> = Vec::new();
    for refusal in after(report).iter().flat_map(|(_, after)| &after.refusals) {
        if told.contains(&refusal.code) {
            continue;
        }
        told.push(refusal.code);
        let ways = after(report).into_iter();
        let ways = ways.filter(|(_, after)| after.refusals.iter().any(|other| other.code == refusal.code));
        let ways: Vec<String> = ways.map(|(words, _)| format!("`{words}`")).collect();
        let line = format!("refused here: {}: {} ({})", ways.join(", "), printable(&refusal.message), refusal.code);
        text += &wrapped(&line, "! ");
    }
    text
}

/// Bytes that the store holds are not free.
fn store(report: &Report) -> String {
    kept(report).map(|line| wrapped(&line, INDENT)).unwrap_or_default()
}

fn rows(report: &Report, all: &[Row], beside: &[&Row], title: &'static str) -> String {
    let has_policy = report.findings.after.contains_key("policy");
    let shown: Vec<&Row> = all.iter().take(ROWS).chain(beside.iter().copied()).collect();
    let table = |longest| {
        let mut table = Columns::default().left(title).right("TAGS").right("USES").right("ALONE").right("SHARE");
        table = table.right("GARBAGE");
        table = if has_policy { table.right("POLICY") } else { table.left("LAST PUSH") };
        for row in &shown {
            let freed = |kind: &str| size(row.freed_bytes.get(kind).copied().unwrap_or(0));
            let day = row.last_push.map(|time| Timestamp::to_minute(time).chars().take(10).collect());
            table.row(vec![
                shortened(&printable(&row.name), longest),
                row.tags.to_string(),
                size(row.logical_bytes),
                size(row.unshared_bytes),
                size(row.fair_share_bytes),
                freed("collection"),
                if has_policy { freed("policy") } else { day.unwrap_or_default() },
            ]);
        }
        table
    };
    let numbers = table(0).width().saturating_sub(title.len());
    let longest = (WIDTH - INDENT.len()).saturating_sub(numbers).max(title.len());
    let mut text = indented(&table(longest));
    if let Some(more) = all.len().checked_sub(ROWS + 1) {
        let _ = writeln!(text, "{INDENT}and {} more (--csv FILE and --json FILE have them all)", more + 1);
    }
    let hidden = report.findings.not_shown;
    if hidden.repositories > 0 && title == "REPOSITORY" {
        let (many, share) = (number(hidden.repositories, "other repository"), size(hidden.fair_share_bytes));
        let _ = writeln!(text, "{INDENT}not shown: {many}, with a share of {share}");
    }
    text
}

fn layers(title: &str, layers: &[Layer], report: &Report) -> String {
    // Where there is one object of a kind there is nothing to compare.
    if layers.is_empty() || report.findings.repositories.is_empty() {
        return String::new();
    }
    let with_images = layers.iter().any(|layer| layer.images.is_some());
    let mut table = Columns::default().left("DIGEST").right("BYTES");
    table = if with_images { table.right("IMAGES") } else { table }.left("USED BY");
    for layer in layers.iter().take(LAYERS) {
        let digest: String = layer.digest.chars().take("sha256:".len() + 12).collect();
        let mut cells = vec![digest, layer.bytes.map_or_else(|| "not there".into(), size)];
        cells.extend(with_images.then(|| layer.images.map(|images| images.to_string()).unwrap_or_default()));
        cells.push(users(layer));
        table.row(cells);
    }
    format!("\n{title}\n{}", indented(&table))
}

fn users(layer: &Layer) -> String {
    match (layer.used_by.first(), layer.repositories) {
        (None, _) => "nobody".to_owned(),
        (Some(first), 1) => shortened(&printable(first), 36),
        (Some(first), all) => format!("{} and {} more", shortened(&printable(first), 24), all - 1),
    }
}

fn growth(report: &Report) -> String {
    const BAR: usize = 40;
    let months = &report.findings.months;
    let largest = months.values().map(|tally| tally.bytes).max().unwrap_or(0).max(1);
    let mut table = Columns::default().left("MONTH").right("BYTES").left("");
    let skipped = months.len().saturating_sub(MONTHS);
    if skipped > 0 {
        let before = months.values().take(skipped).map(|tally| tally.bytes).fold(0, u64::saturating_add);
        table.row(vec!["before".to_owned(), size(before), String::new()]);
    }
    for (month, tally) in months.iter().skip(skipped) {
        let bar = u128::from(tally.bytes) * BAR as u128 / u128::from(largest);
        table.row(vec![month.clone(), size(tally.bytes), "#".repeat(usize::try_from(bar).unwrap_or(0))]);
    }
    format!("\nwhat is there now, by the month in which it was written\n{}", indented(&table))
}

fn problems(report: &Report) -> String {
    let count: u64 = report.problem_counts.values().sum();
    if count == 0 {
        return String::new();
    }
    format!("\n{}", wrapped(&format!("{} found (--format json names them)", number(count, "problem")), ""))
}
