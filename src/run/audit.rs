//! Where the bytes are: everything is looked at, and nothing is changed. What a collection would free is decided as a
//! collection decides it.

use super::left::Left;
use super::reading::{Found, Reading};
use super::survey::{forget_what_is_gone, judged_now};
use super::{Order, Retention, Stop, interrupted, marking, retain, scan};
use crate::collect::audit::census::{Census, Known, Needs, Seen, number_all_names};
use crate::collect::audit::class::Class;
use crate::collect::audit::compare::{OLD_VERSIONS, not_counted};
use crate::collect::audit::group::Groups;
use crate::collect::audit::report::{Findings, NotListed};
use crate::collect::audit::scenario::{Kind, Scenario};
use crate::collect::audit::storage_class::ByClass;
use crate::collect::blobs::Tally;
use crate::collect::dismissed::Dismissed;
use crate::collect::graph::Graph;
use crate::collect::inventory::Inventory;
use crate::collect::multipart::{Multipart, Multiparts};
use crate::collect::options::Options;
use crate::collect::pattern::Pattern;
use crate::collect::pointers::plan_pointers;
use crate::collect::problem::Problems;
use crate::collect::refusal::marked_manifests;
use crate::collect::refusal::{self, refusals};
use crate::collect::report::RefusalRow;
use crate::collect::roots;
use crate::collect::state::taken::Taken;
use crate::collect::store_keeps::{Deleted, StoreKeeps};
use crate::collect::versions::Amount;
use crate::error::{ErrorKind, Result};
use crate::event::{Event, Observer, Phase};
use crate::layout;
use crate::model::Timestamp;
use crate::storage::reader::{Area, Storage};
use futures::TryStreamExt;
use std::collections::BTreeMap;

/// What is asked.
#[derive(Debug, Clone, Default)]
pub struct Question {
    /// How repositories are grouped.
    pub groups: Option<Groups>,
    /// The repositories that are shown; none means all.
    pub repositories: Vec<Pattern>,
    /// What-if: these options, which have rules.
    pub policy: Option<Options>,
}

/// The answer.
#[derive(Debug)]
pub struct Answer {
    /// What was counted.
    pub findings: Findings,
    /// What the rules said, if there are any.
    pub retention: Option<Retention>,
    /// What is damaged or odd.
    pub problems: Problems,
    /// What could not be counted, in words.
    pub not_known: Vec<String>,
    /// What the store does with what is deleted.
    pub store_keeps: StoreKeeps,
    /// *Now*, as it was judged.
    pub now: Timestamp,
}

/// Looks at everything.
///
/// # Errors
/// If anything of the registry could not be listed or read for good, or the run is told to stop.
pub async fn audit(
    storage: &dyn Storage,
    left: &Left,
    order: &Order,
    question: &Question,
    observer: &dyn Observer,
    stop: &Stop,
) -> Result<Answer> {
    let audit = Audit { storage, left, order, question, observer };
    let look = async {
        loop {
            if let Some(answer) = audit.look_once().await? {
                return Ok(answer);
            }
        }
    };
    tokio::select! {
        answer = look => answer,
        () = stop.requested() => Err(interrupted()),
    }
}

#[derive(Clone, Copy)]
struct Audit<'a> {
    storage: &'a dyn Storage,
    left: &'a Left,
    order: &'a Order,
    question: &'a Question,
    observer: &'a dyn Observer,
}

