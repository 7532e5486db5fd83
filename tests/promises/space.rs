//! Every command that deletes ends with the space before, freed, after and later, by repository and in all; the parts add up
//! to the whole. A repository's space is its links and uploads, and the blobs that it alone links.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::lab::registry::RegistryBuilder;
use crate::lab::tree::{Tree, days_ago};
use crate::place::Place;
use crate::tool::Ran;

const UPLOAD: &str = "0a8aee2a-2d0c-4b0f-9a0a-7a1f2b3c4d5e";
const PARTS: [&str; 5] = ["before", "freed", "held_by_store", "after", "freeable_later"];

/// The rows of a report add up to the whole.
#[track_caller]
pub fn assert_adds_up(report: &Value) {
    let beside = &report["beside"];
    let rows = report["repositories"].as_array().unwrap().iter().map(|row| &row["bytes"]);
    let rows: Vec<&Value> = rows.chain([&beside["shared"], &beside["unlinked"]]).collect();
    let unchanged = beside["unchanged"]["bytes"].as_u64().unwrap();
    for part in PARTS {
        let sum: u64 = rows.iter().map(|space| space[part].as_u64().unwrap()).sum();
        let others = if matches!(part, "before" | "after") { unchanged } else { 0 };
        assert_eq!(sum + others, report["bytes"][part].as_u64().unwrap(), "{part}: {report:#}");
    }
    for space in rows {
        let of = |part: &str| space[part].as_u64().unwrap();
        assert_eq!(of("before"), of("freed") + of("after"), "{space}");
    }
    let names: BTreeSet<_> =
        report["repositories"].as_array().unwrap().iter().map(|row| row["name"].as_str()).collect();
    let told = names.len() as u64 + beside["unchanged"]["count"].as_u64().unwrap();
    assert_eq!(told, report["found"]["repositories"].as_u64().unwrap(), "{report:#}");
}

/// The repository of a link or an upload.
fn repository(key: &str) -> Option<&str> {
    let below = key.strip_prefix("docker/registry/v2/repositories/")?;
    Some(&below[..below.find("/_")?])
}

/// Whose each key is, by the links that are there.
fn owners(tree: &Tree) -> BTreeMap<String, String> {
    let mut linked: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for key in tree.keys().filter(|key| key.contains("/_layers/") || key.contains("/revisions/")) {
        let hex = key.split('/').rev().nth(1).unwrap();
        linked.entry(hex.to_owned()).or_default().extend(repository(key));
    }
    let owner = |key: &str| -> String {
        if let Some(repository) = repository(key) {
            return repository.to_owned();
        }
        let hex = key.split('/').rev().nth(1).unwrap();
        let of: Vec<&str> = linked.get(hex).into_iter().flatten().copied().collect();
        match of[..] {
            [one] => one,
            [] => "(none)",
            _ => "(several)",
        }
        .to_owned()
    };
    tree.keys().map(|key| (key.clone(), owner(key))).collect()
}

/// What a report says of the space: before and freed, by name, of all that lost something.
fn told(report: &Value) -> BTreeMap<String, (u64, u64)> {
    let rows = report["repositories"].as_array().unwrap().iter();
    let rows = rows.map(|row| (row["name"].as_str().unwrap().to_owned(), &row["bytes"]));
    let beside = [("(several)", "shared"), ("(none)", "unlinked")];
    let all = rows.chain(beside.map(|(name, field)| (name.to_owned(), &report["beside"][field])));
    let of = |space: &Value, part: &str| space[part].as_u64().unwrap();
    all.map(|(name, space)| (name, (of(space, "before"), of(space, "freed"))))
        .filter(|(_, (_, freed))| *freed > 0)
        .collect()
}

/// The same, read off the storage.
fn seen(before: &Tree, after: &Tree) -> BTreeMap<String, (u64, u64)> {
    let owners = owners(before);
    let mut seen: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for (key, entry) in before {
        let (all, freed) = seen.entry(owners[key].clone()).or_default();
        let size = entry.bytes.len() as u64;
        *all += size;
        *freed += if after.contains_key(key) { 0 } else { size };
    }
    seen.retain(|_, (_, freed)| *freed > 0);
    seen
}

