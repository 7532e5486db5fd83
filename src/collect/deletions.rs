//! Deletions as small as what they are allows: of a registry of ten million blobs some millions may go.

use super::decide::DeleteReason;
use super::deletion_item::Item;
use super::digest_table::DigestTable;
use super::packed_deletion::Store;
use super::packing::make_room;
use super::plan::{Deletion, Stage};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// Deletions in their order, each kept in a few bytes where all of it can be told again from these, and whole where not.
///
/// What comes out is what was put in, always: each is unpacked and compared as it is put in.
#[derive(Clone, Default)]
pub struct Deletions {
    store: Store,
    items: Vec<Item>,
}

impl Deletions {
    /// None so far; `linked` are the digests that most of them will name, by numbers that are shared.
    #[must_use]
    pub fn over(linked: &Arc<DigestTable>) -> Self {
        Self { store: Store::over(linked), items: Vec::new() }
    }

    /// Adds one at the end.
    pub fn push(&mut self, deletion: Deletion) {
        make_room(&mut self.items, 1);
        self.items.push(self.store.keep(deletion));
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// One of them by its number. A number of nothing is a mistake of whoever asks.
    #[must_use]
    pub fn get(&self, number: usize) -> Deletion {
        self.store.deletion(&self.items[number])
    }

    /// All of them, in order.
    #[must_use]
    pub fn iter(&self) -> Iter<'_> {
        self.range(0..self.len())
    }

    /// Some of them, in order.
    #[must_use]
    pub fn range(&self, range: Range<usize>) -> Iter<'_> {
        Iter { store: &self.store, items: self.items[range].iter() }
    }

    /// The stage of one of them.
    #[must_use]
    pub fn stage(&self, number: usize) -> Stage {
        self.store.stage(&self.items[number])
    }

    /// Why one of them goes.
    #[must_use]
    pub fn reason(&self, number: usize) -> DeleteReason {
        self.store.reason(&self.items[number])
    }

    /// The size of one of them.
    #[must_use]
    pub fn size(&self, number: usize) -> u64 {
        self.store.size(&self.items[number])
    }

    /// The repositories that lose something, by their index in the inventory; some more than once.
    pub fn repositories(&self) -> impl Iterator<Item = usize> + '_ {
        self.items.iter().filter_map(|item| self.store.repository_of(item))
    }

    /// Keeps those that are to be kept.
    pub fn retain(&mut self, mut keep: impl FnMut(&Deletion) -> bool) {
        let store = &self.store;
        self.items.retain(|item| keep(&store.deletion(item)));
    }

    /// Gives each of a stage its level.
    pub(super) fn set_levels(&mut self, stage: Stage, level: impl Fn(&Deletion) -> u32) {
        for item in &mut self.items {
            if self.store.stage(item) == stage {
                let level = level(&self.store.deletion(item));
                self.store.set_level(item, level);
            }
        }
    }

    /// Puts them in order of stage, level and key, each key once: of two levels the later counts.
    pub(super) fn sort(&mut self) {
        let store = &self.store;
        let stage = |item: &Item| store.stage(item);
        let what = |a: &Item, b: &Item| store.what_cmp(a, b);
        let by_level = |a: &Item, b: &Item| store.level(a).cmp(&store.level(b));
        self.items.sort_by(|a, b| stage(a).cmp(&stage(b)).then_with(|| what(a, b)).then_with(|| by_level(b, a)));
        self.items.dedup_by(|a, b| what(a, b).is_eq());
        self.items.sort_by(|a, b| stage(a).cmp(&stage(b)).then_with(|| by_level(a, b)).then_with(|| what(a, b)));
        self.items.shrink_to_fit();
        self.store.shrink();
    }

    /// Where a stage is, of deletions in order.
    pub(super) fn of_stage(&self, stage: Stage) -> Range<usize> {
        let from = self.items.partition_point(|item| self.store.stage(item) < stage);
        from..self.items.partition_point(|item| self.store.stage(item) <= stage)
    }

    /// Where each level of a stage is, of deletions in order, and which it is.
    pub(super) fn levels(&self, stage: Stage) -> Vec<(u32, Range<usize>)> {
        let (mut levels, mut rest) = (Vec::new(), self.of_stage(stage));
        while !rest.is_empty() {
            let level = self.store.level(&self.items[rest.start]);
            let length = self.items[rest.clone()].partition_point(|item| self.store.level(item) <= level);
            levels.push((level, rest.start..rest.start + length));
            rest.start += length;
        }
        levels
    }

    /// The numbers of deletions in order, by stage and key whatever the level is.
    pub(super) fn by_key(&self) -> impl Iterator<Item = usize> + '_ {
        Stage::ALL.into_iter().flat_map(|stage| {
            let of_stage = self.of_stage(stage);
            let is_sorted = self.levels(stage).len() < 2;
            let mut numbers: Vec<usize> = if is_sorted { Vec::new() } else { of_stage.clone().collect() };
            numbers.sort_by(|a, b| self.store.key_cmp(&self.items[*a], &self.items[*b]));
            let plain = if is_sorted { of_stage } else { 0..0 };
            plain.chain(numbers)
        })
    }

    /// How many are kept whole.
    #[cfg(test)]
    pub(super) fn odd(&self) -> usize {
        self.items.iter().filter(|item| item.is_odd()).count()
    }

    /// The same, and how many digests and bytes of text are kept beside the items.
    #[cfg(test)]
    fn taken(&self) -> (usize, usize, usize) {
        let (digests, bytes) = self.store.taken();
        (self.odd(), digests, bytes)
    }
}

