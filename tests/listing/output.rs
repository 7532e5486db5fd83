//! What is printed, where.

use std::time::{Duration, UNIX_EPOCH};

use serde_json::json;

use super::lab::manifests::media_type as mt;
use super::lab::registry::RegistryBuilder;
use super::{ls, on_disk};
use crate::tool::regsweep;

/// Two repositories: an image of two platforms with a signature and an SBOM, one that was replaced, a chart, a broken tag.
fn registry() -> RegistryBuilder {
    let mut r = RegistryBuilder::new();
    r.at(UNIX_EPOCH + Duration::from_hours(24 * 20_500));
    let mut image = |repo: &str, architecture: &str, layers: &[&str]| {
        let config =
            json!({"os": "linux", "architecture": architecture, "created": "2026-02-01T10:20:30Z"}).to_string();
        r.image_as(repo, [mt::OCI_MANIFEST, mt::OCI_CONFIG, mt::OCI_LAYER], &config, layers, &json!({}))
    };
    let (amd, arm) = (image("team/app", "amd64", &["base", "amd"]), image("team/app", "arm64", &["base", "arm"]));
    let old = image("team/app", "amd64", &["base", "old"]);
    let tool = image("tool", "amd64", &["base"]);
    let index = r.index("team/app", &[&amd.digest, &arm.digest]);
    r.tag("team/app", "1.0", &old.digest).tag("team/app", "1.0", &index).tag("team/app", "latest", &index);
    r.referrer("team/app", &index, "application/spdx+json", "sbom");
    r.cosign_signature("team/app", &amd.digest);
    r.at(UNIX_EPOCH + Duration::from_hours(24 * 20_501 + 9));
    r.tag("tool", "v1", &tool.digest).tag("tool", "v2", &tool.digest).delete_manifest("tool", &tool.digest);
    r.helm_chart("tool", "0.1.0");
    r.blob("orphan");
    r
}

/// The same text for everybody: without this machine's paths.
fn shown(line: &[&str]) -> String {
    let ran = ls(&registry(), line);
    let text = format!("{}--- stderr\n{}--- exit code {}", ran.stdout, ran.stderr, ran.code);
    let path = text.lines().next().filter(|line| line.starts_with('/')).unwrap_or_default();
    if path.is_empty() { text } else { text.replace(path, "/registry") }
}

#[test]
fn all_repositories_look_so() {
    insta::assert_snapshot!(shown(&[]));
}

#[test]
fn tags_look_so() {
    insta::assert_snapshot!(shown(&["team/app"]));
}

#[test]
fn tags_of_a_pattern_look_so() {
    insta::assert_snapshot!(shown(&["**:*1*"]));
}

#[test]
fn manifests_without_a_tag_look_so() {
    insta::assert_snapshot!(shown(&["team/app", "--untagged"]));
}

#[test]
fn one_image_looks_so() {
    insta::assert_snapshot!(shown(&["team/app:1.0"]));
}

#[test]
fn broken_image_looks_so() {
    insta::assert_snapshot!(shown(&["tool:v2"]));
}

#[test]
fn image_that_is_not_there_looks_so() {
    insta::assert_snapshot!(shown(&["team/app:1.1"]));
}

#[test]
fn rows_for_spreadsheets_look_so() {
    insta::assert_snapshot!(shown(&["tool", "--csv", "-"]));
}

#[test]
fn quiet_prints_nothing_but_what_was_asked_for() {
    assert_eq!(ls(&registry(), &["-q"]).expect(0).stdout, "");
    assert!(ls(&registry(), &["-q", "--format", "json"]).expect(0).stdout.starts_with('{'));
    assert!(ls(&registry(), &["-q", "--csv", "-"]).expect(0).stdout.starts_with("repository,"));
}

#[test]
fn nothing_moves_the_cursor_when_piped() {
    let mut r = registry();
    let nasty = r.artifact("team/app", "application/x\u{1b}[2J", &["x"], None);
    r.tag("team/app", "nasty", &nasty.digest);
    for line in [&["**"][..], &["team/app:nasty"], &["team/app:1.0"], &[]] {
        let ran = ls(&r, line).expect(0);
        assert!(!ran.stdout.contains(['\u{1b}', '\r']) && !ran.stderr.contains(['\u{1b}', '\r']), "{ran:#?}");
    }
}

#[test]
fn empty_registry_is_no_error() {
    let mut r = RegistryBuilder::new();
    r.blob("orphan");
    let ran = ls(&r, &[]).expect(0);
    assert!(ran.stdout.contains("0 repositories, 0 tags, 0 manifests; 6 B stored"), "{ran:#?}");
}

/// The environment names the registry as for every command.
#[test]
fn registry_is_found_without_an_option() {
    let directory = on_disk(&registry());
    let mut command = crate::tool::command(["ls", "tool", "--digests"]);
    let ran = crate::tool::finish(command.env("REGSWEEP_REGISTRY", directory.path())).expect(0);
    assert_eq!(ran.stdout.lines().count(), 2, "{ran:#?}");
    let path = directory.path().display().to_string();
    assert_eq!(regsweep(["-R", &path, "ls", "tool", "--digests"]).expect(0).stdout, ran.stdout);
}
