//! What no registry of the laboratory has: things outside the root, under names that nobody accepts, of impossible sizes.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::census::{Census, Known, Needs, Seen, number_all_names};
use super::class::Class;
use super::report::{Findings, Row};
use super::scenario::{Kind, Scenario};
use crate::collect::blobs::Tally;
use crate::collect::entry::Entry;
use crate::collect::plan::Stage;
use crate::collect::scene::{DAY, NOW, Storage, WRITTEN, name, of, options};
use crate::collect::state::pending::Pending;
use crate::layout;

/// All that a storage comes to, where `class` tells how each key is stored.
fn findings(storage: &Storage, class: impl Fn(&str) -> Option<&'static str>) -> Findings {
    let options = crate::collect::options::Options { delete_untagged: false, min_age: DAY, ..options() };
    let (mut scan, plan) = storage.scan(&options);
    number_all_names(&scan.inventory, &mut scan.graph);
    let needs = Needs::of(&scan.inventory, &mut scan.graph);
    let pointers = plan.deletions().iter().filter(|deletion| deletion.stage != Stage::Blob).collect();
    let scenarios = [Scenario { kind: Kind::Collection, options, marks: scan.marks, marked_manifests: 0, pointers }];
    let entries = || {
        storage.objects.iter().map(|(key, seen)| {
            let (size, modified, outside) = (seen.size, seen.modified, seen.outside);
            (Entry { key, size, modified, etag: None, outside }, class(key))
        })
    };
    let mut seen = Seen::default();
    for (entry, class) in entries().filter(|(entry, _)| entry.key.starts_with(layout::REPOSITORIES)) {
        seen.see(&entry, class);
    }
    let (inventory, graph, record) = (&scan.inventory, &scan.graph, &Pending::default());
    let known = Known { inventory, graph, needs: &needs, scenarios: &scenarios, record, now: NOW };
    let mut census = Census::new(known, seen);
    for (entry, class) in entries().filter(|(entry, _)| !entry.key.starts_with(layout::REPOSITORIES)) {
        if entry.key.starts_with(layout::BLOBS) {
            census.see_blob(&entry, class);
        } else {
            census.see_elsewhere(&entry, class);
        }
    }
    census.finish(None, |_| true)
}

fn row<'a>(findings: &'a Findings, name: &str) -> &'a Row {
    findings.repositories.iter().find(|row| row.name == name).unwrap()
}

fn of_class(findings: &Findings, class: Class) -> (u64, u64) {
    let Tally { count, bytes } = findings.classes[class.name()];
    (count, bytes)
}

#[test]
fn what_lies_outside_is_kept_and_frees_nothing() {
    let mut storage = Storage::default();
    let linked = storage.layer("a", "outside, and linked");
    let plain = storage.blob("outside");
    for digest in [&linked, &plain] {
        storage.seen(&layout::blob_data(digest)).outside = true;
    }
    let found = findings(&storage, |_| None);
    assert_eq!(of_class(&found, Class::KeptForSafety), (2, 19 + 7));
    let row = row(&found, "a");
    assert_eq!((row.unshared_bytes, row.freed_by_deleting_bytes), (19 + 71, 71));
    assert_eq!(row.freed_bytes["collection"], 71, "its link goes");
}

#[test]
fn what_links_without_a_repository_keep_is_freed_by_no_repository() {
    let mut storage = Storage::default();
    let kept = storage.layer("a", "kept");
    let own = storage.layer("a", "own");
    let key = format!("{}Nobody/_layers/sha256/{}/link", layout::REPOSITORIES, kept.hex());
    storage.put(key);
    let found = findings(&storage, |_| None);
    assert_eq!(of_class(&found, Class::KeptForSafety), (1, 4));
    assert_eq!(of_class(&found, Class::Unreferenced), (1, 3));
    assert_eq!(of_class(&found, Class::Unrecognized), (1, 71));
    let row = row(&found, "a");
    assert_eq!((row.unshared_bytes, row.freed_by_deleting_bytes), (4 + 3 + 2 * 71, 3 + 2 * 71));
    let links = |digest| storage.objects[&layout::layer_link(&name("a"), digest)].size;
    assert_eq!((links(&kept), links(&own)), (71, 71));
}

#[test]
fn links_are_stored_as_the_listing_said_of_each() {
    let mut storage = Storage::default();
    let layers = [storage.layer("a", "one"), storage.layer("a", "two"), storage.layer("b", "three")];
    let cold = layout::layer_link(&name("a"), &layers[1]);
    let found = findings(&storage, |key| match key {
        key if key == cold => Some("COLD"),
        key if key.starts_with(layout::BLOBS) => Some("OTHER"),
        _ => Some("USUAL"),
    });
    let stored = |name: &str| (found.storage_classes[name].count, found.storage_classes[name].bytes);
    assert_eq!((stored("COLD"), stored("USUAL"), stored("OTHER")), ((1, 71), (2, 142), (3, 11)));
    assert_eq!(row(&found, "a").storage_classes["COLD"], 71);
    assert_eq!(found.storage_by_class["orphan_layer_links"]["COLD"], Tally { count: 1, bytes: 71 });
    let going = &found.after["collection"].storage_classes["COLD"];
    assert_eq!((going.count, going.bytes, going.ages[0].days), (1, 71, super::scenario::OLD));
}

#[test]
fn content_that_two_link_and_one_needs_is_used_by_that_one() {
    let mut storage = Storage::default();
    let layer = storage.layer("a", "layer");
    storage.layer("b", "layer");
    let index = storage.index("a", &[&layer]);
    storage.tag("a", "v1", &index);
    let found = findings(&storage, |_| None);
    assert_eq!(of_class(&found, Class::TaggedShared), (0, 0));
    assert_eq!(row(&found, "b").logical_bytes, 71, "nothing but its link");
    assert_eq!(row(&found, "a").last_push, Some(WRITTEN));
    assert_eq!(found.largest_layers.iter().filter(|large| large.used_by == ["a"]).count(), 2);
    assert!(found.largest_layers.iter().any(|large| large.digest == of("layer").to_string()));
}

/// A store may say anything of an object's size: no sum begins anew, and nothing ends the audit.
#[test]
fn sizes_that_no_number_holds_end_nothing() {
    let mut storage = Storage::default();
    for content in ["x", "y"] {
        let digest = storage.layer("a", content);
        storage.layer("b", content);
        storage.seen(&layout::blob_data(&digest)).size = u64::MAX;
    }
    let found = findings(&storage, |_| None);
    assert_eq!((found.objects, found.bytes), (6, u64::MAX));
    assert_eq!(of_class(&found, Class::Unreferenced), (2, u64::MAX));
    assert_eq!(found.after["collection"].bytes, 0);
    assert!(row(&found, "a").fair_share_bytes >= u64::MAX / 2);
}
