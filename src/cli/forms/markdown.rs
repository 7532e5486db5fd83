//! A run as the summary of a step in CI.

use crate::cli::markdown::{Table, escaped};
use crate::cli::words::size;
use crate::collect::report::{Counts, Report};
use std::fmt::Write as _;

pub(super) fn text(report: &Report) -> String {
    let dry = if report.dry_run { ", dry run" } else { "" };
    let (command, location) = (&report.command, escaped(&report.location));
    let mut text =
        format!("## regsweep {command}: {location}\n\n{}{dry}; exit code {}.\n\n", report.mode, report.exit_code);
    for line in notes(report) {
        let _ = writeln!(text, "> {}\n", escaped(&line));
    }
    text += &kinds(report).finish();
    text += &space(report).finish();
    let mut table = Table::new(&["repository", "before:", "freed:", "after:", "later:", "planned blobs:", "tags:"]);
    for row in &report.repositories {
        table.row(&[
            row.name.clone(),
            size(row.bytes.before),
            size(row.bytes.freed),
            size(row.bytes.after),
            size(row.bytes.freeable_later),
            size(row.planned.blobs.bytes),
            row.planned.tags.to_string(),
        ]);
    }
    text += &table.finish();
    let mut table = Table::new(&["tag that goes", "why", "outcome"]);
    for row in &report.tags {
        let why = row.rule.as_deref().unwrap_or(row.reason).to_owned();
        table.row(&[row.image.clone(), why, row.outcome.unwrap_or_default().to_owned()]);
    }
    text + &table.finish()
}

/// What must be known before the figures.
fn notes(report: &Report) -> Vec<String> {
    let mut notes = report.first.clone();
    notes.extend(report.refusals.iter().map(|refusal| format!("refused: {} ({})", refusal.message, refusal.code)));
    notes.extend(report.error.as_ref().map(|error| format!("error: {}", error.message)));
    notes.extend(report.stopped.as_ref().map(|why| format!("stopped: {why}")));
    notes.extend(report.broken.iter().map(|image| format!("push again: {image}")));
    let (failed, unknown, left) = (report.failed, report.unknown, report.not_attempted);
    if failed + unknown + left > 0 {
        notes.push(format!("{failed} deletions failed, {unknown} are unknown, {left} were not attempted"));
    }
    let problems: u64 = report.problem_counts.values().sum();
    if problems > 0 {
        notes.push(format!("{problems} problems were found; the JSON report names them"));
    }
    notes
}

type Of = fn(&Counts) -> String;

fn kinds(report: &Report) -> Table {
    let mut table = Table::new(&["", "planned:", "deleted:"]);
    let (planned, deleted) = (&report.planned, &report.deleted);
    let rows: [(&str, Of); 6] = [
        ("tags", |counts| counts.tags.to_string()),
        ("tag history", |counts| counts.tag_history.to_string()),
        ("manifests", |counts| counts.manifests.to_string()),
        ("layer links", |counts| counts.layer_links.to_string()),
        ("uploads", |counts| format!("{} ({})", counts.uploads.count, size(counts.uploads.bytes))),
        ("blobs", |counts| format!("{} ({})", counts.blobs.count, size(counts.blobs.bytes))),
    ];
    for (what, of) in rows {
        table.row(&[what.to_owned(), of(planned), of(deleted)]);
    }
    table
}

fn space(report: &Report) -> Table {
    let bytes = &report.bytes;
    let mut table = Table::new(&["space", "bytes:"]);
    let planned = if report.dry_run { Some(("would be deleted", report.planned_bytes)) } else { None };
    for (what, bytes) in [("before", bytes.before)].into_iter().chain(planned).chain([
        ("freed", bytes.freed),
        ("held by the store", bytes.held_by_store),
        ("after", bytes.after),
        ("can be freed later", bytes.freeable_later),
    ]) {
        table.row(&[what.to_owned(), size(bytes)]);
    }
    table
}
