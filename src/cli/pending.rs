//! `pending`: what waits to be deleted and can still be undone.

use super::args::{Common, Format, Waiting};
use super::restore_text::listed;
use super::short::{self, Opening, unless_stopped};
use super::words::{number, printable, size, wrapped};
use super::{engine, exit, json, settings};
use crate::collect::report::Requests;
use crate::collect::state::journal::{PART, Pointers};
use crate::collect::state::overview::{LeaseRow, Overview, RunRow, State};
use crate::model::Timestamp;
use crate::run::{pending, restore};
use serde::Serialize;
use std::fmt::Write as _;

const SCHEMA: &str = "regsweep.pending/1";

/// Everything, in one value for every outlet.
#[derive(Debug, Serialize)]
struct Report<'a> {
    schema: &'static str,
    command: &'static str,
    version: &'static str,
    exit_code: u8,
    error: Option<()>,
    location: &'a str,
    now: String,
    #[serde(flatten)]
    overview: Overview,
    odd: u64,
    requests: Requests,
}

/// Runs it to its exit code.
#[must_use]
pub fn run(args: &Waiting, common: &Common) -> u8 {
    short::run(("pending", SCHEMA), common, async || {
        args.outlets.check()?;
        let registry = settings::registry(args.operand.as_deref(), common)?;
        let Opening { opened, order, stop } = short::open("pending", &registry, common).await?;
        let left = unless_stopped(&stop, restore::all_left(opened.reader())).await?;
        let now = order.now(opened.reader());
        let overview = unless_stopped(&stop, pending::overview(&opened, &left, &order)).await?;
        let report = Report {
            schema: SCHEMA,
            command: "pending",
            version: env!("CARGO_PKG_VERSION"),
            exit_code: exit::DONE,
            error: None,
            location: &order.location,
            now: now.to_rfc3339(),
            overview,
            odd: left.odd,
            requests: opened.reader().requests(),
        };
        let shown = match (common.format, common.quiet) {
            (Format::Json, _) => engine::print(&json::text(&report)),
            (Format::Text, true) => true,
            (Format::Text, false) => engine::print(&text(&report)),
        };
        let written = args.outlets.write(|| json::text(&report));
        Ok(if shown && written { exit::DONE } else { exit::FAILED })
    })
}

/// So many rows are shown; JSON has them all.
const ROWS: usize = 15;

fn text(report: &Report<'_>) -> String {
    let overview = &report.overview;
    let mut text = format!("{}\n", report.location);
    if let Some(lease) = &overview.lease {
        text.push_str(&wrapped(&printable(&at_work(lease)), "! "));
    }
    if overview.is_empty() {
        text.push_str("\nnothing waits, and there is nothing to undo\n");
    } else {
        waiting(&mut text, overview, &report.now);
        runs(&mut text, overview, &report.now);
        repositories(&mut text, overview);
        aside(&mut text, overview);
    }
    if report.odd > 0 {
        let _ = write!(
            text,
            "\n{}",
            wrapped(
                &format!("{} below docker/registry/regsweep cannot be understood", number(report.odd, "line or key")),
                ""
            )
        );
    }
    if overview.runs.iter().any(|row| row.undo.is_none_or(|undo| undo.possible.total() > 0)) {
        let advice = "Undo: `regsweep restore --run RUN`, `--image REPOSITORY:TAG`, `--digest DIGEST`, or `--all`; \
                      --dry-run shows what would come back.";
        let _ = write!(text, "\n{}", wrapped(advice, ""));
    }
    text.replace(NO_BREAK, " ")
}

fn at_work(row: &LeaseRow) -> String {
    let who = row.lease.as_ref().map_or_else(
        || "a run whose lease cannot be read".to_owned(),
        |lease| {
            let since = minute(&lease.taken);
            format!("run {} ({}, process {} on {}), since {since}", lease.run, lease.command, lease.process, lease.host)
        },
    );
    if row.held {
        format!("at work now: {who}")
    } else {
        format!("a run has died, and the next one finishes it: {who}")
    }
}

fn waiting(text: &mut String, overview: &Overview, now: &str) {
    let waiting = &overview.waiting;
    if waiting.count == 0 {
        text.push_str("\nno content waits to be deleted\n");
        return;
    }
    let blobs = number(waiting.count, "blob");
    let since = overview.since.as_deref().map(minute).unwrap_or_default();
    let due = match (overview.first_due.as_deref(), overview.last_due.as_deref()) {
        (_, Some(last)) if is_over(last, now) => "the next run can delete it".to_owned(),
        (Some(first), Some(last)) if is_over(first, now) => {
            format!("the next run can delete the first of it, one after {} the last", minute(last))
        }
        (Some(first), Some(last)) if minute(first) != minute(last) => {
            format!("a run after {} can delete the first of it, one after {} the last", minute(first), minute(last))
        }
        (Some(first), _) => format!("a run after {} can delete it", minute(first)),
        _ => "a run can delete it once --defer is over".to_owned(),
    };
    let line = format!("{blobs} ({}) that nothing needs, since {since}; {due}", size(waiting.bytes));
    let _ = write!(text, "\nwaiting\n{}", wrapped(&line, "  "));
}

fn is_over(time: &str, now: &str) -> bool {
    Timestamp::parse_rfc3339(time) <= Timestamp::parse_rfc3339(now)
}

