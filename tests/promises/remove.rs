//! `rm`: what is named goes, and nothing that something else needs; in a directory and in buckets, offline and live.

use std::collections::BTreeSet;

use crate::check::{blobs, links, pointers, tagged, untagged, whole};
use crate::lab::manifests::Image;
use crate::lab::pull::assert_tags_unharmed;
use crate::lab::registry::{
    RegistryBuilder, blob_key, history_key, layer_key, revision_key, sha256, tag_key, upload_key,
};
use crate::lab::tree::{Tree, days_ago, removed};
use crate::place::{Place, assert_same};
use crate::tool::Ran;

const OFFLINE: &[&str] = &["--offline"];
const LIVE: &[&str] = &["--settle", "10ms", "--defer", "1h"];
const SBOM: &str = "application/spdx+json";

fn rm(place: &Place, arguments: &[&str]) -> Ran {
    place.run(&[&["rm", "--format", "json", "--yes"], arguments].concat())
}

/// The tags of `before` that are there in `after`, with all else.
fn without_gone_tags(before: &Tree, after: &Tree) -> Tree {
    let is_gone = |key: &String| key.ends_with("/current/link") && !after.contains_key(key);
    before.iter().filter(|(key, _)| !is_gone(key)).map(|(key, entry)| (key.clone(), entry.clone())).collect()
}

/// Removes what is named, everywhere and in both modes: exactly these keys go. A dry run says so before, and `restore`
/// brings back all of it but content, where none went.
#[track_caller]
fn removes(registry: &RegistryBuilder, images: &[&str], keys: impl IntoIterator<Item = String>) {
    let expected: BTreeSet<String> = keys.into_iter().collect();
    for (place, mode) in Place::all(registry).into_iter().flat_map(|place| {
        let again = if place.bucket.is_none() { Place::directory(registry) } else { Place::s3(registry) };
        [(place, OFFLINE), (again, LIVE)]
    }) {
        let arguments = [mode, images].concat();
        let before = place.registry();
        let looked = rm(&place, &[&arguments[..], &["--dry-run"]].concat()).expect(0);
        assert_same(&before, &place.registry(), "a dry run changed something");
        let ran = rm(&place, &arguments).expect(0);
        assert_eq!(looked.json()["planned"], ran.json()["planned"]);
        assert_eq!(ran.json()["planned"], ran.json()["deleted"], "{ran:#?}");
        let after = place.registry();
        let gone: BTreeSet<String> = removed(&before, &after).into_iter().collect();
        let unexpected: Vec<_> = gone.difference(&expected).collect();
        let left: Vec<_> = expected.difference(&gone).collect();
        assert!(unexpected.is_empty() && left.is_empty(), "gone: {unexpected:#?}\nleft: {left:#?}\n{ran:#?}");
        assert_tags_unharmed(&without_gone_tags(&before, &after), &after, &format!("{arguments:?}"));
        let tags = gone.iter().filter(|key| key.ends_with("/current/link")).count() as u64;
        assert_eq!(ran.count("/deleted/tags"), tags);
        if !gone.iter().any(|key| key.contains("/v2/blobs/") || key.contains("/_uploads/")) {
            // An image that could not be pulled before cannot be afterwards: then it says so.
            let restored = place.restore(&["--all"]);
            assert!(matches!(restored.code, 0 | 4), "{restored:#?}");
            assert_same(&before, &place.registry(), "after a restore");
        }
    }
}

/// A tag's links.
fn tag(repo: &str, tag: &str, image: &Image) -> Vec<String> {
    vec![tag_key(repo, tag), history_key(repo, tag, &image.digest)]
}

#[test]
fn tag_goes_with_its_history_and_its_manifest() {
    let mut registry = RegistryBuilder::new();
    tagged(&mut registry, "app", "stays");
    let old = untagged(&mut registry, "app", "was v1");
    let image = tagged(&mut registry, "app", "v1");
    registry.tag_history("app", "v1", &old.digest);
    // What had no tag before stays: nobody named it.
    let goes =
        [tag("app", "v1", &image), vec![history_key("app", "v1", &old.digest), revision_key("app", &image.digest)]];
    removes(&registry, &["app:v1"], goes.concat());
}

#[test]
fn manifest_stays_as_long_as_another_tag_names_it() {
    let mut registry = RegistryBuilder::new();
    let image = tagged(&mut registry, "app", "v1");
    registry.tag("app", "v2", &image.digest);
    removes(&registry, &["app:v1"], tag("app", "v1", &image));
    let goes = [tag("app", "v1", &image), tag("app", "v2", &image), vec![revision_key("app", &image.digest)]];
    removes(&registry, &["app:v1", "app:v2"], goes.concat());
}

