//! What has changed since an earlier audit.

use serde_json::{Value, json};

use super::lab::registry::RegistryBuilder;
use super::tool::regsweep;
use super::{number, on_disk, run};

fn registry() -> RegistryBuilder {
    let mut r = RegistryBuilder::new();
    for repo in ["team/app", "team/old", "web"] {
        let image = r.image(repo, repo, &["base", &repo.repeat(100)]);
        r.tag(repo, "v1", &image.digest);
    }
    r
}

#[test]
#[allow(clippy::disallowed_methods, reason = "the registry changes between two audits")]
fn every_byte_that_came_or_went_is_told() {
    let (mut r, home) = (registry(), tempfile::tempdir().unwrap());
    let directory = on_disk(&r);
    let old = home.path().join("old.json").display().to_string();
    let groups = ["--group", "re:^([^/]+)"];
    run(&directory, &[&groups[..], &["--json", &old]].concat()).expect(0);
    r.remove_where(|key| key.contains("/team/old/"));
    let image = r.image("new", "new", &["base", &"more ".repeat(500)]);
    r.tag("new", "v1", &image.digest);
    r.layer("web", "garbage".repeat(90));
    std::fs::remove_dir_all(directory.path().join("docker")).unwrap();
    r.write_to(directory.path());
    let ran = run(&directory, &[&groups[..], &["--compare", &old, "--format", "json"]].concat()).expect(0);
    let report = ran.json();
    let before: Value = serde_json::from_str(&std::fs::read_to_string(&old).unwrap()).unwrap();
    let compared = &report["compared"];
    assert_eq!(compared["notes"], json!([]));
    assert_eq!(compared["bytes"]["before"], before["bytes"]);
    assert_eq!(compared["bytes"]["after"], report["bytes"]);
    let change = compared["bytes"]["change"].as_i64().unwrap();
    assert_eq!(change, i64::try_from(number(&report, "/bytes")).unwrap() - before["bytes"].as_i64().unwrap());
    for table in ["repositories", "groups"] {
        let moved = compared[table].as_array().unwrap();
        let sum: i64 = moved.iter().map(|row| row["change"].as_i64().unwrap()).sum();
        assert_eq!(sum, change, "{table}: {moved:#?}");
    }
    let classes: i64 =
        compared["classes"].as_object().unwrap().values().map(|one| one["change"].as_i64().unwrap()).sum();
    assert_eq!(classes, change);
    let how = |name: &str| {
        let moved = compared["repositories"].as_array().unwrap().iter().find(|row| row["name"] == name);
        moved.map(|row| row["how"].as_str().unwrap().to_owned())
    };
    assert_eq!(how("new").as_deref(), Some("new"));
    assert_eq!(how("team/old").as_deref(), Some("gone"));
    assert_eq!(how("web").as_deref(), Some("grown"));
    let text = run(&directory, &["--compare", &old]).expect(0).stdout;
    assert!(text.contains("\nsince ") && text.contains("team/old"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
}

#[test]
fn only_an_audit_is_compared_with() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("old.json");
    for (text, why) in [
        ("", "it is no JSON"),
        ("{}", "it is no report of regsweep"),
        (r#"{"schema": "regsweep.report/1"}"#, "it is of the kind regsweep.report/1, not regsweep.audit/1"),
        (r#"{"schema": "regsweep.audit/1"}"#, "it is not whole: missing field"),
        (r#"{"schema": "regsweep.audit/2"}"#, "it is of the kind regsweep.audit/2"),
    ] {
        std::fs::write(&file, text).unwrap();
        let ran = regsweep(["audit", "/no/such/registry", "--compare", file.to_str().unwrap()]).expect(2);
        assert!(ran.stderr.contains(why) && ran.stderr.contains("next: name a file"), "{why}: {ran:#?}");
    }
}

#[test]
fn audit_of_another_registry_is_compared_with_a_word_of_it() {
    let home = tempfile::tempdir().unwrap();
    let old = home.path().join("old.json").display().to_string();
    run(&on_disk(&registry()), &["--json", &old]).expect(0);
    let report = run(&on_disk(&registry()), &["--compare", &old, "--format", "json"]).expect(0).json();
    let note = report["compared"]["notes"][0].as_str().unwrap();
    assert!(note.starts_with("the earlier audit is of another registry: "), "{note}");
    assert_eq!(report["compared"]["repositories"], json!([]));
}
