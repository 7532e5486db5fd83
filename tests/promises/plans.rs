//! Saved plans: what was reviewed is what goes, and nothing that is needed when it is applied.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

use crate::check::{blobs, links, rubbish, tagged, untagged, whole, written};
use crate::lab::bucket::Bucket;
use crate::lab::clients::s3_config;
use crate::lab::pull::{assert_tags_unharmed, pull, pull_all_revisions};
use crate::lab::registry::{RegistryBuilder, blob_key, layer_key, revision_key, sha256, upload_key};
use crate::lab::tree::{Tree, days_ago, read_dir, removed};
use crate::tool::plan::PlanFile;
use crate::tool::{Ran, regsweep};

const UUID: &str = "0f8fad5b-d9cb-469f-a165-70867728950e";

/// Something of every stage that goes, beside something that stays.
fn registry() -> RegistryBuilder {
    let mut r = RegistryBuilder::new();
    tagged(&mut r, "app", "latest");
    let old = untagged(&mut r, "app", "old");
    r.tag_history("app", "latest", &old.digest);
    let child = untagged(&mut r, "app", "child");
    r.index("app", &[&child.digest]);
    tagged(&mut r, "other", "latest");
    untagged(&mut r, "other", "gone");
    rubbish(&mut r, "other");
    r.upload("other", UUID, days_ago(30), "so much so far");
    r.blob("orphan");
    r
}

/// A registry with a plan that was made for it.
struct Planned {
    directory: TempDir,
    home: TempDir,
    before: Tree,
}

impl Planned {
    #[track_caller]
    fn new(registry: &RegistryBuilder, arguments: &[&str]) -> Self {
        let planned =
            Self { directory: written(registry), home: TempDir::new().unwrap(), before: registry.tree().clone() };
        planned.make(arguments);
        planned
    }

    #[track_caller]
    fn make(&self, arguments: &[&str]) {
        let (file, root) = (self.file(), self.root());
        let line = ["plan", "--offline", "-q", "-o", file.to_str().unwrap(), root.to_str().unwrap()];
        regsweep(line.iter().chain(arguments)).expect(0);
        assert!(self.now() == read_dir(root), "a plan changes nothing");
    }

    fn file(&self) -> PathBuf {
        self.home.path().join("plan.jsonl")
    }

    fn root(&self) -> &Path {
        self.directory.path()
    }

    fn now(&self) -> Tree {
        read_dir(self.root())
    }

    fn plan(&self) -> PlanFile {
        PlanFile::read(&self.file())
    }

    fn apply(&self, arguments: &[&str]) -> Ran {
        let file = self.file();
        regsweep(["apply", "--format", "json", file.to_str().unwrap()].iter().chain(arguments))
    }

    /// Looks, applies, and checks what every applied plan promises: nothing that is not in it goes, no tag is harmed,
    /// nothing goes while a pointer to it stays, every line ends in one place, and another time changes nothing.
    #[track_caller]
    fn applied(&self) -> Applied {
        let (plan, before) = (self.plan(), self.now());
        let looked = self.apply(&["--dry-run"]).expect(0);
        assert!(self.now() == before, "a dry run changed something: {looked:#?}");
        let ran = self.apply(&["--yes"]).expect(0);
        let after = self.now();
        assert_eq!(looked.json()["planned"], ran.json()["planned"]);
        assert_eq!(looked.json()["kept"], ran.json()["kept"]);
        assert_eq!(ran.json()["planned"], ran.json()["deleted"], "{ran:#?}");
        assert_tags_unharmed(&before, &after, "applied");
        let gone: BTreeSet<String> = removed(&before, &after).into_iter().collect();
        let planned: BTreeSet<String> = plan.keys().into_iter().collect();
        assert!(gone.is_subset(&planned), "not in the plan: {:#?}", gone.difference(&planned));
        assert!(after.iter().all(|(key, entry)| before.get(key) == Some(entry)), "it wrote something");
        let kept = pull_all_revisions(&after);
        let were = pull_all_revisions(&before);
        assert!(kept.iter().all(|(image, pulled)| were[image] == *pulled), "a manifest stayed and lost something");
        for (key, entry) in after.iter().filter(|(key, _)| key.ends_with("/link")) {
            let data = blob_key(std::str::from_utf8(&entry.bytes).unwrap());
            assert!(!gone.contains(&data), "{key} stayed, and its data went");
        }
        let count = |pointer| ran.count(pointer);
        assert_eq!(count("/entries/planned"), plan.lines.len() as u64);
        assert_eq!(count("/entries/deleted"), gone.len() as u64);
        let ends = ["/entries/deleted", "/already_gone", "/kept/changed"].map(count).iter().sum::<u64>();
        assert_eq!(ends, plan.lines.len() as u64, "every line ends in one place: {ran:#?}");
        let there = planned.iter().filter(|key| after.contains_key(*key)).count();
        assert_eq!(count("/kept/changed"), there as u64, "what stays of it is told: {ran:#?}");
        let again = self.apply(&["--yes"]).expect(0);
        assert!(self.now() == after, "another time changed something: {again:#?}");
        assert_eq!(again.count("/already_gone"), (plan.lines.len() - there) as u64);
        Applied { ran, gone, after }
    }

