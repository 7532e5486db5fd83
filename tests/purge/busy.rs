//! A store that is busy, slow or away for a while: it is asked more slowly and again, and the run goes on.

use std::time::Duration;

use futures::TryStreamExt as _;
use regsweep::storage::location::{Location, S3Keys, S3Location, Secret, Store};
use regsweep::storage::open::{Connection, Opened, open};

use super::lab::bucket::{Bucket, Fault, Kind};
use super::lab::clients;
use super::scene::{Scene, count, row};

#[test]
fn above_its_rate_the_store_is_asked_more_slowly_and_all_goes() {
    let scene = Scene::usual();
    scene.bucket.limit_pages(2);
    // Until then nothing was too fast.
    scene.bucket.fault(Fault::call(|store| store.limit_rate(10.0, 1.0)).on(Kind::Versions).times(1));
    let ran = scene.run(&[]).expect(0);
    let log = scene.bucket.log();
    let of_versions = log.iter().filter(|call| matches!(call.kind, Kind::Versions | Kind::Purge));
    let (refused, answered): (Vec<_>, Vec<_>) = of_versions.partition(|call| call.status == 503);
    // Who only waited before the next try of each would be refused about once for each.
    let told = format!("{} refused, {} answered", refused.len(), answered.len());
    assert!(!refused.is_empty() && refused.len() * 5 < answered.len() * 4, "{told}");
    scene.expect_unharmed("busy");
    scene.expect_adds_up(&ran, "busy");
    assert_eq!(scene.gone().len(), 16, "{ran:#?}");
}

/// More refusals in a row than a small question would be put again.
#[test]
fn refusals_and_breaks_in_a_row_fail_no_run() {
    for fault in
        [Fault::slow_down(), Fault::status(429, "TooManyRequests"), Fault::internal_error(), Fault::cut_before()]
    {
        for kind in [Kind::Versions, Kind::Purge] {
            let scene = Scene::usual();
            let id = scene.bucket.fault(fault.clone().on(kind).times(5));
            let ran = scene.run(&[]).expect(0);
            assert_eq!((scene.bucket.fired(id), scene.gone().len()), (5, 16), "{ran:#?}");
            scene.expect_adds_up(&ran, "refused");
        }
    }
}

#[test]
fn single_versions_that_came_too_fast_slow_the_run_down_and_go() {
    let scene = Scene::usual();
    let id = scene.bucket.fault(Fault::fail_keys("SlowDown").on(Kind::Purge).after(1).times(20));
    let ran = scene.run(&[]).expect(0);
    assert_eq!((scene.bucket.fired(id), scene.gone().len()), (20, 16), "{ran:#?}");
    assert_eq!(count(&row(&ran)["deleted"]), 16);
}

async fn opened(bucket: &Bucket) -> Opened {
    let keys = S3Keys { access_key: clients::ACCESS_KEY.into(), secret_key: Secret::new(clients::SECRET_KEY) };
    let s3 = S3Location {
        bucket: bucket.name().into(),
        endpoint: Some(bucket.endpoint()),
        region: Some(clients::REGION.into()),
        path_style: Some(true),
        plain_http: true,
        keys: Some(keys),
        ..S3Location::default()
    };
    let location = Location { store: Store::S3(s3), named_by: "test".into(), from_configuration: false };
    let connection = Connection { answers_within: Some(Duration::from_millis(500)), ..Connection::default() };
    open(&location, &connection).await.unwrap()
}

#[tokio::test]
async fn page_that_is_never_answered_is_asked_for_again() {
    let scene = Scene::usual();
    let opened = opened(&scene.bucket).await;
    scene.bucket.limit_pages(7);
    let held = scene.bucket.fault(Fault::hold().on(Kind::Versions).after(1).times(2));
    let pages = opened.reader().versions("docker/registry/").unwrap();
    let pages: Vec<Vec<_>> = pages.try_collect().await.unwrap();
    let listed = pages.concat();
    assert_eq!((listed.len(), scene.bucket.fired(held)), (scene.bucket.versions().len(), 2));
}
