//! What is pushed: images of few shared blobs, so that blobs become garbage and come back.

use std::collections::BTreeSet;

use bytes::Bytes;
use serde_json::{Value, json};

use crate::lab::random::Prng;
use crate::real::content::{OCI_INDEX, OCI_MANIFEST};
use crate::real::layer::noise;
use crate::real::{Descriptor, sha256};

/// How many layers the images of a chaos are made of: so many that most of them are garbage at any moment.
const LAYERS: u64 = 100;
const CONFIGS: u64 = 30;
/// Every so many layers is larger than one chunk of a chunked upload.
const LARGE_EVERY: u64 = 8;

/// A layer or a config.
#[derive(Debug, Clone)]
pub struct Blob {
    /// What is uploaded.
    pub bytes: Bytes,
    /// What manifests say of it.
    pub descriptor: Descriptor,
}

impl Blob {
    fn layer(seed: u64, size: usize) -> Self {
        Self::of("application/vnd.oci.image.layer.v1.tar+gzip", noise(seed, size))
    }

    fn config(seed: u64) -> Self {
        let text = json!({"architecture": "amd64", "os": "linux", "config": {"Labels": {"seed": seed.to_string()}}});
        Self::of("application/vnd.oci.image.config.v1+json", text.to_string().into_bytes())
    }

    fn of(media_type: &str, bytes: Vec<u8>) -> Self {
        Self { descriptor: Descriptor::of(media_type, &bytes), bytes: bytes.into() }
    }

    /// `sha256:<hex>`
    pub fn digest(&self) -> &str {
        &self.descriptor.digest
    }
}

/// A manifest with all it needs.
#[derive(Debug, Clone)]
pub struct Image {
    /// The manifest's media type.
    pub media_type: &'static str,
    /// The manifest.
    pub manifest: Bytes,
    /// Its digest. Two owners never have the same: deleting a manifest by its digest takes all tags that point to it.
    pub digest: String,
    /// The config and the layers, each once.
    pub blobs: Vec<Blob>,
    /// The manifests of an index.
    pub children: Vec<Image>,
}

impl Image {
    fn new(media_type: &'static str, manifest: &Value, blobs: Vec<Blob>, children: Vec<Self>) -> Self {
        let manifest: Bytes = manifest.to_string().into();
        Self { media_type, digest: sha256(&manifest), manifest, blobs, children }
    }

    /// The manifest's descriptor.
    pub fn descriptor(&self) -> Descriptor {
        Descriptor::of(self.media_type, &self.manifest)
    }

    /// An image of a config and layers; a referrer if it has a subject. `name` makes it different from all others.
    pub fn of(name: &str, config: &Blob, layers: &[Blob], subject: Option<&Self>) -> Self {
        let list: Vec<_> = layers.iter().map(|layer| layer.descriptor.json()).collect();
        let mut manifest = json!({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config.descriptor.json(),
            "layers": list, "annotations": {"name": name}});
        if let (Some(subject), Some(fields)) = (subject, manifest.as_object_mut()) {
            fields.insert("subject".to_owned(), subject.descriptor().json());
        }
        let mut blobs: Vec<Blob> = Vec::new();
        let mut seen = BTreeSet::new();
        blobs.extend(std::iter::once(config).chain(layers).filter(|blob| seen.insert(blob.digest())).cloned());
        Self::new(OCI_MANIFEST, &manifest, blobs, Vec::new())
    }

    /// An index of these images.
    pub fn index(name: &str, children: Vec<Self>) -> Self {
        let list: Vec<_> = children.iter().map(|child| child.descriptor().json()).collect();
        let manifest = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": list,
            "annotations": {"name": name}});
        Self::new(OCI_INDEX, &manifest, Vec::new(), children)
    }
}

/// The blobs that all clients share.
#[derive(Debug)]
pub struct Pool {
    /// Small layers and some larger ones.
    pub layers: Vec<Blob>,
    /// Configs: other clients have the same.
    pub configs: Vec<Blob>,
}

impl Pool {
    /// Equal seeds give equal blobs.
    pub fn new(seed: u64) -> Self {
        let mut prng = Prng::new(seed);
        let mut layer = |number: u64| {
            let size = if number.is_multiple_of(LARGE_EVERY) { 40_000 } else { 200 };
            Blob::layer(seed.wrapping_mul(1_000_003).wrapping_add(number), size + prng.below(size))
        };
        Self {
            layers: (0..LAYERS).map(&mut layer).collect(),
            configs: (0..CONFIGS).map(|number| Blob::config(seed.wrapping_add(number))).collect(),
        }
    }

    /// An image of one to three layers that others may have too.
    pub fn image(&self, prng: &mut Prng, name: &str, subject: Option<&Image>) -> Image {
        let layers: Vec<_> = (0..=1 + prng.below(3)).map(|_| prng.pick(&self.layers).clone()).collect();
        Image::of(name, prng.pick(&self.configs), &layers, subject)
    }
}

/// So many small layers.
pub fn layers(seed: u64, count: usize) -> Vec<Blob> {
    (0..count as u64).map(|number| Blob::layer(seed.wrapping_mul(1_000_003).wrapping_add(number), 64)).collect()
}
