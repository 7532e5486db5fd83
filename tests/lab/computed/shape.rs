//! How many of what, and what belongs to what: all of it arithmetic.
//!
//! A registry is *wide* if its images have more layers of their own: more keys for the same manifests.
//!
//! A repository is made of groups of ten manifests, by their number in the group: images 0 to 3 with a tag each (3 has
//! taken its tag from 9), 4 an index with a tag whose children are 5 and 6, 7 an image with a tag, 8 an artifact about 7,
//! 9 an image without a tag. Images name a config, two layers of their own, two of the group before, eight of a pool
//! that all repositories share. One layer link of each group is needed by nothing, and some blobs are linked by nobody.

use super::digests::{Space, mix};

/// Manifests of a group.
pub(super) const GROUP: u64 = 10;
/// The images among them.
pub(super) const IMAGES: [u64; 8] = [0, 1, 2, 3, 5, 6, 7, 9];
/// Those that have a tag.
pub(super) const TAGGED: [u64; 6] = [0, 1, 2, 3, 4, 7];
/// Layers that an image takes from the pool and that no image of its repository had before, if the pool is large enough.
const NEW_OF_POOL: u64 = 5;
/// Layers that it takes from the pool besides.
const MORE_OF_POOL: u64 = 3;

/// Equal shapes are equal registries.
#[derive(Debug, Clone)]
pub struct Shape {
    /// What everything is computed from.
    pub seed: u64,
    /// Groups of each repository.
    pub(super) groups: Vec<u64>,
    /// Layers that an image shares with no image of another group.
    layers: u64,
    /// When the first object was written: seconds since 1970.
    pub written: i64,
}

/// One blob of a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Blob {
    /// One of its own.
    Own(u64),
    /// One of the pool, by its place among those that the repository links.
    Pool(u64),
}

/// What a manifest names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Content {
    /// Config and layers.
    Image(Vec<Blob>),
    /// Manifests.
    Index([u64; 2]),
    /// Config and payload; the manifest it is about.
    Artifact([Blob; 2], u64),
}

impl Shape {
    /// So many manifests in so many repositories, one of which has half of them; written 40 days before `now`, in
    /// seconds since 1970.
    pub fn new(seed: u64, manifests: u64, repositories: u64, now: i64) -> Self {
        let all = (manifests / GROUP).max(repositories + 1);
        let others = (repositories - 1).max(1);
        let half = if repositories == 1 { all } else { all / 2 };
        let groups = (0..repositories).map(|repository| {
            let large = repositories / 3;
            let other = repository - u64::from(repository > large);
            if repository == large { half } else { (all - half) * (other + 1) / others - (all - half) * other / others }
        });
        Self { seed, groups: groups.collect(), layers: 2, written: now - 40 * 24 * 3600 }
    }

    /// The same with so many layers of its own for each image; at least two.
    pub fn wide(self, layers: u64) -> Self {
        Self { layers: layers.max(2), ..self }
    }

    /// Blobs that one group has for itself: those of its images, the artifact's, and one that nothing names.
    fn own_of_group(&self) -> u64 {
        IMAGES.len() as u64 * (1 + self.layers) + 2
    }

    /// How many repositories there are.
    pub fn repositories(&self) -> usize {
        self.groups.len()
    }

    /// How many manifests there are.
    pub fn manifests(&self) -> u64 {
        self.all_groups() * GROUP
    }

    fn all_groups(&self) -> u64 {
        self.groups.iter().sum()
    }

    pub(super) fn own(&self, repository: usize) -> Space {
        Space::new(self.seed, 2 + repository as u64, self.groups[repository] * self.own_of_group())
    }

    pub(super) fn pool(&self) -> Space {
        Space::new(self.seed, 0, self.all_groups() * 11)
    }

    pub(super) fn orphans(&self) -> Space {
        Space::new(self.seed, 1, self.all_groups() * 3)
    }

    /// How many layers of the pool a repository links.
    pub(super) fn of_pool(&self, repository: usize) -> u64 {
        (self.groups[repository] * IMAGES.len() as u64 * NEW_OF_POOL).min(self.pool().count)
    }

    /// Which layer of the pool that is: a larger place is a larger number.
    pub(super) fn in_pool(&self, repository: usize, place: u64) -> u64 {
        let all = u128::from(self.pool().count);
        let phase = u128::from(mix(self.seed ^ repository as u64)) % all;
        ((u128::from(place) * all + phase) / u128::from(self.of_pool(repository))) as u64
    }

    /// What a manifest of a repository names, by its number there.
    pub(super) fn content(&self, repository: usize, manifest: u64) -> Content {
        let (group, at) = (manifest / GROUP, manifest % GROUP);
        let (own, pool) = (self.groups[repository] * self.own_of_group(), self.of_pool(repository));
        let each = 1 + self.layers;
        let own = |number: u64| Blob::Own(scattered(number, own));
        let pool = |number: u64| Blob::Pool(scattered(number % pool, pool));
        let images = IMAGES.len() as u64;
        match at {
            4 => Content::Index([manifest + 1, manifest + 2]),
            8 => {
                let config = pool(mix(self.seed ^ manifest));
                Content::Artifact([config, own(self.groups[repository] * images * each + group)], manifest - 1)
            }
            _ => {
                let image = group * images + IMAGES.iter().position(|number| *number == at).unwrap_or_default() as u64;
                let mut blobs: Vec<Blob> = (0..each).map(|blob| own(image * each + blob)).collect();
                if let Some(before) = image.checked_sub(images) {
                    blobs.extend([own(before * each + 1), own(before * each + 2)]);
                }
                blobs.extend((0..NEW_OF_POOL).map(|new| pool(image * NEW_OF_POOL + new)));
                blobs.extend((0..MORE_OF_POOL).map(|more| pool(mix(image * MORE_OF_POOL + more))));
                Content::Image(blobs)
            }
        }
    }

    /// Seconds since 1970 at which something was written.
    pub(super) fn time(&self, salt: u64) -> i64 {
        self.written + (salt % 500_000).cast_signed()
    }
}

/// A repository's name; those of later ones sort behind it.
pub(super) fn name(repository: usize) -> String {
    format!("team-{:03}/service-{repository:06}", repository / 40)
}

/// Another order of the numbers below `of`, so that what is pushed together does not lie together.
fn scattered(number: u64, of: u64) -> u64 {
    let prime = if of.is_multiple_of(1_000_003) { 999_983 } else { 1_000_003 };
    number * prime % of
}
