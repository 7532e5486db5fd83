//! What people do today by API and by hand, each recipe on one copy of a registry and `rm` on another: the tags and
//! manifests that remain are the same, but for what the old way loses or leaves lying about. That is named here, each time.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::lab::pull::{revisions, tags};
use crate::lab::tree::{read_dir, write_dir};
use crate::real::content::{cosign_signature, image, index, referrer};
use crate::real::{Client, Flavour, IndexForm, Moto, Pushed, Registry, Storage, registry_garbage_collect};
use crate::tool::{Ran, regsweep};

/// What was pushed.
struct Content {
    v1: Pushed,
    v2: Pushed,
    /// Signature of `v1`, by its tag.
    signature: Pushed,
    /// What is about `v2`, by `subject`.
    about: Pushed,
    multi: Pushed,
    /// What `old` names has another tag as well.
    twice: Pushed,
}

async fn fill(client: &Client) -> Result<Content> {
    let v1 = image(client, "app", Some("v1"), Flavour::Docker, 1).await?;
    let v2 = image(client, "app", Some("v2"), Flavour::Oci, 2).await?;
    let twice = image(client, "app", Some("old"), Flavour::Oci, 3).await?;
    image(client, "app", Some("stable"), Flavour::Oci, 3).await?;
    for (repository, tag, seed) in [("ci/a", "pr-1", 4), ("ci/a", "pr-2", 5), ("ci/b/c", "pr-1", 6), ("city", "v1", 7)]
    {
        image(client, repository, Some(tag), Flavour::Oci, seed).await?;
    }
    Ok(Content {
        signature: cosign_signature(client, &v1, 11).await?,
        about: referrer(client, &v2, 12).await?,
        multi: index(client, "app", Some("multi"), IndexForm::Oci, 13).await?,
        v1,
        v2,
        twice,
    })
}

/// One registry, twice.
struct Two {
    content: Content,
    old: tempfile::TempDir,
    new: tempfile::TempDir,
}

/// What remains in a directory, and what of it pulls.
#[derive(Debug)]
struct Remains {
    /// As `tags/list` says.
    tags: BTreeSet<String>,
    catalog: BTreeSet<String>,
    manifests: BTreeSet<String>,
    /// Tags that do not pull whole.
    broken: BTreeSet<String>,
}

async fn two() -> Result<Two> {
    let (old, new) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let mut registry = Registry::on_directory(old.path())?;
    let content = fill(&registry.client()?).await?;
    registry.stop();
    write_dir(&read_dir(old.path()), new.path());
    Ok(Two { content, old, new })
}

async fn remains(root: &Path) -> Result<Remains> {
    let registry = Registry::on_directory(root)?;
    let client = registry.client()?;
    let catalog: BTreeSet<String> = client.catalog().await?.into_iter().collect();
    let mut tags = BTreeSet::new();
    for repository in &catalog {
        tags.extend(client.tags(repository).await?.into_iter().map(|tag| format!("{repository}:{tag}")));
    }
    let pull = client.pull_all().await?;
    let broken = pull.broken.iter().map(|broken| broken.image.clone()).collect();
    let manifests = revisions(&read_dir(root)).into_iter().map(|(name, digest)| format!("{name}@{digest}")).collect();
    Ok(Remains { tags, catalog, manifests, broken })
}

fn less<'a>(all: &'a BTreeSet<String>, rest: &'a BTreeSet<String>) -> BTreeSet<&'a str> {
    all.difference(rest).map(String::as_str).collect()
}

fn rm(root: &Path, line: &[&str]) -> Ran {
    let root = root.display().to_string();
    let all = ["rm", "--yes", "--format", "json", "-R", &root].into_iter().chain(line.iter().copied());
    regsweep(all.map(str::to_owned)).expect(0)
}

/// The registry's own collector, on a registry that is stopped.
fn collect(root: &Path, untagged: bool) -> Result<()> {
    let mut registry = Registry::on_directory(root)?;
    registry.stop();
    registry_garbage_collect(&registry.config(), untagged, false)?;
    Ok(())
}

fn of(images: &[&Pushed]) -> BTreeSet<String> {
    images.iter().map(|image| format!("{}@{}", image.repository, image.digest())).collect()
}

fn children(multi: &Pushed) -> BTreeSet<String> {
    let all = multi.manifests.iter().filter(|digest| *digest != multi.digest());
    all.map(|digest| format!("{}@{digest}", multi.repository)).collect()
}

fn strs(of: &BTreeSet<String>) -> BTreeSet<&str> {
    of.iter().map(String::as_str).collect()
}

