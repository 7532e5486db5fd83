//! What a collector concludes from its listings. No step happens here.

use crate::names::{Kind, Link, Links, MANIFESTS, Repository, Set, Tag, link};
use crate::scenario::Scenario;
use crate::state::{Collector, Storage};

/// What a listing proves to be needed.
#[derive(Clone, Copy, Default, Debug)]
pub struct Marks {
    /// The links without which something kept does not pull.
    pub needed: Links,
    /// The blobs that something kept needs, or that a link which stays names.
    pub reachable: Set,
}

/// From the tags (`-m`), except those in `removed`, and from all links in `staying`: they are young, or have changed.
pub fn mark(seen: Links, removed: Links, staying: Links) -> Marks {
    let mut marks = Marks::default();
    for repository in 0..2 {
        let mut roots = staying.get(repository, Kind::Revision);
        for tag in [0, 1] {
            let current = Kind::Current(tag);
            roots = roots.or(seen.minus(removed).get(repository, current));
            roots = roots.or(staying.get(repository, current)).or(staying.get(repository, Kind::History(tag)));
        }
        let all = roots.closure();
        marks.needed.set(repository, Kind::Revision, all.and(MANIFESTS));
        marks.needed.set(repository, Kind::Layer, all.minus(MANIFESTS));
        for tag in [0, 1] {
            let current = Kind::Current(tag);
            marks.needed.set(repository, Kind::History(tag), all.and(MANIFESTS));
            marks.needed.set(repository, current, seen.minus(removed).get(repository, current));
        }
        marks.reachable = marks.reachable.or(all).or(staying.get(repository, Kind::Layer));
    }
    marks
}

/// What is named by some pointer, whether or not that pointer is to go.
pub fn named(scenario: &Scenario, links: Links) -> Set {
    let protocol = scenario.protocol;
    match (protocol.counts_pointers, protocol.counts_closure) {
        (false, _) => Set::default(),
        (true, true) => links.named(),
        (true, false) => links.digests(),
    }
}

/// After the scan's listings: which links go, and which of the journalled ones are missing.
pub fn pointers(scenario: &Scenario, storage: &Storage, collector: &mut Collector) {
    let told = still_told(scenario, collector);
    let marks = mark(collector.seen, told, collector.young);
    collector.doomed = collector.seen.minus(marks.needed).minus(collector.young).or(told);
    for repository in 0..2 {
        for tag in [0, 1] {
            if !told.get(repository, Kind::Current(tag)).is_empty() {
                let history = collector.seen.get(repository, Kind::History(tag));
                collector.doomed.set(repository, Kind::History(tag), history);
            }
        }
    }
    if scenario.protocol.mends_after_scan {
        collector.missing = missing(scenario, storage, collector.seen, marks);
    }
}

/// Journalled links that something kept needs, and that are not there.
pub fn missing(scenario: &Scenario, storage: &Storage, seen: Links, marks: Marks) -> Links {
    if scenario.protocol.mends { storage.journals().and(marks.needed).minus(seen) } else { Links::default() }
}

/// After the listing of blobs: which of them go in this run, and which wait.
pub fn content(scenario: &Scenario, storage: &Storage, collector: &mut Collector) {
    let protocol = scenario.protocol;
    let marks = mark(collector.seen, still_told(scenario, collector), collector.young);
    let unneeded = storage.data.minus(marks.reachable).minus(storage.young_data);
    let named = named(scenario, collector.seen);
    collector.manifests = collector.manifests.or(collector.seen.named().and(MANIFESTS));
    collector.named = if collector.doomed.is_empty() { Set::default() } else { named };
    if !protocol.defers || !protocol.waits {
        collector.going = unneeded;
        return;
    }
    let at_rest = if protocol.starts_anew { unneeded.minus(named) } else { unneeded };
    let rewritten = if protocol.compares_data { storage.rewritten } else { Set::default() };
    collector.going = at_rest.and(storage.waited).minus(rewritten);
    collector.goes_on_waiting = unneeded.minus(named).and(storage.waiting).minus(rewritten);
    collector.begins_to_wait = unneeded.minus(collector.going).minus(collector.goes_on_waiting);
}

