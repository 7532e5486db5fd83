//! Undo when something is against it: journals that were altered or torn, another run at work, writes that fail, kills,
//! pushes at the same moment.

use std::collections::BTreeSet;
use std::process::{Child, Stdio};
use std::time::Duration;

use crate::check::{pointers, tagged, untagged};
use crate::lab::bucket::{Fault, Kind};
use crate::lab::pull::{pull, pull_all_revisions, try_pull};
use crate::lab::registry::{RegistryBuilder, blob_key, history_key, layer_key, revision_key, tag_key};
use crate::lab::tree::{Tree, removed};
use crate::place::{LEASE, Place, STATE, assert_same};

fn registry() -> RegistryBuilder {
    let mut registry = RegistryBuilder::new();
    tagged(&mut registry, "app", "latest");
    let (one, two) = (untagged(&mut registry, "app", "one"), untagged(&mut registry, "app", "two"));
    let index = registry.index("app", &[&one.digest, &two.digest]);
    registry.tag_history("app", "latest", &index);
    registry.referrer("app", &index, "application/spdx+json", "sbom");
    tagged(&mut registry, "other", "latest");
    untagged(&mut registry, "other", "three");
    registry
}

#[test]
fn a_hostile_journal_writes_nothing() {
    let mut registry = RegistryBuilder::new();
    let image = tagged(&mut registry, "app", "latest");
    let secret = registry.layer("private", "a secret");
    let nobody = registry.blob("content of nobody");
    let repositories = "docker/registry/v2/repositories";
    let hex = nobody.strip_prefix("sha256:").unwrap();
    let gone = format!("sha256:{}", "0".repeat(64));
    let lines = [
        // Not pointers, or not below the registry's root.
        (blob_key(&gone), gone.clone()),
        (blob_key(&nobody), image.digest.clone()),
        (format!("{repositories}/app/_uploads/11111111-2222-4333-a444-555555555555/data"), nobody.clone()),
        (format!("{repositories}/app/_uploads/11111111-2222-4333-a444-555555555555/startedat"), nobody.clone()),
        (format!("{repositories}/../../../escaped/_layers/sha256/{hex}/link"), nobody.clone()),
        (format!("{repositories}/app/../../escaped/_layers/sha256/{hex}/link"), nobody.clone()),
        (format!("{repositories}/app/_layers/sha256/../../../../evil/link"), nobody.clone()),
        (format!("/{repositories}/app/_layers/sha256/{hex}/link"), nobody.clone()),
        (format!("../{repositories}/app/_layers/sha256/{hex}/link"), nobody.clone()),
        (format!("other-root/{repositories}/app/_layers/sha256/{hex}/link"), nobody.clone()),
        (format!("{repositories}//app/_layers/sha256/{hex}/link"), nobody.clone()),
        (format!("{repositories}/UP/_layers/sha256/{hex}/link"), nobody.clone()),
        (format!("{repositories}/app/_manifests/tags/..\u{2f}x/current/link"), image.digest.clone()),
        (format!("{repositories}/app/_manifests/tags/.evil/current/link"), image.digest.clone()),
        (format!("{STATE}lease.json"), nobody.clone()),
        ("etc/passwd".to_owned(), nobody.clone()),
        // A link that would serve something else under this name.
        (layer_key("app", &gone), secret.clone()),
        (revision_key("app", &gone), image.digest.clone()),
        (history_key("app", "latest", &gone), image.digest.clone()),
        // What these name was never there.
        (layer_key("app", &gone), gone.clone()),
        (tag_key("app", "evil"), gone.clone()),
        (tag_key("app", "latest"), secret.clone()),
    ];
    for place in Place::all(&registry) {
        let line =
            |(key, content): &(String, String)| format!("{}\n", serde_json::json!({"key": key, "content": content}));
        let odd = "{\"key\": 7}\n[]\n\u{0}\nnot json\n{\"key\": \"x\", \"content\": \"sha256:12\"}\n";
        let text: String = lines.iter().map(line).collect();
        place.write(&format!("{STATE}runs/hostile/journal-000000.jsonl"), &(text + odd));
        place.write(&format!("{STATE}runs/hostile/done.json"), "{\"schema\": \"regsweep.done/1\"}");
        place.write(&format!("{STATE}runs/../../escaped"), "x");
        place.write(&format!("{STATE}pending"), "regsweep.pending/1 hostile\nx\n");
        place.write(&format!("{STATE}aside/hostile/sha256/nothing"), "x");
        let before = place.registry();
        for what in [
            vec!["--all"],
            vec!["--run=hostile"],
            vec!["--image=**"],
            vec!["--image=app:evil"],
            vec!["--digest", &nobody],
            vec!["--needed"],
        ] {
            let ran = place.restore(&what);
            assert_eq!(before, place.registry(), "{what:?} wrote something: {ran:#?}");
            assert!([0, 1, 4].contains(&ran.code), "{ran:#?}");
            assert!(ran.count("/odd") > 5 || ran.code == 1, "{ran:#?}");
        }
        assert_eq!(place.pending().count("/waiting/count"), 0);
        if place.bucket.is_none() {
            let beside: BTreeSet<_> =
                std::fs::read_dir(place.directory.path()).unwrap().map(|it| it.unwrap().file_name()).collect();
            assert_eq!(beside.len(), 1, "{beside:?}");
        }
    }
}

