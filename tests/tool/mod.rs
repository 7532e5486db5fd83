//! Runs the built `regsweep` as a user would.

#![allow(dead_code, reason = "each test program uses a part")]

pub mod plan;
pub mod terminal;

use serde_json::Value;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::process::{Command, Stdio};

/// What a run left behind.
#[derive(Debug)]
pub struct Ran {
    /// The exit code.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Ran {
    /// The JSON report.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("no JSON ({error}): {self:#?}"))
    }

    /// A number in the JSON report, by its pointer (`/planned/blobs/count`).
    pub fn count(&self, pointer: &str) -> u64 {
        self.json().pointer(pointer).and_then(Value::as_u64).unwrap_or_else(|| panic!("no {pointer}: {self:#?}"))
    }

    /// The codes of the problems that were found.
    pub fn problems(&self) -> BTreeSet<String> {
        let json = self.json();
        let counts = json["problem_counts"].as_object().cloned().unwrap_or_default();
        counts.into_iter().map(|(code, _)| code).collect()
    }

    /// The codes of the refusals.
    pub fn refusals(&self) -> Vec<String> {
        let json = self.json();
        let refusals = json["refusals"].as_array().cloned().unwrap_or_default();
        refusals.iter().map(|refusal| refusal["code"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// Fails unless the run ended with `code`.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:#?}");
        self
    }
}

/// A command that knows nothing of this machine's registries, clouds and proxies.
pub fn command<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_regsweep"));
    command.args(arguments).stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        let foreign = ["REGSWEEP_", "REGISTRY_", "AWS_", "AZURE_", "GOOGLE_", "CLOUDSDK_", "STORAGE_EMULATOR"];
        if foreign.iter().any(|prefix| name.starts_with(prefix)) || name.to_ascii_lowercase().ends_with("_proxy") {
            command.env_remove(name);
        }
    }
    command.env("AWS_EC2_METADATA_DISABLED", "true").env("NO_PROXY", "127.0.0.1").env("NO_COLOR", "1");
    command
}

/// Runs regsweep with these arguments.
pub fn regsweep<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Ran {
    finish(&mut command(arguments))
}

/// Runs regsweep with these arguments and variables.
pub fn regsweep_with<S: AsRef<OsStr>>(
    arguments: impl IntoIterator<Item = S>,
    variables: impl IntoIterator<Item = (String, String)>,
) -> Ran {
    finish(command(arguments).envs(variables))
}

/// Runs a prepared command.
pub fn finish(command: &mut Command) -> Ran {
    let output = command.output().expect("regsweep can be started");
    Ran {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
