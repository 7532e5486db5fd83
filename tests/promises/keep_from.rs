//! `--keep-from`: roots whatever the storage says.

use std::path::PathBuf;

use tempfile::TempDir;

use crate::check::{Swept, blobs, gc, links, sweep, tagged, untagged, whole, written};
use crate::lab::registry::{RegistryBuilder, sha256};
use crate::lab::tree::read_dir;

fn list(lines: &str) -> (TempDir, PathBuf) {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("keep");
    std::fs::write(&file, lines).unwrap();
    (directory, file)
}

#[track_caller]
fn sweep_keeping(registry: &RegistryBuilder, lines: &str) -> Swept {
    let (_directory, file) = list(lines);
    sweep(registry, &["-m", "--keep-from", file.to_str().unwrap()])
}

#[test]
fn untagged_image_is_kept_by_digest_and_by_name() {
    let mut registry = RegistryBuilder::new();
    tagged(&mut registry, "team/app", "latest");
    let image = untagged(&mut registry, "team/app", "in use").digest;
    let goes = untagged(&mut registry, "team/app", "not in use");
    for line in [
        image.clone(),
        format!("team/app@{image}"),
        format!("team/app:v1@{image}  # what a container runtime prints"),
        format!("registry.example.com:5000/team/app@{image}"),
        format!("\n# in use\n\n{image}\n"),
    ] {
        sweep_keeping(&registry, &line).loses(whole("team/app", &goes)).reports(&[]);
    }
}

#[test]
fn kept_index_keeps_its_children() {
    let mut registry = RegistryBuilder::new();
    tagged(&mut registry, "app", "latest");
    let child = untagged(&mut registry, "app", "child");
    let index = registry.index("app", &[&child.digest]);
    sweep_keeping(&registry, &index).loses_nothing();
}

#[test]
fn layer_that_no_manifest_names_is_kept_with_its_links() {
    let mut registry = RegistryBuilder::new();
    tagged(&mut registry, "app", "latest");
    let layer = registry.layer("app", "kept");
    let orphan = registry.blob("linked nowhere");
    let goes = registry.layer("app", "goes");
    sweep_keeping(&registry, &format!("{layer}\n{orphan}\n")).loses([links("app", [&goes]), blobs([&goes])].concat());
}

/// A manifest without any link still tells what it needs: it may be all that is left of an image.
#[test]
fn manifest_without_a_link_keeps_what_it_names() {
    let mut registry = RegistryBuilder::new();
    tagged(&mut registry, "app", "latest");
    let image = untagged(&mut registry, "app", "image");
    registry.delete_manifest("app", &image.digest);
    let swept = sweep_keeping(&registry, &image.digest);
    assert!(blobs(image.all()).iter().all(|key| swept.after.contains_key(key)));
}

#[test]
fn image_with_the_host_of_a_registry_is_found() {
    let mut registry = RegistryBuilder::new();
    tagged(&mut registry, "team/app", "v1");
    let lines = "team/app:v1\nregistry.example.com:5000/team/app:v1\nlocalhost/team/app:v1\n";
    sweep_keeping(&registry, lines).loses_nothing().reports(&[]);
}

#[test]
fn unknown_image_is_told() {
    let mut registry = RegistryBuilder::new();
    tagged(&mut registry, "app", "latest");
    let swept = sweep_keeping(&registry, "app:v9\nother:latest\n").loses_nothing();
    let messages = swept.ran.json()["problems"].to_string();
    assert!(messages.contains("app:v9") && messages.contains("other:latest"), "{messages}");
    swept.reports(&["keep_from_unknown"]);
}

#[test]
fn unknown_digest_keeps_nothing_and_harms_nothing() {
    let mut registry = RegistryBuilder::new();
    tagged(&mut registry, "app", "latest");
    let goes = untagged(&mut registry, "app", "goes");
    sweep_keeping(&registry, &sha256(b"unknown")).loses(whole("app", &goes));
}

/// A list that is only half understood would keep only half: errors while the set of what is kept is built are fatal.
#[test]
fn list_that_is_half_understood_stops_the_run() {
    let mut registry = RegistryBuilder::new();
    tagged(&mut registry, "app", "latest");
    untagged(&mut registry, "app", "goes");
    let directory = written(&registry);
    for lines in ["app:latest\nnot an image\n", "app@sha256:12", "sha256:0123456789ab", "UP:1"] {
        let (_list, file) = list(lines);
        gc(&["--offline", "-m", "--keep-from", file.to_str().unwrap()], directory.path()).expect(2);
    }
    gc(&["--offline", "-m", "--keep-from", "/nowhere/at/all"], directory.path()).expect(2);
    assert_eq!(&read_dir(directory.path()), registry.tree());
}

#[test]
fn several_lists_add_up() {
    let mut registry = RegistryBuilder::new();
    tagged(&mut registry, "app", "latest");
    let images = ["one", "two"].map(|name| untagged(&mut registry, "app", name).digest);
    let (_one, one) = list(&images[0]);
    let (_two, two) = list(&images[1]);
    let arguments = ["-m", "--keep-from", one.to_str().unwrap(), "--keep-from", two.to_str().unwrap()];
    sweep(&registry, &arguments).loses_nothing();
}
