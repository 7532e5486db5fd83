//! What each class is, by examples whose sizes are counted here.

use std::time::Duration;

use super::lab::registry::{RegistryBuilder, layer_key, upload_key};
use super::{audit, classes, number, row};

const UUID: &str = "0f8fad5b-d9cb-469f-a165-70867728950e";

fn size(registry: &RegistryBuilder, digest: &str) -> u64 {
    registry.bytes_of(digest).unwrap().len() as u64
}

fn sizes(registry: &RegistryBuilder, digests: &[String]) -> (u64, u64) {
    (digests.len() as u64, digests.iter().map(|digest| size(registry, digest)).sum())
}

#[test]
fn each_kind_of_object_is_counted_as_what_it_is() {
    let mut r = RegistryBuilder::new();
    let tagged = r.image("app", "tagged", &["base", "of tagged"]);
    r.tag("app", "v1", &tagged.digest);
    let untagged = r.image("app", "untagged", &["base", "of untagged"]);
    let other = r.image("other", "other", &["base", "of other"]);
    r.tag("other", "v1", &other.digest);
    let both = r.image("app", "both, untagged", &["of both"]);
    r.image("other", "both, untagged", &["of both"]);
    let orphan = r.blob("orphan");
    let linked = r.layer("app", "orphan layer");
    r.tag_history("app", "v1", &untagged.digest);
    let gone = super::lab::registry::sha256(b"gone");
    r.link_layer("app", &gone);
    r.aged(Duration::from_hours(24 * 30));
    let began = r.time();
    r.upload("app", UUID, began, "stale data");
    r.aged(Duration::from_mins(5));
    let young = r.blob("young");
    let held = r.layer("other", "held by a young link");
    let began = r.time();
    r.upload("other", UUID, began, "active data");
    let report = audit(&r, &[]);
    let found = classes(&report);

    let base = tagged.layers[0].clone();
    let of = |class: &str| found[class];
    let alone: Vec<String> =
        [tagged.all(), other.all()].concat().into_iter().filter(|digest| *digest != base).collect();
    assert_eq!(of("needed_by_tags_unshared"), sizes(&r, &alone));
    assert_eq!(of("needed_by_tags_shared"), sizes(&r, std::slice::from_ref(&base)));
    let only: Vec<String> = untagged.all().into_iter().filter(|digest| *digest != base).collect();
    assert_eq!(of("needed_by_untagged_unshared"), sizes(&r, &only));
    assert_eq!(of("needed_by_untagged_shared"), sizes(&r, &both.all()));
    assert_eq!(of("unreferenced"), sizes(&r, &[orphan, linked.clone()]));
    assert_eq!(of("young"), sizes(&r, &[young, held]));
    assert_eq!(of("orphan_layer_links"), (1, 71));
    assert_eq!(of("dangling_links"), (1, 71));
    assert_eq!(of("tag_history"), (3, 3 * 71));
    let upload = |repo: &str, data: &str| {
        let files = ["startedat".to_owned(), format!("hashstates/sha256/{}", data.len()), "data".to_owned()];
        let bytes = files.iter().map(|file| r.tree()[&upload_key(repo, UUID, file)].bytes.len() as u64).sum::<u64>();
        (3, bytes)
    };
    assert_eq!(of("uploads_stale"), upload("app", "stale data"));
    assert_eq!(of("uploads_active"), upload("other", "active data"));
    // Two tags; five revision links; layer links of five images, and of what is held.
    let layers = r.tree().keys().filter(|key| key.contains("/_layers/")).count() as u64 - 2;
    assert_eq!(of("links"), (2 + 5 + layers, (2 + 5 + layers) * 71));
    assert!(r.tree().contains_key(&layer_key("app", &linked)));
    assert_eq!(found.len(), 12, "{found:#?}");
    let app = row(&report, "repositories", "app");
    assert_eq!((number(&app, "/tags"), number(&app, "/manifests"), number(&app, "/untagged_manifests")), (1, 3, 2));
}

#[test]
fn ages_decide_what_is_young_and_which_uploads_are_stale() {
    let mut r = RegistryBuilder::new();
    r.aged(Duration::from_hours(24 * 3));
    r.blob("three days");
    let began = r.time();
    r.upload("app", UUID, began, "three days");
    let of = |line: &[&str]| classes(&audit(&r, line)).into_keys().collect::<Vec<_>>().join(" ");
    assert_eq!(of(&[]), "unreferenced uploads_active");
    assert_eq!(of(&["--min-age", "4d", "--uploads-older-than", "2d"]), "uploads_stale young");
    assert_eq!(of(&["--uploads-older-than", "off"]), "unreferenced uploads_active");
}

#[test]
fn what_a_damaged_repository_keeps_is_kept_for_safety() {
    let mut r = RegistryBuilder::new();
    let kept = r.layer("app", "perhaps needed");
    let broken = r.manifest("app", "{ no manifest");
    let report = audit(&r, &[]);
    assert_eq!(classes(&report)["kept_for_safety"], sizes(&r, &[kept]));
    assert_eq!(classes(&report)["needed_by_untagged_unshared"], sizes(&r, &[broken]), "its revision link keeps it");
    assert_eq!(report["problem_counts"]["unreadable_manifest"], 1);
    assert_eq!(number(&report, "/after/collection/freed/bytes"), 0);
}

/// What a live run leaves: content that waits, and its own notes.
#[test]
fn what_waits_and_what_is_aside_is_told_from_garbage() {
    let mut r = RegistryBuilder::new();
    let orphan = r.blob("orphan");
    let linked = r.layer("app", "orphan layer");
    let directory = super::on_disk(&r);
    let path = directory.path().display().to_string();
    super::regsweep(["gc", "--yes", "--settle", "0s", &path]).expect(0);
    let aside = directory.path().join(format!("docker/registry/regsweep/aside/run-1/{}", orphan.replace(':', "/")));
    std::fs::create_dir_all(aside.parent().unwrap()).unwrap();
    std::fs::write(&aside, "orphan").unwrap();
    let report = super::run(&directory, &["--format", "json"]).expect(0).json();
    let found = classes(&report);
    assert_eq!(found["pending"], sizes(&r, &[orphan, linked]));
    assert_eq!(found["aside"], (1, 6));
    assert!(found["regsweep_state"].0 >= 2, "{found:#?}");
    assert!(!found.contains_key("unreferenced"), "{found:#?}");
}
