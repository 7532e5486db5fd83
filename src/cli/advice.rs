//! What must be known before anything else.

use crate::collect::options::Mode;
use crate::collect::report::Report;
use crate::config::DescriptorCache;
use crate::model::Timestamp;

/// A registry that remembers blobs goes on claiming those that are gone: a push that names one is accepted, and the image
/// is broken. What is in its memory ends with the process; as long as content waits, such an image is mended.
#[must_use]
pub fn cache(cache: &DescriptorCache, report: &Report) -> Option<String> {
    // Nothing that the registry may remember is gone so far, and a collection will say so.
    if !report.collects && report.mode == Mode::Offline.name() {
        return None;
    }
    let is_sure = match cache {
        DescriptorCache::InMemory => true,
        DescriptorCache::Unknown => false,
        DescriptorCache::None | DescriptorCache::Redis(_) => return None,
    };
    let due = report.pending.first_due.as_deref().and_then(Timestamp::parse_rfc3339).map(Timestamp::to_minute);
    let went = report.deleted.blobs.count > 0 && report.mode == Mode::Offline.name();
    match due {
        Some(due) if is_sure => Some(format!(
            "restart the registry before {due}: it remembers blobs in memory, and would accept pushes that name what is gone"
        )),
        Some(due) => Some(format!(
            "if the registry remembers blobs in memory, as the official images do, restart it before {due}, or it accepts pushes that name what is gone (--descriptor-cache none, if it does not)"
        )),
        None if went && is_sure => {
            Some("restart the registry before it takes pushes: it remembers blobs in memory that are gone".into())
        }
        None if went => {
            Some("if the registry kept running, restart it before it takes pushes: it may remember what is gone".into())
        }
        None => None,
    }
}
