//! Wrong input ends with the right code, names the thing, says what to do next, and changes nothing.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::lab::bucket::{Bucket, Fault, Kind};
use super::lab::clients::{ACCESS_KEY, SECRET_KEY, s3_config};
use super::tool::{self, Ran, regsweep, regsweep_with};
use super::{Disk, registry};

/// The run failed as it should: with this code, these words on stderr, a next step, and no secret.
#[track_caller]
fn expect(ran: &Ran, code: i32, words: &[&str]) {
    assert_eq!(ran.code, code, "{ran:#?}");
    for word in words {
        assert!(ran.stderr.contains(word), "{word:?} is not told: {ran:#?}");
    }
    assert!(ran.stderr.contains("next: "), "no next step: {ran:#?}");
    let all = format!("{}{}", ran.stdout, ran.stderr);
    assert!(!all.contains(SECRET_KEY) && !all.contains("Signature=") && !all.contains("sig="), "a secret: {ran:#?}");
    assert!(!all.contains("panicked") && !all.contains("RUST_BACKTRACE"), "{ran:#?}");
}

/// The same with `--format json`: one object with the exit code and the error.
#[track_caller]
fn expect_json(arguments: &[&str], code: i32) {
    let ran = regsweep(arguments.iter().chain(&["--format", "json"]));
    let json: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:#?}"));
    assert_eq!((json["exit_code"].as_i64(), ran.code), (Some(code.into()), code), "{ran:#?}");
    assert!(json["error"]["message"].as_str().is_some_and(|text| !text.is_empty()), "{ran:#?}");
    assert!(json["error"]["next"].as_str().is_some_and(|text| !text.is_empty()), "{ran:#?}");
}

fn gc(registry: &str) -> Ran {
    regsweep(["gc", "--offline", "-m", registry])
}

#[test]
fn wrong_configurations_are_wrong_usage() {
    let disk = Disk::new();
    let filesystem = format!("  filesystem:\n    rootdirectory: {}\n", disk.path());
    let cases = [
        ("broken.yml", "version: 0.1\nstorage: [unclosed\n".to_owned(), vec!["broken.yml"]),
        ("tabs.yml", "version: 0.1\nstorage:\n\tfilesystem: {}\n".to_owned(), vec!["tabs.yml"]),
        ("none.yml", "version: 0.1\nlog: {}\n".to_owned(), vec!["none.yml", "storage"]),
        (
            "two.yml",
            format!("version: 0.1\nstorage:\n{filesystem}  s3:\n    bucket: b\n    region: r\n"),
            vec!["two.yml", "filesystem", "s3"],
        ),
        ("memory.yml", "version: 0.1\nstorage:\n  inmemory: {}\n".to_owned(), vec!["memory.yml", "inmemory"]),
        (
            "null.yml",
            "version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: null\n".to_owned(),
            vec!["null.yml", "rootdirectory"],
        ),
        ("empty.yml", String::new(), vec!["empty.yml"]),
    ];
    for (name, content, words) in cases {
        let file = disk.file(name, &content);
        expect(&gc(&file), 2, &words);
        expect_json(&["gc", "--offline", &file], 2);
    }
    disk.expect_untouched();
}

#[test]
fn operands_that_mean_nothing_are_wrong_usage() {
    let disk = Disk::new();
    let missing = disk.directory.path().join("missing").display().to_string();
    for (operand, words) in [
        (missing.as_str(), vec![missing.as_str(), "no such file"]),
        (&format!("{missing}/config.yml"), vec!["config.yml"]),
        ("ftp://host/registry", vec!["ftp"]),
        ("s3://", vec!["s3://"]),
        ("", vec!["empty"]),
        ("  ", vec!["empty"]),
        (&format!("file://{missing}"), vec![missing.as_str()]),
    ] {
        expect(&gc(operand), 2, &words);
        expect_json(&["plan", "--offline", operand], 2);
    }
    let twice = regsweep(["gc", "--offline", "-R", &disk.path(), &disk.path()]);
    assert_eq!(twice.code, 2, "{twice:#?}");
    assert!(twice.stderr.contains("twice"), "{twice:#?}");
    disk.expect_untouched();
}

