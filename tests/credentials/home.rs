//! A person's home with the files that cloud tools read, and runs whose every word is searched for secrets.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use tempfile::TempDir;

use crate::lab::bucket::Bucket;
use crate::lab::registry::RegistryBuilder;
use crate::tool::{Ran, regsweep_with};

/// Every secret of these tests has this in it.
pub const SECRET: &str = "must-not-show";

/// A registry with something to collect and something to keep.
pub fn registry() -> RegistryBuilder {
    let mut registry = RegistryBuilder::new();
    for build in 0..6 {
        let image = registry.image("app", &format!("build {build}"), &["base", &format!("layer {build}")]);
        registry.tag("app", "latest", &image.digest);
    }
    registry.blob("orphan");
    registry
}

/// A home directory and the variables that lead to it.
pub struct Home {
    directory: TempDir,
    variables: BTreeMap<String, String>,
}

impl Home {
    pub fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name).display().to_string();
        let variables = [
            ("HOME", at("")),
            ("AWS_CONFIG_FILE", at("aws-config")),
            ("AWS_SHARED_CREDENTIALS_FILE", at("aws-credentials")),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
            ("CLOUDSDK_CONFIG", at("gcloud")),
            ("GCE_METADATA_HOST", "127.0.0.1:1".to_owned()),
            // Whatever a library says at its loudest, no secret may be in it.
            ("REGSWEEP_LOG", "trace".to_owned()),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value)).into();
        Self { directory, variables }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn set(&mut self, name: &str, value: impl std::fmt::Display) -> &mut Self {
        self.variables.insert(name.to_owned(), value.to_string());
        self
    }

    pub fn write(&self, name: &str, text: &str) -> String {
        std::fs::write(self.path(name), text).unwrap();
        self.path(name).display().to_string()
    }

    /// Writes a program for `credential_process` that notes each call, then runs `script`; its path.
    pub fn process(&self, name: &str, script: &str) -> String {
        let marker = self.path(&format!("{name}.calls")).display().to_string();
        let path = self.write(name, &format!("#!/bin/sh\necho called >> '{marker}'\n{script}\n"));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    /// How often that program was called.
    pub fn calls(&self, name: &str) -> usize {
        std::fs::read_to_string(self.path(&format!("{name}.calls"))).map_or(0, |text| text.lines().count())
    }

    /// Runs regsweep. Fails where a secret is in anything it says.
    #[track_caller]
    pub fn run(&self, arguments: &[&str]) -> Ran {
        let ran = regsweep_with(arguments, self.variables.clone());
        Self::expect_no_secret(&ran.stdout, "standard output");
        Self::expect_no_secret(&ran.stderr, "standard error");
        ran
    }

    #[track_caller]
    fn expect_no_secret(said: &str, place: &str) {
        let line = said.lines().find(|line| line.contains(SECRET));
        assert_eq!(line, None, "a secret on {place}");
    }

    /// Plans, looks, and collects what `arguments` name; the last run must succeed and delete.
    #[track_caller]
    pub fn collects(&self, arguments: &[&str]) -> Ran {
        let file = self.path("plan.jsonl").display().to_string();
        let plan = ["plan", "--offline", "-m", "-q", "-o", &file];
        self.run(&[&plan[..], arguments].concat()).expect(0);
        Self::expect_no_secret(&std::fs::read_to_string(&file).unwrap(), "the plan");
        let look = ["gc", "--offline", "-m", "--dry-run", "-v"];
        let looked = self.run(&[&look[..], arguments].concat()).expect(0);
        assert!(looked.stderr.contains("TRACE"), "the log is as loud as it can be: {}", looked.stderr);
        let collect = ["gc", "--offline", "-m", "--format", "json"];
        let ran = self.run(&[&collect[..], arguments].concat()).expect(0);
        assert!(ran.count("/deleted/blobs/count") > 0, "{}", ran.stdout);
        ran
    }

    /// A run that must fail, in JSON as in text: what it says in text, without what the log says.
    #[track_caller]
    pub fn fails(&self, codes: &[i32], arguments: &[&str]) -> String {
        self.run(&[&["gc", "--offline", "--dry-run", "--format", "json"], arguments].concat());
        let mut quiet = self.variables.clone();
        quiet.remove("REGSWEEP_LOG");
        let look = [&["gc", "--offline", "--dry-run"], arguments].concat();
        self.run(&look);
        let ran = regsweep_with(look, quiet);
        Self::expect_no_secret(&ran.stderr, "standard error");
        assert!(codes.contains(&ran.code), "{ran:#?}");
        ran.stderr
    }
}

/// What leads to a bucket by its URL.
pub fn arguments(bucket: &Bucket) -> Vec<String> {
    let scheme = if bucket.dialect() == crate::lab::bucket::Dialect::Gcs { "gs" } else { "s3" };
    let mut all = vec![format!("{scheme}://{}", bucket.name()), "--endpoint-url".to_owned(), bucket.endpoint()];
    if scheme == "s3" {
        all.extend(["--region".to_owned(), "us-east-1".to_owned()]);
    }
    all
}

/// The different signers of all requests to a bucket: on S3 the key ids, elsewhere the whole header.
pub fn signers(bucket: &Bucket) -> Vec<String> {
    let mut all: Vec<String> = bucket.log().iter().map(|call| signer(&call.authorization)).collect();
    all.sort();
    all.dedup();
    all
}

/// The key id in an `Authorization` header of AWS.
pub fn signer(authorization: &str) -> String {
    let key = authorization.split_once("Credential=").and_then(|(_, rest)| rest.split('/').next());
    key.unwrap_or(authorization).to_owned()
}