/// Find the digest in a header, DELETE it, collect.
#[tokio::test]
async fn delete_by_api_and_collect() -> Result<()> {
    let two = two().await?;
    let mut registry = Registry::on_directory(two.old.path())?;
    let client = registry.client()?;
    let digest = client.manifest_digest("app", "v1").await?.unwrap();
    client.delete_manifest("app", &digest).await?;
    registry.stop();
    collect(two.old.path(), false)?;
    rm(two.new.path(), &["--offline", "--gc", "app:v1"]);
    let (old, new) = (remains(two.old.path()).await?, remains(two.new.path()).await?);
    assert_eq!(less(&new.tags, &old.tags), BTreeSet::new());
    // Left lying about: the signature of an image that is gone.
    let signature = format!("app:{}", two.content.signature.tag.as_ref().unwrap());
    assert_eq!(less(&old.tags, &new.tags), BTreeSet::from([signature.as_str()]));
    assert_eq!(less(&old.manifests, &new.manifests), strs(&of(&[&two.content.signature])));
    assert_eq!(less(&new.manifests, &old.manifests), BTreeSet::new());
    assert_eq!((old.catalog, old.broken), (new.catalog, new.broken.clone()));
    assert_eq!(new.broken, BTreeSet::new());
    Ok(())
}

/// A tag's directory removed by hand, then the collector with `-m`, as recipes on the web say.
#[tokio::test]
async fn remove_the_directory_of_a_tag_by_hand() -> Result<()> {
    let two = two().await?;
    let tags = PathBuf::from("docker/registry/v2/repositories/app/_manifests/tags");
    std::fs::remove_dir_all(two.old.path().join(&tags).join("v1"))?;
    std::fs::remove_dir_all(two.old.path().join(&tags).join("old"))?;
    collect(two.old.path(), true)?;
    rm(two.new.path(), &["--offline", "--gc", "app:v1", "app:old"]);
    let (old, new) = (remains(two.old.path()).await?, remains(two.new.path()).await?);
    let signature = format!("app:{}", two.content.signature.tag.as_ref().unwrap());
    assert_eq!(less(&old.tags, &new.tags), BTreeSet::from([signature.as_str()]));
    assert_eq!(less(&new.tags, &old.tags), BTreeSet::new());
    // Lost: the images of every multi-arch tag of the registry, and what is about images (SBOMs, attestations).
    let lost = [children(&two.content.multi), of(&[&two.content.about])].concat_all();
    assert_eq!(less(&new.manifests, &old.manifests), strs(&lost));
    assert_eq!(less(&old.manifests, &new.manifests), strs(&of(&[&two.content.signature])));
    assert_eq!(old.broken, BTreeSet::from(["app:multi".to_owned()]), "the old way breaks what nobody named");
    assert_eq!(new.broken, BTreeSet::new());
    // What another tag names stays in both.
    assert!(
        new.manifests.is_superset(&of(&[&two.content.twice])) && old.manifests.is_superset(&of(&[&two.content.twice]))
    );
    Ok(())
}

/// `tags/*/index/...` and `revisions/...` of a digest removed by hand, then the collector.
#[tokio::test]
async fn remove_index_and_revisions_by_hand() -> Result<()> {
    let two = two().await?;
    let manifests = two.old.path().join("docker/registry/v2/repositories/app/_manifests");
    let hex = two.content.v2.digest().trim_start_matches("sha256:").to_owned();
    std::fs::remove_dir_all(manifests.join("tags/v2/index/sha256").join(&hex))?;
    std::fs::remove_dir_all(manifests.join("revisions/sha256").join(&hex))?;
    collect(two.old.path(), false)?;
    rm(two.new.path(), &["--offline", "--gc", &format!("app@{}", two.content.v2.digest())]);
    let (old, new) = (remains(two.old.path()).await?, remains(two.new.path()).await?);
    // Left lying about: a tag that is listed and cannot be pulled, and what is about an image that is gone.
    assert_eq!(less(&old.tags, &new.tags), BTreeSet::from(["app:v2"]));
    assert_eq!(old.broken, BTreeSet::from(["app:v2".to_owned()]));
    assert_eq!(less(&old.manifests, &new.manifests), strs(&of(&[&two.content.about])));
    assert_eq!(less(&new.manifests, &old.manifests), BTreeSet::new());
    assert_eq!(new.broken, BTreeSet::new());
    // The way out for whoever has done that already.
    rm(two.old.path(), &["--offline", "--gc", &format!("app@{}", two.content.v2.digest())]);
    let mended = remains(two.old.path()).await?;
    assert_eq!((mended.tags, mended.broken), (new.tags, new.broken));
    Ok(())
}

