//! What has gone wrong with other collectors, where no other file here has it already.

use std::path::Path;

use crate::check::{blobs, gc, links, pointers, rubbish, sweep, tagged, untagged, written};
use crate::lab::registry::{ROOT, RegistryBuilder};
use crate::lab::tree::read_dir;
use crate::tool::{regsweep, regsweep_with};

/// artifact-keeper#1655: a test for orphans by repository, on blobs that all share: 57 blobs and 85 tags lost.
#[test]
fn blob_shared_by_many_repositories_stays_while_one_needs_it() {
    let names: Vec<String> = (0..20).map(|at| format!("team/{at}")).collect();
    let mut registry = RegistryBuilder::new();
    let mut goes = Vec::new();
    for name in &names {
        tagged(&mut registry, name, "own");
        let image = registry.image(name, "shared", &["base", "top"]);
        goes.push(pointers(name, &image));
    }
    let image = registry.image(&names[7], "shared", &["base", "top"]);
    registry.tag(&names[7], "latest", &image.digest);
    goes.remove(7);
    sweep(&registry, &["-m"]).loses(goes.concat());
    registry.untag(&names[7], "latest");
    let all = names.iter().flat_map(|name| pointers(name, &image)).chain(blobs(image.all()));
    sweep(&registry, &["-m"]).loses(all);
}

/// Base images are old and shared: age alone says nothing (pytorch/ci-infra#504).
#[test]
fn old_layer_of_a_young_image_stays() {
    let mut registry = RegistryBuilder::new();
    registry.at(crate::lab::tree::days_ago(3000));
    registry.layer("base", "base layer");
    registry.aged(std::time::Duration::from_mins(1));
    let image = registry.image("app", "config", &["base layer"]);
    registry.tag("app", "latest", &image.digest);
    let goes = links("base", &image.layers);
    sweep(&registry, &["-m"]).loses(goes);
}

/// A path that is spelled otherwise makes everything look orphaned (Iceberg); a root must be the same in every spelling.
#[test]
fn root_in_any_spelling_is_the_same_registry() {
    let mut registry = RegistryBuilder::new();
    tagged(&mut registry, "app", "latest");
    rubbish(&mut registry, "app");
    let directory = written(&registry);
    let root = directory.path().to_str().unwrap().to_owned();
    let config = |root: &str| {
        let file = directory.path().join("config.yml");
        std::fs::write(&file, format!("version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {root}\n")).unwrap();
        file.to_str().unwrap().to_owned()
    };
    let spellings = [
        root.clone(),
        format!("{root}/"),
        format!("{root}//"),
        format!("{root}/./docker/.."),
        format!("{root}/docker"),
        format!("{root}/docker/registry/v2"),
        format!("{root}/docker/registry/v2/"),
        format!("{root}/docker/registry/v2/blobs"),
        format!("{root}/docker/registry/v2/repositories/app"),
        format!("file://{root}"),
        format!("file://{root}/"),
    ];
    let looks = |registry: &str| regsweep(["gc", "--offline", "-d", "--format", "json", registry]).expect(0);
    let planned = looks(&root).json()["planned"].clone();
    assert_eq!(planned["blobs"]["count"], 1);
    for spelling in &spellings {
        assert_eq!(looks(spelling).json()["planned"], planned, "{spelling}");
    }
    for root in [root.clone(), format!("{root}/"), format!("\"{root}/docker/..\"")] {
        assert_eq!(looks(&config(&root)).json()["planned"], planned, "{root}");
    }
    let variables = [("REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY".to_owned(), root)];
    let ran = regsweep_with(["gc", "--offline", "-d", "--format", "json"], variables).expect(0);
    assert_eq!(ran.json()["planned"], planned);
}

/// A preview that deletes (zot): none of these does.
#[test]
fn nothing_that_only_looks_deletes() {
    let mut registry = RegistryBuilder::new();
    tagged(&mut registry, "app", "latest");
    untagged(&mut registry, "app", "untagged");
    rubbish(&mut registry, "app");
    let directory = written(&registry);
    let root = directory.path().to_str().unwrap();
    let saved = tempfile::tempdir().unwrap();
    let file = saved.path().join("plan.jsonl");
    let file = file.to_str().unwrap();
    for arguments in [
        &["gc", "--offline", "-m", "-d", root][..],
        &["gc", "--offline", "-m", "-n", root],
        &["gc", "--offline", "-m", "--dry-run", "--yes", root],
        &["gc", "--offline", "-m", "-o", file, root],
        &["gc", "-m", "-d", root],
        &["plan", "--offline", "-m", root],
        &["plan", "-m", "-o", file, root],
        &["-h"],
    ] {
        regsweep(arguments).expect(0);
        assert_eq!(&read_dir(directory.path()), registry.tree(), "{arguments:?}");
    }
}

/// docker-registry-manifest-cleanup: a mismatch made the live set empty, and the sweep went on.
#[test]
fn registry_whose_every_manifest_is_lost_is_refused() {
    let mut registry = RegistryBuilder::new();
    for name in ["a", "b"] {
        let image = tagged(&mut registry, name, "latest");
        registry.lose_blob(&image.digest);
    }
    crate::check::refused(written(&registry).path(), &[], &["nothing-marked"]);
}

/// harbor#12975: the mark silently missed a project, and the sweep went on. What cannot be listed stops the run.
#[test]
fn file_in_the_place_of_a_directory_hides_nothing() {
    let mut registry = RegistryBuilder::new();
    tagged(&mut registry, "app", "latest");
    let garbage = rubbish(&mut registry, "app");
    registry.raw(&format!("{ROOT}/repositories/project"), "not a directory");
    registry.raw(&format!("{ROOT}/repositories/other/_layers"), "not a directory");
    sweep(&registry, &[]).loses(garbage);
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(directory.path().join(ROOT).join("blobs")).unwrap();
    std::fs::write(directory.path().join(ROOT).join("repositories"), "not a directory").unwrap();
    let ran = gc(&["--offline"], directory.path());
    assert!([1, 3].contains(&ran.code), "{ran:#?}");
}

/// Two collectors at once: what the other has taken is no failure.
#[test]
fn two_collectors_at_once_lose_nothing_that_is_needed() {
    let mut registry = RegistryBuilder::new();
    tagged(&mut registry, "app", "latest");
    for at in 0..200 {
        untagged(&mut registry, "app", &at.to_string());
    }
    let directory = written(&registry);
    let run = |root: &Path| gc(&["--offline", "-m"], root);
    let (one, two) = std::thread::scope(|scope| {
        let other = scope.spawn(|| run(directory.path()));
        (run(directory.path()), other.join().unwrap())
    });
    // One of them has the lease; the other, if it comes meanwhile, says whose it is.
    let codes = [one.code, two.code];
    assert!(codes.contains(&0) && codes.iter().all(|code| [0, 3].contains(code)), "{one:#?} {two:#?}");
    run(directory.path()).expect(0);
    let after = read_dir(directory.path());
    crate::lab::pull::assert_tags_unharmed(registry.tree(), &after, "two at once");
    assert_eq!(after.keys().filter(|key| key.contains("/revisions/")).count(), 1);
}
