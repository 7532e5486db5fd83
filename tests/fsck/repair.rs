//! `regsweep fsck --repair`: what can be mended is, nothing that was whole is touched, and what remains is told.

use std::path::Path;

use serde_json::{Value, json};

use super::lab::bucket::{Bucket, Fault, Kind};
use super::lab::clients::{s3_config, s3_environment};
use super::lab::manifests::Image;
use super::lab::pull::{pull, pull_all, tags};
use super::lab::push::Push;
use super::lab::random::{damage, random_registry};
use super::lab::registry::{RegistryBuilder, blob_key, layer_key, revision_key, sha256, sha512, tag_key};
use super::lab::tree::read_dir;
use super::{found, fsck_in, on_disk, pairs};
use crate::tool::plan::PlanFile;
use crate::tool::terminal::Terminal;
use crate::tool::{Ran, command, finish, regsweep};

fn repair(directory: &Path, line: &[&str]) -> Ran {
    let path = directory.to_str().unwrap();
    regsweep(["fsck", "--repair", "--format", "json", path].iter().chain(line))
}

fn look(directory: &Path) -> Value {
    fsck_in(directory, &["--format", "json"]).json()
}

/// A sound image, and one that is damaged; both have a layer in common.
fn damaged(harm: impl FnOnce(&mut RegistryBuilder, &Image)) -> RegistryBuilder {
    let mut r = RegistryBuilder::new();
    let good = r.image("app", "good", &["shared", "good layer"]);
    r.tag("app", "good", &good.digest);
    let bad = r.image("app", "bad", &["shared", "bad layer"]);
    r.tag("app", "bad", &bad.digest);
    harm(&mut r, &bad);
    r
}

const MODES: [&[&str]; 2] = [&["--yes", "--offline"], &["--yes", "--settle", "1s"]];

/// Repairs; tells the directory. The sound image is as it was.
#[track_caller]
fn repaired(r: &RegistryBuilder, mode: &[&str]) -> (tempfile::TempDir, Ran) {
    let directory = on_disk(r);
    let ran = repair(directory.path(), mode).expect(0);
    assert_eq!(look(directory.path())["counts"]["damage"], 0, "{ran:#?}");
    let after = read_dir(directory.path());
    assert_eq!(pull(&after, "app", "good"), pull(r.tree(), "app", "good"));
    assert!(pull(&after, "app", "good").is_ok());
    // What is mended stays mended, and nothing is left to do.
    let again = repair(directory.path(), mode).expect(0);
    assert_eq!((again.count("/entries/planned"), again.count("/links/layer_links")), (0, 0), "{again:#?}");
    (directory, ran)
}

#[test]
fn missing_links_are_written_and_the_image_is_whole() {
    for mode in MODES {
        let r = damaged(|r, _| {
            r.remove(&layer_key("app", &sha256(b"bad layer")));
        });
        let (directory, ran) = repaired(&r, mode);
        assert_eq!((ran.count("/links/written"), ran.count("/entries/planned")), (1, 0));
        assert!(pull(&read_dir(directory.path()), "app", "bad").is_ok());
    }
    for name in [sha512(b"aliased"), sha256(b"aliased")] {
        let r = damaged(|r, _| {
            let aliased = r.aliased_image("app", "aliased", &["aliased"]);
            // Another repository tells for what the name stands.
            let elsewhere = r.aliased_image("other", "elsewhere", &["aliased"]);
            r.tag("app", "aliased", &aliased.digest).tag("other", "v1", &elsewhere.digest);
            r.remove(&layer_key("app", &name));
        });
        let (directory, _) = repaired(&r, MODES[0]);
        assert!(pull(&read_dir(directory.path()), "app", "aliased").is_ok(), "{name}");
    }
}

#[test]
fn tag_whose_manifest_link_is_missing_is_whole_again() {
    for mode in MODES {
        let r = damaged(|r, bad| {
            r.delete_manifest("app", &bad.digest).remove(&layer_key("app", &sha256(b"bad layer")));
        });
        let (directory, ran) = repaired(&r, mode);
        assert_eq!(ran.count("/links/written"), 2, "{ran:#?}");
        assert!(pull(&read_dir(directory.path()), "app", "bad").is_ok());
    }
}

