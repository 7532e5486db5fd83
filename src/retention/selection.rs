//! The conditions of one rule, asked of one tag.

use super::facts::{Labels, RepositoryFacts, TagFacts, sane};
use super::policy::{Delete, Keep};
use super::verdict::{Held, KeptBy, Missed};
use crate::collect::pattern::Pattern;
use crate::model::Timestamp;
use std::time::Duration;

/// The pattern of `keep.tags` that names a tag.
pub(super) fn kept_by_name(keep: &Keep, tag: &str) -> Option<KeptBy> {
    first(&keep.tags, tag).map(KeptBy::Tags)
}

fn first(patterns: &[Pattern], name: &str) -> Option<String> {
    patterns.iter().find(|pattern| pattern.matches(name)).map(ToString::to_string)
}

/// The first of the other conditions that keep a tag by itself, whatever other tags there are.
pub(super) fn kept_by_itself(keep: &Keep, facts: &RepositoryFacts, tag: &TagFacts, now: Timestamp) -> Option<KeptBy> {
    let semver = keep.semver.as_ref().filter(|range| range.keeps(tag.tag.as_str()));
    let younger = || {
        let age = age(tag.pushed, now);
        keep.younger_than
            .filter(|limit| age.is_none_or(|age| age < *limit))
            .map(|limit| KeptBy::YoungerThan(limit, age))
    };
    let images = || {
        let mut digests = tag.digest.iter().chain(&tag.parts);
        let in_use = keep.images.as_ref()?;
        let uses = in_use.has_tag(&facts.name, &tag.tag) || digests.any(|digest| in_use.has_digest(digest));
        uses.then(|| KeptBy::Images(in_use.file.clone()))
    };
    semver.map(|range| KeptBy::Semver(range.to_string())).or_else(younger).or_else(images)
}

/// How long ago something was, if that is known.
pub(super) fn age(time: Option<Timestamp>, now: Timestamp) -> Option<Duration> {
    sane(time, now).map(|time| time.age(now))
}

/// Every condition for going, or the first that does not hold. What is not known makes none hold.
///
/// What has to be read from manifests and configurations comes last: of a tag that stays anyway neither is read.
pub(super) fn selected(delete: &Delete, tag: &TagFacts, now: Timestamp) -> Result<Vec<Held>, Missed> {
    let mut held = Vec::new();
    if let Some(limit) = delete.older_than {
        held.push(match age(tag.pushed, now) {
            Some(age) if age >= limit => Held::OlderThan(limit, age),
            age => return Err(Missed::OlderThan(limit, age)),
        });
    }
    if let Some(patterns) = &delete.tags {
        held.push(Held::Tags(first(patterns, tag.tag.as_str()).ok_or(Missed::Tags)?));
    }
    if let Some(range) = &delete.semver {
        let text = range.to_string();
        held.push(if range.holds(tag.tag.as_str()) { Held::Semver(text) } else { return Err(Missed::Semver(text)) });
    }
    if let Some(limit) = delete.created_older_than {
        held.push(match age(tag.created, now) {
            Some(age) if age >= limit => Held::CreatedOlderThan(limit, age),
            age => return Err(Missed::CreatedOlderThan(limit, age)),
        });
    }
    for (name, pattern) in &delete.labels {
        let (name, value) = (name.clone(), pattern.to_string());
        let holds = has(tag.labels.as_ref(), &name, pattern);
        held.push(if holds { Held::Label(name, value) } else { return Err(Missed::Label(name, value)) });
    }
    for (name, pattern) in &delete.annotations {
        let (name, value) = (name.clone(), pattern.to_string());
        let holds = has(tag.annotations.as_ref(), &name, pattern);
        held.push(if holds { Held::Annotation(name, value) } else { return Err(Missed::Annotation(name, value)) });
    }
    Ok(held)
}

