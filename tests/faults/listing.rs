//! Listings that fail, lie or change, and reads that fail.

use std::process::Stdio;

use super::lab::bucket::{Bucket, EtagStyle, Fault, Kind};
use super::lab::registry::{ROOT, RegistryBuilder, blob_key, layer_key, sha256, tag_key};
use super::lab::tree::Tree;
use super::scene::{LIVE, OTHER, Scene, registry};
use super::tool::Ran;

fn blobs(prefix: &str) -> bool {
    prefix.contains("/blobs/")
}

fn repositories(prefix: &str) -> bool {
    prefix.contains("/repositories/")
}

/// The run fails before the first delete, says what to do next, and nothing changes.
#[track_caller]
fn expect_failed(scene: &Scene, ran: &Ran, code: i32, context: &str) {
    assert_eq!(ran.code, code, "{context}: {ran:#?}");
    scene.bucket.clear_faults();
    scene.expect_untouched(context);
    assert_eq!(scene.writes(), [], "{context}: nothing was even tried");
    assert!(ran.stderr.contains("next: "), "{context}: {ran:#?}");
    assert_eq!(ran.json()["exit_code"], code, "{context}");
}

#[test]
fn a_listing_or_a_read_that_is_refused_stops_the_run() {
    let scene = Scene::new();
    for (fault, what) in [
        (Fault::access_denied().on(Kind::List).key(repositories), "the repositories"),
        (Fault::access_denied().on(Kind::List).key(blobs), "the blobs"),
        (Fault::access_denied().on(Kind::List).key(repositories).after(1), "the second look"),
        (Fault::access_denied().on(Kind::Get), "a manifest"),
        (Fault::access_denied().on(Kind::Get).after(3), "the fourth manifest"),
        (Fault::expired_token().on(Kind::Get).after(5), "the token, at a manifest"),
        (Fault::status(400, "ExpiredToken").on(Kind::List).key(blobs), "the token, at the blobs"),
    ] {
        scene.bucket.fault(fault);
        let ran = scene.collect();
        expect_failed(&scene, &ran, 1, what);
        scene.restore();
    }
}

/// These are tried again for a long time first: all of them side by side.
#[test]
fn a_listing_or_a_read_that_fails_for_good_stops_the_run() {
    let cases = [
        (Fault::internal_error().on(Kind::List).key(blobs), "500 for the blobs"),
        (Fault::internal_error().on(Kind::List).key(repositories).after(1), "500 for the second look"),
        (Fault::internal_error().on(Kind::Get).after(2), "500 for a manifest"),
        (Fault::cut_body().on(Kind::List).key(blobs), "cut in the body of a page"),
        (Fault::truncated_page().key(repositories), "truncated XML"),
        (Fault::page_without_token().key(blobs), "IsTruncated without a token"),
    ];
    let running: Vec<_> = cases
        .into_iter()
        .map(|(fault, what)| {
            let scene = Scene::new();
            scene.bucket.limit_pages(10);
            scene.bucket.fault(fault);
            let mut command = scene.command(&["gc", "--offline", "-m", "--format", "json", "--no-progress"]);
            let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            (scene, child, what)
        })
        .collect();
    for (scene, child, what) in running {
        let output = child.wait_with_output().unwrap();
        let ran = Ran {
            code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        };
        expect_failed(&scene, &ran, 1, what);
    }
}

#[test]
fn pages_that_fail_at_first_are_asked_for_again() {
    let scene = Scene::new();
    scene.bucket.limit_pages(10);
    for (fault, what) in [
        (Fault::slow_down().chance(0.2, 11), "503 for a fifth of all requests"),
        (Fault::truncated_page().key(repositories).after(1).times(1), "one truncated page"),
        (Fault::cut_body().on(Kind::List).key(blobs).times(1), "one page cut in the body"),
        (Fault::cut_before().on(Kind::Get).times(2), "two reads cut"),
        (Fault::page_without_token().key(blobs).times(1), "one page without token"),
    ] {
        let id = scene.bucket.fault(fault);
        let ran = scene.collect();
        assert!(scene.bucket.fired(id) > 0, "{what}");
        scene.expect_contained(&ran, 0, what);
        scene.restore();
    }
}

