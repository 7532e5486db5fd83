//! The report of a restore, for every outlet.

use super::short::Opening;
use super::words;
use crate::collect::blobs::Tally;
use crate::collect::plan::Stage;
use crate::collect::report::{ErrorRow, Requests};
use crate::collect::state::journal::Pointers;
use crate::collect::state::restore::{Lost, Newer, Restoration, Wanted, Write};
use crate::layout::StorageKey;
use crate::run::Order;
use crate::run::left::Left;
use crate::run::restore::Restored;
use serde::Serialize;
use std::collections::BTreeMap;

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
    /// The registry's storage.
    pub location: String,
    /// Whether nothing was to be written.
    pub dry_run: bool,
    asked: serde_json::Value,
    /// What was asked for by name and nothing knows.
    pub unmatched: Vec<String>,
    /// How many runs have left a journal.
    pub runs: u64,
    /// What is to be written back.
    pub planned: Pointers,
    /// What was.
    pub restored: Pointers,
    /// How many of the tags count as pushed now: the storage tells no other time of them.
    pub tags_pushed_now: u64,
    /// The tags that are to be written back.
    pub tags: Vec<String>,
    /// Content that waits no longer.
    pub content: Tally,
    /// Content that a killed run had moved aside.
    pub put_back: Tally,
    /// What is not written.
    pub skipped: Skipped,
    /// Tags that name something else by now.
    pub newer: Vec<Newer>,
    /// Images that cannot be whole any more.
    pub lost: Vec<Lost>,
    /// Whether parts of them come back all the same.
    pub halves: bool,
    /// How many writes failed.
    pub failed: u64,
    /// How.
    pub failures: Vec<String>,
    /// What was not tried.
    pub not_attempted: u64,
    /// By repository, the most pointers first.
    pub repositories: Vec<Row>,
    /// Lines of journals, and keys, that cannot be understood.
    pub odd: u64,
    requests: Requests,
    seconds: f64,
}

/// Pointers that are not written, by the reason.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Skipped {
    /// They are there.
    pub already_there: Pointers,
    /// They name something else by now.
    pub newer_tags: u64,
    /// What they name is gone.
    pub content_gone: Pointers,
    /// The images that need them cannot be whole any more.
    pub incomplete: Pointers,
    /// Their tag is gone.
    pub history_without_tag: u64,
}

/// One repository's part.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Row {
    /// Its name.
    pub name: String,
    /// What is to be written back in it.
    pub planned: Pointers,
    /// What was.
    pub restored: Pointers,
}

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
            tags_pushed_now: 0,
            tags: Vec::new(),
            content: Tally::default(),
            put_back,
            skipped: Skipped::default(),
            newer: Vec::new(),
            lost: Vec::new(),
            halves: false,
            failed: 0,
            failures: Vec::new(),
            not_attempted: 0,
            repositories: Vec::new(),
            odd: left.odd,
            requests: Requests::default(),
            seconds: 0.0,
        }
    }

    /// Takes in what was decided. `keeps_times`: whether the storage lets a link be as old as it was.
    pub fn decided(&mut self, restoration: &Restoration, wanted: &Wanted, keeps_times: bool) {
        let is_new = |write: &&Write| write.stage == Stage::Tag && !(keeps_times && write.modified.is_some());
        self.tags_pushed_now = restoration.writes().filter(is_new).count() as u64;
        let tag = |write: &Write| match StorageKey::parse(&write.key) {
            StorageKey::TagCurrent { repository, tag } => Some(format!("{repository}:{tag}")),
            _ => None,
        };
        self.tags = restoration.writes().filter_map(tag).collect();
        self.tags.sort();
        self.asked = asked(wanted);
        self.halves = wanted.halves();
        self.unmatched.clone_from(&restoration.unmatched);
        self.planned = restoration.planned();
        self.skipped = Skipped {
            already_there: restoration.there,
            newer_tags: restoration.newer.len() as u64,
            content_gone: restoration.gone,
            incomplete: restoration.incomplete,
            history_without_tag: restoration.tagless,
        };
        self.newer.clone_from(&restoration.newer);
        self.lost.clone_from(&restoration.lost);
        let mut rows: BTreeMap<&str, Row> = BTreeMap::new();
        for write in restoration.writes() {
            rows.entry(write.repository.as_str()).or_default().planned.add(write.stage);
        }
        self.repositories = rows.into_iter().map(|(name, row)| Row { name: name.to_owned(), ..row }).collect();
        self.repositories.sort_by(|a, b| b.planned.total().cmp(&a.planned.total()).then_with(|| a.name.cmp(&b.name)));
    }

    /// Takes in what was written.
    pub fn account(&mut self, restored: Restored) {
        self.stopped = restored.stopped.map(|stopped| stopped.name().to_owned());
        self.content = restored.content;
        self.failed = restored.failed.len() as u64;
        self.failures = restored.failed.into_iter().map(|(_, error)| words::one_line(&error)).collect();
        self.not_attempted = restored.not_attempted;
        self.skipped.already_there += restored.there;
        for row in &mut self.repositories {
            row.restored = restored.by_repository.get(row.name.as_str()).copied().unwrap_or_default();
            self.restored += row.restored;
        }
    }

    /// Ends it.
    pub(super) fn finish(&mut self, opening: &Opening, dry_run: bool, code: u8) {
        self.finished = opening.order.local_now().to_rfc3339();
        self.seconds = opening.order.begun.elapsed().as_secs_f64();
        self.requests = opening.opened.reader().requests();
        self.exit_code = code;
        self.dry_run = dry_run;
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
