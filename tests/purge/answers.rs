//! What the store answers to deletes decides what is believed, and whether anything more is asked.

use std::collections::BTreeSet;

use super::lab::bucket::{ById, Fault, Kind};
use super::scene::{Scene, count, row};

#[test]
fn all_that_is_old_goes_and_nothing_else() {
    let scene = Scene::usual();
    for page in [1, 3, 1000] {
        let saved = scene.bucket.save();
        scene.bucket.limit_pages(page);
        let dry = scene.run(&["--dry-run"]).expect(0);
        assert_eq!((scene.gone().len(), scene.bucket.counts().purge), (0, 0));
        let ran = scene.run(&[]).expect(0);
        scene.expect_unharmed("all");
        scene.expect_adds_up(&ran, "all");
        assert_eq!((count(&row(&dry)["planned"]), scene.gone().len()), (16, 16), "{ran:#?}");
        assert!(scene.now().iter().all(|version| version.is_latest && version.bytes.is_some()));
        assert_eq!(row(&ran)["planned"], row(&ran)["deleted"]);
        scene.restore(&saved);
    }
}

#[test]
fn markers_that_are_told_last_hide_all_the_same() {
    let scene = Scene::usual();
    scene.bucket.limit_pages(5);
    scene.bucket.tells_markers_last();
    let ran = scene.run(&[]).expect(0);
    scene.expect_unharmed("markers last");
    assert_eq!(scene.gone().len(), 16, "{ran:#?}");
}

#[test]
fn store_that_does_not_delete_by_ids_is_asked_once() {
    for how in [ById::RemovesCurrent, ById::MakesMarker, ById::MakesMarkerAndRepeatsTheId] {
        let scene = Scene::usual();
        scene.bucket.by_id(how);
        let ran = scene.run(&[]).expect(4);
        let log = scene.bucket.log();
        let purges: Vec<_> = log.iter().filter(|call| call.kind == Kind::Purge).collect();
        assert_eq!(purges.len(), 1, "{how:?}");
        assert_eq!(purges[0].keys.len(), 1, "{how:?}: the first goes alone");
        let row = row(&ran);
        assert_eq!(row["stopped"], "not-by-id", "{ran:#?}");
        assert_eq!((row["failed"].as_u64(), row["not_attempted"].as_u64()), (Some(1), Some(15)), "{ran:#?}");
        assert_eq!(row["failures"][0], "the store does not say that it deleted this version, and no other");
    }
}

#[test]
fn store_that_says_nothing_of_the_first_is_told_of_no_other() {
    let scene = Scene::usual();
    scene.bucket.fault(Fault::empty_answer().on(Kind::Purge));
    let ran = scene.run(&[]).expect(4);
    let log = scene.bucket.log();
    let asked: BTreeSet<_> = log.iter().filter(|call| call.kind == Kind::Purge).map(|call| &call.versions).collect();
    assert_eq!(asked.len(), 1, "{asked:?}");
    let row = row(&ran);
    assert_eq!((row["unknown"].as_u64(), row["not_attempted"].as_u64()), (Some(1), Some(15)), "{ran:#?}");
    scene.expect_unharmed("no answer");
}

#[test]
fn refused_as_a_whole_it_is_not_asked_again() {
    let scene = Scene::usual();
    scene.bucket.fault(Fault::access_denied().on(Kind::Purge));
    let ran = scene.run(&[]).expect(4);
    assert_eq!(scene.bucket.counts().purge, 1);
    assert_eq!((row(&ran)["failed"].as_u64(), scene.gone().len()), (Some(1), 0));
    assert!(ran.stdout.contains("no permission (s3:DeleteObjectVersion)"), "{ran:#?}");
}

/// As under an object lock.
#[test]
fn refused_version_keeps_its_marker_and_stops_no_other() {
    let scene = Scene::usual();
    let marked = |key: &str| key.contains("/repositories/gone/");
    scene.bucket.fault(Fault::fail_keys("AccessDenied").on(Kind::Purge).key(marked).times(1));
    let ran = scene.run(&[]).expect(4);
    scene.expect_unharmed("one is refused");
    scene.expect_adds_up(&ran, "one is refused");
    let left: Vec<_> = scene.now().into_iter().filter(|version| marked(&version.key)).collect();
    assert_eq!(left.iter().map(|version| version.bytes.is_none()).collect::<Vec<_>>(), [true, false]);
    assert_eq!((row(&ran)["failed"].as_u64(), row(&ran)["not_attempted"].as_u64()), (Some(1), Some(1)), "{ran:#?}");
    assert_eq!(scene.gone().len(), 14);
    // The first, which goes alone, may be the one.
    let scene = Scene::usual();
    scene.bucket.fault(Fault::fail_keys("AccessDenied").on(Kind::Purge).times(1));
    let ran = scene.run(&[]).expect(4);
    assert_eq!((row(&ran)["failed"].as_u64(), scene.gone().len()), (Some(1), 15), "{ran:#?}");
}

