//! On a file system a directory stays when everything in it is gone, and the registry goes on listing it.

use super::work::Work;
use crate::collect::decide::DeleteReason;
use crate::collect::plan::Stage;
use crate::layout::StorageKey;
use crate::model::{RepositoryName, Tag};
use crate::storage::sweep::remove_empty;
use std::borrow::Cow;
use std::collections::{BTreeSet, HashSet};

/// Removes what is left empty of dismissed tags and repositories: of this run's, and of those of runs that were killed.
pub(super) async fn remove_left_empty(work: &Work<'_>) {
    let of_tags = [Stage::Tag, Stage::TagHistory].map(|stage| work.plan.deletions().range(work.plan.of_stage(stage)));
    let dismissed = of_tags.into_iter().flatten().filter(|deletion| {
        matches!(deletion.reason, DeleteReason::Named | DeleteReason::Retention | DeleteReason::Dangling)
    });
    let unfinished = work.left.journals.iter().filter(|left| left.journal.done.is_none());
    let killed = unfinished.flat_map(|left| &left.journal.removed).map(|removed| Cow::Borrowed(removed.key.as_str()));
    let mut tags: BTreeSet<(RepositoryName, Tag)> = BTreeSet::new();
    let mut gone: BTreeSet<RepositoryName> = BTreeSet::new();
    let repositories = &work.scan.inventory.repositories;
    let listed: HashSet<&RepositoryName> = repositories.iter().map(|repository| &repository.name).collect();
    for key in dismissed.map(|deletion| Cow::Owned(deletion.key)).chain(killed) {
        if let StorageKey::TagCurrent { repository, tag } | StorageKey::TagHistory { repository, tag, .. } =
            StorageKey::parse(&key)
            && let (Some(name), Some(tag)) = (RepositoryName::new(repository), Tag::new(tag))
        {
            // One of which nothing is listed any more has nothing left to be listed for.
            if !listed.contains(&name) {
                gone.insert(name.clone());
            }
            tags.insert((name, tag));
        }
    }
    let whole = repositories.iter().enumerate().filter(|(at, _)| work.scan.dismissed.is_whole(*at));
    gone.extend(whole.map(|(_, repository)| repository.name.clone()));
    gone.extend(work.scan.hollow.iter().cloned());
    if !tags.is_empty() || !gone.is_empty() {
        remove_empty(work.opened, tags.into_iter().collect(), gone.into_iter().collect()).await;
    }
}