#[test]
fn a_listing_with_holes_is_refused() {
    let scene = Scene::new();
    let manifest = scene.before[&tag_key(OTHER, "latest")].bytes.clone();
    let manifest = blob_key(std::str::from_utf8(&manifest).unwrap());
    for hidden in [blob_key(&sha256(b"base")), blob_key(&sha256(b"arm layer")), manifest] {
        let key = hidden.clone();
        scene.bucket.fault(Fault::hide().key(move |listed| listed == key));
        for arguments in
            [["gc", "--offline", "-m", "--format", "json"], ["plan", "--offline", "-m", "--format", "json"]]
        {
            let ran = scene.run(&arguments).expect(3);
            assert_eq!(ran.refusals(), ["holes"], "{hidden}: {ran:#?}");
            assert!(ran.stderr.contains(&hidden), "{ran:#?}");
        }
        scene.bucket.clear_faults();
        scene.expect_untouched(&hidden);
        assert_eq!(scene.writes(), []);
    }
}

#[test]
fn a_push_between_scan_and_delete_stops_the_run() {
    for what in ["tag", "layer link", "upload's result", "moved tag"] {
        let scene = Scene::new();
        let mut pushed = registry();
        pushed.at(std::time::SystemTime::now());
        match what {
            "tag" => {
                // The dead image gets a tag: all of it is needed now.
                let dead = pushed.image(OTHER, "gone", &["shared by the dead", "gone layer"]);
                pushed.tag(OTHER, "back", &dead.digest);
            }
            "layer link" => drop(pushed.layer(LIVE, "never named either")),
            "upload's result" => drop(pushed.image(LIVE, "a new image", &["never named", "fresh"])),
            _ => {
                let again = pushed.image(OTHER, "gone", &["shared by the dead", "gone layer"]);
                pushed.tag(OTHER, "latest", &again.digest);
            }
        }
        let pushed = pushed.build();
        let before = scene.before.clone();
        let new: Tree = pushed
            .into_iter()
            .filter(|(key, entry)| {
                before.get(key).is_none_or(|old| old.bytes != entry.bytes || key.contains("_layers"))
            })
            .collect();
        scene.bucket.fault(Fault::call(move |store| store.load("", &new)).on(Kind::List).key(blobs).times(1));
        let ran = scene.collect();
        assert_eq!(ran.code, 1, "{what}: {ran:#?}");
        assert!(ran.stderr.contains("was written to") && ran.stderr.contains("next: "), "{what}: {ran:#?}");
        assert_eq!(scene.writes(), [], "{what}");
        assert!(scene.gone().is_empty(), "{what}");
    }
}

/// A client comes back to an upload that looked given up.
#[test]
fn an_upload_that_is_taken_up_again_stops_the_run() {
    let scene = Scene::new();
    let upload = scene.before.keys().find(|key| key.contains("/_uploads/") && key.ends_with("/data")).unwrap().clone();
    assert!(scene.planned("upload", None).contains(&upload));
    let key = upload.clone();
    let more = move |store: &super::lab::bucket::Store| store.put(&key, "and more of it");
    scene.bucket.fault(Fault::call(more).on(Kind::List).key(blobs).times(1));
    let ran = scene.collect().expect(1);
    assert!(ran.stderr.contains("was written to"), "{ran:#?}");
    assert_eq!(scene.writes(), []);
    assert!(scene.bucket.contains(&upload));
}

