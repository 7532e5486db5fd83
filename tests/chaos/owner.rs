//! A client: it owns a few tags, and pushes, moves and deletes them in any order.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::sync::watch;
use tokio::time::sleep;

use super::courier::{Courier, Put, Way};
use super::image::{Image, Pool};
use super::ledger::{Ledger, Name};
use crate::lab::random::Prng;
use crate::real::Broken;

/// Shared by all: what is mounted comes from a neighbour.
pub const REPOSITORIES: [&str; 4] = ["app", "app/api", "base", "z"];
const TAGS: usize = 4;
const IMAGES: usize = 8;
/// How often a refused manifest is put again.
const RETRIES: usize = 5;

/// What all clients have in common.
#[derive(Debug)]
pub struct World {
    /// The blobs.
    pub pool: Pool,
    /// Whether there are indexes and referrers too.
    pub indexes: bool,
    /// Pushes still to be done.
    pub left: AtomicUsize,
    /// How many runs of the collector have ended.
    pub runs: watch::Receiver<usize>,
    /// Whether there is a collector at all.
    pub collected: bool,
}

impl World {
    /// Takes one of the pushes that are left.
    pub fn take(&self) -> bool {
        self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
    }
}

/// A client with its tags.
#[derive(Debug)]
pub struct Owner {
    /// Its number: its tags and manifests are called after it.
    pub id: usize,
    /// The world it lives in.
    pub world: Arc<World>,
    /// Does its requests.
    pub courier: Courier,
    /// Makes its choices.
    pub prng: Prng,
    /// What must be there.
    pub ledger: Ledger,
    /// What was broken for good, seen while the chaos went on.
    pub broken: Vec<Broken>,
    images: Vec<Image>,
    made: usize,
}

