//! Incomplete multipart uploads: parts that a store keeps, and bills, without showing them in any listing.
//!
//! A registry on S3 writes each layer as one, at first as an upload's `data`, and beyond 32 MiB once more when it moves that
//! to its blob. A push that breaks off leaves the parts behind, and the registry's own purge of uploads cannot see them.

use super::entry::Evidence;
use super::inventory::{Inventory, Repository};
use super::problem::ProblemCode;
use crate::layout::{self, StorageKey};
use crate::model::{RepositoryName, Timestamp};

/// What is told of the parts of an upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parts {
    /// So many bytes; the newest is so old.
    Known {
        /// Bytes of all parts.
        bytes: u64,
        /// When the newest was written; none if there is none.
        newest: Option<Timestamp>,
    },
    /// Nothing, and why.
    NotKnown(Box<str>),
}

/// An incomplete multipart upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Multipart {
    /// What it is to become.
    pub key: String,
    /// Tells it from others of the same key.
    pub id: Box<str>,
    /// When it began.
    pub initiated: Timestamp,
    /// Its parts.
    pub parts: Parts,
}

impl Multipart {
    /// The newest sign of life; none where nobody tells.
    #[must_use]
    pub fn newest(&self) -> Option<Timestamp> {
        match &self.parts {
            Parts::Known { newest, .. } => Some(newest.map_or(self.initiated, |newest| newest.max(self.initiated))),
            Parts::NotKnown(_) => None,
        }
    }

    /// Bytes of its parts, as far as they are known.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        match self.parts {
            Parts::Known { bytes, .. } => bytes,
            Parts::NotKnown(_) => 0,
        }
    }

    /// By which it is told whether it is still the same when it goes.
    #[must_use]
    pub fn evidence(&self) -> Evidence {
        let modified = self.newest().unwrap_or(self.initiated);
        Evidence { size: self.bytes(), modified, etag: None, outside: false }
    }
}

/// What a store tells of incomplete multipart uploads.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Multiparts {
    /// There is nothing to ask: it has none, or lets them go by itself.
    #[default]
    None,
    /// All below the root.
    Known(Vec<Multipart>),
    /// Nothing, and why.
    NotKnown(String),
}

impl Inventory {
    /// Takes in what no listing shows, before anything is decided. An upload of which nothing but parts is left is an upload
    /// again, and its repository one.
    pub fn learn_multiparts(&mut self, told: Multiparts) {
        let all = match told {
            Multiparts::None => return,
            Multiparts::Known(all) => all,
            Multiparts::NotKnown(why) => {
                let message = format!("whether there are incomplete multipart uploads is not known: {why}");
                return self.problems.add(ProblemCode::MultipartUploadsNotKnown, None, None, message);
            }
        };
        for multipart in all {
            if let Parts::NotKnown(why) = &multipart.parts {
                let message = format!("the parts of this multipart upload are not known, so it stays: {why}");
                let key = Some(multipart.key.clone());
                self.problems.add(ProblemCode::MultipartUploadsNotKnown, None, key, message);
            }
            self.multipart_bytes = self.multipart_bytes.saturating_add(multipart.bytes());
            match StorageKey::parse(&multipart.key) {
                StorageKey::Upload { repository, upload, .. } if !layout::is_unaddressable(&multipart.key) => {
                    let upload = upload.to_owned();
                    if let Some(name) = RepositoryName::new(repository) {
                        self.repository(name).uploads.entry(upload).or_default().multiparts.push(multipart);
                    }
                }
                _ => self.multiparts.push(multipart),
            }
        }
    }

    fn repository(&mut self, name: RepositoryName) -> &mut Repository {
        let at = match self.repositories.binary_search_by(|known| known.name.cmp(&name)) {
            Ok(at) => at,
            Err(at) => {
                self.repositories.insert(at, Repository::new(name));
                at
            }
        };
        &mut self.repositories[at]
    }
}

#[cfg(test)]
mod tests {
    use super::super::scene::{DAY, NOW, Storage, name, of, options};
    use super::*;

