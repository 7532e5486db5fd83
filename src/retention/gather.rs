//! The facts of a repository, from what the listing and the manifests say.

use super::facts::{RepositoryFacts, TagFacts, UntaggedFacts};
use super::judge::Judgement;
use super::policy::Rule;
use super::verdict::{Missed, Why};
use crate::collect::graph::{Graph, Id, Node};
use crate::collect::inventory::{Repository, Target};
use crate::model::{Digest, Tag, Timestamp};
use std::collections::{HashMap, HashSet};

/// What is known of a repository without reading anything more: no time of creation, no labels, no annotations.
#[must_use]
pub fn facts(repository: &Repository, graph: &Graph, rule: Option<&Rule>) -> RepositoryFacts {
    // Only what somebody may use is looked for among the parts; what belongs to what, the untagged manifests know themselves.
    let needs_parts = rule.is_some_and(|rule| rule.keep.images.is_some());
    let tag = |(tag, current): (&Tag, &crate::collect::inventory::Current)| {
        let digest = match &current.target {
            Target::Digest(digest) => Some(digest.clone()),
            Target::Unreadable(_) | Target::Unread => None,
        };
        let parts = digest.iter().filter(|_| needs_parts).flat_map(|digest| parts(digest, graph)).collect();
        TagFacts {
            tag: tag.clone(),
            digest,
            parts,
            pushed: Some(current.evidence.modified),
            created: None,
            labels: None,
            annotations: None,
        }
    };
    let tags: Vec<TagFacts> = repository.current_tags().map(tag).collect();
    RepositoryFacts { name: repository.name.clone(), untagged: untagged(repository, graph), tags }
}

/// Everything below a manifest, to any depth.
fn parts(digest: &Digest, graph: &Graph) -> Vec<Digest> {
    let Some(root) = graph.id(digest) else { return Vec::new() };
    let (mut seen, mut todo) = (HashSet::from([root]), vec![root]);
    while let Some(id) = todo.pop() {
        if let Node::Manifest { references, .. } = graph.node(id) {
            todo.extend(references.iter().chain(graph.aliases(id)).filter(|part| seen.insert(**part)));
        }
    }
    seen.remove(&root);
    let mut parts: Vec<Digest> = seen.into_iter().map(|id| graph.digest(id)).collect();
    parts.sort();
    parts
}

fn untagged(repository: &Repository, graph: &Graph) -> Vec<UntaggedFacts> {
    let tagged: HashSet<&Digest> =
        repository.current_tags().filter_map(|(_, current)| current.target.digest()).collect();
    let lost = losses(repository);
    let mut owners: HashMap<Id, Vec<&Digest>> = HashMap::new();
    for link in &repository.revisions {
        for id in crate::collect::roots::names(link).filter_map(|digest| graph.id(digest)) {
            if let Node::Manifest { references, .. } = graph.node(id) {
                for part in references {
                    owners.entry(*part).or_default().push(&link.digest);
                }
            }
        }
    }
    let without = repository.revisions.iter();
    let without = without.filter(|link| crate::collect::roots::names(link).all(|digest| !tagged.contains(digest)));
    let facts = without.map(|link| {
        let ids: Vec<Id> = crate::collect::roots::names(link).filter_map(|digest| graph.id(digest)).collect();
        let about = ids.iter().filter_map(|id| match graph.node(*id) {
            Node::Manifest { subject, .. } => subject.map(|subject| graph.digest(subject)),
            Node::Plain | Node::Unreadable(_) | Node::Missing => None,
        });
        let owners = ids.iter().filter_map(|id| owners.get(id)).flatten().copied();
        UntaggedFacts {
            digest: link.digest.clone(),
            pushed: Some(link.modified()),
            lost: crate::collect::roots::names(link).filter_map(|digest| lost.get(digest)).max().copied(),
            belongs_to: owners.cloned().chain(about).collect(),
        }
    });
    facts.collect()
}

/// When each manifest lost a tag that has named it: when that tag began to name another. Of a tag that is gone only its
/// history tells when it last named anything.
fn losses(repository: &Repository) -> HashMap<&Digest, Timestamp> {
    let mut lost: HashMap<&Digest, Timestamp> = HashMap::new();
    for entry in repository.tags.values() {
        for link in &entry.history {
            let current = entry.current.as_ref();
            if current.is_some_and(|current| current.target.digest() == Some(&link.digest)) {
                continue;
            }
            let since = current.map_or(link.modified(), |current| current.evidence.modified);
            let time = lost.entry(&link.digest).or_insert(since);
            *time = since.max(*time);
        }
    }
    lost
}

/// The tags, by their place in the facts, whose fate depends on what has not been read: of all others neither manifest nor
/// configuration is read.
pub fn undecided<'a>(
    facts: &'a RepositoryFacts,
    judgement: &'a Judgement,
) -> impl Iterator<Item = (usize, &'a Digest)> {
    let tags = facts.tags.iter().enumerate().zip(&judgement.tags);
    tags.filter_map(|((at, tag), verdict)| match &verdict.why {
        Why::Missed(Missed::CreatedOlderThan(..) | Missed::Label(..) | Missed::Annotation(..)) => {
            Some((at, tag.digest.as_ref()?))
        }
        _ => None,
    })
}
