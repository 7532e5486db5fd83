//! The keys of tags as a listing tells them, in any order.

use super::inventory::{Current, Link};
use super::packing::make_room;
use super::shelf::Shelf;
use super::tags::{Block, FULL, TagEntry, Tags};
use crate::model::Tag;
use std::sync::Arc;

/// The tags of one repository so far. Those that came last are as they came; all others are packed, and put on the shelf
/// if there is one.
#[derive(Debug, Default)]
pub(super) struct ListedTags {
    recent: Vec<(Tag, TagEntry)>,
    blocks: Vec<Span>,
}

/// A block, and the last name in it.
#[derive(Debug)]
struct Span {
    block: Block,
    last: Box<str>,
}

type OnShelf<'a> = Option<&'a Arc<dyn Shelf>>;

impl ListedTags {
    /// A tag's current link was listed.
    pub(super) fn current(&mut self, tag: &str, current: Current, beside: OnShelf<'_>) {
        if let Some(entry) = self.entry(tag, beside) {
            entry.current = Some(current);
        }
    }

    /// A link of its history was listed.
    pub(super) fn history(&mut self, tag: &str, link: Link, beside: OnShelf<'_>) {
        if let Some(entry) = self.entry(tag, beside) {
            entry.history.push(link);
        }
    }

    /// What has been listed of a tag just now: keys of one tag follow each other. Where they do not, there are several
    /// entries of it for the time being.
    fn entry(&mut self, tag: &str, beside: OnShelf<'_>) -> Option<&mut TagEntry> {
        if self.recent.last().is_none_or(|(last, _)| last.as_str() != tag) {
            let tag = Tag::new(tag)?;
            if self.recent.len() >= FULL {
                self.pack(beside);
            }
            make_room(&mut self.recent, 1);
            self.recent.push((tag, TagEntry::default()));
        }
        self.recent.last_mut().map(|(_, entry)| entry)
    }

    /// Packs what came last: keys of another repository follow, or of another page.
    pub(super) fn pack(&mut self, beside: OnShelf<'_>) {
        let mut tags = std::mem::take(&mut self.recent);
        merge(&mut tags);
        let (Some(mut block), Some((last, _))) = (Block::of(&tags), tags.last()) else { return };
        if let Some(beside) = beside {
            block.put(beside);
        }
        self.blocks.push(Span { block, last: last.as_str().into() });
    }

    /// Ends the listing: each tag is there once, with all that was told of it, and each link of its history. Of two current
    /// links the last counts. What there is of each is given to `learn` before it is packed for good.
    pub(super) fn settle(mut self, beside: OnShelf<'_>, mut learn: impl FnMut(&mut TagEntry)) -> Tags {
        self.pack(beside);
        let (mut tags, mut pending) = (Tags::on(beside), Vec::new());
        // No two pages of a listing overlap but at their edges: so little is unpacked at a time.
        let mut blocks: Vec<(usize, Span)> = self.blocks.into_iter().enumerate().collect();
        blocks.sort_by(|(_, a), (_, b)| a.block.first.cmp(&b.block.first));
        let mut blocks = blocks.into_iter().peekable();
        while let Some((at, Span { block, mut last })) = blocks.next() {
            let mut overlapping = vec![(at, block)];
            while let Some((at, next)) = blocks.next_if(|(_, next)| next.block.first <= last) {
                last = last.max(next.last);
                overlapping.push((at, next.block));
            }
            overlapping.sort_by_key(|(at, _)| *at);
            pending.extend(overlapping.into_iter().flat_map(|(_, block)| block.tags()));
            merge(&mut pending);
            let packed = if blocks.peek().is_none() { pending.len() } else { pending.len() / FULL * FULL };
            let mut whole: Vec<_> = pending.drain(..packed).collect();
            for (_, entry) in &mut whole {
                entry.history.sort_by(|a, b| a.digest.cmp(&b.digest));
                entry.history.dedup_by(|a, b| a.digest == b.digest);
                learn(entry);
            }
            tags.extend(&whole);
        }
        tags
    }
}

