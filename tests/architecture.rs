//! Who may use whom, and where deletes happen. Read off the sources, so that it holds for code that no test runs.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use regex::Regex;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The floors of the house, bottom to top. A module uses its own floor and those below; `error` and `event` serve all.
const FLOORS: [&[&str]; 7] =
    [&["model"], &["layout"], &["collect"], &["retention"], &["storage"], &["run", "config"], &["cli"]];
const FOR_ALL: [&str; 2] = ["error", "event"];

fn sources(below: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut todo = vec![root.join(below)];
    while let Some(at) = todo.pop() {
        if at.is_dir() {
            todo.extend(fs::read_dir(at).unwrap().map(|entry| entry.unwrap().path()));
        } else if at.extension().is_some_and(|extension| extension == "rs") {
            found.push(at);
        }
    }
    found.sort();
    assert!(!found.is_empty(), "nothing below src/{below}");
    found
}

/// The code of a file: no comments, no tests.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let text = text.split("#[cfg(test)]").next().unwrap_or_default();
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

fn relative(path: &Path) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    path.strip_prefix(root).unwrap().display().to_string()
}

/// The crate's modules that a file names, also inside braces and by `super::` from a module's own file.
fn used(path: &Path) -> BTreeSet<String> {
    let text = code(path);
    let plain = Regex::new(r"crate::([a-z_]+)").unwrap();
    let mut names: BTreeSet<String> = plain.captures_iter(&text).map(|found| found[1].to_owned()).collect();
    let braces = Regex::new(r"crate::\{([^;]*)\}").unwrap();
    let word = Regex::new(r"(?:^|[{,\s])([a-z_]+)(?:::|,|\s|$)").unwrap();
    for group in braces.captures_iter(&text) {
        names.extend(word.captures_iter(&group[1]).map(|found| found[1].to_owned()));
    }
    names
}

fn floor(module: &str) -> Option<usize> {
    FLOORS.iter().position(|modules| modules.contains(&module))
}

#[test]
fn nobody_uses_a_higher_floor() {
    let mut checked = 0;
    for (at, modules) in FLOORS.iter().enumerate() {
        for module in *modules {
            let place = if Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(module).is_dir() {
                vec![(*module).to_owned(), format!("{module}.rs")]
            } else {
                vec![format!("{module}.rs")]
            };
            let exists = |below: &String| Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(below).exists();
            for path in place.iter().filter(|below| exists(below)).flat_map(|below| sources(below)) {
                checked += 1;
                for name in used(&path) {
                    let is_fine = FOR_ALL.contains(&name.as_str())
                        || name == *module
                        || floor(&name).is_some_and(|other| other < at);
                    assert!(is_fine, "{} uses {name}, which is not below {module}", relative(&path));
                }
            }
        }
    }
    assert!(checked > 50, "only {checked} files were looked at");
}

#[test]
fn configuration_knows_only_where_data_is() {
    let names = Regex::new(r"crate::storage::([a-z_]+)").unwrap();
    for path in sources("config") {
        let text = code(&path);
        for name in names.captures_iter(&text) {
            assert_eq!(&name[1], "location", "{}", relative(&path));
        }
    }
}

/// A list of words, and the only places that may have them.
fn only_in(words: &[&str], places: &[&str]) {
    let mut seen = BTreeSet::new();
    for path in sources("") {
        let (text, name) = (code(&path), relative(&path));
        for word in words.iter().filter(|word| text.contains(**word)) {
            assert!(places.iter().any(|place| name.starts_with(place)), "{name} has {word:?}: only {places:?} may");
            seen.insert(*word);
        }
    }
    assert!(!seen.is_empty(), "nobody has any of {words:?}: this test looks for the wrong words");
}

#[test]
fn deletes_happen_in_one_place() {
    only_in(
        &[
            "delete_stream",
            ".delete(path",
            ".delete(&path",
            "remove_file",
            "remove_dir(",
            "remove_dir_all",
            "fs::rename",
            ".rename(",
            "signed.post(",
        ],
        &["src/storage/sweep/"],
    );
}

#[test]
fn the_registrys_cache_is_changed_in_one_place() {
    only_in(&["MultiplexedConnection", "redis::cmd", "\"DEL\"", "\"SREM\""], &["src/storage/descriptor_cache/"]);
}

