//! The rows as CSV (RFC 4180): titles first, full digests, bytes as numbers, times as RFC 3339, lists by spaces.

use super::report::Report;
use crate::cli::csv::line;
use crate::collect::list::row::Facts;
use crate::collect::list::tree::{Node, Tree};
use crate::model::Timestamp;
use serde::Serialize;

pub(super) fn text(report: &Report) -> String {
    let mut text = String::new();
    for row in report.repositories.iter().flatten() {
        line(&mut text, &["repository", "tags", "manifests", "bytes", "shared_bytes", "last_push", "broken"], || {
            let time = row.last_push.map(Timestamp::to_rfc3339).unwrap_or_default();
            let number = |number: Option<u64>| number.map(|number| number.to_string()).unwrap_or_default();
            let (tags, manifests) = (row.tags.to_string(), row.manifests.to_string());
            let (bytes, shared) = (number(row.bytes), number(row.shared_bytes));
            vec![row.name.clone(), tags, manifests, bytes, shared, time, row.broken.to_string()]
        });
    }
    for row in report.tags.iter().flatten() {
        line(&mut text, &[&["repository", "tag", "digest", "pushed"], FACTS].concat(), || {
            let digest = row.digest.as_ref().map(ToString::to_string).unwrap_or_default();
            let pushed = row.pushed.map(Timestamp::to_rfc3339).unwrap_or_default();
            [vec![row.repository.clone(), row.tag.clone(), digest, pushed], facts(&row.facts)].concat()
        });
    }
    for row in report.manifests.iter().flatten() {
        line(&mut text, &[&["repository", "digest", "tags", "part_of", "about", "pushed"], FACTS].concat(), || {
            let digest = row.digest.as_ref().map(ToString::to_string).unwrap_or_default();
            let about = row.about.as_ref().map(ToString::to_string).unwrap_or_default();
            let pushed = row.pushed.map(Timestamp::to_rfc3339).unwrap_or_default();
            let lists = [row.tags.join(" "), row.part_of.join(" ")];
            let [tags, part_of] = lists;
            [vec![row.repository.clone(), digest, tags, part_of, about, pushed], facts(&row.facts)].concat()
        });
    }
    for tree in report.images.iter().flatten() {
        tree.root.iter().for_each(|root| node(&mut text, tree, root, 0));
    }
    text
}

const FACTS: &[&str] =
    &["kind", "media_type", "artifact_type", "platforms", "absent", "bytes", "created", "referrers", "problem"];

fn facts(facts: &Facts) -> Vec<String> {
    vec![
        word(&facts.kind),
        facts.media_type.as_deref().unwrap_or_default().to_owned(),
        facts.artifact_type.as_deref().unwrap_or_default().to_owned(),
        facts.platforms.join(" "),
        facts.absent.to_string(),
        facts.bytes.map(|bytes| bytes.to_string()).unwrap_or_default(),
        facts.created.map(Timestamp::to_rfc3339).unwrap_or_default(),
        facts.referrers.map(|count| count.to_string()).unwrap_or_default(),
        facts.problem.as_ref().map(|problem| word(&problem.code)).unwrap_or_default(),
    ]
}

fn node(text: &mut String, tree: &Tree, part: &Node, depth: usize) {
    const TITLES: &[&str] = &[
        "repository",
        "tag",
        "depth",
        "role",
        "digest",
        "media_type",
        "artifact_type",
        "platform",
        "size",
        "bytes",
        "created",
        "state",
    ];
    line(text, TITLES, || {
        vec![
            tree.repository.clone(),
            tree.tag.clone().unwrap_or_default(),
            depth.to_string(),
            word(&part.role),
            part.digest.clone(),
            part.media_type.as_deref().unwrap_or_default().to_owned(),
            part.artifact_type.as_deref().unwrap_or_default().to_owned(),
            part.platform.clone().unwrap_or_default(),
            part.size.map(|size| size.to_string()).unwrap_or_default(),
            part.bytes.map(|bytes| bytes.to_string()).unwrap_or_default(),
            part.created.map(Timestamp::to_rfc3339).unwrap_or_default(),
            word(&part.state),
        ]
    });
    part.parts.iter().chain(&part.referrers).for_each(|below| node(text, tree, below, depth + 1));
}

/// A word as JSON has it.
fn word(value: &impl Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}