#[test]
fn options_that_mean_nothing_are_wrong_usage() {
    let disk = Disk::new();
    let path = disk.path();
    let keep = disk.file("keep.txt", "team/app:v1\nnot a digest or image!\n");
    let words = disk.file("words.pem", "this is no certificate\n");
    for (option, value, word) in [
        ("--allow", "everything", "no-repositories"),
        ("--allow", "database", "LOCATION"),
        ("--repository", "re:(", "re:("),
        ("--repository", "team/[", "team/["),
        ("--min-age", "soon", "soon"),
        ("--min-age", "7", "7d"),
        ("--uploads-older-than", "never", "never"),
        ("--max-delete-percent", "101", "101"),
        ("--concurrency", "0", "0"),
        ("--format", "xml", "xml"),
        ("--keep-from", &keep, "2"),
        ("--keep-from", "/nowhere/keep.txt", "/nowhere/keep.txt"),
        ("--no-such-option", "x", "--no-such-option"),
    ] {
        let ran = regsweep(["gc", "--offline", option, value, &path]);
        assert_eq!(ran.code, 2, "{option} {value}: {ran:#?}");
        assert!(
            ran.stderr.contains(word) && ran.stderr.contains(option.trim_start_matches("--keep-from")),
            "{option} {value}: {ran:#?}"
        );
        assert_eq!(ran.stdout, "", "{option} {value}");
    }
    let bucket = Bucket::s3("reg");
    registry().load_into(&bucket, "");
    let config = disk.file("config.yml", &s3_config(&bucket, ""));
    for (file, word) in [(words.as_str(), "no certificate"), ("/nowhere/ca.pem", "/nowhere/ca.pem")] {
        expect(&regsweep(["plan", "--offline", "--ca-file", file, &config]), 2, &[word]);
    }
    disk.expect_untouched();
}

#[test]
fn directories_without_a_registry_are_wrong_configuration() {
    let disk = Disk::new();
    let empty = disk.directory.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    let empty = empty.display().to_string();
    expect(&gc(&empty), 2, &[&empty, "no registry in it"]);
    expect_json(&["gc", "--offline", &empty], 2);
    let missing = format!("{empty}/missing");
    for root in [&empty, &missing] {
        let file =
            disk.file("config.yml", &format!("version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {root}\n"));
        let ran = gc(&file);
        expect(&ran, 2, &[root, "config.yml", "rootdirectory", "a registry in a container sees its own file system"]);
    }
    assert!(!std::path::Path::new(&missing).exists());
    disk.expect_untouched();
}

#[test]
fn a_registry_that_is_empty_has_nothing_to_delete() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(directory.path().join("docker/registry/v2")).unwrap();
    let ran = gc(&directory.path().display().to_string());
    assert_eq!(ran.code, 0, "{ran:#?}");
    assert!(ran.stdout.contains("nothing to delete"), "{ran:#?}");
    assert!(ran.stdout.contains("0 blobs marked, 0 blobs and 0 manifests eligible for deletion"));
}

#[test]
fn a_path_inside_the_registry_is_understood() {
    let disk = Disk::new();
    let whole = regsweep(["plan", "--offline", "-m", "--format", "json", &disk.path()]).expect(0);
    for inside in ["docker", "docker/registry", "docker/registry/v2", "docker/registry/v2/", "docker/registry/v2/blobs"]
    {
        let path = format!("{}/{inside}", disk.path());
        let ran = regsweep(["plan", "--offline", "-m", "--format", "json", &path]).expect(0);
        assert_eq!(ran.json()["planned"], whole.json()["planned"], "{inside}");
        assert!(ran.stderr.contains("note: "), "{inside}: {ran:#?}");
    }
}

/// A registry in a bucket, its `config.yml`, and a fault.
fn in_bucket(prefix: &str, fault: Option<Fault>) -> (Bucket, tempfile::TempDir, String) {
    let bucket = Bucket::s3("reg");
    registry().load_into(&bucket, "");
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("config.yml");
    std::fs::write(&file, s3_config(&bucket, prefix)).unwrap();
    if let Some(fault) = fault {
        bucket.fault(fault);
    }
    let file = file.display().to_string();
    (bucket, directory, file)
}

#[test]
fn what_the_store_says_is_told_with_a_next_step() {
    for (fault, code, words) in [
        (Fault::status(404, "NoSuchBucket"), 2, ["no such bucket", "name"]),
        (Fault::access_denied(), 1, ["AccessDenied", "list"]),
        (Fault::status(400, "ExpiredToken"), 1, ["ExpiredToken", "expired"]),
        (Fault::expired_token(), 1, ["ExpiredToken", "expired"]),
        (Fault::status(403, "SignatureDoesNotMatch"), 1, ["SignatureDoesNotMatch", "secret"]),
        (Fault::status(403, "InvalidAccessKeyId"), 1, ["InvalidAccessKeyId", "access key"]),
        (Fault::status(403, "RequestTimeTooSkewed"), 1, ["RequestTimeTooSkewed", "clock"]),
        (Fault::status(400, "AuthorizationHeaderMalformed"), 2, ["region", "--region"]),
        (Fault::status(301, "PermanentRedirect"), 2, ["region", "--region"]),
    ] {
        let (bucket, _directory, file) = in_bucket("", Some(fault.on(Kind::List)));
        let before = bucket.dump("");
        expect(&gc(&file), code, &words);
        expect_json(&["gc", "--offline", &file], code);
        assert_eq!(bucket.dump(""), before);
        assert_eq!(bucket.counts().writes(), 0);
    }
}

