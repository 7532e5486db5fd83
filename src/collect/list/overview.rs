//! All repositories, from the listings alone: nothing is read.

use super::row::time;
use crate::collect::blobs::Tally;
use crate::collect::entry::Entry;
use crate::layout::{SHA256_LINK_SIZE, StorageKey};
use crate::model::{Algorithm, Digest, RepositoryName, Timestamp};
use serde::Serialize;
use std::collections::HashMap;

/// One repository.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RepositoryRow {
    /// Its name.
    pub name: String,
    /// Its tags.
    pub tags: u64,
    /// Its manifests, tagged or not.
    pub manifests: u64,
    /// Bytes of everything that it links, each once; `None` if blobs were not listed.
    pub bytes: Option<u64>,
    /// Of these, what another repository links as well.
    pub shared_bytes: Option<u64>,
    /// When something was last pushed to it: the newest time of its tags and manifests.
    #[serde(serialize_with = "time")]
    pub last_push: Option<Timestamp>,
    /// Links that are no links, and manifests that are not there, as far as the listings tell.
    pub broken: u64,
}

/// All of them together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Total {
    /// Repositories.
    pub repositories: u64,
    /// Tags.
    pub tags: u64,
    /// Manifests of repositories.
    pub manifests: u64,
    /// Everything that is stored, each once; `None` if blobs were not listed.
    pub blobs: Option<Tally>,
    /// Of these, what no repository links.
    pub unlinked: Option<Tally>,
    /// Links of a shape that no registry writes, or under names that none accepts.
    pub unknown_links: u64,
}

/// Takes the listings in: of the repositories first, then of the blobs; each in any order.
#[derive(Debug, Default)]
pub struct Overview {
    rows: Vec<RepositoryRow>,
    index: HashMap<String, usize>,
    last: Option<usize>,
    digests: HashMap<Digest, u32>,
    /// Who links what: a digest's number, and a repository's.
    links: Vec<(u32, u32)>,
    /// Manifests by their repository, to find those that are not there.
    revisions: Vec<(u32, u32)>,
    sizes: Vec<Option<u64>>,
    stored: Option<Tally>,
    unlinked: Tally,
    unknown_links: u64,
}

impl Overview {
    /// Takes in an entry of the listing of repositories.
    pub fn see(&mut self, entry: &Entry<'_>) {
        let is_odd = entry.size != SHA256_LINK_SIZE;
        match StorageKey::parse(entry.key) {
            StorageKey::LayerLink { repository, digest } => {
                let at = self.repository(repository);
                let is_usual = digest.algorithm() == Algorithm::Sha256;
                self.link(at, &digest);
                self.add_broken(at, is_usual && is_odd);
            }
            StorageKey::RevisionLink { repository, digest } => {
                let at = self.repository(repository);
                let id = self.link(at, &digest);
                self.rows[at].manifests += 1;
                self.revisions.push((id, narrow(at)));
                self.pushed(at, entry.modified);
                self.add_broken(at, is_odd);
            }
            StorageKey::TagCurrent { repository, .. } => {
                let at = self.repository(repository);
                self.rows[at].tags += 1;
                self.pushed(at, entry.modified);
                // A tag may name a digest of another algorithm, and its link is longer then.
                self.add_broken(at, entry.size < SHA256_LINK_SIZE);
            }
            StorageKey::SignatureLink { repository, signature, .. } => {
                let at = self.repository(repository);
                self.link(at, &signature);
            }
            StorageKey::TagHistory { repository, .. } | StorageKey::Upload { repository, .. } => {
                self.repository(repository);
            }
            StorageKey::Suspect { place, .. } => {
                self.unknown_links += 1;
                if RepositoryName::new(place).is_some() {
                    let at = self.repository(place);
                    self.add_broken(at, true);
                }
            }
            StorageKey::Blob(_) | StorageKey::Unrecognized => {}
        }
    }

    /// Takes in an entry of the listing of blobs.
    pub fn see_blob(&mut self, entry: &Entry<'_>) {
        let stored = self.stored.get_or_insert_default();
        let StorageKey::Blob(digest) = StorageKey::parse(entry.key) else { return };
        stored.add(entry.size);
        match self.digests.get(&digest) {
            Some(id) => self.sizes[*id as usize] = Some(entry.size),
            None => self.unlinked.add(entry.size),
        }
    }

    fn repository(&mut self, name: &str) -> usize {
        let last = self.last.filter(|&last| self.rows[last].name == name);
        let at = last.or_else(|| self.index.get(name).copied()).unwrap_or_else(|| {
            self.rows.push(RepositoryRow { name: name.to_owned(), ..RepositoryRow::default() });
            self.index.insert(name.to_owned(), self.rows.len() - 1);
            self.rows.len() - 1
        });
        self.last = Some(at);
        at
    }

    fn link(&mut self, at: usize, digest: &Digest) -> u32 {
        let id = if let Some(id) = self.digests.get(digest) {
            *id
        } else {
            let id = narrow(self.sizes.len());
            self.digests.insert(digest.clone(), id);
            self.sizes.push(None);
            id
        };
        self.links.push((id, narrow(at)));
        id
    }

    fn pushed(&mut self, at: usize, when: Timestamp) {
        let row = &mut self.rows[at];
        row.last_push = row.last_push.max(Some(when));
    }

    fn add_broken(&mut self, at: usize, is_broken: bool) {
        self.rows[at].broken += u64::from(is_broken);
    }

