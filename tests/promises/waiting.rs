//! Live runs: pointers go first, content waits until no push that began before can need it, and what a run leaves half
//! done the next one finishes.

use std::collections::BTreeSet;
use std::path::Path;

use crate::check::{blobs, gc, links, pointers, rubbish, tagged, untagged, whole, written};
use crate::lab::pull::{assert_tags_unharmed, pull};
use crate::lab::registry::{RegistryBuilder, blob_key, layer_key, revision_key};
use crate::lab::tree::{Tree, read_dir, removed};
use crate::tool::Ran;

const STATE: &str = "docker/registry/regsweep/";
const PENDING: &str = "docker/registry/regsweep/pending";
const LEASE: &str = "docker/registry/regsweep/lease.json";

/// A live run whose wait for pushes is short: nobody pushes.
#[track_caller]
fn live(directory: &Path, arguments: &[&str]) -> Ran {
    let wait: &[&str] = if arguments.contains(&"--defer") { &[] } else { &["--defer", "24h"] };
    gc(&[&["--settle", "10ms"], wait, arguments].concat(), directory)
}

fn registry_of(directory: &Path) -> Tree {
    read_dir(directory).into_iter().filter(|(key, _)| key.starts_with("docker/registry/v2/")).collect()
}

fn state_of(directory: &Path) -> BTreeSet<String> {
    read_dir(directory).into_keys().filter(|key| key.starts_with(STATE)).collect()
}

fn write(directory: &Path, key: &str, text: &str) {
    let file = directory.join(key);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, text).unwrap();
}

/// Lets what waits have waited for so many hours more.
fn hours_pass(directory: &Path, hours: i64) {
    let text = std::fs::read_to_string(directory.join(PENDING)).unwrap();
    let earlier = text.lines().map(|line| match line.split_once(' ') {
        Some((since, rest)) if !since.contains("regsweep") => {
            let since = chrono::DateTime::parse_from_rfc3339(since).unwrap() - chrono::Duration::hours(hours);
            format!("{} {rest}\n", since.to_rfc3339())
        }
        _ => format!("{line}\n"),
    });
    let earlier: String = earlier.collect();
    std::fs::write(directory.join(PENDING), earlier).unwrap();
}

#[track_caller]
fn assert_lost(before: &Tree, after: &Tree, keys: impl IntoIterator<Item = String>) {
    let lost: BTreeSet<String> = removed(before, after).into_iter().collect();
    assert_eq!(lost, keys.into_iter().collect::<BTreeSet<_>>());
    assert_tags_unharmed(before, after, "after a live run");
}

fn garbage() -> (RegistryBuilder, String) {
    let mut registry = RegistryBuilder::new();
    tagged(&mut registry, "app", "latest");
    let layer = registry.layer("app", "garbage");
    (registry, layer)
}

#[test]
fn pointers_go_in_the_first_run_and_content_a_day_later() {
    let (registry, layer) = garbage();
    let directory = written(&registry);
    let before = registry_of(directory.path());

    let first = live(directory.path(), &[]).expect(0);
    assert_eq!((first.count("/deleted/layer_links"), first.count("/deleted/blobs/count")), (1, 0));
    assert_eq!(first.count("/pending/blobs/count"), 1);
    assert!(!first.json()["pending"]["first_due"].is_null());
    assert_eq!(first.count("/bytes/freeable_later"), first.count("/pending/blobs/bytes"));
    assert_lost(&before, &registry_of(directory.path()), links("app", [&layer]));

    let record = std::fs::read_to_string(directory.path().join(PENDING)).unwrap();
    let second = live(directory.path(), &[]).expect(0);
    assert_eq!((second.count("/planned_bytes"), second.count("/pending/blobs/count")), (0, 1));
    let again = std::fs::read_to_string(directory.path().join(PENDING)).unwrap();
    assert_eq!(record, again, "the wait began anew");

    hours_pass(directory.path(), 23);
    assert_eq!(live(directory.path(), &[]).expect(0).count("/planned_bytes"), 0);
    hours_pass(directory.path(), 2);
    let last = live(directory.path(), &[]).expect(0);
    assert_eq!((last.count("/deleted/blobs/count"), last.count("/pending/blobs/count")), (1, 0));
    assert_lost(&before, &registry_of(directory.path()), [layer_key("app", &layer), blob_key(&layer)]);
    assert!(!state_of(directory.path()).contains(PENDING));
}

