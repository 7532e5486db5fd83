//! Tags beside a registry that serves pushes. A tag is deleted by its key, whatever it holds by then; so each is looked at
//! right before, and once more right after.
//!
//! The registry writes a tag's history first and what it names now after that. A push whose history is written before the
//! first look is seen there, and its tag stays. One whose history is written later is seen by the second look: then its tag
//! is written back if it was deleted with the old one. One that comes after that finds the tag gone and makes it anew.

use super::work::Work;
use super::{Order, stages};
use crate::collect::inventory::{Current, Inventory, TagEntry, Target};
use crate::collect::learn::LARGEST_LINK;
use crate::collect::listing::Builder;
use crate::collect::outcome::Outcome;
use crate::collect::plan::still_goes;
use crate::collect::state::journal::Removed;
use crate::collect::tag_change::{is_same, pushed_after, pushed_since};
use crate::error::Result;
use crate::layout::{self, StorageKey};
use crate::model::{Digest, RepositoryName, Tag};
use crate::run::left::Left;
use crate::storage::open::Opened;
use crate::storage::page::Page;
use crate::storage::reader::{Content, Storage};
use crate::storage::write::Writer;
use futures::{StreamExt, TryStreamExt, stream};
use std::collections::{BTreeMap, HashMap};

/// So many tags go between two looks.
const GROUP: usize = 1000;
/// How many looks, and writes, at a time.
const IN_FLIGHT: usize = 16;
/// A page of a listing holds so many keys.
const PAGE: usize = 1000;
/// Where nobody knows how many keys there are, so many tags are listed one by one.
const FEW: usize = 16;

/// One tag of the plan.
#[derive(Debug, Clone)]
struct Planned {
    number: usize,
    at: usize,
    name: RepositoryName,
    tag: Tag,
}

/// Deletes these tags, each if it still is the one that was seen, and writes back what was pushed to one meanwhile.
///
/// # Errors
/// If they cannot be looked at. Then no history may go: it tells what was pushed.
pub(super) async fn delete(work: &mut Work<'_>, numbers: &[usize]) -> Result<()> {
    let mut gone = Vec::new();
    let mut result = Ok(());
    for group in numbers.chunks(GROUP) {
        let tags = planned(work, group);
        let now = match look(work.opened.reader(), &sizes(work, &tags)).await {
            Ok(now) => now,
            Err(error) => {
                result = Err(error);
                break;
            }
        };
        let mut same = Vec::new();
        for tag in tags {
            if is_unchanged(work, &tag, &now).await {
                same.push(tag.number);
                gone.push(tag);
            } else {
                learn(work, &tag, entry(&now, &tag.name, &tag.tag)).await?;
                work.done.outcomes.set(tag.number, Outcome::Changed);
            }
        }
        stages::delete(work, &same).await;
        if work.done.stopped.is_some() {
            break;
        }
    }
    gone.retain(|tag| !matches!(work.done.outcomes.get(tag.number), Outcome::NotAttempted | Outcome::Failed(_)));
    // Also where the run was told to stop, or a look has failed: these are gone.
    let result = put_back(work, &gone).await.and(result);
    spare_what_changed(work);
    result
}

fn planned(work: &Work<'_>, numbers: &[usize]) -> Vec<Planned> {
    let all = numbers.iter().filter_map(|number| {
        let deletion = work.plan.deletions().get(*number);
        let (at, name) = deletion.repository?;
        let StorageKey::TagCurrent { tag, .. } = StorageKey::parse(&deletion.key) else { return None };
        Some(Planned { number: *number, at, name, tag: Tag::new(tag)? })
    });
    all.collect()
}

/// The tags of each repository to look at, and how many keys of tags it has.
type Wanted = BTreeMap<RepositoryName, (Vec<Tag>, usize)>;

fn sizes(work: &Work<'_>, tags: &[Planned]) -> Wanted {
    let mut wanted = Wanted::new();
    for tag in tags {
        let keys = || {
            let entries = work.scan.inventory.repositories[tag.at].tags.values();
            entries.map(|entry| 1 + entry.history.len()).sum()
        };
        wanted.entry(tag.name.clone()).or_insert_with(|| (Vec::new(), keys())).0.push(tag.tag.clone());
    }
    wanted
}

/// Lists tags: one by one, or all of their repository where that takes fewer requests.
async fn look(storage: &dyn Storage, wanted: &Wanted) -> Result<Inventory> {
    let mut prefixes = Vec::new();
    for (name, (tags, keys)) in wanted {
        if tags.len() > keys.div_ceil(PAGE) {
            prefixes.push(layout::tags(name));
        } else {
            prefixes.extend(tags.iter().map(|tag| layout::tag(name, tag) + "/"));
        }
    }
    let lists = prefixes.into_iter().map(|prefix| storage.list_prefix(prefix).try_collect::<Vec<_>>());
    let lists: Vec<_> = lists.collect();
    let mut lists = Box::pin(stream::iter(lists).buffer_unordered(IN_FLIGHT));
    let mut builder = Builder::new(storage.proof());
    while let Some(pages) = lists.try_next().await? {
        pages.iter().flat_map(Page::entries).for_each(|entry| _ = builder.see(&entry));
    }
    Ok(builder.finish())
}

fn entry(now: &Inventory, name: &RepositoryName, tag: &Tag) -> TagEntry {
    let repository = now.repositories.binary_search_by(|found| found.name.cmp(name)).ok();
    repository.and_then(|at| now.repositories[at].tags.get(tag)).unwrap_or_default()
}

