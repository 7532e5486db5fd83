//! What fuzzing has found to be different, replayed: every file in `testdata/fuzz`, through the functions that
//! `scripts/fuzz` hands to libFuzzer. A finding is added there as a file, `found-...`, and so never comes back.

#![allow(clippy::unwrap_used, clippy::panic, clippy::missing_panics_doc, reason = "a test fails by panicking")]
#![allow(clippy::format_collect, clippy::format_push_string, unreachable_pub, reason = "tests")]

#[path = "fuzz/src/lib.rs"]
mod fuzz;

use fuzz::TARGETS;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// So many bytes are all of it together, at most: it comes with every clone.
const LARGEST: u64 = 400_000;

fn in_repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn files(path: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// The directories of a corpus, one for each target.
fn directories() -> Vec<PathBuf> {
    files(&in_repository("testdata/fuzz")).into_iter().filter(|path| path.is_dir()).collect()
}

fn names(paths: &[PathBuf]) -> BTreeSet<String> {
    paths.iter().map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

fn replay(target: &str) {
    let (_, check) = TARGETS.iter().find(|(name, _)| *name == target).unwrap();
    let corpus = files(&in_repository("testdata/fuzz").join(target));
    assert!(!corpus.is_empty(), "there is no corpus for {target}");
    for path in corpus {
        let bytes = fs::read(&path).unwrap();
        assert!(std::panic::catch_unwind(|| check(&bytes)).is_ok(), "{}", path.display());
    }
}

macro_rules! replayed {
    ($($target:ident)*) => {
        $(
            #[test]
            fn $target() {
                replay(stringify!($target));
            }
        )*
        const REPLAYED: &[&str] = &[$(stringify!($target)),*];
    };
}

replayed! {
    configuration
    delete_answers
    descriptor_cache
    inventory
    journals
    keep_from
    keys
    links
    listings
    manifest_cache
    manifests
    operands
    pages
    patterns
    plans
    policies
    store_answers
    versions
}

#[test]
fn every_target_is_fuzzed_and_replayed() {
    let all: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(REPLAYED.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>(), all);
    assert_eq!(names(&files(&in_repository("tests/fuzz/targets"))), all);
    assert_eq!(names(&directories()), all);
    let manifest = fs::read_to_string(in_repository("tests/fuzz/Cargo.toml")).unwrap();
    for name in &all {
        assert!(manifest.contains(&format!("name = \"{name}\"\npath = \"targets/{name}.rs\"")), "{name}");
        let target = fs::read_to_string(in_repository("tests/fuzz/targets").join(format!("{name}.rs"))).unwrap();
        assert!(target.contains(&format!("regsweep_fuzz::{name}::check(data)")), "{name}");
    }
}

#[test]
fn corpus_stays_small() {
    let sizes = directories().into_iter().flat_map(|path| files(&path)).map(|path| path.metadata().unwrap().len());
    let size: u64 = sizes.sum();
    assert!(size <= LARGEST, "{size} bytes: minimise it (scripts/fuzz --minimise --runs 0)");
}
