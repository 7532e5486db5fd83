//! A bucket with a registry and its history, and what must hold of it after any purge.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use super::lab::bucket::{Bucket, Saved, Version};
use super::lab::clients;
use super::lab::registry::{ROOT, RegistryBuilder, tag_key};
use super::lab::tree::days_ago;
use super::tool::{self, Ran};

/// What regsweep keeps beside the registry.
const OWN: &str = "docker/registry/regsweep/";
/// What the tests are about: a run that finds nothing else to do.
const RUN: [&str; 4] = ["gc", "--offline", "--purge-versions", "--yes"];

pub struct Scene {
    pub bucket: Bucket,
    directory: TempDir,
    before: Vec<Version>,
}

/// Tells one version from all others.
pub fn name(version: &Version) -> (String, String) {
    (version.key.clone(), version.id.clone())
}

impl Scene {
    /// A bucket that keeps versions, with what `fill` puts there. Nothing of it goes by collection.
    pub fn new(fill: impl FnOnce(&Bucket)) -> Self {
        let bucket = Bucket::s3("reg");
        let mut registry = RegistryBuilder::new();
        let image = registry.image("app", "config", &["layer"]);
        for tag in ["t0", "t1", "t2", "t3", "t4", "t5", "t6", "t7"] {
            registry.tag("app", tag, &image.digest);
        }
        bucket.versioning(Some("Enabled"));
        registry.at(days_ago(60)).load_into(&bucket, "");
        fill(&bucket);
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("config.yml"), clients::s3_config(&bucket, "")).unwrap();
        let before = bucket.versions();
        Self { bucket, directory, before }
    }

    /// Tags that moved and came back, and what was deleted: twelve versions and four markers are old.
    pub fn usual() -> Self {
        Self::new(usual)
    }

    pub fn command(&self, more: &[&str]) -> Command {
        let mut command = self.telling_people(more);
        command.args(["--format", "json"]);
        command
    }

    /// With a report for people.
    pub fn telling_people(&self, more: &[&str]) -> Command {
        let mut command = tool::command(RUN.iter().chain(more));
        command.arg(self.config());
        command
    }

    pub fn config(&self) -> PathBuf {
        self.directory.path().join("config.yml")
    }

    pub fn run(&self, more: &[&str]) -> Ran {
        tool::finish(&mut self.command(more))
    }

    pub fn start(&self, more: &[&str]) -> Child {
        self.command(more).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Versions of the registry that are there now, without what regsweep keeps beside it.
    pub fn now(&self) -> Vec<Version> {
        self.bucket.versions().into_iter().filter(|version| !version.key.starts_with(OWN)).collect()
    }

    /// As before all, for another run.
    pub fn restore(&self, saved: &Saved) {
        self.bucket.clear_faults();
        self.bucket.put_back(saved);
        self.bucket.reset_counts();
    }

    /// What of before is not there any more.
    pub fn gone(&self) -> BTreeSet<(String, String)> {
        let now: BTreeSet<_> = self.now().iter().map(name).collect();
        self.before.iter().map(name).filter(|name| !now.contains(name)).collect()
    }

    /// What is current is there byte by byte and nothing came back, whatever happened.
    #[track_caller]
    pub fn expect_unharmed(&self, context: &str) {
        expect_unharmed(&self.before, &self.now(), context);
    }

    /// The report adds up, and to what went.
    #[track_caller]
    pub fn expect_adds_up(&self, ran: &Ran, context: &str) {
        expect_adds_up(ran, context);
        let row = row(ran);
        if row["unknown"] == 0 {
            assert_eq!(count(&row["deleted"]), self.gone().len() as u64, "{context}: {ran:#?}");
        }
    }
}

/// Eight tags moved, two of them were deleted and came back, and two links are deleted.
pub fn usual(bucket: &Bucket) {
    for (at, day) in [(0, 50), (1, 49), (2, 48), (3, 47), (4, 46), (5, 45), (6, 44), (7, 43)] {
        let key = tag_key("app", &format!("t{at}"));
        let now = bucket.get(&key).unwrap();
        bucket.put_at(&key, now.bytes.clone(), days_ago(day));
        if at < 2 {
            bucket.hide_at(&key, days_ago(40));
            bucket.put_at(&key, now.bytes, days_ago(39));
        }
    }
    for name in ["gone", "lost"] {
        let key = format!("{ROOT}/repositories/{name}/_layers/sha256/{}/link", "ab".repeat(32));
        bucket.put_at(&key, format!("sha256:{}", "ab".repeat(32)), days_ago(30));
        bucket.hide_at(&key, days_ago(20));
    }
}

pub fn row(ran: &Ran) -> Value {
    let row = ran.json()["old_versions"].clone();
    assert!(row.is_object(), "{ran:#?}");
    row
}

pub fn count(amount: &Value) -> u64 {
    amount["noncurrent_versions"]["count"].as_u64().unwrap() + amount["delete_markers"].as_u64().unwrap()
}

/// Each of the plan is in exactly one place, and no more went than was shown.
#[track_caller]
pub fn expect_adds_up(ran: &Ran, context: &str) {
    let row = row(ran);
    let number = |name: &str| row[name].as_u64().unwrap();
    let sum =
        ["failed", "unknown", "changed", "not_attempted"].map(number).iter().sum::<u64>() + count(&row["deleted"]);
    assert_eq!(sum, count(&row["planned"]), "{context}: {ran:#?}");
    let bytes = |name: &str| row[name]["noncurrent_versions"]["bytes"].as_u64().unwrap();
    assert!(bytes("deleted") <= bytes("planned"), "{context}: {ran:#?}");
}

/// What a reader of each key gets.
fn current(versions: &[Version]) -> BTreeMap<&str, (&str, &Option<bytes::Bytes>)> {
    let latest = versions.iter().filter(|version| version.is_latest);
    latest.map(|version| (version.key.as_str(), (version.id.as_str(), &version.bytes))).collect()
}

#[track_caller]
pub fn expect_unharmed(before: &[Version], now: &[Version], context: &str) {
    let (was, is) = (current(before), current(now));
    for (key, (id, bytes)) in &was {
        match is.get(key) {
            Some(found) => assert_eq!(found, &(*id, *bytes), "{context}: {key} changed"),
            // A marker may go once it hides nothing.
            None => assert!(bytes.is_none(), "{context}: {key} is gone"),
        }
    }
    for (key, (_, bytes)) in &is {
        assert!(was.contains_key(key) || bytes.is_none(), "{context}: {key} came back");
    }
}

/// Waits until something holds; fails after half a minute.
#[track_caller]
pub fn wait_until(what: &str, holds: impl Fn() -> bool) {
    for _ in 0..3000 {
        if holds() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("waited in vain until {what}");
}