#[test]
fn pointers_to_a_lost_manifest_go_and_nothing_that_is_about_it() {
    for mode in MODES {
        let mut signature = String::new();
        let r = damaged(|r, bad| {
            signature = r.referrer("app", &bad.digest, "application/vnd.example.signature", "signed").digest;
            r.cosign_signature("app", &bad.digest);
            r.lose_blob(&bad.digest);
        });
        let (directory, ran) = repaired(&r, mode);
        let (before, after) = (r.tree(), read_dir(directory.path()));
        let gone: Vec<&String> = before.keys().filter(|key| !after.contains_key(*key)).collect();
        assert!(gone.iter().all(|key| key.contains("/tags/bad/") || key.contains("/revisions/")), "{gone:?}");
        assert_eq!(gone.len(), 3, "the tag, its history, and the manifest's link: {gone:?}");
        assert_eq!((ran.count("/deleted/tags"), ran.count("/deleted/manifests")), (1, 1));
        assert!(after.contains_key(&revision_key("app", &signature)));
    }
}

#[test]
fn link_to_a_lost_child_goes_and_is_not_written_back() {
    for mode in MODES {
        let mut child = String::new();
        let r = damaged(|r, _| {
            let (lost, whole) = (r.image("app", "lost", &["l"]), r.image("app", "whole", &["l"]));
            let index = r.index("app", &[&lost.digest, &whole.digest]);
            r.tag("app", "multi", &index).lose_blob(&lost.digest);
            child = lost.digest;
        });
        let (directory, _) = repaired(&r, mode);
        let after = read_dir(directory.path());
        assert!(!after.contains_key(&revision_key("app", &child)));
        // Nor by any later run.
        regsweep(["gc", "--settle", "1s", "--min-age", "0s", directory.path().to_str().unwrap()]).expect(0);
        assert!(!read_dir(directory.path()).contains_key(&revision_key("app", &child)));
        assert!(pull(&read_dir(directory.path()), "app", "multi").is_ok());
    }
}

#[test]
fn links_that_are_none_are_written_anew() {
    for mode in MODES {
        let r = damaged(|r, bad| {
            r.empty(&layer_key("app", &sha256(b"bad layer")));
            r.damage(&revision_key("app", &bad.digest), "<html>502 Bad Gateway</html>");
        });
        let (directory, ran) = repaired(&r, mode);
        assert_eq!((ran.count("/links/written"), ran.count("/entries/deleted")), (2, 2));
        assert!(pull(&read_dir(directory.path()), "app", "bad").is_ok());
    }
}

#[test]
fn dangling_layer_links_go() {
    let gone = sha256(b"gone");
    let r = damaged(|r, _| {
        r.link_layer("app", &gone);
    });
    let (directory, ran) = repaired(&r, MODES[0]);
    assert_eq!(ran.count("/deleted/layer_links"), 1);
    assert!(!read_dir(directory.path()).contains_key(&layer_key("app", &gone)));
}

/// What a manifest names where the registry does not look, nobody gets by a repair.
#[test]
fn content_of_another_repository_is_not_handed_out() {
    let mut r = damaged(|_, _| ());
    let secret = r.layer("private", "secret");
    let named = |urls: Value| {
        let kind = "application/vnd.oci.image.layer.v1.tar+gzip";
        json!({"mediaType": kind, "digest": secret, "size": 6, "urls": urls})
    };
    let config = r.layer("public", "{}");
    let config = json!({"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": 2});
    for (tag, field, urls) in [
        ("foreign", "layers", json!(["https://x.example"])),
        ("blobs", "blobs", json!([])),
        ("other", "fsLayers", json!([])),
    ] {
        let mut manifest = json!({"schemaVersion": 2, "config": config, "layers": []});
        let mut named = named(urls);
        named["blobSum"] = json!(secret);
        manifest[field] = json!([named]);
        let digest = r.manifest("public", manifest.to_string());
        r.tag("public", tag, &digest);
    }
    let directory = on_disk(&r);
    repair(directory.path(), &["--yes", "--offline"]);
    assert!(!read_dir(directory.path()).contains_key(&layer_key("public", &secret)));
}

/// What cannot be mended is left as it is, and told.
#[test]
fn what_is_lost_stays_lost_and_is_told() {
    let r = damaged(|r, _| {
        r.lose_blob(&sha256(b"bad layer"));
    });
    let directory = on_disk(&r);
    let ran = repair(directory.path(), &["--yes", "--offline"]).expect(4);
    assert_eq!(ran.count("/damage_left"), 1);
    assert_eq!(read_dir(directory.path()), *r.tree());
    assert_eq!(found(&look(directory.path()), "damage"), pairs([("missing_blob", blob_key(&sha256(b"bad layer")))]));
    let path = directory.path().to_str().unwrap();
    let text = regsweep(["fsck", "--repair", "--dry-run", path]).expect(4).stdout;
    assert!(text.contains("1 finding of damage cannot be mended"), "{text}");
}

