//! Manifests: what is read with certainty is all that the registry would see in them, and nothing else.

use super::text;
use regsweep::collect::graph::{Expectation, Fetched, Graph, Node};
use regsweep::model::{Digest, ImageConfig, Manifest, Outline};
use serde_json::Value;
use std::collections::BTreeSet;

/// Any bytes as a manifest.
pub fn check(data: &[u8]) {
    let parsed = Manifest::parse(data);
    match &parsed {
        Ok(manifest) => {
            // What nests deeper than others read may stand in fields that do not matter.
            if let Ok(value) = serde_json::from_slice::<Value>(data) {
                as_the_registry_reads_it(manifest, &value);
                assert_eq!(Manifest::parse(value.to_string().as_bytes()), parsed, "written anew it is another");
            }
        }
        Err(why) => text::is_for_people(&why.to_string()),
    }
    outline(data, parsed.as_ref().ok());
    configuration(data);
    learnt(data);
}

/// What is shown of a manifest names what it needs, and nothing else.
fn outline(data: &[u8], manifest: Option<&Manifest>) {
    let outline = Outline::parse(data).ok();
    assert_eq!(outline.is_some(), manifest.is_some());
    let (Some(outline), Some(manifest)) = (outline, manifest) else { return };
    let named: BTreeSet<&Digest> = outline.named().map(|named| &named.digest).collect();
    assert_eq!(named, manifest.references.iter().map(|reference| &reference.digest).collect());
    assert_eq!((outline.kind, &outline.subject), (manifest.kind, &manifest.subject));
    assert!(outline.media_type.is_none_or(|word| word.len() <= 255));
}

/// The same bytes as the configuration of an image: any object is one, and no label is read as another.
fn configuration(data: &[u8]) {
    let config = ImageConfig::parse(data);
    let Ok(value) = serde_json::from_slice::<Value>(data) else { return };
    assert_eq!(config.is_some(), value.is_object());
    let Some(config) = config else { return };
    let shown = config.platform.to_string();
    assert!(shown.contains('/') && shown.len() <= 4 * 128 + 3, "{shown}");
    assert!(!config.platform.is_known() || shown != "unknown/unknown");
    let again = ImageConfig::parse(value.to_string().as_bytes()).unwrap_or_default();
    for (name, label) in &config.labels {
        let is_same = again.labels.get(name).is_none_or(|other| other == label);
        assert!(is_same, "written anew it is another");
    }
}

const LISTS: [&str; 4] = ["layers", "manifests", "blobs", "fsLayers"];

/// Field names are compared without regard to case there.
fn as_the_registry_reads_it(manifest: &Manifest, value: &Value) {
    let fields = value.as_object().unwrap();
    let of = |name: &str| {
        let all: Vec<&Value> =
            fields.iter().filter(|(other, _)| is_same(other, name)).map(|(_, value)| value).collect();
        assert!(all.len() <= 1, "{name} is there in more than one spelling");
        all.into_iter().next().filter(|value| !value.is_null())
    };
    let listed = LISTS.iter().filter_map(|name| of(name)).flat_map(|list| list.as_array().unwrap());
    let expected: Vec<&str> = of("config").into_iter().chain(listed).map(digest_of).collect();
    let found: Vec<String> = manifest.references.iter().map(|reference| reference.digest.to_string()).collect();
    assert_eq!(found, expected);
    let subject = manifest.subject.as_ref().map(ToString::to_string);
    assert_eq!(subject.as_deref(), of("subject").map(digest_of));
}

fn digest_of(descriptor: &Value) -> &str {
    let fields = descriptor.as_object().unwrap();
    let mut named = fields.iter().filter(|(name, _)| is_same(name, "digest") || is_same(name, "blobSum"));
    let digest = named.next().and_then(|(_, digest)| digest.as_str()).unwrap();
    assert_eq!(named.next(), None, "two digests in one descriptor");
    digest
}

/// Whether Go takes the two for the same field: by upper case, in which two more letters become ASCII.
fn is_same(name: &str, field: &str) -> bool {
    name.to_uppercase().replace('\u{212a}', "K") == field.to_uppercase()
}

/// A manifest counts only under the digest that it has.
fn learnt(data: &[u8]) {
    let (digest, other) = (Digest::of(data), Digest::of(b"other"));
    let mut graph = Graph::default();
    let bytes = Fetched::Bytes(bytes::Bytes::copy_from_slice(data));
    graph.learn(&digest, Expectation::Manifest, &bytes);
    graph.learn(&other, Expectation::Manifest, &bytes);
    assert!(matches!(graph.node_of(&other), Node::Unreadable(_)));
    match (graph.node_of(&digest), Manifest::parse(data)) {
        (Node::Manifest { references, subject }, Ok(manifest)) => {
            let named: Vec<Digest> = references.all().iter().map(|id| graph.digest(*id)).collect();
            assert!(named.iter().eq(manifest.references.iter().map(|reference| &reference.digest)));
            assert_eq!(subject.map(|id| graph.digest(id)), manifest.subject);
        }
        (Node::Unreadable(_), Err(_)) => {}
        (node, parsed) => panic!("{node:?}, {parsed:?}"),
    }
    graph.learn(&digest, Expectation::Perhaps, &bytes);
    let is_damage = matches!(graph.node_of(&digest), Node::Unreadable(_));
    assert!(!is_damage, "what is only perhaps a manifest damages nothing");
}
