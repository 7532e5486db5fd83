//! What must be known before anything else.

use crate::collect::options::Mode;
use crate::collect::report::Report;
use crate::config::DescriptorCache;
use crate::model::Timestamp;

/// A registry that remembers blobs goes on claiming those that are gone: a push that names one is accepted, and the image
/// is broken. What is in its memory ends with the process; as long as content waits, such an image is mended.
#[must_use]
pub fn cache(cache: &DescriptorCache, report: &Report) -> Option<String> {
    let (remembers, is_sure) = match cache {
        DescriptorCache::InMemory => ("the registry remembers blobs in memory (cache.blobdescriptor: inmemory)", true),
        DescriptorCache::Unknown => ("the registry may remember blobs in memory (the official images do)", false),
        DescriptorCache::None | DescriptorCache::Redis(_) => return None,
    };
    let due = report.pending.first_due.as_deref().and_then(Timestamp::parse_rfc3339).map(Timestamp::to_minute);
    let went = report.deleted.blobs.count > 0 && report.mode == Mode::Offline.name();
    let when = match due {
        Some(due) => format!("restart it before {due}"),
        None if went => "if it kept running, restart it before it takes pushes".to_owned(),
        None => return None,
    };
    let hint = if is_sure { "" } else { "; --descriptor-cache none, if it does not" };
    Some(format!("{remembers}: {when}, or it accepts pushes that name what is gone{hint}"))
}
