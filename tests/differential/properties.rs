//! What holds for every registry, whatever is in it.

use std::collections::BTreeSet;
use std::convert::Infallible;

use crate::lab::bucket::Bucket;
use crate::lab::pull::{assert_tags_unharmed, pull_all, pull_all_revisions};
use crate::lab::random::{Prng, damage, random_registry};
use crate::lab::registry::blob_key;
use crate::lab::tree::{Tree, read_dir, removed, write_dir};
use crate::runs::{self, Way, carry_out, directory, home, limited_survey, s3, shown, survey};
use regsweep::collect::applied::Limit;
use regsweep::collect::plan::{Deletion, Plan, Stage};
use regsweep::collect::sealed::{Reader, seal};

/// The registry of a seed; every third is damaged.
fn registry(seed: u64) -> Tree {
    let mut registry = random_registry(seed);
    if seed % 3 == 2 {
        damage(&mut registry, seed);
    }
    registry.build()
}

async fn sweep_is_safe_and_complete(seed: u64, way: Way) {
    let context = format!("seed {seed}, {way:?}");
    let before = registry(seed);
    let home = home();
    write_dir(&before, home.path());
    let opened = directory(home.path()).await;

    let mut first = survey(&opened, way, &context).await;
    let plan: BTreeSet<String> = first.plan.deletions().iter().map(|deletion| deletion.key.clone()).collect();
    let blobs = first.plan.deletions().iter().filter(|deletion| deletion.stage == Stage::Blob);
    let going: BTreeSet<String> = blobs.filter_map(|deletion| Some(deletion.digest.as_ref()?.to_string())).collect();
    for (image, pulled) in pull_all(&before) {
        let lost: Vec<_> = pulled.served.intersection(&going).collect();
        assert!(lost.is_empty(), "{context}: {image:?} needs {lost:?}, which is planned to go");
    }
    assert_eq!(read_dir(home.path()), before, "{context}: looking changes nothing");

    carry_out(&opened, &mut first, way, &context).await;
    let after = read_dir(home.path());
    assert_eq!(removed(&before, &after).into_iter().collect::<BTreeSet<_>>(), plan, "{context}: the plan is what goes");
    assert!(after.iter().all(|(key, entry)| before.get(key) == Some(entry)), "{context}: what stays is unchanged");
    assert_tags_unharmed(&before, &after, &context);
    if !way.delete_untagged {
        assert_eq!(
            pull_all_revisions(&after),
            pull_all_revisions(&before),
            "{context}: without -m no manifest is lost"
        );
    }

    let opened = directory(home.path()).await;
    let second = survey(&opened, way, &context).await;
    assert_eq!(shown(&second.plan), Vec::<String>::new(), "{context}: sweeping once is enough");
}

async fn order_does_not_matter(seed: u64, way: Way) {
    let context = format!("seed {seed}, {way:?}");
    let tree = registry(seed);
    let home = home();
    write_dir(&tree, home.path());
    let bucket = Bucket::s3("registry");
    bucket.load("", &tree);
    bucket.limit_pages(17);
    let here = survey(&directory(home.path()).await, way, &context).await;
    let there = survey(&s3(&bucket).await, way, &context).await;
    assert_eq!(shown(&here.plan), shown(&there.plan), "{context}");
    assert_eq!(bucket.counts().writes(), 0, "{context}: looking changes nothing");
}

/// Runs for each seed, the ways in turn.
fn for_seeds(seeds: std::ops::Range<u64>, each: impl AsyncFn(u64, Way)) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        for seed in seeds {
            for way in Way::ALL {
                each(seed, way).await;
            }
        }
    });
}

#[test]
fn no_tag_is_harmed_and_sweeping_once_is_enough() {
    for_seeds(0..105, sweep_is_safe_and_complete);
}

#[test]
fn no_tag_is_harmed_and_sweeping_once_is_enough_in_more_registries() {
    for_seeds(105..210, sweep_is_safe_and_complete);
}

#[test]
fn plan_does_not_depend_on_the_order_of_the_listing() {
    for_seeds(0..100, order_does_not_matter);
}

#[test]
fn plan_does_not_depend_on_the_order_of_the_listing_in_more_registries() {
    for_seeds(100..200, order_does_not_matter);
}

