//! The real registry with its cache in Redis: it claims what is gone from its storage until the entries are evicted.

use std::collections::BTreeSet;

use anyhow::Result;
use regsweep::config::{DescriptorCache, Overrides, ProcessEnvironment, resolve};
use regsweep::model::{Digest, RepositoryName};
use regsweep::storage::descriptor_cache::{Evicted, Evictor};
use regsweep::storage::open::Connection;
use sha2::Digest as _;
use tempfile::TempDir;

use crate::entries::{keys, members};
use crate::real::{Cache, Client, Flavour, Redis, Registry, Storage, content};

const PASSWORD: &str = "hunter2";
const DATABASE: u32 = 2;

struct Scene {
    root: TempDir,
    redis: Redis,
    registry: Registry,
}

impl Scene {
    fn new() -> Result<Self> {
        let root = tempfile::tempdir()?;
        let redis = Redis::start_with(&["--requirepass", PASSWORD])?;
        let cache = Cache::Redis { port: redis.port(), database: DATABASE, password: PASSWORD };
        let registry = Registry::start_with(Storage::Filesystem(root.path().to_owned()), cache)?;
        Ok(Self { root, redis, registry })
    }

    /// The cache that the registry's own configuration names.
    async fn evictor(&self) -> Result<Evictor> {
        let config = self.registry.config();
        let resolved = resolve(config.to_str(), &Overrides::default(), &ProcessEnvironment)?;
        let DescriptorCache::Redis(cache) = resolved.descriptor_cache else { panic!("{resolved:?}") };
        Ok(Evictor::connect(&cache, &Connection::default()).await?)
    }

    fn look(&self) -> Result<redis::Connection> {
        self.redis.look(&format!(":{PASSWORD}@/{DATABASE}"))
    }

    /// Removes a directory of the storage by hand.
    fn remove(&self, below: &str) -> Result<()> {
        let path = self.root.path().join("docker/registry/v2").join(below);
        assert!(path.is_dir(), "{}", path.display());
        Ok(std::fs::remove_dir_all(path)?)
    }

    fn remove_link(&self, repository: &str, digest: &Digest) -> Result<()> {
        let (algorithm, hex) = (digest.algorithm().name(), digest.hex());
        self.remove(&format!("repositories/{repository}/_layers/{algorithm}/{hex}"))
    }

    fn remove_data(&self, digest: &Digest) -> Result<()> {
        let hex = digest.hex();
        self.remove(&format!("blobs/sha256/{}/{hex}", &hex[..2]))
    }
}

fn name(repository: &str) -> RepositoryName {
    RepositoryName::new(repository).unwrap()
}

fn digest(text: &str) -> Digest {
    let (algorithm, hex) = text.split_once(':').unwrap();
    Digest::from_parts(algorithm, hex).unwrap()
}

async fn claims(client: &Client, repository: &str, digest: &Digest) -> Result<bool> {
    client.has_blob(repository, &digest.to_string()).await
}

/// Every key that the cache may have of these blobs in this repository.
fn spelt(repository: &str, blobs: &BTreeSet<String>) -> BTreeSet<String> {
    let of_blob = |blob: &String| [format!("blobs::{blob}"), format!("repository::{repository}::blobs::{blob}")];
    blobs.iter().flat_map(of_blob).chain([format!("repository::{repository}::blobs")]).collect()
}

