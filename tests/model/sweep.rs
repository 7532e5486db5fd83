//! The same as the other tests within larger bounds: minutes in a release build. `scripts/model` runs them.

use crate::check::{Bounds, all_hold, all_scenes, modes};
use crate::doubles;
use crate::protocol::Protocol;
use crate::scenario::{CacheKind, Scenario};
use crate::scenes::*;

const ONE: Bounds = Bounds::ONE_RUN;

fn within(all: &[Bounds], scenarios: impl Fn() -> Vec<Scenario>) -> impl Iterator<Item = Scenario> {
    let explored = all.iter().map(move |bounds| scenarios().into_iter().map(|scenario| scenario.within(*bounds)));
    explored.flatten().collect::<Vec<_>>().into_iter()
}

#[test]
#[ignore = "minutes: see scripts/model"]
fn holds_without_a_cache() {
    let bounds = [ONE.runs(2).kills(1).stops(1), ONE.runs(2).kills(1).faults(1), ONE.runs(2).kills(2), ONE.runs(3)];
    all_hold(within(&bounds, || all_scenes().map(Scenario::listing_in_parts).collect()));
}

#[test]
#[ignore = "minutes: see scripts/model"]
fn holds_where_refused_clients_try_again() {
    let bounds = [ONE.runs(2).kills(1), ONE.runs(2).stops(1), ONE.runs(2).faults(1)];
    let scenarios = || all_scenes().map(|scenario| Scenario { retries: true, ..scenario.listing_in_parts() }).collect();
    all_hold(within(&bounds, scenarios));
}

#[test]
#[ignore = "minutes: see scripts/model"]
fn holds_beside_redis() {
    let bounds = [ONE.runs(2).kills(1).stops(1), ONE.runs(2).kills(1).faults(1), ONE.runs(2).kills(2), ONE.runs(3)];
    all_hold(within(&bounds, || all_scenes().map(|scenario| scenario.beside(CacheKind::Redis)).collect()));
}

/// The cache learns what there is from the clients.
#[test]
#[ignore = "minutes: see scripts/model"]
fn holds_beside_a_redis_that_knows_nothing_yet() {
    let bounds = [ONE.runs(2).kills(1), ONE.runs(2).stops(1), ONE.runs(2).faults(1)];
    let cold = || all_scenes().map(|scenario| Scenario { cache: CacheKind::Redis, ..scenario }).collect();
    all_hold(within(&bounds, cold));
}

#[test]
#[ignore = "minutes: see scripts/model"]
fn holds_beside_a_memory_that_is_cleared() {
    let bounds = [ONE.runs(3).kills(1), ONE.runs(3).stops(1), ONE.runs(3).faults(1), ONE.runs(2).kills(1).stops(1)];
    let deferring = || all_scenes().filter(|scenario| scenario.protocol.defers);
    all_hold(within(&bounds, || deferring().map(|scenario| scenario.beside(CacheKind::Memory)).collect()));
}

#[test]
#[ignore = "minutes: see scripts/model"]
fn holds_for_two_clients() {
    all_hold(within(&[ONE.kills(1), ONE.stops(1), ONE.runs(2).faults(1)], || modes(two_clients).collect()));
    let redis = || modes(two_clients).map(|scenario| scenario.beside(CacheKind::Redis)).collect();
    all_hold(within(&[ONE.runs(2)], redis));
}

fn does_double(step: fn(&mut Protocol)) {
    let bounds = [ONE.runs(2).kills(1), ONE.runs(2).stops(1), ONE.runs(2).faults(1)];
    all_hold(within(&bounds, || all_scenes().map(|scenario| scenario.listing_in_parts().without(step)).collect()));
    let redis = || all_scenes().map(|scenario| scenario.beside(CacheKind::Redis).without(step)).collect();
    all_hold(within(&bounds, redis));
}

#[test]
#[ignore = "minutes: see scripts/model"]
fn recheck_only_saves_work_within_a_run() {
    does_double(doubles::no_recheck);
}
#[test]
#[ignore = "minutes: see scripts/model"]
fn pointers_go_first_only_to_free_content_sooner() {
    does_double(doubles::content_first);
}
#[test]
#[ignore = "minutes: see scripts/model"]
fn what_a_named_manifest_names_is_counted_only_to_be_sure() {
    does_double(doubles::no_closure);
}
