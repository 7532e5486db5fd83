//! A real registry, filled and emptied by real clients, collected from below, and served again.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::path::Path;

use anyhow::Result;

use crate::real::copy::{blobs, list, tree};
use crate::real::{self, Client, Everything, Flavour, Moto, Pushed, Registry, Storage};
use crate::tool::{Ran, regsweep};

/// Every key of the registry, with its size.
type Keys = BTreeMap<String, u64>;

/// `everything`, images of umoci and skopeo, and what was deleted of both through the API.
pub async fn fill(registry: &Registry, seed: u64, dir: &Path) -> Result<Everything> {
    let client = registry.client()?;
    let mut all = real::everything(&client, seed).await?;
    let host = registry.host();
    let (first, second) = (dir.join("first"), dir.join("second"));
    std::fs::create_dir_all(&first)?;
    std::fs::create_dir_all(&second)?;
    let layout = real::skopeo::make_oci_layout(&first, seed)?;
    let gone = real::skopeo::make_oci_layout(&second, seed + 1)?;
    for (layout, tag, flavour) in
        [(&layout, "oci", Flavour::Oci), (&layout, "docker", Flavour::Docker), (&gone, "gone", Flavour::Oci)]
    {
        real::skopeo::push(layout, &host, &format!("sk/a:{tag}"), flavour)?;
        all.tagged.push(pushed(&client, "sk/a", tag).await?);
    }

    delete(&client, &mut all, "sk/a:gone").await?;
    delete(&client, &mut all, "a:docker").await?;
    // The children of an index stay linked when it is deleted: now they are untagged manifests.
    let mut children = delete(&client, &mut all, "a-b:bare").await?;
    children.manifests.remove(&children.manifest.digest);
    children.tag = None;
    all.untagged.push(children);
    Ok(all)
}

/// Moves a tagged image to the deleted.
async fn delete(client: &Client, all: &mut Everything, name: &str) -> Result<Pushed> {
    let at = all.tagged.iter().position(|pushed| pushed.name() == name).unwrap();
    let image = all.tagged.remove(at);
    client.delete_manifest(&image.repository, image.digest()).await?;
    all.deleted.push(image.clone());
    Ok(image)
}

/// What somebody else's tool pushed.
async fn pushed(client: &Client, repository: &str, tag: &str) -> Result<Pushed> {
    let (media_type, bytes) = client.manifest(repository, tag).await?;
    let manifest = real::Descriptor::of(&media_type, &bytes);
    let mut blobs = client.pull(repository, tag).await.whole()?.into_values().next().unwrap();
    blobs.remove(&manifest.digest);
    let manifests = BTreeSet::from([manifest.digest.clone()]);
    Ok(Pushed { repository: repository.to_owned(), tag: Some(tag.to_owned()), manifest, manifests, blobs })
}

fn collect(registry: &Registry, delete_untagged: bool) -> Ran {
    let config = registry.config().display().to_string();
    let mut line = vec!["gc", "--offline", &config, "--format", "json"];
    line.extend(delete_untagged.then_some("-m"));
    regsweep(line)
}

/// The promise: exactly the garbage goes, and everything that had a tag is pulled as before. Returns the keys that went.
async fn collects<F>(storage: Storage, seed: u64, delete_untagged: bool, keys: impl Fn() -> F) -> Result<Vec<String>>
where
    F: Future<Output = Result<Keys>>,
{
    let dir = tempfile::tempdir()?;
    let on_s3 = matches!(storage, Storage::S3 { .. });
    let mut registry = Registry::start(storage)?;
    let all = fill(&registry, seed, dir.path()).await?;
    let images = registry.client()?.pull_all().await?.whole()?;
    assert_eq!(images.len(), all.tagged.len());
    registry.stop();
    let before = keys().await?;
    let (kept, garbage) = (all.kept(delete_untagged), all.garbage(delete_untagged));
    assert_eq!(blobs(before.keys()), kept.union(&garbage).cloned().collect(), "this is what was pushed");

    let ran = collect(&registry, delete_untagged).expect(0);
    let after = keys().await?;
    assert_eq!(blobs(after.keys()), kept, "{ran:#?}");
    let gone: BTreeSet<_> = blobs(before.keys()).difference(&blobs(after.keys())).cloned().collect();
    assert_eq!(gone, garbage);
    assert_eq!(ran.count("/deleted/blobs/count"), garbage.len() as u64);
    assert_eq!(ran.problems(), BTreeSet::new(), "a healthy registry has none");
    // On S3 an upload that was left holds parts that no listing shows.
    let parts = ran.count("/found/multipart_uploads/bytes");
    assert_eq!(parts > 0, on_s3 && !all.uploads.is_empty());
    assert_eq!(ran.count("/bytes/before"), before.values().sum::<u64>() + parts);
    assert_eq!(ran.count("/bytes/after"), after.values().sum::<u64>() + parts);
    assert_eq!(ran.count("/bytes/freed"), before.values().sum::<u64>() - after.values().sum::<u64>());
    for (_, upload) in &all.uploads {
        assert!(after.keys().any(|key| key.contains(upload)), "an upload of a moment ago stays");
    }

    registry.serve()?;
    let client = registry.client()?;
    assert_eq!(client.pull_all().await?.whole()?, images);
    let untagged = if delete_untagged { &[][..] } else { &all.untagged };
    for image in all.referrers.iter().chain(untagged) {
        for manifest in &image.manifests {
            client.pull(&image.repository, manifest).await.whole()?;
        }
    }
    // Not the nested index and the build cache: skopeo copies neither.
    for name in ["sk/a:oci", "sk/a:docker", "a:oci", "a:index", "a/b:list", "a/b:latest", "a-b:shared"] {
        real::skopeo::pull(&registry.host(), name, dir.path())?;
    }
    registry.stop();

    let again = collect(&registry, delete_untagged).expect(0);
    assert_eq!(again.count("/planned_bytes"), 0, "{again:#?}");
    assert_eq!(again.count("/entries/deleted"), 0, "{again:#?}");
    assert_eq!(keys().await?, after, "a second run deletes nothing");
    Ok(before.into_keys().filter(|key| !after.contains_key(key)).collect())
}

async fn on_a_directory(seed: u64, delete_untagged: bool) -> Result<()> {
    let root = tempfile::tempdir()?;
    let storage = Storage::Filesystem(root.path().to_owned());
    let gone = collects(storage, seed, delete_untagged, || async { tree(root.path()) }).await?;
    for directory in gone.iter().filter_map(|key| Path::new(key).parent()) {
        assert!(!root.path().join(directory).exists(), "{} is left empty", directory.display());
    }
    Ok(())
}

async fn on_s3(seed: u64, delete_untagged: bool) -> Result<()> {
    let moto = Moto::start("registry")?;
    let store = moto.store()?;
    collects(Storage::moto(&moto, "/some/root"), seed, delete_untagged, || list(&store, "some/root/")).await?;
    Ok(())
}

#[tokio::test]
async fn a_registry_on_a_directory_loses_its_garbage_and_serves_every_image() -> Result<()> {
    on_a_directory(21, false).await
}

#[tokio::test]
async fn a_registry_on_a_directory_loses_untagged_manifests_and_serves_every_image() -> Result<()> {
    on_a_directory(22, true).await
}

#[tokio::test]
async fn a_registry_on_s3_loses_its_garbage_and_serves_every_image() -> Result<()> {
    on_s3(23, false).await
}

#[tokio::test]
async fn a_registry_on_s3_loses_untagged_manifests_and_serves_every_image() -> Result<()> {
    on_s3(24, true).await
}
