//! Others write while the run looks, asks and deletes: what was not shown stays.

use super::lab::bucket::{Fault, Kind, NULL, Store, Version};
use super::lab::registry::tag_key;
use super::lab::tree::days_ago;
use super::scene::{Scene, count, name, row};

/// What happens right before the page with which the second listing begins.
fn between(scene: &Scene, happens: impl Fn(&Store) + Send + Sync + 'static) {
    scene.bucket.fault(Fault::call(happens).on(Kind::Versions).after(1).times(1));
}

fn of<'a>(versions: &'a [Version], key: &str) -> Vec<&'a Version> {
    versions.iter().filter(|version| version.key == key).collect()
}

#[test]
fn version_that_was_not_shown_stays_however_old_it_claims_to_be() {
    let scene = Scene::usual();
    let key = tag_key("app", "t5");
    let (put, before) = (key.clone(), scene.bucket.versions());
    between(&scene, move |store| {
        let bytes = store.get(&put).unwrap().bytes;
        store.put_at(&put, bytes.clone(), days_ago(10));
        store.put_at(&put, bytes, days_ago(9));
    });
    let ran = scene.run(&["--defer", "0s"]).expect(0);
    scene.expect_adds_up(&ran, "written between");
    let now = scene.now();
    // What was current, and what came and went between: neither was shown.
    assert_eq!(of(&now, &key).len(), 3, "{now:#?}");
    assert!(of(&now, &key).iter().any(|version| name(version) == name(of(&before, &key)[0])));
    assert_eq!((count(&row(&ran)["deleted"]), scene.gone().len()), (16, 16), "the rest went");
}

#[test]
fn marker_over_a_version_that_was_not_shown_stays() {
    let scene = Scene::usual();
    let before = scene.now();
    let marker = before.iter().find(|version| version.key.contains("/repositories/gone/")).unwrap();
    let key = marker.key.clone();
    between(&scene, move |store| store.slip_under(&key, "late", days_ago(31)));
    let ran = scene.run(&[]).expect(0);
    let now = scene.now();
    let left: Vec<_> = of(&now, &marker.key);
    assert_eq!(left.len(), 2, "{left:#?}");
    assert_eq!((left[0], left[1].bytes.as_deref()), (marker, Some(&b"late"[..])), "nothing comes back");
    scene.expect_adds_up(&ran, "late");
    assert_eq!((row(&ran)["not_attempted"].as_u64(), count(&row(&ran)["deleted"])), (Some(1), 15), "{ran:#?}");
}

#[test]
fn what_is_current_again_stays_and_is_told_as_changed() {
    let scene = Scene::usual();
    let key = |key: &str| key.contains("/repositories/lost/");
    between(&scene, move |store| {
        let marker = store.versions().into_iter().find(|version| key(&version.key)).unwrap();
        store.remove_version(&marker.key, &marker.id);
    });
    let ran = scene.run(&[]).expect(0);
    assert_eq!(scene.now().iter().filter(|version| key(&version.key) && version.bytes.is_some()).count(), 1);
    assert_eq!((row(&ran)["changed"].as_u64(), count(&row(&ran)["deleted"])), (Some(2), 14), "{ran:#?}");
}

#[test]
fn page_that_goes_back_ends_it() {
    let scene = Scene::usual();
    scene.bucket.limit_pages(6);
    let pages = scene.bucket.versions().len().div_ceil(6) as u64;
    // In the first listing nothing goes at all, in the second no more.
    for (after, code) in [(1, 1), (pages + 4, 4)] {
        let saved = scene.bucket.save();
        scene.bucket.fault(Fault::page_from_start().after(after).times(1));
        let ran = scene.run(&[]).expect(code);
        scene.expect_unharmed("a page goes back");
        assert!(
            ran.stderr.contains("list old versions: docker/registry/: the store's listing does not go on"),
            "{ran:#?}"
        );
        assert_eq!(scene.gone().is_empty(), after == 1);
        assert!(scene.gone().len() < 16);
        if after > 1 {
            scene.expect_adds_up(&ran, "a page goes back");
        }
        scene.restore(&saved);
    }
}

#[test]
fn page_without_a_way_on_ends_it() {
    for fault in [Fault::page_without_token(), Fault::truncated_page()] {
        let scene = Scene::usual();
        scene.bucket.limit_pages(6);
        scene.bucket.fault(fault.on(Kind::Versions));
        let ran = scene.run(&[]).expect(1);
        assert!(ran.stderr.contains("the store's answer is not understood"), "{ran:#?}");
        assert_eq!(scene.gone().len(), 0);
    }
    let scene = Scene::usual();
    scene.bucket.fault(Fault::truncated_page().on(Kind::Versions).times(2));
    scene.run(&[]).expect(0);
    assert_eq!(scene.gone().len(), 16, "a page that broke off is asked for again");
}

#[test]
fn version_without_an_id_of_its_own_stays_beside_a_live_registry() {
    let scene = Scene::new(|bucket| {
        bucket.versioning(None);
        let key = tag_key("app", "t0");
        let now = bucket.get(&key).unwrap();
        bucket.remove(&key);
        bucket.put_at(&key, now.bytes.clone(), days_ago(50));
        bucket.versioning(Some("Enabled"));
        bucket.put_at(&key, now.bytes, days_ago(40));
    });
    let null = |scene: &Scene| scene.now().iter().filter(|version| version.id == NULL).count();
    let live = ["gc", "--purge-versions", "--yes", "--settle", "0s", "--format", "json"];
    let ran = super::tool::finish(super::tool::command(live).arg(scene.config())).expect(0);
    assert_eq!((null(&scene), count(&row(&ran)["kept"]["reused"])), (1, 1), "{ran:#?}");
    scene.run(&[]).expect(0);
    assert_eq!(null(&scene), 0);
    scene.expect_unharmed("null");
}
