//! What bounds a run leaves the rest, and says so.

use std::process::Command;

use serde_json::json;

use super::lab::bucket::{Fault, Kind};
use super::lab::registry::{blob_key, sha256};
use super::scene::{Scene, count, row, wait_until};
use super::tool::{self, Ran};

fn expect_rest(scene: &Scene, ran: &Ran, why: &str, gone: usize) {
    scene.expect_unharmed(why);
    scene.expect_adds_up(ran, why);
    let row = row(ran);
    assert_eq!((row["stopped"].as_str(), scene.gone().len()), (Some(why), gone), "{ran:#?}");
    assert_eq!(row["not_attempted"].as_u64(), Some(16 - gone as u64), "{ran:#?}");
    assert_eq!(count(&row["deleted"]), gone as u64);
}

#[test]
fn objects_and_bytes_are_bounds_to_the_last_one() {
    for page in [1000, 4] {
        for most in [1, 2, 7, 15] {
            let scene = Scene::usual();
            scene.bucket.limit_pages(page);
            let ran = scene.run(&["--max-objects", &most.to_string()]).expect(0);
            expect_rest(&scene, &ran, "max-objects", most);
        }
        // Each old link has 71 bytes.
        let scene = Scene::usual();
        scene.bucket.limit_pages(page);
        let ran = scene.run(&["--max-bytes", "300"]).expect(0);
        assert_eq!(ran.count("/old_versions/deleted/noncurrent_versions/bytes"), 284, "{ran:#?}");
        scene.expect_unharmed("bytes");
        assert_eq!(row(&ran)["stopped"], "max-bytes");
    }
    let scene = Scene::usual();
    let ran = scene.run(&["--max-objects", "16"]).expect(0);
    assert_eq!((row(&ran)["stopped"].as_str(), scene.gone().len()), (None, 16));
}

#[test]
fn rest_is_told_with_its_reason() {
    let scene = Scene::usual();
    let ran = tool::finish(&mut scene.telling_people(&["--max-objects", "3"])).expect(0);
    assert!(ran.stdout.contains("13 left for the next run: enough for one run (--max-objects)"), "{ran:#?}");
}

/// What could mend something is not removed by a run that leaves something half done.
#[test]
fn after_a_collection_that_did_not_end_well_nothing_is_purged() {
    let scene = Scene::usual();
    scene.bucket.put(&blob_key(&sha256(b"orphan")), "orphan");
    scene.bucket.fault(Fault::fail_keys("AccessDenied").on(Kind::Batch).key(|key| key.ends_with("/data")));
    let ran = scene.run(&[]).expect(4);
    assert_eq!((scene.gone().len(), scene.bucket.counts().versions), (0, 0));
    assert!(ran.json()["old_versions"].is_null());
    assert!(ran.json()["first"].to_string().contains("old versions were left alone"), "{ran:#?}");
}

#[test]
fn time_that_is_over_between_pages_leaves_the_rest() {
    let scene = Scene::usual();
    scene.bucket.limit_pages(4);
    let pages = scene.bucket.versions().len().div_ceil(4) as u64;
    // Whatever else takes its time: the run's is over before this page is answered.
    scene.bucket.fault(Fault::latency(std::time::Duration::from_secs(12)).on(Kind::Versions).after(pages + 2).times(1));
    let ran = scene.run(&["--max-duration", "10s"]).expect(0);
    let gone = scene.gone().len();
    assert!(gone < 16, "{ran:#?}");
    expect_rest(&scene, &ran, "max-duration", gone);
    assert!(scene.bucket.counts().versions < 2 * pages, "no page is asked for afterwards");
}

#[test]
fn signal_between_pages_ends_it_before_the_next() {
    let scene = Scene::usual();
    scene.bucket.limit_pages(4);
    let pages = scene.bucket.versions().len().div_ceil(4) as u64;
    let held = scene.bucket.fault(Fault::hold().on(Kind::Versions).after(pages + 2).times(1));
    let child = scene.start(&[]);
    wait_until("a page of the second listing is asked for", || scene.bucket.fired(held) > 0);
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let ran = ended(child);
    assert_eq!(ran.code, 130, "{ran:#?}");
    expect_rest(&scene, &ran, "signal", scene.gone().len());
    assert!(scene.gone().len() < 16);
}

#[test]
fn signal_lets_the_batch_on_its_way_end_and_begins_no_other() {
    let scene = Scene::usual();
    scene.bucket.limit_pages(6);
    let held = scene.bucket.fault(Fault::hold().on(Kind::Purge).times(1));
    let child = scene.start(&[]);
    wait_until("the first version is to go", || scene.bucket.fired(held) > 0);
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    std::thread::sleep(std::time::Duration::from_millis(300));
    scene.bucket.release(held);
    let ran = ended(child);
    assert_eq!(ran.code, 130, "{ran:#?}");
    expect_rest(&scene, &ran, "signal", 1);
    assert_eq!(scene.bucket.counts().purge, 1);
}

/// The answer that would have shown that the store goes by ids is lost: it was the signal that ended the run.
#[test]
fn signal_before_the_first_answer_is_told_as_a_signal() {
    let scene = Scene::usual();
    scene.bucket.fault(Fault::cut_after().on(Kind::Purge));
    let child = scene.start(&[]);
    wait_until("the first version is to go", || scene.bucket.counts().purge > 0);
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    let ran = ended(child);
    assert_eq!(ran.code, 130, "{ran:#?}");
    scene.expect_unharmed("signal");
    assert_eq!((row(&ran)["stopped"].as_str(), row(&ran)["unknown"].as_u64()), (Some("signal"), Some(1)), "{ran:#?}");
    assert!(scene.bucket.counts().purge <= 2, "nothing is sent again once it was stopped");
}

/// Another run is at work: whatever this one deleted beside it would be deleted by nobody's leave.
#[test]
fn lost_lease_lets_the_batch_on_its_way_end_and_begins_no_other() {
    const LEASE: &str = "docker/registry/regsweep/lease.json";
    let scene = Scene::usual();
    scene.bucket.limit_pages(6);
    let held = scene.bucket.fault(Fault::hold().on(Kind::Purge).times(1));
    let child = scene.start(&[]);
    wait_until("the first version is to go", || scene.bucket.fired(held) > 0);
    let asked = || scene.bucket.log().iter().filter(|call| call.kind == Kind::Get && call.key == LEASE).count();
    let before = asked();
    let lease = json!({
        "schema": "regsweep.lease/1", "run": "another", "host": "elsewhere", "process": 1,
        "command": "garbage-collect", "taken": "2026-01-01T00:00:00Z", "expires": "2099-01-01T00:00:00Z",
    });
    scene.bucket.put(LEASE, lease.to_string());
    wait_until("it asks for its lease", || asked() > before);
    std::thread::sleep(std::time::Duration::from_millis(500));
    scene.bucket.release(held);
    let ran = ended(child);
    assert_eq!(ran.code, 4, "{ran:#?}");
    expect_rest(&scene, &ran, "lease", 1);
    assert_eq!(scene.bucket.counts().purge, 1);
    assert_eq!(scene.bucket.get(LEASE).unwrap().bytes, lease.to_string(), "it is another's, and stays");
}

fn ended(child: std::process::Child) -> Ran {
    let output = child.wait_with_output().unwrap();
    Ran {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}
