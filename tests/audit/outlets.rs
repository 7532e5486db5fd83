//! Reports in files: of an audit, and of every other command that reports.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

use super::lab::random::random_registry;
use super::lab::registry::RegistryBuilder;
use super::lab::tree::read_dir;
use super::{number, on_disk, regsweep, run};

const FORMS: [&str; 4] = ["json", "csv", "markdown", "openmetrics"];

/// Arguments for every form, with files in a directory.
fn all_forms(home: &Path) -> Vec<String> {
    FORMS.iter().flat_map(|form| [format!("--{form}"), home.join(form).display().to_string()]).collect()
}

fn read(home: &Path, form: &str) -> String {
    std::fs::read_to_string(home.join(form)).unwrap_or_else(|error| panic!("{form}: {error}"))
}

/// Rows by their first cell; a cell by its title.
fn csv(text: &str) -> BTreeMap<String, BTreeMap<String, String>> {
    let mut lines = text.lines().map(|line| line.split(',').map(str::to_owned).collect::<Vec<_>>());
    let titles = lines.next().unwrap();
    lines
        .map(|cells| {
            assert_eq!(cells.len(), titles.len(), "{cells:?}");
            (cells[0].clone(), titles.iter().cloned().zip(cells).collect())
        })
        .collect()
}

/// Figures by name and labels, read as strictly as the format is: each family at once, with its type before it, its unit at
/// the end of its name, no figure twice, and an end.
fn openmetrics(text: &str) -> BTreeMap<String, f64> {
    let (mut figures, mut families) = (BTreeMap::new(), BTreeSet::new());
    let mut family = String::new();
    let body = text.strip_suffix("# EOF\n").expect("an end");
    for line in body.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert!(kind == "gauge" && families.insert(name.to_owned()), "{line}");
            name.clone_into(&mut family);
        } else if let Some(rest) = line.strip_prefix("# UNIT ") {
            let (name, unit) = rest.split_once(' ').unwrap();
            assert!(name == family && name.ends_with(&format!("_{unit}")), "{line}");
        } else if let Some(rest) = line.strip_prefix("# HELP ") {
            assert!(rest.starts_with(&format!("{family} ")), "{line}");
        } else {
            let (series, value) = line.rsplit_once(' ').unwrap();
            let (name, labels) = series.split_once('{').unwrap();
            assert_eq!(name, family, "{line}");
            assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_'));
            check_labels(labels);
            assert!(figures.insert(series.to_owned(), value.parse().unwrap()).is_none(), "twice: {line}");
        }
    }
    figures
}

/// `name="value",...}` with every quote, backslash and line end in a value escaped.
fn check_labels(text: &str) {
    let mut rest = text;
    let mut names = BTreeSet::new();
    loop {
        let (name, after) = rest.split_once("=\"").unwrap_or_else(|| panic!("{text}"));
        assert!(names.insert(name.to_owned()), "twice: {text}");
        let mut end = None;
        let mut letters = after.char_indices();
        while let Some((at, letter)) = letters.next() {
            match letter {
                '\\' => assert!(matches!(letters.next(), Some((_, '\\' | '"' | 'n'))), "{text}"),
                '"' => {
                    end = Some(at + 1);
                    break;
                }
                _ => {}
            }
        }
        rest = &after[end.unwrap_or_else(|| panic!("{text}"))..];
        match rest.strip_prefix(',') {
            Some(next) => rest = next,
            None => break,
        }
    }
    assert_eq!(rest, "}", "{text}");
}

