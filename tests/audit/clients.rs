//! Registries that clients have pushed to, through the real registry: what it serves, and what `du` says.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::{number, row};
use crate::real::skopeo::{make_oci_layout, push};
use crate::real::{Client, Flavour, Registry, everything};
use crate::tool::regsweep;

fn report(registry: &Registry) -> Value {
    let config = registry.config().display().to_string();
    regsweep(["audit", &config, "--format", "json", "--min-age", "0s"]).expect(0).json()
}

/// Digests and sizes of all that the manifests of a repository's tags name, and these themselves, by the API's word.
async fn served(client: &Client, repository: &str) -> Result<BTreeMap<String, u64>> {
    let mut sizes = BTreeMap::new();
    let mut todo: Vec<String> = client.tags(repository).await?;
    let mut seen = BTreeSet::new();
    while let Some(name) = todo.pop() {
        let digest = client.manifest_digest(repository, &name).await?.context("a digest")?;
        if !seen.insert(digest.clone()) {
            continue;
        }
        let (_, bytes) = client.manifest(repository, &digest).await?;
        sizes.insert(digest, bytes.len() as u64);
        let json: Value = serde_json::from_slice(&bytes)?;
        let list = |field: &str| json[field].as_array().cloned().unwrap_or_default();
        for blob in list("layers").into_iter().chain(json.get("config").cloned()) {
            sizes.insert(
                blob["digest"].as_str().context("a digest")?.to_owned(),
                blob["size"].as_u64().context("a size")?,
            );
        }
        todo.extend(list("manifests").iter().filter_map(|child| Some(child["digest"].as_str()?.to_owned())));
    }
    Ok(sizes)
}

/// Bytes of all files, as the system counts them.
fn du(directory: &std::path::Path) -> Result<(u64, u64)> {
    let found = Command::new("find").arg(directory).args(["-type", "f", "-printf", "%s\n"]).output()?;
    let text = String::from_utf8(found.stdout)?;
    let sizes: Vec<u64> = text.lines().map(str::parse).collect::<Result<_, _>>()?;
    Ok((sizes.len() as u64, sizes.iter().sum()))
}

#[tokio::test]
async fn images_of_real_clients_are_counted_as_they_are_served_and_stored() -> Result<()> {
    let (root, work) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let registry = Registry::on_directory(root.path())?;
    let host = registry.host();
    let mut layouts = Vec::new();
    for seed in 0..3 {
        let home = work.path().join(seed.to_string());
        std::fs::create_dir_all(&home)?;
        layouts.push(make_oci_layout(&home, seed)?);
    }
    push(&layouts[0], &host, "team/app:v1", Flavour::Oci)?;
    push(&layouts[1], &host, "team/app:v2", Flavour::Docker)?;
    // The same image in another repository, and another pushed over it.
    push(&layouts[0], &host, "mirror:latest", Flavour::Oci)?;
    push(&layouts[2], &host, "team/app:v2", Flavour::Oci)?;
    let client = registry.client()?;
    let (app, mirror) = (served(&client, "team/app").await?, served(&client, "mirror").await?);
    let report = report(&registry);
    let (files, bytes) = du(root.path())?;
    assert_eq!((number(&report, "/objects"), number(&report, "/bytes")), (files, bytes));
    let sum = |blobs: &mut dyn Iterator<Item = &u64>| blobs.sum::<u64>();
    let shared = sum(&mut app.iter().filter(|(digest, _)| mirror.contains_key(*digest)).map(|(_, size)| size));
    assert_eq!(number(&report, "/classes/needed_by_tags_shared/bytes"), shared);
    let alone = sum(&mut app.iter().filter(|(digest, _)| !mirror.contains_key(*digest)).map(|(_, size)| size));
    assert_eq!(number(&report, "/classes/needed_by_tags_unshared/bytes"), alone, "all of the mirror is the app's too");
    assert_eq!(
        number(&report, "/classes/needed_by_untagged_unshared/count"),
        3,
        "what v2 was: manifest, config, layer"
    );
    let own = du(&root.path().join("docker/registry/v2/repositories/mirror"))?.1;
    let row = row(&report, "repositories", "mirror");
    assert_eq!(number(&row, "/logical_bytes"), sum(&mut mirror.values()) + own);
    assert_eq!(number(&row, "/unshared_bytes"), own);
    Ok(())
}

#[tokio::test]
async fn whatever_clients_push_adds_up_to_what_is_stored() -> Result<()> {
    let root = tempfile::tempdir()?;
    let registry = Registry::on_directory(root.path())?;
    everything(&registry.client()?, 73).await?;
    let report = report(&registry);
    let (files, bytes) = du(root.path())?;
    assert_eq!((number(&report, "/objects"), number(&report, "/bytes")), (files, bytes));
    let classes = report["classes"].as_object().context("classes")?;
    let sum = classes.values().map(|tally| tally["bytes"].as_u64().unwrap_or(0)).sum::<u64>();
    assert_eq!(sum, bytes);
    Ok(())
}
