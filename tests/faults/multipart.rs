//! Incomplete multipart uploads: no listing shows them, and they go as the uploads and blobs go that they were to become.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use crate::lab::bucket::{Fault, Kind, Store};
use crate::lab::registry::{ROOT, blob_key, sha256, upload_key};
use crate::lab::tree::days_ago;
use crate::scene::{LIVE, OFFLINE, OTHER, Scene};
use crate::tool::Ran;

/// The upload that the scene has, and that was given up.
const GIVEN_UP: &str = "11111111-2222-4333-a444-555555555555";
const ALONE: &str = "22222222-2222-4333-a444-555555555555";
const UNDER_WAY: &str = "33333333-2222-4333-a444-555555555555";
const STRAY: &str = "docker/registry/v2/other";

fn just_now() -> SystemTime {
    SystemTime::now() - Duration::from_mins(1)
}

/// Begins one, with parts of these sizes.
fn begin(bucket: &Store, key: &str, id: &str, begun: SystemTime, parts: &[usize]) -> (String, String) {
    bucket.begin_upload(key, id, begun);
    for size in parts {
        bucket.add_part(key, id, *size, begun);
    }
    (key.to_owned(), id.to_owned())
}

/// What goes, and what stays.
type Begun = BTreeSet<(String, String)>;

/// One of each kind.
fn litter(bucket: &Store) -> (Begun, Begun) {
    let base = blob_key(&sha256(b"base"));
    let stale = [
        begin(bucket, &upload_key(LIVE, GIVEN_UP, "data"), "a", days_ago(30), &[100, 20]),
        begin(bucket, &upload_key(LIVE, GIVEN_UP, "data"), "b", days_ago(29), &[]),
        begin(bucket, &base, "move~1+/=", days_ago(8), &[1000]),
        begin(bucket, &upload_key("no/more", ALONE, "data"), "c", days_ago(9), &[3, 4]),
    ];
    let stays = [
        begin(bucket, &upload_key(OTHER, UNDER_WAY, "data"), "d", days_ago(9), &[50]),
        begin(bucket, &base, "young", just_now(), &[60]),
        begin(bucket, STRAY, "e", days_ago(30), &[70]),
    ];
    bucket.add_part(&stays[0].0, "d", 50, just_now());
    (stale.into(), stays.into())
}

fn begun(bucket: &Store) -> Begun {
    bucket.begun().into_iter().collect()
}

