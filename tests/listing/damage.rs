//! What is damaged is shown where it is, and hides nothing else. What is not there is told, with what was meant.

use serde_json::{Value, json};

use super::lab::registry::{RegistryBuilder, blob_key, layer_key, sha256, tag_key};
use super::{json as list, ls, row, rows};

/// A repository with one good tag and one of every kind of damage.
fn damaged() -> RegistryBuilder {
    let mut r = RegistryBuilder::new();
    let good = r.image("app", "good", &["layer"]);
    r.tag("app", "good", &good.digest);
    let not_linked = r.image("app", "not linked", &["layer"]);
    r.tag("app", "not-linked", &not_linked.digest).delete_manifest("app", &not_linked.digest);
    let lost = r.image("app", "lost", &["layer"]);
    r.tag("app", "lost", &lost.digest).lose_blob(&lost.digest);
    let torn = r.image("app", "torn", &["layer"]);
    r.tag("app", "torn", &torn.digest).truncate(&blob_key(&torn.digest));
    let nonsense = r.manifest("app", "<html>");
    r.tag("app", "nonsense", &nonsense);
    r.tag("app", "empty", &good.digest).empty(&tag_key("app", "empty"));
    r
}

#[test]
fn broken_tag_says_so_in_its_row() {
    let report = list(&damaged(), &["app"]);
    let problems: Vec<(String, Value)> = rows(&report, "tags")
        .iter()
        .map(|row| (row["tag"].as_str().unwrap().to_owned(), row["problem"]["code"].clone()))
        .collect();
    let is = |tag: &str, code: &str| (tag.to_owned(), json!(code));
    assert_eq!(
        problems,
        [
            is("empty", "unreadable_tag"),
            ("good".to_owned(), Value::Null),
            is("lost", "dangling_tag"),
            is("nonsense", "unreadable_manifest"),
            is("not-linked", "broken_tag"),
            is("torn", "unreadable_manifest"),
        ]
    );
    assert_eq!(row(&report, "tags", "tag", "empty")["digest"], Value::Null);
    let text = ls(&damaged(), &["app"]).expect(0).stdout.replace("\n! ", " ");
    for words in ["! unreadable link", "! manifest missing", "! not linked", "! unreadable", "the registry answers 404"]
    {
        assert!(text.contains(words), "{words}: {text}");
    }
    let overview = list(&damaged(), &[]);
    assert_eq!(row(&overview, "repositories", "name", "app")["broken"], 2, "as far as a listing tells: {overview:#}");
}

/// Nobody who reads a list asks again of each image whether it is whole.
#[test]
fn image_without_its_configuration_or_a_layer_says_so_in_its_row() {
    let mut r = RegistryBuilder::new();
    let config = r.image("app", "lost config", &["layer"]);
    r.tag("app", "config", &config.digest).lose_blob(config.config.as_ref().unwrap());
    let layer = r.image("app", "config", &["layer", "lost layer"]);
    r.tag("app", "layer", &layer.digest).lose_blob(&layer.layers[1]);
    let unlinked = r.image("app", "other config", &["layer", "unlinked layer"]);
    r.tag("app", "unlinked", &unlinked.digest).remove(&layer_key("app", &unlinked.layers[1]));
    let index = r.index("app", &[&layer.digest]);
    r.tag("app", "index", &index);
    let good = r.image("app", "good", &["layer"]);
    r.tag("app", "good", &good.digest);
    let report = list(&r, &["app"]);
    for (tag, lost) in
        [("config", "1 of its 2"), ("layer", "1 of its 3"), ("unlinked", "1 of its 3"), ("index", "1 of its 3")]
    {
        let problem = &row(&report, "tags", "tag", tag)["problem"];
        assert_eq!(problem["code"], "missing_content", "{tag}: {problem:#}");
        assert!(problem["message"].as_str().unwrap().starts_with(lost), "{tag}: {problem:#}");
    }
    assert_eq!(row(&report, "tags", "tag", "good")["problem"], Value::Null);
    let text = ls(&r, &["app"]).expect(0).stdout;
    assert!(text.contains("! parts missing") && text.contains("\n! config: 1 of its 2 layers"), "{text}");
    let alone = ls(&r, &["app:layer"]).expect(0).stdout;
    assert!(alone.contains("! 1 of its 3 layers"), "{alone}");
}