/// What a plan file would hold of these deletions: written, sealed, read.
fn sealed(deletions: Vec<Deletion>) -> Limit {
    let header = regsweep::collect::sealed::Header {
        version: "test".into(),
        run: "test".into(),
        command: "plan".into(),
        location: "test".into(),
        place: regsweep::collect::sealed::Place::default(),
        named: None,
        options: Way::ALL[0].order().options,
        created: regsweep::model::Timestamp::from_days(1),
        cautions: Vec::new(),
    };
    let mut file = String::new();
    let written = seal(&header, &Plan::new(deletions.into()), |line| {
        file.push_str(line);
        Ok::<(), Infallible>(())
    });
    written.unwrap();
    let (mut reader, mut limit) = (Reader::new(), Limit::default());
    reader.take(file.as_bytes(), |line| limit.add(line)).unwrap();
    reader.finish().unwrap();
    limit
}

/// A part of a plan goes as far as no pointer that stays needs it; the whole plan goes as it is; then nothing is left.
async fn any_part_of_a_plan_can_be_applied(seed: u64, way: Way) {
    let context = format!("seed {seed}, {way:?}");
    let before = registry(seed);
    let home = home();
    write_dir(&before, home.path());
    let opened = directory(home.path()).await;
    let fresh = survey(&opened, way, &context).await;
    let mut random = Prng::new(seed);
    let some = fresh.plan.deletions().iter().filter(|_| random.below(3) > 0).collect::<Vec<_>>();
    let planned: BTreeSet<String> = some.iter().map(|deletion| deletion.key.clone()).collect();

    let mut part = limited_survey(&opened, way, Some(sealed(some)), &context).await;
    let left = part.scan.left;
    assert_eq!(left.gone, 0, "{context}");
    assert_eq!(left.changed, (planned.len() - part.plan.deletions().len()) as u64, "{context}");
    // Of what is not in the plan, blobs that a pointer that stays names may not go at all.
    let not_in_plan = fresh.plan.deletions().iter().filter(|deletion| !planned.contains(&deletion.key));
    let least = not_in_plan.clone().filter(|deletion| deletion.stage != Stage::Blob).count() as u64;
    assert!((least..=not_in_plan.count() as u64).contains(&left.not_in_plan.count), "{context}: {left:?}");
    carry_out(&opened, &mut part, way, &context).await;
    let after = read_dir(home.path());
    let gone: BTreeSet<String> = removed(&before, &after).into_iter().collect();
    assert!(gone.is_subset(&planned), "{context}: {:#?}", gone.difference(&planned));
    assert_tags_unharmed(&before, &after, &context);
    let were = pull_all_revisions(&before);
    for (image, pulled) in pull_all_revisions(&after) {
        assert_eq!(pulled, were[&image], "{context}: {image:?} stayed and lost something");
    }
    for (key, entry) in after.iter().filter(|(key, _)| key.ends_with("/link")) {
        let Some((algorithm, hex)) = std::str::from_utf8(&entry.bytes).ok().and_then(|text| text.split_once(':'))
        else {
            continue;
        };
        if hex.len() == 64 && algorithm == "sha256" {
            let data = blob_key(&format!("sha256:{hex}"));
            assert!(!gone.contains(&data), "{context}: {key} stayed, and its data went");
        }
    }

    let opened = directory(home.path()).await;
    let whole = sealed(fresh.plan.deletions().iter().collect());
    let mut rest = limited_survey(&opened, way, Some(whole), &context).await;
    assert_eq!((rest.scan.left.changed, rest.scan.left.gone), (0, gone.len() as u64), "{context}");
    carry_out(&opened, &mut rest, way, &context).await;
    let opened = directory(home.path()).await;
    assert_eq!(shown(&survey(&opened, way, &context).await.plan), Vec::<String>::new(), "{context}");
}

#[test]
fn parts_of_a_plan_are_safe_and_the_whole_is_complete() {
    for_seeds(400..460, any_part_of_a_plan_can_be_applied);
}

/// Sweeping in the bucket leaves the same tree as sweeping in the directory.
#[test]
fn bucket_and_directory_end_alike() {
    for_seeds(300..320, async |seed, way| {
        let context = format!("seed {seed}, {way:?}");
        let tree = registry(seed);
        let home = home();
        write_dir(&tree, home.path());
        let bucket = Bucket::s3("registry");
        bucket.load("", &tree);
        for opened in [directory(home.path()).await, s3(&bucket).await] {
            let mut survey = runs::survey(&opened, way, &context).await;
            carry_out(&opened, &mut survey, way, &context).await;
        }
        let keys = |tree: Tree| tree.into_keys().collect::<Vec<_>>();
        assert_eq!(keys(read_dir(home.path())), keys(bucket.dump("")), "{context}");
    });
}
