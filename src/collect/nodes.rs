//! What is known of manifests: twenty bytes for each, some of an index, and four for each reference, in memory or on the
//! shelf.

use super::graph::{Id, IdHasher};
use super::packing::make_room;
use super::shelf::{Put, Shelf};
use hashbrown::HashTable;
use smallvec::SmallVec;
use std::borrow::Cow;
use std::fmt;
use std::hash::{BuildHasher as _, BuildHasherDefault};
use std::sync::Arc;

/// What is known of a digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Node<'a> {
    /// Nothing: a blob, or a manifest that no repository links.
    #[default]
    Plain,
    /// A manifest.
    Manifest {
        /// All it names.
        references: References<'a>,
        /// What it is about.
        subject: Option<Id>,
    },
    /// Linked as a manifest, but it cannot tell what it needs.
    Unreadable(&'a str),
    /// Looked for and not there.
    Missing,
}

impl<'a> Node<'a> {
    /// All that it names; nothing if it is no manifest.
    #[must_use]
    pub fn named(&self) -> Cow<'a, [Id]> {
        match self {
            Self::Manifest { references, .. } => references.all(),
            Self::Plain | Self::Unreadable(_) | Self::Missing => Cow::Borrowed(&[]),
        }
    }
}

/// All that a manifest names. They may lie beside memory, and are got from there when they are asked for.
#[derive(Clone, Copy)]
pub struct References<'a>(Where<'a>);

#[derive(Clone, Copy)]
enum Where<'a> {
    Held(&'a [Id]),
    Put { chunk: &'a Put, first: usize, count: usize },
}

impl<'a> References<'a> {
    /// All of them.
    #[must_use]
    pub fn all(&self) -> Cow<'a, [Id]> {
        match self.0 {
            Where::Held(references) => Cow::Borrowed(references),
            Where::Put { chunk, first, count } => {
                let mut bytes: SmallVec<[u8; 256]> = SmallVec::from_elem(0, count * LENGTH);
                chunk.get(first * LENGTH, &mut bytes);
                Cow::Owned(bytes.as_chunks().0.iter().map(|bytes| Id::of(u32::from_le_bytes(*bytes))).collect())
            }
        }
    }
}

impl<'a> From<&'a [Id]> for References<'a> {
    fn from(references: &'a [Id]) -> Self {
        Self(Where::Held(references))
    }
}

impl PartialEq for References<'_> {
    /// Where they lie tells nothing.
    fn eq(&self, other: &Self) -> bool {
        self.all() == other.all()
    }
}

impl Eq for References<'_> {}

impl fmt::Debug for References<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.all().fmt(f)
    }
}

#[derive(Debug, Clone, Default)]
pub(super) struct Nodes {
    /// The places in `known`, where the hash of their digest's number says: of most digests nothing is known.
    places: HashTable<u32>,
    known: Vec<Known>,
    references: Vec<Chunk>,
    reasons: Vec<Box<str>>,
    shelf: Option<Arc<dyn Shelf>>,
}

/// References of some manifests, none of which has some in another.
#[derive(Debug, Clone)]
enum Chunk {
    Held(Vec<Id>),
    Put(Put),
}

/// So many references are in a chunk, unless one manifest has more.
const CHUNK: usize = if cfg!(test) { 4 } else { 1 << 16 };
const LENGTH: usize = 4;

/// A digest and what it is, in twenty bytes.
#[derive(Debug, Clone, Copy)]
struct Known {
    id: Id,
    /// What a manifest is about.
    subject: u32,
    /// Where its references begin in their chunk, and how many there are; the place of the reason why it cannot be read.
    first: u32,
    count: u32,
    chunk: u16,
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
    /// None so far; what they name is put on this shelf, if there is one.
    pub(super) fn on(beside: Option<&Arc<dyn Shelf>>) -> Self {
        Self { shelf: beside.cloned(), ..Self::default() }
    }

