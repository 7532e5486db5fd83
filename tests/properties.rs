//! Properties of the pure core, over registries that no client would push: links, tags, manifests and aliases thrown
//! together at random. Nothing is read or written; a registry is a set of keys. proptest prints the seed of a failure.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use bytes::Bytes;
use proptest::prelude::*;
use regsweep::collect::blobs::{BlobJudge, Owners};
use regsweep::collect::dismissed::Dismissed;
use regsweep::collect::entry::Entry;
use regsweep::collect::graph::{Fetched, Graph, manifests_to_read};
use regsweep::collect::listing::{Builder, Proof};
use regsweep::collect::mark::mark;
use regsweep::collect::options::{Aside, Mode, Options};
use regsweep::collect::plan::{Plan, Stage};
use regsweep::collect::pointers::plan_pointers;
use regsweep::collect::roots::roots;
use regsweep::collect::state::pending::Pending;
use regsweep::layout::{self, StorageKey};
use regsweep::model::{Digest, RepositoryName, Tag, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A registry as keys and what they hold.
type Tree = BTreeMap<String, Vec<u8>>;

const NOW: Timestamp = Timestamp::from_days(20_000);

#[derive(Debug, Clone)]
struct Shape {
    /// Plain blobs.
    blobs: usize,
    /// Manifests: which earlier contents each names, what it is about, and whether it is readable.
    manifests: Vec<(Vec<usize>, Option<usize>, bool)>,
    /// Links: repository, content, kind.
    links: Vec<(usize, usize, Kind)>,
    /// Contents whose data is missing.
    missing: Vec<usize>,
    /// Layer links named by sha512 to a content.
    aliases: Vec<(usize, usize)>,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Layer,
    Revision,
    Tag(usize),
    History(usize),
    /// What a push writes: revision, history, tag.
    Pushed(usize),
}

const REPOSITORIES: [&str; 4] = ["a", "a-b", "a/b", "z"];

fn shapes() -> impl Strategy<Value = Shape> {
    let manifest = (
        prop::collection::vec(0..40_usize, 0..4),
        prop::option::weighted(0.3, 0..40_usize),
        prop::bool::weighted(0.95),
    );
    let kind = prop_oneof![
        4 => Just(Kind::Layer),
        3 => Just(Kind::Revision),
        1 => (0..3_usize).prop_map(Kind::Tag),
        2 => (0..3_usize).prop_map(Kind::History),
        4 => (0..3_usize).prop_map(Kind::Pushed),
    ];
    (
        1..8_usize,
        prop::collection::vec(manifest, 1..10),
        prop::collection::vec((0..REPOSITORIES.len(), 0..40_usize, kind), 0..40),
        prop::collection::vec(0..40_usize, 0..3),
        prop::collection::vec((0..REPOSITORIES.len(), 0..8_usize), 0..3),
    )
        .prop_map(|(blobs, manifests, links, missing, aliases)| Shape {
            blobs,
            manifests,
            links,
            missing,
            aliases,
        })
}

fn sha512(of: &Digest) -> Digest {
    Digest::from_parts("sha512", &Digest::of(of.to_string().as_bytes()).hex().repeat(2)).unwrap()
}

fn build(shape: &Shape) -> Tree {
    let mut contents: Vec<Vec<u8>> = (0..shape.blobs).map(|number| format!("blob {number}").into_bytes()).collect();
    let aliased: BTreeSet<usize> = shape.aliases.iter().map(|(_, content)| content % shape.blobs).collect();
    for (number, (names, subject, readable)) in shape.manifests.iter().enumerate() {
        let descriptor = |at: usize| {
            let at = at % contents.len();
            let digest = Digest::of(&contents[at]);
            let digest = if aliased.contains(&at) && number % 2 == 0 { sha512(&digest) } else { digest };
            format!(r#"{{"digest":"{digest}","size":1}}"#)
        };
        let names: Vec<String> = names.iter().map(|at| descriptor(*at)).collect();
        let subject = subject.map_or("null".to_owned(), descriptor);
        let media_type = if *readable { "application/vnd.oci.image.manifest.v1+json" } else { "unknown" };
        contents.push(
            format!(
                r#"{{"schemaVersion":2,"mediaType":"{media_type}","layers":[{}],"subject":{subject},"n":{number}}}"#,
                names.join(",")
            )
            .into_bytes(),
        );
    }
    let digests: Vec<Digest> = contents.iter().map(|content| Digest::of(content)).collect();
    let mut tree = Tree::new();
    let missing: BTreeSet<usize> = shape.missing.iter().map(|at| at % contents.len()).collect();
    for (at, content) in contents.iter().enumerate().filter(|(at, _)| !missing.contains(at)) {
        tree.insert(layout::blob_data(&digests[at]), content.clone());
    }
    let tag = |number: usize| Tag::new(&format!("t{number}")).unwrap();
    for (repository, content, kind) in &shape.links {
        let name = RepositoryName::new(REPOSITORIES[*repository]).unwrap();
        let content = match kind {
            Kind::Layer => content % contents.len(),
            _ => shape.blobs + content % shape.manifests.len(),
        };
        let digest = &digests[content];
        let text = digest.to_string().into_bytes();
        let mut put = |key| tree.insert(key, text.clone());
        match kind {
            Kind::Layer => drop(put(layout::layer_link(&name, digest))),
            Kind::Revision => drop(put(layout::revision_link(&name, digest))),
            Kind::Tag(number) => drop(put(layout::tag_current(&name, &tag(*number)))),
            Kind::History(number) => drop(put(layout::tag_history(&name, &tag(*number), digest))),
            Kind::Pushed(number) => {
                put(layout::revision_link(&name, digest));
                put(layout::tag_history(&name, &tag(*number), digest));
                put(layout::tag_current(&name, &tag(*number)));
            }
        }
    }
    for (repository, content) in &shape.aliases {
        let name = RepositoryName::new(REPOSITORIES[*repository]).unwrap();
        let digest = &digests[content % shape.blobs];
        tree.insert(layout::layer_link(&name, &sha512(digest)), digest.to_string().into_bytes());
        tree.insert(layout::layer_link(&name, digest), digest.to_string().into_bytes());
    }
    tree
}

fn options(delete_untagged: bool) -> Options {
    Options {
        mode: Mode::Offline,
        delete_untagged,
        min_age: Duration::ZERO,
        defer: Duration::ZERO,
        settle: Duration::ZERO,
        aside: Aside::Auto,
        max_scan_age: Duration::from_mins(5),
        uploads_older_than: None,
        repositories: Vec::new(),
        keep_from: Vec::new(),
        max_delete_percent: None,
        allow: Vec::new(),
        images: Vec::new(),
        collects: true,
        rules: None,
        repair: None,
    }
}

/// The whole of a dry run, on a tree, listing it in the order of `keys`.
fn plan_in_order<'a>(tree: &'a Tree, keys: impl Iterator<Item = &'a String> + Clone, options: &Options) -> Plan {
    let entry = |key: &'a String| Entry {
        key,
        size: tree[key].len() as u64,
        modified: Timestamp::from_days(1),
        etag: None,
        outside: false,
    };
    let mut builder = Builder::new(Proof { etags: false, cheap_reads: true });
    keys.clone().filter(|key| key.starts_with(layout::REPOSITORIES)).for_each(|key| _ = builder.see(&entry(key)));
    let mut inventory = builder.finish();
    for read in inventory.to_read(NOW, options.uploads_older_than) {
        inventory.learn(&read, tree.get(&read.key).map(Vec::as_slice));
    }
    let mut graph = Graph::new(&inventory);
    for (digest, expectation) in manifests_to_read(&inventory, &options.keep_from) {
        let fetched = match tree.get(&layout::blob_data(&digest)) {
            Some(bytes) => Fetched::Bytes(Bytes::from(bytes.clone())),
            None => Fetched::Missing,
        };
        graph.learn(&digest, expectation, &fetched);
    }
    let roots = roots(&inventory, &graph, options, &Dismissed::default(), NOW);
    let marks = mark(&inventory, &mut graph, &roots);
    let pointers = plan_pointers(&inventory, &graph, &marks, options, &Dismissed::default(), NOW);
    let owners = Owners::of(&pointers, &graph);
    let record = Pending::default();
    let before = pointers.len();
    let mut judge = BlobJudge::new(&graph, &marks, options, &owners, &record, NOW).adding_to(pointers);
    keys.filter(|key| key.starts_with(layout::BLOBS)).for_each(|key| judge.see(&entry(key)));
    let all = judge.finish().deletions;
    for deletion in all.iter().skip(before) {
        let id = graph.id(deletion.digest.as_ref().unwrap());
        assert_eq!(marks.anywhere(id), None, "a marked digest is in the plan: {deletion:?}");
    }
    Plan::new(all)
}

