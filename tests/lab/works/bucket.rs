//! The bucket answers real clients as the clouds do.

use futures::{StreamExt as _, TryStreamExt as _};
use object_store::list::{PaginatedListOptions, PaginatedListStore};
use object_store::{Error, GetOptions, GetRange, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions};

use super::lab::bucket::{Bucket, Counts, Dialect, EtagStyle, Fault};
use super::lab::clients;
use super::lab::tree::at;
use super::{bulk_delete, filled, listed, path};

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