impl Owner {
    /// A client whose choices come from `seed` and its number.
    pub fn new(id: usize, seed: u64, world: &Arc<World>, courier: &Courier) -> Self {
        let prng = Prng::new(seed ^ (id as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let (world, courier, ledger) = (Arc::clone(world), courier.clone(), Ledger::default());
        Self { id, world, courier, prng, ledger, broken: Vec::new(), images: Vec::new(), made: 0 }
    }

    /// Lives until no push is left.
    pub async fn live(mut self) -> Result<Self> {
        while self.world.left.load(Ordering::SeqCst) > 0 {
            self.pause().await;
            match self.prng.below(20) {
                5..11 => self.push_again(false).await?,
                // A tag is moved to an image the client believes to be there: the manifest is put at once.
                11..13 => self.push_again(true).await?,
                13 if self.world.indexes => self.push_new(true).await?,
                14 if self.world.indexes => self.refer().await?,
                0..5 | 13..15 => self.push_new(false).await?,
                15 => {
                    let (repository, blob) = (*self.prng.pick(&REPOSITORIES), self.prng.pick(&self.world.pool.layers));
                    // Whatever becomes of it: nobody waits for it.
                    drop(self.courier.give_up(repository, blob).await);
                }
                _ => {
                    let name = self.name();
                    self.delete(&name).await?;
                }
            }
        }
        Ok(self)
    }

    /// A client thinks, or compresses the next layer; some take long.
    async fn pause(&mut self) {
        let millis = if self.prng.one_in(60) { 1000 + self.prng.below(1000) } else { self.prng.below(50) };
        sleep(Duration::from_millis(millis as u64)).await;
    }

    fn name(&mut self) -> Name {
        let tag = self.prng.below(TAGS);
        // Two tags in each of two repositories: a tag is moved to what the other one has.
        (REPOSITORIES[(self.id + tag / 2) % REPOSITORIES.len()], format!("c{}-{tag}", self.id))
    }

    fn new_name(&mut self) -> String {
        self.made += 1;
        format!("{}-{}", self.id, self.made)
    }

    async fn push_new(&mut self, index: bool) -> Result<()> {
        let (name, called) = (self.name(), self.new_name());
        let image = if index {
            let children = (0..2).map(|child| format!("{called}-{child}"));
            let children = children.map(|child| self.world.pool.image(&mut self.prng, &child, None)).collect();
            Image::index(&called, children)
        } else {
            self.world.pool.image(&mut self.prng, &called, None)
        };
        if self.images.len() < IMAGES {
            self.images.push(image.clone());
        } else {
            self.images[self.prng.below(IMAGES)] = image.clone();
        }
        self.push(&name, &image, false).await
    }

    async fn push_again(&mut self, at_once: bool) -> Result<()> {
        if self.images.is_empty() {
            return self.push_new(false).await;
        }
        let (name, image) = (self.name(), self.prng.pick(&self.images).clone());
        self.push(&name, &image, at_once).await
    }

    /// Pushes an image under a tag of this client, and notes what became of it.
    async fn push(&mut self, name: &Name, image: &Image, at_once: bool) -> Result<()> {
        if self.prng.one_in(4) {
            self.look(name).await?;
        }
        if self.world.take() {
            self.push_and_note(name, image, at_once).await;
        }
        Ok(())
    }

    /// The push itself.
    pub async fn push_and_note(&mut self, name: &Name, image: &Image, at_once: bool) -> Put {
        let end = self.bring(name.0, &name.1, image, at_once).await;
        match end {
            Put::Acknowledged => self.ledger.pushed(name, &image.digest),
            Put::Refused => (),
            Put::Unknown => self.ledger.perhaps_pushed(name, &image.digest),
        }
        end
    }

    /// The whole push: blobs, children, manifest; if that is refused, everything is asked for once more.
    async fn bring(&mut self, repository: &str, reference: &str, image: &Image, at_once: bool) -> Put {
        let tally = Arc::clone(&self.courier.tally);
        tally.tried.add();
        let (mut stuck, mut unknown) = (false, false);
        for attempt in 0..=RETRIES {
            if attempt > 0 || !at_once {
                stuck = !self.provide(repository, image).await;
                if stuck {
                    continue;
                }
                self.pause().await;
            }
            if attempt > 0 {
                tally.retried.add();
            }
            match self.courier.manifest(repository, reference, image).await {
                Put::Acknowledged => {
                    tally.acknowledged.add();
                    return Put::Acknowledged;
                }
                Put::Refused => (),
                Put::Unknown => unknown = true,
            }
        }
        if stuck || unknown { &tally.failed } else { &tally.refused }.add();
        if unknown { Put::Unknown } else { Put::Refused }
    }

    /// Sees to it that all blobs and children of the image are in the repository. False if one could not be brought.
    async fn provide(&mut self, repository: &str, image: &Image) -> bool {
        for part in image.children.iter().chain([image]) {
            for blob in &part.blobs {
                let way = match self.prng.below(4) {
                    0 => Way::Chunked,
                    1 => Way::Mounted(REPOSITORIES[self.prng.below(REPOSITORIES.len())]),
                    _ => Way::Whole,
                };
                let small_pause = Duration::from_millis(self.prng.below(10) as u64);
                sleep(small_pause).await;
                if let Err(error) = self.courier.blob(repository, blob, way).await {
                    self.courier.tally.say(format!("{error:#}"));
                    return false;
                }
            }
            let is_child = part.digest != image.digest;
            if is_child && !self.courier.has_manifest(repository, &part.digest).await.unwrap_or(false) {
                // If it is refused, so will be the index, and all is asked for again.
                self.courier.manifest(repository, &part.digest, part).await;
            }
        }
        true
    }

    async fn refer(&mut self) -> Result<()> {
        let name = self.name();
        let digest = self.ledger.digest(&name).map(str::to_owned);
        let Some(subject) = self.images.iter().find(|image| Some(&image.digest) == digest.as_ref()).cloned() else {
            return self.push_new(false).await;
        };
        if !self.world.take() {
            return Ok(());
        }
        let called = self.new_name();
        let referrer = self.world.pool.image(&mut self.prng, &called, Some(&subject));
        if self.bring(name.0, &referrer.digest, &referrer, false).await == Put::Acknowledged {
            self.ledger.referred(name.0, &subject.digest, &referrer.digest);
        }
        Ok(())
    }

    /// Deletes what a tag leads to, and all tags of this client that lead there too.
    pub async fn delete(&mut self, name: &Name) -> Result<()> {
        if self.prng.one_in(4) {
            self.look(name).await?;
        }
        let Some(digest) = self.ledger.digest(name).map(str::to_owned) else { return Ok(()) };
        match self.courier.delete(name.0, &digest).await {
            Put::Acknowledged => {
                self.courier.tally.deletes.add();
                self.ledger.deleted(name.0, &digest);
            }
            // Its revision is away for a moment, or for good: the tag has to be there as before.
            Put::Refused => self.courier.tally.deletes_refused.add(),
            Put::Unknown => {
                self.ledger.perhaps_deleted(name.0, &digest);
                self.push_over(&digest).await?;
            }
        }
        Ok(())
    }

    /// 2.8.2 deletes the revision first and then looks for tags: on a filesystem it fails if it reads the link of any tag
    /// while that is written anew. A tag may then lead nowhere, with no collector around; its owner pushes over it.
    async fn push_over(&mut self, digest: &str) -> Result<()> {
        let lost = Some(digest.to_owned());
        let tags = self.ledger.tags().filter(|(_, possible)| possible.len() > 1 && possible.contains(&lost));
        for name in tags.map(|(name, _)| name.clone()).collect::<Vec<_>>() {
            let called = self.new_name();
            let image = self.world.pool.image(&mut self.prng, &called, None);
            let end = self.push_and_note(&name, &image, false).await;
            ensure!(end == Put::Acknowledged, "{}:{} cannot be pushed over: {:?}", name.0, name.1, self.courier.tally);
        }
        Ok(())
    }

    /// Pulls what a tag leads to, and its referrers, before it is given up. What is missing may come back until the next
    /// whole run of the collector has ended: nobody else touches the tag.
    async fn look(&mut self, name: &Name) -> Result<()> {
        let Some(digest) = self.ledger.digest(name) else { return Ok(()) };
        let mut references = vec![name.1.clone()];
        references.extend(self.ledger.referrers_of(name.0, digest).map(str::to_owned));
        let image = format!("{}:{}", name.0, name.1);
        if self.broken.iter().any(|broken| broken.image == image) {
            return Ok(());
        }
        self.courier.tally.looks.add();
        if self.missing(name.0, &references).await.is_empty() {
            return Ok(());
        }
        if self.world.collected {
            let mut runs = self.world.runs.clone();
            let enough = *runs.borrow() + 2;
            runs.wait_for(|ended| *ended >= enough).await?;
        }
        let missing = self.missing(name.0, &references).await;
        if missing.is_empty() {
            self.courier.tally.healed.add();
        }
        self.broken.extend(missing);
        Ok(())
    }

    async fn missing(&self, repository: &str, references: &[String]) -> Vec<Broken> {
        let mut missing = Vec::new();
        for reference in references {
            missing.extend(self.courier.client.pull(repository, reference).await.broken);
        }
        missing
    }
}
