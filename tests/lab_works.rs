//! The laboratory itself works: its bucket through `object_store`'s real clients, its registries through its reader.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod lab;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use lab::bucket::{Bucket, Counts, Dialect, EtagStyle, Fault, Kind};
use lab::clients;
use lab::pull::{pull, pull_all, try_pull};
use lab::random::{damage, random_registry, random_registry_at};
use lab::registry::{RegistryBuilder, blob_key, layer_key, sha256};
use lab::tree::{at, read_dir};
use object_store::list::{PaginatedListOptions, PaginatedListStore};
use object_store::path::Path;
use object_store::{Error, GetOptions, GetRange, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions};

fn path(key: &str) -> Path {
    Path::parse(key).unwrap()
}

async fn listed(store: &dyn ObjectStore, prefix: Option<&str>) -> Vec<String> {
    let prefix = prefix.map(path);
    store.list(prefix.as_ref()).map_ok(|meta| meta.location.to_string()).try_collect().await.unwrap()
}

async fn bulk_delete(store: &dyn ObjectStore, keys: &[&str]) -> Vec<Result<String, Error>> {
    let keys: Vec<_> = keys.iter().map(|key| Ok(path(key))).collect();
    let deleted = store.delete_stream(stream::iter(keys).boxed());
    deleted.map(|result| result.map(|path| path.to_string())).collect().await
}

fn filled(bucket: Bucket, n: usize) -> Bucket {
    for i in 0..n {
        bucket.put(&format!("k/{i:05}"), format!("{i}"));
    }
    bucket
}

#[tokio::test]
async fn s3_lists_in_pages_and_byte_order() {
    let bucket = filled(Bucket::s3("reg"), 2500);
    for key in ["a-b/x", "a.b/x", "a/x", "é&<>\"'"] {
        bucket.put(key, "");
    }
    let client = clients::s3(&bucket, 0);
    assert_eq!(listed(&client, None).await, bucket.keys());
    assert_eq!(bucket.counts().list, 3);
    bucket.limit_pages(7);
    assert_eq!(listed(&client, Some("k")).await.len(), 2500);

    bucket.limit_pages(1);
    let level = client.list_with_delimiter(None).await.unwrap();
    assert_eq!(level.common_prefixes, ["a", "a-b", "a.b", "k"].map(path));
    assert_eq!(level.objects.len(), 1);
    let after = client.list_with_offset(Some(&path("k")), &path("k/02497")).try_collect::<Vec<_>>().await.unwrap();
    assert_eq!(after.len(), 2);
}

#[tokio::test]
async fn a_listing_shows_size_time_and_etag_as_get_does() {
    for bucket in [Bucket::s3("reg"), Bucket::gcs("reg"), Bucket::azure("reg")] {
        let client = clients::any(&bucket, 0);
        bucket.put_at("x", "content", at("2024-02-29T12:00:00.250Z"));
        let entry = client.list(None).next().await.unwrap().unwrap();
        assert_eq!(entry.size, 7);
        let got = client.get(&path("x")).await.unwrap();
        if bucket.dialect() != Dialect::Azure {
            assert_eq!(entry.last_modified.to_rfc3339(), "2024-02-29T12:00:00.250+00:00");
            assert_eq!(entry.e_tag.as_deref(), Some("\"9a0364b9e99bb480dd25e1f0284c8555\""));
            assert_eq!(got.meta.e_tag, entry.e_tag);
        }
        assert_eq!(got.meta.last_modified.timestamp(), entry.last_modified.timestamp());
        assert_eq!(got.bytes().await.unwrap(), "content");
        assert_eq!(client.head(&path("x")).await.unwrap().size, 7);
    }
}

