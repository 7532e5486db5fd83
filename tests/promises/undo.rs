//! Undo: what a collection has taken away comes back, as long as its content waits.

use crate::check::{links, pointers, tagged, untagged};
use crate::lab::manifests::Image;
use crate::lab::pull::{pull, pull_all, pull_all_revisions, referrers, revisions};
use crate::lab::random::random_registry;
use crate::lab::registry::{RegistryBuilder, blob_key, history_key, layer_key, revision_key, sha256, tag_key};
use crate::lab::tree::{Tree, days_ago, removed};
use crate::place::{PENDING, Place, assert_same};
use crate::tool::Ran;

/// Something of everything that a collection takes: moved tags, nested indexes, referrers, names by SHA-512, signatures of
/// old registries, layers that two repositories share and that nothing names.
fn registry() -> RegistryBuilder {
    let mut r = RegistryBuilder::new();
    for repo in ["team/app", "team/app/nested", "other"] {
        let old = r.image(repo, "old", &["base", &format!("old layer of {repo}")]);
        let new = r.image(repo, "new", &["base", &format!("new layer of {repo}")]);
        r.tag(repo, "v1", &old.digest).tag(repo, "v1", &new.digest);
        r.layer(repo, "never named");
    }
    let (arm, amd) = (r.image("team/app", "arm", &["arm"]), r.docker_image("team/app", "amd", &["amd"]));
    let inner = r.index("team/app", &[&arm.digest]);
    let outer = r.manifest_list("team/app", &[&amd.digest, &inner]);
    r.tag_history("team/app", "v1", &outer);
    let sbom = r.referrer("team/app", &outer, "application/spdx+json", "sbom");
    r.referrer("team/app", &sbom.digest, "application/vnd.example.signature", "signature of the sbom");
    r.aliased_image("other", "by other names", &["named by sha512"]);
    let schema1 = r.schema1_image("other", "ancient", &["ancient layer"]);
    let signature = r.layer("other", "signature of the ancient");
    let link = revision_key("other", &schema1.digest);
    r.raw(&link.replace("/link", &format!("/signatures/{}/link", signature.replace(':', "/"))), signature);
    r.artifact("other", "application/vnd.example", &["artifact"], None);
    r.foreign_layer_image("other", "with a foreign layer", &sha256(b"elsewhere"), &["local layer"]);
    r.upload("other", "11111111-2222-4333-a444-555555555555", days_ago(30), "partial");
    r.blob("orphan");
    r
}

#[test]
fn collect_with_defer_then_restore_all_gives_every_key_back() {
    for place in Place::all(&registry()) {
        let before = place.registry();
        let gone = place.collect();
        let between = place.registry();
        let lost = removed(&before, &between);
        let kinds = ["/index/", "/revisions/", "/signatures/", "/_layers/sha512/", "/_layers/sha256/"];
        for kind in kinds {
            assert!(lost.iter().any(|key| key.contains(kind)), "nothing of {kind} went: {lost:#?}");
        }
        assert!(!lost.iter().any(|key| key.contains("/blobs/")), "content went: {lost:#?}");
        assert_eq!(place.pending().count("/waiting/count"), gone.count("/pending/blobs/count"));

        let ran = place.restore(&["--all"]).expect(0);
        let after = place.registry();
        assert_same(&before, &after, "after restore --all");
        assert_eq!((pull_all(&before), pull_all_revisions(&before)), (pull_all(&after), pull_all_revisions(&after)));
        let pointers = lost.iter().filter(|key| !key.contains("/_uploads/")).count() as u64;
        assert_eq!(written(&ran), pointers, "{ran:#?}");
        assert_eq!(ran.json()["planned"], ran.json()["restored"]);
        // Only what no pointer had ever named waits on.
        assert_eq!(place.pending().count("/waiting/count"), 1);

        let again = place.restore(&["--all"]).expect(0);
        assert_eq!((written(&again), there(&again)), (0, pointers));
        assert_eq!(after, place.registry(), "a second restore changed something");
        // And the same goes again: nothing of it hangs on anything.
        place.collect();
        assert_eq!(
            removed(&after, &place.registry()),
            removed(&before, &between).into_iter().filter(|key| !key.contains("/_uploads/")).collect::<Vec<_>>()
        );
    }
}

