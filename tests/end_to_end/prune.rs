//! The old recipes of retention next to the one line: on content that clients pushed, against the registry itself. What is
//! left is the same, but for what the old way loses; that is named.

use std::collections::BTreeSet;
use std::fs::{self, File, FileTimes};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use anyhow::Result;
use regex::Regex;

use crate::real::{self, Client, Flavour, IndexForm, Moto, Pushed, Registry, Storage, content};
use crate::tool::{Ran, regsweep};

const REPOSITORIES: &str = "docker/registry/v2/repositories";

fn days_ago(days: u64) -> SystemTime {
    SystemTime::now() - Duration::from_secs(days * 86_400)
}

/// Makes a tag, with its directory, as old as that.
fn age(root: &Path, repository: &str, tag: &str, days: u64) -> Result<()> {
    let directory = root.join(REPOSITORIES).join(repository).join("_manifests/tags").join(tag);
    for path in [directory.join("current/link"), directory] {
        File::open(path)?.set_times(FileTimes::new().set_modified(days_ago(days)))?;
    }
    Ok(())
}

/// The same registry in another directory, times and all.
fn copy(from: &Path, to: &Path) -> Result<()> {
    real::process::run(Command::new("cp").arg("-a").arg(format!("{}/.", from.display())).arg(to))?;
    Ok(())
}

/// Names below a directory; none if there is none.
fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

/// Every tag that the registry lists, and what it names.
async fn tags(client: &Client) -> Result<BTreeSet<(String, String)>> {
    let mut all = BTreeSet::new();
    for repository in client.catalog().await? {
        for tag in client.tags(&repository).await? {
            let digest = client.manifest_digest(&repository, &tag).await?.unwrap_or_default();
            all.insert((format!("{repository}:{tag}"), digest));
        }
    }
    Ok(all)
}

/// Every manifest that the registry serves, by repository.
fn manifests(root: &Path) -> BTreeSet<String> {
    let repositories = ["shop/web", "shop/multi", "lonely"];
    let served = repositories.into_iter().flat_map(|repository| {
        let revisions = root.join(REPOSITORIES).join(repository).join("_manifests/revisions/sha256");
        let linked = names(&revisions).into_iter().filter(move |hex| revisions.join(hex).join("link").exists());
        linked.map(move |hex| format!("{repository}@sha256:{hex}"))
    });
    served.collect()
}

struct Scene {
    root: tempfile::TempDir,
    registry: Registry,
    index: Pushed,
    sbom: Pushed,
}

/// Builds of many ages, releases, a multi-arch image with an SBOM, and a manifest that lost its tag.
async fn scene(seed: u64) -> Result<Scene> {
    let root = tempfile::tempdir()?;
    let registry = Registry::on_directory(root.path())?;
    let client = registry.client()?;
    for (at, (tag, days)) in
        (0..).zip([("build-1", 60), ("build-2", 40), ("build-3", 5), ("latest", 90), ("1.4.2", 400), ("master", 90)])
    {
        content::image(&client, "shop/web", Some(tag), Flavour::Oci, seed + at).await?;
        age(root.path(), "shop/web", tag, days)?;
    }
    content::moved_tag(&client, "shop/web", "moving", &[seed + 20, seed + 21]).await?;
    let index = content::index(&client, "shop/multi", Some("v1"), IndexForm::Oci, seed + 30).await?;
    let sbom = content::referrer(&client, &index, seed + 40).await?;
    let old = content::index(&client, "shop/multi", Some("nightly"), IndexForm::Docker, seed + 50).await?;
    age(root.path(), "shop/multi", "nightly", 31)?;
    assert_ne!(old.digest(), index.digest());
    content::image(&client, "lonely", Some("old"), Flavour::Docker, seed + 60).await?;
    age(root.path(), "lonely", "old", 400)?;
    Ok(Scene { root, registry, index, sbom })
}

