//! Which images suffer from damage: those that a tag names, or that nothing else contains.

use crate::collect::graph::{Graph, Id, Node};
use crate::collect::inventory::{Inventory, Repository};
use crate::model::Tag;
use std::collections::{BTreeSet, HashMap, HashSet};

/// So many images are told for each finding.
const TOLD: usize = 10;

/// Who names what, upwards.
#[derive(Debug)]
pub struct Affected<'a> {
    inventory: &'a Inventory,
    graph: &'a Graph,
    /// Manifests by what they name.
    above: HashMap<Id, Vec<Id>>,
    /// What tags name, and what is linked as a manifest, of repositories that were asked about.
    known: HashMap<usize, Named>,
}

#[derive(Debug, Default)]
struct Named {
    tags: HashMap<Id, Vec<Tag>>,
    linked: HashSet<Id>,
}

impl<'a> Affected<'a> {
    /// Begins.
    #[must_use]
    pub fn new(inventory: &'a Inventory, graph: &'a Graph) -> Self {
        let mut above: HashMap<Id, Vec<Id>> = HashMap::new();
        // Only manifests are looked up in it: of layers nobody asks who names them.
        for (parent, node) in graph.known() {
            if let Node::Manifest { references, .. } = node {
                for child in references.all().iter().filter(|child| !matches!(graph.node(**child), Node::Plain)) {
                    above.entry(*child).or_default().push(parent);
                }
            }
        }
        Self { inventory, graph, above, known: HashMap::new() }
    }

    fn named(&mut self, at: usize) -> &Named {
        let (inventory, graph) = (self.inventory, self.graph);
        self.known.entry(at).or_insert_with(|| of(&inventory.repositories[at], graph))
    }

    /// The images of a repository that contain any of these manifests of it.
    pub fn images(&mut self, at: usize, manifests: impl IntoIterator<Item = Id>) -> BTreeSet<String> {
        let (graph, above) = (self.graph, std::mem::take(&mut self.above));
        let name = &self.inventory.repositories[at].name;
        let named = self.named(at);
        let mut images = BTreeSet::new();
        let (mut seen, mut todo) = (HashSet::new(), manifests.into_iter().collect::<Vec<_>>());
        while let Some(id) = todo.pop() {
            if !seen.insert(id) {
                continue;
            }
            let tags = named.tags.get(&id).into_iter().flatten();
            let before = images.len();
            images.extend(tags.map(|tag| format!("{name}:{tag}")));
            let parents = above.get(&id).into_iter().flatten().filter(|parent| named.linked.contains(*parent));
            let parents: Vec<Id> = parents.copied().collect();
            if parents.is_empty() && images.len() == before {
                images.insert(format!("{name}@{}", graph.digest(id)));
            }
            todo.extend(parents);
        }
        self.above = above;
        images
    }
}

fn of(repository: &Repository, graph: &Graph) -> Named {
    let mut named = Named::default();
    for (tag, current) in repository.current_tags() {
        if let Some(id) = current.target.digest().and_then(|digest| graph.id(digest)) {
            named.tags.entry(id).or_default().push(tag);
            named.linked.insert(id);
        }
    }
    named.linked.extend(repository.revisions.names().filter_map(|digest| graph.id(&digest)));
    named
}

/// Writes images into a finding: the first of them, and how many there are.
pub fn tell(finding: &mut super::finding::Finding, images: BTreeSet<String>) {
    finding.images_in_all = images.len() as u64;
    finding.images = images.into_iter().take(TOLD).collect();
}
