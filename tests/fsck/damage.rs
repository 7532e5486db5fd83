//! Every kind of damage is found, by its code and key, with what suffers from it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::lab::pull::{pull_all, pull_all_revisions};
use super::lab::random::{damage, random_registry};
use super::lab::registry::{
    RegistryBuilder, blob_key, history_key, layer_key, revision_key, sha256, sha512, tag_key, upload_key,
};
use super::{found, fsck, fsck_in, on_disk, pairs};

const UPLOAD: &str = "0f8fad5b-d9cb-469f-a165-70867728950e";

/// A registry with one sound image, and what a damaged one is made of.
fn sound() -> RegistryBuilder {
    let mut r = RegistryBuilder::new();
    let good = r.image("app", "good", &["shared", "good layer"]);
    r.tag("app", "good", &good.digest);
    r
}

/// What is found where an image `app:bad` was damaged.
fn found_after(harm: impl FnOnce(&mut RegistryBuilder, &super::lab::manifests::Image)) -> Value {
    let mut r = sound();
    let bad = r.image("app", "bad", &["shared", "bad layer"]);
    r.tag("app", "bad", &bad.digest);
    harm(&mut r, &bad);
    fsck(&r, &[])
}

#[track_caller]
fn images(report: &Value, code: &str) -> Vec<String> {
    let all = report["findings"].as_array().unwrap();
    let finding = all.iter().find(|finding| finding["code"] == code).unwrap_or_else(|| panic!("{code}: {report:#}"));
    serde_json::from_value(finding["images"].clone()).unwrap()
}

#[test]
fn lost_layer_is_found_with_the_images_that_need_it() {
    let shared = sha256(b"shared");
    let report = found_after(|r, _| {
        r.lose_blob(&shared);
    });
    assert_eq!(found(&report, "damage"), pairs([("missing_blob", blob_key(&shared))]));
    assert_eq!(images(&report, "missing_blob"), ["app:bad", "app:good"]);
    assert_eq!(report["findings"][0]["digest"], json!(shared), "what would mend it");
}

#[test]
fn layer_of_a_child_of_an_index_is_told_by_the_tag() {
    let mut r = sound();
    let child = r.image("app", "child", &["of a child"]);
    let index = r.index("app", &[&child.digest]);
    r.tag("app", "multi", &index).lose_blob(&child.layers[0]);
    assert_eq!(images(&fsck(&r, &[]), "missing_blob"), ["app:multi"]);
}

#[test]
fn lost_manifest_is_found_by_its_tag_and_its_link() {
    let mut digest = String::new();
    let report = found_after(|r, bad| {
        digest.clone_from(&bad.digest);
        r.lose_blob(&bad.digest);
    });
    let expected =
        pairs([("dangling_tag", tag_key("app", "bad")), ("dangling_revision", revision_key("app", &digest))]);
    assert_eq!(found(&report, "damage"), expected);
    assert_eq!(images(&report, "dangling_tag"), ["app:bad"]);
}

#[test]
fn tag_without_its_manifest_link_is_found() {
    let report = found_after(|r, bad| {
        r.delete_manifest("app", &bad.digest);
    });
    assert_eq!(found(&report, "damage"), pairs([("broken_tag", tag_key("app", "bad"))]));
}

#[test]
fn missing_layer_link_is_found() {
    let layer = sha256(b"bad layer");
    let report = found_after(|r, _| {
        r.remove(&layer_key("app", &layer));
    });
    assert_eq!(found(&report, "damage"), pairs([("missing_link", layer_key("app", &layer))]));
    assert_eq!(images(&report, "missing_link"), ["app:bad"]);
    // An alias needs both of its links.
    for name in [sha512(b"aliased"), sha256(b"aliased")] {
        let mut r = sound();
        let aliased = r.aliased_image("app", "aliased", &["aliased"]);
        r.tag("app", "aliased", &aliased.digest).remove(&layer_key("app", &name));
        let report = fsck(&r, &[]);
        assert_eq!(report["counts"]["damage"], 1, "{report:#}");
    }
}

