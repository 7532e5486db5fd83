//! Reachability: from roots, down through what manifests name and up through what is about them.
//!
//! The result is a least fixed point, so it depends neither on the order of repositories nor on that of the listing.

use super::dismissed::Dismissed;
use super::graph::{Graph, Id, Node};
use super::inventory::{Inventory, Repository};
use super::roots::{Reason, Root, every_name, names};
use crate::model::Digest;
use std::collections::{HashMap, HashSet};

/// What is needed, by whom, and why.
#[derive(Debug, Clone, Default)]
pub struct Marks {
    by_repository: Vec<HashMap<Id, Reason>>,
    overall: Vec<Option<Reason>>,
}

impl Marks {
    /// Why a repository needs a digest, if it does.
    #[must_use]
    pub fn in_repository(&self, repository: usize, id: Option<Id>) -> Option<Reason> {
        self.by_repository.get(repository)?.get(&id?).copied()
    }

    /// Why anyone needs a digest, if anyone does.
    #[must_use]
    pub fn anywhere(&self, id: Option<Id>) -> Option<Reason> {
        *self.overall.get(id?.index())?
    }

    /// All that anyone needs.
    pub fn all<'a>(&'a self, graph: &'a Graph) -> impl Iterator<Item = (Id, &'a Digest, Reason)> {
        graph.iter().filter_map(|(id, digest, _)| Some((id, digest, self.anywhere(Some(id))?)))
    }
}

/// Marks everything that the roots need.
///
/// A digest is *seen* when a repository is found to need it and *expanded* in that repository: the same digest may be a
/// mere blob for one repository and a manifest with children for another, and is followed in both.
#[must_use]
pub fn mark(inventory: &Inventory, graph: &mut Graph, roots: &[Root]) -> Marks {
    mark_without(inventory, graph, roots, &Dismissed::default())
}

/// The same, where something is dismissed: what was meant itself is not kept by what it is about.
#[must_use]
pub fn mark_without(inventory: &Inventory, graph: &mut Graph, roots: &[Root], dismissed: &Dismissed) -> Marks {
    // A root may be something that no manifest names: the link of a blob that was just pushed.
    for root in roots {
        graph.intern(&root.digest);
    }
    let mut marker = Marker::new(inventory, graph, dismissed);
    for reason in Reason::ALL {
        marker.reason = reason;
        for root in roots.iter().filter(|root| root.reason == reason) {
            if let Some(id) = graph.id(&root.digest) {
                marker.need_root(root.repository, id);
            }
        }
        marker.drain();
    }
    marker.marks
}

struct Marker<'a> {
    inventory: &'a Inventory,
    graph: &'a Graph,
    dismissed: &'a Dismissed,
    marks: Marks,
    /// What is about a digest, in each repository.
    referrers: HashMap<(usize, Id), Vec<Id>>,
    /// The repositories whose links make a digest what it is: a revision link makes it a manifest, an alias link
    /// makes it stand for another.
    carriers: HashMap<Id, Vec<usize>>,
    /// The repositories that link a digest in any way.
    linked: HashMap<Id, Vec<usize>>,
    reason: Reason,
    work: Vec<(usize, Id)>,
}

impl<'a> Marker<'a> {
    fn new(inventory: &'a Inventory, graph: &'a Graph, dismissed: &'a Dismissed) -> Self {
        let marks = Marks {
            by_repository: vec![HashMap::new(); inventory.repositories.len()],
            overall: vec![None; graph.len()],
        };
        let mut marker = Self {
            inventory,
            graph,
            dismissed,
            marks,
            referrers: HashMap::new(),
            carriers: HashMap::new(),
            linked: HashMap::new(),
            reason: Reason::Needed,
            work: Vec::new(),
        };
        for (at, repository) in inventory.repositories.iter().enumerate() {
            marker.index(at, repository);
        }
        marker
    }

