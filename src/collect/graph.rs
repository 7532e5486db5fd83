//! What names what: manifests by digest, once for all repositories.

use super::digest_table::DigestTable;
use super::inventory::{Content, Inventory};
use super::keep_from::KeepFrom;
use super::nodes::Nodes;
use super::packing::make_room;
use super::said::{Names, Said};
use super::unread::{each_to_read, is_lenient};
use crate::model::Digest;
use smallvec::SmallVec;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

pub use super::nodes::{Node, References};
pub use super::unread::manifests_to_read;

/// A digest's number in the graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(u32);

impl Id {
    /// The digest of this number.
    pub(super) const fn of(number: u32) -> Self {
        Self(number)
    }

    pub(super) fn number(self) -> u32 {
        self.0
    }

    /// As an index.
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A map by numbers of the graph: these are handed out one after the other, so nobody can choose them.
pub type IdMap<V> = HashMap<Id, V, BuildHasherDefault<IdHasher>>;

/// Spreads numbers.
#[derive(Debug, Clone, Copy, Default)]
pub struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u32(u32::from(*byte));
        }
    }

    fn write_u32(&mut self, number: u32) {
        let spread = (self.0 ^ u64::from(number)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = spread ^ spread >> 32;
    }
}

/// Why a manifest is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expectation {
    /// A revision link or a tag names it: if it cannot be read, its repository is damaged.
    Manifest,
    /// An unknown link or the user names it: it may as well be a layer.
    Perhaps,
}

/// What reading a manifest gave.
#[derive(Debug)]
pub enum Fetched {
    /// Its bytes.
    Bytes(bytes::Bytes),
    /// There is no such object.
    Missing,
    /// It is larger than any manifest; its size in bytes.
    TooLarge(u64),
}

/// Manifests and their references.
#[derive(Debug, Clone, Default)]
pub struct Graph {
    /// What the links of the first inventory name: numbered there, and shared with it.
    linked: Arc<DigestTable>,
    /// What came to light later, numbered behind those.
    more: DigestTable,
    /// Of most digests nothing is known but that they are named.
    nodes: Nodes,
    /// What a link's key names, to what its content names.
    aliases: HashMap<Id, Vec<Id>>,
    /// Manifests by the word of journals, though no repository may link them now.
    expected: HashSet<Digest>,
}

impl Graph {
    /// Begins with what the links of an inventory say, once they have been read.
    #[must_use]
    pub fn new(inventory: &Inventory) -> Self {
        let linked = Arc::clone(&inventory.digests);
        let (more, nodes) = (DigestTable::with(linked.shelf()), Nodes::on(linked.shelf_in_use()));
        let mut graph = Self { linked, more, nodes, ..Self::default() };
        graph.learn_links(inventory);
        graph
    }

    /// Takes in what the links of a later inventory say, beside what was known: a name that stood for something else once
    /// goes on keeping it.
    pub fn learn_links(&mut self, inventory: &Inventory) {
        for repository in &inventory.repositories {
            for link in repository.revisions.odd().iter().chain(repository.layers.odd()) {
                if let Content::Other(other) = link.content() {
                    let (named, meant) = (self.intern(&link.digest), self.intern(other));
                    let meant_by = self.aliases.entry(named).or_default();
                    if !meant_by.contains(&meant) {
                        meant_by.push(meant);
                    }
                }
            }
            for link in &repository.signatures {
                self.intern(&link.revision);
                self.intern(&link.signature);
            }
        }
        for aliases in self.aliases.values_mut() {
            aliases.sort();
        }
    }

    /// Takes note of what is a manifest, if it is there, though no repository may link it now: [`Self::to_follow`] tells of
    /// it once something names it.
    pub fn expect(&mut self, manifests: impl IntoIterator<Item = Digest>) {
        self.expected.extend(manifests);
    }

    /// What known manifests name, by any name, that is expected to be a manifest.
    #[must_use]
    pub fn to_follow(&self) -> HashSet<Digest> {
        if self.expected.is_empty() {
            return HashSet::new();
        }
        let named = self.known().filter_map(|(_, node)| match node {
            Node::Manifest { references, .. } => Some(references),
            Node::Plain | Node::Unreadable(_) | Node::Missing => None,
        });
        let named = named.flat_map(|references| references.all().into_owned());
        let named = named.flat_map(|id| std::iter::once(id).chain(self.aliases(id).iter().copied()));
        named.map(|id| self.digest(id)).filter(|digest| self.expected.contains(digest)).collect()
    }

