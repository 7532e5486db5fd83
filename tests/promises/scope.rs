//! `--repository PATTERN`: only these repositories lose something.

use crate::check::{blobs, links, lost_by_repository, pointers, rubbish, sweep, tagged, untagged, whole};
use crate::lab::registry::{RegistryBuilder, revision_key};
use crate::lab::tree::days_ago;

const UUID: &str = "0f8fad5b-d9cb-469f-a165-70867728950e";

#[test]
fn only_the_named_repository_loses_something() {
    let mut registry = RegistryBuilder::new();
    let mut garbage = Vec::new();
    for repo in ["a", "b", "c/d"] {
        tagged(&mut registry, repo, "latest");
        let image = untagged(&mut registry, repo, "untagged");
        registry.upload(repo, UUID, days_ago(30), "data");
        garbage.push((repo, [whole(repo, &image), rubbish(&mut registry, repo)].concat()));
    }
    let orphan = registry.blob("linked nowhere");
    for (repo, mut goes) in garbage {
        let uploads = format!("/{repo}/_uploads/");
        goes.extend(registry.tree().keys().filter(|key| key.contains(&uploads)).cloned());
        let swept = sweep(&registry, &["-m", "--repository", repo]).loses(goes);
        assert_eq!(swept.left(&orphan["sha256:".len()..]), 1, "what nobody links is no concern of {repo}");
    }
}

#[test]
fn blob_shared_with_another_repository_stays() {
    let mut registry = RegistryBuilder::new();
    let unneeded = registry.layer("a", "unneeded by both");
    registry.mount("a", "b", &unneeded);
    let needed = tagged(&mut registry, "b", "latest");
    registry.mount("b", "a", &needed.layers[0]);
    tagged(&mut registry, "a", "latest");
    let goes = links("a", [&unneeded, &needed.layers[0]]);
    sweep(&registry, &["--repository", "a"]).loses(goes);
    let all = [links("a", [&unneeded, &needed.layers[0]]), links("b", [&unneeded]), blobs([&unneeded])].concat();
    sweep(&registry, &[]).loses(all);
}

#[test]
fn untagged_image_shared_with_another_repository_keeps_its_content() {
    let mut registry = RegistryBuilder::new();
    for repo in ["a", "b"] {
        tagged(&mut registry, repo, "latest");
        registry.image(repo, "shared", &["shared"]);
    }
    let image = registry.image("a", "shared", &["shared"]);
    sweep(&registry, &["-m", "--repository", "b"]).loses(pointers("b", &image));
}

/// Of the blobs goes what a repository in scope links or names.
#[test]
fn content_that_only_its_manifest_names_goes_too() {
    let mut registry = RegistryBuilder::new();
    tagged(&mut registry, "a", "latest");
    let image = untagged(&mut registry, "a", "untagged");
    for key in links("a", image.config.iter().chain(&image.layers)) {
        registry.remove(&key);
    }
    let goes = [vec![revision_key("a", &image.digest)], blobs(image.all())].concat();
    sweep(&registry, &["-m", "--repository", "a"]).loses(goes);
}

/// Out of scope means: as if everything there were needed, also by what is in scope.
#[test]
fn child_of_an_untagged_index_out_of_scope_stays() {
    let mut registry = RegistryBuilder::new();
    tagged(&mut registry, "in", "latest");
    tagged(&mut registry, "out", "latest");
    let child = untagged(&mut registry, "in", "child");
    registry.index("out", &[&child.digest]);
    sweep(&registry, &["-m", "--repository", "in"]).loses_nothing();
}

#[test]
fn nested_repositories_are_repositories_of_their_own() {
    let mut registry = RegistryBuilder::new();
    let garbage = ["a", "a/b", "a/b/c", "a-b"].map(|repo| {
        tagged(&mut registry, repo, "latest");
        rubbish(&mut registry, repo)
    });
    let [a, b, c, _] = &garbage;
    for (pattern, goes) in [
        ("a", a.clone()),
        ("a/*", b.clone()),
        ("a/**", [&b[..], c].concat()),
        ("re:^a/b$", b.clone()),
        ("re:b", garbage[1..].concat()),
        ("**", garbage.concat()),
        ("nothing", Vec::new()),
    ] {
        sweep(&registry, &["--repository", pattern]).loses(goes);
    }
    sweep(&registry, &["--repository", "a", "--repository", "a/b"]).loses([&a[..], b].concat());
}

/// A clean-up with the prefix `images` that also took `images2`: supabase/storage#830.
#[test]
fn cleanup_of_images_leaves_images2_alone() {
    let mut registry = RegistryBuilder::new();
    for repo in ["images", "images2", "images-old", "my/images", "images.d"] {
        tagged(&mut registry, repo, "latest");
        untagged(&mut registry, repo, "untagged");
        rubbish(&mut registry, repo);
        registry.upload(repo, UUID, days_ago(30), "data");
    }
    let swept = sweep(&registry, &["-m", "--repository", "images"]);
    let lost = lost_by_repository(&swept);
    assert_eq!(lost.keys().collect::<Vec<_>>(), ["blobs", "images"], "{lost:?}");
}

/// Azure/acr#577: a flag that was read as a filter, and came on top. This one only takes away from what would go.
#[test]
fn repository_option_never_adds_to_what_goes() {
    let mut registry = RegistryBuilder::new();
    for repo in ["a", "b"] {
        tagged(&mut registry, repo, "latest");
        untagged(&mut registry, repo, "untagged");
    }
    sweep(&registry, &["--repository", "a"]).loses_nothing();
}

#[test]
fn unusable_pattern_is_wrong_usage() {
    let mut registry = RegistryBuilder::new();
    rubbish(&mut registry, "a");
    let directory = crate::check::written(&registry);
    for pattern in ["", "re:(", "a["] {
        crate::check::gc(&["--offline", "--repository", pattern], directory.path()).expect(2);
    }
    assert_eq!(&crate::lab::tree::read_dir(directory.path()), registry.tree());
}