    /// What happens between the plan and its application.
    fn then(&self, change: impl FnOnce(&mut RegistryBuilder), registry: &RegistryBuilder) -> &Self {
        let mut changed = registry.clone();
        change(&mut changed);
        for key in removed(registry.tree(), changed.tree()) {
            std::fs::remove_file(self.root().join(key)).unwrap();
        }
        let new = changed.tree().iter().filter(|(key, entry)| registry.tree().get(*key) != Some(entry));
        crate::lab::tree::write_dir(&new.map(|(key, entry)| (key.clone(), entry.clone())).collect(), self.root());
        self
    }
}

struct Applied {
    ran: Ran,
    gone: BTreeSet<String>,
    after: Tree,
}

impl Applied {
    /// Exactly these keys of the plan are kept.
    #[track_caller]
    fn keeps(&self, plan: &PlanFile, keys: impl IntoIterator<Item = String>) -> &Self {
        let kept: BTreeSet<String> = plan.keys().into_iter().filter(|key| self.after.contains_key(key)).collect();
        assert_eq!(kept, keys.into_iter().collect(), "{:#?}", self.ran);
        self
    }
}

#[test]
fn applied_plan_does_what_a_run_would_have_done() {
    for arguments in [&[][..], &["-m"], &["-m", "--uploads-older-than", "off"], &["-m", "--repository", "other"]] {
        let planned = Planned::new(&registry(), arguments);
        let copy = written(&registry());
        let ran = crate::check::gc(&[&["--offline"], arguments].concat(), copy.path()).expect(0);
        let applied = planned.applied();
        assert_eq!(applied.after.keys().collect::<Vec<_>>(), read_dir(copy.path()).keys().collect::<Vec<_>>());
        for part in ["found", "marked", "planned", "deleted", "bytes", "repositories", "nobody", "kept"] {
            assert_eq!(applied.ran.json()[part], ran.json()[part], "{part}");
        }
        applied.keeps(&planned.plan(), []);
        assert_eq!(applied.gone.len(), planned.plan().lines.len());
    }
}

/// What `show` says of a plan is what its run said of it, as far as the plan knows.
#[test]
fn shown_plan_is_what_was_planned() {
    for arguments in [&[][..], &["-m"], &["-m", "--repository", "other"]] {
        let planned = Planned::new(&registry(), arguments);
        let (file, root) = (planned.file(), planned.root().to_str().unwrap().to_owned());
        let made = regsweep(["plan", "--offline", "--format", "json", &root].iter().chain(arguments)).expect(0).json();
        drop(planned.directory);
        let ran = regsweep(["show", "--format", "json", file.to_str().unwrap()]).expect(0);
        let shown = ran.json();
        for part in ["planned", "planned_bytes", "location", "mode", "options", "nobody"] {
            assert_eq!(shown[part], made[part], "{part}");
        }
        let rows = |json: &serde_json::Value| -> Vec<_> {
            let rows = json["repositories"].as_array().unwrap().iter();
            rows.map(|row| (row["name"].clone(), row["planned"].clone())).collect()
        };
        assert_eq!(rows(&shown), rows(&made));
        assert_eq!(shown["plan"]["deletions"], made["entries"]["planned"]);
        assert_eq!((&shown["schema"], &shown["state"]), (&"regsweep.plan-report/1".into(), &"good".into()));
        let listed = regsweep(["show", "-v", file.to_str().unwrap()]).expect(0);
        for key in PlanFile::read(&file).keys() {
            assert!(listed.stdout.lines().any(|line| line.ends_with(&key)), "{key}");
        }
    }
}

