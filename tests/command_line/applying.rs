//! `show` and `apply`: what they print, and what they refuse.
#![allow(clippy::disallowed_methods, reason = "tests know the time, and remove what another collector would have")]

use std::io::Read as _;
use std::path::PathBuf;

use regex::Regex;
use regsweep::error::Code;
use serde_json::Value;

use super::lab::bucket::Bucket;
use super::lab::clients::{SECRET_KEY, s3_config, s3_environment};
use super::lab::registry::{RegistryBuilder, blob_key, sha256};
use super::tool::plan::PlanFile;
use super::tool::{self, Ran, regsweep};
use super::{Disk, registry, text};

/// A registry and a plan beside it.
pub struct Planned {
    pub disk: Disk,
}

impl Planned {
    pub fn new() -> Self {
        Self::with(&registry(), "plan.jsonl")
    }

    fn with(registry: &RegistryBuilder, name: &str) -> Self {
        let planned = Self { disk: Disk::with(registry) };
        let (file, root) = (planned.disk.directory.path().join(name), planned.disk.path());
        regsweep(["plan", "--offline", "-m", "-q", "-o", file.to_str().unwrap(), &root]).expect(0);
        planned
    }

    pub fn file(&self) -> PathBuf {
        self.disk.directory.path().join("plan.jsonl")
    }

    pub fn path(&self) -> String {
        self.file().display().to_string()
    }

    fn apply(&self, arguments: &[&str]) -> Ran {
        regsweep(["apply", &self.path()].iter().copied().chain(arguments.iter().copied()))
    }

    fn show(&self, arguments: &[&str]) -> Ran {
        regsweep(["show", &self.path()].iter().copied().chain(arguments.iter().copied()))
    }

    /// Changes the plan and seals it again.
    fn edit(&self, change: impl FnOnce(&mut PlanFile)) {
        let mut plan = PlanFile::read(&self.file());
        change(&mut plan);
        plan.seal(&self.file());
    }

    /// Puts the time of the plan's making so many seconds away from now.
    fn made(&self, seconds: i64) {
        let time = chrono::Utc::now() + chrono::TimeDelta::seconds(seconds);
        self.edit(|plan| plan.header["created"] = time.to_rfc3339().into());
    }

