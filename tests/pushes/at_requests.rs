//! At every request of a run on a bucket, just before it is obeyed and just after; all at once, or with time in between.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use super::clients::{self, Admitted, Client};
use super::lab::bucket::{Bucket, Call, Fault, Kind, Store};
use super::lab::pull::assert_tags_unharmed;
use super::scene::{Scene, live_run};
use super::state::{PENDING, is_own};
use super::tool::Ran;

const THREADS: usize = 6;
pub const ASIDE: [&str; 2] = ["--aside", "always"];

/// Where a push is checked: beside the `n`-th request, counted from 0.
#[derive(Debug, Clone, Copy)]
struct Point {
    n: usize,
    after: bool,
    /// When the registry writes what it has admitted: at once, or just before this look at all repositories.
    writes: Option<usize>,
}

pub fn is_look(call: &Call) -> bool {
    call.kind == Kind::List && call.key == "docker/registry/v2/repositories/"
}

pub fn takes_content(call: &Call) -> bool {
    let deletes = matches!(call.kind, Kind::Delete | Kind::Batch);
    deletes && call.keys.iter().any(|key| key.contains("/blobs/") && !is_own(key))
}

/// Content goes in the run that takes its pointers.
pub fn at_once() -> Scene {
    Scene::with(Bucket::s3("reg"), &clients::registry()).running(&live_run("0s"))
}

/// An earlier run has taken the pointers, and the wait is over.
pub fn waited() -> Scene {
    let mut scene = Scene::with(Bucket::s3("reg"), &clients::registry()).running(&live_run("1h"));
    scene.collect().expect(0);
    let pending = scene.bucket.get(PENDING).unwrap().bytes;
    let yesterday = (chrono::Utc::now() - chrono::Duration::days(1)).format("%Y-%m-%dT%H:%M:%SZ").to_string();
    let text = String::from_utf8(pending.to_vec()).unwrap();
    let (first, lines) = text.split_once('\n').unwrap();
    let lines = lines.lines().map(|line| format!("{yesterday} {}\n", line.split_once(' ').unwrap().1));
    scene.bucket.put(PENDING, format!("{first}\n{}", lines.collect::<String>()));
    scene.let_time_pass();
    scene.before = scene.bucket.dump("");
    scene.bucket.reset_counts();
    scene
}

/// What an undisturbed run asks for.
pub fn requests_of(scene: &Scene) -> Vec<Call> {
    scene.collect().expect(0);
    let log = scene.bucket.log();
    assert!(log.iter().any(takes_content), "{log:#?}");
    scene.restore();
    log
}

/// Does something at each point, a few at a time, each thread on a scene of its own.
fn at_each(points: &[Point], scene: &(impl Fn() -> Scene + Sync), check: impl Fn(&Scene, Point) + Sync) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let scene = scene();
                while let Some(point) = points.get(next.fetch_add(1, Ordering::SeqCst)) {
                    check(&scene, *point);
                    scene.restore();
                }
            });
        }
    });
}

type Pushes = Vec<(Client, Option<Admitted>, bool)>;

/// A run with pushes at the point: the clients, and whether they were told that all is well.
fn run_with(scene: &Scene, point: Point) -> (Ran, Vec<(Client, bool)>) {
    let pushes: Pushes = clients::all().into_iter().map(|client| (client, None, false)).collect();
    let pushes = Arc::new(Mutex::new(pushes));
    let admitting = Arc::clone(&pushes);
    let admit = move |store: &Store| {
        for (client, admitted, done) in admitting.lock().unwrap().iter_mut() {
            *admitted = client.admit(store);
            if let Some(admitted) = admitted.as_ref().filter(|_| point.writes.is_none()) {
                client.finish(store, admitted);
                *done = true;
            }
        }
    };
    let fault = if point.after { Fault::call_after(admit) } else { Fault::call(admit) };
    let admits = scene.bucket.fault(fault.after(point.n as u64).times(1));
    if let Some(look) = point.writes {
        let finishing = Arc::clone(&pushes);
        let finish = move |store: &Store| {
            for (client, admitted, done) in finishing.lock().unwrap().iter_mut() {
                if let Some(admitted) = admitted {
                    client.finish(store, admitted);
                    *done = true;
                }
            }
        };
        let prefix = |prefix: &str| prefix == "docker/registry/v2/repositories/";
        scene.bucket.fault(Fault::call(finish).on(Kind::List).key(prefix).after(look as u64).times(1));
    }
    let ran = scene.collect();
    assert_eq!(scene.bucket.fired(admits), 1, "{point:?}: the run ended before");
    scene.bucket.clear_faults();
    let pushes = std::mem::take(&mut *pushes.lock().unwrap());
    (ran, pushes.into_iter().map(|(client, _, done)| (client, done)).collect())
}

/// Whether a push at this point meets content that goes for good although no look comes any more: what the documentation
/// says in its own words.
fn is_in_the_window(point: Point, log: &[Call]) -> bool {
    let Some(last) = log.iter().rposition(takes_content) else { return false };
    let first = log.iter().position(takes_content).unwrap();
    let look = log[..first].iter().rposition(is_look).unwrap();
    if point.after { look <= point.n && point.n < last } else { look < point.n && point.n <= last }
}