/// A journal that was cut short, wherever: whole lines count, the last one is told.
#[test]
fn a_torn_journal_gives_back_what_can_be_read() {
    let place = Place::s3(&registry());
    let before = place.registry();
    place.collect();
    let between = place.registry();
    let key = format!("{STATE}runs/{}/journal-000000.jsonl", place.run_name());
    let whole = place.read(&key);
    for part in 0..8 {
        let cut = whole.len() * part / 8;
        place.write(&key, &whole[..cut]);
        let ran = place.restore(&["--all"]).expect(0);
        let lines = whole[..cut].lines().filter(|line| line.ends_with('}')).count();
        assert_eq!(removed(&place.registry(), &between).len(), lines, "cut at {cut}");
        assert_eq!(ran.count("/odd"), u64::from(!whole[..cut].is_empty() && !whole[..cut].ends_with('\n')));
    }
    place.write(&key, &whole);
    place.restore(&["--all"]).expect(0);
    assert_same(&before, &place.registry(), "the whole journal");
}

#[test]
fn a_run_that_never_ended_is_undone_as_well() {
    for place in [Place::directory(&registry()), Place::gcs(&registry())] {
        let before = place.registry();
        place.collect();
        let run = place.run_name();
        place.remove(&format!("{STATE}runs/{run}/done.json"));
        let listed = place.pending();
        assert_eq!(listed.json()["runs"][0]["state"], "unfinished", "{listed:#?}");
        place.restore(&["--run", &run]).expect(0);
        assert_same(&before, &place.registry(), "undone");
    }
}

#[test]
fn another_run_at_work_is_not_disturbed() {
    for place in Place::all(&registry()) {
        let before = place.registry();
        place.collect();
        place.lease(60);
        let between = place.all_keys();
        let ran = place.restore(&["--all"]).expect(3);
        assert!(ran.stderr.contains("other-run") && ran.stderr.contains("nothing was changed"), "{ran:#?}");
        let json = ran.json();
        assert_eq!((json["schema"].as_str(), json["exit_code"].as_u64()), (Some("regsweep.restore/1"), Some(3)));
        assert_eq!(between, place.all_keys(), "something changed");
        // Whoever only looks may look.
        place.run(&["restore", "--all", "--dry-run"]).expect(0);
        let seen = place.pending().json();
        assert_eq!(
            (seen["lease"]["held"].as_bool(), seen["lease"]["lease"]["run"].as_str()),
            (Some(true), Some("other-run"))
        );
        assert_eq!(between, place.all_keys(), "a look changed something");
        // A dead one is taken over.
        place.lease(-1);
        let ran = place.restore(&["--all"]).expect(0);
        assert!(ran.stderr.contains("run other-run ended without giving back its lease"), "{ran:#?}");
        assert_same(&before, &place.registry(), "after a dead run");
        assert!(!place.state().contains(LEASE));
    }
}

/// What is there after a restore that ended anywhere is whole: layers came before what needs them.
#[track_caller]
fn assert_nothing_by_halves(before: &Tree, now: &Tree, context: &str) {
    let whole = pull_all_revisions(before);
    for (image, pulled) in pull_all_revisions(now) {
        assert_eq!(Some(&pulled), whole.get(&image), "{context}: {image:?}");
    }
    for (repo, tag) in crate::lab::pull::tags(now) {
        let pulled = try_pull(now, &repo, &tag);
        assert!(pulled.broken.is_empty(), "{context}: {repo}:{tag} is broken: {pulled:?}");
    }
}

