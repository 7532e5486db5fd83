//! A whole listing, from its keys to a sealed plan: nothing that may keep something alive is lost on the way, the order
//! of the listing does not matter, nothing goes but what was listed, and what is planned can be read back.

use regsweep::collect::blobs::{BlobJudge, Owners};
use regsweep::collect::dismissed::Dismissed;
use regsweep::collect::entry::Entry;
use regsweep::collect::graph::{Fetched, Graph, manifests_to_read};
use regsweep::collect::inventory::Inventory;
use regsweep::collect::listing::{Builder, Proof};
use regsweep::collect::mark::mark;
use regsweep::collect::options::{Aside, Mode, Options};
use regsweep::collect::plan::Plan;
use regsweep::collect::pointers::plan_pointers;
use regsweep::collect::roots::roots;
use regsweep::collect::state::pending::Pending;
use regsweep::layout::{self, BLOBS, REPOSITORIES, StorageKey};
use regsweep::model::digest::hex;
use regsweep::model::{Digest, Timestamp};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::LazyLock;
use std::time::Duration;

const NOW: Timestamp = Timestamp::from_days(20_000);
const DAY: Duration = Duration::from_hours(24);

/// So many keys are enough for whatever a few can do to each other.
const MOST: usize = 16;

struct Listed {
    key: String,
    size: u64,
    etag: Option<String>,
    outside: bool,
}

/// Content that keys may name, as `@` and its number: a layer, an image of it, an index of that, an artifact about the
/// image, something unreadable, and something that is not there.
static CONTENTS: LazyLock<Vec<(Digest, Option<Vec<u8>>)>> = LazyLock::new(|| {
    let layer = b"layer".to_vec();
    let named = |content: &[u8]| format!("{{\"digest\":\"{}\"}}", Digest::of(content));
    let image = format!("{{\"schemaVersion\":2,\"layers\":[{}]}}", named(&layer)).into_bytes();
    let index = format!("{{\"schemaVersion\":2,\"manifests\":[{}]}}", named(&image)).into_bytes();
    let about = format!("{{\"schemaVersion\":2,\"layers\":[],\"subject\":{}}}", named(&image)).into_bytes();
    let there = [layer, image, index, about, b"{}".to_vec()].map(|content| (Digest::of(&content), Some(content)));
    there.into_iter().chain([(Digest::of(b"missing"), None)]).collect()
});

/// What each of [`CONTENTS`] cannot be served without, by number: what it is about is no part of it.
const NAMES: [&[usize]; 6] = [&[], &[0], &[1], &[], &[], &[]];

/// The first byte says what the store can prove; then a key on each line, and behind tabs its size and its `ETag`, `=`
/// for that of a right link, `!` for what lies outside of the root.
pub fn check(data: &[u8]) {
    let Some((first, rest)) = data.split_first() else { return };
    let proof = Proof { etags: first & 1 != 0, cheap_reads: first & 2 != 0 };
    let text = String::from_utf8_lossy(rest);
    // A store lists a key once.
    let listing: BTreeMap<String, Listed> =
        text.lines().take(MOST).map(listed).map(|listed| (listed.key.clone(), listed)).collect();
    let mut found = inventory(proof, listing.values());
    if first & 32 != 0 {
        let turned = inventory(proof, listing.values().rev());
        assert_eq!(shown(&found), shown(&turned), "the order of the listing matters");
    }
    assert_eq!(found.objects, listing.len() as u64);
    keeps_alive(&found, &listing);
    for read in found.to_read(NOW, Some(DAY)) {
        assert!(listing.contains_key(&read.key), "{:?} was not listed", read.key);
        let content = content(&read.key, &listing).filter(|_| first & 4 == 0);
        found.learn(&read, content.as_deref().map(str::as_bytes));
    }
    keeps_alive(&found, &listing);
    for repository in &found.repositories {
        let links = repository.revisions.iter().is_sorted_by(|a, b| a.digest < b.digest);
        assert!(
            links && repository.layers.iter().is_sorted_by(|a, b| a.digest < b.digest),
            "a link is looked for by halves"
        );
    }
    // Where nothing could be read, nobody knows what a tag names.
    if first & 4 == 0 {
        plan(&found, &listing, *first);
    }
}

