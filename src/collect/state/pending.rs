//! Content that waits to be deleted, and since when no pointer has named it.

use crate::model::{Digest, Timestamp};
use std::collections::HashMap;
use std::fmt::Write as _;
use std::time::Duration;

const SCHEMA: &str = "regsweep.pending/1";
const WAIT: &str = " wait-seconds=";

/// Since when something waits, and how large it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    /// From this time on no pointer named it, in any scan.
    pub since: Timestamp,
    /// Size in bytes.
    pub size: u64,
}

/// The record of what waits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pending {
    entries: HashMap<Digest, Waiting>,
    /// How long the run that wrote it lets things wait: what those who only look can tell of when they go.
    pub wait: Option<Duration>,
}

impl Pending {
    /// Keeps only some.
    pub fn retain(&mut self, keep: impl Fn(&Digest) -> bool) {
        self.entries.retain(|digest, _| keep(digest));
    }

    /// Notes one more.
    pub fn insert(&mut self, digest: Digest, waiting: Waiting) {
        self.entries.insert(digest, waiting);
    }

    /// What is known of a digest.
    #[must_use]
    pub fn get(&self, digest: &Digest) -> Option<Waiting> {
        self.entries.get(digest).copied()
    }

    /// All, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&Digest, Waiting)> {
        self.entries.iter().map(|(digest, waiting)| (digest, *waiting))
    }

    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// As it is written: a line that says what this is, then a line for each, oldest first.
    #[must_use]
    pub fn to_text(&self, run: &str) -> String {
        let mut sorted: Vec<_> = self.iter().collect();
        sorted.sort_by(|a, b| (a.1.since, a.0).cmp(&(b.1.since, b.0)));
        let wait = self.wait.map_or_else(String::new, |wait| format!("{WAIT}{}", wait.as_secs()));
        let mut text = format!("{SCHEMA} {run}{wait}\n");
        for (digest, waiting) in sorted {
            let _ = writeln!(text, "{} {digest} {}", waiting.since, waiting.size);
        }
        text
    }

    /// Reads it back, and how many lines could not be understood. What is not in it waits anew.
    #[must_use]
    pub fn parse(text: &[u8]) -> (Self, u64) {
        let mut lines = text.split(|byte| *byte == b'\n');
        let first = lines.next().unwrap_or_default();
        if !first.starts_with(SCHEMA.as_bytes()) || first.get(SCHEMA.len()).is_some_and(|next| *next != b' ') {
            return (Self::default(), 1);
        }
        let wait = std::str::from_utf8(first).ok().and_then(|first| first.split_once(WAIT)?.1.parse().ok());
        let (mut pending, mut odd) = (Self { wait: wait.map(Duration::from_secs), ..Self::default() }, 0);
        let mut lines = lines.peekable();
        while let Some(line) = lines.next() {
            // Only a line with its end was written whole.
            let is_whole = lines.peek().is_some();
            match std::str::from_utf8(line).ok().and_then(entry).filter(|_| is_whole) {
                Some((digest, waiting)) => pending.insert(digest, waiting),
                None => odd += u64::from(!line.is_empty()),
            }
        }
        (pending, odd)
    }
}

fn entry(line: &str) -> Option<(Digest, Waiting)> {
    let mut parts = line.split(' ');
    let since = Timestamp::parse_rfc3339(parts.next()?)?;
    let digest = parts.next()?.parse().ok()?;
    let size = parts.next()?.parse().ok()?;
    parts.next().is_none().then_some((digest, Waiting { since, size }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pending() -> Pending {
        let mut pending = Pending { wait: Some(Duration::from_hours(24)), ..Pending::default() };
        for (name, day) in [("a", 3), ("b", 1), ("c", 2)] {
            let waiting = Waiting { since: Timestamp::from_days(day), size: 7 };
            pending.insert(Digest::of(name.as_bytes()), waiting);
        }
        pending
    }

    #[test]
    fn what_is_written_is_read_back() {
        let text = pending().to_text("run");
        assert_eq!(Pending::parse(text.as_bytes()), (pending(), 0));
        assert_eq!(Pending::parse(Pending::default().to_text("run").as_bytes()), (Pending::default(), 0));
        for first in ["", " run wait-seconds=", " run wait-seconds=-1", " run wait-seconds=1 x"] {
            assert_eq!(Pending::parse(format!("{SCHEMA}{first}\n").as_bytes()), (Pending::default(), 0), "{first}");
        }
    }

    #[test]
    fn a_line_cut_short_waits_anew() {
        let text = pending().to_text("run");
        for end in 0..text.len() {
            let (found, _) = Pending::parse(&text.as_bytes()[..end]);
            for (digest, waiting) in found.iter() {
                assert_eq!(pending().get(digest), Some(waiting), "cut at {end}");
            }
        }
    }

    #[test]
    fn another_schema_and_other_lines_are_told_and_left_out() {
        assert_eq!(Pending::parse(b"regsweep.pending/2 run\n"), (Pending::default(), 1));
        assert_eq!(Pending::parse(b""), (Pending::default(), 1));
        let text = pending().to_text("run") + "2026-01-01T00:00:00Z md5:00 7\nä\n";
        assert_eq!(Pending::parse(text.as_bytes()), (pending(), 2));
    }

    #[test]
    fn record_is_what_was_noted_and_not_let_go() {
        let mut record = Pending::default();
        assert_eq!((record.is_empty(), record.len()), (true, 0));
        record = pending();
        assert_eq!((record.is_empty(), record.len(), record.iter().count()), (false, 3, 3));
        record.retain(|digest| *digest != Digest::of(b"a"));
        assert_eq!((record.len(), record.get(&Digest::of(b"a"))), (2, None));
        let waiting = Waiting { since: Timestamp::from_days(1), size: 7 };
        assert_eq!(record.get(&Digest::of(b"b")), Some(waiting));
    }

    #[test]
    fn schema_that_only_begins_alike_is_another() {
        for first in ["regsweep.pending/10 run", "regsweep.pending/1x", "regsweep.pending/"] {
            assert_eq!(Pending::parse(format!("{first}\n").as_bytes()), (Pending::default(), 1), "{first}");
        }
        let text = pending().to_text("run");
        let (_, entries) = text.split_once('\n').map_or(("", ""), |parts| parts);
        let (bare, odd) = Pending::parse(format!("{SCHEMA}\n{entries}").as_bytes());
        assert_eq!((bare.len(), bare.wait, odd), (3, None, 0));
        let (spaced, odd) = Pending::parse(format!("{SCHEMA} run\n\n{entries}").as_bytes());
        assert_eq!((spaced.len(), odd), (3, 0), "an empty line is nothing");
    }
}
