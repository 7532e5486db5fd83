//! Symbolic links: followed when reading, as the registry does; nothing is deleted through one that leaves the root.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::check::{blobs, gc, links, rubbish, sweep_directory, tagged, untagged, whole, written};
use crate::lab::registry::{ROOT, RegistryBuilder};
use crate::lab::tree::{days_ago, read_dir};

/// Moves a directory of the registry, and leaves a link in its place.
fn move_away(root: &Path, directory: &str, to: &Path) {
    let from = root.join(directory);
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    fs::rename(&from, to).unwrap();
    symlink(to, from).unwrap();
}

fn repository(name: &str) -> String {
    format!("{ROOT}/repositories/{name}")
}

/// A registry with two repositories, each with a tagged image and garbage; returns the garbage of each.
fn two() -> (RegistryBuilder, Vec<String>, Vec<String>) {
    let mut registry = RegistryBuilder::new();
    tagged(&mut registry, "here", "latest");
    tagged(&mut registry, "there", "latest");
    let (here, there) = (rubbish(&mut registry, "here"), rubbish(&mut registry, "there"));
    (registry, here, there)
}

#[test]
fn directory_link_inside_the_root_is_a_directory() {
    let (registry, here, there) = two();
    let directory = written(&registry);
    let root = directory.path();
    move_away(root, &repository("there"), &root.join("disk2/there"));
    let before = read_dir(&root.join("disk2"));
    gc(&["--offline", "-m"], root).expect(0);
    let after = read_dir(root);
    assert!([here, there].concat().iter().all(|key| !after.contains_key(key)));
    assert_eq!(read_dir(&root.join("disk2")).len() + 1, before.len());
    crate::lab::pull::assert_tags_unharmed(registry.tree(), &after, "linked directory");
}

#[test]
fn directory_that_is_linked_twice_is_read_once() {
    let (registry, here, there) = two();
    let directory = written(&registry);
    let root = directory.path();
    symlink(root.join(repository("there")), root.join(repository("again"))).unwrap();
    let swept = gc(&["--offline", "-d"], root).expect(0);
    assert_eq!(swept.count("/found/repositories"), 2);
    assert_eq!(swept.count("/planned/layer_links"), 2);
    gc(&["--offline"], root).expect(0);
    let after = read_dir(root);
    assert!([here, there].concat().iter().all(|key| !after.contains_key(key)));
}

#[test]
fn registry_whose_root_is_a_link_is_a_registry() {
    let (registry, here, there) = two();
    let directory = written(&registry);
    let elsewhere = TempDir::new().unwrap();
    let link = elsewhere.path().join("link");
    symlink(directory.path(), &link).unwrap();
    sweep_directory(&link, &[]).loses([here, there].concat()).reports(&[]);
}

/// A pointer that stays keeps what it points to: the registry would go on serving it.
#[test]
fn repository_outside_the_root_keeps_everything_it_links() {
    for arguments in crate::check::BOTH {
        let (mut registry, here, _) = two();
        untagged(&mut registry, "there", "untagged");
        let directory = written(&registry);
        let outside = TempDir::new().unwrap();
        move_away(directory.path(), &repository("there"), &outside.path().join("there"));
        let before = read_dir(outside.path());
        sweep_directory(directory.path(), arguments).loses(here).reports(&["outside_root"]);
        assert_eq!(read_dir(outside.path()), before);
    }
}

#[test]
fn blobs_outside_the_root_stay_and_their_links_go() {
    let mut registry = RegistryBuilder::new();
    tagged(&mut registry, "app", "latest");
    let unneeded = registry.layer("app", "unneeded");
    let directory = written(&registry);
    let outside = TempDir::new().unwrap();
    move_away(directory.path(), &format!("{ROOT}/blobs"), &outside.path().join("blobs"));
    let before = read_dir(outside.path());
    sweep_directory(directory.path(), &[]).loses(links("app", [unneeded])).reports(&["outside_root"]);
    assert_eq!(read_dir(outside.path()), before);
}

#[test]
fn upload_outside_the_root_stays() {
    let mut registry = RegistryBuilder::new();
    tagged(&mut registry, "app", "latest");
    registry.upload("app", "0f8fad5b-d9cb-469f-a165-70867728950e", days_ago(30), "data");
    let directory = written(&registry);
    let outside = TempDir::new().unwrap();
    move_away(directory.path(), &repository("app/_uploads"), &outside.path().join("uploads"));
    sweep_directory(directory.path(), &[]).loses_nothing();
}

/// Deduplicating tools leave such links; the file may serve others.
#[test]
fn blob_that_is_a_link_to_a_file_outside_the_root_stays() {
    let mut registry = RegistryBuilder::new();
    tagged(&mut registry, "app", "latest");
    let garbage = rubbish(&mut registry, "app");
    let directory = written(&registry);
    let outside = TempDir::new().unwrap();
    move_away(directory.path(), &garbage[1], &outside.path().join("data"));
    sweep_directory(directory.path(), &[]).loses([garbage[0].clone()]).reports(&["outside_root"]);
    assert!(outside.path().join("data").exists() && directory.path().join(&garbage[1]).is_symlink());
}