/// Whatever is broken: a repair takes nothing from any image that can be pulled, and leaves only what it tells.
#[test]
fn no_image_loses_anything_by_a_repair() {
    let mut mended = 0;
    for seed in 0..60 {
        let mut r = random_registry(seed);
        damage(&mut r, seed);
        let directory = on_disk(&r);
        let mode = MODES[usize::from(seed % 10 == 9)];
        let ran = repair(directory.path(), mode);
        let left = look(directory.path())["counts"]["damage"].as_u64().unwrap();
        assert_eq!(left, ran.count("/damage_left"), "seed {seed}: {ran:#?} {:#}", look(directory.path()));
        assert_eq!(ran.code, if left > 0 { 4 } else { 0 }, "seed {seed}: {ran:#?}");
        let (before, after) = (pull_all(r.tree()), pull_all(&read_dir(directory.path())));
        for (image, pulled) in &before {
            // A tag goes only if it names nothing that is there.
            let Some(now) = after.get(image) else {
                assert!(pulled.served.is_empty(), "seed {seed}: {image:?} is gone: {pulled:#?}");
                continue;
            };
            assert!(now.served.is_superset(&pulled.served), "seed {seed}: {image:?} lost something");
            mended += usize::from(now.broken.len() < pulled.broken.len());
        }
        let blobs = |tree: &super::lab::tree::Tree| tree.keys().filter(|key| key.contains("/blobs/")).count();
        assert_eq!(blobs(r.tree()), blobs(&read_dir(directory.path())), "seed {seed}: no content goes");
    }
    assert!(mended > 2, "{mended}");
}

#[test]
fn plan_is_saved_shown_and_applied() {
    let r = damaged(|r, bad| {
        r.lose_blob(&bad.digest).remove(&layer_key("app", &sha256(b"good layer")));
    });
    let directory = on_disk(&r);
    let home = tempfile::tempdir().unwrap();
    let plan = home.path().join("plan.jsonl");
    let file = plan.to_str().unwrap();
    let path = directory.path().to_str().unwrap();
    regsweep(["fsck", "--repair", "--offline", "-o", file, path]).expect(0);
    assert_eq!(read_dir(directory.path()), *r.tree(), "saving a plan changes nothing");
    let saved = PlanFile::read(&plan);
    assert_eq!(saved.header["command"], "fsck");
    let links = saved.header["options"]["repair"]["links"].as_object().unwrap();
    assert_eq!(links.keys().collect::<Vec<_>>(), [&layer_key("app", &sha256(b"good layer"))]);
    assert!(saved.lines.iter().all(|line| line["reason"] == "dangling"), "{saved:#?}");
    let shown = regsweep(["show", file]).expect(0).stdout;
    assert!(shown.contains("--repair") && shown.contains("to write\n  1 link"), "{shown}");
    // Damage that came later is not in the plan.
    let later = directory.path().join(layer_key("app", &sha256(b"shared")));
    std::fs::remove_file(&later).unwrap();
    regsweep(["apply", file, "--yes"]).expect(0);
    assert!(directory.path().join(layer_key("app", &sha256(b"good layer"))).is_file());
    assert!(!later.exists() && !directory.path().join(tag_key("app", "bad")).exists());
}

/// A push between plan and repair makes whole what was lost: nothing of it goes.
#[test]
fn what_was_pushed_again_stays() {
    let mut digest = String::new();
    let r = damaged(|r, bad| {
        digest.clone_from(&bad.digest);
        r.lose_blob(&bad.digest);
    });
    let whole = damaged(|_, _| ());
    for repository in ["app", "elsewhere"] {
        let directory = on_disk(&r);
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("plan.jsonl").to_str().unwrap().to_owned();
        regsweep(["fsck", "--repair", "--settle", "1s", "-o", &file, directory.path().to_str().unwrap()]).expect(0);
        let push = Push::again(whole.tree(), repository, "bad", &digest);
        push.upload(directory.path());
        push.finish(directory.path());
        let before = pull_all(&read_dir(directory.path()));
        regsweep(["apply", &file, "--yes"]).expect(0);
        assert_eq!(pull_all(&read_dir(directory.path())), before, "{repository}");
        assert!(before.values().all(|pulled| pulled.broken.is_empty()), "{repository}: {before:#?}");
    }
}