fn plan(tree: &Tree, options: &Options) -> Plan {
    plan_in_order(tree, tree.keys(), options)
}

fn swept(tree: &Tree, plan: &Plan) -> Tree {
    let gone: BTreeSet<String> = plan.deletions().iter().map(|deletion| deletion.key).collect();
    tree.iter()
        .filter(|(key, _)| !gone.contains(key.as_str()))
        .map(|(key, bytes)| (key.clone(), bytes.clone()))
        .collect()
}

/// What a client gets of a tag, as the registry would serve it; written without the collector's own code.
fn served(tree: &Tree, repository: &RepositoryName, tag: &Tag) -> BTreeMap<String, Vec<u8>> {
    let mut got = BTreeMap::new();
    let link = |key: String| -> Option<Digest> { std::str::from_utf8(tree.get(&key)?).ok()?.parse().ok() };
    let Some(first) = link(layout::tag_current(repository, tag)) else { return got };
    let mut todo = vec![first];
    let mut seen = BTreeSet::new();
    while let Some(digest) = todo.pop() {
        if !seen.insert(digest.to_string()) {
            continue;
        }
        if let Some(target) = link(layout::revision_link(repository, &digest))
            && let Some(bytes) = tree.get(&layout::blob_data(&target))
        {
            got.insert(format!("manifest {digest}"), bytes.clone());
            let json: serde_json::Value = serde_json::from_slice(bytes).unwrap();
            for layer in json["layers"].as_array().unwrap() {
                todo.push(layer["digest"].as_str().unwrap().parse().unwrap());
            }
            for key in tree.keys() {
                // What is about it can be pulled too.
                if let StorageKey::RevisionLink { repository: name, digest: referrer } = StorageKey::parse(key)
                    && name == repository.as_str()
                    && let Some(bytes) = tree.get(&layout::blob_data(&referrer))
                    && serde_json::from_slice::<serde_json::Value>(bytes).unwrap()["subject"]["digest"]
                        == digest.to_string()
                {
                    todo.push(referrer);
                }
            }
        }
        if let Some(target) = link(layout::layer_link(repository, &digest))
            && link(layout::layer_link(repository, &target)).is_some()
            && let Some(bytes) = tree.get(&layout::blob_data(&target))
        {
            got.insert(format!("blob {digest}"), bytes.clone());
        }
    }
    got
}

