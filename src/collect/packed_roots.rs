//! Roots in twelve bytes each: there is one for each tag, and without `-m` one for each revision.

use super::graph::{Graph, Id};
use super::packing::make_room;
use super::roots::{Reason, Root};

/// Roots, to mark from.
#[derive(Debug, Default)]
pub struct Roots {
    packed: Vec<Packed>,
    /// Of those the graph knew nothing so far.
    unknown: Vec<Root>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Packed {
    repository: u32,
    id: Id,
    reason: Reason,
}

/// Stands in the place of the repository of what is kept everywhere.
const EVERYWHERE: u32 = u32::MAX;

impl Roots {
    /// Adds one. Numbers of the graph stay what they are for as long as it lives.
    pub fn add(&mut self, root: Root, graph: &Graph) {
        let repository = match root.repository.map(u32::try_from) {
            None => Some(EVERYWHERE),
            Some(number) => number.ok().filter(|number| *number != EVERYWHERE),
        };
        match (repository, graph.id(&root.digest)) {
            (Some(repository), Some(id)) => {
                make_room(&mut self.packed, 1);
                self.packed.push(Packed { repository, id, reason: root.reason });
            }
            _ => self.unknown.push(root),
        }
    }

    /// Of several roots from such a place on, each is there once: most tags name what a revision link names as well.
    pub(super) fn dedup_from(&mut self, first: usize) {
        let mut more = self.packed.split_off(first);
        more.sort_unstable();
        more.dedup();
        self.packed.append(&mut more);
    }

    /// How many there are of which the graph knows.
    pub(super) fn len(&self) -> usize {
        self.packed.len()
    }

    /// Adds several.
    pub fn add_all(&mut self, roots: impl IntoIterator<Item = Root>, graph: &Graph) {
        roots.into_iter().for_each(|root| self.add(root, graph));
    }

    /// Adds others of the same graph.
    pub fn append(&mut self, mut others: Self) {
        self.packed.append(&mut others.packed);
        self.unknown.append(&mut others.unknown);
    }

    /// Those of which the graph knew nothing when they were added.
    pub fn unknown(&self) -> impl Iterator<Item = &Root> {
        self.unknown.iter()
    }

    /// Repository, digest and reason of each. The graph has to know all of them by now.
    pub fn iter<'a>(&'a self, graph: &'a Graph) -> impl Iterator<Item = (Option<usize>, Id, Reason)> + 'a {
        let packed = self.packed.iter().map(|root| {
            let repository = (root.repository != EVERYWHERE).then_some(root.repository as usize);
            (repository, root.id, root.reason)
        });
        let unknown = self.unknown.iter();
        packed.chain(unknown.filter_map(|root| Some((root.repository, graph.id(&root.digest)?, root.reason))))
    }
}

#[cfg(test)]
mod tests {
    use super::super::scene::of;
    use super::*;

    #[test]
    fn roots_of_one_repository_are_there_once() {
        let mut graph = Graph::default();
        for name in ["a", "b"] {
            graph.intern(&of(name));
        }
        let root = |name, reason| Root { repository: Some(3), digest: of(name), reason };
        let (young, needed) = (Reason::Young, Reason::Needed);
        let mut roots = Roots::default();
        roots.add_all([root("b", young), root("b", young)], &graph);
        let before = roots.len();
        roots.add_all(
            [root("b", young), root("a", needed), root("b", needed), root("a", needed), root("b", young)],
            &graph,
        );
        roots.dedup_from(before);
        let told: Vec<_> = roots.iter(&graph).map(|(_, id, reason)| (graph.digest(id), reason)).collect();
        let [a, b] = ["a", "b"].map(of);
        assert_eq!(told[..2], [(b.clone(), young), (b.clone(), young)], "what was there before");
        assert_eq!(told[2..], [(a, needed), (b.clone(), needed), (b, young)]);
    }

    #[test]
    fn each_root_is_told_as_it_was_added() {
        let mut graph = Graph::default();
        graph.intern(&of("known"));
        let digests = ["known", "not known"];
        let repositories = [None, Some(0), Some(7), Some(EVERYWHERE as usize), Some(EVERYWHERE as usize + 1)];
        let of_digest = |name: &'static str| {
            let of_repository =
                move |repository| Reason::ALL.map(|reason| Root { repository, digest: of(name), reason });
            repositories.into_iter().flat_map(of_repository)
        };
        let all: Vec<Root> = digests.into_iter().flat_map(of_digest).collect();
        let mut roots = Roots::default();
        roots.add_all(all.iter().cloned(), &graph);
        assert_eq!(roots.packed.len(), 3 * Reason::ALL.len(), "what is known, of the first three");
        assert_eq!(roots.unknown().count(), all.len() - roots.packed.len());
        let mut many = Roots::default();
        many.append(roots);
        many.unknown().for_each(|root| _ = graph.intern(&root.digest));
        let told = many.iter(&graph);
        let told = told.map(|(repository, id, reason)| Root { repository, digest: graph.digest(id), reason });
        let mut told: Vec<Root> = told.collect();
        let mut expected = all;
        let key = |root: &Root| (root.digest.clone(), root.repository, root.reason);
        told.sort_by_key(key);
        expected.sort_by_key(key);
        assert_eq!(told, expected);
    }
}