#[test]
fn a_link_that_vanishes_between_list_and_read_loses_nothing() {
    for key in [tag_key(OTHER, "latest"), tag_key(LIVE, "multi"), layer_key(OTHER, &sha256(b"base"))] {
        let bucket = Bucket::s3("reg");
        bucket.etag_style(EtagStyle::Opaque);
        let scene = Scene::with(bucket, &registry());
        let (gone, asked) = (key.clone(), key.clone());
        let fault = Fault::call(move |store| drop(store.remove(&gone))).on(Kind::Get).key(move |key| key == asked);
        let id = scene.bucket.fault(fault.times(1));
        let ran = scene.collect();
        if scene.bucket.fired(id) == 0 {
            assert!(key.contains("_layers"), "{key} was not read");
            continue;
        }
        assert_eq!(ran.code, 1, "{key}: {ran:#?}");
        assert_eq!(scene.gone().len(), 1, "{key}: only what vanished by itself is gone");
    }
}

#[test]
fn odd_keys_are_untouched_and_hide_nobody() {
    let odd = [
        "repositories/team//app/_layers/x",
        "repositories/../x",
        "repositories/./team/y",
        "repositories/team/app/../z",
        "repositories/tab\there",
        "repositories/bell\u{7}/x",
        "repositories/line\nbreak/x",
        "repositories/team/trailing/",
        "repositories/",
        "repositories/ü/%2F/&amp;<x>",
        "blobs/",
        "blobs/sha256//x",
        "blobs/sha256/00/../x",
        "blobs/sha256/ab\u{1b}[2J/data",
        "blobs/sha256/zz/trailing/",
    ];
    let scene = Scene::new();
    let mut keys: Vec<String> = odd.iter().map(|key| format!("{ROOT}/{key}")).collect();
    keys.push(format!("/{ROOT}/blobs/sha256/00/leading/data"));
    for (number, key) in keys.iter().enumerate() {
        // Each alone, then all together.
        scene.bucket.put(key, "odd");
        let ran = scene.collect();
        assert_eq!(ran.code, 0, "{key:?}: {ran:#?}");
        assert_eq!(scene.gone(), scene.all_planned(), "{key:?}: {ran:#?}");
        assert!(scene.bucket.contains(key), "{key:?}");
        assert!(!ran.stdout.contains('\u{1b}') && !ran.stderr.contains('\u{1b}'), "{key:?} reaches the terminal");
        if number + 1 < keys.len() {
            scene.bucket.remove(key);
        }
        scene.restore();
    }
    for key in &keys {
        scene.bucket.put(key, "odd");
    }
    let ran = scene.run(&["gc", "--offline", "-m", "-v"]);
    assert_eq!(ran.code, 0, "{ran:#?}");
    assert_eq!(scene.gone(), scene.all_planned());
    assert!(keys.iter().all(|key| scene.bucket.contains(key)));
    assert!(!ran.stdout.contains(['\u{1b}', '\u{7}', '\t']) && !ran.stderr.contains(['\u{1b}', '\u{7}']), "{ran:#?}");
}

