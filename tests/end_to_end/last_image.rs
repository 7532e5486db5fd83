//! The walk-through everybody knows: push one image, delete it, and wonder where the space went.

use std::path::Path;

use anyhow::Result;

use crate::real::content::image_of;
use crate::real::layer::{Layer, noise};
use crate::real::{Flavour, Registry};
use crate::tool::regsweep;

/// As `du -s --apparent-size` counts: files and directories.
fn space(root: &Path) -> Result<u64> {
    let mut sum = std::fs::symlink_metadata(root)?.len();
    for child in std::fs::read_dir(root)? {
        let child = child?;
        sum += if child.file_type()?.is_dir() { space(&child.path())? } else { child.metadata()?.len() };
    }
    Ok(sum)
}

#[tokio::test]
async fn space_of_the_only_image_comes_back_after_it_was_deleted() -> Result<()> {
    const MB: u64 = 1_000_000;
    let root = tempfile::tempdir()?;
    let directory = root.path().display().to_string();
    let mut registry = Registry::on_directory(root.path())?;
    let client = registry.client()?;
    let layer = Layer { gzip: noise(61, 61_000_000), tar: Vec::new() };
    let image = image_of(&client, "hello", Some("latest"), Flavour::Docker, "amd64", &[layer]).await?;
    assert_eq!(space(root.path())? / MB, 61);

    client.delete_manifest("hello", image.digest()).await?;
    assert_eq!(space(root.path())? / MB, 61, "deleting by the API frees nothing");

    let dry = regsweep(["gc", "--dry-run", &directory]).expect(0);
    let text: Vec<&str> = dry.stdout.lines().collect();
    let at = text.iter().position(|line| *line == "kept for safety").unwrap_or_else(|| panic!("{dry:#?}"));
    let line = text[at + 1..].iter().map(|line| line.trim()).take_while(|line| !line.is_empty());
    let line = line.collect::<Vec<_>>().join(" ");
    for part in ["3 blobs (61.0 MB) for their age", "can go after 20", "now with `--offline`", "stopped or read-only"] {
        assert!(line.contains(part), "{part:?} in {line:?}");
    }
    assert!(dry.stdout.contains("nothing to delete"), "{dry:#?}");
    assert!(dry.stdout.contains("61.0 MB more can be freed after 20"), "{dry:#?}");
    assert_eq!(space(root.path())? / MB, 61, "a dry run changes nothing");

    registry.stop();
    let offline = regsweep(["gc", "--offline", &directory]).expect(0);
    assert!(offline.stdout.contains("61.0 MB freed"), "{offline:#?}");
    let left = space(root.path())?;
    assert!(left <= 100_000, "{left} bytes are left: {:?}", crate::real::copy::tree(root.path())?);
    assert!(crate::real::copy::tree(root.path())?.is_empty(), "nothing but directories is left");

    registry.serve()?;
    let client = registry.client()?;
    let pull = client.pull_all().await?.whole()?;
    assert!(pull.is_empty(), "no tag is left, broken or not: {pull:?}");
    for repository in client.catalog().await? {
        assert_eq!(client.tags(&repository).await?, Vec::<String>::new(), "{repository}");
    }
    assert!(!client.has_blob("hello", image.blobs.first().unwrap()).await?);

    for _ in 0..2 {
        let again = regsweep(["gc", "--offline", &directory]).expect(0);
        assert!(again.stdout.contains("nothing to delete"), "{again:#?}");
    }
    // The registry goes on: the same image comes back whole.
    let layer = Layer { gzip: noise(62, 5000), tar: Vec::new() };
    image_of(&client, "hello", Some("latest"), Flavour::Docker, "amd64", &[layer]).await?;
    assert_eq!(client.pull_all().await?.whole()?.len(), 1);
    Ok(())
}

/// What is empty is in no listing, and the registry lists it all the same.
#[tokio::test]
async fn repository_that_lost_its_last_image_is_taken_out_of_the_catalogue_by_name() -> Result<()> {
    let root = tempfile::tempdir()?;
    let directory = root.path().display().to_string();
    let mut registry = Registry::on_directory(root.path())?;
    let client = registry.client()?;
    for (at, name) in (0..).zip(["team/app", "team/app/sub", "other"]) {
        let layer = Layer { gzip: noise(63 + at, 5000), tar: Vec::new() };
        image_of(&client, name, Some("v1"), Flavour::Oci, "amd64", &[layer]).await?;
    }
    registry.stop();
    regsweep(["rm", "-R", &directory, "--offline", "--gc", "--yes", "team/app:v1"]).expect(0);
    registry.serve()?;
    assert_eq!(registry.client()?.catalog().await?, ["other", "team/app", "team/app/sub"]);
    registry.stop();
    let dry = regsweep(["rm", "-R", &directory, "--offline", "--dry-run", "team/app"]).expect(0);
    assert!(dry.stdout.contains("nothing is in it but empty directories"), "{dry:#?}");
    assert!(root.path().join("docker/registry/v2/repositories/team/app/_layers").is_dir(), "a dry run changes nothing");
    regsweep(["rm", "-R", &directory, "--offline", "--yes", "team/app"]).expect(0);
    registry.serve()?;
    assert_eq!(registry.client()?.catalog().await?, ["other", "team/app/sub"]);
    assert_eq!(registry.client()?.pull_all().await?.whole()?.len(), 2);
    let again = regsweep(["rm", "-R", &directory, "--offline", "--yes", "team/app"]).expect(1);
    assert!(again.stderr.contains("no repository is called so"), "{again:#?}");
    Ok(())
}
