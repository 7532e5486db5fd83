//! Deleting old versions and delete markers for good, each by its id.

use super::answer::{self, Said};
use super::batch;
use crate::collect::outcome::Outcome;
use crate::collect::versions::Version;
use crate::model::Timestamp;
use crate::storage::backend::Backend;
use crate::storage::cloud::Cloud;
use crate::storage::open::Opened;
use futures::{StreamExt, stream};
use http::StatusCode;
use quick_xml::escape::escape;

/// That old versions may go was asked, and the answer was yes. Only who asks can make it, and only it arms a [`Purger`].
#[derive(Debug, Clone, Copy)]
pub struct ApprovedPurge {
    /// What has been old since then, or before, may go.
    pub before: Timestamp,
}

/// What can delete old versions.
#[derive(Debug)]
pub struct Purger<'a> {
    cloud: &'a Cloud,
}

/// Why nothing more is deleted on a store that does not say that it went by the id: it may have deleted what was current.
pub const NOT_BY_ID: &str = "the store does not say that it deleted this version, and no other";

/// How many batches are on their way at a time.
const BATCHES_IN_FLIGHT: usize = 4;
/// How often a version is tried of which the store's answer told nothing: its id is no other's, so that is safe.
const TRIES: u32 = 3;

impl<'a> Purger<'a> {
    /// Arms it; none where the store has no versions to delete.
    #[must_use]
    pub fn arm(opened: &'a Opened, _approved: ApprovedPurge) -> Option<Self> {
        match opened {
            Opened::Cloud(cloud) if matches!(cloud.backend, Backend::S3(_)) => Some(Self { cloud }),
            _ => None,
        }
    }

    /// Deletes versions by their ids; an outcome for each, in order.
    pub async fn delete(&self, versions: &[Version]) -> Vec<Outcome> {
        let batches = versions.chunks(batch::batch_size(&self.cloud.backend)).map(|chunk| self.settled(chunk));
        let batches: Vec<_> = batches.collect();
        stream::iter(batches).buffered(BATCHES_IN_FLIGHT).collect::<Vec<_>>().await.concat()
    }

    async fn settled(&self, versions: &[Version]) -> Vec<Outcome> {
        let mut outcomes = vec![Outcome::NotAttempted; versions.len()];
        let mut open: Vec<usize> = (0..versions.len()).collect();
        for _ in 0..TRIES {
            let asked: Vec<&Version> = open.iter().map(|at| &versions[*at]).collect();
            for (at, outcome) in open.iter().zip(self.attempt(&asked).await) {
                outcomes[*at] = outcome;
            }
            open.retain(|at| matches!(outcomes[*at], Outcome::Unknown(_)));
            if open.is_empty() {
                break;
            }
        }
        outcomes
    }

    async fn attempt(&self, versions: &[&Version]) -> Vec<Outcome> {
        let all = |outcome: Outcome| vec![outcome; versions.len()];
        let Some(signed) = &self.cloud.signed else { return all(Outcome::Failed("there is no way to ask".into())) };
        let keys: Vec<String> =
            versions.iter().map(|version| format!("{}{}", self.cloud.prefix, version.key)).collect();
        let objects = keys.iter().zip(versions).map(|(key, version)| {
            format!("<Object><Key>{}</Key><VersionId>{}</VersionId></Object>", escape(key), escape(&*version.id))
        });
        let objects: String = objects.collect();
        let body = format!("<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">{objects}</Delete>");
        let reply = match signed.post("?delete=", body).await {
            Ok(reply) => reply,
            Err(why) => return all(Outcome::Unknown(why)),
        };
        match reply.status {
            status if status.is_success() => {}
            StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED => {
                return all(Outcome::Failed("no permission (s3:DeleteObjectVersion)".into()));
            }
            status if status.is_server_error() => return all(Outcome::Unknown(format!("the store answered {status}"))),
            status => return all(Outcome::Failed(format!("the store answered {status}"))),
        }
        let answer = answer::parse(&reply.body);
        let outcome =
            |(key, version): (&String, &&Version)| match answer.versions.get(&(key.clone(), version.id.to_string())) {
                None if answer.keys.get(key) == Some(&Said::Deleted) => Outcome::Failed(NOT_BY_ID.into()),
                said => batch::told(said),
            };
        keys.iter().zip(versions).map(outcome).collect()
    }
}
