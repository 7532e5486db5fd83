//! What remains: the risks that the specification admits are real, and no larger than it says.

use crate::assumptions::Assumptions;
use crate::check::{Bounds, all_hold, breaks, holds, modes};
use crate::protocol::Aside;
use crate::scenario::{CacheKind, Scenario};
use crate::scenes::*;

fn assuming(assumptions: Assumptions, scenario: Scenario) -> Scenario {
    Scenario { assumptions, ..scenario }
}

fn with_pushes_into_windows(scene: Scene, aside: Aside) -> Scenario {
    assuming(Assumptions { nobody_pushes_into_windows: false, ..Assumptions::ALL }, scene().aside(aside))
}

/// A push that brings back a waiting layer between the listing and the delete. In a bucket manifests go aside, layers not.
#[test]
fn finds_the_risk_that_remains_without_aside() {
    for defers in [false, true] {
        breaks(&with_pushes_into_windows(push_of_what_waits, Aside::Manifests).deferring(defers));
        holds(&with_pushes_into_windows(push_of_what_waits, Aside::All).deferring(defers));
        breaks(&with_pushes_into_windows(retag_of_what_waits, Aside::Nothing).deferring(defers));
        holds(&with_pushes_into_windows(retag_of_what_waits, Aside::Manifests).deferring(defers));
    }
}

/// A manifest whose links a client has deleted is in no journal and in no scan: it does not go aside in a bucket, and a
/// single PUT brings it back.
#[test]
fn finds_the_risk_of_a_manifest_that_nobody_knows() {
    breaks(&with_pushes_into_windows(retag_of_what_nobody_knows, Aside::Manifests));
    holds(&with_pushes_into_windows(retag_of_what_nobody_knows, Aside::All));
}

/// With aside everything, nothing is asked of clients at all but that their requests end.
#[test]
fn there_is_no_such_risk_with_everything_aside() {
    for scene in SCENES {
        for cache in [CacheKind::None, CacheKind::Redis] {
            all_hold(modes(scene).filter(|mode| mode.protocol.aside == Aside::All).map(|mode| {
                let assumptions = Assumptions { nobody_pushes_into_windows: false, ..Assumptions::ALL };
                assuming(assumptions, mode.beside(cache).within(Bounds::ONE_RUN.runs(2)))
            }));
        }
    }
}

fn with_long_pushes(scenario: Scenario) -> Scenario {
    assuming(Assumptions { settle_outlasts_put: false, ..Assumptions::ALL }, scenario)
}

#[test]
fn finds_the_risk_of_a_push_longer_than_settle() {
    for defers in [false, true] {
        breaks(&with_long_pushes(push_of_garbage().deferring(defers)));
    }
}

/// The pointers are in a journal, and the content is still there.
#[test]
fn the_next_run_mends_after_a_longer_push_whose_content_waits() {
    for scene in [push_of_garbage, retag, mount, index, nested_index, untag_and_push, delete_and_push] {
        for mode in modes(scene).filter(|mode| mode.protocol.defers) {
            let mut closing = with_long_pushes(mode.within(Bounds::ONE_RUN.runs(2)));
            closing.closing_run = true;
            holds(&closing);
        }
    }
}

/// After that it is too late: what has waited goes for good.
#[test]
fn no_run_mends_after_a_longer_push_whose_content_has_gone() {
    let mut closing = with_long_pushes(retag_of_what_waits().within(Bounds::ONE_RUN.runs(2)));
    closing.closing_run = true;
    breaks(&closing);
}

/// The registry goes on claiming content for as long as it runs; its image breaks when that has waited and gone.
#[test]
fn finds_the_risk_of_memory_that_is_never_cleared() {
    let assumptions = Assumptions { registry_restarts: false, ..Assumptions::ALL };
    let scenario = retag().beside(CacheKind::Memory);
    breaks(&assuming(assumptions, scenario.clone().within(Bounds::ONE_RUN.runs(3))));
    // The first run after that push mends it, while the content waits.
    holds(&assuming(assumptions, scenario.within(Bounds::ONE_RUN.runs(2))));
}