/// `registry_cleanup.sh`: tags of two-level repositories by the age of their directory, then every manifest that no tag names
/// through the API, then the registry's collector.
async fn the_script(registry: &mut Registry, root: &Path) -> Result<()> {
    let excluded = Regex::new(r"^(\*|master|develop|latest|stable|(v|[0-9]\.)[0-9]+(\.[0-9]+)*)$")?;
    let repositories = root.join(REPOSITORIES);
    let (mut linked, mut tagged) = (Vec::new(), BTreeSet::new());
    for first in names(&repositories) {
        for second in names(&repositories.join(&first)) {
            let home = repositories.join(&first).join(&second).join("_manifests");
            for tag in names(&home.join("tags")) {
                let directory = home.join("tags").join(&tag);
                let old = fs::metadata(&directory)?.modified()? < days_ago(30);
                if old && !excluded.is_match(&tag) {
                    #[expect(clippy::disallowed_methods, reason = "that is what the script does")]
                    fs::remove_dir_all(&directory)?;
                } else {
                    tagged.insert(fs::read_to_string(directory.join("current/link"))?);
                }
            }
            for hex in names(&home.join("revisions/sha256")) {
                linked.push((format!("{first}/{second}"), format!("sha256:{hex}")));
            }
        }
    }
    registry.serve()?;
    let client = registry.client()?;
    for (repository, digest) in linked.iter().filter(|(_, digest)| !tagged.contains(digest)) {
        client.delete_manifest(repository, digest).await?;
    }
    registry.stop();
    real::registry_garbage_collect(&registry.config(), false, false)?;
    Ok(())
}

/// What the importer makes of the script's defaults.
fn imported(directory: &Path) -> Result<String> {
    let policy = directory.join("policy.yml");
    fs::write(&policy, regsweep(["policy", "import", "registry-cleanup"]).expect(0).stdout)?;
    Ok(policy.display().to_string())
}

fn prune(root: &Path, arguments: &[&str]) -> Ran {
    let root = root.display().to_string();
    regsweep(["prune", "--yes", "--format", "json"].iter().chain(arguments).chain(&[root.as_str()]))
}

#[tokio::test]
async fn the_thirty_day_script_and_its_line() -> Result<()> {
    let Scene { root, mut registry, index, sbom } = scene(7000).await?;
    registry.stop();
    let (old, new, beside) = (tempfile::tempdir()?, tempfile::tempdir()?, tempfile::tempdir()?);
    for other in [&old, &new, &beside] {
        copy(root.path(), other.path())?;
    }
    let policy = imported(root.path())?;

    let mut by_script = Registry::on_directory(old.path())?;
    by_script.stop();
    the_script(&mut by_script, old.path()).await?;
    let ran = prune(new.path(), &["--offline", "--policy", &policy]).expect(0);
    assert_eq!(ran.json()["planned"], ran.json()["deleted"]);

    // Tag for tag the same is left.
    by_script.serve()?;
    let by_rule = Registry::on_directory(new.path())?;
    let left = tags(&by_rule.client()?).await?;
    assert_eq!(left, tags(&by_script.client()?).await?);
    let kept: Vec<&str> = left.iter().map(|(name, _)| name.as_str()).collect();
    let expected = [
        "lonely:old",
        "shop/multi:v1",
        "shop/web:1.4.2",
        "shop/web:build-3",
        "shop/web:latest",
        "shop/web:master",
        "shop/web:moving",
    ];
    assert_eq!(kept, expected);

    // Manifest for manifest as well, but for what the script loses: the children of the multi-arch image that stays, and
    // what is said about it.
    let lost: BTreeSet<String> = manifests(new.path()).difference(&manifests(old.path())).cloned().collect();
    let children = index.manifests.iter().filter(|digest| *digest != index.digest()).chain([&sbom.manifest.digest]);
    assert_eq!(lost, children.map(|digest| format!("shop/multi@{digest}")).collect());
    assert_eq!(manifests(old.path()).difference(&manifests(new.path())).count(), 0);
    assert!(by_script.client()?.pull_all().await?.whole().is_err(), "the script has broken shop/multi:v1");
    assert_eq!(by_rule.client()?.pull_all().await?.whole()?.len(), expected.len());

    // Beside the registry that goes on serving: the same tags, and every pull whole.
    let live = Registry::on_directory(beside.path())?;
    let ran = prune(beside.path(), &["--settle", "10ms", "--policy", &policy]).expect(0);
    assert_eq!(ran.count("/deleted/tags"), 3);
    assert_eq!(tags(&live.client()?).await?, left);
    assert_eq!(live.client()?.pull_all().await?.whole()?.len(), expected.len());
    Ok(())
}

