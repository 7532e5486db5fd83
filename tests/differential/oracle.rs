//! The same registry for both collectors. What regsweep keeps beyond the registry's own is explained, blob by blob.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::Result;
use serde_json::Value;

use crate::lab::pull::{revisions, tags};
use crate::lab::random::{Prng, random_registry};
use crate::lab::registry::{Digest, ROOT, RegistryBuilder, blob_key, revision_key, tag_key};
use crate::lab::tree::{Tree, write_dir};
use crate::real::copy::blobs;
use crate::real::{self, Registry, registry_garbage_collect};
use crate::runs::home;
use crate::tool::regsweep;

/// What a manifest names; none if it is no manifest.
fn names(tree: &Tree, digest: &str) -> Option<BTreeSet<Digest>> {
    let json: Value = serde_json::from_slice(&tree.get(&blob_key(digest))?.bytes).ok()?;
    let list = |member: &str| json[member].as_array().cloned().unwrap_or_default();
    let all = ["manifests", "layers", "blobs"].iter().flat_map(|member| list(member));
    let all = all.chain([json["config"].clone()]).filter_map(|one| one["digest"].as_str().map(str::to_owned));
    let old = list("fsLayers").into_iter().filter_map(|one| one["blobSum"].as_str().map(str::to_owned));
    Some(all.chain(old).collect())
}

fn text(tree: &Tree, key: &str) -> String {
    String::from_utf8(tree[key].bytes.to_vec()).unwrap()
}

/// Removes OCI artifact manifests: the registry 2.8 cannot read them, and its collector fails.
fn without_artifacts(registry: &mut RegistryBuilder) {
    for (repository, digest) in revisions(registry.tree()) {
        let bytes = registry.bytes_of(&digest).unwrap();
        if String::from_utf8_lossy(&bytes).contains("application/vnd.oci.artifact.manifest.v1+json") {
            registry.delete_manifest(&repository, &digest);
        }
    }
}

/// Takes the revision links of some tags' manifests away.
fn break_tags(registry: &mut RegistryBuilder, seed: u64) {
    let mut prng = Prng::new(seed);
    for (repository, tag) in tags(registry.tree()) {
        let digest = text(registry.tree(), &tag_key(&repository, &tag));
        let key = revision_key(&repository, &digest);
        if prng.one_in(3) && registry.tree().contains_key(&key) {
            registry.remove(&key);
        }
    }
}

/// Why regsweep keeps what the registry's collector takes: each rule with the digests it is about.
fn rules(tree: &Tree) -> BTreeMap<&'static str, BTreeSet<Digest>> {
    let linked = revisions(tree);
    let mut known: BTreeSet<Digest> = linked.iter().map(|(_, digest)| digest.clone()).collect();
    let mut live = known.clone();
    live.extend(known.iter().filter_map(|digest| names(tree, digest)).flatten());

    // A tag whose manifest this repository does not link: it can be mended as long as its content is there.
    let targets = tags(tree).into_iter().map(|(repository, tag)| {
        let digest = text(tree, &tag_key(&repository, &tag));
        (repository, digest)
    });
    let broken: Vec<Digest> = targets.filter(|target| !linked.contains(target)).map(|(_, digest)| digest).collect();
    known.extend(broken.iter().cloned());
    let mut of_broken_tags = BTreeSet::new();
    let mut todo = broken;
    while let Some(digest) = todo.pop() {
        if of_broken_tags.insert(digest.clone()) && known.contains(&digest) {
            todo.extend(names(tree, &digest).into_iter().flatten());
        }
    }

    // A layer link whose content names another digest: who needs the one needs the other.
    let needed: BTreeSet<_> = live.union(&of_broken_tags).cloned().collect();
    let layer = |key: &str| {
        let (_, path) = key.strip_prefix(ROOT)?.split_once("/_layers/")?;
        let digest = path.strip_suffix("/link")?.replacen('/', ":", 1);
        needed.contains(&digest).then(|| text(tree, key)).filter(|other| *other != digest)
    };
    let aliases = tree.keys().filter_map(|key| layer(key)).collect();
    BTreeMap::from([("alias", aliases), ("broken tag", of_broken_tags)])
}

/// The digests of the blobs that regsweep would delete, from its saved plan.
fn planned(root: &Path, home: &Path, more: &[&str]) -> BTreeSet<Digest> {
    let (root, file) = (root.display().to_string(), home.join("plan").display().to_string());
    regsweep(["plan", "--offline", "-o", &file, &root].into_iter().chain(more.iter().copied())).expect(0);
    let lines = std::fs::read_to_string(&file).unwrap();
    let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter(|line| line["stage"] == "blob").map(|line| line["digest"].as_str().unwrap().to_owned()).collect()
}

/// What the two collectors would delete of one registry: regsweep's, and the registry's own.
fn compare(tree: &Tree, untagged: bool, context: &str) -> Result<(BTreeSet<Digest>, BTreeSet<Digest>)> {
    let home = home();
    let (one, other) = (home.path().join("one"), home.path().join("other"));
    write_dir(tree, &one);
    write_dir(tree, &other);
    let config = home.path().join("config.yml");
    let root = other.display();
    std::fs::write(&config, format!("version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {root}\n"))?;
    let theirs = registry_garbage_collect(&config, untagged, true)?;
    assert_eq!(theirs.exit, Some(0), "{context}: {}", theirs.stderr);
    let ours = planned(&one, home.path(), if untagged { &["-m"] } else { &[] });
    Ok((ours, theirs.eligible_blobs))
}

