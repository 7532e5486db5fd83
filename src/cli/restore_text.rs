//! The report of a restore, for people and for scripts.

use super::short::Opening;
use super::words::{number, printable, size, wrapped};
use crate::collect::blobs::Tally;
use crate::collect::report::{ErrorRow, Requests};
use crate::collect::state::journal::Pointers;
use crate::collect::state::restore::{Lost, Newer, Restoration, Wanted};
use crate::run::Order;
use crate::run::left::Left;
use crate::run::restore::Restored;
use serde::Serialize;
use std::fmt::Write as _;

/// The schema of the JSON report.
pub const SCHEMA: &str = "regsweep.restore/1";

/// What came of a restore. Every pointer that was asked for ends in exactly one of restored, already there, newer tag,
/// content gone, incomplete, history without a tag, failed and not attempted.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    schema: &'static str,
    command: &'static str,
    version: &'static str,
    run: String,
    started: String,
    finished: String,
    exit_code: u8,
    /// An error beside single pointers.
    pub error: Option<ErrorRow>,
    /// Why it stopped before its end.
    pub stopped: Option<String>,
    location: String,
    dry_run: bool,
    asked: serde_json::Value,
    unmatched: Vec<String>,
    runs: u64,
    planned: Pointers,
    restored: Pointers,
    content: Tally,
    put_back: Tally,
    skipped: Skipped,
    newer: Vec<Newer>,
    lost: Vec<Lost>,
    failed: u64,
    failures: Vec<String>,
    /// What was not tried.
    pub not_attempted: u64,
    repositories: Vec<Row>,
    /// Lines of journals, and keys, that cannot be understood.
    pub odd: u64,
    requests: Requests,
    seconds: f64,
}

#[derive(Debug, Clone, Default, Serialize)]
struct Skipped {
    already_there: Pointers,
    newer_tags: u64,
    content_gone: Pointers,
    incomplete: Pointers,
    history_without_tag: u64,
}

#[derive(Debug, Clone, Serialize)]
struct Row {
    name: String,
    planned: Pointers,
    restored: Pointers,
}

/// So many of one kind are told in text; JSON tells all.
const TOLD: usize = 10;

impl Report {
    /// Begins one.
    #[must_use]
    pub fn new(order: &Order, left: &Left) -> Self {
        let mut put_back = Tally::default();
        left.aside.iter().for_each(|aside| put_back.add(aside.size));
        Self {
            schema: SCHEMA,
            command: "restore",
            version: env!("CARGO_PKG_VERSION"),
            run: order.run.clone(),
            started: order.started.to_rfc3339(),
            finished: String::new(),
            exit_code: 0,
            error: None,
            stopped: None,
            location: order.location.clone(),
            dry_run: false,
            asked: serde_json::Value::Null,
            unmatched: Vec::new(),
            runs: left.journals.len() as u64,
            planned: Pointers::default(),
            restored: Pointers::default(),
            content: Tally::default(),
            put_back,
            skipped: Skipped::default(),
            newer: Vec::new(),
            lost: Vec::new(),
            failed: 0,
            failures: Vec::new(),
            not_attempted: 0,
            repositories: Vec::new(),
            odd: left.odd,
            requests: Requests::default(),
            seconds: 0.0,
        }
    }

    /// Takes in what was written.
    pub fn account(&mut self, restored: Restored) {
        self.stopped = restored.stopped.map(|stopped| stopped.name().to_owned());
        self.content = restored.content;
        self.failed = restored.failed.len() as u64;
        self.failures = restored.failed.into_iter().map(|(_, error)| super::words::one_line(&error)).collect();
        self.not_attempted = restored.not_attempted;
        self.skipped.already_there = restored.there;
        for (name, pointers) in restored.by_repository {
            self.restored += pointers;
            self.repositories.push(Row { name: name.to_string(), planned: Pointers::default(), restored: pointers });
        }
    }

