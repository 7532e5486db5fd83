//! What holds for every policy and every repository.

use super::{NOW, policy};
use proptest::prelude::*;
use proptest::sample::subsequence;
use regsweep::model::{Digest, RepositoryName, Tag, Timestamp};
use regsweep::retention::facts::{RepositoryFacts, TagFacts, UntaggedFacts};
use regsweep::retention::judge::{Judgement, judge};
use regsweep::retention::verdict::{Verdict, Why};
use std::collections::BTreeMap;
use std::time::Duration;

const NAMES: [&str; 14] = [
    "latest",
    "v1.0.0",
    "v1.0.1",
    "1.2.0-alpine",
    "1.2.1-alpine",
    "1.2.0-slim",
    "2.0.0-rc1",
    "pr-1",
    "pr-2",
    "pr-3",
    "main",
    "20260101",
    "a",
    "b",
];

/// Days ago; few, so that many are equal, and some odd.
fn time() -> impl Strategy<Value = Option<Timestamp>> {
    let ago = |hours: u32| Some(NOW.minus(hours * Duration::from_hours(1)));
    prop_oneof![
        8 => (0..60_u32).prop_map(move |days| ago(days * 24)),
        4 => (0..500_u32).prop_map(move |hours| ago(hours * 12)),
        1 => Just(None),
        1 => Just(Some(Timestamp::from_days(0))),
        1 => Just(Some(NOW.plus(Duration::from_hours(24)))),
    ]
}

fn digest(at: usize) -> Digest {
    Digest::of(&[u8::try_from(at % 12).unwrap()])
}

fn tag_facts(name: &str) -> impl Strategy<Value = TagFacts> + use<> {
    let tag = Tag::new(name).unwrap();
    let parts = prop::collection::vec(0..12_usize, 0..3);
    let labels = prop::option::of(prop::collection::btree_map("stage|team", "dev|prod", 0..2));
    (0..12_usize, prop::bool::weighted(0.95), parts, time(), time(), labels).prop_map(
        move |(at, readable, parts, pushed, created, labels)| TagFacts {
            tag: tag.clone(),
            digest: readable.then(|| digest(at)),
            parts: parts.into_iter().map(digest).collect(),
            pushed,
            created,
            labels: labels.clone(),
            annotations: labels,
        },
    )
}

prop_compose! {
    fn untagged_facts()(at in 0..12_usize, pushed in time(), lost in time(), owners in prop::collection::vec(0..12_usize, 0..3))
        -> UntaggedFacts {
        UntaggedFacts { digest: digest(at), pushed, lost, belongs_to: owners.into_iter().map(digest).collect() }
    }
}

fn repositories() -> impl Strategy<Value = RepositoryFacts> {
    let about = (0..12_usize).prop_map(|at| digest(at).to_string().replace(':', "-") + ".sig");
    let names = (subsequence(NAMES.to_vec(), 0..NAMES.len()), prop::collection::btree_set(about, 0..4));
    let tags = names.prop_flat_map(|(names, about)| {
        let names = names.into_iter().map(str::to_owned).chain(about);
        names.map(|name| tag_facts(&name)).collect::<Vec<_>>()
    });
    (tags, prop::collection::vec(untagged_facts(), 0..6)).prop_map(|(tags, untagged)| {
        // A manifest has one row, and one with a tag has none.
        let tagged: Vec<Digest> = tags.iter().filter_map(|tag| tag.digest.clone()).collect();
        let untagged: BTreeMap<Digest, UntaggedFacts> = untagged
            .into_iter()
            .filter(|found| !tagged.contains(&found.digest))
            .map(|found| (found.digest.clone(), found))
            .collect();
        let name = RepositoryName::new("team/app").unwrap();
        RepositoryFacts { name, tags, untagged: untagged.into_values().collect() }
    })
}

const DELETES: [&str; 8] = [
    "older_than: 0s",
    "older_than: 10d",
    "created_older_than: 5d",
    "tags: [\"pr-*\", \"re:^[0-9v]\"]",
    "tags: [\"*\"]",
    "semver: \"<2.0.0\"",
    "labels: {stage: dev}",
    "annotations: {team: \"*\"}",
];