#[test]
fn every_broken_image_has_a_tree() {
    for tag in ["good", "not-linked", "lost", "torn", "nonsense", "empty"] {
        let ran = ls(&damaged(), &[&format!("app:{tag}")]).expect(0);
        assert!(ran.stdout.starts_with(&format!("app:{tag}")), "{ran:#?}");
        assert_eq!(ran.stdout.contains('!'), tag != "good", "{ran:#?}");
    }
    let digests = ls(&damaged(), &["app", "--digests"]).expect(0);
    assert_eq!(digests.stdout.lines().count(), 5);
    assert!(digests.stderr.contains("app:empty has no digest"), "{digests:#?}");
}

#[test]
fn part_that_is_not_served_is_marked() {
    let mut r = RegistryBuilder::new();
    let image = r.image("app", "config", &["here", "lost", "unlinked"]);
    r.lose_blob(&image.layers[1]).remove(&layer_key("app", &image.layers[2]));
    r.tag("app", "v1", &image.digest);
    let foreign = r.foreign_layer_image("app", "windows", &sha256(b"foreign"), &["here"]);
    r.tag("app", "foreign", &foreign.digest);
    let (child, elsewhere) = (r.image("app", "child", &["here"]), r.image("other", "child", &["x"]));
    let index = r.index("app", &[&child.digest, &elsewhere.digest]);
    r.tag("app", "partial", &index);
    let aliased = r.aliased_image("app", "aliased", &["by another name"]);
    r.tag("app", "aliased", &aliased.digest);
    let states = |image: &str| {
        let tree = rows(&list(&r, &[image]), "images")[0].clone();
        let parts = tree["root"]["parts"].as_array().unwrap().clone();
        (tree, parts.iter().map(|part| part["state"].clone()).collect::<Vec<_>>())
    };
    assert_eq!(states("app:v1").1, [Value::Null, Value::Null, json!("missing"), json!("not_linked")]);
    assert_eq!(states("app:foreign").1, [Value::Null, Value::Null, json!("foreign")]);
    assert_eq!(
        states("app:aliased").1,
        [Value::Null, Value::Null],
        "a link under another name says what it stands for"
    );
    let (tree, parts) = states("app:partial");
    assert_eq!((parts, &tree["absent"]), (vec![Value::Null, json!("absent")], &json!(1)));
}

#[test]
fn index_with_a_lost_child_says_so() {
    let mut r = RegistryBuilder::new();
    let (whole, lost) = (r.image("app", "whole", &["l"]), r.image("app", "lost", &["l"]));
    let index = r.index("app", &[&whole.digest, &lost.digest]);
    r.tag("app", "v1", &index).lose_blob(&lost.digest);
    let report = list(&r, &["app"]);
    let row = row(&report, "tags", "tag", "v1");
    assert_eq!((&row["problem"]["code"], &row["bytes"]), (&json!("unreadable_manifest"), &Value::Null));
    assert!(ls(&r, &["app"]).expect(0).stdout.contains("! broken part"));
    let tree = rows(&list(&r, &["app:v1"]), "images")[0].clone();
    assert_eq!(tree["root"]["parts"][1]["state"], "missing", "{tree:#}");
}

#[test]
fn odd_links_are_told_beside_the_rows() {
    let mut r = damaged();
    let digest = sha256(b"x");
    r.raw(&format!("docker/registry/v2/repositories/app/_manifests/odd/{}/link", digest.replacen(':', "/", 1)), digest);
    let text = ls(&r, &["app"]).expect(0).stdout;
    assert!(text.contains("_manifests/odd/") && text.contains("a shape that no registry writes"), "{text}");
}

