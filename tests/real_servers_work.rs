//! The test harness itself works: real servers start, take every kind of content, and give it back whole.
#![allow(clippy::disallowed_methods, reason = "tests know the time, and tidy up after themselves")]

mod real;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use real::copy::{blobs, list, tree};
use real::{Azurite, Flavour, Moto, Registry, everything, registry_garbage_collect};

/// Where `serve_until_killed` tells its server's host.
const TELL: &str = "REGSWEEP_TEST_TELL";

/// Pushes everything and checks that exactly the tagged is listed and pulls whole.
async fn takes_everything(registry: &Registry) -> Result<real::Everything> {
    let client = registry.client()?;
    let pushed = everything(&client, 7).await?;
    let images = client.pull_all().await?.whole()?;
    let expected: BTreeSet<_> = pushed.tagged.iter().map(real::Pushed::name).collect();
    assert_eq!(images.keys().cloned().collect::<BTreeSet<_>>(), expected);
    for image in &pushed.tagged {
        assert_eq!(images.get(&image.name()), Some(&image.needs()), "{}", image.name());
    }
    for image in pushed.untagged.iter().chain(&pushed.referrers) {
        client.pull(&image.repository, image.digest()).await.whole()?;
    }
    for image in &pushed.deleted {
        assert_eq!(client.manifest_digest(&image.repository, image.digest()).await?, None);
    }
    Ok(pushed)
}

#[tokio::test]
async fn registry_on_a_directory_takes_everything_and_its_collector_agrees() -> Result<()> {
    let root = tempfile::tempdir()?;
    let mut registry = Registry::on_directory(root.path())?;
    let pushed = takes_everything(&registry).await?;
    let stored = blobs(tree(root.path())?.keys());
    let all: BTreeSet<_> = pushed.kept(false).union(&pushed.garbage(false)).cloned().collect();
    assert_eq!(stored, all);

    registry.stop();
    let dry = registry_garbage_collect(&registry.config(), false, true)?;
    assert_eq!(dry.exit, Some(0), "{}", dry.stderr);
    assert_eq!(dry.eligible_blobs, pushed.garbage(false));
    assert_eq!(dry.marked, pushed.kept(false));
    assert_eq!(blobs(tree(root.path())?.keys()), all, "a dry run removes nothing");
    let real = registry_garbage_collect(&registry.config(), false, false)?;
    assert_eq!(real.eligible_blobs, dry.eligible_blobs);
    assert_eq!(blobs(tree(root.path())?.keys()), pushed.kept(false));

    registry.serve()?;
    assert_eq!(registry.client()?.pull_all().await?.whole()?.len(), pushed.tagged.len());
    Ok(())
}

#[tokio::test]
async fn the_registrys_own_delete_untagged_breaks_indexes_and_pull_all_sees_it() -> Result<()> {
    let root = tempfile::tempdir()?;
    let mut registry = Registry::on_directory(root.path())?;
    let pushed = everything(&registry.client()?, 8).await?;
    registry.stop();
    let outcome = registry_garbage_collect(&registry.config(), true, false)?;
    assert_eq!(outcome.exit, Some(0), "{}", outcome.stderr);
    assert!(!outcome.eligible_manifests.is_empty(), "{outcome:?}");
    registry.serve()?;
    let pull = registry.client()?.pull_all().await?;
    assert!(pull.broken.iter().any(|broken| broken.image == "a:index"), "{:?}", pull.broken);
    assert!(pull.broken.iter().all(|broken| broken.image != "a:oci"), "{:?}", pull.broken);
    assert!(pushed.kept(true).is_subset(&pushed.kept(false)));
    Ok(())
}