#[test]
fn every_form_of_an_audit_says_the_same() {
    let (registry, home) = (random_registry(11), tempfile::tempdir().unwrap());
    let directory = on_disk(&registry);
    let line =
        [all_forms(home.path()), ["--group", "re:^([^/]+)", "--format", "json"].map(String::from).to_vec()].concat();
    let line: Vec<&str> = line.iter().map(String::as_str).collect();
    let ran = run(&directory, &line).expect(0);
    let report = ran.json();
    assert_eq!(read(home.path(), "json"), ran.stdout);
    let rows = csv(&read(home.path(), "csv"));
    let sum: u64 = rows.values().map(|row| row["fair_share_bytes"].parse::<u64>().unwrap()).sum();
    assert_eq!(sum, number(&report, "/bytes"));
    for row in report["repositories"].as_array().unwrap() {
        let name = row["name"].as_str().unwrap();
        assert_eq!(rows[name]["logical_bytes"], row["logical_bytes"].to_string(), "{name}");
        assert_eq!(rows[name]["freed_collection_bytes"], row["freed_bytes"]["collection"].to_string(), "{name}");
    }
    let figures = openmetrics(&read(home.path(), "openmetrics"));
    let registry = format!("registry=\"{}\"", directory.path().display());
    for (class, tally) in report["classes"].as_object().unwrap() {
        let series = format!("regsweep_audit_class_bytes{{{registry},class=\"{class}\"}}");
        assert_eq!(Some(figures[&series]), tally["bytes"].as_f64(), "{class}");
    }
    let shares = figures.iter().filter(|(name, _)| name.starts_with("regsweep_audit_repository_fair_share_bytes{"));
    assert_eq!(Some(shares.map(|(_, share)| share).sum::<f64>()), report["bytes"].as_f64());
    let markdown = read(home.path(), "markdown");
    for row in report["repositories"].as_array().unwrap() {
        let name = row["name"].as_str().unwrap().replace('_', "\\_");
        assert!(markdown.contains(&format!("| {name} |")), "{name}: {markdown}");
    }
}

fn garbage() -> RegistryBuilder {
    let mut r = RegistryBuilder::new();
    for repo in ["app", "team/web"] {
        let image = r.image(repo, repo, &["base", repo]);
        r.tag(repo, "v1", &image.digest).tag(repo, "ci-1", &image.digest);
        r.layer(repo, format!("garbage of {repo}"));
    }
    r.layer("app", "of both");
    r.layer("team/web", "of both");
    r.blob("of nobody");
    r
}

#[test]
fn every_command_that_reports_writes_every_form() {
    let home = tempfile::tempdir().unwrap();
    let plan = home.path().join("plan.jsonl").display().to_string();
    let policy = home.path().join("policy.yml").display().to_string();
    std::fs::write(&policy, "rules:\n  - repositories: [\"**\"]\n    delete: {tags: [\"ci-*\"]}\n").unwrap();
    for line in [
        &["plan", "-o", &plan][..],
        &["gc", "--dry-run", "--offline"],
        &["gc", "--offline", "--yes"],
        &["prune", "--policy", &policy, "--offline", "--yes"],
        &["rm", "app:v1", "--offline", "--yes"],
        &["apply", &plan, "--yes"],
    ] {
        let directory = on_disk(&garbage());
        let path = directory.path().display().to_string();
        if line[0] == "apply" {
            regsweep(["plan", "--offline", "-o", &plan, &path]).expect(0);
        }
        let forms = all_forms(home.path());
        let line: Vec<&str> = line
            .iter()
            .copied()
            .chain(forms.iter().map(String::as_str))
            .chain(["-R", &path, "--format", "json"])
            .collect();
        let ran = regsweep(&line).expect(0);
        let report = ran.json();
        assert_eq!(read(home.path(), "json"), ran.stdout, "{line:?}");
        let rows = csv(&read(home.path(), "csv"));
        for (title, field) in [("before_bytes", "before"), ("freed_bytes", "freed"), ("after_bytes", "after")] {
            let sum: u64 = rows.values().map(|row| row[title].parse::<u64>().unwrap()).sum();
            assert_eq!(sum, number(&report, &format!("/bytes/{field}")), "{line:?}: {title}");
        }
        let planned: u64 = rows.values().map(|row| row["planned_blob_bytes"].parse::<u64>().unwrap()).sum();
        assert_eq!(planned, number(&report, "/planned/blobs/bytes"), "{line:?}");
        let figures = openmetrics(&read(home.path(), "openmetrics"));
        let command = report["command"].as_str().unwrap();
        let labels = format!("registry=\"{path}\",command=\"{command}\"");
        assert!(figures[&format!("regsweep_run_exit_code{{{labels}}}")].abs() < 0.5, "{figures:?}");
        let freed = figures[&format!("regsweep_run_freed_bytes{{{labels}}}")];
        assert_eq!(Some(freed), report["bytes"]["freed"].as_f64(), "{line:?}");
        let markdown = read(home.path(), "markdown");
        assert!(markdown.starts_with(&format!("## regsweep {command}: ")), "{markdown}");
        assert!(markdown.contains("| team/web |") || command == "rm", "{markdown}");
    }
    for line in [&["pending"][..], &["restore", "--all", "--dry-run"], &["ls"]] {
        let directory = on_disk(&garbage());
        let (path, json) = (directory.path().display().to_string(), home.path().join("json").display().to_string());
        let ran = regsweep(line.iter().chain(&["-R", &path, "--json", &json, "--format", "json"])).expect(0);
        assert_eq!(read(home.path(), "json"), ran.stdout, "{line:?}");
    }
    let json = home.path().join("json").display().to_string();
    let ran = regsweep(["show", &plan, "--json", &json, "--format", "json"]).expect(0);
    assert_eq!(read(home.path(), "json"), ran.stdout);
}

