//! The verdict on every tag and every untagged manifest of one repository: a total pure function.

use super::facts::{RepositoryFacts, TagFacts, UntaggedFacts, sane};
use super::policy::{Keep, Policy, Rule};
use super::selection::{age, kept_by_itself, kept_by_name, selected};
use super::verdict::{KeptBy, Verdict, Why};
use super::{keep_last, periods};
use crate::model::{Digest, Timestamp};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

/// The verdicts on a repository, in the order of its facts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// One for each tag.
    pub tags: Vec<Verdict>,
    /// One for each untagged manifest.
    pub untagged: Vec<Verdict>,
}

impl Judgement {
    /// Whether the repository had tags and loses all of them.
    #[must_use]
    pub fn loses_every_tag(&self) -> bool {
        !self.tags.is_empty() && self.tags.iter().all(Verdict::drops)
    }
}

/// Judges a repository by the first rule that is for it. `now` is when ages are measured.
#[must_use]
pub fn judge(policy: &Policy, facts: &RepositoryFacts, now: Timestamp) -> Judgement {
    let Some(rule) = policy.rule_for(facts.name.as_str()) else {
        let none = |_| Verdict { rule: None, why: Why::NoRule };
        return Judgement {
            tags: facts.tags.iter().map(none).collect(),
            untagged: facts.untagged.iter().map(|_| Verdict { rule: None, why: Why::NoRule }).collect(),
        };
    };
    let mut bench = Bench::new(rule, facts, now);
    bench.settle();
    let name: Arc<str> = rule.name.as_str().into();
    let verdict = |why| Verdict { rule: Some(Arc::clone(&name)), why };
    Judgement {
        tags: bench.tags.into_iter().map(verdict).collect(),
        untagged: bench.untagged.into_iter().map(verdict).collect(),
    }
}

/// A tag or an untagged manifest, by its place in the facts.
#[derive(Debug, Clone, Copy)]
enum Item {
    Tag(usize),
    Untagged(usize),
}

/// Everything on trial. What belongs to something else stays until the last thing that it belongs to goes; so what belongs
/// to itself in a circle, or to nothing that is here, is never let go by this.
struct Bench<'a> {
    facts: &'a RepositoryFacts,
    tags: Vec<Why>,
    untagged: Vec<Why>,
    /// How many things that stay hold a digest: tags that name it or have it for a part, the untagged manifest itself.
    holders: HashMap<&'a Digest, usize>,
    /// What belongs to a digest.
    belongings: HashMap<&'a Digest, Vec<Item>>,
    /// What each untagged manifest belongs to.
    owned: Vec<Vec<&'a Digest>>,
    /// How many of these still stay.
    owners: Vec<usize>,
}

impl<'a> Bench<'a> {
    fn new(rule: &Rule, facts: &'a RepositoryFacts, now: Timestamp) -> Self {
        let mut holders: HashMap<&Digest, usize> = HashMap::new();
        for digest in facts.tags.iter().flat_map(held).chain(facts.untagged.iter().map(|found| &found.digest)) {
            *holders.entry(digest).or_default() += 1;
        }
        let about: Vec<Option<&Digest>> = facts.tags.iter().map(|tag| about(tag, &holders)).collect();
        let mut belongings: HashMap<&Digest, Vec<Item>> = HashMap::new();
        for (at, image) in about.iter().enumerate() {
            if let Some(image) = image {
                belongings.entry(image).or_default().push(Item::Tag(at));
            }
        }
        let tags = judge_tags(rule, facts, &about, now);
        let owned = owners(facts, &holders);
        for (at, owners) in owned.iter().enumerate() {
            for owner in owners {
                belongings.entry(owner).or_default().push(Item::Untagged(at));
            }
        }
        let judged = facts.untagged.iter().zip(&owned);
        let untagged =
            judged.map(|(found, owners)| judge_untagged(rule, found, owners.first().copied(), now)).collect();
        let owners = owned.iter().map(Vec::len).collect();
        Self { facts, tags, untagged, holders, belongings, owned, owners }
    }

