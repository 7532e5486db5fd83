//! Completions and manual pages tell of every command and every option that `--help` tells of.

use crate::tool::regsweep;

const COMMANDS: [&str; 15] = [
    "garbage-collect",
    "prune",
    "rm",
    "plan",
    "show",
    "apply",
    "ls",
    "audit",
    "explain",
    "fsck",
    "restore",
    "pending",
    "policy",
    "completions",
    "man",
];

#[test]
fn completions_know_every_command_in_every_shell() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = regsweep(["completions", shell]).expect(0).stdout;
        for word in COMMANDS.iter().chain(&["uploads-older-than", "keep-last", "cache-dir"]) {
            assert!(script.contains(word), "{word} in {shell}");
        }
    }
    let wrong = regsweep(["completions", "csh"]).expect(2);
    assert!(wrong.stderr.contains("possible values: bash"), "{}", wrong.stderr);
}

#[test]
fn there_is_a_manual_page_for_every_command() {
    let page = regsweep(["man"]).expect(0).stdout;
    assert!(page.contains(".TH regsweep 1"), "{page}");
    for command in COMMANDS {
        assert!(page.contains(&command.replace('-', "\\-")), "{command}: {page}");
    }
    let directory = tempfile::tempdir().unwrap();
    regsweep(["man", directory.path().to_str().unwrap()]).expect(0);
    let pages: Vec<String> =
        std::fs::read_dir(&directory).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    for command in COMMANDS {
        assert!(pages.contains(&format!("regsweep-{command}.1")), "{command}: {pages:?}");
    }
    let nowhere = directory.path().join("nowhere");
    let failed = regsweep(["man", nowhere.to_str().unwrap()]).expect(1);
    assert!(failed.stderr.contains("nowhere") && failed.stderr.contains("that is there"), "{}", failed.stderr);
}

/// What a command has of its own stands together, not among what every command has.
#[test]
fn options_of_every_command_stand_by_themselves() {
    for command in ["prune", "gc", "ls", "rm"] {
        let help = regsweep([command, "-h"]).expect(0).stdout;
        let place = |text: &str| help.find(text).unwrap_or_else(|| panic!("{text}: {help}"));
        let (own, every) = (place("\nOptions:\n"), place("\nOptions of every command:\n"));
        for common in ["--format", "--cache-dir", "--quiet"] {
            assert!(place(common) > every, "{common}: {help}");
        }
        assert!(own < every && place("--registry") > place("\nWhere the registry is:\n"), "{help}");
    }
}
