//! Tags are pushed again while somebody thinks about the question: `rm` and `prune` beside the registry that takes the
//! pushes. Afterwards its catalogue, its tag lists and every pull agree with what the report says of each tag.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tempfile::TempDir;

use crate::real::skopeo::{make_oci_layout, pull, push};
use crate::real::{Client, Flavour, IndexForm, Moto, Registry, Storage, content};
use crate::tool::regsweep;
use crate::tool::terminal::Terminal;

/// Images made by umoci.
struct Layouts {
    home: TempDir,
    layouts: BTreeMap<u64, PathBuf>,
}

impl Layouts {
    fn new(seeds: impl IntoIterator<Item = u64>) -> Result<Self> {
        let home = tempfile::tempdir()?;
        let layouts = seeds.into_iter().map(|seed| {
            let place = home.path().join(seed.to_string());
            std::fs::create_dir(&place)?;
            Ok((seed, make_oci_layout(&place, seed)?))
        });
        let layouts = layouts.collect::<Result<_>>()?;
        Ok(Self { home, layouts })
    }

    /// Pushes one by skopeo.
    fn push(&self, registry: &Registry, seed: u64, name: &str, flavour: Flavour) -> Result<()> {
        push(&self.layouts[&seed], registry.client()?.host(), name, flavour)
    }
}

/// Every tag that the registry lists, and what it names.
async fn tags(client: &Client) -> Result<BTreeMap<String, String>> {
    let mut all = BTreeMap::new();
    for repository in client.catalog().await? {
        for tag in client.tags(&repository).await? {
            let digest = client.manifest_digest(&repository, &tag).await?.context("a tag that cannot be pulled")?;
            all.insert(format!("{repository}:{tag}"), digest);
        }
    }
    Ok(all)
}

fn changed<'a>(tags: &'a BTreeMap<String, String>, name: &str) -> &'a str {
    tags.get(name).map_or("gone", String::as_str)
}

/// `line` lets all of `ci/app:pr-*` go.
async fn pushed_again(storage: Storage, line: &[&str]) -> Result<()> {
    let layouts = Layouts::new(1..=7)?;
    let mut registry = Registry::start(storage)?;
    let client = registry.client()?;
    let flavours = [Flavour::Oci, Flavour::Docker];
    for (seed, flavour) in (1..=4).zip(flavours.into_iter().cycle()) {
        layouts.push(&registry, seed, &format!("ci/app:pr-{seed}"), flavour)?;
    }
    let index = content::index(&client, "ci/app", Some("pr-5"), IndexForm::Oci, 4100).await?;
    let signature = content::cosign_signature(&client, &index, 4200).await?.name();
    layouts.push(&registry, 5, "ci/app:v1", Flavour::Oci)?;
    layouts.push(&registry, 6, "other:pr-1", Flavour::Oci)?;
    let before = tags(&client).await?;
    // What was pushed a moment ago stays for a rule: let it grow older than `--settle`.
    tokio::time::sleep(Duration::from_secs(4)).await;

    let config = registry.config().display().to_string();
    let more = ["--settle", "1s", "--format", "json", "-R", &config];
    let line: Vec<&str> = line.iter().copied().chain(more).collect();
    let mut terminal = Terminal::start(&line);
    terminal.wait_until_it_asks();
    // One tag is moved, one is pushed as it was, and one image gets another tag; nobody touches the rest.
    layouts.push(&registry, 7, "ci/app:pr-1", Flavour::Oci)?;
    layouts.push(&registry, 2, "ci/app:pr-2", Flavour::Docker)?;
    layouts.push(&registry, 4, "ci/app:again", Flavour::Docker)?;
    let ran = terminal.answer("y").expect(0);

    let after = tags(&client).await?;
    let json = ran.json();
    let rows = json["tags"].as_array().context("the tags")?;
    let outcomes: BTreeMap<&str, &str> =
        rows.iter().filter_map(|row| Some((row["image"].as_str()?, row["outcome"].as_str()?))).collect();
    let expected = [
        ("ci/app:pr-1", "changed"),
        ("ci/app:pr-2", "changed"),
        ("ci/app:pr-3", "deleted"),
        ("ci/app:pr-4", "deleted"),
        ("ci/app:pr-5", "deleted"),
        (&signature, "deleted"),
    ];
    assert_eq!(outcomes, expected.into(), "{ran:#?}");
    let deleted = outcomes.iter().filter(|(_, outcome)| **outcome == "deleted").map(|(image, _)| *image);
    let deleted: BTreeSet<&str> = deleted.collect();
    assert_eq!(ran.count("/deleted/tags"), deleted.len() as u64);

    // Just what the report calls deleted is gone; what is there names what it named, or what was pushed meanwhile.
    let names: BTreeSet<&str> = after.keys().map(String::as_str).collect();
    let stays = before.keys().map(String::as_str).filter(|name| !deleted.contains(name)).chain(["ci/app:again"]);
    assert_eq!(names, stays.collect());
    assert_ne!(changed(&after, "ci/app:pr-1"), changed(&before, "ci/app:pr-1"), "it was moved");
    assert_eq!(changed(&after, "ci/app:pr-2"), changed(&before, "ci/app:pr-2"));
    assert_eq!(changed(&after, "ci/app:again"), changed(&before, "ci/app:pr-4"), "the same image by another name");
    assert_eq!(client.catalog().await?, ["ci/app", "other"]);
    assert_eq!(client.pull_all().await?.whole()?.len(), after.len());
    for gone in [changed(&before, "ci/app:pr-3"), index.digest()] {
        assert_eq!(client.manifest_digest("ci/app", gone).await?, None, "{gone}");
    }

    // What nothing needs goes, and skopeo still pulls every tag with every digest right.
    registry.stop();
    let collected = regsweep(["gc", "--offline", "--format", "json", &config]).expect(0);
    assert!(collected.count("/deleted/blobs/count") > 0, "{collected:#?}");
    registry.serve()?;
    let host = registry.client()?.host().to_owned();
    for name in after.keys() {
        pull(&host, name, layouts.home.path()).with_context(|| format!("pull {name}"))?;
    }
    assert_eq!(tags(&registry.client()?).await?, after);
    Ok(())
}

const RM: &[&str] = &["rm", "ci/app:pr-*"];
const PRUNE: &[&str] = &["prune", "--repository", "ci/app", "--tag", "pr-*", "--older-than", "0s"];

#[tokio::test]
async fn rm_beside_pushes_to_a_directory() -> Result<()> {
    let root = tempfile::tempdir()?;
    pushed_again(Storage::Filesystem(root.path().to_owned()), RM).await
}

#[tokio::test]
async fn prune_beside_pushes_to_a_directory() -> Result<()> {
    let root = tempfile::tempdir()?;
    pushed_again(Storage::Filesystem(root.path().to_owned()), PRUNE).await
}

#[tokio::test]
async fn rm_beside_pushes_to_s3() -> Result<()> {
    let moto = Moto::start("registry")?;
    pushed_again(Storage::moto(&moto, "/some/root"), RM).await
}

#[tokio::test]
async fn prune_beside_pushes_to_s3() -> Result<()> {
    let moto = Moto::start("registry")?;
    pushed_again(Storage::moto(&moto, "/some/root"), PRUNE).await
}