/// After the second look at the repositories that lose something: what changed or became reachable leaves the plan.
pub fn again(scenario: &Scenario, collector: &mut Collector) {
    let told = still_told(scenario, collector);
    let staying = collector.young.or(collector.changed);
    let marks = mark(collector.seen, told, staying);
    let spared = marks.needed.minus(told).or(collector.changed);
    collector.doomed = collector.doomed.and(collector.seen).minus(spared);
    for repository in 0..2 {
        for tag in [0, 1] {
            if told.get(repository, Kind::Current(tag)).is_empty() && scenario.tells(repository, tag) {
                // The tag stays after all, and keeps its history where that is needed.
                let history = Kind::History(tag);
                let needed = marks.needed.get(repository, history);
                let doomed = collector.doomed.get(repository, history).minus(needed);
                collector.doomed.set(repository, history, doomed);
            }
        }
    }
    let staying = named(scenario, collector.seen.minus(collector.doomed));
    keep(collector, marks.reachable.or(staying));
}

/// Whether anything was written to a tag since the scan.
pub fn has_changed(collector: &Collector, repository: Repository, tag: Tag) -> bool {
    let changed = |kind| !collector.changed.get(repository, kind).is_empty();
    changed(Kind::Current(tag)) || changed(Kind::History(tag))
}

fn still_told(scenario: &Scenario, collector: &Collector) -> Links {
    let mut told = scenario.removes.and(collector.seen).minus(collector.changed);
    for (repository, tag) in told.places().collect::<Vec<_>>() {
        if has_changed(collector, repository, tag) {
            told.set(repository, Kind::Current(tag), Set::default());
        }
    }
    told
}

/// A tag stays after all, with its history and with what it names.
pub fn spare_tag(collector: &mut Collector, current: Link) {
    let Kind::Current(tag) = current.kind else { return };
    collector.doomed.set(current.repository, current.kind, Set::default());
    stays(collector, current);
    for digest in collector.changed.get(current.repository, Kind::History(tag)).digests() {
        stays(collector, link(current.repository, current.kind, digest));
    }
}

/// What stays leaves the lists.
pub fn keep(collector: &mut Collector, blobs: Set) {
    collector.going = collector.going.minus(blobs);
    collector.goes_on_waiting = collector.goes_on_waiting.minus(blobs);
    collector.begins_to_wait = collector.begins_to_wait.minus(blobs);
}

/// A pointer that could not be removed is a root again, with its closure.
pub fn stays(collector: &mut Collector, pointer: Link) {
    let mut root = Set::default();
    root.add(pointer.digest);
    let all = root.closure();
    for digest in 0..8 {
        if all.has(digest) {
            for kind in [Kind::History(0), Kind::History(1), Kind::Revision, Kind::Layer] {
                collector.doomed.remove(link(pointer.repository, kind, digest));
            }
        }
    }
    keep(collector, all);
}

/// After the listings right before blobs go: only what still nothing needs or names.
pub fn trim(scenario: &Scenario, storage: &Storage, collector: &mut Collector) {
    let marks = mark(collector.seen, Links::default(), storage.young.and(collector.seen));
    let named = named(scenario, collector.seen);
    collector.going = collector.going.minus(marks.reachable).minus(named);
}

/// After the last listings: what to write back, and what to put back.
pub fn verify(scenario: &Scenario, storage: &Storage, collector: &mut Collector, aside: Set) {
    let marks = mark(collector.seen, Links::default(), storage.young.and(collector.seen));
    collector.missing = missing(scenario, storage, collector.seen, marks);
    collector.put_back = aside.and(marks.reachable.or(named(scenario, collector.seen)));
}