fn sum(ran: &Ran, of: &str) -> u64 {
    ["tags", "tag_history", "manifests", "layer_links"].iter().map(|kind| ran.count(&format!("{of}/{kind}"))).sum()
}

fn written(ran: &Ran) -> u64 {
    sum(ran, "/restored")
}

fn there(ran: &Ran) -> u64 {
    sum(ran, "/skipped/already_there")
}

/// Registries thrown together: what does not come back named what was not there before, or belonged to no tag.
#[test]
fn any_registry_is_as_before_but_for_what_named_nothing() {
    for seed in 100..112 {
        let registry = random_registry(seed);
        let place = if seed % 2 == 0 { Place::directory(&registry) } else { Place::s3(&registry) };
        let before = place.registry();
        place.collect();
        let ran = place.restore(&["--all"]);
        let after = place.registry();
        for key in removed(&before, &after) {
            if key.contains("/_uploads/") {
                continue;
            }
            let content = String::from_utf8_lossy(&before[&key].bytes).into_owned();
            let dangles = !before.contains_key(&blob_key(&content));
            let tag = key.split_once("/index/").map(|(tag, _)| format!("{tag}/current/link"));
            let has_tag = tag.is_none_or(|tag| before.contains_key(&tag));
            assert!(dangles || !has_tag, "seed {seed}: {key} is gone\n{ran:#?}");
        }
        let without_uploads = |tree: &Tree| tree.keys().filter(|key| !key.contains("/_uploads/")).count();
        assert!(without_uploads(&after) <= without_uploads(&before), "seed {seed}");
        assert_eq!(pull_all(&before), pull_all(&after), "seed {seed}");
    }
}

/// Two untagged images, one after the other what `latest` named, that share a layer; and one that stays.
fn two_images() -> (RegistryBuilder, Image, Image) {
    let mut registry = RegistryBuilder::new();
    let first = registry.image("app", "first", &["shared", "of the first"]);
    let second = registry.image("app", "second", &["shared", "of the second"]);
    let now = registry.image("app", "now", &["of now"]);
    registry.tag("app", "old", &first.digest);
    registry.tag("app", "latest", &second.digest).tag("app", "latest", &now.digest);
    registry.tag("app", "old", &now.digest);
    (registry, first, second)
}

/// Exactly these keys are back.
#[track_caller]
fn assert_back(place: &Place, between: &Tree, mut keys: Vec<String>) {
    let now = place.registry();
    let mut back = removed(&now, between);
    back.sort();
    keys.sort();
    keys.dedup();
    assert_eq!(back, keys);
}

