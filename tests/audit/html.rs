//! The report for the one who pays: one file, whole in itself, with the figures of the JSON.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::lab::random::random_registry;
use super::lab::registry::RegistryBuilder;
use super::{number, on_disk, regsweep, run};

/// Elements that have no end.
const VOID: [&str; 3] = ["meta", "input", "br"];

/// An audit in HTML and JSON.
fn reports(registry: &RegistryBuilder, line: &[&str]) -> (String, Value) {
    let (directory, home) = (on_disk(registry), tempfile::tempdir().unwrap());
    let file = home.path().join("audit.html").display().to_string();
    let report = run(&directory, &[line, &["--html", &file, "--format", "json"]].concat()).expect(0).json();
    (std::fs::read_to_string(&file).unwrap(), report)
}

/// What stands between the first such begin and the end behind it.
fn between<'a>(text: &'a str, begin: &str, end: &str) -> &'a str {
    let (_, rest) = text.split_once(begin).unwrap_or_else(|| panic!("no {begin}"));
    rest.split_once(end).unwrap_or_else(|| panic!("no {end}")).0
}

/// Every element ends, in the order in which they began, and every attribute is quoted. What stands in scripts and styles is
/// not looked at.
fn check_well_formed(html: &str) {
    let mut open: Vec<String> = Vec::new();
    let mut rest = html.strip_prefix("<!doctype html>").expect("a doctype");
    while let Some((text, after)) = rest.split_once('<') {
        assert!(!text.contains('>'), "a stray > in {text:?}");
        let mut quoted = false;
        let end = after.char_indices().find(|(_, letter)| {
            quoted ^= *letter == '"';
            *letter == '>' && !quoted
        });
        let (tag, after) = after.split_at(end.expect("an end of a tag").0);
        rest = &after[1..];
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name), "{:?}", &rest[..rest.len().min(80)]);
            continue;
        }
        let name = tag.split_whitespace().next().unwrap_or_default().to_owned();
        assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric()) && !name.is_empty(), "{tag:?}");
        if name == "script" || name == "style" {
            rest = rest.split_once(&format!("</{name}>")).expect("its end").1;
        } else if !VOID.contains(&name.as_str()) {
            open.push(name);
        }
    }
    assert_eq!(open, Vec::<String>::new());
}

