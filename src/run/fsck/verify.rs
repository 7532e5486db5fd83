//! A second look at what was found: a listing is not made in a moment, and what is being written is damaged while it is.

use crate::collect::fsck::code::Level;
use crate::collect::fsck::finding::{Finding, Findings, Proof};
use crate::collect::learn::LARGEST_LINK;
use crate::collect::said::Said;
use crate::error::Result;
use crate::event::{Event, Observer, Phase};
use crate::layout;
use crate::model::{Digest, manifest};
use crate::run::Order;
use crate::run::scan::fetched;
use crate::storage::reader::{Content, Storage};
use futures::{StreamExt, TryStreamExt, stream};
use std::collections::HashSet;

/// Takes out what is not so any more.
pub(super) async fn verify(
    storage: &dyn Storage,
    order: &Order,
    findings: &mut Findings,
    observer: &dyn Observer,
) -> Result<()> {
    let to_verify = |finding: &&Finding| finding.level != Level::Note && finding.proof != Proof::Sure;
    let wanted = findings.told().iter().filter(to_verify).count();
    observer.notice(Event::Begin(Phase::Verify, Some(wanted as u64)));
    let told = findings.told().iter().enumerate().filter(|(_, finding)| to_verify(finding));
    let looks: Vec<_> = told.map(|(at, finding)| async move { Ok((at, holds(storage, finding).await?)) }).collect();
    let mut looks = Box::pin(stream::iter(looks).buffer_unordered(order.concurrency.max(1)));
    let mut over = HashSet::new();
    while let Some((at, holds)) = looks.try_next().await? {
        if !holds {
            over.insert(at);
        }
        observer.notice(Event::Progress(1, 0));
    }
    drop(looks);
    findings.retain(|at, _| !over.contains(&at));
    observer.notice(Event::End);
    Ok(())
}

async fn holds(storage: &dyn Storage, finding: &Finding) -> Result<bool> {
    match &finding.proof {
        Proof::Sure => Ok(true),
        Proof::Keys { absent, there } => {
            for key in absent {
                if storage.exists(key).await? {
                    return Ok(false);
                }
            }
            for key in there {
                if !storage.exists(key).await? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        Proof::Link(expected) => Ok(match storage.read(&finding.key, LARGEST_LINK).await? {
            Content::Missing => false,
            Content::TooLarge(_) => true,
            Content::Bytes(bytes) => {
                let says: Option<Digest> = std::str::from_utf8(&bytes).ok().and_then(|text| text.parse().ok());
                match expected {
                    Some(expected) => says.as_ref() != Some(expected),
                    None => says.is_none(),
                }
            }
        }),
        Proof::Manifest(digest) => {
            let content = fetched(storage.read(&layout::blob_data(digest), manifest::LARGEST).await?);
            Ok(matches!(Said::of(digest, &content), Said::Unreadable(_)))
        }
    }
}
