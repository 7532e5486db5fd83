//! Undo of tags: what goes along with a tag comes back along with it, and rules see it as old as it was.

use crate::lab::pull::pull;
use crate::lab::registry::{RegistryBuilder, tag_key};
use crate::place::{Place, assert_same};
use crate::tool::Ran;

fn rm(place: &Place, image: &str) -> Ran {
    place.run(&["rm", "--format", "json", "--yes", "--settle", "10ms", image]).expect(0)
}

/// Cosign's tag says by its name what it is about: `rm` takes it along.
#[test]
fn signature_comes_back_with_its_image() {
    let mut registry = RegistryBuilder::new();
    registry.aged(std::time::Duration::from_hours(48));
    let image = registry.image("app", "image", &["layer"]);
    let other = registry.image("app", "other", &["other layer"]);
    registry.cosign_signature("app", &image.digest);
    let name = format!("{}.sig", image.digest.replace(':', "-"));
    registry.tag("app", "v1", &image.digest).tag("app", "v2", &other.digest);
    let digest = format!("app@{}", image.digest);
    for (taken, asked) in
        [("app:v1", ["--image", "app:v1"]), (&digest, ["--image", &digest]), ("app:v1", ["--digest", &image.digest])]
    {
        // Each time anew: what was restored a moment ago is as young as a push, and stays.
        for place in Place::all(&registry) {
            let before = place.registry();
            rm(&place, taken);
            assert!(!place.registry().contains_key(&tag_key("app", &name)), "{taken} leaves its signature");
            let ran = place.restore(&asked).expect(0);
            assert_eq!(ran.count("/restored/tags"), 2, "{ran:#?}");
            assert_same(&before, &place.registry(), "the signature is lost");
            assert!(pull(&place.registry(), "app", &name).is_ok());
        }
    }
}

/// Ten days lie between each two of three tags.
fn three_tags() -> RegistryBuilder {
    let mut registry = RegistryBuilder::new();
    for (tag, days) in [("v1", 40), ("v2", 30), ("v3", 20)] {
        registry.aged(std::time::Duration::from_hours(24 * days));
        let image = registry.image("app", tag, &[tag]);
        registry.tag("app", tag, &image.digest);
    }
    registry
}

/// What two tags that are to stay let go.
fn pruned(place: &Place) -> Vec<String> {
    let ran = place.run(&["prune", "--format", "json", "--dry-run", "--tag", "*", "--keep-last", "2"]).expect(0);
    let tags = ran.json()["tags"].as_array().cloned().unwrap_or_default();
    tags.iter().filter_map(|tag| Some(tag["image"].as_str()?.to_owned())).collect()
}

/// Otherwise the oldest would be the newest, and the next run would drop another in its place.
#[test]
fn restored_tag_is_as_old_as_it_was() {
    let place = Place::directory(&three_tags());
    let before = place.registry();
    assert_eq!(pruned(&place), ["app:v1"]);
    rm(&place, "app:v1");
    let ran = place.restore(&["--image", "app:v1"]).expect(0);
    assert_eq!(ran.count("/tags_pushed_now"), 0);
    let after = place.registry();
    let of_tag = before.iter().filter(|(key, _)| key.contains("/tags/v1/"));
    assert_eq!(of_tag.inspect(|(key, entry)| assert_eq!(after[*key].mtime, entry.mtime, "{key}")).count(), 2);
    assert_eq!(pruned(&place), ["app:v1"]);
}

/// No object store takes a time. Whoever restores is told what rules will make of that.
#[test]
fn restored_tag_of_a_bucket_counts_as_pushed_now_and_that_is_told() {
    let place = Place::s3(&three_tags());
    rm(&place, "app:v1");
    assert_eq!(place.restore(&["--image", "app:v1", "--dry-run"]).expect(0).count("/tags_pushed_now"), 1);
    let ran = place.run(&["restore", "--yes", "--image", "app:v1"]).expect(0);
    assert!(ran.stdout.contains("! 1 tag counts as pushed now"), "{}", ran.stdout);
    assert_eq!(pruned(&place), ["app:v2"]);
}

/// Whoever says yes to a restore has read what comes back.
#[test]
fn tags_that_come_back_are_named() {
    let place = Place::directory(&three_tags());
    rm(&place, "app:v1");
    let ran = place.run(&["restore", "--dry-run", "--all"]).expect(0);
    assert!(ran.stdout.contains("\ntags\n  app:v1\n"), "{}", ran.stdout);
    assert_eq!(place.restore(&["--all"]).expect(0).json()["tags"], serde_json::json!(["app:v1"]));
}

/// Its layers wait for nothing, being young: it can be undone all the same.
#[test]
fn run_that_took_something_young_says_how_to_undo_it() {
    let mut registry = RegistryBuilder::new();
    registry.aged(std::time::Duration::from_hours(1));
    let image = registry.image("app", "image", &["layer"]);
    registry.tag("app", "v1", &image.digest);
    let place = Place::directory(&registry);
    let ran = place.run(&["rm", "--yes", "--settle", "10ms", "app:v1"]).expect(0);
    let run = place.run_name();
    let text = ran.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains(&format!("`regsweep restore --run {run}` undoes this run")), "{}", ran.stdout);
    place.restore(&["--run", &run]).expect(0);
    assert!(pull(&place.registry(), "app", "v1").is_ok());
}

/// Nothing but pointers went, so all of it is still there.
#[test]
fn removal_from_a_stopped_registry_is_undone_until_a_collection() {
    let place = Place::directory(&three_tags());
    place.run(&["rm", "--offline", "--yes", "app:v1"]).expect(0);
    let told = place.run(&["pending"]).expect(0).stdout;
    let told = told.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(told.contains("can be undone until a collection deletes what it let wait"), "{told}");
    place.restore(&["--all"]).expect(0);
    assert!(pull(&place.registry(), "app", "v1").is_ok());
}
