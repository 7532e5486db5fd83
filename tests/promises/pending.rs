//! `pending`: what waits, since when, until when, whose it was; it looks at regsweep's own notes only.

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
fn it_asks_for_its_own_notes_only() {
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
    assert!(log.iter().all(|call| call.key.starts_with(STATE)), "{log:#?}");
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
