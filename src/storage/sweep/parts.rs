//! Aborting incomplete multipart uploads. What is complete stays as it is, whatever is aborted.

use super::batch;
use crate::collect::entry::Evidence;
use crate::collect::multipart::Parts;
use crate::collect::outcome::Outcome;
use crate::storage::backend::Backend;
use crate::storage::cloud::Cloud;
use crate::storage::multipart;
use object_store::multipart::MultipartStore;

/// An incomplete multipart upload that is to go, and what was known of it.
#[derive(Debug, Clone, Copy)]
pub struct Begun<'a> {
    /// What it was to become.
    pub key: &'a str,
    /// Tells it from others of the same key.
    pub id: &'a str,
    /// What was known of it when that was decided.
    pub evidence: &'a Evidence,
}

/// Aborts it, if nobody went on with it in the meantime: parts that somebody is writing would be lost to the push.
pub(super) async fn abort(cloud: &Cloud, begun: Begun<'_>) -> Outcome {
    let (Backend::S3(store), Some(signed)) = (&cloud.backend, &cloud.signed) else {
        return Outcome::Failed("this store has no multipart uploads".into());
    };
    let look = || multipart::of(cloud, signed, begun.key, begun.id);
    match look().await {
        Ok(None) => return Outcome::AlreadyGone,
        Ok(Some(parts)) if is_changed(begun, &parts) => return Outcome::Changed,
        Ok(Some(_)) => {}
        Err(why) => return Outcome::Failed(why),
    }
    let path = match cloud.path(begun.key) {
        Ok(path) => path,
        Err(error) => return Outcome::Failed(error.to_string()),
    };
    let outcome = match store.abort_multipart(&path, &begun.id.to_owned()).await {
        Ok(()) => Outcome::Deleted,
        Err(error) => batch::outcome_of(&error),
    };
    match (outcome, look().await) {
        // Parts that were on their way when it was aborted may come after it, and are billed as before.
        (Outcome::Deleted, Ok(Some(_))) => Outcome::Failed("it is still there after it was aborted".into()),
        (Outcome::Unknown(_), Ok(None)) => Outcome::Deleted,
        (Outcome::Unknown(why), Ok(Some(_))) => Outcome::Failed(why),
        (outcome, _) => outcome,
    }
}

/// Whether more is there than was seen. Its beginning does not change.
fn is_changed(begun: Begun<'_>, parts: &Parts) -> bool {
    match parts {
        Parts::Known { bytes, newest } => {
            *bytes != begun.evidence.size || newest.is_some_and(|newest| newest > begun.evidence.modified)
        }
        Parts::NotKnown(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;

    #[test]
    fn more_or_newer_parts_are_a_change_and_so_is_what_is_not_known() {
        let time = Timestamp::from_days;
        let evidence = Evidence { size: 7, modified: time(5), etag: None, outside: false };
        let begun = Begun { key: "k", id: "i", evidence: &evidence };
        let known = |bytes, newest| Parts::Known { bytes, newest };
        for (parts, expected) in [
            (known(7, Some(time(5))), false),
            (known(7, Some(time(4))), false),
            (known(7, None), false),
            (known(8, Some(time(5))), true),
            (known(7, Some(time(6))), true),
            (Parts::NotKnown("denied".into()), true),
        ] {
            assert_eq!(is_changed(begun, &parts), expected, "{parts:?}");
        }
    }
}