    /// The same text for everybody: without this machine's paths, times and numbers.
    fn shown(&self, ran: &Ran) -> String {
        let text = format!("{}--- stderr\n{}--- exit code {}", ran.stdout, ran.stderr, ran.code);
        let text = text.replace(&self.path(), "plan.jsonl").replace(&self.disk.path(), "/registry");
        [
            (r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", "[minute]"),
            (r"\d{8}T\d{6}Z-[0-9a-f]{8}", "[run]"),
            (r"device \d+, inode \d+", "device [number], inode [number]"),
            (r"regsweep \d+\.\d+\.\d+", "regsweep [version]"),
        ]
        .iter()
        .fold(text, |text, (what, with)| Regex::new(what).unwrap().replace_all(&text, *with).into_owned())
    }
}

#[test]
fn a_plan_looks_so() {
    let planned = Planned::new();
    let ran = planned.show(&[]).expect(0);
    assert!(ran.stdout.lines().all(|line| line.chars().count() <= 80 || line.contains(&planned.disk.path())));
    insta::assert_snapshot!(planned.shown(&ran));
}

#[test]
fn an_expired_plan_says_so() {
    let planned = Planned::new();
    planned.made(-25 * 3600);
    let ran = planned.show(&[]).expect(0);
    assert!(ran.stdout.contains("\nexpired   ") && !ran.stdout.contains("\nexpires   "), "{ran:#?}");
    assert_eq!(planned.show(&["--format", "json"]).expect(0).json()["state"], "expired");
    planned.made(3600);
    assert!(planned.show(&[]).expect(0).stdout.contains("\nrefused   its time is in the future"));
    assert_eq!(planned.show(&["--format", "json"]).expect(0).json()["state"], "from_future");
}

#[test]
fn an_applied_plan_looks_so() {
    let planned = Planned::new();
    let dry = planned.apply(&["--dry-run"]);
    planned.disk.expect_untouched();
    insta::assert_snapshot!("a_dry_run_of_a_plan", planned.shown(&dry));
    insta::assert_snapshot!("an_applied_plan", planned.shown(&planned.apply(&["--yes"])));
    insta::assert_snapshot!("a_plan_that_is_applied_twice", planned.shown(&planned.apply(&["--yes"])));
}

/// One layer was pushed again, a blob is gone, and something else has become garbage.
#[test]
fn what_changed_since_the_plan_is_told() {
    let mut later = registry();
    let planned = Planned::with(&later, "plan.jsonl");
    later.at(std::time::SystemTime::now());
    let image = later.image("team/new", "new", &["never named"]);
    later.tag("team/new", "v1", &image.digest).layer("team/app", "late garbage");
    later.write_to(&planned.disk.root());
    std::fs::remove_file(planned.disk.root().join(blob_key(&sha256(b"orphan")))).unwrap();
    let ran = planned.apply(&["--yes"]).expect(0);
    insta::assert_snapshot!(planned.shown(&ran));
    for line in ran.stdout.lines() {
        assert!(line.chars().count() <= 80 || line.contains(&planned.disk.path()), "{line:?}");
    }
}

/// Nothing is shown, nothing is changed, and everybody is told: people on stderr, scripts in JSON.
#[track_caller]
fn expect_refused(planned: &Planned, code: &str, word: &str) {
    for arguments in [&["apply", "--yes"][..], &["apply", "--dry-run"], &["show"]] {
        let of_its_seal = ["plan-torn", "plan-altered", "plan-unknown"].contains(&code);
        if arguments == ["show"] && !of_its_seal {
            continue;
        }
        let path = planned.path();
        let ran = regsweep(arguments.iter().copied().chain([path.as_str()])).expect(3);
        assert!(ran.stderr.contains(word) && ran.stderr.contains(&path), "{word:?}: {ran:#?}");
        assert!(ran.stderr.contains("next: ") && !ran.stderr.contains("panicked"), "{ran:#?}");
        assert_eq!(ran.stdout, "", "{ran:#?}");
        let ran = regsweep(arguments.iter().copied().chain([path.as_str(), "--format", "json"])).expect(3);
        let json = ran.json();
        assert_eq!((&json["exit_code"], &json["refusal"]["code"]), (&3.into(), &code.into()), "{ran:#?}");
        assert_eq!(json["command"], arguments[0]);
    }
    planned.disk.expect_untouched();
}

#[test]
fn torn_and_altered_plans_are_refused() {
    let planned = Planned::new();
    let whole = text(&planned.file());
    let lines: Vec<&str> = whole.split_inclusive('\n').collect();
    let write = |text: &str| std::fs::write(planned.file(), text).unwrap();
    let case = |content: String, code: &str, word: &str| {
        write(&content);
        expect_refused(&planned, code, word);
    };
    case(String::new(), "plan-torn", "there is nothing in it");
    case(lines[..lines.len() - 1].concat(), "plan-torn", "without a seal");
    case(whole.trim_end().to_owned(), "plan-torn", "it ends within line");
    case(whole[..whole.len() / 2].to_owned(), "plan-torn", "it ends within line");
    case(whole.clone() + "\n", "plan-altered", "behind its seal");
    case(whole.clone() + &whole, "plan-altered", "behind its seal");
    case([&lines[..2], &lines[3..]].concat().concat(), "plan-altered", "deletions, and");
    let mut swapped = lines.clone();
    swapped.swap(2, 3);
    case(swapped.concat(), "plan-altered", "not in its order");
    let mut doubled = lines.clone();
    doubled.insert(2, lines[2]);
    case(doubled.concat(), "plan-altered", "twice");
    case(whole.replace('\n', "\r\n"), "plan-altered", "altered");
    // One hex digit: of a digest, of the seal, of a time; and one size.
    let digit = |line: usize, member: &str| {
        let at = lines[line].find(member).unwrap() + member.len();
        let mut edited = lines[line].to_owned();
        let other = if edited.as_bytes()[at] == b'1' { "2" } else { "1" };
        edited.replace_range(at..=at, other);
        let mut all: Vec<&str> = lines.clone();
        all[line] = &edited;
        all.concat()
    };
    case(digit(1, "\"digest\":\"sha256:"), "plan-altered", "another digest");
    case(digit(1, "\"size\":"), "plan-altered", "not what was sealed");
    case(digit(1, "\"last_modified\":\"20"), "plan-altered", "not what was sealed");
    case(digit(0, "\"created\":\"20"), "plan-altered", "not what was sealed");
    case(digit(0, "\"inode\":"), "plan-altered", "not what was sealed");
    case(digit(lines.len() - 1, "\"sha256\":\""), "plan-altered", "not what was sealed");
    case(digit(lines.len() - 1, "\"deletions\":"), "plan-altered", "were sealed");
    write(&whole);
    planned.apply(&["--yes"]).expect(0);
}

fn unpacked(bytes: &[u8]) -> Vec<u8> {
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(bytes).read_to_end(&mut unpacked).unwrap();
    unpacked
}

/// In the library, so that it can be each of them; `apply` and `show` read with the same function.
#[test]
fn plan_that_is_cut_off_at_any_byte_is_refused_compressed_or_not() {
    let mut small = RegistryBuilder::new();
    let image = small.image("app", "config", &["layer"]);
    small.tag("app", "v1", &image.digest).layer("app", "never named");
    for name in ["plan.jsonl", "plan.jsonl.gz"] {
        let (planned, is_packed) = (Planned::with(&small, name), name == "plan.jsonl.gz");
        let file = planned.disk.directory.path().join(name);
        let whole = std::fs::read(&file).unwrap();
        let read = |bytes: &[u8]| {
            std::fs::write(&file, bytes).unwrap();
            regsweep::cli::plan_file::read(&file, |_| {})
        };
        assert!(read(&whole).is_ok());
        for end in 0..whole.len() {
            let error = read(&whole[..end]).err().unwrap_or_else(|| panic!("{name} cut off at {end} is taken"));
            assert_eq!(error.refusal().map(Code::name), Some("plan-torn"), "{name} at {end}: {error}");
        }
        for more in [&b"x"[..], b"\n", b"\0", &whole] {
            assert!(read(&[&whole, more].concat()).is_err(), "{name} and {more:?}");
        }
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << (at % 8);
            // A compressed file has bits that say nothing: its time, what fills its last byte.
            let says_nothing = || is_packed && unpacked(&bytes) == unpacked(&whole);
            assert!(read(&bytes).is_err() || says_nothing(), "{name}: a changed bit at {at} is not seen");
        }
    }
}

