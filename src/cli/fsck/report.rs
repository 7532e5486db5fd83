//! What was found, in one value for every outlet.

use crate::collect::blobs::Tally;
use crate::collect::fsck::code::{Code, Level};
use crate::collect::fsck::content::Sample;
use crate::collect::fsck::finding::{Finding, Findings};
use crate::collect::pattern::Pattern;
use crate::collect::report::Requests;
use crate::run::Order;
use crate::run::fsck::Checked;
use serde::Serialize;
use std::collections::BTreeMap;

pub(super) const SCHEMA: &str = "regsweep.fsck/1";

/// What was found.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    schema: &'static str,
    command: &'static str,
    version: &'static str,
    pub(super) exit_code: u8,
    refusal: Option<()>,
    error: Option<()>,
    pub(super) location: String,
    started: String,
    finished: String,
    pub(super) checked: CheckedRow,
    pub(super) counts: Counts,
    /// Each kind of finding, the worst first.
    pub(super) kinds: Vec<KindRow>,
    /// The findings, the worst first; of each kind up to a number.
    pub(super) findings: Vec<FindingRow>,
    pub(super) requests: Requests,
}

/// What was looked at.
#[derive(Debug, Serialize)]
pub(super) struct CheckedRow {
    pub(super) repositories: u64,
    pub(super) tags: u64,
    pub(super) manifests: u64,
    pub(super) layer_links: u64,
    pub(super) uploads: u64,
    pub(super) blobs: Tally,
    pub(super) links_read: u64,
    pub(super) manifests_read: u64,
    /// What was compared with its digest, if anything was.
    pub(super) content: Option<ContentRow>,
}

/// Contents that were compared with their digests.
#[derive(Debug, Serialize)]
pub(super) struct ContentRow {
    pub(super) count: u64,
    pub(super) bytes: u64,
    pub(super) percent: f64,
    pub(super) seed: u64,
}

/// How many findings there are of each level.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(super) struct Counts {
    pub(super) damage: u64,
    pub(super) young: u64,
    pub(super) litter: u64,
    pub(super) note: u64,
}

/// One kind of finding.
#[derive(Debug, Serialize)]
pub(super) struct KindRow {
    pub(super) code: Code,
    pub(super) level: Level,
    pub(super) count: u64,
    pub(super) consequence: &'static str,
    pub(super) remedy: &'static str,
}

/// One finding.
#[derive(Debug, Serialize)]
pub(super) struct FindingRow {
    pub(super) code: Code,
    pub(super) level: Level,
    pub(super) key: String,
    pub(super) repository: Option<String>,
    /// What it is about; of something missing, what would mend it.
    pub(super) digest: Option<String>,
    pub(super) detail: Option<String>,
    /// The images that suffer from it: the first of them.
    pub(super) images: Vec<String>,
    pub(super) images_in_all: u64,
    pub(super) consequence: &'static str,
    pub(super) remedy: &'static str,
}

impl Report {
    pub(super) fn new(checked: &Checked, sample: Option<Sample>, only: &[Pattern], order: &Order) -> Self {
        let repositories = &checked.inventory.repositories;
        let content = sample.map(|sample| ContentRow {
            count: checked.content.count,
            bytes: checked.content.bytes,
            percent: sample.percent,
            seed: sample.seed,
        });
        let rows: Vec<&Finding> = checked.findings.told().iter().filter(|finding| is_shown(finding, only)).collect();
        let counts = counted(&checked.findings, &rows, only);
        let of = |level: Level| counts.iter().filter(|((of, _), _)| *of == level).map(|(_, count)| count).sum();
        Self {
            schema: SCHEMA,
            command: "fsck",
            version: env!("CARGO_PKG_VERSION"),
            exit_code: 0,
            refusal: None,
            error: None,
            location: order.location.clone(),
            started: order.started.to_rfc3339(),
            finished: order.local_now().to_rfc3339(),
            checked: CheckedRow {
                repositories: repositories.len() as u64,
                tags: repositories.iter().map(|it| it.current_tags().count() as u64).sum(),
                manifests: repositories.iter().map(|it| it.revisions.len() as u64).sum(),
                layer_links: repositories.iter().map(|it| it.layers.len() as u64).sum(),
                uploads: repositories.iter().map(|it| it.uploads.len() as u64).sum(),
                blobs: checked.stored.found,
                links_read: checked.links_read,
                manifests_read: checked.manifests_read,
                content,
            },
            counts: Counts {
                damage: of(Level::Damage),
                young: of(Level::Young),
                litter: of(Level::Litter),
                note: of(Level::Note),
            },
            kinds: counts.into_iter().map(|((level, code), count)| kind_row(code, level, count)).collect(),
            findings: rows.into_iter().map(finding_row).collect(),
            requests: Requests::default(),
        }
    }
}

/// How many there are of each kind. Where only some repositories are told of, what is not told in full does not count.
fn counted(findings: &Findings, rows: &[&Finding], only: &[Pattern]) -> BTreeMap<(Level, Code), u64> {
    if only.is_empty() {
        return findings.counts().map(|(code, level, count)| ((level, code), count)).collect();
    }
    let mut counts = BTreeMap::new();
    for finding in rows {
        *counts.entry((finding.level, finding.code)).or_default() += 1;
    }
    counts
}

fn is_shown(finding: &Finding, only: &[Pattern]) -> bool {
    let is_meant = |name: &str| only.iter().any(|pattern| pattern.matches(name));
    let of_image = |image: &String| image.split(['@', ':']).next().is_some_and(is_meant);
    match &finding.repository {
        _ if only.is_empty() => true,
        Some(name) => is_meant(name.as_str()),
        None => finding.images.iter().any(of_image),
    }
}

fn kind_row(code: Code, level: Level, count: u64) -> KindRow {
    KindRow { code, level, count, consequence: code.consequence(), remedy: remedy(code, level) }
}

fn remedy(code: Code, level: Level) -> &'static str {
    if level == Level::Young {
        return "wait: it is so young that a push may be under way; look again in some minutes";
    }
    code.remedy()
}

fn finding_row(finding: &Finding) -> FindingRow {
    FindingRow {
        code: finding.code,
        level: finding.level,
        key: finding.key.clone(),
        repository: finding.repository.as_ref().map(ToString::to_string),
        digest: finding.digest.as_ref().map(ToString::to_string),
        detail: finding.detail.clone(),
        images: finding.images.clone(),
        images_in_all: finding.images_in_all,
        consequence: finding.code.consequence(),
        remedy: remedy(finding.code, finding.level),
    }
}
