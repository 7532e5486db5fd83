//! What is known of manifests: twenty-eight bytes for each, and four for each reference.

use super::graph::Id;
use super::packing::{halves, make_room, whole};

/// What is known of a digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Node<'a> {
    /// Nothing: a blob, or a manifest that no repository links.
    #[default]
    Plain,
    /// A manifest.
    Manifest {
        /// All it names.
        references: &'a [Id],
        /// What it is about.
        subject: Option<Id>,
    },
    /// Linked as a manifest, but it cannot tell what it needs.
    Unreadable(&'a str),
    /// Looked for and not there.
    Missing,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Nodes {
    /// For each digest its place in `known` and one more; nothing for what is plain.
    places: Vec<u32>,
    known: Vec<(Id, Kept)>,
    references: Vec<Id>,
    reasons: Vec<Box<str>>,
}

#[derive(Debug, Clone, Copy)]
enum Kept {
    Plain,
    /// Where its references begin among all of them, and where they end.
    Manifest {
        first: [u32; 2],
        end: [u32; 2],
        subject: u32,
    },
    /// The place of the reason.
    Unreadable(u32),
    Missing,
}

/// Stands in the place of what a manifest is about.
const NOTHING: u32 = u32::MAX;

impl Nodes {
    pub(super) fn get(&self, id: Id) -> Node<'_> {
        let place = self.places.get(id.index()).and_then(|place| place.checked_sub(1));
        place.map_or(Node::Plain, |place| self.node(self.known[place as usize].1))
    }

    /// All of which anything was learned.
    pub(super) fn known(&self) -> impl Iterator<Item = (Id, Node<'_>)> {
        self.known.iter().map(|(id, kept)| (*id, self.node(*kept)))
    }

    fn node(&self, kept: Kept) -> Node<'_> {
        match kept {
            Kept::Plain => Node::Plain,
            Kept::Missing => Node::Missing,
            Kept::Unreadable(place) => Node::Unreadable(&self.reasons[place as usize]),
            Kept::Manifest { first, end, subject } => {
                let [first, end] = [first, end].map(|place| usize::try_from(whole(place)).unwrap_or(usize::MAX));
                let subject = (subject != NOTHING).then(|| Id::of(subject));
                Node::Manifest { references: &self.references[first..end], subject }
            }
        }
    }

    /// Learns what a digest is, whatever was known of it; `all` is how many digests there are.
    pub(super) fn know(&mut self, id: Id, node: Node<'_>, all: usize) {
        let place = self.places.get(id.index()).and_then(|place| place.checked_sub(1));
        // Most of what is learned again is the same: a manifest is what its digest says.
        if place.is_some() && self.get(id) == node {
            return;
        }
        let kept = self.keep(node);
        if let Some(place) = place {
            self.known[place as usize].1 = kept;
            return;
        }
        let wanted = all.max(id.index() + 1).saturating_sub(self.places.len());
        if self.places.len() <= id.index() {
            make_room(&mut self.places, wanted);
            self.places.resize(self.places.len() + wanted, 0);
        }
        make_room(&mut self.known, 1);
        self.known.push((id, kept));
        // Each digest is known once, and numbered in as many bits.
        self.places[id.index()] = u32::try_from(self.known.len()).unwrap_or(u32::MAX);
    }

    fn keep(&mut self, node: Node<'_>) -> Kept {
        match node {
            Node::Plain => Kept::Plain,
            Node::Missing => Kept::Missing,
            Node::Unreadable(why) => {
                self.reasons.push(why.into());
                Kept::Unreadable(u32::try_from(self.reasons.len() - 1).unwrap_or(u32::MAX))
            }
            Node::Manifest { references, subject } => {
                make_room(&mut self.references, references.len());
                let first = halves(self.references.len() as u64);
                self.references.extend_from_slice(references);
                let end = halves(self.references.len() as u64);
                Kept::Manifest { first, end, subject: subject.map_or(NOTHING, Id::number) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_that_was_learned_of_a_digest_is_told() {
        let mut nodes = Nodes::default();
        let ids = [4, 0, 4, 9].map(Id::of);
        let manifest = |references, subject| Node::Manifest { references, subject };
        let told = [
            manifest(&ids[..3], Some(ids[3])),
            manifest(&[], None),
            Node::Unreadable("odd"),
            Node::Missing,
            manifest(&ids[1..], None),
            Node::Plain,
            Node::Unreadable(""),
        ];
        assert_eq!(nodes.get(ids[0]), Node::Plain);
        for id in [7, 2, 30] {
            let before: Vec<u32> = nodes.known().map(|(id, _)| id.number()).collect();
            for node in told {
                nodes.know(Id::of(id), node, 10);
                assert_eq!(nodes.get(Id::of(id)), node);
                assert_eq!(nodes.known().last(), Some((Id::of(id), node)));
            }
            let known: Vec<u32> = nodes.known().map(|(id, _)| id.number()).collect();
            assert_eq!(known, [before, vec![id]].concat(), "each once");
        }
        assert_eq!([0, 1, 29, 31, 1000].map(|id| nodes.get(Id::of(id))), [Node::Plain; 5]);
        assert_eq!([7, 2].map(|id| nodes.get(Id::of(id))), [Node::Unreadable(""); 2]);
        assert_eq!(size_of::<(Id, Kept)>(), 28);
        let before = nodes.references.len();
        nodes.know(ids[0], told[0], 10);
        nodes.know(ids[0], told[0], 10);
        assert_eq!(nodes.references.len(), before + 3, "what is known is not kept twice");
    }
}
