//! What may fail in a run beside a registry that serves pushes.

use std::collections::BTreeSet;

use super::lab::bucket::{Fault, Kind};
use super::scene::{LIVE, OTHER, STAGES, Scene, live_run};
use super::state::{LEASE, PENDING, is_own};
use super::tool::Ran;

const ASIDE: [&str; 2] = ["--aside", "always"];

fn is_repositories(prefix: &str) -> bool {
    prefix.contains("/repositories/")
}

fn is_content(key: &str) -> bool {
    key.contains("/blobs/") && key.ends_with("/data") && !is_own(key)
}

/// The run fails before the first delete: nothing changes, and it says what to do next.
#[track_caller]
fn expect_failed(scene: &Scene, fault: Fault, context: &str) -> Ran {
    let id = scene.bucket.fault(fault);
    let ran = scene.collect();
    assert!(scene.bucket.fired(id) > 0, "{context}: it never happened");
    assert_eq!(ran.code, 1, "{context}: {ran:#?}");
    assert!(ran.stderr.contains("next: "), "{context}: {ran:#?}");
    scene.expect_untouched(context);
    assert_eq!(scene.writes(), [], "{context}: nothing was even tried");
    scene.expect_converges(context);
    scene.restore();
    ran
}

/// The run fails after it: all is told, and the next run does the rest.
#[track_caller]
fn expect_incomplete(scene: &Scene, fault: Fault, context: &str) -> Ran {
    let id = scene.bucket.fault(fault);
    let ran = scene.collect();
    assert!(scene.bucket.fired(id) > 0, "{context}: it never happened");
    scene.expect_contained(&ran, 4, context);
    scene.restore();
    ran
}

#[test]
fn a_look_that_fails_for_good_before_the_first_delete_stops_the_run() {
    let scene = Scene::live();
    let denied = Fault::access_denied;
    expect_failed(&scene, denied().on(Kind::List).key(is_repositories), "the scan");
    expect_failed(&scene, denied().on(Kind::List).key(|prefix| prefix.contains("/blobs/")), "the blobs");
    expect_failed(&scene, denied().on(Kind::Get).key(is_content), "a manifest");
    expect_failed(&scene, denied().on(Kind::List).key(is_repositories).after(1), "the look before the first delete");
}

#[test]
fn a_look_that_fails_for_good_later_keeps_content_and_is_told() {
    for aside in [&[][..], &ASIDE] {
        let scene = Scene::live().and(aside);
        let look = |number| Fault::access_denied().on(Kind::List).key(is_repositories).after(number);
        let ran = expect_incomplete(&scene, look(2), "the look before content goes");
        assert_eq!(ran.count("/deleted/blobs/count"), 0, "{ran:#?}");
        assert!(ran.stderr.contains("AccessDenied"), "{ran:#?}");
        let ran = expect_incomplete(&scene, look(3), &format!("the last look {aside:?}"));
        assert!(ran.stderr.contains("AccessDenied"), "{ran:#?}");
        if !aside.is_empty() {
            assert_eq!(ran.count("/deleted/blobs/count"), 0, "what is aside is not deleted: {ran:#?}");
        }
    }
}

#[test]
fn a_store_that_is_slow_is_waited_for() {
    // A request is tried eleven times: of half of them refused, one in twenty runs would be given up by chance.
    for (share, seed) in [(0.1, 1), (0.3, 2)] {
        for (fault, what) in [(Fault::slow_down(), "503"), (Fault::status(429, "TooManyRequests"), "429")] {
            let scene = Scene::live().and(&ASIDE);
            scene.bucket.fault(fault.chance(share, seed));
            let ran = scene.collect();
            scene.expect_contained(&ran, 0, &format!("{what} for {share} of all requests"));
        }
    }
}

/// Without a word of what it takes away a run must not take it.
#[test]
fn what_regsweep_may_not_write_down_or_delete_is_known_before_the_first_delete() {
    let scene = Scene::live();
    let own = |part: &'static str| move |key: &str| is_own(key) && key.contains(part);
    for part in ["lease.json", "probe", "runs/"] {
        let ran = expect_failed(&scene, Fault::access_denied().on(Kind::Put).key(own(part)), part);
        assert!(ran.stderr.contains("grant the right to write"), "{part}: {ran:#?}");
    }
    let deletes = Fault::access_denied().on(Kind::Delete).on(Kind::Batch);
    let ran = expect_failed(&scene, deletes.key(own("probe")), "the probe is not deleted");
    assert!(ran.stderr.contains("grant the right to delete"), "{ran:#?}");
}

#[test]
fn a_record_of_what_waits_that_is_not_written_lets_nothing_go() {
    let scene = Scene::new().running(&live_run("1h"));
    let pending = |key: &str| key == PENDING;
    for written in [0, 1] {
        let context = format!("the record was written {written} times");
        let id = scene.bucket.fault(Fault::access_denied().on(Kind::Put).key(pending).after(written));
        let ran = scene.collect().expect(if written == 0 { 1 } else { 4 });
        assert!(scene.bucket.fired(id) > 0 && ran.stderr.contains(PENDING), "{context}: {ran:#?}");
        if written == 0 {
            scene.expect_untouched(&context);
        }
        scene.expect_whole(&context);
        scene.bucket.clear_faults();
        scene.let_time_pass();
        scene.collect().expect(0);
        assert!(scene.bucket.contains(PENDING), "{context}");
        scene.expect_whole(&context);
        assert!(!scene.gone().iter().any(|key| is_content(key)), "{context}: nothing has waited so far");
        scene.restore();
    }
}

