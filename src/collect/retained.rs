//! What of a plan retention rules let go, for people to see before they say yes.

use super::decide::DeleteReason;
use super::inventory::Inventory;
use super::plan::{Plan, Stage};
use crate::layout::StorageKey;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// What retention rules let go.
#[derive(Debug, Clone, Default, Serialize)]
pub struct RetentionRow {
    /// When ages were measured, RFC 3339.
    pub at: String,
    /// What a person should know before saying yes: a tag `latest`, or the last tag of a repository, goes.
    pub cautions: Vec<String>,
    /// Rules that matched nothing.
    pub warnings: Vec<String>,
    /// The rules, in their order, and how much each lets go.
    pub rules: Vec<RuleRow>,
}

/// How much a rule lets go.
#[derive(Debug, Clone, Serialize)]
pub struct RuleRow {
    /// The rule.
    pub rule: String,
    /// Tags.
    pub tags: u64,
    /// Manifests, also those that go with a tag.
    pub manifests: u64,
}

/// Reads it off the plan: what was spared for another reason is not told. `rules` are the names of all rules in their order.
#[must_use]
pub fn row(plan: &Plan, rules: &[String]) -> RetentionRow {
    let deletions = plan.deletions();
    let let_go = (0..deletions.len()).filter(|number| deletions.reason(*number) == DeleteReason::Retention);
    let let_go =
        let_go.map(|number| deletions.get(number)).filter_map(|deletion| Some((deletion.stage, deletion.rule?, 1)));
    RetentionRow { rules: by_rule(let_go, rules), ..RetentionRow::default() }
}

/// How much each rule lets go: of each stage and each reason in words so many.
#[must_use]
pub fn by_rule(let_go: impl Iterator<Item = (Stage, impl AsRef<str>, u64)>, rules: &[String]) -> Vec<RuleRow> {
    let mut rows: Vec<RuleRow> =
        rules.iter().map(|rule| RuleRow { rule: rule.clone(), tags: 0, manifests: 0 }).collect();
    for (stage, why, count) in let_go {
        // A name may begin like another: the longest that fits is the rule's.
        let of = |row: &&mut RuleRow| {
            why.as_ref().strip_prefix("rule ").is_some_and(|rest| rest.starts_with(&format!("{}: ", row.rule)))
        };
        let row = rows.iter_mut().filter(of).max_by_key(|row| row.rule.len());
        match (stage, row) {
            (Stage::Tag, Some(row)) => row.tags += count,
            (Stage::Revision, Some(row)) => row.manifests += count,
            _ => {}
        }
    }
    rows
}

/// What a person should know before saying yes: a tag `latest` goes, or the last tag of a repository. `is_whole`: whether
/// all of a repository was named; then nobody needs to be told.
#[must_use]
pub fn cautions(plan: &Plan, inventory: &Inventory, is_whole: impl Fn(usize) -> bool) -> Vec<String> {
    let is_meant = |reason: DeleteReason| matches!(reason, DeleteReason::Retention | DeleteReason::Named);
    let mut gone: BTreeMap<usize, BTreeSet<String>> = BTreeMap::new();
    for deletion in plan.deletions().range(plan.of_stage(Stage::Tag)) {
        let StorageKey::TagCurrent { tag, .. } = StorageKey::parse(&deletion.key) else { continue };
        if let Some((at, _)) = deletion.repository.as_ref().filter(|_| is_meant(deletion.reason)) {
            gone.entry(*at).or_default().insert(tag.to_owned());
        }
    }
    let mut cautions = Vec::new();
    for (at, gone) in gone.into_iter().filter(|(at, _)| !is_whole(*at)) {
        let Some(repository) = inventory.repositories.get(at) else { continue };
        if gone.contains("latest") {
            cautions.push(format!("{} loses its tag latest", repository.name));
        }
        if repository.current_tags().all(|(tag, _)| gone.contains(tag.as_str())) {
            cautions.push(format!("{} loses its last tag", repository.name));
        }
    }
    cautions
}