const KEEPS: [&str; 12] = [
    "tags: [latest, \"v*\"]",
    "last: 1",
    "last: 4",
    "last_per: {pattern: '^(?<minor>\\d+\\.\\d+)\\.\\d+-(?<variant>.+)$', count: 1}",
    "last_per: {pattern: '^(?<kind>[a-z]+)', count: 2}",
    "semver: \">=1.0.1\"",
    "younger_than: 3d",
    "daily: 2",
    "weekly: 2",
    "monthly: 1",
    "yearly: 1",
    "tags: [\"re:sig$\"]",
];

/// Conditions of which no two have the same key.
fn conditions(all: &'static [&'static str], least: usize) -> impl Strategy<Value = Vec<&'static str>> {
    subsequence(all.to_vec(), least..4).prop_map(|chosen| {
        let key = |text: &str| text.split(':').next().unwrap().to_owned();
        let by_key: BTreeMap<String, &str> = chosen.into_iter().map(|text| (key(text), text)).collect();
        by_key.into_values().collect()
    })
}

#[derive(Debug, Clone)]
struct Rules {
    delete: Vec<&'static str>,
    keep: Vec<&'static str>,
    untagged: bool,
}

impl Rules {
    fn text(&self) -> String {
        let keep = if self.keep.is_empty() { String::new() } else { format!(", keep: {{{}}}", self.keep.join(", ")) };
        let untagged = if self.untagged { ", untagged: {older_than: 3d}" } else { "" };
        format!(
            "rules: [{{name: the rule, repositories: [\"**\"], delete: {{{}}}{keep}{untagged}}}]",
            self.delete.join(", ")
        )
    }

    fn judge(&self, facts: &RepositoryFacts) -> Judgement {
        judge(&policy(&self.text()), facts, NOW)
    }
}

prop_compose! {
    fn rules()(delete in conditions(&DELETES, 1), keep in conditions(&KEEPS, 0), untagged: bool) -> Rules {
        Rules { delete, keep, untagged }
    }
}

/// What was said of each tag and each manifest, by name.
fn by_name(facts: &RepositoryFacts, judgement: Judgement) -> BTreeMap<String, Verdict> {
    let tags = facts.tags.iter().map(|tag| tag.tag.to_string());
    let untagged = facts.untagged.iter().map(|found| found.digest.to_string());
    tags.chain(untagged).zip(judgement.tags.into_iter().chain(judgement.untagged)).collect()
}