    /// Makes room for so many more of which something will be known.
    pub(super) fn expect(&mut self, more: usize) {
        self.known.reserve_exact(more);
    }

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
                let subject = (known.subject != NOTHING).then(|| Id::of(known.subject));
                Node::Manifest { references: self.references(known), subject }
            }
        }
    }

    fn references(&self, known: &Known) -> References<'_> {
        let (first, count) = (known.first as usize, known.count as usize);
        References(match &self.references[usize::from(known.chunk)] {
            Chunk::Held(all) => Where::Held(&all[first..first + count]),
            Chunk::Put(chunk) => Where::Put { chunk, first, count },
        })
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
        let place = low(self.known.len() - 1);
        let Self { places, known, .. } = self;
        places.insert_unique(hash(id), place, |place| hash(known[*place as usize].id));
    }

    fn keep(&mut self, id: Id, node: Node<'_>) -> Known {
        let known = |what| Known { id, subject: NOTHING, first: 0, count: 0, chunk: 0, what };
        match node {
            Node::Plain => known(What::Plain),
            Node::Missing => known(What::Missing),
            Node::Unreadable(why) => {
                self.reasons.push(why.into());
                Known { first: low(self.reasons.len() - 1), ..known(What::Unreadable) }
            }
            Node::Manifest { references, subject } => {
                let (chunk, first) = self.add(&references.all());
                let count = low(references.all().len());
                Known { subject: subject.map_or(NOTHING, Id::number), first, count, chunk, ..known(What::Manifest) }
            }
        }
    }

    /// Adds references at the end; tells in which chunk they are, and from where.
    fn add(&mut self, references: &[Id]) -> (u16, u32) {
        // A registry of four thousand million references does not fit into any memory that runs this.
        let is_last = self.references.len() > usize::from(u16::MAX);
        match self.references.last_mut() {
            Some(Chunk::Held(all)) if is_last || all.len() + references.len() <= CHUNK => {
                let first = low(all.len());
                make_room(all, references.len());
                all.extend_from_slice(references);
                return (self.last(), first);
            }
            Some(full) => full.put(self.shelf.as_ref()),
            None => {}
        }
        self.references.push(Chunk::Held(references.to_vec()));
        (self.last(), 0)
    }

    fn last(&self) -> u16 {
        u16::try_from(self.references.len() - 1).unwrap_or(u16::MAX)
    }
}

impl Chunk {
    /// Puts it on a shelf, if there is one that takes it.
    fn put(&mut self, beside: Option<&Arc<dyn Shelf>>) {
        let Self::Held(all) = self else { return };
        let bytes = || all.iter().flat_map(|id| id.number().to_le_bytes()).collect::<Vec<u8>>();
        match beside.and_then(|beside| Put::on(beside, &bytes())) {
            Some(put) => *self = Self::Put(put),
            None => all.shrink_to_fit(),
        }
    }
}

fn low(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::shelf::tests::InMemory;
    use super::*;

    /// Wherever it lies.
    #[test]
    fn last_that_was_learned_of_a_digest_is_told() {
        static IDS: [Id; 4] = [Id::of(4), Id::of(0), Id::of(4), Id::of(9)];
        let ids = IDS;
        let manifest = |references: &'static [Id], subject| Node::Manifest { references: references.into(), subject };
        let told = [
            manifest(&IDS[..3], Some(ids[3])),
            manifest(&[], None),
            Node::Unreadable("odd"),
            Node::Missing,
            manifest(&IDS[1..], None),
            Node::Plain,
            Node::Unreadable(""),
        ];
        let beside: Arc<dyn Shelf> = Arc::new(InMemory::of(24));
        for mut nodes in [Nodes::default(), Nodes::on(Some(&beside))] {
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
            let count = |nodes: &Nodes| nodes.references.iter().filter_map(Chunk::held).sum::<usize>();
            nodes.know(Id::of(50), told[0]);
            let before = (nodes.references.len(), count(&nodes));
            nodes.know(Id::of(50), told[0]);
            assert_eq!((nodes.references.len(), count(&nodes)), before, "what is known is not kept twice");
        }
        assert_eq!(size_of::<Known>(), 20);
    }

    /// More of one manifest than a chunk is to hold are together all the same.
    #[test]
    fn references_of_many_manifests_are_told_wherever_they_lie() {
        let of = |id: u32| -> Vec<Id> { (0..id % 11).map(|number| Id::of(number * 1000 + id)).collect() };
        for takes in [0, 40, usize::MAX] {
            let beside = Arc::new(InMemory::of(takes));
            let mut nodes = Nodes::on(Some(&(Arc::clone(&beside) as Arc<dyn Shelf>)));
            for id in 0..60 {
                let references = of(id);
                nodes.know(Id::of(id), Node::Manifest { references: references[..].into(), subject: None });
            }
            for (id, node) in nodes.known() {
                let references = of(id.number());
                assert_eq!(node, Node::Manifest { references: references[..].into(), subject: None });
            }
            let held: usize = nodes.references.iter().filter_map(Chunk::held).sum();
            let all: usize = (0..60).map(|id| of(id).len()).sum();
            assert_eq!(held + beside.len() / LENGTH, all);
            assert!(takes < usize::MAX || held <= 10, "only the last stays");
        }
    }

    impl Chunk {
        fn held(&self) -> Option<usize> {
            match self {
                Self::Held(all) => Some(all.len()),
                Self::Put(_) => None,
            }
        }
    }
}