fn runs(text: &mut String, overview: &Overview, now: &str) {
    if overview.runs.is_empty() {
        return;
    }
    text.push_str("\nruns, the newest first\n");
    for row in overview.runs.iter().take(ROWS) {
        let _ = writeln!(text, "  {}", printable(&row.run));
        text.push_str(&wrapped(&printable(&story(row, now)), "    "));
        let of_that = format!("{} ({}) of that", number(row.waiting.count, "blob"), size(row.waiting.bytes));
        let waits = match row.waiting.count {
            0 => "nothing of that waits".to_owned(),
            1 => format!("{of_that} waits"),
            _ => format!("{of_that} wait"),
        };
        text.push_str(&wrapped(&format!("{}; {waits}", listed(&row.removed).join(", ")), "    "));
    }
    if overview.runs.len() > ROWS {
        let _ = writeln!(text, "  and {} more (--format json names them all)", overview.runs.len() - ROWS);
    }
}

fn story(row: &RunRow, now: &str) -> String {
    let (gone, command) = (minute(&row.gone), row.command.as_deref().unwrap_or("a run"));
    match row.state {
        State::AtWork => format!("at work since {gone}"),
        State::Unfinished => format!("not ended ({gone}): the next run finishes it"),
        State::Ended => format!("{command}, {gone}{}", until(row, now)),
    }
}

/// Whether, and until when, a run can be undone.
fn until(row: &RunRow, now: &str) -> String {
    let until = match row.until.as_deref() {
        None => String::new(),
        Some(until) if is_over(until, now) => " until a collection deletes what it let wait".to_owned(),
        Some(until) => format!(" until {}", minute(until)),
    };
    let can = format!("; can be undone{until}");
    let Some(undo) = &row.undo else {
        return format!("; can perhaps be undone{until}: `restore --dry-run --run` tells");
    };
    let told = |pointers: &Pointers| listed(pointers).join(", ");
    let lines = number(row.odd, "line");
    let parts = number(row.unread_parts, "part");
    let each = if row.unread_parts == 1 { "" } else { " each" };
    let names = if undo.named_anew.total() == 1 { "names" } else { "name" };
    let unread = row.odd + row.unread_parts;
    let but = [
        (undo.content_gone.total(), format!("{} whose content is gone", told(&undo.content_gone))),
        (undo.named_anew.total(), format!("{} that {names} something else by now", told(&undo.named_anew))),
        (undo.unreadable.total(), format!("{} that nobody can read", told(&undo.unreadable))),
        (row.odd, format!("{lines} of its journal that nobody can read")),
        (row.unread_parts, format!("{parts} of its journal, of up to {PART} lines{each}, that nobody can read")),
    ];
    let but: Vec<&str> = but.iter().filter(|(count, _)| *count > 0).map(|(_, what)| what.as_str()).collect();
    match (undo.possible.total(), but.as_slice()) {
        (0, []) => "; nothing to undo: all of it is there again".to_owned(),
        (0, _) if undo.content_gone.total() == row.removed.total() && unread == 0 => {
            "; cannot be undone: its content is gone".to_owned()
        }
        (0, but) if undo.already_there.total() == 0 => format!("; cannot be undone: {}", but.join(" and ")),
        (0, but) => format!("; nothing to undo: all of it is there again, but for {}", but.join(" and ")),
        (_, []) => can,
        (_, but) => format!("{can}, but for {}", but.join(" and ")),
    }
}

fn repositories(text: &mut String, overview: &Overview) {
    let named = overview.repositories.iter().map(|row| (row.name.as_str(), row.waiting));
    let nobody = [("(several)", overview.shared), ("(others)", overview.unlinked)].into_iter();
    let rows: Vec<_> = named.take(ROWS).chain(nobody).filter(|(_, waiting)| waiting.count > 0).collect();
    if rows.is_empty() {
        return;
    }
    text.push_str("\nwaiting, by the repository in which a run took what named it, the largest first\n");
    let name_width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    let size_width = rows.iter().map(|(_, waiting)| size(waiting.bytes).len()).max().unwrap_or(0);
    for (name, waiting) in &rows {
        let (bytes, blobs) = (size(waiting.bytes), number(waiting.count, "blob"));
        let _ = writeln!(text, "  {name:name_width$}  {bytes:>size_width$}  {blobs}");
    }
    if overview.repositories.len() > ROWS {
        let _ = writeln!(text, "  and {} more (--format json names them all)", overview.repositories.len() - ROWS);
    }
}

fn aside(text: &mut String, overview: &Overview) {
    if overview.aside.is_empty() {
        return;
    }
    text.push_str("\nmoved aside\n");
    for row in &overview.aside {
        let blobs = number(row.content.count, "blob");
        let line = format!("{blobs} ({}) by run {}: the next run puts it back", size(row.content.bytes), row.run);
        text.push_str(&wrapped(&printable(&line), "  "));
    }
}

const NO_BREAK: &str = "\u{a0}";

/// What stands there comes from storage: what is no time is shown as it is.
fn minute(time: &str) -> String {
    // One word for the one who breaks lines.
    Timestamp::parse_rfc3339(time).map_or_else(|| time.to_owned(), |time| time.to_minute().replace(' ', NO_BREAK))
}