#[test]
fn digest_goes_with_every_tag_and_history_entry_that_names_it() {
    let mut registry = RegistryBuilder::new();
    let other = tagged(&mut registry, "app", "other");
    let image = tagged(&mut registry, "app", "v1");
    registry.tag("app", "v2", &image.digest).tag_history("app", "other", &image.digest);
    registry.tag_history("app", "v2", &other.digest);
    let goes = [
        tag("app", "v1", &image),
        tag("app", "v2", &image),
        vec![history_key("app", "v2", &other.digest)],
        vec![history_key("app", "other", &image.digest), revision_key("app", &image.digest)],
    ];
    removes(&registry, &[&format!("app@{}", image.digest)], goes.concat());
}

/// What removing `revisions/...` by hand leaves behind: the registry answers 404 for its tags.
#[test]
fn digest_goes_without_its_revision_link() {
    let mut registry = RegistryBuilder::new();
    tagged(&mut registry, "app", "stays");
    let image = tagged(&mut registry, "app", "broken");
    registry.tag_history("app", "stays", &image.digest).delete_manifest("app", &image.digest);
    let goes = [tag("app", "broken", &image), vec![history_key("app", "stays", &image.digest)]];
    removes(&registry, &[&format!("app@{}", image.digest)], goes.concat());
}

#[test]
fn children_and_signatures_go_with_an_index_unless_something_needs_them() {
    let mut registry = RegistryBuilder::new();
    let (shared, own) = (untagged(&mut registry, "app", "shared"), untagged(&mut registry, "app", "own"));
    let inner = registry.index("app", &[&own.digest]);
    let index = registry.index("app", &[&shared.digest, &inner]);
    let other = registry.index("app", &[&shared.digest]);
    registry.tag("app", "goes", &index).tag("app", "stays", &other);
    let sbom = registry.referrer("app", &own.digest, SBOM, "sbom");
    let signature = registry.referrer("app", &sbom.digest, "application/x-signature", "of the sbom");
    registry.referrer("app", &shared.digest, SBOM, "stays");
    let manifests = [&index, &inner, &own.digest, &sbom.digest, &signature.digest];
    let manifests: Vec<String> = manifests.iter().map(|digest| revision_key("app", digest)).collect();
    let tag = vec![tag_key("app", "goes"), history_key("app", "goes", &index)];
    removes(&registry, &["app:goes"], [tag, manifests].concat());
}

#[test]
fn child_with_a_tag_of_its_own_stays() {
    let mut registry = RegistryBuilder::new();
    let child = tagged(&mut registry, "app", "amd64");
    let index = registry.index("app", &[&child.digest]);
    registry.tag("app", "multi", &index);
    let goes = vec![tag_key("app", "multi"), history_key("app", "multi", &index), revision_key("app", &index)];
    removes(&registry, &["app:multi"], goes);
}

#[test]
fn signature_tags_go_with_the_image_and_only_with_it() {
    let mut registry = RegistryBuilder::new();
    let image = tagged(&mut registry, "app", "v1");
    registry.tag("app", "v2", &image.digest);
    let signature = registry.cosign_signature("app", &image.digest);
    let named = format!("sha256-{}.sig", image.digest.trim_start_matches("sha256:"));
    // The image stays under its other name, and stays signed.
    removes(&registry, &["app:v1"], tag("app", "v1", &image));
    let goes = [
        tag("app", "v1", &image),
        tag("app", "v2", &image),
        tag("app", &named, &signature),
        vec![revision_key("app", &image.digest), revision_key("app", &signature.digest)],
    ];
    removes(&registry, &["app:v*"], goes.concat());
}

#[test]
fn what_is_about_an_image_can_be_removed_by_itself_and_does_not_come_back() {
    let mut registry = RegistryBuilder::new();
    let image = tagged(&mut registry, "app", "v1");
    let sbom = registry.referrer("app", &image.digest, SBOM, "sbom");
    let named = format!("app@{}", sbom.digest);
    removes(&registry, &[&named], [revision_key("app", &sbom.digest)]);
    let place = Place::s3(&registry);
    rm(&place, &[LIVE, &[&named]].concat()).expect(0);
    place.collect();
    assert!(!place.registry().contains_key(&revision_key("app", &sbom.digest)), "it came back");
}