    /// Lets go what belongs to nothing that stays.
    fn settle(&mut self) {
        let dropped = |why: &Why| Verdict { rule: None, why: why.clone() }.drops();
        let tags = self.tags.iter().enumerate().filter(|(_, why)| dropped(why)).map(|(at, _)| Item::Tag(at));
        let untagged =
            self.untagged.iter().enumerate().filter(|(_, why)| dropped(why)).map(|(at, _)| Item::Untagged(at));
        let mut todo: Vec<Item> = tags.chain(untagged).collect();
        while let Some(item) = todo.pop() {
            let facts = self.facts;
            let digests: Vec<&'a Digest> = match item {
                Item::Tag(at) => held(&facts.tags[at]).collect(),
                Item::Untagged(at) => vec![&facts.untagged[at].digest],
            };
            for digest in digests {
                if self.lose_holder(digest) {
                    let belongings = self.belongings.remove(digest).unwrap_or_default();
                    todo.extend(belongings.into_iter().filter(|item| self.lose_owner(*item, digest)));
                }
            }
        }
        self.name_owners();
    }

    /// Names, of all that an untagged manifest belongs to, one that stays; where none does, the first: not the one that
    /// happened to be looked at last.
    fn name_owners(&mut self) {
        for (why, owned) in self.untagged.iter_mut().zip(&self.owned) {
            let stays = |owner: &&&Digest| self.holders.get(**owner).is_some_and(|count| *count > 0);
            let owner = owned.iter().find(stays).or(owned.first());
            if let (Why::StaysWith(named) | Why::GoesWith(named), Some(owner)) = (why, owner) {
                named.clone_from(owner);
            }
        }
    }

    /// Whether nothing that stays holds a digest any more.
    fn lose_holder(&mut self, digest: &Digest) -> bool {
        let Some(count) = self.holders.get_mut(digest) else { return false };
        *count = count.saturating_sub(1);
        *count == 0
    }

    /// Whether something goes because what it belonged to goes.
    fn lose_owner(&mut self, item: Item, owner: &Digest) -> bool {
        let why = match item {
            Item::Tag(at) => &mut self.tags[at],
            Item::Untagged(at) => {
                self.owners[at] -= 1;
                if self.owners[at] > 0 {
                    return false;
                }
                &mut self.untagged[at]
            }
        };
        let stays_with = matches!(why, Why::StaysWith(_));
        if stays_with {
            *why = Why::GoesWith(owner.clone());
        }
        stays_with
    }
}

/// The digests that stay with a tag, each once.
fn held(tag: &TagFacts) -> impl Iterator<Item = &Digest> {
    let mut seen = HashSet::new();
    tag.digest.iter().chain(&tag.parts).filter(move |digest| seen.insert(*digest))
}

/// The image of this repository that a tag is about: a signature, or whatever else stands under an image's digest. A tag
/// that is only called after what it names is a tag like any other.
fn about<'a>(tag: &TagFacts, present: &HashMap<&'a Digest, usize>) -> Option<&'a Digest> {
    let image = tag.is_about().filter(|image| tag.digest.as_ref() != Some(image))?;
    present.get_key_value(&image).map(|(image, _)| *image)
}

/// For each untagged manifest, what of this repository it belongs to.
fn owners<'a>(facts: &'a RepositoryFacts, present: &HashMap<&'a Digest, usize>) -> Vec<Vec<&'a Digest>> {
    let at: HashMap<&Digest, usize> =
        facts.untagged.iter().enumerate().map(|(at, found)| (&found.digest, at)).collect();
    let mut owners: Vec<Vec<&Digest>> = facts
        .untagged
        .iter()
        .map(|found| {
            found.belongs_to.iter().filter(|owner| present.contains_key(owner) && **owner != found.digest).collect()
        })
        .collect();
    for tag in &facts.tags {
        let Some(digest) = &tag.digest else { continue };
        for part in tag.parts.iter().filter(|part| *part != digest) {
            if let Some(at) = at.get(part) {
                owners[*at].push(digest);
            }
        }
    }
    for owners in &mut owners {
        owners.sort_unstable();
        owners.dedup();
    }
    owners
}

fn judge_tags(rule: &Rule, facts: &RepositoryFacts, about: &[Option<&Digest>], now: Timestamp) -> Vec<Why> {
    let counted = counted(rule, facts, now);
    let judged = facts.tags.iter().enumerate().zip(about);
    judged.map(|((at, tag), about)| judge_tag(rule, facts, tag, *about, counted.get(&at), now)).collect()
}

