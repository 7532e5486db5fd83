//! `policy check`, `test`, `explain` and `import`: rules without a registry.

use std::path::{Path, PathBuf};

use super::tool::{self, Ran, regsweep, regsweep_with};

fn testdata(name: &str) -> String {
    Path::new("testdata/policies").join(name).display().to_string()
}

/// A directory with these files.
fn files(files: &[(&str, &str)]) -> (tempfile::TempDir, Vec<String>) {
    let directory = tempfile::tempdir().unwrap();
    let write = |(name, text): &(&str, &str)| {
        let path: PathBuf = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let paths = files.iter().map(write).collect();
    (directory, paths)
}

fn shown(ran: &Ran) -> String {
    format!("{}--- stderr\n{}--- exit code {}", ran.stdout, ran.stderr, ran.code)
}

const SIMPLE: &str = "rules: [{name: ci, repositories: [\"ci/*\"], delete: {older_than: 30d}, keep: {tags: [latest]}}]";

#[test]
fn the_example_does_what_its_fixture_expects() {
    let ran = regsweep(["policy", "test", &testdata("example.yml"), &testdata("example.test.yml")]).expect(0);
    insta::assert_snapshot!(shown(&ran));
    regsweep(["policy", "check", &testdata("example.yml")]).expect(0);
}

#[test]
fn wrong_policy_is_told_with_all_lines_and_columns() {
    let text = "version: 1\nrules:\n  - name: ci\n    repositories: ci/**\n    delete:\n      older-than: 30d\n    keep: \
                {lasst: 3}\n  - repositories: [\"**\"]\n    keep: {last: 3}\n    keep: {last: 4}\n";
    let (_directory, paths) = files(&[("policy.yml", text)]);
    let ran = regsweep(["policy", "check", &paths[0]]).expect(2);
    let stderr = ran.stderr.replace(&paths[0], "policy.yml");
    for words in [
        "error: policy.yml: line 4, column 19: rules[0].repositories: expected a list of patterns for repositories, found text",
        "error: policy.yml: line 6, column 7: rules[0].delete.older-than: unknown key: did you mean `older_than`?",
        "error: policy.yml: line 7, column 12: rules[0].keep.lasst: unknown key: did you mean `last`?",
        "error: policy.yml: line 9, column 5: rules[1].keep: keeps, but nothing says what to delete: write `delete: {tags: [\"*\"]}`",
        "error: policy.yml: line 10, column 5: `keep` is there twice: the first is in line 9",
    ] {
        assert!(stderr.contains(words), "{words}\n{stderr}");
    }
    assert_eq!(stderr.lines().count(), 5, "{stderr}");
    assert!(ran.stdout.ends_with("policy.yml: 5 things are wrong\n"), "{ran:#?}");
    let json = regsweep(["policy", "check", "--format", "json", &paths[0]]).expect(2).json();
    assert_eq!((json["schema"].as_str(), json["exit_code"].as_u64()), (Some("regsweep.policy/1"), Some(2)));
    let fault = &json["files"][0]["faults"][0];
    assert_eq!((fault["line"].as_u64(), fault["column"].as_u64()), (Some(4), Some(19)));
    assert_eq!(fault["path"], "rules[0].repositories");
}

#[test]
fn every_policy_is_checked_and_one_wrong_is_enough() {
    let (_directory, paths) = files(&[("a.yml", SIMPLE), ("b.yml", "rules: []"), ("c.yml", SIMPLE)]);
    let ran = regsweep(["policy", "check", &paths[0], &paths[1], &paths[2]]).expect(2);
    assert_eq!(ran.stdout.lines().count(), 3, "{ran:#?}");
    let missing = regsweep(["policy", "check", "/nowhere/policy.yml"]).expect(2);
    assert!(missing.stderr.contains("/nowhere/policy.yml") && missing.stderr.contains("next: "), "{missing:#?}");
    let json = regsweep(["policy", "check", "--format", "json", "/nowhere/policy.yml"]).expect(2).json();
    assert!(json["error"]["message"].as_str().unwrap().contains("/nowhere/policy.yml"), "{json:#}");
}

#[test]
fn strange_policies_are_warned_of_and_right() {
    let text =
        "rules:\n- {repositories: [\"**\"], delete: {older_than: 30m}}\n- {repositories: [b], delete: {tags: [a]}}\n";
    let (_directory, paths) = files(&[("policy.yml", text)]);
    let ran = regsweep(["policy", "check", &paths[0]]).expect(0);
    assert!(ran.stderr.contains("warning: ") && ran.stderr.contains("30m is less than an hour"), "{ran:#?}");
    assert!(ran.stderr.contains("rule #2 is never asked"), "{ran:#?}");
}

#[test]
fn verdict_that_was_not_expected_ends_with_1() {
    let fixture = "repository,tag,pushed,expect\nci/app,latest,99d,keep\nci/app,old,99d,keep\nci/app,new,1d,drop\n";
    let (_directory, paths) = files(&[("policy.yml", SIMPLE), ("fixture.csv", fixture)]);
    let ran = regsweep(["policy", "test", &paths[0], &paths[1]]).expect(1);
    insta::assert_snapshot!(shown(&ran));
    let json = regsweep(["policy", "test", "--format", "json", &paths[0], &paths[1]]).expect(1).json();
    assert_eq!(
        (json["kept"].as_u64(), json["dropped"].as_u64(), json["unexpected"].as_u64()),
        (Some(2), Some(1), Some(2))
    );
    let old = &json["files"][0]["repositories"][0]["tags"][1];
    assert_eq!(
        (old["tag"].as_str(), old["decision"].as_str(), old["rule"].as_str()),
        (Some("old"), Some("drop"), Some("ci"))
    );
    assert_eq!(
        (old["why"].as_str(), old["expected"].as_str()),
        (Some("rule ci: older than 30d (pushed 99d ago)"), Some("keep"))
    );
}

#[test]
fn ages_may_be_measured_at_another_time() {
    let fixture = "now: 2026-11-21\nrepositories: {ci/app: {tags: {a: 20d}}}";
    let (_directory, paths) = files(&[("policy.yml", SIMPLE), ("fixture.yml", fixture)]);
    let dropped = |at: &[&str]| {
        let line = ["policy", "test", "--format", "json", &paths[0], &paths[1]];
        regsweep(line.iter().chain(at)).expect(0).count("/dropped")
    };
    assert_eq!(dropped(&[]), 0);
    assert_eq!((dropped(&["--at", "+9d"]), dropped(&["--at", "+10d"])), (0, 1));
    assert_eq!((dropped(&["--at", "2026-12-01"]), dropped(&["--at", "2020-01-01"])), (1, 0));
    assert_eq!(regsweep(["policy", "test", "--at", "soon", &paths[0], &paths[1]]).code, 2);
}

#[test]
fn rules_that_match_nothing_and_last_tags_are_told() {
    let text = "rules:\n- {name: typo, repositories: [\"cii/*\"], delete: {tags: [a]}}\n- {name: all, repositories: [\"**\"], delete: {older_than: 30d}}\n";
    let fixture = "repositories: {ci/app: {tags: {latest: 99d, b: 1d}}, old: {tags: {v1: 99d}}}";
    let (_directory, paths) = files(&[("policy.yml", text), ("fixture.yml", fixture)]);
    let ran = regsweep(["policy", "test", &paths[0], &paths[1]]).expect(0);
    assert!(ran.stderr.contains("warning: rule typo (line 2) is for no repository"), "{ran:#?}");
    assert!(ran.stdout.contains("! ci/app loses its tag latest\n! old loses its last tag\n"), "{ran:#?}");
}

#[test]
fn explain_tells_which_rule_decides() {
    let text = "rules:\n- {name: prod, repositories: [\"prod/*\"], delete: {older_than: 90d}}\n- {name: ci, repositories: [\"ci/*\"], \
                delete: {older_than: 30d}}\n- {name: rest, repositories: [\"**\"], delete: {older_than: 60d}}\n";
    let fixture = "repositories: {ci/app: {tags: {a: 99d, b: 1d}}}";
    let (_directory, paths) = files(&[("policy.yml", text), ("fixture.yml", fixture)]);
    let ran = regsweep(["policy", "explain", &paths[0], "ci/app:a", "--fixture", &paths[1]]).expect(0);
    insta::assert_snapshot!(shown(&ran));
    let alone = regsweep(["policy", "explain", &paths[0], "ci/new:x", "--pushed", "31d"]).expect(0);
    assert!(alone.stdout.contains("drop  x  rule ci: older than 30d (pushed 31d ago)"), "{alone:#?}");
    let unknown = regsweep(["policy", "explain", &paths[0], "ci/new:x"]).expect(0);
    assert!(unknown.stdout.contains("pushed at an unknown time, which counts as now"), "{unknown:#?}");
    for image in ["ci/app:c", "other", "UP", "a:b:c"] {
        let absent = regsweep(["policy", "explain", &paths[0], image, "--fixture", &paths[1]]).expect(2);
        assert!(absent.stderr.contains(image), "{absent:#?}");
    }
}

#[test]
fn images_in_use_are_read_from_beside_the_policy() {
    let text = "rules: [{repositories: [\"**\"], delete: {tags: [\"*\"]}, keep: {images_from: in-use.json}}]";
    let pods = r#"{"items": [{"spec": {"containers": [{"image": "registry.example.com/app:v1"}]}}]}"#;
    let (_directory, paths) = files(&[
        ("policy.yml", text),
        ("in-use.json", pods),
        ("fixture.yml", "repositories: {app: {tags: {v1: 1d, v2: 1d}}}"),
        ("broken.yml", &text.replace("in-use", "nowhere")),
        ("empty.yml", &text.replace("in-use.json", "empty.txt")),
        ("empty.txt", "\n"),
    ]);
    let ran = regsweep(["policy", "test", &paths[0], &paths[2]]).expect(0);
    assert!(ran.stdout.contains("keep  v1  rule #1: keep.images_from in-use.json"), "{ran:#?}");
    assert!(ran.stdout.contains("drop  v2"), "{ran:#?}");
    for (file, why) in [(&paths[3], "nowhere.json"), (&paths[4], "no image is in it")] {
        let ran = regsweep(["policy", "check", file]).expect(2);
        assert!(ran.stderr.contains(why) && ran.stderr.contains("line 1, column "), "{ran:#?}");
    }
}

/// What every import prints is a policy that is right.
#[track_caller]
fn is_a_policy(text: &str) {
    let (_directory, paths) = files(&[("policy.yml", text)]);
    regsweep(["policy", "check", &paths[0]]).expect(0);
}

#[test]
fn rules_of_other_tools_become_policies() {
    for (from, file) in [
        ("registry-cleanup", "registry-cleanup.env"),
        ("ecr", "ecr.json"),
        ("artifact-registry", "artifact-registry.json"),
        ("zot", "zot.json"),
        ("harbor", "harbor.json"),
    ] {
        let ran = regsweep(["policy", "import", from, &testdata(&format!("import/{file}"))]).expect(0);
        is_a_policy(&ran.stdout);
        insta::assert_snapshot!(format!("import_from_{}", from.replace('-', "_")), shown(&ran));
    }
}

#[test]
fn the_scripts_environment_is_read_and_no_password_is_shown() {
    let variables =
        [("REGISTRY_DIR", "/data"), ("DRY_RUN", "yes"), ("REGISTRY_PASSWORD", "hunter2"), ("EXCLUDE_TAGS", "^keep")];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let ran = regsweep_with(["policy", "import", "registry-cleanup"], variables).expect(0);
    is_a_policy(&ran.stdout);
    assert!(ran.stdout.contains("regsweep prune --policy FILE --dry-run /data"), "{ran:#?}");
    assert!(ran.stdout.contains("re:^keep") && !shown(&ran).contains("hunter2"), "{ran:#?}");
}

#[test]
fn what_is_not_the_tools_own_is_told() {
    let (_directory, paths) = files(&[("other.json", "{\"a\": 1}"), ("broken.json", "{")]);
    for from in ["ecr", "artifact-registry", "zot", "harbor"] {
        for path in &paths {
            let ran = regsweep(["policy", "import", from, path]).expect(2);
            assert!(ran.stderr.contains(path.as_str()) && ran.stderr.contains("next: "), "{ran:#?}");
        }
    }
    assert_eq!(regsweep(["policy", "import", "quay", &paths[0]]).code, 2);
    let json = regsweep(["policy", "import", "--format", "json", "ecr", &testdata("import/ecr.json")]).expect(0).json();
    assert_eq!(json["exact"], false);
    assert!(
        json["policy"].as_str().unwrap().contains("rules:") && json["drops_more"].as_array().unwrap().len() == 2,
        "{json:#}"
    );
}

#[test]
fn rules_may_come_from_stdin() {
    use std::io::Write as _;
    use std::process::Stdio;
    let mut child =
        tool::command(["policy", "import", "ecr"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(&std::fs::read(testdata("import/ecr.json")).unwrap()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success() && String::from_utf8_lossy(&output.stdout).contains("rules:"));
}

/// A file that is warned of is not one with nothing wrong; a line that is broken is shown as one.
#[test]
fn check_says_what_it_has_seen() {
    let warned = "rules: [{repositories: [\"**\"], delete: {older_than: 30m}}]";
    let at_once = "rules: [{repositories: [\"**\"], untagged: {older_than: 0s}}]";
    let broken = "rules: [{repositories: [\"re:a(b\"], delete: {tags: [a]}}]";
    let (_directory, paths) = files(&[("warned.yml", warned), ("at_once.yml", at_once), ("broken.yml", broken)]);
    assert!(regsweep(["policy", "check", &paths[0]]).expect(0).stdout.ends_with("1 rule, 1 warning\n"));
    let ran = regsweep(["policy", "check", &paths[1]]).expect(0);
    assert!(
        ran.stdout.ends_with("1 rule, nothing wrong\n") && ran.stderr.is_empty(),
        "0s says what it means: {ran:#?}"
    );
    let ran = regsweep(["policy", "check", &paths[2]]).expect(2);
    assert!(ran.stderr.contains("regex parse error:\n    a(b\n     ^\nerror: unclosed group\n"), "{}", ran.stderr);
}

/// Alone every tag is the newest.
#[test]
fn one_tag_alone_is_not_told_to_be_kept_for_being_the_newest() {
    let last = "rules: [{repositories: [\"**\"], delete: {tags: [\"*\"]}, keep: {last: 1}}]";
    let tags = "rules: [{repositories: [\"**\"], delete: {tags: [\"*\"]}, keep: {tags: [v1]}}]";
    let fixture = "repositories: {app: {tags: {v1: 20d, v2: 1d}}}";
    let (_directory, paths) = files(&[("last.yml", last), ("tags.yml", tags), ("fixture.yml", fixture)]);
    let noted = |line: &[&str]| {
        let ran = regsweep(["policy", "explain"].iter().chain(line)).expect(0);
        ran.stderr.contains("note: this rule keeps by comparing tags")
    };
    assert!(noted(&[&paths[0], "app:v1", "--pushed", "20d"]));
    assert!(!noted(&[&paths[1], "app:v1", "--pushed", "20d"]), "its name alone decides");
    assert!(!noted(&[&paths[0], "app:v1", "--fixture", &paths[2]]), "all tags are told");
}