fn codes(ran: &Ran) -> Vec<String> {
    let problems = ran.json()["problems"].as_array().unwrap().clone();
    problems.iter().map(|problem| problem["code"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn parts_go_with_their_upload_and_what_is_complete_stays() {
    for page in [2, 1000] {
        let scene = Scene::new();
        let (_, stays) = litter(&scene.bucket);
        scene.bucket.limit_pages(page);
        let dry = scene.run(&[&OFFLINE[..], &["--dry-run"]].concat());
        assert_eq!(begun(&scene.bucket).len(), 7, "a dry run changes nothing");
        let ran = scene.collect();
        assert_eq!(begun(&scene.bucket), stays);
        assert_eq!(scene.gone(), scene.all_planned(), "the blob that one was to become is there");
        for (ran, part) in [(&dry, "planned"), (&ran, "deleted")] {
            let number = |name: &str| ran.count(&format!("/{part}/{name}"));
            assert_eq!((number("multipart_uploads/count"), number("multipart_uploads/bytes")), (4, 1127), "{part}");
            assert_eq!(number("uploads/count"), 2, "{part}: one of them is parts only");
        }
        let of =
            |name: &str| ran.json()["repositories"].as_array().unwrap().iter().find(|row| row["name"] == name).cloned();
        assert_eq!(of("no/more").unwrap()["deleted"]["multipart_uploads"]["bytes"], 7);
        assert_eq!(of(LIVE).unwrap()["deleted"]["multipart_uploads"]["bytes"], 120);
        let listed: usize = scene.before.values().map(|entry| entry.bytes.len()).sum();
        assert_eq!(ran.count("/bytes/before"), listed as u64 + 1127 + 100 + 60);
        assert_eq!(ran.count("/bytes/after"), ran.count("/bytes/before") - ran.count("/bytes/freed"));
        // What no registry writes is told of, and left alone.
        assert_eq!(codes(&ran), ["multipart_uploads_not_known"]);
    }
}

#[test]
fn rows_add_up_with_what_no_listing_shows() {
    let scene = Scene::new();
    litter(&scene.bucket);
    let ran = scene.collect();
    Scene::expect_rows_add_up(&ran, "with parts");
}

#[test]
fn upload_that_is_taken_up_again_stays_whole() {
    let scene = Scene::new();
    let (_, mut stays) = litter(&scene.bucket);
    let data = upload_key(LIVE, GIVEN_UP, "data");
    let key = data.clone();
    scene.bucket.fault(
        Fault::call(move |store| store.add_part(&key, "b", 5, just_now()))
            .on(Kind::Batch)
            .key(|key| key.starts_with(ROOT))
            .times(1),
    );
    let ran = scene.collect();
    assert_eq!(ran.code, 0, "{ran:#?}");
    // What the other one held is gone: nobody goes on with two.
    stays.insert((data, "b".into()));
    assert_eq!(begun(&scene.bucket), stays);
    let files: BTreeSet<String> = scene.planned("upload", Some(LIVE));
    assert!(!files.is_empty() && files.iter().all(|file| scene.bucket.contains(file)));
    assert_eq!(ran.count("/kept/changed"), files.len() as u64 + 1);
    assert_eq!(ran.count("/deleted/uploads/count"), 1);
}

#[test]
fn what_the_store_does_not_tell_stays_and_stops_nothing() {
    let scene = Scene::new();
    litter(&scene.bucket);
    scene.bucket.fault(Fault::access_denied().on(Kind::Other).key(|key| key == "?uploads"));
    let ran = scene.collect().expect(0);
    assert_eq!((begun(&scene.bucket).len(), scene.gone()), (7, scene.all_planned()));
    assert_eq!(codes(&ran), ["multipart_uploads_not_known"]);
    assert!(ran.stdout.contains("s3:ListBucketMultipartUploads"), "{}", ran.stdout);

    let scene = Scene::new();
    litter(&scene.bucket);
    scene.bucket.fault(Fault::access_denied().on(Kind::Other).key(|key| key.ends_with("data")));
    let ran = scene.collect().expect(0);
    assert_eq!(begun(&scene.bucket).len(), 7);
    // Whether anybody goes on with this upload cannot be known.
    let uploads = scene.planned("upload", Some(LIVE));
    assert_eq!(scene.gone(), scene.all_planned().difference(&uploads).cloned().collect());
    assert_eq!(ran.count("/problem_counts/multipart_uploads_not_known"), 7);
}

/// What is asked for the second time, right before it goes, and is not answered then.
#[test]
fn upload_of_which_nobody_can_tell_any_more_stays_whole() {
    let scene = Scene::new();
    let (stale, _) = litter(&scene.bucket);
    let asks = |key: &str| key.contains(GIVEN_UP);
    scene.bucket.fault(Fault::access_denied().on(Kind::Other).key(asks).after(2));
    let ran = scene.collect().expect(4);
    let left: Begun = stale.into_iter().filter(|(key, _)| asks(key)).collect();
    assert!(begun(&scene.bucket).is_superset(&left) && left.len() == 2);
    let files: BTreeSet<String> = scene.planned("upload", Some(LIVE));
    assert!(!files.is_empty() && files.iter().all(|file| scene.bucket.contains(file)), "its files are there as well");
    assert_eq!((ran.count("/failed"), ran.count("/not_attempted")), (2, files.len() as u64));
    assert_eq!(ran.count("/deleted/multipart_uploads/count"), 2, "all others went");
}

#[test]
fn nothing_is_asked_where_uploads_stay() {
    let scene = Scene::new().and(&["--uploads-older-than", "off"]);
    litter(&scene.bucket);
    scene.collect().expect(0);
    assert_eq!(begun(&scene.bucket).len(), 7);
    assert!(scene.bucket.log().iter().all(|call| call.key != "?uploads"));
}

#[test]
fn saved_plan_aborts_what_it_has_and_nothing_else() {
    let scene = Scene::new();
    let (stale, mut stays) = litter(&scene.bucket);
    let file = scene.directory.path().join("with-parts.jsonl");
    let file = file.to_str().unwrap();
    scene.run(&["plan", "--offline", "-m", "-q", "-o", file]).expect(0);
    let shown = scene.run(&["show", file, "--format", "json"]).expect(0);
    assert_eq!(shown.count("/planned/multipart_uploads/count"), stale.len() as u64);
    stays.insert(begin(&scene.bucket, &upload_key(OTHER, ALONE, "data"), "later", days_ago(10), &[1]));
    let more = upload_key("no/more", ALONE, "data");
    scene.bucket.add_part(&more, "c", 1, days_ago(8));
    stays.insert((more, "c".into()));
    let ran = scene.run(&["apply", "--yes", "--format", "json", file]).expect(0);
    assert_eq!(begun(&scene.bucket), stays);
    assert_eq!(ran.count("/deleted/multipart_uploads/count"), stale.len() as u64 - 1);
    assert_eq!((ran.count("/kept/changed"), ran.count("/kept/not_in_plan/count")), (1, 2));
}

/// Beside a registry that serves pushes it is the same.
#[test]
fn live_run_aborts_as_well() {
    let scene = Scene::live();
    let (_, stays) = litter(&scene.bucket);
    scene.collect().expect(0);
    assert_eq!(begun(&scene.bucket), stays);
}

/// A repository that was chosen loses its own; what is moved to a blob is nobody's.
#[test]
fn scope_counts_for_parts_as_well() {
    let scene = Scene::new().and(&["--repository", LIVE]);
    let (stale, stays) = litter(&scene.bucket);
    scene.collect().expect(0);
    let others = stale.into_iter().filter(|(key, _)| !key.contains(LIVE));
    assert_eq!(begun(&scene.bucket), stays.into_iter().chain(others).collect());
}
