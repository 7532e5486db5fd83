//! An audit as the summary of a step in CI.

use super::report::Report;
use super::tables::{after, classes, freeable, kept, percent, sum};
use super::{compared, money};
use crate::cli::markdown::{Table, escaped};
use crate::cli::words::size;
use crate::collect::audit::report::Row;
use crate::model::Timestamp;
use std::fmt::Write as _;

pub(super) fn text(report: &Report) -> String {
    let findings = &report.findings;
    let mut text = format!("## Registry audit: {}\n\n{}.\n\n", escaped(&report.location), sum(report));
    for note in report.not_known.iter().chain(&report.warnings) {
        let _ = writeln!(text, "> {}\n", escaped(note));
    }
    let mut table = Table::new(&["what it is", "objects:", "bytes:", "share:"]);
    for (words, tally) in classes(report) {
        let share = percent(tally.bytes, findings.bytes);
        table.row(&[words.to_owned(), tally.count.to_string(), size(tally.bytes), share]);
    }
    text += &table.finish();
    let freeable = freeable(report.min_age);
    let mut table = Table::new(&[&freeable, "freed:", "of all:", "left:"]);
    for (words, after) in after(report) {
        let share = percent(after.freed.bytes, findings.bytes);
        table.row(&[format!("after {words}"), size(after.freed.bytes), share, size(after.bytes)]);
    }
    text += &table.finish();
    if let Some(kept) = kept(report) {
        let _ = writeln!(text, "> {}\n", escaped(&kept));
    }
    for (words, refusal) in
        after(report).iter().flat_map(|(words, after)| after.refusals.iter().map(move |one| (words, one)))
    {
        let _ = writeln!(text, "> {words} is refused here: {} ({})\n", escaped(&refusal.message), refusal.code);
    }
    text += &costs(report);
    text += &movers(report);
    text += &rows("group", findings.groups.iter().flatten().chain(findings.groups.iter().map(|_| &findings.nobody)));
    text += &rows("repository", findings.repositories.iter().chain([&findings.nobody]));
    text
}

fn costs(report: &Report) -> String {
    let Some(money) = &report.money else { return String::new() };
    let mut text = format!("What it costs per month ({}):\n\n", escaped(&money::title(money)));
    let mut table = Table::new(&["", "per month:", "saved:", "once:", "pays back:"]);
    if money.now.per_month.is_some() {
        table.row(&["now".into(), money::month(&money.now), String::new(), String::new(), String::new()]);
    }
    for (words, change) in money::changes(money) {
        let (month, saved, once) = (money::month(&change.bill), money::saved(change), money::once(change));
        table.row(&[format!("after {words}"), month, saved, once, money::pays_back(change)]);
    }
    text += &table.finish();
    for note in money::notes(report) {
        let _ = writeln!(text, "> {}\n", escaped(&note));
    }
    text
}

fn movers(report: &Report) -> String {
    let Some(compared) = &report.compared else { return String::new() };
    let mut text = format!("{}.\n\n", escaped(&compared::sum(compared)));
    for note in &compared.notes {
        let _ = writeln!(text, "> {}\n", escaped(note));
    }
    for (title, moved) in [("group", compared.groups.as_ref()), ("repository", Some(&compared.repositories))] {
        let mut table = Table::new(&[title, "before:", "now:", "change:", ""]);
        for one in moved.into_iter().flatten() {
            let (before, after) = (size(one.bytes.before), size(one.bytes.after));
            table.row(&[one.name.clone(), before, after, compared::signed(one.bytes), one.how.to_owned()]);
        }
        text += &table.finish();
    }
    text
}

fn rows<'a>(title: &str, rows: impl Iterator<Item = &'a Row>) -> String {
    let mut table = Table::new(&[title, "tags:", "uses:", "alone:", "share:", "garbage:", "last push"]);
    for row in rows {
        table.row(&[
            row.name.clone(),
            row.tags.to_string(),
            size(row.logical_bytes),
            size(row.unshared_bytes),
            size(row.fair_share_bytes),
            size(row.freed_bytes.get("collection").copied().unwrap_or(0)),
            row.last_push.map(Timestamp::to_minute).unwrap_or_default(),
        ]);
    }
    table.finish()
}
