//! Each safety step is needed: without it, a tag that somebody was told is pushed does not pull, with no run under way.
//!
//! Each test names a step and the smallest scenario known in which its removal is found. The steps whose removal is
//! not found so are in `doubles.rs`.

use crate::check::{Bounds, breaks, breaks_without, holds};
use crate::protocol::Aside;
use crate::scenario::{CacheKind, Scenario, Wrong};
use crate::scenes::*;

const ONE: Bounds = Bounds::ONE_RUN;
const KILLED: Bounds = Bounds::ONE_RUN.kills(1);
const STOPPED: Bounds = Bounds::ONE_RUN.stops(1);

/// An index is pushed whose child is garbage; nothing is young.
fn index_of_garbage(bounds: Bounds) -> Scenario {
    index().with_min_age(true).within(bounds)
}

/// The same beside Redis, which knows all there is.
fn index_beside_redis(bounds: Bounds) -> Scenario {
    index_of_garbage(bounds).beside(CacheKind::Redis)
}

#[test]
fn breaks_without_the_lease() {
    let mut scenario =
        retag_of_what_nobody_knows().aside(Aside::Manifests).with_min_age(true).within(Bounds::ONE_RUN.runs(2));
    scenario.collectors = 2;
    breaks_without(|protocol| protocol.lease = false, &scenario);
}

#[test]
fn breaks_unless_what_a_dead_run_left_aside_is_put_back() {
    let scenario = retag_of_what_waits().with_min_age(true).within(KILLED);
    breaks_without(|protocol| protocol.puts_back_dead = false, &scenario);
}

#[test]
fn breaks_without_the_journal() {
    breaks_without(|protocol| protocol.journal = false, &index_of_garbage(ONE));
}

#[test]
fn breaks_unless_journalled_links_are_written_back() {
    breaks_without(|protocol| protocol.mends = false, &index_of_garbage(ONE));
}

/// A last run that removes nothing looks only once; before that a cache in memory has hidden what was missing.
#[test]
fn breaks_unless_links_are_written_back_after_the_scan_as_well() {
    let scenario = retag().beside(CacheKind::Memory).within(Bounds::ONE_RUN.runs(2));
    breaks_without(|protocol| protocol.mends_after_scan = false, &scenario);
}

/// A run that ends early would leave an index whose image it has taken apart, and an index of that index is pushed.
#[test]
fn breaks_unless_parents_go_before_children() {
    let scenario = nested_index().with_min_age(true).within(STOPPED);
    breaks_without(|protocol| protocol.parents_first = false, &scenario);
}

#[test]
fn breaks_unless_a_pointer_that_could_not_go_is_a_root_again() {
    breaks_without(|protocol| protocol.failed_is_root = false, &index_of_garbage(ONE.faults(1)));
}

#[test]
fn breaks_when_content_goes_that_a_pointer_names() {
    let scenario = retag_of_what_nobody_knows().aside(Aside::Nothing).within(ONE);
    breaks_without(|protocol| protocol.counts_pointers = false, &scenario);
}

#[test]
fn breaks_when_content_does_not_wait() {
    let scenario = index_of_garbage(ONE).aside(Aside::Manifests);
    breaks_without(|protocol| protocol.waits = false, &scenario);
}

#[test]
fn breaks_when_content_waits_shorter_than_settle() {
    let scenario = index_of_garbage(KILLED).aside(Aside::Manifests);
    breaks_without(|protocol| protocol.wait_covers_settle = false, &scenario);
}

#[test]
fn breaks_unless_content_that_had_a_pointer_begins_to_wait_anew() {
    let scenario = push_of_garbage().aside(Aside::Manifests).with_min_age(true).within(ONE.runs(2));
    breaks_without(|protocol| protocol.starts_anew = false, &scenario);
}

/// A run that is killed after the pointers went would leave a wait that has passed.
#[test]
fn breaks_unless_waits_are_struck_before_pointers_go() {
    let scenario = push_of_what_waits().aside(Aside::Manifests).with_min_age(true).within(KILLED);
    breaks_without(|protocol| protocol.strikes_first = false, &scenario);
}

#[test]
fn breaks_when_data_has_waited_that_is_younger_than_its_wait() {
    let scenario = retag_of_what_nobody_knows().aside(Aside::Nothing).within(KILLED);
    breaks_without(|protocol| protocol.compares_data = false, &scenario);
}

#[test]
fn breaks_without_a_pause_between_pointers_and_content() {
    let scenario = index_of_garbage(ONE).deferring(false).aside(Aside::Manifests);
    breaks_without(|protocol| protocol.settles_before_content = false, &scenario);
}

/// A killed run has removed them a moment ago.
#[test]
fn breaks_unless_that_pause_is_made_by_a_run_without_pointers_as_well() {
    let scenario = index_of_garbage(KILLED).deferring(false).aside(Aside::Manifests);
    breaks_without(|protocol| protocol.settles_always = false, &scenario);
}

#[test]
fn breaks_without_a_second_listing_before_content_goes() {
    let scenario = index_of_garbage(ONE).deferring(false).aside(Aside::Manifests);
    breaks_without(|protocol| protocol.lists_again = false, &scenario);
}