#[tokio::test]
async fn what_is_evicted_is_not_claimed_any_more() -> Result<()> {
    let scene = Scene::new()?;
    let client = scene.registry.client()?;
    let image = content::image(&client, "team/app", Some("v1"), Flavour::Oci, 1).await?;
    let other = content::image(&client, "other", Some("v1"), Flavour::Oci, 2).await?;
    let mut look = scene.look()?;
    assert_eq!(members(&mut look, "team/app")?, image.blobs);
    let found = keys(&mut look)?;
    assert!(spelt("team/app", &image.blobs).is_subset(&found) && spelt("other", &other.blobs).is_subset(&found));

    let blobs: Vec<Digest> = image.blobs.iter().map(|blob| digest(blob)).collect();
    for blob in &blobs {
        scene.remove_link("team/app", blob)?;
        scene.remove_data(blob)?;
        assert!(claims(&client, "team/app", blob).await?, "without this there is nothing to show");
    }
    let manifest = digest(image.digest());
    let pushed = client.manifest("team/app", image.digest()).await?;
    client.push_manifest("team/app", "broken", &pushed.0, &pushed.1).await?;

    let evictor = scene.evictor().await?;
    let repository = name("team/app");
    let evicted = evictor.evict(blobs.iter().chain([&manifest]), blobs.iter().map(|blob| (&repository, blob))).await?;
    assert_eq!(evicted.members, blobs.len() as u64);
    assert!(evicted.keys >= 2 * blobs.len() as u64, "{evicted:?}");
    for blob in &blobs {
        assert!(!claims(&client, "team/app", blob).await?, "{blob}");
    }
    let refused = client.push_manifest("team/app", "broken-again", &pushed.0, &pushed.1).await;
    assert!(refused.is_err(), "a manifest of blobs that are gone is refused: {refused:?}");
    client.pull("other", "v1").await.whole()?;
    assert!(spelt("other", &other.blobs).is_subset(&keys(&mut look)?));

    // A push mends it: nothing is left that would keep a client from sending everything.
    let again = content::image(&client, "team/app", Some("v1"), Flavour::Oci, 1).await?;
    assert_eq!(again.digest(), image.digest());
    client.pull("team/app", "v1").await.whole()?;
    Ok(())
}

#[tokio::test]
async fn a_link_is_evicted_from_one_repository_only() -> Result<()> {
    let scene = Scene::new()?;
    let client = scene.registry.client()?;
    let [first, _] = content::shared_layer(&client, "one", "two", "v1", 5).await?;
    let both = client.push_blob("two", "application/octet-stream", b"in both").await?;
    client.mount_blob("one", "two", &both.digest).await?;
    let blob = digest(&both.digest);
    assert!(claims(&client, "one", &blob).await? && claims(&client, "two", &blob).await?);
    scene.remove_link("one", &blob)?;
    assert!(claims(&client, "one", &blob).await?, "without this there is nothing to show");

    let evictor = scene.evictor().await?;
    let evicted = evictor.evict([], [(&name("one"), &blob)]).await?;
    assert_eq!(evicted, Evicted { keys: 1, members: 1 });
    assert!(!claims(&client, "one", &blob).await?);
    assert!(claims(&client, "two", &blob).await?);
    client.pull("one", first.digest()).await.whole()?;
    Ok(())
}

/// Content that a client named by its SHA-512 is remembered under both digests, each for itself. Were only the content's
/// evicted, a HEAD of the other would end with an error of the server (500).
#[tokio::test]
async fn an_alias_is_evicted_by_its_own_name() -> Result<()> {
    let scene = Scene::new()?;
    let client = scene.registry.client()?;
    let bytes = b"content with two names";
    let content = Digest::of(bytes);
    let alias = Digest::from_parts("sha512", &regsweep::model::digest::hex(&sha2::Sha512::digest(bytes)))?;
    client.upload_blob_as("app", bytes, &alias.to_string()).await?;
    assert!(claims(&client, "app", &alias).await?);
    let mut look = scene.look()?;
    let two = BTreeSet::from([content.to_string(), alias.to_string()]);
    assert_eq!(members(&mut look, "app")?, two);
    assert_eq!(keys(&mut look)?, spelt("app", &two));
    scene.remove_link("app", &alias)?;
    scene.remove_link("app", &content)?;
    scene.remove_data(&content)?;

    let evictor = scene.evictor().await?;
    let repository = name("app");
    let evicted = evictor.evict([&alias], [(&repository, &alias)]).await?;
    assert_eq!(evicted, Evicted { keys: 2, members: 1 });
    assert!(!claims(&client, "app", &alias).await?);
    assert!(claims(&client, "app", &content).await?, "of the other name it still says so");
    assert_eq!(evictor.evict([&content], [(&repository, &content)]).await?, evicted);
    assert!(!claims(&client, "app", &content).await?);
    assert!(keys(&mut look)?.is_empty());
    Ok(())
}
