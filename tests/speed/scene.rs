//! A registry in a bucket, and what a run on it says.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::lab::bucket::{Bucket, Counts, Dialect};
use crate::lab::clients::{AZURE_ACCOUNT, AZURE_KEY, s3_config, s3_environment};
use crate::lab::pull::revisions;
use crate::lab::registry::RegistryBuilder;
use crate::tool::{self, Ran};

pub struct Scene {
    pub bucket: Bucket,
    home: TempDir,
    /// How many manifests there are, each counted once.
    pub manifests: u64,
}

/// Images with shared layers in a few repositories, some of them with the same manifests; a part of them untagged.
pub fn images(number: usize) -> RegistryBuilder {
    let mut registry = RegistryBuilder::new();
    for build in 0..number {
        let repository = ["app", "app/api", "base", "team/web"][build % 4];
        let image = registry.image(repository, &format!("config {build}"), &["base", &format!("layer {build}")]);
        if build % 3 > 0 {
            registry.tag(repository, &format!("v{build}"), &image.digest);
        }
        if build % 5 == 0 {
            registry.image("mirror", &format!("config {build}"), &["base", &format!("layer {build}")]);
        }
        registry.layer(repository, format!("orphan {build}"));
    }
    registry
}

impl Scene {
    pub fn new(registry: &RegistryBuilder) -> Self {
        Self::with(Bucket::s3("registry"), registry)
    }

    pub fn with(bucket: Bucket, registry: &RegistryBuilder) -> Self {
        registry.load_into(&bucket, "");
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("config.yml"), s3_config(&bucket, "")).unwrap();
        let manifests: BTreeSet<String> = revisions(registry.tree()).into_iter().map(|(_, digest)| digest).collect();
        Self { bucket, home, manifests: manifests.len() as u64 }
    }

    pub fn command(&self, more: &[&str]) -> Command {
        let config = self.home.path().join("config.yml").display().to_string();
        let mut command = tool::command(["gc", "--offline", "-m", "--format", "json"].iter().chain(more));
        match self.bucket.dialect() {
            Dialect::S3 => command.args(["-R", &config]).envs(s3_environment()),
            Dialect::Gcs => command
                .args(["-R", "gs://registry", "--endpoint-url", &self.bucket.endpoint()])
                .env("CLOUDSDK_AUTH_ACCESS_TOKEN", "laboratory"),
            Dialect::Azure => command
                .args(["-R", "az://registry"])
                .env("AZURE_STORAGE_ACCOUNT", AZURE_ACCOUNT)
                .env("AZURE_STORAGE_KEY", AZURE_KEY)
                .env("AZURE_STORAGE_ENDPOINT", self.bucket.endpoint()),
        };
        command
    }

    pub fn run(&self, more: &[&str]) -> (Ran, Counts) {
        self.bucket.reset_counts();
        let ran = tool::finish(&mut self.command(more));
        (ran, self.bucket.counts())
    }
}

/// What a report says of the registry and of what goes, without what differs from run to run.
pub fn said(ran: &Ran) -> Value {
    let mut report = ran.json();
    let object = report.as_object_mut().unwrap();
    for volatile in ["run", "started", "finished", "seconds", "requests", "peak_memory_bytes"] {
        object.remove(volatile);
    }
    report
}