fn judge_tag(
    rule: &Rule,
    facts: &RepositoryFacts,
    tag: &TagFacts,
    about: Option<&Digest>,
    counted: Option<&KeptBy>,
    now: Timestamp,
) -> Why {
    let Some(delete) = &rule.delete else { return Why::NoTags };
    if tag.digest.is_none() {
        return Why::Unreadable;
    }
    if let Some(kept) = kept_by_name(&rule.keep, tag.tag.as_str()) {
        return Why::Kept(kept);
    }
    // A signature stays and goes with its image, whatever its own name and age; what keeps always wins.
    if let Some(image) = about {
        let kept = kept_by_itself(&rule.keep, facts, tag, now);
        return kept.map_or_else(|| Why::StaysWith(image.clone()), Why::Kept);
    }
    if !delete.names(tag.tag.as_str()) {
        return Why::Missed(super::verdict::Missed::Tags);
    }
    if let Some(kept) = kept_by_itself(&rule.keep, facts, tag, now).or_else(|| counted.cloned()) {
        return Why::Kept(kept);
    }
    selected(delete, tag, now).map_or_else(Why::Missed, Why::Selected)
}

/// What the counting conditions keep. They count the tags that `delete.tags` selects, whatever their age, without those
/// that `keep.tags` keeps: ten releases that stay anyway must not use up the last ten builds, nor the reverse. A signature
/// is no image, and is not counted.
fn counted(rule: &Rule, facts: &RepositoryFacts, now: Timestamp) -> BTreeMap<usize, KeptBy> {
    let Some(delete) = &rule.delete else { return BTreeMap::new() };
    let counts = |tag: &TagFacts| {
        let name = tag.tag.as_str();
        let image = tag.is_about().is_none_or(|image| tag.digest.as_ref() == Some(&image));
        tag.digest.is_some() && image && delete.names(name) && kept_by_name(&rule.keep, name).is_none()
    };
    let tags = facts.tags.iter().enumerate().filter(|(_, tag)| counts(tag));
    let times: Vec<(usize, Option<Timestamp>)> = tags.map(|(at, tag)| (at, sane(tag.pushed, now))).collect();
    let Keep { last, last_per, periods: kept_periods, .. } = &rule.keep;
    let mut kept = BTreeMap::new();
    if let Some(count) = last {
        kept.extend(keep_last::newest(&times, *count).into_iter().map(|at| (at, KeptBy::Last(*count))));
    }
    if let Some(per) = last_per {
        let mut streams: BTreeMap<String, Vec<(usize, Option<Timestamp>)>> = BTreeMap::new();
        for (at, time) in &times {
            if let Some(stream) = stream(&per.pattern, facts.tags[*at].tag.as_str()) {
                streams.entry(stream).or_default().push((*at, *time));
            }
        }
        for (stream, times) in streams {
            for at in keep_last::newest(&times, per.count) {
                kept.entry(at).or_insert_with(|| KeptBy::LastPer(per.count, stream.clone()));
            }
        }
    }
    for (period, count) in kept_periods {
        for at in periods::newest(&times, *period, *count) {
            let name = sane(facts.tags[at].pushed, now).map(|time| periods::name(*period, time));
            kept.entry(at).or_insert(KeptBy::Period(*period, *count, name));
        }
    }
    kept
}

/// The stream that a tag is of: what the named groups matched.
fn stream(pattern: &regex::Regex, tag: &str) -> Option<String> {
    let found = pattern.captures(tag)?;
    let groups = pattern.capture_names().flatten();
    let values = groups.map(|name| format!("{name}={}", found.name(name).map_or("", |group| group.as_str())));
    Some(values.collect::<Vec<_>>().join(" "))
}

