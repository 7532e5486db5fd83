//! A plan that is applied, killed anywhere, and applied again.

use std::process::Stdio;

use super::lab::bucket::{Fault, Kind};
use super::scene::{LIVE, OTHER, STAGES, Scene, wait_until};
use super::tool::Ran;

/// The scene's plan is still beside it.
fn apply(scene: &Scene) -> Ran {
    let file = scene.directory.path().join("plan.jsonl");
    scene.run(&["apply", "--yes", "--format", "json", file.to_str().unwrap()])
}

#[test]
fn applied_plan_takes_what_a_run_takes() {
    for scene in [Scene::new(), Scene::gcs()] {
        let ran = apply(&scene);
        scene.expect_contained(&ran, 0, "applied");
        assert_eq!(ran.count("/entries/deleted"), scene.plan.len() as u64);
    }
}

#[test]
fn applied_plan_that_is_killed_loses_nothing_and_is_finished_by_another_time() {
    let scene = Scene::new();
    for stage in STAGES {
        for obeyed in [true, false] {
            let file = scene.directory.path().join("plan.jsonl");
            let keys = scene.planned(stage, None);
            let held = scene.bucket.fault(Fault::hold().on(Kind::Batch).key(move |key| keys.contains(key)));
            let mut command = scene.command(&["apply", "--yes", file.to_str().unwrap()]);
            let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            wait_until(&format!("the {stage} batch arrives"), || scene.bucket.fired(held) > 0);
            if obeyed {
                // The store obeys, and nobody hears of it.
                scene.bucket.fault(Fault::cut_after().on(Kind::Batch));
                scene.bucket.release(held);
                wait_until("the store has obeyed", || {
                    scene.planned(stage, None).iter().any(|key| !scene.bucket.contains(key))
                });
            }
            child.kill().unwrap();
            child.wait().unwrap();
            scene.bucket.clear_faults();
            wait_until("the store has let go of what was asked of it", || scene.bucket.is_idle());
            let context = format!("killed in the deletes of {stage} (obeyed: {obeyed})");
            scene.expect_whole(&context);
            let done = scene.gone().len() as u64;
            scene.let_time_pass();
            let ran = apply(&scene);
            assert_eq!(ran.code, 0, "{context}: {ran:#?}");
            assert_eq!(scene.gone(), scene.all_planned(), "{context}: the plan is finished");
            assert_eq!(ran.count("/already_gone"), done, "{context}: {ran:#?}");
            scene.expect_contained(&ran, 0, &context);
            scene.restore();
        }
    }
}

/// A pointer that cannot be deleted keeps what it names, in an applied plan as in any run; the next time does the rest.
#[test]
fn pointer_that_cannot_be_deleted_keeps_what_it_names() {
    let scene = Scene::new();
    for stage in ["tag_history", "revision", "layer_link"] {
        for repository in [LIVE, OTHER] {
            let keys = scene.planned(stage, Some(repository));
            assert!(!keys.is_empty(), "{stage} of {repository}");
            scene.bucket.fault(Fault::fail_keys("AccessDenied").key(move |key| keys.contains(key)));
            let ran = apply(&scene);
            let context = format!("{stage} of {repository} is refused");
            assert_eq!(ran.code, 4, "{context}: {ran:#?}");
            scene.expect_whole(&context);
            scene.expect_adds_up(&ran, &context);
            scene.bucket.clear_faults();
            apply(&scene).expect(0);
            assert_eq!(scene.gone(), scene.all_planned(), "{context}: the plan is finished");
            scene.restore();
        }
    }
}