/// Puts tags into order, each once, with all that was told of it.
fn merge(tags: &mut Vec<(Tag, TagEntry)>) {
    if tags.is_sorted_by(|(a, _), (b, _)| a < b) {
        return;
    }
    tags.sort_by(|(a, _), (b, _)| a.cmp(b));
    tags.dedup_by(|(later, more), (tag, entry)| {
        let is_same = later == tag;
        if is_same {
            entry.history.append(&mut more.history);
            entry.current = more.current.take().or(entry.current.take());
        }
        is_same
    });
}

#[cfg(test)]
mod tests {
    use super::super::entry::Evidence;
    use super::super::inventory::{Content, Target};
    use super::super::scene::of;
    use super::super::shelf::tests::InMemory;
    use super::*;
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
        /// As a map of them would be, whatever order they are listed in and wherever they are put.
        #[test]
        fn each_tag_is_there_once_with_all_that_was_listed_of_it(
            pages in proptest::collection::vec(
                proptest::collection::vec((0_u8..20, proptest::option::of(0_u8..4)), 0..12),
                0..6,
            ),
            are_sorted in any::<bool>(),
            takes in prop_oneof![Just(None), Just(Some(300)), Just(Some(usize::MAX))],
        ) {
            let beside = takes.map(|takes| Arc::new(InMemory::of(takes)) as Arc<dyn Shelf>);
            let mut listed = ListedTags::default();
            let mut expected: BTreeMap<Tag, (Option<u64>, Vec<String>)> = BTreeMap::new();
            let mut size = 0;
            for mut page in pages {
                if are_sorted {
                    page.sort_unstable();
                }
                for (tag, history) in page {
                    size += 1;
                    let name = format!("v{tag}");
                    let place = Tag::new(&name).map(|tag| expected.entry(tag).or_default());
                    match (history, place) {
                        (Some(history), Some(place)) => {
                            listed.history(&name, link(&history.to_string()), beside.as_ref());
                            place.1.push(history.to_string());
                        }
                        (None, Some(place)) => {
                            listed.current(&name, current(size), beside.as_ref());
                            place.0 = Some(size);
                        }
                        (_, None) => prop_assert!(false, "{name} is a tag"),
                    }
                }
                listed.pack(beside.as_ref());
            }
            let mut learned = 0;
            let tags = listed.settle(beside.as_ref(), |_| learned += 1);
            prop_assert_eq!((tags.len(), tags.is_empty(), learned), (expected.len(), expected.is_empty(), expected.len()));
            prop_assert!(tags.keys().eq(expected.keys().cloned()));
            for (tag, (size, history)) in &expected {
                let entry = tags.get(tag).unwrap_or_default();
                prop_assert_eq!(entry.current.as_ref().map(|current| current.evidence.size), *size);
                let mut history: Vec<Link> = history.iter().map(|text| link(text)).collect();
                history.sort_by(|a, b| a.digest.cmp(&b.digest));
                history.dedup();
                prop_assert_eq!(entry.history.to_vec(), history);
            }
        }
    }

    #[test]
    fn what_is_no_tag_is_not_listed_and_what_is_learned_of_one_stays() {
        let mut listed = ListedTags::default();
        assert!(ListedTags::default().settle(None, |_| {}).is_empty());
        listed.current("-x", current(1), None);
        listed.history("", link("a"), None);
        listed.current("b", current(2), None);
        let tags = listed.settle(None, |entry| entry.history.push(link("learned")));
        assert_eq!(tags.keys().map(|tag| tag.to_string()).collect::<Vec<_>>(), ["b"]);
        assert!(tags.get("a").is_none() && tags.get("-x").is_none());
        let entry = TagEntry { current: Some(current(2)), history: [link("learned")].into_iter().collect() };
        assert_eq!(tags.get("b"), Some(entry));
    }

    /// Half of a large registry may be in one repository.
    #[test]
    fn what_is_put_on_the_shelf_takes_no_memory() {
        let beside: Arc<dyn Shelf> = Arc::new(InMemory::of(usize::MAX));
        let mut listed = ListedTags::default();
        for name in
            ["b", "a", "c", "d"].map(|first| (0..9).map(move |number| format!("{first}{number}"))).into_iter().flatten()
        {
            listed.current(&name, current(7), Some(&beside));
            assert!(listed.recent.len() <= FULL);
        }
        assert!(listed.blocks.iter().all(|span| span.block.is_put()));
        let tags = listed.settle(Some(&beside), |_| {});
        assert_eq!((tags.len(), tags.are_put()), (36, true));
    }
}
