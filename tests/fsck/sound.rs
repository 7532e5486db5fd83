//! No false alarm: neither on a sound registry, nor on one that is being pushed to.

use std::cell::RefCell;
use std::path::Path;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use serde_json::{Value, json};

use super::lab::bucket::{Bucket, EtagStyle};
use super::lab::clients::{AZURE_ACCOUNT, AZURE_KEY, s3_config, s3_environment};
use super::lab::push::{Push, Shelf};
use super::lab::random::{Prng, random_registry};
use super::lab::registry::{RegistryBuilder, blob_key, sha256, upload_key};
use super::lab::tree::write_dir;
use super::{found, fsck, fsck_in, on_disk};
use crate::tool::{Ran, command, finish};

#[test]
fn sound_registries_show_no_damage() {
    for seed in 100..140 {
        let report = fsck(&random_registry(seed), &["--checksum"]);
        for level in ["damage", "young"] {
            assert_eq!(report["counts"][level], 0, "seed {seed}: {report:#}");
        }
        assert_eq!(report["checked"]["content"]["count"], report["checked"]["blobs"]["count"]);
    }
}

/// What is legal is told as a note, or not at all.
#[test]
fn legal_absences_are_no_damage() {
    let mut r = RegistryBuilder::new();
    let (child, elsewhere) = (r.image("app", "child", &["l"]), r.image("other", "elsewhere", &["x"]));
    let index = r.index("app", &[&child.digest, &elsewhere.digest, &sha256(b"never pushed")]);
    r.tag("app", "sparse", &index);
    let foreign = r.foreign_layer_image("app", "windows", &sha256(b"foreign"), &["l"]);
    r.tag("app", "foreign", &foreign.digest);
    let (aliased, cache) =
        (r.aliased_image("app", "aliased", &["by another name"]), r.buildkit_cache("app", "c", &["y"]));
    r.tag("app", "aliased", &aliased.digest).tag("app", "cache", &cache.digest);
    let old = r.schema1_image("app", "old", &["l"]);
    r.tag("app", "old", &old.digest);
    r.artifact("app", "application/vnd.example.sbom", &["sbom"], Some(&child.digest));
    r.referrer("app", &sha256(b"no such subject"), "application/vnd.example.signature", "signed");
    let report = fsck(&r, &["--checksum"]);
    assert_eq!(report["counts"], json!({"damage": 0, "young": 0, "litter": 0, "note": 3}), "{report:#}");
}

/// Whatever of a push was written so far, in any of its moments.
#[test]
fn push_that_is_under_way_is_no_damage() {
    let mut r = RegistryBuilder::new();
    let base = r.image("app", "config", &["base"]);
    r.tag("app", "latest", &base.digest);
    let directory = on_disk(&r);
    let blobs: Vec<Bytes> = ["config of a push", "layer of a push", "base"].map(Bytes::from).to_vec();
    let descriptor = |blob: &Bytes| {
        let media_type = "application/vnd.oci.image.layer.v1.tar";
        json!({"mediaType": media_type, "digest": sha256(blob), "size": blob.len()})
    };
    let layers = [descriptor(&blobs[1]), descriptor(&blobs[2])];
    let manifest = json!({"schemaVersion": 2, "config": descriptor(&blobs[0]), "layers": layers});
    let push = Push::new("app", "latest", manifest.to_string(), &blobs);
    let recorder = Recorder { directory: directory.path(), writes: RefCell::default() };
    let upload = |file: &str| upload_key("app", "0f8fad5b-d9cb-469f-a165-70867728950e", file);
    recorder.write(&upload("startedat"), "2026-11-21T19:10:05Z".into());
    recorder.write(&upload("data"), "layer".into());
    push.upload(&recorder);
    push.finish(&recorder);
    let writes = recorder.writes.take();
    assert!(writes.len() > 8, "{writes:?}");
    for (key, bytes) in writes {
        directory.path().write(&key, bytes);
        let ran = fsck_in(directory.path(), &["--format", "json"]);
        assert_eq!(ran.code, 0, "after {key}: {ran:#?}");
    }
}

/// Notes what a push writes, in its order.
struct Recorder<'a> {
    directory: &'a Path,
    writes: RefCell<Vec<(String, Bytes)>>,
}

impl Shelf for Recorder<'_> {
    fn has(&self, key: &str) -> bool {
        self.directory.has(key) || self.writes.borrow().iter().any(|(written, _)| written == key)
    }

    fn write(&self, key: &str, bytes: Bytes) {
        self.writes.borrow_mut().push((key.to_owned(), bytes));
    }
}

