//! A repair, in words.

use super::repository_text::listed;
use super::words::{number, wrapped};
use crate::collect::report::Report;
use std::fmt::Write as _;

/// What is to be written, and what damage stays.
pub(super) fn plan(report: &Report) -> String {
    let mut text = String::new();
    if !report.links.is_zero() {
        let _ = writeln!(text, "\nto write\n  {}", links(report).join(", "));
    }
    if report.damage_left > 0 {
        let left = number(report.damage_left, "finding");
        let line = format!("{left} of damage cannot be mended so: `regsweep fsck` tells which, and what mends them");
        let _ = write!(text, "\n{}", wrapped(&line, ""));
    }
    text
}

fn links(report: &Report) -> Vec<String> {
    let kinds = [(report.links.layer_links, "layer link"), (report.links.manifests, "manifest link")];
    kinds.into_iter().filter(|(count, _)| *count > 0).map(|(count, one)| number(count, one)).collect()
}

/// What came of it.
pub(super) fn outcome(report: &Report) -> String {
    let mut text = String::new();
    if report.links.written > 0 {
        let _ = writeln!(text, "\nwritten\n  {}", number(report.links.written, "link"));
    }
    if report.links.not_written > 0 {
        let links = number(report.links.not_written, "link");
        let line = format!("{links} not written: what they name has gone, or what stood there did not; look again");
        text += &wrapped(&line, "  ");
    }
    text
}

/// The question.
pub(super) fn question(report: &Report) -> String {
    let gone = listed(&report.planned);
    let mut what = Vec::new();
    if !gone.is_empty() {
        what.push(format!("remove {}", gone.join(", ")));
    }
    if !report.links.is_zero() {
        what.push(format!("write {}", links(report).join(", ")));
    }
    format!("{}? No content goes.", what.join(", and "))
}