#[test]
fn repository_goes_whole_and_those_below_and_beside_it_stay() {
    let mut registry = RegistryBuilder::new();
    for repo in ["app/nested", "apps", "ap"] {
        tagged(&mut registry, repo, "v1");
    }
    let image = tagged(&mut registry, "app", "v1");
    let old = untagged(&mut registry, "app", "untagged");
    let layer = registry.layer("app", "rubbish");
    let goes = [tag("app", "v1", &image), pointers("app", &image), pointers("app", &old), links("app", [&layer])];
    removes(&registry, &["app"], goes.concat());
}

#[test]
fn patterns_name_repositories_and_tags() {
    let mut registry = RegistryBuilder::new();
    let mut goes = Vec::new();
    for (repo, name, is_named) in [
        ("ci/a", "pr-1", true),
        ("ci/a", "v1", false),
        ("ci/b/c", "pr-2", true),
        ("ci", "pr-1", false),
        ("cite/a", "pr-1", false),
    ] {
        let image = tagged(&mut registry, repo, name);
        if is_named {
            goes.extend([tag(repo, name, &image), vec![revision_key(repo, &image.digest)]].concat());
        }
    }
    removes(&registry, &["ci/**:pr-*"], goes.clone());
    removes(&registry, &["re:^ci/:re:^pr-[0-9]$"], goes);
}

#[test]
fn collects_in_the_same_plan_when_told_so() {
    let mut registry = RegistryBuilder::new();
    tagged(&mut registry, "app", "stays");
    let untagged = untagged(&mut registry, "app", "untagged");
    let image = tagged(&mut registry, "app", "v1");
    let rubbish = registry.layer("app", "rubbish");
    let goes = [tag("app", "v1", &image), whole("app", &image), links("app", [&rubbish]), blobs([&rubbish])].concat();
    let place = Place::directory(&registry);
    let before = place.registry();
    let ran = rm(&place, &["--offline", "--gc", "app:v1"]).expect(0);
    let gone: BTreeSet<String> = removed(&before, &place.registry()).into_iter().collect();
    assert_eq!(gone, goes.into_iter().collect(), "{ran:#?}");
    assert!(place.registry().contains_key(&revision_key("app", &untagged.digest)), "nobody named it");
}

#[test]
fn content_is_left_to_a_collection_and_told() {
    let mut registry = RegistryBuilder::new();
    tagged(&mut registry, "app", "stays");
    let image = tagged(&mut registry, "app", "v1");
    for mode in [OFFLINE, LIVE] {
        let place = Place::directory(&registry);
        let ran = rm(&place, &[mode, &["app:v1"]].concat()).expect(0);
        let bytes: usize = image.all().iter().map(|digest| registry.bytes_of(digest).unwrap().len()).sum();
        assert_eq!(ran.count("/deleted/blobs/count"), 0);
        assert_eq!(ran.count("/bytes/freeable_later"), bytes as u64, "{ran:#?}");
        let ran = place.run(&["gc", "--offline", "--format", "json", "--yes"]).expect(0);
        assert_eq!(ran.count("/deleted/blobs/count"), 3);
        assert!(!place.state().contains(crate::place::PENDING), "nothing waits any more");
    }
}

/// The index is kept without any tag as well: `rm` is not `-m`.
#[test]
fn digest_that_a_kept_index_needs_is_refused_and_the_index_named() {
    let mut registry = RegistryBuilder::new();
    let child = tagged(&mut registry, "app", "child");
    let index = registry.index("app", &[&child.digest]);
    let named = format!("app@{}", child.digest);
    for tag in [None, Some("multi")] {
        if let Some(tag) = tag {
            registry.tag("app", tag, &index);
        }
        for place in Place::all(&registry) {
            let before = place.registry();
            for more in [&["--dry-run"][..], &[]] {
                let ran = rm(&place, &[OFFLINE, more, &[&named]].concat()).expect(3);
                assert_eq!(ran.json()["refusal"]["code"], "needed", "{ran:#?}");
                assert!(ran.stderr.contains(&index), "{ran:#?}");
                assert_eq!(ran.stderr.contains("multi"), tag.is_some());
            }
            assert_same(&before, &place.registry(), "a refusal changed something");
        }
    }
    let tagged = if registry.tree().contains_key(&tag_key("app", "multi")) {
        vec![tag_key("app", "multi"), history_key("app", "multi", &index)]
    } else {
        Vec::new()
    };
    let both =
        [tagged, tag("app", "child", &child), vec![revision_key("app", &index), revision_key("app", &child.digest)]];
    removes(&registry, &[&named, &format!("app@{index}")], both.concat());
}

