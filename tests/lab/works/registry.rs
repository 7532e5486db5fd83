//! Registries are built, written, loaded and pulled from.

use std::collections::BTreeSet;

use super::lab;
use super::lab::bucket::Bucket;
use super::lab::pull::{pull, pull_all, try_pull};
use super::lab::random::{damage, random_registry, random_registry_at};
use super::lab::registry::{RegistryBuilder, blob_key, layer_key, sha256};
use super::lab::tree::{at, read_dir};

#[test]
fn a_registry_goes_through_directory_and_bucket_unchanged() {
    let registry = random_registry(7);
    let directory = tempfile::tempdir().unwrap();
    registry.write_to(directory.path());
    assert_eq!(&read_dir(directory.path()), registry.tree());
    let bucket = Bucket::s3("reg");
    registry.load_into(&bucket, "root/");
    assert_eq!(&bucket.dump("root/"), registry.tree());
    assert!(bucket.keys()[0].starts_with("root/docker/registry/v2/blobs/sha256/"));
}

#[test]
fn every_kind_of_manifest_pulls() {
    let mut r = RegistryBuilder::new();
    let image = r.image("a/b", "config", &["base", "top"]);
    let docker = r.docker_image("a/b", "config", &["base"]);
    let list = r.manifest_list("a/b", &[&docker.digest]);
    let absent = sha256(b"absent");
    let index = r.index("a/b", &[&image.digest, &list, &absent]);
    r.tag("a/b", "v1", &image.digest).tag("a/b", "v1", &index);
    let expected: BTreeSet<_> = image.all().into_iter().chain(docker.all()).chain([index.clone(), list]).collect();
    assert_eq!(BTreeSet::from_iter(pull(r.tree(), "a/b", "v1").unwrap()), expected);
    assert_eq!(try_pull(r.tree(), "a/b", "v1").absent, BTreeSet::from([absent]));
    assert_eq!(pull(r.tree(), "a/b", &image.digest).unwrap().len(), 4);

    let chart = r.helm_chart("charts/x", "1.0.0");
    let cache = r.buildkit_cache("cache", "main", &["one", "two"]);
    let old = r.schema1_image("old", "v0", &["base"]);
    let sbom = r.referrer("a/b", &image.digest, "application/spdx+json", "sbom");
    let artifact = r.artifact("a/b", "application/vnd.example", &["blob"], Some(&image.digest));
    let signed = r.cosign_signature("a/b", &image.digest);
    let foreign = r.foreign_layer_image("win", "config", &sha256(b"far away"), &["near"]);
    let alias = r.aliased_image("a/b", "config", &["hashed otherwise"]);
    assert!(alias.layers[0].starts_with("sha512:"));
    assert_eq!(BTreeSet::from_iter(pull(r.tree(), "a/b", &alias.digest).unwrap()), BTreeSet::from_iter(alias.all()));
    for (repo, image) in [("charts/x", &chart), ("cache", &cache), ("old", &old), ("a/b", &sbom), ("a/b", &artifact)] {
        assert_eq!(BTreeSet::from_iter(pull(r.tree(), repo, &image.digest).unwrap()), BTreeSet::from_iter(image.all()));
    }
    assert!(pull(r.tree(), "win", &foreign.digest).is_ok());
    let tag = image.digest.replacen(':', "-", 1) + ".sig";
    assert!(pull(r.tree(), "a/b", &tag).unwrap().contains(&signed.digest));
    let mut referrers = lab::pull::referrers(r.tree(), "a/b", &image.digest);
    referrers.sort();
    assert_eq!(BTreeSet::from_iter(referrers), BTreeSet::from([sbom.digest, artifact.digest]));
}

#[test]
fn the_reader_sees_what_the_registry_would_not_serve() {
    let mut r = RegistryBuilder::new();
    let image = r.image("a", "config", &["layer"]);
    r.tag("a", "v1", &image.digest);
    assert!(pull(r.tree(), "b", &image.digest).is_err(), "no link in that repository");
    let break_it = |damage: &dyn Fn(&mut RegistryBuilder)| {
        let mut broken = r.clone();
        damage(&mut broken);
        pull(broken.tree(), "a", "v1").unwrap_err()
    };
    assert!(break_it(&|r| _ = r.lose_blob(&image.layers[0])).contains("blob"));
    assert!(break_it(&|r| _ = r.remove(&layer_key("a", &image.layers[0]))).contains("blob"));
    assert!(break_it(&|r| _ = r.empty(&layer_key("a", &image.layers[0]))).contains("blob"));
    assert!(break_it(&|r| _ = r.delete_manifest("a", &image.digest)).contains("manifest"));
    assert!(break_it(&|r| _ = r.truncate(&blob_key(&image.digest))).contains("damaged"));
    assert!(break_it(&|r| _ = r.untag("a", "v1")).contains("tag"));

    let (alias, digest) = r.aliased_layer("a", "by sha512");
    let extra = serde_json::json!({"layers": [r.descriptor("application/octet-stream", &alias)]});
    let image = r.image_as("a", ["m", "c", "l"], "{}", &[], &extra);
    assert!(pull(r.tree(), "a", &image.digest).is_ok());
    assert!(pull(r.clone().lose_blob(&digest).tree(), "a", &image.digest).is_err());
    for link in [alias, digest] {
        assert!(pull(r.clone().remove(&layer_key("a", &link)).tree(), "a", &image.digest).is_err(), "both are needed");
    }
}

#[test]
fn random_registries_are_repeatable_sound_and_varied() {
    let mut kinds = BTreeSet::new();
    for seed in 0..200 {
        let now = at("2024-02-29T12:00:00Z");
        let tree = random_registry_at(seed, now).build();
        assert_eq!(tree, random_registry_at(seed, now).build(), "seed {seed}");
        for (reference, pulled) in pull_all(&tree) {
            assert!(pulled.broken.is_empty(), "seed {seed}: {reference:?}: {pulled:?}");
            if !pulled.absent.is_empty() {
                kinds.insert("a tag with absent children");
            }
        }
        for (key, kind) in [("_uploads", "upload"), ("sha512", "alias"), (".sig", "signature"), ("v2/_man", "nested")] {
            if tree.keys().any(|k| k.contains(key)) {
                kinds.insert(kind);
            }
        }
        let mut damaged = random_registry_at(seed, now);
        damage(&mut damaged, seed);
        assert_ne!(damaged.tree(), &tree, "seed {seed}");
    }
    assert_eq!(kinds.len(), 5, "{kinds:?}");
}
