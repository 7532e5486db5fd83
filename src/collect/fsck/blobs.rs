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
                self.sizes.resize(graph.len(), 0);
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

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::super::code::Level;
    use super::super::scene::{Looked, found, image};
    use super::*;
    use crate::collect::scene::{NOW, Storage, of};

    fn told(storage: &Storage) -> Vec<(Code, Level, String)> {
        found(storage).into_iter().map(|finding| (finding.code, finding.level, finding.key)).collect()
    }

    #[test]
    fn contents_that_are_named_have_their_sizes() {
        let mut storage = Storage::default();
        let image = image(&mut storage, "app", &["layer", "x"]);
        storage.blob("nobody needs it");
        let Looked { graph, stored, .. } = Looked::at(&storage);
        let id = |text: &str| graph.id(&of(text)).unwrap();
        let sizes = ["layer", "x", "config of layerx"].map(|text| stored.size(id(text)));
        assert_eq!(sizes, [Some(5), Some(1), Some(16)]);
        assert!(stored.has(graph.id(&image).unwrap()));
        assert_eq!(stored.found.count, 5);
        assert_eq!(stored.found.bytes, 5 + 1 + 16 + 15 + storage.manifests[&image].len() as u64);
        // One that is not listed is not there.
        storage.objects.remove(&layout::blob_data(&of("layer")));
        let Looked { graph, stored, .. } = Looked::at(&storage);
        let has = ["layer", "x"].map(|text| graph.id(&of(text)).map(|id| stored.has(id)));
        assert_eq!(has, [Some(false), Some(true)]);
        let empty = Stored::default();
        assert!(!empty.has(graph.id(&of("x")).unwrap()), "nothing was listed");
    }

    #[test]
    fn content_of_no_bytes_is_told_unless_it_is_that_of_nothing() {
        let mut storage = Storage::default();
        storage.blob("");
        storage.layer("app", "");
        assert_eq!(told(&storage), []);
        let nobodys = layout::blob_data(&of("nobody's"));
        storage.put(nobodys.clone()).size = 0;
        assert_eq!(told(&storage), [(Code::EmptyBlob, Level::Damage, nobodys)]);
        let mut storage = Storage::default();
        image(&mut storage, "app", &["layer", "x"]);
        let layer = layout::blob_data(&of("layer"));
        storage.seen(&layer).size = 0;
        assert_eq!(told(&storage), [(Code::EmptyBlob, Level::Damage, layer)], "once, and not as of a wrong size");
    }

    #[test]
    fn content_behind_a_link_that_leaves_the_root_is_noted() {
        let mut storage = Storage::default();
        let digest = storage.blob("x");
        storage.seen(&layout::blob_data(&digest)).outside = true;
        let note = Finding::new(Code::OutsideRoot, layout::blob_data(&digest)).about(&digest);
        assert_eq!(found(&storage), [note]);
    }

    #[test]
    fn what_no_registry_writes_is_told_of_either_listing() {
        let mut storage = Storage::default();
        let (temporary, foreign) = (format!("{}app/x.tmp", layout::REPOSITORIES), format!("{}x", layout::BLOBS));
        for key in [&temporary, &foreign] {
            storage.put(key.clone());
        }
        let (blobs, links) = (format!("{}a//b", layout::BLOBS), format!("{}a//b", layout::REPOSITORIES));
        for key in [&blobs, &links] {
            storage.put(key.clone());
        }
        let told = found(&storage);
        let rows: Vec<(Code, &str)> = told.iter().map(|finding| (finding.code, &*finding.key)).collect();
        let (unaddressable, object) = (Code::UnaddressableKey, Code::ForeignObject);
        assert_eq!(
            rows,
            [(unaddressable, &*blobs), (unaddressable, &*links), (object, &*foreign), (object, &*temporary)]
        );
        let details: Vec<bool> = told.iter().map(|finding| finding.detail.is_some()).collect();
        assert_eq!(details, [false, false, false, true], "what a registry left is told as that");
        for key in [&temporary, &foreign] {
            let a_second_less = BEING_WRITTEN.saturating_sub(Duration::from_secs(1));
            for (ago, level) in [(a_second_less, Level::Young), (BEING_WRITTEN, Level::Litter)] {
                let mut storage = Storage::default();
                storage.put(key.clone()).modified = NOW.minus(ago);
                assert_eq!(self::told(&storage), [(object, level, key.clone())]);
            }
        }
    }
}
