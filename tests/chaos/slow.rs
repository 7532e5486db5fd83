//! A client whose manifests name thousands of layers: the registry takes long to check one, and the layers that it checks
//! first are garbage at that moment. Such a push begins before a collector's run looks at them, and ends after it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use tokio::time::sleep;

use super::courier::{Put, Way};
use super::image::{Blob, Image, layers};
use super::ledger::Name;
use super::owner::Owner;

/// Nobody else pushes there.
const REPOSITORY: &str = "slow";
/// How many layers are brought at a time.
const AT_ONCE: usize = 16;
const IMAGES: usize = 3;
const TAGS: usize = 2;

/// How slow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slowness {
    /// How many such pushes there are.
    pub pushes: usize,
    /// How many layers a manifest names.
    pub layers: usize,
    /// How many of them come and go: so few that they are brought before a collector takes the first away again.
    pub loose: usize,
    /// How many of the others differ: a manifest may name a layer more than once, and it is checked each time.
    pub different: usize,
}

/// A client and its large images.
#[derive(Debug)]
pub struct Slow {
    owner: Owner,
    images: Vec<Image>,
    pushes: usize,
}

impl Slow {
    /// The keeper pushes the layers that stay, with an image that nobody deletes.
    pub async fn begin(owner: Owner, keeper: &mut Owner, slowness: Slowness, seed: u64) -> Result<Self> {
        let Slowness { pushes, layers: count, loose, different } = slowness;
        let held = layers(!seed, different);
        let coming = layers(!seed ^ 1, loose + loose / 2);
        let (courier, pool) = (keeper.courier.clone(), &Arc::clone(&owner.world).pool);
        let brought = held.iter().map(|layer| courier.blob(REPOSITORY, layer, Way::Whole).boxed()).collect::<Vec<_>>();
        stream::iter(brought).buffer_unordered(AT_ONCE).try_collect::<Vec<()>>().await?;
        let holder = Image::of("held", &pool.configs[0], &held, None);
        let end = keeper.push_and_note(&(REPOSITORY, "held".to_owned()), &holder, false).await;
        ensure!(end == Put::Acknowledged, "{:?}", courier.tally);

        let images = (0..IMAGES).map(|number| {
            let first = coming.iter().cycle().skip(number * loose / 4).take(loose);
            let all: Vec<Blob> = first.chain(held.iter().cycle()).take(count).cloned().collect();
            let mut image = Image::of(&format!("slow-{number}"), &pool.configs[number], &all, None);
            // What is held the client need not look at.
            image.blobs.retain(|blob| !held.iter().any(|layer| layer.digest() == blob.digest()));
            image
        });
        Ok(Self { images: images.collect(), owner, pushes })
    }

    /// Deletes and pushes.
    pub async fn live(mut self) -> Result<Owner> {
        for _ in 0..self.pushes {
            let name: Name = (REPOSITORY, format!("slow-{}", self.owner.prng.below(TAGS)));
            self.owner.delete(&name).await?;
            // The loose layers are garbage now. Sometimes they are gone before the push, sometimes they go during it.
            let millis = self.owner.prng.below(3000) as u64;
            sleep(Duration::from_millis(millis)).await;
            let image = self.owner.prng.pick(&self.images).clone();
            let at_once = self.owner.prng.one_in(2);
            self.owner.push_and_note(&name, &image, at_once).await;
        }
        Ok(self.owner)
    }
}
