//! What mends a registry: found by a look at everything, decided once more by the scan that follows, and made sure of right
//! before anything goes or is written.

use super::work::Work;
use super::{Order, Stop, fsck};
use crate::collect::decide::DeleteReason;
use crate::collect::fsck::check::Known;
use crate::collect::fsck::mend::{Mend, Wanted};
use crate::collect::fsck::vouch::vouches;
use crate::collect::learn::LARGEST_LINK;
use crate::collect::options::Options;
use crate::collect::outcome::Outcome;
use crate::collect::plan::Deletion;
use crate::error::Result;
use crate::event::{Event, Observer, Phase};
use crate::layout;
use crate::model::{Digest, manifest};
use crate::storage::reader::{Content, Storage};
use crate::storage::write::Writer;
use futures::{StreamExt, TryStreamExt, stream};
use std::collections::HashMap;
use std::time::Duration;

/// How many looks, and writes, at a time.
const IN_FLIGHT: usize = 16;

/// Finds what mends a registry. Changes nothing, and cannot.
///
/// # Errors
/// If anything could not be listed or read for good.
pub async fn find(storage: &dyn Storage, order: &Order, observer: &dyn Observer, stop: &Stop) -> Result<Mend> {
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
        Ok::<_, crate::error::Error>((wanted, is_vouched))
    });
    let looks: Vec<_> = looks.collect();
    let looked: Vec<(Wanted, bool)> = stream::iter(looks).buffered(IN_FLIGHT).try_collect().await?;
    for (wanted, is_vouched) in looked {
        if is_vouched { mend.vouched(&wanted) } else { mend.not_vouched() }
    }
    Ok(mend)
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
    let open = work.done.outcomes.with(work.plan).enumerate();
    let open = open.filter(|(_, (deletion, outcome))| {
        **outcome == Outcome::NotAttempted
            && matches!(deletion.reason, DeleteReason::Dangling | DeleteReason::Unreadable)
    });
    let looks = open.map(|(number, (deletion, _))| async move { Ok((number, is_broken(storage, deletion).await?)) });
    let looks: Vec<_> = looks.collect();
    let looked: Vec<(usize, bool)> = stream::iter(looks)
        .buffer_unordered(IN_FLIGHT)
        .try_collect::<Vec<_>>()
        .await
        .map_err(|error: crate::error::Error| error)?;
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
        _ if deletion.stage == crate::collect::plan::Stage::TagHistory => Ok(true),
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
    let mut outcomes: HashMap<&str, &Outcome> = HashMap::new();
    for (deletion, outcome) in work.done.outcomes.with(plan) {
        outcomes.insert(&deletion.key, outcome);
    }
    let is_gone =
        |key: &str| outcomes.get(key).is_none_or(|outcome| matches!(outcome, Outcome::Deleted | Outcome::AlreadyGone));
    let (mut written, mut errors, mut not_written) = (0, Vec::new(), 0);
    let (storage, writer) = (work.opened.reader(), Writer::new(work.opened));
    for stage in [crate::collect::plan::Stage::LayerLink, crate::collect::plan::Stage::Revision] {
        let links = plan.links().iter().filter(|link| link.stage == stage);
        let (open, closed): (Vec<_>, Vec<_>) = links.partition(|link| is_gone(&link.key));
        not_written += closed.len() as u64;
        // No manifest is linked whose layers could not be.
        if work.must_stop().is_some() || !errors.is_empty() {
            not_written += open.len() as u64;
            continue;
        }
        let writer = &writer;
        let writes = open.into_iter().map(|link| async move {
            if !storage.exists(&layout::blob_data(&link.content)).await? {
                return Ok(None);
            }
            writer.link(&link.key, &link.content).await.map(Some)
        });
        let writes: Vec<_> = writes.collect();
        let mut writes = Box::pin(stream::iter(writes).buffer_unordered(IN_FLIGHT));
        while let Some(result) = writes.next().await {
            match result {
                Ok(Some(is_new)) => written += u64::from(is_new),
                Ok(None) => not_written += 1,
                Err(error) => errors.push(error),
            }
            work.observer.notice(Event::Progress(1, 0));
        }
    }
    work.observer.notice(Event::End);
    work.done.stopped = work.done.stopped.or(work.must_stop());
    work.done.links_written = written;
    work.done.links_not_written = not_written + errors.len() as u64;
    work.done.errors.extend(errors);
}