#[test]
fn compressed_plan_is_told_by_its_content() {
    let planned = Planned::with(&registry(), "plan.jsonl.gz");
    let packed = planned.disk.directory.path().join("plan.jsonl.gz");
    std::fs::rename(&packed, planned.file()).unwrap();
    planned.show(&[]).expect(0);
    planned.apply(&["--yes"]).expect(0);
    let plain = Planned::new();
    let named = plain.disk.directory.path().join("plain.gz");
    std::fs::rename(plain.file(), &named).unwrap();
    regsweep(["apply", "--yes", named.to_str().unwrap()]).expect(0);
    assert!(plain.disk.now().len() < plain.disk.before.len());
}

#[test]
fn plans_of_another_time_are_refused() {
    let planned = Planned::new();
    planned.made(-24 * 3600 - 60);
    expect_refused(&planned, "plan-expired", "it has expired");
    planned.apply(&["--dry-run", "--max-plan-age", "25h"]).expect(0);
    planned.made(-61);
    planned.apply(&["--dry-run"]).expect(0);
    assert_eq!(planned.apply(&["--dry-run", "--max-plan-age", "1m"]).code, 3);
    planned.made(600);
    expect_refused(&planned, "plan-from-future", "in the future");
    planned.made(200);
    planned.apply(&["--yes"]).expect(0);
}