/// Keep the last two builds: list the tags, sort by age, DELETE each digest, collect. What the old way loses: a build that
/// has another tag as well.
#[tokio::test]
async fn the_last_n_by_api_and_its_line() -> Result<()> {
    let root = tempfile::tempdir()?;
    let mut registry = Registry::on_directory(root.path())?;
    let client = registry.client()?;
    for days in 1..=5_u64 {
        let tag = format!("build-{days}");
        let image = content::image(&client, "shop/web", Some(&tag), Flavour::Oci, 8000 + days).await?;
        if days == 4 {
            // A release is a build that was tagged once more.
            let (media_type, bytes) = client.manifest("shop/web", image.digest()).await?;
            client.push_manifest("shop/web", "stable", &media_type, &bytes).await?;
        }
        age(root.path(), "shop/web", &tag, days)?;
    }
    registry.stop();
    let new = tempfile::tempdir()?;
    copy(root.path(), new.path())?;

    registry.serve()?;
    let client = registry.client()?;
    for tag in ["build-3", "build-4", "build-5"] {
        let digest = client.manifest_digest("shop/web", tag).await?.unwrap();
        client.delete_manifest("shop/web", &digest).await?;
    }
    registry.stop();
    real::registry_garbage_collect(&registry.config(), false, false)?;
    registry.serve()?;
    let by_api = tags(&registry.client()?).await?;

    prune(new.path(), &["--offline", "--tag", "build-*", "--keep-last", "2"]).expect(0);
    let by_rule = Registry::on_directory(new.path())?;
    let mut left = tags(&by_rule.client()?).await?;
    assert_eq!(by_rule.client()?.pull_all().await?.whole()?.len(), 3);
    // The API deletes a manifest with all its tags: the release went with the build.
    let stable = left.iter().find(|(name, _)| name == "shop/web:stable").cloned().unwrap();
    assert!(left.remove(&stable));
    assert_eq!(left, by_api);
    let mut kept = manifests(new.path());
    assert!(kept.remove(&format!("shop/web@{}", stable.1)));
    assert_eq!(kept, manifests(root.path()));
    Ok(())
}

/// On S3, beside the registry: its catalogue, its tag lists and every pull agree with what was said.
#[tokio::test]
async fn a_live_registry_on_s3_agrees_with_the_report() -> Result<()> {
    let moto = Moto::start("registry")?;
    let registry = Registry::start(Storage::moto(&moto, "/some/root"))?;
    let client = registry.client()?;
    for (at, tag) in (0..).zip(["pr-1", "pr-2", "pr-3", "latest"]) {
        content::image(&client, "ci/app", Some(tag), Flavour::Oci, 9000 + at).await?;
    }
    let index = content::index(&client, "ci/app", Some("pr-4"), IndexForm::Oci, 9100).await?;
    content::cosign_signature(&client, &index, 9200).await?;
    content::image(&client, "other", Some("pr-1"), Flavour::Oci, 9300).await?;
    let policy: PathBuf = tempfile::tempdir()?.keep().join("policy.yml");
    fs::write(&policy, "rules: [{name: ci, repositories: [\"ci/*\"], delete: {tags: [\"pr-*\"]}}]")?;
    let (config, policy) = (registry.config().display().to_string(), policy.display().to_string());
    // What was pushed a moment ago stays: this store tells times in whole seconds, and what is three of them old is told apart.
    tokio::time::sleep(Duration::from_secs(4)).await;
    let line = ["prune", "--yes", "--format", "json", "--settle", "10ms", "--policy", &policy, &config];
    let ran = regsweep(line).expect(0);
    assert_eq!(ran.count("/deleted/tags"), 5, "four images, and the signature of one: {ran:#?}");
    let left: Vec<String> = tags(&client).await?.into_iter().map(|(name, _)| name).collect();
    assert_eq!(left, ["ci/app:latest", "other:pr-1"]);
    assert_eq!(client.pull_all().await?.whole()?.len(), 2);
    for row in ran.json()["tags"].as_array().unwrap() {
        let tag = row["image"].as_str().unwrap().rsplit_once(':').unwrap().1;
        assert_eq!(client.manifest_digest("ci/app", tag).await?, None, "{tag}");
        assert!(row["rule"].as_str().unwrap().starts_with("rule ci: "), "{row}");
    }
    Ok(())
}
