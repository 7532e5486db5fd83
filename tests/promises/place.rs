//! Where a registry lies: in a directory or in a simulated bucket. The same promises hold in both.

use std::collections::BTreeSet;
use std::process::Command;

use tempfile::TempDir;

use crate::lab::bucket::{Bucket, Dialect};
use crate::lab::clients;
use crate::lab::registry::RegistryBuilder;
use crate::lab::tree::{Tree, read_dir};
use crate::tool::{Ran, command, finish};

pub const STATE: &str = "docker/registry/regsweep/";
pub const PENDING: &str = "docker/registry/regsweep/pending";
pub const LEASE: &str = "docker/registry/regsweep/lease.json";

pub struct Place {
    pub directory: TempDir,
    pub bucket: Option<Bucket>,
}

impl Place {
    pub fn directory(registry: &RegistryBuilder) -> Self {
        let directory = TempDir::new().unwrap();
        registry.write_to(directory.path());
        Self { directory, bucket: None }
    }

    fn bucket(bucket: Bucket, registry: &RegistryBuilder) -> Self {
        registry.load_into(&bucket, "");
        let directory = TempDir::new().unwrap();
        std::fs::write(directory.path().join("config.yml"), clients::s3_config(&bucket, "")).unwrap();
        Self { directory, bucket: Some(bucket) }
    }

    pub fn s3(registry: &RegistryBuilder) -> Self {
        Self::bucket(Bucket::s3("reg"), registry)
    }

    pub fn gcs(registry: &RegistryBuilder) -> Self {
        Self::bucket(Bucket::gcs("reg"), registry)
    }

    /// A directory and a bucket of each kind that lists differently.
    pub fn all(registry: &RegistryBuilder) -> [Self; 3] {
        [Self::directory(registry), Self::s3(registry), Self::gcs(registry)]
    }

    /// A prepared command on this registry.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = command(arguments);
        match &self.bucket {
            None => command.arg("-R").arg(self.directory.path()),
            Some(bucket) if bucket.dialect() == Dialect::S3 => {
                command.arg("-R").arg(self.directory.path().join("config.yml"))
            }
            Some(bucket) => command
                .args(["-R", "gs://reg", "--endpoint-url", &bucket.endpoint()])
                .env("CLOUDSDK_AUTH_ACCESS_TOKEN", "laboratory"),
        };
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Ran {
        finish(&mut self.command(arguments))
    }

    /// A live collection of all that can go, whose content waits for a week.
    #[track_caller]
    pub fn collect(&self) -> Ran {
        self.collect_with(&["--defer", "7d"])
    }

    #[track_caller]
    pub fn collect_with(&self, arguments: &[&str]) -> Ran {
        let line = ["gc", "--format", "json", "-m", "--yes", "--min-age", "0s", "--settle", "10ms"];
        self.run(&[&line[..], arguments].concat()).expect(0)
    }

    pub fn restore(&self, arguments: &[&str]) -> Ran {
        self.run(&[&["restore", "--format", "json", "--yes"], arguments].concat())
    }

    pub fn pending(&self) -> Ran {
        self.run(&["pending", "--format", "json"]).expect(0)
    }

    /// All keys.
    pub fn all_keys(&self) -> Tree {
        match &self.bucket {
            None => read_dir(self.directory.path()),
            Some(bucket) => bucket.dump(""),
        }
    }

    /// What is the registry's.
    pub fn registry(&self) -> Tree {
        self.all_keys().into_iter().filter(|(key, _)| key.starts_with("docker/registry/v2/")).collect()
    }

    /// The keys that are regsweep's.
    pub fn state(&self) -> BTreeSet<String> {
        self.all_keys().into_keys().filter(|key| key.starts_with(STATE)).collect()
    }

    pub fn read(&self, key: &str) -> String {
        let entry = self.all_keys().remove(key).unwrap_or_else(|| panic!("no {key}"));
        String::from_utf8(entry.bytes.to_vec()).unwrap()
    }

    pub fn write(&self, key: &str, text: &str) {
        match &self.bucket {
            None => {
                let file = self.directory.path().join(key);
                std::fs::create_dir_all(file.parent().unwrap()).unwrap();
                std::fs::write(file, text).unwrap();
            }
            Some(bucket) => bucket.put(key, text.to_owned()),
        }
    }

    pub fn remove(&self, key: &str) {
        match &self.bucket {
            None => std::fs::remove_file(self.directory.path().join(key)).unwrap(),
            Some(bucket) => drop(bucket.remove(key).unwrap_or_else(|| panic!("no {key}"))),
        }
    }

    /// The run that left a journal, if there is just one.
    #[track_caller]
    pub fn run_name(&self) -> String {
        let runs: BTreeSet<String> = self
            .state()
            .iter()
            .filter_map(|key| Some(key.strip_prefix(STATE)?.strip_prefix("runs/")?.split_once('/')?.0.to_owned()))
            .collect();
        assert_eq!(runs.len(), 1, "{runs:?}");
        runs.into_iter().next().unwrap()
    }

    /// The lease of a run elsewhere, that ends so many seconds from now.
    pub fn lease(&self, seconds: i64) {
        let expires = chrono::Utc::now() + chrono::Duration::seconds(seconds);
        let taken = expires - chrono::Duration::minutes(1);
        let lease = serde_json::json!({
            "schema": "regsweep.lease/1", "run": "other-run", "host": "elsewhere", "process": 17,
            "command": "garbage-collect", "taken": taken.to_rfc3339(), "expires": expires.to_rfc3339(),
        });
        self.write(LEASE, &lease.to_string());
    }

    /// A journal of a run that took these pointers away, and ended as it should.
    pub fn journal(&self, run: &str, pointers: &[(String, String)]) {
        let line =
            |(key, content): &(String, String)| format!("{}\n", serde_json::json!({"key": key, "content": content}));
        let text: String = pointers.iter().map(line).collect();
        self.write(&format!("{STATE}runs/{run}/journal-000000.jsonl"), &text);
        let now = chrono::Utc::now();
        let done = serde_json::json!({
            "schema": "regsweep.done/1", "command": "rm", "gone": now.to_rfc3339(),
            "until": (now + chrono::Duration::days(7)).to_rfc3339(),
        });
        self.write(&format!("{STATE}runs/{run}/done.json"), &done.to_string());
    }

    /// Takes pointers away as `rm` does: journal first.
    pub fn take(&self, run: &str, keys: &[String]) {
        let pointers: Vec<(String, String)> = keys.iter().map(|key| (key.clone(), self.read(key))).collect();
        self.journal(run, &pointers);
        for key in keys {
            self.remove(key);
        }
    }
}

/// Bytes by key, whatever the times.
pub fn bytes(tree: &Tree) -> std::collections::BTreeMap<&str, &[u8]> {
    tree.iter().map(|(key, entry)| (key.as_str(), &entry.bytes[..])).collect()
}

/// Nothing but modification times may differ, and uploads, which no undo brings back.
#[track_caller]
pub fn assert_same(before: &Tree, after: &Tree, context: &str) {
    let (mut before, mut after) = (bytes(before), bytes(after));
    for tree in [&mut before, &mut after] {
        tree.retain(|key, _| !key.contains("/_uploads/"));
    }
    let missing: Vec<_> = before.keys().filter(|key| !after.contains_key(*key)).collect();
    let new: Vec<_> = after.keys().filter(|key| !before.contains_key(*key)).collect();
    assert!(missing.is_empty() && new.is_empty(), "{context}\nmissing: {missing:#?}\nnew: {new:#?}");
    assert!(before == after, "{context}: the content of a key changed");
}