    fn multipart(key: String, days_ago: u32, parts: Parts) -> Multipart {
        Multipart { key, id: format!("id-{days_ago}").into(), initiated: NOW.minus(days_ago * DAY), parts }
    }

    fn known(bytes: u64, days_ago: u32) -> Parts {
        Parts::Known { bytes, newest: Some(NOW.minus(days_ago * DAY)) }
    }

    #[test]
    fn is_as_young_as_its_newest_part_and_of_no_age_where_nobody_tells() {
        let key = || layout::blob_data(&of("x"));
        let newest = |parts| multipart(key(), 5, parts).newest();
        assert_eq!(newest(known(1, 3)), Some(NOW.minus(3 * DAY)));
        assert_eq!(newest(known(1, 7)), Some(NOW.minus(5 * DAY)));
        assert_eq!(newest(Parts::Known { bytes: 0, newest: None }), Some(NOW.minus(5 * DAY)));
        assert_eq!(newest(Parts::NotKnown("denied".into())), None);
        let unknown = multipart(key(), 5, Parts::NotKnown("denied".into()));
        let evidence = Evidence { size: 0, modified: NOW.minus(5 * DAY), etag: None, outside: false };
        assert_eq!(unknown.evidence(), evidence);
        assert_eq!(multipart(key(), 5, known(9, 3)).evidence().size, 9);
    }

    #[test]
    fn parts_of_an_upload_are_part_of_it_even_where_nothing_else_is_left() {
        let mut storage = Storage::default();
        storage.layer("b", "x");
        storage.upload("b", &["startedat"]);
        let mut inventory = storage.inventory(&options());
        let id = "0f8fad5b-d9cb-469f-a165-70867728950e";
        let data = |repository: &str, id: &str| layout::upload(&name(repository), id) + "data";
        let (known_id, blob) = (super::super::scene::UPLOAD, layout::blob_data(&of("x")));
        // The last one is in an upload, and no client can name it.
        let unaddressable = layout::upload(&name("b"), known_id) + "a//b";
        let keys = [
            data("b", known_id),
            data("a", id),
            data("c", id),
            blob.clone(),
            "docker/other".into(),
            unaddressable.clone(),
        ];
        let all = keys.iter().map(|key| multipart(key.clone(), 1, known(7, 1))).collect();
        inventory.learn_multiparts(Multiparts::Known(all));
        let names: Vec<&str> = inventory.repositories.iter().map(|repository| repository.name.as_str()).collect();
        assert_eq!(names, ["a", "b", "c"]);
        let uploads = |at: usize, id: &str| {
            let upload = &inventory.repositories[at].uploads[id];
            (upload.files.len(), upload.multiparts.len(), upload.bytes())
        };
        assert_eq!([uploads(0, id), uploads(1, known_id), uploads(2, id)], [(0, 1, 7), (1, 1, 71 + 7), (0, 1, 7)]);
        let others: Vec<&str> = inventory.multiparts.iter().map(|multipart| multipart.key.as_str()).collect();
        assert_eq!((others, inventory.multipart_bytes), (vec![&*blob, "docker/other", &*unaddressable], 6 * 7));
        assert!(inventory.problems.as_slice().is_empty());
    }

    #[test]
    fn what_is_not_known_is_told() {
        let mut inventory = Inventory::default();
        inventory.learn_multiparts(Multiparts::None);
        assert_eq!(inventory.problems.count(ProblemCode::MultipartUploadsNotKnown), 0);
        inventory.learn_multiparts(Multiparts::NotKnown("no permission".into()));
        let unknown = multipart(layout::blob_data(&of("x")), 5, Parts::NotKnown("denied".into()));
        inventory.learn_multiparts(Multiparts::Known(vec![unknown]));
        assert_eq!(inventory.problems.count(ProblemCode::MultipartUploadsNotKnown), 2);
        assert_eq!((inventory.multiparts.len(), inventory.multipart_bytes), (1, 0));
    }
}
