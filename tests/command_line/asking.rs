//! On a terminal somebody is asked, and only yes goes on.

use super::lab::bucket::{Bucket, Fault, Kind};
use super::lab::clients::s3_config;
use super::tool::Ran;
use super::tool::terminal::Terminal;
use super::{Disk, registry};

/// Runs regsweep on a terminal, and types an answer.
pub fn on_a_terminal(answer: &str, arguments: &[&str]) -> Ran {
    Terminal::start(arguments).answer(answer)
}

const QUESTION: &str = "[y/N]";

#[test]
fn only_yes_deletes() {
    for answer in ["n", "", "no", "yeah", "EOF"] {
        let disk = Disk::new();
        let ran = on_a_terminal(answer, &["gc", "--offline", "-m", &disk.path()]);
        assert_eq!(ran.code, 1, "{answer:?}: {ran:#?}");
        assert!(ran.stderr.contains(QUESTION) && ran.stderr.contains("cannot be undone"), "{ran:#?}");
        assert!(ran.stderr.contains(&disk.path()), "the location is shown: {ran:#?}");
        assert!(ran.stderr.contains("nothing was deleted: the answer was no"), "{ran:#?}");
        assert_eq!(ran.stdout.lines().count(), 1, "the plan is not shown twice: {ran:#?}");
        assert!(!ran.stdout.contains(QUESTION), "{ran:#?}");
        disk.expect_untouched();
    }
    for answer in ["y", "yes", "Y"] {
        let disk = Disk::new();
        let ran = on_a_terminal(answer, &["gc", "--offline", "-m", &disk.path()]).expect(0);
        assert!(ran.stderr.contains(QUESTION), "{ran:#?}");
        assert!(disk.now().len() < disk.before.len(), "{answer:?}");
    }
}

#[test]
fn nobody_is_asked_with_yes_or_when_nothing_is_deleted() {
    for arguments in
        [&["gc", "--offline", "-m", "--yes"][..], &["gc", "--offline", "-m", "--dry-run"], &["plan", "--offline", "-m"]]
    {
        let disk = Disk::new();
        let path = disk.path();
        let arguments: Vec<&str> = arguments.iter().copied().chain([path.as_str()]).collect();
        let ran = on_a_terminal("n", &arguments).expect(0);
        assert!(!ran.stderr.contains(QUESTION), "{ran:#?}");
        assert_eq!(disk.now().len() < disk.before.len(), arguments.contains(&"--yes"));
    }
}

#[test]
fn json_on_a_terminal_is_still_one_object() {
    let disk = Disk::new();
    let ran = on_a_terminal("n", &["gc", "--offline", "-m", "--format", "json", &disk.path()]).expect(1);
    assert_eq!(ran.json()["stopped"], "the answer was no");
    assert!(ran.count("/not_attempted") > 0);
    assert!(ran.count("/exit_code") == 1);
    disk.expect_untouched();
}

#[test]
fn plan_is_applied_after_a_yes() {
    for (answer, code) in [("n", 1), ("y", 0)] {
        let planned = super::applying::Planned::new();
        let ran = on_a_terminal(answer, &["apply", &planned.path()]).expect(code);
        assert!(ran.stderr.contains(QUESTION) && ran.stderr.contains(&planned.disk.path()), "{ran:#?}");
        assert!(ran.stderr.contains("offline") && ran.stderr.contains("may go now"), "{ran:#?}");
        assert_eq!(planned.disk.now().len() < planned.disk.before.len(), code == 0);
    }
    for arguments in ["--dry-run", "--yes"] {
        let planned = super::applying::Planned::new();
        let ran = on_a_terminal("n", &["apply", arguments, &planned.path()]).expect(0);
        assert!(!ran.stderr.contains(QUESTION), "{ran:#?}");
    }
}

#[test]
fn question_can_be_interrupted() {
    let disk = Disk::new();
    let ran = on_a_terminal("INT", &["gc", "--offline", "-m", &disk.path()]);
    assert_eq!(ran.code, 130, "{ran:#?}");
    disk.expect_untouched();
}

#[test]
fn question_says_what_the_store_keeps() {
    for (status, question) in
        [(Some("Enabled"), "; 0 B freed at once, "), (None, "; how much is freed at once is not known)?")]
    {
        let bucket = Bucket::s3("reg");
        registry().load_into(&bucket, "");
        bucket.versioning(status);
        if status.is_none() {
            bucket.fault(Fault::access_denied().on(Kind::Other));
        }
        let home = tempfile::tempdir().unwrap();
        let config = home.path().join("config.yml");
        std::fs::write(&config, s3_config(&bucket, "")).unwrap();
        let ran = on_a_terminal("n", &["gc", "--offline", "-m", &config.display().to_string()]).expect(1);
        let asked = ran.stderr.lines().find(|line| line.contains(QUESTION)).unwrap_or_default();
        assert!(asked.contains(question), "{ran:#?}");
        assert_eq!(asked.contains(" held by the store (versioning) until "), status.is_some(), "{ran:#?}");
        let counts = bucket.counts();
        assert_eq!((counts.put, counts.delete), (2, 2), "its lease and its probe, written and removed: {counts:?}");
    }
}