/// A listing is not made in a moment: of a push it may show the end without the beginning. What is so young is told as young.
#[test]
fn what_was_written_a_moment_ago_is_told_as_young() {
    let mut r = RegistryBuilder::new();
    r.at(SystemTime::now() - Duration::from_secs(10));
    let image = r.image("app", "config", &["layer"]);
    r.tag("app", "v1", &image.digest).delete_manifest("app", &image.digest);
    r.raw(&upload_key("app", &Prng::new(1).uuid(), "data"), "begun");
    let report = fsck(&r, &[]);
    assert_eq!(report["counts"]["damage"], 0, "{report:#}");
    let codes: Vec<String> = found(&report, "young").into_iter().map(|(code, _)| code).collect();
    assert_eq!(codes, ["broken_tag", "upload_without_start"]);
}

fn in_bucket(bucket: &Bucket, line: &[&str]) -> Ran {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("config.yml"), s3_config(bucket, "")).unwrap();
    let config = home.path().join("config.yml").display().to_string();
    finish(command(["fsck", &config, "--format", "json"].iter().chain(line)).envs(s3_environment()))
}

/// Where listings prove links none is read; where they prove nothing all are.
#[test]
fn links_are_read_where_nothing_proves_them() {
    let r = random_registry(7);
    let bucket = Bucket::s3("registry");
    r.load_into(&bucket, "");
    let report = in_bucket(&bucket, &["--checksum"]).expect(0).json();
    let uploads = report["checked"]["uploads"].as_u64().unwrap();
    let odd = r.tree().keys().filter(|key| key.contains("/sha512/")).count() as u64;
    assert_eq!(report["checked"]["links_read"], uploads + odd, "{report:#}");
    let bucket = Bucket::s3("registry");
    bucket.etag_style(EtagStyle::Opaque);
    r.load_into(&bucket, "");
    let report = in_bucket(&bucket, &[]).expect(0).json();
    let links = r.tree().keys().filter(|key| key.ends_with("/link")).count() as u64;
    assert_eq!(report["checked"]["links_read"], links + uploads, "{report:#}");
}

#[test]
fn content_larger_than_one_request_is_compared() {
    let mut r = RegistryBuilder::new();
    let mut prng = Prng::new(3);
    let large: Vec<u8> = std::iter::repeat_with(|| prng.next().to_le_bytes()).take(5 << 20).flatten().collect();
    let digest = r.layer("app", large.clone());
    r.layer("app", "");
    let bucket = Bucket::s3("registry");
    r.load_into(&bucket, "");
    let report = in_bucket(&bucket, &["--checksum"]).expect(0).json();
    assert_eq!(report["checked"]["content"]["bytes"], 40 << 20);
    let mut turned = large;
    turned[39 << 20] ^= 1;
    bucket.put(&blob_key(&digest), turned);
    let report = in_bucket(&bucket, &["--checksum"]).expect(4).json();
    assert_eq!(report["findings"][0]["code"], "wrong_content", "{report:#}");
}

/// The forms of names that registries had in Azure: a registry sees only one of them.
#[test]
fn keys_in_both_forms_are_damage() {
    let mut r = RegistryBuilder::new();
    let image = r.image("app", "config", &["layer"]);
    r.tag("app", "v1", &image.digest);
    let bucket = Bucket::azure("registry");
    r.load_into(&bucket, "");
    let check = || {
        let mut run = command(["fsck", "az://registry", "--format", "json"]);
        run.env("AZURE_STORAGE_ACCOUNT", AZURE_ACCOUNT).env("AZURE_STORAGE_KEY", AZURE_KEY);
        finish(run.env("AZURE_STORAGE_ENDPOINT", bucket.endpoint()))
    };
    check().expect(0);
    r.load_into(&bucket, "/");
    let report: Value = check().expect(4).json();
    assert_eq!(found(&report, "damage"), super::pairs([("both_key_forms", "/docker/registry/v2/".into())]));
}

/// As many manifests as a busy registry has. It takes a while to write them, so it is asked for.
#[test]
#[ignore = "writes a hundred thousand files"]
fn large_sound_registry_shows_no_damage() {
    large(20_000);
}

#[test]
fn middling_sound_registry_shows_no_damage() {
    large(1_000);
}

fn large(manifests: usize) {
    let mut r = RegistryBuilder::new();
    for number in 0..manifests {
        let repository = format!("team-{}/app", number % 50);
        let image = r.image(&repository, &format!("config {number}"), &["base", &format!("layer {}", number / 3)]);
        if number % 4 > 0 {
            r.tag(&repository, &format!("v{number}"), &image.digest);
        }
    }
    let directory = tempfile::tempdir().unwrap();
    write_dir(r.tree(), directory.path());
    let report = fsck_in(directory.path(), &["--format", "json"]).expect(0).json();
    assert_eq!(report["checked"]["manifests"], manifests as u64);
    assert_eq!(report["findings"], json!([]));
}
