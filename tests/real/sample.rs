//! How `testdata/sample` was made: by real pushes into the real registry. Its README says what is in it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::client::{Client, sha256};
use super::content::{
    Flavour, IndexForm, cosign_signature, image_of, index_of, moved_tag, orphan_blob, referrer, unfinished_upload,
};
use super::copy::tree;
use super::layer::Layer;
use super::registry::Registry;

/// When the sample's upload began.
const LONG_AGO: &str = "2025-01-01T00:00:00Z";

/// The directory of the sample in the repository: a `rootdirectory` with a README. Copy it before anything that deletes.
pub fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/sample")
}

/// Copies the sample's registry to `to`, which becomes its `rootdirectory`.
pub fn copy(to: &Path) -> Result<()> {
    for name in tree(&directory())?.into_keys().filter(|name| name.starts_with("docker/")) {
        let target = to.join(&name);
        std::fs::create_dir_all(target.parent().context("no parent")?)?;
        std::fs::copy(directory().join(&name), target).with_context(|| format!("copy {name}"))?;
    }
    Ok(())
}

/// What `expected.json` says: what must go, without or with `--delete-untagged`.
#[derive(Debug, Clone, serde::Deserialize)]
pub struct Expected {
    /// The digests of the blobs that go, each with its size.
    pub blobs: BTreeMap<String, u64>,
    /// The sum of their sizes.
    pub blob_bytes: u64,
    /// How many digests stay.
    pub marked: usize,
    /// The revision links that go, `repository@digest`.
    pub manifests: Vec<String>,
    /// The layer links that go, `repository@digest`.
    pub layer_links: Vec<String>,
    /// The entries of tags' histories that go, `repository:tag@digest`.
    pub tag_history: Vec<String>,
    /// The uploads that go, each its directory below `docker/registry/v2`.
    pub uploads: Vec<String>,
    /// How many files these are.
    pub upload_files: usize,
    /// How many bytes.
    pub upload_bytes: u64,
}

impl Expected {
    /// Reads it for a run without or with `--delete-untagged`.
    pub fn read(delete_untagged: bool) -> Result<Self> {
        let mut both: BTreeMap<String, Self> =
            serde_json::from_slice(&std::fs::read(directory().join("expected.json"))?)?;
        let name = if delete_untagged { "with --delete-untagged" } else { "without --delete-untagged" };
        both.remove(name).with_context(|| format!("expected.json has no {name:?}"))
    }

    /// The keys that go, below the `rootdirectory`; of an upload the directory.
    pub fn keys(&self) -> BTreeSet<String> {
        let path = |digest: &str| digest.replacen(':', "/", 1);
        let link = |name: &String, kind: &str| {
            let (place, digest) = name.split_once('@').unwrap_or_default();
            match place.split_once(':') {
                Some((repository, tag)) => {
                    format!("repositories/{repository}/_manifests/tags/{tag}/index/{}/link", path(digest))
                }
                None => format!("repositories/{place}/{kind}/{}/link", path(digest)),
            }
        };
        let blob = |digest: &String| {
            let (algorithm, hex) = digest.split_once(':').unwrap_or_default();
            format!("blobs/{algorithm}/{}/{hex}/data", &hex[..2])
        };
        let mut keys: BTreeSet<_> = self.blobs.keys().map(blob).collect();
        keys.extend(self.manifests.iter().map(|name| link(name, "_manifests/revisions")));
        keys.extend(self.layer_links.iter().map(|name| link(name, "_layers")));
        keys.extend(self.tag_history.iter().map(|name| link(name, "")));
        keys.extend(self.uploads.iter().cloned());
        keys.into_iter().map(|key| format!("docker/registry/v2/{key}")).collect()
    }
}

/// Makes the sample in the empty directory `root`.
pub async fn make(root: &Path) -> Result<()> {
    let registry = Registry::on_directory(root)?;
    let client = registry.client()?;
    push(&client).await?;
    drop(registry);
    for name in tree(root)?.into_keys().filter(|name| name.ends_with("/startedat")) {
        std::fs::write(root.join(name), LONG_AGO)?;
    }
    Ok(())
}

async fn push(client: &Client) -> Result<()> {
    let layer = |seed: u64| Layer::new(seed, 6000);
    let amd64 = "amd64";

    let base = image_of(client, "base", Some("1.0"), Flavour::Oci, amd64, &[layer(1), layer(2)]).await?;
    cosign_signature(client, &base, 3).await?;
    orphan_blob(client, "base", 4).await?;

    client.mount_blob("app/tools", "base", &sha256(&layer(1).gzip)).await?;
    image_of(client, "app/tools", Some("1.0"), Flavour::Oci, amd64, &[layer(1), layer(5)]).await?;
    unfinished_upload(client, "app/tools", 6).await?;

    image_of(client, "app", Some("1.0"), Flavour::Docker, amd64, &[layer(7), layer(8)]).await?;
    let mut children = Vec::new();
    for (seed, architecture) in [(10, "amd64"), (11, "arm64")] {
        children.push(image_of(client, "app", None, Flavour::Oci, architecture, &[layer(9), layer(seed)]).await?);
    }
    let children = [(Some("amd64"), &children[0]), (Some("arm64"), &children[1])];
    let index = index_of(client, "app", Some("2.0"), IndexForm::Oci, &children).await?;
    referrer(client, &index, 12).await?;

    let moved = moved_tag(client, "app", "latest", &[20, 21, 22]).await?;
    referrer(client, &moved[0], 13).await?;

    let old = image_of(client, "app", Some("0.9"), Flavour::Oci, amd64, &[layer(7), layer(14)]).await?;
    client.delete_manifest("app", old.digest()).await
}
