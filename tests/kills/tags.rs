//! `rm` is killed at every request: what was not named is whole, and the same command does the rest.

use std::collections::BTreeSet;

use super::lab::bucket::{Bucket, Fault, Kind};
use super::lab::pull::{assert_tags_unharmed, pull};
use super::lab::push::Shelf as _;
use super::lab::registry::{RegistryBuilder, history_key, tag_key};
use super::lab::tree::{Tree, removed};
use super::scene::Scene;
use super::victim::{Last, at_every_request, kill_at};

const RM: [&str; 12] = [
    "rm",
    "--yes",
    "--ignore-missing",
    "--min-age",
    "0s",
    "--settle",
    "50ms",
    "--format",
    "json",
    "--defer",
    "1h",
    "app:v1",
];

fn registry() -> RegistryBuilder {
    let mut r = RegistryBuilder::new();
    let child = r.image("app", "child", &["base", "own layer"]);
    let index = r.index("app", &[&child.digest]);
    let old = r.image("app", "old", &["base", "old layer"]);
    r.tag("app", "v1", &old.digest).tag("app", "v1", &index);
    r.referrer("app", &child.digest, "application/spdx+json", "sbom");
    let stays = r.image("app", "stays", &["base"]);
    r.tag("app", "v2", &stays.digest);
    r
}

fn scene() -> Scene {
    Scene::with(Bucket::s3("reg"), &registry()).running(&RM)
}

/// All but the tag that was named.
fn others(tree: &Tree) -> Tree {
    tree.iter().filter(|(key, _)| **key != tag_key("app", "v1")).map(|(key, it)| (key.clone(), it.clone())).collect()
}

#[test]
fn removal_that_is_killed_anywhere_loses_nothing_else_and_is_finished_by_the_same_command() {
    let undisturbed = scene();
    undisturbed.collect().expect(0);
    let planned: BTreeSet<String> = removed(&undisturbed.before, &undisturbed.tree()).into_iter().collect();
    assert!(planned.contains(&tag_key("app", "v1")) && planned.len() > 4, "{planned:#?}");
    let requests = at_every_request(scene, |scene, n, last| {
        let context = format!("killed at request {n} ({last:?})");
        kill_at(scene, n, last);
        let now = scene.tree();
        assert_tags_unharmed(&others(&scene.before), &others(&now), &context);
        if now.contains_key(&tag_key("app", "v1")) {
            pull(&now, "app", "v1").unwrap_or_else(|lacks| panic!("{context}: {lacks}"));
        }
        let gone: BTreeSet<String> = removed(&scene.before, &now).into_iter().collect();
        assert!(gone.is_subset(&planned), "{context}: {gone:#?}");
        scene.let_time_pass();
        scene.collect().expect(0);
        let gone: BTreeSet<String> = removed(&scene.before, &scene.tree()).into_iter().collect();
        assert_eq!(gone, planned, "{context}");
        // All of it comes back, whichever run took it.
        scene.run(&["restore", "--all", "--yes", "--format", "json"]).expect(0);
        let back: BTreeSet<String> = removed(&scene.before, &scene.tree()).into_iter().collect();
        assert_eq!(back, BTreeSet::new(), "{context}");
    });
    assert!(requests > 25, "{requests}");
}

/// Whatever that next run is about.
#[test]
fn tag_that_was_pushed_as_a_killed_run_removed_it_is_there_after_the_next_run() {
    let digest = String::from_utf8(registry().build()[&tag_key("app", "v1")].bytes.to_vec()).unwrap();
    let is_tag = |key: &str| key.ends_with("/current/link");
    let undisturbed = scene();
    undisturbed.collect().expect(0);
    let log = undisturbed.bucket.log();
    let batch = log.iter().position(|call| call.kind == Kind::Batch && call.keys.iter().any(|key| is_tag(key)));
    let first = batch.unwrap() as u64 + 1;
    let mut at_risk = 0;
    // At the delete, at the look after it, at the write that brings the tag back.
    for (n, last) in (first..first + 3).flat_map(|n| [(n, Last::Obeyed), (n, Last::Cut)]) {
        let context = format!("killed at request {n} ({last:?}), the tag goes with request {first}");
        let scene = scene();
        let pushed = digest.clone();
        let push = Fault::call(move |store| {
            store.write(&history_key("app", "v1", &pushed), pushed.clone().into());
            store.write(&tag_key("app", "v1"), pushed.clone().into());
        });
        scene.bucket.fault(push.on(Kind::Batch).key(is_tag).times(1));
        kill_at(&scene, n, last);
        at_risk += u64::from(!scene.tree().contains_key(&tag_key("app", "v1")));
        scene.let_time_pass();
        scene.run(&["gc", "--yes", "--min-age", "0s", "--settle", "50ms", "--format", "json"]).expect(0);
        let now = scene.tree();
        assert!(now.contains_key(&tag_key("app", "v1")), "{context}: the tag is gone");
        pull(&now, "app", "v1").unwrap_or_else(|lacks| panic!("{context}: {lacks}"));
    }
    assert!(at_risk > 1, "hardly ever was the tag at risk");
}
