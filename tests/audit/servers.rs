//! The same on servers that other people wrote: S3 by moto, Azure by Azurite, whose names may begin with a slash.

use std::path::Path;

use anyhow::Result;
use serde_json::Value;

use super::classes;
use crate::real::azurite::{ACCOUNT, ACCOUNT_KEY};
use crate::real::copy::{copy_tree_to_azure, copy_tree_to_s3, tree};
use crate::real::{self, Azurite, Moto};
use crate::tool::regsweep_with;

/// The sample, and what does not belong to it on every level.
fn sample(root: &Path) -> Result<()> {
    real::sample::copy(root)?;
    for key in
        ["notes", "docker/x", "docker/registry/odd/y", "docker/registry/v2/z", "docker/registry/regsweep/lease.json"]
    {
        let path = root.join(key);
        std::fs::create_dir_all(path.parent().unwrap())?;
        std::fs::write(path, key)?;
    }
    Ok(())
}

fn audit(registry: &str, variables: Vec<(String, String)>) -> Value {
    regsweep_with(["audit", registry, "--min-age", "0s", "--uploads-older-than", "0s", "--format", "json"], variables)
        .expect(0)
        .json()
}

#[track_caller]
fn assert_same(root: &Path, report: &Value, context: &str) {
    let files = tree(root).unwrap();
    let bytes: u64 = files.values().sum();
    assert_eq!((&report["objects"], &report["bytes"]), (&Value::from(files.len()), &Value::from(bytes)), "{context}");
    let here = audit(&root.display().to_string(), Vec::new());
    assert_eq!(classes(report), classes(&here), "{context}");
    assert_eq!(classes(report)["foreign"].0, 4, "{context}");
    assert_eq!(report["after"]["collection"]["planned"], here["after"]["collection"]["planned"], "{context}");
}

#[tokio::test]
async fn bucket_of_s3_is_counted_whole() -> Result<()> {
    let (root, moto) = (tempfile::tempdir()?, Moto::start("registry")?);
    sample(root.path())?;
    copy_tree_to_s3(root.path(), &moto.endpoint(), "registry", "some/root").await?;
    let variables = moto.environment().into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    assert_same(root.path(), &audit("s3://registry/some/root", variables), "moto");
    Ok(())
}

#[tokio::test]
async fn container_of_azure_is_counted_whole() -> Result<()> {
    for slash in [false, true] {
        let (root, azurite) = (tempfile::tempdir()?, Azurite::start("registry")?);
        sample(root.path())?;
        copy_tree_to_azure(root.path(), &azurite.endpoint(), "registry", "some/root", slash).await?;
        let variables = [
            ("AZURE_STORAGE_ACCOUNT", ACCOUNT.to_owned()),
            ("AZURE_STORAGE_KEY", ACCOUNT_KEY.to_owned()),
            ("AZURE_STORAGE_ENDPOINT", azurite.endpoint()),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value)).into();
        let report = audit("az://registry/some/root", variables);
        assert_same(root.path(), &report, &format!("Azurite, slash {slash}"));
        assert_eq!(report["storage_classes"]["Hot"]["bytes"], report["bytes"], "{:#}", report["storage_classes"]);
    }
    Ok(())
}
