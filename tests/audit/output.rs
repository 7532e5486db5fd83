//! What is printed.

use std::time::{Duration, UNIX_EPOCH};

use super::lab::registry::{RegistryBuilder, sha256};
use super::{on_disk, run};

const UUID: &str = "0f8fad5b-d9cb-469f-a165-70867728950e";

/// A registry with something of everything.
fn registry() -> RegistryBuilder {
    let mut r = RegistryBuilder::new();
    r.at(UNIX_EPOCH + Duration::from_hours(24 * 20_300));
    let bases = ["debian ".repeat(4000), "alpine ".repeat(900)];
    for (number, repo) in ["team-a/web", "team-a/api", "team-b/etl"].into_iter().enumerate() {
        let own = format!("{repo} ").repeat(700 * (number + 1));
        let image = r.image(repo, repo, &[&bases[number % 2], &own]);
        r.tag(repo, "v1", &image.digest);
        let old = r.image(repo, &format!("{repo} of old"), &[&bases[0], &format!("old {own}")]);
        if number == 1 {
            r.tag(repo, "old", &old.digest);
        }
    }
    r.at(UNIX_EPOCH + Duration::from_hours(24 * 20_360));
    r.layer("team-a/web", "garbage ".repeat(500));
    r.blob("nobody's ".repeat(100));
    r.link_layer("team-b/etl", &sha256(b"gone"));
    let began = r.time();
    r.upload("team-b/etl", UUID, began, "half of a layer ".repeat(40));
    r.raw("docker/notes.txt", "not the registry's");
    r
}

fn shown(registry: &RegistryBuilder, line: &[&str]) -> String {
    let ran = run(&on_disk(registry), line);
    let text = format!("{}--- stderr\n{}--- exit code {}", ran.stdout, ran.stderr, ran.code);
    let path = text.lines().next().and_then(|line| line.split(' ').next()).unwrap_or_default().to_owned();
    text.replace(&path, "/registry")
}

#[test]
fn an_audit_looks_so() {
    insta::assert_snapshot!(shown(&registry(), &["--group", "re:^(?<team>[^/]+)/"]));
}

#[test]
fn a_part_of_an_audit_looks_so() {
    insta::assert_snapshot!(shown(&registry(), &["--repository", "team-b/*"]));
}

#[test]
fn a_what_if_looks_so() {
    let home = tempfile::tempdir().unwrap();
    let policy = home.path().join("policy.yml").display().to_string();
    let rules =
        "rules:\n  - repositories: [\"team-a/**\"]\n    delete: {tags: [\"old\"]}\n    untagged: {older_than: 10d}\n";
    std::fs::write(&policy, rules).unwrap();
    insta::assert_snapshot!(shown(&registry(), &["--policy", &policy]));
}

#[test]
fn an_empty_root_has_nothing() {
    let mut r = RegistryBuilder::new();
    r.raw("docker/registry/v2/blobs/x", "");
    let text = shown(&r, &[]);
    assert!(text.contains("0 B in 1 object\n"), "{text}");
}

/// Names may be as long as the registry lets them be, and there may be many.
#[test]
fn every_line_fits_a_terminal() {
    let mut r = RegistryBuilder::new();
    for number in 0..40 {
        let repo = format!("{}/{}-{number}", "a-long-name-of-a-team".repeat(4), "and-of-its-program".repeat(5));
        let image = r.image(&repo, &repo, &["base", &repo.repeat(100)]);
        r.tag(&repo, "v1", &image.digest);
    }
    let home = tempfile::tempdir().unwrap();
    let policy = home.path().join("policy.yml").display().to_string();
    std::fs::write(&policy, "rules: [{repositories: [\"**\"], delete: {tags: [\"*\"]}}]\n").unwrap();
    let text = shown(&r, &["--group", "re:^([^/]+)", "--policy", &policy]) + &shown(&r, &["--group", "re:^([^/]+)"]);
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    assert!(text.contains("and 25 more (--csv FILE and --json FILE have them all)"), "{text}");
}