fn gone(verdicts: &BTreeMap<String, Verdict>) -> Vec<&String> {
    verdicts.iter().filter(|(_, verdict)| verdict.drops()).map(|(name, _)| name).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    /// Whatever one condition keeps by itself stays whatever else the rule says.
    #[test]
    fn keep_beats_delete(rules in rules(), keep in 0..KEEPS.len(), facts in repositories()) {
        let alone = Rules { delete: vec!["tags: [\"*\"]"], keep: vec![KEEPS[keep]], untagged: true };
        let kept = alone.judge(&facts).tags.into_iter().map(|verdict| matches!(verdict.why, Why::Kept(_)));
        let kept: Vec<bool> = kept.collect();
        let key = KEEPS[keep].split(':').next().unwrap();
        // `last` and its like count fewer tags with other conditions, and keep no fewer of those.
        let others: Vec<_> = rules.keep.iter().copied().filter(|other| other.split(':').next().unwrap() != key).collect();
        let delete: Vec<_> = rules.delete.iter().copied().filter(|text| !text.starts_with("tags")).collect();
        prop_assume!(!delete.is_empty());
        let both = Rules { delete, keep: [others, vec![KEEPS[keep]]].concat(), untagged: rules.untagged };
        for (verdict, kept) in both.judge(&facts).tags.iter().zip(kept) {
            prop_assert!(!(kept && verdict.drops()), "{verdict}");
        }
    }

    #[test]
    fn one_more_keep_never_deletes_more(rules in rules(), more in 0..KEEPS.len(), facts in repositories()) {
        let key = |text: &str| text.split(':').next().unwrap().to_owned();
        prop_assume!(rules.keep.iter().all(|other| key(other) != key(KEEPS[more])));
        let before = by_name(&facts, rules.judge(&facts));
        let after = Rules { keep: [rules.keep.clone(), vec![KEEPS[more]]].concat(), ..rules.clone() };
        let after = by_name(&facts, after.judge(&facts));
        for name in gone(&after) {
            prop_assert!(before[name].drops(), "{name} goes only with {:?}: {}", KEEPS[more], after[name]);
        }
    }

    #[test]
    fn order_of_tags_never_matters(
        rules in rules(),
        (facts, tags, untagged) in repositories().prop_flat_map(|facts| {
            let shuffled = (Just(facts.tags.clone()).prop_shuffle(), Just(facts.untagged.clone()).prop_shuffle());
            (Just(facts), shuffled.0, shuffled.1)
        }),
    ) {
        let other = RepositoryFacts { tags, untagged, ..facts.clone() };
        let (one, other) = (by_name(&facts, rules.judge(&facts)), by_name(&other, rules.judge(&other)));
        let words = |verdicts: &BTreeMap<String, Verdict>| {
            verdicts.iter().map(|(name, verdict)| (name.clone(), verdict.to_string())).collect::<Vec<_>>()
        };
        prop_assert_eq!(words(&one), words(&other));
    }

    #[test]
    fn same_instant_gives_the_same_verdicts(rules in rules(), facts in repositories()) {
        prop_assert_eq!(rules.judge(&facts), rules.judge(&facts));
    }

    #[test]
    fn everything_that_goes_names_its_rule(rules in rules(), facts in repositories()) {
        for (name, verdict) in by_name(&facts, rules.judge(&facts)) {
            prop_assert_eq!(verdict.rule.as_deref(), Some("the rule"));
            prop_assert!(verdict.to_string().starts_with("rule the rule: ") && verdict.to_string().len() > 16, "{name}: {verdict}");
        }
    }

    /// Time alone never brings anything back, where only ages decide.
    #[test]
    fn what_goes_by_its_age_goes_later_as_well(facts in repositories(), days in 0..100_u32) {
        let policy = policy("rules: [{repositories: [\"**\"], delete: {older_than: 10d}, keep: {younger_than: 12d}, untagged: {older_than: 3d}}]");
        let before = by_name(&facts, judge(&policy, &facts, NOW));
        let after = by_name(&facts, judge(&policy, &facts, NOW.plus(days * Duration::from_hours(24))));
        for name in gone(&before) {
            prop_assert!(after[name].drops(), "{name}: {}, then {}", before[name], after[name]);
        }
    }

    /// What no rule is for stays, and so does everything under a rule that drops no tags.
    #[test]
    fn nothing_goes_unasked(facts in repositories()) {
        for text in [
            "rules: [{repositories: [elsewhere], delete: {tags: [\"*\"]}, untagged: {older_than: 0s}}]",
            "rules: [{repositories: [\"team/app\"], delete: {tags: [no-such-tag]}}]",
        ] {
            let verdicts = by_name(&facts, judge(&policy(text), &facts, NOW));
            prop_assert!(gone(&verdicts).is_empty());
        }
    }

    /// What belongs to something that stays, stays; what goes with something, goes with all of it.
    #[test]
    fn belongings_share_the_fate_of_what_they_belong_to(rules in rules(), facts in repositories()) {
        let judgement = rules.judge(&facts);
        let stays = |digest: &Digest| {
            let tags = facts.tags.iter().zip(&judgement.tags).filter(|(_, verdict)| !verdict.drops());
            let untagged = facts.untagged.iter().zip(&judgement.untagged).filter(|(_, verdict)| !verdict.drops());
            tags.into_iter().any(|(tag, _)| tag.digest.as_ref() == Some(digest) || tag.parts.contains(digest))
                || untagged.into_iter().any(|(found, _)| found.digest == *digest)
        };
        for verdict in judgement.tags.iter().chain(&judgement.untagged) {
            match &verdict.why {
                Why::StaysWith(digest) => prop_assert!(stays(digest), "{verdict}"),
                Why::GoesWith(digest) => prop_assert!(!stays(digest), "{verdict}"),
                _ => {}
            }
        }
    }
}
