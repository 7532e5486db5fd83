//! What one image comes to: everything below its manifest, each once.

use super::known::{Known, Read};
use crate::collect::inventory::Repository;
use crate::model::outline::Named;
use crate::model::{Digest, Kind, MediaType, Outline, Platform, Timestamp};
use std::collections::HashSet;

/// What a walk found.
#[derive(Debug, Default)]
pub struct Walk {
    /// Bytes of everything below, itself included; `None` where a size is not known.
    pub bytes: Option<u64>,
    /// What it runs on, in order.
    pub platforms: Vec<String>,
    /// The newest date of its images.
    pub created: Option<Timestamp>,
    /// Manifests that it names and its repository does not have: legal, a client pulls the others.
    pub absent: u64,
    /// Manifests below it that are not there or cannot be read, though its repository links them.
    pub broken: u64,
    /// Configurations that say platform and date.
    pub configs: Vec<Digest>,
    /// Configurations, layers and blobs; not those that are had elsewhere only.
    pub blobs: Vec<Digest>,
    /// Manifests below it, itself included.
    pub manifests: Vec<Digest>,
}

/// An image has hundreds of parts. Beyond this many its size is not told: nobody waits for what a hostile registry nests.
const MOST_PARTS: usize = 50_000;

/// More platforms than this are nobody's, and are not told.
const MOST_PLATFORMS: usize = 256;

/// What something named by an index is, in this repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Child {
    /// A manifest that is here.
    Manifest,
    /// A manifest that is not here.
    Absent,
    /// A layer or the like: caches list such.
    Blob,
}

/// What a child of an index is. The registry serves it as a manifest only if this repository links it.
#[must_use]
pub fn child(repository: &Repository, named: &Named) -> Child {
    if repository.links_manifest(&named.digest) {
        return Child::Manifest;
    }
    let is_blob = |media_type: &str| MediaType(media_type).kind() == Kind::Unknown;
    if named.details.media_type.as_deref().is_some_and(is_blob) { Child::Blob } else { Child::Absent }
}

/// Walks down from a manifest that was read.
#[must_use]
pub fn walk(root: &Digest, repository: &Repository, known: &Known) -> Walk {
    let mut walk = Walk { bytes: Some(0), ..Walk::default() };
    let mut seen: HashSet<&Digest> = HashSet::from([root]);
    let mut todo: Vec<(&Digest, Option<&Platform>)> = vec![(root, None)];
    while let Some((digest, platform)) = todo.pop() {
        let Some(Read::Outline(outline, size)) = known.manifest(digest) else {
            walk.bytes = None;
            walk.broken += 1;
            continue;
        };
        walk.add(Some(*size));
        walk.manifests.push(digest.clone());
        walk.look_at(outline, platform, known);
        for named in outline.config.iter().chain(&outline.layers) {
            if seen.insert(&named.digest) && !named.details.is_foreign {
                walk.add(named.details.size);
                walk.blobs.push(named.digest.clone());
            }
        }
        let mut below = Vec::new();
        for named in &outline.manifests {
            // One manifest may be there for several platforms.
            walk.add_platform(named.details.platform.as_ref());
            if !seen.insert(&named.digest) {
                continue;
            }
            match child(repository, named) {
                Child::Manifest => below.push((&named.digest, named.details.platform.as_ref())),
                Child::Absent => walk.absent += 1,
                Child::Blob => {
                    walk.add(named.details.size);
                    walk.blobs.push(named.digest.clone());
                }
            }
        }
        todo.extend(below.into_iter().rev());
        if seen.len() > MOST_PARTS {
            walk.bytes = None;
            break;
        }
    }
    walk
}

impl Walk {
    fn add(&mut self, size: Option<u64>) {
        self.bytes = self.bytes.zip(size).map(|(sum, size)| sum.saturating_add(size));
    }

    fn add_platform(&mut self, platform: Option<&Platform>) {
        let Some(platform) = platform.filter(|platform| platform.is_known()).map(Platform::to_string) else { return };
        if self.platforms.len() < MOST_PLATFORMS && !self.platforms.contains(&platform) {
            self.platforms.push(platform);
        }
    }

    fn look_at(&mut self, outline: &Outline, platform: Option<&Platform>, known: &Known) {
        // An attestation in an index stands there under an unknown platform, and is made when the image is.
        if platform.is_some_and(|platform| !platform.is_known()) {
            return;
        }
        self.created = self.created.max(outline.created);
        let config = outline.config.as_ref().filter(|_| outline.has_image_config());
        let said = config.and_then(|config| known.config(&config.digest));
        self.configs.extend(config.map(|config| config.digest.clone()));
        self.created = self.created.max(said.and_then(|said| said.created));
        if outline.kind == Kind::Image && outline.artifact().is_none() {
            self.add_platform(platform.or(said.map(|said| &said.platform)));
        }
    }
}