#[tokio::test]
async fn registry_on_moto_takes_everything_and_its_collector_agrees() -> Result<()> {
    let moto = Moto::start("registry")?;
    let mut registry = Registry::on_moto(&moto)?;
    let pushed = takes_everything(&registry).await?;
    registry.stop();
    let outcome = registry_garbage_collect(&registry.config(), false, true)?;
    assert_eq!(outcome.exit, Some(0), "{}", outcome.stderr);
    assert_eq!(outcome.eligible_blobs, pushed.garbage(false));
    let keys = list(&moto.store()?, "docker/").await?;
    assert_eq!(blobs(keys.keys()).len(), pushed.kept(false).len() + pushed.garbage(false).len());
    Ok(())
}

#[tokio::test]
async fn a_tree_copied_to_s3_is_served_whole() -> Result<()> {
    let root = tempfile::tempdir()?;
    let registry = Registry::on_directory(root.path())?;
    let pushed = takes_everything(&registry).await?;
    let moto = Moto::start("registry")?;
    let files = tree(root.path())?;
    let copied = real::copy_tree_to_s3(root.path(), &moto.endpoint(), "registry", "some/root").await?;
    assert_eq!(copied, files.len());
    let copy = Registry::start(real::Storage::moto(&moto, "/some/root"))?;
    assert_eq!(copy.client()?.pull_all().await?.whole()?.len(), pushed.tagged.len());
    Ok(())
}

#[tokio::test]
async fn a_tree_copied_to_azure_lists_back_with_and_without_the_leading_slash() -> Result<()> {
    let root = tempfile::tempdir()?;
    real::sample::copy(root.path())?;
    let azurite = Azurite::start("registry")?;
    azurite.create_container("slashed")?;
    let files = tree(root.path())?;
    for (container, leading_slash) in [("registry", false), ("slashed", true)] {
        let copied = real::copy_tree_to_azure(root.path(), &azurite.endpoint(), container, "", leading_slash).await?;
        assert_eq!(copied, files.len());
        let store = real::azurite::azure(&azurite.endpoint(), container)?;
        let (with, without) = (list(&store, "/docker/").await?, list(&store, "docker/").await?);
        let (here, there) = if leading_slash { (with, without) } else { (without, with) };
        assert_eq!(here, files);
        assert!(there.is_empty(), "{there:?}");
    }
    Ok(())
}

#[tokio::test]
async fn skopeo_and_umoci_push_and_pull() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let registry = Registry::on_directory(&dir.path().join("root"))?;
    let layout = real::skopeo::make_oci_layout(dir.path(), 1)?;
    real::skopeo::push(&layout, &registry.host(), "sk/a:oci", Flavour::Oci)?;
    real::skopeo::push(&layout, &registry.host(), "sk/a:docker", Flavour::Docker)?;
    let client = registry.client()?;
    assert_eq!(client.manifest("sk/a", "docker").await?.0, real::content::DOCKER_MANIFEST);
    let pushed = everything(&client, 9).await?;
    let images = client.pull_all().await?.whole()?;
    assert_eq!(images.len(), pushed.tagged.len() + 2);
    for name in ["sk/a:oci", "sk/a:docker", "a:oci", "a:index", "a/b:list", "a-b:shared"] {
        let pulled = real::skopeo::pull(&registry.host(), name, dir.path())?;
        assert!(pulled.join("manifest.json").is_file(), "{name}");
    }
    Ok(())
}

#[tokio::test]
async fn pull_all_names_what_is_missing() -> Result<()> {
    let root = tempfile::tempdir()?;
    let registry = Registry::on_directory(root.path())?;
    let client = registry.client()?;
    let image = real::content::image(&client, "a/b", Some("v1"), Flavour::Oci, 3).await?;
    let blob = image.blobs.first().cloned().unwrap_or_default();
    let hex = blob.trim_start_matches("sha256:").to_owned();
    let data = root.path().join(format!("docker/registry/v2/blobs/sha256/{}/{hex}/data", &hex[..2]));
    std::fs::remove_file(data)?;
    let pull = client.pull_all().await?;
    let broken: Vec<_> = pull.broken.iter().map(|broken| (broken.image.as_str(), broken.what.as_str())).collect();
    assert_eq!(broken, [("a/b:v1", blob.as_str())]);
    Ok(())
}

