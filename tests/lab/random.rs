//! Small realistic registries from a seed. Print the seed where a test fails: it is the whole reproduction.

use std::time::{Duration, SystemTime};

use super::manifests::Image;
use super::registry::{Digest, RegistryBuilder, sha256};

/// `SplitMix64`: small, seeded, the same everywhere.
#[derive(Debug, Clone)]
pub struct Prng(u64);

impl Prng {
    /// A generator; equal seeds give equal sequences.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `n`, which is not 0.
    pub fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() % n as u64).unwrap()
    }

    /// A number in 0..1.
    pub fn fraction(&mut self) -> f64 {
        f64::from(u32::try_from(self.next() >> 32).unwrap()) / f64::from(u32::MAX)
    }

    /// True one time in `n`.
    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    /// One of them.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    /// A random (version 4) UUID.
    pub fn uuid(&mut self) -> String {
        let (high, low) = (format!("{:016x}", self.next()), format!("{:016x}", self.next()));
        format!("{}-{}-4{}-a{}-{}", &high[..8], &high[8..12], &high[13..], &low[1..4], &low[4..])
    }
}

const REPOSITORIES: [&str; 9] =
    ["app", "app/api", "app/api/v2", "app-b", "app.c", "base", "team_x/web", "team_x/web/assets", "z"];
const TAGS: [&str; 6] = ["latest", "v1", "v2", "v1.0.1", "_edge", "Nightly-2"];
const DAY: Duration = Duration::from_hours(24);

/// A registry of two to five repositories with the things real ones have: nested names, shared bases, moved tags,
/// untagged manifests, indexes with untagged, missing and cross-repository children, nested indexes, referrers, orphan
/// blobs and links, dangling history, uploads; all between 1 and 60 days old. Nothing in it is damaged; see [`damage`]
/// for that.
pub fn random_registry(seed: u64) -> RegistryBuilder {
    random_registry_at(seed, SystemTime::now())
}

/// The same for a chosen now: equal seeds and times give equal registries to the byte.
pub fn random_registry_at(seed: u64, now: SystemTime) -> RegistryBuilder {
    let (prng, registry) = (Prng::new(seed), RegistryBuilder::new());
    let mut world = World { prng, registry, now, manifests: Vec::new(), serial: 0 };
    for _ in 0..2 + world.prng.below(4) {
        let repo = *world.prng.pick(&REPOSITORIES);
        for _ in 0..=world.prng.below(5) {
            world.age();
            world.push(repo);
        }
        world.leave_behind(repo);
    }
    world.registry
}

struct World {
    prng: Prng,
    registry: RegistryBuilder,
    now: SystemTime,
    /// Every (repository, manifest) pushed so far.
    manifests: Vec<(&'static str, Digest)>,
    serial: usize,
}

impl World {
    fn age(&mut self) {
        let days = 1 + u32::try_from(self.prng.below(60)).unwrap();
        self.registry.at(self.now - DAY * days);
    }

    fn unique(&mut self) -> String {
        self.serial += 1;
        format!("{}-{:x}", self.serial, self.prng.next())
    }

    /// Layers: some of a few shared bases, some of their own.
    fn layers(&mut self) -> Vec<String> {
        let bases = self.prng.below(3);
        let mut layers: Vec<String> = (0..bases).map(|i| format!("base layer {i}")).collect();
        for _ in 0..=self.prng.below(2) {
            let unique = self.unique();
            layers.push(format!("layer {unique}"));
        }
        layers
    }

    fn image(&mut self, repo: &'static str) -> Image {
        let (config, layers) = (self.unique(), self.layers());
        let layers: Vec<&str> = layers.iter().map(String::as_str).collect();
        let image = match self.prng.below(9) {
            0..5 => self.registry.image(repo, &config, &layers),
            5 | 6 => self.registry.docker_image(repo, &config, &layers),
            7 => self.registry.schema1_image(repo, &config, &layers),
            _ => self.registry.aliased_image(repo, &config, &layers),
        };
        self.manifests.push((repo, image.digest.clone()));
        image
    }