#[test]
fn thousands_of_blobs_are_listed_in_ranges_and_deleted_in_batches() {
    let mut registry = RegistryBuilder::new();
    let layers: Vec<String> = (0..400).map(|n| format!("needed {n}")).collect();
    let layers: Vec<&str> = layers.iter().map(String::as_str).collect();
    let image = registry.image(LIVE, "large", &layers);
    registry.tag(LIVE, "v1", &image.digest);
    let orphans: Vec<String> = (0..3500).map(|n| registry.blob(format!("orphan {n}"))).collect();
    let linked: Vec<String> = (0..1200).map(|n| registry.layer(OTHER, format!("linked {n}"))).collect();
    let image = registry.image(OTHER, "small", &["needed 1"]);
    registry.tag(OTHER, "v1", &image.digest);
    for (bucket, pages) in [(Bucket::s3("reg"), 1000), (Bucket::s3("reg"), 90), (Bucket::gcs("reg"), 300)] {
        bucket.limit_pages(pages);
        let is_s3 = bucket.dialect() == super::lab::bucket::Dialect::S3;
        let scene = Scene::with(bucket, &registry);
        let expected: std::collections::BTreeSet<String> = orphans
            .iter()
            .chain(&linked)
            .map(|digest| blob_key(digest))
            .chain(linked.iter().map(|digest| layer_key(OTHER, digest)))
            .collect();
        assert_eq!(scene.all_planned(), expected, "pages of {pages}");
        let ran = scene.collect();
        assert_eq!(ran.count("/found/blobs/count"), 3500 + 1200 + 400 + 4);
        let counts = scene.bucket.counts();
        if is_s3 {
            assert_eq!(scene.writes().len(), 2 + 5, "1200 links and 4700 blobs, a thousand at a time");
        }
        let asked: usize = scene.writes().iter().map(|call| call.keys.len()).sum();
        assert_eq!(asked, 5900, "no key is asked for twice");
        assert!(counts.list <= 3 * (11_000 / pages as u64) + 70, "{counts:?}");
        scene.expect_contained(&ran, 0, &format!("pages of {pages}"));
    }
}

#[test]
fn other_etags_make_the_same_plan_with_few_reads() {
    // So many links that reading each of them would show.
    let mut registry = registry();
    let layers: Vec<String> = (0..400).map(|n| format!("needed {n}")).collect();
    let layers: Vec<&str> = layers.iter().map(String::as_str).collect();
    let image = registry.image(OTHER, "large", &layers);
    registry.tag(OTHER, "large", &image.digest);
    let expected = Scene::with(Bucket::s3("reg"), &registry).all_planned();
    for style in [EtagStyle::Md5, EtagStyle::Opaque, EtagStyle::Multipart, EtagStyle::Azure, EtagStyle::Absent] {
        let bucket = Bucket::s3("reg");
        bucket.etag_style(style);
        let scene = Scene::with(bucket, &registry);
        assert_eq!(scene.all_planned(), expected, "{style:?}");
        let ran = scene.collect();
        let (tags, manifests) = (ran.count("/found/tags"), ran.count("/found/manifests"));
        let gets = scene.bucket.counts().get;
        assert!(gets <= tags + manifests + 8, "{style:?}: {gets} reads for {tags} tags, {manifests} manifests");
        scene.expect_contained(&ran, 0, &format!("{style:?}"));
    }
}

#[test]
fn a_tag_that_the_listing_leaves_out_is_missed_by_its_history() {
    let scene = Scene::new();
    for key in [tag_key(OTHER, "latest"), tag_key(LIVE, "multi"), tag_key(LIVE, "v1")] {
        let hidden = key.clone();
        scene.bucket.fault(Fault::hide().key(move |listed| listed == hidden));
        let ran = scene.collect().expect(3);
        assert_eq!(ran.refusals(), ["holes"], "{key}: {ran:#?}");
        assert!(ran.stderr.contains(&key), "{ran:#?}");
        scene.bucket.clear_faults();
        scene.expect_untouched(&key);
    }
}

/// A console leaves markers of folders; such a key cannot be named in a delete.
#[test]
fn upload_with_a_key_that_cannot_be_named_hides_nobody() {
    let scene = Scene::new();
    let upload = format!("{ROOT}/repositories/a/_uploads/0f8fad5b-d9cb-469f-a165-70867728950e/");
    let old = super::lab::tree::days_ago(30);
    for file in ["", "startedat", "data"] {
        scene.bucket.put_at(&format!("{upload}{file}"), "2025-01-01T00:00:00Z", old);
    }
    let ran = scene.collect().expect(0);
    assert!(ran.problems().contains("unaddressable_key"), "{ran:#?}");
    let left: Vec<String> = scene.bucket.keys().into_iter().filter(|key| key.starts_with(&upload)).collect();
    assert_eq!(left, [upload]);
}
