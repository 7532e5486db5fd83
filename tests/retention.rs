//! Promises of the retention rules, over repositories and policies thrown together at random, and the ways in which others
//! have lost images. Nothing is read or written. proptest prints the seed of a failure.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "retention/incidents.rs"]
mod incidents;
#[path = "retention/properties.rs"]
mod properties;

use regsweep::model::{Digest, RepositoryName, Tag, Timestamp};
use regsweep::retention::facts::{RepositoryFacts, TagFacts};
use regsweep::retention::judge::judge;
use regsweep::retention::parse::parse;
use regsweep::retention::policy::Policy;
use std::time::Duration;

const NOW: Timestamp = Timestamp::from_days(20_000);

fn policy(text: &str) -> Policy {
    parse(text, &mut |_| Err("no files".into())).unwrap_or_else(|faults| panic!("{faults}")).policy
}

#[expect(clippy::unnecessary_wraps, reason = "as facts have it")]
fn days_ago(days: u32) -> Option<Timestamp> {
    Some(NOW.minus(days * Duration::from_hours(24)))
}

/// A tag of its own digest.
fn tag(name: &str, pushed: Option<Timestamp>) -> TagFacts {
    TagFacts::new(Tag::new(name).unwrap(), Digest::of(name.as_bytes()), pushed)
}

fn repository(name: &str, tags: impl IntoIterator<Item = TagFacts>) -> RepositoryFacts {
    let name = RepositoryName::new(name).unwrap();
    RepositoryFacts { name, tags: tags.into_iter().collect(), untagged: Vec::new() }
}

/// The tags that go.
fn dropped(policy: &Policy, facts: &RepositoryFacts) -> Vec<String> {
    let judgement = judge(policy, facts, NOW);
    let verdicts = facts.tags.iter().zip(judgement.tags).filter(|(_, verdict)| verdict.drops());
    verdicts.map(|(tag, _)| tag.tag.to_string()).collect()
}