fn listed(line: &str) -> Listed {
    let mut parts = line.split('\t');
    let key = parts.next().unwrap_or_default();
    let mut key = key.strip_prefix('/').map_or_else(|| format!("{REPOSITORIES}{key}"), ToOwned::to_owned);
    if key.contains('@') {
        for (at, (digest, _)) in CONTENTS.iter().enumerate() {
            let hex = digest.hex();
            key = key.replace(&format!("%{at}"), &hex[..2]).replace(&format!("@{at}"), &hex);
        }
    }
    let size = parts.next().and_then(|size| size.parse().ok()).unwrap_or(layout::SHA256_LINK_SIZE);
    let (mut etag, mut outside) = (None, false);
    match parts.next() {
        Some("=") => etag = named_by(&key).map(|digest| of_link(&digest)),
        Some("!") => outside = true,
        other => etag = other.map(ToOwned::to_owned),
    }
    Listed { key, size, etag, outside }
}

/// What the registry would have written: a link names what its key names, a tag the first entry of its history.
fn content(key: &str, listing: &BTreeMap<String, Listed>) -> Option<String> {
    let digest = match StorageKey::parse(key) {
        StorageKey::TagCurrent { repository, tag } => {
            let entry = |key: &String| match StorageKey::parse(key) {
                StorageKey::TagHistory { repository: of, tag: other, digest } if of == repository && other == tag => {
                    Some(digest)
                }
                _ => None,
            };
            listing.keys().find_map(entry)
        }
        _ => named_by(key),
    };
    Some(digest?.to_string())
}

fn of_link(digest: &Digest) -> String {
    use md5::Digest as _;
    hex(&md5::Md5::digest(digest.to_string()))
}

fn inventory<'a>(proof: Proof, listing: impl Iterator<Item = &'a Listed>) -> Inventory {
    let mut builder = Builder::new(proof);
    listing.for_each(|listed| _ = builder.see(&entry(listed)));
    builder.finish()
}

fn entry(listed: &Listed) -> Entry<'_> {
    let Listed { key, size, etag, outside } = listed;
    Entry { key, size: *size, modified: Timestamp::from_days(1), etag: etag.as_deref(), outside: *outside }
}

/// All that decides, in an order of its own.
fn shown(inventory: &Inventory) -> String {
    let mut repositories = inventory.repositories.clone();
    for repository in &mut repositories {
        repository.suspects.sort();
    }
    let counts: Vec<_> = inventory.problems.counts().collect();
    format!("{repositories:?} {:?} {counts:?} {} {}", inventory.strangers, inventory.objects, inventory.bytes)
}

/// The digest that a key of a link names.
fn named_by(key: &str) -> Option<Digest> {
    match StorageKey::parse(key) {
        StorageKey::LayerLink { digest, .. }
        | StorageKey::RevisionLink { digest, .. }
        | StorageKey::TagHistory { digest, .. }
        | StorageKey::SignatureLink { signature: digest, .. } => Some(digest),
        StorageKey::Suspect { digest, .. } => digest,
        StorageKey::Blob(_) | StorageKey::TagCurrent { .. } | StorageKey::Upload { .. } | StorageKey::Unrecognized => {
            None
        }
    }
}

/// What the registry needs to serve what a key names: of a manifest also what it names. What that names in turn is
/// served only if a link says that it is a manifest.
fn needed_by(key: &str, listing: &BTreeMap<String, Listed>) -> Vec<Digest> {
    let key_names = named_by(key);
    let is_manifest = matches!(StorageKey::parse(key), StorageKey::RevisionLink { .. } | StorageKey::TagCurrent { .. });
    let said = content(key, listing).and_then(|text| text.parse().ok()).filter(|_| is_manifest);
    let at = said.as_ref().and_then(|digest| CONTENTS.iter().position(|(other, _)| other == digest));
    let below = at.map_or(&[][..], |at| NAMES[at]).iter().map(|at| CONTENTS[*at].0.clone());
    below.chain(key_names).collect()
}

