//! Every kind of content a registry holds, pushed through a [`Client`]. The same seed gives the same digests.

use std::collections::BTreeSet;

use anyhow::Result;
use serde_json::{Value, json};

use super::client::{Client, Descriptor, sha256};
use super::layer::{Layer, noise};

/// `application/vnd.oci.image.manifest.v1+json`
pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// `application/vnd.oci.image.index.v1+json`
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// `application/vnd.docker.distribution.manifest.v2+json`
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// `application/vnd.docker.distribution.manifest.list.v2+json`
pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";
const EMPTY: &str = "application/vnd.oci.empty.v1+json";
const LAYER_SIZE: usize = 1500;

/// Whose words a manifest uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flavour {
    /// The OCI image specification's.
    Oci,
    /// Docker's, schema 2.
    Docker,
}

/// What was pushed: one manifest with everything it needs.
#[derive(Debug, Clone)]
pub struct Pushed {
    /// The repository.
    pub repository: String,
    /// The tag; none if it was pushed by digest.
    pub tag: Option<String>,
    /// The manifest.
    pub manifest: Descriptor,
    /// The digests of the manifest and of every manifest below it.
    pub manifests: BTreeSet<String>,
    /// The digests of all configs and layers.
    pub blobs: BTreeSet<String>,
}

impl Pushed {
    /// The manifest's digest.
    pub fn digest(&self) -> &str {
        &self.manifest.digest
    }

    /// Every digest a complete pull of it fetches.
    pub fn needs(&self) -> BTreeSet<String> {
        self.manifests.union(&self.blobs).cloned().collect()
    }

    /// `repository:tag` or `repository@digest`.
    pub fn name(&self) -> String {
        match &self.tag {
            Some(tag) => format!("{}:{tag}", self.repository),
            None => format!("{}@{}", self.repository, self.manifest.digest),
        }
    }
}

/// Pushes a manifest whose parts are there already; by digest where there is no tag.
async fn push(
    client: &Client,
    repository: &str,
    tag: Option<&str>,
    media_type: &str,
    manifest: &Value,
) -> Result<Pushed> {
    let bytes = serde_json::to_vec_pretty(manifest)?;
    let digest = sha256(&bytes);
    let manifest = client.push_manifest(repository, tag.unwrap_or(&digest), media_type, &bytes).await?;
    let (repository, tag) = (repository.to_owned(), tag.map(str::to_owned));
    Ok(Pushed { repository, tag, manifest, manifests: BTreeSet::from([digest]), blobs: BTreeSet::new() })
}

/// Pushes a single-platform image with a config and two layers.
pub async fn image(client: &Client, repo: &str, tag: Option<&str>, flavour: Flavour, seed: u64) -> Result<Pushed> {
    let layers = [Layer::new(seed, LAYER_SIZE), Layer::new(seed + 500_000, LAYER_SIZE)];
    image_of(client, repo, tag, flavour, "amd64", &layers).await
}

/// Pushes an image of these layers. Layers that the repository has already (mounted ones) are not uploaded again.
pub async fn image_of(
    client: &Client,
    repo: &str,
    tag: Option<&str>,
    flavour: Flavour,
    architecture: &str,
    layers: &[Layer],
) -> Result<Pushed> {
    let (media_type, config_type, layer_type) = match flavour {
        Flavour::Oci => (OCI_MANIFEST, OCI_CONFIG, OCI_LAYER),
        Flavour::Docker => (DOCKER_MANIFEST, DOCKER_CONFIG, DOCKER_LAYER),
    };
    let mut pushed = Vec::new();
    for layer in layers {
        pushed.push(client.push_blob(repo, layer_type, &layer.gzip).await?);
    }
    let diff_ids: Vec<_> = layers.iter().map(|layer| sha256(&layer.tar)).collect();
    let config = serde_json::to_vec(&json!({"created": "2025-01-01T00:00:00Z", "architecture": architecture,
        "os": "linux", "config": {}, "rootfs": {"type": "layers", "diff_ids": diff_ids}}))?;
    let config = client.push_blob(repo, config_type, &config).await?;
    let manifest = manifest(media_type, &config, &pushed, None);
    let mut image = push(client, repo, tag, media_type, &manifest).await?;
    image.blobs = pushed.into_iter().chain([config]).map(|blob| blob.digest).collect();
    Ok(image)
}

