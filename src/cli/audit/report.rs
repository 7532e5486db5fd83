//! What was found, in one value for every outlet.

use crate::cli::args::Audit;
use crate::cli::outlets::Forms;
use crate::cli::{exit, json};
use crate::collect::audit::compare::Compared;
use crate::collect::audit::report::Findings;
use crate::collect::money::bill::Money;
use crate::collect::problem::{Problem, ProblemCode};
use crate::collect::report::Requests;
use crate::collect::store_keeps::StoreKeepsRow;
use crate::run::Order;
use crate::run::audit::Answer;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

pub(super) const SCHEMA: &str = "regsweep.audit/1";

/// A listing that was counted by in place of a new one.
#[derive(Debug, Clone, Serialize)]
pub(super) struct ListingRow {
    /// What it is.
    pub(super) what: &'static str,
    /// When it was made, RFC 3339.
    pub(super) created: String,
}

/// An audit.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    schema: &'static str,
    command: &'static str,
    version: &'static str,
    run: String,
    started: String,
    pub(super) finished: String,
    exit_code: u8,
    error: Option<()>,
    pub(super) location: String,
    /// The registry as it was named, and how it is reached: words for commands to paste.
    #[serde(skip)]
    pub(super) named: Vec<String>,
    pub(super) listing: Option<ListingRow>,
    /// What is younger is not counted as what can go.
    #[serde(skip)]
    pub(super) min_age: Duration,
    /// When ages were measured.
    pub(super) now: String,
    pub(super) options: Value,
    #[serde(flatten)]
    pub(super) findings: Findings,
    /// What it costs; `null` where no list of prices is about such a storage.
    pub(super) money: Option<Money>,
    /// What has changed since an earlier audit, if one was named.
    pub(super) compared: Option<Compared>,
    /// What could not be counted, in words.
    pub(super) not_known: Vec<String>,
    /// What was odd about the rules of a what-if.
    pub(super) warnings: Vec<String>,
    pub(super) store_keeps: StoreKeepsRow,
    pub(super) requests: Requests,
    pub(super) seconds: f64,
    pub(super) peak_memory_bytes: u64,
    problems: Vec<Problem>,
    pub(super) problem_counts: BTreeMap<ProblemCode, u64>,
}

impl Report {
    pub(super) fn new(args: &Audit, order: &Order, answer: Answer) -> Self {
        let Answer { findings, retention, problems, not_known, store_keeps, now } = answer;
        let duration = |duration| humantime::format_duration(duration).to_string();
        let patterns: Vec<&str> = args.repository.iter().map(crate::collect::pattern::Pattern::text).collect();
        let options = json!({
            "min_age": duration(args.min_age),
            "uploads_older_than": args.uploads_older_than.0.map_or_else(|| "off".into(), duration),
            "group": args.group,
            "repository": patterns,
            "policy": args.policy,
            "prices": args.prices,
            "price_region": args.price_region,
            "compare": args.compare,
            "at": retention.as_ref().map(|said| said.at.to_rfc3339()),
        });
        Self {
            schema: SCHEMA,
            command: "audit",
            version: env!("CARGO_PKG_VERSION"),
            run: order.run.clone(),
            started: order.started.to_rfc3339(),
            finished: String::new(),
            exit_code: exit::DONE,
            error: None,
            location: order.location.clone(),
            named: Vec::new(),
            listing: None,
            min_age: args.min_age,
            now: now.to_rfc3339(),
            options,
            findings,
            money: None,
            compared: None,
            not_known,
            warnings: retention.map(|said| said.warnings).unwrap_or_default(),
            store_keeps: store_keeps.row(now),
            requests: Requests::default(),
            seconds: 0.0,
            peak_memory_bytes: 0,
            problems: problems.as_slice().to_vec(),
            problem_counts: problems.counts().collect(),
        }
    }
}

impl Forms for Report {
    fn json(&self) -> String {
        json::text(self)
    }

    fn csv(&self) -> String {
        super::csv::text(self)
    }

    fn markdown(&self) -> String {
        super::markdown::text(self)
    }

    fn openmetrics(&self) -> String {
        super::openmetrics::text(self)
    }
}
