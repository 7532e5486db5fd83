//! `prune`: what the rules let go, and what must be read for them to tell.

use super::Order;
use super::outlines::Outlines;
use crate::collect::dismissed::{self, Dismissed};
use crate::collect::graph::Graph;
use crate::collect::inventory::Inventory;
use crate::collect::keep_from::KeepFrom;
use crate::collect::options::{Mode, Rules};
use crate::error::{Error, ErrorKind, Result};
use crate::event::Observer;
use crate::model::{Digest, ImageConfig, Tag, Timestamp};
use crate::retention::coverage::Coverage;
use crate::retention::facts::{Labels, RepositoryFacts};
use crate::retention::gather::{self, undecided};
use crate::retention::judge::{Judgement, judge};
use crate::retention::parse::{Parsed, parse};
use crate::retention::policy::InUse;
use crate::retention::verdict::{Decision, Why};
use crate::storage::reader::Storage;
use std::collections::{BTreeMap, BTreeSet};

/// What the rules said, beside what they let go.
#[derive(Debug, Clone, Default)]
pub struct Retention {
    /// When ages were measured.
    pub at: Timestamp,
    /// The rules, by name.
    pub rules: Vec<String>,
    /// Rules that matched nothing, and the like.
    pub warnings: Vec<String>,
    /// Tags that were pushed a moment ago, and stay: nobody waits for a rule, and the next run is for them.
    pub just_pushed: Vec<(usize, Tag)>,
}

/// What must be kept of manifests as they are read, for the rules to tell.
pub(super) fn outlines(order: &Order) -> Result<Outlines> {
    let Some(rules) = &order.options.rules else { return Ok(Outlines::default()) };
    Ok(Outlines::of(&understood(rules)?.policy.rules))
}

/// Lets go what the rules let go.
pub(super) async fn dismiss(
    storage: &dyn Storage,
    (inventory, graph, outlines): (&Inventory, &Graph, &mut Outlines),
    dismissed: &mut Dismissed,
    order: &Order,
    (now, looked): (Timestamp, Timestamp),
    observer: &dyn Observer,
) -> Result<Option<Retention>> {
    let options = &order.options;
    let Some(rules) = &options.rules else { return Ok(None) };
    let Parsed { policy, warnings } = understood(rules)?;
    let at = rules.at.unwrap_or(now);
    let (mut judged, mut coverage) = (Vec::new(), Coverage::new(&policy));
    let mut wanted: BTreeSet<&Digest> = BTreeSet::new();
    let in_scope = inventory.repositories.iter().enumerate();
    for (place, repository) in in_scope.filter(|(_, repository)| options.is_in_scope(repository.name.as_str())) {
        let facts = gather::facts(repository, graph, policy.rule_for(repository.name.as_str()));
        coverage.see(&facts);
        let judgement = judge(&policy, &facts, at);
        judged.push((place, facts, judgement));
    }
    for (_, facts, judgement) in &judged {
        wanted.extend(undecided(facts, judgement).map(|(_, digest)| digest));
    }
    if !wanted.is_empty() {
        let wanted = wanted.into_iter().cloned().collect();
        outlines.complete(storage, wanted, order, observer).await?;
        for (_, facts, judgement) in &mut judged {
            learn(facts, judgement, outlines);
            *judgement = judge(&policy, facts, at);
        }
    }
    let kept =
        InUse::new("--keep-from", options.keep_from.iter().filter(|keep| matches!(keep, KeepFrom::Tag(..))).cloned());
    for (place, facts, judgement) in &judged {
        let_go(inventory, *place, (facts, judgement), &kept, dismissed);
    }
    let live = options.mode == Mode::Live;
    let just_pushed = if live { dismissed.spare_just_pushed(looked, options.settle) } else { Vec::new() };
    let warnings = warnings.iter().map(ToString::to_string).chain(coverage.warnings()).collect();
    let rules = policy.rules.iter().map(|rule| rule.name.clone()).collect();
    Ok(Some(Retention { at, rules, warnings, just_pushed }))
}

/// The policy that the text is.
fn understood(rules: &Rules) -> Result<Parsed> {
    let images = |file: &str| rules.images.get(file).cloned().ok_or_else(|| "not in the plan".to_owned());
    parse(&rules.text, &mut { images }).map_err(|faults| {
        // It was checked when it was given: then this version knows less, or another hand was at work.
        Error::new(ErrorKind::Refused, "understand the retention rules")
            .because(faults.iter().next().map(ToString::to_string).unwrap_or_default())
            .next("make a new plan with this version")
    })
}

/// Takes over the verdicts. What goes only because something else goes is left to the marks: they know what is needed.
fn let_go(
    inventory: &Inventory,
    place: usize,
    (facts, judgement): (&RepositoryFacts, &Judgement),
    kept: &InUse,
    dismissed: &mut Dismissed,
) {
    for (tag, verdict) in facts.tags.iter().zip(&judgement.tags) {
        let is_kept = kept.has_tag(&facts.name, &tag.tag);
        match &verdict.why {
            Why::Selected(_) if !is_kept => {
                let why = dismissed::Why::rule(&verdict.to_string());
                dismissed.add_tag(inventory, place, &tag.tag, &why);
            }
            Why::StaysWith(_) | Why::GoesWith(_) if !is_kept => {}
            _ if tag.is_about().is_some() => dismissed.keep_tag(place, &tag.tag),
            _ => {}
        }
    }
    for (found, verdict) in facts.untagged.iter().zip(&judgement.untagged) {
        if verdict.decision() == Decision::Drop && !matches!(verdict.why, Why::GoesWith(_)) {
            dismissed.add_untagged(inventory, place, &found.digest, &dismissed::Why::rule(&verdict.to_string()));
        }
    }
}

/// Adds what was read to the facts of the tags that were undecided.
pub(super) fn learn(facts: &mut RepositoryFacts, judgement: &Judgement, outlines: &Outlines) {
    let found: Vec<(usize, Digest)> = undecided(facts, judgement).map(|(at, digest)| (at, digest.clone())).collect();
    for (at, digest) in found {
        let Some(annotations) = outlines.annotations(&digest) else { continue };
        let tag = &mut facts.tags[at];
        tag.annotations = Some(annotations.clone());
        if let Some(configs) = outlines.configs(&digest) {
            // An index is as new as the newest image in it; one of unknown age may be that.
            let created: Option<Vec<Timestamp>> = configs.iter().map(|config| config.created).collect();
            tag.created = created.and_then(|times| newest_or_odd(&times));
            tag.labels = common(&configs);
        }
    }
}

/// The newest of these; one that is odd makes all of them unknown, as it may be newer.
fn newest_or_odd(times: &[Timestamp]) -> Option<Timestamp> {
    let floor = crate::retention::facts::OLDEST;
    if times.iter().any(|time| *time < floor) { None } else { times.iter().max().copied() }
}

/// The labels on which all configurations agree.
fn common(configs: &[&ImageConfig]) -> Option<Labels> {
    let (first, rest) = configs.split_first()?;
    let agreed =
        first.labels.iter().filter(|(name, value)| rest.iter().all(|other| other.labels.get(*name) == Some(value)));
    Some(agreed.map(|(name, value)| (name.clone(), value.clone())).collect::<BTreeMap<_, _>>())
}
