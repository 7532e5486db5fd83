//! What is remembered of manifests: it saves reading them, and changes nothing else, whatever becomes of it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::lab::bucket::{Fault, Kind};
use crate::lab::random::Prng;
use crate::lab::registry::blob_key;
use crate::scene::{Scene, images, said};
use crate::tool::Ran;

fn run(scene: &Scene, cache: &Path) -> (Ran, u64) {
    let (ran, counts) = scene.run(&["--dry-run", "--cache-dir", cache.to_str().unwrap()]);
    (ran, counts.get)
}

fn files(cache: &Path) -> Vec<PathBuf> {
    let directory = cache.join("regsweep-manifests");
    let mut files: Vec<PathBuf> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn second_run_with_a_cache_reads_no_manifest() {
    let (scene, cache) = (Scene::new(&images(60)), tempfile::tempdir().unwrap());
    let (plain, counts) = scene.run(&["--dry-run"]);
    let (first, reads) = run(&scene, cache.path());
    assert_eq!((reads, counts.get), (scene.manifests, scene.manifests));
    let (second, reads) = run(&scene, cache.path());
    assert_eq!(reads, 0);
    assert_eq!((said(&first), said(&second)), (said(&plain), said(&plain)));
    // What is new is read, and nothing else.
    let mut more = images(60);
    let new = more.image("app", "new", &["new layer"]);
    more.tag("app", "new", &new.digest);
    more.load_into(&scene.bucket, "");
    assert_eq!(run(&scene, cache.path()).1, 1);
    assert_eq!(run(&scene, cache.path()).1, 0);
}

#[test]
fn registries_share_a_directory_and_nothing_in_it() {
    let (one, two) = (Scene::new(&images(30)), Scene::new(&images(40)));
    let cache = tempfile::tempdir().unwrap();
    assert_eq!((run(&one, cache.path()).1, run(&two, cache.path()).1), (one.manifests, two.manifests));
    assert_eq!((run(&one, cache.path()).1, run(&two, cache.path()).1), (0, 0));
    // The records of one under the name of the other are none.
    let paths = files(cache.path());
    let contents: Vec<Vec<u8>> = paths.iter().map(|path| fs::read(path).unwrap()).collect();
    fs::write(&paths[0], &contents[1]).unwrap();
    fs::write(&paths[1], &contents[0]).unwrap();
    assert_eq!((run(&one, cache.path()).1, run(&two, cache.path()).1), (one.manifests, two.manifests));
    fs::remove_dir_all(cache.path().join("regsweep-manifests")).unwrap();
    assert_eq!(run(&one, cache.path()).1, one.manifests, "it may be deleted");
}

/// A manifest that was read once may be gone: its link alone is no reason to keep what it named, or to refuse.
#[test]
fn manifest_that_is_gone_is_told_as_without_a_cache() {
    let mut registry = images(30);
    let lost = registry.image("app", "lost", &["lost layer"]);
    registry.tag("app", "lost", &lost.digest);
    let (scene, cache) = (Scene::new(&registry), tempfile::tempdir().unwrap());
    run(&scene, cache.path());
    scene.bucket.remove(&blob_key(&lost.digest));
    let (plain, counts) = scene.run(&["--dry-run"]);
    let (ran, reads) = run(&scene, cache.path());
    assert_eq!(said(&ran), said(&plain));
    assert!(reads <= 2, "what else is remembered is not read: {reads}");
    let (again, reads) = run(&scene, cache.path());
    assert_eq!((said(&again), said(&ran)), (said(&plain), said(&plain)));
    assert!(reads <= 2 && counts.get > 30);
    assert_eq!(scene.bucket.counts().list, counts.list, "it is forgotten: nothing is looked at twice any more");
}

#[test]
fn a_hole_in_the_listing_is_refused_with_a_cache_too() {
    let (scene, cache) = (Scene::new(&images(30)), tempfile::tempdir().unwrap());
    run(&scene, cache.path());
    let mut registry = images(30);
    let digest = registry.image("app", "config 4", &["base", "layer 4"]).digest;
    scene.bucket.fault(Fault::hide().key(move |key| key == blob_key(&digest)));
    let (ran, reads) = run(&scene, cache.path());
    assert_eq!((ran.refusals(), reads), (vec!["holes".to_owned()], 0), "{ran:#?}");
}

/// Turned bits, cuts, other content: what is damaged is read again, and the report is the same.
#[test]
fn damage_costs_requests_and_nothing_else() {
    let (scene, cache) = (Scene::new(&images(25)), tempfile::tempdir().unwrap());
    let (plain, _) = scene.run(&["--dry-run"]);
    run(&scene, cache.path());
    let path = files(cache.path()).remove(0);
    let whole = fs::read(&path).unwrap();
    let mut prng = Prng::new(7);
    for round in 0..12 {
        let mut damaged = whole.clone();
        match round % 4 {
            0 => damaged.truncate(prng.below(whole.len())),
            1 => damaged.extend_from_slice(&whole[prng.below(whole.len())..]),
            2 => {
                let (from, to) = (prng.below(whole.len()), prng.below(whole.len()));
                damaged[from.min(to)..from.max(to)].fill(0);
            }
            _ => {
                for _ in 0..20 {
                    let at = prng.below(whole.len());
                    damaged[at] ^= 1 << prng.below(8);
                }
            }
        }
        fs::write(&path, &damaged).unwrap();
        let (ran, reads) = run(&scene, cache.path());
        assert_eq!(said(&ran), said(&plain), "round {round}");
        assert!(reads <= scene.manifests, "round {round}: {reads}");
        assert_eq!(run(&scene, cache.path()).1, 0, "round {round}: what was lost is remembered again");
    }
}

#[test]
fn two_runs_at_once_do_not_disturb_each_other() {
    let (scene, cache) = (Scene::new(&images(80)), tempfile::tempdir().unwrap());
    let (plain, _) = scene.run(&["--dry-run"]);
    for _ in 0..3 {
        let children: Vec<_> = (0..3)
            .map(|_| {
                let mut command = scene.command(&["--dry-run", "--cache-dir", cache.path().to_str().unwrap()]);
                command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
            })
            .collect();
        for child in children {
            let output = child.wait_with_output().unwrap();
            let (stdout, stderr) = (output.stdout, output.stderr);
            let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
            let ran = Ran { code: output.status.code().unwrap(), stdout: text(stdout), stderr: text(stderr) };
            assert_eq!(said(&ran.expect(0)), said(&plain));
        }
    }
    assert_eq!(run(&scene, cache.path()).1, 0);
}

#[test]
fn a_killed_run_leaves_what_can_be_used() {
    let (scene, cache) = (Scene::new(&images(400)), tempfile::tempdir().unwrap());
    let (plain, _) = scene.run(&["--dry-run"]);
    for reads in [1, 150, 300] {
        scene.bucket.reset_counts();
        let held = scene.bucket.fault(Fault::hold().on(Kind::Get).after(reads));
        let mut command = scene.command(&["--dry-run", "--cache-dir", cache.path().to_str().unwrap()]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let until = Instant::now() + Duration::from_mins(1);
        while scene.bucket.counts().get <= reads.min(scene.manifests / 2) {
            let ended = child.try_wait().unwrap().is_some();
            assert!(!ended && Instant::now() < until, "{reads}: {:?}", scene.bucket.counts());
            std::thread::sleep(Duration::from_millis(5));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        scene.bucket.release(held);
        scene.bucket.drain();
    }
    assert_eq!(said(&run(&scene, cache.path()).0), said(&plain));
    assert_eq!(run(&scene, cache.path()).1, 0);
}

#[test]
fn a_directory_that_others_may_write_to_is_refused() {
    let (scene, cache) = (Scene::new(&images(5)), tempfile::tempdir().unwrap());
    run(&scene, cache.path());
    let directory = cache.path().join("regsweep-manifests");
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o777)).unwrap();
    let (ran, _) = run(&scene, cache.path());
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("0700") && ran.stderr.contains("regsweep-manifests"), "{ran:#?}");
    let (ran, _) = run(&scene, Path::new("/dev/null/x"));
    assert_eq!(ran.code, 2, "{ran:#?}");
}

#[test]
fn no_room_for_it_is_no_reason_to_fail() {
    let (scene, cache) = (Scene::new(&images(400)), tempfile::tempdir().unwrap());
    let (plain, _) = scene.run(&["--dry-run"]);
    let mut command = std::process::Command::new("bash");
    let run = scene.command(&["--dry-run", "--cache-dir", cache.path().to_str().unwrap()]);
    // The signal would end it; a full disk sends none.
    command.args(["-c", "trap '' XFSZ; ulimit -f 20; exec \"$0\" \"$@\""]).arg(run.get_program()).args(run.get_args());
    for (name, value) in run.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let ran = crate::tool::finish(&mut command);
    assert!(ran.stderr.contains("note: what was read of manifests could not be kept"), "{ran:#?}");
    assert_eq!(said(&ran.expect(0)), said(&plain));
}
