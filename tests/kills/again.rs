//! A run is killed, and a push that the registry had admitted before goes on: the next run makes its image whole.

use super::lab::pull::{referrers, try_pull};
use super::lab::push::Push;
use super::lab::registry::blob_key;
use super::scene::{LIVE, OTHER, Scene, live_run};
use super::small::{self, FIRST, OLD};
use super::victim::{at_every_request, kill_at};
use super::whole::assert_whole;

/// What goes waits for an hour: all that is lost can be brought back until then.
fn waiting() -> Scene {
    small::s3().running(&live_run("1h"))
}

fn doomed(scene: &Scene) -> [Push; 2] {
    let (first, old) = (small::digest_of(OTHER, FIRST), small::digest_of(LIVE, OLD));
    [Push::again(&scene.before, OTHER, "back", &first), Push::again(&scene.before, LIVE, "back", &old)]
}

/// Every image that was tagged again pulls what it did when it was garbage, and what is about it is there.
#[track_caller]
fn expect_whole_again(scene: &Scene, pushes: &[Push], context: &str) {
    let mut after = scene.tree();
    for push in pushes {
        let (repo, digest) = (push.repo.as_str(), push.digest.as_str());
        assert_eq!(try_pull(&after, repo, "back"), try_pull(&scene.before, repo, digest), "{context}: {repo}:back");
        for referrer in referrers(&scene.before, repo, digest) {
            assert_eq!(
                try_pull(&after, repo, &referrer),
                try_pull(&scene.before, repo, &referrer),
                "{context}: {referrer} is about {repo}:back"
            );
        }
    }
    after.retain(|key, _| !key.contains("/_manifests/tags/back/"));
    assert_whole(&scene.before, &after, &scene.all_planned(), context);
}

#[test]
fn a_manifest_that_was_admitted_before_the_kill_is_made_whole_by_the_next_run() {
    at_every_request(waiting, |scene, n, last| {
        let context = format!("killed at request {n} ({last:?})");
        let pushes = doomed(scene);
        assert!(pushes.iter().all(|push| push.is_admitted(&*scene.bucket)));
        kill_at(scene, n, last);
        for push in &pushes {
            push.finish(&*scene.bucket);
        }
        scene.let_time_pass();
        scene.collect().expect(0);
        expect_whole_again(scene, &pushes, &context);
        let third = scene.collect().expect(0);
        assert_eq!(third.count("/entries/planned") + third.count("/mended"), 0, "{context}: {third:#?}");
        expect_whole_again(scene, &pushes, &context);
    });
}

/// An index of an image that is garbage, on its way: the registry has seen the image's revision, and has not written the
/// index so far.
fn index_of_first(scene: &Scene) -> (Push, String) {
    let first = small::digest_of(OTHER, FIRST);
    let json = serde_json::json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [{
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": first,
            "size": scene.before[&blob_key(&first)].bytes.len(),
        }],
    });
    (Push::new(OTHER, "back", json.to_string(), &[]), first)
}

#[track_caller]
fn expect_child_whole(scene: &Scene, child: &str, context: &str) {
    let (before, after) = (try_pull(&scene.before, OTHER, child), try_pull(&scene.tree(), OTHER, "back"));
    assert_eq!(after.broken.into_iter().collect::<Vec<_>>(), Vec::<String>::new(), "{context}");
    let lost: Vec<_> = before.served.difference(&after.served).collect();
    assert!(lost.is_empty(), "{context}: other:back lost {lost:?}");
}

#[test]
fn an_index_that_was_admitted_before_the_kill_is_made_whole_by_the_next_run() {
    at_every_request(waiting, |scene, n, last| {
        let context = format!("killed at request {n} ({last:?})");
        let (push, child) = index_of_first(scene);
        assert!(push.is_admitted(&*scene.bucket));
        kill_at(scene, n, last);
        push.finish(&*scene.bucket);
        scene.let_time_pass();
        scene.collect().expect(0);
        expect_child_whole(scene, &child, &context);
    });
}

/// Nothing is killed here: the push merely took longer than the run waited, and its content waits still.
#[test]
fn an_index_that_took_longer_than_the_run_is_made_whole_as_long_as_its_content_waits() {
    for arguments in [&[][..], &["--aside", "always"]] {
        let scene = small::s3().running(&live_run("1h")).and(arguments);
        let (push, child) = index_of_first(&scene);
        assert!(push.is_admitted(&*scene.bucket));
        scene.collect().expect(0);
        push.finish(&*scene.bucket);
        // All that waits has waited long enough: this run would let it go.
        let scene = scene.running(&live_run("1ms")).and(arguments);
        scene.collect().expect(0);
        scene.collect().expect(0);
        expect_child_whole(&scene, &child, &format!("{arguments:?}"));
    }
}
