//! What would go with something, if it went: what nothing else keeps.

use crate::collect::dismissed::{Dismissed, Why};
use crate::collect::graph::{Graph, Id, Node};
use crate::collect::mark::{Marks, mark_without};
use crate::collect::options::Options;
use crate::collect::report::Scan;
use crate::collect::roots::roots;
use crate::model::{Digest, Tag};
use std::collections::{HashMap, HashSet};
use std::time::Duration;

/// What is thought away.
#[derive(Debug, Clone)]
pub enum Away<'a> {
    /// A tag of a repository, by its place in the inventory, as `rm REPOSITORY:TAG` would.
    Tag(usize, &'a Tag),
    /// A manifest in one repository, as `rm REPOSITORY@DIGEST` would, or in all.
    Manifest(Option<usize>),
    /// Content that is no manifest.
    Content,
}

/// The digests that nothing would need any more, `digest` first if it is among them. Ages play no part: what is young
/// now goes as well, later.
#[must_use]
pub fn goes_with(scan: &mut Scan, options: &Options, digest: &Digest, away: &Away<'_>) -> Vec<Digest> {
    let options = Options { min_age: Duration::ZERO, ..options.clone() };
    let mut dismissed = scan.dismissed.clone();
    let why = Why::named();
    match away {
        Away::Content => return vec![digest.clone()],
        Away::Tag(at, tag) => dismissed.add_tag(&scan.inventory, *at, tag, &why),
        Away::Manifest(only) => {
            for at in (0..scan.inventory.repositories.len()).filter(|at| only.is_none_or(|only| only == *at)) {
                let repository = &scan.inventory.repositories[at];
                let names_it = |digest: &Digest| {
                    repository.current_tags().any(|(_, current)| current.target.digest() == Some(digest))
                };
                if repository.links_manifest(digest) || names_it(digest) {
                    dismissed.add_manifest(&scan.inventory, at, digest, &why);
                }
            }
        }
    }
    dismissed.complete(&scan.inventory, &mut scan.graph, &options, scan.now);
    let before = marks(scan, &options, &scan.dismissed.clone());
    let after = marks(scan, &options, &dismissed);
    let own = scan.graph.id(digest).map_or_else(Vec::new, |id| parts(&scan.graph, id));
    // Tags that are bound to an image go with it, and what only they keep.
    let mut all: Vec<Id> = before.all(&scan.graph).map(|(id, _)| id).collect();
    all.sort_by_cached_key(|id| scan.graph.digest(*id));
    let mut seen = HashSet::new();
    let going = own.into_iter().chain(all).filter(|id| after.anywhere(Some(*id)).is_none() && seen.insert(*id));
    going.map(|id| scan.graph.digest(id)).collect()
}

fn marks(scan: &mut Scan, options: &Options, dismissed: &Dismissed) -> Marks {
    let mut roots = roots(&scan.inventory, &scan.graph, options, dismissed, scan.now);
    roots.add_all(scan.staying.iter().cloned(), &scan.graph);
    mark_without(&scan.inventory, &mut scan.graph, &roots, dismissed)
}

/// A manifest, all it names to any depth, and what is about any of it; each once, itself first.
fn parts(graph: &Graph, id: Id) -> Vec<Id> {
    let mut about: HashMap<Id, Vec<Id>> = HashMap::new();
    for (referrer, node) in graph.known() {
        if let Node::Manifest { subject: Some(subject), .. } = node {
            about.entry(subject).or_default().push(referrer);
        }
    }
    let (mut parts, mut seen) = (vec![id], HashSet::from([id]));
    let mut at = 0;
    while let Some(id) = parts.get(at).copied() {
        at += 1;
        let named = graph.node(id).named();
        let about = about.get(&id).map_or(&[][..], Vec::as_slice);
        let next = named.iter().chain(graph.aliases(id)).chain(about);
        parts.extend(next.copied().filter(|id| seen.insert(*id)));
    }
    parts
}
