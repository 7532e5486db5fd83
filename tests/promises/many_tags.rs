//! What `prune` costs where a repository has very many tags: the pages of listings, each manifest once, and configurations
//! only where a rule asks for what they say.

use std::time::Duration;

use serde_json::json;

use crate::lab::registry::{RegistryBuilder, history_key, tag_key};
use crate::lab::tree::days_ago;
use crate::place::Place;
use crate::tool::Ran;

const OCI: [&str; 3] = [
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.config.v1+json",
    "application/vnd.oci.image.layer.v1.tar+gzip",
];

/// So many tags over so many images, a minute apart; every image has a configuration of its own. Also its keys.
fn registry(tags: u64, images: u64) -> (RegistryBuilder, u64) {
    let mut registry = RegistryBuilder::new();
    registry.at(days_ago(400));
    let config = |at| format!(r#"{{"os":"linux","architecture":"amd64","n":{at},"created":"2026-01-01T00:00:00Z"}}"#);
    let mut image = |at| registry.image_as("app", OCI, &config(at), &["layer"], &json!({})).digest;
    let images: Vec<String> = (0..images).map(&mut image).collect();
    for (at, digest) in (0..tags).zip(images.iter().cycle()) {
        registry.at(days_ago(300) + Duration::from_secs(at * 60));
        for key in [tag_key("app", &format!("build-{at}")), history_key("app", &format!("build-{at}"), digest)] {
            registry.raw(&key, digest.clone());
        }
    }
    let keys = registry.tree().len() as u64;
    (registry, keys)
}

fn look(place: &Place, rule: &[&str]) -> Ran {
    place.run(&[&["prune", "--format", "json", "--yes", "--offline", "--dry-run"], rule].concat()).expect(0)
}

/// What earlier runs have left is asked for once.
const STATE: u64 = 1;

/// So many pages, and a few that make it faster: where listings are cut.
#[track_caller]
fn expect_requests(ran: &Ran, keys: u64, reads: u64) {
    let pages = keys.div_ceil(1000);
    let of = |kind: &str| ran.count(&format!("/requests/{kind}"));
    assert!((pages..=pages + 25 + pages / 10).contains(&of("list")), "{pages} pages: {:#}", ran.json()["requests"]);
    assert_eq!(of("get"), STATE + reads, "{:#}", ran.json()["requests"]);
    assert!(of("head") <= 3, "{:#}", ran.json()["requests"]);
    assert_eq!(of("put") + of("copy") + of("delete"), 0, "a dry run");
}

/// A rule that asks for nothing but the tags' names and times.
fn expect_linear_by_name(place: &Place, keys: u64, tags: u64, images: u64) {
    let ran = look(place, &["--tag", "build-*", "--keep-last", "10"]);
    assert_eq!(ran.count("/planned/tags"), tags - 10);
    expect_requests(&ran, keys, images);
}

/// The date of what nothing else decides, and of nothing else: ten tags stay whatever their images say.
fn expect_linear_by_date(place: &Place, keys: u64, tags: u64, images: u64) {
    let policy = place.directory.path().join("policy.yml");
    let rule = "rules: [{repositories: [app], delete: {created_older_than: 30d}, keep: {last: 10}}]";
    std::fs::write(&policy, rule).unwrap();
    let ran = look(place, &["--policy", policy.to_str().unwrap()]);
    assert_eq!(ran.count("/planned/tags"), tags - 10);
    let unasked = if images == tags { 10 } else { 0 };
    expect_requests(&ran, keys, images + images - unasked);
}

#[test]
fn requests_grow_with_the_images_and_no_faster() {
    for number in [500, 1500] {
        let (registry, keys) = registry(number, number);
        let place = Place::s3(&registry);
        expect_linear_by_name(&place, keys, number, number);
        expect_linear_by_date(&place, keys, number, number);
    }
}

#[test]
fn hundred_thousand_tags_cost_their_listing_and_their_images() {
    let (registry, keys) = registry(100_000, 100);
    expect_linear_by_date(&Place::s3(&registry), keys, 100_000, 100);
}

/// `cargo test --release --test promises -- --ignored hundred_thousand_images`
#[test]
#[ignore = "it takes minutes in a debug build"]
fn hundred_thousand_images_are_read_once() {
    let (registry, keys) = registry(100_000, 100_000);
    let place = Place::s3(&registry);
    expect_linear_by_name(&place, keys, 100_000, 100_000);
    expect_linear_by_date(&place, keys, 100_000, 100_000);
}