/// Found before the scan begins, and before anything goes.
#[test]
fn file_that_cannot_be_written_is_found_first() {
    let home = tempfile::tempdir().unwrap();
    let nowhere = home.path().join("no/such/directory/report").display().to_string();
    let here = home.path().display().to_string();
    let twice = home.path().join("twice").display().to_string();
    let directory = on_disk(&garbage());
    let before = read_dir(directory.path());
    let path = directory.path().display().to_string();
    for command in [&["gc", "--offline", "--yes"][..], &["audit"], &["rm", "app:v1", "--yes"], &["pending"]] {
        for file in [&nowhere, &here] {
            let ran = regsweep(command.iter().chain(&["-R", &path, "--json", file])).expect(1);
            assert!(
                ran.stderr.starts_with("error: write the report") && ran.stderr.contains(file.as_str()),
                "{ran:#?}"
            );
            assert_eq!(ran.stdout, "");
        }
    }
    for file in [&nowhere, &here] {
        let ran = regsweep(["audit", "-R", &path, "--html", file, "--json", &twice]).expect(1);
        assert!(ran.stderr.starts_with("error: write the report") && ran.stdout.is_empty(), "{ran:#?}");
    }
    let ran = regsweep(["audit", "-R", &path, "--html", "-"]).expect(2);
    assert!(ran.stderr.contains("- names no file") && !Path::new("-").exists(), "{ran:#?}");
    let ran = regsweep(["audit", "-R", &path, "--quiet", "--html", "/dev/stdout"]).expect(0);
    assert!(ran.stdout.starts_with("<!doctype html>"), "{ran:#?}");
    let ran = regsweep(["audit", "-R", &path, "--html", &twice, "--json", &twice]).expect(2);
    assert!(ran.stderr.contains("it is named for two reports"), "{ran:#?}");
    let ran = regsweep(["gc", "--offline", "--yes", "-R", &path, "--json", &twice, "--csv", &twice]).expect(2);
    assert!(ran.stderr.contains("it is named for two reports"), "{ran:#?}");
    assert_eq!(read_dir(directory.path()), before, "nothing went");
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0, "and nothing is left behind");
}

/// A run that could not be carried out leaves the reports of the last one alone.
#[test]
fn report_of_an_earlier_run_stays_until_there_is_another() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("report");
    std::fs::write(&file, "of yesterday").unwrap();
    let ran = regsweep(["audit", "/no/such/registry", "--json", file.to_str().unwrap()]);
    assert_ne!(ran.code, 0);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "of yesterday");
}

#[test]
fn many_repositories_fit_a_summary_and_a_spreadsheet_has_them_all() {
    let mut r = RegistryBuilder::new();
    for number in 0..700 {
        r.layer(&format!("team/{}-{number}", "long".repeat(40)), "layer");
    }
    let (directory, home) = (on_disk(&r), tempfile::tempdir().unwrap());
    let forms = all_forms(home.path());
    run(&directory, &forms.iter().map(String::as_str).collect::<Vec<_>>()).expect(0);
    let markdown = read(home.path(), "markdown");
    assert!(markdown.len() < 1 << 20, "{}", markdown.len());
    assert!(markdown.contains("201 more rows are not shown"), "{markdown}");
    assert_eq!(csv(&read(home.path(), "csv")).len(), 701);
    let json: Value = serde_json::from_str(&read(home.path(), "json")).unwrap();
    assert_eq!(json["repositories"].as_array().unwrap().len(), 700);
}
