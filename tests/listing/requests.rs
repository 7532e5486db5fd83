//! What listing costs on S3: pages, and the manifests and configurations that are shown. No link is read.

use crate::lab::bucket::{Bucket, Counts};
use crate::lab::clients::{s3_config, s3_environment};
use crate::lab::registry::{RegistryBuilder, blob_key, history_key, revision_key, sha256, tag_key};
use crate::tool::{Ran, regsweep_with};

/// Opening looks once whether there is a registry.
const LOOK: u64 = 1;

fn bucket_of(registry: &RegistryBuilder) -> Bucket {
    let bucket = Bucket::s3("registry");
    registry.load_into(&bucket, "root/");
    bucket
}

fn run(bucket: &Bucket, line: &[&str]) -> (Ran, Counts) {
    bucket.reset_counts();
    let home = tempfile::tempdir().unwrap();
    let config = home.path().join("config.yml");
    std::fs::write(&config, s3_config(bucket, "/root")).unwrap();
    let config = config.display().to_string();
    let environment = s3_environment().map(|(name, value)| (name.to_owned(), value.to_owned()));
    let ran = regsweep_with(["ls", "-R", &config].iter().chain(line), environment).expect(0);
    let counts = bucket.counts();
    assert_eq!((counts.writes(), counts.other), (0, 0), "it lists and reads, and nothing else: {counts:?}");
    let links: Vec<_> =
        bucket.log().into_iter().filter(|call| call.method == "GET" && call.key.ends_with("/link")).collect();
    assert!(links.is_empty(), "the listing proves what they say: {links:?}");
    (ran, counts)
}

fn push(r: &mut RegistryBuilder, repo: &str) {
    for version in 1..=3 {
        let image = r.image(repo, &format!("{repo} {version}"), &["base", &format!("layer {repo} {version}")]);
        let other = r.image(repo, &format!("{repo} {version} arm64"), &["base"]);
        let index = r.index(repo, &[&image.digest, &other.digest]);
        r.tag(repo, &format!("v{version}"), &index);
        r.referrer(repo, &index, "application/spdx+json", &format!("sbom {repo} {version}"));
    }
}

/// So many pages, and a few that make it faster: where listings are cut.
#[track_caller]
fn expect_pages(counts: Counts, pages: usize) {
    let pages = LOOK + pages as u64;
    assert!((pages..=pages + 14 + pages / 10).contains(&counts.list), "{pages} pages: {counts:?}");
}

#[test]
fn one_repository_costs_the_same_whatever_else_is_there() {
    let mut alone = RegistryBuilder::new();
    push(&mut alone, "team/app");
    let mut among = RegistryBuilder::new();
    push(&mut among, "team/app");
    for other in 0..100 {
        push(&mut among, &format!("team/app/below-{other}"));
        push(&mut among, &format!("other/app-{other}"));
    }
    let (alone, among) = (bucket_of(&alone), bucket_of(&among));
    for line in [
        &["team/app"][..],
        &["team/app", "--untagged"],
        &["team/app", "--brief"],
        &["team/app", "--digests"],
        &["team/app:v*"],
        &["team/app:v2"],
        &["team/app:v2", "--brief"],
    ] {
        let ((_, expected), (_, counts)) = (run(&alone, line), run(&among, line));
        let of = |counts: Counts| (counts.list, counts.get, counts.head);
        assert_eq!(of(counts), of(expected), "{line:?}");
        assert_eq!(counts.list, LOOK + 1, "{line:?}: {counts:?}");
    }
    let manifests = 3 * 4;
    let (_, counts) = run(&among, &["team/app"]);
    assert_eq!((counts.get, counts.head), (manifests + 3 * 2, 0), "every manifest, every configuration: {counts:?}");
    let (_, counts) = run(&among, &["team/app:v2"]);
    assert_eq!(counts.get, manifests + 2, "any manifest may be about it; two configurations: {counts:?}");
    let (_, counts) = run(&among, &["team/app:v2", "--brief"]);
    assert_eq!((counts.get, counts.head), (3 + 2, 0), "its own manifests and configurations: {counts:?}");
}