fn all_served(tree: &Tree) -> BTreeMap<(String, String), BTreeMap<String, Vec<u8>>> {
    let tags = tree.keys().filter_map(|key| match StorageKey::parse(key) {
        StorageKey::TagCurrent { repository, tag } => Some((RepositoryName::new(repository)?, Tag::new(tag)?)),
        _ => None,
    });
    tags.map(|(name, tag)| ((name.to_string(), tag.to_string()), served(tree, &name, &tag))).collect()
}

/// Links whose blob was there before a sweep and is not there after it.
fn newly_dangling(before: &Tree, after: &Tree) -> Vec<String> {
    let named = |key: &String| match StorageKey::parse(key) {
        StorageKey::LayerLink { digest, .. }
        | StorageKey::RevisionLink { digest, .. }
        | StorageKey::TagHistory { digest, .. } => Some(layout::blob_data(&digest)),
        _ => None,
    };
    let dangling =
        |key: &&String| named(key).is_some_and(|data| before.contains_key(&data) && !after.contains_key(&data));
    after.keys().filter(dangling).cloned().collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, ..ProptestConfig::default() })]

    #[test]
    fn every_tag_serves_the_same_after_a_sweep(shape in shapes(), delete_untagged: bool) {
        let before = build(&shape);
        let after = swept(&before, &plan(&before, &options(delete_untagged)));
        prop_assert_eq!(all_served(&before), all_served(&after));
        prop_assert_eq!(newly_dangling(&before, &after), Vec::<String>::new());
    }

    #[test]
    fn sweeping_twice_is_sweeping_once(shape in shapes(), delete_untagged: bool) {
        let options = options(delete_untagged);
        let once = build(&shape);
        let once = swept(&once, &plan(&once, &options));
        let second = plan(&once, &options);
        prop_assert!(second.is_empty(), "{:#?}", second.deletions());
    }

    #[test]
    fn without_untagged_no_manifest_goes(shape in shapes()) {
        let tree = build(&shape);
        let plan = plan(&tree, &options(false));
        prop_assert!(plan.deletions().iter().all(|deletion| !matches!(deletion.stage, Stage::Tag | Stage::Revision)));
    }

    #[test]
    fn order_of_the_listing_does_not_matter(shape in shapes(), delete_untagged: bool, seed: u64) {
        let options = options(delete_untagged);
        let tree = build(&shape);
        let mut keys: Vec<&String> = tree.keys().collect();
        keys.sort_by_key(|key| Digest::of(format!("{seed}{key}").as_bytes()));
        prop_assert_eq!(plan(&tree, &options), plan_in_order(&tree, keys.into_iter(), &options));
    }

    /// If the run is cut off after any deletion, no tag serves less, and the next run removes the rest.
    #[test]
    fn cut_off_anywhere_nothing_is_lost(shape in shapes(), delete_untagged: bool, share in 0.0..1.0_f64) {
        let options = options(delete_untagged);
        let before = build(&shape);
        let whole = plan(&before, &options);
        #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share")]
        let done = (whole.deletions().len() as f64 * share) as usize;
        let cut = Plan::new(whole.deletions().range(0..done).collect());
        let middle = swept(&before, &cut);
        prop_assert_eq!(all_served(&before), all_served(&middle));
        prop_assert_eq!(newly_dangling(&before, &middle), Vec::<String>::new());
        let end = swept(&middle, &plan(&middle, &options));
        prop_assert_eq!(all_served(&before), all_served(&end));
        prop_assert_eq!(swept(&before, &whole), end);
    }
}
