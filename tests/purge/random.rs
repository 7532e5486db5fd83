//! Random histories: whatever was written, deleted, suspended and damaged, what is current is there afterwards byte by
//! byte, and no marker goes before what it hides.

use std::collections::BTreeMap;
use std::time::SystemTime;

use super::lab::bucket::{Bucket, Fault, Kind, Version};
use super::lab::random::Prng;
use super::lab::registry::{ROOT, blob_key, layer_key, sha256, tag_key};
use super::lab::tree::days_ago;
use super::scene::{Scene, expect_adds_up, expect_unharmed, name};

/// Keys of all kinds: of the registry, of regsweep, and of nobody.
fn keys(random: &mut Prng) -> Vec<String> {
    let mut keys = Vec::new();
    for at in 0..3 + random.below(8) {
        let digest = sha256(format!("content {at}").as_bytes());
        keys.push(match random.below(6) {
            0 => blob_key(&digest),
            1 => layer_key("other", &digest),
            2 => tag_key("other", &format!("v{at}")),
            3 => format!("docker/registry/regsweep/runs/20260101T000000Z-{at:08x}/done.json"),
            4 => format!("{ROOT}/repositories/other/strange{at}"),
            _ => tag_key("app", &format!("t{}", random.below(8))),
        });
    }
    keys
}

fn history(bucket: &Bucket, random: &mut Prng) {
    let keys = keys(random);
    let mut day = 50;
    for _ in 0..random.below(60) {
        day -= usize::min(random.below(3), day);
        let time: SystemTime = days_ago(day as u64);
        let key = random.pick(&keys).clone();
        match random.below(12) {
            0..5 => {
                let text =
                    if key.contains("/tags/") { format!("sha256:{}", "cd".repeat(32)) } else { format!("{day}") };
                let keeps = bucket.get(&key).filter(|_| key.contains("/app/"));
                bucket.put_at(&key, keeps.map_or_else(|| text.into(), |object| object.bytes), time);
            }
            5..9 => bucket.hide_at(&key, time),
            9 => bucket.versioning(Some("Suspended")),
            _ => bucket.versioning(Some("Enabled")),
        }
    }
    // What tells of damage everywhere is another test's: the tags that the registry has name what is there.
    bucket.versioning(Some("Enabled"));
}

/// Of each key: whether something that was hidden is there, and what hides it.
fn hidden(versions: &[Version]) -> BTreeMap<&str, (bool, Option<&Version>)> {
    let mut all: BTreeMap<&str, (bool, Option<&Version>)> = BTreeMap::new();
    for version in versions {
        let of = all.entry(&version.key).or_default();
        of.0 |= version.bytes.is_some() && !version.is_latest;
        of.1 = of.1.or(Some(version).filter(|version| version.is_latest && version.bytes.is_none()));
    }
    all
}

fn expect_hidden(before: &[Version], now: &[Version], context: &str) {
    let was = hidden(before);
    for (key, (keeps_old, marker)) in hidden(now) {
        if let Some((_, Some(old_marker))) = was.get(key)
            && keeps_old
        {
            assert_eq!(marker.map(name), Some(name(old_marker)), "{context}: {key} lost what hides it");
        }
    }
}

fn check(seed: u64) {
    let mut random = Prng::new(seed);
    let scene = Scene::new(|bucket| history(bucket, &mut random));
    if random.one_in(3) {
        scene.bucket.tells_markers_last();
    } else {
        scene.bucket.limit_pages(1 + random.below(9));
    }
    let before = scene.now();
    let defer = format!("{}d", random.below(40));
    let bound = (1 + random.below(20)).to_string();
    let mut more = vec!["--defer", &defer, "--allow", "holes"];
    if random.one_in(3) {
        more.extend(["--max-objects", &bound]);
    }
    match random.below(6) {
        0 => drop(scene.bucket.fault(Fault::fail_keys("AccessDenied").on(Kind::Purge).chance(0.3, random.next()))),
        1 => drop(scene.bucket.fault(Fault::omit_keys().on(Kind::Purge).chance(0.3, random.next()))),
        2 => drop(scene.bucket.fault(Fault::cut_after().on(Kind::Purge).chance(0.3, random.next()))),
        _ => {}
    }
    let context = format!("seed {seed:#x}");
    // Whatever is not current and no registry's own is nobody's to collect: no run removes a current object here but by
    // collection, which makes a marker; so what was current is compared by its version.
    let ran = scene.run(&more);
    let now = scene.now();
    let collected: Vec<String> = scene.bucket.deleted();
    let of_purge = |versions: &[Version]| -> Vec<Version> {
        versions.iter().filter(|version| !collected.contains(&version.key)).cloned().collect()
    };
    expect_unharmed(&of_purge(&before), &of_purge(&now), &context);
    expect_hidden(&of_purge(&before), &of_purge(&now), &context);
    // What this run collected is there as an old version: it has not been old for long.
    for version in before.iter().filter(|version| version.is_latest && collected.contains(&version.key)) {
        let is_there = now.iter().any(|found| name(found) == name(version) && found.bytes == version.bytes);
        assert!(is_there || defer == "0d" || version.bytes.is_none(), "{context}: {version:?} is gone: {ran:#?}");
    }
    if ran.code == 0 || ran.code == 4 {
        expect_adds_up(&ran, &context);
    }
    assert!(matches!(ran.code, 0 | 3 | 4), "{context}: {ran:#?}");
}

#[test]
fn nothing_current_is_lost_and_nothing_hidden_comes_back_whatever_the_history() {
    let from = std::env::var("PURGE_SEED").ok().map(|seed| seed.parse().unwrap());
    if let Some(seed) = from {
        return check(seed);
    }
    for seed in 0..80 {
        check(seed);
    }
}