    /// What the links of the first inventory name.
    #[must_use]
    pub fn linked(&self) -> &Arc<DigestTable> {
        &self.linked
    }

    /// The number of a digest; a new one if it has none.
    pub fn intern(&mut self, digest: &Digest) -> Id {
        match self.linked.find(digest) {
            Some(number) => Id(number),
            None => Id(self.first_of_more() + self.more.insert(digest)),
        }
    }

    /// The number of a digest, if it has one.
    #[must_use]
    pub fn id(&self, digest: &Digest) -> Option<Id> {
        let more = || Some(self.first_of_more() + self.more.find(digest)?);
        self.linked.find(digest).or_else(more).map(Id)
    }

    fn first_of_more(&self) -> u32 {
        u32::try_from(self.linked.len()).unwrap_or(u32::MAX)
    }

    /// The digest of a number.
    #[must_use]
    pub fn digest(&self, id: Id) -> Digest {
        match id.0.checked_sub(self.first_of_more()) {
            Some(number) => self.more.get(number),
            None => self.linked.get(id.0),
        }
    }

    /// What is known of a digest.
    #[must_use]
    pub fn node(&self, id: Id) -> Node<'_> {
        self.nodes.get(id)
    }

    /// What is known of a digest by its name.
    #[must_use]
    pub fn node_of(&self, digest: &Digest) -> Node<'_> {
        self.id(digest).map_or(Node::Plain, |id| self.node(id))
    }

    /// What a digest stands for besides itself.
    #[must_use]
    pub fn aliases(&self, id: Id) -> &[Id] {
        self.aliases.get(&id).map_or(&[], Vec::as_slice)
    }

    /// How many digests there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.linked.len() + self.more.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All numbers.
    pub fn ids(&self) -> impl Iterator<Item = Id> + use<> {
        (0..u32::try_from(self.len()).unwrap_or(u32::MAX)).map(Id)
    }

    /// All digests of which something is known.
    pub fn known(&self) -> impl Iterator<Item = (Id, Node<'_>)> {
        self.nodes.known()
    }

    /// The numbers of all that must be read to know what is needed and that is not known so far, each once, in order. What
    /// was missing may be there by now.
    pub fn unread(&mut self, inventory: &Inventory, keep_from: &[KeepFrom]) -> Vec<(Id, Expectation)> {
        let mut wanted: Vec<(Id, Expectation)> = Vec::new();
        each_to_read(inventory, keep_from, |digest, expectation| {
            let id = self.intern(digest);
            if matches!(self.node(id), Node::Plain | Node::Missing) {
                make_room(&mut wanted, 1);
                wanted.push((id, expectation));
            }
        });
        wanted.sort_unstable_by_key(|(id, expectation)| (*id, is_lenient(*expectation)));
        wanted.dedup_by_key(|(id, _)| *id);
        self.nodes.expect(wanted.len());
        wanted
    }

    /// Takes in what reading a manifest gave.
    pub fn learn(&mut self, digest: &Digest, expectation: Expectation, fetched: &Fetched) {
        self.hear(digest, expectation, &Said::of(digest, fetched));
    }

    /// Takes in all that was learned of manifests without knowing any link.
    pub fn take_in(&mut self, other: &Self) {
        let ids: Vec<Id> = other.ids().map(|id| self.intern(&other.digest(id))).collect();
        for (id, node) in other.known() {
            let mut named: SmallVec<[Id; 32]> = SmallVec::new();
            let node = match node {
                Node::Manifest { references, subject } => {
                    named.extend(references.all().iter().map(|id| ids[id.index()]));
                    Node::Manifest { references: named[..].into(), subject: subject.map(|id| ids[id.index()]) }
                }
                Node::Plain | Node::Unreadable(_) | Node::Missing => node,
            };
            self.nodes.know(ids[id.index()], node);
        }
    }

    /// Takes in what a manifest says.
    pub fn hear(&mut self, digest: &Digest, expectation: Expectation, said: &Said) {
        let mut named: SmallVec<[Id; 32]> = SmallVec::new();
        let node = match said {
            Said::Missing => Node::Missing,
            Said::Unreadable(_) if expectation == Expectation::Perhaps => Node::Plain,
            Said::Unreadable(why) => Node::Unreadable(why),
            Said::Names(Names { references, subject }) => {
                named.extend(references.iter().map(|reference| self.intern(reference)));
                Node::Manifest {
                    references: named[..].into(),
                    subject: subject.as_ref().map(|subject| self.intern(subject)),
                }
            }
        };
        let id = self.intern(digest);
        self.nodes.know(id, node);
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::super::scene::{Storage, name, of, options, sha512, tag};
    use super::*;
    use crate::layout;

    #[test]
    fn manifest_whose_bytes_do_not_have_its_digest_is_unreadable() {
        let mut graph = Graph::default();
        let digest = Digest::of(b"something else");
        let image = br#"{"schemaVersion":2,"manifests":[]}"#;
        graph.learn(&digest, Expectation::Manifest, &Fetched::Bytes(bytes::Bytes::from_static(image)));
        assert_eq!(graph.node_of(&digest), Node::Unreadable("its content does not have its digest"));
    }

    #[test]
    fn what_is_expected_to_be_a_manifest_is_followed_once_something_names_it() {
        let (child, layer) = (Digest::of(b"child"), Digest::of(b"layer"));
        let json = format!(r#"{{"schemaVersion":2,"manifests":[{{"digest":"{child}"}},{{"digest":"{layer}"}}]}}"#);
        let mut graph = Graph::default();
        graph.expect([child.clone(), Digest::of(b"named by nobody")]);
        assert!(graph.to_follow().is_empty());
        let index = Digest::of(json.as_bytes());
        graph.learn(&index, Expectation::Manifest, &Fetched::Bytes(json.into()));
        assert_eq!(graph.to_follow(), HashSet::from([child]));
    }

    #[test]
    fn what_was_learned_before_the_links_is_known_with_them() {
        let mut storage = Storage::default();
        let layer = storage.layer("a", "layer");
        storage.layer("a", "other");
        let (index, subject) = (storage.index("a", &[&layer, &of("more")]), of("subject"));
        let about = storage.about("a", &[&layer], Some(&subject));
        let learned: [(&Digest, Said); 4] = [
            (&index, Said::Names(Names { references: vec![layer.clone(), of("more"), layer.clone()], subject: None })),
            (&about, Said::Names(Names { references: vec![of("more")], subject: Some(subject) })),
            (&of("missing"), Said::Missing),
            (&of("odd"), Said::Unreadable("why".into())),
        ];
        let mut graphs = [Graph::new(&storage.inventory(&options())), Graph::new(&storage.inventory(&options()))];
        let mut early = Graph::default();
        for (digest, said) in &learned {
            early.hear(digest, Expectation::Manifest, said);
            graphs[0].hear(digest, Expectation::Manifest, said);
        }
        graphs[1].take_in(&early);
        let told = graphs.map(|graph| {
            let digests = |ids: &[Id]| ids.iter().map(|id| graph.digest(*id)).collect::<Vec<_>>();
            let known = graph.known().map(|(id, node)| match node {
                Node::Manifest { references, subject } => {
                    (graph.digest(id), digests(&references.all()), subject.map(|id| graph.digest(id)), String::new())
                }
                other => (graph.digest(id), Vec::new(), None, format!("{other:?}")),
            });
            known.collect::<Vec<_>>()
        });
        assert_eq!(told[0].len(), learned.len());
        assert_eq!(told[0], told[1]);
    }

    #[test]
    fn what_is_only_perhaps_a_manifest_damages_nothing() {
        let mut graph = Graph::default();
        let digest = Digest::of(b"a layer");
        graph.learn(&digest, Expectation::Perhaps, &Fetched::Bytes(bytes::Bytes::from_static(b"a layer")));
        assert_eq!(graph.node_of(&digest), Node::Plain);
        graph.learn(&digest, Expectation::Perhaps, &Fetched::TooLarge(1 << 30));
        assert_eq!(graph.node_of(&digest), Node::Plain);
        graph.learn(&digest, Expectation::Perhaps, &Fetched::Missing);
        assert_eq!(graph.node_of(&digest), Node::Missing);
    }

    #[test]
    fn digests_are_numbered_once_and_told_by_their_number() {
        let mut graph = Graph::default();
        assert_eq!((graph.is_empty(), graph.len(), graph.ids().count()), (true, 0, 0));
        let [one, two] = ["one", "two"].map(of);
        let ids = [graph.intern(&one), graph.intern(&two), graph.intern(&one)];
        assert_eq!(ids.map(Id::index), [0, 1, 0]);
        assert_eq!((graph.id(&two), graph.id(&of("three"))), (Some(ids[1]), None));
        assert_eq!((graph.digest(ids[0]), graph.digest(ids[1])), (one, two.clone()));
        graph.learn(&two, Expectation::Manifest, &Fetched::Missing);
        assert_eq!(graph.ids().collect::<Vec<_>>(), ids[..2]);
        assert_eq!(graph.known().collect::<Vec<_>>(), [(ids[1], Node::Missing)]);
        assert_eq!((graph.node(ids[0]), graph.node(ids[1])), (Node::Plain, Node::Missing));
        assert_eq!(graph.node_of(&of("three")), Node::Plain, "nothing is known of it");
        assert_eq!((graph.is_empty(), graph.len()), (false, 2));
    }

    #[test]
    fn manifest_names_its_parts_and_what_it_is_about() {
        let mut graph = Graph::default();
        let (child, subject) = (of("child"), of("subject"));
        let json =
            format!(r#"{{"schemaVersion":2,"manifests":[{{"digest":"{child}"}}],"subject":{{"digest":"{subject}"}}}}"#);
        graph.learn(&of(&json), Expectation::Perhaps, &Fetched::Bytes(json.clone().into()));
        let [child, subject] = [graph.intern(&child), graph.intern(&subject)];
        let named = [child];
        let node = Node::Manifest { references: named[..].into(), subject: Some(subject) };
        assert_eq!(graph.node_of(&of(&json)), node);
        graph.learn(&of("x"), Expectation::Manifest, &Fetched::TooLarge(5));
        assert_eq!(graph.node_of(&of("x")), Node::Unreadable("5 bytes are too many for a manifest"));
    }

    #[test]
    fn name_goes_on_standing_for_all_that_it_ever_stood_for() {
        let mut storage = Storage::default();
        let key = layout::layer_link(&name("a"), &sha512("content"));
        storage.link(key.clone(), &of("first").to_string());
        let mut graph = Graph::new(&storage.inventory(&options()));
        for says in ["second", "second", "first"] {
            storage.link(key.clone(), &of(says).to_string());
            graph.learn_links(&storage.inventory(&options()));
        }
        let id = graph.intern(&sha512("content"));
        let meant: Vec<Digest> = graph.aliases(id).iter().map(|id| graph.digest(*id)).collect();
        assert_eq!(meant, [of("first"), of("second")]);
        let first = graph.intern(&of("first"));
        assert!(graph.aliases(first).is_empty());
    }

    #[test]
    fn every_digest_that_may_be_a_manifest_is_read_once() {
        let mut storage = Storage::default();
        let image = storage.index("a", &[]);
        storage.put(layout::revision_link(&name("b"), &image));
        let alias = sha512("image");
        storage.link(layout::revision_link(&name("b"), &alias), &image.to_string());
        storage.tag("a", "v1", &of("unlinked"));
        storage.link(layout::tag_current(&name("a"), &tag("v2")), "nonsense");
        storage.put(layout::tag_history(&name("a"), &tag("v2"), &of("perhaps meant")));
        storage.put(layout::tag_history(&name("a"), &tag("v1"), &of("named before")));
        storage.put(format!("{}_x/sha256/{}/link", layout::repository(&name("a")), of("suspect").hex()));
        storage.put(format!("{}Up/_layers/sha256/{}/link", layout::REPOSITORIES, of("stranger").hex()));
        storage.layer("a", "layer");
        let keep = [KeepFrom::Digest(of("kept")), "c:v1".parse().unwrap(), KeepFrom::Image("c".into(), image.clone())];
        let mut expected = vec![
            (image, Expectation::Manifest),
            (alias, Expectation::Manifest),
            (of("unlinked"), Expectation::Manifest),
            (of("perhaps meant"), Expectation::Perhaps),
            (of("suspect"), Expectation::Perhaps),
            (of("stranger"), Expectation::Perhaps),
            (of("kept"), Expectation::Perhaps),
        ];
        expected.sort_by(|a, b| a.0.cmp(&b.0));
        let inventory = storage.inventory(&options());
        assert_eq!(manifests_to_read(&inventory, &keep), expected);

        let mut graph = Graph::new(&inventory);
        let told = |graph: &mut Graph| {
            let unread = graph.unread(&inventory, &keep);
            assert!(unread.is_sorted_by_key(|(id, _)| *id));
            let mut told: Vec<_> = unread.iter().map(|(id, why)| (graph.digest(*id), *why)).collect();
            told.sort_by(|a, b| a.0.cmp(&b.0));
            told
        };
        assert_eq!(told(&mut graph), expected);
        let (found, gone) = (expected.remove(0), expected[1].clone());
        graph.hear(&found.0, found.1, &Said::Names(Names { references: Vec::new(), subject: None }));
        graph.hear(&gone.0, gone.1, &Said::Missing);
        assert_eq!(told(&mut graph), expected, "what was missing may be there by now");
    }
}
