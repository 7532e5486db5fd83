//! What mends a registry: found by a look at everything, decided once more by the scan that follows, and made sure of right
//! before anything goes or is written.

use super::work::Work;
use super::{Order, Stop, fsck};
use crate::collect::decide::DeleteReason;
use crate::collect::dismissed::Dismissed;
use crate::collect::fsck::check::Known;
use crate::collect::fsck::mend::{Mend, Wanted};
use crate::collect::fsck::vouch::vouches;
use crate::collect::inventory::Inventory;
use crate::collect::learn::LARGEST_LINK;
use crate::collect::options::Options;
use crate::collect::outcome::Outcome;
use crate::collect::plan::{Deletion, NewLink, Stage};
use crate::error::{Error, Result};
use crate::event::{Event, Observer, Phase};
use crate::layout;
use crate::model::{Digest, Tag, Timestamp, manifest};
use crate::storage::reader::{Content, Storage};
use crate::storage::write::Writer;
use futures::{StreamExt, TryStreamExt, stream};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

/// How many looks, and writes, at a time.
const IN_FLIGHT: usize = 16;

/// The order with what mends the registry, where that is what is to be done. Changes nothing, and cannot.
///
/// # Errors
/// If anything could not be listed or read for good.
pub async fn prepared(storage: &dyn Storage, order: &Order, observer: &dyn Observer, stop: &Stop) -> Result<Order> {
    let mut order = order.clone();
    if order.options.repair.is_some() {
        order.mend = Some(Arc::new(find(storage, &order, observer, stop).await?));
    }
    Ok(order)
}

async fn find(storage: &dyn Storage, order: &Order, observer: &dyn Observer, stop: &Stop) -> Result<Mend> {
    // Whatever their age, the beginning of each upload is read.
    let options = Options { uploads_older_than: Some(Duration::ZERO), ..order.options.clone() };
    let looking = Order { options, ..order.clone() };
    let checked = fsck::fsck_all(storage, &looking, observer, stop).await?;
    let known = Known {
        inventory: &checked.inventory,
        graph: &checked.graph,
        parts: &checked.parts,
        stored: &checked.stored,
        now: checked.now,
        both_key_forms: storage.has_both_key_forms(),
    };
    let (mut mend, wanted) = Mend::of(&known, &checked.findings, &order.options);
    let looks = wanted.into_iter().map(|wanted| async move {
        let is_vouched = is_vouched(storage, &wanted).await?;
        Ok::<_, Error>((wanted, is_vouched))
    });
    let looks: Vec<_> = looks.collect();
    let looked: Vec<(Wanted, bool)> = stream::iter(looks).buffered(IN_FLIGHT).try_collect().await?;
    for (wanted, is_vouched) in looked {
        if is_vouched { mend.vouched(&wanted) } else { mend.not_vouched() }
    }
    Ok(mend)
}

/// Dismisses what goes, as far as the scan finds it as it was found; tells of tags that were pushed a moment ago, and stay.
pub(super) fn dismiss(
    inventory: &Inventory,
    dismissed: &mut Dismissed,
    order: &Order,
    looked: Timestamp,
) -> Vec<(usize, Tag)> {
    let Some(mend) = &order.mend else { return Vec::new() };
    mend.dismiss(inventory, dismissed);
    dismissed.spare_just_pushed(looked, order.options.settle)
}

/// The links to write, as far as the scan finds that they mend something.
pub(super) fn links(inventory: &Inventory, order: &Order) -> Vec<NewLink> {
    order.mend.as_ref().map(|mend| mend.writes(inventory, &order.options)).unwrap_or_default()
}

