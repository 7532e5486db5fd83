//! What is told of repositories, tags and images.

use serde_json::{Value, json};

use super::lab::manifests::media_type as mt;
use super::lab::registry::{RegistryBuilder, blob_key, sha256};
use super::lab::tree::Tree;
use super::{json as list, ls, on_disk, row, rows};
use crate::tool::regsweep;

fn size_of(tree: &Tree, digests: &[&String]) -> u64 {
    digests.iter().map(|digest| tree[&blob_key(digest)].bytes.len() as u64).sum()
}

fn strings(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

#[test]
fn size_of_an_image_is_everything_it_names_once() {
    let mut r = RegistryBuilder::new();
    let amd = r.image("app", "amd", &["base", "of amd", "base"]);
    let arm = r.image("app", "arm", &["base", "of arm"]);
    let index = r.index("app", &[&amd.digest, &arm.digest, &arm.digest]);
    r.tag("app", "one", &amd.digest).tag("app", "all", &index);
    r.layer("app", "garbage");
    let report = list(&r, &["app"]);
    let tree = r.tree();
    let of_amd: Vec<_> = [&amd.digest, amd.config.as_ref().unwrap(), &amd.layers[0], &amd.layers[1]].into();
    let of_arm = [&arm.digest, arm.config.as_ref().unwrap(), &arm.layers[1], &index];
    assert_eq!(row(&report, "tags", "tag", "one")["bytes"], size_of(tree, &of_amd));
    let all = row(&report, "tags", "tag", "all");
    assert_eq!(all["bytes"], size_of(tree, &[&of_amd[..], &of_arm].concat()));
    assert_eq!(all["kind"], "index");
    assert_eq!(strings(&all["platforms"]), ["linux/amd64", "linux/arm64", "linux/s390x"]);
}

#[test]
fn every_kind_is_called_by_its_name() {
    let mut r = RegistryBuilder::new();
    let image = r.docker_image("a", "docker", &["l"]);
    r.tag("a", "docker", &image.digest);
    let old = r.schema1_image("a", "old", &["l"]);
    r.tag("a", "old", &old.digest);
    r.helm_chart("a", "0.1.0");
    r.buildkit_cache("a", "cache", &["l"]);
    let artifact = r.artifact("a", "application/vnd.example", &["blob"], None);
    r.tag("a", "artifact", &artifact.digest);
    r.cosign_signature("a", &image.digest);
    let report = list(&r, &["a"]);
    let kinds: Vec<(String, Value, Value)> = rows(&report, "tags")
        .into_iter()
        .map(|row| (row["tag"].as_str().unwrap()[..3].to_owned(), row["kind"].clone(), row["artifact_type"].clone()))
        .collect();
    let is = |tag: &str, kind: &str, artifact: Value| (tag.to_owned(), json!(kind), artifact);
    assert_eq!(
        kinds,
        [
            is("0.1", "artifact", json!("application/vnd.cncf.helm.config.v1+json")),
            is("art", "artifact", json!("application/vnd.example")),
            is("cac", "artifact", json!("application/vnd.buildkit.cacheconfig.v0")),
            is("doc", "image", Value::Null),
            is("old", "schema1", Value::Null),
            is("sha", "artifact", json!("application/vnd.dev.cosign.simplesigning.v1+json")),
        ]
    );
    assert_eq!(row(&report, "tags", "tag", "old")["bytes"], Value::Null, "schema 1 tells no sizes");
    assert!(row(&report, "tags", "tag", "cache")["bytes"].as_u64() > Some(0), "layers of a cache count");
}

/// By `subject`, by the fallback tag, by cosign's tags: each counts once, whoever says it.
#[test]
fn what_is_about_an_image_is_counted_once() {
    let mut r = RegistryBuilder::new();
    let image = r.image("app", "config", &["layer"]);
    r.tag("app", "v1", &image.digest);
    let sbom = r.referrer("app", &image.digest, "application/spdx+json", "sbom");
    let plain = r.image("app", "listed by the fallback tag alone", &["x"]);
    let fallback = r.index("app", &[&sbom.digest, &plain.digest]);
    r.tag("app", &image.digest.replace(':', "-"), &fallback);
    for suffix in ["sig", "att"] {
        r.cosign("app", &image.digest, suffix);
    }
    let of_sbom = r.cosign_signature("app", &sbom.digest);
    let report = list(&r, &["app"]);
    assert_eq!(row(&report, "tags", "tag", "v1")["referrers"], 4);
    let image_of = |line: &[&str]| rows(&list(&r, line), "images")[0].clone();
    for line in [&["app:v1"][..], &["app:v1", "--brief"]] {
        let tree = image_of(line);
        let about = tree["root"]["referrers"].as_array().unwrap().clone();
        assert_eq!(about.len(), 4, "{tree:#}");
        let nested = about.iter().find(|node| node["digest"] == *sbom.digest).unwrap();
        assert_eq!(nested["artifact_type"], "application/spdx+json");
        assert_eq!(nested["referrers"][0]["digest"], *of_sbom.digest, "signatures of an SBOM as well");
    }
    let tree = image_of(&[&format!("app@{}", sbom.digest)]);
    assert_eq!((&tree["about"], strings(&tree["tags"])), (&json!(image.digest), vec![]));
}

#[test]
fn manifests_without_a_tag_say_what_needs_them() {
    let mut r = RegistryBuilder::new();
    let (child, old) = (r.image("app", "child", &["l"]), r.image("app", "old", &["l"]));
    let index = r.index("app", &[&child.digest]);
    r.tag("app", "v1", &old.digest).tag("app", "v1", &index);
    let sbom = r.referrer("app", &index, "application/spdx+json", "sbom");
    let report = list(&r, &["app", "--untagged"]);
    let by = |digest: &str| row(&report, "manifests", "digest", digest);
    assert_eq!(rows(&report, "manifests").len(), 3);
    assert_eq!(strings(&by(&child.digest)["part_of"]), [index.as_str()]);
    assert_eq!(by(&sbom.digest)["about"], index);
    assert_eq!((&by(&old.digest)["part_of"], &by(&old.digest)["about"]), (&json!([]), &Value::Null));
    let digests = ls(&r, &["app", "--untagged", "--digests"]).expect(0).stdout;
    let mut expected = [child.digest, old.digest, sbom.digest];
    expected.sort();
    assert_eq!(digests.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn dates_are_those_of_the_newest_platform() {
    let mut r = RegistryBuilder::new();
    let mut of = |architecture: &str, created: &str| {
        let config = json!({"os": "linux", "architecture": architecture, "created": created}).to_string();
        r.image_as("app", [mt::OCI_MANIFEST, mt::OCI_CONFIG, mt::OCI_LAYER], &config, &["l"], &json!({})).digest
    };
    let (old, new) = (of("amd64", "2024-02-03T04:05:06Z"), of("arm64", "2025-06-07T08:09:10Z"));
    let index = r.index("app", &[&old, &new]);
    r.tag("app", "old", &old).tag("app", "all", &index);
    let report = list(&r, &["app", "--sort", "created"]);
    let created: Vec<_> = rows(&report, "tags").iter().map(|row| row["created"].clone()).collect();
    assert_eq!(created, ["2025-06-07T08:09:10Z", "2024-02-03T04:05:06Z"]);
}

#[test]
fn overview_tells_bytes_shared_bytes_and_the_last_push() {
    let mut r = RegistryBuilder::new();
    let time = |days: u64| std::time::UNIX_EPOCH + std::time::Duration::from_hours(24 * days);
    r.at(time(20_000));
    let one = r.image("a", "one", &["shared", "own"]);
    r.at(time(20_001)).tag("a", "v1", &one.digest);
    let two = r.image("b", "two", &["shared"]);
    r.blob("orphan");
    let report = list(&r, &["--sort", "size"]);
    let tree = r.tree();
    let all = size_of(tree, &one.all().iter().collect::<Vec<_>>());
    let a = row(&report, "repositories", "name", "a");
    assert_eq!((&a["bytes"], &a["shared_bytes"]), (&json!(all), &json!(6)), "{a:#}");
    assert_eq!((&a["tags"], &a["manifests"], &a["last_push"]), (&json!(1), &json!(1), &json!("2024-10-05T00:00:00Z")));
    let b = row(&report, "repositories", "name", "b");
    assert_eq!((&b["tags"], &b["shared_bytes"]), (&json!(0), &json!(6)), "{b:#}");
    let blobs: Vec<_> = tree.iter().filter(|(key, _)| key.contains("/blobs/")).collect();
    let stored: u64 = blobs.iter().map(|(_, entry)| entry.bytes.len() as u64).sum();
    assert_eq!(report["total"]["blobs"], json!({"count": blobs.len(), "bytes": stored}));
    assert_eq!(report["total"]["unlinked"], json!({"count": 1, "bytes": 6}));
    assert_eq!(rows(&report, "repositories")[0]["name"], "a");
    let shown = list(&r, &["--repository", "b"]);
    assert_eq!(rows(&shown, "repositories"), [b], "what is shared is judged by all");
    assert_eq!(two.layers, [sha256(b"shared")]);
}

#[test]
fn patterns_choose_on_either_side() {
    let mut r = RegistryBuilder::new();
    for repo in ["team/a", "team/b", "team/b/c", "other"] {
        let image = r.image(repo, repo, &["l"]);
        for tag in ["v1", "v10", "v9", "latest"] {
            r.tag(repo, tag, &image.digest);
        }
    }
    let tags = |line: &[&str]| {
        let report = list(&r, line);
        let name = |row: &Value| format!("{}:{}", row["repository"].as_str().unwrap(), row["tag"].as_str().unwrap());
        rows(&report, "tags").iter().map(name).collect::<Vec<_>>()
    };
    assert_eq!(tags(&["team/a"]), ["team/a:latest", "team/a:v1", "team/a:v9", "team/a:v10"]);
    assert_eq!(tags(&["team/a", "-r"])[0], "team/a:v10");
    assert_eq!(tags(&["team/*:latest"]), ["team/a:latest", "team/b:latest"]);
    assert_eq!(tags(&["team/**:v1"]), ["team/a:v1", "team/b:v1", "team/b/c:v1"]);
    assert_eq!(tags(&["re:^team/:re:^v1"]).len(), 6);
    assert_eq!(tags(&["other:v1*"]), ["other:v1", "other:v10"]);
    // Each digest once, however many tags it has.
    assert_eq!(ls(&r, &["**", "--digests"]).expect(0).stdout.lines().count(), 4);
}

#[test]
fn file_of_rows_is_written_whole_and_stdout_is_left_to_the_text() {
    let mut r = RegistryBuilder::new();
    let image = r.image("app", "config", &["layer"]);
    r.tag("app", "v1", &image.digest);
    let directory = on_disk(&r);
    let (path, home) = (directory.path().display().to_string(), tempfile::tempdir().unwrap());
    let file = home.path().join("rows.csv").display().to_string();
    let ran = regsweep(["ls", "-R", &path, "app", "--csv", &file]).expect(0);
    let csv = std::fs::read_to_string(&file).unwrap();
    let lines: Vec<_> = csv.lines().collect();
    assert!(lines[0].starts_with("repository,tag,digest,pushed,kind,") && lines.len() == 2, "{csv}");
    assert!(lines[1].starts_with(&format!("app,v1,{},", image.digest)), "{csv}");
    assert!(ran.stdout.starts_with("app: 1 tag"), "{ran:#?}");
    assert_eq!(regsweep(["ls", "-R", &path, "app", "--csv", "-"]).expect(0).stdout, csv);
    let nowhere = home.path().join("none/rows.csv").display().to_string();
    let ran = regsweep(["ls", "-R", &path, "app", "--csv", &nowhere]).expect(1);
    assert!(ran.stderr.contains("write the report") && ran.stderr.contains("next:"), "{ran:#?}");
}