fn check(scene: &Scene, point: Point, aside: bool) -> usize {
    let (ran, pushes) = run_with(scene, point);
    let (log, now) = (scene.bucket.log(), scene.tree());
    let context = format!("{point:?}, beside {:?}", log.get(point.n).map(|call| (call.kind, &call.key)));
    let acknowledged: Vec<&Client> = pushes.iter().filter(|(_, done)| *done).map(|(client, _)| client).collect();
    let lost: Vec<(String, Vec<String>)> = acknowledged
        .iter()
        .map(|client| (client.image(), client.lacks(&scene.before, &now)))
        .filter(|(_, lacks)| !lacks.is_empty())
        .collect();
    let json = ran.json();
    let broken: Vec<&str> =
        json["broken"].as_array().into_iter().flatten().map(|name| name.as_str().unwrap()).collect();
    if aside || !is_in_the_window(point, &log) {
        assert!(lost.is_empty(), "{context}: {lost:#?}\n{ran:#?}\n{}", brief(&log));
    }
    let mut names: Vec<&str> = lost.iter().map(|(image, _)| image.as_str()).collect();
    names.sort_unstable();
    assert_eq!(
        broken,
        names,
        "{context}: not every loss is told, or more than that: {lost:#?} {ran:#?}\n{}",
        brief(&log)
    );
    assert_eq!(ran.code, if broken.is_empty() { 0 } else { 4 }, "{context}: {ran:#?}");
    let mut old = now;
    old.retain(|key, _| !key.contains("/tags/new/") && !key.contains("/tags/back/"));
    assert_tags_unharmed(&super::state::without_own(scene.before.clone()), &old, &context);
    // What is whole stays so.
    if point.n.is_multiple_of(5) && lost.is_empty() {
        scene.let_time_pass();
        scene.collect().expect(0);
        let now = scene.tree();
        for client in acknowledged {
            assert_eq!(client.lacks(&scene.before, &now), Vec::<String>::new(), "{context}: {}", client.image());
        }
    }
    lost.len()
}

/// The log, a line for each request.
fn brief(log: &[Call]) -> String {
    let lines = log
        .iter()
        .enumerate()
        .map(|(n, call)| format!("{n} {:?} {} {}\n", call.kind, call.status, call.keys.join(" ")));
    lines.collect()
}

/// At every `step`-th point.
fn sweep(scene: impl Fn() -> Scene + Sync, aside: bool, points: impl Fn(&[Call]) -> Vec<Point>, step: usize) -> usize {
    let lost = AtomicUsize::new(0);
    let log = requests_of(&scene());
    let points: Vec<Point> = points(&log).into_iter().step_by(step).collect();
    at_each(&points, &scene, |scene, point| {
        lost.fetch_add(check(scene, point, aside), Ordering::SeqCst);
    });
    lost.into_inner()
}

fn whole(log: &[Call]) -> Vec<Point> {
    let both = (0..log.len()).flat_map(|n| [false, true].map(|after| Point { n, after, writes: None }));
    both.collect()
}

/// Checked at every request, written just before a later look, but not longer than one settle away.
fn slow(log: &[Call]) -> Vec<Point> {
    let looks: Vec<usize> = (0..log.len()).filter(|n| is_look(&log[*n])).collect();
    let last = *looks.last().unwrap();
    let content = log.iter().position(takes_content).unwrap();
    let before_content = *looks.iter().rfind(|look| **look < content).unwrap();
    let points = (0..log.len()).flat_map(|n| {
        let later = looks.iter().enumerate().filter(move |(_, look)| **look > n);
        // The last look comes a settle after content went: whoever was admitted before the wait for that took longer.
        let in_time = later.filter(move |(_, look)| **look != last || n >= before_content);
        in_time.flat_map(move |(number, _)| [false, true].map(|after| Point { n, after, writes: Some(number) }))
    });
    points.collect()
}

#[test]
fn what_is_pushed_beside_a_run_that_moves_content_aside_is_whole() {
    assert_eq!(sweep(|| at_once().and(&ASIDE), true, whole, 1), 0);
}

#[test]
fn what_is_pushed_when_a_wait_is_over_is_whole_if_content_moves_aside() {
    assert_eq!(sweep(|| waited().and(&ASIDE), true, whole, 5), 0);
}

#[test]
fn what_is_pushed_while_content_goes_for_good_is_whole_or_told() {
    assert!(sweep(at_once, false, whole, 5) > 0);
}

#[test]
fn what_is_pushed_when_a_wait_is_over_is_whole_or_told() {
    assert!(sweep(waited, false, whole, 5) > 0);
}

#[test]
fn a_slow_push_beside_a_run_that_moves_content_aside_is_whole() {
    assert_eq!(sweep(|| at_once().and(&ASIDE), true, slow, 7), 0);
}

#[test]
fn a_slow_push_when_a_wait_is_over_is_whole_if_content_moves_aside() {
    assert_eq!(sweep(|| waited().and(&ASIDE), true, slow, 7), 0);
}

#[test]
fn a_slow_push_while_content_goes_for_good_is_whole_or_told() {
    assert!(sweep(at_once, false, slow, 7) > 0);
}

#[test]
fn a_slow_push_when_a_wait_is_over_is_whole_or_told() {
    assert!(sweep(waited, false, slow, 7) > 0);
}
