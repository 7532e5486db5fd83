//! Google Cloud Storage, as the simulated bucket speaks it.

use std::time::Duration;

use anyhow::Result;

use crate::lab::bucket::Bucket;
use crate::lab::tree::Tree;
use crate::sample;
use crate::tool::{Ran, regsweep_with};

/// The sample, written an hour ago: the bucket's clock and this machine's are the same.
fn tree() -> Tree {
    let mut tree = sample::tree();
    let then = std::time::SystemTime::now() - Duration::from_hours(1);
    for entry in tree.values_mut() {
        entry.mtime = then;
    }
    tree
}

fn collect(bucket: &Bucket, registry: &str) -> Ran {
    let line = ["gc", "--offline", "-m", "--uploads-older-than", "0s", "--format", "json", registry];
    regsweep_with(line, [("STORAGE_EMULATOR_HOST".to_owned(), bucket.endpoint())])
}

fn is_collected(bucket: &Bucket, registry: &str, prefix: &str) -> Result<()> {
    let ran = collect(bucket, registry).expect(0);
    assert_eq!(ran.count("/failed") + ran.count("/unknown"), 0, "{ran:#?}");
    sample::assert_collected(&bucket.dump(prefix), registry)?;
    bucket.reset_counts();
    let again = collect(bucket, registry).expect(0);
    // Its lease and its probe, written and removed.
    assert_eq!((bucket.counts().put, bucket.counts().delete), (2, 2), "{again:#?}");
    sample::assert_collected(&bucket.dump(prefix), registry)
}

#[test]
fn bucket_is_collected_by_its_url() -> Result<()> {
    let bucket = Bucket::gcs("registry");
    bucket.load("some/root/", &tree());
    bucket.put("some/rootless", "a neighbour's");
    is_collected(&bucket, "gs://registry/some/root", "some/root/")?;
    assert!(bucket.contains("some/rootless"));
    Ok(())
}

#[test]
fn bucket_is_collected_by_the_registrys_configuration() -> Result<()> {
    let bucket = Bucket::gcs("registry");
    bucket.load("some/root/", &tree());
    let home = tempfile::tempdir()?;
    let config = home.path().join("config.yml");
    std::fs::write(
        &config,
        "version: 0.1\nstorage:\n  gcs:\n    bucket: registry\n    rootdirectory: /some/root\nhttp:\n  addr: :5000\n",
    )?;
    is_collected(&bucket, &config.display().to_string(), "some/root/")
}