/// Deletions, one after the other.
#[derive(Clone)]
pub struct Iter<'a> {
    store: &'a Store,
    items: std::slice::Iter<'a, Item>,
}

impl Iterator for Iter<'_> {
    type Item = Deletion;

    fn next(&mut self) -> Option<Deletion> {
        self.items.next().map(|item| self.store.deletion(item))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.items.size_hint()
    }
}

impl ExactSizeIterator for Iter<'_> {}

impl<'a> IntoIterator for &'a Deletions {
    type Item = Deletion;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl FromIterator<Deletion> for Deletions {
    fn from_iter<I: IntoIterator<Item = Deletion>>(all: I) -> Self {
        let mut deletions = Self::default();
        all.into_iter().for_each(|deletion| deletions.push(deletion));
        deletions
    }
}

impl From<Vec<Deletion>> for Deletions {
    fn from(all: Vec<Deletion>) -> Self {
        all.into_iter().collect()
    }
}

/// What they are: how they are kept tells nothing.
impl PartialEq for Deletions {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Deletions {}

impl fmt::Debug for Deletions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl fmt::Debug for Iter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::super::entry::{Evidence, etag_of_link};
    use super::super::etag::Etag;
    use super::super::scene::{name, of, sha512, tag};
    use super::*;
    use crate::layout;
    use crate::model::{Digest, Timestamp};
    use proptest::prelude::*;

    /// Names of which one begins like another, up to what orders before and after a slash.
    const NAMES: [&str; 7] = ["a", "a-b", "a.b", "a/b", "a0", "a/0", "b"];
    const TAGS: [&str; 6] = ["v1", "v1-x", "v1.x", "v10", "v1_x", "V1"];

    fn digest(which: u8, is_long: bool) -> Digest {
        if is_long { sha512(&which.to_string()) } else { of(&which.to_string()) }
    }

    fn etag(kind: u8, digest: Option<&Digest>) -> Option<Etag> {
        let md5 = etag_of_link(digest.unwrap_or(&of("")));
        let other = etag_of_link(&of("other"));
        Some(match kind {
            0 => return None,
            1 => format!("\"{md5}\"").into(),
            2 => format!("\"{other}\"").into(),
            3 => format!("\"{other}-12\"").into(),
            4 => format!("\"{other}-012\"").into(),
            5 => format!("\"{other}-99999\"").into(),
            6 => format!("\"{}\"", other.to_uppercase()).into(),
            7 => other.into(),
            8 => "\"0x8DA\"".into(),
            9 => "é".repeat(40_000).into(),
            _ => "".into(),
        })
    }

