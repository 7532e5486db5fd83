//! What there is: eight digests, two repositories, two tags in each, and the sets of them that everything else works on.

use std::fmt;

/// A digest, by its place in [`NAMES`].
pub type Digest = u8;
/// A repository, by its place in [`REPOSITORIES`].
pub type Repository = u8;
/// A tag of a repository.
pub type Tag = u8;

/// Two layers.
pub const A: Digest = 0;
pub const B: Digest = 1;
/// Two images made of layer `a`.
pub const M: Digest = 2;
pub const N: Digest = 3;
/// Two images made of layer `b`.
pub const K: Digest = 4;
pub const V: Digest = 5;
/// An index of image `m`, and an index of that index.
pub const I: Digest = 6;
pub const J: Digest = 7;

pub const NAMES: [&str; 8] = ["a", "b", "m", "n", "k", "v", "i", "j"];
pub const REPOSITORIES: [&str; 2] = ["app", "lib"];
pub const TAGS: [&str; 2] = ["1.0", "2.0"];

/// What each digest names.
const CHILDREN: [&[Digest]; 8] = [&[], &[], &[A], &[A], &[B], &[B], &[M], &[I]];
/// The same with all that the named ones name, and itself.
const CLOSURES: [Set; 8] =
    [set(&[A]), set(&[B]), set(&[M, A]), set(&[N, A]), set(&[K, B]), set(&[V, B]), set(&[I, M, A]), set(&[J, I, M, A])];
/// Which of them are manifests.
pub const MANIFESTS: Set = set(&[M, N, K, V, I, J]);

pub fn children(digest: Digest) -> &'static [Digest] {
    CHILDREN[digest as usize]
}

/// A set of digests.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Set(pub u8);

pub const fn set(digests: &[Digest]) -> Set {
    let (mut bits, mut at) = (0, 0);
    while at < digests.len() {
        bits |= 1 << digests[at];
        at += 1;
    }
    Set(bits)
}

impl Set {
    pub fn has(self, digest: Digest) -> bool {
        self.0 & (1 << digest) != 0
    }
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
    pub fn add(&mut self, digest: Digest) {
        self.0 |= 1 << digest;
    }
    pub fn remove(&mut self, digest: Digest) {
        self.0 &= !(1 << digest);
    }
    pub fn and(self, other: Set) -> Set {
        Set(self.0 & other.0)
    }
    pub fn or(self, other: Set) -> Set {
        Set(self.0 | other.0)
    }
    pub fn minus(self, other: Set) -> Set {
        Set(self.0 & !other.0)
    }
    pub fn first(self) -> Option<Digest> {
        (self.0 != 0).then(|| u8::try_from(self.0.trailing_zeros()).expect("a digest"))
    }
    pub fn digests(self) -> impl Iterator<Item = Digest> {
        (0..8).filter(move |digest| self.has(*digest))
    }
    /// These, and all that they name.
    pub fn closure(self) -> Set {
        self.digests().fold(Set::default(), |all, digest| all.or(CLOSURES[digest as usize]))
    }
}

impl fmt::Debug for Set {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = (0..8).filter(|digest| self.has(*digest)).map(|digest| NAMES[digest as usize]).collect();
        write!(f, "{{{}}}", names.join(" "))
    }
}

/// What a pointer is. The order is that of deletion.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Current(Tag),
    History(Tag),
    Revision,
    Layer,
}

impl Kind {
    pub const ALL: [Kind; 6] =
        [Kind::Current(0), Kind::Current(1), Kind::History(0), Kind::History(1), Kind::Revision, Kind::Layer];

    fn place(self) -> u32 {
        match self {
            Kind::Current(tag) => u32::from(tag),
            Kind::History(tag) => 2 + u32::from(tag),
            Kind::Revision => 4,
            Kind::Layer => 5,
        }
    }
}

/// One file `link` in a repository: where it lies, and the digest in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Link {
    pub repository: Repository,
    pub kind: Kind,
    pub digest: Digest,
}

pub const fn link(repository: Repository, kind: Kind, digest: Digest) -> Link {
    Link { repository, kind, digest }
}

/// A set of links: six kinds of eight digests for each of two repositories.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Links(pub u128);

const REPOSITORY: u32 = 48;

impl fmt::Debug for Links {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut list = f.debug_list();
        for repository in 0..2 {
            for kind in Kind::ALL {
                let digests = self.get(repository, kind);
                if !digests.is_empty() {
                    list.entry(&format_args!("{} {kind:?} {digests:?}", REPOSITORIES[repository as usize]));
                }
            }
        }
        list.finish()
    }
}

