//! Figures, for people: `cargo test --release --test speed -- --ignored --nocapture figures`. The machine decides what they
//! are, so nothing here can fail but for what no machine changes.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::lab::bucket::{Counts, Fault};
use crate::scene::{Scene, images};
use crate::tool::{self, Ran};

/// The same command with another build of the program, if one is named.
fn with_named_build(command: &Command) -> Command {
    let program = std::env::var_os("SPEED_BINARY").unwrap_or_else(|| command.get_program().to_owned());
    let mut named = Command::new(program);
    named.args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => named.env(name, value),
            None => named.env_remove(name),
        };
    }
    named
}

fn timed(scene: &Scene, more: &[&str]) -> (f64, Ran, Counts) {
    scene.bucket.reset_counts();
    let mut command = with_named_build(&scene.command(&[&["--dry-run"], more].concat()));
    let began = Instant::now();
    let ran = tool::finish(&mut command).expect(0);
    (began.elapsed().as_secs_f64(), ran, scene.bucket.counts())
}

#[test]
#[ignore = "it takes minutes"]
fn figures_of_walls_at_25_ms() {
    let sizes = std::env::var("SPEED_SIZES").unwrap_or_else(|_| "200 2000".into());
    for (number, size) in sizes.split(' ').map(|size| (size.parse().unwrap(), size)) {
        let scene = Scene::new(&images(number));
        scene.bucket.fault(Fault::latency(Duration::from_millis(25)));
        let cache = tempfile::tempdir().unwrap();
        let cache = cache.path().to_str().unwrap();
        for concurrency in ["64", "128"] {
            for more in [&["--concurrency", concurrency][..], &["--concurrency", concurrency, "--cache-dir", cache]] {
                let (seconds, _, counts) = timed(&scene, more);
                println!("{size} images, {more:?}: {seconds:.2} s, {counts:?}");
            }
        }
    }
}

#[test]
#[ignore = "it takes minutes"]
fn figures_of_a_store_that_permits_200_a_second() {
    let scene = Scene::new(&images(4000));
    for burst in [20.0, 200.0] {
        scene.bucket.limit_rate(200.0, burst);
        let (seconds, ran, counts) = timed(&scene, &[]);
        let refused = scene.bucket.log().iter().filter(|call| call.status == 503).count();
        let answered = counts.requests() - refused as u64;
        #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
        let used = (answered as f64 - burst) / (seconds * 200.0) * 100.0;
        println!(
            "bursts of {burst}: {answered} answered and {refused} refused in {seconds:.1} s: {used:.0} % of 200/s"
        );
        assert_eq!(ran.count("/failed"), 0);
    }
}