    /// Ends: the repositories in the order of their names, those for which `wanted` holds, and what there is in all.
    /// `sized` says that the blobs were listed, to their end.
    #[must_use]
    pub fn finish(mut self, sized: bool, wanted: impl Fn(&str) -> bool) -> (Vec<RepositoryRow>, Total) {
        let total = Total {
            repositories: self.rows.len() as u64,
            tags: self.rows.iter().map(|row| row.tags).sum(),
            manifests: self.rows.iter().map(|row| row.manifests).sum(),
            blobs: sized.then(|| self.stored.unwrap_or_default()),
            unlinked: sized.then_some(self.unlinked),
            unknown_links: self.unknown_links,
        };
        if sized {
            self.add_sizes();
        }
        let mut rows: Vec<_> = self.rows.into_iter().filter(|row| wanted(&row.name)).collect();
        rows.sort_by(|a, b| a.name.cmp(&b.name));
        (rows, total)
    }

    fn add_sizes(&mut self) {
        for row in &mut self.rows {
            (row.bytes, row.shared_bytes) = (Some(0), Some(0));
        }
        // A repository may link a digest as a layer and as a manifest.
        self.links.sort_unstable();
        self.links.dedup();
        for of_one in self.links.chunk_by(|a, b| a.0 == b.0) {
            let Some(size) = of_one.first().and_then(|(id, _)| self.sizes[*id as usize]) else { continue };
            for (_, at) in of_one {
                let row = &mut self.rows[*at as usize];
                row.bytes = row.bytes.map(|bytes| bytes.saturating_add(size));
                let shared = if of_one.len() > 1 { size } else { 0 };
                row.shared_bytes = row.shared_bytes.map(|bytes| bytes.saturating_add(shared));
            }
        }
        for (id, at) in &self.revisions {
            self.rows[*at as usize].broken += u64::from(self.sizes[*id as usize].is_none());
        }
    }
}

/// Four thousand million digests or repositories do not fit into any memory that runs this.
fn narrow(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::layout;
    use crate::model::Tag;

    fn name(name: &str) -> RepositoryName {
        RepositoryName::new(name).unwrap()
    }

    fn see(overview: &mut Overview, key: &str, size: u64, day: i64) {
        let entry = Entry { key, size, modified: Timestamp::from_days(day), etag: None, outside: false };
        if key.starts_with(layout::BLOBS) { overview.see_blob(&entry) } else { overview.see(&entry) }
    }

    #[test]
    fn bytes_that_others_link_as_well_are_shared() {
        let digests: Vec<Digest> = ["base", "own", "manifest", "orphan"].map(|text| Digest::of(text.as_bytes())).into();
        let mut overview = Overview::default();
        for repository in ["a", "b"] {
            see(&mut overview, &layout::layer_link(&name(repository), &digests[0]), 71, 1);
        }
        see(&mut overview, &layout::layer_link(&name("a"), &digests[1]), 71, 9);
        // Some clients upload a manifest as a blob as well.
        see(&mut overview, &layout::layer_link(&name("a"), &digests[2]), 71, 1);
        see(&mut overview, &layout::revision_link(&name("a"), &digests[2]), 71, 2);
        see(&mut overview, &layout::tag_current(&name("a"), &Tag::new("t").unwrap()), 71, 3);
        for (digest, size) in digests.iter().zip([100, 10, 1, 1000]) {
            see(&mut overview, &layout::blob_data(digest), size, 1);
        }
        let (rows, total) = overview.finish(true, |_| true);
        let sizes: Vec<_> = rows.iter().map(|row| (row.bytes, row.shared_bytes)).collect();
        assert_eq!(sizes, [(Some(111), Some(100)), (Some(100), Some(100))]);
        assert_eq!((rows[0].tags, rows[0].manifests, rows[0].broken), (1, 1, 0));
        assert_eq!(rows[0].last_push, Some(Timestamp::from_days(3)), "a layer is no push");
        assert_eq!((total.blobs.unwrap().bytes, total.unlinked.unwrap().bytes), (1111, 1000));
    }

    #[test]
    fn what_the_listing_shows_broken_is_counted() {
        let mut overview = Overview::default();
        let (lost, tag) = (Digest::of(b"lost"), Tag::new("t").unwrap());
        see(&mut overview, &layout::revision_link(&name("a"), &lost), 71, 1);
        see(&mut overview, &layout::tag_current(&name("a"), &tag), 0, 1);
        see(&mut overview, &layout::layer_link(&name("a"), &Digest::of(b"gone")), 71, 1);
        see(&mut overview, &format!("{}b/_odd/sha256/{}/link", layout::REPOSITORIES, lost.hex()), 71, 1);
        see(&mut overview, &format!("{}B/_layers/sha256/{}/link", layout::REPOSITORIES, lost.hex()), 71, 1);
        let (rows, total) = overview.finish(true, |_| true);
        let broken: Vec<_> = rows.iter().map(|row| (row.name.as_str(), row.broken)).collect();
        assert_eq!(broken, [("a", 2), ("b", 1)], "a layer link without content is what every collector leaves");
        assert_eq!(total.unknown_links, 2);
    }

    #[test]
    fn without_blobs_nothing_is_called_empty() {
        let mut overview = Overview::default();
        see(&mut overview, &layout::revision_link(&name("a"), &Digest::of(b"m")), 71, 1);
        let (rows, total) = overview.finish(false, |_| true);
        assert_eq!((rows[0].bytes, rows[0].broken, total.blobs), (None, 0, None));
    }
}
