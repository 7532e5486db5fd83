//! The report of a restore, for people.

use super::restore_report::Report;
use super::words::{number, printable, size, wrapped};
use crate::collect::state::journal::Pointers;
use std::fmt::Write as _;

/// So many of one kind are told; JSON tells all.
const TOLD: usize = 10;

/// How many of each kind, in words.
pub(super) fn listed(pointers: &Pointers) -> Vec<String> {
    let kinds = [
        (pointers.tags, "tag"),
        (pointers.tag_history, "history entry"),
        (pointers.manifests, "manifest"),
        (pointers.layer_links, "layer link"),
    ];
    kinds.into_iter().filter(|(count, _)| *count > 0).map(|(count, one)| number(count, one)).collect()
}

/// The report for people.
#[must_use]
pub fn report(report: &Report) -> String {
    let mut text = String::new();
    let how = if report.dry_run { "restore; dry run" } else { "restore" };
    let _ = writeln!(text, "{} ({how})", report.location);
    body(&mut text, report, report.dry_run);
    text
}

/// What is shown before the question.
#[must_use]
pub fn plan(report: &Report) -> String {
    let mut text = format!("{}\n", report.location);
    body(&mut text, report, true);
    text
}

/// The question. What is shown before it says of how much.
pub const QUESTION: &str = "\nwrite this back? The registry serves it at once.";

fn body(text: &mut String, report: &Report, before: bool) {
    written(text, report, before);
    not_written(text, report);
    images(text, report);
    let pointers = if before { report.planned } else { report.restored };
    if pointers.total() > 0 {
        let _ = write!(text, "\n{}", wrapped(ADVICE, ""));
    }
    if pointers.tags > 0 {
        text.push('\n');
        text.push_str(&ages(report));
    }
}

/// How rules will see the tags: whoever restores one must not lose others for it.
fn ages(report: &Report) -> String {
    match report.tags_pushed_now {
        0 => wrapped("The tags have the times of their pushes again: rules that took them take them again.", ""),
        new => {
            let count = if new == 1 { "counts" } else { "count" };
            let tags = number(new, "tag");
            let line = format!(
                "{tags} {count} as pushed now: rules by age or number (older_than, last, daily) keep what is back, and \
                 may drop others instead. Look first: `regsweep prune --dry-run`."
            );
            wrapped(&line, "! ")
        }
    }
}

const ADVICE: &str = "What is written back is as young as a push. A later collection with the same options takes it \
                      again once it is older than --min-age (24h, unless said otherwise): tag what is to stay, or \
                      name it in --keep-from.";

fn section(text: &mut String, title: &str, lines: &[String]) {
    if !lines.is_empty() {
        let _ = write!(text, "\n{}", wrapped(title, ""));
        for line in lines {
            text.push_str(&wrapped(&printable(line), "  "));
        }
    }
}

fn written(text: &mut String, report: &Report, before: bool) {
    let (title, pointers) =
        if before { ("would be written back", report.planned) } else { ("written back", report.restored) };
    if pointers.total() == 0 {
        let nothing = match (report.runs, report.planned.total()) {
            (0, _) => "there is nothing to undo",
            (_, 0) => "nothing was to be written back",
            _ => "nothing was written back",
        };
        let _ = writeln!(text, "\n{nothing}");
    } else {
        let mut lines = vec![listed(&pointers).join(", ")];
        if report.content.count > 0 {
            let waits = if report.content.count == 1 { "waits" } else { "wait" };
            let blobs = number(report.content.count, "blob");
            lines.push(format!("{blobs} ({}) {waits} no longer to be deleted", size(report.content.bytes)));
        }
        section(text, title, &lines);
    }
    if report.put_back.count > 0 {
        let how = if report.dry_run { "would be put back" } else { "put back" };
        let blobs = number(report.put_back.count, "blob");
        let line = format!("{blobs} ({}) {how} that a killed run had moved aside", size(report.put_back.bytes));
        text.push_str(&wrapped(&line, if pointers.total() == 0 { "" } else { "  " }));
    }
    let rows = report.repositories.iter().map(|row| (row, if before { row.planned } else { row.restored }));
    let rows: Vec<String> = rows
        .filter(|(_, pointers)| pointers.total() > 0)
        .map(|(row, pointers)| format!("{}: {}", row.name, listed(&pointers).join(", ")))
        .collect();
    section(text, "by repository", &told(rows));
    section(text, "tags", &told(report.tags.clone()));
}

/// The first of many.
fn told(mut lines: Vec<String>) -> Vec<String> {
    if lines.len() > TOLD {
        let more = lines.len() - TOLD;
        lines.truncate(TOLD);
        lines.push(format!("and {more} more (--format json names them all)"));
    }
    lines
}

fn not_written(text: &mut String, report: &Report) {
    let skipped = &report.skipped;
    let mut lines = Vec::new();
    let mut tell = |pointers: &Pointers, why: &str| {
        if pointers.total() > 0 {
            lines.push(format!("{}: {why}", listed(pointers).join(", ")));
        }
    };
    tell(&skipped.already_there, "there already");
    tell(&skipped.content_gone, "cannot be restored: the content is gone");
    tell(&skipped.incomplete, "only part of images that cannot be whole any more");
    let history = Pointers { tag_history: skipped.history_without_tag, ..Pointers::default() };
    tell(&history, "of tags that are gone themselves");
    if report.failed > 0 {
        lines.push(format!("{} failed", report.failed));
    }
    if report.not_attempted > 0 {
        lines.push(format!("{} not attempted: stopped, or what they need could not be written", report.not_attempted));
    }
    if report.odd > 0 {
        lines.push(format!(
            "{} in the journals cannot be understood, and nothing was done about them",
            number(report.odd, "line")
        ));
    }
    section(text, "not written", &lines);
    section(text, "errors", &told(report.failures.clone()));
    let newer: Vec<String> = report.newer.iter().map(|newer| newer.image.clone()).collect();
    section(text, "tags that name something else by now: a newer push is never written over", &told(newer));
    section(text, "not in any journal, and not in the registry: `regsweep pending` shows what is", &report.unmatched);
}

fn images(text: &mut String, report: &Report) {
    let title = if report.halves {
        "not whole: to be pushed again, as these parts are gone or cannot be read"
    } else {
        "not restored: to be pushed again, as these parts are gone or cannot be read"
    };
    if report.lost.is_empty() {
        return;
    }
    let _ = write!(text, "\n{}", wrapped(title, ""));
    for lost in report.lost.iter().take(TOLD) {
        text.push_str(&wrapped(&printable(&lost.image), "  "));
        for line in told(lost.missing.clone()) {
            text.push_str(&wrapped(&line, "    "));
        }
    }
    if report.lost.len() > TOLD {
        let _ = writeln!(text, "  and {} more (--format json names them all)", report.lost.len() - TOLD);
    }
}
