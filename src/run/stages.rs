//! The stages of a run: pointers go before what they point to, and nothing goes while a pointer to it stays.

use super::{Order, Stop};
use crate::collect::mark::mark;
use crate::collect::outcome::{Outcome, Outcomes};
use crate::collect::plan::{Plan, Stage, still_goes};
use crate::collect::report::Scan;
use crate::collect::roots::{Reason, Root, roots};
use crate::event::{Event, Observer, Phase};
use crate::storage::sweep::Sweeper;

pub(super) async fn carry_out(
    sweeper: &Sweeper<'_>,
    plan: &Plan,
    scan: &mut Scan,
    outcomes: &mut Outcomes,
    order: &Order,
    observer: &dyn Observer,
    stop: &Stop,
) {
    let mut staying = scan.staying.clone();
    for stage in Stage::ALL {
        let total = plan.deletions().iter().filter(|deletion| deletion.stage == stage).count();
        if total == 0 {
            continue;
        }
        observer.notice(Event::Begin(Phase::Delete(stage), Some(total as u64)));
        for level in levels(plan, stage) {
            let keys: Vec<(usize, &str)> = plan
                .deletions()
                .iter()
                .enumerate()
                .filter(|(index, deletion)| {
                    deletion.stage == stage
                        && deletion.level == level
                        && *outcomes.get(*index) == Outcome::NotAttempted
                        && still_goes(deletion, &scan.graph, &scan.marks)
                })
                .map(|(index, deletion)| (index, deletion.key.as_str()))
                .collect();
            let tell = |batch: &[(usize, Outcome)]| {
                for (index, outcome) in batch {
                    let deletion = &plan.deletions()[*index];
                    outcomes.set(*index, outcome.clone());
                    if *outcome == Outcome::Deleted {
                        observer.notice(Event::Deleted(deletion));
                    }
                    observer.notice(Event::Progress(1, deletion.evidence.size));
                }
            };
            sweeper.delete(&keys, || !stop.is_requested(), tell).await;
            if stop.is_requested() {
                observer.notice(Event::End);
                return;
            }
            if stage.is_pointer() {
                keep_what_stays(plan, stage, level, outcomes, &mut staying, scan, order);
            }
        }
        observer.notice(Event::End);
    }
}

fn levels(plan: &Plan, stage: Stage) -> Vec<u32> {
    let of_stage = plan.deletions().iter().filter(|deletion| deletion.stage == stage);
    let mut levels: Vec<u32> = of_stage.map(|deletion| deletion.level).collect();
    levels.dedup();
    levels
}

/// A pointer that may still be there is a root again, with all that needs: without this, a tag that could not be deleted
/// would lose its layers. What follows is judged anew.
fn keep_what_stays(
    plan: &Plan,
    stage: Stage,
    level: u32,
    outcomes: &Outcomes,
    staying: &mut Vec<Root>,
    scan: &mut Scan,
    order: &Order,
) {
    let before = staying.len();
    for (deletion, outcome) in outcomes.with(plan) {
        if deletion.stage != stage || deletion.level != level || !outcome.may_still_be_there() {
            continue;
        }
        let repository = deletion.repository.as_ref().map(|(at, _)| *at);
        for digest in [&deletion.digest, &deletion.alias].into_iter().flatten() {
            staying.push(Root { repository, digest: digest.clone(), reason: Reason::PointerStays });
        }
    }
    if staying.len() > before {
        let mut all = roots(&scan.inventory, &scan.graph, &order.options, scan.now);
        all.extend(staying.iter().cloned());
        scan.marks = mark(&scan.inventory, &mut scan.graph, &all);
    }
}