fn has(labels: Option<&Labels>, name: &str, pattern: &Pattern) -> bool {
    labels.and_then(|labels| labels.get(name)).is_some_and(|value| pattern.matches(value))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::model::{Digest, Tag};

    const NOW: Timestamp = Timestamp::from_days(20_000);
    const DAY: Duration = Duration::from_hours(24);

    fn tag(name: &str, days: u32) -> TagFacts {
        TagFacts::new(Tag::new(name).unwrap(), Digest::of(name.as_bytes()), Some(NOW.minus(days * DAY)))
    }

    fn patterns(texts: &[&str]) -> Vec<Pattern> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn age_is_old_enough_from_the_limit_on() {
        let delete = Delete { older_than: Some(30 * DAY), ..Delete::default() };
        assert_eq!(selected(&delete, &tag("a", 30), NOW), Ok(vec![Held::OlderThan(30 * DAY, 30 * DAY)]));
        assert_eq!(selected(&delete, &tag("a", 29), NOW), Err(Missed::OlderThan(30 * DAY, Some(29 * DAY))));
        let unknown = TagFacts { pushed: None, ..tag("a", 0) };
        assert_eq!(selected(&delete, &unknown, NOW), Err(Missed::OlderThan(30 * DAY, None)));
        let none = Delete { older_than: Some(Duration::ZERO), ..Delete::default() };
        assert!(selected(&none, &tag("a", 0), NOW).is_ok() && selected(&none, &unknown, NOW).is_err());
    }

    #[test]
    fn creation_is_judged_by_itself() {
        let delete = Delete { created_older_than: Some(30 * DAY), ..Delete::default() };
        let created = |days: u32| TagFacts { created: Some(NOW.minus(days * DAY)), ..tag("a", 0) };
        assert_eq!(selected(&delete, &created(30), NOW), Ok(vec![Held::CreatedOlderThan(30 * DAY, 30 * DAY)]));
        assert_eq!(selected(&delete, &created(29), NOW), Err(Missed::CreatedOlderThan(30 * DAY, Some(29 * DAY))));
        assert_eq!(selected(&delete, &tag("a", 99), NOW), Err(Missed::CreatedOlderThan(30 * DAY, None)));
        assert_eq!(selected(&delete, &created(20_000), NOW), Err(Missed::CreatedOlderThan(30 * DAY, None)), "1970");
    }

    #[test]
    fn all_conditions_must_hold() {
        let delete = Delete {
            older_than: Some(DAY),
            tags: Some(patterns(&["x", "1*"])),
            semver: Some("<2.0.0".parse().unwrap()),
            ..Delete::default()
        };
        assert_eq!(selected(&delete, &tag("1.0.0", 9), NOW).unwrap().len(), 3);
        assert_eq!(selected(&delete, &tag("1.0.0", 0), NOW), Err(Missed::OlderThan(DAY, Some(Duration::ZERO))));
        assert_eq!(selected(&delete, &tag("0.1.0", 9), NOW), Err(Missed::Tags));
        assert_eq!(selected(&delete, &tag("10.0.0", 9), NOW), Err(Missed::Semver("<2.0.0".into())));
        assert_eq!(selected(&Delete::default(), &tag("a", 0), NOW), Ok(Vec::new()));
    }

    #[test]
    fn labels_and_annotations_must_be_known_and_match() {
        let rows = vec![("stage".to_owned(), "dev*".parse().unwrap()), ("team".to_owned(), "**".parse().unwrap())];
        let labels = |pairs: &[(&str, &str)]| {
            Some(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect::<Labels>())
        };
        let by_label = Delete { labels: rows.clone(), ..Delete::default() };
        let by_annotation = Delete { annotations: rows, ..Delete::default() };
        let with = |labels: Option<Labels>| TagFacts { labels: labels.clone(), annotations: labels, ..tag("a", 0) };
        let good = with(labels(&[("stage", "dev-1"), ("team", "a/b"), ("more", "")]));
        assert_eq!(selected(&by_label, &good, NOW).unwrap().len(), 2);
        assert_eq!(selected(&by_annotation, &good, NOW).unwrap().len(), 2);
        let other = labels(&[("stage", "prod"), ("team", "a")]);
        assert_eq!(selected(&by_label, &with(other.clone()), NOW), Err(Missed::Label("stage".into(), "dev*".into())));
        assert_eq!(selected(&by_annotation, &with(other), NOW), Err(Missed::Annotation("stage".into(), "dev*".into())));
        let absent = labels(&[("stage", "dev")]);
        assert_eq!(selected(&by_label, &with(absent.clone()), NOW), Err(Missed::Label("team".into(), "**".into())));
        assert!(selected(&by_annotation, &with(absent), NOW).is_err());
        assert!(selected(&by_label, &with(None), NOW).is_err() && selected(&by_annotation, &with(None), NOW).is_err());
        let crossed = TagFacts { annotations: labels(&[("stage", "dev"), ("team", "a")]), ..tag("a", 0) };
        assert!(selected(&by_label, &crossed, NOW).is_err());
    }
}
