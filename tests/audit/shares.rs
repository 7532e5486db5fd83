//! Whose the bytes are, against a count that knows nothing of regsweep: links and contents, read off the tree.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};

use super::lab::registry::{ROOT, RegistryBuilder, blob_key};
use super::lab::tree::{Tree, at};
use super::{audit, number, on_disk, regsweep, row, run};

/// Teams with images on shared bases, and some of their layers in each other's repositories.
fn estate() -> RegistryBuilder {
    let mut r = RegistryBuilder::new();
    let repositories = ["web/app", "web/api", "data/etl", "base"];
    for (number, repo) in repositories.into_iter().enumerate() {
        for version in 0..=number {
            let own = format!("layer {version} of {repo}").repeat(20 * (version + 1));
            let base = ["debian".repeat(101), "alpine".repeat(50)][version % 2].clone();
            let image = r.image(repo, &format!("{repo} {version}"), &[&base, &own, "common"]);
            r.tag(repo, &format!("v{version}"), &image.digest);
        }
    }
    r
}

/// What each repository links: digests, read off the links themselves.
fn linked(tree: &Tree) -> BTreeMap<String, BTreeSet<String>> {
    let mut linked: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (key, entry) in tree {
        let Some(rest) = key.strip_prefix(&format!("{ROOT}/repositories/")) else { continue };
        let (repo, own) = rest.split_once("/_").unwrap();
        if own.starts_with("layers/") || own.starts_with("manifests/revisions/") {
            linked.entry(repo.to_owned()).or_default().insert(String::from_utf8(entry.bytes.to_vec()).unwrap());
        }
    }
    linked
}

/// Bytes of all keys below a repository.
fn own_keys(tree: &Tree, repo: &str) -> u64 {
    let prefix = format!("{ROOT}/repositories/{repo}/_");
    tree.iter().filter(|(key, _)| key.starts_with(&prefix)).map(|(_, entry)| entry.bytes.len() as u64).sum()
}

fn size(tree: &Tree, digest: &str) -> u64 {
    tree[&blob_key(digest)].bytes.len() as u64
}

#[test]
fn shares_are_what_the_links_say() {
    let registry = estate();
    let (tree, linked) = (registry.tree(), linked(registry.tree()));
    let report = audit(&registry, &[]);
    let users = |digest: &String| linked.values().filter(|all| all.contains(digest)).count() as u64;
    for (repo, digests) in &linked {
        let keys = own_keys(tree, repo);
        let row = row(&report, "repositories", repo);
        let logical: u64 = digests.iter().map(|digest| size(tree, digest)).sum();
        assert_eq!(number(&row, "/logical_bytes"), logical + keys, "{repo}");
        let alone = digests.iter().filter(|digest| users(digest) == 1).map(|digest| size(tree, digest));
        let alone = alone.sum::<u64>() + keys;
        assert_eq!(number(&row, "/unshared_bytes"), alone, "{repo}");
        assert_eq!(number(&row, "/freed_by_deleting_bytes"), alone, "{repo}");
        // What cannot be divided evenly is a byte for each set of contents at most.
        let fair: u64 = digests.iter().map(|digest| size(tree, digest) / users(digest)).sum::<u64>() + keys;
        let share = number(&row, "/fair_share_bytes");
        assert!((fair..=fair + digests.len() as u64).contains(&share), "{repo}: {share}, not {fair}");
    }
}

