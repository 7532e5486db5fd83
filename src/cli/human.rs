//! The report for people.

use super::plan_text;
use super::repository_text::repositories;
use super::words::{number, printable, size, wrapped};
use super::{caution_text, held, outcome_text, purge, repair_text, retention_text, space_text, tag_text};
use crate::collect::plan::Stage;
use crate::collect::problem::ProblemCode;
use crate::collect::report::{Counts, Report};
use crate::model::Timestamp;
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use std::fmt::Write as _;

/// The report, all of it.
#[must_use]
pub fn report(report: &Report) -> String {
    let mut text = String::new();
    heading(&mut text, report);
    text.push_str(&plan(report));
    kept(&mut text, report);
    problems(&mut text, report);
    outcome_text::outcome(&mut text, report);
    text.push_str(&report.old_versions.as_ref().map(|row| purge::text(row, false)).unwrap_or_default());
    space_text::space(&mut text, report);
    text
}

fn heading(text: &mut String, report: &Report) {
    let how = match (report.mode, report.dry_run) {
        ("offline", true) => "offline: the registry is taken to be stopped or read-only; dry run",
        ("offline", false) => "offline: the registry is taken to be stopped or read-only",
        (_, true) => "live: the registry may be serving pushes; dry run",
        _ => "live: the registry may be serving pushes",
    };
    let found = &report.found;
    let _ = writeln!(text, "{} ({how})", report.location);
    for first in &report.first {
        text.push_str(&wrapped(&printable(first), "! "));
    }
    let _ = writeln!(
        text,
        "found   {}, {}, {}, {}",
        number(found.repositories, "repository"),
        number(found.tags, "tag"),
        number(found.manifests, "manifest"),
        number(found.layer_links, "layer link"),
    );
    let _ = writeln!(
        text,
        "        {} ({}), {} ({})",
        number(found.blobs.count, "blob"),
        size(found.blobs.bytes),
        number(found.uploads.count, "unfinished upload"),
        size(found.uploads.bytes),
    );
    if found.multipart_uploads.count > 0 {
        let parts = found.multipart_uploads;
        let _ = writeln!(
            text,
            "        {} ({}), which no listing shows",
            number(parts.count, "multipart upload"),
            size(parts.bytes)
        );
    }
    let marked = &report.marked;
    let _ = writeln!(
        text,
        "needed  {}, {} ({})",
        number(marked.manifests, "manifest"),
        number(marked.blobs.count, "blob"),
        size(marked.blobs.bytes)
    );
}

/// What goes and why, by stage and by repository. Also what is shown before the question.
#[must_use]
pub fn plan(report: &Report) -> String {
    let mut text = String::new();
    let planned = &report.planned;
    if report.plan.is_some() {
        text.push_str(&plan_text::of_the_plan(report));
    }
    if planned.is_zero() {
        text.push_str(if report.links.is_zero() { "\nnothing to delete\n" } else { "" });
        text.push_str(&report.retention.as_ref().map(|it| retention_text::by_rule(&it.rules)).unwrap_or_default());
    } else {
        text.push_str("\nto delete\n");
        let command = report.plan.as_ref().map_or(&report.command, |plan| &plan.command);
        text.push_str(&stages(planned, command));
        if let Some(retention) = &report.retention {
            text.push_str(&retention_text::by_rule(&retention.rules));
        }
        text.push_str(&tag_text::tags(&report.tags));
        let loses = report.repositories.iter().any(|row| !row.planned.is_zero());
        if loses || report.nobody.shared.count > 0 {
            text.push_str("\nby repository, the largest first\n");
            text.push_str(&repositories(&report.repositories, &report.nobody));
        }
    }
    text.push_str(&repair_text::plan(report));
    let _ = writeln!(text, "\n{}", eligible(report));
    if !planned.is_zero() {
        text.push_str(&held::under_plan(report));
    }
    text.push_str(&caution_text::cautions(report));
    text
}

/// The line that scripts look for.
pub(super) fn eligible(report: &Report) -> String {
    let Counts { blobs, manifests, .. } = report.planned;
    let marked = report.marked.blobs.count;
    format!("{marked} blobs marked, {} blobs and {manifests} manifests eligible for deletion", blobs.count)
}

fn table() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table
}

