#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
use super::*;
use crate::collect::outcome::Outcome;
use crate::model::{RepositoryName, Tag};

/// The current link of a tag.
fn link(tag: &str) -> String {
    layout::tag_current(&RepositoryName::new("app").unwrap(), &Tag::new(tag).unwrap())
}

fn day(day: i64) -> Timestamp {
    Timestamp::from_days(day)
}

/// Versions of one key, the newest first: an object (`o`) or a marker (`m`), and the day on which it was written.
fn of(key: &str, all: &[(char, i64)]) -> Vec<Version> {
    let versions = all.iter().enumerate().map(|(at, (kind, on))| Version {
        key: key.into(),
        id: format!("v{at}").into(),
        is_latest: at == 0,
        is_marker: *kind == 'm',
        modified: day(*on),
        size: if *kind == 'm' { 0 } else { 10 },
        storage_class: None,
    });
    versions.collect()
}

fn judged(rule: Rule<'_>, all: Vec<Version>) -> Vec<Verdict> {
    let (mut keys, mut told) = (ByKey::default(), Vec::new());
    let mut tell = |versions| judge(rule, versions, |verdict| told.push(verdict));
    keys.see(all, &mut tell).unwrap();
    keys.finish(tell);
    told
}

/// Which go, in order, and whether last; and why the others stay.
fn words(verdicts: &[Verdict]) -> Vec<String> {
    let word = |verdict: &Verdict| match verdict {
        Verdict::Goes(version) => format!("{} goes", version.id),
        Verdict::GoesLast(version) => format!("{} goes last", version.id),
        Verdict::Stays(version, why) => format!("{} stays: {why:?}", version.id),
    };
    verdicts.iter().map(word).collect()
}

#[test]
fn amounts_add_up() {
    let amount = |all: &[(char, i64)]| {
        let mut amount = Amount::default();
        for version in of("key", all) {
            amount.add(&version);
        }
        amount
    };
    let (one, two) = (amount(&[('o', 1), ('m', 2), ('m', 3)]), amount(&[('o', 1), ('o', 2), ('m', 3)]));
    assert_eq!((one.noncurrent_versions, one.delete_markers, one.count()), (Tally { count: 1, bytes: 10 }, 2, 3));
    let both = one.plus(two);
    assert_eq!((both.noncurrent_versions, both.delete_markers, both.count()), (Tally { count: 3, bytes: 30 }, 3, 6));
}

#[derive(Debug)]
struct Nobody;

impl Needs for Nobody {
    fn is_needed(&self, _key: &str, _is_gone: bool) -> bool {
        false
    }

    fn is_needed_content(&self, _key: &str) -> bool {
        false
    }
}

/// Something needs what was at this key, and nothing is current there.
#[derive(Debug)]
struct Missing(String);

impl Needs for Missing {
    fn is_needed(&self, key: &str, is_gone: bool) -> bool {
        key == self.0 && is_gone
    }

    fn is_needed_content(&self, key: &str) -> bool {
        key == self.0
    }
}

fn before(on: i64) -> Rule<'static> {
    Rule { before: day(on), null_is_reused: false, needs: &Nobody }
}

#[test]
fn current_object_is_never_told_of() {
    assert!(judged(before(100), of(&link("v1"), &[('o', 1)])).is_empty());
    assert_eq!(words(&judged(before(100), of(&link("v1"), &[('o', 9), ('o', 1)]))), ["v1 goes"]);
}

#[test]
fn version_is_old_since_the_next_was_written() {
    let all = || of(&link("v1"), &[('o', 9), ('o', 5), ('o', 1)]);
    assert_eq!(words(&judged(before(9), all())), ["v1 goes", "v2 goes"]);
    assert_eq!(words(&judged(before(8), all())), ["v1 stays: Young", "v2 goes"]);
    assert_eq!(words(&judged(before(4), all())), ["v1 stays: Young", "v2 stays: Young"]);
}

