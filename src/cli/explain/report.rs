//! The answer, in one value for every outlet.

use crate::collect::decide::DeleteReason;
use crate::collect::explain::anchors::By;
use crate::collect::explain::chains::{Chain, Keeps, Step};
use crate::collect::explain::links::{LinkTo, Pointer};
use crate::collect::explain::verdict::State;
use crate::collect::list::known::Known;
use crate::collect::report::Requests;
use crate::collect::sealed::options;
use crate::model::{Digest, Kind, Outline, Platform, Timestamp};
use crate::run::Order;
use crate::run::why::Answer;
use serde::Serialize;

pub(super) const SCHEMA: &str = "regsweep.explain/1";

/// So many digests are told that would go with it; their number and bytes are told of all.
const FREED_TOLD: usize = 100;

/// The answer.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    schema: &'static str,
    command: &'static str,
    version: &'static str,
    exit_code: u8,
    refusal: Option<()>,
    error: Option<()>,
    pub(super) location: String,
    pub(super) mode: &'static str,
    pub(super) options: serde_json::Value,
    /// What was asked, as it was typed.
    pub(super) asked: String,
    pub(super) digest: String,
    /// `index`, `image`, `artifact`, `schema1`, `unreadable`, `config`, `layer`, `blob`.
    pub(super) kind: &'static str,
    pub(super) size: Option<u64>,
    pub(super) last_modified: Option<String>,
    pub(super) verdict: VerdictRow,
    pub(super) kept_by: KeptBy,
    pub(super) links: Vec<LinkRow>,
    /// How many manifests name it, needed or not.
    pub(super) named_by: u64,
    pub(super) freed_with_it: Freed,
    requests: Requests,
}

/// What becomes of it.
#[derive(Debug, Serialize)]
pub(super) struct VerdictRow {
    pub(super) state: State,
    /// Since when it waits, if it does already.
    pub(super) since: Option<String>,
    /// When it may go at the earliest.
    pub(super) not_before: Option<String>,
    /// Whether a collection with `-m` would let it go.
    pub(super) only_without_delete_untagged: bool,
}

/// What keeps it.
#[derive(Debug, Serialize)]
pub(super) struct KeptBy {
    /// How many tags.
    pub(super) tags: u64,
    /// The shortest chain of each thing that keeps it, up to a number.
    pub(super) chains: Vec<ChainRow>,
    /// How many more things keep it.
    pub(super) more: u64,
}

/// One chain, from the top.
#[derive(Debug, Serialize)]
pub(super) struct ChainRow {
    pub(super) by: By,
    pub(super) repository: String,
    pub(super) tag: Option<String>,
    /// Until when, if it is only young.
    pub(super) until: Option<String>,
    pub(super) steps: Vec<StepRow>,
}

/// One link of a chain.
#[derive(Debug, Serialize)]
pub(super) struct StepRow {
    pub(super) repository: String,
    pub(super) digest: String,
    pub(super) kind: &'static str,
    pub(super) platform: Option<String>,
    /// How it keeps the next.
    pub(super) keeps: Option<Keeps>,
}

/// A pointer to it.
#[derive(Debug, Serialize)]
pub(super) struct LinkRow {
    pub(super) repository: String,
    pub(super) link: Pointer,
    pub(super) tag: Option<String>,
    pub(super) key: String,
    pub(super) last_modified: String,
    /// Why the next run takes it away, if it does.
    pub(super) goes: Option<&'static str>,
    pub(super) rule: Option<String>,
}

/// What would go with it.
#[derive(Debug, Serialize)]
pub(super) struct Freed {
    pub(super) count: u64,
    pub(super) bytes: u64,
    pub(super) digests: Vec<String>,
}

