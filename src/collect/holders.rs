//! The space of each repository: its links and uploads, and the blobs that it alone links.
//!
//! What several link belongs to none of them: whoever loses it frees nothing. So the parts add up to the whole.

use super::blobs::Owner;
use super::graph::{Graph, Id};
use super::inventory::{Inventory, Repository};
use super::roots::names;
use crate::model::Digest;
use std::collections::HashMap;

/// One part of the space, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Part {
    /// What is there.
    pub before: u64,
    /// What of it waits, or is too young to go.
    pub later: u64,
}

impl Part {
    fn add(&mut self, size: u64) {
        self.before = self.before.saturating_add(size);
    }
}

/// The space by whose it is. What is in none of the parts, no repository links.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parts {
    /// By repository, in the order of the inventory.
    pub repositories: Vec<Part>,
    /// Blobs that several link.
    pub several: Part,
    /// Blobs that none links.
    pub unlinked: Part,
}

impl Parts {
    fn of(&mut self, owner: Option<Owner>) -> &mut Part {
        match owner {
            Some(Owner::One(at)) => self.repositories.get_mut(at).unwrap_or(&mut self.unlinked),
            Some(Owner::Shared) => &mut self.several,
            None => &mut self.unlinked,
        }
    }

    /// Counts a blob.
    pub(super) fn add(&mut self, owner: Option<Owner>, size: u64) {
        self.of(owner).add(size);
    }

    /// Counts a blob that is counted already as one that can go later.
    pub(super) fn can_go_later(&mut self, owner: Option<Owner>, size: u64) {
        let part = self.of(owner);
        part.later = part.later.saturating_add(size);
    }
}

/// Who links what, as a listing of repositories found it.
#[derive(Debug, Clone, Default)]
pub struct Holders {
    /// Of each digest of the graph.
    known: Known,
    /// Of digests that are linked and named by no manifest.
    others: HashMap<Digest, u32>,
    links: Parts,
}

const NOBODY: u32 = u32::MAX;
const SEVERAL: u32 = u32::MAX - 1;

/// A repository's number for each digest, or one of the two above: of ten million digests each byte counts, and few
/// registries have more repositories than two bytes tell.
#[derive(Debug, Clone)]
enum Known {
    Narrow(Vec<u16>),
    Wide(Vec<u32>),
}

impl Default for Known {
    fn default() -> Self {
        Self::Narrow(Vec::new())
    }
}

impl Known {
    /// Nobody's, all of them.
    fn of(digests: usize, repositories: usize) -> Self {
        if repositories < usize::from(u16::MAX - 1) {
            Self::Narrow(vec![u16::MAX; digests])
        } else {
            Self::Wide(vec![NOBODY; digests])
        }
    }

    fn get(&self, id: Id) -> Option<u32> {
        match self {
            Self::Narrow(all) => all.get(id.index()).map(|holder| match *holder {
                u16::MAX => NOBODY,
                holder if holder == u16::MAX - 1 => SEVERAL,
                number => number.into(),
            }),
            Self::Wide(all) => all.get(id.index()).copied(),
        }
    }

    fn set(&mut self, id: Id, holder: u32) {
        match self {
            Self::Narrow(all) => {
                all[id.index()] = match holder {
                    SEVERAL => u16::MAX - 1,
                    number => u16::try_from(number).unwrap_or(u16::MAX),
                }
            }
            Self::Wide(all) => all[id.index()] = holder,
        }
    }
}

impl Holders {
    /// Reads it off the links.
    #[must_use]
    pub fn of(inventory: &Inventory, graph: &Graph) -> Self {
        let repositories = vec![Part::default(); inventory.repositories.len()];
        let links = Parts { repositories, ..Parts::default() };
        let known = Known::of(graph.len(), inventory.repositories.len());
        let mut holders = Self { known, others: HashMap::new(), links };
        for (at, (repository, number)) in inventory.repositories.iter().zip(0..SEVERAL).enumerate() {
            for links in [&repository.revisions, &repository.layers] {
                if let Some(numbers) = links.usual_in(graph.linked()) {
                    numbers.for_each(|id| holders.add_known(Id::of(id), number));
                    links.odd().iter().flat_map(names).for_each(|digest| holders.add(graph, digest, number));
                } else {
                    links.names().for_each(|digest| holders.add(graph, &digest, number));
                }
            }
            repository.signatures.iter().for_each(|link| holders.add(graph, &link.signature, number));
            holders.links.repositories[at].before = bytes_of_keys(repository);
        }
        holders
    }

    fn add(&mut self, graph: &Graph, digest: &Digest, number: u32) {
        if let Some(id) = graph.id(digest) {
            self.add_known(id, number);
        } else {
            let holder = self.others.entry(digest.clone()).or_insert(NOBODY);
            *holder = held_by(*holder, number);
        }
    }

    fn add_known(&mut self, id: Id, number: u32) {
        if let Some(holder) = self.known.get(id) {
            self.known.set(id, held_by(holder, number));
        }
    }

