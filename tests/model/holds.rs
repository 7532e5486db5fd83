//! The whole protocol: no image is lost, in any interleaving within the bounds.
//!
//! Each scene is explored in all modes (`--defer` or none, aside everything, manifests or nothing, `--min-age` or none)
//! and beside all caches. The bounds here are small; `sweep.rs` has larger ones.

use crate::check::{Bounds, all_hold, all_stages, holds, modes};
use crate::protocol::Aside;
use crate::scenario::CacheKind;
use crate::scenes::*;

const KILLED: Bounds = Bounds::ONE_RUN.kills(1);
const STOPPED: Bounds = Bounds::ONE_RUN.stops(1);
const TWICE_AND_FAILING: Bounds = Bounds::ONE_RUN.runs(2).faults(1);

fn keeps(scene: Scene) {
    let alone = [KILLED, STOPPED].into_iter().flat_map(|bounds| modes(scene).map(move |mode| mode.within(bounds)));
    all_hold(alone);
    all_hold(modes(scene).map(|mode| mode.listing_in_parts().within(TWICE_AND_FAILING)));
    let redis = [KILLED, TWICE_AND_FAILING].into_iter();
    let redis = redis.flat_map(|bounds| modes(scene).map(move |mode| mode.beside(CacheKind::Redis).within(bounds)));
    all_hold(redis);
    // With a cache in memory, `--defer` is never 0.
    let memory = modes(scene).filter(|mode| mode.protocol.defers).map(|mode| mode.beside(CacheKind::Memory));
    all_hold(memory.map(|mode| mode.within(KILLED.runs(2))));
}

#[test]
fn keeps_an_image_made_of_garbage() {
    keeps(push_of_garbage);
}
#[test]
fn keeps_an_image_made_of_what_waits() {
    keeps(push_of_what_waits);
}
#[test]
fn keeps_an_untagged_image_that_is_tagged() {
    keeps(retag);
}
#[test]
fn keeps_an_untagged_manifest_that_is_tagged() {
    keeps(retag_of_manifest);
}
#[test]
fn keeps_a_waiting_manifest_that_is_tagged() {
    keeps(retag_of_what_waits);
}
#[test]
fn keeps_a_waiting_manifest_that_nobody_knows_and_that_is_tagged() {
    keeps(retag_of_what_nobody_knows);
}
#[test]
fn keeps_an_image_with_a_mount_of_garbage() {
    keeps(mount);
}
#[test]
fn keeps_an_image_with_a_mount_of_what_waits() {
    keeps(mount_of_what_waits);
}
#[test]
fn keeps_an_index_of_a_garbage_image() {
    keeps(index);
}
#[test]
fn keeps_an_index_of_a_garbage_index() {
    keeps(nested_index);
}
#[test]
fn keeps_an_image_whose_layer_was_of_a_tag_that_a_client_removed() {
    keeps(untag_and_push);
}
#[test]
fn keeps_an_image_that_a_client_deleted_and_pushes_again() {
    keeps(delete_and_push);
}

#[test]
fn keeps_the_images_of_two_clients_with_one_garbage_layer() {
    all_hold(modes(two_clients));
}

#[test]
fn keeps_the_image_of_a_client_that_was_refused_and_tries_again() {
    all_hold(modes(push_of_garbage).chain(modes(mount)).map(|mode| {
        let mut mode = mode.within(Bounds::ONE_RUN.runs(2));
        mode.retries = true;
        mode
    }));
}

#[test]
fn keeps_a_tag_that_was_told_to_go_and_is_overwritten() {
    for scene in [overwritten_as_it_goes, pushed_again_as_it_goes, other_tag_as_it_goes] {
        let modes = modes(scene).filter(|mode| mode.protocol.aside != Aside::Nothing);
        all_hold(modes.map(|mode| mode.within(KILLED)));
    }
}

/// Whoever pulls by digest, and whatever a killed run leaves behind.
#[test]
fn whatever_is_listed_pulls_at_every_moment() {
    for bounds in [KILLED.runs(2), STOPPED.runs(2), TWICE_AND_FAILING] {
        all_hold(modes(nobody).map(|mode| {
            let mut mode = mode.within(bounds);
            mode.watches_listed = true;
            mode
        }));
    }
}

/// A push that was acknowledged before the second look at the repositories does not break even for a moment.
#[test]
fn an_image_that_was_pushed_during_the_scan_pulls_at_every_moment() {
    for scene in SCENES.into_iter().filter(|scene| scene().begin.storage.waited.is_empty()) {
        all_hold(modes(scene).map(|mode| {
            let mut mode = mode.listing_in_parts().within(Bounds::ONE_RUN.faults(1));
            mode.watches_recheck = true;
            mode
        }));
    }
}

/// Otherwise the tests above would show less than they say.
#[test]
fn every_stage_is_explored() {
    let killed = push_of_garbage().deferring(false).aside(Aside::Manifests).beside(CacheKind::Redis).within(KILLED);
    let tags = holds(&overwritten_as_it_goes().within(KILLED));
    let reached = holds(&killed) | holds(&retag().within(KILLED)) | holds(&retag_of_what_waits()) | tags;
    assert_eq!(reached, all_stages());
}
