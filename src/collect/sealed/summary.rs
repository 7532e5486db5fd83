//! What a plan comes to, read off its lines.

use super::header::{GOOD_FOR, Named};
use super::line::Line;
use super::options;
use super::place::Place;
use super::read::Sealed;
use crate::collect::blobs::{Owner, Owners};
use crate::collect::plan::Stage;
use crate::collect::refusal::CLOCK_TOLERANCE;
use crate::collect::report::{Counts, Nobody, PlanRow, RepositoryRow};
use crate::layout;
use crate::model::{RepositoryName, Timestamp};
use serde::{Serialize, Serializer};
use std::collections::HashMap;
use std::time::Duration;

/// Adds up a plan, line by line, in the order of the file.
#[derive(Debug, Default)]
pub struct Summary {
    planned: Counts,
    nobody: Nobody,
    rows: Vec<RepositoryRow>,
    index: HashMap<RepositoryName, usize>,
    owners: Owners,
    last_upload: Option<Box<str>>,
}

impl Summary {
    /// Takes a line in.
    pub fn see(&mut self, line: &Line) {
        let upload = layout::own_directory(&line.key).filter(|_| line.stage == Stage::Upload);
        let is_new = upload.is_some() && self.last_upload.as_deref() != upload;
        if is_new {
            self.last_upload = upload.map(Into::into);
        }
        let one = Counts::one(line.stage, &line.key, line.evidence.size, is_new);
        self.planned.add(&one);
        // Pointers come before blobs: whose a blob is, the pointers that go with it have told.
        let owner = match (&line.repository, &line.digest) {
            (Some(name), _) => Some(Owner::One(self.row(name))),
            (None, Some(digest)) => self.owners.get(digest),
            (None, None) => None,
        };
        match owner {
            Some(Owner::One(at)) => {
                self.rows[at].planned.add(&one);
                if let Some(digest) = line.digest.as_ref().filter(|_| line.stage.is_pointer()) {
                    self.owners.add(digest, at);
                }
            }
            Some(Owner::Shared) => self.nobody.shared.add(line.evidence.size),
            None => self.nobody.unlinked.add(line.evidence.size),
        }
    }

    fn row(&mut self, name: &RepositoryName) -> usize {
        if let Some(at) = self.index.get(name) {
            return *at;
        }
        let row = RepositoryRow { name: name.to_string(), planned: Counts::default(), deleted: Counts::default() };
        self.rows.push(row);
        self.index.insert(name.clone(), self.rows.len() - 1);
        self.rows.len() - 1
    }

    /// All of it, as a report.
    #[must_use]
    pub fn finish(mut self, file: &str, sealed: &Sealed, now: Timestamp) -> PlanReport {
        self.rows.sort_by(RepositoryRow::largest_first);
        let header = &sealed.header;
        let expires = header.created.plus(GOOD_FOR);
        PlanReport {
            schema: "regsweep.plan-report/1",
            command: "show",
            version: env!("CARGO_PKG_VERSION"),
            exit_code: 0,
            file: file.to_owned(),
            plan: sealed.row(),
            state: State::of(header.created, GOOD_FOR, now),
            expires: expires.to_rfc3339(),
            location: header.location.clone(),
            place: header.place.clone(),
            named: header.named.clone(),
            mode: header.options.mode.name(),
            options: options::shown(&header.options),
            planned: self.planned,
            planned_bytes: sealed.bytes,
            repositories: self.rows,
            nobody: self.nobody,
        }
    }
}

/// Whether a plan may be applied at this time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It may.
    Good,
    /// It was made too long ago.
    Expired,
    /// It was made later than now.
    FromFuture,
}

impl State {
    /// The state of a plan that was made at `created` and is good for so long.
    #[must_use]
    pub fn of(created: Timestamp, longest: Duration, now: Timestamp) -> Self {
        if created > now.plus(CLOCK_TOLERANCE) {
            Self::FromFuture
        } else if now > created.plus(longest) {
            Self::Expired
        } else {
            Self::Good
        }
    }
}

/// What `show` says of a plan (`regsweep.plan-report/1`). Where a field has the name of one in `regsweep.report/1`, it
/// says the same. What only the storage knows (what was found, what is needed) is not here.
#[derive(Debug, Clone, Serialize)]
pub struct PlanReport {
    /// `regsweep.plan-report/1`.
    pub schema: &'static str,
    /// `show`.
    pub command: &'static str,
    /// The version of regsweep that shows it.
    pub version: &'static str,
    /// The exit code.
    pub exit_code: u8,
    /// The plan's file.
    pub file: String,
    /// The plan.
    pub plan: PlanRow,
    /// Whether it may be applied now, by the usual `--max-plan-age`.
    pub state: State,
    /// Until when it may be, RFC 3339.
    pub expires: String,
    /// The registry's storage, as reports print it.
    pub location: String,
    /// The registry's storage, as it is told from every other.
    pub place: Place,
    /// How the registry was named when the plan was made.
    pub named: Option<Named>,
    /// `live` or `offline`.
    pub mode: &'static str,
    /// Every option that decided.
    pub options: serde_json::Value,
    /// What is to go.
    pub planned: Counts,
    /// Bytes of all that is to go, links included.
    pub planned_bytes: u64,
    /// By repository, the largest first.
    #[serde(serialize_with = "planned")]
    pub repositories: Vec<RepositoryRow>,
    /// Blobs that belong to no one repository.
    pub nobody: Nobody,
}

fn planned<S: Serializer>(rows: &[RepositoryRow], serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Planned<'a> {
        name: &'a str,
        planned: &'a Counts,
    }
    serializer.collect_seq(rows.iter().map(|row| Planned { name: &row.name, planned: &row.planned }))
}
