//! A run on a directory is killed at any moment, and a disk is full.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use super::lab::random::Prng;
use super::lab::tree::{Tree, read_dir, removed, write_dir};
use super::small;
use super::state::{LEASE, is_own, long_ago, without_own};
use super::tool;
use super::whole::assert_whole;

const SEEDS: u64 = 120;
const THREADS: usize = 4;

fn collecting(directory: &Path) -> Command {
    let arguments =
        ["gc", "-m", "--yes", "--min-age", "0s", "--defer", "0s", "--settle", "5ms", "--format", "json", "-R"];
    let mut command = tool::command(arguments);
    command.arg(directory);
    command
}

/// As if some minutes had gone by.
fn let_time_pass(directory: &Path) {
    for (key, entry) in read_dir(directory).into_iter().filter(|(key, _)| is_own(key)) {
        let file = directory.join(&key);
        if key == LEASE {
            std::fs::write(&file, long_ago(&entry.bytes)).unwrap();
        }
        let earlier = entry.mtime.min(SystemTime::now()) - Duration::from_mins(5);
        std::fs::File::options().write(true).open(&file).unwrap().set_modified(earlier).unwrap();
    }
}

/// What an undisturbed run takes, how long it runs, and how long from its first word in the journal on.
fn undisturbed(registry: &Tree) -> (BTreeSet<String>, [Duration; 2]) {
    let directory = tempfile::tempdir().unwrap();
    write_dir(registry, directory.path());
    let began = Instant::now();
    let mut child = collecting(directory.path()).stdout(Stdio::null()).spawn().unwrap();
    let writes = wait_for_journal(directory.path(), &mut child);
    let status = child.wait().unwrap();
    assert!(status.success() && writes.is_some());
    let gone = removed(registry, &without_own(read_dir(directory.path())));
    assert!(!gone.is_empty());
    (gone.into_iter().collect(), [began.elapsed(), writes.unwrap().elapsed()])
}

/// When the run began to write down what it takes; `None` if it ended before anybody saw that.
fn wait_for_journal(directory: &Path, child: &mut std::process::Child) -> Option<Instant> {
    let runs = directory.join("docker/registry/regsweep/runs");
    while !runs.exists() {
        if child.try_wait().unwrap().is_some() {
            return None;
        }
    }
    Some(Instant::now())
}

#[test]
fn a_run_on_a_directory_is_killed_at_any_moment() {
    let registry = small::registry().build();
    let (planned, [whole, writing]) = undisturbed(&registry);
    let (next, unfinished) = (AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::SeqCst);
                    if seed >= SEEDS {
                        break;
                    }
                    let directory = tempfile::tempdir().unwrap();
                    write_dir(&registry, directory.path());
                    let fraction = Prng::new(seed).fraction();
                    let mut child =
                        collecting(directory.path()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
                    // Most of a run is spent before it writes anything.
                    let wait = if seed.is_multiple_of(4) {
                        whole
                    } else {
                        wait_for_journal(directory.path(), &mut child);
                        writing
                    };
                    std::thread::sleep(wait.mul_f64(fraction));
                    child.kill().unwrap();
                    let status = child.wait().unwrap();
                    unfinished.fetch_add(u64::from(!status.success()), Ordering::SeqCst);
                    let context = format!("seed {seed}");
                    assert_whole(&registry, &without_own(read_dir(directory.path())), &planned, &context);
                    let_time_pass(directory.path());
                    let ran = tool::finish(&mut collecting(directory.path()));
                    assert_eq!(ran.code, 0, "{context}: {ran:#?}");
                    let after = read_dir(directory.path());
                    let gone: BTreeSet<String> = removed(&registry, &without_own(after.clone())).into_iter().collect();
                    assert_eq!(gone, planned, "{context}");
                    assert_whole(&registry, &without_own(after.clone()), &planned, &context);
                    let own: Vec<_> = after.keys().filter(|key| is_own(key)).collect();
                    assert_eq!(own, Vec::<&String>::new(), "{context}: something is left beside the registry");
                }
            });
        }
    });
    assert!(unfinished.into_inner() > SEEDS / 4, "hardly any run was killed in time");
}

/// A disk that is full, in a mount namespace of its own; only root can make one.
#[test]
fn a_full_disk_stops_a_run_before_the_first_delete() {
    let is_root = Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n");
    let can = is_root && Command::new("unshare").args(["-m", "true"]).status().is_ok_and(|status| status.success());
    if !can {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let (source, mount, after) =
        (directory.path().join("source"), directory.path().join("mount"), directory.path().join("after"));
    let registry = small::registry().build();
    write_dir(&registry, &source);
    std::fs::create_dir(&mount).unwrap();
    // Some of the disk is left, so that it is not always the same write that finds it full.
    for left in [0, 1, 2, 3] {
        let _ = std::fs::remove_dir_all(&after);
        let command = collecting(&mount);
        let script = format!(
            "set -e; mount -t tmpfs -o size=4m tmpfs \"$1\"; cp -a \"$2\"/. \"$1\"; \
             head -c {} /dev/zero > \"$1\"/reserve; cat /dev/zero > \"$1\"/filler 2>/dev/null || true; rm \"$1\"/reserve; \
             shift 2; after=$1; shift; set +e; \"$@\"; code=$?; rm \"$mount/filler\"; cp -a \"$mount\" \"$after\"; exit $code",
            left * 4096
        );
        let mut unshared = Command::new("unshare");
        unshared.args(["-m", "sh", "-c", &script, "sh"]).args([&mount, &source, &after]).env("mount", &mount);
        unshared.arg(command.get_program()).args(command.get_args()).stdin(Stdio::null());
        let ran = tool::finish(&mut unshared);
        let now = without_own(read_dir(&after));
        if ran.code == 0 {
            assert!(left > 0, "a disk without a free block was written to: {ran:#?}");
            continue;
        }
        assert_eq!(ran.code, 1, "{left} blocks left: {ran:#?}");
        assert!(ran.stderr.contains("next: "), "{ran:#?}");
        let keys = |tree: &Tree| tree.keys().cloned().collect::<Vec<_>>();
        assert_eq!(keys(&now), keys(&registry), "{left} blocks left");
    }
}
