//! `regsweep explain`: what it says is what a collection does.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, unreachable_pub, reason = "tests")]

mod lab;
mod tool;

use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;

use lab::pull::tags;
use lab::random::random_registry;
use lab::registry::{Digest, RegistryBuilder, blob_key, sha256};
use lab::tree::read_dir;
use tool::plan::PlanFile;
use tool::{Ran, regsweep};

fn on_disk(registry: &RegistryBuilder) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    registry.write_to(directory.path());
    directory
}

fn explain_in(directory: &Path, line: &[&str]) -> Ran {
    regsweep(["explain", "-R", directory.to_str().unwrap()].iter().chain(line))
}

/// Explains something in a registry in a directory. Whatever is asked, nothing is changed.
fn explain(registry: &RegistryBuilder, line: &[&str]) -> Ran {
    let directory = on_disk(registry);
    let before = read_dir(directory.path());
    let ran = explain_in(directory.path(), line);
    assert_eq!(read_dir(directory.path()), before, "an answer changes nothing");
    ran
}

fn answer(registry: &RegistryBuilder, line: &[&str]) -> Value {
    explain(registry, &[line, &["--format", "json"]].concat()).expect(0).json()
}

fn kinds(chain: &Value) -> Vec<String> {
    let steps = chain["steps"].as_array().unwrap();
    steps.iter().map(|step| step["kind"].as_str().unwrap().to_owned()).collect()
}

/// A tagged index of indexes, and a second image on one of its layers.
fn registry() -> (RegistryBuilder, Digest, Digest) {
    let mut r = RegistryBuilder::new();
    let image = r.image("app", "config", &["base", "own"]);
    let inner = r.index("app", &[&image.digest]);
    let outer = r.index("app", &[&inner]);
    r.tag("app", "v1", &outer);
    let other = r.image("other", "other", &["base"]);
    r.tag("other", "latest", &other.digest);
    (r, image.layers[0].clone(), image.layers[1].clone())
}

#[test]
fn chain_leads_from_the_tag_down() {
    let (r, base, own) = registry();
    let told = answer(&r, &[&own]);
    assert_eq!(told["schema"], "regsweep.explain/1");
    assert_eq!((&told["kind"], &told["verdict"]["state"]), (&json!("layer"), &json!("kept")));
    let chains = told["kept_by"]["chains"].as_array().unwrap();
    let tagged = chains.iter().find(|chain| chain["by"] == "tag").unwrap();
    assert_eq!((&tagged["repository"], &tagged["tag"]), (&json!("app"), &json!("v1")));
    assert_eq!(kinds(tagged), ["index", "index", "image", "layer"]);
    assert_eq!(told["freed_with_it"]["bytes"], 3);
    let told = answer(&r, &["-m", &base]);
    let chains = told["kept_by"]["chains"].as_array().unwrap();
    let tops: Vec<&Value> = chains.iter().map(|chain| &chain["repository"]).collect();
    assert_eq!(tops, [&json!("other"), &json!("app")], "the shortest first, and nothing but tags with -m");
    assert_eq!((&told["kept_by"]["tags"], &told["kept_by"]["more"]), (&json!(2), &json!(0)));
    let links: Vec<&Value> = told["links"].as_array().unwrap().iter().map(|link| &link["repository"]).collect();
    assert_eq!(links, [&json!("app"), &json!("other")]);
    let here = answer(&r, &["-m", &format!("app@{base}")]);
    assert_eq!(here["kept_by"]["tags"], 1);
}

#[test]
fn image_frees_what_only_it_keeps() {
    let (r, base, own) = registry();
    let freed = answer(&r, &["app:v1"]);
    assert_eq!((&freed["kind"], &freed["verdict"]["state"]), (&json!("index"), &json!("kept")));
    let digests = freed["freed_with_it"]["digests"].to_string();
    assert!(digests.contains(&own) && !digests.contains(&base), "{freed:#}");
    assert_eq!(freed["freed_with_it"]["count"], 5, "two indexes, manifest, config, one layer");
}

