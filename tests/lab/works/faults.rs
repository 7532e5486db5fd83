//! What should go wrong goes wrong, and clears.

use std::time::{Duration, Instant};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use object_store::{Error, ObjectStore, ObjectStoreExt as _};

use super::lab::bucket::{Bucket, Fault, Kind};
use super::lab::clients;
use super::{bulk_delete, filled, listed, path};

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
