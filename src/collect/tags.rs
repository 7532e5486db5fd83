//! The tags of a repository, in the order of their names.

use super::inventory::{Current, Link};
use super::packing::make_room;
use crate::model::Tag;
use smallvec::SmallVec;
use std::borrow::Borrow;

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

/// Tags without gaps between them: a tree that is filled in order is half empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tags(Vec<(Tag, TagEntry)>);

impl Tags {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them, in order.
    #[must_use]
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&Tag, &TagEntry)> + Clone {
        self.0.iter().map(|(tag, entry)| (tag, entry))
    }

    /// Their names, in order.
    #[must_use]
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &Tag> {
        self.0.iter().map(|(tag, _)| tag)
    }

    /// What there is of them, in the order of their names.
    #[must_use]
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &TagEntry> {
        self.0.iter().map(|(_, entry)| entry)
    }

    /// The same, to learn more.
    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = &mut TagEntry> {
        self.0.iter_mut().map(|(_, entry)| entry)
    }

    /// What there is of a tag.
    #[must_use]
    pub fn get<T: Ord + ?Sized>(&self, tag: &T) -> Option<&TagEntry>
    where
        Tag: Borrow<T>,
    {
        self.find(tag).ok().map(|at| &self.0[at].1)
    }

    /// The same, to learn more.
    pub(super) fn get_mut(&mut self, tag: &Tag) -> Option<&mut TagEntry> {
        self.find(tag).ok().map(|at| &mut self.0[at].1)
    }

    /// Puts a tag in the place of what was known of it.
    pub fn insert(&mut self, tag: Tag, entry: TagEntry) {
        match self.find(&tag) {
            Ok(at) => self.0[at].1 = entry,
            Err(at) => self.0.insert(at, (tag, entry)),
        }
    }

    fn find<T: Ord + ?Sized>(&self, tag: &T) -> Result<usize, usize>
    where
        Tag: Borrow<T>,
    {
        self.0.binary_search_by(|(other, _)| other.borrow().cmp(tag))
    }
}

/// The keys of tags as a listing tells them, in any order.
#[derive(Debug, Default)]
pub(super) struct Listed(Vec<(Tag, TagEntry)>);

impl Listed {
    /// A tag's current link was listed.
    pub(super) fn current(&mut self, tag: &str, current: Current) {
        if let Some(entry) = self.entry(tag) {
            entry.current = Some(current);
        }
    }

    /// A link of its history was listed.
    pub(super) fn history(&mut self, tag: &str, link: Link) {
        if let Some(entry) = self.entry(tag) {
            entry.history.push(link);
        }
    }

    /// What has been listed of a tag just now: keys of one tag follow each other. Where they do not, there are several
    /// entries of it for the time being.
    fn entry(&mut self, tag: &str) -> Option<&mut TagEntry> {
        if self.0.last().is_none_or(|(last, _)| last.as_str() != tag) {
            let tag = Tag::new(tag)?;
            make_room(&mut self.0, 1);
            self.0.push((tag, TagEntry::default()));
        }
        self.0.last_mut().map(|(_, entry)| entry)
    }

    /// Ends the listing: each tag is there once, with all that was told of it, and each link of its history. Of two current
    /// links the last counts.
    pub(super) fn settle(mut self) -> Tags {
        if !self.0.is_sorted_by(|(a, _), (b, _)| a < b) {
            self.0.sort_by(|(a, _), (b, _)| a.cmp(b));
            self.0.dedup_by(|(later, more), (tag, entry)| {
                let is_same = later == tag;
                if is_same {
                    entry.history.append(&mut more.history);
                    entry.current = more.current.take().or(entry.current.take());
                }
                is_same
            });
        }
        self.0.shrink_to_fit();
        for (_, entry) in &mut self.0 {
            entry.history.sort_by(|a, b| a.digest.cmp(&b.digest));
            entry.history.dedup_by(|a, b| a.digest == b.digest);
            entry.history.shrink_to_fit();
        }
        Tags(self.0)
    }
}

