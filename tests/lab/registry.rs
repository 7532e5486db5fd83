//! A registry as a value: [`RegistryBuilder`] writes what the registry itself would have written.

use std::path::Path;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, Utc};
use sha2::{Digest as _, Sha256, Sha512};

use super::bucket::{Store, hex};
use super::tree::{Entry, Tree, days_ago, write_dir};

/// A digest as text: `sha256:<hex>`.
pub type Digest = String;

/// What every key of a registry begins with.
pub const ROOT: &str = "docker/registry/v2";

/// The SHA-256 digest of content.
pub fn sha256(bytes: &[u8]) -> Digest {
    format!("sha256:{}", hex(&Sha256::digest(bytes)))
}

/// The SHA-512 digest of content, as in alias links.
pub fn sha512(bytes: &[u8]) -> Digest {
    format!("sha512:{}", hex(&Sha512::digest(bytes)))
}

/// `sha256/<hex>` of `sha256:<hex>`.
fn as_path(digest: &str) -> String {
    digest.replacen(':', "/", 1)
}

/// `…/blobs/sha256/ab/<hex>/data`.
pub fn blob_key(digest: &str) -> String {
    let (algorithm, hex) = digest.split_once(':').expect("a digest");
    format!("{ROOT}/blobs/{algorithm}/{}/{hex}/data", &hex[..2])
}

/// `…/repositories/<repo>/_layers/sha256/<hex>/link`.
pub fn layer_key(repo: &str, digest: &str) -> String {
    format!("{ROOT}/repositories/{repo}/_layers/{}/link", as_path(digest))
}

/// `…/repositories/<repo>/_manifests/revisions/sha256/<hex>/link`.
pub fn revision_key(repo: &str, digest: &str) -> String {
    format!("{ROOT}/repositories/{repo}/_manifests/revisions/{}/link", as_path(digest))
}

/// `…/repositories/<repo>/_manifests/tags/<tag>/current/link`.
pub fn tag_key(repo: &str, tag: &str) -> String {
    format!("{ROOT}/repositories/{repo}/_manifests/tags/{tag}/current/link")
}

/// `…/repositories/<repo>/_manifests/tags/<tag>/index/sha256/<hex>/link`: the tag once pointed there.
pub fn history_key(repo: &str, tag: &str, digest: &str) -> String {
    format!("{ROOT}/repositories/{repo}/_manifests/tags/{tag}/index/{}/link", as_path(digest))
}

/// `…/repositories/<repo>/_uploads/<uuid>/<file>`.
pub fn upload_key(repo: &str, uuid: &str, file: &str) -> String {
    format!("{ROOT}/repositories/{repo}/_uploads/{uuid}/{file}")
}

/// Builds a registry, key by key. Everything is written at the builder's time: [`at`](Self::at) and
/// [`aged`](Self::aged) set it for what follows; it starts 30 days ago. As the registry does, a blob that is already
/// there is not written again and keeps its time. The images are in [`manifests`](super::manifests).
#[derive(Debug, Clone)]
pub struct RegistryBuilder {
    tree: Tree,
    time: SystemTime,
}

impl Default for RegistryBuilder {
    fn default() -> Self {
        Self { tree: Tree::new(), time: days_ago(30) }
    }
}

impl RegistryBuilder {
    /// An empty registry.
    pub fn new() -> Self {
        Self::default()
    }

    /// Everything that follows is written at this time.
    pub fn at(&mut self, time: SystemTime) -> &mut Self {
        self.time = time;
        self
    }

    /// Everything that follows was written that long ago.
    pub fn aged(&mut self, age: Duration) -> &mut Self {
        self.at(SystemTime::now() - age)
    }

    /// The time at which things are written.
    pub fn time(&self) -> SystemTime {
        self.time
    }

    /// Any key with any content, written at the builder's time.
    pub fn raw(&mut self, key: &str, bytes: impl Into<Bytes>) -> &mut Self {
        self.tree.insert(key.to_owned(), Entry { bytes: bytes.into(), mtime: self.time });
        self
    }

    /// A blob without any link to it. Its time stays if it is already there.
    pub fn blob(&mut self, bytes: impl Into<Bytes>) -> Digest {
        let bytes = bytes.into();
        let digest = sha256(&bytes);
        if !self.tree.contains_key(&blob_key(&digest)) {
            self.raw(&blob_key(&digest), bytes);
        }
        digest
    }

    /// A layer or config pushed to a repository: blob and layer link.
    pub fn layer(&mut self, repo: &str, bytes: impl Into<Bytes>) -> Digest {
        let digest = self.blob(bytes);
        self.link_layer(repo, &digest);
        digest
    }

    /// Mounts a blob from another repository: a layer link with what the other's link says; of an alias both links.
    pub fn mount(&mut self, from: &str, repo: &str, digest: &str) -> &mut Self {
        let link = self.tree.get(&layer_key(from, digest)).unwrap_or_else(|| panic!("no {digest} in {from}"));
        let target = String::from_utf8(link.bytes.to_vec()).expect("a digest");
        self.link_layer(repo, &target);
        self.raw(&layer_key(repo, digest), target)
    }

