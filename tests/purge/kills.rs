//! Killed at every request of the purge, whether the store obeyed it or not: nothing is lost, and the next run ends where
//! an undisturbed one does.

use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::lab::bucket::{Fault, Kind, Version};
use super::scene::{Scene, expect_unharmed, name};

fn names(versions: &[Version]) -> Vec<(String, String)> {
    versions.iter().map(name).collect()
}

/// Starts a run and kills it when its `n`-th request for versions arrives; `cut` says whether that is obeyed.
fn kill_at(scene: &Scene, n: u64, cut: bool) {
    let victim: Arc<Mutex<Option<std::process::Child>>> = Arc::default();
    let held = Arc::clone(&victim);
    let kill = Fault::call(move |_| {
        // The first request may arrive before this process has heard of its child.
        while held.lock().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(1));
        }
        let mut held = held.lock().unwrap();
        let child = held.as_mut().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    });
    let kill = scene.bucket.fault(kill.on(Kind::Versions).on(Kind::Purge).after(n).times(1));
    if cut {
        scene.bucket.fault(Fault::cut_before().on(Kind::Versions).on(Kind::Purge).after(n));
    }
    let child = scene.command(&[]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    *victim.lock().unwrap() = Some(child);
    while victim.lock().unwrap().as_mut().unwrap().try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(2));
    }
    scene.bucket.drain();
    assert_eq!(scene.bucket.fired(kill), 1, "the run ended before its request {n}");
    scene.bucket.clear_faults();
}

#[test]
fn killed_at_every_request_the_next_run_ends_where_one_run_does() {
    let scene = Scene::usual();
    scene.bucket.limit_pages(7);
    let (saved, before) = (scene.bucket.save(), scene.now());
    scene.run(&[]).expect(0);
    let (end, counts) = (names(&scene.now()), scene.bucket.counts());
    let requests = counts.versions + counts.purge;
    assert!(counts.purge > 4, "{counts:?}");
    for n in 0..requests {
        for cut in [false, true] {
            scene.restore(&saved);
            let context = format!("killed at request {n} (cut: {cut})");
            kill_at(&scene, n, cut);
            expect_unharmed(&before, &scene.now(), &context);
            // The dead run's lease ends some time later.
            scene.bucket.remove_where(|key| key.ends_with("/lease.json"));
            let ran = scene.run(&[]).expect(0);
            expect_unharmed(&before, &scene.now(), &context);
            assert_eq!(names(&scene.now()), end, "{context}: {ran:#?}");
        }
    }
}