#[test]
fn a_lease_that_cannot_be_given_back_ends_by_itself() {
    let scene = Scene::live();
    let gives_back = |key: &str| key == LEASE;
    scene.bucket.fault(Fault::access_denied().on(Kind::Delete).on(Kind::Batch).key(gives_back));
    let ran = scene.collect();
    scene.expect_contained(&ran, 0, "the lease stays");
}

#[test]
fn a_stage_that_is_refused_in_a_live_run_keeps_all_that_it_points_to() {
    let refuse = |scene: &Scene, keys: BTreeSet<String>, whole: bool, context: &str| {
        let refused = keys.clone();
        let is_refused = move |key: &str| refused.contains(key);
        let fault = if whole {
            Fault::access_denied().on(Kind::Batch).on(Kind::Delete).key(is_refused)
        } else {
            Fault::fail_keys("AccessDenied").key(is_refused)
        };
        let ran = expect_incomplete(scene, fault, context);
        assert!(ran.count("/failed") > 0, "{context}: {ran:#?}");
    };
    let scene = Scene::live();
    for stage in STAGES {
        refuse(&scene, scene.planned(stage, None), true, &format!("403 for every {stage}"));
        let one = BTreeSet::from([scene.planned(stage, None).pop_first().unwrap()]);
        refuse(&scene, one, true, &format!("AccessDenied for a {stage}"));
        for repository in [LIVE, OTHER] {
            let keys = scene.planned(stage, Some(repository));
            if !keys.is_empty() && stage != "blob" {
                refuse(&scene, keys, false, &format!("AccessDenied for each {stage} of {repository}"));
            }
        }
    }
    let scene = Scene::live().and(&ASIDE);
    refuse(&scene, scene.planned("blob", None), true, "content that is copied cannot be deleted");
}

/// From some request on everything is refused, as when a session ends: nothing is lost, and the report is honest.
#[test]
fn credentials_that_end_at_any_request_lose_nothing() {
    for aside in [&[][..], &ASIDE] {
        let scene = Scene::live().and(aside);
        scene.collect().expect(0);
        let requests = scene.bucket.counts().requests();
        scene.restore();
        for n in (0..requests).step_by(3) {
            let context = format!("{aside:?}: the session ends at request {n} of {requests}");
            scene.bucket.fault(Fault::expired_token().after(n));
            let ran = scene.collect();
            let touched = scene.bucket.log().iter().any(|call| {
                matches!(call.kind, Kind::Delete | Kind::Batch)
                    && call.status == 200
                    && call.keys.iter().any(|key| !is_own(key))
            });
            assert!(if touched { ran.code == 4 || n + 6 > requests } else { ran.code == 1 }, "{context}: {ran:#?}");
            assert!(ran.code == 0 || format!("{ran:?}").contains("ExpiredToken"), "{context}: {ran:#?}");
            let is_aside = |key: &str| scene.state().iter().any(|own| own.contains("/aside/") && own.contains(key));
            let hex = |key: &str| key.rsplit('/').nth(1).unwrap_or_default().to_owned();
            let all = scene.all_planned();
            let lost: Vec<_> =
                scene.gone().into_iter().filter(|key| !all.contains(key) && !is_aside(&hex(key))).collect();
            assert!(lost.is_empty(), "{context}: {lost:?}");
            scene.expect_whole(&context);
            scene.expect_converges(&context);
            scene.restore();
        }
    }
}

/// The registry removes old uploads itself, and may do so at any time.
#[test]
fn uploads_that_the_registry_purges_meanwhile_are_already_gone() {
    let scene = Scene::live();
    let (uploads, revisions) = (scene.planned("upload", None), scene.planned("revision", None));
    let theirs = uploads.clone();
    scene.bucket.fault(
        Fault::call(move |store| theirs.iter().for_each(|key| drop(store.remove(key))))
            .on(Kind::Batch)
            .key(move |key| revisions.contains(key))
            .times(1),
    );
    let ran = scene.collect().expect(0);
    assert_eq!(ran.count("/failed") + ran.count("/unknown"), 0, "{ran:#?}");
    scene.expect_whole("purged");
    scene.expect_converges("purged");
}

/// Half of what regsweep wrote down is no reason to lose anything.
#[test]
fn a_torn_record_or_journal_loses_nothing() {
    let scene = Scene::new().running(&live_run("1h"));
    scene.collect().expect(0);
    scene.let_time_pass();
    let left = scene.bucket.dump("");
    let journal = scene.state().into_iter().find(|key| key.contains("/runs/")).unwrap();
    for key in [PENDING, &journal] {
        for part in [0, 1, 2, 3] {
            let bytes = left[key].bytes.clone();
            scene.bucket.load("", &left);
            scene.bucket.put(key, bytes.slice(..bytes.len() * part / 4));
            let context = format!("{part} quarters of {key}");
            scene.collect().expect(0);
            scene.expect_whole(&context);
            assert!(!scene.gone().iter().any(|key| is_content(key)), "{context}: nothing has waited long enough");
            scene.bucket.remove_where(|key| !left.contains_key(key));
        }
    }
}
