//! The manifests a [`RegistryBuilder`] can push: images of every format, indexes, artifacts, referrers.

use serde_json::{Value, json};

use super::registry::{Digest, RegistryBuilder};

/// Media types, by the names of the standard.
pub mod media_type {
    /// OCI image manifest.
    pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
    /// OCI image index.
    pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
    /// OCI image config.
    pub const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
    /// OCI gzip layer.
    pub const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
    /// OCI artifact manifest, which never left its release candidate.
    pub const OCI_ARTIFACT: &str = "application/vnd.oci.artifact.manifest.v1+json";
    /// The config of what needs none.
    pub const OCI_EMPTY: &str = "application/vnd.oci.empty.v1+json";
    /// Docker image manifest, schema 2.
    pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
    /// Docker manifest list.
    pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
    /// Docker image config.
    pub const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
    /// Docker gzip layer.
    pub const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";
    /// Docker layer that is fetched from its `urls`.
    pub const DOCKER_FOREIGN: &str = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
    /// Docker image manifest, schema 1, signed.
    pub const DOCKER_SCHEMA1: &str = "application/vnd.docker.distribution.manifest.v1+prettyjws";
}

use media_type as mt;

/// An image that was pushed: its digests, for tests to name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// The manifest.
    pub digest: Digest,
    /// The config; of schema 1 and of artifact manifests none.
    pub config: Option<Digest>,
    /// The layers or blobs, in order.
    pub layers: Vec<Digest>,
}

impl Image {
    /// Manifest, config and layers.
    pub fn all(&self) -> Vec<Digest> {
        let config = self.config.iter().cloned();
        std::iter::once(self.digest.clone()).chain(config).chain(self.layers.iter().cloned()).collect()
    }
}

impl RegistryBuilder {
    /// A descriptor of a blob: its size as stored, or 1 where it is not.
    pub fn descriptor(&self, media_type: &str, digest: &str) -> Value {
        let size = self.bytes_of(digest).map_or(1, |bytes| bytes.len());
        json!({"mediaType": media_type, "digest": digest, "size": size})
    }

    /// An OCI image; equal `config` and `layers` texts give equal digests.
    pub fn image(&mut self, repo: &str, config: &str, layers: &[&str]) -> Image {
        let config = json!({"architecture": "amd64", "os": "linux", "config": {"Labels": {"name": config}}});
        let formats = [mt::OCI_MANIFEST, mt::OCI_CONFIG, mt::OCI_LAYER];
        self.image_as(repo, formats, &config.to_string(), layers, &json!({}))
    }

    /// A Docker schema 2 image.
    pub fn docker_image(&mut self, repo: &str, config: &str, layers: &[&str]) -> Image {
        let config = json!({"architecture": "amd64", "os": "linux", "container_config": {"Hostname": config}});
        let formats = [mt::DOCKER_MANIFEST, mt::DOCKER_CONFIG, mt::DOCKER_LAYER];
        self.image_as(repo, formats, &config.to_string(), layers, &json!({}))
    }

    /// An image manifest with these media types (manifest, config, layers), config content, and members on top of it
    /// (`subject`, `artifactType`, `annotations`; null removes one, such as `mediaType`).
    pub fn image_as(&mut self, repo: &str, formats: [&str; 3], config: &str, layers: &[&str], extra: &Value) -> Image {
        let [manifest_type, config_type, layer_type] = formats;
        let config = self.layer(repo, config.to_owned());
        let layers: Vec<Digest> = layers.iter().map(|layer| self.layer(repo, (*layer).to_owned())).collect();
        let mut manifest = json!({
            "schemaVersion": 2,
            "mediaType": manifest_type,
            "config": self.descriptor(config_type, &config),
            "layers": layers.iter().map(|layer| self.descriptor(layer_type, layer)).collect::<Vec<_>>(),
        });
        merge(&mut manifest, extra);
        Image { digest: self.manifest(repo, manifest.to_string()), config: Some(config), layers }
    }

