//! Manifests are read while the listing goes on, whatever comes when.

use std::time::{Duration, Instant};

use crate::lab::bucket::{Fault, Kind};
use crate::lab::random::{damage, random_registry};
use crate::lab::registry::blob_key;
use crate::scene::{Scene, images, said};

fn repositories(prefix: &str) -> bool {
    prefix.ends_with("/repositories/")
}

#[test]
fn manifests_are_read_before_the_listing_has_ended() {
    let scene = Scene::new(&images(40));
    scene.bucket.limit_pages(100);
    let held = scene.bucket.fault(Fault::hold().on(Kind::List).key(repositories).after(1));
    let mut child = scene.command(&["--dry-run"]).stdout(std::process::Stdio::null()).spawn().unwrap();
    let until = Instant::now() + Duration::from_mins(1);
    while scene.bucket.counts().get < 10 {
        assert!(Instant::now() < until, "nothing is read as long as the listing goes on: {:?}", scene.bucket.counts());
        std::thread::sleep(Duration::from_millis(5));
    }
    scene.bucket.release(held);
    assert!(child.wait().unwrap().success());
    assert_eq!(scene.bucket.counts().get, scene.manifests, "each once");
}

#[test]
fn what_comes_when_changes_nothing() {
    for seed in 0..4 {
        let mut registry = random_registry(seed);
        if seed % 2 == 1 {
            damage(&mut registry, seed);
        }
        let scene = Scene::new(&registry);
        let (first, _) = scene.run(&["--dry-run", "--concurrency", "1"]);
        for (page, concurrency, slow) in [(7, "3", Kind::List), (13, "64", Kind::Get), (50, "64", Kind::List)] {
            scene.bucket.limit_pages(page);
            let latency = Fault::latency(Duration::from_millis(20)).on(slow).chance(0.4, seed);
            let fault = scene.bucket.fault(latency);
            let (ran, _) = scene.run(&["--dry-run", "--concurrency", concurrency]);
            assert_eq!(said(&ran), said(&first), "seed {seed}, {slow:?} slow, pages of {page}");
            scene.bucket.clear_fault(fault);
        }
    }
}

/// A link may be listed before its data has come.
#[test]
fn a_manifest_that_comes_while_the_listing_goes_on_is_seen() {
    let mut registry = images(40);
    let late = registry.image("zoo", "late", &["late layer"]);
    registry.tag("zoo", "v1", &late.digest);
    let scene = Scene::new(&registry);
    let (key, bytes) = (blob_key(&late.digest), registry.bytes_of(&late.digest).unwrap());
    let (first, _) = scene.run(&["--dry-run"]);
    scene.bucket.remove(&key);
    let late = key.clone();
    let arrives = Fault::call_after(move |store| store.put(&key, bytes.clone())).on(Kind::Get);
    scene.bucket.fault(arrives.key(move |read| read == late).times(1));
    let (ran, counts) = scene.run(&["--dry-run"]);
    assert_eq!(ran.json()["planned"]["blobs"], first.json()["planned"]["blobs"], "its layer is needed");
    assert_eq!(counts.get, scene.manifests + 1, "and it was looked for once more");
}

#[test]
fn many_large_manifests_are_read_a_few_at_a_time() {
    let mut registry = images(3);
    for number in 0..40 {
        let filling = " ".repeat(200_000);
        let json = format!(r#"{{"schemaVersion":2,"manifests":[],"annotations":{{"n":"{number}{filling}"}}}}"#);
        let digest = registry.manifest("app", json);
        registry.tag("app", &format!("large-{number}"), &digest);
    }
    let scene = Scene::new(&registry);
    let (ran, counts) = scene.run(&["--dry-run"]);
    assert_eq!(ran.expect(0).count("/marked/manifests"), 42);
    // One that finds no room is asked for again once there is some.
    assert!((scene.manifests..=scene.manifests + 40).contains(&counts.get), "{counts:?}");
}