#[test]
fn image_pushed_after_the_plan_keeps_the_layers_that_were_garbage() {
    let r = registry();
    let planned = Planned::new(&r, &["-m"]);
    let mut pushed = None;
    planned.then(
        |r| {
            r.at(SystemTime::now());
            // Its layers were garbage when the plan was made: the registry writes their links anew, not their data.
            pushed = Some(r.image("new", "new", &["layer of app old", "rubbish in other"]));
            r.tag("new", "v1", &pushed.as_ref().unwrap().digest);
        },
        &r,
    );
    let applied = planned.applied();
    applied.keeps(&planned.plan(), blobs(&pushed.as_ref().unwrap().layers));
    pull(&applied.after, "new", "v1").unwrap();
}

#[test]
fn manifest_tagged_again_after_the_plan_is_kept_with_all_it_needs() {
    let r = registry();
    let planned = Planned::new(&r, &["-m"]);
    let old = untagged(&mut r.clone(), "app", "old");
    planned.then(
        |r| {
            r.at(SystemTime::now());
            r.tag("app", "again", &old.digest);
        },
        &r,
    );
    let applied = planned.applied();
    let history = crate::lab::registry::history_key("app", "latest", &old.digest);
    applied.keeps(&planned.plan(), whole("app", &old).into_iter().chain([history]));
    pull(&applied.after, "app", "again").unwrap();
}

/// Nothing needs the link, but it is there, and was not when the plan was looked at.
#[test]
fn pointer_that_is_not_in_the_plan_keeps_what_it_names() {
    let r = registry();
    let planned = Planned::new(&r, &["-m"]);
    let digest = sha256(b"rubbish in other");
    planned.then(
        |r| {
            r.link_layer("app", &digest);
        },
        &r,
    );
    let applied = planned.applied();
    applied.keeps(&planned.plan(), [blob_key(&digest)]);
    assert_eq!(applied.ran.count("/kept/not_in_plan/count"), 1, "{:#?}", applied.ran);
}

/// The index came after the plan; without a tag it is garbage as well, and keeps what it names all the same.
#[test]
fn untagged_index_that_is_not_in_the_plan_keeps_its_children() {
    let r = registry();
    let planned = Planned::new(&r, &["-m"]);
    let gone = untagged(&mut r.clone(), "other", "gone");
    planned.then(
        |r| {
            r.index("other", &[&gone.digest]);
        },
        &r,
    );
    planned.applied().keeps(&planned.plan(), whole("other", &gone));
}

#[test]
fn image_untagged_after_the_plan_waits_for_the_next_one() {
    let mut r = registry();
    let image = tagged(&mut r, "app", "v2");
    let planned = Planned::new(&r, &["-m"]);
    planned.then(
        |r| {
            r.untag("app", "v2");
        },
        &r,
    );
    let applied = planned.applied();
    applied.keeps(&planned.plan(), []);
    assert!(whole("app", &image).iter().all(|key| applied.after.contains_key(key)));
    assert!(applied.ran.count("/kept/not_in_plan/count") >= 3, "{:#?}", applied.ran);
    planned.make(&["-m"]);
    let applied = planned.applied();
    assert_eq!(applied.gone, whole("app", &image).into_iter().collect());
}

#[test]
fn object_that_was_written_again_after_the_plan_stays() {
    let r = registry();
    let planned = Planned::new(&r, &["-m"]);
    let orphan = blob_key(&sha256(b"orphan"));
    planned.then(
        |r| {
            r.touch(&orphan, SystemTime::now() - Duration::from_hours(1));
        },
        &r,
    );
    planned.applied().keeps(&planned.plan(), [orphan]);
}

#[test]
fn upload_that_was_taken_up_again_stays_whole() {
    let r = registry();
    let planned = Planned::new(&r, &["-m"]);
    let files = ["startedat", "data", "hashstates/sha256/14"].map(|file| upload_key("other", UUID, file));
    // Long enough ago that a new plan would have it.
    planned.then(
        |r| {
            r.touch(&files[1], days_ago(20));
        },
        &r,
    );
    planned.applied().keeps(&planned.plan(), files);
}

