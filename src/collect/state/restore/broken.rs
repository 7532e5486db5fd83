//! Which images cannot be whole any more: something that they need and that a journal or a link names is gone.
//!
//! What no journal and no link of a repository names was never there: a layer that lives elsewhere, a child that a sparse
//! index leaves out. Its absence breaks nothing.

use super::ground::{Asked, Ground};
use crate::collect::graph::{Id, Node};
use crate::collect::inventory::Link;
use crate::collect::roots::all_names;
use crate::model::Digest;
use std::collections::{HashMap, HashSet};

/// What is broken, in which repository.
#[derive(Debug, Default)]
pub(super) struct Broken {
    /// What itself is gone, or cannot be read.
    gone: HashSet<(usize, Id)>,
    /// That, and all that needs any of it.
    all: HashSet<(usize, Id)>,
}

/// The digest of the data that a link stands for.
pub(super) fn data(link: &Link) -> &Digest {
    link.alias().unwrap_or(&link.digest)
}

impl Broken {
    /// Finds it; `missing` are contents that were looked for and are not there.
    pub(super) fn find(ground: &Ground<'_>, asked: &Asked, missing: &HashSet<Digest>) -> Self {
        let graph = &ground.graph;
        let is_gone = |digest: &Digest| missing.contains(digest) || graph.node_of(digest) == Node::Missing;
        let mut parents: HashMap<Id, Vec<Id>> = HashMap::new();
        for (parent, node) in graph.known() {
            if let Node::Manifest { references, .. } = node {
                for child in references.all().iter() {
                    parents.entry(*child).or_default().push(parent);
                }
            }
        }
        let mut broken = Self::default();
        for (at, repository) in ground.whole.repositories.iter().enumerate() {
            let revisions: HashSet<Id> =
                repository.revisions.iter().filter_map(|link| graph.id(&link.digest)).collect();
            let unreadable = |link: &Link| matches!(graph.node_of(data(link)), Node::Unreadable(_));
            let linked = || repository.revisions.iter();
            let lost = repository.layers.iter().chain(linked()).filter(|link| is_gone(data(link)));
            let lost = lost.chain(linked().filter(unreadable));
            let lost = lost.flat_map(all_names).filter_map(|digest| graph.id(&digest));
            // A tag whose manifest its repository does not have, and would not have.
            let tagged = asked.get(&at).into_iter().flatten().filter(|(_, tags)| !tags.is_empty());
            let tagged = tagged.filter_map(|(digest, _)| graph.id(digest));
            let mut todo: Vec<Id> = lost.chain(tagged.filter(|id| !revisions.contains(id))).collect();
            broken.gone.extend(todo.iter().map(|id| (at, *id)));
            while let Some(id) = todo.pop() {
                if broken.all.insert((at, id)) {
                    let above = parents.get(&id).into_iter().flatten();
                    todo.extend(above.filter(|parent| revisions.contains(*parent)));
                }
            }
        }
        broken
    }

    /// Whether a digest cannot be whole in a repository.
    pub(super) fn is(&self, ground: &Ground<'_>, at: usize, digest: &Digest) -> bool {
        ground.graph.id(digest).is_some_and(|id| self.all.contains(&(at, id)))
    }

    /// Those images that nothing else that was asked for contains, and what each lacks.
    pub(super) fn images(&self, ground: &Ground<'_>, asked: &Asked) -> Vec<(usize, Digest, Vec<Digest>)> {
        let graph = &ground.graph;
        let all = asked.iter().flat_map(|(at, images)| images.keys().map(move |digest| (*at, digest)));
        let broken: HashMap<(usize, Id), &Digest> = all
            .filter_map(|(at, digest)| Some(((at, graph.id(digest)?), digest)))
            .filter(|(place, _)| self.all.contains(place))
            .collect();
        let mut inner = HashSet::new();
        for (at, id) in broken.keys() {
            if let Node::Manifest { references, .. } = graph.node(*id) {
                inner.extend(references.all().iter().filter(|child| *child != id).map(|child| (*at, *child)));
            }
        }
        let tops = broken.iter().filter(|(place, _)| !inner.contains(*place));
        tops.map(|((at, id), digest)| (*at, (*digest).clone(), self.lacks(ground, *at, *id))).collect()
    }

    fn lacks(&self, ground: &Ground<'_>, at: usize, root: Id) -> Vec<Digest> {
        let (mut lacks, mut seen, mut todo) = (Vec::new(), HashSet::new(), vec![root]);
        while let Some(id) = todo.pop() {
            if !seen.insert(id) {
                continue;
            }
            if self.gone.contains(&(at, id)) {
                lacks.push(ground.graph.digest(id));
            }
            if let Node::Manifest { references, .. } = ground.graph.node(id) {
                todo.extend(references.all().iter());
            }
        }
        lacks.sort();
        lacks
    }
}