    /// A Docker schema 1 image (signature left out).
    pub fn schema1_image(&mut self, repo: &str, tag: &str, layers: &[&str]) -> Image {
        let layers: Vec<Digest> = layers.iter().map(|layer| self.layer(repo, (*layer).to_owned())).collect();
        let manifest = json!({
            "schemaVersion": 1, "name": repo, "tag": tag, "architecture": "amd64",
            "fsLayers": layers.iter().map(|layer| json!({"blobSum": layer})).collect::<Vec<_>>(),
            "history": layers.iter().map(|layer| json!({"v1Compatibility": json!({"id": layer}).to_string()}))
                .collect::<Vec<_>>(),
        });
        Image { digest: self.manifest(repo, manifest.to_string()), config: None, layers }
    }

    /// An OCI image whose manifest names its layers by SHA-512, as they were pushed; the blobs are under SHA-256.
    pub fn aliased_image(&mut self, repo: &str, config: &str, layers: &[&str]) -> Image {
        let aliases: Vec<Digest> = layers.iter().map(|layer| self.aliased_layer(repo, (*layer).to_owned()).0).collect();
        let layers: Vec<Value> = layers
            .iter()
            .zip(&aliases)
            .map(|(layer, alias)| json!({"mediaType": mt::OCI_LAYER, "digest": alias, "size": layer.len()}))
            .collect();
        let formats = [mt::OCI_MANIFEST, mt::OCI_CONFIG, mt::OCI_LAYER];
        let image = self.image_as(repo, formats, &json!({"name": config}).to_string(), &[], &json!({"layers": layers}));
        Image { layers: aliases, ..image }
    }

    /// An image with a foreign layer: referenced, linked nowhere, fetched from its URL.
    pub fn foreign_layer_image(&mut self, repo: &str, config: &str, foreign: &str, layers: &[&str]) -> Image {
        let local = self.docker_image(repo, config, layers);
        let mut manifest: Value = serde_json::from_slice(&self.bytes_of(&local.digest).unwrap()).unwrap();
        let urls = json!(["https://layers.example/foreign"]);
        let layer = json!({"mediaType": mt::DOCKER_FOREIGN, "digest": foreign, "size": 1, "urls": urls});
        manifest["layers"].as_array_mut().unwrap().push(layer);
        self.remove_where(|key| key.contains(local.digest.trim_start_matches("sha256:")));
        Image { digest: self.manifest(repo, manifest.to_string()), ..local }
    }

    /// An OCI index of manifests (or of indexes: their media types are read from what is stored).
    pub fn index(&mut self, repo: &str, children: &[&str]) -> Digest {
        self.index_as(repo, mt::OCI_INDEX, children, &json!({}))
    }

    /// A Docker manifest list.
    pub fn manifest_list(&mut self, repo: &str, children: &[&str]) -> Digest {
        self.index_as(repo, mt::DOCKER_LIST, children, &json!({}))
    }

    /// An index of that media type, with members on top of it (null removes one). Children need not be stored, nor
    /// linked in this repository.
    pub fn index_as(&mut self, repo: &str, media_type: &str, children: &[&str], extra: &Value) -> Digest {
        let entries: Vec<Value> = children
            .iter()
            .enumerate()
            .map(|(i, child)| {
                let mut entry = self.descriptor(&self.media_type_of(child), child);
                let architecture = ["amd64", "arm64", "s390x"][i % 3];
                entry["platform"] = json!({"os": "linux", "architecture": architecture});
                entry
            })
            .collect();
        let mut index = json!({"schemaVersion": 2, "mediaType": media_type, "manifests": entries});
        merge(&mut index, extra);
        self.manifest(repo, index.to_string())
    }

    fn media_type_of(&self, digest: &str) -> String {
        let manifest: Option<Value> = self.bytes_of(digest).and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let manifest = manifest.unwrap_or_default();
        let fallback = if manifest["manifests"].is_array() { mt::OCI_INDEX } else { mt::OCI_MANIFEST };
        manifest["mediaType"].as_str().unwrap_or(fallback).to_owned()
    }

