//! Kills and signals, at every stage.

use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, Stdio};

use super::lab::bucket::{Fault, FaultId, Kind};
use super::scene::{STAGES, Scene, wait_until};
use super::state::is_own;
use super::tool::Ran;

fn start(scene: &Scene) -> Child {
    scene.collecting().stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status().unwrap().success());
}

fn end(child: Child) -> Ran {
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.signal(), None, "{output:?}");
    Ran {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A run that waits in the delete of a stage.
fn held_in(scene: &Scene, stage: &str) -> (Child, FaultId) {
    let keys = scene.planned(stage, None);
    let held = scene.bucket.fault(Fault::hold().on(Kind::Batch).key(move |key| keys.contains(key)));
    let child = start(scene);
    wait_until(&format!("the {stage} batch arrives"), || scene.bucket.fired(held) > 0);
    (child, held)
}

#[test]
fn a_run_that_is_killed_loses_nothing_and_the_next_one_finishes() {
    let scene = Scene::new();
    for stage in STAGES {
        for obeyed in [true, false] {
            let (mut child, held) = held_in(&scene, stage);
            if obeyed {
                // The store obeys, and nobody hears of it.
                let after = scene.bucket.fault(Fault::cut_after().on(Kind::Batch));
                scene.bucket.release(held);
                wait_until("the store has obeyed", || {
                    scene.planned(stage, None).iter().any(|key| !scene.bucket.contains(key))
                });
                child.kill().unwrap();
                child.wait().unwrap();
                scene.bucket.clear_fault(after);
            } else {
                child.kill().unwrap();
                child.wait().unwrap();
            }
            scene.bucket.clear_faults();
            let context = format!("killed in the deletes of {stage} (obeyed: {obeyed})");
            scene.expect_whole(&context);
            scene.expect_converges(&context);
            scene.restore();
        }
    }
}

#[test]
fn a_signal_lets_the_batch_finish_and_the_report_is_printed() {
    let scene = Scene::new();
    for (stage, name) in STAGES.iter().zip(["INT", "TERM", "HUP", "INT", "TERM"]) {
        let (child, held) = held_in(&scene, stage);
        signal(&child, name);
        std::thread::sleep(std::time::Duration::from_millis(300));
        scene.bucket.release(held);
        let ran = end(child);
        let context = format!("SIG{name} in the deletes of {stage}");
        assert_eq!(ran.json()["stopped"], "signal", "{ran:#?}");
        assert_eq!(ran.count("/unknown") + ran.count("/failed"), 0, "{context}");
        assert!(ran.stderr.contains("stopping: finishing what is on its way"), "{ran:#?}");
        if *stage != "blob" {
            assert!(ran.count("/not_attempted") > 0, "{context}: {ran:#?}");
            assert!(scene.planned("blob", None).iter().all(|key| scene.bucket.contains(key)), "{context}");
        }
        scene.expect_contained(&ran, 130, &context);
        scene.restore();
    }
}

#[test]
fn a_signal_before_the_first_delete_ends_at_once_and_nothing_changes() {
    let scene = Scene::new();
    for (name, fault) in [
        ("TERM", Fault::hold().on(Kind::List).key(|prefix| prefix.contains("/blobs/"))),
        ("INT", Fault::hold().on(Kind::Get)),
        ("INT", Fault::hold().on(Kind::Put)),
        ("TERM", Fault::hold().on(Kind::List).key(is_own)),
        ("INT", Fault::hold().on(Kind::Get).key(|key| !is_own(key))),
        ("HUP", Fault::hold().on(Kind::List)),
        ("TERM", Fault::hold().on(Kind::List).key(|prefix| prefix.contains("/repositories/")).after(1)),
    ] {
        let held = scene.bucket.fault(fault.times(1));
        let child = start(&scene);
        wait_until("it is listing", || scene.bucket.fired(held) > 0);
        signal(&child, name);
        let ran = end(child);
        assert_eq!(ran.code, 130, "{ran:#?}");
        assert_eq!(ran.json()["exit_code"], 130);
        scene.bucket.clear_faults();
        scene.expect_untouched(name);
        assert_eq!(scene.writes(), [], "{name}");
        // Whoever comes next need not wait for the lease to end by itself.
        assert_eq!(scene.state(), BTreeSet::new(), "{name}");
    }
}

#[test]
fn a_second_signal_ends_at_once() {
    let scene = Scene::new();
    let (child, _held) = held_in(&scene, "revision");
    signal(&child, "INT");
    std::thread::sleep(std::time::Duration::from_millis(200));
    signal(&child, "INT");
    let ran = end(child);
    assert_eq!(ran.code, 130, "{ran:#?}");
    assert!(ran.stderr.contains("unknown"), "{ran:#?}");
    scene.bucket.clear_faults();
    scene.expect_whole("two signals");
    scene.expect_converges("two signals");
}