fn manifest(media_type: &str, config: &Descriptor, layers: &[Descriptor], subject: Option<&Descriptor>) -> Value {
    let layers: Vec<_> = layers.iter().map(Descriptor::json).collect();
    let mut value = json!({"schemaVersion": 2, "mediaType": media_type, "config": config.json(), "layers": layers});
    if let (Some(subject), Some(fields)) = (subject, value.as_object_mut()) {
        fields.insert("subject".to_owned(), subject.json());
        fields.insert("artifactType".to_owned(), json!("application/vnd.example.sbom.v1"));
    }
    value
}

/// How an index is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IndexForm {
    /// An OCI image index.
    Oci,
    /// Docker's manifest list.
    Docker,
    /// An OCI image index whose JSON has no `mediaType`.
    WithoutMediaType,
}

/// Pushes an index of two platforms; the children have no tags.
pub async fn index(client: &Client, repo: &str, tag: Option<&str>, form: IndexForm, seed: u64) -> Result<Pushed> {
    let flavour = if form == IndexForm::Docker { Flavour::Docker } else { Flavour::Oci };
    let shared = Layer::new(seed, LAYER_SIZE);
    let mut children = Vec::new();
    for (number, architecture) in (1..).zip(["amd64", "arm64"]) {
        let layers = [shared.clone(), Layer::new(seed + number, LAYER_SIZE)];
        children.push((architecture, image_of(client, repo, None, flavour, architecture, &layers).await?));
    }
    let children: Vec<_> = children.iter().map(|(architecture, child)| (Some(*architecture), child)).collect();
    index_of(client, repo, tag, form, &children).await
}

/// Pushes an index of these children, each with its architecture if it has one.
pub async fn index_of(
    client: &Client,
    repo: &str,
    tag: Option<&str>,
    form: IndexForm,
    children: &[(Option<&str>, &Pushed)],
) -> Result<Pushed> {
    let entries = children.iter().map(|(architecture, child)| {
        let mut entry = child.manifest.json();
        if let (Some(architecture), Some(fields)) = (architecture, entry.as_object_mut()) {
            fields.insert("platform".to_owned(), json!({"architecture": architecture, "os": "linux"}));
        }
        entry
    });
    let entries: Vec<_> = entries.collect();
    let media_type = if form == IndexForm::Docker { DOCKER_LIST } else { OCI_INDEX };
    let manifest = match form {
        IndexForm::WithoutMediaType => json!({"schemaVersion": 2, "manifests": entries}),
        IndexForm::Oci | IndexForm::Docker => {
            json!({"schemaVersion": 2, "mediaType": media_type, "manifests": entries})
        }
    };
    let mut index = push(client, repo, tag, media_type, &manifest).await?;
    for (_, child) in children {
        index.manifests.extend(child.manifests.iter().cloned());
        index.blobs.extend(child.blobs.iter().cloned());
    }
    Ok(index)
}

/// Pushes an index of an index of two platforms; only the outer one has the tag.
pub async fn nested_index(client: &Client, repo: &str, tag: Option<&str>, seed: u64) -> Result<Pushed> {
    let inner = index(client, repo, None, IndexForm::Oci, seed).await?;
    index_of(client, repo, tag, IndexForm::Oci, &[(None, &inner)]).await
}

/// Pushes an index as `BuildKit` exports its cache (without `image-manifest=true`): the *layers* stand where manifests
/// belong. 2.8.2 accepts it, because it also finds "manifests" through layer links.
pub async fn cache_index(client: &Client, repo: &str, tag: Option<&str>, seed: u64) -> Result<Pushed> {
    let layer = client.push_blob(repo, OCI_LAYER, &Layer::new(seed, LAYER_SIZE).gzip).await?;
    let config = serde_json::to_vec(&json!({"layers": [{"blob": layer.digest, "parent": -1}], "records": []}))?;
    let config = client.push_blob(repo, "application/vnd.buildkit.cacheconfig.v0", &config).await?;
    let manifest = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [layer.json(), config.json()]});
    let mut index = push(client, repo, tag, OCI_INDEX, &manifest).await?;
    index.blobs = [layer, config].map(|blob| blob.digest).into();
    Ok(index)
}

/// Pushes a Helm chart.
pub async fn helm_chart(client: &Client, repo: &str, tag: Option<&str>, seed: u64) -> Result<Pushed> {
    let config = serde_json::to_vec(&json!({"name": "chart", "version": format!("0.1.{seed}"), "apiVersion": "v2"}))?;
    let chart = Layer::new(seed, LAYER_SIZE).gzip;
    let config_type = "application/vnd.cncf.helm.config.v1+json";
    artifact(
        client,
        repo,
        tag,
        (config_type, config),
        ("application/vnd.cncf.helm.chart.content.v1.tar+gzip", chart),
        None,
    )
    .await
}

