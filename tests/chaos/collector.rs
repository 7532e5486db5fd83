//! The collector that runs beside the registry, in a loop.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::Value;
use tokio::sync::watch;

use crate::real::registry_garbage_collect;
use crate::tool;

/// How many complaints of a collector are told.
const TOLD: usize = 5;

/// Who collects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Nobody: nothing may break.
    None,
    /// `docker-registry garbage-collect -m`: it breaks images.
    Registry,
    /// `regsweep gc -m` with these arguments.
    Regsweep(Vec<String>),
}

/// A collector and its registry.
#[derive(Debug, Clone)]
pub struct Collector {
    /// Who collects.
    pub kind: Kind,
    /// The registry's `config.yml`.
    pub config: PathBuf,
    /// How long it rests between two runs.
    pub pause: Duration,
}

/// All runs of a collector.
#[derive(Debug, Clone, Default)]
pub struct Runs {
    /// How many runs ended.
    pub count: usize,
    /// Blobs, links and all else that was deleted.
    pub deleted: u64,
    /// Pointers that regsweep wrote back, because what a push needs had lost them.
    pub mended: u64,
    /// Content that it put back for the same reason.
    pub put_back: u64,
    /// How often each exit code came.
    pub exits: BTreeMap<i32, usize>,
    /// The exit code of the last run.
    pub last: Option<i32>,
    /// What runs said that did not end with 0, the first of it.
    pub complaints: Vec<String>,
    /// The longest run.
    pub longest: Duration,
}

impl Runs {
    fn add(&mut self, code: i32, deleted: u64, said: &str, took: Duration) {
        self.count += 1;
        self.deleted += deleted;
        *self.exits.entry(code).or_default() += 1;
        self.last = Some(code);
        self.longest = self.longest.max(took);
        if code != 0 && self.complaints.len() < TOLD {
            self.complaints.push(format!("exit {code}: {}", said.trim()));
        }
    }
}

impl Collector {
    /// One run, to its end.
    pub fn run(&self, runs: &mut Runs) -> Result<()> {
        let begun = Instant::now();
        match &self.kind {
            Kind::None => (),
            Kind::Registry => {
                let ran = registry_garbage_collect(&self.config, true, false)?;
                let deleted = ran.eligible_blobs.len() + ran.eligible_manifests.len();
                runs.add(ran.exit.unwrap_or(-1), deleted as u64, &ran.stderr, begun.elapsed());
            }
            Kind::Regsweep(arguments) => {
                let config = self.config.display().to_string();
                let fixed = ["gc", "-m", "--yes", "--max-delete-percent", "100", "--format", "json", &config];
                let arguments = fixed.into_iter().chain(arguments.iter().map(String::as_str));
                let ran = tool::regsweep(arguments);
                let report: Value = serde_json::from_str(&ran.stdout).unwrap_or_default();
                let kinds = report["deleted"].as_object().into_iter().flatten();
                let deleted = kinds.filter_map(|(_, kind)| kind.as_u64().or_else(|| kind["count"].as_u64())).sum();
                runs.mended += report["mended"].as_u64().unwrap_or(0);
                runs.put_back += report["put_back"].as_u64().unwrap_or(0);
                let told = ["failed", "unknown", "not_attempted", "stopped", "failures", "broken", "problem_counts"];
                let told = told.map(|field| format!("{field}: {}", report[field])).join(", ");
                runs.add(ran.code, deleted, &format!("{}{told}", ran.stderr), begun.elapsed());
            }
        }
        Ok(())
    }

    /// Runs again and again until `stop`, but to the end of the run, and tells how many runs have ended.
    pub fn run_in_a_loop(&self, stop: &Arc<AtomicBool>, ended: &watch::Sender<usize>) -> Result<Runs> {
        let mut runs = Runs::default();
        while self.kind != Kind::None && !stop.load(Ordering::SeqCst) {
            self.run(&mut runs)?;
            ended.send_replace(runs.count);
            sleep(self.pause);
        }
        Ok(runs)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("no collector"),
            Self::Registry => f.write_str("garbage-collect -m"),
            Self::Regsweep(arguments) => write!(f, "regsweep gc -m {}", arguments.join(" ")),
        }
    }
}
