//! A registry with garbage in every stage, in a simulated bucket, and what must hold after any run on it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use super::lab::bucket::{Bucket, Dialect};
use super::lab::clients;
use super::lab::pull::{assert_tags_unharmed, pull_all_revisions, tags};
use super::lab::registry::{ROOT, RegistryBuilder, blob_key, sha256};
use super::lab::tree::{Tree, days_ago, removed};
use super::tool::{self, Ran};

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
}

impl Scene {
    pub fn new() -> Self {
        Self::with(Bucket::s3("reg"), &registry())
    }

    pub fn gcs() -> Self {
        Self::with(Bucket::gcs("reg"), &registry())
    }

    pub fn with(bucket: Bucket, registry: &RegistryBuilder) -> Self {
        registry.load_into(&bucket, "");
        let before = bucket.dump("");
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("config.yml"), clients::s3_config(&bucket, "")).unwrap();
        let mut scene = Self { bucket, before, directory, plan: Vec::new() };
        scene.plan = scene.saved_plan();
        scene.bucket.reset_counts();
        scene
    }

    fn saved_plan(&self) -> Vec<Value> {
        let file = self.directory.path().join("plan.jsonl");
        self.run(&["plan", "--offline", "-m", "-q", "-o", file.to_str().unwrap()]).expect(0);
        assert_eq!(self.bucket.counts().writes(), 0, "a plan writes nothing");
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
        self.run(&["gc", "--offline", "-m", "--format", "json"])
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
        removed(&self.before, &self.bucket.dump("")).into_iter().collect()
    }

    #[track_caller]
    pub fn expect_untouched(&self, context: &str) {
        assert_eq!(self.bucket.dump(""), self.before, "{context}: something changed");
    }

    /// Nothing that was pulled is lost, nothing goes while a pointer to it stays, nothing outside the plan goes.
    #[track_caller]
    pub fn expect_whole(&self, context: &str) {
        let after = self.bucket.dump("");
        assert_tags_unharmed(&self.before, &after, context);
        let unplanned: Vec<_> = self.gone().difference(&self.all_planned()).cloned().collect();
        assert!(unplanned.is_empty(), "{context}: not in the plan, but gone: {unplanned:#?}");
        // Every revision that is still there pulls what it did: its children, its config, its layers stayed with it.
        let revisions = pull_all_revisions(&self.before);
        for (revision, pulled) in pull_all_revisions(&after) {
            assert_eq!(pulled, revisions[&revision], "{context}: {revision:?} stayed and lost something");
        }
        for (key, entry) in &after {
            let text = std::str::from_utf8(&entry.bytes).unwrap_or_default();
            let is_link = key.starts_with(&format!("{ROOT}/repositories/")) && key.ends_with("/link");
            if is_link && text.starts_with("sha256:") {
                let data = blob_key(text);
                let lost = self.before.contains_key(&data) && !after.contains_key(&data);
                assert!(!lost, "{context}: {key} stayed, its data went");
                self.expect_revision_of(key, text, &after, context);
            }
        }
        // Referrers go after what they refer to.
        for ((repo, digest), _) in revisions {
            let key = super::lab::registry::revision_key(&repo, &digest);
            if after.contains_key(&key) {
                for referrer in super::lab::pull::referrers(&self.before, &repo, &digest) {
                    let link = super::lab::registry::revision_key(&repo, &referrer);
                    assert!(after.contains_key(&link), "{context}: {key} stayed, its referrer {referrer} went");
                }
            }
        }
    }

    /// An entry in a tag's history that stays keeps the revision that it names.
    #[track_caller]
    fn expect_revision_of(&self, key: &str, digest: &str, after: &Tree, context: &str) {
        let Some((repository, _)) = key.split_once("/_manifests/tags/") else { return };
        let repository = repository.strip_prefix(&format!("{ROOT}/repositories/")).unwrap();
        let link = super::lab::registry::revision_key(repository, digest);
        let lost = self.before.contains_key(&link) && !after.contains_key(&link);
        assert!(!lost, "{context}: {key} stayed, its revision went");
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
        let bytes = |name: &str| number(&format!("/bytes/{name}"));
        assert_eq!(bytes("before"), bytes("after") + bytes("freed"), "{context}");
    }

    /// Without faults, the next run does exactly the rest.
    #[track_caller]
    pub fn expect_converges(&self, context: &str) {
        self.bucket.clear_faults();
        let ran = self.collect();
        assert_eq!(ran.code, 0, "{context}: the next run: {ran:#?}");
        assert_eq!(self.gone(), self.all_planned(), "{context}: the next run leaves or takes something");
        assert_tags_unharmed(&self.before, &self.bucket.dump(""), context);
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

#[test]
fn the_scene_has_garbage_in_every_stage_and_a_run_takes_just_that() {
    for scene in [Scene::new(), Scene::gcs()] {
        for stage in STAGES {
            assert!(scene.planned(stage, None).len() >= 2, "{stage}: {:#?}", scene.plan);
        }
        assert_eq!(tags(&scene.before).len(), 3);
        // Written by hand, not taken from the plan: these must go, and those must stay.
        let (gone, kept) =
            (["orphan", "never named", "gone layer", "old layer"], ["base", "arm layer", "sbom of what stays"]);
        let ran = scene.collect();
        scene.expect_contained(&ran, 0, "no fault");
        assert!(gone.iter().all(|text| !scene.bucket.contains(&blob_key(&sha256(text.as_bytes())))));
        assert!(kept.iter().all(|text| scene.bucket.contains(&blob_key(&sha256(text.as_bytes())))));
        let again = scene.collect().expect(0);
        assert_eq!(again.json()["planned"]["blobs"]["count"], 0);
        assert_eq!(
            again.count("/found/blobs/count"),
            scene.bucket.keys().iter().filter(|key| key.ends_with("/data")).count() as u64
        );
    }
}

#[test]
fn an_emulator_of_gcs_is_asked_for_no_token() {
    let scene = Scene::gcs();
    let mut command = tool::command(["gc", "--offline", "-m", "--format", "json", "gs://reg"]);
    // Where a token would be asked for: nobody is there.
    command
        .env("GCE_METADATA_HOST", "127.0.0.1:1")
        .env("GCE_METADATA_ROOT", "127.0.0.1:1")
        .env("GCE_METADATA_IP", "127.0.0.1:1");
    let ran = tool::finish(command.env("STORAGE_EMULATOR_HOST", scene.bucket.endpoint()));
    scene.expect_contained(&ran, 0, "emulator");
}
