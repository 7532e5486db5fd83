//! Verdicts as rows, for people and for programs.

use crate::cli::words::printable;
use crate::model::Timestamp;
use crate::retention::facts::RepositoryFacts;
use crate::retention::fixture::{Case, Expected};
use crate::retention::judge::{Judgement, judge};
use crate::retention::policy::Policy;
use crate::retention::verdict::{Decision, Verdict};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// The verdict on one tag or manifest, and what was expected.
pub(super) struct Row {
    /// The tag, or the digest of a manifest without one.
    pub(super) name: String,
    pub(super) tagged: bool,
    pub(super) verdict: Verdict,
    pub(super) expected: Option<Expected>,
}

impl Row {
    /// Whether something else was expected.
    pub(super) fn differs(&self) -> bool {
        self.expected.is_some_and(|expected| expected.decision != self.verdict.decision())
    }

    pub(super) fn json(&self) -> Value {
        json!({
            if self.tagged { "tag" } else { "digest" }: self.name,
            "decision": self.verdict.decision().name(),
            "rule": self.verdict.rule.as_deref(),
            "why": self.verdict.to_string(),
            "expected": self.expected.map(|expected| expected.decision.name()),
        })
    }
}

/// The verdicts on a repository.
pub(super) struct Judged<'a> {
    pub(super) facts: &'a RepositoryFacts,
    pub(super) rows: Vec<Row>,
    pub(super) loses_every_tag: bool,
}

impl<'a> Judged<'a> {
    /// Judges what stands in a fixture.
    pub(super) fn new(policy: &Policy, case: &'a Case, at: Timestamp) -> Self {
        let facts = &case.facts;
        let judgement = judge(policy, facts, at);
        let loses_every_tag = judgement.loses_every_tag();
        let Judgement { tags, untagged } = judgement;
        let row = |name: String, tagged, (verdict, expected)| Row { name, tagged, verdict, expected };
        let tags = facts.tags.iter().zip(tags.into_iter().zip(case.tags.iter().copied()));
        let untagged = facts.untagged.iter().zip(untagged.into_iter().zip(case.untagged.iter().copied()));
        let rows = tags.map(|(tag, rest)| row(tag.tag.to_string(), true, rest));
        let rows = rows.chain(untagged.map(|(found, rest)| row(found.digest.to_string(), false, rest)));
        Self { facts, rows: rows.collect(), loses_every_tag }
    }

    pub(super) fn count(&self, decision: Decision) -> usize {
        self.rows.iter().filter(|row| row.verdict.decision() == decision).count()
    }

    /// What a person should see before anything is done.
    pub(super) fn cautions(&self) -> Vec<String> {
        let name = &self.facts.name;
        let latest = self.rows.iter().any(|row| row.tagged && row.name == "latest" && row.verdict.drops());
        let latest = latest.then(|| format!("{name} loses its tag latest"));
        let every = self.loses_every_tag.then(|| format!("{name} loses its last tag"));
        latest.into_iter().chain(every).collect()
    }

    pub(super) fn write(&self, text: &mut String) {
        let _ = writeln!(text, "{}", self.facts.name);
        let shown = |row: &Row| if row.tagged { row.name.clone() } else { row.name.chars().take(19).collect() };
        let width = self.rows.iter().map(|row| shown(row).len()).max().unwrap_or_default().min(40);
        for row in &self.rows {
            let (decision, name) = (row.verdict.decision().name(), shown(row));
            let _ = writeln!(text, "  {decision}  {name:width$}  {}", printable(&row.verdict.to_string()));
            if let Some(expected) = row.expected.filter(|_| row.differs()) {
                let _ = writeln!(text, "  ! expected {} (line {})", expected.decision.name(), expected.line);
            }
        }
    }
}
