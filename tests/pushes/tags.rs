//! A tag that is told to go, and that somebody pushes at any point of the run: whoever was told that it is pushed finds it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use super::at_requests::is_look;
use super::lab::bucket::{Bucket, Call, Fault, Kind, Store};
use super::lab::pull::{assert_tags_unharmed, pull};
use super::lab::push::{Push, Shelf as _};
use super::lab::registry::{Digest, RegistryBuilder, history_key, revision_key, tag_key};
use super::scene::Scene;
use super::tool::Ran;

const THREADS: usize = 4;
const APP: &str = "app";

const RM: [&str; 9] = ["rm", "--yes", "--min-age", "0s", "--settle", "50ms", "--format", "json", "app:v1"];

fn registry() -> (RegistryBuilder, [Digest; 2]) {
    let mut r = RegistryBuilder::new();
    let same = r.image(APP, "one", &["base", "layer of one"]).digest;
    let other = r.image(APP, "other", &["base", "layer of other"]).digest;
    r.tag(APP, "v1", &other).tag(APP, "v1", &same);
    let stays = r.image(APP, "stays", &["base"]).digest;
    r.tag(APP, "v2", &stays);
    (r, [same, other])
}

/// When the registry writes the history of the tag, and when what it names now: beside these requests, counted from 0.
#[derive(Debug, Clone, Copy)]
struct Point {
    history: usize,
    current: usize,
    after: bool,
    other: bool,
}

/// What the registry writes of an admitted push before the tag itself.
fn begin(push: &Push, to: &Store) {
    push.upload(to);
    assert!(push.is_admitted(to));
    push.clone().untagged().finish(to);
    to.write(&history_key(APP, "v1", &push.digest), push.digest.clone().into());
}

fn end(push: &Push, to: &Store) {
    // A registry that has written a revision writes the tag, whatever went meanwhile.
    to.write(&tag_key(APP, "v1"), push.digest.clone().into());
}

/// Whether the tag was pushed to its end in time.
fn run_with(scene: &Scene, push: &Push, point: Point) -> (Ran, bool) {
    let done = Arc::new(Mutex::new((false, false)));
    let fault = |call: Box<dyn Fn(&Store) + Send + Sync>, n: usize| {
        let fault = if point.after { Fault::call_after(call) } else { Fault::call(call) };
        scene.bucket.fault(fault.after(n as u64).times(1));
    };
    let (first, begun) = (push.clone(), Arc::clone(&done));
    let both = point.history == point.current;
    let begins = move |store: &Store| {
        begin(&first, store);
        begun.lock().unwrap().0 = true;
        if both {
            end(&first, store);
            begun.lock().unwrap().1 = true;
        }
    };
    fault(Box::new(begins), point.history);
    if !both {
        let (second, ended) = (push.clone(), Arc::clone(&done));
        let ends = move |store: &Store| {
            if ended.lock().unwrap().0 {
                end(&second, store);
                ended.lock().unwrap().1 = true;
            }
        };
        fault(Box::new(ends), point.current);
    }
    let ran = scene.collect();
    scene.bucket.clear_faults();
    let done = *done.lock().unwrap();
    (ran, done.1)
}

fn check(scene: &Scene, digests: &[Digest; 2], point: Point) -> bool {
    let digest = &digests[usize::from(point.other)];
    let push = Push::again(&scene.before, APP, "v1", digest);
    let (ran, acknowledged) = run_with(scene, &push, point);
    let (log, now) = (scene.bucket.log(), scene.tree());
    let lines = log.iter().enumerate().map(|(n, call)| format!("{n} {:?} {}\n", call.kind, call.keys.join(" ")));
    let context = format!("{point:?}\n{}", lines.collect::<String>());
    assert!(matches!(ran.code, 0), "{context}{ran:#?}");
    let mut rest = scene.before.clone();
    rest.remove(&tag_key(APP, "v1"));
    let mut others = now.clone();
    others.remove(&tag_key(APP, "v1"));
    assert_tags_unharmed(&super::state::without_own(rest), &others, &context);
    // A tag that was pushed before the run looked goes as any other: it looks twice where a push has only begun.
    let lists = |call: &Call, area: &str| call.kind == Kind::List && call.key.ends_with(area);
    let decided = log.iter().position(|call| lists(call, "/v2/blobs/")).unwrap();
    let looked = log[..decided].iter().rposition(|call| lists(call, "/v2/repositories/")).unwrap();
    // And a push is not longer than a settle.
    let last = log.iter().rposition(is_look).unwrap_or(usize::MAX);
    if !acknowledged || point.current <= looked || point.history < last && point.current >= last {
        return false;
    }
    let current = now.get(&tag_key(APP, "v1")).map(|entry| String::from_utf8(entry.bytes.to_vec()).unwrap());
    assert_eq!(current.as_deref(), Some(digest.as_str()), "{context}{ran:#?}");
    pull(&now, APP, "v1").unwrap_or_else(|lacks| panic!("{context}: {lacks}\n{ran:#?}"));
    assert!(now.contains_key(&history_key(APP, "v1", digest)), "{context}: its history is gone\n{ran:#?}");
    assert!(now.contains_key(&revision_key(APP, digest)), "{context}");
    true
}

fn calls(scene: &Scene) -> Vec<Call> {
    let ran = scene.collect().expect(0);
    assert_eq!(ran.count("/deleted/tags"), 1);
    let log = scene.bucket.log();
    scene.restore();
    log
}

/// How many pushes were to be kept.
fn sweep(more: &[&str], points: impl Fn(usize) -> Vec<Point>) -> usize {
    let (registry, digests) = registry();
    let scene = || Scene::with(Bucket::s3("reg"), &registry).running(&RM).and(more);
    let points = points(calls(&scene()).len());
    let (next, kept) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let scene = scene();
                while let Some(point) = points.get(next.fetch_add(1, Ordering::SeqCst)) {
                    kept.fetch_add(usize::from(check(&scene, &digests, *point)), Ordering::SeqCst);
                    scene.restore();
                }
            });
        }
    });
    kept.into_inner()
}

fn all(requests: usize, later: &[usize]) -> Vec<Point> {
    let at = (0..requests).flat_map(|history| later.iter().map(move |later| (history, history + later)));
    let both = at.flat_map(|(history, current)| [false, true].map(|after| (history, current, after)));
    let all =
        both.flat_map(|(history, current, after)| [false, true].map(|other| Point { history, current, after, other }));
    all.collect()
}

#[test]
fn a_tag_that_is_pushed_as_it_goes_is_there_and_whole() {
    assert!(sweep(&["--defer", "1h"], |requests| all(requests, &[0])) > 60);
}

#[test]
fn a_slow_push_to_a_tag_that_goes_is_there_and_whole() {
    assert!(sweep(&["--defer", "1h"], |requests| all(requests, &[1, 4])) > 60);
}

#[test]
fn a_tag_that_is_pushed_as_it_goes_with_its_content_is_there_and_whole() {
    assert!(
        sweep(&["--gc", "--defer", "0s", "--aside", "always"], |requests| all(requests, &[1])
            .into_iter()
            .step_by(2)
            .collect())
            > 20
    );
}
