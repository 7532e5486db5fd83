//! Which contents are checked against their digests: all, or a part that is chosen by a number, the same part each time.

use super::affected::{Affected, tell};
use super::check::{Known, served};
use super::code::Code;
use super::finding::{Finding, Findings};
use crate::collect::graph::{Id, Node};
use crate::layout;
use crate::model::Digest;
use std::collections::{BTreeMap, HashMap};

/// A part of all contents.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// How many of a hundred.
    pub percent: f64,
    /// The number that chooses.
    pub seed: u64,
}

impl Sample {
    /// Whether a content is in it.
    #[must_use]
    pub fn has(&self, digest: &Digest) -> bool {
        if self.percent >= 100.0 {
            return true;
        }
        // Digests are spread evenly already; the seed makes each part another one.
        let mut word = [0; 8];
        word.copy_from_slice(&digest.bytes()[..8]);
        let mut mixed = u64::from_be_bytes(word) ^ self.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        let share = f64::from(u32::try_from((mixed ^ mixed >> 31) >> 32).unwrap_or(u32::MAX)) / f64::from(u32::MAX);
        share * 100.0 < self.percent
    }
}

/// Tells of contents that do not have their digests, with the images that suffer from it.
pub fn wrong(known: &Known<'_>, bad: &BTreeMap<Digest, String>, findings: &mut Findings) {
    if bad.is_empty() {
        return;
    }
    let ids: HashMap<Id, &Digest> = bad.keys().filter_map(|digest| Some((known.graph.id(digest)?, digest))).collect();
    let mut manifests: BTreeMap<&Digest, Vec<(usize, Id)>> = BTreeMap::new();
    for (at, repository) in known.inventory.repositories.iter().enumerate() {
        for manifest in served(known, repository) {
            let Node::Manifest { references, .. } = known.graph.node(manifest) else { continue };
            let references = references.all();
            let named = references.iter().chain(references.iter().flat_map(|id| known.graph.aliases(*id)));
            for digest in named.filter_map(|id| ids.get(id)) {
                manifests.entry(digest).or_default().push((at, manifest));
            }
        }
    }
    let mut affected = Affected::new(known.inventory, known.graph);
    // A manifest that is not what its digest says was told of when it was read.
    let unread = |digest: &Digest| !matches!(known.graph.node_of(digest), Node::Unreadable(_));
    for (digest, detail) in bad.iter().filter(|(digest, _)| unread(digest)) {
        let mut finding = Finding::new(Code::WrongContent, layout::blob_data(digest)).about(digest);
        finding = finding.saying(detail.clone());
        let by = manifests.remove(digest).unwrap_or_default();
        tell(&mut finding, by.into_iter().flat_map(|(at, id)| affected.images(at, [id])).collect());
        findings.add(finding);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sample_is_as_large_as_was_asked_for_and_the_same_each_time() {
        let digests: Vec<Digest> = (0..4000_u32).map(|number| Digest::of(&number.to_le_bytes())).collect();
        let chosen = |percent: f64, seed: u64| -> Vec<bool> {
            digests.iter().map(|digest| Sample { percent, seed }.has(digest)).collect()
        };
        let count = |chosen: &[bool]| chosen.iter().filter(|is_in| **is_in).count();
        assert_eq!(count(&chosen(100.0, 1)), 4000);
        assert!((800..1200).contains(&count(&chosen(25.0, 1))));
        assert!(count(&chosen(0.5, 1)) < 60);
        assert_eq!(chosen(25.0, 7), chosen(25.0, 7));
        assert_ne!(chosen(25.0, 7), chosen(25.0, 8));
    }
}
