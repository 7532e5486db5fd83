//! The tags of a repository, in the order of their names.

use super::inventory::{Current, Link};
use super::packed_tag;
use super::shelf::{Put, Shelf};
use crate::model::Tag;
use smallvec::SmallVec;
use std::borrow::{Borrow, Cow};
use std::fmt;
use std::sync::Arc;

/// What a tag has named. Nearly every tag has named one manifest.
pub type History = SmallVec<[Link; 1]>;

/// A tag's directory. It is a tag only if there is a current link.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TagEntry {
    /// What it names now.
    pub current: Option<Current>,
    /// What it has named.
    pub history: History,
}

/// So many are in a block at most: to find one of them, these are looked at.
pub(super) const FULL: usize = if cfg!(test) { 3 } else { 64 };

/// Tags in few bytes, in blocks that stay in memory or are put on the shelf: each is made anew when it is asked for.
#[derive(Clone, Default)]
pub struct Tags {
    blocks: Vec<Block>,
    len: usize,
    shelf: Option<Arc<dyn Shelf>>,
}

#[derive(Debug, Clone)]
pub(super) struct Block {
    /// The first name.
    pub(super) first: Box<str>,
    place: Place,
}

#[derive(Debug, Clone)]
enum Place {
    Held(Vec<u8>),
    Put(Put),
}

impl Block {
    /// One of these, if there are any.
    pub(super) fn of(tags: &[(Tag, TagEntry)]) -> Option<Self> {
        let first = tags.first()?.0.as_str().into();
        let mut bytes = Vec::new();
        for (tag, entry) in tags {
            packed_tag::write(&mut bytes, tag, entry);
        }
        bytes.shrink_to_fit();
        Some(Self { first, place: Place::Held(bytes) })
    }

    fn bytes(&self) -> Cow<'_, [u8]> {
        match &self.place {
            Place::Held(bytes) => Cow::Borrowed(bytes),
            Place::Put(put) => Cow::Owned(put.all()),
        }
    }

    pub(super) fn tags(&self) -> Vec<(Tag, TagEntry)> {
        packed_tag::all(&self.bytes()).map(|packed| (packed.tag(), packed.entry())).collect()
    }

    fn names(&self) -> Vec<Tag> {
        packed_tag::all(&self.bytes()).map(|packed| packed.tag()).collect()
    }

    /// Puts it on a shelf, if that takes it.
    pub(super) fn put(&mut self, beside: &Arc<dyn Shelf>) {
        if let Place::Held(bytes) = &self.place
            && let Some(put) = Put::on(beside, bytes)
        {
            self.place = Place::Put(put);
        }
    }
}

impl Tags {
    /// None so far; what is added is put on this shelf, if there is one.
    pub(super) fn on(beside: Option<&Arc<dyn Shelf>>) -> Self {
        Self { shelf: beside.cloned(), ..Self::default() }
    }

    /// Adds tags in order, each once, that come after all others.
    pub(super) fn extend(&mut self, tags: &[(Tag, TagEntry)]) {
        for mut block in tags.chunks(FULL).filter_map(Block::of) {
            self.shelf.iter().for_each(|beside| block.put(beside));
            self.blocks.push(block);
        }
        self.len += tags.len();
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All of them, in order.
    #[must_use]
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (Tag, TagEntry)> + Clone + '_ {
        self.blocks.iter().flat_map(Block::tags)
    }

