//! When the storage looks like something that must not be collected: exit 3, nothing changed, and a way on.

use crate::check::{gc, refused, rubbish, sweep, sweep_directory, sweep_in_spite_of, tagged, untagged, written};
use crate::lab::registry::{ROOT, RegistryBuilder};
use crate::lab::tree::{days_ago, read_dir};
use crate::place::Place;

fn without_repositories() -> RegistryBuilder {
    let mut registry = RegistryBuilder::new();
    tagged(&mut registry, "app", "latest");
    registry.remove_where(|key| key.contains("/repositories/"));
    registry
}

#[test]
fn missing_repositories_is_refused_not_emptied() {
    for arguments in crate::check::BOTH {
        let swept = sweep_in_spite_of(&["no-repositories"], &without_repositories(), arguments);
        assert_eq!(swept.left("/blobs/"), 0, "who knows better gets what he asked for");
    }
}

/// The registry's own collector deletes every blob and ends with 0.
#[test]
fn empty_repositories_is_refused_not_emptied() {
    let directory = written(&without_repositories());
    std::fs::create_dir(directory.path().join(ROOT).join("repositories")).unwrap();
    refused(directory.path(), &[], &["no-repositories"]);
}

/// Some put an empty file there, so that the registry's collector finds the directory.
#[test]
fn repositories_with_nothing_but_a_stray_file_is_refused() {
    let mut registry = without_repositories();
    registry.raw(&format!("{ROOT}/repositories/.keep"), "");
    refused(written(&registry).path(), &[], &["no-repositories"]);
}

#[test]
fn permission_for_one_location_is_none_for_another() {
    let directory = written(&without_repositories());
    refused(directory.path(), &["--allow", "no-repositories=/some/other/registry"], &["no-repositories"]);
    refused(directory.path(), &["--allow", "percent"], &["no-repositories"]);
    let before = read_dir(directory.path());
    gc(&["--offline", "--allow", "no-repositories"], directory.path()).expect(2);
    gc(&["--offline", "--allow", "everything"], directory.path()).expect(2);
    assert!(before == read_dir(directory.path()));
}

#[test]
fn missing_blobs_is_refused() {
    let mut registry = RegistryBuilder::new();
    tagged(&mut registry, "app", "latest");
    registry.remove_where(|key| key.contains("/blobs/"));
    for arguments in crate::check::BOTH {
        refused(written(&registry).path(), arguments, &["nothing-marked"]);
    }
}

#[test]
fn empty_registry_is_nothing_to_do() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(directory.path().join(ROOT).join("blobs")).unwrap();
    std::fs::create_dir_all(directory.path().join(ROOT).join("repositories")).unwrap();
    sweep_directory(directory.path(), &["-m"]).loses_nothing().reports(&[]);
}

/// The registry's API has deleted the last manifest; what it leaves is ordinary garbage.
#[test]
fn registry_whose_last_image_was_deleted_is_not_refused() {
    let mut registry = RegistryBuilder::new();
    let image = tagged(&mut registry, "app", "latest");
    registry.untag("app", "latest").delete_manifest("app", &image.digest);
    let swept = sweep(&registry, &["-m"]);
    assert_eq!(swept.after.len(), 0, "{:#?}", swept.after.keys());
}

#[test]
fn untagged_registry_is_refused_with_m() {
    let mut registry = RegistryBuilder::new();
    untagged(&mut registry, "app", "one");
    untagged(&mut registry, "other", "two");
    refused(written(&registry).path(), &["-m"], &["nothing-marked", "tags-elsewhere"]);
    sweep(&registry, &[]).loses_nothing();
}

#[test]
fn registry_with_most_repositories_untagged_is_refused_with_m() {
    let mut registry = RegistryBuilder::new();
    tagged(&mut registry, "a", "latest");
    untagged(&mut registry, "b", "one");
    sweep(&registry, &["-m"]);
    untagged(&mut registry, "c", "two");
    let swept = sweep_in_spite_of(&["tags-elsewhere"], &registry, &["-m"]);
    assert_eq!(swept.left("/revisions/"), 1);
}

/// GitLab's registry with its metadata database: every image in the storage looks untagged or unlinked.
#[test]
fn metadata_database_is_refused() {
    for arguments in crate::check::BOTH {
        let mut registry = RegistryBuilder::new();
        tagged(&mut registry, "app", "latest");
        let garbage = rubbish(&mut registry, "app");
        registry.raw("docker/registry/lockfiles/database-in-use", "");
        sweep_in_spite_of(&["database"], &registry, arguments).loses(garbage);
    }
}