#[test]
fn with_nothing_to_wait_for_content_goes_in_the_same_run() {
    let (mut registry, layer) = garbage();
    let image = untagged(&mut registry, "app", "untagged");
    let directory = written(&registry);
    let before = registry_of(directory.path());
    let ran = live(directory.path(), &["-m", "--defer", "0s"]).expect(0);
    assert_eq!(ran.count("/failed") + ran.count("/unknown") + ran.count("/not_attempted"), 0, "{ran:#?}");
    let goes = [whole("app", &image), links("app", [&layer]), blobs([&layer])].concat();
    assert_lost(&before, &registry_of(directory.path()), goes);
    assert_eq!(state_of(directory.path()), BTreeSet::new(), "something was left behind");
}

#[test]
fn content_that_had_a_pointer_again_waits_anew() {
    let (registry, layer) = garbage();
    let directory = written(&registry);
    live(directory.path(), &[]).expect(0);
    hours_pass(directory.path(), 48);
    // A push that was given up brings the link back; it is old by now, so it is garbage again.
    let link = directory.path().join(layer_key("app", &layer));
    std::fs::create_dir_all(link.parent().unwrap()).unwrap();
    std::fs::write(&link, &layer).unwrap();
    let old = std::fs::File::open(&link).unwrap();
    old.set_modified(std::time::SystemTime::now() - std::time::Duration::from_hours(72)).unwrap();
    let ran = live(directory.path(), &[]).expect(0);
    assert_eq!((ran.count("/deleted/layer_links"), ran.count("/deleted/blobs/count")), (1, 0));
    assert_eq!(live(directory.path(), &[]).expect(0).count("/pending/blobs/count"), 1);
    hours_pass(directory.path(), 25);
    assert_eq!(live(directory.path(), &[]).expect(0).count("/deleted/blobs/count"), 1);
}

#[test]
fn content_that_a_tag_needs_again_does_not_wait_any_more() {
    let mut registry = RegistryBuilder::new();
    tagged(&mut registry, "app", "latest");
    let image = untagged(&mut registry, "app", "comes back");
    let directory = written(&registry);
    assert_eq!(live(directory.path(), &["-m"]).expect(0).count("/pending/blobs/count"), 3);
    hours_pass(directory.path(), 48);
    // Pushed again: all of it is there, so only the links are new.
    registry.tag("app", "back", &image.digest);
    registry.write_to(directory.path());
    let before = registry_of(directory.path());
    let ran = live(directory.path(), &["-m"]).expect(0);
    assert_eq!((ran.count("/planned_bytes"), ran.count("/pending/blobs/count")), (0, 0));
    assert_eq!(before, registry_of(directory.path()));
    assert!(!state_of(directory.path()).contains(PENDING));
}

#[test]
fn a_record_that_cannot_be_read_or_lies_in_the_future_lets_content_wait_anew() {
    for text in ["", "not a record\n", "regsweep.pending/9 run\n", "regsweep.pending/1 run\nyesterday sha256:00 1\n"] {
        let (registry, _) = garbage();
        let directory = written(&registry);
        live(directory.path(), &[]).expect(0);
        write(directory.path(), PENDING, text);
        assert_eq!(live(directory.path(), &[]).expect(0).count("/pending/blobs/count"), 1, "{text:?}");
    }
    let (registry, _) = garbage();
    let directory = written(&registry);
    live(directory.path(), &[]).expect(0);
    hours_pass(directory.path(), -1000);
    let ran = live(directory.path(), &[]).expect(0);
    assert_eq!((ran.count("/planned_bytes"), ran.count("/pending/blobs/count")), (0, 1));
    hours_pass(directory.path(), 25);
    assert_eq!(
        live(directory.path(), &[]).expect(0).count("/deleted/blobs/count"),
        1,
        "the record stayed in the future"
    );
}