#[tokio::test]
async fn objects_are_put_read_in_ranges_copied_and_deleted() {
    for bucket in [Bucket::s3("reg"), Bucket::gcs("reg"), Bucket::azure("reg")] {
        let client = clients::any(&bucket, 0);
        let create = || PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        client.put_opts(&path("a b/ü%20"), "0123456789".into(), create()).await.unwrap();
        let again = client.put_opts(&path("a b/ü%20"), "x".into(), create()).await;
        assert!(matches!(again, Err(Error::AlreadyExists { .. })), "{again:?}");
        assert_eq!(bucket.keys(), ["a b/ü%20"]);
        // Azure has no suffix ranges.
        let last = if bucket.dialect() == Dialect::Azure { GetRange::Offset(9) } else { GetRange::Suffix(1) };
        for (range, expected) in [(GetRange::Bounded(2..5), "234"), (GetRange::Offset(7), "789"), (last, "9")] {
            let options = GetOptions { range: Some(range), ..GetOptions::default() };
            assert_eq!(client.get_opts(&path("a b/ü%20"), options).await.unwrap().bytes().await.unwrap(), expected);
        }
        let etag = client.head(&path("a b/ü%20")).await.unwrap().e_tag;
        let unless = GetOptions { if_none_match: etag, ..GetOptions::default() };
        assert!(matches!(client.get_opts(&path("a b/ü%20"), unless).await, Err(Error::NotModified { .. })));
        client.copy(&path("a b/ü%20"), &path("copy")).await.unwrap();
        assert_eq!(bucket.get("copy").unwrap().bytes, "0123456789");
        client.delete(&path("copy")).await.unwrap();
        assert!(matches!(client.get(&path("copy")).await, Err(Error::NotFound { .. })));
        let missing = client.delete(&path("copy")).await;
        let not_s3 = bucket.dialect() != Dialect::S3;
        assert_eq!(matches!(missing, Err(Error::NotFound { .. })), not_s3, "on S3 it is no error: {missing:?}");
        assert_eq!(bucket.deleted(), ["copy"]);
    }
}

#[tokio::test]
async fn s3_deletes_in_batches_and_gcs_one_by_one() {
    let bucket = filled(Bucket::s3("reg"), 1500);
    let keys = bucket.keys();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let results = bulk_delete(&clients::s3(&bucket, 0), &keys).await;
    assert!(results.iter().all(Result::is_ok));
    let Counts { delete, batch, keys_deleted, .. } = bucket.counts();
    assert_eq!((delete, batch, keys_deleted, bucket.keys().len()), (2, 2, 1500, 0));

    let bucket = filled(Bucket::gcs("reg"), 30);
    bulk_delete(&clients::gcs(&bucket, 0), &keys[..30]).await;
    assert_eq!((bucket.counts().delete, bucket.counts().batch, bucket.keys().len()), (30, 0, 0));
}

#[tokio::test]
async fn azure_lists_in_pages_and_deletes_in_batches_of_256() {
    let bucket = filled(Bucket::azure("reg"), 300);
    bucket.put("/docker/x", "");
    bucket.limit_pages(90);
    let client = clients::azure(&bucket, 0);
    assert_eq!(listed(&client, Some("k")).await.len(), 300);
    assert_eq!(bucket.counts().list, 4);
    let after = client.list_with_offset(Some(&path("k")), &path("k/00297")).try_collect::<Vec<_>>().await.unwrap();
    assert_eq!(after.len(), 2);
    assert_eq!(client.list_with_delimiter(None).await.unwrap().common_prefixes.len(), 2);
    let raw = client.list_paginated(Some("/docker/"), PaginatedListOptions::default()).await.unwrap();
    assert_eq!(raw.result.objects.len(), 1);

    bucket.fault(Fault::fail_keys("AccessDenied").key(|key| key == "k/00007"));
    let keys = listed(&client, Some("k")).await;
    let mut keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    keys.push("k/missing");
    let results = bulk_delete(&client, &keys).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 299);
    assert!(matches!(results[300], Err(Error::NotFound { .. })), "{:?}", results[300]);
    assert_eq!(bucket.keys(), ["/docker/x", "k/00007"]);
    assert_eq!(bucket.counts().batch, 2);
}

#[tokio::test]
async fn faults_inside_a_batch_hit_the_keys_they_name() {
    let bucket = filled(Bucket::s3("reg"), 4);
    let client = clients::s3(&bucket, 0);
    bucket.fault(Fault::fail_keys("AccessDenied").key(|key| key.ends_with('1')));
    bucket.fault(Fault::omit_keys().key(|key| key.ends_with('2')));
    let results = bulk_delete(&client, &["k/00000", "k/00001", "k/00002", "k/00003"]).await;
    let message = results[1].as_ref().unwrap_err().to_string();
    assert!(message.contains("AccessDenied"), "{message}");
    assert_eq!(results.iter().filter(|r| r.is_ok()).count(), 3);
    assert_eq!(bucket.keys(), ["k/00001"], "left out of the answer, yet removed");

    bucket.clear_faults();
    bucket.fault(Fault::empty_answer());
    let results = bulk_delete(&client, &["k/00001"]).await;
    assert!(results[0].as_ref().unwrap_err().to_string().contains("$value"), "{results:?}");
    assert!(bucket.keys().is_empty(), "obeyed all the same");
}

