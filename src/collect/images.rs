//! Which images need a blob.

use super::graph::{Graph, Id, Node};
use super::inventory::Inventory;
use crate::model::Digest;
use std::collections::HashSet;

/// Every image by its tag (`repository:tag`), and where a manifest has none by its digest (`repository@digest`), that
/// needs any of these digests.
#[must_use]
#[expect(clippy::implicit_hasher, reason = "there is one kind of set here")]
pub fn images_with(digests: &HashSet<&Digest>, inventory: &Inventory, graph: &Graph) -> Vec<String> {
    let wanted: HashSet<Id> = digests.iter().filter_map(|digest| graph.id(digest)).collect();
    let mut images = Vec::new();
    for repository in &inventory.repositories {
        let mut by_tag = HashSet::new();
        for (tag, current) in repository.current_tags() {
            if let Some(root) = current.target.digest().and_then(|digest| graph.id(digest)) {
                let below = closure(root, graph);
                if !wanted.is_disjoint(&below) {
                    images.push(format!("{}:{tag}", repository.name));
                }
                by_tag.extend(below);
            }
        }
        for link in &repository.revisions {
            let Some(root) = graph.id(&link.digest).filter(|root| !by_tag.contains(root)) else { continue };
            if !wanted.is_disjoint(&closure(root, graph)) {
                images.push(format!("{}@{}", repository.name, link.digest));
            }
        }
    }
    images
}

fn closure(root: Id, graph: &Graph) -> HashSet<Id> {
    let mut seen = HashSet::new();
    let mut todo = vec![root];
    while let Some(id) = todo.pop() {
        if seen.insert(id) {
            todo.extend(graph.aliases(id));
            if let Node::Manifest { references, .. } = graph.node(id) {
                todo.extend(references.iter());
            }
        }
    }
    seen
}