#[test]
fn damaged_manifests_are_found() {
    let mut digest = String::new();
    let report = found_after(|r, bad| {
        digest.clone_from(&bad.digest);
        r.truncate(&blob_key(&bad.digest));
    });
    assert_eq!(found(&report, "damage"), pairs([("wrong_content", blob_key(&digest))]));
    assert_eq!(images(&report, "wrong_content"), ["app:bad"]);
    let mut r = sound();
    let nonsense = r.manifest("app", "<html>");
    r.tag("app", "nonsense", &nonsense);
    let report = fsck(&r, &[]);
    assert_eq!(found(&report, "damage"), pairs([("unreadable_manifest", blob_key(&nonsense))]));
}

#[test]
fn links_that_are_none_are_found_each_by_its_key() {
    let layer = sha256(b"bad layer");
    for content in ["", "<html>502 Bad Gateway</html>", "sha256:12", &format!("{layer}\n")] {
        let key = layer_key("app", &layer);
        let report = found_after(|r, _| {
            r.damage(&key, content.to_owned());
        });
        assert_eq!(found(&report, "damage"), pairs([("unreadable_link", key)]), "{content:?}");
        assert_eq!(images(&report, "unreadable_link"), ["app:bad"]);
    }
    let mut key = String::new();
    let report = found_after(|r, bad| {
        key = revision_key("app", &bad.digest);
        r.empty(&key);
    });
    assert_eq!(found(&report, "damage"), pairs([("unreadable_link", key)]));
    let report = found_after(|r, _| {
        r.empty(&tag_key("app", "bad"));
    });
    assert_eq!(found(&report, "damage"), pairs([("unreadable_tag", tag_key("app", "bad"))]));
    let mut key = String::new();
    let report = found_after(|r, bad| {
        key = history_key("app", "bad", &bad.digest);
        r.empty(&key);
    });
    assert_eq!(found(&report, "litter"), pairs([("unreadable_history", key)]));
    assert_eq!(report["counts"]["damage"], 0);
}

#[test]
fn link_that_says_another_digest_is_found() {
    let (layer, other) = (sha256(b"bad layer"), sha256(b"shared"));
    let report = found_after(|r, _| {
        r.damage(&layer_key("app", &layer), other);
    });
    assert_eq!(found(&report, "damage"), pairs([("wrong_link", layer_key("app", &layer))]));
    assert_eq!(images(&report, "wrong_link"), ["app:bad"]);
}

#[test]
fn content_of_another_size_is_found_and_with_checksums_any_other_content() {
    let layer = sha256(b"bad layer");
    let report = found_after(|r, _| {
        r.truncate(&blob_key(&layer));
    });
    assert_eq!(found(&report, "damage"), pairs([("wrong_size", blob_key(&layer))]));
    assert_eq!(images(&report, "wrong_size"), ["app:bad"]);
    let report = found_after(|r, _| {
        r.empty(&blob_key(&layer));
    });
    assert_eq!(found(&report, "damage"), pairs([("empty_blob", blob_key(&layer))]));
    let mut r = sound();
    r.damage(&blob_key(&sha256(b"good layer")), "turn layer");
    assert_eq!(fsck(&r, &[])["counts"]["damage"], 0, "nothing shows it but its content");
    let report = fsck(&r, &["--checksum"]);
    assert_eq!(found(&report, "damage"), pairs([("wrong_content", blob_key(&sha256(b"good layer")))]));
    assert_eq!(images(&report, "wrong_content"), ["app:good"]);
    // The same part each time.
    let count = || fsck(&r, &["--checksum=40", "--seed", "7"])["checked"]["content"].clone();
    assert_eq!(count(), count());
    assert_eq!(count()["percent"], 40.0);
}