#[test]
fn servers_die_with_a_panicking_test() -> Result<()> {
    let root = tempfile::tempdir()?;
    let root_path = root.path().to_owned();
    let (tell, told) = std::sync::mpsc::channel();
    let panicked = std::thread::spawn(move || {
        let registry = start(&root_path);
        let _ = tell.send(registry.host());
        assert!(registry.host().is_empty(), "this panic is part of the test");
    });
    let host = told.recv()?;
    ensure!(panicked.join().is_err());
    assert!(std::net::TcpStream::connect(host).is_err(), "the registry outlived its test");
    Ok(())
}

/// Not a test by itself: what the next one starts as a process of its own, to kill it.
#[test]
fn serve_until_killed() -> Result<()> {
    let Some(told_here) = std::env::var_os(TELL) else { return Ok(()) };
    let root = Path::new(&told_here).with_extension("root");
    let registry = Registry::on_directory(&root)?;
    let said = Path::new(&told_here).with_extension("part");
    std::fs::write(&said, registry.host())?;
    std::fs::rename(said, told_here)?;
    std::thread::sleep(Duration::from_mins(1));
    Ok(())
}

#[test]
fn servers_die_with_a_killed_test_process() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let told = dir.path().join("host");
    let mut itself = Command::new(std::env::current_exe()?);
    itself.args(["--exact", "serve_until_killed"]).env(TELL, &told).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = itself.spawn()?;
    let host = soon(|| std::fs::read_to_string(&told).ok());
    child.kill()?;
    child.wait()?;
    let host = host?;
    soon(|| std::net::TcpStream::connect(&host).is_err().then_some(()))
}

/// What `get` gives, asked again for up to half a minute.
fn soon<T>(get: impl Fn() -> Option<T>) -> Result<T> {
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(30) {
        if let Some(value) = get() {
            return Ok(value);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    bail!("waited for half a minute")
}

#[allow(clippy::expect_used, reason = "a closure that is to panic anyway")]
fn start(root: &Path) -> Registry {
    Registry::on_directory(root).expect("a registry")
}

#[tokio::test]
async fn the_sample_is_whole_and_stays_so_without_what_must_go() -> Result<()> {
    for delete_untagged in [false, true] {
        let root = tempfile::tempdir()?;
        real::sample::copy(root.path())?;
        let mut registry = Registry::on_directory(root.path())?;
        let images = registry.client()?.pull_all().await?.whole()?;
        assert_eq!(images.len(), 6);
        let expected = real::sample::Expected::read(delete_untagged)?;
        if !delete_untagged {
            let oracle = registry_garbage_collect(&registry.config(), false, true)?;
            assert_eq!(oracle.eligible_blobs, expected.blobs.keys().cloned().collect());
            assert_eq!(oracle.marked.len(), expected.marked);
        }
        registry.stop();
        for key in expected.keys() {
            let path = root.path().join(key);
            if path.is_dir() { std::fs::remove_dir_all(path)? } else { std::fs::remove_file(path)? }
        }
        assert_eq!(blobs(tree(root.path())?.keys()).len(), expected.marked);
        registry.serve()?;
        let client = registry.client()?;
        assert_eq!(client.pull_all().await?.whole()?, images);
        client.pull("app", "sha256:6a760f05ad077b2808536acf9fe0b93c63a0ff81dcf935260c9d22bf24bef539").await.whole()?;
    }
    Ok(())
}

#[tokio::test]
#[ignore = "writes testdata/sample anew: for the one who changes what is in it"]
async fn make_the_sample() -> Result<()> {
    let root = real::sample::directory();
    ensure!(!root.join("docker").exists(), "remove testdata/sample/docker first");
    real::sample::make(&root).await
}
