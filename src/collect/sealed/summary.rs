//! What a plan comes to, read off its lines.

use super::header::{GOOD_FOR, Named};
use super::line::Line;
use super::options;
use super::place::Place;
use super::read::Sealed;
use crate::collect::blobs::{Owner, Owners};
use crate::collect::decide::DeleteReason;
use crate::collect::plan::Stage;
use crate::collect::refusal::CLOCK_TOLERANCE;
use crate::collect::report::{Counts, Nobody, PlanRow, RepositoryRow, RuleRow, TagRow};
use crate::collect::retained;
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
    tags: Vec<TagRow>,
    /// How many of each stage go for each reason in words.
    let_go: HashMap<(Stage, String), u64>,
}

impl Summary {
    /// Takes a line in.
    pub fn see(&mut self, line: &Line) {
        let upload = layout::upload_directory(&line.key);
        let is_new = upload.is_some() && self.last_upload.as_deref() != upload;
        if is_new {
            self.last_upload = upload.map(Into::into);
        }
        let one = Counts::one(line.stage, (&line.key, line.upload_id.as_deref()), line.evidence.size, is_new);
        self.planned.add(&one);
        self.tags.extend(TagRow::of(&line.key, line.digest.as_ref(), line.reason, line.rule.as_deref()));
        if let Some(rule) = line.rule.as_ref().filter(|_| line.reason == DeleteReason::Retention) {
            *self.let_go.entry((line.stage, rule.clone())).or_default() += 1;
        }
        // Pointers come before blobs: whose a blob is, the pointers that go with it have told.
        let owner = match (&line.repository, &line.digest) {
            (Some(name), _) => Some(Owner::One(self.row(name))),
            (None, Some(digest)) => self.owners.get(None, digest),
            (None, None) => None,
        };
        match owner {
            Some(Owner::One(at)) => {
                self.rows[at].planned.add(&one);
                if let Some(digest) = line.digest.as_ref().filter(|_| line.stage.is_pointer()) {
                    self.owners.add(digest, at);
                }
            }
            None if line.upload_id.is_some() => {}
            Some(Owner::Shared) => self.nobody.shared.add(line.evidence.size),
            None => self.nobody.unlinked.add(line.evidence.size),
        }
    }

    fn row(&mut self, name: &RepositoryName) -> usize {
        if let Some(at) = self.index.get(name) {
            return *at;
        }
        self.rows.push(RepositoryRow { name: name.to_string(), ..RepositoryRow::default() });
        self.index.insert(name.clone(), self.rows.len() - 1);
        self.rows.len() - 1
    }

    /// All of it, as a report. `rules` are the names of the rules that it was made by.
    #[must_use]
    pub fn finish(mut self, file: &str, sealed: &Sealed, rules: &[String], now: Timestamp) -> PlanReport {
        self.rows.sort_by(RepositoryRow::largest_first);
        let header = &sealed.header;
        let let_go = self.let_go.iter().map(|((stage, why), count)| (*stage, why.as_str(), *count));
        let rules = retained::by_rule(let_go, rules);
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
            tags: self.tags,
            rules,
            cautions: header.cautions.clone(),
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
    /// The tags among what is to go, each with its reason.
    pub tags: Vec<TagRow>,
    /// The retention rules that it was made by, and how much each lets go.
    pub rules: Vec<RuleRow>,
    /// What a person should know before saying yes.
    pub cautions: Vec<String>,
}

fn planned<S: Serializer>(rows: &[RepositoryRow], serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Planned<'a> {
        name: &'a str,
        planned: &'a Counts,
    }
    serializer.collect_seq(rows.iter().map(|row| Planned { name: &row.name, planned: &row.planned }))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::super::header::Header;
    use super::*;
    use crate::collect::blobs::Tally;
    use crate::collect::plan::Plan;
    use crate::collect::report::Report;
    use crate::collect::scene::{self, DAY, NOW, Storage};