/// No registry writes it, and no key can say it; what it links is kept all the same.
#[test]
fn name_that_is_no_text_hides_nothing() {
    use std::os::unix::ffi::OsStrExt as _;
    let mut registry = RegistryBuilder::new();
    tagged(&mut registry, "app", "latest");
    let kept = rubbish(&mut registry, "odd");
    let garbage = rubbish(&mut registry, "app");
    let directory = written(&registry);
    let repositories = directory.path().join(ROOT).join("repositories");
    fs::rename(repositories.join("odd"), repositories.join(std::ffi::OsStr::from_bytes(b"od\xffd"))).unwrap();
    let ran = gc(&["--offline", "-m"], directory.path()).expect(0);
    assert!(ran.problems().contains("invalid_repository"), "{ran:#?}");
    assert!(directory.path().join(&kept[1]).exists());
    assert!(garbage.iter().all(|key| !directory.path().join(key).exists()));
}

/// Stops with 1, and deletes nothing.
#[track_caller]
fn stops(break_it: impl Fn(&Path)) {
    for arguments in crate::check::BOTH {
        let (registry, ..) = two();
        let directory = written(&registry);
        break_it(directory.path());
        let ran = gc(&[&["--offline"], arguments].concat(), directory.path()).expect(1);
        assert!(ran.json()["error"]["message"].is_string(), "{ran:#?}");
        let there = |key: &String| directory.path().join(key).exists();
        let gone: Vec<_> = registry.tree().keys().filter(|key| !there(key) && !key.contains("/there/")).collect();
        assert!(gone.is_empty(), "{gone:#?}");
    }
}

/// What it led to may hold whatever is still needed: a disk that is not mounted.
#[test]
fn dangling_link_below_repositories_stops_the_run() {
    stops(|root| symlink("/mnt/not/mounted", root.join(repository("disk2"))).unwrap());
    stops(|root| symlink("/mnt/not/mounted", root.join(repository("here/_manifests/tags/v2"))).unwrap());
}

#[test]
fn repositories_that_are_a_dangling_link_stop_the_run() {
    stops(|root| {
        let there = root.join(repository("there"));
        fs::remove_dir_all(&there).unwrap();
        symlink("/mnt/not/mounted", there).unwrap();
    });
    let (registry, ..) = two();
    let directory = written(&registry);
    let repositories = directory.path().join(ROOT).join("repositories");
    fs::rename(&repositories, directory.path().join("away")).unwrap();
    symlink("/mnt/not/mounted", &repositories).unwrap();
    gc(&["--offline"], directory.path()).expect(1);
    let blobs = registry.tree().keys().filter(|key| key.contains("/blobs/"));
    assert!(blobs.into_iter().all(|key| directory.path().join(key).exists()));
}

#[test]
fn loop_of_links_stops_the_run() {
    stops(|root| symlink(root.join(repository("here")), root.join(repository("here/again"))).unwrap());
    stops(|root| symlink(root.join(repository("self")), root.join(repository("self"))).unwrap());
    stops(|root| symlink("..", root.join(repository("here/up"))).unwrap());
}

/// Nothing below `blobs` keeps anything alive.
#[test]
fn dangling_link_below_blobs_is_ignored() {
    let (registry, here, there) = two();
    let directory = written(&registry);
    let link = directory.path().join(ROOT).join("blobs/sha256/zz");
    symlink("/mnt/not/mounted", &link).unwrap();
    gc(&["--offline"], directory.path()).expect(0);
    assert!([here, there].concat().iter().all(|key| !directory.path().join(key).exists()));
    assert!(link.is_symlink());
}

/// An image that cannot be read is not the same as one that is not there.
#[test]
fn manifest_that_cannot_be_read_stops_the_run() {
    let mut registry = RegistryBuilder::new();
    let image = tagged(&mut registry, "here", "latest");
    rubbish(&mut registry, "here");
    let directory = written(&registry);
    let data: PathBuf = directory.path().join(&blobs([&image.digest])[0]);
    fs::remove_file(&data).unwrap();
    symlink(&data, &data).unwrap();
    gc(&["--offline", "-m"], directory.path()).expect(1);
    let left = whole("here", &image).into_iter().filter(|key| *key != blobs([&image.digest])[0]);
    assert!(left.into_iter().all(|key| directory.path().join(key).exists()));
}

/// What `b` borrows from `a` would be judged by what `a` needs, and `b` would lose its layers.
#[test]
fn part_of_a_repository_that_is_borrowed_from_another_stops_the_run() {
    let (registry, ..) = two();
    let directory = written(&registry);
    let root = directory.path();
    let borrowed = root.join(repository("here")).join("_layers");
    fs::remove_dir_all(&borrowed).unwrap();
    symlink(root.join(repository("there")).join("_layers"), &borrowed).unwrap();
    let before = read_dir(root);
    let ran = gc(&["--offline", "-m"], root).expect(1);
    assert!(ran.stderr.contains("makes a part of one repository a part of another"), "{ran:#?}");
    assert_eq!(read_dir(root), before);
}

/// Deleting it would remove the link and free nothing.
#[test]
fn file_that_is_a_link_counts_and_stays() {
    let (mut registry, ..) = two();
    let orphan = registry.blob("an orphan that was moved away");
    let directory = written(&registry);
    let root = directory.path();
    let data = root.join(crate::lab::registry::blob_key(&orphan));
    let away = root.join("pool/x");
    fs::create_dir_all(away.parent().unwrap()).unwrap();
    fs::rename(&data, &away).unwrap();
    symlink(&away, &data).unwrap();
    let ran = gc(&["--offline", "-m"], root).expect(0);
    assert!(ran.problems().contains("outside_root"), "{ran:#?}");
    assert!(data.is_symlink() && away.exists());
    assert!(gc(&["--offline", "-m"], root).expect(0).count("/entries/planned") == 0);
}
