//! An audit of buckets: what it costs, what rights it needs, and how things are stored.

use serde_json::Value;

use super::lab::bucket::{Bucket, Counts, Dialect, Fault, Kind};
use super::lab::clients::{AZURE_ACCOUNT, AZURE_KEY, s3_config, s3_environment};
use super::lab::pull::revisions;
use super::lab::random::random_registry;
use super::lab::registry::{RegistryBuilder, blob_key, sha256, upload_key};
use super::lab::tree::days_ago;
use super::tool::{self, Ran};
use super::{audit, classes, number};

fn run(bucket: &Bucket, root: &str, command: &[&str]) -> (Ran, Counts) {
    bucket.reset_counts();
    let home = tempfile::tempdir().unwrap();
    let config = home.path().join("config.yml");
    std::fs::write(&config, s3_config(bucket, root)).unwrap();
    let mut command = tool::command(command.iter().chain(&["--format", "json"]));
    let (root, endpoint) = (root.trim_matches('/'), bucket.endpoint());
    match bucket.dialect() {
        Dialect::S3 => command.arg("-R").arg(&config).envs(s3_environment()),
        Dialect::Gcs => command
            .args(["-R", &format!("gs://registry/{root}"), "--endpoint-url", &endpoint])
            .env("CLOUDSDK_AUTH_ACCESS_TOKEN", "laboratory"),
        Dialect::Azure => command
            .args(["-R", &format!("az://registry/{root}")])
            .env("AZURE_STORAGE_ACCOUNT", AZURE_ACCOUNT)
            .env("AZURE_STORAGE_KEY", AZURE_KEY)
            .env("AZURE_STORAGE_ENDPOINT", endpoint),
    };
    let ran = tool::finish(&mut command);
    (ran, bucket.counts())
}

fn images(number: usize) -> RegistryBuilder {
    let mut registry = RegistryBuilder::new();
    for build in 0..number {
        let repository = ["app", "app/api", "base", "team/web"][build % 4];
        let image = registry.image(repository, &format!("config {build}"), &["base", &format!("layer {build}")]);
        if build % 3 > 0 {
            registry.tag(repository, &format!("v{build}"), &image.digest);
        }
        registry.layer(repository, format!("orphan {build}"));
    }
    registry
}

/// A dry run, and the four levels above content and repositories once each: what lies beside them is counted too.
#[test]
fn audit_costs_a_dry_run_and_a_look_beside_it() {
    let (registry, bucket) = (images(500), Bucket::s3("registry"));
    registry.load_into(&bucket, "");
    let home = tempfile::tempdir().unwrap();
    let cache = home.path().join("cache").display().to_string();
    let groups = ["--group", "re:^([^/]+)"];
    for cache in [&[][..], &["--cache-dir", &cache], &["--cache-dir", &cache]] {
        let (ran, dry) = run(&bucket, "", &[&["gc", "--offline", "--dry-run"], cache].concat());
        assert_eq!(ran.code, 0, "{ran:#?}");
        let (ran, counts) = run(&bucket, "", &[&["audit"], &groups[..], cache].concat());
        assert_eq!(ran.code, 0, "{ran:#?}");
        assert!(counts.get <= dry.get, "{counts:?}, and a dry run {dry:?}");
        assert!(counts.list <= dry.list + 4 + 4, "{counts:?}, and a dry run {dry:?}");
        assert!(counts.head <= dry.head, "{counts:?}, and a dry run {dry:?}");
        assert_eq!((counts.writes(), counts.other), (0, dry.other), "{counts:?}");
    }
    let manifests = revisions(registry.tree()).len() as u64;
    let (_, counts) = run(&bucket, "", &["audit"]);
    assert_eq!(counts.get, manifests, "each manifest once, and no link");
}