/// What a newer version has added was to keep or to delete something: it is not passed over.
#[test]
fn plans_of_newer_versions_are_refused() {
    let planned = Planned::new();
    let whole = text(&planned.file());
    let case = |change: fn(&mut PlanFile), code: &str, word: &str| {
        std::fs::write(planned.file(), &whole).unwrap();
        planned.edit(change);
        expect_refused(&planned, code, word);
    };
    case(|plan| plan.header["schema"] = "regsweep.plan/2".into(), "plan-unknown", "regsweep.plan/2");
    case(|plan| plan.header["schema"] = "regsweep.report/1".into(), "plan-unknown", "it is no plan");
    case(|plan| plan.header["command"] = "fsck".into(), "plan-unknown", "`fsck`");
    case(|plan| plan.header["mode"] = "careful".into(), "plan-unknown", "careful");
    case(|plan| plan.header["keep_signed"] = true.into(), "plan-unknown", "keep_signed");
    case(|plan| plan.header["options"]["keep_signed"] = true.into(), "plan-unknown", "keep_signed");
    case(|plan| plan.header["options"]["aside"] = "later".into(), "plan-unknown", "later");
    case(|plan| plan.header["place"]["realm"] = "x".into(), "plan-unknown", "realm");
    case(|plan| drop(plan.header["options"].as_object_mut().unwrap().remove("min_age")), "plan-unknown", "min_age");
    case(|plan| plan.lines[0]["version_id"] = "x".into(), "plan-altered", "version_id");
    case(|plan| plan.lines[0]["stage"] = "manifest".into(), "plan-altered", "stage");
    case(|plan| plan.lines[0]["reason"] = "because".into(), "plan-altered", "reason");
    case(|plan| plan.lines[0]["key"] = "../../etc/passwd".into(), "plan-altered", "key");
    case(|plan| plan.lines[0]["repository"] = "other".into(), "plan-altered", "repository");
}

#[test]
fn what_is_no_plan_is_told() {
    let planned = Planned::new();
    let config = planned.disk.file("config.yml", "version: 0.1\nstorage: filesystem\n");
    let missing = planned.disk.directory.path().join("none.jsonl").display().to_string();
    for (file, code, word) in
        [(config.as_str(), 3, "it is no plan"), (&missing, 2, "No such file"), (&planned.disk.path(), 2, "directory")]
    {
        for arguments in [&["show"][..], &["apply", "--yes"]] {
            let ran = regsweep(arguments.iter().copied().chain([file])).expect(code);
            assert!(ran.stderr.contains(word) && ran.stderr.contains("next: "), "{ran:#?}");
        }
    }
    planned.disk.expect_untouched();
}

#[test]
fn options_that_decide_are_the_plans() {
    let planned = Planned::new();
    for option in [
        &["--delete-untagged"][..],
        &["-m"],
        &["--offline"],
        &["--min-age", "1h"],
        &["--defer", "1h"],
        &["--settle", "1s"],
        &["--aside", "never"],
        &["--max-scan-age", "1m"],
        &["--uploads-older-than", "off"],
        &["--max-delete-percent", "1"],
        &["--allow", "percent"],
        &["--keep-from", "-"],
        &["--repository", "a"],
        &["-o", "other.jsonl"],
        &["/another/operand"],
    ] {
        let ran = planned.apply(&[&["--yes"], option].concat()).expect(2);
        assert!(ran.stderr.contains("unexpected argument"), "{option:?}: {ran:#?}");
    }
    planned.disk.expect_untouched();
}

#[test]
fn without_a_terminal_yes_or_dry_run_must_be_said() {
    let planned = Planned::new();
    let ran = planned.apply(&[]).expect(2);
    assert!(ran.stderr.contains("--yes") && ran.stderr.contains("--dry-run"), "{ran:#?}");
    planned.disk.expect_untouched();
}

#[test]
fn show_prints_every_line_and_touches_nothing() {
    let planned = Planned::new();
    let keys = PlanFile::read(&planned.file()).keys();
    std::fs::rename(planned.disk.root(), planned.disk.directory.path().join("away")).unwrap();
    let ran = planned.show(&["-v"]).expect(0);
    let listed: Vec<&str> = ran.stdout.lines().take(keys.len()).map(|line| line.rsplit(' ').next().unwrap()).collect();
    assert_eq!(listed, keys);
    let json: Value = planned.show(&["--format", "json", "-v"]).expect(0).json();
    assert_eq!(json["schema"], "regsweep.plan-report/1");
    assert_eq!(json["plan"]["deletions"], keys.len());
    let quiet = planned.show(&["-q"]).expect(0);
    assert_eq!((quiet.stdout.as_str(), quiet.stderr.as_str()), ("", ""));
}

