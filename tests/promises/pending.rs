//! `pending`: what waits, since when, until when, whose it was, and whether it can still be undone; it reads regsweep's own
//! notes only.

use crate::check::{tagged, untagged};
use crate::lab::bucket::{Call, Kind};
use crate::lab::registry::RegistryBuilder;
use crate::place::{PENDING, Place, STATE};
use crate::tool::Ran;

fn time(ran: &Ran, pointer: &str) -> chrono::DateTime<chrono::FixedOffset> {
    let json = ran.json();
    let text = json.pointer(pointer).and_then(|value| value.as_str()).unwrap_or_else(|| panic!("{pointer}: {json:#}"));
    chrono::DateTime::parse_from_rfc3339(text).unwrap()
}

#[test]
fn nothing_waits_where_nothing_was_taken() {
    let mut registry = RegistryBuilder::new();
    tagged(&mut registry, "app", "latest");
    for place in Place::all(&registry) {
        let before = place.all_keys();
        let ran = place.run(&["pending"]).expect(0);
        assert!(ran.stdout.contains("nothing waits, and there is nothing to undo"), "{ran:#?}");
        let json = place.pending().json();
        assert_eq!((json["schema"].as_str(), json["waiting"]["count"].as_u64()), (Some("regsweep.pending/1"), Some(0)));
        assert!(json["lease"].is_null() && json["first_due"].is_null());
        // And nothing is written to find that out, nor to undo nothing.
        place.restore(&["--all"]).expect(0);
        assert_eq!(before, place.all_keys());
    }
}

#[test]
fn it_tells_what_waits_since_when_until_when_and_whose_it_was() {
    let mut registry = RegistryBuilder::new();
    for repo in ["app", "other"] {
        tagged(&mut registry, repo, "latest");
    }
    let image = untagged(&mut registry, "app", "untagged");
    registry.layer("app", "of both");
    registry.layer("other", "of both");
    registry.blob("of nobody");
    for place in Place::all(&registry) {
        let ran = place.collect();
        let seen = place.pending();
        assert_eq!(seen.json()["waiting"], ran.json()["pending"]["blobs"]);
        let run = &seen.json()["runs"][0];
        assert_eq!(run["run"], ran.json()["run"]);
        assert_eq!((run["command"].as_str(), run["state"].as_str()), (Some("garbage-collect"), Some("ended")));
        assert_eq!(run["removed"]["manifests"], ran.json()["deleted"]["manifests"]);
        assert_eq!(run["removed"]["layer_links"], ran.json()["deleted"]["layer_links"]);
        assert_eq!(run["waiting"]["count"], 4, "all but what nobody named");
        let week = chrono::Duration::days(7);
        assert_eq!(time(&seen, "/first_due") - time(&seen, "/since"), week);
        assert_eq!(time(&seen, "/runs/0/until") - time(&seen, "/runs/0/gone"), week);
        let sizes: usize = image.all().iter().map(|digest| registry.bytes_of(digest).unwrap().len()).sum();
        assert_eq!(
            seen.json()["repositories"],
            serde_json::json!([{"name": "app", "waiting": {"count": 3, "bytes": sizes}}])
        );
        assert_eq!((seen.count("/shared/count"), seen.count("/unlinked/count")), (1, 1));
    }
}

/// Two runs, with a wait of their own each: the last one's decides, as it decides when things go.
#[test]
fn first_and_last_due_are_those_of_the_first_and_last_that_wait() {
    let mut registry = RegistryBuilder::new();
    tagged(&mut registry, "app", "latest");
    untagged(&mut registry, "app", "first");
    let place = Place::directory(&registry);
    place.collect_with(&["--defer", "7d"]);
    untagged(&mut registry, "app", "second");
    for (key, entry) in registry.tree() {
        if !place.all_keys().contains_key(key) && !key.contains("first") {
            place.write(key, std::str::from_utf8(&entry.bytes).unwrap());
        }
    }
    place.collect_with(&["--defer", "2d"]);
    let seen = place.pending();
    assert_eq!(time(&seen, "/first_due") - time(&seen, "/since"), chrono::Duration::days(2));
    assert!(time(&seen, "/last_due") >= time(&seen, "/first_due"));
}

