//! What the listings say beside the inventory: how large contents are, and what no registry has written.

use super::code::Code;
use super::finding::{Finding, Findings};
use crate::collect::blobs::Tally;
use crate::collect::entry::Entry;
use crate::collect::graph::{Graph, Id};
use crate::layout::{self, StorageKey};
use crate::model::{RepositoryName, Timestamp};
use std::time::Duration;

/// What is being written may look odd for so long.
const BEING_WRITTEN: Duration = Duration::from_hours(1);

/// The contents that the graph knows, with their sizes.
#[derive(Debug, Clone, Default)]
pub struct Stored {
    /// Sizes by the graph's numbers, plus one; zero where there is no such content.
    sizes: Vec<u64>,
    /// Those that are of no bytes and should not be.
    pub(super) empty: Vec<Id>,
    /// All contents.
    pub found: Tally,
}

impl Stored {
    /// Takes in one entry of the listing of blobs.
    pub fn see(&mut self, entry: &Entry<'_>, graph: &Graph, now: Timestamp, findings: &mut Findings) {
        let StorageKey::Blob(digest) = StorageKey::parse(entry.key) else { return stray(entry, now, findings) };
        self.found.add(entry.size);
        if entry.outside {
            findings.add(Finding::new(Code::OutsideRoot, entry.key.to_owned()).about(&digest));
        }
        if let Some(id) = graph.id(&digest) {
            if self.sizes.len() <= id.index() {
                self.sizes.resize(graph.len().max(id.index() + 1), 0);
            }
            self.sizes[id.index()] = entry.size.saturating_add(1);
        }
        if entry.size == 0 && !digest.matches(b"") {
            match graph.id(&digest) {
                Some(id) => self.empty.push(id),
                None => findings.add(Finding::new(Code::EmptyBlob, entry.key.to_owned()).about(&digest)),
            }
        }
    }

    /// The size of a content, if it is there.
    #[must_use]
    pub fn size(&self, id: Id) -> Option<u64> {
        self.sizes.get(id.index())?.checked_sub(1)
    }

    /// Whether a content is there.
    #[must_use]
    pub fn has(&self, id: Id) -> bool {
        self.size(id).is_some()
    }
}

/// Tells of an entry that no registry has written, of either listing.
pub fn stray(entry: &Entry<'_>, now: Timestamp, findings: &mut Findings) {
    // A key that cannot be named is told of as that.
    if layout::is_unaddressable(entry.key) && entry.key.starts_with(layout::REPOSITORIES) {
        return;
    }
    let code = if layout::is_unaddressable(entry.key) { Code::UnaddressableKey } else { Code::ForeignObject };
    let mut finding = Finding::new(code, entry.key.to_owned());
    finding.repository = layout::repository_of(entry.key).and_then(RepositoryName::new);
    if entry.key.rsplit('.').next() == Some("tmp") {
        finding = finding.saying("left by a registry that broke off while writing");
    }
    findings.add(finding.young(entry.modified.is_younger_than(BEING_WRITTEN, now)));
}
