//! A tag is what its `current/link` names; its history is not.

use crate::check::{BOTH, links, rubbish, sweep, tagged, untagged, whole};
use crate::lab::registry::{ROOT, RegistryBuilder, history_key, revision_key, sha256, tag_key};

#[test]
fn tag_that_moved_lets_its_old_image_go_with_its_history() {
    let mut registry = RegistryBuilder::new();
    let old = untagged(&mut registry, "app", "old");
    registry.tag("app", "latest", &old.digest);
    let new = untagged(&mut registry, "app", "new");
    registry.tag("app", "latest", &new.digest);
    let history = history_key("app", "latest", &old.digest);
    sweep(&registry, &["-m"]).loses([whole("app", &old), vec![history]].concat()).reports(&[]);
    sweep(&registry, &[]).loses_nothing();
}

#[test]
fn image_that_another_tag_names_stays_with_its_history() {
    let mut registry = RegistryBuilder::new();
    let old = tagged(&mut registry, "app", "v1");
    registry.tag("app", "latest", &old.digest);
    let new = untagged(&mut registry, "app", "new");
    registry.tag("app", "latest", &new.digest);
    sweep(&registry, &["-m"]).loses_nothing();
}

#[test]
fn history_of_a_manifest_that_is_gone_goes() {
    for arguments in BOTH {
        let mut registry = RegistryBuilder::new();
        tagged(&mut registry, "app", "latest");
        let gone = sha256(b"gone");
        registry.tag_history("app", "latest", &gone);
        sweep(&registry, arguments).loses([history_key("app", "latest", &gone)]);
    }
}

#[test]
fn tag_without_current_link_is_no_tag() {
    let mut registry = RegistryBuilder::new();
    tagged(&mut registry, "app", "stays");
    let image = tagged(&mut registry, "app", "goes");
    registry.remove(&tag_key("app", "goes"));
    let history = history_key("app", "goes", &image.digest);
    sweep(&registry, &[]).loses_nothing();
    sweep(&registry, &["-m"]).loses([whole("app", &image), vec![history]].concat());
}

#[test]
fn tag_of_an_absent_manifest_stays() {
    for arguments in BOTH {
        let mut registry = RegistryBuilder::new();
        tagged(&mut registry, "app", "latest");
        registry.tag("app", "dangling", &sha256(b"absent"));
        let garbage = rubbish(&mut registry, "app");
        sweep(&registry, arguments).loses(garbage).reports(&["dangling_tag"]);
    }
}

/// The registry answers 404 for it, but its content is there and can be made whole; the registry's own collector takes it.
#[test]
fn tag_whose_revision_link_is_missing_keeps_its_content() {
    for arguments in BOTH {
        let mut registry = RegistryBuilder::new();
        tagged(&mut registry, "app", "latest");
        let image = tagged(&mut registry, "app", "broken");
        registry.delete_manifest("app", &image.digest);
        let garbage = rubbish(&mut registry, "app");
        let swept = sweep(&registry, arguments).loses(garbage);
        assert_eq!(swept.ran.count("/kept/broken_tags/count"), 1);
        let bytes: usize = image.all().iter().map(|digest| registry.bytes_of(digest).unwrap().len()).sum();
        assert_eq!(swept.ran.count("/kept/broken_tags/bytes"), bytes as u64);
        let messages = swept.ran.json()["problems"].to_string();
        assert!(messages.contains(&format!("app@{}", image.digest)), "{messages}");
        swept.reports(&["broken_tag"]);
    }
}

#[test]
fn tag_that_cannot_be_read_keeps_its_history_and_every_manifest() {
    let contents: [fn(&str) -> String; 4] =
        [|_| String::new(), |digest| format!("{digest}\n"), |digest| digest[..40].to_owned(), |_| "<html>".into()];
    for (arguments, content) in BOTH.into_iter().flat_map(|arguments| contents.map(|content| (arguments, content))) {
        let mut registry = RegistryBuilder::new();
        let image = tagged(&mut registry, "app", "latest");
        untagged(&mut registry, "app", "untagged");
        registry.damage(&tag_key("app", "latest"), content(&image.digest));
        tagged(&mut registry, "neighbour", "latest");
        let garbage = [rubbish(&mut registry, "app"), rubbish(&mut registry, "neighbour")].concat();
        sweep(&registry, arguments).loses(garbage).reports(&["unreadable_tag"]);
    }
}