/// However far an interrupted run came, in whichever order: another one does the rest.
#[test]
fn half_done_plan_is_finished_by_another_time() {
    for arguments in [&["-m"][..], &["-m", "--repository", "other"]] {
        let r = registry();
        let planned = Planned::new(&r, arguments);
        let plan = planned.plan();
        let rest: Vec<String> = r.tree().keys().filter(|key| !plan.keys().contains(key)).cloned().collect();
        for done in 0..=plan.lines.len() {
            crate::lab::tree::write_dir(r.tree(), planned.root());
            for key in &plan.keys()[..done] {
                std::fs::remove_file(planned.root().join(key)).unwrap();
            }
            let ran = planned.apply(&["--yes"]).expect(0);
            assert_eq!(planned.now().into_keys().collect::<Vec<_>>(), rest, "{done} were done: {ran:#?}");
            assert_eq!(ran.count("/already_gone"), done as u64);
        }
    }
}

#[test]
fn options_of_the_plan_decide_and_not_those_of_the_day() {
    let home = TempDir::new().unwrap();
    let keep = home.path().join("keep");
    let mut r = registry();
    let kept = untagged(&mut r, "app", "in use");
    std::fs::write(&keep, format!("app@{}\nother:latest\n", kept.digest)).unwrap();
    let arguments = ["-m", "--keep-from", keep.to_str().unwrap(), "--min-age", "1h", "--repository", "re:app|other"];
    let planned = Planned::new(&r, &arguments);
    std::fs::remove_file(&keep).unwrap();
    assert_eq!(
        planned.plan().header["options"]["keep_from"],
        serde_json::json!([format!("app@{}", kept.digest), "other:latest"]),
        "in full: the file may be gone"
    );
    let applied = planned.applied();
    applied.keeps(&planned.plan(), []);
    let json = applied.ran.json();
    assert_eq!(json["options"]["min_age"], "1h");
    assert_eq!(json["options"]["repositories"], serde_json::json!(["re:app|other"]));
    assert_eq!(json["options"]["keep_from"], 2);
    assert_eq!(json["options"]["max_delete_percent"], serde_json::Value::Null);
    assert!(whole("app", &kept).iter().all(|key| applied.after.contains_key(key)), "{json:#}");
}

/// The seal is against accidents. Against an enemy there is the fresh scan: a plan can only take away from it.
#[test]
fn false_plan_with_a_right_seal_takes_nothing_that_is_needed() {
    let r = registry();
    let planned = Planned::new(&r, &["-m"]);
    let right = planned.plan();
    let mut wrong = right.clone();
    wrong.lines.clear();
    let (root, of) = (planned.root(), "docker/registry/v2/repositories/");
    let mut lines = Vec::new();
    for (key, entry) in &planned.before {
        let hex = key.split('/').rev().find(|part| part.len() == 64);
        let (stage, name, reason) = match key {
            key if key.contains("/index/") => (1, "tag_history", "stale_tag_history"),
            key if key.contains("/revisions/") => (2, "revision", "untagged_manifest"),
            key if key.contains("/_layers/") => (3, "layer_link", "unneeded_layer_link"),
            key if key.contains("/blobs/") => (4, "blob", "unreferenced_blob"),
            _ => continue,
        };
        let repository = key.strip_prefix(of).and_then(|rest| rest.split_once("/_")).map(|(name, _)| name);
        let modified = std::fs::metadata(root.join(key)).unwrap().modified().unwrap();
        let modified = chrono::DateTime::<chrono::Utc>::from(modified);
        lines.push((stage, key.clone(), serde_json::json!({
            "stage": name,
            "key": key, "digest": format!("sha256:{}", hex.unwrap()), "repository": repository, "size": entry.bytes.len(),
            "last_modified": modified.to_rfc3339_opts(chrono::SecondsFormat::Nanos, true), "etag": null, "reason": reason,
        })));
    }
    lines.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
    wrong.lines = lines.into_iter().map(|(_, _, line)| line).collect();
    wrong.seal(&planned.file());
    let applied = planned.applied();
    let uploads = |key: &String| !key.contains("/_uploads/");
    assert_eq!(applied.gone, right.keys().into_iter().filter(uploads).collect(), "what may go, and nothing else");
}

