//! What an audit says that could be freed, against what is free once it was done: the tree is counted before and after.

use super::lab::random::{Prng, damage, random_registry};
use super::lab::registry::RegistryBuilder;
use super::lab::tree::read_dir;
use super::{audit, count, number, on_disk, regsweep};

/// Objects and bytes that a command has removed for good.
fn freed_by(registry: &RegistryBuilder, line: &[&str]) -> (u64, u64) {
    let directory = on_disk(registry);
    let path = directory.path().display().to_string();
    let deciding = ["--offline", "--no-state", "--yes", "--min-age", "24h", "-R", &path];
    regsweep(line.iter().chain(&deciding)).expect(0);
    let ((objects, bytes), after) = (count(registry.tree()), count(&read_dir(directory.path())));
    (objects - after.0, bytes - after.1)
}

#[track_caller]
fn assert_freed(registry: &RegistryBuilder, context: &str) {
    let home = tempfile::tempdir().unwrap();
    let policy = home.path().join("policy.yml").display().to_string();
    let rules = "rules:\n  - repositories: [\"**\"]\n    delete: {tags: [\"v*\"]}\n    untagged: {older_than: 10d}\n";
    std::fs::write(&policy, rules).unwrap();
    let report = audit(registry, &["--policy", &policy]);
    for (kind, line) in [
        ("collection", &["gc"][..]),
        ("collection_untagged", &["gc", "-m"]),
        ("policy", &["prune", "--policy", &policy]),
    ] {
        let said = |field: &str| number(&report, &format!("/after/{kind}/freed/{field}"));
        // A share that is too large for a small registry is no concern here.
        let line = [line, &["--max-delete-percent", "100", "--allow", "tags-elsewhere"]].concat();
        assert_eq!((said("count"), said("bytes")), freed_by(registry, &line), "{context}: {kind}");
    }
}

#[test]
fn what_is_said_is_what_is_freed() {
    for seed in 200..206 {
        assert_freed(&random_registry(seed), &format!("seed {seed}"));
    }
}

#[test]
fn what_is_said_of_damaged_registries_is_what_is_freed() {
    for seed in 300..306 {
        let mut registry = random_registry(seed);
        damage(&mut registry, seed);
        let number = Prng::new(seed).next() % 100;
        registry.blob(format!("orphan {number}"));
        assert_freed(&registry, &format!("seed {seed}"));
    }
}