    /// An OCI artifact manifest with blobs, and a subject perhaps.
    pub fn artifact(&mut self, repo: &str, artifact_type: &str, blobs: &[&str], subject: Option<&str>) -> Image {
        let layers: Vec<Digest> = blobs.iter().map(|blob| self.layer(repo, (*blob).to_owned())).collect();
        let mut manifest = json!({
            "mediaType": mt::OCI_ARTIFACT, "artifactType": artifact_type,
            "blobs": layers.iter().map(|blob| self.descriptor("application/octet-stream", blob)).collect::<Vec<_>>(),
        });
        if let Some(subject) = subject {
            manifest["subject"] = self.descriptor(&self.media_type_of(subject), subject);
        }
        Image { digest: self.manifest(repo, manifest.to_string()), config: None, layers }
    }

    /// An OCI image manifest with a `subject`: an SBOM, a signature, an attestation; untagged.
    pub fn referrer(&mut self, repo: &str, subject: &str, artifact_type: &str, payload: &str) -> Image {
        let subject = self.descriptor(&self.media_type_of(subject), subject);
        let extra = json!({"artifactType": artifact_type, "subject": subject});
        self.image_as(repo, [mt::OCI_MANIFEST, mt::OCI_EMPTY, artifact_type], "{}", &[payload], &extra)
    }

    /// A cosign signature: an image under the tag `sha256-<hex>.sig`.
    pub fn cosign_signature(&mut self, repo: &str, subject: &str) -> Image {
        self.cosign(repo, subject, "sig")
    }

    /// What cosign stores under the tag `sha256-<hex>.<suffix>` (`sig`, `att`, `sbom`).
    pub fn cosign(&mut self, repo: &str, subject: &str, suffix: &str) -> Image {
        let payload = json!({"critical": {"image": {"docker-manifest-digest": subject}}, "kind": suffix}).to_string();
        let formats = [mt::OCI_MANIFEST, mt::OCI_CONFIG, "application/vnd.dev.cosign.simplesigning.v1+json"];
        let config = json!({"architecture": "", "os": "", "created": subject}).to_string();
        let image = self.image_as(repo, formats, &config, &[&payload], &json!({}));
        self.tag(repo, &format!("{}.{suffix}", subject.replacen(':', "-", 1)), &image.digest);
        image
    }

    /// A Helm chart, tagged with its version.
    pub fn helm_chart(&mut self, repo: &str, version: &str) -> Image {
        let config = json!({"name": repo, "version": version, "apiVersion": "v2"}).to_string();
        let chart = format!("chart {repo} {version}");
        let layer_type = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";
        let formats = [mt::OCI_MANIFEST, "application/vnd.cncf.helm.config.v1+json", layer_type];
        let image = self.image_as(repo, formats, &config, &[&chart], &json!({}));
        self.tag(repo, version, &image.digest);
        image
    }

    /// A `BuildKit` cache, tagged: an index whose children are layers and a cache config, not manifests.
    pub fn buildkit_cache(&mut self, repo: &str, tag: &str, layers: &[&str]) -> Image {
        let layers: Vec<Digest> = layers.iter().map(|layer| self.layer(repo, (*layer).to_owned())).collect();
        let config = self.layer(repo, json!({"layers": layers, "records": [tag]}).to_string());
        let mut entries: Vec<Value> = layers.iter().map(|layer| self.descriptor(mt::OCI_LAYER, layer)).collect();
        entries.push(self.descriptor("application/vnd.buildkit.cacheconfig.v0", &config));
        let index = json!({"schemaVersion": 2, "mediaType": mt::OCI_INDEX, "manifests": entries});
        let digest = self.manifest(repo, index.to_string());
        self.tag(repo, tag, &digest);
        Image { digest, config: Some(config), layers }
    }
}

fn merge(manifest: &mut Value, extra: &Value) {
    for (name, value) in extra.as_object().expect("members on top are an object") {
        if value.is_null() {
            manifest.as_object_mut().unwrap().remove(name);
        } else {
            manifest[name] = value.clone();
        }
    }
}