#[test]
fn untagged_manifest_is_told_from_what_a_tag_needs() {
    let mut r = RegistryBuilder::new();
    let image = r.image("app", "config", &["layer"]);
    let told = answer(&r, &[&image.layers[0]]);
    assert_eq!(told["verdict"]["state"], "kept");
    assert_eq!(told["kept_by"]["chains"][0]["by"], "manifest");
    assert_eq!(told["verdict"]["only_without_delete_untagged"], true);
    assert!(explain(&r, &[&image.layers[0]]).expect(0).stdout.contains("-m (--delete-untagged)"));
    let told = answer(&r, &["-m", "--offline", &image.layers[0]]);
    assert_eq!(told["verdict"]["state"], "goes");
    assert_eq!(told["links"][0]["goes"], "unneeded_layer_link");
    let told = answer(&r, &["-m", &image.layers[0]]);
    assert_eq!(told["verdict"]["state"], "waits");
    assert!(told["verdict"]["not_before"].is_string() && told["verdict"]["since"].is_null(), "{told:#}");
}

#[test]
fn rule_that_lets_a_tag_go_is_told() {
    let (r, _, own) = registry();
    let policy = tempfile::NamedTempFile::new().unwrap();
    let text = "rules:\n  - name: ci\n    repositories: [app]\n    delete: {older_than: 7d}\n";
    std::fs::write(policy.path(), text).unwrap();
    let with = ["--offline", "--policy", policy.path().to_str().unwrap()];
    let told = answer(&r, &[&with[..], &["app:v1"]].concat());
    assert_eq!(told["verdict"]["state"], "goes");
    assert_eq!(told["links"][0]["goes"], "retention");
    assert!(told["links"][0]["rule"].as_str().unwrap().starts_with("rule ci: "), "{told:#}");
    assert_eq!(answer(&r, &[&with[..], &[&own]].concat())["verdict"]["state"], "goes");
    let text = explain(&r, &[&with[..], &["app:v1"]].concat()).expect(0).stdout;
    assert!(text.contains("goes: rule ci: "), "{text}");
}

#[test]
fn signature_and_young_link_are_told_as_what_they_are() {
    let mut r = RegistryBuilder::new();
    let image = r.image("app", "config", &["layer"]);
    r.tag("app", "v1", &image.digest);
    let signature = r.referrer("app", &image.digest, "application/vnd.example.signature", "signed");
    let told = answer(&r, &["-m", &signature.layers[0]]);
    let keeps: Vec<&Value> =
        told["kept_by"]["chains"][0]["steps"].as_array().unwrap().iter().map(|step| &step["keeps"]).collect();
    assert_eq!(keeps, [&json!("is_subject_of"), &json!("names"), &Value::Null]);
    r.aged(Duration::from_mins(10));
    let pushed = r.layer("app", "just pushed");
    let told = answer(&r, &["-m", &pushed]);
    assert_eq!(told["kept_by"]["chains"][0]["by"], "young_layer_link");
    assert!(told["kept_by"]["chains"][0]["until"].is_string());
}

#[test]
fn what_nothing_names_is_found_and_what_is_not_there_is_told() {
    let (mut r, _, own) = registry();
    let orphan = r.blob("orphan");
    let told = answer(&r, &["--offline", &orphan]);
    assert_eq!((&told["kind"], &told["verdict"]["state"]), (&json!("blob"), &json!("goes")));
    assert_eq!((&told["links"], &told["freed_with_it"]["bytes"]), (&json!([]), &json!(6)));
    let hex = |digest: &str| digest["sha256:".len()..].to_owned();
    assert_eq!(answer(&r, &[&hex(&orphan)[..12]])["digest"], json!(orphan), "a few digits are enough");
    assert_eq!(answer(&r, &[&format!("app@{}", &hex(&own)[..20])])["digest"], json!(own));
    // Two that begin alike: no content has such digests, but keys can say anything.
    for end in ["0", "1"] {
        r.raw(&blob_key(&format!("sha256:{}{end}", "ab".repeat(31) + "a")), "x");
    }
    let absent = sha256(b"absent");
    for (line, words) in [
        (&["abababababab"][..], "2 digests begin so"),
        (&[&absent], "it is not in this registry"),
        (&["000000000000"], "it is not in this registry"),
        (&[&format!("app@{absent}")], "no such manifest"),
        (&["app:v2"], "there is no such tag"),
        (&["ap:v1"], "did you mean app?"),
    ] {
        let ran = explain(&r, line).expect(1);
        assert!(ran.stderr.contains(words) && ran.stdout.is_empty(), "{line:?}: {ran:#?}");
    }
    explain(&r, &["app"]).expect(2);
}

#[test]
fn lost_content_is_told_with_what_needs_it() {
    let (mut r, _, own) = registry();
    r.lose_blob(&own);
    let told = answer(&r, &[&own]);
    assert_eq!(told["verdict"]["state"], "missing");
    assert_eq!(told["kept_by"]["tags"], 1);
    assert!(explain(&r, &[&own]).expect(0).stdout.contains("its content is not there"));
}