#[test]
fn a_run_for_one_repository_lets_the_content_of_others_wait_on() {
    let mut registry = RegistryBuilder::new();
    for repo in ["a", "b"] {
        tagged(&mut registry, repo, "latest");
        rubbish(&mut registry, repo);
    }
    let directory = written(&registry);
    assert_eq!(live(directory.path(), &[]).expect(0).count("/pending/blobs/count"), 2);
    hours_pass(directory.path(), 25);
    rubbish(&mut registry, "a");
    let ran = live(directory.path(), &["--repository", "a"]).expect(0);
    assert_eq!((ran.count("/deleted/blobs/count"), ran.count("/pending/blobs/count")), (0, 2));
    assert_eq!(live(directory.path(), &[]).expect(0).count("/deleted/blobs/count"), 2);
}

/// A run that is killed may leave the record of an earlier wait behind.
#[test]
fn content_that_was_written_after_its_record_waits_anew() {
    let (registry, layer) = garbage();
    let directory = written(&registry);
    live(directory.path(), &[]).expect(0);
    hours_pass(directory.path(), 48);
    let content = std::fs::File::open(directory.path().join(blob_key(&layer))).unwrap();
    content.set_modified(std::time::SystemTime::now() - std::time::Duration::from_hours(30)).unwrap();
    let ran = live(directory.path(), &[]).expect(0);
    assert_eq!((ran.count("/planned_bytes"), ran.count("/pending/blobs/count")), (0, 1));
}

/// What a run that was killed has taken away, and a push that was admitted before needs: the next run writes it back,
/// even if it has nothing else to do.
#[test]
fn links_that_a_killed_run_took_from_a_tagged_image_come_back() {
    let mut registry = RegistryBuilder::new();
    let image = tagged(&mut registry, "app", "latest");
    let directory = written(&registry);
    let whole = registry_of(directory.path());
    let mut journal = String::new();
    for key in
        links("app", image.config.iter().chain(&image.layers)).into_iter().chain([revision_key("app", &image.digest)])
    {
        let content = std::fs::read_to_string(directory.path().join(&key)).unwrap();
        journal.push_str(&serde_json::json!({"key": key, "content": content}).to_string());
        journal.push('\n');
        std::fs::remove_file(directory.path().join(&key)).unwrap();
    }
    write(directory.path(), &format!("{STATE}runs/killed/journal-000000.jsonl"), &journal);
    assert!(pull(&read_dir(directory.path()), "app", "latest").is_err());

    let ran = live(directory.path(), &["-m"]).expect(0);
    assert_eq!(ran.count("/mended"), 1 + image.all().len() as u64 - 1, "{ran:#?}");
    let now = registry_of(directory.path());
    assert!(whole.iter().all(|(key, entry)| now[key].bytes == entry.bytes), "not all of it is back");
    assert_eq!(whole.len(), now.len());
    let done = std::fs::read_to_string(directory.path().join(format!("{STATE}runs/killed/done.json"))).unwrap();
    assert!(done.contains("unfinished"), "{done}");
}

/// Takes these links away as a run does that is killed then, or that has ended as it should.
fn take(directory: &Path, keys: impl IntoIterator<Item = String>, ended: bool) {
    let mut journal = String::new();
    for key in keys {
        let content = std::fs::read_to_string(directory.join(&key)).unwrap();
        let mut line = serde_json::json!({"key": key, "content": content});
        if key.contains("/revisions/") {
            let manifest = std::fs::read(directory.join(blob_key(&content))).unwrap();
            let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
            if let Some(subject) = manifest["subject"]["digest"].as_str() {
                line["subject"] = subject.into();
            }
        }
        journal.push_str(&line.to_string());
        journal.push('\n');
        std::fs::remove_file(directory.join(&key)).unwrap();
    }
    write(directory, &format!("{STATE}runs/earlier/journal-000000.jsonl"), &journal);
    if ended {
        let now = chrono::Utc::now();
        let done = serde_json::json!({
            "schema": "regsweep.done/1", "command": "garbage-collect", "gone": now.to_rfc3339(),
            "until": (now + chrono::Duration::hours(24)).to_rfc3339(),
        });
        write(directory, &format!("{STATE}runs/earlier/done.json"), &done.to_string());
    }
}

