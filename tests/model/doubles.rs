//! Steps whose removal alone loses no image within the bounds, because others do the same once more. They are taken all
//! the same; each test says what for, and would fail if the model learned of something that only this step prevents.

use crate::check::{Bounds, all_hold, all_scenes};
use crate::protocol::Protocol;
use crate::scenario::Scenario;

/// `sweep.rs` has the same with kills, stops and failures, beside Redis too.
fn small(step: fn(&mut Protocol)) -> impl Iterator<Item = Scenario> {
    all_scenes().map(move |scenario| scenario.within(Bounds::ONE_RUN).without(step))
}

pub fn no_recheck(protocol: &mut Protocol) {
    protocol.recheck = false;
}
pub fn content_first(protocol: &mut Protocol) {
    protocol.pointers_first = false;
}
pub fn no_closure(protocol: &mut Protocol) {
    protocol.counts_closure = false;
}

/// What it spares would be written back at the end. Without it an image that was pushed during the scan does not pull
/// until then: `breaks_for_a_moment_without_a_second_look_at_who_loses_pointers`.
#[test]
fn recheck_only_saves_work_within_a_run() {
    all_hold(small(no_recheck));
}

/// Content that a pointer names stays whatever the order: with pointers first it is no longer named, and goes a run
/// earlier.
#[test]
fn pointers_go_first_only_to_free_content_sooner() {
    all_hold(small(content_first));
}

/// A manifest that is linked without its layers being linked is one that a push is about to finish, and the wait outlasts
/// that push.
#[test]
fn what_a_named_manifest_names_is_counted_only_to_be_sure() {
    all_hold(small(no_closure));
}