#[test]
fn litter_is_found_and_is_no_damage() {
    let mut r = sound();
    let gone = sha256(b"gone");
    r.link_layer("app", &gone).tag_history("app", "was", &gone);
    r.raw(&upload_key("app", UPLOAD, "data"), "begun");
    let foreign = format!("{}.tmp", layer_key("app", &sha256(b"shared")));
    let beside = format!("{}.tmp", blob_key(&sha256(b"shared")));
    r.raw(&foreign, "half a link").raw(&beside, "half a blob");
    let stray = "docker/registry/v2/repositories/.DS_Store".to_owned();
    r.raw(&stray, "x");
    let path = gone.replacen(':', "/", 1);
    let unknown = format!("docker/registry/v2/repositories/app/_manifests/odd/{path}/link");
    let invalid = format!("docker/registry/v2/repositories/Up/_layers/{path}/link");
    r.raw(&unknown, gone.clone()).raw(&invalid, gone.clone());
    let report = fsck(&r, &[]);
    let expected = pairs([
        ("dangling_layer_link", layer_key("app", &gone)),
        ("tag_without_current", tag_key("app", "was")),
        ("upload_without_start", upload_key("app", UPLOAD, "startedat")),
        ("foreign_object", foreign),
        ("foreign_object", beside),
        ("foreign_object", stray),
        ("unknown_link", unknown),
        ("invalid_repository", invalid),
    ]);
    assert_eq!(found(&report, "litter"), expected);
    assert_eq!(report["counts"]["damage"], 0, "{report:#}");
    let mut r = sound();
    r.upload("app", UPLOAD, std::time::SystemTime::now(), "x").empty(&upload_key("app", UPLOAD, "startedat"));
    assert_eq!(fsck(&r, &[])["counts"]["litter"], 1, "a start that says nothing");
}

/// A reader that pulls as clients do knows what is broken: every image that it cannot pull is told of, and no other.
#[test]
fn broken_images_are_those_that_cannot_be_pulled() {
    let (mut broken_ones, mut damaged) = (0, 0);
    for seed in 0..120 {
        let mut r = random_registry(seed);
        damage(&mut r, seed);
        let report = fsck(&r, &[]);
        let findings = report["findings"].as_array().unwrap().iter().filter(|finding| finding["level"] == "damage");
        let told: BTreeSet<String> = findings
            .clone()
            .flat_map(|it| it["images"].as_array().unwrap())
            .map(|it| it.as_str().unwrap().to_owned())
            .collect();
        damaged += usize::from(findings.clone().count() > 0);
        for ((repository, tag), pulled) in pull_all(r.tree()) {
            let image = format!("{repository}:{tag}");
            // Children that are gone are passed over by clients, and a tag is told for them all the same.
            if !pulled.broken.is_empty() {
                broken_ones += 1;
                assert!(told.contains(&image), "seed {seed}: {image} is not told: {pulled:#?} {report:#}");
            }
        }
        for ((repository, digest), pulled) in pull_all_revisions(r.tree()) {
            // It is told by what contains it, if anything does.
            let is_told = told.iter().any(|image| image.split([':', '@']).next() == Some(&repository));
            assert!(pulled.broken.is_empty() || is_told, "seed {seed}: {repository}@{digest}: {pulled:#?} {report:#}");
        }
    }
    assert!(broken_ones > 10 && damaged > 20, "{broken_ones} {damaged}");
}

#[test]
fn only_what_was_asked_for_is_told() {
    let mut r = sound();
    let other = r.image("other", "config", &["lost"]);
    r.tag("other", "v1", &other.digest).lose_blob(&other.layers[0]);
    assert_eq!(fsck(&r, &["--repository", "app"])["counts"]["damage"], 0);
    assert_eq!(fsck(&r, &["--repository", "oth*"])["counts"]["damage"], 1);
}

#[test]
fn text_says_what_it_means_and_what_mends_it() {
    let mut r = sound();
    let long = "a-rather-long-team-name/with-a-rather-long-project-name";
    for number in 0..20 {
        let image = r.image(long, &format!("config {number}"), &["lost"]);
        r.tag(long, &format!("v{number}"), &image.digest);
    }
    r.lose_blob(&sha256(b"lost"));
    let text = fsck_in(on_disk(&r).path(), &[]).expect(4).stdout;
    for words in [
        "missing_blob: 1",
        "these images cannot be pulled",
        "-> push one of the images",
        "and 10 more",
        "1 finding of damage",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    let is_key = |line: &&str| line.trim_start().starts_with("docker/registry/v2/");
    for line in text.lines().filter(|line| !is_key(line)) {
        assert!(line.chars().count() <= 80, "{line}");
    }
    let quiet = fsck_in(on_disk(&r).path(), &["--quiet"]).expect(4);
    assert!(quiet.stdout.is_empty());
    let sound = fsck_in(on_disk(&sound()).path(), &[]).expect(0).stdout;
    assert!(sound.ends_with("\nno damage\n"), "{sound}");
}
