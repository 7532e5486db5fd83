//! Layers that were pushed with a SHA-512 digest: two links, both with the SHA-256 digest inside, and one blob.

use crate::check::{BOTH, blobs, links, rubbish, sweep, tagged};
use crate::lab::registry::{RegistryBuilder, layer_key, sha512};

/// The registry's own collector deletes the blob although it is in use.
#[test]
fn image_that_names_its_layers_by_sha512_keeps_both_links_and_the_blob() {
    for arguments in BOTH {
        let mut registry = RegistryBuilder::new();
        let image = registry.aliased_image("app", "config", &["one", "two"]);
        registry.tag("app", "latest", &image.digest);
        let garbage = rubbish(&mut registry, "app");
        sweep(&registry, arguments).loses(garbage).reports(&[]);
    }
}

/// The manifest names the SHA-256 digest; the other link leads to the same blob.
#[test]
fn alias_of_a_needed_blob_stays() {
    let mut registry = RegistryBuilder::new();
    let image = registry.image("app", "config", &["one"]);
    registry.tag("app", "latest", &image.digest);
    let alias = sha512(b"one");
    registry.raw(&layer_key("app", &alias), image.layers[0].clone());
    sweep(&registry, &[]).loses_nothing();
}

#[test]
fn alias_without_a_manifest_goes_with_both_links_and_its_blob() {
    let mut registry = RegistryBuilder::new();
    tagged(&mut registry, "app", "latest");
    let (alias, digest) = registry.aliased_layer("app", "unneeded");
    sweep(&registry, &[]).loses([links("app", [&alias, &digest]), blobs([&digest])].concat()).reports(&[]);
}

#[test]
fn alias_that_is_mounted_elsewhere_keeps_its_blob() {
    let mut registry = RegistryBuilder::new();
    tagged(&mut registry, "app", "latest");
    let (alias, digest) = registry.aliased_layer("app", "one");
    let image = registry.aliased_image("other", "config", &["one"]);
    registry.tag("other", "latest", &image.digest);
    sweep(&registry, &["-m"]).loses(links("app", [&alias, &digest]));
}

/// A repository that has lost its alias link cannot serve the layer, but the blob may be what somebody mends it with.
#[test]
fn alias_is_known_from_any_repository() {
    let mut registry = RegistryBuilder::new();
    let image = registry.aliased_image("app", "config", &["one"]);
    registry.tag("app", "latest", &image.digest);
    registry.mount("app", "other", &image.layers[0]);
    registry.remove(&layer_key("app", &image.layers[0]));
    tagged(&mut registry, "other", "latest");
    sweep(&registry, &["-m"]).loses_nothing();
}

/// It does not tell which blob it stood for, so every layer of its repository may be it.
#[test]
fn zero_length_alias_link_loses_nothing_of_its_image() {
    for arguments in BOTH {
        let mut registry = RegistryBuilder::new();
        let image = registry.aliased_image("app", "config", &["one"]);
        registry.tag("app", "latest", &image.digest);
        registry.empty(&layer_key("app", &image.layers[0]));
        sweep(&registry, arguments).loses_nothing().reports(&["unreadable_link"]);
    }
}

/// No registry stores a blob under SHA-512, but one that is there is collected like any other.
#[test]
fn blob_stored_under_sha512_is_judged_like_any_other() {
    let mut registry = RegistryBuilder::new();
    tagged(&mut registry, "app", "latest");
    let unneeded = sha512(b"unneeded");
    registry.raw(&crate::lab::registry::blob_key(&unneeded), "unneeded");
    sweep(&registry, &[]).loses(blobs([&unneeded]));
}