/// The same registry says the same, wherever it is; a key of another application beside its root is not in it.
#[test]
fn what_is_in_a_bucket_is_what_is_in_a_directory() {
    let mut registry = random_registry(7);
    for key in ["notes", "docker/x", "docker/registry/regsweep/odd", "docker/registry/v2/y", "other/z/data"] {
        registry.raw(key, key.to_owned());
    }
    let expected = audit(&registry, &[]);
    for bucket in [Bucket::s3("registry"), Bucket::gcs("registry"), Bucket::azure("registry")] {
        registry.load_into(&bucket, "some/root/");
        bucket.put("some/rooted", "not below it");
        bucket.put("else", "not below it");
        bucket.limit_pages(7);
        let (ran, _) = run(&bucket, "/some/root", &["audit"]);
        let report = ran.expect(0).json();
        for field in ["objects", "bytes", "classes", "repositories", "nobody", "months", "base_layers", "after"] {
            let stripped = |report: &Value| without_storage(&report[field]);
            assert_eq!(stripped(&report), stripped(&expected), "{:?}: {field}", bucket.dialect());
        }
    }
}

/// How things are stored is told by the store alone.
fn without_storage(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let kept = fields.iter().filter(|(name, _)| *name != "storage_classes" && *name != "last_push");
            kept.map(|(name, value)| (name.clone(), without_storage(value))).collect()
        }
        Value::Array(all) => all.iter().map(without_storage).collect(),
        other => other.clone(),
    }
}

#[test]
fn bytes_are_told_by_the_storage_class_that_the_listing_names() {
    let mut registry = images(6);
    registry.blob("x".repeat(200 << 10));
    let links = "/repositories/base/";
    for (bucket, cold, usual) in [
        (Bucket::s3("registry"), "GLACIER_IR", "STANDARD"),
        (Bucket::gcs("registry"), "COLDLINE", "not_known"),
        (Bucket::azure("registry"), "Cool", "Hot"),
    ] {
        registry.load_into(&bucket, "");
        bucket.store_as("/blobs/sha256/0", cold);
        bucket.store_as("/blobs/sha256/a", cold);
        bucket.store_as(links, "ODD & <CLASS>".split(' ').next().unwrap());
        let report = run(&bucket, "", &["audit"]).0.expect(0).json();
        let class = |key: &str| match key {
            key if key.contains(links) => "ODD",
            key if key.contains("/blobs/sha256/0") || key.contains("/blobs/sha256/a") => cold,
            _ => usual,
        };
        for name in ["ODD", cold, usual] {
            let of_class = || registry.tree().iter().filter(|(key, _)| class(key) == name);
            let sizes: Vec<u64> = of_class().map(|(_, entry)| entry.bytes.len() as u64).collect();
            let small: Vec<u64> = sizes.iter().copied().filter(|size| *size < 128 << 10).collect();
            let told = &report["storage_classes"][name];
            let expected = serde_json::json!({
                "count": sizes.len(), "bytes": sizes.iter().sum::<u64>(),
                "small": {"count": small.len(), "bytes": small.iter().sum::<u64>()},
            });
            assert_eq!(told, &expected, "{:?}: {name}", bucket.dialect());
        }
        let after = &report["after"]["collection"];
        let orphans = |name: &str| after["storage_classes"][name]["bytes"].as_u64().unwrap_or(0);
        assert_eq!(orphans("ODD") + orphans(cold) + orphans(usual), number(after, "/freed/bytes"));
        assert_eq!(orphans("ODD") % 71, 0, "links of one repository, and nothing else");
    }
}

/// Rights to list and read what is the registry's suffice; what may not be looked at is not called nothing.
#[test]
fn what_may_not_be_listed_is_not_known() {
    let bucket = Bucket::s3("registry");
    images(3).load_into(&bucket, "");
    bucket.put("docker/registry/regsweep/odd", "hidden");
    bucket.fault(Fault::access_denied().on(Kind::List).key(|key| !key.starts_with("docker/registry/v2/")));
    bucket.fault(Fault::access_denied().on(Kind::Put));
    bucket.fault(Fault::access_denied().on(Kind::Other).key(|key| key.starts_with('?')));
    bucket.fault(Fault::access_denied().on(Kind::Versions));
    let (ran, _) = run(&bucket, "", &["audit"]);
    let report = ran.expect(0).json();
    assert!(report["not_known"][0].as_str().unwrap().starts_with("what lies beside the registry: "), "{report:#}");
    assert!(!classes(&report).contains_key("foreign"));
    for unknown in ["multipart_uploads", "noncurrent_versions", "delete_markers"] {
        assert!(report["not_listed"][unknown].is_null(), "not zero");
    }
}

