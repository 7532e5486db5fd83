//! What the registry did not write, or would not accept, is kept and told; it hides nothing and blocks nothing.

use crate::check::{BOTH, blobs, links, rubbish, sweep, tagged, untagged};
use crate::lab::registry::{ROOT, RegistryBuilder, blob_key, layer_key, revision_key, sha256};

/// A registry with one image, one piece of garbage, and this key: the garbage goes, and nothing else.
#[track_caller]
fn ignored(key: &str) {
    for arguments in BOTH {
        let mut registry = RegistryBuilder::new();
        tagged(&mut registry, "app", "latest");
        let garbage = rubbish(&mut registry, "app");
        registry.raw(&format!("{ROOT}/{key}"), "stray");
        sweep(&registry, arguments).loses(garbage).reports(&[]);
    }
}

#[test]
fn stray_files_are_ignored_and_stay() {
    for key in [
        "README",
        "repositories/.DS_Store",
        "repositories/app/.DS_Store",
        "repositories/app/_layers/.DS_Store",
        "repositories/app/_manifests/revisions/sha256/.DS_Store",
        "blobs/.DS_Store",
        "blobs/sha256/.DS_Store",
        "blobs/sha256/ab/.DS_Store",
        "uploads/README",
    ] {
        ignored(key);
    }
}

/// The registry's own collector stops at them.
#[test]
fn blobs_under_bad_names_are_ignored_and_stay() {
    let hex = "ab".repeat(32);
    for key in [
        format!("blobs/md5/ab/{hex}/data"),
        "blobs/sha256/ab/abcd/data".into(),
        format!("blobs/sha256/ab/{}/data", hex.to_uppercase()),
        format!("blobs/sha256/cd/{hex}/data"),
        format!("blobs/sha256/{hex}/data"),
        format!("blobs/sha256/ab/{hex}/data/data"),
    ] {
        ignored(&key);
    }
}

/// Registries since 3.1 leave these when they crash; links and data beside them are judged as ever.
#[test]
fn temporary_files_of_a_crashed_registry_stay() {
    let suffix = "0f8fad5b-d9cb-469f-a165-70867728950e.tmp";
    let mut registry = RegistryBuilder::new();
    let image = tagged(&mut registry, "app", "latest");
    let garbage = rubbish(&mut registry, "app");
    for key in garbage.iter().chain([&blob_key(&image.layers[0]), &revision_key("app", &image.digest)]) {
        registry.raw(&format!("{key}.{suffix}"), "half");
    }
    sweep(&registry, &["-m"]).loses(garbage);
}

#[test]
fn repository_without_manifests_directory_is_cleaned() {
    let mut registry = RegistryBuilder::new();
    tagged(&mut registry, "app", "latest");
    let garbage = rubbish(&mut registry, "layers-only");
    sweep(&registry, &[]).loses(garbage).reports(&[]);
}

/// The registry's own collector does not see it (2.8) and takes its live image, or stops (v3).
#[test]
fn repository_without_layers_directory_keeps_its_tagged_image() {
    for arguments in BOTH {
        let mut registry = RegistryBuilder::new();
        tagged(&mut registry, "app", "latest");
        registry.remove_where(|key| key.contains("/app/_layers/"));
        tagged(&mut registry, "other", "latest");
        let garbage = rubbish(&mut registry, "other");
        sweep(&registry, arguments).loses(garbage);
    }
}

#[test]
fn link_under_an_invalid_repository_name_keeps_its_digest() {
    for name in ["Up", "a/Up", "a_/b", "a..b", "-a", "a b"] {
        for arguments in BOTH {
            let mut registry = RegistryBuilder::new();
            tagged(&mut registry, "app", "latest");
            rubbish(&mut registry, name);
            let garbage = rubbish(&mut registry, "app");
            sweep(&registry, arguments).loses(garbage).reports(&["invalid_repository"]);
        }
    }
}

#[test]
fn manifest_under_an_invalid_repository_name_keeps_all_it_needs() {
    for arguments in BOTH {
        let mut registry = RegistryBuilder::new();
        tagged(&mut registry, "app", "latest");
        let child = untagged(&mut registry, "Up", "child");
        let index = registry.index("Up", &[&child.digest]);
        registry.tag("Up", "latest", &index);
        let garbage = rubbish(&mut registry, "app");
        sweep(&registry, arguments).loses(garbage).reports(&["invalid_repository"]);
    }
}

/// A name with a domain is legal, and may have upper case.
#[test]
fn repositories_of_every_legal_name_are_repositories() {
    for name in ["a", "a__b/c", "a---b", "a.b", "Up.com/foo", "Up/foo", "0", "a/b/c/d/e/f", "link", "data", "sha256"] {
        let mut registry = RegistryBuilder::new();
        tagged(&mut registry, name, "latest");
        let garbage = rubbish(&mut registry, name);
        sweep(&registry, &["-m"]).loses(garbage).reports(&[]);
    }
}

/// Forks and proposals link referrers like this.
#[test]
fn link_of_unknown_shape_keeps_its_digest_and_its_repository() {
    let subject = sha256(b"subject").replace(':', "/");
    let shapes = [
        format!("_manifests/revisions/{subject}/_referrers/application-x/"),
        "_referrers/".to_owned(),
        "_manifests/".to_owned(),
        "_trash/2024/".to_owned(),
    ];
    for (arguments, shape) in BOTH.into_iter().flat_map(|arguments| shapes.each_ref().map(|shape| (arguments, shape))) {
        let mut registry = RegistryBuilder::new();
        tagged(&mut registry, "app", "latest");
        untagged(&mut registry, "app", "untagged");
        let named = untagged(&mut registry, "app", "named");
        registry.delete_manifest("app", &named.digest);
        let path = named.digest.replace(':', "/");
        registry.raw(&format!("{ROOT}/repositories/app/{shape}{path}/link"), named.digest.clone());
        rubbish(&mut registry, "app");
        tagged(&mut registry, "other", "latest");
        let garbage = rubbish(&mut registry, "other");
        sweep(&registry, arguments).loses(garbage).reports(&["unknown_link"]);
    }
}

/// What a registry 2.1.0 linked among the layers is a blob: only a revision link makes a manifest.
#[test]
fn manifest_linked_among_the_layers_is_a_blob() {
    let mut registry = RegistryBuilder::new();
    tagged(&mut registry, "app", "latest");
    let image = untagged(&mut registry, "app", "old");
    registry.delete_manifest("app", &image.digest).link_layer("app", &image.digest);
    sweep(&registry, &[]).loses([links("app", image.all()), blobs(image.all())].concat());
}

#[test]
fn files_beside_the_registry_are_never_touched() {
    let mut registry = RegistryBuilder::new();
    tagged(&mut registry, "app", "latest");
    let garbage = rubbish(&mut registry, "app");
    let stale = layer_key("app", &sha256(b"other"));
    for root in ["docker/registry/v1", "backup/docker/registry/v2", "docker/registry/v2.bak"] {
        registry.raw(&stale.replace(ROOT, root), sha256(b"other"));
        registry.raw(&blob_key(&sha256(b"other")).replace(ROOT, root), "other");
    }
    sweep(&registry, &["-m"]).loses(garbage);
}
