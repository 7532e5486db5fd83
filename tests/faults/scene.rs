//! A registry with garbage in every stage, in a simulated bucket, and what must hold after any run on it.
#![allow(dead_code, reason = "several test programs share the scene")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use super::lab::bucket::{Bucket, Call, Dialect, Kind};
use super::lab::clients;
use super::lab::pull::assert_tags_unharmed;
use super::lab::registry::{RegistryBuilder, sha256};
use super::lab::tree::{Tree, days_ago, removed};
use super::state::{LEASE, STATE, is_own, long_ago, without_own};
use super::tool::{self, Ran};
use super::whole::assert_whole;

/// A run on a registry that is stopped.
pub const OFFLINE: [&str; 5] = ["gc", "--offline", "-m", "--format", "json"];
/// A run beside a registry that serves pushes; content waits so long.
pub fn live_run(defer: &str) -> [&str; 11] {
    ["gc", "-m", "--yes", "--min-age", "0s", "--defer", defer, "--settle", "50ms", "--format", "json"]
}
pub const STAGES: [&str; 5] = ["tag_history", "revision", "layer_link", "upload", "blob"];
pub const LIVE: &str = "team/app";
pub const OTHER: &str = "other";

/// Garbage of every stage: moved tags, an index with its children, a subject with its referrer, layer links, uploads,
/// blobs; some of it shared between the repositories and with what is needed.
pub fn registry() -> RegistryBuilder {
    let mut r = RegistryBuilder::new();
    // What is needed.
    let old = r.image(LIVE, "old", &["base", "old layer"]);
    let new = r.image(LIVE, "new", &["base", "new layer"]);
    r.tag(LIVE, "v1", &old.digest).tag(LIVE, "v1", &new.digest);
    let child = r.image(LIVE, "arm", &["base", "arm layer"]);
    let index = r.index(LIVE, &[&new.digest, &child.digest]);
    r.tag(LIVE, "multi", &index);
    r.referrer(LIVE, &new.digest, "application/spdx+json", "sbom of what stays");
    let kept = r.image(OTHER, "kept", &["base", "other layer"]);
    r.tag(OTHER, "latest", &kept.digest);
    // What is not: an index with its children, one of them shared with the image `old`'s layers.
    let first = r.image(LIVE, "first", &["base", "shared by the dead", "first layer"]);
    let second = r.image(LIVE, "second", &["base", "shared by the dead", "second layer"]);
    let inner = r.index(LIVE, &[&second.digest]);
    let dead = r.index(LIVE, &[&first.digest, &inner]);
    r.tag_history(LIVE, "v1", &dead);
    // A subject with its referrer, and the referrer's own.
    let subject = r.docker_image(LIVE, "subject", &["subject layer"]);
    let sbom = r.referrer(LIVE, &subject.digest, "application/spdx+json", "sbom of what goes");
    r.referrer(LIVE, &sbom.digest, "application/vnd.example.signature", "signature of the sbom");
    // Another repository with the same dead layers.
    let gone = r.image(OTHER, "gone", &["shared by the dead", "gone layer"]);
    r.tag_history(OTHER, "latest", &gone.digest);
    r.tag_history(OTHER, "latest", &sha256(b"went long ago"));
    // Layers that were pushed and never named, uploads that were given up, blobs without a link.
    r.layer(LIVE, "never named");
    r.layer(OTHER, "never named");
    r.layer(OTHER, "never named either");
    r.link_layer(OTHER, &sha256(b"a link without data"));
    r.upload(LIVE, "11111111-2222-4333-a444-555555555555", days_ago(30), "partial");
    r.blob("orphan");
    r.blob("another orphan");
    r
}

/// One bucket with one registry, and how regsweep gets there.
pub struct Scene {
    pub bucket: Bucket,
    pub before: Tree,
    pub directory: TempDir,
    /// The plan's lines, before anything went wrong.
    pub plan: Vec<Value>,
    /// The run that the test is about.
    pub arguments: Vec<String>,
}

impl Scene {
    pub fn new() -> Self {
        Self::with(Bucket::s3("reg"), &registry())
    }

    pub fn gcs() -> Self {
        Self::with(Bucket::gcs("reg"), &registry())
    }

    pub fn live() -> Self {
        Self::new().running(&live_run("0s"))
    }