    /// Their names, in order.
    #[must_use]
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = Tag> + '_ {
        self.blocks.iter().flat_map(Block::names)
    }

    /// What there is of them, in the order of their names.
    #[must_use]
    pub fn values(&self) -> impl DoubleEndedIterator<Item = TagEntry> + '_ {
        self.iter().map(|(_, entry)| entry)
    }

    /// What there is of a tag.
    #[must_use]
    pub fn get(&self, tag: &(impl Borrow<str> + ?Sized)) -> Option<TagEntry> {
        let tag = tag.borrow();
        let bytes = self.blocks[self.block(tag)?].bytes();
        Some(packed_tag::all(&bytes).find(|packed| packed.name == tag)?.entry())
    }

    /// Puts a tag in the place of what was known of it.
    pub fn insert(&mut self, tag: &Tag, entry: &TagEntry) {
        let at = self.block(tag.as_str()).unwrap_or(0);
        let Some(block) = self.blocks.get_mut(at) else {
            return self.extend(&[(tag.clone(), entry.clone())]);
        };
        let mut bytes = block.bytes().into_owned();
        let (count, next) =
            (packed_tag::all(&bytes).count(), packed_tag::all(&bytes).find(|packed| packed.name >= tag.as_str()));
        let (place, is_new) = match next {
            Some(packed) if packed.name == tag.as_str() => (packed.place, false),
            Some(packed) => (packed.place.start..packed.place.start, true),
            None => (bytes.len()..bytes.len(), true),
        };
        let mut packed = Vec::new();
        packed_tag::write(&mut packed, tag, entry);
        bytes.splice(place, packed);
        self.len += usize::from(is_new);
        block.place = Place::Held(bytes);
        if *block.first > *tag.as_str() {
            block.first = tag.as_str().into();
        }
        if count >= 2 * FULL {
            let tags = block.tags();
            self.blocks.splice(at..=at, tags.chunks(FULL).filter_map(Block::of));
        }
    }

    /// The block in which a tag would be, unless it would be before all.
    fn block(&self, tag: &str) -> Option<usize> {
        self.blocks.partition_point(|block| *block.first <= *tag).checked_sub(1)
    }
}

impl<'a> IntoIterator for &'a Tags {
    type Item = (Tag, TagEntry);
    type IntoIter = Box<dyn Iterator<Item = Self::Item> + 'a>;

    fn into_iter(self) -> Self::IntoIter {
        Box::new(self.iter())
    }
}

impl fmt::Debug for Tags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl PartialEq for Tags {
    /// Where they lie tells nothing.
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && self.iter().eq(other.iter())
    }
}

impl Eq for Tags {}

#[cfg(test)]
impl Block {
    pub(super) fn is_put(&self) -> bool {
        matches!(self.place, Place::Put(..))
    }
}

#[cfg(test)]
impl Tags {
    pub(super) fn are_put(&self) -> bool {
        self.blocks.iter().all(Block::is_put)
    }
}

#[cfg(test)]
mod tests {
    use super::super::entry::Evidence;
    use super::super::inventory::Target;
    use super::super::shelf::tests::InMemory;
    use super::*;
    use crate::model::Timestamp;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn entry(size: u64) -> TagEntry {
        let evidence = Evidence { size, modified: Timestamp::from_days(1), etag: None, outside: false };
        TagEntry { current: Some(Current { target: Target::Unread, evidence }), ..TagEntry::default() }
    }

    proptest! {
        /// As a map does, whether they are on a shelf or not.
        #[test]
        fn what_is_put_in_takes_its_place(
            before in proptest::collection::btree_map("[a-d][0-9]{0,2}", 0_u64..9, 0..20),
            more in proptest::collection::vec(("[a-d][0-9]{0,2}", 0_u64..9), 0..60),
            is_on_shelf in any::<bool>(),
        ) {
            let beside = is_on_shelf.then(|| Arc::new(InMemory::of(usize::MAX)) as Arc<dyn Shelf>);
            let named = |name: &str, size| Tag::new(name).map(|tag| (tag, entry(size)));
            let mut expected: BTreeMap<Tag, TagEntry> = before.iter().filter_map(|(name, size)| named(name, *size)).collect();
            let mut tags = Tags::on(beside.as_ref());
            let listed: Vec<(Tag, TagEntry)> = expected.clone().into_iter().collect();
            tags.extend(&listed);
            for (tag, entry) in more.iter().filter_map(|(name, size)| named(name, *size)) {
                tags.insert(&tag, &entry);
                expected.insert(tag, entry);
            }
            prop_assert_eq!((tags.len(), tags.is_empty()), (expected.len(), expected.is_empty()));
            prop_assert!(tags.iter().eq(expected.clone()) && (&tags).into_iter().eq(tags.iter()));
            prop_assert!(tags.keys().eq(expected.keys().cloned()) && tags.values().eq(expected.values().cloned()));
            prop_assert!(tags.iter().rev().eq(expected.clone().into_iter().rev()));
            for name in ["a", "b7", "c12", "d", "e", ""] {
                let found = expected.iter().find(|(tag, _)| tag.as_str() == name).map(|(_, entry)| entry.clone());
                prop_assert_eq!(tags.get(name), found);
            }
            let sizes = tags.blocks.iter().map(|block| block.names().len());
            prop_assert!(sizes.max().is_none_or(|largest| largest <= 2 * FULL), "to find one takes no longer");
        }
    }
}