    fn index(&mut self, at: usize, repository: &Repository) {
        for link in &repository.revisions {
            for id in names(link).filter_map(|digest| self.graph.id(digest)) {
                push_once(self.carriers.entry(id).or_default(), at);
                if let Node::Manifest { subject: Some(subject), .. } = self.graph.node(id)
                    && !self.dismissed.is_meant(at, link)
                {
                    self.referrers.entry((at, *subject)).or_default().push(id);
                    for alias in self.graph.aliases(*subject) {
                        self.referrers.entry((at, *alias)).or_default().push(id);
                    }
                }
            }
        }
        for link in repository.layers.iter().filter(|link| link.alias().is_some()) {
            if let Some(id) = self.graph.id(&link.digest) {
                push_once(self.carriers.entry(id).or_default(), at);
            }
        }
        for link in &repository.signatures {
            if let (Some(revision), Some(signature)) = (self.graph.id(&link.revision), self.graph.id(&link.signature)) {
                self.referrers.entry((at, revision)).or_default().push(signature);
            }
        }
        for link in repository.revisions.iter().chain(&repository.layers) {
            for id in names(link).filter_map(|digest| self.graph.id(digest)) {
                push_once(self.linked.entry(id).or_default(), at);
            }
        }
    }

    /// A root that belongs to no repository is one of every repository that links it.
    fn need_root(&mut self, repository: Option<usize>, id: Id) {
        if let Some(at) = repository {
            self.work.push((at, id));
            return;
        }
        let linked = self.linked.get(&id).map_or(&[][..], Vec::as_slice);
        self.work.extend(linked.iter().map(|at| (*at, id)));
        self.need_nowhere(id);
    }

    /// Marks a digest, and all it names, that no repository may link at all.
    fn need_nowhere(&mut self, id: Id) {
        let mut todo = vec![id];
        let mut seen = HashSet::new();
        while let Some(id) = todo.pop() {
            if !seen.insert(id) {
                continue;
            }
            self.mark_overall(id);
            todo.extend(self.graph.aliases(id));
            if let Node::Manifest { references, .. } = self.graph.node(id) {
                todo.extend(references.iter());
            }
            let carriers = self.carriers.get(&id).map_or(&[][..], Vec::as_slice);
            self.work.extend(carriers.iter().map(|at| (*at, id)));
        }
    }

    fn mark_overall(&mut self, id: Id) {
        let overall = &mut self.marks.overall[id.index()];
        *overall = Some(overall.map_or(self.reason, |before| before.min(self.reason)));
    }

    fn drain(&mut self) {
        // No recursion: a hostile index may be nested as deep as it likes.
        while let Some((at, id)) = self.work.pop() {
            if self.marks.by_repository[at].contains_key(&id) {
                continue;
            }
            self.marks.by_repository[at].insert(id, self.reason);
            self.mark_overall(id);
            self.need_all_beside(at, id);
            let expanded = match self.graph.node(id) {
                Node::Manifest { references, .. } => &references[..],
                Node::Plain | Node::Unreadable(_) | Node::Missing => &[],
            };
            let up = self.referrers.get(&(at, id)).map_or(&[][..], Vec::as_slice);
            let down = expanded.iter().chain(self.graph.aliases(id)).chain(up);
            self.work.extend(down.map(|next| (at, *next)));
            // What is about this by another name needs that name: without its link the next run would not know.
            let names = up.iter().filter_map(|referrer| match self.graph.node(*referrer) {
                Node::Manifest { subject, .. } => *subject,
                Node::Plain | Node::Unreadable(_) | Node::Missing => None,
            });
            self.work.extend(names.map(|subject| (at, subject)));
            self.need_of_others(at, id);
        }
    }

    /// A manifest that cannot tell what it needs may need anything that its repository can serve. One that was dismissed
    /// does not make its repository damaged by being there, only by being needed after all.
    fn need_all_beside(&mut self, at: usize, id: Id) {
        let is_linked = || self.carriers.get(&id).is_some_and(|carriers| carriers.binary_search(&at).is_ok());
        if self.dismissed.is_empty() || !matches!(self.graph.node(id), Node::Unreadable(_)) || !is_linked() {
            return;
        }
        let all = every_name(&self.inventory.repositories[at]).filter_map(|digest| self.graph.id(digest));
        self.work.extend(all.map(|id| (at, id)));
    }

    /// A repository may need what only other repositories link: an index whose child is a manifest elsewhere, a reference
    /// that stands for a blob only through a link elsewhere. Then those links are needed too: without them the next run
    /// would not know that this is a manifest, and would take what it needs.
    fn need_of_others(&mut self, at: usize, id: Id) {
        if let Some(carriers) = self.carriers.get(&id)
            && carriers.binary_search(&at).is_err()
        {
            self.work.extend(carriers.iter().map(|other| (*other, id)));
        }
    }
}

/// Repositories are indexed in order, so the lists are sorted.
fn push_once(list: &mut Vec<usize>, value: usize) {
    if list.last() != Some(&value) {
        list.push(value);
    }
}
