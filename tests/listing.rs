//! `regsweep ls`: what it shows is what the registry serves, it reads no more than it must, and it changes nothing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, unreachable_pub, reason = "tests")]

mod lab;
mod real;
mod tool;

#[path = "listing/clients.rs"]
mod clients;
#[path = "listing/damage.rs"]
mod damage;
#[path = "listing/facts.rs"]
mod facts;
#[path = "listing/output.rs"]
mod output;
#[path = "listing/requests.rs"]
mod requests;

use serde_json::Value;
use tempfile::TempDir;

use lab::registry::RegistryBuilder;
use lab::tree::read_dir;
use tool::{Ran, regsweep};

/// Lists a registry in a directory, as JSON. Whatever is asked, nothing is changed.
fn ls(registry: &RegistryBuilder, line: &[&str]) -> Ran {
    let directory = on_disk(registry);
    let before = read_dir(directory.path());
    let path = directory.path().display().to_string();
    let ran = regsweep(["ls", "-R", &path].iter().chain(line));
    assert_eq!(read_dir(directory.path()), before, "a listing changes nothing");
    ran
}

fn json(registry: &RegistryBuilder, line: &[&str]) -> Value {
    ls(registry, &[line, &["--format", "json"]].concat()).expect(0).json()
}

fn on_disk(registry: &RegistryBuilder) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    registry.write_to(directory.path());
    directory
}

/// The rows of a table of the report.
fn rows(report: &Value, table: &str) -> Vec<Value> {
    report[table].as_array().unwrap_or_else(|| panic!("no {table}: {report:#}")).clone()
}

/// The one row whose field has this value.
#[track_caller]
fn row(report: &Value, table: &str, field: &str, value: &str) -> Value {
    let found: Vec<Value> = rows(report, table).into_iter().filter(|row| row[field] == value).collect();
    assert_eq!(found.len(), 1, "{field} {value}: {report:#}");
    found[0].clone()
}
