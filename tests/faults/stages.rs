//! Each stage's deletes refused in turn.

use std::collections::BTreeSet;

use super::lab::bucket::{Fault, Kind};
use super::lab::registry::{revision_key, sha256};
use super::scene::{LIVE, OTHER, STAGES, Scene};

fn whole_request(keys: BTreeSet<String>) -> Fault {
    Fault::access_denied().on(Kind::Batch).on(Kind::Delete).key(move |key| keys.contains(key))
}

fn each_key(keys: BTreeSet<String>) -> Fault {
    Fault::fail_keys("AccessDenied").key(move |key| keys.contains(key))
}

/// Refuses these keys and checks all that must hold.
fn refuse(scene: &Scene, fault: Fault, keys: &BTreeSet<String>, context: &str) {
    let id = scene.bucket.fault(fault);
    let ran = scene.collect();
    assert!(scene.bucket.fired(id) > 0, "{context}: nothing was refused");
    assert!(keys.is_disjoint(&scene.gone()), "{context}");
    assert!(ran.count("/failed") > 0, "{context}: {ran:#?}");
    scene.expect_contained(&ran, 4, context);
    scene.restore();
}

#[test]
fn a_stage_that_is_refused_keeps_all_that_it_points_to() {
    let scene = Scene::new();
    for stage in STAGES {
        let keys = scene.planned(stage, None);
        refuse(&scene, whole_request(keys.clone()), &keys, &format!("403 for every {stage}"));
        refuse(&scene, each_key(keys.clone()), &keys, &format!("AccessDenied for every {stage}"));
    }
}

#[test]
fn a_key_that_is_refused_keeps_all_that_it_points_to() {
    let scene = Scene::new();
    for stage in STAGES {
        for key in scene.planned(stage, None) {
            let keys = BTreeSet::from([key.clone()]);
            refuse(&scene, each_key(keys.clone()), &keys, &format!("AccessDenied for {key}"));
        }
        let first = BTreeSet::from([scene.planned(stage, None).pop_first().unwrap()]);
        refuse(&scene, whole_request(first.clone()), &first, &format!("403 for the batch with {first:?}"));
    }
}

#[test]
fn a_repository_that_is_refused_keeps_all_that_it_points_to() {
    let scene = Scene::new();
    for repository in [LIVE, OTHER] {
        for stage in &STAGES[..4] {
            let keys = scene.planned(stage, Some(repository));
            if keys.is_empty() {
                continue;
            }
            refuse(&scene, whole_request(keys.clone()), &keys, &format!("403 for {stage} of {repository}"));
            refuse(&scene, each_key(keys.clone()), &keys, &format!("AccessDenied for {stage} of {repository}"));
        }
        let own = move |key: &str| key.contains(&format!("/repositories/{repository}/"));
        let all: BTreeSet<_> = scene.all_planned().into_iter().filter(|key| own(key)).collect();
        refuse(&scene, each_key(all.clone()), &all, &format!("AccessDenied for all of {repository}"));
    }
}

#[test]
fn a_store_without_batches_is_as_safe() {
    let scene = Scene::gcs();
    for stage in STAGES {
        let keys = scene.planned(stage, None);
        refuse(&scene, whole_request(keys.clone()), &keys, &format!("GCS: 403 for every {stage}"));
        for key in keys {
            let keys = BTreeSet::from([key.clone()]);
            refuse(&scene, whole_request(keys.clone()), &keys, &format!("GCS: 403 for {key}"));
        }
    }
}

#[test]
fn parents_go_before_children() {
    let scene = Scene::new();
    let revisions = scene.planned("revision", None);
    let json = |key: &String| {
        let digest = key.trim_end_matches("/link").rsplit('/').next().unwrap().to_owned();
        let data = &scene.before[&super::lab::registry::blob_key(&format!("sha256:{digest}"))];
        serde_json::from_slice::<serde_json::Value>(&data.bytes).unwrap()
    };
    let index =
        revisions.iter().find(|key| json(key)["manifests"].as_array().is_some_and(|list| list.len() == 2)).unwrap();
    let children: Vec<String> = json(index)["manifests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|child| revision_key(LIVE, child["digest"].as_str().unwrap()))
        .collect();
    assert!(children.iter().all(|child| revisions.contains(child)));
    let refused = index.clone();
    scene.bucket.fault(Fault::fail_keys("AccessDenied").key(move |key| key == refused));
    let ran = scene.collect().expect(4);
    assert!(children.iter().all(|child| scene.bucket.contains(child)), "the index stayed, its children went");
    let inner = json(&children[1]);
    let grandchild = revision_key(LIVE, inner["manifests"][0]["digest"].as_str().unwrap());
    assert!(scene.bucket.contains(&grandchild));
    // Neither index nor subject hold the others back.
    assert!(ran.count("/deleted/manifests") >= 4, "{ran:#?}");
    let data = super::lab::registry::blob_key(&sha256(b"first layer"));
    assert!(scene.bucket.contains(&data));
    scene.expect_contained(&ran, 4, "the index is refused");
    // In a good run the order of requests says the same.
    scene.restore();
    scene.collect().expect(0);
    let order = scene.bucket.deleted();
    let at = |key: &str| order.iter().position(|deleted| deleted == key).unwrap();
    assert!(children.iter().all(|child| at(index) < at(child)));
    assert!(at(&children[1]) < at(&grandchild));
}
