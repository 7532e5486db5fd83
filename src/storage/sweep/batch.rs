//! Deleting from object stores, in the largest batches they take.

use super::answer::{self, Answer, Said};
use crate::collect::outcome::Outcome;
use crate::collect::store_keeps::How;
use crate::storage::backend::Backend;
use crate::storage::cloud::Cloud;
use crate::storage::explain;
use crate::storage::transport::{ANSWER, AnswerSink};
use futures::{StreamExt, stream};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

/// The largest batch of a store.
pub(super) fn batch_size(backend: &Backend) -> usize {
    match backend {
        Backend::S3(_) => 1000,
        Backend::Azure(_) => 256,
        Backend::Gcs(_) => 1,
    }
}

/// Deletes one batch; an outcome for each key, in order.
pub(super) async fn delete(cloud: &Cloud, keys: &[&str]) -> Vec<Outcome> {
    let mut outcomes = vec![Outcome::NotAttempted; keys.len()];
    let (mut places, mut paths) = (Vec::with_capacity(keys.len()), Vec::with_capacity(keys.len()));
    for (place, key) in keys.iter().enumerate() {
        match cloud.path(key) {
            Ok(path) => {
                places.push(place);
                paths.push(path);
            }
            Err(error) => outcomes[place] = Outcome::Failed(error.to_string()),
        }
    }
    for (place, outcome) in places.into_iter().zip(delete_paths(cloud, paths).await) {
        outcomes[place] = outcome;
    }
    outcomes
}

async fn delete_paths(cloud: &Cloud, paths: Vec<Path>) -> Vec<Outcome> {
    if paths.is_empty() {
        return Vec::new();
    }
    match &cloud.backend {
        Backend::S3(store) => bulk(cloud, Arc::new(store.clone()), paths).await,
        Backend::Azure(store) => bulk(cloud, Arc::new(store.clone()), paths).await,
        Backend::Gcs(store) => {
            let mut outcomes = Vec::with_capacity(paths.len());
            for path in &paths {
                outcomes.push(match store.delete(path).await {
                    Ok(()) => Outcome::Deleted,
                    Err(error) => outcome_of(&error),
                });
            }
            outcomes
        }
    }
}

/// What an error means for the one key, or the whole batch, that it is about.
pub(super) fn outcome_of(error: &object_store::Error) -> Outcome {
    let text = explain::chain(error);
    let why = explain::code(&text).unwrap_or_else(|| explain::shortened(&text));
    match error {
        object_store::Error::NotFound { .. } => Outcome::AlreadyGone,
        // The store has answered, and refused.
        object_store::Error::PermissionDenied { .. } => Outcome::Failed(format!("{why} (403)")),
        object_store::Error::Unauthenticated { .. } => Outcome::Failed(format!("{why} (401)")),
        object_store::Error::Precondition { .. }
        | object_store::Error::NotSupported { .. }
        | object_store::Error::NotImplemented { .. }
        | object_store::Error::InvalidPath { .. } => Outcome::Failed(why),
        // Perhaps it obeyed before the answer was lost.
        _ => Outcome::Unknown(why),
    }
}

/// One request for many keys.
///
/// It runs as a task of its own, so that a panic in the client is one batch of which nobody knows, and not the end of the
/// run.
async fn bulk(cloud: &Cloud, store: Arc<dyn ObjectStore>, paths: Vec<Path>) -> Vec<Outcome> {
    let sink = AnswerSink::default();
    let asked = paths.clone();
    let scope = Arc::clone(&sink);
    let task = tokio::spawn(async move {
        let input = stream::iter(asked.into_iter().map(Ok)).boxed();
        ANSWER.scope(scope, store.delete_stream(input).collect::<Vec<_>>()).await
    });
    let results = task.await;
    let heard = sink.lock().unwrap_or_else(PoisonError::into_inner).take();
    match (heard, &cloud.backend) {
        (Some(body), Backend::S3(_)) => {
            let answer = answer::parse(&body);
            if answer.leaves_markers {
                cloud.hear_delete(Some(How::Versioning));
            }
            return by_answer(&paths, &answer);
        }
        (Some(body), _) => {
            if let Some(is_kept) = answer::is_kept_by_azure(&body) {
                cloud.hear_delete(is_kept.then_some(How::SaidByAnswers));
            }
        }
        (None, _) => {}
    }
    match results {
        Ok(results) => by_results(&paths, results),
        Err(error) => vec![Outcome::Unknown(format!("the client failed: {error}")); paths.len()],
    }
}