/// Where nothing but its time tells what a link holds, it is read.
async fn is_unchanged(work: &Work<'_>, tag: &Planned, now: &Inventory) -> bool {
    let Some(seen) = work.scan.dismissed.seen(tag.at, &tag.tag) else { return false };
    let now = entry(now, &tag.name, &tag.tag);
    if !is_same(seen, &now) {
        return false;
    }
    let storage = work.opened.reader();
    let is_told = now.current.is_some_and(|current| current.evidence.etag.is_some()) && !storage.proof().cheap_reads;
    let Some(Target::Digest(digest)) = seen.current.as_ref().map(|current| &current.target) else { return true };
    if is_told {
        return true;
    }
    let read = storage.read(&layout::tag_current(&tag.name, &tag.tag), LARGEST_LINK).await;
    matches!(read, Ok(Content::Bytes(bytes)) if bytes == digest.to_string().as_bytes())
}

/// A tag that is another by now: it keeps what it names.
async fn learn(work: &mut Work<'_>, tag: &Planned, mut now: TagEntry) -> Result<()> {
    work.scan.dismissed.spare_tag(tag.at, tag.tag.as_str());
    if let Some(current) = &mut now.current
        && current.target == Target::Unread
    {
        let key = layout::tag_current(&tag.name, &tag.tag);
        let text = match work.opened.reader().read(&key, LARGEST_LINK).await? {
            Content::Bytes(bytes) => String::from_utf8(bytes.to_vec()).unwrap_or_default(),
            Content::Missing | Content::TooLarge(_) => String::new(),
        };
        current.target = text.parse().map_or(Target::Unreadable(None), Target::Digest);
    }
    work.scan.inventory.repositories[tag.at].tags.insert(&tag.tag, &now);
    Ok(())
}

/// What is needed by a tag that was pushed meanwhile, or that named it until then, has changed as well.
pub(super) fn spare_what_changed(work: &mut Work<'_>) {
    stages::mark_anew(work);
    let (plan, scan) = (work.plan, &work.scan);
    let open = work.done.outcomes.of_all(plan, |_, outcome| *outcome == Outcome::NotAttempted);
    let needed = open.filter(|(_, deletion, _)| !still_goes(deletion, &scan.graph, &scan.marks, &scan.dismissed));
    let needed: Vec<usize> = needed.map(|(number, ..)| number).collect();
    for number in needed {
        work.done.outcomes.set(number, Outcome::Changed);
    }
}

/// Writes back tags that were deleted together with a push that came between.
async fn put_back(work: &mut Work<'_>, gone: &[Planned]) -> Result<()> {
    if gone.is_empty() {
        return Ok(());
    }
    let now = look(work.opened.reader(), &sizes(work, gone)).await?;
    let writer = Writer::new(work.opened);
    for tag in gone {
        let mut entry = entry(&now, &tag.name, &tag.tag);
        let seen = work.scan.dismissed.seen(tag.at, &tag.tag).cloned().unwrap_or_default();
        if entry.current.is_none() {
            let Some(digest) = pushed_since(&seen, &entry).cloned() else { continue };
            if writer.link(&layout::tag_current(&tag.name, &tag.tag), &digest).await? {
                work.done.mended += 1;
                work.done.outcomes.set(tag.number, Outcome::Changed);
            }
            let written = seen.current.map(|current| current.evidence);
            entry.current = written.map(|evidence| Current { target: Target::Digest(digest), evidence });
        }
        learn(work, tag, entry).await?;
    }
    Ok(())
}

/// The same for runs that were killed right then: what was pushed to a tag after their journal was written.
///
/// # Errors
/// If the tags cannot be looked at, or one cannot be written.
pub(super) async fn put_back_for_killed(opened: &Opened, left: &Left, order: &Order) -> Result<u64> {
    let unfinished = left.journals.iter().filter(|left| left.journal.done.is_none());
    let mut removed = HashMap::new();
    for left in unfinished {
        removed.extend(left.journal.removed.iter().filter_map(tag_of).map(|tag| (tag, left.written)));
    }
    let mut wanted = Wanted::new();
    for (name, tag) in removed.keys() {
        wanted.entry(name.clone()).or_default().0.push(tag.clone());
    }
    for (tags, keys) in wanted.values_mut() {
        *keys = if tags.len() > FEW { 0 } else { usize::MAX };
    }
    if wanted.is_empty() {
        return Ok(0);
    }
    let now = look(opened.reader(), &wanted).await?;
    let lost = removed.iter().filter_map(|((name, tag), written)| {
        let entry = entry(&now, name, tag);
        let pushed = pushed_after(&entry, *written).filter(|_| entry.current.is_none())?;
        Some((layout::tag_current(name, tag), pushed.clone()))
    });
    let lost: Vec<(String, Digest)> = lost.collect();
    let writer = Writer::new(opened);
    let links: Vec<_> = lost.iter().map(|(key, digest)| writer.link(key, digest)).collect();
    let written: Vec<bool> =
        stream::iter(links).buffer_unordered(order.concurrency.clamp(1, IN_FLIGHT)).try_collect().await?;
    Ok(written.into_iter().filter(|written| *written).count() as u64)
}

fn tag_of(removed: &Removed) -> Option<(RepositoryName, Tag)> {
    match StorageKey::parse(&removed.key) {
        StorageKey::TagCurrent { repository, tag } => Some((RepositoryName::new(repository)?, Tag::new(tag)?)),
        _ => None,
    }
}