/// Parts are of the upload that they belong to; those of a blob are nobody's. They are billed, so they count.
#[test]
fn what_no_listing_shows_is_counted_where_it_belongs() {
    let id = "0f8fad5b-d9cb-469f-a165-70867728950e";
    let (old, young) = (days_ago(30), days_ago(1));
    let bucket = Bucket::s3("registry");
    let mut registry = images(3);
    registry.upload("app", id, old, "so far");
    registry.load_into(&bucket, "");
    let without = run(&bucket, "", &["audit"]).0.expect(0).json();
    assert_eq!(without["not_listed"]["multipart_uploads"], serde_json::json!({"count": 0, "bytes": 0}));
    for (key, id, begun, size) in [
        (upload_key("app", id, "data"), "stale", old, 1000),
        (upload_key("gone", id, "data"), "alone", old, 200),
        (blob_key(&sha256(b"base")), "moved", old, 30),
        (upload_key("base", id, "data"), "active", young, 4),
        ("docker/registry/v2/odd".into(), "odd", old, 5000),
    ] {
        bucket.begin_upload(&key, id, begun);
        bucket.add_part(&key, id, size, begun);
    }
    let report = run(&bucket, "", &["audit"]).0.expect(0).json();
    // Of what no registry writes nobody asks for the parts.
    assert_eq!(report["not_listed"]["multipart_uploads"], serde_json::json!({"count": 5, "bytes": 1234}));
    assert_eq!(classes(&report)["multipart_uploads_stale"], (3, 1230));
    assert_eq!(classes(&report)["multipart_uploads_active"], (2, 4));
    assert_eq!(number(&report, "/bytes"), number(&without, "/bytes") + 1234);
    let freed = |report: &Value| number(report, "/after/collection/freed/bytes");
    assert_eq!(freed(&report), freed(&without) + 1230);
    let (ran, _) = run(&bucket, "", &["gc", "--offline"]);
    assert_eq!(ran.expect(0).count("/bytes/freed"), freed(&report), "as it was said");
    let rows = report["repositories"].as_array().unwrap();
    let share = |name: &str| {
        rows.iter().find(|row| row["name"] == name).unwrap()["classes"]["multipart_uploads_stale"].as_u64()
    };
    assert_eq!((share("app"), share("gone"), share("base")), (Some(1000), Some(200), None));
    assert_eq!(report["nobody"]["classes"]["multipart_uploads_stale"], 30);
}

/// What is refused is not promised.
#[test]
fn figures_that_are_not_to_be_had_say_so() {
    let bucket = Bucket::s3("registry");
    let mut registry = images(3);
    registry.raw("scheduler-state.json", "{}");
    registry.load_into(&bucket, "");
    let codes = |report: &Value, kind: &str| {
        let refusals = report["after"][kind]["refusals"].as_array().unwrap().clone();
        refusals.iter().map(|refusal| refusal["code"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let report = run(&bucket, "", &["audit"]).0.expect(0).json();
    assert_eq!(codes(&report, "collection"), Vec::<String>::new());
    assert_eq!(codes(&report, "collection_untagged"), ["pull-through-cache"]);
    bucket.put("docker/registry/lockfiles/database-in-use", "");
    let report = run(&bucket, "", &["audit"]).0.expect(0).json();
    assert_eq!(codes(&report, "collection"), ["database"]);
    registry.raw("docker/registry/lockfiles/database-in-use", "");
    let text = super::run(&super::on_disk(&registry), &[]).expect(0).stdout;
    assert!(text.contains("! refused here: `regsweep gc`, `regsweep gc -m`: a metadata database is in use"), "{text}");
    assert!(text.lines().all(|line| line.len() <= 80), "{text}");
}

/// Another run holds the lease: whoever only looks does not mind.
#[test]
fn audit_needs_no_lease() {
    let bucket = Bucket::s3("registry");
    images(3).load_into(&bucket, "");
    let lease = serde_json::json!({"run": "other", "host": "elsewhere", "command": "garbage-collect"});
    bucket.put("docker/registry/regsweep/lease.json", lease.to_string());
    let (ran, counts) = run(&bucket, "", &["audit"]);
    assert_eq!(classes(&ran.expect(0).json())["regsweep_state"].0, 1);
    assert_eq!(counts.writes(), 0);
}
