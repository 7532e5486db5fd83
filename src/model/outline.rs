//! What a manifest shows of itself: media types, sizes, platforms, annotations. For people to read, never for deciding
//! what is needed: that is [`Manifest`], and an outline names exactly what it names.

use super::digest::Digest;
use super::image_config::{Platform, Word};
use super::manifest::{Manifest, Unreadable};
use super::media_type::{Kind, MediaType};
use super::timestamp::Timestamp;
use serde::Deserialize;
use std::collections::BTreeSet;

/// The longest media type that is shown, in bytes; that of the standard is 127 for each half.
const LONGEST_TYPE: usize = 255;

/// What a manifest says of something it names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Details {
    /// What it is.
    pub media_type: Option<Box<str>>,
    /// Size in bytes.
    pub size: Option<u64>,
    /// What it runs on: of the manifests of an index.
    pub platform: Option<Platform>,
    /// Whether it may be had elsewhere only (`urls`).
    pub is_foreign: bool,
}

/// Something that a manifest names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// Its digest.
    pub digest: Digest,
    /// What the manifest says of it.
    pub details: Details,
}

/// A manifest, for showing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outline {
    /// What it is, as far as its references go.
    pub kind: Kind,
    /// Its media type, if it says one.
    pub media_type: Option<Box<str>>,
    /// What kind of artifact it is, if it says so.
    pub artifact_type: Option<Box<str>>,
    /// The configuration.
    pub config: Option<Named>,
    /// Layers, blobs, `fsLayers`, in order.
    pub layers: Vec<Named>,
    /// The manifests of an index, in order; some write layers there.
    pub manifests: Vec<Named>,
    /// What it is about.
    pub subject: Option<Digest>,
    /// When it was made, as an annotation says.
    pub created: Option<Timestamp>,
}

impl Outline {
    /// Reads a manifest. Never panics, whatever the bytes.
    ///
    /// # Errors
    /// As [`Manifest::parse`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Unreadable> {
        let manifest = Manifest::parse(bytes)?;
        let fields: Fields = serde_json::from_slice(bytes).unwrap_or_default();
        let outline = fields.into_outline(&manifest);
        let named: BTreeSet<&Digest> = outline.named().map(|named| &named.digest).collect();
        let needed: BTreeSet<&Digest> = manifest.references.iter().map(|reference| &reference.digest).collect();
        // Where a detail hides the rest, what is named is shown all the same.
        if named == needed { Ok(outline) } else { Ok(bare(&manifest)) }
    }

    /// Everything it names, in order.
    pub fn named(&self) -> impl Iterator<Item = &Named> {
        self.config.iter().chain(&self.layers).chain(&self.manifests)
    }
}