/// Without its revision link, only the history tells which image an unreadable tag may mean.
#[test]
fn tag_that_cannot_be_read_keeps_the_content_of_its_history() {
    let mut registry = RegistryBuilder::new();
    tagged(&mut registry, "app", "stays");
    let image = tagged(&mut registry, "app", "latest");
    registry.delete_manifest("app", &image.digest).empty(&tag_key("app", "latest"));
    sweep(&registry, &["-m"]).loses_nothing().reports(&["unreadable_tag"]);
}

/// The registry's own collector stops at it.
#[test]
fn stray_file_among_the_tags_is_ignored_and_stays() {
    for arguments in BOTH {
        let mut registry = RegistryBuilder::new();
        tagged(&mut registry, "app", "latest");
        registry.raw(&format!("{ROOT}/repositories/app/_manifests/tags/.DS_Store"), "\0\0\0\u{1}Bud1");
        let garbage = rubbish(&mut registry, "app");
        sweep(&registry, arguments).loses(garbage).reports(&[]);
    }
}

/// Normal on object stores, once all tags are deleted. The registry's own collector leaves the revision link behind.
#[test]
fn repository_without_tags_directory_goes_whole() {
    let mut registry = RegistryBuilder::new();
    tagged(&mut registry, "app", "latest");
    let image = untagged(&mut registry, "untagged", "image");
    sweep(&registry, &["-m"]).loses(whole("untagged", &image));
    sweep(&registry, &[]).loses_nothing();
}

#[test]
fn tags_of_every_legal_name_are_tags() {
    let longest = "x".repeat(128);
    for tag in ["_", "_x", "A", "0", "latest", "v1.2.3-rc.1_x", "index", "current", longest.as_str()] {
        let mut registry = RegistryBuilder::new();
        tagged(&mut registry, "app", "stays");
        let image = untagged(&mut registry, "app", "image");
        registry.tag("app", tag, &image.digest);
        sweep(&registry, &["-m"]).loses_nothing().reports(&[]);
    }
}

/// What no registry accepts as a tag may be one of a registry that we do not know.
#[test]
fn invalid_tag_keeps_its_repository() {
    let mut registry = RegistryBuilder::new();
    tagged(&mut registry, "app", "stays");
    let image = untagged(&mut registry, "app", "image");
    registry.raw(&tag_key("app", "not a tag"), image.digest.clone());
    rubbish(&mut registry, "app");
    sweep(&registry, &["-m"]).loses_nothing().reports(&["unknown_link"]);
}

#[test]
fn same_image_under_two_tags_survives_the_loss_of_one() {
    let mut registry = RegistryBuilder::new();
    let image = tagged(&mut registry, "app", "v1");
    registry.tag("app", "v2", &image.digest).untag("app", "v1");
    let layer = registry.layer("app", "unneeded");
    let swept = sweep(&registry, &["-m"]);
    assert!(swept.after.contains_key(&revision_key("app", &image.digest)));
    swept.loses([links("app", [&layer]), crate::check::blobs([&layer])].concat());
}

/// Thousands of links are read before those of the last repository: no listing of a directory tells what they say.
#[test]
fn links_of_the_last_of_many_repositories_are_read_like_those_of_the_first() {
    let mut registry = RegistryBuilder::new();
    for name in ["a", "b"] {
        let image = registry.image(name, "config", &["layer"]).digest;
        for number in 0..1_500 {
            registry.tag(name, &format!("v{number}"), &image);
        }
    }
    let image = registry.aliased_image("c", "other config", &["one", "two"]);
    registry.tag("c", "latest", &image.digest);
    let garbage = rubbish(&mut registry, "c");
    sweep(&registry, &["-m"]).loses(garbage).reports(&[]);
}
