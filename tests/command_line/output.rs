//! What is printed, where.

use serde_json::Value;

use super::lab::registry::RegistryBuilder;
use super::tool::{Ran, regsweep};
use super::{Disk, registry};

/// The same text for everybody: without this machine's paths.
fn shown(ran: &Ran, disk: &Disk) -> String {
    format!("{}--- stderr\n{}--- exit code {}", ran.stdout, ran.stderr, ran.code).replace(&disk.path(), "/registry")
}

#[test]
fn a_dry_run_looks_so() {
    let disk = Disk::new();
    insta::assert_snapshot!(shown(&regsweep(["gc", "--offline", "-m", "--dry-run", &disk.path()]), &disk));
}

#[test]
fn a_real_run_looks_so() {
    let disk = Disk::new();
    insta::assert_snapshot!(shown(&regsweep(["gc", "--offline", "-m", &disk.path()]), &disk));
}

#[test]
fn nothing_to_do_looks_so() {
    let mut r = RegistryBuilder::new();
    let image = r.image("app", "config", &["layer"]);
    r.tag("app", "v1", &image.digest);
    let disk = Disk::with(&r);
    insta::assert_snapshot!(shown(&regsweep(["gc", "--offline", "-m", &disk.path()]), &disk));
}

pub fn without_repositories() -> Disk {
    let mut r = RegistryBuilder::new();
    r.blob("one");
    r.blob("another");
    Disk::with(&r)
}

#[test]
fn a_refusal_looks_so() {
    let disk = without_repositories();
    insta::assert_snapshot!(shown(&regsweep(["gc", "--offline", "-m", &disk.path()]), &disk));
    disk.expect_untouched();
    let json = regsweep(["gc", "--offline", "-m", "--format", "json", &disk.path()]).expect(3);
    assert_eq!(
        json.count("/not_attempted"),
        json.count("/planned/blobs/count"),
        "every entry ends somewhere: {json:#?}"
    );
    // What it says can be done, can be done.
    let allow = format!("no-repositories=file://{}", disk.path());
    let refused = regsweep(["gc", "--offline", &disk.path()]).expect(3);
    let said = refused.stderr.split("--allow ").nth(1).unwrap().lines().next().unwrap().to_owned();
    assert!(said == allow || said.contains(&disk.path()), "{said}");
    regsweep(["gc", "--offline", "--allow", &said, &disk.path()]).expect(0);
    assert!(disk.now().is_empty());
}

#[test]
fn lines_fit_a_terminal() {
    let without = without_repositories();
    let disk = Disk::new();
    let mut young = registry();
    young.aged(std::time::Duration::from_mins(1));
    young.blob("pushed right now");
    young.layer("team/app", "pushed right now too");
    let broken = young.image("other", "broken", &["only it needs this"]);
    young.tag("other", "v1", &broken.digest).delete_manifest("other", &broken.digest);
    let young = Disk::with(&young);
    let kept = regsweep(["gc", "--dry-run", &young.path()]).expect(0);
    assert!(kept.stdout.contains("kept for safety") && kept.stdout.contains("they can go after"), "{kept:#?}");
    for (arguments, disk) in [
        (&["gc", "--offline", "-m", "--dry-run"][..], &disk),
        (&["gc", "--dry-run"], &young),
        (&["gc", "--offline", "--dry-run", "--min-age", "1h"], &young),
        (&["gc", "-m", "--dry-run"], &disk),
        (&["plan", "--offline", "-m", "-v"], &disk),
        (&["gc", "--offline", "-m", "--dry-run"], &without),
        (&["gc", "--offline", "-m"], &disk),
    ] {
        let path = disk.path();
        let ran = regsweep(arguments.iter().copied().chain([path.as_str()]));
        for line in ran.stdout.lines() {
            let holds_more =
                line.contains("sha256:") || line.contains("docker/registry") || line.contains(&disk.path());
            assert!(holds_more || line.chars().count() <= 80, "{} columns: {line:?}", line.chars().count());
        }
    }
}

#[test]
fn quiet_prints_nothing_but_json_that_was_asked_for() {
    let disk = Disk::new();
    let ran = regsweep(["gc", "--offline", "-m", "-d", "-q", &disk.path()]).expect(0);
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", ""));
    let ran = regsweep(["gc", "--offline", "-m", "-d", "-q", "-v", &disk.path()]).expect(0);
    assert_eq!(ran.stdout, "");
    let ran = regsweep(["gc", "--offline", "-m", "-d", "-q", "--format", "json", &disk.path()]).expect(0);
    assert!(ran.stdout.starts_with('{') && ran.stdout.trim_end().ends_with('}'));
    assert_eq!(ran.json()["schema"], "regsweep.report/1");
    assert_eq!(ran.stderr, "");
    let ran = regsweep(["gc", "--offline", "-m", "-q", &disk.path()]).expect(0);
    assert_eq!(ran.stdout, "");
    assert!(disk.now().len() < disk.before.len());
    // A refusal is told all the same, on stderr.
    let ran = regsweep(["gc", "--offline", "-q", &without_repositories().path()]).expect(3);
    assert_eq!(ran.stdout, "");
    assert!(ran.stderr.contains("no-repositories"), "{ran:#?}");
}

