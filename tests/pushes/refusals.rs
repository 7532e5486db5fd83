//! What a push has made necessary at the end of a run is refused, or the run is interrupted there: the next one does it.

use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use super::at_requests::{ASIDE, at_once, is_look, takes_content, waited};
use super::clients::{self, Admitted, Client};
use super::lab::bucket::{Fault, Kind, Store};
use super::scene::{Scene, live_run, wait_until};
use super::state::{is_own, without_own};
use super::tool::Ran;

/// Who pushes, and what was admitted of it.
type Pushes = Vec<(Client, Option<Admitted>)>;

/// Everybody pushes, from the first of these looks to the second; counted from 0.
fn push_between(scene: &Scene, admitted: usize, written: usize) -> Arc<Mutex<Pushes>> {
    let clients: Pushes = clients::all().into_iter().map(|client| (client, None)).collect();
    let clients = Arc::new(Mutex::new(clients));
    let (first, second) = (Arc::clone(&clients), Arc::clone(&clients));
    let admit = move |store: &Store| {
        first.lock().unwrap().iter_mut().for_each(|(client, admitted)| *admitted = client.admit(store));
    };
    let finish = move |store: &Store| {
        for (client, admitted) in second.lock().unwrap().iter() {
            if let Some(admitted) = admitted {
                client.finish(store, admitted);
            }
        }
    };
    let look = |prefix: &str| prefix == "docker/registry/v2/repositories/";
    scene.bucket.fault(Fault::call_after(admit).on(Kind::List).key(look).after(admitted as u64).times(1));
    scene.bucket.fault(Fault::call(finish).on(Kind::List).key(look).after(written as u64).times(1));
    clients
}

#[track_caller]
fn expect_told_and_done_by_the_next(scene: &Scene, ran: &Ran, pushes: &Pushes, context: &str) {
    assert_eq!(ran.code, 4, "{context}: {ran:#?}");
    assert!(ran.stderr.contains("next: "), "{context}: {ran:#?}");
    scene.bucket.clear_faults();
    scene.let_time_pass();
    scene.collect().expect(0);
    let now = scene.tree();
    for (client, _) in pushes.iter().filter(|(_, admitted)| admitted.is_some()) {
        assert_eq!(client.lacks(&scene.before, &now), Vec::<String>::new(), "{context}: {}", client.image());
    }
}

#[test]
fn links_that_cannot_be_written_back_are_told_and_the_next_run_writes_them() {
    for part in ["/_layers/", "/_manifests/"] {
        let scene = at_once().and(&ASIDE);
        // Admitted while all the links were there, written while the run waits.
        let pushes = push_between(&scene, 0, 2);
        let refused = Fault::access_denied().on(Kind::Put).key(move |key| key.contains(part));
        let refused = scene.bucket.fault(refused);
        let ran = scene.collect();
        assert!(scene.bucket.fired(refused) > 0, "{part}: nothing was to be mended");
        expect_told_and_done_by_the_next(&scene, &ran, &pushes.lock().unwrap(), part);
    }
}

#[test]
fn content_that_cannot_be_put_back_is_told_and_the_next_run_puts_it_back() {
    for scene in [at_once().and(&ASIDE), waited().and(&ASIDE)] {
        let log = super::at_requests::requests_of(&scene);
        let content = log.iter().position(takes_content).unwrap();
        let look = log[..content].iter().filter(|call| is_look(call)).count() - 1;
        let pushes = push_between(&scene, look, look + 1);
        let back = |key: &str| !is_own(key);
        let refused = scene.bucket.fault(Fault::access_denied().on(Kind::Copy).key(back));
        let ran = scene.collect();
        assert!(scene.bucket.fired(refused) > 0, "nothing was to be put back");
        assert!(ran.count("/unknown") > 0, "{ran:#?}");
        expect_told_and_done_by_the_next(&scene, &ran, &pushes.lock().unwrap(), "put back");
    }
}

#[test]
fn a_signal_while_a_run_waits_has_all_that_is_aside_put_back() {
    let waiting = ["gc", "-m", "--yes", "--min-age", "0s", "--defer", "1h", "--settle", "10m", "--format", "json"];
    let scene = waited().running(&waiting).and(&ASIDE);
    let before = without_own(scene.before.clone());
    let child = scene.collecting().stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let garbage: Vec<String> = {
        let all = scene.all_planned();
        before.keys().filter(|key| all.contains(*key)).cloned().collect()
    };
    assert!(!garbage.is_empty() && garbage.iter().all(|key| key.ends_with("/data")));
    wait_until("all of it is aside", || garbage.iter().all(|key| !scene.bucket.contains(key)));
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    let ran = Ran {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    };
    assert_eq!(ran.code, 130, "{ran:#?}");
    assert_eq!(ran.count("/put_back"), garbage.len() as u64, "{ran:#?}");
    assert_eq!(ran.count("/deleted/blobs/count"), 0, "{ran:#?}");
    let keys = |tree: &super::lab::tree::Tree| tree.keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&scene.tree()), keys(&before));
    let scene = scene.running(&live_run("0s")).and(&ASIDE);
    scene.let_time_pass();
    scene.collect().expect(0);
    assert!(garbage.iter().all(|key| !scene.bucket.contains(key)));
}