#[test]
fn groups_share_as_if_each_were_one_repository() {
    let registry = estate();
    let directory = on_disk(&registry);
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("groups.txt");
    std::fs::write(&file, "# who pays\nweb/**  Web team\nre:^data/  Data\n").unwrap();
    let by_file = run(&directory, &["--group", file.to_str().unwrap(), "--format", "json"]).expect(0).json();
    let by_name = audit(&registry, &["--group", "re:^(?<team>[^/]+)/"]);
    let (tree, linked) = (registry.tree(), linked(registry.tree()));
    for (report, names) in [(&by_file, ["Web team", "Data", "(other)"]), (&by_name, ["web", "data", "(other)"])] {
        let members = [&["web/api", "web/app"][..], &["data/etl"], &["base"]];
        for (name, members) in names.into_iter().zip(members) {
            let group = row(report, "groups", name);
            let all: BTreeSet<&String> = members.iter().flat_map(|repo| &linked[*repo]).collect();
            let keys: u64 = members.iter().map(|repo| own_keys(tree, repo)).sum();
            let others: BTreeSet<&String> =
                linked.iter().filter(|(repo, _)| !members.contains(&repo.as_str())).flat_map(|(_, all)| all).collect();
            let logical: u64 = all.iter().map(|digest| size(tree, digest)).sum();
            assert_eq!(number(&group, "/logical_bytes"), logical + keys, "{name}");
            let alone: u64 = all.difference(&others).map(|digest| size(tree, digest)).sum();
            assert_eq!(number(&group, "/unshared_bytes"), alone + keys, "{name}");
            assert_eq!(number(&group, "/repositories"), members.len() as u64, "{name}");
            for field in ["fair_share_bytes", "tags", "manifests"] {
                let of_members: u64 =
                    members.iter().map(|repo| number(&row(report, "repositories", repo), &format!("/{field}"))).sum();
                assert_eq!(group[field], of_members, "{name}: {field}");
            }
        }
    }
    assert_eq!(row(&by_name, "repositories", "web/app")["group"], "web");
    assert!(audit(&registry, &[])["groups"].is_null());
}

/// Removed for good, and the tree counted again.
#[test]
fn deleting_a_repository_frees_what_was_said() {
    let registry = estate();
    let report = audit(&registry, &[]);
    for repo in ["web/app", "web/api", "data/etl", "base"] {
        let directory = on_disk(&registry);
        let path = directory.path().display().to_string();
        regsweep(["rm", repo, "--gc", "--offline", "--no-state", "--yes", "-R", &path]).expect(0);
        let left = super::count(&super::read_dir(directory.path())).1;
        let freed = super::count(registry.tree()).1 - left;
        assert_eq!(number(&row(&report, "repositories", repo), "/freed_by_deleting_bytes"), freed, "{repo}");
    }
}

#[test]
fn garbage_belongs_to_who_links_it_and_the_rest_to_nobody() {
    let mut r = RegistryBuilder::new();
    let kept = r.image("a", "kept", &["layer"]);
    r.tag("a", "v1", &kept.digest);
    r.layer("a", "garbage of a");
    r.layer("b", "garbage of b, not a little");
    r.layer("a", "of both");
    r.layer("b", "of both");
    r.blob("of nobody");
    r.raw("docker/registry/regsweep/aside/run/sha256/x", "odd");
    let report = audit(&r, &[]);
    let freed = |row: &Value| number(row, "/freed_bytes/collection");
    // Each with two orphan links.
    assert_eq!(freed(&row(&report, "repositories", "a")), 12 + 4 + 2 * 71);
    assert_eq!(freed(&row(&report, "repositories", "b")), 26 + 3 + 2 * 71);
    assert_eq!(freed(&report["nobody"]), 9);
    assert_eq!(number(&report["nobody"], "/fair_share_bytes"), 9 + 3);
    // What others link as well is not alone its own.
    assert_eq!(number(&row(&report, "repositories", "b"), "/unshared_bytes"), 26 + 2 * 71);
    assert_eq!(number(&row(&report, "repositories", "b"), "/logical_bytes"), 26 + 7 + 2 * 71);
}

#[test]
fn untagged_bytes_are_those_that_a_tag_does_not_need() {
    let mut r = RegistryBuilder::new();
    let tagged = r.image("a", "tagged", &["base"]);
    r.tag("a", "v1", &tagged.digest);
    let untagged = r.image("a", "untagged", &["base", "its own"]);
    let report = audit(&r, &[]);
    let own: u64 =
        untagged.all().iter().filter(|digest| !tagged.all().contains(digest)).map(|d| size(r.tree(), d)).sum();
    assert_eq!(number(&row(&report, "repositories", "a"), "/untagged_bytes"), own);
    let freed = number(&report, "/after/collection_untagged/freed/bytes");
    let links = 1 + untagged.all().len() as u64 - 1 - 1;
    assert_eq!(freed, own + links * 71, "its revision link, and links to its configuration and its own layer");
}