    /// An index; its children may have no tag, be another index, be missing, or live only in another repository.
    fn index(&mut self, repo: &'static str) -> Digest {
        let mut children: Vec<Digest> = (0..=self.prng.below(2)).map(|_| self.image(repo).digest).collect();
        if self.prng.one_in(3) && !self.manifests.is_empty() {
            children.push(self.prng.pick(&self.manifests).1.clone());
        }
        if self.prng.one_in(4) {
            let inner = self.index(repo);
            children.push(inner);
        }
        if self.prng.one_in(5) {
            let missing = self.unique();
            children.push(sha256(missing.as_bytes()));
        }
        let children: Vec<&str> = children.iter().map(String::as_str).collect();
        let digest = match self.prng.below(4) {
            0 => self.registry.manifest_list(repo, &children),
            _ => self.registry.index(repo, &children),
        };
        self.manifests.push((repo, digest.clone()));
        digest
    }

    /// One push, tagged two times in three; tags are few, so they move.
    fn push(&mut self, repo: &'static str) {
        let digest = match self.prng.below(12) {
            0..6 => self.image(repo).digest,
            6..9 => self.index(repo),
            9 => {
                let version = format!("1.{}.0", self.prng.below(3));
                self.registry.helm_chart(repo, &version).digest
            }
            10 => {
                let cached = self.unique();
                self.registry.buildkit_cache(repo, "buildcache", &["base layer 0", &cached]).digest
            }
            _ => self.again(repo),
        };
        if !self.prng.one_in(3) {
            let tag = *self.prng.pick(&TAGS);
            self.registry.tag(repo, tag, &digest);
        }
        self.refer(repo, &digest);
    }

    /// A manifest of another repository pushed here too, its blobs mounted.
    fn again(&mut self, repo: &'static str) -> Digest {
        let Some((from, digest)) = (!self.manifests.is_empty()).then(|| self.prng.pick(&self.manifests).clone()) else {
            return self.image(repo).digest;
        };
        let served = super::pull::try_pull(self.registry.tree(), from, &digest).served;
        for name in served {
            let is_manifest = self.manifests.iter().any(|(_, manifest)| *manifest == name);
            if is_manifest {
                self.registry.link_revision(repo, &name);
            } else {
                self.registry.mount(from, repo, &name);
            }
        }
        self.manifests.push((repo, digest.clone()));
        digest
    }

    fn refer(&mut self, repo: &'static str, subject: &str) {
        let payload = self.unique();
        match self.prng.below(8) {
            0 => {
                let sbom = self.registry.referrer(repo, subject, "application/spdx+json", &payload);
                if self.prng.one_in(2) {
                    // A referrer of a referrer.
                    self.registry.referrer(repo, &sbom.digest, "application/vnd.example.signature", &payload);
                }
            }
            1 => drop(self.registry.cosign_signature(repo, subject)),
            2 => drop(self.registry.artifact(repo, "application/vnd.example.sbom", &[&payload], Some(subject))),
            _ => (),
        }
    }

    /// What pushes, deletes and failures leave behind.
    fn leave_behind(&mut self, repo: &'static str) {
        self.age();
        let unique = self.unique();
        if self.prng.one_in(2) {
            self.registry.blob(format!("orphan {unique}"));
        }
        if self.prng.one_in(2) {
            self.registry.layer(repo, format!("orphan layer {unique}"));
        }
        if self.prng.one_in(3) {
            self.registry.link_layer(repo, &sha256(unique.as_bytes()));
        }
        if self.prng.one_in(3) {
            let tag = *self.prng.pick(&TAGS);
            self.registry.tag_history(repo, tag, &sha256(unique.as_bytes()));
        }
        if self.prng.one_in(3) {
            self.registry.aliased_layer(repo, format!("aliased {unique}"));
        }
        if self.prng.one_in(2) {
            let (uuid, started) = (self.prng.uuid(), self.registry.time());
            self.registry.upload(repo, &uuid, started, format!("partial {unique}"));
        }
        if self.prng.one_in(4) {
            let tag = *self.prng.pick(&TAGS);
            self.registry.untag(repo, tag);
        }
    }
}

/// Damages a registry a little, from the seed: lost blobs and links, empty and truncated files, foreign keys.
pub fn damage(registry: &mut RegistryBuilder, seed: u64) {
    let mut prng = Prng::new(seed ^ 0x000d_a3a6_e000);
    for _ in 0..=prng.below(3) {
        let keys: Vec<String> = registry.tree().keys().cloned().collect();
        let key = prng.pick(&keys);
        match prng.below(5) {
            0 => registry.remove(key),
            1 => registry.empty(key),
            2 => registry.truncate(key),
            3 => registry.damage(key, "<html>502 Bad Gateway</html>"),
            _ => registry.raw(&format!("{key}.tmp"), "left by a crash"),
        };
    }
}