/// All images of the repositories that match a pattern: each tag's digest by API, then the collector.
#[tokio::test]
async fn remove_all_images_of_repositories_by_a_pattern() -> Result<()> {
    let two = two().await?;
    let mut registry = Registry::on_directory(two.old.path())?;
    let client = registry.client()?;
    for repository in client.catalog().await?.into_iter().filter(|name| name.starts_with("ci/")) {
        for tag in client.tags(&repository).await? {
            let digest = client.manifest_digest(&repository, &tag).await?.unwrap();
            client.delete_manifest(&repository, &digest).await?;
        }
    }
    registry.stop();
    collect(two.old.path(), false)?;
    rm(two.new.path(), &["--offline", "--gc", "ci/**"]);
    let (old, new) = (remains(two.old.path()).await?, remains(two.new.path()).await?);
    assert_eq!((&old.tags, &old.manifests, &old.broken), (&new.tags, &new.manifests, &new.broken));
    // Left lying about: repositories without anything in them.
    assert_eq!(less(&old.catalog, &new.catalog), BTreeSet::from(["ci/a", "ci/b/c"]));
    assert!(new.catalog.contains("city"), "a neighbour whose name begins alike");
    Ok(())
}

trait Concat {
    fn concat_all(self) -> BTreeSet<String>;
}

impl Concat for [BTreeSet<String>; 2] {
    fn concat_all(self) -> BTreeSet<String> {
        self.into_iter().flatten().collect()
    }
}

/// Beside a registry that goes on serving: its catalogue, its lists and every pull agree with what was said; and all of it
/// comes back.
async fn beside_a_registry(storage: Storage) -> Result<()> {
    let registry = Registry::start(storage)?;
    let client = registry.client()?;
    let content = fill(&client).await?;
    let before: BTreeMap<_, _> = client.pull_all().await?.whole()?;
    let config = registry.config().display().to_string();
    let run = |line: &[&str]| {
        let more = ["--format", "json", "-R", &config];
        regsweep(line.iter().chain(&more).map(|word| (*word).to_owned())).expect(0)
    };
    let ran = run(&["rm", "--yes", "--settle", "1s", "app:v1", "app:multi", "ci/a", "ci/b/c:*"]);
    let said: BTreeSet<String> =
        ran.json()["tags"].as_array().unwrap().iter().map(|row| row["image"].as_str().unwrap().to_owned()).collect();
    let signature = content.signature.name();
    let gone =
        BTreeSet::from(["app:v1", &signature, "app:multi", "ci/a:pr-1", "ci/a:pr-2", "ci/b/c:pr-1"].map(str::to_owned));
    assert_eq!(said, gone);
    assert_eq!(ran.count("/deleted/tags"), gone.len() as u64);
    let after = client.pull_all().await?.whole()?;
    let expected: BTreeMap<_, _> = before.iter().filter(|(image, _)| !gone.contains(*image)).collect();
    assert_eq!(after.iter().collect::<BTreeMap<_, _>>(), expected);
    let catalog = client.catalog().await?;
    assert!(!catalog.contains(&"ci/a".to_owned()) && catalog.contains(&"app".to_owned()), "{catalog:?}");
    for image in [&content.v1, &content.multi, &content.signature] {
        assert_eq!(client.manifest_digest("app", image.digest()).await?, None, "{}", image.name());
        assert_eq!(client.manifest_digest("app", image.tag.as_ref().unwrap()).await?, None);
    }
    // A tag can be pushed again at once, and the rest comes back.
    image(&client, "app", Some("v1"), Flavour::Docker, 99).await?;
    let newer = client.manifest_digest("app", "v1").await?;
    run(&["restore", "--yes", "--all"]);
    assert_eq!(client.manifest_digest("app", "v1").await?, newer, "a newer push stays");
    let back = client.pull_all().await?.whole()?;
    for (image, digests) in before.iter().filter(|(image, _)| *image != "app:v1") {
        assert_eq!(back.get(image), Some(digests), "{image}");
    }
    Ok(())
}

#[tokio::test]
async fn removal_beside_a_registry_on_a_directory() -> Result<()> {
    let root = tempfile::tempdir()?;
    beside_a_registry(Storage::Filesystem(root.path().to_owned())).await?;
    assert!(!tags(&read_dir(root.path())).is_empty());
    Ok(())
}

#[tokio::test]
async fn removal_beside_a_registry_on_s3() -> Result<()> {
    let moto = Moto::start("registry")?;
    beside_a_registry(Storage::moto(&moto, "/")).await
}
