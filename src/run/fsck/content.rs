//! Contents, compared with their digests: many at a time, little of each.

use crate::collect::blobs::Tally;
use crate::collect::fsck::check::Known;
use crate::collect::fsck::content::{Sample, wrong};
use crate::collect::fsck::finding::Findings;
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, Observer, Phase};
use crate::layout::StorageKey;
use crate::model::Digest;
use crate::run::Order;
use crate::storage::reader::{Area, Storage};
use futures::TryStreamExt;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::task::JoinSet;

/// Contents are large, and more of them at a time are no faster.
const IN_FLIGHT: usize = 16;

/// What one content turned out to be; none if it is gone by now.
type Compared = Result<Option<(Digest, u64, Option<String>)>>;

/// Compares the contents of a sample with their digests; tells how much that was.
pub(super) async fn check(
    storage: &dyn Storage,
    order: &Order,
    known: &Known<'_>,
    sample: Sample,
    findings: &mut Findings,
    observer: &dyn Observer,
) -> Result<Tally> {
    observer.notice(Event::Begin(Phase::CheckContent, None));
    let mut under_way: JoinSet<Compared> = JoinSet::new();
    let (mut tally, mut bad) = (Tally::default(), BTreeMap::new());
    let mut take = |compared: Compared| {
        if let Some((digest, size, wrong)) = compared? {
            tally.add(size);
            observer.notice(Event::Progress(1, size));
            bad.extend(wrong.map(|detail| (digest, detail)));
        }
        Ok::<_, Error>(())
    };
    // Pages of the listing wait for the contents of those before.
    let mut pages = storage.list(Area::Blobs);
    while let Some(page) = pages.try_next().await? {
        for entry in page.entries() {
            let StorageKey::Blob(digest) = StorageKey::parse(entry.key) else { continue };
            if !sample.has(&digest) {
                continue;
            }
            if under_way.len() >= order.concurrency.clamp(1, IN_FLIGHT) {
                ended(under_way.join_next().await).map_or(Ok(()), &mut take)?;
            }
            under_way.spawn(compare(storage.shared(), entry.key.to_owned(), digest));
        }
    }
    while let Some(compared) = ended(under_way.join_next().await) {
        take(compared)?;
    }
    observer.notice(Event::End);
    wrong(known, &bad, findings);
    Ok(tally)
}

fn ended(ended: Option<std::result::Result<Compared, tokio::task::JoinError>>) -> Option<Compared> {
    let failed = |error| Err(Error::new(ErrorKind::Bug, "read content").caused_by(error));
    ended.map(|ended| ended.unwrap_or_else(failed))
}

async fn compare(storage: Arc<dyn Storage>, key: String, digest: Digest) -> Compared {
    let mut detail = None;
    let mut read = 0;
    // What is damage is so twice; what a bad cable has turned is not.
    for _ in 0..2 {
        let Some((found, size)) = storage.digest(&key, digest.algorithm()).await? else { return Ok(None) };
        read = size;
        if found == digest {
            detail = None;
            break;
        }
        detail = Some(format!("its {size} bytes have the digest {found}"));
    }
    Ok(Some((digest, read, detail)))
}