#[test]
fn one_image_comes_back_with_all_it_needs_and_nothing_else() {
    let (registry, first, second) = two_images();
    let history = |tag: &str, image: &Image| history_key("app", tag, &image.digest);
    for (arguments, keys) in [
        (vec!["--image=app:latest".to_owned()], [pointers("app", &second), vec![history("latest", &second)]].concat()),
        (vec!["--image=a*:re:^ol".to_owned()], [pointers("app", &first), vec![history("old", &first)]].concat()),
        (
            vec![format!("--image=app@{}", first.digest)],
            [pointers("app", &first), vec![history("old", &first)]].concat(),
        ),
        (vec![format!("--digest={}", first.digest)], [pointers("app", &first), vec![history("old", &first)]].concat()),
        // A layer by itself: its link, and no image.
        (vec![format!("--digest={}", second.layers[1])], links("app", [&second.layers[1]])),
        (
            vec!["--image=app".to_owned()],
            [
                pointers("app", &first),
                pointers("app", &second),
                vec![history("old", &first), history("latest", &second)],
            ]
            .concat(),
        ),
        (
            vec![format!("--digest={}", first.layers[1]), format!("--digest={}", second.layers[1])],
            links("app", [&first.layers[1], &second.layers[1]]),
        ),
    ] {
        for place in [Place::directory(&registry), Place::s3(&registry)] {
            place.collect();
            let between = place.registry();
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            let looked = place.run(&[&["restore", "--format", "json", "--dry-run"], &arguments[..]].concat()).expect(0);
            assert_eq!(between, place.registry(), "a dry run changed something");
            let ran = place.restore(&arguments).expect(0);
            assert_eq!(looked.json()["planned"], ran.json()["restored"], "{looked:#?}{ran:#?}");
            assert_back(&place, &between, keys.clone());
            assert_eq!(written(&ran), removed(&place.registry(), &between).len() as u64, "{arguments:?}: {ran:#?}");
        }
    }
}

#[test]
fn an_image_pulls_again_by_its_digest_with_its_children_and_what_is_about_it() {
    for place in [Place::directory(&registry()), Place::s3(&registry())] {
        let before = place.registry();
        place.collect();
        let is_list = |digest: &String| {
            let manifest: serde_json::Value = serde_json::from_slice(&before[&blob_key(digest)].bytes).unwrap();
            manifest["mediaType"].as_str().unwrap_or_default().ends_with("manifest.list.v2+json")
        };
        let all = revisions(&before).into_iter().filter(|(repo, _)| repo == "team/app").map(|(_, digest)| digest);
        let lists: Vec<String> = all.filter(is_list).collect();
        let [outer] = &lists[..] else { panic!("{lists:?}") };
        assert!(pull(&place.registry(), "team/app", outer).is_err());
        place.restore(&["--image", &format!("team/app@{outer}")]).expect(0);
        let after = place.registry();
        assert_eq!(pull(&before, "team/app", outer), pull(&after, "team/app", outer));
        let sboms = referrers(&after, "team/app", outer);
        assert_eq!(sboms.len(), 1, "its SBOM did not come back");
        assert_eq!(referrers(&after, "team/app", &sboms[0]).len(), 1, "nor that one's signature");
        // The untagged image beside it stays away.
        assert!(after.len() < before.len());
    }
}

#[test]
fn a_run_is_undone_by_its_name_and_others_are_not() {
    let mut registry = RegistryBuilder::new();
    tagged(&mut registry, "app", "latest");
    let first = untagged(&mut registry, "app", "first");
    for place in [Place::directory(&registry), Place::s3(&registry)] {
        place.collect();
        let run = place.run_name();
        let mut later = RegistryBuilder::new();
        let second = untagged(&mut later, "app", "second");
        for (key, entry) in later.tree() {
            place.write(key, std::str::from_utf8(&entry.bytes).unwrap());
        }
        place.collect();
        let between = place.registry();
        let listed = place.pending().json()["runs"].as_array().unwrap().clone();
        assert_eq!(listed.len(), 2, "{listed:#?}");
        assert_eq!(listed[1]["run"], run.as_str(), "the newest first: {listed:#?}");
        place.restore(&["--run", &run]).expect(0);
        assert_back(&place, &between, pointers("app", &first));
        let other = listed[0]["run"].as_str().unwrap().to_owned();
        place.restore(&["--run", &run, "--run", &other]).expect(0);
        assert_back(&place, &between, [pointers("app", &first), pointers("app", &second)].concat());
        // One that nobody knows.
        let ran = place.restore(&["--run", "20200101T000000Z-00000000"]).expect(1);
        assert_eq!(ran.json()["unmatched"], serde_json::json!(["20200101T000000Z-00000000"]));
    }
}

