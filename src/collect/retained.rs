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

#[cfg(test)]
mod tests {
    use super::super::entry::Evidence;
    use super::super::plan::Deletion;
    use super::super::scene::{Storage, name, of, options, removing, tag};
    use super::*;
    use crate::layout;
    use crate::model::Timestamp;

    #[test]
    fn each_rule_is_told_what_it_lets_go_whatever_its_name_begins_like() {
        let going = |stage, number: u8, reason, rule: Option<&str>| {
            let digest = of(&number.to_string());
            Deletion {
                stage,
                key: match stage {
                    Stage::Tag => layout::tag_current(&name("a"), &tag(&format!("v{number}"))),
                    Stage::TagHistory => layout::tag_history(&name("a"), &tag(&format!("v{number}")), &digest),
                    _ => layout::revision_link(&name("a"), &digest),
                },
                upload_id: None,
                alias: None,
                repository: Some((0, name("a"))),
                evidence: Evidence { size: 71, modified: Timestamp::from_days(1), etag: None, outside: false },
                reason,
                rule: rule.map(Into::into),
                level: 0,
                digest: Some(digest),
            }
        };
        let (retention, named) = (DeleteReason::Retention, DeleteReason::Named);
        let (old, old_ci) = ("rule old: it is 3 days old", "rule old: ci: it is 3 days old");
        let plan = Plan::new(
            vec![
                going(Stage::Tag, 1, retention, Some(old)),
                going(Stage::Tag, 2, retention, Some(old)),
                going(Stage::TagHistory, 2, retention, Some(old)),
                going(Stage::Revision, 2, retention, Some(old)),
                going(Stage::Tag, 3, retention, Some(old_ci)),
                going(Stage::Revision, 3, retention, Some(old_ci)),
                going(Stage::Revision, 4, retention, Some(old_ci)),
                going(Stage::Tag, 5, named, Some(old)),
                going(Stage::Tag, 6, retention, None),
                going(Stage::Tag, 7, retention, Some("rule gone: it is none of these")),
            ]
            .into(),
        );
        let row = row(&plan, &["idle", "old", "old: ci"].map(str::to_owned));
        let told: Vec<_> = row.rules.iter().map(|row| (row.rule.as_str(), row.tags, row.manifests)).collect();
        assert_eq!(told, [("idle", 0, 0), ("old", 2, 1), ("old: ci", 1, 2)]);
        let counted = by_rule([(Stage::Tag, old, 5), (Stage::Tag, old, 3)].into_iter(), &["old".to_owned()]);
        assert_eq!((counted[0].tags, counted[0].manifests), (8, 0));
    }

    #[test]
    fn who_loses_the_tag_latest_or_the_last_tag_is_told() {
        let mut storage = Storage::default();
        let image = storage.index("a", &[]);
        storage.tag("a", "latest", &image);
        storage.tag("a", "v1", &image);
        let told = |images: &[&str], is_whole: bool| {
            let (scan, plan) = storage.scan(&removing(images));
            cautions(&plan, &scan.inventory, |_| is_whole)
        };
        let (latest, last) = ("a loses its tag latest", "a loses its last tag");
        assert_eq!(told(&["a:v1"], false), [""; 0]);
        assert_eq!(told(&["a:latest"], false), [latest]);
        assert_eq!(told(&["a:latest", "a:v1"], false), [latest, last]);
        assert_eq!(told(&["a:latest", "a:v1"], true), [""; 0], "all of it was named");
        // A repair takes away what cannot be read: that is nobody's wish.
        let (scan, plan) = storage.scan(&removing(&["a:latest"]));
        let mended = plan.deletions().iter().map(|it| Deletion { reason: DeleteReason::Unreadable, ..it });
        assert_eq!(cautions(&Plan::new(mended.collect()), &scan.inventory, |_| false), [""; 0]);
        assert_eq!(cautions(&storage.scan(&options()).1, &scan.inventory, |_| false), [""; 0]);
    }
}
