//! Uploads that have not ended: they go after a week without a sign of life, and whole.

use std::time::{Duration, SystemTime};

use crate::check::{rubbish, sweep, tagged};
use crate::lab::registry::{ROOT, RegistryBuilder, upload_key};
use crate::lab::tree::days_ago;

const UUID: &str = "0f8fad5b-d9cb-469f-a165-70867728950e";

fn now() -> SystemTime {
    SystemTime::now() - Duration::from_mins(1)
}

/// A registry with one image and one upload of 30 days.
fn with_upload() -> RegistryBuilder {
    let mut registry = RegistryBuilder::new();
    tagged(&mut registry, "app", "latest");
    registry.upload("app", UUID, days_ago(30), "so much so far");
    registry
}

fn files() -> Vec<String> {
    ["startedat", "data", "hashstates/sha256/14"].map(|file| upload_key("app", UUID, file)).into()
}

#[test]
fn stale_upload_goes_whole() {
    for arguments in crate::check::BOTH {
        let swept = sweep(&with_upload(), arguments).loses(files()).reports(&[]);
        assert_eq!(swept.ran.count("/deleted/uploads/count"), 1);
        let bytes: usize = files().iter().map(|key| swept.before[key].bytes.len()).sum();
        assert_eq!(swept.ran.count("/deleted/uploads/bytes"), bytes as u64);
    }
}

#[test]
fn upload_is_as_young_as_its_start_time_says() {
    let mut registry = with_upload();
    registry.upload("app", UUID, now(), "so much so far");
    sweep(&registry, &[]).loses_nothing();
}

#[test]
fn upload_is_as_young_as_its_youngest_file() {
    for file in files() {
        let mut registry = with_upload();
        registry.touch(&file, now());
        sweep(&registry, &[]).loses_nothing();
    }
}

#[test]
fn limit_parts_the_young_from_the_stale() {
    sweep(&with_upload(), &["--uploads-older-than", "29d"]).loses(files());
    sweep(&with_upload(), &["--uploads-older-than", "31d"]).loses_nothing();
    sweep(&with_upload(), &["--uploads-older-than", "off"]).loses_nothing();
}

#[test]
fn upload_from_the_future_stays_whatever_the_limit() {
    let mut registry = with_upload();
    registry.touch(&upload_key("app", UUID, "data"), SystemTime::now() + Duration::from_hours(24));
    sweep(&registry, &["--uploads-older-than", "0s"]).loses_nothing();
}

#[test]
fn upload_whose_start_time_cannot_be_read_is_as_old_as_its_files() {
    for content in ["", "yesterday", "\0"] {
        let mut registry = with_upload();
        registry.damage(&upload_key("app", UUID, "startedat"), content);
        sweep(&registry, &[]).loses(files());
    }
    let mut registry = with_upload();
    registry.remove(&upload_key("app", UUID, "startedat"));
    sweep(&registry, &[]).loses(files().into_iter().filter(|key| !key.ends_with("/startedat")));
}

#[test]
fn directory_that_is_no_upload_is_never_touched() {
    for name in ["backup", "0F8FAD5B-D9CB-469F-A165-70867728950E", "0f8fad5b-d9cb-469f-a165-70867728950", "x.tmp"] {
        let mut registry = RegistryBuilder::new();
        tagged(&mut registry, "app", "latest");
        registry.upload("app", name, days_ago(300), "data");
        registry.raw(&format!("{ROOT}/repositories/app/_uploads/README"), "do not touch");
        let garbage = rubbish(&mut registry, "app");
        sweep(&registry, &["--uploads-older-than", "1s"]).loses(garbage);
    }
}

/// A push that has written nothing but its upload makes a repository.
#[test]
fn repository_of_nothing_but_uploads_is_a_repository() {
    let mut registry = RegistryBuilder::new();
    tagged(&mut registry, "app", "latest");
    registry.upload("new", UUID, days_ago(30), "data");
    let swept = sweep(&registry, &[]);
    assert_eq!(swept.ran.count("/found/repositories"), 2);
    assert_eq!((swept.left("/new/"), swept.left("/_uploads/")), (0, 0));
}

#[test]
fn upload_under_an_invalid_repository_name_is_never_touched() {
    let mut registry = RegistryBuilder::new();
    tagged(&mut registry, "app", "latest");
    registry.upload("Up", UUID, days_ago(30), "data");
    sweep(&registry, &[]).loses_nothing();
}

/// The id of an upload may also be the name of a repository.
#[test]
fn upload_goes_without_the_repository_of_the_same_name() {
    let mut registry = RegistryBuilder::new();
    tagged(&mut registry, UUID, "latest");
    registry.upload(UUID, UUID, days_ago(30), "data");
    let swept = sweep(&registry, &[]);
    assert_eq!(swept.left("/_uploads/"), 0);
    assert_eq!(swept.left(&format!("/repositories/{UUID}/")), 5);
}
