//! What clients have pushed is listed as the registry serves it: catalogue, tags, digests, sizes, referrers.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::real::content::{OCI_INDEX, cosign_signature, image, index, referrer};
use crate::real::process::{find, run};
use crate::real::skopeo::make_oci_layout;
use crate::real::{Client, Descriptor, Flavour, IndexForm, Moto, Pushed, Registry, Storage, everything, sha256};
use crate::tool::regsweep;

fn list(registry: &Registry, line: &[&str]) -> Value {
    let config = registry.config().display().to_string();
    regsweep(["ls", "-R", &config, "--format", "json"].iter().chain(line)).expect(0).json()
}

fn text_of(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// What the API says of every image: digest, and bytes of its manifest and of all it names, each once.
async fn served(client: &Client) -> Result<BTreeMap<(String, String), (String, Option<u64>)>> {
    let mut images = BTreeMap::new();
    for repository in client.catalog().await? {
        for tag in client.tags(&repository).await? {
            let digest = client.manifest_digest(&repository, &tag).await?.context("a digest")?;
            let bytes = bytes_of(client, &repository, &digest).await?;
            images.insert((repository.clone(), tag), (digest, Some(bytes)));
        }
    }
    Ok(images)
}

async fn bytes_of(client: &Client, repository: &str, digest: &str) -> Result<u64> {
    let (mut sizes, mut todo) = (BTreeMap::new(), vec![digest.to_owned()]);
    while let Some(digest) = todo.pop() {
        let (_, bytes) = client.manifest(repository, &digest).await?;
        sizes.insert(digest, bytes.len() as u64);
        let json: Value = serde_json::from_slice(&bytes)?;
        let list = |field: &str| json[field].as_array().cloned().unwrap_or_default();
        for blob in list("layers").into_iter().chain(json.get("config").cloned()) {
            sizes.insert(text_of(&blob["digest"]), blob["size"].as_u64().context("a size")?);
        }
        for child in list("manifests") {
            if text_of(&child["mediaType"]).contains("layer") || text_of(&child["mediaType"]).contains("cacheconfig") {
                sizes.insert(text_of(&child["digest"]), child["size"].as_u64().context("a size")?);
            } else {
                todo.push(text_of(&child["digest"]));
            }
        }
    }
    Ok(sizes.values().sum())
}

/// What `ls` says of every image.
fn listed(registry: &Registry) -> BTreeMap<(String, String), (String, Option<u64>)> {
    let report = list(registry, &["**"]);
    let rows = report["tags"].as_array().unwrap();
    let row = |row: &Value| {
        ((text_of(&row["repository"]), text_of(&row["tag"])), (text_of(&row["digest"]), row["bytes"].as_u64()))
    };
    rows.iter().map(row).collect()
}

async fn agrees(registry: &Registry) -> Result<()> {
    let client = registry.client()?;
    let overview = list(registry, &[]);
    let names: BTreeSet<String> =
        overview["repositories"].as_array().unwrap().iter().map(|row| text_of(&row["name"])).collect();
    assert_eq!(names, client.catalog().await?.into_iter().collect());
    assert_eq!(listed(registry), served(&client).await?);
    for row in overview["repositories"].as_array().unwrap() {
        let repository = text_of(&row["name"]);
        assert_eq!(row["tags"], client.tags(&repository).await?.len() as u64, "{repository}");
        assert_eq!(row["broken"], 0, "{repository}");
        for row in list(registry, &[&repository, "--untagged"])["manifests"].as_array().unwrap() {
            let digest = text_of(&row["digest"]);
            assert_eq!(client.manifest_digest(&repository, &digest).await?.as_deref(), Some(digest.as_str()));
        }
    }
    Ok(())
}

#[tokio::test]
async fn everything_in_a_directory_is_listed_as_it_is_served() -> Result<()> {
    let root = tempfile::tempdir()?;
    let registry = Registry::on_directory(root.path())?;
    everything(&registry.client()?, 71).await?;
    agrees(&registry).await
}

#[tokio::test]
async fn everything_in_a_bucket_is_listed_as_it_is_served() -> Result<()> {
    let moto = Moto::start("registry")?;
    let registry = Registry::start(Storage::moto(&moto, "/some/root"))?;
    everything(&registry.client()?, 72).await?;
    agrees(&registry).await
}

/// An OCI layout of two platforms: two images by umoci, and the index that a build would write.
fn multi_arch_layout(dir: &Path) -> Result<std::path::PathBuf> {
    let layout = make_oci_layout(dir, 5)?;
    let umoci = find("umoci", "umoci (apt-get install umoci)")?;
    let image = |tag: &str| format!("{}:{tag}", layout.display());
    run(Command::new(&umoci).args(["config", "--image", &image("a"), "--tag", "b", "--architecture", "arm64"]))?;
    let index: Value = serde_json::from_slice(&std::fs::read(layout.join("index.json"))?)?;
    let mut children = Vec::new();
    for (tag, architecture) in [("a", "amd64"), ("b", "arm64")] {
        let named = |entry: &&Value| entry["annotations"]["org.opencontainers.image.ref.name"] == tag;
        let mut child =
            index["manifests"].as_array().and_then(|list| list.iter().find(named)).context("umoci's image")?.clone();
        child.as_object_mut().context("a descriptor")?.remove("annotations");
        child["platform"] = json!({"os": "linux", "architecture": architecture});
        children.push(child);
    }
    let multi = serde_json::to_vec(&json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": children}))?;
    let digest = sha256(&multi);
    std::fs::write(layout.join("blobs").join(digest.replacen(':', "/", 1)), &multi)?;
    let named = json!({"org.opencontainers.image.ref.name": "multi"});
    let entry = json!({"mediaType": OCI_INDEX, "digest": digest, "size": multi.len(), "annotations": named});
    std::fs::write(layout.join("index.json"), json!({"schemaVersion": 2, "manifests": [entry]}).to_string())?;
    Ok(layout)
}

#[tokio::test]
async fn multi_arch_image_with_signature_and_sbom_is_shown_as_one_tree() -> Result<()> {
    let (dir, root) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let registry = Registry::on_directory(root.path())?;
    let client = registry.client()?;
    let layout = multi_arch_layout(dir.path())?;
    let skopeo = find("skopeo", "skopeo (apt-get install skopeo)")?;
    let (from, to) = (format!("oci:{}:multi", layout.display()), format!("docker://{}/team/app:v1", registry.host()));
    run(Command::new(skopeo).args([
        "--insecure-policy",
        "copy",
        "--quiet",
        "--all",
        "--dest-tls-verify=false",
        &from,
        &to,
    ]))?;

    let (media_type, bytes) = client.manifest("team/app", "v1").await?;
    let manifest = Descriptor::of(&media_type, &bytes);
    let (repository, tag) = ("team/app".to_owned(), Some("v1".to_owned()));
    let (manifests, blobs) = (BTreeSet::new(), BTreeSet::new());
    let image = Pushed { repository, tag, manifest, manifests, blobs };
    let sbom = referrer(&client, &image, 6).await?;
    let signature = cosign_signature(&client, &image, 7).await?;
    // What a client of the specification keeps where the registry has no referrers API.
    let fallback = image.digest().replace(':', "-");
    let index = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [sbom.manifest.json()]}).to_string();
    client.push_manifest("team/app", &fallback, OCI_INDEX, index.as_bytes()).await?;
    agrees(&registry).await?;

    let report = list(&registry, &["team/app"]);
    let row = report["tags"].as_array().unwrap().iter().find(|row| row["tag"] == "v1").unwrap().clone();
    assert_eq!((&row["digest"], &row["kind"]), (&json!(image.digest()), &json!("index")));
    assert_eq!(row["platforms"], json!(["linux/amd64", "linux/arm64"]));
    let (_, by_fallback) = client.manifest("team/app", &fallback).await?;
    let by_fallback: Value = serde_json::from_slice(&by_fallback)?;
    let about = by_fallback["manifests"].as_array().unwrap().len() + 1;
    assert_eq!(row["referrers"], about, "those of the fallback tag, and the signature");
    assert!(text_of(&row["created"]).starts_with("20"), "umoci's date: {row:#}");

    let tree = list(&registry, &["team/app:v1"])["images"][0].clone();
    let children: Vec<_> =
        tree["root"]["parts"].as_array().unwrap().iter().map(|part| text_of(&part["platform"])).collect();
    assert_eq!(children, ["linux/amd64", "linux/arm64"]);
    let about: BTreeSet<_> =
        tree["root"]["referrers"].as_array().unwrap().iter().map(|node| text_of(&node["digest"])).collect();
    assert_eq!(about, [sbom.digest().to_owned(), signature.digest().to_owned()].into());
    let mut parts = vec![&tree["root"]];
    while let Some(part) = parts.pop() {
        assert_eq!(part["state"], Value::Null, "everything is there: {part:#}");
        parts.extend(part["parts"].as_array().into_iter().chain(part["referrers"].as_array()).flatten());
    }
    let config = registry.config().display().to_string();
    let text = regsweep(["ls", "-R", &config, "team/app:v1"]).expect(0).stdout;
    for words in ["linux/arm64", "config", "layer", "signature", "about it"] {
        assert!(text.contains(words), "{words}: {text}");
    }

    // Deleted through the API: gone from the listing, as from the registry.
    client.delete_manifest("team/app", image.digest()).await?;
    assert!(!listed(&registry).contains_key(&("team/app".to_owned(), "v1".to_owned())));
    assert_eq!(listed(&registry), served(&client).await?);
    Ok(())
}