#[test]
fn it_reads_its_own_notes_only_and_looks_whether_what_they_name_is_there() {
    let mut registry = RegistryBuilder::new();
    tagged(&mut registry, "app", "latest");
    untagged(&mut registry, "app", "untagged");
    let place = Place::s3(&registry);
    place.collect();
    let bucket = place.bucket.as_ref().unwrap();
    bucket.reset_counts();
    place.pending();
    // Opening looks whether there is a registry at all.
    let opens = |call: &Call| call.query.contains(&("max-keys".to_owned(), "1".to_owned()));
    let log: Vec<Call> = bucket.log().into_iter().filter(|call| !opens(call)).collect();
    let (looks, log): (Vec<Call>, Vec<Call>) = log.into_iter().partition(|call| call.kind == Kind::Head);
    assert!(log.iter().all(|call| call.key.starts_with(STATE)), "{log:#?}");
    // One manifest, two layers and a configuration that one run took: each link, and each content.
    assert!(looks.len() <= 8, "{looks:#?}");
    let lists: Vec<_> = log.iter().filter(|call| call.kind == Kind::List).collect();
    assert_eq!(lists.len(), 1, "{lists:#?}");
    assert_eq!(bucket.counts().writes(), 0);
    let reads = log.iter().filter(|call| call.kind == Kind::Get).count();
    assert_eq!(reads, 3, "what waits, the journal, the word that it has ended: {log:#?}");
}

#[test]
fn what_cannot_be_understood_is_told_and_nothing_more() {
    let mut registry = RegistryBuilder::new();
    tagged(&mut registry, "app", "latest");
    for place in [Place::directory(&registry), Place::s3(&registry)] {
        place.write(
            PENDING,
            "regsweep.pending/1 run wait-seconds=18446744073709551615\nx\n2026-01-01T00:00:00Z sha256:12 7\n",
        );
        place.write(&format!("{STATE}runs/run/done.json"), "{");
        place.write(&format!("{STATE}runs/run/journal-000000.jsonl"), "\u{1b}[2J\n");
        place.write(&format!("{STATE}lease.json"), "\u{1b}[2J");
        place.write(&format!("{STATE}something"), "");
        let ran = place.run(&["pending"]).expect(0);
        assert!(!ran.stdout.contains('\u{1b}') && ran.stdout.contains("cannot be understood"), "{ran:#?}");
        assert_eq!(place.pending().count("/odd"), 4);
    }
}

fn undo_of(ran: &Ran, run: &Ran) -> serde_json::Value {
    let json = ran.json();
    let rows = json["runs"].as_array().unwrap();
    rows.iter().find(|row| row["run"] == run.json()["run"]).unwrap_or_else(|| panic!("{json:#}"))["undo"].clone()
}

fn total(counts: &serde_json::Value) -> u64 {
    counts.as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum()
}

fn removed(place: &Place, image: &str) -> Ran {
    place.run(&["rm", "--format", "json", "--yes", "--settle", "10ms", image]).expect(0)
}

/// Whoever reads that a run can be undone relies on it.
#[test]
fn what_is_undone_or_can_no_longer_be_is_not_offered() {
    let mut registry = RegistryBuilder::new();
    for (repo, tag) in [("app", "v1"), ("app", "v2"), ("other", "v1")] {
        tagged(&mut registry, repo, tag);
    }
    for place in Place::all(&registry) {
        let first = removed(&place, "app:v1");
        let undo = undo_of(&place.pending(), &first);
        assert_eq!((total(&undo["possible"]), total(&undo["already_there"])), (3, 0), "{undo:#}");
        let told = place.run(&["pending"]).expect(0).stdout;
        assert!(told.contains("can be undone") && told.contains("Undo: "), "{told}");

        place.restore(&["--run", first.json()["run"].as_str().unwrap()]).expect(0);
        let undo = undo_of(&place.pending(), &first);
        assert_eq!((total(&undo["possible"]), total(&undo["already_there"])), (0, 3), "{undo:#}");
        let told = place.run(&["pending"]).expect(0).stdout;
        assert!(told.contains("nothing to undo: all of it is there again"), "{told}");
        assert!(!told.contains("can be undone") && !told.contains("Undo: "), "{told}");

        // A collection that does not wait ends it, and says so before it does.
        let second = removed(&place, "app:v2");
        let run = second.json()["run"].as_str().unwrap().to_owned();
        let look = place.run(&["gc", "--offline", "--dry-run"]).expect(0);
        let line = format!("! this ends the undo of run {run} (rm)");
        let joined = look.stdout.replace("\n! ", " ");
        assert!(joined.contains(line.trim_start_matches("! ")), "{}", look.stdout);
        let ran = place.run(&["gc", "--offline", "--yes", "--format", "json"]).expect(0);
        let json = ran.json();
        let ends: Vec<_> = json["ends_undo"].as_array().unwrap().iter().map(|row| row["run"].clone()).collect();
        assert!(ends.contains(&run.as_str().into()), "{json:#}");
        let undo = undo_of(&place.pending(), &second);
        assert_eq!((total(&undo["possible"]), total(&undo["content_gone"])), (0, 3), "{undo:#}");
        let told = place.run(&["pending"]).expect(0).stdout;
        assert!(told.contains("cannot be undone: its content is gone"), "{told}");
    }
}

