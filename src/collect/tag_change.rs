//! Whether a tag is still the one that was seen, and what was pushed to it meanwhile.
//!
//! The registry writes a tag's history first, then what it names now. So whoever sees a history entry that was not there
//! before, or that was written anew, sees a push: one that has ended, or one that is about to.

use super::inventory::{Link, TagEntry};
use crate::model::{Digest, Timestamp};
use std::time::Duration;

/// Stores that tell whole seconds cannot tell two writes of one second apart; and the clocks of a store's servers may
/// differ by some, whose time is asked.
const COARSE: Duration = Duration::from_secs(3);
/// File systems tell time by the tick of their clock.
const FINE: Duration = Duration::from_millis(50);

/// Whether a tag looks as it did. What it names is compared by whoever can read it.
#[must_use]
pub fn is_same(seen: &TagEntry, now: &TagEntry) -> bool {
    let evidence = |entry: &TagEntry| entry.current.as_ref().map(|current| current.evidence.clone());
    evidence(seen) == evidence(now) && seen.history == now.history
}

/// What was pushed to a tag since it was seen, if anything was: of several the newest.
#[must_use]
pub fn pushed_since<'a>(seen: &TagEntry, now: &'a TagEntry) -> Option<&'a Digest> {
    newest(now.history.iter().filter(|link| !seen.history.contains(link)))
}

/// What was pushed to a tag at this time or later, if anything was.
#[must_use]
pub fn pushed_after(now: &TagEntry, time: Timestamp) -> Option<&Digest> {
    newest(now.history.iter().filter(|link| link.modified() >= time))
}

fn newest<'a>(links: impl Iterator<Item = &'a Link>) -> Option<&'a Digest> {
    links.max_by_key(|link| link.modified()).map(|link| &link.digest)
}

/// From when on a later write to a tag would be told from what was seen at `looked`; nothing if it would be at once.
///
/// Without this, the same image pushed again within the second of its first push would look like nothing new, and go.
#[must_use]
pub fn can_be_told_from(seen: &TagEntry, looked: Timestamp) -> Option<Timestamp> {
    let all =
        seen.current.iter().map(|current| current.evidence.modified).chain(seen.history.iter().map(Link::modified));
    all.map(told_from).max().filter(|time| *time > looked)
}

/// Whether a push to a tag seems to be under way: its history is newer than what it names, and no longer ago than a push
/// may take. What that push is about to write looks like nothing new then.
#[must_use]
pub fn is_half_pushed(seen: &TagEntry, looked: Timestamp, settle: Duration) -> bool {
    let Some(current) = &seen.current else { return false };
    let is_newer = |link: &&Link| {
        let (history, current_time) = (link.modified(), current.evidence.modified);
        history > current_time || history == current_time && current.target.digest() != Some(&link.digest)
    };
    let newer = seen.history.iter().filter(is_newer).map(Link::modified);
    newer.max().is_some_and(|newest| newest.plus(settle) > looked)
}

fn told_from(modified: Timestamp) -> Timestamp {
    let is_coarse = modified.as_nanos().rem_euclid(1_000_000_000) == 0;
    modified.plus(if is_coarse { COARSE } else { FINE })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::entry::Evidence;
    use crate::collect::inventory::{Content, Current, Target};

    fn at(nanos: i64) -> Evidence {
        Evidence { size: 71, modified: Timestamp::from_nanos(nanos), etag: None, outside: false }
    }

    fn link(name: &[u8], nanos: i64) -> Link {
        Link::new(Digest::of(name), Content::AsNamed, at(nanos))
    }

    fn entry(current: Option<i64>, history: &[(&[u8], i64)]) -> TagEntry {
        TagEntry {
            current: current.map(|nanos| Current { target: Target::Unread, evidence: at(nanos) }),
            history: history.iter().map(|(name, nanos)| link(name, *nanos)).collect(),
        }
    }

    #[test]
    fn any_write_is_a_change() {
        let seen = entry(Some(5), &[(b"a", 4), (b"b", 5)]);
        assert!(is_same(&seen, &seen.clone()));
        for other in [
            entry(None, &[(b"a", 4), (b"b", 5)]),
            entry(Some(6), &[(b"a", 4), (b"b", 5)]),
            entry(Some(5), &[(b"a", 6), (b"b", 5)]),
            entry(Some(5), &[(b"a", 4), (b"b", 5), (b"c", 6)]),
            entry(Some(5), &[(b"a", 4)]),
        ] {
            assert!(!is_same(&seen, &other), "{other:?}");
        }
    }

    #[test]
    fn what_was_pushed_is_read_off_the_history() {
        let seen = entry(Some(5), &[(b"a", 4), (b"b", 5)]);
        assert_eq!(pushed_since(&seen, &entry(None, &[(b"a", 4), (b"b", 5)])), None);
        assert_eq!(pushed_since(&seen, &entry(None, &[(b"a", 4)])), None, "what is gone was not pushed");
        assert_eq!(pushed_since(&seen, &entry(None, &[(b"a", 4), (b"b", 9)])), Some(&Digest::of(b"b")));
        assert_eq!(pushed_since(&seen, &entry(None, &[(b"a", 4), (b"c", 9), (b"d", 8)])), Some(&Digest::of(b"c")));
        let now = entry(None, &[(b"a", 4), (b"b", 5)]);
        assert_eq!(pushed_after(&now, Timestamp::from_nanos(5)), Some(&Digest::of(b"b")));
        assert_eq!(pushed_after(&now, Timestamp::from_nanos(6)), None);
    }

    #[test]
    fn push_that_has_written_only_its_history_is_seen() {
        let settle = Duration::from_nanos(10);
        let half = |entry: &TagEntry, looked| is_half_pushed(entry, Timestamp::from_nanos(looked), settle);
        let named = |name: &[u8], entry: TagEntry| {
            let current = entry.current.map(|current| Current { target: Target::Digest(Digest::of(name)), ..current });
            TagEntry { current, ..entry }
        };
        let whole = named(b"b", entry(Some(6), &[(b"a", 4), (b"b", 5)]));
        assert!(!half(&whole, 6));
        assert!(!half(&named(b"b", entry(Some(5), &[(b"a", 4), (b"b", 5)])), 6), "both in one moment");
        let begun = named(b"b", entry(Some(6), &[(b"b", 5), (b"c", 7)]));
        assert!(half(&begun, 8) && half(&begun, 16));
        assert!(!half(&begun, 17), "it has ended for long, whatever became of it");
        assert!(half(&named(b"b", entry(Some(6), &[(b"b", 7)])), 8), "the same image again");
        assert!(half(&named(b"b", entry(Some(6), &[(b"b", 5), (b"c", 6)])), 8), "nobody can tell which was later");
        assert!(!half(&entry(None, &[(b"a", 7)]), 8), "there is no tag to lose");
    }

    #[test]
    fn two_writes_of_one_second_look_alike_where_times_are_whole() {
        const SECOND: i64 = 1_000_000_000;
        let looked = Timestamp::from_nanos(100 * SECOND);
        let told = |nanos| can_be_told_from(&entry(Some(nanos), &[]), looked);
        assert_eq!(told(97 * SECOND), None);
        assert_eq!(told(98 * SECOND), Some(Timestamp::from_nanos(101 * SECOND)));
        assert_eq!(told(99 * SECOND), Some(Timestamp::from_nanos(102 * SECOND)));
        assert_eq!(told(99 * SECOND + 1), None);
        assert!(told(100 * SECOND + 1).is_some());
        assert!(can_be_told_from(&entry(None, &[(b"a", 99 * SECOND)]), looked).is_some());
    }
}