/// Images with a common layer in three repositories, one that nests; a layer that two share and nobody needs; an upload;
/// content that nobody links.
fn registry() -> RegistryBuilder {
    let mut registry = RegistryBuilder::new();
    registry.at(days_ago(99));
    for (repository, tag) in [("app", "v1"), ("app", "v2"), ("app/tools", "v1"), ("base", "v1")] {
        let own = format!("layer of {repository}:{tag}");
        let image = registry.image(repository, &format!("config of {repository}:{tag}"), &[&own, "the common base"]);
        registry.tag(repository, tag, &image.digest);
    }
    for repository in ["app", "app/tools"] {
        registry.layer(repository, "both have it and nobody needs it");
    }
    registry.upload("base", UPLOAD, days_ago(99), "half of a layer");
    registry.blob("nobody links it");
    registry
}

#[track_caller]
fn tells(place: &Place, line: &[&str]) -> Ran {
    let before = place.registry();
    let ran = place.run(&[line, &["--format", "json"]].concat()).expect(0);
    assert_adds_up(&ran.json());
    assert_eq!(told(&ran.json()), seen(&before, &place.registry()), "{line:?}: {ran:#?}");
    ran
}

#[test]
fn every_command_that_deletes_tells_the_space_of_each_repository() {
    let plan = tempfile::tempdir().unwrap();
    let plan = plan.path().join("plan.jsonl").display().to_string();
    for place in Place::all(&registry()) {
        let ran = tells(&place, &["rm", "--yes", "--offline", "base:v1"]);
        assert_eq!(ran.count("/bytes/freeable_later"), ran.count("/pending/blobs/bytes"));
        assert!(ran.count("/bytes/freeable_later") > 0, "content stays until a collection: {ran:#?}");
        tells(&place, &["rm", "--yes", "--offline", "--gc", "app/tools"]);
        place.run(&["plan", "--offline", "-m", "-o", &plan]).expect(0);
        tells(&place, &["prune", "--yes", "--offline", "--tag", "v1", "--older-than", "30d", "--repository", "app"]);
        tells(&place, &["apply", "--yes", &plan]);
        tells(&place, &["gc", "--offline", "-m"]);
        std::fs::remove_file(&plan).unwrap();
    }
}

/// Beside a live registry links go first: what they named is told as what can be freed later, with its repository.
#[test]
fn what_waits_is_told_by_repository() {
    for place in Place::all(&registry()) {
        let before = place.registry();
        let line = ["rm", "--yes", "--settle", "10ms", "--defer", "1h", "app:v1", "base"];
        let ran = tells(&place, &line);
        let owners = owners(&before);
        let waits: BTreeSet<String> = ["layer of app:v1", "config of app:v1", "layer of base:v1", "config of base:v1"]
            .map(|text| crate::lab::registry::blob_key(&crate::lab::registry::sha256(text.as_bytes())))
            .into();
        for name in ["app", "base"] {
            let own = before.iter().filter(|(key, _)| waits.contains(*key) && owners[*key] == name);
            let own: u64 = own.map(|(_, entry)| entry.bytes.len() as u64).sum();
            let row = ran.json()["repositories"].as_array().unwrap().iter().find(|row| row["name"] == name).cloned();
            let later = row.unwrap()["bytes"]["freeable_later"].as_u64().unwrap();
            // Beside these the manifest itself.
            assert!(later > own, "{name}: {later} of at least {own}: {ran:#?}");
        }
        let text = place.run(&["gc", "-m", "--settle", "10ms", "--defer", "1h"]).expect(0).stdout;
        assert!(text.contains("\nspace by repository: what only it links\n  REPOSITORY"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 80 || line.starts_with('/')), "{text}");
        assert!(text.contains(" more can be freed after "), "{text}");
    }
}