    pub fn live_gcs() -> Self {
        Self::gcs().running(&live_run("0s"))
    }

    /// The same, for another run.
    pub fn running(mut self, arguments: &[&str]) -> Self {
        self.arguments = arguments.iter().map(|&argument| argument.to_owned()).collect();
        self
    }

    /// The same, with more options.
    pub fn and(mut self, arguments: &[&str]) -> Self {
        self.arguments.extend(arguments.iter().map(|&argument| argument.to_owned()));
        self
    }

    pub fn with(bucket: Bucket, registry: &RegistryBuilder) -> Self {
        registry.load_into(&bucket, "");
        let before = bucket.dump("");
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("config.yml"), clients::s3_config(&bucket, "")).unwrap();
        let mut scene = Self { bucket, before, directory, plan: Vec::new(), arguments: Vec::new() }.running(&OFFLINE);
        scene.plan = scene.saved_plan();
        scene.bucket.reset_counts();
        scene
    }

    fn saved_plan(&self) -> Vec<Value> {
        let file = self.directory.path().join("plan.jsonl");
        self.run(&["plan", "--offline", "-m", "-q", "-o", file.to_str().unwrap()]).expect(0);
        assert_eq!(self.bucket.counts().writes(), 0, "a plan writes nothing, not even a lease");
        let text = std::fs::read_to_string(file).unwrap();
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        lines[1..lines.len() - 1].to_vec()
    }

    pub fn config(&self) -> PathBuf {
        self.directory.path().join("config.yml")
    }

    /// A prepared command on this registry.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = tool::command(arguments);
        match self.bucket.dialect() {
            Dialect::S3 => command.arg("-R").arg(self.config()),
            _ => command
                .args(["-R", "gs://reg", "--endpoint-url", &self.bucket.endpoint()])
                .env("CLOUDSDK_AUTH_ACCESS_TOKEN", "laboratory"),
        };
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Ran {
        tool::finish(&mut self.command(arguments))
    }

    /// The run that all of this is about.
    pub fn collect(&self) -> Ran {
        tool::finish(&mut self.collecting())
    }

    /// The same, to be started.
    pub fn collecting(&self) -> Command {
        self.command(&self.arguments.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// The registry, without what regsweep keeps beside it.
    pub fn tree(&self) -> Tree {
        without_own(self.bucket.dump(""))
    }

    /// The keys that regsweep keeps beside the registry.
    pub fn state(&self) -> BTreeSet<String> {
        self.bucket.keys().into_iter().filter(|key| is_own(key)).collect()
    }

    /// Every request that wrote to the registry, or tried to.
    pub fn writes(&self) -> Vec<Call> {
        let writes = |call: &Call| matches!(call.kind, Kind::Put | Kind::Copy | Kind::Delete | Kind::Batch);
        let log = self.bucket.log().into_iter();
        log.filter(|call| writes(call) && call.keys.iter().any(|key| !is_own(key))).collect()
    }

    /// Every lease ends, and what was written a moment ago is old: as if some minutes had gone by.
    pub fn let_time_pass(&self) {
        for (key, entry) in self.bucket.dump("").into_iter().filter(|(key, _)| is_own(key)) {
            let bytes = if key == LEASE { long_ago(&entry.bytes) } else { entry.bytes };
            self.bucket.put_at(&key, bytes, entry.mtime - Duration::from_mins(5));
        }
        assert!(self.state().iter().all(|key| key.starts_with(STATE)));
    }

    /// The keys that the plan had in a stage (and a repository).
    pub fn planned(&self, stage: &str, repository: Option<&str>) -> BTreeSet<String> {
        let of = |line: &&Value| line["stage"] == stage && repository.is_none_or(|name| line["repository"] == name);
        self.plan.iter().filter(of).map(|line| line["key"].as_str().unwrap().to_owned()).collect()
    }

    pub fn all_planned(&self) -> BTreeSet<String> {
        self.plan.iter().map(|line| line["key"].as_str().unwrap().to_owned()).collect()
    }

    pub fn gone(&self) -> BTreeSet<String> {
        removed(&self.before, &self.tree()).into_iter().collect()
    }

    #[track_caller]
    pub fn expect_untouched(&self, context: &str) {
        assert_eq!(self.tree(), self.before, "{context}: something changed");
    }

    /// Nothing that was pulled is lost, nothing goes while a pointer to it stays, nothing outside the plan goes.
    #[track_caller]
    pub fn expect_whole(&self, context: &str) {
        assert_whole(&self.before, &self.tree(), &self.all_planned(), context);
    }

    /// Every planned entry is in exactly one place of the report, and the numbers are those of the bucket.
    #[track_caller]
    pub fn expect_adds_up(&self, ran: &Ran, context: &str) {
        let json = ran.json();
        let number =
            |pointer: &str| json.pointer(pointer).and_then(Value::as_u64).unwrap_or_else(|| panic!("{pointer}"));
        let gone = self.gone();
        let gone_of = |stage: &str| self.planned(stage, None).intersection(&gone).count() as u64;
        let rest = number("/failed") + number("/unknown") + number("/not_attempted") + number("/kept/changed");
        let total = gone.len() as u64 + rest;
        assert_eq!(total, self.plan.len() as u64, "{context}: the report does not add up: {ran:#?}\ngone: {gone:#?}");
        if number("/already_gone") == 0 && number("/unknown") == 0 {
            let deleted: BTreeMap<&str, u64> = [
                ("tag_history", number("/deleted/tag_history")),
                ("revision", number("/deleted/manifests")),
                ("layer_link", number("/deleted/layer_links")),
                ("blob", number("/deleted/blobs/count")),
            ]
            .into();
            for (stage, count) in deleted {
                assert_eq!(count, gone_of(stage), "{context}: {stage}: {ran:#?}");
            }
            let freed: usize = gone.iter().map(|key| self.before[key].bytes.len()).sum();
            assert_eq!(number("/bytes/freed"), freed as u64, "{context}: bytes freed");
            let per_repository: u64 = json["repositories"]
                .as_array()
                .unwrap()
                .iter()
                .map(|row| row["deleted"]["manifests"].as_u64().unwrap())
                .sum();
            assert_eq!(per_repository, number("/deleted/manifests"), "{context}: the repositories' rows");
        }
        assert_eq!(number("/exit_code"), u64::try_from(ran.code).unwrap(), "{context}");
        Self::expect_rows_add_up(ran, context);
    }

    /// The space of all parts is that of the whole.
    #[track_caller]
    pub fn expect_rows_add_up(ran: &Ran, context: &str) {
        let json = ran.json();
        let number =
            |pointer: &str| json.pointer(pointer).and_then(Value::as_u64).unwrap_or_else(|| panic!("{pointer}"));
        let bytes = |name: &str| number(&format!("/bytes/{name}"));
        assert_eq!(bytes("before"), bytes("after") + bytes("freed"), "{context}");
        for part in ["before", "freed", "after", "freeable_later"] {
            let rows = json["repositories"].as_array().unwrap().iter();
            let beside = &json["beside"];
            let parts = rows.map(|row| &row["bytes"]).chain([&beside["shared"], &beside["unlinked"]]);
            let sum: u64 = parts.map(|space| space[part].as_u64().unwrap()).sum();
            let unchanged = if matches!(part, "before" | "after") { number("/beside/unchanged/bytes") } else { 0 };
            assert_eq!(sum + unchanged, bytes(part), "{context}: {part}: the rows do not add up to the whole");
        }
    }

    /// Without faults, the next run does exactly the rest.
    #[track_caller]
    pub fn expect_converges(&self, context: &str) {
        self.bucket.clear_faults();
        self.let_time_pass();
        let ran = self.collect();
        assert_eq!(ran.code, 0, "{context}: the next run: {ran:#?}");
        assert_eq!(self.gone(), self.all_planned(), "{context}: the next run leaves or takes something");
        assert_tags_unharmed(&self.before, &self.tree(), context);
        assert_eq!(self.state(), BTreeSet::new(), "{context}: something is left beside the registry");
    }

    /// Everything that must hold after a run that met a fault.
    #[track_caller]
    pub fn expect_contained(&self, ran: &Ran, code: i32, context: &str) {
        assert_eq!(ran.code, code, "{context}: {ran:#?}");
        self.expect_whole(context);
        self.expect_adds_up(ran, context);
        self.expect_converges(context);
    }

    /// Back to the start.
    pub fn restore(&self) {
        self.bucket.clear_faults();
        self.bucket.remove_where(|key| !self.before.contains_key(key));
        self.bucket.load("", &self.before);
        self.bucket.reset_counts();
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
