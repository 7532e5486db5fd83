//! What a run costs on S3: no link is read, no manifest twice, and deletes go in batches.

use std::collections::BTreeSet;

use crate::lab::bucket::{Bucket, Counts};
use crate::lab::clients::{s3_config, s3_environment};
use crate::lab::pull::revisions;
use crate::lab::registry::{ROOT, RegistryBuilder};
use crate::tool::{Ran, regsweep_with};

/// A busy registry: tagged, untagged and shared images, indexes, much garbage; links that say what their keys say.
fn registry() -> RegistryBuilder {
    let mut registry = RegistryBuilder::new();
    for repository in ["app", "app/api", "base"] {
        for build in 0..20 {
            let (config, layer) = (format!("{repository} {build}"), format!("layer {repository} {build}"));
            let image = registry.image(repository, &config, &["shared", &layer]);
            registry.tag(repository, "latest", &image.digest);
            if build % 4 == 0 {
                let other = registry.docker_image(repository, &format!("{config} arm64"), &["shared"]);
                let index = registry.index(repository, &[&image.digest, &other.digest]);
                registry.tag(repository, &format!("v{build}"), &index);
            }
        }
        for orphan in 0..700 {
            registry.layer(repository, format!("orphan {repository} {orphan}"));
        }
    }
    registry
}

fn run(bucket: &Bucket, more: &[&str]) -> (Ran, Counts) {
    run_line(bucket, &[&["gc", "--offline", "-m"], more].concat())
}

fn run_line(bucket: &Bucket, line: &[&str]) -> (Ran, Counts) {
    bucket.reset_counts();
    let home = tempfile::tempdir().unwrap();
    let config = home.path().join("config.yml");
    std::fs::write(&config, s3_config(bucket, "/root")).unwrap();
    let config = config.display().to_string();
    let line = line.iter().copied().chain(["--format", "json", "-R", &config]);
    let environment = s3_environment().map(|(name, value)| (name.to_owned(), value.to_owned()));
    let ran = regsweep_with(line, environment).expect(0);
    (ran, bucket.counts())
}

fn links_read(bucket: &Bucket) -> Vec<String> {
    let calls = bucket.log().into_iter();
    calls.filter(|call| call.method == "GET" && call.key.ends_with("/link")).map(|call| call.key).collect()
}

#[test]
fn dry_run_reads_each_manifest_once_and_no_link() {
    let bucket = Bucket::s3("registry");
    registry().load_into(&bucket, "root/");
    let manifests: BTreeSet<_> = revisions(registry().tree()).into_iter().map(|(_, digest)| digest).collect();
    let (ran, counts) = run(&bucket, &["--dry-run"]);
    assert_eq!(links_read(&bucket), Vec::<String>::new());
    assert_eq!(counts.get, manifests.len() as u64, "{counts:?}");
    assert_eq!(counts.writes(), 0, "{counts:?}");
    assert!(counts.head <= 4, "no more looks than there are markers: {counts:?}");
    let (repositories, blobs) = keys(&bucket);
    let pages = (repositories.div_ceil(1000) + blobs.div_ceil(1000)) as u64;
    // One or two more: the first look whether there is a registry at all. And some that make it faster.
    assert!((pages..=pages + 6).contains(&counts.list), "{} pages for {pages}", counts.list);
    // Two more: whether the bucket keeps versions, and which multipart uploads are not complete.
    assert_eq!(counts.other, 2, "{counts:?}");
    assert_eq!(ran.count("/requests/get"), counts.get + 1);
    assert_eq!(ran.count("/requests/list"), counts.list + 1);
    assert_eq!(ran.count("/requests/delete"), 0);
}

#[test]
fn a_tag_whose_link_does_not_prove_itself_is_all_that_is_read() {
    // A revision link proves itself by its ETag; what a tag names is looked for among the revisions.
    let bucket = Bucket::s3("registry");
    let mut registry = registry();
    let lost = registry.image("base", "lost", &["shared"]);
    registry.tag("base", "broken", &lost.digest);
    registry.delete_manifest("base", &lost.digest);
    registry.load_into(&bucket, "root/");
    run(&bucket, &["--dry-run"]);
    let read = links_read(&bucket);
    assert!(read.len() <= 1, "{read:?}");
    assert!(read.iter().all(|key| key.contains("/tags/broken/")), "{read:?}");
}

#[test]
fn deletes_go_in_batches_of_a_thousand() {
    let bucket = Bucket::s3("registry");
    registry().load_into(&bucket, "root/");
    let (ran, counts) = run(&bucket, &[]);
    let planned = |kind: &str| ran.count(&format!("/planned/{kind}"));
    let batches = |keys: u64| keys.div_ceil(1000);
    assert!(planned("layer_links") > 2000 && planned("blobs/count") > 2000, "{ran:#?}");
    assert_eq!(planned("uploads/count") + planned("tags"), 0);
    // No manifest that goes is part of another that goes, so that one batch holds them all.
    let expected = batches(planned("tag_history"))
        + batches(planned("manifests"))
        + batches(planned("layer_links"))
        + batches(planned("blobs/count"));
    // And its own: the probe, the journal, the lease.
    let expected = expected + 3;
    assert_eq!(counts.delete, expected, "{counts:?}");
    assert_eq!(counts.batch, expected, "{counts:?}");
    assert_eq!(ran.count("/requests/delete"), expected);
    assert_eq!(counts.keys_deleted, counts.keys_asked, "{counts:?}");
    assert_eq!((counts.put, counts.copy), (3, 0), "{counts:?}");
    assert_eq!(links_read(&bucket), Vec::<String>::new());
    let (_, counts) = run(&bucket, &[]);
    assert_eq!((counts.put, counts.delete), (2, 2), "its lease and its probe, written and removed: {counts:?}");
}

/// Checking every entry of a plan again costs a listing, and not a request for each.
#[test]
fn applying_a_plan_costs_what_a_run_costs() {
    let (planned, run_at_once) = (Bucket::s3("registry"), Bucket::s3("registry"));
    let home = tempfile::tempdir().unwrap();
    let plan = home.path().join("plan.jsonl.gz").display().to_string();
    for bucket in [&planned, &run_at_once] {
        registry().load_into(bucket, "root/");
    }
    let (_, making) = run_line(&planned, &["plan", "--offline", "-m", "-o", &plan]);
    assert_eq!(making.writes(), 0, "{making:?}");
    for dry_run in ["--dry-run", "--yes"] {
        let (_, expected) = run(&run_at_once, &[dry_run]);
        let (ran, counts) = run_line(&planned, &["apply", dry_run, &plan]);
        let of = |counts: Counts| (counts.list, counts.get, counts.head, counts.put, counts.copy, counts.delete);
        assert_eq!(of(counts), of(expected), "{dry_run}: {ran:#?}");
    }
    let keys = |bucket: &Bucket| bucket.keys();
    assert_eq!(keys(&planned), keys(&run_at_once));
    let (ran, counts) = run_line(&planned, &["apply", "--yes", &plan]);
    assert_eq!((counts.put, counts.delete), (2, 2), "all of it is gone; lease and probe: {counts:?}");
    assert!(ran.count("/already_gone") > 4000, "{ran:#?}");
}

/// How many keys there are in `repositories/` and in `blobs/`.
fn keys(bucket: &Bucket) -> (usize, usize) {
    let keys = bucket.keys();
    let blobs = keys.iter().filter(|key| key.starts_with(&format!("root/{ROOT}/blobs/"))).count();
    (keys.len() - blobs, blobs)
}