impl Report {
    pub(super) fn new(answer: &Answer, asked: &str, order: &Order, requests: Requests) -> Self {
        let names = |at: usize| answer.survey.scan.inventory.repositories[at].name.to_string();
        let stored = answer.stored.get(&answer.digest);
        let parent = answer.one_of_these.as_ref();
        let verdict = &answer.verdict;
        let there = answer.freed.iter().filter_map(|digest| answer.stored.get(digest).map(|it| (digest, it.size)));
        let there: Vec<(&Digest, u64)> = there.collect();
        Self {
            schema: SCHEMA,
            command: "explain",
            version: env!("CARGO_PKG_VERSION"),
            exit_code: 0,
            refusal: None,
            error: None,
            location: order.location.clone(),
            mode: order.options.mode.name(),
            options: options::shown(&order.options),
            asked: asked.to_owned(),
            digest: answer.digest.to_string(),
            kind: kind(&answer.known, &answer.digest, parent),
            size: stored.map(|it| it.size),
            last_modified: stored.map(|it| it.modified.to_rfc3339()),
            verdict: VerdictRow {
                state: verdict.state,
                since: verdict.since.map(Timestamp::to_rfc3339),
                not_before: verdict.not_before.map(Timestamp::to_rfc3339),
                only_without_delete_untagged: answer.only_without_m,
            },
            kept_by: KeptBy {
                tags: answer.chains.tags,
                chains: answer.chains.told.iter().map(|chain| chain_row(chain, &answer.known, names)).collect(),
                more: answer.chains.more,
            },
            links: answer.links.iter().map(|link| link_row(link, names)).collect(),
            named_by: answer.named_by,
            freed_with_it: Freed {
                count: there.len() as u64,
                bytes: there.iter().map(|(_, size)| *size).fold(0, u64::saturating_add),
                digests: there.iter().take(FREED_TOLD).map(|(digest, _)| digest.to_string()).collect(),
            },
            requests,
        }
    }
}

fn chain_row(chain: &Chain, known: &Known, names: impl Fn(usize) -> String) -> ChainRow {
    let mut above: Option<&Step> = None;
    let mut steps = Vec::new();
    for step in &chain.steps {
        let parent = above.map(|step| &step.digest);
        steps.push(StepRow {
            repository: names(step.at),
            digest: step.digest.to_string(),
            kind: kind(known, &step.digest, parent),
            platform: parent.and_then(|parent| platform(known.outline(parent)?, &step.digest)),
            keeps: step.keeps,
        });
        above = Some(step);
    }
    ChainRow {
        by: chain.anchor.by,
        repository: chain.steps.first().map(|step| names(step.at)).unwrap_or_default(),
        tag: chain.anchor.tag.clone(),
        until: chain.anchor.until.map(Timestamp::to_rfc3339),
        steps,
    }
}

fn link_row(link: &LinkTo, names: impl Fn(usize) -> String) -> LinkRow {
    LinkRow {
        repository: names(link.at),
        link: link.pointer,
        tag: link.tag.clone(),
        key: link.key.clone(),
        last_modified: link.modified.to_rfc3339(),
        goes: link.goes.as_ref().map(|(reason, _)| DeleteReason::name(*reason)),
        rule: link.goes.as_ref().and_then(|(_, rule)| rule.as_deref().map(Into::into)),
    }
}

fn platform(parent: &Outline, child: &Digest) -> Option<String> {
    let named = parent.manifests.iter().find(|named| named.digest == *child)?;
    named.details.platform.as_ref().filter(|platform| platform.is_known()).map(Platform::to_string)
}

/// What it is: by its own word if it is a manifest, or by that of one that names it.
fn kind(known: &Known, digest: &Digest, parent: Option<&Digest>) -> &'static str {
    if let Some(outline) = known.outline(digest) {
        return match outline.kind {
            Kind::Index => "index",
            Kind::Schema1 => "schema1",
            Kind::Artifact => "artifact",
            Kind::Image | Kind::Unknown if outline.artifact().is_some() => "artifact",
            Kind::Image | Kind::Unknown => "image",
        };
    }
    if known.manifest(digest).is_some() {
        return "unreadable";
    }
    let Some(parent) = parent.and_then(|parent| known.outline(parent)) else { return "blob" };
    let is_it = |named: &crate::model::outline::Named| named.digest == *digest;
    if parent.config.as_ref().is_some_and(is_it) {
        "config"
    } else if parent.layers.iter().any(is_it) && matches!(parent.kind, Kind::Image | Kind::Schema1) {
        "layer"
    } else {
        "blob"
    }
}