#[test]
fn what_waits_is_told_with_its_times() {
    let (mut r, ..) = registry();
    let orphan = r.blob("orphan");
    let directory = on_disk(&r);
    let path = directory.path().to_str().unwrap();
    regsweep(["gc", "--settle", "0s", path]).expect(0);
    let told = explain_in(directory.path(), &["--format", "json", &orphan]).expect(0).json();
    assert_eq!(told["verdict"]["state"], "waits");
    assert!(told["verdict"]["since"].is_string(), "{told:#}");
}

/// What is kept has a chain from something that keeps it, and nothing else has; what goes is what a plan has.
#[test]
fn answers_agree_with_the_plan() {
    for seed in 0..6 {
        let r = random_registry(seed);
        let directory = on_disk(&r);
        let path = directory.path().to_str().unwrap();
        for with in [&["--offline", "-m"][..], &["--offline"]] {
            let plan = tempfile::tempdir().unwrap();
            let file = plan.path().join("plan.jsonl");
            regsweep([&["plan", path, "-o", file.to_str().unwrap()], with].concat()).expect(0);
            let going: BTreeSet<String> = PlanFile::read(&file).keys().into_iter().collect();
            let tree = read_dir(directory.path());
            let blobs = tree.keys().filter(|key| key.contains("/blobs/")).filter(|key| key.ends_with("/data"));
            for key in blobs.step_by(3) {
                let digest = format!("sha256:{}", key.rsplit('/').nth(1).unwrap());
                let line = [with, &["--format", "json", &digest]].concat();
                let told = explain_in(directory.path(), &line).expect(0).json();
                let state = if going.contains(key) { "goes" } else { "kept" };
                assert_eq!(told["verdict"]["state"], state, "seed {seed} {with:?}: {told:#}");
                let chains = told["kept_by"]["chains"].as_array().unwrap();
                assert_eq!(chains.is_empty(), state == "goes", "seed {seed} {with:?}: {told:#}");
                assert!(chains.iter().all(|chain| chain["by"] != "other"), "seed {seed} {with:?}: {told:#}");
                for link in told["links"].as_array().unwrap() {
                    let goes = going.contains(link["key"].as_str().unwrap());
                    assert_eq!(link["goes"].is_string(), goes, "seed {seed} {with:?}: {told:#}");
                }
            }
        }
    }
}

/// What is said to go with a tag is what goes with it.
#[test]
fn bytes_that_would_be_freed_are_freed() {
    let mut checked = 0;
    for seed in 20..26 {
        let directory = on_disk(&random_registry(seed));
        let path = directory.path().to_str().unwrap();
        regsweep(["gc", "--offline", "--max-delete-percent", "100", path]).expect(0);
        for (repository, tag) in tags(&read_dir(directory.path())) {
            let image = format!("{repository}:{tag}");
            let told = explain_in(directory.path(), &["--offline", "--format", "json", &image]);
            // Of an image that went with another nothing is left to ask.
            if told.code != 0 {
                continue;
            }
            let gone = regsweep([
                "rm",
                &image,
                "-R",
                path,
                "--gc",
                "--offline",
                "--yes",
                "--format",
                "json",
                "--max-delete-percent",
                "100",
            ]);
            let gone = gone.expect(0);
            assert_eq!(told.count("/freed_with_it/bytes"), gone.count("/deleted/blobs/bytes"), "seed {seed} {image}");
            assert_eq!(told.count("/freed_with_it/count"), gone.count("/deleted/blobs/count"), "seed {seed} {image}");
            checked += 1;
        }
    }
    assert!(checked > 10, "only {checked}");
}

#[test]
fn text_fits_a_terminal() {
    let mut r = RegistryBuilder::new();
    let long = "a-rather-long-team-name/with-a-rather-long-project-name/and-a-service-that-is-called-at-length";
    for number in 0..30 {
        let image = r.image(&format!("{long}-{number}"), "config", &["shared"]);
        let index = r.index(&format!("{long}-{number}"), &[&image.digest]);
        r.tag(&format!("{long}-{number}"), "release-2026.11.21-with-a-suffix", &index);
    }
    let text = explain(&r, &[&sha256(b"shared")]).expect(0).stdout;
    for line in text.lines().filter(|line| !line.contains(long)) {
        assert!(line.chars().count() <= 80, "{line}");
    }
    assert!(text.contains("and 25 more") && text.contains("and 10 more"), "{text}");
}
