//! Old versions on a bucket that keeps them: they go for good where that is asked for, and only they.

use anyhow::Result;
use object_store::ObjectStoreExt;
use object_store::path::Path;

use crate::real::content::{self, Flavour};
use crate::real::moto::Moto;
use crate::real::registry::{Registry, Storage};
use crate::tool::{Ran, regsweep};

const ENABLED: &str = "<VersioningConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
    <Status>Enabled</Status></VersioningConfiguration>";

/// Old versions of the registry's own keys with their bytes, and delete markers.
async fn old(moto: &Moto) -> Result<(Vec<String>, u64, u64)> {
    let (mut keys, mut bytes, mut markers) = (Vec::new(), 0, 0);
    for (key, size, is_latest) in moto.versions("registry").await? {
        if !key.starts_with("some/root/docker/registry/v2/") {
            continue;
        }
        match size {
            Some(size) if !is_latest => {
                keys.push(key);
                bytes += size;
            }
            Some(_) => {}
            None => markers += 1,
        }
    }
    Ok((keys, bytes, markers))
}

fn collect(config: &str, more: &[&str]) -> Ran {
    regsweep([&["gc", "--offline", "-m", "--purge-versions", "--format", "json"], more, &[config]].concat())
}

#[tokio::test]
async fn old_versions_go_for_good_and_every_image_pulls() -> Result<()> {
    let moto = Moto::start("registry")?;
    moto.put("registry?versioning", &[], ENABLED).await?;
    let mut registry = Registry::start(Storage::moto(&moto, "/some/root"))?;
    let client = registry.client()?;
    content::image(&client, "app", Some("latest"), Flavour::Oci, 9100).await?;
    content::moved_tag(&client, "app", "moved", &[9101, 9102, 9103]).await?;
    content::orphan_blob(&client, "app", 9104).await?;
    let images = client.pull_all().await?.whole()?;
    registry.stop();
    let config = registry.config().display().to_string();

    let (before, ..) = old(&moto).await?;
    assert!(!before.is_empty(), "a tag that was moved leaves old versions of its link");
    let dry = collect(&config, &["--dry-run", "--defer", "0s"]).expect(0);
    assert_eq!(dry.count("/requests/delete"), 0);
    assert!(dry.count("/old_versions/planned/noncurrent_versions/count") >= before.len() as u64, "{dry:#?}");
    assert_eq!(dry.count("/old_versions/deleted/noncurrent_versions/count"), 0);

    // What went just now may be missed tomorrow.
    let young = collect(&config, &["--min-age", "0s"]).expect(0);
    assert!(young.count("/deleted/blobs/count") > 0);
    assert_eq!(young.count("/old_versions/planned/noncurrent_versions/count"), 0, "{young:#?}");
    let (keys, bytes, markers) = old(&moto).await?;
    assert!(keys.len() > before.len() && markers > 0, "what was deleted is kept as old versions");

    let ran = collect(&config, &["--defer", "0s"]).expect(0);
    assert_eq!(old(&moto).await?, (Vec::new(), 0, 0), "{ran:#?}");
    assert!(ran.count("/old_versions/deleted/noncurrent_versions/bytes") >= bytes);
    assert!(ran.count("/old_versions/deleted/noncurrent_versions/count") >= keys.len() as u64);
    assert!(ran.count("/old_versions/deleted/delete_markers") >= markers);
    assert_eq!(
        ran.json()["old_versions"]["planned"],
        ran.json()["old_versions"]["deleted"],
        "what was told is what went: {ran:#?}"
    );

    registry.serve()?;
    assert_eq!(registry.client()?.pull_all().await?.whole()?, images);
    Ok(())
}

#[tokio::test]
async fn version_that_would_mend_an_image_stays() -> Result<()> {
    let moto = Moto::start("registry")?;
    moto.put("registry?versioning", &[], ENABLED).await?;
    let mut registry = Registry::start(Storage::moto(&moto, "/some/root"))?;
    let client = registry.client()?;
    let image = content::image(&client, "app", Some("latest"), Flavour::Oci, 9200).await?;
    registry.stop();
    let lost = image.needs().into_iter().find(|digest| digest != image.digest()).unwrap();
    let hex = lost.strip_prefix("sha256:").unwrap();
    let key = format!("some/root/docker/registry/v2/blobs/sha256/{}/{hex}/data", &hex[..2]);
    moto.store()?.delete(&Path::parse(&key)?).await?;

    let config = registry.config().display().to_string();
    let ran = collect(&config, &["--defer", "0s"]).expect(0);
    assert_eq!(ran.count("/old_versions/kept/needed/noncurrent_versions/count"), 1, "{ran:#?}");
    assert_eq!(ran.count("/old_versions/kept/needed/delete_markers"), 1);
    let versions = moto.versions("registry").await?;
    let kept: Vec<_> = versions.iter().filter(|(of, ..)| *of == key).collect();
    assert_eq!(kept.len(), 2, "the layer and the marker above it: {kept:?}");
    Ok(())
}

/// A manifest that is gone tells nobody any more what it needs.
#[tokio::test]
async fn all_versions_of_an_image_whose_manifest_is_gone_stay() -> Result<()> {
    let moto = Moto::start("registry")?;
    moto.put("registry?versioning", &[], ENABLED).await?;
    let mut registry = Registry::start(Storage::moto(&moto, "/some/root"))?;
    let client = registry.client()?;
    let image = content::image(&client, "app", Some("latest"), Flavour::Oci, 9250).await?;
    registry.stop();
    let lost: Vec<String> = image.needs().into_iter().chain([image.digest().to_owned()]).collect();
    for digest in &lost {
        let hex = digest.strip_prefix("sha256:").unwrap();
        let key = format!("some/root/docker/registry/v2/blobs/sha256/{}/{hex}/data", &hex[..2]);
        moto.store()?.delete(&Path::parse(&key)?).await?;
    }
    let config = registry.config().display().to_string();
    collect(&config, &["--defer", "0s", "--allow", "holes"]);
    let versions = moto.versions("registry").await?;
    for digest in &lost {
        let hex = digest.strip_prefix("sha256:").unwrap();
        assert!(versions.iter().any(|(key, size, _)| key.contains(hex) && key.ends_with("/data") && size.is_some()));
    }
    Ok(())
}

#[tokio::test]
async fn where_nothing_is_kept_nothing_is_purged() -> Result<()> {
    let moto = Moto::start("registry")?;
    let mut registry = Registry::start(Storage::moto(&moto, "/some/root"))?;
    content::moved_tag(&registry.client()?, "app", "moved", &[9301, 9302]).await?;
    registry.stop();
    let ran = collect(&registry.config().display().to_string(), &["--defer", "0s"]).expect(0);
    assert!(ran.json()["old_versions"].is_null());
    assert!(ran.json()["first"].to_string().contains("keeps no old versions"), "{ran:#?}");

    let directory = tempfile::tempdir()?;
    let ran = collect(&directory.path().display().to_string(), &[]).expect(2);
    assert!(ran.stderr.contains("for buckets of S3"), "{ran:#?}");
    Ok(())
}