/// Pushes an artifact that refers to `subject`, without a tag, into the subject's repository.
pub async fn referrer(client: &Client, subject: &Pushed, seed: u64) -> Result<Pushed> {
    let content = noise(seed, 700);
    let subject_is = Some(&subject.manifest);
    let layer = ("application/vnd.example.sbom.v1+json", content);
    artifact(client, &subject.repository, None, (EMPTY, b"{}".to_vec()), layer, subject_is).await
}

/// Pushes a cosign signature of `subject`: an image under the tag `sha256-<hex>.sig`.
pub async fn cosign_signature(client: &Client, subject: &Pushed, seed: u64) -> Result<Pushed> {
    let tag = format!("{}.sig", subject.digest().replace(':', "-"));
    let payload =
        json!({"critical": {"image": {"docker-manifest-digest": subject.digest()}}, "optional": {"seed": seed}});
    let layer = ("application/vnd.dev.cosign.simplesigning.v1+json", serde_json::to_vec(&payload)?);
    let config = serde_json::to_vec(&json!({"architecture": "", "os": "", "config": {},
        "rootfs": {"type": "layers", "diff_ids": [sha256(&layer.1)]}}))?;
    artifact(client, &subject.repository, Some(&tag), (OCI_CONFIG, config), layer, None).await
}

async fn artifact(
    client: &Client,
    repo: &str,
    tag: Option<&str>,
    config: (&str, Vec<u8>),
    layer: (&str, Vec<u8>),
    subject: Option<&Descriptor>,
) -> Result<Pushed> {
    let config = client.push_blob(repo, config.0, &config.1).await?;
    let layer = client.push_blob(repo, layer.0, &layer.1).await?;
    let manifest = manifest(OCI_MANIFEST, &config, std::slice::from_ref(&layer), subject);
    let mut artifact = push(client, repo, tag, OCI_MANIFEST, &manifest).await?;
    artifact.blobs = [config, layer].map(|blob| blob.digest).into();
    Ok(artifact)
}

/// Pushes one image after the other under the same tag: only the last still has it. The others come back untagged.
pub async fn moved_tag(client: &Client, repo: &str, tag: &str, seeds: &[u64]) -> Result<Vec<Pushed>> {
    let mut pushed: Vec<Pushed> = Vec::new();
    for seed in seeds {
        if let Some(before) = pushed.last_mut() {
            before.tag = None;
        }
        pushed.push(image(client, repo, Some(tag), Flavour::Oci, *seed).await?);
    }
    Ok(pushed)
}

/// Pushes an image to `from`, mounts its first layer into `repo`, and pushes an image of that layer and another there.
pub async fn shared_layer(client: &Client, from: &str, repo: &str, tag: &str, seed: u64) -> Result<[Pushed; 2]> {
    let shared = Layer::new(seed, LAYER_SIZE);
    let first = image_of(client, from, Some(tag), Flavour::Oci, "amd64", std::slice::from_ref(&shared)).await?;
    client.mount_blob(repo, from, &sha256(&shared.gzip)).await?;
    let layers = [shared, Layer::new(seed + 1, LAYER_SIZE)];
    Ok([first, image_of(client, repo, Some(tag), Flavour::Oci, "amd64", &layers).await?])
}

/// Pushes an image and deletes it through the API: its blobs and layer links stay behind.
pub async fn deleted_image(client: &Client, repo: &str, tag: &str, seed: u64) -> Result<Pushed> {
    let mut pushed = image(client, repo, Some(tag), Flavour::Oci, seed).await?;
    client.delete_manifest(repo, pushed.digest()).await?;
    pushed.tag = None;
    Ok(pushed)
}

/// Uploads a blob that no manifest will ever name.
pub async fn orphan_blob(client: &Client, repo: &str, seed: u64) -> Result<Descriptor> {
    client.push_blob(repo, "application/octet-stream", &noise(seed, LAYER_SIZE)).await
}

/// Begins an upload and never finishes it. Returns its uuid.
pub async fn unfinished_upload(client: &Client, repo: &str, seed: u64) -> Result<String> {
    client.leave_upload(repo, &noise(seed, LAYER_SIZE)).await
}
