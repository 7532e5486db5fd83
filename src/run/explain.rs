//! What rules have to know of one repository, read from its storage: no other is looked at, and nothing is written.

use super::list::Listing;
use super::outlines::Outlines;
use super::reading::{Found, Reading};
use super::{Order, retain};
use crate::collect::image_pattern::ImagePattern;
use crate::collect::inventory::Repository;
use crate::error::Result;
use crate::event::Observer;
use crate::model::Timestamp;
use crate::retention::facts::RepositoryFacts;
use crate::retention::gather::{self, undecided};
use crate::retention::judge::judge;
use crate::retention::policy::Policy;
use crate::storage::reader::Storage;

/// A repository, and its facts: those that the policy asks for at this time.
///
/// # Errors
/// If there is no such repository, or the storage cannot be listed or read.
pub async fn facts(
    storage: &dyn Storage,
    image: &ImagePattern,
    (policy, at): (&Policy, Timestamp),
    order: &Order,
    observer: &dyn Observer,
) -> Result<Vec<(Repository, RepositoryFacts)>> {
    let listing = Listing { storage, concurrency: order.concurrency, observer };
    let inventory = listing.repositories(image, |_| true).await?;
    let reading = Reading::begin(storage, order, Outlines::of(&policy.rules), observer).await;
    let Found { graph, mut outlines, .. } = reading.finish(&inventory).await?;
    let mut all = Vec::new();
    for repository in inventory.repositories {
        let mut facts = gather::facts(&repository, &graph, policy.rule_for(repository.name.as_str()));
        let judgement = judge(policy, &facts, at);
        let wanted: Vec<_> = undecided(&facts, &judgement).map(|(_, digest)| digest.clone()).collect();
        if !wanted.is_empty() {
            outlines.complete(storage, wanted, order, observer).await?;
            retain::learn(&mut facts, &judgement, &outlines);
        }
        all.push((repository, facts));
    }
    Ok(all)
}
