//! Looking at what goes and was not looked at while it was listed.

use crate::collect::plan::Deletion;
use crate::error::{Error, ErrorKind, Result};
use crate::storage::reader::Storage;

/// Gives every deletion its evidence. What is not there does not go.
///
/// # Errors
/// If something is there and cannot be looked at.
pub(super) async fn looked_at(storage: &dyn Storage, mut deletions: Vec<Deletion>) -> Result<Vec<Deletion>> {
    if storage.local().is_none() || deletions.iter().all(|deletion| deletion.evidence.was_looked_at()) {
        return Ok(deletions);
    }
    let storage = storage.shared();
    let look = tokio::task::spawn_blocking(move || {
        let Some(local) = storage.local() else { return Ok(deletions) };
        let mut failed = Ok(());
        deletions.retain_mut(|deletion| {
            if deletion.evidence.was_looked_at() {
                return true;
            }
            match local.look_now(&deletion.key) {
                Ok(Some(evidence)) => {
                    deletion.evidence = evidence;
                    true
                }
                Ok(None) => false,
                Err(error) => {
                    failed = Err(error);
                    true
                }
            }
        });
        failed.map(|()| deletions)
    });
    look.await.map_err(|error| Error::new(ErrorKind::Bug, "look at files").caused_by(error))?
}