#[test]
fn pull_through_cache_is_refused_with_m_only() {
    let mut registry = RegistryBuilder::new();
    tagged(&mut registry, "app", "latest");
    let garbage = rubbish(&mut registry, "app");
    registry.raw("scheduler-state.json", "{}");
    sweep(&registry, &[]).loses(garbage.clone());
    sweep_in_spite_of(&["pull-through-cache"], &registry, &["-m"]).loses(garbage);
}

/// Harbor keeps its tags in its own database; its registry shows none of them, and may show some of its own.
#[test]
fn registry_of_harbor_is_refused_with_m_only() {
    let mut registry = RegistryBuilder::new();
    tagged(&mut registry, "library/app", "latest");
    let garbage = rubbish(&mut registry, "library/app");
    let directory = written(&registry);
    let root = directory.path().display();
    let auth = "auth:\n  htpasswd:\n    realm: harbor-registry-basic-realm\n    path: /etc/registry/passwd\n";
    let config = format!("version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {root}\n{auth}");
    let elsewhere = tempfile::tempdir().unwrap();
    let file = elsewhere.path().join("config.yml");
    std::fs::write(&file, config).unwrap();
    assert_eq!(gc(&["--offline", "-m"], &file).expect(3).refusals(), ["tags-elsewhere"]);
    assert_eq!(&read_dir(directory.path()), registry.tree());
    gc(&["--offline"], &file).expect(0);
    assert!(garbage.iter().all(|key| !directory.path().join(key).exists()));
}

/// A job that runs every night is not broken because there is nothing left to do. Where anything goes, were it only an
/// upload, it is refused.
#[test]
fn mirror_without_garbage_is_nothing_to_do() {
    let mut registry = RegistryBuilder::new();
    tagged(&mut registry, "app", "latest");
    registry.raw("scheduler-state.json", "{}");
    sweep(&registry, &["-m"]).loses_nothing();
    // Old versions are something, whatever the plan says.
    let line = ["gc", "--offline", "-m", "--dry-run", "--format", "json"];
    let place = Place::s3(&registry);
    place.run(&line).expect(0);
    let ran = place.run(&[&line[..], &["--purge-versions"]].concat()).expect(3);
    assert_eq!(ran.refusals(), ["pull-through-cache"]);
    registry.upload("app", "11111111-2222-4333-a444-555555555555", days_ago(30), "partial");
    refused(written(&registry).path(), &["-m"], &["pull-through-cache"]);
}

/// All that speaks against it is told at once, not one after the other.
#[test]
fn every_refusal_is_told() {
    let mut registry = RegistryBuilder::new();
    untagged(&mut registry, "app", "one");
    registry.raw("scheduler-state.json", "{}").raw("docker/registry/lockfiles/database-in-use", "");
    let all = ["database", "nothing-marked", "pull-through-cache", "tags-elsewhere"];
    refused(written(&registry).path(), &["-m"], &all);
}

#[test]
fn yes_allows_nothing() {
    refused(written(&without_repositories()).path(), &["--yes"], &["no-repositories"]);
}

#[test]
fn directory_that_is_no_registry_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("holiday.jpg"), "a picture").unwrap();
    let before = read_dir(directory.path());
    gc(&["--offline", "-m"], directory.path());
    assert!(before == read_dir(directory.path()));
}

#[test]
fn directory_that_is_not_there_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let ran = gc(&["--offline"], &directory.path().join("nowhere"));
    assert!([1, 2].contains(&ran.code), "{ran:#?}");
}

/// From 1 GiB on, and when nobody is asked, not more than three quarters of the bytes go.
#[cfg(unix)]
#[test]
fn most_of_the_bytes_are_refused() {
    let mut registry = RegistryBuilder::new();
    tagged(&mut registry, "app", "latest");
    let garbage = rubbish(&mut registry, "app");
    let directory = written(&registry);
    let data = directory.path().join(&garbage[1]);
    // A hole of 2 GiB: nobody reads it.
    std::fs::File::options().write(true).open(&data).unwrap().set_len(2 << 30).unwrap();
    let run = |arguments: &[&str]| gc(&[&["--offline"], arguments].concat(), directory.path());
    assert_eq!(run(&[]).expect(3).refusals(), ["percent"]);
    assert_eq!(run(&["--max-delete-percent", "90"]).expect(3).refusals(), ["percent"]);
    run(&["-d", "--max-delete-percent", "100"]).expect(0);
    assert!(data.exists());
    run(&["--allow", "percent"]).expect(0);
    assert!(!data.exists());
}