fn start(place: &Place) -> Child {
    let mut command = place.command(&["restore", "--all", "--yes", "--format", "json"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn wait_until(what: &str, holds: impl Fn() -> bool) {
    for _ in 0..3000 {
        if holds() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("waited in vain until {what}");
}

fn is_link(key: &str) -> bool {
    key.starts_with("docker/registry/v2/repositories/")
}

#[test]
fn a_restore_that_was_killed_anywhere_leaves_nothing_by_halves_and_the_next_one_finishes() {
    let place = Place::s3(&registry());
    let bucket = place.bucket.as_ref().unwrap();
    // A tag that was removed comes last.
    let first = place.registry();
    let tag = [tag_key("other", "latest")].map(|key| (key.clone(), place.read(&key)));
    place.collect();
    place.journal("20260101T000000Z-00000000", &tag);
    place.remove(&tag[0].0);
    let between = place.all_keys();
    let total = removed(&first, &between).len() as u64;
    for written in 0..total {
        let held = bucket.fault(Fault::hold().on(Kind::Put).key(is_link).after(written));
        let mut child = start(&place);
        wait_until("it waits in a write", || bucket.fired(held) > 0);
        child.kill().unwrap();
        child.wait().unwrap();
        bucket.clear_faults();
        let now = place.registry();
        let context = format!("killed after {written} of {total} writes");
        assert_nothing_by_halves(&first, &now, &context);
        assert!(removed(&now, &between).len() as u64 >= written, "{context}");
        // Its lease ends by itself.
        place.lease(-1);
        place.restore(&["--all"]).expect(0);
        assert_same(&first, &place.registry(), &context);
        for key in place.all_keys().keys() {
            bucket.remove(key);
        }
        bucket.load("", &between);
    }
}

#[test]
fn a_signal_lets_the_writes_on_their_way_finish() {
    let place = Place::s3(&registry());
    let bucket = place.bucket.as_ref().unwrap();
    let before = place.registry();
    place.collect();
    let held = bucket.fault(Fault::hold().on(Kind::Put).key(|key| is_link(key) && key.contains("/revisions/")));
    let child = start(&place);
    wait_until("it writes a manifest", || bucket.fired(held) > 0);
    let id = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    std::thread::sleep(Duration::from_millis(300));
    bucket.release(held);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{output:?}");
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["stopped"], "signal");
    assert!(json["not_attempted"].as_u64().unwrap() > 0, "{json:#}");
    assert_nothing_by_halves(&before, &place.registry(), "after a signal");
    assert!(!place.state().contains(LEASE), "the lease was given back");
    place.restore(&["--all"]).expect(0);
    assert_same(&before, &place.registry(), "after a signal, again");
}

/// Where a link cannot be written nothing of its repository follows; other repositories come back.
#[test]
fn a_write_that_fails_keeps_what_needs_it_away() {
    let registry = registry();
    let place = Place::s3(&registry);
    let bucket = place.bucket.as_ref().unwrap();
    let before = place.registry();
    place.collect();
    let between = place.registry();
    bucket.fault(
        Fault::status(400, "InvalidRequest")
            .on(Kind::Put)
            .key(|key| is_link(key) && key.contains("app/_layers"))
            .times(1),
    );
    let ran = place.restore(&["--all"]).expect(4);
    assert_eq!(ran.count("/failed"), 1);
    assert!(ran.count("/not_attempted") > 0, "{ran:#?}");
    let now = place.registry();
    assert_nothing_by_halves(&before, &now, "after a failed write");
    let back = removed(&now, &between);
    assert!(back.iter().any(|key| key.contains("/other/_manifests/")), "{back:#?}");
    assert!(!back.iter().any(|key| key.contains("/app/_manifests/")), "{back:#?}");
    let all = removed(&before, &between).len() as u64;
    assert_eq!(back.len() as u64 + ran.count("/failed") + ran.count("/not_attempted"), all, "each ends somewhere");
    bucket.clear_faults();
    place.restore(&["--all"]).expect(0);
    assert_same(&before, &place.registry(), "after a failed write, again");
}

#[test]
fn a_missing_right_is_told_before_anything_is_written() {
    let place = Place::s3(&registry());
    let bucket = place.bucket.as_ref().unwrap();
    place.collect();
    let between = place.all_keys();
    bucket.fault(Fault::access_denied().on(Kind::Put));
    let ran = place.restore(&["--all"]).expect(1);
    assert!(ran.json()["error"]["message"].as_str().unwrap().contains("write"), "{ran:#?}");
    assert_eq!(between, place.all_keys());
    bucket.clear_faults();
    // Notes beside the registry may be written, links not.
    bucket.fault(Fault::access_denied().on(Kind::Put).key(is_link));
    let ran = place.restore(&["--all"]).expect(4);
    assert_eq!(place.registry(), between.into_iter().filter(|(key, _)| !key.starts_with(STATE)).collect::<Tree>());
    let planned = ["manifests", "layer_links", "tag_history"].map(|kind| ran.count(&format!("/planned/{kind}")));
    assert_eq!(ran.count("/failed") + ran.count("/not_attempted"), planned.iter().sum::<u64>());
}

#[test]
fn what_cannot_be_listed_or_read_ends_it_before_anything_is_written() {
    let place = Place::s3(&registry());
    let bucket = place.bucket.as_ref().unwrap();
    place.collect();
    let between = place.all_keys();
    for fault in [
        Fault::status(400, "InvalidRequest").on(Kind::List).key(|key| key.contains("repositories")),
        Fault::status(400, "InvalidRequest").on(Kind::List).key(|key| key.contains("regsweep")),
        Fault::status(400, "InvalidRequest").on(Kind::Get).key(|key| key.contains("/blobs/")),
        Fault::status(400, "InvalidRequest").on(Kind::Get).key(|key| key.contains("journal-")),
        Fault::status(400, "InvalidRequest").on(Kind::Head),
    ] {
        let fault = bucket.fault(fault);
        let ran = place.restore(&["--all"]).expect(1);
        assert!(bucket.fired(fault) > 0, "{ran:#?}");
        bucket.clear_faults();
        assert_eq!(between, place.all_keys(), "{ran:#?}");
    }
}

/// A push that comes between the look and the write.
#[test]
fn a_tag_that_is_pushed_at_that_moment_is_not_written_over() {
    let mut registry = RegistryBuilder::new();
    let (old, new) = (tagged(&mut registry, "app", "v1"), untagged(&mut registry, "app", "new"));
    registry.tag("app", "keeps", &new.digest);
    let place = Place::s3(&registry);
    let bucket = place.bucket.as_ref().unwrap();
    let keys = [pointers("app", &old), vec![tag_key("app", "v1"), history_key("app", "v1", &old.digest)]].concat();
    place.take("removed", &keys);
    let held = bucket.fault(Fault::hold().on(Kind::Put).key(|key| key.ends_with("/v1/current/link")));
    let child = start(&place);
    wait_until("it writes the tag", || bucket.fired(held) > 0);
    bucket.put(&tag_key("app", "v1"), new.digest.clone());
    bucket.clear_faults();
    bucket.release(held);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&json["restored"]["tags"], &json["skipped"]["already_there"]["tags"]),
        (&0.into(), &1.into()),
        "{json:#}"
    );
    assert_eq!(place.read(&tag_key("app", "v1")), new.digest);
}

#[test]
fn layers_come_before_manifests_children_before_parents_and_tags_last() {
    let mut registry = registry();
    let image = registry.image("app", "tagged", &["of the tagged"]);
    registry.tag("app", "gone", &image.digest);
    let place = Place::s3(&registry);
    let bucket = place.bucket.as_ref().unwrap();
    place.collect();
    place.take(
        "removed",
        &[pointers("app", &image), vec![history_key("app", "gone", &image.digest), tag_key("app", "gone")]].concat(),
    );
    bucket.reset_counts();
    place.restore(&["--all"]).expect(0);
    let puts: Vec<String> = bucket
        .log()
        .into_iter()
        .filter(|call| call.kind == Kind::Put && is_link(&call.key))
        .map(|call| call.key)
        .collect();
    let rank = |key: &String| match key {
        key if key.contains("/_layers/") => 0,
        key if key.contains("/revisions/") => 1,
        key if key.contains("/index/") => 2,
        _ => 3,
    };
    assert!(puts.iter().map(rank).is_sorted(), "{puts:#?}");
    let revisions = |tree: &Tree| {
        puts.iter()
            .filter(|key| key.contains("/app/") && rank(key) == 1)
            .map(|key| tree[key].clone())
            .collect::<Vec<_>>()
    };
    let now = place.registry();
    let order: Vec<String> =
        revisions(&now).into_iter().map(|it| String::from_utf8(it.bytes.to_vec()).unwrap()).collect();
    for (at, digest) in order.iter().enumerate() {
        let manifest = String::from_utf8_lossy(&now[&blob_key(digest)].bytes).into_owned();
        let json: serde_json::Value = serde_json::from_str(&manifest).unwrap();
        for child in json["manifests"].as_array().into_iter().flatten() {
            let child = order.iter().position(|other| *other == child["digest"]).unwrap();
            assert!(child < at, "a parent before its child: {order:#?}");
        }
    }
    pull(&now, "app", "gone").unwrap();
}

/// Whoever may not be asked must say so.
#[test]
fn without_a_terminal_it_wants_yes_or_a_dry_run() {
    let place = Place::directory(&registry());
    place.collect();
    let between = place.all_keys();
    let ran = place.run(&["restore", "--all"]).expect(2);
    assert!(ran.stderr.contains("--yes") && ran.stderr.contains("--dry-run"), "{ran:#?}");
    assert_eq!(between, place.all_keys());
    place.run(&["restore", "--yes"]).expect(2);
    place.run(&["restore", "--all", "--needed", "--yes"]).expect(2);
}