#[test]
fn months_and_pushes_are_told_as_they_were() {
    let mut r = RegistryBuilder::new();
    r.at(at("2026-03-31T23:59:59Z")).blob("march");
    r.at(at("2026-04-01T00:00:00Z")).blob("april!");
    let image = r.image("a", "image", &["layer"]);
    r.at(at("2026-06-15T12:00:00Z")).tag("a", "v1", &image.digest);
    let report = audit(&r, &[]);
    assert_eq!(report["months"]["2026-03"], json!({"count": 1, "bytes": 5}));
    assert_eq!(report["months"]["2026-06"], json!({"count": 2, "bytes": 142}));
    let row = row(&report, "repositories", "a");
    assert_eq!(row["last_push"], "2026-06-15T12:00:00Z");
    assert_eq!(row["months"]["2026-06"], 142);
    let april: u64 = image.all().iter().map(|digest| size(r.tree(), digest)).sum();
    assert_eq!(row["months"]["2026-04"], april + 3 * 71);
}

#[test]
fn largest_layers_and_bases_are_told_with_who_uses_them() {
    let registry = estate();
    let report = audit(&registry, &[]);
    let (tree, linked) = (registry.tree(), linked(registry.tree()));
    let mut all: Vec<(u64, String)> = tree
        .keys()
        .filter_map(|key| key.strip_prefix(&format!("{ROOT}/blobs/sha256/"))?.strip_suffix("/data"))
        .map(|rest| format!("sha256:{}", &rest[3..]))
        .map(|digest| (size(tree, &digest), digest))
        .collect();
    all.sort_by(|a, b| (std::cmp::Reverse(a.0), &a.1).cmp(&(std::cmp::Reverse(b.0), &b.1)));
    let largest = report["largest_layers"].as_array().unwrap();
    assert_eq!(largest.len(), 20.min(all.len()));
    for (told, (bytes, digest)) in largest.iter().zip(&all) {
        let users: Vec<&String> = linked.iter().filter(|(_, all)| all.contains(digest)).map(|(repo, _)| repo).collect();
        assert_eq!((&told["digest"], &told["bytes"]), (&json!(digest), &json!(bytes)));
        assert_eq!((&told["used_by"], &told["repositories"]), (&json!(users), &json!(users.len())));
    }
    // Ten images: v0 and v2 stand on one base, v1 and v3 on the other.
    let bases = report["base_layers"].as_array().unwrap();
    let told: Vec<(u64, u64)> = bases.iter().map(|base| (number(base, "/images"), number(base, "/bytes"))).collect();
    assert_eq!(told, [(6, 606), (4, 300)]);
    let own = row(&report, "repositories", "data/etl");
    assert_eq!(own["largest_layers"].as_array().unwrap().len(), 3);
}

#[test]
fn pattern_chooses_what_is_shown_and_not_what_is_counted() {
    let registry = estate();
    let (whole, part) = (audit(&registry, &[]), audit(&registry, &["--repository", "web/*"]));
    assert_eq!(whole["classes"], part["classes"]);
    let names: Vec<&str> =
        part["repositories"].as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap()).collect();
    assert_eq!(names.len(), 2, "{names:?}");
    for name in names {
        assert_eq!(row(&whole, "repositories", name), row(&part, "repositories", name));
    }
    let hidden: u64 =
        ["base", "data/etl"].iter().map(|name| number(&row(&whole, "repositories", name), "/fair_share_bytes")).sum();
    assert_eq!(part["not_shown"], json!({"repositories": 2, "fair_share_bytes": hidden}));
}

#[test]
fn what_is_no_group_is_told() {
    let directory = on_disk(RegistryBuilder::new().aged(Duration::from_hours(48)).raw(&format!("{ROOT}/blobs/x"), "x"));
    for (group, why) in [("re:(", "regex parse error"), ("/no/such/file", "read the groups"), ("re:", "")] {
        let ran = run(&directory, &["--group", group]);
        assert_eq!(ran.code, if why.is_empty() { 0 } else { 2 }, "{ran:#?}");
        assert!(ran.stderr.contains(why), "{ran:#?}");
    }
}
