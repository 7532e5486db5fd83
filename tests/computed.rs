//! The computed registry is a registry: it lists as a stored one does, and a collection finds in it what was counted.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, unreachable_pub, reason = "tests")]

mod lab;
mod tool;

use futures::TryStreamExt as _;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::{ClientOptions, ObjectStore as _, ObjectStoreExt as _};
use std::path::Path as Directory;
use std::process::Command;

use lab::bucket::Bucket;
use lab::clients::{ACCESS_KEY, REGION, SECRET_KEY, s3_config_at, s3_environment};
use lab::computed::{BUCKET, Computed, Server, Shape, Truth, stored};
use lab::random::Prng;
use lab::registry::{ROOT, blob_key};
use tool::{Ran, command, finish};

/// 2026-01-01.
const NOW: i64 = 1_767_225_600;

fn shape(manifests: u64, repositories: u64) -> Shape {
    Shape::new(7, manifests, repositories, NOW)
}

fn client(endpoint: String, bucket: &str) -> AmazonS3 {
    AmazonS3Builder::new()
        .with_endpoint(endpoint)
        .with_bucket_name(bucket)
        .with_region(REGION)
        .with_access_key_id(ACCESS_KEY)
        .with_secret_access_key(SECRET_KEY)
        .with_client_options(ClientOptions::new().with_allow_http(true))
        .build()
        .unwrap()
}

fn both(shape: Shape) -> (Server, Bucket) {
    let computed = Computed::new(shape);
    let bucket = Bucket::s3("registry");
    bucket.load("", &stored(&computed));
    (Server::start(computed), bucket)
}

fn run(endpoint: &str, bucket: &str, more: &[&str]) -> Ran {
    let home = tempfile::tempdir().unwrap();
    finish(&mut looking(home.path(), endpoint, bucket, more))
}

/// A run that changes nothing, with what it needs in `home`.
fn looking(home: &Directory, endpoint: &str, bucket: &str, more: &[&str]) -> Command {
    let config = home.join("config.yml");
    std::fs::write(&config, s3_config_at(endpoint, bucket, "")).unwrap();
    let config = config.display().to_string();
    let line = ["gc", "--offline", "--dry-run", "--format", "json", "-R", &config];
    let mut command = command(line.iter().chain(more));
    command.envs(s3_environment());
    command
}

fn counts(ran: &Ran) -> Truth {
    Truth {
        repositories: ran.count("/found/repositories"),
        tags: ran.count("/found/tags"),
        manifests: ran.count("/found/manifests"),
        layer_links: ran.count("/found/layer_links"),
        blobs: ran.count("/found/blobs/count"),
        stale_history: ran.count("/planned/tag_history"),
        dead_manifests: ran.count("/planned/manifests"),
        dead_links: ran.count("/planned/layer_links"),
        dead_blobs: ran.count("/planned/blobs/count"),
        repository_keys: 0,
    }
}

/// Key, size, time and, of links, the `ETag`.
type Line = (String, u64, i64, Option<String>);

