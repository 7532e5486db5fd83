//! What `restore` and `pending` print and ask.
#![allow(clippy::disallowed_methods, reason = "tests know the time, and remove what a run would have removed")]

use regex::Regex;

use super::asking::on_a_terminal;
use super::lab::registry::{RegistryBuilder, blob_key, tag_key};
use super::tool::{Ran, regsweep};
use super::{Disk, registry};

const STATE: &str = "docker/registry/regsweep/";

/// The same text for everybody and at any time. Places keep their width, so that lines stay as long as they are.
fn shown(ran: &Ran, disk: &Disk) -> String {
    let text = format!("{}--- stderr\n{}--- exit code {}", ran.stdout, ran.stderr, ran.code);
    let text = text.replace(&disk.path(), "/registry");
    let text = Regex::new(r"\d{8}T\d{6}Z-[0-9a-f]{8}").unwrap().replace_all(&text, "20260101T000000Z-01234567");
    Regex::new(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC").unwrap().replace_all(&text, "2026-01-01 00:00 UTC").into_owned()
}

/// A registry whose garbage was taken a moment ago, and waits.
fn taken() -> Disk {
    let disk = Disk::new();
    let line = ["gc", "-m", "--yes", "-q", "--min-age", "0s", "--settle", "10ms", "--defer", "7d"];
    regsweep(line.into_iter().chain([disk.path().as_str()])).expect(0);
    disk
}

fn write(disk: &Disk, key: &str, text: &str) {
    let file = disk.root().join(key);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, text).unwrap();
}

#[test]
fn what_waits_looks_so() {
    let disk = taken();
    insta::assert_snapshot!(shown(&regsweep(["pending", &disk.path()]), &disk));
}

#[test]
fn nothing_that_waits_looks_so() {
    let disk = Disk::new();
    insta::assert_snapshot!(shown(&regsweep(["pending", &disk.path()]), &disk));
    insta::assert_snapshot!(
        "nothing_to_undo_looks_so",
        shown(&regsweep(["restore", "--all", "--yes", &disk.path()]), &disk)
    );
    disk.expect_untouched();
}

#[test]
fn a_run_at_work_a_dead_one_and_content_aside_look_so() {
    let disk = taken();
    let expires = chrono::Utc::now() + chrono::Duration::minutes(1);
    let lease = serde_json::json!({
        "schema": "regsweep.lease/1", "run": "20260101T000000Z-76543210", "host": "elsewhere", "process": 17,
        "command": "garbage-collect", "taken": "2026-01-01T00:00:00Z", "expires": expires.to_rfc3339(),
    });
    write(&disk, &format!("{STATE}lease.json"), &lease.to_string());
    let blob = format!("sha256:{}", "a".repeat(64));
    write(&disk, &format!("{STATE}aside/dead-run/{}", blob.replace(':', "/")), "content");
    let line = format!(
        "{{\"key\":\"docker/registry/v2/repositories/app/_layers/{}/link\",\"content\":\"{blob}\"}}\n",
        blob.replace(':', "/")
    );
    write(&disk, &format!("{STATE}runs/dead-run/journal-000000.jsonl"), &(line + "torn"));
    insta::assert_snapshot!(shown(&regsweep(["pending", &disk.path()]), &disk));
    insta::assert_snapshot!("a_restore_beside_another_run_looks_so", {
        let ran = regsweep(["restore", "--all", "--yes", &disk.path()]);
        let until = Regex::new(r"at \d{4}-\d\d-\d\dT[0-9:.]+Z").unwrap();
        until.replace_all(&shown(&ran, &disk), "at 2026-01-01T00:00:00Z").into_owned()
    });
}

#[test]
fn a_restore_looks_so() {
    let disk = taken();
    insta::assert_snapshot!(
        "a_dry_restore_looks_so",
        shown(&regsweep(["restore", "--all", "-n", &disk.path()]), &disk)
    );
    insta::assert_snapshot!(shown(&regsweep(["restore", "--all", "--yes", &disk.path()]), &disk));
    insta::assert_snapshot!(
        "a_second_restore_looks_so",
        shown(&regsweep(["restore", "--all", "--yes", &disk.path()]), &disk)
    );
}

