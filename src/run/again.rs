//! Looking at repositories again while the registry serves pushes: what changed or is needed by now leaves the plan.

use super::{Order, marking, reading, scan};
use crate::collect::inventory::{Inventory, Repository};
use crate::collect::listing::Builder;
use crate::collect::outcome::{Outcome, Outcomes};
use crate::collect::plan::{Deletion, Plan, Stage};
use crate::collect::pointers::plan_pointers;
use crate::collect::report::Scan;
use crate::collect::roots::{Root, roots};
use crate::error::Result;
use crate::event::{Event, Observer, Phase};
use crate::layout;
use crate::model::Digest;
use crate::storage::reader::{Area, Storage};
use futures::{StreamExt, TryStreamExt, stream};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Instant;

/// How many looks at single keys at a time.
const LOOKS_IN_FLIGHT: usize = 16;

/// Which repositories to look at.
#[derive(Debug, Clone)]
pub(super) enum Look {
    /// All of them.
    All,
    /// These, by their index in the inventory.
    At(BTreeSet<usize>),
}

impl Look {
    /// Those that are about to lose something; all, if these are most.
    pub(super) fn at_losers(plan: &Plan, inventory: &Inventory) -> Self {
        let at: BTreeSet<usize> = plan.deletions().repositories().collect();
        if at.len() * 2 > inventory.repositories.len() { Self::All } else { Self::At(at) }
    }
}

/// Lists repositories again, reads what is new, and marks anew. Tells when the listing began.
///
/// What other repositories were found to hold stays as it was; repositories that are new are added, so every number of a
/// repository stays what it is.
pub(super) async fn look(
    storage: &dyn Storage,
    scan: &mut Scan,
    look: Look,
    staying: &[Root],
    order: &Order,
    observer: &dyn Observer,
) -> Result<Instant> {
    let began = Instant::now();
    observer.notice(Event::Begin(Phase::Recheck, None));
    let (lists, covered) = match &look {
        Look::All => (vec![storage.list(Area::Repositories)], vec![layout::REPOSITORIES.to_owned()]),
        Look::At(at) => {
            let prefixes = outermost(at.iter().map(|at| layout::repository(&scan.inventory.repositories[*at].name)));
            (prefixes.iter().map(|prefix| storage.list_prefix(prefix.clone())).collect(), prefixes)
        }
    };
    let mut builder = Builder::new(storage.proof()).shelving(order.shelf.clone());
    for mut pages in lists {
        while let Some(page) = pages.try_next().await? {
            if !storage.proof().cheap_reads {
                builder.turn_page();
            }
            page.entries().for_each(|entry| _ = builder.see(&entry));
            observer.notice(Event::Progress(page.len() as u64, 0));
        }
    }
    let fresh = scan::links(storage, builder.finish(), order, scan.now, observer).await?;
    merge(&mut scan.inventory, fresh, &covered);
    scan.graph.learn_links(&scan.inventory);
    manifests_and_marks(storage, scan, staying, order, observer).await?;
    observer.notice(Event::End);
    Ok(began)
}

/// Reads manifests that are not known so far, and marks anew.
pub(super) async fn manifests_and_marks(
    storage: &dyn Storage,
    scan: &mut Scan,
    staying: &[Root],
    order: &Order,
    observer: &dyn Observer,
) -> Result<()> {
    reading::new_manifests(storage, &mut scan.graph, &scan.inventory, order, observer).await?;
    let mut all = roots(&scan.inventory, &scan.graph, &order.options, &scan.dismissed, scan.now);
    all.add_all(staying.iter().cloned(), &scan.graph);
    let known = (&scan.inventory, &mut scan.graph, &scan.dismissed);
    scan.marks = marking::marks(storage, known, &mut all, &scan.taken, order, observer).await?;
    Ok(())
}

/// Repositories nest: a prefix that is listed covers what is below it, and is not listed again.
pub(super) fn outermost(prefixes: impl Iterator<Item = String>) -> Vec<String> {
    let mut sorted: Vec<String> = prefixes.collect();
    sorted.sort();
    let mut outermost: Vec<String> = Vec::new();
    for prefix in sorted {
        if !outermost.iter().any(|covered| prefix.starts_with(covered)) {
            outermost.push(prefix);
        }
    }
    outermost
}

