//! Killed at every request of a run on a bucket, whether the store obeyed that request or not.

use std::collections::BTreeSet;

use super::scene::{Scene, live_run};
use super::small;
use super::victim::{Last, at_every_request, kill_at};

/// Nothing waits: all garbage goes in one run.
fn live(scene: Scene) -> Scene {
    scene.running(&live_run("0s"))
}

/// Killed there: nothing is lost, the next run does exactly the rest, and then there is nothing left to do.
fn expect_survived(scene: &Scene, n: u64, last: Last) {
    let context = format!("killed at request {n} ({last:?})");
    kill_at(scene, n, last);
    scene.expect_whole(&context);
    scene.expect_converges(&context);
    // The rest says nothing new of most points.
    if !n.is_multiple_of(4) {
        return;
    }
    let third = scene.collect().expect(0);
    assert_eq!(third.count("/entries/planned"), 0, "{context}: {third:#?}");
    assert_eq!(third.count("/mended") + third.count("/put_back"), 0, "{context}: {third:#?}");
    assert_eq!(scene.state(), BTreeSet::new(), "{context}");
}

#[test]
fn a_live_run_on_s3_is_killed_at_every_request() {
    let requests = at_every_request(|| live(small::s3()), expect_survived);
    assert!(requests > 30, "{requests}");
}

#[test]
fn a_live_run_on_s3_that_moves_content_aside_is_killed_at_every_request() {
    let requests = at_every_request(|| live(small::s3()).and(&["--aside", "always"]), expect_survived);
    assert!(requests > 45, "{requests}");
}

#[test]
fn a_live_run_on_gcs_is_killed_at_every_request() {
    let requests = at_every_request(|| live(small::gcs()), expect_survived);
    assert!(requests > 45, "{requests}");
}