/// The content of one image was deleted since: it is told, and is not restored by halves unless all was asked for.
#[test]
fn what_was_really_deleted_is_told_and_the_rest_comes_back() {
    let (registry, first, second) = two_images();
    for place in Place::all(&registry) {
        place.collect();
        let between = place.registry();
        place.remove(&blob_key(&first.layers[1]));
        let history = |tag: &str, image: &Image| history_key("app", tag, &image.digest);
        let whole = [pointers("app", &second), vec![history("latest", &second)]].concat();

        let image = format!("app@{}", first.digest);
        let ran = place.restore(&["--image", &image]).expect(4);
        assert_eq!(written(&ran), 0, "half an image: {ran:#?}");
        assert_eq!(ran.json()["lost"], serde_json::json!([{"image": image, "missing": [first.layers[1]]}]));
        assert_back(&place, &between, Vec::new());

        let ran = place.restore(&["--run", &place.run_name()]).expect(4);
        assert_back(&place, &between, whole.clone());
        assert_eq!(ran.json()["lost"][0]["image"], image.as_str());
        assert_eq!(sum(&ran, "/skipped/content_gone"), 1, "{ran:#?}");
        assert_eq!(sum(&ran, "/skipped/incomplete"), 3, "manifest, history, config: {ran:#?}");

        let ran = place.restore(&["--all"]).expect(4);
        let halves = [pointers("app", &first), vec![history("old", &first)]].concat();
        let gone = layer_key("app", &first.layers[1]);
        let halves: Vec<String> = halves.into_iter().filter(|key| *key != gone).collect();
        assert_back(&place, &between, [whole, halves].concat());
        assert_eq!(ran.json()["lost"][0]["missing"], serde_json::json!([first.layers[1]]));
        // Pushing that one layer again makes it whole.
        assert!(pull(&place.registry(), "app", &first.digest).is_err());
        place.write(&blob_key(&first.layers[1]), "of the first");
        place.restore(&["--image", &image]).expect(0);
        pull(&place.registry(), "app", &first.digest).unwrap();
    }
}

#[test]
fn an_index_whose_child_lost_a_layer_is_not_restored_by_halves() {
    let mut registry = RegistryBuilder::new();
    tagged(&mut registry, "app", "latest");
    let (good, bad) = (untagged(&mut registry, "app", "good"), untagged(&mut registry, "app", "bad"));
    let inner = registry.index("app", &[&bad.digest]);
    let outer = registry.index("app", &[&good.digest, &inner]);
    let place = Place::directory(&registry);
    place.collect();
    let between = place.registry();
    place.remove(&blob_key(&bad.layers[0]));
    let ran = place.restore(&["--digest", &outer]).expect(4);
    assert_eq!((written(&ran), ran.json()["lost"][0]["image"].clone()), (0, format!("app@{outer}").into()));
    // By its run the child that is whole comes back.
    let ran = place.restore(&["--run", &place.run_name()]).expect(4);
    assert_back(&place, &between, pointers("app", &good));
    assert_eq!(ran.json()["lost"].as_array().unwrap().len(), 1, "once, by what names the others: {ran:#?}");
}

#[test]
fn a_tag_comes_back_with_its_image_unless_it_was_pushed_again() {
    let mut registry = RegistryBuilder::new();
    let (first, kept) = (tagged(&mut registry, "app", "v1"), tagged(&mut registry, "app", "v2"));
    let all = [pointers("app", &first), vec![tag_key("app", "v1"), history_key("app", "v1", &first.digest)]].concat();
    for place in Place::all(&registry) {
        let before = place.registry();
        place.take("removed", &all);
        let between = place.registry();
        let ran = place.restore(&["--image", "app:v1"]).expect(0);
        assert_eq!(ran.count("/restored/tags"), 1);
        assert_same(&before, &place.registry(), "the tag came back");

        place.take("removed", &all);
        // Pushed again, with another image.
        place.write(&tag_key("app", "v1"), &kept.digest);
        place.write(&history_key("app", "v1", &kept.digest), &kept.digest);
        for what in ["--image=app:v1", "--all"] {
            let ran = place.restore(&[what]).expect(0);
            assert_eq!((ran.count("/restored/tags"), ran.count("/skipped/newer_tags")), (0, 1), "{ran:#?}");
            assert_eq!(ran.json()["newer"], serde_json::json!([{"image": "app:v1", "was": first.digest}]));
            assert_eq!(place.read(&tag_key("app", "v1")), kept.digest);
        }
        pull(&place.registry(), "app", &first.digest).unwrap();
        assert!(between.len() < place.registry().len());
    }
}

