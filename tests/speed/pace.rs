//! A store is asked as fast as it permits and the user says, and nothing fails for being asked too fast.

use std::time::{Duration, Instant};

use crate::lab::bucket::{Fault, Kind};
use crate::lab::registry::{blob_key, sha256};
use crate::scene::{Scene, images, said};

fn refused(scene: &Scene) -> u64 {
    scene.bucket.log().iter().filter(|call| call.status == 503).count() as u64
}

#[test]
fn a_store_that_refuses_above_a_rate_is_asked_at_that_rate() {
    let scene = Scene::new(&images(300));
    let (plain, counts) = scene.run(&["--dry-run"]);
    scene.bucket.limit_rate(200.0, 50.0);
    let (ran, throttled) = scene.run(&["--dry-run"]);
    assert_eq!(said(&ran), said(&plain));
    let refused = refused(&scene);
    assert!(refused > 0, "nothing was refused: this test does not test anything");
    // All that were in flight at first may be refused, and later a few from time to time.
    assert!(refused < 64 + throttled.requests() / 4, "{refused} of {throttled:?}");
    assert!(throttled.requests() - refused <= counts.requests() + 16, "each is answered once: {throttled:?}");
    let (swept, _) = scene.run(&[]);
    assert_eq!((swept.code, swept.count("/failed"), swept.count("/unknown")), (0, 0, 0), "{swept:#?}");
    assert_eq!(swept.json()["planned"], swept.json()["deleted"]);
}

/// So often that no fixed number of tries would do.
#[test]
fn a_request_that_is_refused_again_and_again_is_sent_again() {
    let scene = Scene::new(&images(10));
    let manifest = scene.bucket.keys().into_iter().find(|key| key.contains("/revisions/")).unwrap();
    let digest = String::from_utf8(scene.bucket.get(&manifest).unwrap().bytes.to_vec()).unwrap();
    let key = blob_key(&digest);
    let fault = scene.bucket.fault(Fault::slow_down().on(Kind::Get).key(move |read| read == key).times(13));
    let (ran, _) = scene.run(&["--dry-run"]);
    assert_eq!((ran.code, scene.bucket.fired(fault)), (0, 13), "{ran:#?}");
}

#[test]
fn a_batch_of_which_a_part_is_refused_slows_the_run_and_goes() {
    let scene = Scene::new(&images(40));
    let key = blob_key(&sha256(b"orphan 7"));
    scene.bucket.fault(Fault::fail_keys("SlowDown").key(move |asked| asked == key).times(2));
    let (ran, _) = scene.run(&[]);
    assert_eq!((ran.code, ran.count("/failed"), ran.count("/unknown")), (0, 0, 0), "{ran:#?}");
    assert_eq!(ran.json()["planned"], ran.json()["deleted"]);
}

#[test]
fn no_more_requests_are_in_flight_than_allowed() {
    let scene = Scene::new(&images(120));
    scene.bucket.limit_pages(40);
    scene.bucket.fault(Fault::latency(Duration::from_millis(10)));
    for (concurrency, most) in [("1", 1), ("3", 3), ("24", 24)] {
        let (ran, counts) = scene.run(&["--dry-run", "--concurrency", concurrency]);
        assert_eq!(ran.code, 0);
        assert!(counts.peak_in_flight <= most, "{concurrency}: {counts:?}");
        assert!(counts.peak_in_flight * 2 >= most, "{concurrency}: {counts:?}");
    }
}

#[test]
fn no_more_requests_are_sent_in_a_second_than_allowed() {
    let scene = Scene::new(&images(60));
    let began = Instant::now();
    let (ran, counts) = scene.run(&["--dry-run", "--max-requests-per-second", "40"]);
    assert_eq!(ran.code, 0);
    #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
    let least = (counts.requests() as f64 - 3.0) / 40.0;
    assert!(began.elapsed().as_secs_f64() >= least, "{:?} for {counts:?}", began.elapsed());
}
