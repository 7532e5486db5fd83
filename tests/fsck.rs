//! `regsweep fsck`: it finds what is broken, and nothing else.
#![allow(clippy::disallowed_methods, reason = "tests know the time, and tidy up after themselves")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, unreachable_pub, reason = "tests")]

mod lab;
mod tool;

#[path = "fsck/damage.rs"]
mod damage;
#[path = "fsck/repair.rs"]
mod repair;
#[path = "fsck/sound.rs"]
mod sound;

use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use tempfile::TempDir;

use lab::registry::RegistryBuilder;
use lab::tree::read_dir;
use tool::{Ran, regsweep};

fn on_disk(registry: &RegistryBuilder) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    registry.write_to(directory.path());
    directory
}

fn fsck_in(directory: &Path, line: &[&str]) -> Ran {
    let before = read_dir(directory);
    let ran = regsweep(["fsck", directory.to_str().unwrap()].iter().chain(line));
    assert_eq!(read_dir(directory), before, "looking changes nothing");
    ran
}

/// Checks a registry in a directory, as JSON.
fn fsck(registry: &RegistryBuilder, line: &[&str]) -> Value {
    let ran = fsck_in(on_disk(registry).path(), &[line, &["--format", "json"]].concat());
    let report = ran.json();
    let is_damaged = report["counts"]["damage"].as_u64().unwrap() > 0;
    assert_eq!(ran.code, if is_damaged { 4 } else { 0 }, "{ran:#?}");
    assert_eq!((&report["schema"], &report["exit_code"]), (&"regsweep.fsck/1".into(), &ran.code.into()));
    report
}

/// The (code, key) pairs of a level.
fn found(report: &Value, level: &str) -> BTreeSet<(String, String)> {
    let text = |finding: &Value, field: &str| finding[field].as_str().unwrap().to_owned();
    let findings = report["findings"].as_array().unwrap().iter().filter(|finding| finding["level"] == level);
    findings.map(|finding| (text(finding, "code"), text(finding, "key"))).collect()
}

fn pairs<const N: usize>(pairs: [(&str, String); N]) -> BTreeSet<(String, String)> {
    pairs.into_iter().map(|(code, key)| (code.to_owned(), key)).collect()
}
