//! `plan`: exit codes and saved files.

use std::io::Read as _;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::lab::bucket::{Bucket, hex};
use super::lab::clients::{ACCESS_KEY, SECRET_KEY, s3_config};
use super::tool::regsweep;
use super::{Disk, registry, text};

#[test]
fn the_detailed_exit_code_tells_whether_there_is_something_to_delete() {
    let disk = Disk::new();
    let path = disk.path();
    regsweep(["plan", "--offline", "-m", "--detailed-exitcode", &path]).expect(5);
    regsweep(["plan", "--offline", "-m", &path]).expect(0);
    let ran = regsweep(["plan", "--offline", "-m", "--detailed-exitcode", "--format", "json", &path]).expect(5);
    assert_eq!(ran.count("/exit_code"), 5);
    disk.expect_untouched();
    regsweep(["gc", "--offline", "-m", &path]).expect(0);
    regsweep(["plan", "--offline", "-m", "--detailed-exitcode", &path]).expect(0);
}

/// Header, lines, seal; the seal is right.
fn check(text: &str) -> (Value, Vec<Value>, Value) {
    assert!(text.ends_with('\n'));
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let mut values: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (seal, header) = (values.pop().unwrap(), values.remove(0));
    let before: String = lines[..lines.len() - 1].concat();
    assert_eq!(seal["seal"]["sha256"], hex(&Sha256::digest(before.as_bytes())));
    assert_eq!(seal["seal"]["deletions"], values.len());
    let bytes: u64 = values.iter().map(|line| line["size"].as_u64().unwrap()).sum();
    assert_eq!(seal["seal"]["bytes"], bytes);
    (header, values, seal)
}

#[test]
fn a_saved_plan_has_a_header_a_line_for_each_deletion_and_a_right_seal() {
    let bucket = Bucket::s3("reg");
    registry().load_into(&bucket, "root/");
    let disk = Disk::new();
    let config = disk.file("config.yml", &s3_config(&bucket, "root"));
    for registry in [config.as_str(), &disk.path()] {
        let (plain, packed) = (disk.directory.path().join("p.jsonl"), disk.directory.path().join("p.jsonl.gz"));
        let report = regsweep(["plan", "--offline", "-m", "--format", "json", "-o", plain.to_str().unwrap(), registry])
            .expect(0);
        assert!(report.stderr.contains(plain.to_str().unwrap()), "{report:#?}");
        // `-o` on garbage-collect saves likewise instead of acting.
        regsweep(["gc", "--offline", "-m", "-o", packed.to_str().unwrap(), registry]).expect(0);
        let mut unpacked = String::new();
        flate2::read::GzDecoder::new(std::fs::File::open(&packed).unwrap()).read_to_string(&mut unpacked).unwrap();
        let (header, lines, _) = check(&text(&plain));
        let (_, same, _) = check(&unpacked);
        assert_eq!(lines, same, "both ways say the same");
        for content in [&text(&plain), &unpacked] {
            assert!(!content.contains(SECRET_KEY) && !content.contains(ACCESS_KEY), "a credential in the plan");
        }
        assert_eq!(
            (&header["schema"], &header["command"], &header["mode"]),
            (&"regsweep.plan/1".into(), &"plan".into(), &"offline".into())
        );
        assert!(
            header["options"]["delete_untagged"] == true
                && header["created"].is_string()
                && header["expires"].is_string()
        );
        let count = |stage: &str| lines.iter().filter(|line| line["stage"] == stage).count() as u64;
        assert_eq!(count("tag_history"), report.count("/planned/tag_history"));
        assert_eq!(count("revision"), report.count("/planned/manifests"));
        assert_eq!(count("layer_link"), report.count("/planned/layer_links"));
        assert_eq!(count("blob"), report.count("/planned/blobs/count"));
        assert_eq!(
            report.count("/planned_bytes"),
            lines.iter().map(|line| line["size"].as_u64().unwrap()).sum::<u64>()
        );
        for line in &lines {
            assert!(line["key"].as_str().unwrap().starts_with("docker/registry/v2/"), "relative to the root: {line}");
            assert!(line["last_modified"].is_string() && line["reason"].is_string(), "{line}");
        }
    }
    assert_eq!(bucket.counts().writes(), 0);
    disk.expect_untouched();
}

#[test]
fn a_saved_plan_replaces_the_old_one_whole() {
    let disk = Disk::new();
    let file = disk.file("plan.jsonl", "the old one");
    regsweep(["plan", "--offline", "-m", "-o", &file, &disk.path()]).expect(0);
    check(&text(file.as_ref()));
    let beside: Vec<_> =
        std::fs::read_dir(disk.directory.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(beside.len(), 2, "nothing temporary is left: {beside:?}");
}

/// A file of it would ask to be carried out.
#[test]
fn refused_plan_is_not_saved() {
    let disk = super::output::without_repositories();
    let file = disk.directory.path().join("plan.jsonl");
    let ran = regsweep(["plan", "--offline", "-o", file.to_str().unwrap(), &disk.path()]).expect(3);
    assert!(ran.stderr.contains("a plan that is refused is not saved"), "{ran:#?}");
    assert!(!file.exists());
}