fn judge_untagged(rule: &Rule, found: &UntaggedFacts, owner: Option<&Digest>, now: Timestamp) -> Why {
    if let Some(in_use) = rule.keep.images.as_ref().filter(|in_use| in_use.has_digest(&found.digest)) {
        return Why::Kept(KeptBy::Images(in_use.file.clone()));
    }
    if let Some(owner) = owner {
        return Why::StaysWith(owner.clone());
    }
    let Some(limit) = rule.untagged_older_than else { return Why::NoUntagged };
    let pushed = age(found.pushed, now);
    let since = match found.lost {
        // Whichever was later; a loss at an odd time may have been a moment ago.
        Some(_) => pushed.zip(age(found.lost, now)).map(|(pushed, lost)| pushed.min(lost)),
        None => pushed,
    };
    match since {
        Some(age) if age >= limit => Why::UntaggedFor { limit, age },
        age => Why::UntaggedOnlyFor { limit, age },
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::model::{RepositoryName, Tag};
    use crate::retention::parse::parse;
    use crate::retention::policy::InUse;
    use std::time::Duration;

    const NOW: Timestamp = Timestamp::from_days(20_000);
    const DAY: Duration = Duration::from_hours(24);

    fn policy(text: &str) -> Policy {
        parse(text, &mut |_| Err("no files".into())).unwrap().policy
    }

    /// A policy of one rule, for every repository.
    fn rule(rest: &str) -> Policy {
        policy(&format!("rules: [{{name: r, repositories: [\"**\"], {rest}}}]"))
    }

    #[expect(clippy::unnecessary_wraps, reason = "as facts have it")]
    fn days_ago(days: u32) -> Option<Timestamp> {
        Some(NOW.minus(days * DAY))
    }

    fn of(name: &str) -> Digest {
        Digest::of(name.as_bytes())
    }

    /// A tag of its own digest, pushed so many days ago.
    fn tag(name: &str, days: u32) -> TagFacts {
        TagFacts::new(Tag::new(name).unwrap(), of(name), days_ago(days))
    }

    fn untagged(name: &str, days: u32, belongs_to: &[&str]) -> UntaggedFacts {
        let belongs_to = belongs_to.iter().map(|owner| of(owner)).collect();
        UntaggedFacts { digest: of(name), pushed: days_ago(days), lost: None, belongs_to }
    }

    fn repository(tags: impl IntoIterator<Item = TagFacts>) -> RepositoryFacts {
        let name = RepositoryName::new("team/app").unwrap();
        RepositoryFacts { name, tags: tags.into_iter().collect(), untagged: Vec::new() }
    }

    fn says(policy: &Policy, facts: &RepositoryFacts) -> Vec<String> {
        let judgement = judge(policy, facts, NOW);
        judgement.tags.iter().chain(&judgement.untagged).map(ToString::to_string).collect()
    }

    /// The tags that go.
    fn dropped(policy: &Policy, tags: impl IntoIterator<Item = TagFacts>) -> Vec<String> {
        let facts = repository(tags);
        let judgement = judge(policy, &facts, NOW);
        let verdicts = facts.tags.iter().zip(&judgement.tags).filter(|(_, verdict)| verdict.drops());
        verdicts.map(|(tag, _)| tag.tag.to_string()).collect()
    }

    /// What becomes of the untagged manifests: `-` goes, `+` stays.
    fn fates(policy: &Policy, facts: &RepositoryFacts) -> String {
        judge(policy, facts, NOW).untagged.iter().map(|verdict| if verdict.drops() { '-' } else { '+' }).collect()
    }

    fn signature(image: &str, suffix: &str, days: u32) -> TagFacts {
        let name = of(image).to_string().replace(':', "-") + suffix;
        tag(&name, days)
    }

    #[test]
    fn first_rule_for_a_repository_decides_and_without_one_nothing_goes() {
        let policy = policy(
            "rules:\n- {name: prod, repositories: [\"team/*\"], delete: {older_than: 90d}}\n- {name: all, \
             repositories: [\"**\"], delete: {older_than: 30d}}\n",
        );
        let facts = repository([tag("a", 40), tag("b", 90)]);
        assert_eq!(
            says(&policy, &facts),
            ["rule prod: not older than 90d (pushed 40d ago)", "rule prod: older than 90d (pushed 90d ago)"]
        );
        let elsewhere = RepositoryFacts { name: RepositoryName::new("other").unwrap(), ..facts.clone() };
        assert_eq!(says(&policy, &elsewhere)[0], "rule all: older than 30d (pushed 40d ago)");
        let mut none = repository([tag("a", 4000)]);
        none.untagged.push(untagged("u", 4000, &[]));
        let words = "no rule is for this repository";
        assert_eq!(says(&Policy::default(), &none), [words, words]);
        assert_eq!(
            says(&super::super::policy::Policy { rules: policy.rules[..1].to_vec() }, &elsewhere),
            [words, words]
        );
    }

    #[test]
    fn what_keeps_wins_and_is_named() {
        let facts = repository([tag("latest", 99), tag("1.0.0", 99), tag("new", 3), tag("old", 99)]);
        let policy = rule(
            "delete: {older_than: 1d, tags: [\"*\"]}, keep: {tags: [latest], semver: \">=1.0.0\", younger_than: 7d}",
        );
        assert_eq!(
            says(&policy, &facts),
            [
                "rule r: keep.tags latest",
                "rule r: keep.semver >=1.0.0",
                "rule r: keep.younger_than 7d (pushed 3d ago)",
                "rule r: older than 1d (pushed 99d ago), tag *"
            ]
        );
    }

    #[test]
    fn younger_than_ends_at_the_limit() {
        let policy = rule("delete: {tags: [\"*\"]}, keep: {younger_than: 7d}");
        assert_eq!(dropped(&policy, [tag("a", 6), tag("b", 7), tag("c", 8)]), ["b", "c"]);
        let unknown = TagFacts { pushed: None, ..tag("a", 0) };
        assert_eq!(dropped(&policy, [unknown]), [""; 0]);
    }

    #[test]
    fn last_counts_what_delete_selects_by_name_whatever_its_age() {
        let tags = || [tag("pr-1", 1), tag("pr-2", 50), tag("pr-3", 60), tag("v1", 2), tag("v2", 3)];
        let policy = rule("delete: {older_than: 30d, tags: [\"pr-*\"]}, keep: {last: 2}");
        assert_eq!(dropped(&policy, tags()), ["pr-3"]);
        let every = rule("delete: {older_than: 30d}, keep: {last: 2}");
        assert_eq!(dropped(&every, tags()), ["pr-2", "pr-3"]);
    }

    #[test]
    fn last_does_not_count_what_keep_tags_keeps() {
        let policy = rule("delete: {tags: [\"*\"]}, keep: {last: 2, tags: [\"v*\"]}");
        assert_eq!(dropped(&policy, [tag("v1", 1), tag("v2", 2), tag("a", 3), tag("b", 4), tag("c", 5)]), ["c"]);
    }

    #[test]
    fn equals_at_the_boundary_of_last_stay() {
        let policy = rule("delete: {tags: [\"*\"]}, keep: {last: 1}");
        assert_eq!(dropped(&policy, [tag("a", 1), tag("b", 1), tag("c", 2)]), ["c"]);
    }

    #[test]
    fn last_per_counts_each_stream_by_itself() {
        let policy = rule(
            "delete: {tags: [\"*\"]}, keep: {last_per: {pattern: '^(?<minor>\\d+\\.\\d+)\\.\\d+-(?<variant>.+)$', count: 1}}",
        );
        let tags = [
            tag("1.2.3-alpine", 1),
            tag("1.2.2-alpine", 2),
            tag("1.2.3-slim", 3),
            tag("1.3.0-alpine", 4),
            tag("other", 0),
        ];
        assert_eq!(dropped(&policy, tags.clone()), ["1.2.2-alpine", "other"]);
        let words = says(&policy, &repository(tags));
        assert_eq!(words[2], "rule r: keep.last_per 1 of minor=1.2 variant=slim");
    }

    #[test]
    fn periods_keep_the_newest_of_each() {
        let policy = rule("delete: {tags: [\"*\"]}, keep: {daily: 2, yearly: 2}");
        // Day 20,000 is 2024-10-04.
        let tags = [tag("a", 0), tag("b", 1), tag("c", 2), tag("d", 300), tag("e", 400), tag("f", 800)];
        assert_eq!(dropped(&policy, tags.clone()), ["c", "e", "f"]);
        let words = says(&policy, &repository(tags));
        assert_eq!(words[0], "rule r: keep.daily 2 (2024-10-04)");
        assert_eq!(words[3], "rule r: keep.yearly 2 (2023)");
    }

    #[test]
    fn odd_times_are_newest() {
        let odd = |name: &str, time| TagFacts { pushed: Some(time), ..tag(name, 0) };
        let tags = [odd("epoch", Timestamp::from_days(0)), odd("future", NOW.plus(DAY)), tag("a", 1), tag("b", 2)];
        assert_eq!(dropped(&rule("delete: {older_than: 1d}"), tags.clone()), ["a", "b"]);
        assert_eq!(dropped(&rule("delete: {tags: [\"*\"]}, keep: {last: 3}"), tags.clone()), ["b"]);
        assert_eq!(dropped(&rule("delete: {tags: [\"*\"]}, keep: {daily: 1}"), tags.clone()), ["b"]);
        let words = says(&rule("delete: {tags: [\"*\"]}, keep: {daily: 1}"), &repository(tags));
        assert_eq!(words[0], "rule r: keep.daily 1 (pushed at an unknown time, which counts as now)");
    }

    #[test]
    fn tag_goes_beside_a_kept_one_of_the_same_digest() {
        let same = TagFacts { digest: Some(of("latest")), ..tag("pr-1", 99) };
        assert_eq!(dropped(&rule("delete: {older_than: 30d, tags: [\"pr-*\"]}"), [tag("latest", 99), same]), ["pr-1"]);
    }

    #[test]
    fn unreadable_tag_stays_and_is_not_counted() {
        let unreadable = TagFacts { digest: None, ..tag("x", 0) };
        let policy = rule("delete: {tags: [\"*\"]}, keep: {last: 1}");
        assert_eq!(dropped(&policy, [unreadable.clone(), tag("a", 1), tag("b", 2)]), ["b"]);
        assert_eq!(says(&policy, &repository([unreadable])), ["rule r: what the tag names cannot be read"]);
    }

    #[test]
    fn images_in_use_stay_by_tag_digest_or_part() {
        let mut policy = rule("delete: {tags: [\"*\"]}, untagged: {older_than: 1d}");
        let images = ["registry.example.com/team/app:a".to_owned(), of("b").to_string(), of("child").to_string()]
            .into_iter()
            .chain([of("u").to_string(), "other/app:d".to_owned()]);
        policy.rules[0].keep.images = Some(InUse::new("in-use.json", images.map(|image| image.parse().unwrap())));
        let index = TagFacts { parts: vec![of("child"), of("more")], ..tag("c", 9) };
        let mut facts = repository([tag("a", 9), tag("b", 9), index, tag("d", 9)]);
        facts.untagged = vec![untagged("u", 9, &[]), untagged("v", 9, &[])];
        let kept = "rule r: keep.images_from in-use.json";
        let words = says(&policy, &facts);
        assert_eq!(words[..3], [kept, kept, kept]);
        assert_eq!((words[3].as_str(), words[4].as_str()), ("rule r: tag *", kept));
        assert_eq!(fates(&policy, &facts), "+-");
    }

    #[test]
    fn signature_shares_the_fate_of_its_image() {
        let policy = rule("delete: {older_than: 30d}, keep: {last: 1}");
        let tags = [
            tag("new", 1),
            tag("old", 99),
            signature("new", ".sig", 99),
            signature("old", ".sig", 40),
            signature("old", "", 0),
        ];
        let facts = repository(tags);
        let words = says(&policy, &facts);
        assert_eq!(words[2], format!("rule r: belongs to {}, which stays", of("new")));
        assert_eq!(words[3], format!("rule r: belongs to {}, which goes", of("old")));
        assert_eq!(words[4], words[3]);
        let kept = rule("delete: {older_than: 30d}, keep: {younger_than: 1d, tags: [\"*.sig\"]}");
        assert_eq!(dropped(&kept, facts.tags.clone()), ["old"]);
    }

    #[test]
    fn signature_of_a_signature_goes_along_and_one_of_a_shared_image_stays() {
        let policy = rule("delete: {older_than: 30d}");
        let first = signature("old", ".sig", 99);
        let second_name = first.digest.as_ref().unwrap().to_string().replace(':', "-") + ".sig";
        let second = tag(&second_name, 0);
        let judged = judge(&policy, &repository([second.clone(), first.clone(), tag("old", 99)]), NOW);
        assert!(judged.loses_every_tag());
        let same = TagFacts { digest: Some(of("old")), ..tag("new", 0) };
        assert_eq!(dropped(&policy, [second, first, tag("old", 99), same]), ["old"]);
    }

    #[test]
    fn signature_whose_image_is_not_here_is_judged_by_age_but_never_counted() {
        let policy = rule("delete: {older_than: 30d}, keep: {last: 1}");
        assert_eq!(dropped(&policy, [signature("gone", ".sig", 1), tag("a", 40), tag("b", 50)]), ["b"]);
        assert_eq!(dropped(&policy, [signature("gone", ".sig", 40)]).len(), 1);
    }

    #[test]
    fn tag_named_after_its_own_digest_is_a_tag_like_any_other() {
        let itself = || TagFacts { digest: Some(of("x")), ..signature("x", "", 40) };
        assert_eq!(dropped(&rule("delete: {older_than: 30d}"), [itself()]).len(), 1);
        assert_eq!(dropped(&rule("delete: {older_than: 30d}, keep: {last: 1}"), [itself(), tag("b", 50)]), ["b"]);
    }

    #[test]
    fn tags_that_belong_to_each_other_stay() {
        let (one, other) = (signature("b", "", 99), signature("a", "", 99));
        let one = TagFacts { digest: Some(of("a")), ..one };
        let other = TagFacts { digest: Some(of("b")), ..other };
        assert_eq!(dropped(&rule("delete: {older_than: 30d}"), [one, other]), [""; 0]);
    }

    #[test]
    fn untagged_goes_by_its_own_age_only() {
        let mut facts = repository([]);
        facts.untagged = vec![untagged("a", 6, &[]), untagged("b", 7, &[]), untagged("c", 8, &[])];
        facts.untagged.push(UntaggedFacts { pushed: None, ..untagged("d", 0, &[]) });
        facts.untagged.push(UntaggedFacts { lost: days_ago(6), ..untagged("e", 99, &[]) });
        facts.untagged.push(UntaggedFacts { lost: days_ago(7), ..untagged("f", 99, &[]) });
        facts.untagged.push(UntaggedFacts { lost: days_ago(99), ..untagged("g", 6, &[]) });
        facts.untagged.push(UntaggedFacts { lost: Some(NOW.plus(DAY)), ..untagged("h", 99, &[]) });
        facts.untagged.push(UntaggedFacts { pushed: None, lost: days_ago(99), ..untagged("i", 0, &[]) });
        assert_eq!(fates(&rule("untagged: {older_than: 7d}"), &facts), "+--++-+++");
        assert_eq!(fates(&rule("delete: {tags: [\"*\"]}"), &facts), "+++++++++");
        let words = says(&rule("untagged: {older_than: 7d}"), &facts);
        assert_eq!(words[1], "rule r: untagged and older than 7d (pushed, or lost its last tag, 7d ago)");
    }

    #[test]
    fn rule_for_untagged_manifests_drops_no_tag() {
        let mut facts = repository([tag("a", 99), signature("u", ".sig", 99)]);
        facts.untagged = vec![untagged("u", 99, &[])];
        let policy = rule("untagged: {older_than: 7d}");
        assert_eq!(says(&policy, &facts)[..2], ["rule r: it drops no tags", "rule r: it drops no tags"]);
        assert_eq!(fates(&policy, &facts), "-");
    }

    #[test]
    fn what_belongs_to_something_stays_until_the_last_of_it_goes() {
        let index = |name, days| TagFacts { parts: vec![of("child")], ..tag(name, days) };
        let policy = rule("delete: {older_than: 30d}, untagged: {older_than: 7d}");
        let mut facts = repository([index("new", 1), index("old", 99)]);
        facts.untagged =
            vec![untagged("child", 99, &[]), untagged("sbom", 99, &["child"]), untagged("lone", 99, &["gone"])];
        assert_eq!(fates(&policy, &facts), "++-");
        assert_eq!(says(&policy, &facts)[2], format!("rule r: belongs to {}, which stays", of("new")));
        facts.tags.remove(0);
        assert_eq!(fates(&policy, &facts), "---");
        let words = says(&policy, &facts);
        assert_eq!(words[1], format!("rule r: belongs to {}, which goes", of("old")));
        assert_eq!(words[2], format!("rule r: belongs to {}, which goes", of("child")));
    }

    #[test]
    fn untagged_index_takes_its_children_along() {
        let policy = rule("untagged: {older_than: 7d}");
        let mut facts = repository([tag("a", 99)]);
        facts.untagged =
            vec![untagged("index", 8, &[]), untagged("child", 1, &["index"]), untagged("both", 9, &["index", "a"])];
        assert_eq!(fates(&policy, &facts), "--+");
        assert_eq!(says(&policy, &facts)[3], format!("rule r: belongs to {}, which stays", of("a")));
    }

    #[test]
    fn digest_that_is_its_own_part_is_held_once() {
        let odd = TagFacts { parts: vec![of("a"), of("child"), of("child")], ..tag("a", 99) };
        let mut facts = repository([odd]);
        facts.untagged = vec![untagged("child", 0, &["child", "a", "a"])];
        let policy = rule("delete: {older_than: 30d}");
        assert_eq!(fates(&policy, &facts), "-");
        assert!(judge(&policy, &facts, NOW).loses_every_tag());
        assert!(!judge(&policy, &repository([]), NOW).loses_every_tag());
    }
}
