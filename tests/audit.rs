//! `regsweep audit`: every figure is what an independent count gives, to the byte, and nothing is changed by asking.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, unreachable_pub, reason = "tests")]

mod lab;
mod real;
mod tool;

#[path = "audit/classes.rs"]
mod classes;
#[path = "audit/clients.rs"]
mod clients;
#[path = "audit/clouds.rs"]
mod clouds;
#[path = "audit/compared.rs"]
mod compared;
#[path = "audit/freed.rs"]
mod freed;
#[path = "audit/html.rs"]
mod html;
#[path = "audit/listings.rs"]
mod listings;
#[path = "audit/money.rs"]
mod money;
#[path = "audit/outlets.rs"]
mod outlets;
#[path = "audit/output.rs"]
mod output;
#[path = "audit/servers.rs"]
mod servers;
#[path = "audit/shares.rs"]
mod shares;
#[path = "audit/whole.rs"]
mod whole;

use serde_json::Value;
use std::collections::BTreeMap;
use tempfile::TempDir;

use lab::registry::RegistryBuilder;
use lab::tree::{Tree, read_dir};
use tool::{Ran, regsweep};

fn on_disk(registry: &RegistryBuilder) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    registry.write_to(directory.path());
    directory
}

/// Audits a registry in a directory. Whatever is asked, nothing is changed.
fn run(directory: &TempDir, line: &[&str]) -> Ran {
    let before = read_dir(directory.path());
    let path = directory.path().display().to_string();
    let ran = regsweep(["audit", &path].iter().chain(line));
    assert_eq!(read_dir(directory.path()), before, "an audit changes nothing");
    ran
}

fn audit(registry: &RegistryBuilder, line: &[&str]) -> Value {
    run(&on_disk(registry), &[line, &["--format", "json"]].concat()).expect(0).json()
}

/// Objects and their bytes, counted here.
fn count(tree: &Tree) -> (u64, u64) {
    (tree.len() as u64, tree.values().map(|entry| entry.bytes.len() as u64).sum())
}

fn number(report: &Value, pointer: &str) -> u64 {
    report.pointer(pointer).and_then(Value::as_u64).unwrap_or_else(|| panic!("no {pointer}: {report:#}"))
}

/// The classes that there is anything of: objects and bytes.
fn classes(report: &Value) -> BTreeMap<String, (u64, u64)> {
    let classes = report["classes"].as_object().unwrap();
    let tally = |tally: &Value| (tally["count"].as_u64().unwrap(), tally["bytes"].as_u64().unwrap());
    classes.iter().map(|(name, value)| (name.clone(), tally(value))).filter(|(_, (count, _))| *count > 0).collect()
}

/// The row of a repository or group.
#[track_caller]
fn row(report: &Value, table: &str, name: &str) -> Value {
    let rows = report[table].as_array().unwrap_or_else(|| panic!("no {table}: {report:#}"));
    rows.iter().find(|row| row["name"] == name).cloned().unwrap_or_else(|| panic!("no {name}: {report:#}"))
}