#[tokio::test]
async fn answers_for_keys_that_were_not_asked_are_sent() {
    let bucket = filled(Bucket::s3("reg"), 1);
    bucket.fault(Fault::answer_unasked("k/elsewhere", Some("AccessDenied")));
    let client = clients::s3(&bucket, 0);
    let run = tokio::spawn(async move { bulk_delete(&client, &["k/00000"]).await });
    assert!(run.await.unwrap_err().is_panic(), "object_store cannot bear it; whoever can should be shown");
}

#[tokio::test]
async fn refusals_carry_s3_codes_and_clear() {
    let bucket = filled(Bucket::s3("reg"), 3);
    let client = clients::s3(&bucket, 2);
    let denied = bucket.fault(Fault::access_denied().on(Kind::Get).key(|key| key == "k/00001").times(1));
    let error = client.get(&path("k/00001")).await.unwrap_err();
    assert!(matches!(error, Error::PermissionDenied { .. }), "{error:?}");
    assert!(format!("{error:?}").contains("<Code>AccessDenied</Code>"), "{error:?}");
    client.get(&path("k/00001")).await.unwrap();
    assert_eq!(bucket.fired(denied), 1);

    bucket.fault(Fault::slow_down().on(Kind::List).times(2));
    assert_eq!(listed(&client, None).await.len(), 3, "two retries get over it");
    bucket.reset_counts();
    bucket.fault(Fault::expired_token().on(Kind::Batch));
    assert!(bulk_delete(&client, &["k/00001"]).await[0].is_err());
    bucket.fault(Fault::internal_error().on(Kind::Get).after(1));
    client.get(&path("k/00000")).await.unwrap();
    assert!(client.get(&path("k/00000")).await.is_err());
    let call = &bucket.log()[0];
    assert_eq!((call.method.as_str(), call.kind, call.status, call.keys.len()), ("POST", Kind::Batch, 403, 1));
    assert_eq!(bucket.counts().get, 4);
    assert_eq!(bucket.keys().len(), 3);
}

#[tokio::test]
async fn connections_break_before_after_and_within() {
    let bucket = filled(Bucket::s3("reg"), 3);
    let client = clients::s3(&bucket, 0);
    let cut = bucket.fault(Fault::cut_before().on(Kind::Batch));
    assert!(bulk_delete(&client, &["k/00000"]).await[0].is_err());
    assert_eq!(bucket.keys().len(), 3);
    bucket.clear_fault(cut);
    let cut = bucket.fault(Fault::cut_after().on(Kind::Batch));
    assert!(bulk_delete(&client, &["k/00000"]).await[0].is_err());
    assert_eq!(bucket.keys().len(), 2, "obeyed, though the client cannot know");
    bucket.clear_fault(cut);
    let cut = bucket.fault(Fault::cut_body());
    assert!(client.list(None).try_collect::<Vec<_>>().await.is_err());
    bucket.clear_fault(cut);
    bucket.fault(Fault::truncated_page());
    assert!(client.list(None).try_collect::<Vec<_>>().await.is_err());
}

#[tokio::test]
async fn listings_get_holes() {
    let bucket = filled(Bucket::s3("reg"), 10);
    let client = clients::s3(&bucket, 0);
    let hidden = bucket.fault(Fault::hide().key(|key| key == "k/00004"));
    assert_eq!(listed(&client, Some("k")).await.len(), 9);
    client.get(&path("k/00004")).await.unwrap();
    bucket.clear_fault(hidden);
    bucket.limit_pages(4);
    bucket.fault(Fault::page_without_token().after(1));
    assert_eq!(listed(&client, Some("k")).await.len(), 8, "object_store takes it for the end");
}

#[tokio::test]
async fn latency_rate_and_requests_in_flight_are_seen() {
    let bucket = filled(Bucket::s3("reg"), 20);
    let client = clients::s3(&bucket, 0);
    bucket.fault(Fault::latency(Duration::from_millis(100)).on(Kind::Get));
    let began = Instant::now();
    let keys = bucket.keys();
    let get = async |key: &String| client.get(&path(key)).await.is_ok();
    let gets = stream::iter(&keys).map(&get).buffer_unordered(10);
    assert!(gets.all(std::future::ready).await);
    assert!(began.elapsed() >= Duration::from_millis(200));
    assert_eq!(bucket.counts().peak_in_flight, 10);

    bucket.clear_faults();
    bucket.limit_rate(0.001, 3.0);
    let ok = stream::iter(&keys).then(&get);
    assert_eq!(ok.filter(|ok| std::future::ready(*ok)).count().await, 3);
}

