//! `prune`: what the rules let go, and what must be read for them to tell.

use super::Order;
use crate::collect::dismissed::{self, Dismissed};
use crate::collect::graph::Graph;
use crate::collect::inventory::Inventory;
use crate::collect::keep_from::KeepFrom;
use crate::collect::options::{Mode, Rules};
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, Observer, Phase};
use crate::layout;
use crate::model::outline::Outline;
use crate::model::{Digest, ImageConfig, Kind, Tag, Timestamp, annotations, image_config, manifest};
use crate::retention::coverage::Coverage;
use crate::retention::facts::{Labels, RepositoryFacts};
use crate::retention::gather::{self, undecided};
use crate::retention::judge::{Judgement, judge};
use crate::retention::parse::{Parsed, parse};
use crate::retention::policy::InUse;
use crate::retention::verdict::{Decision, Why};
use crate::storage::fetch::read_all;
use crate::storage::reader::{Content, Storage};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

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

/// Lets go what the rules let go.
pub(super) async fn dismiss(
    storage: &dyn Storage,
    (inventory, graph): (&Inventory, &Graph),
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
        let said = read(storage, wanted, order, observer).await?;
        for (_, facts, judgement) in &mut judged {
            learn(facts, judgement, &said);
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

/// What manifests and configurations say of themselves, by the manifest's digest.
#[derive(Debug, Default)]
struct Said {
    outlines: HashMap<Digest, (Outline, Labels)>,
    configs: HashMap<Digest, ImageConfig>,
}

/// Reads these manifests, what they list, and their configurations, each once.
async fn read(storage: &dyn Storage, wanted: Vec<Digest>, order: &Order, observer: &dyn Observer) -> Result<Said> {
    let mut said = Said::default();
    let (mut todo, mut seen): (Vec<Digest>, HashSet<Digest>) = (wanted.clone(), wanted.into_iter().collect());
    while !todo.is_empty() {
        let mut read = Vec::new();
        many(
            storage,
            (Phase::ReadManifests, manifest::LARGEST),
            std::mem::take(&mut todo),
            order,
            observer,
            |digest, bytes| {
                let outline = Outline::parse(bytes).ok();
                read.extend(outline.map(|outline| (digest, outline, annotations::annotations(bytes))));
            },
        )
        .await?;
        for (digest, outline, annotations) in read {
            let below = outline.manifests.iter().filter(|child| is_image(child)).map(|child| child.digest.clone());
            todo.extend(below.filter(|child| seen.insert(child.clone())));
            said.outlines.insert(digest, (outline, annotations));
        }
    }
    let configs = said.outlines.values().filter(|(outline, _)| outline.has_image_config());
    let configs: BTreeSet<Digest> =
        configs.filter_map(|(outline, _)| Some(outline.config.as_ref()?.digest.clone())).collect();
    let wanted = configs.into_iter().collect();
    many(storage, (Phase::ReadConfigurations, image_config::LARGEST), wanted, order, observer, |digest, bytes| {
        said.configs.extend(ImageConfig::parse(bytes).map(|config| (digest, config)));
    })
    .await?;
    Ok(said)
}

/// Whether what an index lists is an image or an index; attestations stand there under an unknown platform.
fn is_image(child: &crate::model::outline::Named) -> bool {
    child.details.platform.as_ref().is_none_or(crate::model::image_config::Platform::is_known)
}

/// Reads many contents, and tells of those that are there and what their names say. A read that fails for good ends it: what
/// could not be read must not look as if it said nothing.
async fn many(
    storage: &dyn Storage,
    (phase, limit): (Phase, u64),
    wanted: Vec<Digest>,
    order: &Order,
    observer: &dyn Observer,
    mut take: impl FnMut(Digest, &[u8]),
) -> Result<()> {
    observer.notice(Event::Begin(phase, Some(wanted.len() as u64)));
    read_all(storage, wanted, layout::blob_data, limit, order.concurrency.min(IN_FLIGHT), |digest, content| {
        observer.notice(Event::Progress(1, 0));
        match content {
            Content::Bytes(bytes) if digest.matches(&bytes) => take(digest, &bytes),
            Content::Bytes(_) | Content::Missing | Content::TooLarge(_) => {}
        }
    })
    .await?;
    observer.notice(Event::End);
    Ok(())
}

/// So many of up to 4 MiB each are held at a time.
const IN_FLIGHT: usize = 64;

/// Adds what was read to the facts of the tags that were undecided.
fn learn(facts: &mut RepositoryFacts, judgement: &Judgement, said: &Said) {
    let found: Vec<(usize, Digest)> = undecided(facts, judgement).map(|(at, digest)| (at, digest.clone())).collect();
    for (at, digest) in found {
        let Some((_, annotations)) = said.outlines.get(&digest) else { continue };
        let tag = &mut facts.tags[at];
        tag.annotations = Some(annotations.clone());
        if let Some(configs) = configs_of(&digest, said, &mut HashSet::new()) {
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

/// The configurations of an image or of all images of an index; none if one of them could not be read.
fn configs_of<'s>(digest: &Digest, said: &'s Said, above: &mut HashSet<Digest>) -> Option<Vec<&'s ImageConfig>> {
    if !above.insert(digest.clone()) {
        return Some(Vec::new());
    }
    let (outline, _) = said.outlines.get(digest)?;
    if outline.kind != Kind::Index {
        let config = outline.config.as_ref().filter(|_| outline.has_image_config())?;
        return said.configs.get(&config.digest).map(|config| vec![config]);
    }
    let mut configs = Vec::new();
    for child in outline.manifests.iter().filter(|child| is_image(child)) {
        configs.extend(configs_of(&child.digest, said, above)?);
    }
    (!configs.is_empty()).then_some(configs)
}

/// The labels on which all configurations agree.
fn common(configs: &[&ImageConfig]) -> Option<Labels> {
    let (first, rest) = configs.split_first()?;
    let agreed =
        first.labels.iter().filter(|(name, value)| rest.iter().all(|other| other.labels.get(*name) == Some(value)));
    Some(agreed.map(|(name, value)| (name.clone(), value.clone())).collect::<BTreeMap<_, _>>())
}