/// An index of indexes of one another's children must neither fill the stack nor be shown for ever.
#[test]
fn index_that_is_nested_without_end_is_cut() {
    let mut r = RegistryBuilder::new();
    let mut below = r.image("app", "bottom", &["l"]).digest;
    for _ in 0..40 {
        below = r.index("app", &[&below, &below]);
    }
    r.tag("app", "deep", &below);
    let text = ls(&r, &["app:deep"]).expect(0).stdout;
    assert!(text.contains("nested too deep") && text.contains("shown above"), "{text}");
    assert!(text.lines().count() < 100, "{text}");
}

#[test]
fn what_is_not_there_is_told_with_what_was_meant() {
    let mut r = RegistryBuilder::new();
    let image = r.image("team/app", "config", &["layer"]);
    r.tag("team/app", "v1.2", &image.digest);
    let absent = sha256(b"absent");
    for (line, words) in [
        (&["team/ap"][..], "did you mean team/app?"),
        (&["app"], "did you mean team/app?"),
        (&["Team/App"], "did you mean team/app?"),
        (&["team/app:v1.3"], "did you mean v1.2?"),
        (&["team/app:latest"], "there is no such tag"),
        (&[&format!("team/app@{absent}")], "no such manifest"),
        (&["zzz*"], "no repository matches"),
        (&["team/*:nothing*"], "nothing matches"),
        (&["../../etc"], "behind -R"),
    ] {
        let ran = ls(&r, line);
        assert_eq!(ran.code, if line[0].starts_with('.') { 2 } else { 1 }, "{ran:#?}");
        assert!(ran.stderr.contains(words) && ran.stdout.is_empty(), "{line:?}: {ran:#?}");
        let json = ls(&r, &[line, &["--format", "json"]].concat()).json();
        assert_eq!((&json["schema"], json["error"].is_object()), (&json!("regsweep.list/1"), true), "{json:#}");
    }
    // A repository from which everything was deleted is there all the same.
    let mut empty = RegistryBuilder::new();
    empty.layer("empty", "left behind");
    assert_eq!(ls(&empty, &["empty"]).expect(0).stdout, "empty: 0 tags, 0 manifests\n");
    assert_eq!(ls(&empty, &["empt*"]).expect(0).stdout, "empty: 0 tags, 0 manifests\n");
}

#[test]
fn wrong_usage_is_told_before_anything_is_read() {
    for (line, words) in [
        (&["s3://bucket/root"][..], "behind -R"),
        (&["/var/lib/registry"], "behind -R"),
        (&["config.yml"], "behind -R"),
        (&["localhost:5000/app"], "is no tag"),
        (&["app@latest"], "is no digest"),
        (&["--sort", "created"], "cannot be sorted so"),
        (&["app", "--sort", "tags"], "cannot be sorted so"),
        (&["app", "--brief", "--sort", "size"], "reads nothing"),
        (&["app:v1", "--untagged"], "no tag"),
    ] {
        let ran = crate::tool::regsweep(["ls", "-R", "/nowhere/at/all"].iter().chain(line)).expect(2);
        assert!(ran.stderr.contains(words), "{line:?}: {ran:#?}");
    }
}

/// A filter that lets nothing through is as wrong as a name that nothing has.
#[test]
fn repositories_that_are_not_there_are_no_empty_answer() {
    let mut r = RegistryBuilder::new();
    for repo in ["app", "other"] {
        let image = r.image(repo, "config", &["layer"]);
        r.tag(repo, "v1", &image.digest);
    }
    let ran = ls(&r, &["--repository", "zzz"]).expect(1);
    assert!(ran.stderr.contains("no repository matches"), "{ran:#?}");
    let ran = ls(&r, &["--repository", "app"]).expect(0);
    assert!(ran.stdout.contains("\n1 shown of 2 repositories, "), "{}", ran.stdout);
}