#[test]
fn the_registry_is_found_again_by_what_the_plan_says() {
    let bucket = Bucket::s3("reg");
    registry().load_into(&bucket, "root/");
    let before = bucket.dump("");
    let disk = Disk::new();
    let config = disk.file("config.yml", &s3_config(&bucket, "root"));
    let home = disk.directory.path();
    let plan = home.join("plan.jsonl").display().to_string();
    let environment = s3_environment();
    let made = |arguments: &[&str]| {
        let mut command = tool::command(["plan", "--offline", "-m", "-q", "-o", &plan].iter().chain(arguments));
        tool::finish(command.current_dir(home).envs(environment)).expect(0);
        assert!(!text(plan.as_ref()).contains(SECRET_KEY));
        PlanFile::read(plan.as_ref()).header["named"].clone()
    };
    let apply = |arguments: &[&str]| {
        let mut command = tool::command(["apply", "--dry-run", "-q", &plan].iter().chain(arguments));
        tool::finish(command.current_dir("/").envs(environment))
    };
    // A file, named from where it is: its credentials are read again.
    assert_eq!(made(&["config.yml"])["registry"], config);
    apply(&[]).expect(0);
    std::fs::rename(&config, home.join("moved.yml")).unwrap();
    let ran = apply(&[]).expect(2);
    assert!(ran.stderr.contains("the plan (") && ran.stderr.contains("-R"), "{ran:#?}");
    apply(&["-R", home.join("moved.yml").to_str().unwrap()]).expect(0);
    // A URL and what belongs to it.
    let named = made(&["s3://reg/root", "--endpoint-url", &bucket.endpoint(), "--region", "us-east-1"]);
    assert_eq!(named["endpoint_url"], bucket.endpoint());
    apply(&[]).expect(0);
    assert_eq!(apply(&["--endpoint-url", "http://127.0.0.1:1"]).code, 1, "what is said now wins");
    // Nothing was named: what was found then is looked for again, and must be the same.
    let mut command = tool::command(["plan", "--offline", "-m", "-q", "-o", &plan]);
    tool::finish(command.env("REGSWEEP_REGISTRY", home.join("moved.yml"))).expect(0);
    assert_eq!(PlanFile::read(plan.as_ref()).header["named"], Value::Null);
    let mut command = tool::command(["apply", "--dry-run", "-q", &plan]);
    tool::finish(command.env("REGSWEEP_REGISTRY", home.join("moved.yml"))).expect(0);
    tool::finish(command.env("REGSWEEP_REGISTRY", disk.root())).expect(3);
    // A directory, named from where it is.
    assert_eq!(made(&["registry"])["registry"], disk.path());
    apply(&[]).expect(0);
    assert!(bucket.dump("") == before && bucket.counts().writes() == 0);
    disk.expect_untouched();
}

/// A plan beside pushes can be made and looked at as any other.
#[test]
fn live_plan_stays_live() {
    let disk = Disk::new();
    let plan = disk.directory.path().join("plan.jsonl").display().to_string();
    regsweep(["plan", "-m", "-q", "-o", &plan, &disk.path()]).expect(0);
    let header = PlanFile::read(plan.as_ref()).header;
    assert_eq!((&header["mode"], &header["options"]["min_age"]), (&"live".into(), &"1day".into()));
    let ran = regsweep(["apply", "--dry-run", "--format", "json", &plan]).expect(0);
    assert_eq!((&ran.json()["mode"], &ran.json()["options"]["defer"]), (&"live".into(), &"7days".into()));
    assert!(regsweep(["show", &plan]).expect(0).stdout.contains("mode      live"));
    disk.expect_untouched();
}

#[test]
fn quiet_apply_prints_nothing() {
    let planned = Planned::new();
    let ran = planned.apply(&["-q", "--yes"]).expect(0);
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", ""));
    assert!(planned.disk.now().len() < planned.disk.before.len());
}