#[test]
fn a_bucket_or_prefix_without_a_registry_is_wrong_configuration() {
    let (bucket, directory, file) = in_bucket("elsewhere", None);
    expect(&gc(&file), 2, &["s3://reg/elsewhere", "config.yml", "root directory"]);
    let empty = Bucket::s3("empty");
    let other = directory.path().join("empty.yml");
    std::fs::write(&other, s3_config(&empty, "")).unwrap();
    expect(&gc(&other.display().to_string()), 2, &["s3://empty", "empty.yml"]);
    // A bucket that is not there, for a server that says so.
    let wrong = directory.path().join("wrong.yml");
    std::fs::write(&wrong, s3_config(&bucket, "").replace("bucket: reg", "bucket: gone")).unwrap();
    expect(&gc(&wrong.display().to_string()), 2, &["s3://gone: there is no such bucket", "wrong.yml"]);
    assert_eq!(bucket.counts().writes() + empty.counts().writes(), 0);
}

#[test]
fn an_endpoint_that_does_not_answer_ends_soon() {
    let (bucket, _directory, file) = in_bucket("", None);
    drop(bucket);
    let begun = Instant::now();
    expect(&gc(&file), 1, &["could not be asked", "endpoint"]);
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
}

#[test]
fn no_credentials_at_all_is_told() {
    let bucket = Bucket::s3("reg");
    registry().load_into(&bucket, "");
    let home = tempfile::tempdir().unwrap();
    let begun = Instant::now();
    let variables = [("HOME".to_owned(), home.path().display().to_string())];
    let arguments = ["gc", "--offline", "--endpoint-url", &bucket.endpoint(), "--region", "us-east-1", "s3://reg"];
    let ran = regsweep_with(arguments, variables);
    expect(&ran, 1, &["credentials", "--profile"]);
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    assert_eq!(bucket.counts().writes(), 0);
}

#[test]
fn a_plan_that_cannot_be_written_fails_and_leaves_nothing() {
    let disk = Disk::new();
    for file in ["/nowhere/plan.jsonl", "/proc/plan.jsonl"] {
        let ran = regsweep(["plan", "--offline", "-m", "-o", file, &disk.path()]);
        assert_eq!(ran.code, 1, "{ran:#?}");
        expect(&ran, 1, &[file]);
    }
    disk.expect_untouched();
}

#[test]
fn a_live_run_that_keeps_no_state_says_what_is_missing() {
    let disk = Disk::new();
    let ran = regsweep(["gc", "-m", "--no-state", &disk.path()]);
    expect(&ran, 2, &["--offline", "--defer 0s"]);
    expect_json(&["gc", "-m", "--no-state", &disk.path()], 2);
    regsweep(["gc", "-m", "--dry-run", &disk.path()]).expect(0);
    disk.expect_untouched();
}

#[test]
fn no_registry_named_at_all_is_wrong_usage() {
    if ["/etc/distribution/config.yml", "/etc/docker/registry/config.yml"]
        .iter()
        .any(|path| std::path::Path::new(path).exists())
    {
        return;
    }
    expect(&regsweep(["gc", "--offline"]), 2, &["/etc/distribution/config.yml"]);
    let ran = tool::regsweep_with(["gc", "--offline"], [("REGSWEEP_REGISTRY".to_owned(), String::new())]);
    expect(&ran, 2, &["REGSWEEP_REGISTRY"]);
}

#[test]
fn a_secret_is_in_no_output() {
    let (_bucket, _directory, file) = in_bucket("", None);
    for arguments in [
        vec!["plan", "--offline", "-m", "-v"],
        vec!["plan", "--offline", "--format", "json"],
        vec!["gc", "--offline", "-m", "-v"],
    ] {
        let ran = regsweep_with(
            arguments.iter().copied().chain([file.as_str()]),
            [("REGSWEEP_LOG".to_owned(), "trace".to_owned())],
        )
        .expect(0);
        let all = format!("{}{}", ran.stdout, ran.stderr);
        assert!(!all.contains(SECRET_KEY), "the secret key: {ran:#?}");
        assert!(!ran.stdout.contains(ACCESS_KEY), "the access key");
    }
}

/// Whoever gives the registry as with other commands has named an image.
#[test]
fn registry_among_the_images_is_pointed_out() {
    let disk = Disk::new();
    let ran = regsweep(["rm", "--dry-run", "-R", &disk.path(), "config.yml", "team/app"]);
    assert!(ran.stderr.contains("if config.yml is the registry, say -R config.yml"), "{ran:#?}");
    let ran = regsweep(["rm", "--dry-run", "-R", &disk.path(), "nowhere"]);
    assert!(!ran.stderr.contains("say -R"), "{ran:#?}");
    let ran = regsweep(["explain", "-R", &disk.path(), "team/app"]).expect(2);
    assert!(ran.stderr.contains("say REPOSITORY:TAG"), "{ran:#?}");
    disk.expect_untouched();
}

/// A report without its time cannot be told from an older one.
#[test]
fn report_of_an_error_has_its_time() {
    let ran = regsweep(["gc", "--format", "json", "/nowhere"]);
    for time in ["started", "finished"] {
        let json = ran.json();
        assert!(chrono::DateTime::parse_from_rfc3339(json[time].as_str().unwrap()).is_ok(), "{json:#}");
    }
}