#[test]
fn a_restore_that_cannot_give_all_back_looks_so() {
    let mut r = RegistryBuilder::new();
    let kept = r.image("team/app", "kept", &["kept layer"]);
    let image = r.image("team/app", "image", &["layer"]);
    r.tag("team/app", "v1", &kept.digest);
    let disk = Disk::with(&r);
    let line = ["gc", "-m", "--yes", "-q", "--min-age", "0s", "--settle", "10ms", "--defer", "7d"];
    regsweep(line.into_iter().chain([disk.path().as_str()])).expect(0);
    std::fs::remove_file(disk.root().join(blob_key(&image.layers[0]))).unwrap();
    let line = serde_json::json!({"key": tag_key("team/app", "v1"), "content": image.digest}).to_string();
    write(&disk, &format!("{STATE}runs/20260101T000000Z-00000000/journal-000000.jsonl"), &format!("{line}\n"));
    let image = format!("team/app@{}", image.digest);
    insta::assert_snapshot!(shown(&regsweep(["restore", "--image", &image, "--yes", &disk.path()]), &disk));
    insta::assert_snapshot!(
        "a_restore_of_halves_looks_so",
        shown(&regsweep(["restore", "--all", "--yes", &disk.path()]), &disk)
    );
    insta::assert_snapshot!(
        "a_restore_of_what_nobody_knows_looks_so",
        shown(&regsweep(["restore", "--image", "team/app:v2", "--yes", &disk.path()]), &disk)
    );
}

#[test]
fn only_yes_writes_back() {
    for answer in ["n", "", "EOF"] {
        let disk = taken();
        let between = registry_of(&disk);
        let ran = on_a_terminal(answer, &["restore", "--all", &disk.path()]).expect(1);
        assert!(ran.stderr.contains("1 history entry, 1 manifest, 3 layer links\r\n"), "{ran:#?}");
        assert!(ran.stderr.contains(&disk.path()) && ran.stderr.contains("write this back?"), "{ran:#?}");
        assert!(ran.stderr.contains("[y/N]") && ran.stderr.contains("nothing was written back"), "{ran:#?}");
        assert_eq!(between, registry_of(&disk));
        assert!(!disk.root().join(STATE).join("lease.json").exists());
    }
    let disk = taken();
    let ran = on_a_terminal("y", &["restore", "--all", &disk.path()]).expect(0);
    assert!(ran.stderr.contains("[y/N]") && ran.stdout.contains("written back"), "{ran:#?}");
    // Nothing is asked where nothing is to be written, or where the answer was given.
    for arguments in [&["restore", "--all"][..], &["restore", "--all", "--yes"], &["restore", "--all", "--dry-run"]] {
        let path = disk.path();
        let arguments: Vec<&str> = arguments.iter().copied().chain([path.as_str()]).collect();
        assert!(!on_a_terminal("n", &arguments).expect(0).stderr.contains("[y/N]"));
    }
    let disk = taken();
    assert_eq!(on_a_terminal("INT", &["restore", "--all", &disk.path()]).code, 130);
}

fn registry_of(disk: &Disk) -> Vec<String> {
    disk.now().into_keys().filter(|key| key.contains("/v2/")).collect()
}

#[test]
fn lines_of_undo_fit_a_terminal() {
    let mut r = registry();
    for name in ["a/very/long/name/that/goes/on/and/on/for/some/time", "b"] {
        let (old, new) = (r.image(name, "old", &["layer"]), r.image(name, "new", &["layer"]));
        r.tag(name, "v1", &old.digest).tag(name, "v1", &new.digest);
    }
    let disk = Disk::with(&r);
    let line = ["gc", "-m", "--yes", "-q", "--min-age", "0s", "--settle", "10ms", "--defer", "7d"];
    regsweep(line.into_iter().chain([disk.path().as_str()])).expect(0);
    for arguments in [
        &["pending"][..],
        &["restore", "--all", "-n"],
        &["restore", "--image", "b", "--yes"],
        &["restore", "--all", "--yes"],
        &["restore", "--all", "--yes"],
        &["pending"],
    ] {
        let path = disk.path();
        let ran = regsweep(arguments.iter().copied().chain([path.as_str()])).expect(0);
        assert!(!ran.stdout.contains('\u{a0}'), "{ran:#?}");
        for line in ran.stdout.lines().filter(|line| !line.contains("sha256:") && !line.contains(&path)) {
            assert!(line.chars().count() <= 80, "{} columns: {line:?}", line.chars().count());
        }
    }
}

#[test]
fn quiet_undo_says_nothing() {
    let disk = taken();
    for arguments in [&["pending", "-q"][..], &["restore", "--all", "-n", "-q"], &["restore", "--all", "--yes", "-q"]] {
        let path = disk.path();
        let ran = regsweep(arguments.iter().copied().chain([path.as_str()])).expect(0);
        assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", ""), "{arguments:?}");
    }
}
