//! Images for several platforms, and what repositories share: untagged is not unreferenced.

use serde_json::json;

use crate::check::{blobs, links, pointers, rubbish, sweep, tagged, untagged, whole};
use crate::lab::manifests::media_type as mt;
use crate::lab::registry::{RegistryBuilder, sha256};

/// An index over two untagged children is tagged `app:latest`, and nothing goes with `-m`.
#[track_caller]
fn keeps_children(index: impl Fn(&mut RegistryBuilder, [&str; 2]) -> String) {
    let mut registry = RegistryBuilder::new();
    let children = ["amd64", "arm64"].map(|name| untagged(&mut registry, "app", name).digest);
    let index = index(&mut registry, [&children[0], &children[1]]);
    registry.tag("app", "latest", &index);
    let garbage = rubbish(&mut registry, "app");
    sweep(&registry, &["-m"]).loses(garbage).reports(&[]);
}

#[test]
fn keeps_untagged_children_of_index() {
    keeps_children(|r, children| r.index("app", &children));
}

#[test]
fn keeps_untagged_children_of_manifest_list() {
    keeps_children(|r, children| r.manifest_list("app", &children));
}

#[test]
fn keeps_untagged_children_of_index_without_media_type() {
    keeps_children(|r, children| r.index_as("app", mt::OCI_INDEX, &children, &json!({"mediaType": null})));
}

#[test]
fn keeps_untagged_children_of_nested_indexes() {
    keeps_children(|r, children| {
        let inner = r.index("app", &children);
        let middle = r.manifest_list("app", &[&inner]);
        r.index_as("app", mt::OCI_INDEX, &[&middle, children[0]], &json!({"mediaType": null}))
    });
}

#[test]
fn keeps_children_of_indexes_nested_a_thousand_deep() {
    let mut registry = RegistryBuilder::new();
    let mut index = untagged(&mut registry, "app", "amd64").digest;
    for _ in 0..1000 {
        index = registry.index("app", &[&index]);
    }
    registry.tag("app", "latest", &index);
    let garbage = rubbish(&mut registry, "app");
    sweep(&registry, &["-m"]).loses(garbage);
}

#[test]
fn absent_child_is_no_damage() {
    let mut registry = RegistryBuilder::new();
    let child = untagged(&mut registry, "app", "amd64");
    let index = registry.index("app", &[&child.digest, &sha256(b"not pushed")]);
    registry.tag("app", "latest", &index);
    sweep(&registry, &["-m"]).loses_nothing().reports(&[]);
}

/// A child that was deleted through the API cannot be served; its blob is still named, its layers are not.
#[test]
fn child_without_a_revision_link_anywhere_is_a_mere_blob() {
    let mut registry = RegistryBuilder::new();
    let child = untagged(&mut registry, "app", "amd64");
    let deleted = untagged(&mut registry, "app", "arm64");
    let index = registry.index("app", &[&child.digest, &deleted.digest]);
    registry.tag("app", "latest", &index).delete_manifest("app", &deleted.digest);
    let parts: Vec<_> = deleted.config.iter().chain(&deleted.layers).collect();
    sweep(&registry, &["-m"]).loses([links("app", &parts), blobs(&parts)].concat());
}

#[test]
fn untagged_index_goes_with_its_children() {
    let mut registry = RegistryBuilder::new();
    tagged(&mut registry, "app", "stays");
    let child = untagged(&mut registry, "app", "amd64");
    let index = registry.index("app", &[&child.digest]);
    let index = [vec![crate::lab::registry::revision_key("app", &index)], blobs([&index])].concat();
    sweep(&registry, &["-m"]).loses([whole("app", &child), index].concat());
    sweep(&registry, &[]).loses_nothing();
}

#[test]
fn child_of_a_tagged_and_an_untagged_index_stays() {
    let mut registry = RegistryBuilder::new();
    let shared = untagged(&mut registry, "app", "shared");
    let alone = untagged(&mut registry, "app", "alone");
    let stays = registry.index("app", &[&shared.digest]);
    let goes = registry.index("app", &[&shared.digest, &alone.digest]);
    registry.tag("app", "latest", &stays);
    let index = [vec![crate::lab::registry::revision_key("app", &goes)], blobs([&goes])].concat();
    sweep(&registry, &["-m"]).loses([whole("app", &alone), index].concat());
}

/// The registry's own collector (v3) keeps the child's manifest and takes its layers.
#[test]
fn child_that_only_another_repository_links_keeps_its_layers() {
    for (index_in, child_in) in [("a", "b"), ("b", "a")] {
        let mut registry = RegistryBuilder::new();
        let child = untagged(&mut registry, child_in, "amd64");
        tagged(&mut registry, child_in, "latest");
        let index = registry.index(index_in, &[&child.digest]);
        registry.tag(index_in, "latest", &index);
        let garbage = rubbish(&mut registry, child_in);
        sweep(&registry, &["-m"]).loses(garbage).reports(&[]);
    }
}

/// The registry's own collector (v3) keeps the revision of the one repository and takes its layer links, or not, by the
/// order of names. Untagged here is untagged here: it goes whole, and the other keeps all.
#[test]
fn image_untagged_in_one_repository_and_tagged_in_another_goes_whole_from_the_one() {
    for (untagged_in, tagged_in) in [("a", "z"), ("z", "a")] {
        let mut registry = RegistryBuilder::new();
        tagged(&mut registry, untagged_in, "latest");
        let here = registry.image(untagged_in, "config", &["layer"]);
        let there = registry.image(tagged_in, "config", &["layer"]);
        assert_eq!(here, there);
        registry.tag(tagged_in, "latest", &there.digest);
        sweep(&registry, &["-m"]).loses(pointers(untagged_in, &here)).reports(&[]);
        sweep(&registry, &[]).loses_nothing();
    }
}

/// The registry's own collector keeps these links for ever.
#[test]
fn layer_link_that_only_another_repository_needs_goes() {
    for (mounted_in, needed_in) in [("a", "z"), ("z", "a")] {
        let mut registry = RegistryBuilder::new();
        tagged(&mut registry, mounted_in, "latest");
        let image = tagged(&mut registry, needed_in, "latest");
        registry.mount(needed_in, mounted_in, &image.layers[0]);
        sweep(&registry, &[]).loses(links(mounted_in, &image.layers));
    }
}

#[test]
fn manifest_that_is_also_a_layer_of_another_is_followed_in_both() {
    let mut registry = RegistryBuilder::new();
    let inner = untagged(&mut registry, "app", "inner");
    let manifest = registry.bytes_of(&inner.digest).unwrap();
    let outer = registry.image("app", "outer", &[std::str::from_utf8(&manifest).unwrap()]);
    registry.tag("app", "latest", &outer.digest);
    sweep(&registry, &["-m"]).loses_nothing();
}
