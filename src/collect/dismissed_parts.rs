//! What belongs to what is dismissed, and goes with it unless something else needs it.

use super::dismissed::{Dismissed, Why};
use super::graph::{Graph, Id, Node};
use super::inventory::{Inventory, Link};
use super::mark::{Marks, mark_without};
use super::options::Options;
use super::roots::{names, roots};
use crate::model::{Digest, Tag, Timestamp};
use std::collections::HashMap;

impl Dismissed {
    /// Adds what belongs to what is dismissed: children of indexes, what is about something dismissed, to any depth; and
    /// the tags by which signatures of an image are found, if that image goes. Whether each of these goes is up to the
    /// marks: what something else needs stays.
    pub fn complete(&mut self, inventory: &Inventory, graph: &mut Graph, options: &Options, now: Timestamp) {
        if self.is_empty() {
            return;
        }
        loop {
            self.add_parts(inventory, graph);
            let marks = mark_without(inventory, graph, &roots(inventory, graph, options, self, now), self);
            if !self.add_bound_tags(inventory, graph, &marks) {
                return;
            }
        }
    }

    fn add_parts(&mut self, inventory: &Inventory, graph: &Graph) {
        let all: Vec<usize> = self.repositories.keys().copied().collect();
        for at in all {
            let Some(repository) = inventory.repositories.get(at) else { continue };
            let mut about: HashMap<Id, Vec<&Digest>> = HashMap::new();
            // Several links may stand for one manifest.
            let mut linked: HashMap<Id, Vec<&Digest>> = HashMap::new();
            let links: Vec<Link> = repository.revisions.iter().collect();
            for link in &links {
                for id in names(link).filter_map(|digest| graph.id(digest)) {
                    linked.entry(id).or_default().push(&link.digest);
                    if let Node::Manifest { subject: Some(subject), .. } = graph.node(id) {
                        about.entry(subject).or_default().push(&link.digest);
                    }
                }
            }
            let dismissed = self.here(at).manifests.iter();
            let mut todo: Vec<(Digest, Why)> =
                dismissed.map(|(digest, (_, why))| (digest.clone(), why.clone())).collect();
            while let Some((digest, why)) = todo.pop() {
                let Some(id) = graph.id(&digest) else { continue };
                let children = graph.node(id).named();
                let children = children.iter().chain(graph.aliases(id)).filter_map(|child| linked.get(child)).flatten();
                let referrers = about.get(&id).into_iter().flatten();
                let parts: Vec<&Digest> = children.chain(referrers).copied().collect();
                for part in parts {
                    if self.add(repository, at, part, &why) {
                        todo.push((part.clone(), why.clone()));
                    }
                }
            }
        }
    }

    /// The tags `sha256-<hex>` of images that go. Tells whether any is new.
    fn add_bound_tags(&mut self, inventory: &Inventory, graph: &Graph, marks: &Marks) -> bool {
        let mut bound: Vec<(usize, Tag, Why)> = Vec::new();
        for (at, here) in &self.repositories {
            let Some(repository) = inventory.repositories.get(*at) else { continue };
            let others = |tag: &Tag| !here.tags.contains_key(tag) && !here.kept.contains(tag);
            for tag in repository.tags.keys().filter(others) {
                let image = tag.about().and_then(|(image, _)| here.manifests.get_key_value(&image));
                if let Some((image, (_, why))) = image
                    && marks.in_repository(*at, graph.id(image)).is_none()
                {
                    bound.push((*at, tag.clone(), why.clone()));
                }
            }
        }
        let before = self.count_tags();
        for (at, tag, why) in bound {
            self.add_tag(inventory, at, &tag, &why);
        }
        self.count_tags() > before
    }

    fn count_tags(&self) -> usize {
        self.repositories.values().map(|here| here.tags.len()).sum()
    }
}