    /// Whose a blob is. `going` is who loses pointers to it by the plan: these may name it without a link of its own.
    #[must_use]
    pub(super) fn whose(&self, id: Option<Id>, digest: &Digest, going: Option<Owner>) -> Option<Owner> {
        let known = id.and_then(|id| self.known.get(id));
        let linked = match known.or_else(|| self.others.get(digest).copied()).unwrap_or(NOBODY) {
            NOBODY => None,
            SEVERAL => Some(Owner::Shared),
            number => Some(Owner::One(number as usize)),
        };
        match (linked, going) {
            (Some(linked), Some(going)) if linked != going => Some(Owner::Shared),
            (linked, going) => linked.or(going),
        }
    }

    /// The space of the links alone, to which blobs are added.
    pub(super) fn links(&self) -> Parts {
        self.links.clone()
    }
}

/// Who holds what was held so, and by this repository.
fn held_by(holder: u32, number: u32) -> u32 {
    if holder == NOBODY || holder == number { number } else { SEVERAL }
}

/// Bytes of all keys below a repository that are understood.
fn bytes_of_keys(repository: &Repository) -> u64 {
    let tags = repository.tags.values().flat_map(|entry| {
        let current = entry.current.map(|current| current.evidence.size);
        current.into_iter().chain(entry.history.into_iter().map(|link| link.size()))
    });
    let links = [&repository.revisions, &repository.layers].into_iter().map(super::links::Links::bytes);
    let signatures = repository.signatures.iter().map(|link| link.evidence.size);
    let uploads = repository.uploads.values().map(super::inventory::Upload::bytes);
    links.chain(signatures).chain(tags).chain(uploads).fold(0, u64::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::super::scene::{Storage, name, of, options, sha512, tag};
    use super::*;
    use crate::layout;

    #[test]
    fn what_one_links_is_its_own_and_what_several_link_is_nobodys() {
        let mut storage = Storage::default();
        let own = storage.layer("a", "own");
        let image = storage.index("a", &[&own]);
        storage.tag("a", "v1", &image);
        storage.put(layout::tag_history(&name("a"), &tag("v1"), &image));
        storage.layer("a", "shared");
        storage.layer("b", "shared");
        storage.upload("b", &["startedat"]);
        storage.blob("orphan");
        let (scan, _) = storage.scan(&options());
        let size = storage.seen(&layout::blob_data(&image)).size;
        let of_bytes = |before| Part { before, later: 0 };
        let a = 5 * 71 + 3 + size;
        assert_eq!(scan.blobs.parts.repositories, [of_bytes(a), of_bytes(71 + 71)]);
        assert_eq!((scan.blobs.parts.several, scan.blobs.parts.unlinked), (of_bytes(6), of_bytes(6)));
    }

    #[test]
    fn blob_is_whose_the_pointers_are_that_name_it() {
        let mut storage = Storage::default();
        let linked = storage.layer("a", "x");
        let (scan, _) = storage.scan(&options());
        let holders = Holders::of(&scan.inventory, &scan.graph);
        let whose = |digest: &Digest, going| holders.whose(scan.graph.id(digest), digest, going);
        let (a, b, several) = (Some(Owner::One(0)), Some(Owner::One(1)), Some(Owner::Shared));
        assert_eq!([None, a, b, several].map(|going| whose(&linked, going)), [a, a, several, several]);
        assert_eq!([None, b, several].map(|going| whose(&of("y"), going)), [None, b, several]);
    }

    #[test]
    fn holders_are_known_in_two_bytes_as_in_four() {
        let most = usize::from(u16::MAX) - 2;
        for repositories in [0, most, most + 1] {
            let mut known = Known::of(3, repositories);
            assert_eq!((known.get(Id::of(2)), known.get(Id::of(3))), (Some(NOBODY), None));
            for holder in [0, 1, u32::try_from(most).unwrap_or_default() - 1, SEVERAL, NOBODY] {
                known.set(Id::of(1), holder);
                assert_eq!(known.get(Id::of(1)), Some(holder));
            }
            assert_eq!(matches!(known, Known::Narrow(_)), repositories <= most);
        }
    }

    /// A digest by which a link stands for another, and one that a manifest names as well.
    #[test]
    fn every_name_of_a_link_counts() {
        let mut storage = Storage::default();
        let layer = storage.blob("layer");
        storage.link(layout::layer_link(&name("a"), &sha512("layer")), &layer.to_string());
        let image = storage.index("b", &[&layer]);
        storage.tag("b", "v1", &image);
        let (scan, _) = storage.scan(&options());
        let holders = Holders::of(&scan.inventory, &scan.graph);
        let whose = |digest: &Digest| holders.whose(scan.graph.id(digest), digest, None);
        assert_eq!(whose(&layer), Some(Owner::One(0)), "the manifest of b names it without a link");
        assert_eq!(whose(&sha512("layer")), Some(Owner::One(0)));
        assert_eq!(whose(&image), Some(Owner::One(1)));
    }

    #[test]
    fn what_waits_or_is_young_can_go_later() {
        use super::super::scene::{DAY, NOW};
        let mut storage = Storage::default();
        storage.layer("a", "waiting");
        let young = storage.layer("b", "young one");
        storage.seen(&layout::layer_link(&name("b"), &young)).modified = NOW;
        storage.blob("orphan");
        let options = super::super::options::Options { min_age: DAY, defer: DAY, ..options() };
        let (scan, _) = storage.scan(&options);
        let later: Vec<u64> = scan.blobs.parts.repositories.iter().map(|part| part.later).collect();
        assert_eq!((later, scan.blobs.parts.unlinked.later), (vec![7, 9], 6));
    }
}
