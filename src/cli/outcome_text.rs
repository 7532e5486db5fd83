//! What came of a run, for people.

use super::repair_text;
use super::repository_text::listed;
use super::words::{number, printable, wrapped};
use crate::collect::report::Report;
use std::fmt::Write as _;

/// So many tags are told that stay; JSON has them all.
const TAGS: usize = 15;

/// What was mended, deleted, and left.
pub(super) fn outcome(text: &mut String, report: &Report) {
    if report.dry_run {
        return;
    }
    mended(text, report);
    text.push_str(&repair_text::outcome(report));
    if report.planned.is_zero() {
        return;
    }
    let deleted = &report.deleted;
    text.push_str("\ndeleted\n");
    let parts = listed(deleted);
    let _ = writeln!(text, "  {}", if parts.is_empty() { "nothing".to_owned() } else { parts.join(", ") });
    for (count, what) in [
        (report.already_gone, "already gone"),
        (report.failed, "failed"),
        (report.unknown, "unknown: the store's answer was lost; run again to settle them"),
        (report.kept.changed, "changed since they were listed, and kept"),
        (report.not_attempted, left(report.stopped.as_deref())),
    ] {
        if count > 0 {
            text.push_str(&wrapped(&format!("{count} {what}"), "  "));
        }
    }
    let stay = report.tags.iter().filter(|tag| tag.outcome == Some("changed"));
    let stay: Vec<&str> = stay.map(|tag| tag.image.as_str()).collect();
    if !stay.is_empty() {
        let more = stay.len().checked_sub(TAGS + 1).map_or_else(String::new, |more| format!(" and {} more", more + 1));
        let told = stay[..stay.len().min(TAGS)].join(", ");
        text.push_str(&wrapped(&printable(&format!("tags that stay: {told}{more}")), "    "));
    }
    for failure in &report.failures {
        text.push_str(&wrapped(&printable(failure), "    "));
    }
}

/// Why something was not attempted, by why the run stopped.
pub(super) fn left(stopped: Option<&str>) -> &'static str {
    match stopped {
        Some("max-duration") => "left for the next run: the time was over (--max-duration)",
        Some("max-objects") => "left for the next run: enough for one run (--max-objects)",
        Some("max-bytes") => "left for the next run: enough for one run (--max-bytes)",
        Some("lease") => "not attempted: the lease was lost, another run may be at work",
        Some("max-scan-age") => "not attempted: listing the repositories takes longer than --max-scan-age",
        _ => "not attempted: refused, stopped, or needed by what stays",
    }
}

/// What pushes that began before have made necessary.
fn mended(text: &mut String, report: &Report) {
    let mut lines = Vec::new();
    if report.mended > 0 {
        lines.push(format!("{} written back: something needs them after all", number(report.mended, "link")));
    }
    if report.put_back > 0 {
        lines.push(format!("{} put back: something needs them after all", number(report.put_back, "blob")));
    }
    if !lines.is_empty() {
        text.push_str("\nmended\n");
        for line in &lines {
            text.push_str(&wrapped(line, "  "));
        }
    }
    if !report.broken.is_empty() {
        text.push_str("\nto be pushed again: a push that was admitted before their content went took too long\n");
        for image in &report.broken {
            let _ = writeln!(text, "  {}", printable(image));
        }
    }
}