    prop_compose! {
        /// Of every shape, usual and not: nothing in it need fit to anything else.
        fn deletion()(
            (kind, stage, which, other, long) in (0_u8..12, 0_usize..6, 0_u8..6, 0_u8..6, 0_u8..12),
            (repository, at, tagged) in (0_usize..NAMES.len(), 0_usize..4, 0_usize..TAGS.len()),
            (etag_kind, size, nanos, outside) in (0_u8..11, prop_oneof![Just(71_u64), any::<u64>()], any::<i64>(), 0_u8..9),
            (level, rule, reason) in (
                prop_oneof![Just(0_u32), 0_u32..3, any::<u32>()], proptest::option::of("rule [ab]"), 0_usize..9,
            ),
            (has_digest, has_alias, has_upload, is_own) in (0_u8..9, 0_u8..9, 0_u8..9, 0_u8..9),
        ) -> Deletion {
            let (long, usual) = (long == 0, kind < 9);
            let (name, tag, digest) = (name(NAMES[repository]), tag(TAGS[tagged]), digest(which, long));
            let stage = if usual { Stage::ALL[kind as usize % 6] } else { Stage::ALL[stage] };
            let key = match kind % 6 {
                0 => layout::tag_current(&name, &tag),
                1 => layout::tag_history(&name, &tag, &digest),
                2 => layout::revision_link(&name, &digest),
                3 => layout::layer_link(&name, &digest),
                4 => format!("{}data", layout::upload(&name, "0f8fad5b-d9cb-469f-a165-70867728950e")),
                _ => layout::blob_data(&digest),
            };
            // Of one number there is mostly one name.
            let at = if is_own == 0 { at } else { repository };
            let repository = (has_digest > 0 && stage != Stage::Blob || is_own == 1).then_some((at, name));
            let digest = (has_digest > 1).then(|| if is_own == 2 { of(&other.to_string()) } else { digest });
            Deletion {
                stage,
                key,
                upload_id: (has_upload == 0).then(|| other.to_string().into()),
                alias: (has_alias == 0).then(|| of("alias")),
                repository,
                evidence: Evidence {
                    size,
                    modified: Timestamp::from_nanos(nanos),
                    etag: etag(etag_kind, digest.as_ref()),
                    outside: outside == 0,
                },
                reason: DeleteReason::ALL[reason],
                rule: rule.map(Into::into),
                level,
                digest,
            }
        }
    }

    /// The order as it is meant: of plain deletions.
    fn plain(mut all: Vec<Deletion>) -> Vec<Deletion> {
        all.sort_by(|a, b| (a.stage, a.what(), b.level).cmp(&(b.stage, b.what(), a.level)));
        all.dedup_by(|a, b| a.what() == b.what());
        all.sort_by(|a, b| (a.stage, a.level, a.what()).cmp(&(b.stage, b.level, b.what())));
        all
    }

    /// Digests that are linked: some of those above.
    fn linked() -> Arc<DigestTable> {
        let mut table = DigestTable::default();
        for which in 0..3 {
            table.insert(&digest(which, false));
            table.insert(&digest(which, true));
        }
        Arc::new(table)
    }

    fn kept(all: &[Deletion], linked: &Arc<DigestTable>) -> Deletions {
        let mut deletions = Deletions::over(linked);
        all.iter().cloned().for_each(|deletion| deletions.push(deletion));
        deletions
    }

    proptest! {
        #[test]
        fn deletions_come_out_as_they_were_put_in_and_in_the_order_of_plain_ones(
            all in proptest::collection::vec(deletion(), 0..40),
            more in proptest::collection::vec(deletion(), 0..20),
            new_level in any::<u32>(),
        ) {
            let linked = linked();
            let one = kept(&all, &linked);
            prop_assert_eq!(one.iter().collect::<Vec<_>>(), all.clone());
            prop_assert_eq!(&all.iter().cloned().collect::<Deletions>(), &one);
            prop_assert_eq!(&Deletions::from(all.clone()), &one);
            prop_assert_eq!((one.len(), one.is_empty()), (all.len(), all.is_empty()));
            prop_assert_eq!(kept(&all[all.len().min(1)..], &linked) == one, all.is_empty());
            for (number, deletion) in all.iter().enumerate() {
                prop_assert_eq!((one.stage(number), one.size(number)), (deletion.stage, deletion.evidence.size));
            }
            let of_repositories: Vec<usize> = all.iter().filter_map(|it| Some(it.repository.as_ref()?.0)).collect();
            prop_assert_eq!(one.repositories().collect::<Vec<_>>(), of_repositories);
            let both: Vec<Deletion> = all.iter().chain(&more).cloned().collect();
            let mut joined = one;
            for deletion in &more {
                joined.push(deletion.clone());
            }
            prop_assert_eq!(joined.iter().collect::<Vec<_>>(), both.clone());

            joined.sort();
            let expected = plain(both);
            prop_assert_eq!(joined.iter().collect::<Vec<_>>(), expected.clone());
            let mut by_key: Vec<&Deletion> = expected.iter().collect();
            by_key.sort_by(|a, b| (a.stage, &a.key).cmp(&(b.stage, &b.key)));
            prop_assert_eq!(joined.by_key().map(|number| joined.get(number)).collect::<Vec<_>>(), by_key.into_iter().cloned().collect::<Vec<_>>());
            for (number, deletion) in expected.iter().enumerate() {
                let of = (joined.stage(number), joined.reason(number), joined.size(number));
                prop_assert_eq!(of, (deletion.stage, deletion.reason, deletion.evidence.size));
            }
            for stage in Stage::ALL {
                let of_stage = joined.of_stage(stage);
                let levels = joined.levels(stage);
                prop_assert_eq!(levels.iter().map(|(_, range)| range.len()).sum::<usize>(), of_stage.len());
                prop_assert!(levels.is_sorted_by(|(a, one), (b, next)| a < b && one.end == next.start));
                for (level, range) in levels {
                    prop_assert!(joined.range(range).all(|it| it.stage == stage && it.level == level));
                }
            }
            joined.set_levels(Stage::Revision, |deletion| new_level ^ deletion.level);
            let level = |it: &Deletion| if it.stage == Stage::Revision { new_level ^ it.level } else { it.level };
            let expected: Vec<Deletion> = expected.iter().map(|it| Deletion { level: level(it), ..it.clone() }).collect();
            prop_assert_eq!(joined.iter().collect::<Vec<_>>(), expected.clone());
            joined.retain(|deletion| deletion.stage.is_pointer());
            prop_assert_eq!(joined, expected.into_iter().filter(|it| it.stage.is_pointer()).collect::<Deletions>());
        }
    }