#[test]
fn the_registrys_own_line_is_always_there() {
    for arguments in [&["gc", "--offline", "-m", "-d"][..], &["plan", "--offline", "-m"], &["gc", "--offline", "-m"]] {
        let disk = Disk::new();
        let path = disk.path();
        let ran = regsweep(arguments.iter().copied().chain([path.as_str()])).expect(0);
        let lines =
            ran.stdout.lines().filter(|line| *line == "4 blobs marked, 5 blobs and 1 manifests eligible for deletion");
        assert_eq!(lines.count(), 1, "{ran:#?}");
    }
}

#[test]
fn verbose_prints_the_registrys_other_lines_and_each_delete() {
    let disk = Disk::new();
    let ran = regsweep(["gc", "--offline", "-m", "-v", &disk.path()]).expect(0);
    assert!(ran.stdout.starts_with("team/app\nteam/app: marking manifest sha256:"), "{ran:#?}");
    for line in [
        "team/app: marking blob sha256:",
        "blob eligible for deletion: sha256:",
        "manifest eligible for deletion: {team/app sha256:",
        "team/app: layer link eligible for deletion: sha256:",
    ] {
        assert!(ran.stdout.contains(line), "{line}: {ran:#?}");
    }
    let deletes = ran.stderr.lines().filter(|line| line.starts_with("Deleting blob: sha256:")).count();
    assert_eq!(deletes, 5, "{ran:#?}");
    assert!(!ran.stdout.contains("Deleting blob"));
    let dry = Disk::new();
    let ran = regsweep(["gc", "--offline", "-m", "-v", "-d", &dry.path()]).expect(0);
    assert!(!ran.stderr.contains("Deleting"), "{ran:#?}");
}

#[test]
fn nothing_moves_the_cursor_when_piped() {
    for colour in [&[][..], &["--color", "never"], &["--color", "auto"]] {
        let disk = Disk::new();
        let path = disk.path();
        let mut command =
            super::tool::command(["gc", "--offline", "-m", "-v"].iter().chain(colour).chain([&path.as_str()]));
        let ran = super::tool::finish(command.env_remove("NO_COLOR")).expect(0);
        assert!(!ran.stdout.contains(['\u{1b}', '\r']) && !ran.stderr.contains(['\u{1b}', '\r']), "{ran:#?}");
    }
}

#[test]
fn the_json_report_has_what_the_manual_says() {
    let disk = Disk::new();
    let ran = regsweep(["gc", "--offline", "-m", "--format", "json", &disk.path()]).expect(0);
    let json: Value = ran.json();
    for field in [
        "schema",
        "command",
        "version",
        "run",
        "started",
        "finished",
        "exit_code",
        "refusal",
        "stopped",
        "location",
        "dry_run",
        "mode",
        "options",
        "found",
        "marked",
        "kept",
        "planned",
        "deleted",
        "already_gone",
        "failed",
        "unknown",
        "not_attempted",
        "pending",
        "bytes",
        "store_keeps",
        "repositories",
        "requests",
        "seconds",
        "peak_memory_bytes",
        "problems",
    ] {
        assert!(json.get(field).is_some(), "{field}: {ran:#?}");
    }
    assert_eq!(json["planned"], json["deleted"]);
    let gone: u64 = registry()
        .build()
        .iter()
        .filter(|(key, _)| !disk.now().contains_key(*key))
        .map(|(_, entry)| entry.bytes.len() as u64)
        .sum();
    assert_eq!(json["bytes"]["freed"], gone);
    let left: u64 = disk.now().values().map(|entry| entry.bytes.len() as u64).sum();
    assert_eq!(json["bytes"]["after"], left);
}

#[test]
fn report_that_cannot_be_written_is_a_failure() {
    let disk = Disk::new();
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let path = disk.path();
    let mut command = super::tool::command(["gc", "--offline", "--dry-run", "--format", "json", &path]);
    let output = command.stdout(full).stderr(std::process::Stdio::piped()).spawn().unwrap().wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("write the report to stdout"));
}

/// A registry that remembers a blob that is gone accepts a push that names it.
#[test]
fn what_the_registry_remembers_is_told_once_something_went() {
    let disk = Disk::new();
    let storage = format!("version: 0.1\nstorage:\n  filesystem: {{rootdirectory: {}}}\n", disk.path());
    let memory = disk.file("memory.yml", &format!("{storage}  cache: {{blobdescriptor: inmemory}}\n"));
    let redis = format!("{storage}  cache: {{blobdescriptor: redis}}\nredis: {{addr: \"127.0.0.1:1\"}}\n");
    let redis = disk.file("redis.yml", &redis);
    let told = "restart the registry before it takes pushes";
    assert!(!regsweep(["gc", "--offline", "-d", &memory]).expect(0).stdout.contains(told));
    assert!(regsweep(["gc", "--offline", &memory]).expect(0).stdout.contains(told));
    // Redis would go on claiming what is gone: if it cannot be reached, nothing goes.
    let before = disk.now();
    let ran = regsweep(["gc", "--offline", "-m", &redis]).expect(1);
    assert!(ran.stderr.contains("127.0.0.1:1"), "{ran:#?}");
    assert_eq!(disk.now(), before);
}