/// A tag that was pushed anew is not what was taken away, and no restore writes over it.
#[test]
fn tag_that_was_pushed_anew_is_not_called_there_again() {
    let mut registry = RegistryBuilder::new();
    tagged(&mut registry, "app", "v1");
    tagged(&mut registry, "app", "v2");
    for place in Place::all(&registry) {
        let key = |tag: &str| format!("docker/registry/v2/repositories/app/_manifests/tags/{tag}/current/link");
        let other = place.read(&key("v2"));
        let first = removed(&place, "app:v1");
        place.restore(&["--run", first.json()["run"].as_str().unwrap()]).expect(0);
        place.write(&key("v1"), &other);
        let undo = undo_of(&place.pending(), &first);
        assert_eq!((total(&undo["named_anew"]), total(&undo["already_there"])), (1, 2), "{undo:#}");
        let told = place.run(&["pending"]).expect(0).stdout.replace("\n    ", " ");
        assert!(
            told.contains("nothing to undo: all of it is there again, but for 1 tag that names something else by now"),
            "{told}"
        );
    }
}

/// As a restore judges it: what a registry cannot read still says what is meant; and what nobody can read is no newer push.
#[test]
fn tag_whose_link_is_damaged_is_told_as_a_restore_sees_it() {
    let mut registry = RegistryBuilder::new();
    tagged(&mut registry, "app", "v1");
    for place in Place::all(&registry) {
        let key = "docker/registry/v2/repositories/app/_manifests/tags/v1/current/link";
        let run = removed(&place, "app:v1");
        place.restore(&["--run", run.json()["run"].as_str().unwrap()]).expect(0);
        let text = place.read(key);
        place.write(key, &format!("{text}\n"));
        let undo = undo_of(&place.pending(), &run);
        assert_eq!((total(&undo["named_anew"]), total(&undo["already_there"])), (0, 3), "{undo:#}");
        place.write(key, "nothing of the kind");
        let undo = undo_of(&place.pending(), &run);
        assert_eq!((total(&undo["named_anew"]), total(&undo["unreadable"])), (0, 1), "{undo:#}");
        let told = place.run(&["pending"]).expect(0).stdout.replace("\n    ", " ");
        assert!(told.contains("all of it is there again, but for 1 tag that nobody can read"), "{told}");
    }
}

/// A part is no line: it may say twenty thousand times as much.
#[test]
fn part_of_a_journal_that_is_too_large_is_told_as_a_part() {
    let mut registry = RegistryBuilder::new();
    tagged(&mut registry, "app", "v1");
    let place = Place::directory(&registry);
    let run = removed(&place, "app:v1");
    let name = run.json()["run"].as_str().unwrap().to_owned();
    let large = " ".repeat((64 << 20) + 1);
    place.write(&format!("{STATE}runs/{name}/journal-000001.jsonl"), &large);
    let told = place.run(&["pending"]).expect(0).stdout.replace("\n    ", " ");
    assert!(told.contains("but for 1 part of its journal, of up to 20000 lines, that nobody can read"), "{told}");
    let json = place.pending().json();
    let row = &json["runs"][0];
    assert_eq!((&row["odd"], &row["unread_parts"], &json["odd"]), (&0.into(), &1.into(), &1.into()), "{json:#}");

    // The word that it has ended says nothing that could be undone.
    place.remove(&format!("{STATE}runs/{name}/journal-000001.jsonl"));
    place.write(&format!("{STATE}runs/{name}/done.json"), &large);
    let json = place.pending().json();
    let row = &json["runs"][0];
    assert_eq!((&row["odd"], &row["unread_parts"], &json["odd"]), (&0.into(), &0.into(), &1.into()), "{json:#}");
}

/// What nobody can read of a journal cannot be undone, and is said of its run.
#[test]
fn run_whose_journal_is_damaged_is_not_called_whole() {
    let mut registry = RegistryBuilder::new();
    tagged(&mut registry, "app", "v1");
    for place in Place::all(&registry) {
        let run = removed(&place, "app:v1");
        let name = run.json()["run"].as_str().unwrap().to_owned();
        let keys = place.state();
        let part = keys.iter().find(|key| key.contains(&name) && key.contains("journal")).unwrap();
        let text = place.read(part);
        place.write(part, &text.replacen("{\"key\"", "{\"kay\"", 1));
        let told = place.run(&["pending"]).expect(0).stdout.replace("\n    ", " ");
        assert!(told.contains("but for 1 line of its journal that nobody can read"), "{told}");
        let json = place.pending().json();
        assert_eq!((&json["runs"][0]["odd"], &json["odd"]), (&1.into(), &1.into()), "{json:#}");
    }
}