/// The old way to read a digest: it depends on what the client says it accepts.
#[tokio::test]
async fn digest_is_that_of_what_was_pushed_whatever_a_client_accepts() -> Result<()> {
    let root = tempfile::tempdir()?;
    let registry = Registry::on_directory(root.path())?;
    let client = registry.client()?;
    let image = image(&client, "app", Some("docker"), Flavour::Docker, 81).await?;
    let list = index(&client, "app", Some("list"), IndexForm::Docker, 82).await?;
    let oci = index(&client, "app", Some("oci"), IndexForm::Oci, 83).await?;
    let http = reqwest::Client::builder().no_proxy().build()?;
    let config = registry.config().display().to_string();
    for pushed in [&image, &list, &oci] {
        let tag = pushed.tag.as_deref().unwrap_or_default();
        let bare = http.head(format!("http://{}/v2/app/manifests/{tag}", registry.host())).send().await?;
        let header = bare.headers().get("docker-content-digest").and_then(|digest| digest.to_str().ok());
        assert_ne!(header, Some(pushed.digest()), "{tag}: the registry converts it, or says that it is not there");
        assert_eq!(client.manifest_digest("app", tag).await?.as_deref(), Some(pushed.digest()));
        let listed = regsweep(["ls", "-R", &config, &format!("app:{tag}"), "--digests"]).expect(0).stdout;
        assert_eq!(listed.trim_end(), pushed.digest());
    }
    Ok(())
}