#[test]
fn marker_goes_after_all_that_it_hides_and_stays_if_one_of_these_stays() {
    let all = || of(&link("v1"), &[('m', 9), ('o', 5), ('o', 1)]);
    assert_eq!(words(&judged(before(9), all())), ["v1 goes", "v2 goes", "v0 goes last"]);
    assert_eq!(words(&judged(before(8), all())), ["v1 stays: Young", "v2 goes", "v0 stays: Young"]);
    assert_eq!(words(&judged(before(9), of(&link("v1"), &[('m', 9)]))), ["v0 goes last"]);
    assert_eq!(words(&judged(before(8), of(&link("v1"), &[('m', 9)]))), ["v0 stays: Young"]);
}

#[test]
fn marker_that_is_not_current_hides_nothing() {
    let verdicts = judged(before(9), of(&link("v1"), &[('o', 9), ('m', 5), ('o', 1)]));
    assert_eq!(words(&verdicts), ["v1 goes", "v2 goes"]);
}

#[test]
fn what_may_mend_something_stays_with_the_marker_above_it() {
    let rule = Rule { needs: &Missing(link("v1")), ..before(9) };
    let verdicts = judged(rule, of(&link("v1"), &[('m', 9), ('o', 5)]));
    assert_eq!(words(&verdicts), ["v1 stays: Needed", "v0 stays: Needed"]);
    assert_eq!(words(&judged(rule, of(&link("v1"), &[('o', 9), ('o', 5)]))), ["v1 goes"]);
}

#[test]
fn version_of_another_size_stays_where_content_is_needed() {
    let rule = Rule { needs: &Missing(link("v1")), ..before(9) };
    let mut all = of(&link("v1"), &[('o', 9), ('o', 5), ('o', 1)]);
    all[1].size = 11;
    assert_eq!(words(&judged(rule, all.clone())), ["v1 stays: Needed", "v2 goes"]);
    assert_eq!(words(&judged(before(9), all)), ["v1 goes", "v2 goes"]);
}

#[test]
fn what_no_registry_writes_stays() {
    let odd = [format!("{}x", layout::BLOBS), "other/data".into(), format!("{}A/_layers/x/link", layout::REPOSITORIES)];
    for key in odd {
        let verdicts = judged(before(9), of(&key, &[('m', 5), ('o', 1)]));
        assert_eq!(words(&verdicts), ["v1 stays: Foreign", "v0 stays: Foreign"], "{key}");
    }
    let own = judged(before(9), of(layout::state::LEASE, &[('m', 5), ('o', 1)]));
    assert_eq!(words(&own), ["v1 goes", "v0 goes last"]);
}

#[test]
fn version_whose_id_the_next_write_takes_stays() {
    let with_null = |at: usize| {
        let mut all = of(&link("v1"), &[('m', 5), ('o', 1)]);
        all[at].id = "null".into();
        all
    };
    let live = Rule { null_is_reused: true, ..before(9) };
    assert_eq!(words(&judged(live, with_null(1))), ["null stays: Reused", "v0 stays: Hides"]);
    assert_eq!(words(&judged(live, with_null(0))), ["v1 goes", "null stays: Reused"]);
    assert_eq!(words(&judged(before(9), with_null(1))), ["null goes", "v0 goes last"]);
}

#[test]
fn listing_that_makes_no_sense_lets_nothing_of_its_key_go() {
    let mut two_current = of(&link("v1"), &[('m', 5), ('o', 4), ('o', 3)]);
    two_current[1].is_latest = true;
    assert_eq!(words(&judged(before(9), two_current)), ["v2 stays: Unclear", "v0 stays: Unclear"]);
    let mut none_current = of(&link("v1"), &[('m', 5), ('o', 4)]);
    none_current[0].is_latest = false;
    assert_eq!(words(&judged(before(9), none_current)), ["v1 stays: Unclear", "v0 stays: Unclear"]);
}

/// A store tells whole seconds, and its order need not be that in which they were written.
#[test]
fn versions_of_one_second_are_old_since_the_next_newer_one() {
    for all in [[('o', 9), ('o', 5), ('o', 5), ('o', 3)], [('m', 9), ('o', 5), ('m', 5), ('o', 3)]] {
        let told = words(&judged(before(8), of(&link("v1"), &all)));
        assert_eq!(told[..3], ["v1 stays: Young", "v2 stays: Young", "v3 goes"], "{all:?}");
    }
    // A clock that went back: what is newer by its time ended what is older by it.
    let told = words(&judged(before(8), of(&link("v1"), &[('o', 1), ('o', 9), ('o', 7)])));
    assert_eq!(told, ["v1 stays: Young", "v2 stays: Young"]);
}