#[test]
fn what_an_answer_leaves_open_is_settled() {
    let faults = [
        ("InternalError", Fault::fail_keys("InternalError")),
        ("InternalError, obeyed", Fault::fail_keys_though_obeyed("InternalError")),
        ("missing", Fault::omit_keys_not_obeyed()),
        ("missing, obeyed", Fault::omit_keys()),
        ("SlowDown", Fault::fail_keys("SlowDown")),
        ("cut before", Fault::cut_before()),
        ("cut after", Fault::cut_after()),
    ];
    for (context, fault) in faults {
        for after in [0, 1] {
            let scene = Scene::usual();
            scene.bucket.fault(fault.clone().on(Kind::Purge).after(after).times(2));
            let ran = scene.run(&[]).expect(0);
            scene.expect_unharmed(context);
            scene.expect_adds_up(&ran, context);
            assert_eq!(scene.gone().len(), 16, "{context}: {ran:#?}");
        }
    }
}

#[test]
fn version_that_is_never_answered_for_is_unknown_and_its_marker_stays() {
    for fault in [Fault::omit_keys_not_obeyed(), Fault::fail_keys("InternalError")] {
        let scene = Scene::usual();
        let marked = |key: &str| key.contains("/repositories/gone/");
        scene.bucket.fault(fault.on(Kind::Purge).key(marked));
        let ran = scene.run(&[]).expect(4);
        scene.expect_unharmed("unknown");
        scene.expect_adds_up(&ran, "unknown");
        assert_eq!(scene.now().iter().filter(|version| marked(&version.key)).count(), 2);
        assert_eq!((row(&ran)["unknown"].as_u64(), scene.gone().len()), (Some(1), 14), "{ran:#?}");
    }
}

/// A refusal names the version as well; it shows nothing of what a delete would do.
#[test]
fn refusal_does_not_show_that_the_store_goes_by_ids() {
    for how in [ById::RemovesCurrent, ById::MakesMarker, ById::MakesMarkerAndRepeatsTheId] {
        let scene = Scene::usual();
        scene.bucket.by_id(how);
        scene.bucket.fault(Fault::fail_keys("AccessDenied").on(Kind::Purge).times(1));
        let ran = scene.run(&[]).expect(4);
        let log = scene.bucket.log();
        let purges: Vec<_> = log.iter().filter(|call| call.kind == Kind::Purge).collect();
        assert_eq!(purges.iter().map(|call| call.keys.len()).collect::<Vec<_>>(), [1, 1], "{how:?}: each alone");
        let row = row(&ran);
        assert_eq!(row["stopped"], "not-by-id", "{ran:#?}");
        assert_eq!((row["failed"].as_u64(), row["not_attempted"].as_u64()), (Some(2), Some(14)), "{ran:#?}");
    }
}

/// As where all is under a lock: some are tried, each alone, and not ten million.
#[test]
fn where_all_is_refused_few_are_tried() {
    let scene = Scene::usual();
    scene.bucket.fault(Fault::fail_keys("AccessDenied").on(Kind::Purge));
    let ran = scene.run(&[]).expect(4);
    scene.expect_unharmed("all refused");
    scene.expect_adds_up(&ran, "all refused");
    assert_eq!((scene.bucket.counts().purge, scene.gone().len()), (8, 0), "{ran:#?}");
    assert_eq!(row(&ran)["stopped"], "not-by-id");
}

#[test]
fn store_that_answers_no_delete_any_more_is_left_alone() {
    let scene = Scene::usual();
    scene.bucket.limit_pages(2);
    scene.bucket.fault(Fault::fail_keys("InternalError").on(Kind::Purge).after(1));
    let ran = scene.run(&[]).expect(4);
    scene.expect_unharmed("no answers");
    scene.expect_adds_up(&ran, "no answers");
    let row = row(&ran);
    assert_eq!((row["stopped"].as_str(), scene.gone().len()), (Some("no-answer"), 1), "{ran:#?}");
    assert!(scene.bucket.counts().purge <= 1 + 3 * 4, "{ran:#?}");
}