/// Of two runs that took the same tag, the newer one says what it named last.
#[test]
fn a_tag_that_was_taken_twice_names_what_it_named_last() {
    let mut registry = RegistryBuilder::new();
    let (first, second) = (untagged(&mut registry, "app", "first"), untagged(&mut registry, "app", "second"));
    let place = Place::directory(&registry);
    let taken = |image: &Image| {
        let (tag, history) = (tag_key("app", "v1"), history_key("app", "v1", &image.digest));
        vec![(tag, image.digest.clone()), (history, image.digest.clone())]
    };
    place.journal("20260102T000000Z-00000000", &taken(&second));
    place.journal("20260101T000000Z-ffffffff", &taken(&first));
    place.restore(&["--all"]).expect(0);
    assert_eq!(place.read(&tag_key("app", "v1")), second.digest);
    place.remove(&tag_key("app", "v1"));
    place.restore(&["--run", "20260101T000000Z-ffffffff"]).expect(0);
    assert_eq!(place.read(&tag_key("app", "v1")), first.digest);
}

/// Deleting a tag by the API takes its directory; a history entry alone would be a tag that is listed and not served.
#[test]
fn history_of_a_tag_that_is_gone_stays_away() {
    let (registry, first, _) = two_images();
    let place = Place::directory(&registry);
    place.collect();
    std::fs::remove_dir_all(place.directory.path().join("docker/registry/v2/repositories/app/_manifests/tags/old"))
        .unwrap();
    let ran = place.restore(&["--all"]).expect(0);
    assert_eq!(ran.count("/skipped/history_without_tag"), 1);
    assert!(!place.registry().contains_key(&history_key("app", "old", &first.digest)));
    pull(&place.registry(), "app", &first.digest).unwrap();
}

/// A registry that remembers what is gone accepts an image whose links went: only they are missing.
#[test]
fn links_that_a_tag_needs_come_back_by_its_name_and_as_needed() {
    let mut registry = RegistryBuilder::new();
    tagged(&mut registry, "app", "latest");
    let child = untagged(&mut registry, "app", "child");
    let index = registry.index("app", &[&child.digest]);
    for what in ["--image=app:again", "--needed"] {
        for place in [Place::directory(&registry), Place::s3(&registry)] {
            place.collect();
            let between = place.registry();
            for key in [tag_key("app", "again"), history_key("app", "again", &index), revision_key("app", &index)] {
                place.write(&key, &index);
            }
            assert!(pull(&place.registry(), "app", "again").unwrap().len() < 4, "without its child");
            place.restore(&[what]).expect(0);
            assert_eq!(pull(&place.registry(), "app", "again").unwrap().len(), 4, "index, child, config, layer");
            assert!(place.registry().len() > between.len());
            place.collect();
            assert_eq!(pull(&place.registry(), "app", "again").unwrap().len(), 4, "and it stays");
        }
    }
}