#[test]
fn names_and_digests_are_listed_without_a_read() {
    let mut registry = RegistryBuilder::new();
    push(&mut registry, "app");
    let bucket = bucket_of(&registry);
    for line in [
        &["app", "--brief"][..],
        &["app", "--digests"],
        &["app", "--untagged", "--digests"],
        &["--digests"],
        &["app:v1", "--digests"],
    ] {
        let (ran, counts) = run(&bucket, line);
        assert_eq!((counts.get, counts.head, counts.list), (0, 0, LOOK + 1), "{line:?}: {counts:?}");
        assert!(!ran.stdout.is_empty(), "{line:?}");
    }
}

#[test]
fn overview_costs_a_listing() {
    let mut registry = RegistryBuilder::new();
    for repo in 0..40 {
        push(&mut registry, &format!("team/app-{repo}"));
    }
    let bucket = bucket_of(&registry);
    let blobs = bucket.keys().iter().filter(|key| key.contains("/v2/blobs/")).count();
    let links = bucket.keys().len() - blobs;
    let (_, counts) = run(&bucket, &[]);
    assert_eq!((counts.get, counts.head), (0, 0), "{counts:?}");
    expect_pages(counts, links.div_ceil(1000) + blobs.div_ceil(1000));
    let (_, counts) = run(&bucket, &["--brief"]);
    assert_eq!(counts.get, 0, "{counts:?}");
    expect_pages(counts, links.div_ceil(1000));
}

/// The directory that a glob names is all that is listed.
#[test]
fn pattern_lists_its_directory_only() {
    let mut few = RegistryBuilder::new();
    for repo in ["team/a", "team/b"] {
        push(&mut few, repo);
    }
    let mut many = few.clone();
    for repo in 0..40 {
        push(&mut many, &format!("other/app-{repo}"));
    }
    let (few, many) = (bucket_of(&few), bucket_of(&many));
    let ((_, expected), (ran, counts)) = (run(&few, &["team/*"]), run(&many, &["team/*"]));
    assert_eq!((counts.list, counts.get), (expected.list, expected.get));
    assert!(ran.stdout.contains("team/a: 3 tags") && ran.stdout.contains("team/b: 3 tags"), "{ran:#?}");
}

/// Tags with an image each, of one configuration and one layer.
fn many_tags(number: usize) -> Bucket {
    let bucket = Bucket::s3("registry");
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_hours(24 * 20_500);
    let put = |key: String, content: String| bucket.put_at(&format!("root/{key}"), content, time);
    let config = r#"{"os":"linux","architecture":"amd64","created":"2026-01-01T00:00:00Z"}"#.to_owned();
    let (config_digest, layer) = (sha256(config.as_bytes()), sha256(b"layer"));
    let config_size = config.len();
    put(blob_key(&config_digest), config);
    for tag in 0..number {
        let manifest = format!(
            r#"{{"schemaVersion":2,"config":{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{config_digest}","size":{config_size}}},"layers":[{{"digest":"{layer}","size":1000}}],"annotations":{{"n":"{tag}"}}}}"#
        );
        let (digest, tag) = (sha256(manifest.as_bytes()), format!("v{tag}"));
        put(blob_key(&digest), manifest);
        put(revision_key("app", &digest), digest.clone());
        put(history_key("app", &tag, &digest), digest.clone());
        put(tag_key("app", &tag), digest);
    }
    bucket
}

fn expect_linear(number: usize) {
    let bucket = many_tags(number);
    let pages = (3 * number).div_ceil(1000);
    let (ran, counts) = run(&bucket, &["app"]);
    assert_eq!((counts.get, counts.head), (number as u64 + 1, 0), "{counts:?}");
    expect_pages(counts, pages);
    assert_eq!(ran.stdout.lines().count(), number + 2, "a heading, titles, and a line for each");
    for line in [&["app", "--brief"][..], &["app", "--digests"]] {
        let (_, counts) = run(&bucket, line);
        assert_eq!((counts.get, counts.head), (0, 0), "{line:?}: {counts:?}");
        expect_pages(counts, pages);
    }
}

#[test]
fn requests_grow_with_the_tags_and_no_faster() {
    expect_linear(500);
    expect_linear(2000);
}

/// `cargo test --test listing -- --ignored --nocapture`
#[test]
#[ignore = "it takes minutes in a debug build"]
fn hundred_thousand_tags_are_listed() {
    expect_linear(100_000);
}
