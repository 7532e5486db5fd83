//! What a check sees of a registry that is given as keys: what unit tests of this folder decide about.

use super::blobs::{Stored, stray};
use super::check::{Known, check};
use super::finding::{Finding, Findings};
use super::parts::{Parts, Read};
use crate::collect::graph::{Fetched, Graph, manifests_to_read};
use crate::collect::inventory::Inventory;
use crate::collect::scene::{NOW, Storage, name, of, options, sha512};
use crate::layout::{self, StorageKey};
use crate::model::Digest;

/// A registry that was looked at.
#[derive(Debug)]
pub(super) struct Looked {
    pub(super) inventory: Inventory,
    pub(super) graph: Graph,
    pub(super) parts: Parts,
    pub(super) stored: Stored,
    pub(super) findings: Findings,
}

impl Looked {
    pub(super) fn at(storage: &Storage) -> Self {
        Self::while_pushed(storage, storage)
    }

    /// The listing of blobs, after all else, finds what `later` has.
    pub(super) fn while_pushed(storage: &Storage, later: &Storage) -> Self {
        let (inventory, mut findings) = (storage.inventory(&options()), Findings::telling_all());
        let (mut graph, mut parts, mut stored) = (Graph::new(&inventory), Parts::default(), Stored::default());
        storage.each_listed(|entry| {
            let is_blob = entry.key.starts_with(layout::BLOBS);
            if !is_blob && StorageKey::parse(entry.key) == StorageKey::Unrecognized {
                stray(entry, NOW, &mut findings);
            }
        });
        for (digest, expectation) in manifests_to_read(&inventory, &[]) {
            let is_there = storage.objects.contains_key(&layout::blob_data(&digest));
            let fetched = match storage.manifests.get(&digest) {
                Some(text) if is_there => Fetched::Bytes(text.clone().into()),
                None if is_there => Fetched::Bytes("no manifest".into()),
                Some(_) | None => Fetched::Missing,
            };
            parts.hear(&digest, expectation, &Read::of(&digest, &fetched), &mut graph);
        }
        for link in inventory.repositories.iter().flat_map(|repository| repository.layers.iter()) {
            graph.intern(&link.digest);
        }
        later.each_listed(|entry| {
            if entry.key.starts_with(layout::BLOBS) {
                stored.see(entry, &graph, NOW, &mut findings);
            }
        });
        Self { inventory, graph, parts, stored, findings }
    }

    pub(super) fn known(&self) -> Known<'_> {
        let Self { inventory, graph, parts, stored, .. } = self;
        Known { inventory, graph, parts, stored, now: NOW, both_key_forms: false }
    }

    /// All that is found, in the order of reports.
    pub(super) fn check(&self) -> Findings {
        let mut findings = self.findings.clone();
        check(&self.known(), &mut findings);
        findings.sort();
        findings
    }
}

/// What is found in a registry.
pub(super) fn found(storage: &Storage) -> Vec<Finding> {
    Looked::at(storage).check().told().to_vec()
}

/// What a manifest says of a part.
pub(super) fn descriptor(content: &str) -> String {
    format!(r#"{{"digest":"{}","size":{}}}"#, Digest::of(content.as_bytes()), content.len())
}

/// A manifest of an image, with all that it names.
pub(super) fn image(storage: &mut Storage, repository: &str, layers: &[&str]) -> Digest {
    let config = format!("config of {}", layers.concat());
    for content in layers.iter().chain([&config.as_str()]) {
        storage.layer(repository, content);
    }
    let text = image_of(&config, layers);
    storage.manifest(repository, &text)
}

/// The text of such a manifest.
pub(super) fn image_of(config: &str, layers: &[&str]) -> String {
    let layers: Vec<String> = layers.iter().map(|layer| descriptor(layer)).collect();
    format!(r#"{{"schemaVersion":2,"config":{},"layers":[{}]}}"#, descriptor(config), layers.join(","))
}

/// The key of a layer's link in `app`.
pub(super) fn layer_key(digest: &Digest) -> String {
    layout::layer_link(&name("app"), digest)
}

/// The key of a manifest's link in `app`.
pub(super) fn revision_key(digest: &Digest) -> String {
    layout::revision_link(&name("app"), digest)
}

/// An image of these layers as `app:v1`.
pub(super) fn tagged(layers: &[&str]) -> (Storage, Digest) {
    let mut storage = Storage::default();
    let image = image(&mut storage, "app", layers);
    storage.tag("app", "v1", &image);
    (storage, image)
}

/// One of the layer `a` as `app:v1`, whose manifest names that layer by its SHA-512.
pub(super) fn aliased() -> (Storage, Digest) {
    let mut storage = Storage::default();
    let text = image_of("c", &["a"]).replace(&of("a").to_string(), &sha512("a").to_string());
    let image = storage.manifest("app", &text);
    storage.tag("app", "v1", &image);
    for content in ["a", "c"] {
        storage.layer("app", content);
    }
    storage.link(layer_key(&sha512("a")), &of("a").to_string());
    (storage, image)
}
