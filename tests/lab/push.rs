//! A push as the registry carries it out: what it checks, and what it writes in which order.
//!
//! `registry/storage` of distribution: a blob counts as there if its repository links it and its data is there; data that is
//! there is not written again; links are written over. A manifest is admitted if every blob and manifest it names counts as
//! there; then its data, its revision link, the entry in the tag's history and the tag's current link are written.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use serde_json::Value;

use super::bucket::{Bucket, Store};
use super::registry::{Digest, blob_key, history_key, layer_key, revision_key, sha256, tag_key};
use super::tree::Tree;

/// Where a registry writes.
pub trait Shelf {
    /// Whether there is such a key.
    fn has(&self, key: &str) -> bool;
    /// Writes a key.
    fn write(&self, key: &str, bytes: Bytes);
}

impl Shelf for Store {
    fn has(&self, key: &str) -> bool {
        self.contains(key)
    }

    fn write(&self, key: &str, bytes: Bytes) {
        self.put(key, bytes);
    }
}

impl Shelf for Bucket {
    fn has(&self, key: &str) -> bool {
        self.contains(key)
    }

    fn write(&self, key: &str, bytes: Bytes) {
        self.put(key, bytes);
    }
}

/// A directory.
impl Shelf for Path {
    fn has(&self, key: &str) -> bool {
        self.join(key).is_file()
    }

    fn write(&self, key: &str, bytes: Bytes) {
        let file: PathBuf = self.join(key);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, bytes).unwrap();
    }
}

/// An image, or an index of manifests that are there, on its way into a repository.
#[derive(Debug, Clone)]
pub struct Push {
    /// The repository.
    pub repo: String,
    /// `None` pushes by digest.
    tag: Option<String>,
    manifest: Bytes,
    /// The manifest's own digest.
    pub digest: Digest,
    blobs: Vec<(Digest, Bytes)>,
    children: Vec<Digest>,
}

impl Push {
    /// Pushes a manifest under a tag; its blobs have these contents.
    pub fn new(repo: &str, tag: &str, manifest: impl Into<Bytes>, blobs: &[Bytes]) -> Self {
        let manifest = manifest.into();
        let json: Value = serde_json::from_slice(&manifest).unwrap();
        let children = json["manifests"].as_array().into_iter().flatten();
        let children = children.map(|child| child["digest"].as_str().unwrap().to_owned()).collect();
        let blobs = blobs.iter().map(|blob| (sha256(blob), blob.clone())).collect();
        Self { repo: repo.to_owned(), tag: Some(tag.to_owned()), digest: sha256(&manifest), manifest, blobs, children }
    }

    /// Pushes a manifest again that is, or was, in a registry, with everything it needs.
    pub fn again(tree: &Tree, repo: &str, tag: &str, digest: &str) -> Self {
        let bytes = |digest: &str| tree.get(&blob_key(digest)).unwrap_or_else(|| panic!("no {digest}")).bytes.clone();
        let manifest = bytes(digest);
        let json: Value = serde_json::from_slice(&manifest).unwrap();
        let layers = json["layers"].as_array().into_iter().flatten().chain(json.get("config"));
        let blobs: Vec<Bytes> = layers.map(|blob| bytes(blob["digest"].as_str().unwrap())).collect();
        Self::new(repo, tag, manifest, &blobs)
    }

    /// The same, by digest alone.
    #[must_use]
    pub fn untagged(self) -> Self {
        Self { tag: None, ..self }
    }

    /// What a client asks for to get what was pushed.
    pub fn reference(&self) -> &str {
        self.tag.as_deref().unwrap_or(&self.digest)
    }

    fn has_blob(&self, to: &(impl Shelf + ?Sized), digest: &str) -> bool {
        to.has(&layer_key(&self.repo, digest)) && to.has(&blob_key(digest))
    }

    /// Whether the registry would admit the manifest now.
    pub fn is_admitted(&self, to: &(impl Shelf + ?Sized)) -> bool {
        let has_manifest = |digest: &Digest| to.has(&revision_key(&self.repo, digest)) && to.has(&blob_key(digest));
        self.blobs.iter().all(|(digest, _)| self.has_blob(to, digest)) && self.children.iter().all(has_manifest)
    }

    /// Has the registry mount every blob that it does not have from another repository, where that has it.
    pub fn mount(&self, to: &(impl Shelf + ?Sized), from: &str) {
        for (digest, _) in &self.blobs {
            if !self.has_blob(to, digest) && to.has(&layer_key(from, digest)) && to.has(&blob_key(digest)) {
                to.write(&layer_key(&self.repo, digest), digest.clone().into());
            }
        }
    }

    /// Uploads the blobs that the registry does not have, as every client does before it sends the manifest.
    pub fn upload(&self, to: &(impl Shelf + ?Sized)) {
        for (digest, bytes) in &self.blobs {
            if self.has_blob(to, digest) {
                continue;
            }
            if !to.has(&blob_key(digest)) {
                to.write(&blob_key(digest), bytes.clone());
            }
            to.write(&layer_key(&self.repo, digest), digest.clone().into());
        }
    }

    /// What the registry writes once it has admitted the manifest, however long ago that was.
    pub fn finish(&self, to: &(impl Shelf + ?Sized)) {
        self.finish_after_look(to, self.has_data(to));
    }

    /// Whether the manifest's bytes are there: then the registry does not write them.
    pub fn has_data(&self, to: &(impl Shelf + ?Sized)) -> bool {
        to.has(&blob_key(&self.digest))
    }

    /// As [`finish`](Self::finish); whether its bytes are there was looked up before.
    pub fn finish_after_look(&self, to: &(impl Shelf + ?Sized), has_data: bool) {
        if !has_data {
            to.write(&blob_key(&self.digest), self.manifest.clone());
        }
        let tag =
            self.tag.iter().flat_map(|tag| [history_key(&self.repo, tag, &self.digest), tag_key(&self.repo, tag)]);
        for key in std::iter::once(revision_key(&self.repo, &self.digest)).chain(tag) {
            to.write(&key, self.digest.clone().into());
        }
    }

    /// Sends the manifest alone; tells whether it was admitted. If not, nothing was written.
    pub fn send(&self, to: &(impl Shelf + ?Sized)) -> bool {
        let admitted = self.is_admitted(to);
        if admitted {
            self.finish(to);
        }
        admitted
    }
}