/// Every key that names a digest keeps on naming it.
fn keeps_alive(inventory: &Inventory, listing: &BTreeMap<String, Listed>) {
    let named: Vec<Digest> = listing.keys().filter_map(|key| named_by(key)).collect();
    let wanted: HashSet<&Digest> = named.iter().collect();
    let found: HashSet<Digest> = inventory.pointers_to(&wanted).map(|(_, digest)| digest).collect();
    assert_eq!(found.iter().collect::<HashSet<_>>(), wanted, "something is not pointed to any more");
}

fn plan(inventory: &Inventory, listing: &BTreeMap<String, Listed>, first: u8) {
    let options = Options {
        mode: Mode::Offline,
        delete_untagged: first & 8 != 0,
        min_age: Duration::ZERO,
        defer: Duration::ZERO,
        settle: Duration::ZERO,
        aside: Aside::Auto,
        max_scan_age: Duration::from_mins(5),
        uploads_older_than: (first & 16 != 0).then_some(DAY),
        repositories: Vec::new(),
        keep_from: Vec::new(),
        max_delete_percent: None,
        allow: Vec::new(),
        images: Vec::new(),
        collects: true,
        rules: None,
        repair: None,
    };
    let mut graph = Graph::new(inventory);
    for (digest, expectation) in manifests_to_read(inventory, &[]) {
        let content = CONTENTS.iter().find(|(other, _)| *other == digest).and_then(|(_, content)| content.clone());
        let fetched = content.map_or(Fetched::Missing, |content| Fetched::Bytes(content.into()));
        graph.learn(&digest, expectation, &fetched);
    }
    let dismissed = Dismissed::default();
    let roots = roots(inventory, &graph, &options, &dismissed, NOW);
    let marks = mark(inventory, &mut graph, &roots);
    let pointers = plan_pointers(inventory, &graph, &marks, &options, &dismissed, NOW);
    let damaged: BTreeSet<&str> = inventory
        .repositories
        .iter()
        .filter(|repository| repository.damaged)
        .map(|found| found.name.as_str())
        .collect();
    for deletion in &pointers {
        let listed = listing.get(&deletion.key);
        assert!(listed.is_some_and(|listed| !listed.outside), "{:?} was not listed so", deletion.key);
        let repository = deletion.repository.as_ref().map(|(_, name)| name.as_str());
        let keeps = repository.is_some_and(|name| damaged.contains(name));
        let is_link = matches!(
            StorageKey::parse(&deletion.key),
            StorageKey::RevisionLink { .. } | StorageKey::LayerLink { .. } | StorageKey::SignatureLink { .. }
        );
        assert!(!(keeps && is_link), "{:?} is in a repository that keeps all", deletion.key);
    }
    let owners = Owners::of(&pointers, &graph);
    let record = Pending::default();
    let judge = BlobJudge::new(&graph, &marks, &options, &owners, &record, NOW);
    let mut judge = judge.adding_to(pointers.clone());
    for listed in listing.values().filter(|listed| listed.key.starts_with(BLOBS)) {
        judge.see(&entry(listed));
    }
    let all = judge.finish().deletions;
    assert!(all.iter().take(pointers.len()).eq(pointers.iter()));
    let gone: BTreeSet<String> = pointers.iter().map(|deletion| deletion.key).collect();
    let stays = listing.keys().filter(|key| !gone.contains(key.as_str()));
    let named: BTreeSet<Digest> = stays.flat_map(|key| needed_by(key, listing)).collect();
    for deletion in all.iter().skip(pointers.len()) {
        assert!(
            listing.get(&deletion.key).is_some_and(|listed| !listed.outside),
            "{:?} was not listed so",
            deletion.key
        );
        let digest = deletion.digest.as_ref().unwrap();
        assert!(!named.contains(digest), "{digest} goes, and a link that stays names it");
    }
    super::plans::reads_back(options, &Plan::new(all));
}