impl<'a> IntoIterator for &'a Tags {
    type Item = (&'a Tag, &'a TagEntry);
    type IntoIter = std::iter::Map<std::slice::Iter<'a, (Tag, TagEntry)>, fn(&(Tag, TagEntry)) -> (&Tag, &TagEntry)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter().map(|(tag, entry)| (tag, entry))
    }
}

#[cfg(test)]
mod tests {
    use super::super::inventory::{Content, Target};
    use super::super::scene::of;
    use super::*;
    use crate::collect::entry::Evidence;
    use crate::model::Timestamp;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn evidence(size: u64) -> Evidence {
        Evidence { size, modified: Timestamp::from_days(1), etag: None, outside: false }
    }

    fn link(name: &str) -> Link {
        Link::new(of(name), Content::AsNamed, evidence(71))
    }

    fn current(size: u64) -> Current {
        Current { target: Target::Unread, evidence: evidence(size) }
    }

    proptest! {
        /// As a map of them would be, whatever order they are listed in.
        #[test]
        fn each_tag_is_there_once_with_all_that_was_listed_of_it(
            keys in proptest::collection::vec((0_u8..6, proptest::option::of(0_u8..4)), 0..40),
        ) {
            let mut listed = Listed::default();
            let mut expected: BTreeMap<Tag, (Option<u64>, Vec<String>)> = BTreeMap::new();
            for (size, (tag, history)) in keys.iter().enumerate() {
                let name = format!("v{tag}");
                let place = Tag::new(&name).map(|tag| expected.entry(tag).or_default());
                match (history, place) {
                    (Some(history), Some(place)) => {
                        let text = history.to_string();
                        listed.history(&name, link(&text));
                        place.1.push(text);
                    }
                    (None, Some(place)) => {
                        listed.current(&name, current(size as u64));
                        place.0 = Some(size as u64);
                    }
                    (_, None) => prop_assert!(false, "{name} is a tag"),
                }
            }
            let tags = listed.settle();
            prop_assert_eq!((tags.len(), tags.is_empty()), (expected.len(), expected.is_empty()));
            prop_assert!(tags.keys().eq(expected.keys()));
            prop_assert!(tags.iter().eq(&tags) && tags.values().eq(tags.iter().map(|(_, entry)| entry)));
            for (tag, (size, history)) in &expected {
                let entry = tags.get(tag).cloned().unwrap_or_default();
                prop_assert_eq!(tags.get(tag.as_str()), Some(&entry));
                prop_assert_eq!(entry.current.as_ref().map(|current| current.evidence.size), *size);
                let mut history: Vec<Link> = history.iter().map(|text| link(text)).collect();
                history.sort_by(|a, b| a.digest.cmp(&b.digest));
                history.dedup();
                prop_assert_eq!(entry.history.to_vec(), history);
            }
        }
    }

    #[test]
    fn what_is_no_tag_is_not_listed_and_what_is_put_in_takes_its_place() {
        let mut listed = Listed::default();
        listed.current("-x", current(1));
        listed.history("", link("a"));
        listed.current("b", current(2));
        let mut tags = listed.settle();
        let names = |tags: &Tags| tags.keys().map(|tag| tag.as_str().to_owned()).collect::<Vec<_>>();
        assert_eq!(names(&tags), ["b"]);
        assert!(tags.get("a").is_none() && tags.get("-x").is_none());
        let entry = |size| TagEntry { current: Some(current(size)), ..TagEntry::default() };
        for (name, size) in [("c", 3), ("a", 4), ("b", 5)] {
            if let Some(tag) = Tag::new(name) {
                tags.insert(tag, entry(size));
            }
        }
        assert_eq!(names(&tags), ["a", "b", "c"]);
        assert_eq!(["a", "b", "c"].map(|name| tags.get(name).cloned()), [4, 5, 3].map(entry).map(Some));
    }
    #[test]
    fn no_tags_are_told_from_some() {
        let mut listed = Listed::default();
        assert!(Tags::default().is_empty());
        listed.current("v1", current(1));
        assert!(!listed.settle().is_empty());
    }
}