#[test]
fn plan_of_another_directory_is_foreign() {
    let r = registry();
    let planned = Planned::new(&r, &["-m"]);
    let copy = written(&r);
    let foreign = |ran: Ran, word: &str| {
        let ran = ran.expect(3);
        assert_eq!(ran.refusals(), ["plan-foreign"], "{ran:#?}");
        assert!(ran.stderr.contains(word), "{ran:#?}");
    };
    foreign(planned.apply(&["--yes", "-R", copy.path().to_str().unwrap()]), "root");
    foreign(planned.apply(&["--dry-run", "-R", copy.path().to_str().unwrap()]), "root");
    assert!(read_dir(copy.path()) == planned.before);
    // A copy that was put in its place.
    let away = planned.home.path().join("away");
    std::fs::rename(planned.root(), &away).unwrap();
    crate::lab::tree::write_dir(r.tree(), planned.root());
    foreign(planned.apply(&["--yes"]), "inode");
    assert!(planned.now() == planned.before);
    // Another way to the same place is the same place.
    let (back, link) = (planned.root(), planned.home.path().join("link"));
    std::fs::remove_dir_all(back).unwrap();
    std::fs::rename(&away, back).unwrap();
    std::os::unix::fs::symlink(back, &link).unwrap();
    planned.apply(&["--dry-run", "-R", &format!("file://{}", back.display())]).expect(0);
    planned.apply(&["--yes", "-R", link.to_str().unwrap()]).expect(0);
}

#[test]
fn plan_of_another_bucket_root_or_endpoint_is_foreign() {
    let home = TempDir::new().unwrap();
    let (here, there) = (Bucket::s3("reg"), Bucket::s3("reg"));
    let other = Bucket::s3("other");
    for (bucket, prefix) in [(&here, "root/"), (&here, "root2/"), (&here, ""), (&there, "root/"), (&other, "root/")] {
        registry().load_into(bucket, prefix);
    }
    let config = |name: &str, bucket: &Bucket, root: &str| {
        let path = home.path().join(name);
        std::fs::write(&path, s3_config(bucket, root)).unwrap();
        path.display().to_string()
    };
    let right = config("right.yml", &here, "root");
    let plan = home.path().join("plan.jsonl").display().to_string();
    regsweep(["plan", "--offline", "-m", "-q", "-o", &plan, &right]).expect(0);
    for (wrong, word) in [
        (config("root.yml", &here, "root2"), "root"),
        (config("none.yml", &here, ""), "root"),
        (config("endpoint.yml", &there, "root"), "endpoint"),
        (config("bucket.yml", &other, "root"), "endpoint"),
        (home.path().join("registry").display().to_string(), "storage"),
    ] {
        if word == "storage" {
            registry().write_to(Path::new(&wrong));
        }
        let ran = regsweep(["apply", "--yes", "--format", "json", &plan, "-R", &wrong]).expect(3);
        assert_eq!(ran.refusals(), ["plan-foreign"], "{wrong}: {ran:#?}");
        assert!(ran.stderr.contains(&format!("the plan's {word}")), "{wrong}: {ran:#?}");
    }
    for bucket in [&here, &there, &other] {
        assert_eq!(bucket.counts().writes(), 0);
    }
    let ran = regsweep(["apply", "--yes", "--format", "json", &plan]).expect(0);
    assert_eq!(ran.json()["planned"], ran.json()["deleted"]);
    assert_eq!(here.dump("root2/").len(), registry().tree().len());
}

/// A layer link or a blob that the plan has and that a tag of another repository needs by now.
#[test]
fn plan_of_one_repository_takes_nothing_from_the_others() {
    let r = registry();
    let planned = Planned::new(&r, &["-m", "--repository", "other"]);
    let keys = planned.plan().keys();
    assert!(keys.iter().all(|key| key.contains("/repositories/other/") || key.contains("/blobs/")), "{keys:#?}");
    let gone = untagged(&mut r.clone(), "other", "gone");
    planned.then(
        |r| {
            r.mount("other", "app", &gone.layers[0]);
        },
        &r,
    );
    let applied = planned.applied();
    applied.keeps(&planned.plan(), blobs(&gone.layers));
    assert!(applied.after.contains_key(&layer_key("app", &gone.layers[0])));
    assert!(!applied.after.contains_key(&revision_key("other", &gone.digest)));
    assert!(links("other", &gone.layers).iter().all(|key| !applied.after.contains_key(key)));
}