impl Audit<'_> {
    async fn look_once(self) -> Result<Option<Answer>> {
        let Self { storage, left, order, question, observer } = self;
        let policy = question.policy.as_ref().map(|options| Order { options: options.clone(), ..order.clone() });
        let strictest = policy.as_ref().unwrap_or(order);
        let looked = order.now(storage);
        let mut seen = Seen::default();
        let mut reading = Reading::begin(storage, strictest, retain::outlines(strictest)?, observer).await;
        let see = |page: &crate::storage::page::Page| {
            page.entries_with_class().for_each(|(entry, class)| seen.see(&entry, class));
        };
        let asked = async { Ok(tokio::join!(storage.store_keeps(), storage.multiparts(order.concurrency))) };
        let (mut inventory, (store_keeps, multiparts)) = tokio::try_join!(reading.whole_repositories(see), asked)?;
        let parts = match &multiparts {
            Multiparts::None if storage.local().is_some() => Some(Tally::default()),
            Multiparts::None | Multiparts::NotKnown(_) => None,
            Multiparts::Known(all) => Some(Tally {
                count: all.len() as u64,
                bytes: all.iter().map(Multipart::bytes).fold(0, u64::saturating_add),
            }),
        };
        inventory.learn_multiparts(multiparts);
        let (now, _) = judged_now(storage, order);
        let mut inventory = scan::links(storage, inventory, order, now, observer).await?;
        let Found { mut graph, mut outlines, remembered } = reading.finish(&inventory).await?;

        observer.notice(Event::Begin(Phase::Mark, None));
        number_all_names(&inventory, &mut graph);
        let untagged = Order { options: Options { delete_untagged: true, ..order.options.clone() }, ..order.clone() };
        let nothing = Dismissed::default();
        // One after the other, and the largest last: no two of them are held in full.
        let known = (&inventory, &mut graph, &nothing);
        let mut scenarios = vec![self.scenario(Kind::Untagged, known, &untagged, now).await?.in_brief()];
        let mut retention = None;
        if let Some(policy) = &policy {
            let mut dismissed = Dismissed::default();
            let known = (&inventory, &graph, &mut outlines);
            retention = retain::dismiss(storage, known, &mut dismissed, policy, (now, looked), observer).await?;
            dismissed.complete(&inventory, &mut graph, &policy.options, now);
            let without = (&inventory, &mut graph, &dismissed);
            scenarios.push(self.scenario(Kind::Policy, without, policy, now).await?.in_brief());
        }
        drop(outlines);
        let needs = Needs::of(&inventory, &mut graph);
        let known = (&inventory, &mut graph, &nothing);
        scenarios.insert(0, self.scenario(Kind::Collection, known, order, now).await?);
        let mut problems = std::mem::take(&mut inventory.problems);
        problems.extend(roots::problems(&inventory, &graph, &order.options));
        let (graph, record) = (&graph, &left.pending);
        let known = Known { inventory: &inventory, graph, needs: &needs, scenarios: &scenarios, record, now };
        let mut census = Census::new(known, seen);
        observer.notice(Event::End);

        self.list_blobs(&mut census).await?;
        if forget_what_is_gone(storage, graph, |id| census.is_listed(id), &remembered, order).await? {
            return Ok(None);
        }
        let mut against = refusal::Findings {
            location: order.location.clone(),
            harbor: order.harbor,
            both_key_forms: storage.has_both_key_forms(),
            ..refusal::Findings::default()
        };
        against.count(&inventory);
        let mut not_known = self.list_elsewhere(&mut census, &mut against).await?;
        let is_shown = |name: &str| {
            question.repositories.is_empty() || question.repositories.iter().any(|pattern| pattern.matches(name))
        };
        let mut findings = census.finish(question.groups.as_ref(), is_shown);
        let hidden = self.list_versions(&store_keeps, &mut not_known).await?;
        findings.not_listed = NotListed { multipart_uploads: parts, ..hidden };
        tell_refusals(&mut findings, against, &scenarios);
        Ok(Some(Answer { findings, retention, problems, not_known, store_keeps, now }))
    }

    async fn scenario(
        self,
        kind: Kind,
        (inventory, graph, dismissed): (&Inventory, &mut Graph, &Dismissed),
        order: &Order,
        now: Timestamp,
    ) -> Result<Scenario> {
        let options = order.options.clone();
        let journals = self.left.journals.iter();
        let taken: Vec<Taken> = journals.flat_map(|left| Taken::among(&left.journal.removed)).collect();
        let mut roots = roots::roots(inventory, graph, &options, dismissed, now);
        let known = (inventory, &mut *graph, dismissed);
        let marks = marking::marks(self.storage, known, &mut roots, &taken, order, self.observer).await?;
        let pointers = plan_pointers(inventory, graph, &marks, &options, dismissed, now);
        let marked_manifests = marked_manifests(inventory, graph, &marks);
        Ok(Scenario { kind, options, marks, marked_manifests, pointers: pointers.iter().collect() })
    }

    async fn list_blobs(self, census: &mut Census<'_>) -> Result<()> {
        self.observer.notice(Event::Begin(Phase::ListBlobs, None));
        let mut pages = self.storage.list_all(Area::Blobs);
        while let Some(page) = pages.try_next().await? {
            let mut bytes: u64 = 0;
            for (entry, class) in page.entries_with_class() {
                bytes = bytes.saturating_add(entry.size);
                census.see_blob(&entry, class);
            }
            self.observer.notice(Event::Progress(page.len() as u64, bytes));
        }
        self.observer.notice(Event::End);
        Ok(())
    }

    /// What a versioned bucket keeps beside what a listing shows.
    async fn list_versions(self, keeps: &StoreKeeps, not_known: &mut Vec<String>) -> Result<NotListed> {
        let nothing = Some(Tally::default());
        let none = NotListed {
            noncurrent_versions: nothing,
            noncurrent_storage_classes: Some(BTreeMap::new()),
            delete_markers: nothing,
            ..NotListed::default()
        };
        if matches!(keeps.deleted, Deleted::Freed) {
            return Ok(none);
        }
        let Some(mut pages) = self.storage.versions("") else { return Ok(NotListed::default()) };
        self.observer.notice(Event::Begin(Phase::ListVersions, None));
        let mut hidden = Amount::default();
        let mut stored = ByClass::default();
        loop {
            match pages.try_next().await {
                Ok(None) => break,
                Ok(Some(page)) => {
                    for version in page.iter().filter(|version| version.is_marker || !version.is_latest) {
                        hidden.add(version);
                        if !version.is_marker {
                            stored.add(version.storage_class.as_deref(), version.size);
                        }
                    }
                    self.observer.notice(Event::Progress(page.len() as u64, 0));
                }
                // Whoever may not list them is told so; nobody's audit fails for that.
                Err(error) if error.kind() != ErrorKind::Untrustworthy => {
                    not_known.push(not_counted(OLD_VERSIONS, &error.to_string()));
                    return Ok(NotListed::default());
                }
                Err(error) => return Err(error),
            }
        }
        self.observer.notice(Event::End);
        let markers = Tally { count: hidden.delete_markers, bytes: 0 };
        Ok(NotListed {
            noncurrent_versions: Some(hidden.noncurrent_versions),
            noncurrent_storage_classes: Some(stored.finish()),
            delete_markers: Some(markers),
            ..none
        })
    }

    /// What is not the registry's may be hidden from us: then it is said so.
    async fn list_elsewhere(self, census: &mut Census<'_>, against: &mut refusal::Findings) -> Result<Vec<String>> {
        let mut not_known = Vec::new();
        if self.storage.has_both_key_forms() {
            let keys = "keys that begin with a slash beside others that do not";
            not_known.push(not_counted(keys, "only one kind is counted"));
        }
        self.observer.notice(Event::Begin(Phase::ListElsewhere, None));
        let mut pages = self.storage.list_elsewhere();
        loop {
            match pages.try_next().await {
                Ok(None) => break,
                Ok(Some(page)) => {
                    for (entry, class) in page.entries_with_class() {
                        against.database_lock |= entry.key == layout::DATABASE_LOCK;
                        against.scheduler_state |= entry.key == layout::SCHEDULER_STATE;
                        census.see_elsewhere(&entry, class);
                    }
                    let hidden = page.directories.iter();
                    not_known.extend(
                        hidden.map(|directory| not_counted(&format!("what is in {directory}"), "it may not be read")),
                    );
                    self.observer.notice(Event::Progress(page.len() as u64, 0));
                }
                Err(error) if error.kind() == ErrorKind::Permission => {
                    let why = format!("it may not be listed ({error})");
                    not_known.push(not_counted("what lies beside the registry", &why));
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        self.observer.notice(Event::End);
        Ok(not_known)
    }
}

/// What would be freed is not to be had where the run that frees it is refused.
fn tell_refusals(findings: &mut Findings, mut against: refusal::Findings, scenarios: &[Scenario]) {
    let content = Class::ALL.into_iter().filter(|class| class.is_content());
    against.blobs = content.filter_map(|class| findings.classes.get(class.name())).map(|tally| tally.count).sum();
    against.bytes = findings.bytes;
    // Rules are judged on the registry as it was found.
    let as_found = scenarios.first().map_or(0, |scenario| scenario.marked_manifests);
    for scenario in scenarios {
        let Some(after) = findings.after.get_mut(scenario.kind.name()) else { continue };
        let is_policy = scenario.kind == Kind::Policy;
        let marked_manifests = if is_policy { as_found } else { scenario.marked_manifests };
        let nothing_goes = after.planned.is_zero();
        let planned_bytes = after.freed.bytes;
        let against = refusal::Findings { marked_manifests, planned_bytes, nothing_goes, ..against.clone() };
        let row = |refusal: &refusal::Refusal| RefusalRow {
            code: refusal.code.name(),
            message: refusal.message.clone(),
            allow: refusal.allow(),
        };
        after.refusals = refusals(&against, &scenario.options).iter().map(row).collect();
    }
}
