//! Deleting old versions and delete markers for good, each by its id.

use super::answer::{self, Said};
use super::batch;
use crate::collect::outcome::Outcome;
use crate::collect::versions::Version;
use crate::collect::versions::shown::Shown;
use crate::model::Timestamp;
use crate::storage::backend::Backend;
use crate::storage::cloud::Cloud;
use crate::storage::open::Opened;
use crate::storage::signed::{NoAnswer, is_busy};
use futures::{StreamExt, stream};
use http::StatusCode;
use quick_xml::escape::escape;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// That old versions may go was asked, and the answer was yes. Only who asks can make it, and only it arms a [`Purger`].
#[derive(Debug)]
pub struct ApprovedPurge {
    /// What has been old since then, or before, may go.
    pub before: Timestamp,
    /// What was told of: nothing else goes.
    pub shown: Shown,
}

/// What can delete old versions.
#[derive(Debug)]
pub struct Purger<'a> {
    cloud: &'a Cloud,
    shown: &'a Shown,
    goes_by_ids: AtomicBool,
    names_ids: AtomicBool,
}

/// Why nothing more is deleted on a store that does not say that it went by the id: it may have deleted what was current.
pub const NOT_BY_ID: &str = "the store does not say that it deleted this version, and no other";

/// How many batches are on their way at a time.
const BATCHES_IN_FLIGHT: usize = 4;
/// How often a version is tried of which the store's answer told nothing: its id is no other's, so that is safe.
const TRIES: u32 = 4;
/// Before the second try; before each later one four times as long.
const FIRST_WAIT: Duration = Duration::from_millis(200);

impl<'a> Purger<'a> {
    /// Arms it; none where the store has no versions to delete.
    #[must_use]
    pub fn arm(opened: &'a Opened, approved: &'a ApprovedPurge) -> Option<Self> {
        match opened {
            Opened::Cloud(cloud) if matches!(cloud.backend, Backend::S3(_)) => Some(Self {
                cloud,
                shown: &approved.shown,
                goes_by_ids: AtomicBool::new(false),
                names_ids: AtomicBool::new(false),
            }),
            _ => None,
        }
    }

    /// Whether an answer has said that a version is gone by its id: until then nobody knows what the store would delete.
    #[must_use]
    pub fn goes_by_ids(&self) -> bool {
        self.goes_by_ids.load(Ordering::SeqCst)
    }

    /// Whether an answer has named a version by its id at all, if only to say that it was refused.
    #[must_use]
    pub fn names_ids(&self) -> bool {
        self.names_ids.load(Ordering::SeqCst)
    }

    /// Deletes versions by their ids; an outcome for each, in order.
    ///
    /// `go_on` is asked before each batch, and before one is sent again.
    pub async fn delete(&self, versions: &[Version], go_on: impl Fn() -> bool + Sync) -> Vec<Outcome> {
        let go_on = &go_on;
        let chunks = versions.chunks(batch::batch_size(&self.cloud.backend));
        let batches: Vec<_> = chunks.map(|chunk| self.settled(chunk, go_on)).collect();
        stream::iter(batches).buffered(BATCHES_IN_FLIGHT).collect::<Vec<_>>().await.concat()
    }

    async fn settled(&self, versions: &[Version], go_on: &(impl Fn() -> bool + Sync)) -> Vec<Outcome> {
        let mut outcomes = vec![Outcome::NotAttempted; versions.len()];
        let mut open: Vec<usize> = (0..versions.len()).collect();
        open.retain(|at| {
            let is_shown = self.shown.has(&versions[*at]);
            if !is_shown {
                outcomes[*at] = Outcome::Failed("it was never shown".into());
            }
            is_shown
        });
        let mut wait = FIRST_WAIT;
        for attempt in 1..=TRIES {
            if open.is_empty() || !go_on() {
                break;
            }
            let asked: Vec<&Version> = open.iter().map(|at| &versions[*at]).collect();
            let (heard, attempted) = self.attempt(&asked, go_on).await;
            let is_by_id = !attempted.contains(&Outcome::Failed(NOT_BY_ID.into()));
            for (at, outcome) in open.iter().zip(attempted) {
                outcomes[*at] = outcome;
            }
            open.retain(|at| matches!(outcomes[*at], Outcome::Unknown(_)));
            // Where no answer came at all it was waited for long enough.
            if !heard || !is_by_id || open.is_empty() || attempt == TRIES {
                break;
            }
            tokio::time::sleep(wait).await;
            wait *= 4;
        }
        outcomes
    }

    /// Whether the store answered, and what of each.
    async fn attempt(&self, versions: &[&Version], go_on: &(dyn Fn() -> bool + Sync)) -> (bool, Vec<Outcome>) {
        let all = |heard: bool, outcome: Outcome| (heard, vec![outcome; versions.len()]);
        let Some(signed) = &self.cloud.signed else {
            return all(true, Outcome::Failed("there is no way to ask".into()));
        };
        let keys: Vec<String> =
            versions.iter().map(|version| format!("{}{}", self.cloud.prefix, version.key)).collect();
        let objects = keys.iter().zip(versions).map(|(key, version)| {
            format!("<Object><Key>{}</Key><VersionId>{}</VersionId></Object>", escape(key), escape(&*version.id))
        });
        let objects: String = objects.collect();
        let body = format!("<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">{objects}</Delete>");
        let reply = match signed.post("?delete=", body, go_on).await {
            Ok(reply) => reply,
            Err(NoAnswer { why, may_be_heard: true }) => return all(false, Outcome::Unknown(why)),
            Err(NoAnswer { why, may_be_heard: false }) => return all(false, Outcome::Failed(why)),
        };
        match reply.status {
            status if status.is_success() => {}
            StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED => {
                return all(true, Outcome::Failed("no permission (s3:DeleteObjectVersion)".into()));
            }
            status if is_busy(status) => {
                return all(false, Outcome::Unknown(format!("the store answered {status}")));
            }
            status => return all(true, Outcome::Failed(format!("the store answered {status}"))),
        }
        let answer = answer::parse(&reply.body);
        let outcome =
            |(key, version): (&String, &&Version)| match answer.versions.get(&(key.clone(), version.id.to_string())) {
                None if answer.keys.get(key) == Some(&Said::Deleted) => Outcome::Failed(NOT_BY_ID.into()),
                None => batch::told(None),
                said => {
                    self.names_ids.fetch_or(said.is_some(), Ordering::SeqCst);
                    self.goes_by_ids.fetch_or(said == Some(&Said::Deleted), Ordering::SeqCst);
                    batch::told(said)
                }
            };
        (true, keys.iter().zip(versions).map(outcome).collect())
    }
}