#[test]
fn regsweep_takes_what_the_registrys_collector_takes_but_for_two_rules() -> Result<()> {
    let (mut equal, mut explained_by) = (0, BTreeMap::new());
    for seed in 0..66 {
        let mut registry = random_registry(seed);
        without_artifacts(&mut registry);
        if seed % 3 == 0 {
            break_tags(&mut registry, seed);
        }
        let tree = registry.build();
        let context = format!("seed {seed}");
        let (ours, theirs) = compare(&tree, false, &context)?;
        let beyond: Vec<_> = ours.difference(&theirs).collect();
        assert!(beyond.is_empty(), "{context}: only regsweep takes {beyond:?}");
        let rules = rules(&tree);
        for digest in theirs.difference(&ours) {
            let rule = rules.iter().find(|(_, digests)| digests.contains(digest));
            let (rule, _) = rule.unwrap_or_else(|| panic!("{context}: regsweep keeps {digest}, and no rule says so"));
            *explained_by.entry(*rule).or_insert(0) += 1;
        }
        for (rule, digests) in &rules {
            let taken: Vec<_> = digests.intersection(&ours).collect();
            assert!(taken.is_empty(), "{context}: regsweep takes {taken:?} in spite of the rule {rule:?}");
        }
        equal += usize::from(ours == theirs && !ours.is_empty());
    }
    assert!(equal >= 10, "the two agree on {equal} registries only");
    assert!(explained_by.values().all(|count| *count >= 5) && explained_by.len() == 2, "{explained_by:?}");
    Ok(())
}

#[test]
fn regsweep_takes_the_same_untagged_images_as_the_registrys_collector() -> Result<()> {
    // Indexes and referrers are what the registry's `--delete-untagged` gets wrong.
    let plain = |tree: &Tree| {
        let manifests = revisions(tree);
        let simple = |(_, digest): &(String, Digest)| {
            let bytes = tree.get(&blob_key(digest)).map(|entry| String::from_utf8_lossy(&entry.bytes).into_owned());
            bytes.is_some_and(|text| !text.contains("\"manifests\"") && !text.contains("\"subject\""))
        };
        !manifests.is_empty() && manifests.iter().all(simple) && rules(tree).values().all(BTreeSet::is_empty)
    };
    let mut compared = 0;
    for seed in 0..1500 {
        let mut registry = random_registry(seed);
        without_artifacts(&mut registry);
        let tree = registry.build();
        let tagged: BTreeSet<_> = tags(&tree).into_iter().map(|(repository, _)| repository).collect();
        let with_manifests: BTreeSet<_> = revisions(&tree).into_iter().map(|(repository, _)| repository).collect();
        if !plain(&tree) || !with_manifests.is_subset(&tagged) {
            continue;
        }
        let context = format!("seed {seed}");
        let (ours, theirs) = compare(&tree, true, &context)?;
        assert_eq!(ours, theirs, "{context}");
        compared += 1;
        if compared == 15 {
            return Ok(());
        }
    }
    panic!("only {compared} registries had neither indexes nor referrers");
}

#[test]
fn both_collectors_do_what_they_say() -> Result<()> {
    for seed in 70..78 {
        let mut registry = random_registry(seed);
        without_artifacts(&mut registry);
        let tree = registry.build();
        let context = format!("seed {seed}");
        let (ours, theirs) = compare(&tree, false, &context)?;
        let home = home();
        let (one, other) = (home.path().join("one"), home.path().join("other"));
        write_dir(&tree, &one);
        write_dir(&tree, &other);
        let config = home.path().join("config.yml");
        let root = other.display();
        std::fs::write(&config, format!("version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {root}\n"))?;
        assert_eq!(registry_garbage_collect(&config, false, false)?.exit, Some(0), "{context}");
        regsweep(["gc", "--offline", &one.display().to_string()]).expect(0);
        let before = blobs(tree.keys());
        let gone = |root: &Path| -> Result<BTreeSet<Digest>> {
            Ok(before.difference(&blobs(real::copy::tree(root)?.keys())).cloned().collect())
        };
        assert_eq!(gone(&one)?, ours, "{context}");
        assert_eq!(gone(&other)?, theirs, "{context}");
    }
    Ok(())
}

#[tokio::test]
async fn regsweep_takes_what_the_registrys_collector_takes_of_what_the_registry_wrote() -> Result<()> {
    for seed in [31, 32] {
        let home = home();
        let root = home.path().join("root");
        std::fs::create_dir(&root)?;
        let mut registry = Registry::on_directory(&root)?;
        let pushed = real::everything(&registry.client()?, seed).await?;
        registry.stop();
        let theirs = registry_garbage_collect(&registry.config(), false, true)?;
        assert_eq!(theirs.exit, Some(0), "{}", theirs.stderr);
        let ours = planned(&root, home.path(), &[]);
        assert_eq!(ours, theirs.eligible_blobs, "seed {seed}");
        assert_eq!(ours, pushed.garbage(false), "seed {seed}");
    }
    Ok(())
}