#[tokio::test]
async fn a_push_can_come_between_and_requests_can_be_held() {
    let bucket = filled(Bucket::s3("reg"), 2);
    let client = clients::s3(&bucket, 0);
    bucket.fault(Fault::call(|store| store.put("k/pushed", "")).on(Kind::Get).times(1));
    client.get(&path("k/00000")).await.unwrap();
    assert!(bucket.contains("k/pushed"));
    let held = bucket.fault(Fault::hold().on(Kind::Get));
    let get = tokio::spawn(async move { client.get(&path("k/00001")).await.is_ok() });
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!get.is_finished());
    bucket.release(held);
    assert!(get.await.unwrap());
}

#[tokio::test]
async fn any_key_is_held_and_listed() {
    let odd = ["/leading", "a//b", "../x", "trailing/", "tab\there", "bell\u{7}", "cr\rlf\n"];
    for key in odd {
        let bucket = Bucket::s3("reg");
        bucket.put("fine", "");
        bucket.put(key, "");
        let client = clients::s3(&bucket, 0);
        let listing = client.list(None).try_collect::<Vec<_>>().await;
        let bears = ["/leading", "trailing/"].contains(&key);
        assert_eq!(listing.is_ok(), bears, "{key:?} through object_store: {listing:?}");
        let plain = client.list_paginated(Some("f"), PaginatedListOptions::default()).await.unwrap();
        assert_eq!(plain.result.objects.len(), 1);
    }
}

#[tokio::test]
async fn a_dropped_bucket_is_gone_even_with_requests_held() {
    let bucket = filled(Bucket::s3("reg"), 1);
    let client = clients::s3(&bucket, 0);
    client.get(&path("k/00000")).await.unwrap();
    bucket.fault(Fault::hold());
    let held = client.clone();
    let held = tokio::spawn(async move { held.get(&path("k/00000")).await.is_ok() });
    tokio::time::sleep(Duration::from_millis(50)).await;
    drop(bucket);
    assert!(!held.await.unwrap());
    assert!(client.get(&path("k/00000")).await.is_err());
}

#[tokio::test]
async fn a_missing_bucket_and_foreign_etags() {
    let bucket = Bucket::s3("reg");
    bucket.etag_style(EtagStyle::Opaque);
    bucket.put("x", "content");
    let meta = clients::s3(&bucket, 0).head(&path("x")).await.unwrap();
    assert_ne!(meta.e_tag.as_deref(), Some("\"9a0364b9e99bb480dd25e1f0284c8555\""));
    assert_eq!(meta.e_tag.unwrap().len(), 34);
    let elsewhere = Bucket::s3("other");
    let wrong = object_store::aws::AmazonS3Builder::new()
        .with_endpoint(elsewhere.endpoint())
        .with_bucket_name("reg")
        .with_skip_signature(true)
        .with_allow_http(true)
        .build()
        .unwrap();
    let error = wrong.get(&path("x")).await.unwrap_err();
    assert!(format!("{error:?}").contains("NoSuchBucket"), "{error:?}");
}

#[test]
fn a_registry_goes_through_directory_and_bucket_unchanged() {
    let registry = random_registry(7);
    let directory = tempfile::tempdir().unwrap();
    registry.write_to(directory.path());
    assert_eq!(&read_dir(directory.path()), registry.tree());
    let bucket = Bucket::s3("reg");
    registry.load_into(&bucket, "root/");
    assert_eq!(&bucket.dump("root/"), registry.tree());
    assert!(bucket.keys()[0].starts_with("root/docker/registry/v2/blobs/sha256/"));
}