/// An index whose push was admitted while its child was still linked: the child comes back, and all that it needs.
#[test]
fn a_child_that_a_run_took_from_a_tagged_index_comes_back_with_its_layers() {
    for ended in [false, true] {
        let mut registry = RegistryBuilder::new();
        let child = untagged(&mut registry, "app", "child");
        let index = registry.index("app", &[&child.digest]);
        registry.tag("app", "latest", &index);
        let directory = written(&registry);
        let whole = registry_of(directory.path());
        take(directory.path(), pointers("app", &child), ended);
        assert!(pull(&read_dir(directory.path()), "app", &child.digest).is_err());
        // A dry run knows it as well: nothing of the child would go.
        assert_eq!(live(directory.path(), &["-m", "-d"]).expect(0).count("/pending/blobs/count"), 0);
        live(directory.path(), &["-m"]).expect(0);
        let now = registry_of(directory.path());
        assert!(whole.iter().all(|(key, entry)| now.get(key).is_some_and(|now| now.bytes == entry.bytes)), "{ended}");
    }
}

/// A signature is nobody's child: only itself can tell what it is about.
#[test]
fn what_is_about_an_image_that_came_back_comes_back_too() {
    let mut registry = RegistryBuilder::new();
    let image = tagged(&mut registry, "app", "latest");
    let signature = registry.referrer("app", &image.digest, "application/vnd.example.signature", "signature");
    let of_it = registry.referrer("app", &signature.digest, "application/vnd.example.signature", "and its own");
    let directory = written(&registry);
    let whole = registry_of(directory.path());
    let keys: std::collections::BTreeSet<String> =
        [&image, &signature, &of_it].into_iter().flat_map(|image| pointers("app", image)).collect();
    take(directory.path(), keys, true);
    live(directory.path(), &["-m"]).expect(0);
    let now = registry_of(directory.path());
    assert!(whole.iter().all(|(key, entry)| now.get(key).is_some_and(|now| now.bytes == entry.bytes)));
}

#[test]
fn a_journal_writes_nothing_but_missing_links_that_something_needs() {
    let mut registry = RegistryBuilder::new();
    let image = tagged(&mut registry, "app", "latest");
    let stranger = registry.blob("content of nobody");
    let directory = written(&registry);
    let before = registry_of(directory.path());
    let lines = [
        (blob_key(&stranger), stranger.clone()),
        (layer_key("app", &stranger), stranger.clone()),
        (layer_key("app", &image.layers[0]), stranger.clone()),
        (layer_key("elsewhere", &image.layers[0]), image.layers[0].clone()),
        ("docker/registry/v2/repositories/../../../escaped/_layers/link".to_owned(), stranger.clone()),
        ("docker/registry/v2/repositories/app/_manifests/tags/evil/current/link".to_owned(), image.digest.clone()),
    ];
    let journal =
        lines.map(|(key, content)| serde_json::json!({"key": key, "content": content}).to_string()).join("\n");
    write(
        directory.path(),
        &format!("{STATE}runs/hostile/journal-000000.jsonl"),
        &(journal + "\n{\"key\": 7}\n\u{0}\n"),
    );
    let ran = live(directory.path(), &["-m", "--uploads-older-than", "off"]).expect(0);
    assert_eq!(ran.count("/mended"), 0);
    assert_eq!(before, registry_of(directory.path()));
}

#[test]
fn content_that_a_killed_run_moved_aside_is_put_back_and_judged_anew() {
    let mut registry = RegistryBuilder::new();
    let image = tagged(&mut registry, "app", "latest");
    let (needed, unneeded) = (image.layers[0].clone(), registry.blob("garbage"));
    let directory = written(&registry);
    let before = registry_of(directory.path());
    for digest in [&needed, &unneeded] {
        let aside = format!("{STATE}aside/killed/sha256/{}", digest.strip_prefix("sha256:").unwrap());
        std::fs::create_dir_all(directory.path().join(&aside).parent().unwrap()).unwrap();
        std::fs::rename(directory.path().join(blob_key(digest)), directory.path().join(aside)).unwrap();
    }
    let ran = live(directory.path(), &[]).expect(0);
    assert_eq!(ran.count("/pending/blobs/count"), 1);
    assert_eq!(before, registry_of(directory.path()));
    assert!(!state_of(directory.path()).iter().any(|key| key.contains("/aside/")));
}