/// What the strict reading gives: digests and sizes.
fn bare(manifest: &Manifest) -> Outline {
    let named = manifest.references.iter().map(|reference| Named {
        digest: reference.digest.clone(),
        details: Details { size: reference.size, ..Details::default() },
    });
    let (layers, manifests) = match manifest.kind {
        Kind::Index => (Vec::new(), named.collect()),
        Kind::Image | Kind::Artifact | Kind::Schema1 | Kind::Unknown => (named.collect(), Vec::new()),
    };
    Outline {
        kind: manifest.kind,
        media_type: None,
        artifact_type: None,
        config: None,
        layers,
        manifests,
        subject: manifest.subject.clone(),
        created: None,
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Fields {
    media_type: Option<Word>,
    artifact_type: Option<Word>,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
    manifests: Option<Vec<Descriptor>>,
    blobs: Option<Vec<Descriptor>>,
    fs_layers: Option<Vec<Descriptor>>,
    annotations: Option<Annotations>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Descriptor {
    #[serde(alias = "blobSum")]
    digest: Option<Word>,
    size: Option<i64>,
    media_type: Option<Word>,
    platform: Option<PlatformFields>,
    urls: Option<Vec<serde::de::IgnoredAny>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct PlatformFields {
    os: Option<Word>,
    architecture: Option<Word>,
    variant: Option<Word>,
    #[serde(rename = "os.version")]
    os_version: Option<Word>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Annotations {
    #[serde(rename = "org.opencontainers.image.created")]
    created: Option<Word>,
}

fn short(word: Option<Word>, longest: usize) -> Option<Box<str>> {
    word.and_then(|word| word.0).filter(|word| !word.is_empty() && word.len() <= longest).map(Into::into)
}

impl Descriptor {
    fn into_named(self) -> Option<Named> {
        let platform = self.platform.map(|fields| Platform {
            os: short(fields.os, LONGEST_TYPE),
            architecture: short(fields.architecture, LONGEST_TYPE),
            variant: short(fields.variant, LONGEST_TYPE),
            os_version: short(fields.os_version, LONGEST_TYPE),
        });
        Some(Named {
            digest: self.digest?.0?.parse().ok()?,
            details: Details {
                media_type: short(self.media_type, LONGEST_TYPE),
                size: self.size.and_then(|size| size.try_into().ok()),
                platform,
                is_foreign: self.urls.is_some_and(|urls| !urls.is_empty()),
            },
        })
    }
}

impl Fields {
    fn into_outline(self, manifest: &Manifest) -> Outline {
        let named = |list: Option<Vec<Descriptor>>| list.into_iter().flatten().filter_map(Descriptor::into_named);
        let created = self.annotations.and_then(|annotations| annotations.created?.0);
        Outline {
            kind: manifest.kind,
            media_type: short(self.media_type, LONGEST_TYPE),
            artifact_type: short(self.artifact_type, LONGEST_TYPE),
            config: self.config.and_then(Descriptor::into_named),
            layers: named(self.layers).chain(named(self.blobs)).chain(named(self.fs_layers)).collect(),
            manifests: named(self.manifests).collect(),
            subject: manifest.subject.clone(),
            created: created.and_then(|text| Timestamp::parse_rfc3339(&text)),
        }
    }
}

/// What an artifact is, where it says so in one way or another: its own word, the type of its configuration where that
/// is not an image's, or the type that all its layers have where that is known to be no file system.
impl Outline {
    /// The artifact's type; `None` for images and indexes of images.
    #[must_use]
    pub fn artifact(&self) -> Option<&str> {
        const NO_FILE_SYSTEMS: [&str; 3] = [
            "application/vnd.dev.cosign.simplesigning.v1+json",
            "application/vnd.dsse.envelope.v1+json",
            "application/vnd.in-toto+json",
        ];
        if let Some(own) = self.artifact_type.as_deref() {
            return Some(own);
        }
        let type_of = |named: &'_ Named| named.details.media_type.clone();
        let is_cache =
            |named: &Named| type_of(named).is_some_and(|media_type| media_type.contains("buildkit.cacheconfig"));
        if let Some(cache) = self.manifests.iter().find(|named| is_cache(named)) {
            return cache.details.media_type.as_deref();
        }
        let first = self.layers.first().and_then(|named| named.details.media_type.as_deref());
        if let Some(first) = first.filter(|first| NO_FILE_SYSTEMS.contains(first))
            && self.layers.iter().all(|named| named.details.media_type.as_deref() == Some(first))
        {
            return Some(first);
        }
        let config = self.config.as_ref().and_then(|named| named.details.media_type.as_deref())?;
        (!MediaType(config).is_image_config()).then_some(config)
    }

    /// Whether the configuration is one that says platform and date.
    #[must_use]
    pub fn has_image_config(&self) -> bool {
        self.kind == Kind::Image && self.config.is_some() && self.artifact().is_none()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
    const CONFIG: &str = "application/vnd.oci.image.config.v1+json";

    fn parse(json: &Value) -> Outline {
        Outline::parse(json.to_string().as_bytes()).unwrap()
    }

    fn descriptor(content: &str, media_type: &str) -> Value {
        json!({"mediaType": media_type, "digest": Digest::of(content.as_bytes()).to_string(), "size": content.len()})
    }

    fn artifact(config: &str, layers: &[&str], more: &Value) -> Option<String> {
        let layers: Vec<Value> = layers.iter().map(|layer| descriptor(layer, layer)).collect();
        let mut json =
            json!({"schemaVersion": 2, "mediaType": IMAGE, "config": descriptor("c", config), "layers": layers});
        for (name, value) in more.as_object().unwrap() {
            json[name] = value.clone();
        }
        parse(&json).artifact().map(str::to_owned)
    }

    #[test]
    fn shows_what_stands_there() {
        let mut child = descriptor("m", IMAGE);
        child["platform"] = json!({"os": "linux", "architecture": "arm64", "variant": "v8", "features": ["x"]});
        let outline = parse(&json!({
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [child],
            "annotations": {"org.opencontainers.image.created": "2026-01-02T03:04:05Z", "x": "y"},
        }));
        assert_eq!(outline.manifests[0].details.platform.as_ref().unwrap().to_string(), "linux/arm64/v8");
        assert_eq!(outline.manifests[0].details.size, Some(1));
        assert_eq!(outline.created, Timestamp::parse_rfc3339("2026-01-02T03:04:05Z"));
        let schema1 = parse(&json!({"schemaVersion": 1, "fsLayers": [{"blobSum": Digest::of(b"l").to_string()}]}));
        assert_eq!((schema1.layers.len(), schema1.layers[0].details.size), (1, None));
        let mut foreign = descriptor("f", "x");
        foreign["urls"] = json!(["https://example"]);
        let image = parse(&json!({"schemaVersion": 2, "config": descriptor("c", CONFIG), "layers": [foreign]}));
        assert!(image.layers[0].details.is_foreign && image.has_image_config());
    }

    /// A detail of a wrong type must not hide a layer.
    #[test]
    fn names_what_the_strict_reading_names_whatever_the_details_are() {
        let layer = descriptor("l", "x");
        for (name, odd) in [("urls", json!("x")), ("platform", json!(7)), ("mediaType", json!({"a": []}))] {
            let mut odd_layer = descriptor("m", "x");
            odd_layer[name] = odd;
            let outline = parse(&json!({"schemaVersion": 2, "mediaType": IMAGE, "config": descriptor("c", CONFIG),
                "layers": [layer, odd_layer], "annotations": [1]}));
            assert_eq!(outline.named().count(), 3, "{name}: {outline:?}");
        }
        let twice = format!(
            r#"{{"schemaVersion":2,"artifactType":"a","artifactType":"b","layers":[{layer}],"mediaType":"{IMAGE}"}}"#
        );
        let outline = Outline::parse(twice.as_bytes()).unwrap();
        assert_eq!((outline.named().count(), outline.artifact_type), (1, None));
    }

    #[test]
    fn artifacts_are_told_from_images() {
        let layer = "application/vnd.oci.image.layer.v1.tar+gzip";
        let helm = "application/vnd.cncf.helm.config.v1+json";
        let signature = "application/vnd.dev.cosign.simplesigning.v1+json";
        let none = json!({});
        assert_eq!(artifact(CONFIG, &[layer], &none), None);
        assert_eq!(artifact("application/vnd.docker.container.image.v1+json", &[layer], &none), None);
        assert_eq!(artifact(helm, &[layer], &none).as_deref(), Some(helm));
        assert_eq!(artifact(CONFIG, &[signature, signature], &none).as_deref(), Some(signature));
        assert_eq!(artifact(CONFIG, &[layer, signature], &none), None);
        assert_eq!(artifact(helm, &[layer], &json!({"artifactType": "a/b"})).as_deref(), Some("a/b"));
    }

    proptest! {
        #[test]
        fn never_panics(bytes: Vec<u8>, depth in 0..10_000_usize) {
            let _ = Outline::parse(&bytes);
            let _ = Outline::parse(format!("{{\"annotations\":{}", "{\"a\":".repeat(depth)).as_bytes());
        }
    }
}