impl Links {
    fn shift(repository: Repository, kind: Kind) -> u32 {
        u32::from(repository) * REPOSITORY + kind.place() * 8
    }
    fn bit(link: Link) -> u128 {
        1 << (Links::shift(link.repository, link.kind) + u32::from(link.digest))
    }
    pub fn get(self, repository: Repository, kind: Kind) -> Set {
        Set((self.0 >> Links::shift(repository, kind)) as u8)
    }
    pub fn set(&mut self, repository: Repository, kind: Kind, digests: Set) {
        let shift = Links::shift(repository, kind);
        self.0 = self.0 & !(0xff << shift) | u128::from(digests.0) << shift;
    }
    /// What is in one repository.
    pub fn of_repository(self, repository: Repository) -> Links {
        let mask = (1 << REPOSITORY) - 1;
        Links(self.0 & mask << (u32::from(repository) * REPOSITORY))
    }
    pub fn has(self, link: Link) -> bool {
        self.0 & Links::bit(link) != 0
    }
    pub fn add(&mut self, link: Link) {
        self.0 |= Links::bit(link);
    }
    pub fn remove(&mut self, link: Link) {
        self.0 &= !Links::bit(link);
    }
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
    pub fn and(self, other: Links) -> Links {
        Links(self.0 & other.0)
    }
    pub fn or(self, other: Links) -> Links {
        Links(self.0 | other.0)
    }
    pub fn minus(self, other: Links) -> Links {
        Links(self.0 & !other.0)
    }
    /// The first in the order of deletion; of the revisions the one that names most comes first, or with `parents_first`
    /// off last.
    pub fn first(self, parents_first: bool) -> Option<Link> {
        for kind in Kind::ALL {
            for repository in 0..2 {
                let digests = self.get(repository, kind);
                // Parents have the higher numbers.
                let order: [Digest; 8] =
                    if parents_first { [7, 6, 5, 4, 3, 2, 1, 0] } else { [0, 1, 2, 3, 4, 5, 6, 7] };
                if let Some(digest) = order.into_iter().find(|digest| digests.has(*digest)) {
                    return Some(link(repository, kind, digest));
                }
            }
        }
        None
    }
    /// Those of these links that name one of the digests.
    pub fn naming(self, digests: Set) -> Links {
        let mut named = Links::default();
        for repository in 0..2 {
            for kind in Kind::ALL {
                named.set(repository, kind, self.get(repository, kind).and(digests));
            }
        }
        named
    }
    /// All digests in these links, whatever repository and kind.
    pub fn digests(self) -> Set {
        let mut all = Set::default();
        for repository in 0..2 {
            for kind in Kind::ALL {
                all = all.or(self.get(repository, kind));
            }
        }
        all
    }
    /// These, and all that they name.
    pub fn named(self) -> Set {
        self.digests().closure()
    }
    /// Each of them.
    pub fn all(self) -> impl Iterator<Item = Link> {
        let kinds = (0..2).flat_map(|repository| Kind::ALL.map(move |kind| (repository, kind)));
        kinds.flat_map(move |(repository, kind)| {
            self.get(repository, kind).digests().map(move |digest| link(repository, kind, digest)).collect::<Vec<_>>()
        })
    }
    /// The tags whose current links are among these.
    pub fn places(self) -> impl Iterator<Item = (Repository, Tag)> {
        self.all().filter_map(|link| match link.kind {
            Kind::Current(tag) => Some((link.repository, tag)),
            _ => None,
        })
    }
    /// The current links among these.
    pub fn tags(self) -> Links {
        let mut tags = Links::default();
        for repository in 0..2 {
            for kind in [Kind::Current(0), Kind::Current(1)] {
                tags.set(repository, kind, self.get(repository, kind));
            }
        }
        tags
    }
    /// The places of the tags whose current links are among these, with their history, whatever digest they may come to
    /// hold.
    pub fn with_history(self) -> Links {
        let mut all = Links::default();
        for repository in 0..2 {
            for tag in [0, 1] {
                if !self.get(repository, Kind::Current(tag)).is_empty() {
                    all.set(repository, Kind::Current(tag), Set(0xff));
                    all.set(repository, Kind::History(tag), Set(0xff));
                }
            }
        }
        all
    }
}
