//! A real registry whose storage was damaged: nothing is wrong with it before, what can be mended is mended while it serves,
//! and every image that was not lost for good is pulled as before.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::Result;
use serde_json::Value;

use crate::lab::registry::{blob_key, layer_key, revision_key};
use crate::lab::tree::read_dir;
use crate::real::{Cache, Pushed, Registry, Storage};
use crate::registry::fill;
use crate::tool::regsweep;

/// As if all of it had been pushed a day ago: what is of this minute may be a push that is under way.
fn age(root: &Path) -> Result<()> {
    let yesterday = SystemTime::now() - Duration::from_hours(24);
    for key in read_dir(root).into_keys() {
        std::fs::File::options().append(true).open(root.join(key))?.set_modified(yesterday)?;
    }
    Ok(())
}

fn fsck(registry: &Registry) -> Value {
    let config = registry.config().display().to_string();
    regsweep(["fsck", "--checksum", "--format", "json", &config]).json()
}

#[tokio::test]
async fn damaged_registry_serves_every_image_again_that_is_not_lost() -> Result<()> {
    let (root, dir) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let registry = Registry::start_with(Storage::Filesystem(root.path().to_owned()), Cache::None)?;
    let client = registry.client()?;
    let all = fill(&registry, 91, dir.path()).await?;
    let images = client.pull_all().await?.whole()?;
    for aged in [false, true] {
        if aged {
            age(root.path())?;
        }
        let report = fsck(&registry);
        assert_eq!((&report["counts"]["damage"], &report["counts"]["young"]), (&0.into(), &0.into()), "{report:#}");
    }

    let image = |name: &str| all.tagged.iter().find(|image| image.name() == name).unwrap();
    let layers = |image: &Pushed| -> Vec<PathBuf> {
        image.blobs.iter().map(|digest| root.path().join(layer_key(&image.repository, digest))).collect()
    };
    // One repository may not serve a layer any more, a manifest is not linked, a link is empty, a manifest is lost.
    let (one, two, three, lost) = (image("a:oci"), image("sk/a:oci"), image("a-b:shared"), image("sk/a:docker"));
    std::fs::remove_file(&layers(one)[0])?;
    std::fs::remove_file(root.path().join(revision_key(&two.repository, two.digest())))?;
    std::fs::write(&layers(three)[0], "")?;
    std::fs::remove_file(root.path().join(blob_key(lost.digest())))?;
    age(root.path())?;
    assert!(client.pull_all().await?.whole().is_err());
    let report = fsck(&registry);
    let codes: Vec<&Value> = report["kinds"].as_array().unwrap().iter().map(|kind| &kind["code"]).collect();
    for code in ["missing_link", "broken_tag", "unreadable_link", "dangling_tag", "dangling_revision"] {
        assert!(codes.contains(&&code.into()), "{code}: {report:#}");
    }

    let config = registry.config().display().to_string();
    let ran = regsweep(["fsck", "--repair", "--yes", "--settle", "1s", "--format", "json", &config]).expect(0);
    assert!(ran.count("/links/written") >= 3, "{ran:#?}");
    age(root.path())?;
    let report = fsck(&registry);
    assert_eq!((&report["counts"]["damage"], &report["counts"]["young"]), (&0.into(), &0.into()), "{report:#}");
    let mut expected = images.clone();
    expected.retain(|name, digests| name != &lost.name() && !digests.contains(lost.digest()));
    let served = client.pull_all().await?.whole()?;
    assert_eq!(served, expected);
    assert!(expected.len() < images.len(), "one was lost");
    Ok(())
}