    /// A layer link to a blob that need not be there.
    pub fn link_layer(&mut self, repo: &str, digest: &str) -> &mut Self {
        self.raw(&layer_key(repo, digest), digest.to_owned())
    }

    /// A layer pushed with its SHA-512 digest: two links, both with the SHA-256 digest inside. Returns (SHA-512, SHA-256).
    pub fn aliased_layer(&mut self, repo: &str, bytes: impl Into<Bytes>) -> (Digest, Digest) {
        let bytes = bytes.into();
        let alias = sha512(&bytes);
        let digest = self.layer(repo, bytes);
        self.raw(&layer_key(repo, &alias), digest.clone());
        (alias, digest)
    }

    /// A manifest of any content pushed by digest: blob and revision link.
    pub fn manifest(&mut self, repo: &str, bytes: impl Into<Bytes>) -> Digest {
        let digest = self.blob(bytes);
        self.link_revision(repo, &digest);
        digest
    }

    /// A revision link; the manifest's blob need not be there.
    pub fn link_revision(&mut self, repo: &str, digest: &str) -> &mut Self {
        self.raw(&revision_key(repo, digest), digest.to_owned())
    }

    /// Points a tag to a digest; what it pointed to before stays in its history.
    pub fn tag(&mut self, repo: &str, tag: &str, digest: &str) -> &mut Self {
        self.raw(&history_key(repo, tag, digest), digest.to_owned());
        self.raw(&tag_key(repo, tag), digest.to_owned())
    }

    /// An entry in a tag's history only, which may point to nothing.
    pub fn tag_history(&mut self, repo: &str, tag: &str, digest: &str) -> &mut Self {
        self.raw(&history_key(repo, tag, digest), digest.to_owned())
    }

    /// Removes a tag with its history, as the API does.
    pub fn untag(&mut self, repo: &str, tag: &str) -> &mut Self {
        let gone = format!("{ROOT}/repositories/{repo}/_manifests/tags/{tag}/");
        self.remove_where(|key| key.starts_with(&gone))
    }

    /// An upload in progress that began at `started` with so much data so far.
    pub fn upload(&mut self, repo: &str, uuid: &str, started: SystemTime, data: impl Into<Bytes>) -> &mut Self {
        let data = data.into();
        let startedat = DateTime::<Utc>::from(started).to_rfc3339_opts(SecondsFormat::Secs, true);
        self.raw(&upload_key(repo, uuid, "startedat"), startedat);
        self.raw(&upload_key(repo, uuid, &format!("hashstates/sha256/{}", data.len())), "state");
        self.raw(&upload_key(repo, uuid, "data"), data)
    }

    /// Removes a key. Panics where it is not there: the test means another.
    pub fn remove(&mut self, key: &str) -> &mut Self {
        assert!(self.tree.remove(key).is_some(), "no {key}");
        self
    }

    /// Removes every key for which this holds.
    pub fn remove_where(&mut self, holds: impl Fn(&str) -> bool) -> &mut Self {
        self.tree.retain(|key, _| !holds(key));
        self
    }

    /// Removes a blob's data; links to it stay.
    pub fn lose_blob(&mut self, digest: &str) -> &mut Self {
        self.remove(&blob_key(digest))
    }

    /// Removes a manifest's revision link, as deleting it by the API does (tags are left to [`untag`](Self::untag)).
    pub fn delete_manifest(&mut self, repo: &str, digest: &str) -> &mut Self {
        self.remove(&revision_key(repo, digest))
    }

    /// Replaces the content of a key and keeps its time. Panics where the key is not there.
    pub fn damage(&mut self, key: &str, bytes: impl Into<Bytes>) -> &mut Self {
        self.tree.get_mut(key).unwrap_or_else(|| panic!("no {key}")).bytes = bytes.into();
        self
    }

    /// Leaves a key of zero length, as a crash of an old registry does.
    pub fn empty(&mut self, key: &str) -> &mut Self {
        self.damage(key, Bytes::new())
    }

    /// Leaves the first half of a key's content.
    pub fn truncate(&mut self, key: &str) -> &mut Self {
        let bytes = self.tree.get(key).unwrap_or_else(|| panic!("no {key}")).bytes.clone();
        self.damage(key, bytes.slice(..bytes.len() / 2))
    }

    /// Gives a key another modification time. Panics where it is not there.
    pub fn touch(&mut self, key: &str, time: SystemTime) -> &mut Self {
        self.tree.get_mut(key).unwrap_or_else(|| panic!("no {key}")).mtime = time;
        self
    }

    /// The content of a blob that is there.
    pub fn bytes_of(&self, digest: &str) -> Option<Bytes> {
        self.tree.get(&blob_key(digest)).map(|entry| entry.bytes.clone())
    }

    /// The registry so far: key -> (bytes, modification time).
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// The registry.
    pub fn build(self) -> Tree {
        self.tree
    }

    /// Writes the registry below a directory (its `rootdirectory`).
    pub fn write_to(&self, directory: &Path) {
        write_dir(&self.tree, directory);
    }

    /// Puts the registry into a bucket, each key behind the prefix (`""`, or one that ends with `/`).
    pub fn load_into(&self, bucket: &Store, prefix: &str) {
        bucket.load(prefix, &self.tree);
    }
}