    /// A plan as its file has it: in order of stage and key.
    fn show(plan: &Plan, now: Timestamp) -> PlanReport {
        let mut lines: Vec<Line> = plan.deletions().iter().map(scene::line).collect();
        lines.sort_by(|a, b| (a.stage, &a.key).cmp(&(b.stage, &b.key)));
        let mut summary = Summary::default();
        for line in &lines {
            summary.see(line);
        }
        let header = Header {
            version: "0".into(),
            run: "run".into(),
            command: "plan".into(),
            location: "here".into(),
            place: Place::default(),
            named: None,
            options: scene::options(),
            created: NOW,
            cautions: vec!["a loses its tag latest".into()],
        };
        let (deletions, bytes) = (plan.deletions().len() as u64, plan.bytes());
        summary.finish("file", &Sealed { header, deletions, bytes, sha256: "00".into() }, &["ci".into()], now)
    }

    #[test]
    fn plan_shows_what_the_run_that_made_it_reported() {
        let mut storage = Storage::default();
        for repository in ["a", "b", "c"] {
            let layer = storage.layer(repository, &"x".repeat(repository.len()));
            storage.index(repository, &[&layer, &scene::of(repository)]);
            storage.put(layout::layer_link(&scene::name(repository), &storage.clone().blob("only c has more")));
            storage.upload(repository, &["data", "startedat"]);
        }
        let large = storage.layer("c", &"y".repeat(1000));
        storage.put(layout::signature_link(&scene::name("c"), &large, &large));
        storage.put(layout::upload(&scene::name("c"), &scene::UPLOAD.replace('0', "1")) + "data");
        storage.blob("only c has more");
        storage.blob("orphan");
        let (scan, plan) = storage.scan(&scene::options());
        let report = Report::new(&scan, &plan, Duration::ZERO);
        let shown = show(&plan, NOW);
        assert_eq!((shown.planned, shown.planned_bytes), (report.planned, report.planned_bytes));
        assert_eq!(shown.planned.uploads, Tally { count: 4, bytes: 7 * 71 });
        let rows = |rows: &[RepositoryRow]| rows.iter().map(|row| (row.name.clone(), row.planned)).collect::<Vec<_>>();
        assert_eq!(rows(&shown.repositories), rows(&report.repositories));
        assert_eq!(shown.repositories[0].name, "c");
        assert_eq!((shown.nobody.shared, shown.nobody.unlinked), (report.nobody.shared, report.nobody.unlinked));
        assert_eq!(
            (shown.tags.len(), shown.cautions.clone()),
            (report.tags.len(), vec!["a loses its tag latest".to_owned()])
        );
        assert_eq!(shown.nobody.unlinked, Tally { count: 1, bytes: 6 });
        assert_eq!((&shown.expires, shown.state), (&NOW.plus(DAY).to_rfc3339(), State::Good));
        let json: serde_json::Value = serde_json::to_value(&shown).unwrap();
        assert_eq!(json["repositories"][0]["name"], "c");
        assert!(json["repositories"][0]["planned"]["layer_links"].is_u64());
        assert!(json["repositories"][0].get("deleted").is_none(), "nothing was deleted so far");
    }

    #[test]
    fn plan_is_good_from_its_making_to_its_last_moment() {
        let instant = Duration::from_nanos(1);
        let before = |span: Duration| Timestamp::from_nanos(NOW.as_nanos() - i64::try_from(span.as_nanos()).unwrap());
        for (now, state) in [
            (NOW, State::Good),
            (NOW.plus(DAY), State::Good),
            (NOW.plus(DAY).plus(instant), State::Expired),
            (before(CLOCK_TOLERANCE), State::Good),
            (before(CLOCK_TOLERANCE + instant), State::FromFuture),
        ] {
            assert_eq!(State::of(NOW, DAY, now), state, "{now}");
        }
    }
}
