//! What is known of manifests: twenty bytes for each, some of an index, and four for each reference.

use super::graph::{Id, IdHasher};
use super::packing::make_room;
use hashbrown::HashTable;
use std::hash::{BuildHasher as _, BuildHasherDefault};

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
    /// The places in `known`, where the hash of their digest's number says: of most digests nothing is known.
    places: HashTable<u32>,
    known: Vec<Known>,
    references: Vec<Id>,
    reasons: Vec<Box<str>>,
}

/// A digest and what it is, in twenty bytes.
#[derive(Debug, Clone, Copy)]
struct Known {
    id: Id,
    /// What a manifest is about.
    subject: u32,
    /// The lower half of where its references begin among all of them, and how many there are; the place of the reason why
    /// it cannot be read.
    first: u32,
    count: u32,
    /// The upper half of where they begin: there is no memory for more of them.
    first_upper: u16,
    what: What,
}

#[derive(Debug, Clone, Copy)]
enum What {
    Plain,
    Manifest,
    Unreadable,
    Missing,
}

/// Stands in the place of what a manifest is about.
const NOTHING: u32 = u32::MAX;

fn hash(id: Id) -> u64 {
    BuildHasherDefault::<IdHasher>::default().hash_one(id)
}

impl Nodes {
    pub(super) fn get(&self, id: Id) -> Node<'_> {
        self.place(id).map_or(Node::Plain, |place| self.node(&self.known[place]))
    }

    /// All of which anything was learned.
    pub(super) fn known(&self) -> impl Iterator<Item = (Id, Node<'_>)> {
        self.known.iter().map(|known| (known.id, self.node(known)))
    }

    fn place(&self, id: Id) -> Option<usize> {
        self.places.find(hash(id), |place| self.known[*place as usize].id == id).map(|place| *place as usize)
    }

    fn node(&self, known: &Known) -> Node<'_> {
        match known.what {
            What::Plain => Node::Plain,
            What::Missing => Node::Missing,
            What::Unreadable => Node::Unreadable(&self.reasons[known.first as usize]),
            What::Manifest => {
                let first = usize::from(known.first_upper) << 32 | known.first as usize;
                let subject = (known.subject != NOTHING).then(|| Id::of(known.subject));
                Node::Manifest { references: &self.references[first..first + known.count as usize], subject }
            }
        }
    }

    /// Learns what a digest is, whatever was known of it.
    pub(super) fn know(&mut self, id: Id, node: Node<'_>) {
        let place = self.place(id);
        // Most of what is learned again is the same: a manifest is what its digest says.
        if place.is_some_and(|place| self.node(&self.known[place]) == node) {
            return;
        }
        let known = self.keep(id, node);
        if let Some(place) = place {
            self.known[place] = known;
            return;
        }
        make_room(&mut self.known, 1);
        self.known.push(known);
        // Each digest is known once, and numbered in as many bits.
        let place = u32::try_from(self.known.len() - 1).unwrap_or(u32::MAX);
        let Self { places, known, .. } = self;
        places.insert_unique(hash(id), place, |place| hash(known[*place as usize].id));
    }

    fn keep(&mut self, id: Id, node: Node<'_>) -> Known {
        let known = |what| Known { id, subject: NOTHING, first: 0, count: 0, first_upper: 0, what };
        match node {
            Node::Plain => known(What::Plain),
            Node::Missing => known(What::Missing),
            Node::Unreadable(why) => {
                self.reasons.push(why.into());
                Known { first: low(self.reasons.len() - 1), ..known(What::Unreadable) }
            }
            Node::Manifest { references, subject } => {
                make_room(&mut self.references, references.len());
                let first = self.references.len();
                self.references.extend_from_slice(references);
                Known {
                    subject: subject.map_or(NOTHING, Id::number),
                    first: low(first & u32::MAX as usize),
                    count: low(references.len()),
                    first_upper: u16::try_from(first >> 32).unwrap_or(u16::MAX),
                    ..known(What::Manifest)
                }
            }
        }
    }
}

fn low(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
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
                nodes.know(Id::of(id), node);
                assert_eq!(nodes.get(Id::of(id)), node);
                assert_eq!(nodes.known().last(), Some((Id::of(id), node)));
            }
            let known: Vec<u32> = nodes.known().map(|(id, _)| id.number()).collect();
            assert_eq!(known, [before, vec![id]].concat(), "each once");
        }
        assert_eq!([0, 1, 29, 31, 1000].map(|id| nodes.get(Id::of(id))), [Node::Plain; 5]);
        assert_eq!([7, 2].map(|id| nodes.get(Id::of(id))), [Node::Unreadable(""); 2]);
        assert_eq!(size_of::<Known>(), 20);
        let before = nodes.references.len();
        nodes.know(ids[0], told[0]);
        nodes.know(ids[0], told[0]);
        assert_eq!(nodes.references.len(), before + 3, "what is known is not kept twice");
    }
}
