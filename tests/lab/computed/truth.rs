//! What a collection of a computed registry must find: numbers, counted with bits and loops.

use super::keys::Computed;
use super::shape::{Blob, Content, GROUP, Shape, TAGGED};

/// What there is, and what goes; `untagged` tells whether manifests without a tag go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Truth {
    /// Keys below `repositories/`.
    pub repository_keys: u64,
    /// Keys below `blobs/`.
    pub blobs: u64,
    /// Repositories.
    pub repositories: u64,
    /// Tags.
    pub tags: u64,
    /// Revision links, and distinct manifests.
    pub manifests: u64,
    /// Layer links.
    pub layer_links: u64,
    /// What a tag named once and nothing needs.
    pub stale_history: u64,
    /// Manifests that go.
    pub dead_manifests: u64,
    /// Layer links that go.
    pub dead_links: u64,
    /// Blobs that go.
    pub dead_blobs: u64,
}

impl Truth {
    /// Counts.
    pub fn of(computed: &Computed, untagged: bool) -> Self {
        let shape = &computed.shape;
        let mut truth = Self { repositories: shape.repositories() as u64, ..Self::default() };
        let mut pool_lives = Bits::new(shape.pool().count);
        let mut own_lives = 0;
        for repository in 0..shape.repositories() {
            let groups = shape.groups[repository];
            let (own, of_pool) = (shape.own(repository).count, shape.of_pool(repository));
            let mut needed = (Bits::new(own), Bits::new(of_pool));
            let manifests = (0..groups * GROUP).filter(|number| !untagged || is_live(number % GROUP));
            manifests.clone().for_each(|number| need(shape, repository, number, &mut needed));
            let live = manifests.count() as u64;
            truth.manifests += groups * GROUP;
            truth.tags += groups * TAGGED.len() as u64;
            truth.layer_links += own + of_pool;
            truth.dead_manifests += groups * GROUP - live;
            truth.dead_links += own + of_pool - needed.0.count() - needed.1.count();
            // One tag of a group has named an image that has no tag now.
            truth.stale_history += if untagged { groups } else { 0 };
            own_lives += needed.0.count();
            (0..of_pool)
                .filter(|place| needed.1.has(*place))
                .for_each(|place| pool_lives.set(shape.in_pool(repository, place)));
            truth.repository_keys += groups * (GROUP + 2 * TAGGED.len() as u64 + 1) + own + of_pool;
            truth.blobs += groups * GROUP + own;
        }
        truth.blobs += shape.pool().count + shape.orphans().count;
        let live = own_lives + pool_lives.count() + truth.manifests - truth.dead_manifests;
        truth.dead_blobs = truth.blobs - live;
        truth
    }
}

/// The last of a group has no tag, is in no index, and is about nothing.
fn is_live(at: u64) -> bool {
    at != GROUP - 1
}

fn need(shape: &Shape, repository: usize, number: u64, (own, pool): &mut (Bits, Bits)) {
    let mut blob = |blob: Blob| match blob {
        Blob::Own(number) => own.set(number),
        Blob::Pool(place) => pool.set(place),
    };
    match shape.content(repository, number) {
        Content::Image(blobs) => blobs.into_iter().for_each(blob),
        Content::Artifact(blobs, _) => blobs.into_iter().for_each(&mut blob),
        Content::Index(_) => (),
    }
}

struct Bits(Vec<u64>);

impl Bits {
    fn new(count: u64) -> Self {
        Self(vec![0; count.div_ceil(64) as usize])
    }

    fn set(&mut self, number: u64) {
        self.0[(number / 64) as usize] |= 1 << (number % 64);
    }

    fn has(&self, number: u64) -> bool {
        self.0[(number / 64) as usize] & (1 << (number % 64)) != 0
    }

    fn count(&self) -> u64 {
        self.0.iter().map(|bits| u64::from(bits.count_ones())).sum()
    }
}