#[test]
fn every_kind_of_manifest_pulls() {
    let mut r = RegistryBuilder::new();
    let image = r.image("a/b", "config", &["base", "top"]);
    let docker = r.docker_image("a/b", "config", &["base"]);
    let list = r.manifest_list("a/b", &[&docker.digest]);
    let absent = sha256(b"absent");
    let index = r.index("a/b", &[&image.digest, &list, &absent]);
    r.tag("a/b", "v1", &image.digest).tag("a/b", "v1", &index);
    let expected: BTreeSet<_> = image.all().into_iter().chain(docker.all()).chain([index.clone(), list]).collect();
    assert_eq!(BTreeSet::from_iter(pull(r.tree(), "a/b", "v1").unwrap()), expected);
    assert_eq!(try_pull(r.tree(), "a/b", "v1").absent, BTreeSet::from([absent]));
    assert_eq!(pull(r.tree(), "a/b", &image.digest).unwrap().len(), 4);

    let chart = r.helm_chart("charts/x", "1.0.0");
    let cache = r.buildkit_cache("cache", "main", &["one", "two"]);
    let old = r.schema1_image("old", "v0", &["base"]);
    let sbom = r.referrer("a/b", &image.digest, "application/spdx+json", "sbom");
    let artifact = r.artifact("a/b", "application/vnd.example", &["blob"], Some(&image.digest));
    let signed = r.cosign_signature("a/b", &image.digest);
    let foreign = r.foreign_layer_image("win", "config", &sha256(b"far away"), &["near"]);
    let alias = r.aliased_image("a/b", "config", &["hashed otherwise"]);
    assert!(alias.layers[0].starts_with("sha512:"));
    assert_eq!(BTreeSet::from_iter(pull(r.tree(), "a/b", &alias.digest).unwrap()), BTreeSet::from_iter(alias.all()));
    for (repo, image) in [("charts/x", &chart), ("cache", &cache), ("old", &old), ("a/b", &sbom), ("a/b", &artifact)] {
        assert_eq!(BTreeSet::from_iter(pull(r.tree(), repo, &image.digest).unwrap()), BTreeSet::from_iter(image.all()));
    }
    assert!(pull(r.tree(), "win", &foreign.digest).is_ok());
    let tag = image.digest.replacen(':', "-", 1) + ".sig";
    assert!(pull(r.tree(), "a/b", &tag).unwrap().contains(&signed.digest));
    let mut referrers = lab::pull::referrers(r.tree(), "a/b", &image.digest);
    referrers.sort();
    assert_eq!(BTreeSet::from_iter(referrers), BTreeSet::from([sbom.digest, artifact.digest]));
}

#[test]
fn the_reader_sees_what_the_registry_would_not_serve() {
    let mut r = RegistryBuilder::new();
    let image = r.image("a", "config", &["layer"]);
    r.tag("a", "v1", &image.digest);
    assert!(pull(r.tree(), "b", &image.digest).is_err(), "no link in that repository");
    let break_it = |damage: &dyn Fn(&mut RegistryBuilder)| {
        let mut broken = r.clone();
        damage(&mut broken);
        pull(broken.tree(), "a", "v1").unwrap_err()
    };
    assert!(break_it(&|r| _ = r.lose_blob(&image.layers[0])).contains("blob"));
    assert!(break_it(&|r| _ = r.remove(&layer_key("a", &image.layers[0]))).contains("blob"));
    assert!(break_it(&|r| _ = r.empty(&layer_key("a", &image.layers[0]))).contains("blob"));
    assert!(break_it(&|r| _ = r.delete_manifest("a", &image.digest)).contains("manifest"));
    assert!(break_it(&|r| _ = r.truncate(&blob_key(&image.digest))).contains("damaged"));
    assert!(break_it(&|r| _ = r.untag("a", "v1")).contains("tag"));

    let (alias, digest) = r.aliased_layer("a", "by sha512");
    let extra = serde_json::json!({"layers": [r.descriptor("application/octet-stream", &alias)]});
    let image = r.image_as("a", ["m", "c", "l"], "{}", &[], &extra);
    assert!(pull(r.tree(), "a", &image.digest).is_ok());
    assert!(pull(r.clone().lose_blob(&digest).tree(), "a", &image.digest).is_err());
    for link in [alias, digest] {
        assert!(pull(r.clone().remove(&layer_key("a", &link)).tree(), "a", &image.digest).is_err(), "both are needed");
    }
}

#[test]
fn random_registries_are_repeatable_sound_and_varied() {
    let mut kinds = BTreeSet::new();
    for seed in 0..200 {
        let now = at("2024-02-29T12:00:00Z");
        let tree = random_registry_at(seed, now).build();
        assert_eq!(tree, random_registry_at(seed, now).build(), "seed {seed}");
        for (reference, pulled) in pull_all(&tree) {
            assert!(pulled.broken.is_empty(), "seed {seed}: {reference:?}: {pulled:?}");
            if !pulled.absent.is_empty() {
                kinds.insert("a tag with absent children");
            }
        }
        for (key, kind) in [("_uploads", "upload"), ("sha512", "alias"), (".sig", "signature"), ("v2/_man", "nested")] {
            if tree.keys().any(|k| k.contains(key)) {
                kinds.insert(kind);
            }
        }
        let mut damaged = random_registry_at(seed, now);
        damage(&mut damaged, seed);
        assert_ne!(damaged.tree(), &tree, "seed {seed}");
    }
    assert_eq!(kinds.len(), 5, "{kinds:?}");
}
