//! The scenarios of the registry's own tests (`garbagecollect_test.go`), in its order.

use crate::check::{blobs, links, rubbish, sweep, sweep_in_spite_of, tagged, untagged, whole};
use crate::lab::registry::{RegistryBuilder, history_key, revision_key};

const UNTAGGED: &[&str] = &["nothing-marked", "tags-elsewhere"];

#[test]
fn upstream_01_nothing_deleted_nothing_goes() {
    let mut registry = RegistryBuilder::new();
    let images = ["one", "two", "three"].map(|name| untagged(&mut registry, "komnenos", name));
    registry.manifest_list("komnenos", &[&images[0].digest, &images[1].digest]);
    sweep(&registry, &[]).loses_nothing();
}

#[test]
fn upstream_02_image_whose_tag_moved_goes_with_m() {
    let mut registry = RegistryBuilder::new();
    let old = registry.image("blanket", "old", &["1", "2", "3"]);
    registry.tag("blanket", "latest", &old.digest);
    let new = registry.image("blanket", "new", &["4", "5", "6"]);
    registry.tag("blanket", "latest", &new.digest);
    let history = vec![history_key("blanket", "latest", &old.digest)];
    sweep(&registry, &["-m"]).loses([whole("blanket", &old), history].concat());
}

/// Removed by hand, `_manifests` is no reason to keep layers, and none to refuse: an emptied repository looks like this.
#[test]
fn upstream_03_repository_whose_manifests_were_removed_by_hand_goes() {
    let mut registry = RegistryBuilder::new();
    let image = tagged(&mut registry, "palailogos", "latest");
    registry.remove_where(|key| key.contains("/_manifests/"));
    let parts: Vec<_> = image.config.iter().chain(&image.layers).collect();
    sweep(&registry, &[]).loses([links("palailogos", parts), blobs(image.all())].concat());
}

#[test]
fn upstream_04_layers_of_manifests_deleted_through_the_api_go() {
    let mut registry = RegistryBuilder::new();
    untagged(&mut registry, "komnenos", "one");
    let mut goes = Vec::new();
    for name in ["two", "three"] {
        let image = untagged(&mut registry, "komnenos", name);
        registry.delete_manifest("komnenos", &image.digest);
        goes.extend(whole("komnenos", &image));
    }
    goes.retain(|key| registry.tree().contains_key(key));
    sweep(&registry, &[]).loses(goes);
}

#[test]
fn upstream_05_layer_shared_with_a_deleted_manifest_stays() {
    let mut registry = RegistryBuilder::new();
    registry.image("tzimiskes", "stays", &["shared", "own"]);
    let deleted = registry.image("tzimiskes", "deleted", &["shared"]);
    registry.delete_manifest("tzimiskes", &deleted.digest);
    let config: Vec<_> = deleted.config.into_iter().collect();
    sweep(&registry, &[]).loses([links("tzimiskes", &config), blobs(&config), blobs([&deleted.digest])].concat());
}

#[test]
fn upstream_06_blob_in_no_manifest_goes() {
    let mut registry = RegistryBuilder::new();
    untagged(&mut registry, "michael_z_doukas", "image");
    let garbage = rubbish(&mut registry, "michael_z_doukas");
    sweep(&registry, &[]).loses(garbage);
}

#[test]
fn upstream_07_index_with_a_deleted_child_stays() {
    let mut registry = RegistryBuilder::new();
    let child = untagged(&mut registry, "aelius", "child");
    let deleted = untagged(&mut registry, "aelius", "deleted");
    let index = registry.index("aelius", &[&child.digest, &deleted.digest]);
    registry.tag("aelius", "latest", &index).delete_manifest("aelius", &deleted.digest);
    let parts: Vec<_> = deleted.config.iter().chain(&deleted.layers).collect();
    sweep(&registry, &["-m"]).loses([links("aelius", &parts), blobs(&parts)].concat());
}

#[test]
fn upstream_08_index_over_untagged_images_stays_until_it_is_untagged() {
    let mut registry = RegistryBuilder::new();
    let images = ["one", "two"].map(|name| untagged(&mut registry, "foo", name));
    let index = registry.index("foo", &[&images[0].digest, &images[1].digest]);
    registry.tag("foo", "latest", &index);
    sweep(&registry, &["-m"]).loses_nothing();
    registry.untag("foo", "latest");
    let swept = sweep_in_spite_of(UNTAGGED, &registry, &["-m"]);
    assert_eq!(swept.after.len(), 0, "{:#?}", swept.after.keys());
}

#[test]
fn upstream_09_layer_links_of_an_untagged_image_go() {
    let mut registry = RegistryBuilder::new();
    untagged(&mut registry, "foo", "image");
    let swept = sweep_in_spite_of(UNTAGGED, &registry, &["-m"]);
    assert_eq!(swept.left("/_layers/"), 0);
}

#[test]
fn upstream_10_tags_removed_by_hand_are_refused_first() {
    let mut registry = RegistryBuilder::new();
    let image = tagged(&mut registry, "foo", "latest");
    registry.remove_where(|key| key.contains("/_manifests/tags/"));
    sweep_in_spite_of(UNTAGGED, &registry, &["-m"]).loses(whole("foo", &image));
}

#[test]
fn upstream_11_tagged_list_keeps_untagged_children_in_a_nested_repository() {
    let mut registry = RegistryBuilder::new();
    let children = ["one", "two"].map(|name| registry.docker_image("foo/taggedlist/untaggedmanifests", name, &[name]));
    let list = registry.manifest_list("foo/taggedlist/untaggedmanifests", &[&children[0].digest, &children[1].digest]);
    registry.tag("foo/taggedlist/untaggedmanifests", "latest", &list);
    sweep(&registry, &["-m"]).loses_nothing();
}

#[test]
fn upstream_12_untagged_list_with_untagged_children_goes() {
    let mut registry = RegistryBuilder::new();
    let children = ["one", "two"].map(|name| registry.docker_image("foo/untagged", name, &[name]));
    registry.manifest_list("foo/untagged", &[&children[0].digest, &children[1].digest]);
    let swept = sweep_in_spite_of(UNTAGGED, &registry, &["-m"]);
    assert_eq!(swept.left("/blobs/"), 0);
}

#[test]
fn upstream_13_untagged_list_goes_and_its_tagged_children_stay() {
    let mut registry = RegistryBuilder::new();
    let children = ["one", "two"].map(|name| tagged(&mut registry, "foo/taggedchildren", name));
    let list = registry.manifest_list("foo/taggedchildren", &[&children[0].digest, &children[1].digest]);
    let goes = [vec![revision_key("foo/taggedchildren", &list)], blobs([&list])].concat();
    sweep(&registry, &["-m"]).loses(goes);
}

#[test]
fn upstream_14_untagged_list_whose_children_were_deleted_goes() {
    let mut registry = RegistryBuilder::new();
    let children = ["one", "two"].map(|name| untagged(&mut registry, "foo", name));
    registry.manifest_list("foo", &[&children[0].digest, &children[1].digest]);
    for child in &children {
        registry.delete_manifest("foo", &child.digest);
    }
    let swept = sweep_in_spite_of(UNTAGGED, &registry, &["-m"]);
    assert_eq!(swept.left("/blobs/"), 0);
}