fn data(html: &str) -> Value {
    serde_json::from_str(between(html, r#"id="rows">"#, "</script>")).unwrap()
}

#[test]
fn html_has_the_figures_of_the_json() {
    let (html, report) = reports(&random_registry(11), &["--group", "re:^([^/]+)", "--min-age", "0s"]);
    check_well_formed(&html);
    let data = data(&html);
    let titles = between(&html, "<table id=\"table\">", "</thead>");
    let share = titles.split("<button type=\"button\">").skip(1).position(|title| title.starts_with("Share<")).unwrap();
    let rows = data["rows"].as_array().unwrap();
    let sum: u64 = rows.iter().map(|row| row[share].as_u64().unwrap()).sum();
    assert_eq!(sum, number(&report, "/bytes"));
    let expected = report["repositories"].as_array().unwrap().iter().chain([&report["nobody"]]);
    for (row, expected) in rows.iter().zip(expected) {
        assert_eq!((&row[0], &row[share]), (&expected["name"], &expected["fair_share_bytes"]));
        assert_eq!(row.as_array().unwrap().len(), data["columns"].as_array().unwrap().len());
    }
    assert_eq!(rows.len(), report["repositories"].as_array().unwrap().len() + 1);
    let parts = html.matches("<rect x=").count();
    let shown = rows.iter().filter(|row| row[share].as_u64() > Some(0)).count();
    assert_eq!(parts, 2 * shown, "one map for wide screens, one for narrow ones");
}

/// Nothing is asked of a network: no address, and a policy that allows none and only this script.
#[test]
fn html_stands_for_itself() {
    let (html, _) = reports(&random_registry(3), &[]);
    for word in ["http:", "https:", "//cdn", "url(", "@import", "<link", "<img", "<iframe", " src=", " onclick="] {
        assert!(!html.contains(word), "{word}");
    }
    let policy = between(&html, "Content-Security-Policy\" content=\"", "\"").replace("&#39;", "'");
    assert!(policy.starts_with("default-src 'none'; "), "{policy}");
    let script = between(&html, "<script>", "</script>");
    let hash: String = between(&policy, "'sha256-", "'").to_owned();
    assert_eq!(hash, base64(&Sha256::digest(script.as_bytes())));
}

fn base64(bytes: &[u8]) -> String {
    let bits = bytes.iter().fold(String::new(), |bits, byte| format!("{bits}{byte:08b}"));
    let letters: Vec<char> = ('A'..='Z').chain('a'..='z').chain('0'..='9').chain(['+', '/']).collect();
    let sixes = bits.as_bytes().chunks(6).map(|six| format!("{:0<6}", std::str::from_utf8(six).unwrap()));
    let text: String = sixes.map(|six| letters[usize::from_str_radix(&six, 2).unwrap()]).collect();
    text + &"=".repeat((3 - bytes.len() % 3) % 3)
}

/// What comes from outside is text, wherever it stands.
#[test]
fn nothing_that_is_named_becomes_markup() {
    let home = tempfile::tempdir().unwrap();
    let hostile = "</script><img src=x onerror=alert(1)>&\"'";
    let groups = home.path().join("groups");
    std::fs::write(&groups, format!("** {hostile}\n")).unwrap();
    let root = home.path().join("a <b>'&\"c");
    std::fs::create_dir(&root).unwrap();
    let mut r = RegistryBuilder::new();
    r.layer("app", "layer");
    r.write_to(&root);
    let file = home.path().join("audit.html");
    let line = ["audit", root.to_str().unwrap(), "--group", groups.to_str().unwrap(), "--html", file.to_str().unwrap()];
    regsweep(line).expect(0);
    let html = std::fs::read_to_string(&file).unwrap();
    check_well_formed(&html);
    assert!(!html.contains("<img") && !html.contains("<b>"), "{html}");
    let rows = data(&html)["rows"].clone();
    assert!(rows[0].as_array().unwrap().iter().any(|cell| cell == hostile), "{rows}");
    let quoted = "regsweep gc --dry-run &#39;";
    let command = html.contains(quoted) || html.contains("regsweep audit --policy policy.yml --html audit.html &#39;");
    assert!(command, "the place is quoted for a shell: {html}");
}

fn many() -> RegistryBuilder {
    let mut r = RegistryBuilder::new();
    for number in 0..5000 {
        r.layer(&format!("team-{}/program-{number}", number % 40), format!("layer {}", "x".repeat(number % 500)));
    }
    r
}

#[test]
fn five_thousand_repositories_fit_one_file() {
    let (html, report) = reports(&many(), &[]);
    assert!(html.len() < 5 << 20, "{} bytes", html.len());
    check_well_formed(&html);
    assert_eq!(data(&html)["rows"].as_array().unwrap().len(), report["repositories"].as_array().unwrap().len() + 1);
    assert!(html.matches("<rect x=").count() < 700, "small ones share a part of the map");
}

fn chromium() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let names = ["chromium", "chromium-browser", "google-chrome"];
    std::env::split_paths(&path).flat_map(|at| names.map(|name| at.join(name))).find(|file| file.is_file())
}

/// Opens a file; what the page is then, and what the browser logged.
fn open(browser: &Path, file: &Path) -> (String, String) {
    let profile = tempfile::tempdir().unwrap();
    let run = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--enable-logging=stderr"])
        .args(["--disable-background-networking", "--virtual-time-budget=4000", "--dump-dom"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("file://{}", file.display()))
        .output()
        .unwrap();
    (String::from_utf8_lossy(&run.stdout).into_owned(), String::from_utf8_lossy(&run.stderr).into_owned())
}

/// A browser runs the script, has nothing to complain about, and shows what it should. Where there is none, this says so.
#[test]
#[allow(clippy::print_stderr, reason = "whoever runs the tests is told what was not looked at")]
fn browser_shows_it_without_an_error() {
    let Some(browser) = chromium() else {
        eprintln!("no Chromium here: the report was not opened");
        return;
    };
    let (html, report) = reports(&many(), &[]);
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("audit.html");
    std::fs::write(&file, &html).unwrap();
    let (page, log) = open(&browser, &file);
    assert!(!log.contains("CONSOLE"), "{log}");
    let table = between(&page, "<table id=\"table\">", "</table>");
    assert_eq!(table.matches("<tr>").count(), 1 + 200, "titles, and the first rows");
    assert!(table.contains("aria-sort=\"descending\""), "{}", between(table, "<thead>", "</thead>"));
    let rows = report["repositories"].as_array().unwrap().len() + 1;
    assert!(
        page.contains(&format!("{rows} rows, the first 200 shown")),
        "{}",
        between(&page, "id=\"controls\"", "</div>")
    );
    // A script that is not the report's does not run.
    let wrong = html.replace("\"use strict\";", "\"use strict\"; document.title = \"changed\";");
    std::fs::write(&file, wrong).unwrap();
    let (page, log) = open(&browser, &file);
    assert!(log.contains("Content Security Policy") && !page.contains("<title>changed"), "{log}");
}