fn by_answer(paths: &[Path], answer: &Answer) -> Vec<Outcome> {
    paths.iter().map(|path| told(answer.keys.get(path.as_ref()))).collect()
}

/// What the store's answer means for one of those that were asked for.
pub(super) fn told(said: Option<&Said>) -> Outcome {
    match said {
        Some(Said::Deleted) => Outcome::Deleted,
        Some(Said::Error { code, .. }) if code == "NoSuchKey" || code == "NoSuchVersion" => Outcome::AlreadyGone,
        // These are the store's own troubles: it may have obeyed all the same.
        Some(Said::Error { code, .. })
            if matches!(code.as_str(), "InternalError" | "SlowDown" | "ServiceUnavailable") =>
        {
            Outcome::Unknown(code.clone())
        }
        Some(Said::Error { code, message }) => {
            Outcome::Failed(explain::shortened(&format!("{code} {message}")).trim().into())
        }
        None => Outcome::Unknown("the store's answer does not name it".into()),
    }
}

/// Results are matched by key, never by position: a refused batch is one error for all of its keys.
fn by_results(paths: &[Path], results: Vec<object_store::Result<Path>>) -> Vec<Outcome> {
    let mut confirmed: HashMap<String, Outcome> = HashMap::new();
    let mut rest = Outcome::Unknown("the store's answer does not name this key".into());
    for result in results {
        match result {
            Ok(path) => {
                confirmed.insert(path.into(), Outcome::Deleted);
            }
            Err(object_store::Error::NotFound { path, .. }) => {
                confirmed.insert(path, Outcome::AlreadyGone);
            }
            Err(error) => rest = outcome_of(&error),
        }
    }
    // One refused key says nothing about its neighbours, unless nothing at all was confirmed.
    if !confirmed.is_empty()
        && let Outcome::Failed(why) = &rest
    {
        rest = Outcome::Unknown(why.clone());
    }
    paths.iter().map(|path| confirmed.remove(path.as_ref()).unwrap_or_else(|| rest.clone())).collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn paths() -> Vec<Path> {
        ["a", "b", "c"].into_iter().map(|key| Path::parse(key).unwrap()).collect()
    }

    fn denied(path: &str) -> object_store::Error {
        object_store::Error::PermissionDenied { path: path.into(), source: "<Code>AccessDenied</Code>".into() }
    }

    #[test]
    fn refused_batch_fails_every_key() {
        let outcomes = by_results(&paths(), vec![Err(denied("a,b,c"))]);
        assert_eq!(outcomes, vec![Outcome::Failed("AccessDenied (403)".into()); 3]);
    }

    #[test]
    fn confirmed_keys_are_matched_by_name() {
        let missing = object_store::Error::NotFound { path: "a".into(), source: "x".into() };
        let outcomes = by_results(&paths(), vec![Ok(Path::from("c")), Err(missing), Err(denied("b"))]);
        assert_eq!(outcomes, [Outcome::AlreadyGone, Outcome::Unknown("AccessDenied (403)".into()), Outcome::Deleted]);
    }

    #[test]
    fn silence_confirms_nothing() {
        assert!(
            by_answer(&paths(), &answer::parse(b"<DeleteResult/>"))
                .iter()
                .all(|outcome| matches!(outcome, Outcome::Unknown(_)))
        );
        assert!(by_results(&paths(), Vec::new()).iter().all(|outcome| matches!(outcome, Outcome::Unknown(_))));
    }
}