fn finish(mut table: Table, right: &[usize]) -> String {
    for column in right {
        if let Some(column) = table.column_mut(*column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let lines = table.to_string();
    lines.lines().fold(String::new(), |text, line| text + " " + line.trim_end() + "\n")
}

pub(super) fn stages(planned: &Counts, command: &str) -> String {
    let collects_only = matches!(command, "garbage-collect" | "plan");
    let mut rows = table();
    let of = |stage: Stage, counts: &Counts| match stage {
        Stage::Tag => (counts.tags, None),
        Stage::TagHistory => (counts.tag_history, None),
        Stage::Revision => (counts.manifests, None),
        Stage::LayerLink => (counts.layer_links, None),
        Stage::Upload => (counts.uploads.count, Some(counts.uploads.bytes)),
        Stage::Blob => (counts.blobs.count, Some(counts.blobs.bytes)),
    };
    for stage in Stage::ALL {
        let (count, bytes) = of(stage, planned);
        if count == 0 {
            continue;
        }
        let (what, why) = match stage {
            Stage::Tag if command == "fsck" => ("tags", "their manifests are not there"),
            Stage::TagHistory if command == "fsck" => ("tag history", "of tags that go"),
            Stage::Revision if command == "fsck" => ("manifests", "links that name what is not there, or nothing"),
            Stage::LayerLink if command == "fsck" => ("layer links", "they name what is not there, or nothing"),
            Stage::Tag if command == "prune" => ("tags", "a rule lets them go"),
            Stage::Tag => ("tags", "named for deletion"),
            Stage::TagHistory if collects_only => ("tag history", "what it names is not needed here"),
            Stage::TagHistory => ("tag history", "of tags and manifests that go"),
            Stage::Revision if collects_only => ("manifests", "no tag needs them"),
            Stage::Revision => ("manifests", "let go, or part of what is; nothing else needs them"),
            Stage::LayerLink => ("layer links", "no manifest of their repository needs them"),
            Stage::Upload => ("uploads", "no sign of life for long"),
            Stage::Blob => ("blobs", "nothing needs them"),
        };
        let bytes = bytes.map(size).unwrap_or_default();
        rows.add_row(vec![what.to_owned(), count.to_string(), bytes, why.to_owned()]);
    }
    let parts = planned.multipart_uploads;
    if parts.count > 0 {
        let what = ["multipart uploads", "begun, and no part of them for long"].map(str::to_owned);
        let [what, why] = what;
        rows.add_row(vec![what, parts.count.to_string(), size(parts.bytes), why]);
    }
    finish(rows, &[1, 2])
}

fn deleted_pointers(report: &Report) -> u64 {
    let deleted = &report.deleted;
    deleted.tags + deleted.tag_history + deleted.manifests + deleted.layer_links
}

fn kept(text: &mut String, report: &Report) {
    let kept = &report.kept;
    let mut lines = Vec::new();
    let pending = &report.pending;
    if pending.blobs.count > 0 {
        let when = minute(pending.first_due.as_deref()).unwrap_or_default();
        let undo = if report.dry_run || report.deleted.is_zero() {
            "`regsweep restore` brings images back".to_owned()
        } else {
            format!("`regsweep restore --run {}` undoes this one", report.run)
        };
        let how = match (report.collects, report.mode) {
            (true, _) => format!(
                "wait, in case a push that began before still needs them: the first can go after {when}, with the next run; until then {undo}"
            ),
            (false, "offline") => format!("stay: `regsweep gc --offline` removes them; until then {undo}"),
            (false, _) => format!("stay: `regsweep gc` removes the first after {when}; until then {undo}"),
        };
        lines.push(format!(
            "{} ({}) that nothing needs any more {how}",
            number(pending.blobs.count, "blob"),
            size(pending.blobs.bytes)
        ));
    }
    let pointers = deleted_pointers(report);
    if pending.blobs.count == 0 && pointers > 0 && report.keeps_state && kept.too_young.count > 0 && !report.dry_run {
        lines.push(format!(
            "content of what went: until it is deleted `regsweep restore --run {}` undoes this run",
            report.run
        ));
    }
    if kept.too_young.count > 0 {
        let when = minute(report.young_until.as_deref())
            .map_or_else(String::new, |when| format!(": they can go after {when}"));
        let how = if report.mode == "offline" {
            "or now with `--min-age 0s`"
        } else {
            "or now with `--offline`, if the registry is stopped or read-only"
        };
        lines.push(format!(
            "{} ({}) for their age, or that of a link{when}, {how}",
            number(kept.too_young.count, "blob"),
            size(kept.too_young.bytes)
        ));
    }
    if kept.broken_tags.count > 0 {
        lines.push(format!(
            "{} that cannot be pulled ({} only they need): `regsweep fsck --repair` mends them, or let one go with `regsweep rm REPO@DIGEST`",
            number(kept.broken_tags.count, "tag"),
            size(kept.broken_tags.bytes)
        ));
    }
    if kept.damaged_repositories > 0 {
        lines.push(format!(
            "everything in {}: something in it cannot be read",
            number(kept.damaged_repositories, "damaged repository")
        ));
    }
    if !lines.is_empty() {
        text.push_str("\nkept for safety\n");
        for line in lines {
            text.push_str(&wrapped(&line, "  "));
        }
    }
}

/// So many problems of one code are told; JSON tells more.
const TOLD: usize = 3;

fn problems(text: &mut String, report: &Report) {
    if report.problems.is_empty() {
        return;
    }
    text.push_str("\nproblems\n");
    for (code, count) in &report.problem_counts {
        let of_code: Vec<_> = report.problems.iter().filter(|problem| problem.code == *code).collect();
        for problem in of_code.iter().take(TOLD) {
            let place = problem.key.as_deref().or(problem.repository.as_deref()).unwrap_or_default();
            let _ = writeln!(text, "  {}", printable(place));
            text.push_str(&wrapped(&printable(&problem.message), "    "));
        }
        let told = TOLD.min(of_code.len()) as u64;
        if *count > told {
            let _ = writeln!(text, "  and {} more of {} (--format json)", count - told, name(*code));
        }
    }
}

fn name(code: ProblemCode) -> String {
    serde_json::to_value(code).ok().and_then(|value| value.as_str().map(Into::into)).unwrap_or_default()
}

pub(super) fn minute(time: Option<&str>) -> Option<String> {
    time.and_then(Timestamp::parse_rfc3339).map(Timestamp::to_minute)
}
