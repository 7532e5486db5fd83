//! A run that is killed at a request.

use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::lab::bucket::Fault;
use super::scene::Scene;

/// What the bucket does with the request at which the run is killed, and with what was still on its way then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Last {
    /// It obeys, and nobody hears of it.
    Obeyed,
    /// It is cut before it obeys.
    Cut,
}

/// Runs the scene's command, kills it when its `n`-th request arrives, counted from 1, and waits until nothing of it is on
/// its way any more. Fails if it ends before.
pub fn kill_at(scene: &Scene, n: u64, last: Last) {
    let victim: Arc<Mutex<Option<Child>>> = Arc::default();
    let held = Arc::clone(&victim);
    let kill = scene.bucket.fault(
        Fault::call(move |_| {
            // The first request may arrive before this process has heard of its child.
            let mut held = loop {
                let held = held.lock().unwrap();
                if held.is_some() {
                    break held;
                }
                drop(held);
                std::thread::sleep(Duration::from_millis(1));
            };
            let child = held.as_mut().unwrap();
            child.kill().unwrap();
            child.wait().unwrap();
        })
        .after(n - 1)
        .times(1),
    );
    if last == Last::Cut {
        scene.bucket.fault(Fault::cut_before().after(n - 1));
    }
    let child = scene.collecting().stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    *victim.lock().unwrap() = Some(child);
    while victim.lock().unwrap().as_mut().unwrap().try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(2));
    }
    scene.bucket.drain();
    assert_eq!(scene.bucket.fired(kill), 1, "the run ended before its request {n}");
    scene.bucket.clear_faults();
}

/// So many requests an undisturbed run makes. The scene is as before afterwards.
pub fn requests_of(scene: &Scene) -> u64 {
    scene.bucket.reset_counts();
    scene.collect().expect(0);
    let requests = scene.bucket.counts().requests();
    scene.restore();
    requests
}

/// Does something for every request of a run, in both ways, a few at a time, each thread on a scene of its own.
pub fn at_every_request(scene: impl Fn() -> Scene + Sync, check: impl Fn(&Scene, u64, Last) + Sync) -> u64 {
    const THREADS: usize = 4;
    let requests = requests_of(&scene());
    let next = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let scene = scene();
                loop {
                    let at = next.fetch_add(1, Ordering::SeqCst);
                    if at >= requests * 2 {
                        break;
                    }
                    let last = if at.is_multiple_of(2) { Last::Obeyed } else { Last::Cut };
                    check(&scene, at / 2 + 1, last);
                    scene.restore();
                }
            });
        }
    });
    requests
}
