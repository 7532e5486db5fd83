//! Copying a registry's tree into a bucket or container, and listing what is there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path as FilePath, PathBuf};

use anyhow::{Context, Result, anyhow};
use futures::{StreamExt, TryStreamExt, stream};
use object_store::list::{PaginatedListOptions, PaginatedListStore};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};

use super::azurite::azure;
use super::moto::s3;

/// How many objects are written at a time.
const AT_ONCE: usize = 16;

/// Copies every file below `dir` (a `rootdirectory`) into a bucket, under `prefix` if that is not empty. Returns the count.
pub async fn copy_tree_to_s3(dir: &FilePath, endpoint: &str, bucket: &str, prefix: &str) -> Result<usize> {
    put_all(&s3(endpoint, bucket)?, dir, prefix).await
}

/// Copies every file below `dir` into a container, under `prefix` if that is not empty; with `leading_slash` as
/// distribution 2.8 names its blobs, `/docker/registry/v2/...`. Returns the count.
pub async fn copy_tree_to_azure(
    dir: &FilePath,
    endpoint: &str,
    container: &str,
    prefix: &str,
    leading_slash: bool,
) -> Result<usize> {
    let container = if leading_slash { format!("{container}/") } else { container.to_owned() };
    put_all(&azure(endpoint, &container)?, dir, prefix).await
}

async fn put_all(store: &dyn ObjectStore, dir: &FilePath, prefix: &str) -> Result<usize> {
    let prefix = prefix.trim_matches('/');
    let puts = tree(dir)?.into_keys().map(|name| async move {
        let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}/{name}") };
        let bytes = std::fs::read(dir.join(&name)).with_context(|| format!("read {name}"))?;
        store.put(&Path::parse(&key)?, bytes.into()).await.with_context(|| format!("put {key}"))?;
        anyhow::Ok(())
    });
    let done: Vec<()> = stream::iter(puts).buffer_unordered(AT_ONCE).try_collect().await?;
    Ok(done.len())
}

/// Every file below `dir`: its path with slashes, and its size.
pub fn tree(dir: &FilePath) -> Result<BTreeMap<String, u64>> {
    let mut files = BTreeMap::new();
    let mut todo = vec![PathBuf::new()];
    while let Some(below) = todo.pop() {
        let here = dir.join(&below);
        for entry in std::fs::read_dir(&here).with_context(|| format!("list {}", here.display()))? {
            let entry = entry?;
            let path = below.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                todo.push(path);
            } else {
                let name = path.to_str().ok_or_else(|| anyhow!("{} is not UTF-8", path.display()))?;
                files.insert(name.to_owned(), entry.metadata()?.len());
            }
        }
    }
    Ok(files)
}

/// Every object of a store whose raw name begins with `prefix`, with its size. Names are as `object_store` gives them:
/// without a leading slash, even where `prefix` has one.
pub async fn list(store: &dyn PaginatedListStore, prefix: &str) -> Result<BTreeMap<String, u64>> {
    let mut found = BTreeMap::new();
    let mut options = PaginatedListOptions::default();
    loop {
        let page = store.list_paginated(Some(prefix), options.clone()).await?;
        found.extend(page.result.objects.into_iter().map(|object| (object.location.to_string(), object.size)));
        match page.page_token {
            Some(token) => options.page_token = Some(token),
            None => return Ok(found),
        }
    }
}

/// The digests of the blobs among these keys.
pub fn blobs<'a>(keys: impl IntoIterator<Item = &'a String>) -> BTreeSet<String> {
    let digest = |key: &String| {
        let (_, rest) = key.split_once("docker/registry/v2/blobs/")?;
        let mut parts = rest.strip_suffix("/data")?.split('/');
        let algorithm = parts.next()?;
        Some(format!("{algorithm}:{}", parts.nth(1)?))
    };
    keys.into_iter().filter_map(digest).collect()
}
