//! `prune`: tags go by rules, with what only they kept; in a directory and in buckets, offline and live.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};

use crate::check::{blobs, links, pointers};
use crate::lab::manifests::Image;
use crate::lab::pull::assert_tags_unharmed;
use crate::lab::registry::{RegistryBuilder, blob_key, history_key, revision_key, tag_key};
use crate::lab::tree::{Tree, days_ago, removed};
use crate::place::{Place, assert_same};
use crate::tool::Ran;

const OFFLINE: &[&str] = &["--offline"];
const SBOM: &str = "application/spdx+json";

fn prune(place: &Place, arguments: &[&str]) -> Ran {
    place.run(&[&["prune", "--format", "json", "--yes"], arguments].concat())
}

/// A policy beside the registry of a place.
fn file(place: &Place, name: &str, text: &str) -> String {
    let path = place.directory.path().with_extension(name);
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

/// An image under a tag, pushed so many days ago, with a layer of its own. A minute more: a store tells whole seconds, and what
/// is a second short of fifty days is 49 days old.
fn image(registry: &mut RegistryBuilder, repo: &str, tag: &str, days: u64) -> Image {
    registry.at(days_ago(days) - Duration::from_mins(1));
    let image =
        registry.image(repo, &format!("config of {repo}:{tag}"), &[&format!("layer of {repo}:{tag}"), "shared"]);
    registry.tag(repo, tag, &image.digest);
    image
}

/// All of an image that nothing else has.
fn own(repo: &str, tag: &str, image: &Image) -> Vec<String> {
    let mut keys = vec![tag_key(repo, tag), history_key(repo, tag, &image.digest)];
    keys.extend(pointers(repo, image).into_iter().chain(blobs(image.all())));
    keys.retain(|key| !key.contains(&crate::lab::registry::sha256(b"shared").replace("sha256:", "")));
    keys.sort();
    keys.dedup();
    keys
}

fn without_gone_tags(before: &Tree, after: &Tree) -> Tree {
    let is_gone = |key: &String| key.ends_with("/current/link") && !after.contains_key(key);
    before.iter().filter(|(key, _)| !is_gone(key)).map(|(key, entry)| (key.clone(), entry.clone())).collect()
}

/// Prunes everywhere: exactly these keys go, a dry run said so before, and every tag that stays can be pulled as before.
#[track_caller]
fn loses(registry: &RegistryBuilder, policy: &str, keys: impl IntoIterator<Item = String>) -> Value {
    let expected: BTreeSet<String> = keys.into_iter().collect();
    let mut last = Value::Null;
    for place in Place::all(registry) {
        let policy = file(&place, "policy.yml", policy);
        let arguments = [OFFLINE, &["--policy", &policy]].concat();
        let before = place.registry();
        let looked = prune(&place, &[&arguments[..], &["--dry-run"]].concat()).expect(0);
        assert_same(&before, &place.registry(), "a dry run changed something");
        let ran = prune(&place, &arguments).expect(0);
        assert_eq!(looked.json()["planned"], ran.json()["planned"]);
        assert_eq!(ran.json()["planned"], ran.json()["deleted"], "{ran:#?}");
        let after = place.registry();
        let gone: BTreeSet<String> = removed(&before, &after).into_iter().collect();
        let unexpected: Vec<_> = gone.difference(&expected).collect();
        let left: Vec<_> = expected.difference(&gone).collect();
        assert!(unexpected.is_empty() && left.is_empty(), "gone: {unexpected:#?}\nleft: {left:#?}\n{ran:#?}");
        assert_tags_unharmed(&without_gone_tags(&before, &after), &after, policy.as_str());
        let again = prune(&place, &arguments).expect(0);
        assert_eq!(again.json()["planned"]["tags"], 0, "a second run has nothing to do");
        last = ran.json();
    }
    last
}

#[test]
fn tags_go_by_rule_with_all_that_only_they_kept() {
    let mut registry = RegistryBuilder::new();
    image(&mut registry, "ci/app", "pr-3", 1);
    let second = image(&mut registry, "ci/app", "pr-2", 40);
    let first = image(&mut registry, "ci/app", "pr-1", 50);
    image(&mut registry, "ci/app", "main", 400);
    image(&mut registry, "other", "pr-1", 400);
    let policy =
        "rules: [{name: ci, repositories: [\"ci/**\"], delete: {older_than: 30d, tags: [\"pr-*\"]}, keep: {last: 1}}]";
    let goes = [own("ci/app", "pr-1", &first), own("ci/app", "pr-2", &second)].concat();
    let json = loses(&registry, policy, goes);
    let retention = &json["retention"];
    assert_eq!(retention["rules"], json!([{"rule": "ci", "tags": 2, "manifests": 2}]));
    assert_eq!(json["tags"][0]["rule"], "rule ci: older than 30d (pushed 50d ago), tag pr-*");
    assert_eq!((&json["tags"][1]["image"], &retention["cautions"]), (&json!("ci/app:pr-2"), &json!([])));
}

#[test]
fn keeps_what_shares_its_digest_with_a_dropped_tag() {
    let mut registry = RegistryBuilder::new();
    let stable = image(&mut registry, "app", "stable", 99);
    registry.tag("app", "build-7", &stable.digest);
    let policy = "rules: [{repositories: [app], delete: {tags: [\"*\"]}, keep: {tags: [stable]}}]";
    loses(&registry, policy, [tag_key("app", "build-7"), history_key("app", "build-7", &stable.digest)]);
}

/// A multi-arch image goes whole, and keeps what another one needs; so do signatures and SBOMs.
#[test]
fn children_and_signatures_share_the_fate_of_their_image() {
    let mut registry = RegistryBuilder::new();
    registry.at(days_ago(99));
    let children = ["amd64", "arm64", "both"].map(|name| registry.image("app", &format!("config {name}"), &[name]));
    let [amd64, arm64, both] = &children;
    let old = registry.index("app", &[&amd64.digest, &both.digest]);
    let new = registry.index("app", &[&arm64.digest, &both.digest]);
    registry.tag("app", "old", &old);
    let sbom = registry.referrer("app", &amd64.digest, SBOM, "sbom of amd64");
    let signature = registry.cosign_signature("app", &old);
    let kept_sbom = registry.referrer("app", &both.digest, SBOM, "sbom of both");
    registry.at(days_ago(1)).tag("app", "new", &new);
    registry.at(days_ago(99));
    registry.cosign_signature("app", &new);
    let _ = kept_sbom;
    let policy = "rules: [{repositories: [app], delete: {older_than: 30d}}]";
    let of_signature = format!("{}.sig", old.replace(':', "-"));
    let mut goes =
        vec![tag_key("app", "old"), history_key("app", "old", &old), revision_key("app", &old), blob_key(&old)];
    goes.extend([tag_key("app", &of_signature), history_key("app", &of_signature, &signature.digest)]);
    let shared: BTreeSet<String> = [&kept_sbom, both, arm64].iter().flat_map(|image| image.all()).collect();
    for image in [amd64, &sbom, &signature] {
        let own: Vec<String> = image.all().into_iter().filter(|digest| !shared.contains(digest)).collect();
        goes.extend(blobs(&own).into_iter().chain(links("app", own.iter().filter(|digest| **digest != image.digest))));
        goes.push(revision_key("app", &image.digest));
    }
    let live: Vec<String> = registry.tree().keys().cloned().collect();
    goes.retain(|key| live.contains(key));
    // The second signature may share its configuration with the first: what a kept one has stays.
    let ran = dropped(&registry, policy);
    assert_eq!(ran, ["old", &of_signature].map(str::to_owned).into());
    for place in Place::all(&registry) {
        let policy = file(&place, "policy.yml", policy);
        let before = place.registry();
        prune(&place, &["--offline", "--policy", &policy]).expect(0);
        let after = place.registry();
        let gone: BTreeSet<String> = removed(&before, &after).into_iter().collect();
        for image in [amd64, &sbom] {
            assert!(gone.contains(&revision_key("app", &image.digest)), "{gone:#?}");
        }
        for kept in [arm64, both, &kept_sbom] {
            assert!(after.contains_key(&revision_key("app", &kept.digest)), "{gone:#?}");
        }
        assert!(
            gone.iter().all(|key| goes.contains(key)),
            "{:#?}",
            gone.iter().filter(|key| !goes.contains(key)).collect::<Vec<_>>()
        );
        assert_tags_unharmed(&without_gone_tags(&before, &after), &after, "prune");
    }
}

fn tag_of(row: &Value) -> String {
    row["image"].as_str().unwrap().rsplit_once(':').unwrap().1.to_owned()
}

/// The tags that a dry run would drop.
#[track_caller]
fn dropped(registry: &RegistryBuilder, policy: &str) -> BTreeSet<String> {
    let place = Place::directory(registry);
    let policy = file(&place, "policy.yml", policy);
    let json = prune(&place, &["--offline", "--dry-run", "--policy", &policy]).expect(0).json();
    json["tags"].as_array().unwrap().iter().map(tag_of).collect()
}

/// A signature that a rule keeps by name stays although its image goes.
#[test]
fn signature_that_is_kept_by_name_stays() {
    let mut registry = RegistryBuilder::new();
    let old = image(&mut registry, "app", "old", 99);
    registry.cosign_signature("app", &old.digest);
    let rest = "rules: [{repositories: [app], delete: {older_than: 30d}";
    assert_eq!(dropped(&registry, &format!("{rest}}}]")).len(), 2);
    assert_eq!(dropped(&registry, &format!("{rest}, keep: {{tags: [\"*.sig\"]}}}}]")), ["old".to_owned()].into());
}

#[test]
fn untagged_manifests_go_by_age_and_never_as_parts() {
    let mut registry = RegistryBuilder::new();
    registry.at(days_ago(99));
    let child = registry.image("app", "config of a child", &["child"]);
    let index = registry.index("app", &[&child.digest]);
    registry.tag("app", "v1", &index);
    registry.referrer("app", &child.digest, SBOM, "sbom");
    let old = registry.image("app", "old", &["old"]);
    registry.at(days_ago(3));
    registry.image("app", "fresh", &["fresh"]);
    // It is old, and lost its tag three days ago.
    registry.at(days_ago(99));
    let moved = registry.image("app", "moved", &["moved"]);
    registry.tag("app", "main", &moved.digest);
    image(&mut registry, "app", "main", 3);
    let mut goes = pointers("app", &old);
    goes.extend(blobs(old.all()));
    let json = loses(&registry, "rules: [{name: u, repositories: [\"**\"], untagged: {older_than: 7d}}]", goes);
    assert_eq!(json["retention"]["rules"], json!([{"rule": "u", "tags": 0, "manifests": 1}]));
}

const OCI: [&str; 3] = [
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.config.v1+json",
    "application/vnd.oci.image.layer.v1.tar+gzip",
];

fn configured(registry: &mut RegistryBuilder, tag: &str, config: &Value) -> Image {
    let image = registry.image_as("app", OCI, &config.to_string(), &[tag], &json!({}));
    registry.tag("app", tag, &image.digest);
    image
}

fn created(days: u64) -> Value {
    let time: chrono::DateTime<chrono::Utc> = days_ago(days).into();
    json!({"created": time.to_rfc3339(), "architecture": "amd64", "os": "linux", "config": {"Labels": {"stage": "dev"}}})
}

#[test]
fn creation_is_read_from_configurations_and_odd_dates_are_none() {
    let mut registry = RegistryBuilder::new();
    registry.at(days_ago(9));
    configured(&mut registry, "old", &created(99));
    configured(&mut registry, "new", &created(1));
    configured(&mut registry, "epoch", &json!({"created": "1970-01-01T00:00:00Z", "architecture": "amd64"}));
    configured(&mut registry, "future", &json!({"created": "2999-01-01T00:00:00Z", "architecture": "amd64"}));
    configured(&mut registry, "none", &json!({"architecture": "amd64"}));
    let children = [99, 1, 98]
        .map(|days| registry.image_as("app", OCI, &created(days).to_string(), &[&format!("layer {days}")], &json!({})));
    let index = |registry: &mut RegistryBuilder, tag: &str, children: &[&Image]| {
        let digests: Vec<&str> = children.iter().map(|child| child.digest.as_str()).collect();
        let index = registry.index("app", &digests);
        registry.tag("app", tag, &index);
    };
    index(&mut registry, "index-old", &[&children[0], &children[2]]);
    index(&mut registry, "index-new", &[&children[0], &children[1]]);
    assert_eq!(
        dropped(&registry, "rules: [{repositories: [app], delete: {created_older_than: 30d}}]"),
        ["old".to_owned(), "index-old".to_owned()].into()
    );
}

#[test]
fn labels_and_annotations_select() {
    let mut registry = RegistryBuilder::new();
    registry.at(days_ago(9));
    configured(&mut registry, "dev", &created(9));
    configured(&mut registry, "plain", &json!({"architecture": "amd64"}));
    let noted = registry.image_as("app", OCI, "{}", &["noted"], &json!({"annotations": {"team": "shop/web"}}));
    registry.tag("app", "noted", &noted.digest);
    let by =
        |condition: &str| dropped(&registry, &format!("rules: [{{repositories: [app], delete: {{{condition}}}}}]"));
    assert_eq!(by("labels: {stage: \"d*\"}"), ["dev".to_owned()].into());
    assert_eq!(by("labels: {stage: prod}"), BTreeSet::new());
    assert_eq!(by("annotations: {team: \"shop/*\"}"), ["noted".to_owned()].into());
    assert_eq!(by("annotations: {team: \"*\"}"), BTreeSet::new());
}

/// Configurations are read only where a rule needs them, and only of tags that nothing else decides.
#[test]
fn nothing_is_read_that_no_rule_needs() {
    let mut registry = RegistryBuilder::new();
    registry.at(days_ago(9));
    for at in 0..20 {
        configured(&mut registry, &format!("b{at}"), &json!({"created": "2020-01-01T00:00:00Z", "os": at.to_string()}));
    }
    let place = Place::s3(&registry);
    let gets = |rest: &str| {
        let policy = file(&place, "policy.yml", &format!("rules: [{{repositories: [app], {rest}}}]"));
        prune(&place, &["--offline", "--dry-run", "--policy", &policy]).expect(0).count("/requests/get")
    };
    let without = gets("delete: {older_than: 99d}");
    assert_eq!(gets("delete: {tags: [\"*\"]}, keep: {last: 5, daily: 3, semver: \">=1.0.0\"}"), without);
    // Its configuration; its manifest was read already.
    assert_eq!(gets("delete: {tags: [b7], created_older_than: 1d}"), without + 1);
    assert_eq!(gets("delete: {older_than: 99d, created_older_than: 1d}"), without);
    assert_eq!(gets("delete: {created_older_than: 1d}, keep: {tags: [\"b1*\"]}"), without + 9);
    assert_eq!(gets("delete: {labels: {a: b}}"), without + 20);
}

#[test]
fn latest_and_last_tags_are_told_in_lines_of_their_own() {
    let mut registry = RegistryBuilder::new();
    image(&mut registry, "app", "latest", 99);
    image(&mut registry, "app", "v2", 1);
    image(&mut registry, "gone", "v1", 99);
    let place = Place::directory(&registry);
    let ran = place.run(&["prune", "--offline", "--dry-run", "--older-than", "30d"]).expect(0);
    assert!(ran.stdout.contains("\n! app loses its tag latest\n! gone loses its last tag\n"), "{ran:#?}");
    assert!(ran.stdout.contains("\nby rule\n  command line: 2 tags, 2 manifests\n"), "{ran:#?}");
    assert!(ran.stdout.contains("rule command line: older than 30d (pushed 99d ago)\n"), "{ran:#?}");
}

#[test]
fn flags_and_file_say_the_same() {
    let mut registry = RegistryBuilder::new();
    for (at, tag) in ["v1.0.0", "latest", "pr-1", "pr-2", "pr-3", "main"].into_iter().enumerate() {
        image(&mut registry, "app", tag, 40 + at as u64);
    }
    let place = Place::directory(&registry);
    let policy = "rules: [{repositories: [\"**\"], delete: {older_than: 30d}, keep: {tags: [latest], semver: \">=1.0.0\", last: 2}}]";
    let policy = file(&place, "policy.yml", policy);
    let tags = |arguments: &[&str]| {
        let line = [&["--offline", "--dry-run"], arguments].concat();
        let json = prune(&place, &line).expect(0).json();
        let rows = json["tags"].as_array().unwrap().clone();
        rows.iter().map(tag_of).collect::<Vec<_>>()
    };
    let flags = ["--older-than", "30d", "--keep-tag", "latest", "--keep-semver", ">=1.0.0", "--keep-last", "2"];
    let by_file = tags(&["--policy", &policy]);
    assert_eq!((by_file.len(), by_file), (3, tags(&flags)));
}

#[test]
fn ages_at_a_time_to_come_are_only_looked_at() {
    let mut registry = RegistryBuilder::new();
    image(&mut registry, "app", "v1", 20);
    let place = Place::directory(&registry);
    let before = place.registry();
    let ran = prune(&place, &["--offline", "--older-than", "30d", "--at", "+11d"]).expect(0);
    assert_eq!((ran.count("/planned/tags"), ran.json()["dry_run"].clone()), (1, json!(true)));
    assert!(ran.stderr.contains("nothing is deleted"), "{ran:#?}");
    assert_same(&before, &place.registry(), "a run for a time to come changed something");
    let plan = file(&place, "plan.jsonl", "");
    let saved = prune(&place, &["--offline", "--older-than", "30d", "--at", "+11d", "-o", &plan]).expect(2);
    assert!(saved.stderr.contains("--at"), "{saved:#?}");
    // At a time that is past everything younger counts as new.
    let past = prune(&place, &["--offline", "--older-than", "1d", "--at", "2020-01-01"]).expect(0);
    assert_eq!((past.count("/planned/tags"), past.json()["dry_run"].clone()), (0, json!(false)));
}

#[test]
fn wrong_rules_are_wrong_usage_and_change_nothing() {
    let mut registry = RegistryBuilder::new();
    image(&mut registry, "app", "v1", 99);
    let place = Place::directory(&registry);
    let before = place.registry();
    let wrong = file(&place, "wrong.yml", "rules:\n- repositories: [app]\n  delete: {older-than: 30d}\n");
    let keep = file(&place, "keep.yml", "rules:\n- repositories: [app]\n  keep: {last: 3}\n");
    for (arguments, word) in [
        (
            vec!["--policy", &wrong],
            "line 3, column 12: rules[0].delete.older-than: unknown key: did you mean `older_than`?",
        ),
        (vec!["--policy", &keep], "line 3, column 3: rules[0].keep: keeps, but nothing says what to delete"),
        (vec!["--policy", "/nowhere.yml"], "/nowhere.yml"),
        (vec!["--policy", &keep, "--older-than", "30d"], "cannot be used with"),
        (vec!["--keep-last", "3"], "--tag '*'"),
        (vec![], "--policy FILE"),
    ] {
        let ran = prune(&place, &[&["--offline"], &arguments[..]].concat()).expect(2);
        assert!(ran.stderr.contains(word), "{word}: {ran:#?}");
    }
    let asked = place.run(&["prune", "--offline", "--older-than", "30d"]).expect(2);
    assert!(asked.stderr.contains("--yes"), "{asked:#?}");
    assert_same(&before, &place.registry(), "wrong usage changed something");
}

#[test]
fn rule_that_matches_nothing_is_warned_of() {
    let mut registry = RegistryBuilder::new();
    image(&mut registry, "app", "v1", 99);
    let place = Place::directory(&registry);
    let policy = file(
        &place,
        "policy.yml",
        "rules:\n- {name: typo, repositories: [ap], delete: {tags: [\"*\"]}}\n- {name: all, repositories: [\"**\"], delete: {older_than: 999d}}\n",
    );
    let ran = prune(&place, &["--offline", "--policy", &policy]).expect(0);
    let warning = "rule typo (line 2) is for no repository of this registry";
    assert!(ran.stderr.contains(warning), "{ran:#?}");
    assert_eq!(ran.json()["retention"]["warnings"], json!([warning]));
}

#[test]
fn bounds_of_every_command_hold() {
    let mut registry = RegistryBuilder::new();
    let app = image(&mut registry, "app", "v1", 99);
    image(&mut registry, "app", "v2", 98);
    image(&mut registry, "other", "v1", 99);
    let place = Place::directory(&registry);
    let tags = |arguments: &[&str]| {
        let line = [&["--offline", "--dry-run", "--older-than", "30d"], arguments].concat();
        let json = prune(&place, &line).expect(0).json();
        let rows = json["tags"].as_array().unwrap().clone();
        let name = |row: &Value| row["image"].as_str().unwrap().to_owned();
        rows.iter().map(name).collect::<Vec<_>>()
    };
    assert_eq!(tags(&[]), ["app:v1", "app:v2", "other:v1"]);
    assert_eq!(tags(&["--repository", "other"]), ["other:v1"]);
    let keep = file(&place, "keep.txt", "app:v1\n");
    assert_eq!(tags(&["--keep-from", &keep]), ["app:v2", "other:v1"]);
    // A digest keeps its content, whatever becomes of the tag.
    let keep = file(&place, "keep.txt", &format!("{}\n", app.digest));
    prune(&place, &["--offline", "--older-than", "30d", "--keep-from", &keep]).expect(0);
    let after = place.registry();
    assert!(!after.contains_key(&tag_key("app", "v1")) && after.contains_key(&revision_key("app", &app.digest)));
}

/// What runs somewhere stays, with its tag.
#[test]
fn images_in_use_stay() {
    let mut registry = RegistryBuilder::new();
    let [one, _, _] = ["v1", "v2", "v3"].map(|tag| image(&mut registry, "app", tag, 99));
    let place = Place::directory(&registry);
    let pods = json!({"items": [{"spec": {"containers": [{"image": "registry.example.com/app:v2"}]},
        "status": {"containerStatuses": [{"imageID": format!("app@{}", one.digest)}]}}]});
    let name = file(&place, "in-use.json", &pods.to_string());
    let name = std::path::Path::new(&name).file_name().unwrap().to_string_lossy().into_owned();
    let policy =
        format!("rules: [{{repositories: [app], delete: {{tags: [\"*\"]}}, keep: {{images_from: \"{name}\"}}}}]");
    let policy = file(&place, "policy.yml", &policy);
    let ran = prune(&place, &["--offline", "--policy", &policy]).expect(0);
    assert_eq!(ran.json()["tags"].as_array().unwrap().len(), 1, "{ran:#?}");
    assert!(
        !place.registry().contains_key(&tag_key("app", "v3")) && place.registry().contains_key(&tag_key("app", "v1"))
    );
}

/// A saved plan is carried out by the rules that it was made by; what was pushed since stays.
#[test]
fn saved_plan_is_applied_by_its_own_rules() {
    let mut registry = RegistryBuilder::new();
    let old = image(&mut registry, "app", "old", 99);
    image(&mut registry, "app", "moved", 99);
    image(&mut registry, "app", "new", 1);
    let place = Place::directory(&registry);
    let policy = file(&place, "policy.yml", "rules: [{name: ci, repositories: [app], delete: {older_than: 30d}}]");
    let plan = file(&place, "plan.jsonl", "");
    std::fs::remove_file(&plan).unwrap();
    prune(&place, &["--offline", "--policy", &policy, "-o", &plan]).expect(0);
    let text = std::fs::read_to_string(&plan).unwrap();
    assert!(text.contains("rule ci: older than 30d (pushed 99d ago)"), "{text}");
    let shown = place.run(&["show", &plan]).expect(0);
    assert!(shown.stdout.contains("regsweep prune"), "{shown:#?}");
    for told in
        ["\nby rule\n  ci: 2 tags, 2 manifests\n", "\ntags\n", "app:old    rule ci: older than 30d (pushed 99d ago)"]
    {
        assert!(shown.stdout.contains(told), "{told}: {}", shown.stdout);
    }
    let json = place.run(&["show", "--format", "json", &plan]).expect(0).json();
    assert_eq!((json["tags"][0]["image"].as_str(), json["rules"][0]["tags"].as_u64()), (Some("app:moved"), Some(2)));
    // Neither the file nor a tag that was pushed again counts.
    std::fs::write(&policy, "rules: [{repositories: [app], delete: {tags: [\"*\"]}}]").unwrap();
    let link = place.read(&tag_key("app", "moved"));
    place.write(&tag_key("app", "moved"), &link);
    let ran = place.run(&["apply", "--yes", "--format", "json", &plan]).expect(0);
    let after = place.registry();
    assert!(
        !after.contains_key(&tag_key("app", "old")) && !after.contains_key(&revision_key("app", &old.digest)),
        "{ran:#?}"
    );
    assert!(after.contains_key(&tag_key("app", "moved")) && after.contains_key(&tag_key("app", "new")), "{ran:#?}");
    assert_eq!(ran.json()["deleted"]["tags"], 1);
}

/// `plan --policy` is `prune` that only shows, or saves.
#[test]
fn plan_with_a_policy_is_a_prune_that_only_shows() {
    let mut registry = RegistryBuilder::new();
    image(&mut registry, "app", "old", 99);
    let place = Place::directory(&registry);
    let policy = file(&place, "policy.yml", "rules: [{name: ci, repositories: [app], delete: {older_than: 30d}}]");
    let before = place.registry();
    let ran = place.run(&["plan", "--offline", "--format", "json", "--policy", &policy]).expect(0);
    assert_eq!(ran.count("/planned/tags"), 1);
    let later =
        place.run(&["plan", "--offline", "--format", "json", "--policy", &policy, "--at", "2020-01-01"]).expect(0);
    assert_eq!(later.count("/planned/tags"), 0);
    assert_same(&before, &place.registry(), "a plan changed something");
    let without = place.run(&["plan", "--offline", "--format", "json"]).expect(0);
    assert_eq!(without.json()["retention"], Value::Null);
}

/// Beside a live registry: pointers go at once, content waits, and an undo gives everything back.
#[test]
fn live_prune_can_be_undone() {
    let mut registry = RegistryBuilder::new();
    let old = image(&mut registry, "app", "old", 99);
    image(&mut registry, "app", "new", 1);
    for place in Place::all(&registry) {
        let before = place.registry();
        let ran = prune(&place, &["--settle", "10ms", "--defer", "1h", "--older-than", "30d"]).expect(0);
        assert_eq!((ran.count("/deleted/tags"), ran.count("/deleted/blobs/count")), (1, 0), "{ran:#?}");
        assert!(!place.registry().contains_key(&tag_key("app", "old")));
        assert!(place.registry().contains_key(&blob_key(&old.digest)) || place.bucket.is_none());
        place.restore(&["--all"]).expect(0);
        assert_same(&before, &place.registry(), "after a restore");
    }
}

/// Whoever lets a tag go by a rule is told where it stays because a later push could not be told from what was seen.
#[test]
fn tag_that_was_pushed_just_now_stays_and_is_told_of() {
    let mut registry = RegistryBuilder::new();
    for tag in ["pr-1", "pr-2"] {
        image(&mut registry, "app", tag, 99);
    }
    registry.touch(&tag_key("app", "pr-1"), days_ago(0) + Duration::from_hours(1));
    for place in Place::all(&registry) {
        let ran = prune(&place, &["--settle", "10ms", "--tag", "pr-*"]).expect(0);
        assert_eq!(ran.count("/deleted/tags"), 1, "{ran:#?}");
        assert!(place.registry().contains_key(&tag_key("app", "pr-1")));
        let told: Vec<_> = ran.json()["problems"].as_array().unwrap().iter().map(|told| told["code"].clone()).collect();
        assert_eq!(told, ["pushed_just_now"], "{ran:#?}");
        assert_eq!(ran.json()["problems"][0]["key"], tag_key("app", "pr-1"));
    }
}

/// Registries whose tags are not all of the truth are refused.
#[test]
fn registries_whose_tags_are_not_the_truth_are_refused() {
    let mut registry = RegistryBuilder::new();
    image(&mut registry, "app", "old", 99);
    registry.raw("scheduler-state.json", "{}");
    let place = Place::directory(&registry);
    let ran = prune(&place, &["--offline", "--older-than", "30d"]).expect(3);
    assert_eq!(ran.refusals(), ["pull-through-cache"]);
    assert!(ran.stderr.contains("run `regsweep gc` without -m"), "{ran:#?}");
}

/// `policy explain -R` asks the registry and says what `prune` does: the same fate and the same words for every tag. It reads
/// the one repository, and changes nothing.
#[test]
fn explain_tells_of_a_real_image_what_prune_would_do() {
    let mut registry = RegistryBuilder::new();
    registry.at(days_ago(9));
    configured(&mut registry, "old", &created(99));
    configured(&mut registry, "new", &created(1));
    let index = registry.image_as("app", OCI, &created(98).to_string(), &["a"], &json!({}));
    let index = registry.index("app", &[&index.digest]);
    registry.tag("app", "multi", &index);
    registry.cosign_signature("app", &index);
    configured(&mut registry, "v1.0.0", &created(400));
    image(&mut registry, "app/below", "old", 99);
    // Both count whole days: from the same moment, in the middle of one.
    let at = (chrono::Utc::now() + chrono::Duration::hours(12)).to_rfc3339();
    for place in Place::all(&registry) {
        let rules = "rules: [{name: aged, repositories: [app], delete: {created_older_than: 30d}, keep: {semver: \">=1.0.0\"}}]";
        let policy = file(&place, "policy.yml", rules);
        let planned = prune(&place, &["--offline", "--dry-run", "--at", &at, "--policy", &policy]).expect(0).json();
        let row = |row: &Value| Some((row["image"].as_str()?.to_owned(), row["rule"].as_str()?.to_owned()));
        let planned: BTreeMap<String, String> = planned["tags"].as_array().unwrap().iter().filter_map(row).collect();
        let before = place.all_keys();
        let line = ["policy", "explain", "--format", "json", "--at", &at, &policy, "app"];
        let json = place.run(&line).expect(0).json();
        assert_same(&before, &place.all_keys(), "it only looks");
        let verdicts = json["verdicts"].as_array().unwrap();
        let dropped = verdicts.iter().filter(|verdict| verdict["decision"] == "drop" && verdict["tag"].is_string());
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let dropped = dropped.map(|verdict| (format!("app:{}", text(&verdict["tag"])), text(&verdict["why"])));
        let dropped: BTreeMap<String, String> = dropped.collect();
        assert_eq!(dropped.len(), 3, "{json:#}");
        assert!(planned.keys().eq(dropped.keys()), "{planned:#?}\n{dropped:#?}");
        for (image, why) in &planned {
            // What goes with something else is planned for what that was let go for.
            assert!(dropped[image] == *why || image.contains("sha256-"), "{image}: {why}: {}", dropped[image]);
        }
        let one = place.run(&["policy", "explain", &policy, "app:v1.0.0"]).expect(0);
        assert!(
            one.stdout.contains("rule aged (line 1): decides for app\n") && one.stdout.contains("keep  v1.0.0"),
            "{one:#?}"
        );
        let absent = place.run(&["policy", "explain", &policy, "app:mult"]).expect(1);
        assert!(absent.stderr.contains("did you mean multi?"), "{absent:#?}");
        place.run(&["policy", "explain", &policy, "apq"]).expect(1);
        place.run(&["policy", "explain", "--pushed", "3d", &policy, "app:old"]).expect(2);
    }
}
