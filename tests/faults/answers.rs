//! What a store may answer to a batch of deletes.

use super::lab::bucket::{Fault, Kind};
use super::scene::{STAGES, Scene};
use super::state::is_own;

/// A run under this fault ends with `code`, and everything else holds too.
fn meets(scene: &Scene, fault: Fault, code: i32, context: &str) -> super::tool::Ran {
    let id = scene.bucket.fault(fault);
    let ran = scene.collect();
    assert!(scene.bucket.fired(id) > 0, "{context}: it never happened");
    scene.expect_contained(&ran, code, context);
    scene.restore();
    ran
}

fn first(scene: &Scene, stage: &str) -> impl Fn(&str) -> bool + Send + Sync + 'static {
    let key = scene.planned(stage, None).pop_first().unwrap();
    move |asked| asked == key
}

#[test]
fn an_empty_answer_is_settled_by_looking() {
    let scene = Scene::new();
    let ran = meets(&scene, Fault::empty_answer(), 0, "empty answers");
    assert_eq!(ran.count("/unknown"), 0);
}

#[test]
fn keys_left_out_of_an_answer_are_settled_by_looking() {
    let scene = Scene::new();
    for stage in STAGES {
        meets(&scene, Fault::omit_keys().key(first(&scene, stage)), 0, &format!("{stage}: omitted, obeyed"));
        let once = Fault::omit_keys_not_obeyed().key(first(&scene, stage)).times(1);
        meets(&scene, once, 0, &format!("{stage}: omitted once, not obeyed"));
    }
    for stage in ["tag_history", "blob"] {
        let ran =
            meets(&scene, Fault::omit_keys_not_obeyed().key(first(&scene, stage)), 4, "always omitted, not obeyed");
        assert_eq!(ran.count("/failed"), 1);
    }
}

#[test]
fn an_answer_for_a_key_that_was_not_asked_changes_nothing() {
    let scene = Scene::new();
    for code in [None, Some("AccessDenied"), Some("InternalError")] {
        meets(&scene, Fault::answer_unasked("somewhere/else", code), 0, &format!("unasked: {code:?}"));
    }
}

#[test]
fn a_key_the_store_has_trouble_with_is_tried_again() {
    let scene = Scene::new();
    for code in ["InternalError", "SlowDown", "ServiceUnavailable"] {
        for stage in ["revision", "blob"] {
            let context = format!("{code} for a {stage}");
            meets(&scene, Fault::fail_keys(code).key(first(&scene, stage)).times(1), 0, &context);
            meets(
                &scene,
                Fault::fail_keys_though_obeyed(code).key(first(&scene, stage)),
                0,
                &format!("{context}, obeyed"),
            );
        }
    }
    let ran = meets(&scene, Fault::fail_keys("InternalError").key(first(&scene, "revision")), 4, "always");
    assert_eq!(ran.count("/failed"), 1);
    assert!(ran.stdout.contains("InternalError"), "{ran:#?}");
}

#[test]
fn a_refusal_of_a_key_that_is_gone_all_the_same_is_told_as_failed_and_loses_nothing() {
    let scene = Scene::new();
    for stage in STAGES {
        scene.bucket.fault(Fault::fail_keys_though_obeyed("AccessDenied").key(first(&scene, stage)));
        let ran = scene.collect().expect(4);
        assert_eq!(ran.count("/failed"), 1, "{stage}");
        scene.expect_whole(stage);
        // It is gone and counted as failed: one more in all than by the bucket.
        let rest = ran.count("/failed") + ran.count("/not_attempted");
        assert_eq!(scene.gone().len() as u64 + rest, scene.plan.len() as u64 + 1, "{stage}: {ran:#?}");
        scene.expect_converges(stage);
        scene.restore();
    }
}

#[test]
fn a_batch_that_is_put_off_is_sent_again() {
    let scene = Scene::new();
    meets(&scene, Fault::slow_down().on(Kind::Batch).times(3), 0, "503 three times");
    meets(&scene, Fault::internal_error().on(Kind::Batch).times(2), 0, "500 twice");
    meets(&scene, Fault::status(429, "TooManyRequests").on(Kind::Batch).times(2), 0, "429 twice");
}

#[test]
fn a_connection_that_breaks_is_settled_by_looking() {
    let scene = Scene::new();
    for skip in 0..5 {
        for (fault, how) in [
            (Fault::cut_before(), "before"),
            (Fault::cut_after(), "after obeying"),
            (Fault::cut_body(), "in the body, obeyed"),
        ] {
            meets(&scene, fault.on(Kind::Batch).after(skip).times(1), 0, &format!("batch {skip} is cut {how}"));
        }
    }
}

#[test]
fn a_credential_that_expires_between_two_batches_is_told_and_counted() {
    let scene = Scene::new();
    for status in [403, 400] {
        for skip in 0..4 {
            let expired = || Fault::status(status, "ExpiredToken");
            let keys = expired().on(Kind::Batch).key(|key| !is_own(key)).after(skip);
            scene.bucket.fault(expired().on(Kind::Head).key(|key| key.ends_with("/link") || key.ends_with("/data")));
            let ran = meets(&scene, keys, 4, &format!("{status} ExpiredToken from batch {skip} on"));
            assert!(ran.stdout.contains("ExpiredToken"), "{ran:#?}");
        }
    }
}

#[test]
fn what_another_has_removed_in_the_meantime_is_already_gone() {
    let scene = Scene::new();
    let theirs = scene.planned("tag_history", None);
    // Between the listing of the repositories and the look before the delete.
    scene.bucket.fault(
        Fault::call(move |store| theirs.iter().for_each(|key| drop(store.remove(key))))
            .on(Kind::List)
            .key(|prefix| prefix.contains("/blobs/"))
            .times(1),
    );
    let ran = scene.collect().expect(0);
    assert_eq!(ran.count("/already_gone"), scene.planned("tag_history", None).len() as u64);
    scene.expect_contained(&ran, 0, "two collectors");
}
