//! Undo beside a real registry that goes on serving: collected with `--defer 7d`, restored, and every byte of every image
//! is served as before.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::path::Path;

use anyhow::Result;

use crate::lab::tree::read_dir;
use crate::real::copy::{blobs, list};
use crate::real::{self, Cache, Client, Everything, Moto, Registry, Storage};
use crate::registry::fill;
use crate::tool::{Ran, regsweep};

/// From each image, by tag and by digest, to all that came for it: manifests, configs, layers, each verified.
type Served = BTreeMap<String, BTreeSet<String>>;

async fn served(client: &Client, all: &Everything) -> Result<Served> {
    let mut served = client.pull_all().await?.whole()?;
    for image in all.tagged.iter().chain(&all.referrers).chain(&all.untagged) {
        for manifest in &image.manifests {
            served.extend(client.pull(&image.repository, manifest).await.whole()?);
        }
    }
    Ok(served)
}

fn run(registry: &Registry, line: &[&str]) -> Ran {
    let config = registry.config().display().to_string();
    let more = ["--format", "json", "-R", &config];
    regsweep(line.iter().copied().chain(more)).expect(0)
}

/// The promise. `keys` are those of the registry, whatever regsweep keeps beside them.
async fn comes_back<F>(storage: Storage, cache: Cache, seed: u64, keys: impl Fn() -> F) -> Result<()>
where
    F: Future<Output = Result<BTreeMap<String, Vec<u8>>>>,
{
    let dir = tempfile::tempdir()?;
    let registry = Registry::start_with(storage, cache)?;
    let client = registry.client()?;
    let all = fill(&registry, seed, dir.path()).await?;
    let images = served(&client, &all).await?;
    let before = keys().await?;

    let ran = run(&registry, &["gc", "-m", "--yes", "--min-age", "0s", "--defer", "7d", "--settle", "1s"]);
    let between = keys().await?;
    assert!(ran.count("/deleted/manifests") > 0 && ran.count("/deleted/layer_links") > 0, "{ran:#?}");
    assert_eq!(ran.count("/deleted/blobs/count"), 0);
    assert_eq!(blobs(before.keys()), blobs(between.keys()), "all content is still there");
    let waiting: BTreeSet<String> = all.garbage(true);
    assert_eq!(ran.count("/pending/blobs/count"), waiting.len() as u64);
    assert_eq!(run(&registry, &["pending"]).count("/waiting/count"), waiting.len() as u64);
    // What has a tag is served on, what has none is not.
    let tagged = client.pull_all().await?.whole()?;
    assert!(tagged.iter().all(|(image, digests)| images.get(image) == Some(digests)));
    if cache == Cache::None {
        for image in &all.untagged {
            assert!(client.pull(&image.repository, image.digest()).await.whole().is_err(), "{}", image.name());
        }
    }

    // The registry is not restarted.
    let ran = run(&registry, &["restore", "--all", "--yes"]);
    assert_eq!(ran.json()["planned"], ran.json()["restored"], "{ran:#?}");
    assert_eq!(ran.json()["lost"], serde_json::json!([]));
    assert_eq!(served(&client, &all).await?, images, "not every byte is back");
    let after = keys().await?;
    assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>());
    assert!(before == after, "the content of a key changed");
    for name in ["sk/a:oci", "a:oci", "a:index", "a/b:list", "a-b:shared"] {
        real::skopeo::pull(&registry.host(), name, dir.path())?;
    }
    Ok(())
}

fn of_registry<T>(keys: impl IntoIterator<Item = (String, T)>) -> impl Iterator<Item = (String, T)> {
    keys.into_iter().filter(|(key, _)| key.starts_with("docker/registry/v2/"))
}

async fn on_a_directory(cache: Cache, seed: u64) -> Result<()> {
    let root = tempfile::tempdir()?;
    let keys = |root: &Path| {
        let tree = of_registry(read_dir(root)).map(|(key, entry)| (key, entry.bytes.to_vec()));
        tree.collect::<BTreeMap<_, _>>()
    };
    let storage = Storage::Filesystem(root.path().to_owned());
    comes_back(storage, cache, seed, || async { Ok(keys(root.path())) }).await
}

#[tokio::test]
async fn registry_on_a_directory_serves_every_byte_again() -> Result<()> {
    on_a_directory(Cache::None, 61).await
}

#[tokio::test]
async fn registry_that_remembers_in_memory_serves_every_byte_again() -> Result<()> {
    on_a_directory(Cache::InMemory, 62).await
}

#[tokio::test]
async fn registry_on_s3_serves_every_byte_again() -> Result<()> {
    let moto = Moto::start("registry")?;
    let store = moto.store()?;
    let keys = || async {
        let sizes = list(&store, "").await?;
        Ok(of_registry(sizes).map(|(key, size)| (key, size.to_le_bytes().to_vec())).collect())
    };
    comes_back(Storage::moto(&moto, "/"), Cache::None, 63, keys).await
}
