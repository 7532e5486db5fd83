//! What is listed of a scene, and what its links say: by reading them, or by their `ETag`s.

use super::entry::{Entry, Evidence, etag_of_link};
use super::etag::Etag;
use super::inventory::Inventory;
use super::listing::{Builder, Proof};
use super::options::Options;
use super::scene::{NOW, Storage};
use super::shelf::tests::InMemory;
use crate::layout::{self, StorageKey};
use crate::model::Digest;
use std::borrow::Cow;
use std::sync::Arc;

/// How it is known what links say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    ByReading,
    ByEtag,
}

impl Storage {
    pub(super) fn each_listed(&self, see: impl FnMut(&Entry<'_>)) {
        self.each_listed_by(Told::ByReading, see);
    }

    pub(super) fn each_listed_by(&self, told: Told, mut see: impl FnMut(&Entry<'_>)) {
        for (key, seen) in &self.objects {
            let Evidence { size, modified, ref etag, outside } = *seen;
            let proof = || Some(format!("\"{}\"", etag_of_link(&self.says_digest(key)?)));
            let etag = match etag {
                None if told == Told::ByEtag => proof().map(Cow::from),
                seen => seen.as_ref().map(Etag::text),
            };
            see(&Entry { key, size, modified, etag: etag.as_deref(), outside });
        }
    }

    /// What a link says that says a digest and nothing else.
    fn says_digest(&self, key: &str) -> Option<Digest> {
        match (self.says.get(key), StorageKey::parse(key)) {
            (Some(text), _) => text.parse().ok(),
            (
                None,
                StorageKey::LayerLink { digest, .. }
                | StorageKey::RevisionLink { digest, .. }
                | StorageKey::TagHistory { digest, .. },
            ) => Some(digest),
            _ => None,
        }
    }

    /// What is listed and what its links say.
    pub(super) fn inventory(&self, options: &Options) -> Inventory {
        self.inventory_by(Told::ByReading, options)
    }

    pub(super) fn inventory_by(&self, told: Told, options: &Options) -> Inventory {
        // What is small is put beside memory all the same: what is decided must not depend on that.
        let beside = Arc::new(InMemory::of(usize::MAX));
        let mut builder = Builder::new(Proof { etags: true, cheap_reads: true }).shelving(Some(beside));
        self.each_listed_by(told, |entry| {
            if !entry.key.starts_with(layout::BLOBS) {
                builder.see(entry);
            }
        });
        let mut inventory = builder.finish();
        for read in inventory.to_read(NOW, options.uploads_older_than) {
            let own = match StorageKey::parse(&read.key) {
                StorageKey::LayerLink { digest, .. } | StorageKey::RevisionLink { digest, .. } => digest.to_string(),
                _ => String::new(),
            };
            inventory.learn(&read, Some(self.says.get(&read.key).unwrap_or(&own).as_bytes()));
        }
        inventory
    }
}