/// The same, found by the next collection, whose content is due at that moment.
#[test]
fn layers_of_a_child_that_gets_its_link_back_are_not_deleted_in_the_same_run() {
    let mut registry = RegistryBuilder::new();
    tagged(&mut registry, "app", "latest");
    let child = untagged(&mut registry, "app", "child");
    let inner = registry.index("app", &[&child.digest]);
    let index = registry.index("app", &[&inner]);
    for place in [Place::directory(&registry), Place::s3(&registry)] {
        place.collect_with(&["--defer", "10ms"]);
        for key in [tag_key("app", "again"), history_key("app", "again", &index), revision_key("app", &index)] {
            place.write(&key, &index);
        }
        std::thread::sleep(std::time::Duration::from_secs(2));
        let ran = place.collect_with(&["--defer", "10ms"]);
        assert_eq!(pull(&place.registry(), "app", "again").unwrap().len(), 5, "{ran:#?}");
        let whole = place.registry();
        place.collect_with(&["--defer", "10ms"]);
        assert_eq!(whole, place.registry());
    }
}

#[test]
fn what_came_back_waits_anew_when_it_is_taken_again() {
    let mut registry = RegistryBuilder::new();
    tagged(&mut registry, "app", "latest");
    let layer = registry.layer("app", "garbage");
    for place in [Place::directory(&registry), Place::s3(&registry)] {
        place.collect();
        place.restore(&["--all"]).expect(0);
        assert!(!place.state().contains(PENDING), "{:?}", place.state());
        assert_eq!(place.pending().count("/waiting/count"), 0);
        // Young as it is, a collection that spares the young spares it.
        let line = ["gc", "--format", "json", "--settle", "10ms", "--defer", "7d"];
        assert_eq!(place.run(&line).expect(0).count("/planned/layer_links"), 0);
        place.collect();
        assert_eq!(place.pending().count("/waiting/count"), 1);
        assert!(place.registry().contains_key(&blob_key(&layer)));
    }
}

#[test]
fn content_aside_is_put_back_first() {
    let mut registry = RegistryBuilder::new();
    tagged(&mut registry, "app", "latest");
    let image = untagged(&mut registry, "app", "untagged");
    for place in [Place::directory(&registry), Place::s3(&registry)] {
        let before = place.registry();
        place.collect();
        // A run that was killed has moved all of it out of the way.
        for digest in image.all() {
            let content = place.read(&blob_key(&digest));
            let hex = digest.strip_prefix("sha256:").unwrap();
            place.write(&format!("{}aside/killed/sha256/{hex}", crate::place::STATE), &content);
            place.remove(&blob_key(&digest));
        }
        assert_eq!(place.pending().json()["aside"][0]["content"]["count"], 3);
        let image = format!("--image=app@{}", image.digest);
        let all = place.all_keys();
        let looked = place.run(&["restore", "--format", "json", "--dry-run", &image]).expect(0);
        assert_eq!(sum(&looked, "/planned"), 3, "{looked:#?}");
        assert_eq!(all, place.all_keys(), "a dry run changed something");
        let ran = place.restore(&[&image]).expect(0);
        assert_eq!((written(&ran), ran.count("/put_back/count")), (3, 3), "{ran:#?}");
        assert_same(&before, &place.registry(), "from aside");
        assert!(!place.state().iter().any(|key| key.contains("/aside/")));
    }
}

#[test]
fn blobs_are_read_by_nobody_for_a_pointer_of_another_repository() {
    let mut registry = RegistryBuilder::new();
    for repo in ["app", "other"] {
        tagged(&mut registry, repo, "latest");
        untagged(&mut registry, repo, "untagged");
    }
    let place = Place::s3(&registry);
    place.collect();
    let bucket = place.bucket.as_ref().unwrap();
    bucket.reset_counts();
    place.run(&["restore", "--image", "app", "--dry-run"]).expect(0);
    let asked: Vec<String> = bucket.log().into_iter().map(|call| call.key).collect();
    assert!(!asked.iter().any(|key| key.contains("repositories/other") || key.ends_with("/blobs/")), "{asked:#?}");
    assert_eq!(bucket.counts().writes(), 0);
    let lists = asked.iter().filter(|key| key.ends_with('/')).count();
    assert!(lists <= 3, "the state, and one repository: {asked:#?}");
}