#[test]
fn breaks_when_content_goes_by_a_listing_that_is_old() {
    let scenario = retag_of_what_nobody_knows().aside(Aside::Manifests).with_min_age(true).within(ONE);
    breaks_without(|protocol| protocol.max_scan_age = false, &scenario);
}

#[test]
fn breaks_without_a_pause_before_the_last_listing() {
    breaks_without(|protocol| protocol.settles_to_verify = false, &index_of_garbage(ONE));
}

#[test]
fn breaks_without_the_last_listing() {
    breaks_without(|protocol| protocol.verifies = false, &index_of_garbage(ONE));
}

#[test]
fn breaks_unless_an_unfinished_journal_counts_as_something_that_went() {
    let killed = retag_of_manifest().with_min_age(true).within(KILLED);
    breaks_without(|protocol| protocol.verifies_for_unfinished = false, &killed);
    let stopped = retag_of_manifest().with_min_age(true).within(STOPPED);
    breaks_without(|protocol| protocol.verifies_for_unfinished = false, &stopped);
}

#[test]
fn breaks_unless_redis_forgets_content_before_it_goes_for_good() {
    let scenario = index_beside_redis(ONE).deferring(false).aside(Aside::Manifests);
    breaks_without(|protocol| protocol.evicts_before_content = false, &scenario);
}

#[test]
fn breaks_without_a_pause_after_that_eviction() {
    let scenario = index_beside_redis(ONE).deferring(false).aside(Aside::Manifests);
    breaks_without(|protocol| protocol.settles_for_eviction = false, &scenario);
}

#[test]
fn breaks_without_a_listing_after_that_eviction() {
    let scenario = index_beside_redis(KILLED).aside(Aside::Manifests);
    breaks_without(|protocol| protocol.lists_after_eviction = false, &scenario);
}

/// A run that is stopped evicts nothing of what it removed. If the next one is killed, the third lets a layer go while
/// Redis still claims the manifest that names it.
#[test]
fn breaks_unless_that_eviction_covers_unfinished_journals() {
    let scenario = index_beside_redis(KILLED.runs(2).stops(1)).aside(Aside::Manifests);
    breaks_without(|protocol| protocol.evicts_unfinished_before_content = false, &scenario);
}

#[test]
fn breaks_unless_redis_forgets_what_went_at_the_end() {
    breaks_without(|protocol| protocol.evicts_at_end = false, &index_beside_redis(ONE));
}

/// A request that has seen a link before it went tells Redis after that. Here Redis knows nothing yet.
#[test]
fn breaks_without_a_pause_before_the_last_eviction() {
    let scenario = Scenario { cache: CacheKind::Redis, ..push_of_garbage().with_min_age(true).within(ONE) };
    breaks_without(|protocol| protocol.settles_to_verify = false, &scenario);
}

#[test]
fn breaks_without_a_pause_after_the_last_eviction() {
    breaks_without(|protocol| protocol.settles_again = false, &index_beside_redis(ONE));
}

#[test]
fn breaks_unless_the_last_eviction_covers_unfinished_journals() {
    breaks_without(|protocol| protocol.evicts_unfinished = false, &index_beside_redis(STOPPED));
}

#[test]
fn breaks_unless_redis_forgets_manifests_as_well_as_layers() {
    breaks_without(|protocol| protocol.evicts_revisions = false, &index_beside_redis(ONE));
}

/// Not for good: the end of the run mends it.
#[test]
fn breaks_for_a_moment_without_a_second_look_at_who_loses_pointers() {
    let mut scenario = push_of_garbage().within(ONE);
    scenario.watches_recheck = true;
    breaks_without(|protocol| protocol.recheck = false, &scenario);
}

/// Nor is it only about tags: whoever pulls by digest would meet an index without its images.
#[test]
fn lists_what_does_not_pull_unless_parents_go_before_children() {
    let mut scenario = nobody().within(ONE);
    scenario.watches_listed = true;
    holds(&scenario);
    let trace = breaks(&scenario.without(|protocol| protocol.parents_first = false));
    assert!(matches!(trace.wrong, Some(Wrong::Listed(..))));
}

/// A run is killed between the delete of a tag and the second look: the journal is older than the push that ends then, but
/// younger than the history that this push has written.
#[test]
fn breaks_unless_tags_are_looked_at_before_they_go() {
    breaks_without(|protocol| protocol.looks_before_tags = false, &overwritten_as_it_goes().within(KILLED));
}

#[test]
fn breaks_unless_tags_are_looked_at_after_they_went() {
    for scene in [overwritten_as_it_goes, pushed_again_as_it_goes] {
        breaks_without(|protocol| protocol.looks_after_tags = false, &scene().within(ONE));
    }
    // Another tag of the same image is safe in any case.
    holds(&other_tag_as_it_goes().without(|protocol| protocol.looks_after_tags = false));
}

#[test]
fn breaks_unless_tags_that_a_killed_run_removed_are_written_back() {
    for scene in [overwritten_as_it_goes, pushed_again_as_it_goes] {
        breaks_without(|protocol| protocol.puts_back_dead_tags = false, &scene().within(KILLED));
    }
}

/// It was begun before the scan, and ends right before the tag goes: nothing but its history tells of it.
#[test]
fn breaks_unless_a_push_that_is_under_way_is_seen() {
    breaks_without(|protocol| protocol.sees_half_pushed = false, &overwritten_as_it_goes().within(ONE));
}
