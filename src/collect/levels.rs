//! In which order manifests go: parents before children, images before what is about them.

use super::deletions::Deletions;
use super::graph::{Graph, Id, Node};
use super::plan::Stage;
use std::collections::HashMap;

/// Gives every revision that goes its level: below everything that names it and goes as well, and below the subject it
/// is about. So if a delete fails, what is left is never a parent without its children, or an image without its
/// signatures.
pub(super) fn set_levels(deletions: &mut Deletions, graph: &Graph) {
    let revisions = (0..deletions.len()).filter(|number| deletions.stage(*number) == Stage::Revision);
    let going = revisions.map(|number| deletions.get(number)).flat_map(|deletion| [deletion.digest, deletion.alias]);
    let level = levels(going.flatten().filter_map(|digest| graph.id(&digest)), graph);
    deletions.set_levels(Stage::Revision, |deletion| {
        let ids = [&deletion.digest, &deletion.alias].into_iter().flatten().filter_map(|digest| graph.id(digest));
        ids.map(|id| level.get(&id).copied().unwrap_or(0)).max().unwrap_or(0)
    });
}

/// The level of each of these: below everything among them that names it, and below the subject it is about.
pub(super) fn levels(of: impl Iterator<Item = Id>, graph: &Graph) -> HashMap<Id, u32> {
    let mut level: HashMap<Id, u32> = of.map(|id| (id, 0)).collect();
    let mut edges: HashMap<Id, Vec<Id>> = HashMap::new();
    let mut above: HashMap<Id, u32> = HashMap::new();
    for id in level.keys() {
        for (parent, child) in names_of(graph, *id) {
            if parent != child && level.contains_key(&parent) && level.contains_key(&child) {
                edges.entry(parent).or_default().push(child);
                *above.entry(child).or_default() += 1;
            }
        }
    }
    let mut free: Vec<Id> = level.keys().filter(|id| !above.contains_key(id)).copied().collect();
    while let Some(id) = free.pop() {
        let next = level.get(&id).copied().unwrap_or(0) + 1;
        for child in edges.remove(&id).unwrap_or_default() {
            if let Some(current) = level.get_mut(&child) {
                *current = next.max(*current);
            }
            if let Some(left) = above.get_mut(&child) {
                *left -= 1;
                if *left == 0 {
                    free.push(child);
                }
            }
        }
    }
    // What is named in a circle (only hostile bytes can claim that) never becomes free, and goes last.
    let last = u32::try_from(level.len()).unwrap_or(u32::MAX);
    for id in above.into_iter().filter(|(_, left)| *left > 0).map(|(id, _)| id) {
        level.insert(id, last);
    }
    level
}

fn names_of(graph: &Graph, id: Id) -> Vec<(Id, Id)> {
    let aliases = graph.aliases(id).iter().map(|alias| (id, *alias));
    match graph.node(id) {
        Node::Manifest { references, subject } => {
            let down = references.all().into_owned().into_iter().map(|child| (id, child));
            let up = subject.iter().map(|subject| (*subject, id));
            down.chain(up).chain(aliases).collect()
        }
        Node::Plain | Node::Unreadable(_) | Node::Missing => aliases.collect(),
    }
}
