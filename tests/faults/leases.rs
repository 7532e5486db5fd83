//! One at a time deletes.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::lab::bucket::{Fault, FaultId, Kind};
use super::scene::{Scene, wait_until};
use super::state::{LEASE, is_own};
use super::tool::Ran;

fn start(scene: &Scene) -> Child {
    scene.collecting().stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn end(child: Child) -> Ran {
    let output = child.wait_with_output().unwrap();
    Ran {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status().unwrap().success());
}

/// A run that waits in the delete of its first revisions.
fn held(scene: &Scene) -> (Child, FaultId) {
    let keys = scene.planned("revision", None);
    let held = scene.bucket.fault(Fault::hold().on(Kind::Batch).key(move |key| keys.contains(key)));
    let child = start(scene);
    wait_until("it deletes revisions", || scene.bucket.fired(held) > 0);
    (child, held)
}

/// Another run has the lease, and will for long.
fn take_over(scene: &Scene) {
    let lease = serde_json::json!({
        "schema": "regsweep.lease/1", "run": "another", "host": "elsewhere", "process": 1,
        "command": "garbage-collect", "taken": "2026-01-01T00:00:00Z", "expires": "2099-01-01T00:00:00Z",
    });
    scene.bucket.put(LEASE, lease.to_string());
}

/// What it deleted of the registry.
fn deletes(scene: &Scene) -> usize {
    scene.bucket.deleted().iter().filter(|key| !is_own(key)).count()
}

/// It stopped, said why, and did not touch what is another's.
#[track_caller]
fn expect_stopped(scene: &Scene, ran: &Ran, context: &str) {
    assert_eq!(ran.code, 4, "{context}: {ran:#?}");
    assert_eq!(ran.json()["stopped"], "lease", "{context}: {ran:#?}");
    let lease = String::from_utf8(scene.bucket.get(LEASE).unwrap().bytes.to_vec()).unwrap();
    assert!(lease.contains("another"), "{context}: {lease}");
    scene.expect_whole(context);
    scene.expect_adds_up(ran, context);
    scene.expect_converges(context);
}

fn lease_is_taken() {
    let scene = Scene::live();
    let (child, held) = held(&scene);
    take_over(&scene);
    // It asks for its lease four times a minute.
    let asks = scene.bucket.log().iter().filter(|call| call.kind == Kind::Get && call.key == LEASE).count();
    let asked = || scene.bucket.log().iter().filter(|call| call.kind == Kind::Get && call.key == LEASE).count();
    wait_until("it asks for its lease", || asked() > asks);
    std::thread::sleep(Duration::from_millis(500));
    scene.bucket.release(held);
    let ran = end(child);
    let later: Vec<_> =
        scene.gone().into_iter().filter(|key| key.contains("/_layers/") || key.contains("/blobs/")).collect();
    assert_eq!(later, Vec::<String>::new(), "what comes after revisions");
    expect_stopped(&scene, &ran, "taken over");
}

/// As a laptop that was closed, or a machine that was moved: what it knows is a minute old.
fn process_was_stopped() {
    let scene = Scene::live();
    let (child, held) = held(&scene);
    signal(&child, "STOP");
    std::thread::sleep(Duration::from_secs(46));
    take_over(&scene);
    let keys = scene.planned("revision", None);
    scene.bucket.release(held);
    wait_until("the delete that was on its way is obeyed", || keys.iter().any(|key| !scene.bucket.contains(key)));
    let before = deletes(&scene);
    signal(&child, "CONT");
    let ran = end(child);
    assert_eq!(deletes(&scene), before, "{:#?}", scene.bucket.deleted());
    expect_stopped(&scene, &ran, "stopped past its lease");
}

/// Both take most of a minute, as a lease does.
#[test]
fn a_run_that_has_lost_its_lease_deletes_nothing_more() {
    std::thread::scope(|scope| {
        scope.spawn(lease_is_taken);
        scope.spawn(process_was_stopped);
    });
}

#[test]
fn the_second_of_two_runs_is_refused_and_the_first_goes_on() {
    for ignores in [false, true] {
        let scene = Scene::live();
        scene.bucket.ignore_conditions(ignores);
        let (child, held) = held(&scene);
        let second = scene.collect().expect(3);
        assert!(second.stdout.contains("\"lease\"") || second.stderr.contains("at work on it"), "{second:#?}");
        assert_eq!(second.json()["refusal"]["code"], "lease", "{second:#?}");
        scene.bucket.release(held);
        let ran = end(child);
        scene.expect_contained(&ran, 0, "the first");
    }
}

/// Where conditions are ignored both may believe to have it: who was last has it, and the other learns of it in time.
#[test]
fn of_two_runs_that_both_wrote_the_lease_one_deletes() {
    let scene = Scene::live();
    scene.bucket.ignore_conditions(true);
    let writes = scene.bucket.fault(Fault::hold().on(Kind::Put).key(|key| key == LEASE).times(1));
    let late = start(&scene);
    wait_until("one is about to write its lease", || scene.bucket.fired(writes) > 0);
    let lists = scene.bucket.fault(Fault::hold().on(Kind::List).key(|prefix| prefix.contains("/blobs/")).times(1));
    let early = start(&scene);
    wait_until("the other believes to have it", || scene.bucket.fired(lists) > 0);
    scene.bucket.release(writes);
    let ran = end(late);
    assert_eq!(ran.code, 0, "{ran:#?}");
    scene.bucket.release(lists);
    let early = end(early);
    assert_ne!(early.code, 0, "{early:#?}");
    assert_eq!(early.count("/entries/deleted"), 0, "{early:#?}");
    scene.expect_contained(&ran, 0, "the one that was last");
}
