//! What waits, what can still be undone, and whether all of it is still there.

use super::left::Left;
use super::{Order, lease};
use crate::collect::learn::{LARGEST_LINK, digest_in};
use crate::collect::plan::Stage;
use crate::collect::state::journal::{Journal, Removed};
use crate::collect::state::overview::{Found, Overview, State};
use crate::collect::state::undo::{At, Undo};
use crate::error::Result;
use crate::layout;
use crate::model::Digest;
use crate::storage::open::Opened;
use crate::storage::reader::{Content, Storage};
use futures::{StreamExt, TryStreamExt, stream};
use std::collections::{HashMap, HashSet};

/// So many pointers are looked at, those of the newest runs first, to tell what can still be undone.
const LOOKED_AT: usize = 1000;

/// What waits and can still be undone, of what was left.
///
/// # Errors
/// If the lease, or what can be undone, cannot be looked at.
pub async fn overview(opened: &Opened, left: &Left, order: &Order) -> Result<Overview> {
    let now = order.now(opened.reader());
    let lease = match left.lease {
        None => None,
        Some(written) => Some((written, lease::read(opened).await?)),
    };
    let found = Found {
        lease,
        journals: left.journals.iter().map(|left| (&left.journal, left.written)).collect(),
        pending: &left.pending,
        aside: left.aside.iter().map(|aside| (aside.run.as_str(), aside.size)).collect(),
    };
    let mut overview = Overview::new(&found, now);
    let journals = left.journals.iter().map(|left| (left.journal.run.as_str(), &left.journal));
    let journals: HashMap<&str, &Journal> = journals.collect();
    let mut rows = Vec::new();
    let mut budget = LOOKED_AT;
    for row in overview.runs.iter_mut().filter(|row| row.state == State::Ended) {
        if let Some(journal) = journals.get(row.run.as_str())
            && let Some(rest) = budget.checked_sub(journal.removed.len())
        {
            budget = rest;
            rows.push((row, *journal));
        }
    }
    let storage = opened.reader();
    let removed = || rows.iter().flat_map(|(_, journal)| &journal.removed);
    let at = looked_at(storage, removed(), order.concurrency).await?;
    let at_key = |key: &str| at.get(key).unwrap_or(&At::Nothing);
    let gone = removed().filter(|removed| *at_key(&removed.key) == At::Nothing).map(|removed| &removed.content);
    let mut contents = there(storage, gone.collect(), order.concurrency).await?;
    contents.extend(left.aside.iter().map(|aside| &aside.digest));
    for (row, journal) in rows {
        row.undo = Some(Undo::of(journal, at_key, |digest| contents.contains(digest)));
    }
    Ok(overview)
}

/// What there is at the keys of these pointers.
async fn looked_at<'a>(
    storage: &dyn Storage,
    removed: impl Iterator<Item = &'a Removed>,
    concurrency: usize,
) -> Result<HashMap<&'a str, At>> {
    let keys: HashMap<&str, Option<Stage>> = removed.map(|removed| (removed.key.as_str(), removed.stage())).collect();
    let looks = keys.into_iter().map(|(key, stage)| async move {
        let at = match stage {
            Some(Stage::Tag) => match storage.read(key, LARGEST_LINK).await? {
                // As a restore judges it: what a registry would not serve still says what somebody meant.
                Content::Bytes(bytes) => {
                    let (strict, lenient) = digest_in(Some(&bytes));
                    At::Tag(strict.or(lenient))
                }
                Content::TooLarge(_) => At::Tag(None),
                Content::Missing => At::Nothing,
            },
            _ if storage.exists(key).await? => At::Link,
            _ => At::Nothing,
        };
        Ok((key, at))
    });
    let looks: Vec<_> = looks.collect();
    stream::iter(looks).buffer_unordered(concurrency.max(1)).try_collect().await
}

/// The contents that are there.
async fn there<'a>(
    storage: &dyn Storage,
    contents: HashSet<&'a Digest>,
    concurrency: usize,
) -> Result<HashSet<&'a Digest>> {
    let looks = contents.into_iter().map(|digest| async move {
        storage.exists(&layout::blob_data(digest)).await.map(|is_there| is_there.then_some(digest))
    });
    let looks: Vec<_> = looks.collect();
    let found: Vec<Option<&Digest>> = stream::iter(looks).buffer_unordered(concurrency.max(1)).try_collect().await?;
    Ok(found.into_iter().flatten().collect())
}
