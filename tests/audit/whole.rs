//! Every object is in one class, and every byte has one owner: in sound registries, damaged ones, and those that hold what
//! nobody expects.

use serde_json::Value;

use super::lab::random::{damage, random_registry};
use super::lab::registry::RegistryBuilder;
use super::{audit, classes, count, number};

fn sum<'a>(values: impl Iterator<Item = &'a Value>) -> u64 {
    values.map(|value| value.as_u64().unwrap()).sum()
}

/// Everything that must add up to the whole does.
#[track_caller]
fn assert_whole(registry: &RegistryBuilder, line: &[&str], context: &str) -> Value {
    let report = audit(registry, line);
    let (objects, bytes) = count(registry.tree());
    assert_eq!((number(&report, "/objects"), number(&report, "/bytes")), (objects, bytes), "{context}");
    let by_class = classes(&report).into_values().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    assert_eq!(by_class, (objects, bytes), "{context}: classes");
    for table in ["storage_classes", "months"] {
        let all = report[table].as_object().unwrap();
        let counted = (sum(all.values().map(|one| &one["count"])), sum(all.values().map(|one| &one["bytes"])));
        assert_eq!(counted, (objects, bytes), "{context}: {table}");
    }
    let stored = report["storage_by_class"].as_object().unwrap();
    for (class, (_, bytes)) in classes(&report) {
        assert_eq!(sum(stored[&class].as_object().unwrap().values().map(|one| &one["bytes"])), bytes, "{context}");
    }
    let tables = ["repositories", "groups"].into_iter().filter(|table| report[table].is_array());
    for table in tables {
        let rows: Vec<&Value> = report[table].as_array().unwrap().iter().chain([&report["nobody"]]).collect();
        let shares = sum(rows.iter().map(|row| &row["fair_share_bytes"]));
        assert_eq!(shares, bytes, "{context}: shares of {table}");
        for (class, (_, bytes)) in classes(&report) {
            let of_rows = rows.iter().filter_map(|row| row["classes"].get(&class));
            assert_eq!(sum(of_rows), bytes, "{context}: {class} of {table}");
        }
        for row in &rows {
            let share = row["fair_share_bytes"].as_u64().unwrap();
            for part in ["classes", "storage_classes", "months"] {
                assert_eq!(sum(row[part].as_object().unwrap().values()), share, "{context}: {part} of {row:#}");
            }
        }
        for (kind, after) in report["after"].as_object().unwrap() {
            let of_rows = sum(rows.iter().map(|row| &row["freed_bytes"][kind]));
            assert_eq!(after["freed"]["bytes"], of_rows, "{context}: freed of {table}");
        }
    }
    for (kind, after) in report["after"].as_object().unwrap() {
        let freed = number(after, "/freed/bytes");
        assert_eq!(number(after, "/bytes") + freed, bytes, "{context}: {kind}");
        assert_eq!(number(after, "/objects") + number(after, "/freed/count"), objects, "{context}: {kind}");
        let stored = after["storage_classes"].as_object().unwrap();
        let ages = stored.values().flat_map(|one| one["ages"].as_array().unwrap());
        assert_eq!(sum(ages.map(|age| &age["bytes"])), freed, "{context}: ages of {kind}");
    }
    report
}

/// What people, other programs and crashes leave at every level.
fn strew(registry: &mut RegistryBuilder) {
    for key in [
        "notes.txt",
        "scheduler-state.json",
        "backup/of/everything.tar",
        "docker/notes.txt",
        "docker/registry/lockfiles/x",
        "docker/registry/regsweep/notes.txt",
        "docker/registry/regsweep/runs/r/done.json",
        "docker/registry/v2/notes.txt",
        "docker/registry/v2/blobs/notes.txt",
        "docker/registry/v2/blobs/sha256/ab/short/data",
        "docker/registry/v2/repositories/notes.txt",
        "docker/registry/v2/repositories/app/.DS_Store",
        "docker/registry/v2/repositories/app/_manifests/tags/not a tag/current/link",
        "docker/registry/v2/repositories/Upper/_layers/sha256/x/link",
        "docker/registry/v2/repositories/app/_uploads/no-uuid/data",
    ] {
        registry.raw(key, key.to_owned());
    }
}

#[test]
fn every_object_is_in_one_class_and_every_byte_has_an_owner() {
    for seed in 0..12 {
        let mut registry = random_registry(seed);
        assert_whole(&registry, &["--group", "re:^(?<team>[^/]+)/"], &format!("seed {seed}"));
        strew(&mut registry);
        let report = assert_whole(&registry, &[], &format!("seed {seed}, strewn"));
        assert_eq!(classes(&report)["foreign"].0, 7, "seed {seed}");
        assert_eq!(classes(&report)["regsweep_state"].0, 1, "seed {seed}");
        // A file beside links may be in no repository that is one.
        assert!(classes(&report)["unrecognized"].0 >= 6, "seed {seed}");
    }
}

#[test]
fn damage_hides_nothing() {
    for seed in 100..130 {
        let mut registry = random_registry(seed);
        damage(&mut registry, seed);
        assert_whole(&registry, &["--group", "re:^([^/]+)"], &format!("seed {seed}"));
    }
}

#[test]
fn nothing_at_all_is_nothing() {
    let report =
        assert_whole(RegistryBuilder::new().raw("docker/registry/v2/repositories/a/_layers/x", ""), &[], "empty");
    assert_eq!(number(&report, "/objects"), 1);
}