#[test]
fn what_another_repository_needs_is_refused() {
    let mut registry = RegistryBuilder::new();
    let child = untagged(&mut registry, "base", "child");
    let index = registry.index("app", &[&child.digest]);
    registry.tag("app", "multi", &index);
    let place = Place::directory(&registry);
    let ran = rm(&place, &["--offline", "base"]).expect(3);
    assert!(ran.stderr.contains(&format!("app@{index}")), "{ran:#?}");
}

#[test]
fn what_names_nothing_is_an_error_and_nothing_goes() {
    let mut registry = RegistryBuilder::new();
    let image = tagged(&mut registry, "team/app", "v1");
    for (named, hint) in [
        ("team/ap:v1", "team/app"),
        ("app:v1", "team/app"),
        ("team/app:v2", "v1"),
        ("nothing", "no repository"),
        ("nothing/**:*", "no repository"),
        (&format!("team/app@{}", sha256(b"x")), "nothing of that name"),
    ] {
        let place = Place::directory(&registry);
        let before = place.registry();
        for more in [&["--dry-run"][..], &[]] {
            let ran = rm(&place, &[OFFLINE, more, &["team/app:v1", named]].concat()).expect(1);
            assert!(ran.stderr.contains(named) && ran.stderr.contains(hint), "{named}: {ran:#?}");
        }
        assert_same(&before, &place.registry(), named);
        let ran = rm(&place, &["--offline", "--ignore-missing", "team/app:v1", named]).expect(0);
        assert_eq!(ran.count("/deleted/tags"), 1, "{named}");
        let ran = rm(&place, &["--offline", "--ignore-missing", "team/app:v1", named]).expect(0);
        assert_eq!(ran.count("/entries/planned"), 0);
    }
    drop(image);
}

#[test]
fn nobody_removes_a_whole_registry_by_a_slip() {
    let mut registry = RegistryBuilder::new();
    tagged(&mut registry, "app", "v1");
    let place = Place::directory(&registry);
    for everything in ["*", "**", "re:.*", "*:*", "**:re:.*"] {
        let ran = rm(&place, &["--offline", everything]).expect(2);
        assert!(ran.stderr.contains(everything), "{ran:#?}");
    }
    assert_eq!(place.registry().len(), registry.tree().len());
}

#[test]
fn without_a_terminal_it_wants_to_be_told() {
    let mut registry = RegistryBuilder::new();
    tagged(&mut registry, "app", "v1");
    let place = Place::directory(&registry);
    let ran = place.run(&["rm", "--offline", "app:v1"]).expect(2);
    assert!(ran.stderr.contains("--yes"), "{ran:#?}");
}

/// What was named goes; its layers stay as long as they are young.
#[test]
fn what_is_named_goes_whatever_its_age() {
    let mut registry = RegistryBuilder::new();
    tagged(&mut registry, "app", "stays");
    registry.aged(std::time::Duration::from_mins(10));
    let child = untagged(&mut registry, "app", "child");
    let index = registry.index("app", &[&child.digest]);
    registry.tag("app", "v1", &index);
    let place = Place::s3(&registry);
    let before = place.registry();
    let ran = rm(&place, &[LIVE, &["--gc", "app:v1"]].concat()).expect(0);
    let gone: BTreeSet<String> = removed(&before, &place.registry()).into_iter().collect();
    let manifests = [&index, &child.digest].map(|digest| revision_key("app", digest));
    let expected = manifests.into_iter().chain([tag_key("app", "v1"), history_key("app", "v1", &index)]);
    assert_eq!(gone, expected.collect(), "{ran:#?}");
    assert!(ran.count("/kept/too_young/count") > 0, "{ran:#?}");
    place.restore(&["--all"]).expect(0);
    assert_same(&before, &place.registry(), "after a restore");
}

#[test]
fn keep_from_wins() {
    let mut registry = RegistryBuilder::new();
    let image = tagged(&mut registry, "app", "v1");
    let other = tagged(&mut registry, "app", "v2");
    let place = Place::directory(&registry);
    let list = place.directory.path().join("keep");
    std::fs::write(&list, "app:v1\n").unwrap();
    let keep = ["--offline", "--keep-from", list.to_str().unwrap()];
    let ran = rm(&place, &[&keep[..], &[&format!("app@{}", image.digest)]].concat()).expect(3);
    assert!(ran.stderr.contains("--keep-from"), "{ran:#?}");
    rm(&place, &[&keep[..], &["app:v*"]].concat()).expect(0);
    let after = place.registry();
    assert!(after.contains_key(&tag_key("app", "v1")) && after.contains_key(&revision_key("app", &image.digest)));
    assert!(!after.contains_key(&tag_key("app", "v2")) && !after.contains_key(&revision_key("app", &other.digest)));
}