/// Whether any manifest vouches for a link.
async fn is_vouched(storage: &dyn Storage, wanted: &Wanted) -> Result<bool> {
    for digest in &wanted.manifests {
        if let Content::Bytes(bytes) = storage.read(&layout::blob_data(digest), manifest::LARGEST).await?
            && digest.matches(&bytes)
            && vouches(&bytes, &wanted.part)
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Takes out of the plan what is no damage any more: content that is there after all, a link that can be read by now.
pub(super) async fn still_broken(work: &mut Work<'_>) -> Result<()> {
    let storage = work.opened.reader();
    let is_open = |number: usize, outcome: &Outcome| {
        let reason = work.plan.deletions().reason(number);
        *outcome == Outcome::NotAttempted && matches!(reason, DeleteReason::Dangling | DeleteReason::Unreadable)
    };
    let open = work.done.outcomes.of_all(work.plan, is_open);
    let looks =
        open.map(|(number, deletion, _)| async move { Ok::<_, Error>((number, is_broken(storage, &deletion).await?)) });
    let looks: Vec<_> = looks.collect();
    let looked: Vec<(usize, bool)> = stream::iter(looks).buffer_unordered(IN_FLIGHT).try_collect().await?;
    for (number, is_broken) in looked {
        if !is_broken {
            work.done.outcomes.set(number, Outcome::Changed);
        }
    }
    Ok(())
}

async fn is_broken(storage: &dyn Storage, deletion: &Deletion) -> Result<bool> {
    if deletion.reason == DeleteReason::Unreadable {
        return Ok(match storage.read(&deletion.key, LARGEST_LINK).await? {
            Content::Bytes(bytes) => {
                std::str::from_utf8(&bytes).ok().and_then(|text| text.parse::<Digest>().ok()).is_none()
            }
            Content::Missing | Content::TooLarge(_) => true,
        });
    }
    match deletion.alias.as_ref().or(deletion.digest.as_ref()) {
        // A tag's history goes with it, whatever it names.
        _ if deletion.stage == Stage::TagHistory => Ok(true),
        Some(digest) => Ok(!storage.exists(&layout::blob_data(digest)).await?),
        None => Ok(false),
    }
}

/// Writes the links of the plan, each if there is none, and if what it names is there. What was to go first must be gone.
pub(super) async fn write(work: &mut Work<'_>) {
    let plan = work.plan;
    if plan.links().is_empty() {
        return;
    }
    work.observer.notice(Event::Begin(Phase::Mend, Some(plan.links().len() as u64)));
    let keys: HashSet<&str> = plan.links().iter().map(|link| link.key.as_str()).collect();
    let mut outcomes: HashMap<String, &Outcome> = HashMap::new();
    for (_, deletion, outcome) in work.done.outcomes.of_all(plan, |_, _| true) {
        if keys.contains(deletion.key.as_str()) {
            outcomes.insert(deletion.key, outcome);
        }
    }
    let is_gone =
        |key: &str| outcomes.get(key).is_none_or(|outcome| matches!(outcome, Outcome::Deleted | Outcome::AlreadyGone));
    let (mut done, mut left, mut errors) = (0, 0, Vec::new());
    let (storage, writer) = (work.opened.reader(), &Writer::new(work.opened));
    for stage in [Stage::LayerLink, Stage::Revision] {
        let links = plan.links().iter().filter(|link| link.stage == stage);
        let (open, closed): (Vec<_>, Vec<_>) = links.partition(|link| is_gone(&link.key));
        left += closed.len() as u64;
        // No manifest is linked whose layers could not be.
        if work.must_stop().is_some() || !errors.is_empty() {
            left += open.len() as u64;
            continue;
        }
        let attempts = open.into_iter().map(|link| async move {
            if !storage.exists(&layout::blob_data(&link.content)).await? {
                return Ok(None);
            }
            writer.link(&link.key, &link.content).await.map(Some)
        });
        let attempts: Vec<_> = attempts.collect();
        let mut attempts = Box::pin(stream::iter(attempts).buffer_unordered(IN_FLIGHT));
        while let Some(result) = attempts.next().await {
            match result {
                Ok(Some(is_new)) => done += u64::from(is_new),
                Ok(None) => left += 1,
                Err(error) => errors.push(error),
            }
            work.observer.notice(Event::Progress(1, 0));
        }
    }
    work.observer.notice(Event::End);
    work.done.stopped = work.done.stopped.or(work.must_stop());
    work.done.links_written = done;
    work.done.links_not_written = left + errors.len() as u64;
    work.done.errors.extend(errors);
}