    /// Ends it.
    pub(super) fn finish(
        &mut self,
        restoration: &Restoration,
        wanted: &Wanted,
        opening: &Opening,
        dry_run: bool,
        code: u8,
    ) {
        self.finished = opening.order.local_now().to_rfc3339();
        self.seconds = opening.order.begun.elapsed().as_secs_f64();
        self.requests = opening.opened.reader().requests();
        self.exit_code = code;
        self.dry_run = dry_run;
        self.asked = asked(wanted);
        self.unmatched.clone_from(&restoration.unmatched);
        self.planned = restoration.planned();
        self.skipped.already_there += restoration.there;
        self.skipped.newer_tags = restoration.newer.len() as u64;
        self.skipped.content_gone = restoration.gone;
        self.skipped.incomplete = restoration.incomplete;
        self.skipped.history_without_tag = restoration.tagless;
        self.newer.clone_from(&restoration.newer);
        self.lost.clone_from(&restoration.lost);
        let mut rows: std::collections::BTreeMap<String, Row> =
            self.repositories.drain(..).map(|row| (row.name.clone(), row)).collect();
        for write in restoration.writes() {
            let name = write.repository.to_string();
            let row = || Row { name: name.clone(), planned: Pointers::default(), restored: Pointers::default() };
            rows.entry(name.clone()).or_insert_with(row).planned.add(write.stage);
        }
        self.repositories = rows.into_values().collect();
        self.repositories.sort_by(|a, b| b.planned.total().cmp(&a.planned.total()).then_with(|| a.name.cmp(&b.name)));
    }

    /// For scripts.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Plain structures of strings and numbers: there is nothing in them that JSON could not say.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}

fn asked(wanted: &Wanted) -> serde_json::Value {
    let texts = |texts: Vec<String>| serde_json::Value::from(texts);
    match wanted {
        Wanted::All => serde_json::json!({ "all": true }),
        Wanted::Needed => serde_json::json!({ "needed": true }),
        Wanted::Runs(runs) => serde_json::json!({ "runs": texts(runs.clone()) }),
        Wanted::Images(images) => {
            serde_json::json!({ "images": texts(images.iter().map(ToString::to_string).collect()) })
        }
        Wanted::Digests(digests) => {
            serde_json::json!({ "digests": texts(digests.iter().map(ToString::to_string).collect()) })
        }
    }
}

/// What is asked before anything is written.
#[must_use]
pub fn question(location: &str, restoration: &Restoration) -> String {
    let what = listed(&restoration.planned()).join(", ");
    format!("{location}\nwrite back {what}? The registry serves them at once.")
}

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
    written(&mut text, report);
    not_written(&mut text, report);
    images(&mut text, report);
    advice(&mut text, report);
    text
}

fn section(text: &mut String, title: &str, lines: &[String]) {
    if !lines.is_empty() {
        let _ = write!(text, "\n{}", wrapped(title, ""));
        for line in lines {
            text.push_str(&wrapped(&printable(line), "  "));
        }
    }
}

fn written(text: &mut String, report: &Report) {
    let (title, pointers) =
        if report.dry_run { ("would be written back", report.planned) } else { ("written back", report.restored) };
    if pointers.total() == 0 {
        let _ = writeln!(
            text,
            "\n{}",
            if report.runs == 0 { "there is nothing to undo" } else { "nothing was to be written back" }
        );
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
    let rows = report.repositories.iter().map(|row| (row, if report.dry_run { row.planned } else { row.restored }));
    let rows: Vec<String> = rows
        .filter(|(_, pointers)| pointers.total() > 0)
        .map(|(row, pointers)| format!("{}: {}", row.name, listed(&pointers).join(", ")))
        .collect();
    section(text, "by repository", &told(rows));
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
    let halves = report.asked.get("all").is_some() || report.asked.get("needed").is_some();
    let title = if halves {
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

fn advice(text: &mut String, report: &Report) {
    let pointers = if report.dry_run { report.planned } else { report.restored };
    if pointers.total() > 0 {
        let advice = "What is written back is as young as a push. A later collection with the same options takes it \
                      again once it is older than --min-age (24h, unless said otherwise): tag what is to stay, or name \
                      it in --keep-from.";
        let _ = write!(text, "\n{}", wrapped(advice, ""));
    }
}
