//! Young things: beside a live registry what is younger than a day is kept, with all it needs. Offline, `--min-age` asks
//! for the same.

use std::time::{Duration, SystemTime};

use crate::check::{blobs, gc, links, rubbish, sweep, tagged, untagged, whole, written};
use crate::lab::registry::{RegistryBuilder, history_key, layer_key, revision_key, tag_key};
use crate::lab::tree::{days_ago, read_dir};
use crate::tool::Ran;

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

/// A live dry run; it changes nothing.
#[track_caller]
fn look(registry: &RegistryBuilder, arguments: &[&str]) -> Ran {
    let directory = written(registry);
    let ran = gc(&[&["-d"], arguments].concat(), directory.path()).expect(0);
    assert_eq!(&read_dir(directory.path()), registry.tree(), "a dry run changed something");
    assert_eq!(ran.json()["mode"], "live");
    ran
}

/// The report says until when something is kept for its age: a day after this time, to the second.
#[track_caller]
fn assert_young_until_a_day_after(ran: &Ran, time: SystemTime) {
    let json = ran.json();
    let until = json["young_until"].as_str().unwrap_or_else(|| panic!("{json:#}"));
    let until = chrono::DateTime::parse_from_rfc3339(until).unwrap().timestamp();
    let expected = chrono::DateTime::<chrono::Utc>::from(time + DAY).timestamp();
    assert!((until - expected).abs() <= 1, "{until} {expected}");
}

#[test]
fn live_dry_run_keeps_young_garbage_and_says_until_when() {
    let mut registry = RegistryBuilder::new();
    tagged(&mut registry, "app", "latest");
    registry.aged(5 * HOUR);
    let (young, time) = (registry.layer("app", "young"), registry.time());
    let ran = look(&registry, &[]);
    assert_eq!(ran.count("/planned/layer_links") + ran.count("/planned/blobs/count"), 0);
    assert_eq!(ran.count("/kept/too_young/count"), 1);
    assert_eq!(ran.count("/kept/too_young/bytes"), registry.bytes_of(&young).unwrap().len() as u64);
    assert_eq!(ran.count("/bytes/freeable_later"), ran.count("/kept/too_young/bytes"));
    assert_young_until_a_day_after(&ran, time);
}

#[test]
fn live_dry_run_plans_what_is_older_than_a_day() {
    let mut registry = RegistryBuilder::new();
    tagged(&mut registry, "app", "latest");
    registry.aged(25 * HOUR);
    rubbish(&mut registry, "app");
    let ran = look(&registry, &[]);
    assert_eq!((ran.count("/planned/layer_links"), ran.count("/planned/blobs/count")), (1, 0));
    assert_eq!(ran.count("/pending/blobs/count"), 1, "its content waits");
    assert!(ran.json()["young_until"].is_null());
}

/// A push of data that exists writes only the link: the blob's age protects nothing (pytorch/ci-infra#504).
#[test]
fn old_blob_with_a_young_link_is_young() {
    let mut registry = RegistryBuilder::new();
    tagged(&mut registry, "app", "latest");
    let layer = registry.layer("app", "old");
    registry.aged(HOUR).link_layer("app", &layer);
    let time = registry.time();
    let ran = look(&registry, &[]);
    assert_eq!(ran.count("/planned_bytes"), 0);
    assert_young_until_a_day_after(&ran, time);
}

#[test]
fn old_link_to_a_young_blob_goes_and_the_blob_stays() {
    let mut registry = RegistryBuilder::new();
    tagged(&mut registry, "app", "latest");
    let layer = registry.layer("app", "young");
    registry.touch(&crate::lab::registry::blob_key(&layer), SystemTime::now() - HOUR);
    let ran = look(&registry, &[]);
    assert_eq!((ran.count("/planned/layer_links"), ran.count("/planned/blobs/count")), (1, 0));
}