    /// Where a plan is by beginnings alone, two that begin alike would be one to it, or be in the order they came in.
    #[test]
    fn digests_that_begin_alike_are_in_the_order_of_the_rest() {
        let blob = |last| {
            let mut digest = [7; 32];
            digest[31] = last;
            let digest = Digest::Sha256(digest);
            Deletion {
                stage: Stage::Blob,
                key: layout::blob_data(&digest),
                upload_id: None,
                alias: None,
                repository: None,
                evidence: Evidence { size: 1, modified: Timestamp::from_days(1), etag: None, outside: false },
                reason: DeleteReason::UnreferencedBlob,
                rule: None,
                level: 0,
                digest: Some(digest),
            }
        };
        let mut deletions: Deletions = [3, 1, 2, 1].map(blob).into_iter().collect();
        deletions.sort();
        assert_eq!((deletions.odd(), deletions), (0, [1, 2, 3].map(blob).into_iter().collect()));
    }

    /// What is usual takes little, or millions would not fit.
    #[test]
    fn only_what_is_not_usual_is_kept_whole() {
        let digest = of("1");
        let usual = |stage, key, kind| Deletion {
            stage,
            key,
            upload_id: None,
            digest: Some(digest.clone()),
            alias: None,
            repository: (stage != Stage::Blob).then(|| (3, name("a"))),
            evidence: Evidence {
                size: if stage == Stage::Blob { 1 << 40 } else { 71 },
                modified: Timestamp::from_days(1),
                etag: etag(kind, Some(&digest)),
                outside: false,
            },
            reason: DeleteReason::Retention,
            rule: Some("a rule".into()),
            level: 2,
        };
        let all = [0, 1, 2, 3, 8].map(|kind| {
            [
                usual(Stage::Tag, layout::tag_current(&name("a"), &tag("v1")), kind),
                usual(Stage::TagHistory, layout::tag_history(&name("a"), &tag("v1"), &digest), kind),
                usual(Stage::Revision, layout::revision_link(&name("a"), &digest), kind),
                usual(Stage::LayerLink, layout::layer_link(&name("a"), &digest), kind),
                usual(Stage::Blob, layout::blob_data(&digest), kind),
            ]
        });
        let deletions: Deletions = all.into_iter().flatten().collect();
        assert_eq!((deletions.len(), deletions.odd(), size_of::<Item>()), (25, 0, 32));
    }
    /// What is linked is kept by its number, and what its `ETag` tells of its link not at all.
    #[test]
    fn what_can_be_found_again_is_not_kept_twice() {
        let linked = linked();
        let taken = |which, kind, size| {
            let digest = digest(which, false);
            let deletion = Deletion {
                stage: Stage::LayerLink,
                key: layout::layer_link(&name("a"), &digest),
                upload_id: None,
                alias: None,
                repository: Some((0, name("a"))),
                evidence: Evidence {
                    size,
                    modified: Timestamp::from_days(1),
                    etag: etag(kind, Some(&digest)),
                    outside: false,
                },
                reason: DeleteReason::UnneededLayerLink,
                rule: None,
                level: 0,
                digest: Some(digest),
            };
            kept(&[deletion], &linked).taken()
        };
        // Those that are kept whole, digests and bytes of text.
        assert_eq!([0, 1].map(|kind| taken(0, kind, 71)), [(0, 0, 0); 2], "a link that says what its name says");
        assert_eq!(taken(5, 1, 71), (0, 1, 0), "it is not linked");
        assert_eq!(taken(0, 0, 72), (0, 0, 9), "its size");
        assert_eq!(taken(0, 2, 71), (0, 0, 25), "its size, and an MD5");
        assert_eq!(taken(0, 3, 71), (0, 0, 27), "and the number of its parts");
        assert_eq!(taken(0, 8, 71), (0, 0, 18), "its size, and a text");
    }
}