/// Whoever wants a damaged image away must not have to mend it first.
#[test]
fn damaged_manifest_goes_when_it_is_named_and_its_repository_is_whole_again() {
    let mut registry = RegistryBuilder::new();
    tagged(&mut registry, "app", "stays");
    let image = tagged(&mut registry, "app", "bad");
    registry.damage(&blob_key(&image.digest), "{");
    let rubbish = registry.layer("app", "rubbish");
    removes(&registry, &["app:bad"], [tag("app", "bad", &image), vec![revision_key("app", &image.digest)]].concat());
    let place = Place::directory(&registry);
    rm(&place, &["--offline", "--gc", "app:bad"]).expect(0);
    assert!(!place.registry().contains_key(&layer_key("app", &rubbish)), "nothing is damaged any more");
}

/// As long as something needs it, nobody knows what it needs.
#[test]
fn damaged_manifest_that_an_index_needs_keeps_everything_in_its_repository() {
    let mut registry = RegistryBuilder::new();
    let image = tagged(&mut registry, "app", "bad");
    let index = registry.index("app", &[&image.digest]);
    registry.tag("app", "multi", &index).damage(&blob_key(&image.digest), "{");
    registry.layer("app", "perhaps needed");
    let place = Place::directory(&registry);
    let before = place.registry();
    rm(&place, &["--offline", "--gc", "app:bad"]).expect(0);
    let gone: BTreeSet<String> = removed(&before, &place.registry()).into_iter().collect();
    assert_eq!(gone, tag("app", "bad", &image).into_iter().collect());
}

#[test]
fn tag_that_cannot_be_read_goes_when_it_is_named() {
    let mut registry = RegistryBuilder::new();
    tagged(&mut registry, "app", "stays");
    let image = tagged(&mut registry, "app", "bad");
    registry.empty(&tag_key("app", "bad"));
    let place = Place::directory(&registry);
    let before = place.registry();
    rm(&place, &["--offline", "app:bad"]).expect(0);
    let gone: BTreeSet<String> = removed(&before, &place.registry()).into_iter().collect();
    // Which manifest it named nobody knows: it is one without a tag now.
    assert_eq!(gone, tag("app", "bad", &image).into_iter().collect());
}

/// The registry lists a tag, and a repository, by its directory.
#[test]
fn directories_of_what_went_are_gone_and_no_others() {
    let mut registry = RegistryBuilder::new();
    tagged(&mut registry, "app/nested", "v1");
    tagged(&mut registry, "app", "v1");
    tagged(&mut registry, "app", "v2");
    registry.upload("app", "11111111-2222-4333-a444-555555555555", days_ago(30), "partial");
    let place = Place::directory(&registry);
    let app = place.directory.path().join("docker/registry/v2/repositories/app");
    for mode in [OFFLINE, LIVE] {
        let place = Place::directory(&registry);
        let app = place.directory.path().join("docker/registry/v2/repositories/app");
        rm(&place, &[mode, &["app:v1"]].concat()).expect(0);
        assert!(!app.join("_manifests/tags/v1").exists() && app.join("_manifests/tags/v2").exists());
        rm(&place, &[mode, &["app:v2"]].concat()).expect(0);
        assert!(app.join("_manifests/tags").exists() && app.join("_layers").exists());
    }
    rm(&place, &["--offline", "app"]).expect(0);
    let left: Vec<_> = std::fs::read_dir(&app).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["nested"]);
    rm(&place, &["--offline", "app/nested"]).expect(0);
    assert!(!app.join("nested").exists());
}

/// A push that is not finished is not in the catalogue, and may go on.
#[test]
fn upload_in_a_repository_that_goes_stays_as_long_as_it_lives() {
    let mut registry = RegistryBuilder::new();
    let image = tagged(&mut registry, "app", "v1");
    let (young, old) = ("11111111-2222-4333-a444-555555555555", "11111111-2222-4333-a444-666666666666");
    registry.upload("app", old, days_ago(30), "partial");
    registry.aged(std::time::Duration::from_mins(10));
    let now = registry.time();
    registry.upload("app", young, now, "partial");
    let files = ["data", "startedat", "hashstates/sha256/7"].map(|file| upload_key("app", old, file));
    removes(&registry, &["app"], [tag("app", "v1", &image), pointers("app", &image), files.to_vec()].concat());
}

