//! Listings of old versions: none is overlooked, the current object never goes, nothing that is hidden is brought back, and
//! where the pages end does not matter.

use super::text;
use regsweep::collect::versions::{ByKey, Needs, Rule, Verdict, Version, judge};
use regsweep::layout::{StorageKey, state::StateKey};
use regsweep::model::Timestamp;
use regsweep::storage::versions::read;
use regsweep::storage::xml::Element;
use std::collections::BTreeMap;

/// Any bytes as a page.
pub fn check(data: &[u8]) {
    let Some(page) = read(data) else { return };
    let root = Element::parse(data).unwrap();
    let told = root.children.iter().filter(|child| matches!(child.name.as_str(), "Version" | "DeleteMarker")).count();
    assert_eq!(page.versions.len(), told, "a version is overlooked");
    assert!(page.next.is_none_or(|(key, _)| !key.is_empty()));
    assert!(page.versions.iter().all(|version| !version.id.is_empty() && (!version.is_marker || version.size == 0)));
    let mut times: Vec<Timestamp> = page.versions.iter().map(|version| version.modified).collect();
    times.sort();
    let Some(before) = times.get(text::place(data) % times.len().max(1)).copied() else { return };
    for (null_is_reused, any) in [(false, false), (true, false), (false, true)] {
        let needs = SomeKeys { any };
        judged(page.versions.clone(), Rule { before, null_is_reused, needs: &needs }, text::place(data));
    }
}

/// Needs what is at some keys, if any.
#[derive(Debug)]
struct SomeKeys {
    any: bool,
}

impl Needs for SomeKeys {
    fn is_needed(&self, key: &str, is_gone: bool) -> bool {
        self.any && (key.len().is_multiple_of(3) || is_gone)
    }

    fn is_needed_content(&self, key: &str) -> bool {
        self.any && key.len().is_multiple_of(2)
    }
}

fn verdicts(pages: &[&[Version]], rule: Rule<'_>) -> Vec<Verdict> {
    let (mut keys, mut told) = (ByKey::default(), Vec::new());
    let mut tell = |versions| judge(rule, versions, |verdict| told.push(verdict));
    for page in pages {
        keys.see(page.to_vec(), &mut tell).unwrap();
    }
    keys.finish(tell);
    told
}

fn judged(mut all: Vec<Version>, rule: Rule<'_>, cut: usize) {
    // A listing is in order; within a page of one key anything goes.
    all.sort_by(|a, b| a.key.cmp(&b.key));
    let told = verdicts(&[&all], rule);
    let (head, tail) = all.split_at(cut % (all.len() + 1));
    assert_eq!(verdicts(&[head, &[], tail], rule), told, "it depends on where a page ends");

    let mut by_key: BTreeMap<&str, Vec<&Verdict>> = BTreeMap::new();
    for verdict in &told {
        let (Verdict::Goes(version) | Verdict::GoesLast(version) | Verdict::Stays(version, _)) = verdict;
        by_key.entry(&version.key).or_default().push(verdict);
        if let Verdict::Stays(..) = verdict {
            continue;
        }
        assert!(version.is_marker || !version.is_latest, "what is current goes: {version:?}");
        assert!(version.modified <= rule.before, "it is too young: {version:?}");
        assert!(!rule.null_is_reused || &*version.id != "null", "the next write is in its place");
        let is_ours = match StorageKey::parse(&version.key) {
            StorageKey::Suspect { .. } => false,
            StorageKey::Unrecognized => StateKey::parse(&version.key) != StateKey::Unrecognized,
            _ => true,
        };
        assert!(is_ours, "no registry writes {:?}", version.key);
        assert!(!rule.needs.is_needed(&version.key, version.is_marker && version.is_latest));
        let current = all.iter().filter(|other| other.key == version.key && other.is_latest);
        let mut current: Vec<&Version> = current.collect();
        current.dedup();
        assert_eq!(current.len(), 1, "nobody knows what is current at {:?}", version.key);
    }
    for (key, told) in by_key {
        let goes_last = told.iter().filter(|verdict| matches!(verdict, Verdict::GoesLast(_))).count();
        let stays = told.iter().any(|verdict| matches!(verdict, Verdict::Stays(..)));
        assert!(goes_last == 0 || goes_last == 1 && !stays, "what {key:?} hides would come back");
    }
}