#[test]
fn version_that_is_told_twice_counts_once_and_two_of_one_id_let_nothing_go() {
    let mut twice = of(&link("v1"), &[('m', 5), ('o', 4), ('o', 3)]);
    twice.insert(2, twice[1].clone());
    twice.push(twice[0].clone());
    assert_eq!(words(&judged(before(9), twice.clone())), ["v1 goes", "v2 goes", "v0 goes last"]);
    twice[2].size += 1;
    assert_eq!(
        words(&judged(before(9), twice)),
        ["v1 stays: Unclear", "v1 stays: Unclear", "v2 stays: Unclear", "v0 stays: Unclear"]
    );
}

#[test]
fn markers_that_are_told_after_all_versions_hide_them_all_the_same() {
    let mut all = of(&link("v1"), &[('m', 9), ('o', 5)]);
    all.extend(of(&link("v2"), &[('o', 1)]));
    let marker = all.remove(0);
    all.push(marker);
    assert_eq!(words(&judged(before(8), all)), ["v1 stays: Young", "v0 stays: Young"]);
}

#[test]
fn key_that_goes_on_with_the_next_page_is_judged_as_one() {
    let mut all = of(&link("v1"), &[('m', 9), ('o', 5), ('o', 1)]);
    let rest = all.split_off(1);
    let (mut keys, mut told) = (ByKey::default(), Vec::new());
    keys.see(all, |_| unreachable!("it is not complete")).unwrap();
    keys.see(rest, |_| unreachable!("nor now")).unwrap();
    keys.finish(|versions| judge(before(9), versions, |verdict| told.push(verdict)));
    assert_eq!(words(&told), ["v1 goes", "v2 goes", "v0 goes last"]);
}

#[test]
fn key_that_comes_back_ends_it() {
    let mut keys = ByKey::default();
    keys.see(of("b", &[('o', 1)]), |_| {}).unwrap();
    assert_eq!(keys.see(of("a", &[('m', 1)]), |_| {}), Err(OutOfOrder));
}

#[test]
fn keys_are_judged_apart() {
    let mut all = of(&link("v1"), &[('m', 9)]);
    all.extend(of(&link("v2"), &[('o', 20), ('o', 1)]));
    assert_eq!(words(&judged(before(9), all)), ["v0 goes last", "v1 stays: Young"]);
}

#[test]
fn version_that_claims_to_be_newer_than_what_follows_it_is_as_young_as_it_says() {
    let verdicts = judged(before(9), of(&link("v1"), &[('o', 5), ('o', 12)]));
    assert_eq!(words(&verdicts), ["v1 stays: Young"]);
}

#[test]
fn whatever_was_planned_is_accounted_for() {
    let versions = of(&link("v1"), &[('m', 9), ('o', 5), ('o', 4), ('o', 3), ('o', 2)]);
    let mut row = OldVersions::default();
    for version in &versions {
        row.planned.add(version);
    }
    let failed = Outcome::Failed("AccessDenied".into());
    for (version, outcome) in versions[1..].iter().zip([&Outcome::Deleted, &failed, &failed]) {
        row.note(version, outcome);
    }
    row.note(&versions[4], &Outcome::Unknown("lost".into()));
    for (is_whole, expected) in [(true, (1, 0)), (false, (0, 1))] {
        let mut row = row.clone();
        row.close(is_whole);
        assert_eq!((row.changed, row.not_attempted), expected);
    }
    assert_eq!((row.deleted.count(), row.failed, row.unknown), (1, 2, 1));
    assert_eq!(row.failures, ["AccessDenied", "lost"]);
    assert_eq!(row.deleted.noncurrent_versions.bytes, 10);
    assert_eq!(serde_json::to_value(row.planned).unwrap()["delete_markers"], 1);
}