/// What is written into a registry's storage: links that are put back, and what regsweep keeps beside it.
#[test]
fn writes_happen_in_one_place() {
    let storage = ["src/storage/write.rs", "src/storage/write/"];
    only_in(&["put_opts(", "PutMode", ".put(&path", "put_multipart"], &storage);
    // Plans and reports are saved on the machine of whoever runs regsweep; content aside is moved by what may delete it.
    let files = ["src/storage/write/", "src/storage/sweep/", "src/cli/plan_file.rs", "src/cli/file.rs"];
    only_in(&["persist(", "persist_noclobber(", "hard_link(", "fs::write(", "create_dir(", "File::create("], &files);
    // What is remembered of manifests lies on this machine too, in a directory that is never a registry's.
    only_in(&["OpenOptions", "DirBuilder", "set_len("], &["src/storage/manifest_cache/"]);
    // So does what is too much for memory, in a file without a name.
    only_in(&["write_all_at("], &["src/storage/manifest_cache/", "src/storage/shelf.rs"]);
    only_in(&["tempfile_in(&self.directory)"], &["src/storage/shelf.rs"]);
}

#[test]
fn only_an_approved_plan_arms_the_sweeper() {
    only_in(&["Sweeper::arm("], &["src/run.rs"]);
    only_in(&["Approved {"], &["src/cli/engine.rs", "src/storage/sweep/"]);
    only_in(&["Purger::arm("], &["src/run/purge.rs"]);
    only_in(&["ApprovedPurge {"], &["src/cli/purge.rs", "src/storage/sweep/"]);
}

/// A dry run is `survey`, and `survey` is given a reader: the trait has no way to change anything.
#[test]
fn dry_run_holds_nothing_that_can_delete() {
    let reader = code(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/storage/reader.rs"));
    for word in ["fn delete", "fn put", "fn write", "fn rename", "fn copy", "&mut self"] {
        assert!(!reader.contains(word), "the reader's trait has {word:?}");
    }
    let story = code(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/run.rs"));
    assert!(story.contains("pub async fn survey(storage: &dyn Storage,") || story.contains("storage: &dyn Storage,"));
    for file in ["src/run/scan.rs", "src/run/recheck.rs"] {
        let text = code(&Path::new(env!("CARGO_MANIFEST_DIR")).join(file));
        assert!(
            !text.contains("Sweeper") && !text.contains("sweep::") && !text.contains("Opened"),
            "{file} can reach the sweeper"
        );
    }
    // What opens the storage hands out readers only: its fields are not seen outside of `storage`.
    let opened = code(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/storage/cloud.rs"));
    assert!(opened.contains("pub(super) backend") && !opened.contains("pub backend"));
}

#[test]
fn decisions_know_no_clock_and_no_io() {
    for below in ["collect", "model", "retention", "layout.rs"] {
        for path in sources(below) {
            let text = code(&path);
            for word in [
                "tokio",
                "async ",
                "std::fs",
                "std::env",
                "std::io",
                "SystemTime",
                "Instant",
                "object_store",
                "println",
            ] {
                assert!(!text.contains(word), "{} has {word:?}", relative(&path));
            }
        }
    }
}

#[test]
fn each_foreign_word_has_one_home() {
    only_in(&["docker/registry/v2"], &["src/layout.rs", "src/config/", "src/storage/open.rs"]);
    only_in(&["serde_yaml"], &["src/config/yaml.rs"]);
    only_in(&["saphyr_parser"], &["src/retention/document.rs"]);
    only_in(&["semver::"], &["src/retention/version.rs"]);
    only_in(&["aws_config"], &["src/storage/credentials.rs"]);
    only_in(&["SystemTime::now"], &["src/cli/machine.rs", "src/storage/credentials.rs"]);
    only_in(&["indicatif", "comfy_table", "clap::"], &["src/cli/", "src/main.rs"]);
    only_in(&["askama"], &["src/cli/audit/html.rs"]);
}

#[test]
fn nothing_linked_hinders_a_static_build() {
    let lock = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.lock")).unwrap();
    for library in ["openssl-sys", "native-tls", "libdbus-sys", "libz-sys", "libssh2-sys", "curl-sys", "libgit2-sys"] {
        assert!(!lock.contains(&format!("name = \"{library}\"")), "{library} wants a shared library of the system");
    }
}

#[test]
fn files_stay_readable() {
    for path in sources("") {
        let text = fs::read_to_string(&path).unwrap();
        let lines = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default().lines().count();
        assert!(lines <= 320, "{} has {lines} lines before its tests", relative(&path));
    }
    for path in sources("").iter().filter(|path| path.ends_with("mod.rs")) {
        let text = code(path);
        let logic = text.lines().find(|line| line.contains("fn ") || line.contains("impl "));
        assert_eq!(logic, None, "{} only declares", relative(path));
    }
}