async fn list(store: &AmazonS3, prefix: &str, offset: Option<&str>) -> Vec<Line> {
    let prefix = Path::from(prefix);
    let listed = match offset {
        Some(offset) => store.list_with_offset(Some(&prefix), &Path::parse(offset).unwrap()),
        None => store.list(Some(&prefix)),
    };
    let lines = listed.map_ok(|meta| {
        let key = meta.location.to_string();
        let etag = meta.e_tag.filter(|_| key.ends_with("/link"));
        (key, meta.size, meta.last_modified.timestamp(), etag)
    });
    lines.try_collect().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn computed_registry_lists_as_the_stored_one() {
    let (server, bucket) = both(shape(300, 7));
    let computed = client(server.endpoint(), BUCKET);
    let stored = client(bucket.endpoint(), bucket.name());
    let all = list(&stored, ROOT, None).await;
    assert!(all.len() > 3000, "more than three pages: {}", all.len());
    assert_eq!(list(&computed, ROOT, None).await, all);

    // From anywhere, on or between keys, and by level.
    let mut prng = Prng::new(1);
    for _ in 0..60 {
        let key = &prng.pick(&all).0;
        let mut from = key[..ROOT.len() + 1 + prng.below(key.len() - ROOT.len())].trim_end_matches('/').to_owned();
        if prng.one_in(2) {
            from.push(*prng.pick(&['0', '8', 'f', 'g', '~', '-']));
        }
        assert_eq!(list(&computed, ROOT, Some(&from)).await, list(&stored, ROOT, Some(&from)).await, "behind {from}");
        let level = Path::from(key.rsplit_once('/').unwrap().0);
        let level = if prng.one_in(2) { level.parts().take(5).collect() } else { level };
        let [ours, theirs] = [&computed, &stored].map(|store| store.list_with_delimiter(Some(&level)));
        let (ours, theirs) = (ours.await.unwrap(), theirs.await.unwrap());
        assert_eq!(ours.common_prefixes, theirs.common_prefixes, "{level}");
        assert_eq!(ours.objects.len(), theirs.objects.len(), "{level}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn computed_registry_reads_as_the_stored_one() {
    let (server, bucket) = both(shape(40, 3));
    let computed = client(server.endpoint(), BUCKET);
    for key in bucket.keys() {
        let content = computed.get(&Path::parse(&key).unwrap()).await.unwrap().bytes().await.unwrap();
        assert_eq!(content, bucket.get(&key).unwrap().bytes, "{key}");
    }
    let missing = Path::parse(blob_key(&lab::registry::sha256(b"missing"))).unwrap();
    let found = computed.get(&missing).await;
    assert!(matches!(found, Err(object_store::Error::NotFound { .. })), "{found:?}");
}

#[test]
fn a_collection_finds_what_was_counted_in_the_computed_registry_and_in_the_stored_one() {
    let (server, bucket) = both(shape(2000, 12));
    for (line, untagged) in [(&[][..], false), (&["-m"][..], true)] {
        let truth = Truth { repository_keys: 0, ..Truth::of(server.computed(), untagged) };
        assert!(truth.dead_links > 0 && truth.dead_blobs > 0, "{truth:?}");
        server.take_counts();
        let ran = run(&server.endpoint(), BUCKET, line).expect(0);
        assert_eq!(counts(&ran), truth, "computed, {line:?}");
        let asked = server.take_counts();
        assert_eq!((asked.links, asked.writes), (0, 0), "{asked:?}");
        let ran = run(&bucket.endpoint(), bucket.name(), line).expect(0);
        assert_eq!(counts(&ran), truth, "stored, {line:?}");
    }
}

/// Runs it to its end, and tells whether it had a file open in a directory that no name leads to.
#[cfg(target_os = "linux")]
fn with_a_nameless_file(command: &mut Command, directory: &Directory) -> (Ran, bool) {
    let child = command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    let files = format!("/proc/{}/fd", child.id());
    let reading = std::thread::spawn(move || child.wait_with_output().unwrap());
    let mut had_one = false;
    while !reading.is_finished() {
        let open = std::fs::read_dir(&files).into_iter().flatten().flatten();
        let mut leads = open.filter_map(|file| std::fs::read_link(file.path()).ok());
        had_one |= leads.any(|to| to.starts_with(directory) && to.to_string_lossy().ends_with(" (deleted)"));
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let output = reading.join().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let ran = Ran { code: output.status.code().unwrap(), stdout: text(output.stdout), stderr: text(output.stderr) };
    (ran, had_one)
}

#[cfg(target_os = "linux")]
#[test]
fn what_is_too_much_for_memory_lies_in_a_file_without_a_name_and_nothing_is_decided_otherwise() {
    let server = Server::start(Computed::new(shape(800, 8).wide(1000)));
    let truth = Truth { repository_keys: 0, ..Truth::of(server.computed(), true) };
    assert!(truth.layer_links > 600_000 && truth.dead_blobs > 0, "{truth:?}");
    let home = tempfile::tempdir().unwrap();
    let beside = home.path().join("beside");
    std::fs::create_dir(&beside).unwrap();
    for (directory, is_there) in [(&beside, true), (&home.path().join("nowhere"), false)] {
        let mut command = looking(home.path(), &server.endpoint(), BUCKET, &["-m"]);
        let (ran, had_a_file) = with_a_nameless_file(command.env("TMPDIR", directory), directory);
        assert_eq!((counts(&ran.expect(0)), had_a_file), (truth, is_there), "{directory:?}");
    }
    assert_eq!(std::fs::read_dir(&beside).unwrap().count(), 0, "nothing is left");
}