#[test]
fn saved_plan_is_shown_and_applied() {
    let mut registry = RegistryBuilder::new();
    tagged(&mut registry, "app", "stays");
    let image = tagged(&mut registry, "app", "v1");
    let late = untagged(&mut registry, "app", "late");
    for place in Place::all(&registry) {
        let file = place.directory.path().join("plan.jsonl");
        let file = file.to_str().unwrap();
        let before = place.registry();
        rm(&place, &["--offline", "-o", file, "app:v*"]).expect(0);
        assert_same(&before, &place.registry(), "a plan that was saved");
        let shown = crate::tool::regsweep(["show", "-v", file]).expect(0);
        assert!(shown.stdout.contains("tag named") && shown.stdout.contains("rm"), "{shown:#?}");
        // A tag of that name that comes after the plan was made is not in it.
        place.write(&history_key("app", "v2", &late.digest), &late.digest);
        place.write(&tag_key("app", "v2"), &late.digest);
        let ran = place.run(&["apply", "--yes", "--format", "json", file]).expect(0);
        let after = place.registry();
        let gone: BTreeSet<String> = removed(&before, &after).into_iter().collect();
        let expected = [tag("app", "v1", &image), vec![revision_key("app", &image.digest)]].concat();
        assert_eq!(gone, expected.into_iter().collect(), "{ran:#?}");
        let again = place.run(&["apply", "--yes", "--format", "json", file]).expect(0);
        assert_eq!(again.count("/deleted/tags"), 0);
        assert_same(&after, &place.registry(), "applied again");
    }
}

/// It was pushed again since: nobody has decided anything of that.
#[test]
fn tag_that_was_pushed_again_since_the_plan_stays_with_all_it_needs() {
    let mut registry = RegistryBuilder::new();
    let image = tagged(&mut registry, "app", "v1");
    let other = untagged(&mut registry, "app", "other");
    for (place, digest) in Place::all(&registry).into_iter().zip([&image.digest, &other.digest, &other.digest]) {
        let file = place.directory.path().join("plan.jsonl");
        let file = file.to_str().unwrap();
        rm(&place, &["--offline", "--gc", "-o", file, "app:v1"]).expect(0);
        place.write(&history_key("app", "v1", digest), digest);
        place.write(&tag_key("app", "v1"), digest);
        let before = place.registry();
        let ran = place.run(&["apply", "--yes", "--format", "json", file]).expect(0);
        assert!(ran.count("/kept/changed") > 0, "{ran:#?}");
        assert_tags_unharmed(&before, &place.registry(), "pushed again");
        assert!(place.registry().contains_key(&tag_key("app", "v1")));
    }
}

/// `latest`, and a repository's last tag, are what people did not mean.
#[test]
fn latest_and_last_tags_are_told_in_lines_of_their_own() {
    let mut registry = RegistryBuilder::new();
    for (repo, tag) in [("app", "latest"), ("app", "v1"), ("one", "v1"), ("whole", "latest")] {
        tagged(&mut registry, repo, tag);
    }
    let place = Place::directory(&registry);
    let look = |images: &[&str]| place.run(&[&["rm", "--dry-run"], images].concat()).expect(0).stdout;
    assert!(!look(&["app:v1"]).contains("loses"), "it is an ordinary tag");
    assert!(look(&["app:latest"]).contains("\n! app loses its tag latest\n"));
    assert!(look(&["app:*"]).contains("\n! app loses its tag latest\n! app loses its last tag\n"));
    assert!(look(&["one:v1"]).contains("\n! one loses its last tag\n"));
    assert!(!look(&["whole"]).contains("loses"), "all of it was named");
    let json = place.run(&["rm", "--dry-run", "--format", "json", "one:v1"]).expect(0).json();
    assert_eq!(json["cautions"], serde_json::json!(["one loses its last tag"]));
    // And whoever reads the plan before somebody applies it.
    let plan = place.directory.path().join("plan.jsonl");
    let plan = plan.to_str().unwrap();
    place.run(&["rm", "-o", plan, "app:*"]).expect(0);
    let shown = crate::tool::regsweep(["show", plan]).expect(0).stdout;
    for line in ["\n! app loses its tag latest\n! app loses its last tag\n", "\ntags\n", "  app:latest  sha256:"] {
        assert!(shown.contains(line), "{line}: {shown}");
    }
}