#[test]
fn young_untagged_manifest_keeps_all_it_needs() {
    let mut registry = RegistryBuilder::new();
    tagged(&mut registry, "app", "latest");
    let image = untagged(&mut registry, "app", "young");
    registry.touch(&revision_key("app", &image.digest), SystemTime::now() - HOUR);
    let ran = look(&registry, &["-m"]);
    assert_eq!(ran.count("/planned_bytes"), 0);
    assert_eq!(ran.count("/kept/too_young/count"), 3);
}

/// What a tag named until an hour ago lost its tag an hour ago.
#[test]
fn image_that_lost_its_tag_a_moment_ago_is_young() {
    let mut registry = RegistryBuilder::new();
    let old = tagged(&mut registry, "app", "latest");
    let new = untagged(&mut registry, "app", "new");
    registry.tag("app", "latest", &new.digest).touch(&tag_key("app", "latest"), SystemTime::now() - HOUR);
    assert_eq!(look(&registry, &["-m"]).count("/planned_bytes"), 0);
    registry.touch(&tag_key("app", "latest"), days_ago(2));
    let ran = look(&registry, &["-m"]);
    assert_eq!((ran.count("/planned/manifests"), ran.count("/planned/tag_history")), (1, 1));
    assert_eq!(ran.count("/pending/blobs/count"), old.all().len() as u64);
}

/// Clocks differ. And harbor#10295: odd times sorted as the oldest.
#[test]
fn what_is_from_the_future_is_young() {
    let mut registry = RegistryBuilder::new();
    tagged(&mut registry, "app", "latest");
    registry.at(SystemTime::now() + 400 * DAY);
    rubbish(&mut registry, "app");
    untagged(&mut registry, "app", "untagged");
    assert_eq!(look(&registry, &["-m"]).count("/planned_bytes"), 0);
    sweep(&registry, &["-m", "--min-age", "1s"]).loses_nothing();
}

#[test]
fn what_is_from_1970_or_before_is_only_old() {
    for time in [SystemTime::UNIX_EPOCH, SystemTime::UNIX_EPOCH - 400 * DAY] {
        let mut registry = RegistryBuilder::new();
        registry.at(time);
        tagged(&mut registry, "app", "latest");
        let garbage = rubbish(&mut registry, "app");
        assert_eq!(look(&registry, &[]).count("/pending/blobs/count"), 1);
        sweep(&registry, &["-m"]).loses(garbage);
    }
}

#[test]
fn offline_age_means_nothing_unless_asked_for() {
    let mut registry = RegistryBuilder::new();
    registry.at(SystemTime::now());
    tagged(&mut registry, "app", "latest");
    let image = untagged(&mut registry, "app", "untagged");
    sweep(&registry, &["-m"]).loses(whole("app", &image));
    sweep(&registry, &["-m", "--min-age", "1d"]).loses_nothing();
}

#[test]
fn min_age_parts_the_young_from_the_old() {
    let mut registry = RegistryBuilder::new();
    tagged(&mut registry, "app", "latest");
    registry.at(days_ago(15));
    let old = registry.layer("app", "old");
    registry.at(days_ago(5));
    registry.layer("app", "young");
    let goes = [links("app", [&old]), blobs([&old])].concat();
    sweep(&registry, &["--min-age", "10d"]).loses(goes.clone());
    sweep(&registry, &["--min-age", "1w3d"]).loses(goes);
}

#[test]
fn young_history_keeps_its_image() {
    let mut registry = RegistryBuilder::new();
    tagged(&mut registry, "app", "latest");
    let image = untagged(&mut registry, "app", "was latest");
    registry.tag_history("app", "latest", &image.digest);
    registry.touch(&history_key("app", "latest", &image.digest), days_ago(1));
    sweep(&registry, &["-m", "--min-age", "7d"]).loses_nothing();
}

#[test]
fn young_link_in_one_repository_keeps_the_blob_but_not_the_link_of_another() {
    let mut registry = RegistryBuilder::new();
    for repo in ["a", "b"] {
        tagged(&mut registry, repo, "latest");
    }
    let layer = registry.layer("a", "pushed again to b");
    registry.mount("a", "b", &layer).touch(&layer_key("b", &layer), days_ago(1));
    sweep(&registry, &["--min-age", "7d"]).loses(links("a", [&layer]));
}
