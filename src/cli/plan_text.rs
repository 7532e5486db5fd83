//! Saved plans for people.

use super::human::{minute, stages};
use super::repository_text::repositories;
use super::words::{number, printable, size, wrapped};
use super::{caution_text, retention_text, tag_text};
use crate::collect::options::{Mode, Options};
use crate::collect::report::Report;
use crate::collect::sealed::Line;
use crate::collect::sealed::summary::{PlanReport, State};
use crate::retention::duration::written;
use std::fmt::Write as _;
use std::io;
use std::time::Duration;

/// What `show` says of a plan.
#[must_use]
pub fn report(report: &PlanReport, options: &Options) -> String {
    let plan = &report.plan;
    let mut text = format!("{}\n", printable(&report.file));
    let when = |time: &str| minute(Some(time)).unwrap_or_default();
    let age = |when: String| format!("{when} (or as apply's --max-plan-age says)");
    let (name, until) = match report.state {
        State::Good => ("expires", age(when(&report.expires))),
        State::Expired => ("expired", age(when(&report.expires))),
        State::FromFuture => ("refused", "its time is in the future: some clock is or was wrong".to_owned()),
    };
    let how = match options.mode {
        Mode::Offline => "offline: the registry is taken to be stopped or read-only, when the plan is applied as well",
        Mode::Live => "live: the registry may be serving pushes",
    };
    for (name, value) in [
        ("seal", "right: the plan is whole and unaltered".to_owned()),
        ("made", format!("{} by regsweep {}", when(&plan.created), plan.version)),
        ("run", format!("{} of `regsweep {}`", plan.run, plan.command)),
        (name, until),
        ("location", report.location.clone()),
        ("", report.place.to_string()),
        ("mode", how.to_owned()),
        ("options", words(options).join(" ")),
    ] {
        text.push_str(&labelled(name, &printable(&value)));
    }
    let links = options.repair.as_ref().and_then(|repair| repair.links.as_ref());
    if let Some(links) = links.filter(|links| !links.is_empty()) {
        let _ = write!(text, "\nto write\n  {}\n", number(links.len() as u64, "link"));
    }
    if report.planned.is_zero() && plan.deletions == 0 {
        text.push_str("\nnothing to delete\n");
        return text;
    }
    text.push_str("\nto delete\n");
    text.push_str(&stages(&report.planned, &plan.command));
    if options.rules.is_some() {
        text.push_str(&retention_text::by_rule(&report.rules));
    }
    text.push_str(&tag_text::tags(&report.tags));
    text.push_str("\nby repository, the largest first\n");
    text.push_str(&repositories(&report.repositories, &report.nobody));
    let _ = writeln!(text, "\n{} ({})", number(plan.deletions, "deletion"), size(plan.bytes));
    text.push_str(&caution_text::of_tags(&report.cautions));
    text
}

/// A name and what follows, in lines that fit a terminal.
fn labelled(name: &str, value: &str) -> String {
    let indent = " ".repeat(10);
    let text = wrapped(value, &indent);
    format!("{name:<10}{}", text.trim_start())
}

/// The options that decided, as they are typed.
fn words(options: &Options) -> Vec<String> {
    let span = |span: Duration| {
        if span.subsec_nanos() == 0 {
            written(span)
        } else {
            humantime::format_duration(span).to_string().replace(' ', "")
        }
    };
    let mut words = Vec::new();
    if options.repair.is_some() {
        words.push("--repair".to_owned());
    }
    if options.delete_untagged {
        words.push("--delete-untagged".to_owned());
    }
    if options.mode == Mode::Offline {
        words.push("--offline".to_owned());
    }
    let uploads = options.uploads_older_than.map_or_else(|| "off".into(), span);
    for (name, value) in [
        ("min-age", span(options.min_age)),
        ("defer", span(options.defer)),
        ("settle", span(options.settle)),
        ("aside", options.aside.name().to_owned()),
        ("max-scan-age", span(options.max_scan_age)),
        ("uploads-older-than", uploads),
    ] {
        words.push(format!("--{name} {value}"));
    }
    words.extend(options.max_delete_percent.map(|percent| format!("--max-delete-percent {percent}")));
    words.extend(options.repositories.iter().map(|pattern| format!("--repository {pattern}")));
    words.extend(options.allow.iter().map(|allowed| format!("--allow {allowed}")));
    if !options.keep_from.is_empty() {
        words.push(format!("--keep-from ({})", number(options.keep_from.len() as u64, "line")));
    }
    words
}

/// One deletion of a plan, for `show -v`: words first, the key last, since it may hold anything.
///
/// # Errors
/// If it cannot be written.
pub fn line(out: &mut impl io::Write, line: &Line) -> io::Result<()> {
    let (stage, reason, evidence) = (line.stage.name(), line.reason.name(), &line.evidence);
    writeln!(out, "{stage} {reason} {} {} {}", evidence.size, evidence.modified, printable(&line.key))
}

/// What an applied plan comes to now.
#[must_use]
pub fn of_the_plan(report: &Report) -> String {
    let Some(plan) = &report.plan else { return String::new() };
    let when = minute(Some(&plan.created)).unwrap_or_default();
    let deletions = number(plan.deletions, "deletion");
    let mut text = wrapped(&format!("plan    of {when}: {deletions} ({})", size(plan.bytes)), "");
    let (changed, gone) = (report.kept.changed, report.already_gone);
    let goes = report.entries.planned.saturating_sub(changed + gone);
    let mut say = |count: u64, what: &str| {
        if count > 0 {
            text.push_str(&wrapped(&format!("{count} {what}"), "        "));
        }
    };
    say(goes, "may go now");
    say(changed, "changed, or needed by something now: kept");
    say(gone, "gone already");
    let more = report.kept.not_in_plan;
    say(more.count, &format!("more ({}) may go and are not in the plan: kept, with what they name", size(more.bytes)));
    text
}
