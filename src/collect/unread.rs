//! What must be read to know what is needed.

use super::graph::Expectation;
use super::inventory::{Inventory, Target};
use super::keep_from::KeepFrom;
use crate::model::Digest;

/// Every digest that must be read to know what is needed, each once, in order.
#[must_use]
pub fn manifests_to_read(inventory: &Inventory, keep_from: &[KeepFrom]) -> Vec<(Digest, Expectation)> {
    let mut wanted: Vec<(Digest, Expectation)> = Vec::new();
    each_to_read(inventory, keep_from, |digest, expectation| wanted.push((digest.clone(), expectation)));
    wanted.sort_unstable_by(|a, b| (&a.0, is_lenient(a.1)).cmp(&(&b.0, is_lenient(b.1))));
    wanted.dedup_by(|a, b| a.0 == b.0);
    wanted
}

/// What is wanted for two reasons is wanted for the stricter one.
pub(super) fn is_lenient(expectation: Expectation) -> bool {
    expectation == Expectation::Perhaps
}

/// Tells of every digest that must be read to know what is needed, of some more than once.
pub(super) fn each_to_read(inventory: &Inventory, keep_from: &[KeepFrom], mut tell: impl FnMut(&Digest, Expectation)) {
    let suspects = inventory.repositories.iter().flat_map(|repository| &repository.suspects);
    let named = keep_from.iter().filter_map(|keep| match keep {
        KeepFrom::Digest(digest) | KeepFrom::Image(_, digest) => Some(digest),
        KeepFrom::Tag(..) => None,
    });
    let perhaps = suspects.chain(&inventory.strangers).chain(named);
    perhaps.for_each(|digest| tell(digest, Expectation::Perhaps));
    for repository in &inventory.repositories {
        // An unreadable tag may mean anything in its history, also what its repository does not link.
        let unreadable = repository.tags.values().filter(|entry| {
            let target = entry.current.as_ref().map(|current| &current.target);
            matches!(target, Some(Target::Unreadable(_)))
        });
        unreadable.flat_map(|entry| entry.history).for_each(|link| tell(&link.digest, Expectation::Perhaps));
        repository.revisions.names().for_each(|digest| tell(&digest, Expectation::Manifest));
        // Nearly every tag names a manifest that its repository links.
        repository.unlinked().iter().for_each(|digest| tell(digest, Expectation::Manifest));
    }
}