fn merge(inventory: &mut Inventory, fresh: Inventory, covered: &[String]) {
    let is_covered = |repository: &Repository| {
        let prefix = layout::repository(&repository.name);
        covered.iter().any(|covered| prefix.starts_with(covered))
    };
    let mut fresh_ones: HashMap<String, Repository> =
        fresh.repositories.into_iter().map(|repository| (repository.name.to_string(), repository)).collect();
    for repository in &mut inventory.repositories {
        if let Some(found) = fresh_ones.remove(repository.name.as_str()) {
            *repository = found;
        } else if is_covered(repository) {
            *repository = Repository::new(repository.name.clone());
        }
    }
    let mut new: Vec<Repository> = fresh_ones.into_values().collect();
    new.sort_by(|a, b| a.name.cmp(&b.name));
    inventory.repositories.extend(new);
    inventory.strangers.extend(fresh.strangers);
    inventory.strangers.sort();
    inventory.strangers.dedup();
}

/// Takes out of the plan what would not be planned any more: pointers and uploads that changed or that something needs
/// now; content that something needs, or that a pointer names which does not go as well.
pub(super) async fn trim(
    storage: &dyn Storage,
    plan: &Plan,
    scan: &Scan,
    outcomes: &mut Outcomes,
    order: &Order,
) -> Result<()> {
    let planned = plan_pointers(&scan.inventory, &scan.graph, &scan.marks, &order.options, &scan.dismissed, scan.now);
    let planned = Plan::new(planned);
    let is_open = |number: &usize| *outcomes.get(*number) == Outcome::NotAttempted;
    let content: Vec<usize> = plan.of_stage(Stage::Blob).filter(is_open).collect();
    let digest_of = |number: usize| plan.deletions().get(number).digest;
    let digests: Vec<Digest> = content.iter().filter_map(|number| digest_of(*number)).collect();
    let digests: HashSet<&Digest> = digests.iter().collect();
    let mut pointers: HashMap<String, Vec<Digest>> = HashMap::new();
    for (key, digest) in scan.inventory.pointers_to(&digests) {
        pointers.entry(key).or_default().push(digest);
    }
    // Both plans are walked side by side, in the order of stage and key.
    let mut candidates = planned.by_key().map(|number| planned.deletions().get(number)).peekable();
    let mut others = Vec::new();
    for number in plan.by_key().filter(is_open).filter(|number| plan.deletions().stage(*number) != Stage::Blob) {
        let deletion = plan.deletions().get(number);
        let place = (deletion.stage, &deletion.key);
        while candidates.next_if(|other| (other.stage, &other.key) < place).is_some() {}
        // No listing shows parts: what came of these is looked at when they go.
        let is_same = |other: &Deletion| {
            (other.stage, &other.key) == place && other.upload_id.is_none() && other.evidence == deletion.evidence
        };
        if deletion.upload_id.is_some() || candidates.peek().is_some_and(is_same) {
            pointers.remove(&deletion.key);
        } else {
            others.push(number);
        }
    }
    // What is not planned any more has changed, or went by another's hand. An absence in a listing alone proves nothing.
    let looks = others.into_iter().map(|number| async move {
        storage.exists(&plan.deletions().get(number).key).await.map(|is_there| (number, is_there))
    });
    let looks: Vec<_> = looks.collect();
    let looked: Vec<(usize, bool)> = stream::iter(looks).buffer_unordered(LOOKS_IN_FLIGHT).try_collect().await?;
    for (index, is_there) in looked {
        outcomes.set(index, if is_there { Outcome::Changed } else { Outcome::AlreadyGone });
    }
    let pointed: HashSet<Digest> = pointers.into_values().flatten().collect();
    for number in content {
        let stays = digest_of(number)
            .is_none_or(|digest| scan.marks.anywhere(scan.graph.id(&digest)).is_some() || pointed.contains(&digest));
        if stays {
            outcomes.set(number, Outcome::Changed);
        }
    }
    Ok(())
}