#[test]
fn a_lease_that_is_held_is_respected_and_a_dead_one_taken_over() {
    let (registry, _) = garbage();
    let directory = written(&registry);
    let lease = |expires: chrono::DateTime<chrono::Utc>| {
        let taken = expires - chrono::Duration::minutes(1);
        serde_json::json!({
            "schema": "regsweep.lease/1", "run": "other-run", "host": "elsewhere", "process": 17,
            "command": "garbage-collect", "taken": taken.to_rfc3339(), "expires": expires.to_rfc3339(),
        })
        .to_string()
    };
    write(directory.path(), LEASE, &lease(chrono::Utc::now() + chrono::Duration::minutes(1)));
    let before = read_dir(directory.path());
    let ran = live(directory.path(), &[]).expect(3);
    for word in ["other-run", "elsewhere", "process 17", "nothing was changed"] {
        assert!(ran.stderr.contains(word), "{word} is not in {ran:#?}");
    }
    assert_eq!(before, read_dir(directory.path()));
    // Whoever only looks is not kept from it.
    live(directory.path(), &["-d"]).expect(0);

    write(directory.path(), LEASE, &lease(chrono::Utc::now() - chrono::Duration::seconds(1)));
    let ran = live(directory.path(), &[]).expect(0);
    assert!(ran.stderr.contains("run other-run ended without giving back its lease"), "{ran:#?}");
    assert!(!state_of(directory.path()).contains(LEASE));
}

#[test]
fn a_bounded_run_stops_in_order_and_the_next_ones_finish() {
    let mut registry = RegistryBuilder::new();
    tagged(&mut registry, "app", "latest");
    let mut goes = Vec::new();
    for name in ["one", "two"] {
        goes.extend(whole("app", &untagged(&mut registry, "app", name)));
    }
    let directory = written(&registry);
    let before = registry_of(directory.path());
    let mut runs = 0;
    loop {
        let ran = live(directory.path(), &["-m", "--defer", "0s", "--max-objects", "3"]).expect(0);
        let after = registry_of(directory.path());
        assert_tags_unharmed(&before, &after, "after a bounded run");
        runs += 1;
        if ran.json()["stopped"].is_null() {
            break;
        }
        assert_eq!(ran.json()["stopped"], "max-objects");
        assert_eq!(ran.count("/entries/deleted"), 3, "{ran:#?}");
    }
    assert_eq!(runs, goes.len().div_ceil(3));
    assert_lost(&before, &registry_of(directory.path()), goes);
    assert!(!state_of(directory.path()).iter().any(|key| key.contains("/aside/")));
}

#[test]
fn bytes_and_time_bound_a_run_as_well() {
    let (registry, layer) = garbage();
    let directory = written(&registry);
    let before = registry_of(directory.path());
    let ran = live(directory.path(), &["--defer", "0s", "--max-duration", "1ms"]).expect(0);
    assert_eq!((ran.json()["stopped"].as_str(), ran.count("/entries/deleted")), (Some("max-duration"), 0));
    assert_eq!(before, registry_of(directory.path()));
    // The link fits, its content does not.
    let ran = live(directory.path(), &["--defer", "0s", "--max-bytes", "75B"]).expect(0);
    assert_eq!((ran.json()["stopped"].as_str(), ran.count("/entries/deleted")), (Some("max-bytes"), 1));
    assert_lost(&before, &registry_of(directory.path()), links("app", [&layer]));
    live(directory.path(), &["--defer", "0s"]).expect(0);
    assert_lost(&before, &registry_of(directory.path()), [layer_key("app", &layer), blob_key(&layer)]);
}

#[test]
fn without_state_nothing_is_written() {
    let (registry, layer) = garbage();
    let directory = written(&registry);
    let before = registry_of(directory.path());
    gc(&["--no-state"], directory.path()).expect(2);
    live(directory.path(), &["--no-state", "--defer", "0s"]).expect(0);
    assert_lost(&before, &read_dir(directory.path()), [layer_key("app", &layer), blob_key(&layer)]);
    assert!(!directory.path().join(STATE).exists());
}