#[test]
fn repair_wants_a_yes_and_refuses_what_every_run_refuses() {
    let r = damaged(|r, bad| {
        r.lose_blob(&bad.digest);
    });
    let directory = on_disk(&r);
    let ran = repair(directory.path(), &[]).expect(2);
    assert!(ran.stderr.contains("--yes"), "{ran:#?}");
    let dry = repair(directory.path(), &["--dry-run"]).expect(0);
    assert_eq!((dry.count("/planned/tags"), dry.count("/deleted/tags")), (1, 0));
    assert_eq!(read_dir(directory.path()), *r.tree());
    let path = directory.path().to_str().unwrap();
    regsweep(["fsck", "-o", "plan.jsonl", path]).expect(2);
    regsweep(["fsck", "--yes", path]).expect(2);
    regsweep(["fsck", "--max-duration", "1h", path]).expect(2);
    regsweep(["fsck", "--offline", path]).expect(2);
    let mut lost = RegistryBuilder::new();
    let image = lost.image("app", "only", &["l"]);
    lost.tag("app", "v1", &image.digest).lose_blob(&image.digest);
    let directory = on_disk(&lost);
    let ran = repair(directory.path(), &["--yes", "--offline"]).expect(3);
    assert_eq!(ran.refusals(), ["nothing-marked"], "a registry that has lost all of its manifests is another one");
    assert_eq!(read_dir(directory.path()), *lost.tree());
}

/// In a bucket, with a journal, and undone as far as there is anything to undo.
#[test]
fn repair_works_in_a_bucket() {
    let r = damaged(|r, bad| {
        r.lose_blob(&bad.digest).remove(&layer_key("app", &sha256(b"good layer")));
    });
    let bucket = Bucket::s3("registry");
    r.load_into(&bucket, "");
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("config.yml"), s3_config(&bucket, "")).unwrap();
    let config = home.path().join("config.yml").display().to_string();
    let run = |line: &[&str]| finish(command(line.iter().chain(&[config.as_str()])).envs(s3_environment()));
    let ran = run(&["fsck", "--repair", "--yes", "--settle", "1s", "--format", "json"]).expect(0);
    assert_eq!((ran.count("/links/written"), ran.count("/deleted/tags")), (1, 1), "{ran:#?}");
    assert_eq!(run(&["fsck", "--format", "json"]).expect(0).json()["counts"]["damage"], 0);
    let tree = bucket.dump("");
    assert!(pull(&tree, "app", "good").is_ok());
    assert_eq!(tags(&tree), [("app".to_owned(), "good".to_owned())]);
    // Its journal can give nothing back, as what it names is not there; and says so.
    run(&["restore", "--all", "--yes"]);
    assert_eq!(run(&["fsck", "--format", "json"]).expect(0).json()["counts"]["damage"], 0);
}

/// A repair that ends between taking a broken link away and writing it anew: its journal knows, and the next run of any
/// kind writes it.
#[test]
fn link_that_could_not_be_written_anew_is_written_by_the_next_run() {
    let mut keys = Vec::new();
    let r = damaged(|r, bad| {
        keys = vec![layer_key("app", &sha256(b"bad layer")), revision_key("app", &bad.digest)];
        for key in &keys {
            r.empty(key);
        }
    });
    for key in &keys {
        let bucket = Bucket::s3("registry");
        r.load_into(&bucket, "");
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("config.yml"), s3_config(&bucket, "")).unwrap();
        let config = home.path().join("config.yml").display().to_string();
        let run = |line: &[&str]| finish(command(line.iter().chain(&[config.as_str()])).envs(s3_environment()));
        let meant = key.clone();
        let refused = bucket.fault(Fault::access_denied().on(Kind::Put).key(move |key| key == meant));
        run(&["fsck", "--repair", "--yes", "--settle", "1s"]).expect(4);
        assert!(!bucket.contains(key), "it was taken away, and could not be written");
        bucket.clear_fault(refused);
        run(&["gc", "--settle", "1s", "--min-age", "0s"]).expect(0);
        let tree = bucket.dump("");
        assert!(tree.contains_key(key), "{key}");
        // What the first link's failure has held back is for the next repair.
        run(&["fsck", "--repair", "--yes", "--settle", "1s"]).expect(0);
        assert!(pull(&bucket.dump(""), "app", "bad").is_ok(), "{key}");
    }
}

#[test]
fn question_says_what_is_removed_and_what_is_written() {
    let r = damaged(|r, bad| {
        r.lose_blob(&bad.digest).remove(&layer_key("app", &sha256(b"good layer")));
    });
    let directory = on_disk(&r);
    let ask = || Terminal::start(&["fsck", "--repair", "--offline", directory.path().to_str().unwrap()]);
    let no = ask().answer("n").expect(1);
    let asked = no.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    let question = "remove 1 tag, 1 history entry, 1 manifest, and write 1 layer link? No content goes. [y/N]";
    assert!(asked.contains(question), "{no:#?}");
    assert_eq!(read_dir(directory.path()).keys().filter(|key| key.contains("/v2/")).count(), r.tree().len());
    ask().answer("y").expect(0);
    assert_eq!(look(directory.path())["counts"]["damage"], 0);
}
