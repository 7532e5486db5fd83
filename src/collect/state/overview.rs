//! What waits to be deleted and can still be undone: by run, and by repository.

use super::journal::{Journal, Pointers, Removed};
use super::lease::{Lease, Standing};
use super::pending::Pending;
use super::restore::lines;
use super::undo::Undo;
use crate::collect::blobs::Tally;
use crate::model::{Digest, Timestamp};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

/// How far a run came. Scripts rely on the words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It has ended as it should.
    Ended,
    /// It holds the lease.
    AtWork,
    /// It was killed, or went wrong: the next run finishes it.
    Unfinished,
}

/// One run whose pointers can be written back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunRow {
    /// The run.
    pub run: String,
    /// Its command, if it has ended.
    pub command: Option<String>,
    /// How far it came.
    pub state: State,
    /// When its pointers went, RFC 3339.
    pub gone: String,
    /// Until when what they named waits, RFC 3339.
    pub until: Option<String>,
    /// What it took away.
    pub removed: Pointers,
    /// What of that waits.
    pub waiting: Tally,
    /// Lines of its journal that could not be understood: what they say cannot be undone.
    pub odd: u64,
    /// Whole parts of its journal that could not be read: what they say cannot be undone either.
    pub unread_parts: u64,
    /// What an undo would find, if that was looked at.
    pub undo: Option<Undo>,
}

/// One repository whose pointers named what waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RepositoryRow {
    /// Its name.
    pub name: String,
    /// What waits and only it named.
    pub waiting: Tally,
}

/// Content that a run has moved out of the way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AsideRow {
    /// The run.
    pub run: String,
    /// How much.
    pub content: Tally,
}

/// Who is at work, or was when it died.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeaseRow {
    /// Whether it is held.
    pub held: bool,
    /// Until when, RFC 3339, unless it is renewed.
    pub until: Option<String>,
    /// What it says, if it can be read.
    pub lease: Option<Lease>,
}

/// All of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Overview {
    /// Who is at work.
    pub lease: Option<LeaseRow>,
    /// Content that waits.
    pub waiting: Tally,
    /// Since when the first of it waits, RFC 3339.
    pub since: Option<String>,
    /// When the first of it may go, RFC 3339.
    pub first_due: Option<String>,
    /// When the last of it may go, RFC 3339.
    pub last_due: Option<String>,
    /// Runs that can be undone, the newest first.
    pub runs: Vec<RunRow>,
    /// By repository, the largest first.
    pub repositories: Vec<RepositoryRow>,
    /// What waits and several repositories named.
    pub shared: Tally,
    /// What waits and no journal names.
    pub unlinked: Tally,
    /// Content out of the way.
    pub aside: Vec<AsideRow>,
}

/// The length of a time up to its seconds.
const WHOLE_SECONDS: usize = "2026-11-21T19:10:05".len();

/// What was read of what earlier runs have left.
#[derive(Debug)]
pub struct Found<'a> {
    /// When the lease was written and what it says, if there is one.
    pub lease: Option<(Timestamp, Option<Lease>)>,
    /// Journals, each with the time at which its last part was written.
    pub journals: Vec<(&'a Journal, Timestamp)>,
    /// What waits.
    pub pending: &'a Pending,
    /// Content out of the way: its run, and its size.
    pub aside: Vec<(&'a str, u64)>,
}

impl Overview {
    /// Puts it together.
    #[must_use]
    pub fn new(found: &Found<'_>, now: Timestamp) -> Self {
        let lease = found.lease.as_ref().map(|(written, lease)| lease_row(*written, lease.clone(), now));
        let at_work = lease.as_ref().filter(|row| row.held).and_then(|row| Some(row.lease.as_ref()?.run.clone()));
        let times: Vec<Timestamp> = found.pending.iter().map(|(_, waiting)| waiting.since).collect();
        let (first, last) = (times.iter().min().copied(), times.iter().max().copied());
        let wait = found.pending.wait.or_else(|| wait_of(found.journals.iter().map(|(journal, _)| *journal)));
        let due = |since: Option<Timestamp>| Some(since?.plus(wait?).to_rfc3339());
        let mut overview = Self {
            lease,
            since: first.map(Timestamp::to_rfc3339),
            first_due: due(first),
            last_due: due(last),
            ..Self::default()
        };
        for (_, waiting) in found.pending.iter() {
            overview.waiting.add(waiting.size);
        }
        overview.runs =
            found.journals.iter().map(|(journal, written)| run_row(journal, *written, found.pending)).collect();
        for (row, (journal, _)) in overview.runs.iter_mut().zip(&found.journals) {
            // A later run with a shorter wait has the last word.
            let earlier = earliest(journal, found.pending).and_then(|since| due(Some(since)));
            let time = |text: &Option<String>| text.as_deref().and_then(Timestamp::parse_rfc3339);
            if time(&earlier).zip(time(&row.until)).is_some_and(|(earlier, until)| earlier < until) {
                row.until = earlier;
            }
        }
        for row in overview.runs.iter_mut().filter(|row| Some(&row.run) == at_work.as_ref()) {
            row.state = State::AtWork;
        }
        // A store tells whole seconds: within one of them only the name of a run tells which was later.
        let order = |row: &RunRow| (row.gone.get(..WHOLE_SECONDS).map(str::to_owned), row.run.clone());
        overview.runs.sort_by_key(|row| std::cmp::Reverse(order(row)));
        overview.by_repository(found);
        let mut aside: BTreeMap<&str, Tally> = BTreeMap::new();
        for (run, size) in &found.aside {
            aside.entry(run).or_default().add(*size);
        }
        let rows = aside.into_iter().map(|(run, content)| AsideRow { run: run.to_owned(), content });
        overview.aside = rows.collect();
        overview
    }

    /// Whether nothing waits, and there is nothing to undo, to finish or to put back.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting.count == 0 && self.runs.is_empty() && self.aside.is_empty()
    }

    fn by_repository(&mut self, found: &Found<'_>) {
        // A digest that several repositories named has no one name.
        let mut names: HashMap<&Digest, Option<&str>> = HashMap::new();
        let (lines, _) = lines(found.journals.iter().map(|(journal, _)| *journal));
        for line in &lines {
            let content = &line.removed.content;
            if found.pending.get(content).is_some() {
                let name = names.entry(content).or_insert(Some(line.repository));
                *name = name.filter(|name| *name == line.repository);
            }
        }
        let mut rows: BTreeMap<&str, Tally> = BTreeMap::new();
        for (digest, waiting) in found.pending.iter() {
            let tally = match names.get(digest) {
                Some(Some(name)) => rows.entry(name).or_default(),
                Some(None) => &mut self.shared,
                None => &mut self.unlinked,
            };
            tally.add(waiting.size);
        }
        let rows = rows.into_iter().map(|(name, waiting)| RepositoryRow { name: name.to_owned(), waiting });
        self.repositories = rows.collect();
        self.repositories.sort_by(|a, b| b.waiting.bytes.cmp(&a.waiting.bytes).then_with(|| a.name.cmp(&b.name)));
    }
}

fn lease_row(written: Timestamp, lease: Option<Lease>, now: Timestamp) -> LeaseRow {
    match Lease::standing(lease.as_ref(), written, now) {
        Standing::Held(until) => LeaseRow { held: true, until: Some(until.to_rfc3339()), lease },
        Standing::Dead => LeaseRow { held: false, until: None, lease },
    }
}

fn run_row(journal: &Journal, written: Timestamp, pending: &Pending) -> RunRow {
    let done = journal.done.as_ref();
    let named: HashSet<&Digest> = journal.removed.iter().map(|removed| &removed.content).collect();
    let mut waiting = Tally::default();
    for found in named.into_iter().filter_map(|digest| pending.get(digest)) {
        waiting.add(found.size);
    }
    RunRow {
        run: journal.run.clone(),
        command: done.map(|done| done.command.clone()),
        state: if done.is_some() { State::Ended } else { State::Unfinished },
        gone: done.map_or_else(|| written.to_rfc3339(), |done| done.gone.clone()),
        until: done.map(|done| done.until.clone()),
        removed: journal.removed.iter().filter_map(Removed::stage).collect(),
        waiting,
        odd: journal.odd,
        unread_parts: journal.unread_parts,
        undo: None,
    }
}

/// Since when the first of what a run took away waits.
fn earliest(journal: &Journal, pending: &Pending) -> Option<Timestamp> {
    journal.removed.iter().filter_map(|removed| Some(pending.get(&removed.content)?.since)).min()
}

/// How long the newest of these lets things wait.
fn wait_of<'a>(journals: impl Iterator<Item = &'a Journal>) -> Option<Duration> {
    let newest = journals.filter(|journal| journal.done.is_some()).max_by(|a, b| a.run.cmp(&b.run))?;
    let done = newest.done.as_ref()?;
    Some(Timestamp::parse_rfc3339(&done.gone)?.age(done.until()?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::collect::state::journal::Done;
    use crate::collect::state::pending::Waiting;
    use crate::layout;
    use crate::model::RepositoryName;
    use State::{AtWork, Ended, Unfinished};

    const DAY: Duration = Duration::from_hours(24);

    fn journal(run: &str, days: Option<(i64, i64)>, links: &[(&str, &Digest)]) -> Journal {
        let removed = links.iter().map(|(repository, digest)| Removed {
            key: layout::layer_link(&RepositoryName::new(repository).unwrap(), digest),
            content: (*digest).clone(),
            subject: None,
            modified: None,
        });
        let time = |day| Timestamp::from_days(day).to_rfc3339();
        let done = days.map(|(gone, until)| Done {
            schema: "regsweep.done/1".into(),
            command: "garbage-collect".into(),
            gone: time(gone),
            until: time(until),
        });
        Journal { run: run.into(), removed: removed.collect(), done, ..Journal::default() }
    }

    fn pending(entries: &[(&Digest, i64, u64)]) -> Pending {
        let mut pending = Pending::default();
        for (digest, day, size) in entries {
            pending.insert((*digest).clone(), Waiting { since: Timestamp::from_days(*day), size: *size });
        }
        pending
    }

    fn overview(journals: &[Journal], pending: &Pending, lease: Option<(Timestamp, Option<Lease>)>) -> Overview {
        let journals = journals.iter().map(|journal| (journal, Timestamp::from_days(50))).collect();
        let aside = vec![("b", 1), ("a", 2), ("b", 4)];
        Overview::new(&Found { lease, journals, pending, aside }, Timestamp::from_days(60))
    }

    #[test]
    fn what_waits_belongs_to_the_one_repository_that_named_it() {
        let [one, two, both, nobody] = ["1", "2", "3", "4"].map(|text| Digest::of(text.as_bytes()));
        let journals = [
            journal("old", Some((10, 17)), &[("a", &one), ("a", &both), ("a", &Digest::of(b"gone"))]),
            journal("new", Some((12, 19)), &[("b", &two), ("b", &both), ("b", &two)]),
        ];
        let waiting = pending(&[(&one, 10, 1), (&two, 12, 2), (&both, 12, 4), (&nobody, 11, 8)]);
        let overview = overview(&journals, &waiting, None);
        assert_eq!(overview.waiting, Tally { count: 4, bytes: 15 });
        let rows: Vec<_> = overview.repositories.iter().map(|row| (row.name.as_str(), row.waiting.bytes)).collect();
        assert_eq!(rows, [("b", 2), ("a", 1)]);
        assert_eq!((overview.shared.bytes, overview.unlinked.bytes), (4, 8));
        let runs: Vec<_> = overview.runs.iter().map(|row| (row.run.as_str(), row.waiting.bytes)).collect();
        assert_eq!(runs, [("new", 6), ("old", 5)], "each digest once");
        assert_eq!(overview.runs[0].removed.layer_links, 3);
        let aside: Vec<_> = overview.aside.iter().map(|row| (row.run.as_str(), row.content.bytes)).collect();
        assert_eq!(aside, [("a", 2), ("b", 5)]);
    }

    #[test]
    fn what_waits_is_due_by_the_wait_of_the_last_run() {
        let digest = Digest::of(b"1");
        let other = Digest::of(b"2");
        let mut waiting = pending(&[(&digest, 10, 1), (&other, 12, 1)]);
        let journals = [journal("20260101", Some((10, 17)), &[]), journal("20260102", Some((12, 14)), &[])];
        let due = |overview: &Overview| (overview.first_due.clone(), overview.last_due.clone());
        let day = |day| Some(Timestamp::from_days(day).to_rfc3339());
        assert_eq!(due(&overview(&journals, &waiting, None)), (day(12), day(14)));
        waiting.wait = Some(DAY);
        assert_eq!(due(&overview(&journals, &waiting, None)), (day(11), day(13)), "the record knows best");
        let journals =
            [journal("20260101", Some((10, 17)), &[("a", &digest)]), journal("20260102", Some((12, 14)), &[])];
        let until = |waiting: &Pending| {
            overview(&journals, waiting, None).runs.iter().map(|row| row.until.clone()).collect::<Vec<_>>()
        };
        assert_eq!(until(&waiting), [day(14), day(11)], "what the first took can go from then on");
        waiting.wait = Some(DAY * 99);
        assert_eq!(until(&waiting), [day(14), day(17)], "its journal is not kept for longer");
        waiting.wait = None;
        assert_eq!(due(&overview(&[], &waiting, None)), (None, None));
        assert_eq!(overview(&[], &waiting, None).since, day(10));
    }

    #[test]
    fn a_run_is_at_work_ended_or_unfinished() {
        let lease = |run: &str| Lease {
            schema: "regsweep.lease/1".into(),
            run: run.into(),
            host: "host".into(),
            process: 1,
            command: "gc".into(),
            taken: Timestamp::from_days(60).to_rfc3339(),
            expires: Timestamp::from_days(60).plus(Duration::from_secs(30)).to_rfc3339(),
        };
        let journals = [journal("a", Some((10, 17)), &[]), journal("b", None, &[]), journal("c", None, &[])];
        let states = |lease: Option<(Timestamp, Option<Lease>)>| {
            let overview = overview(&journals, &Pending::default(), lease);
            let mut rows: Vec<_> = overview.runs.into_iter().map(|row| (row.run, row.state)).collect();
            rows.sort_by(|x, y| x.0.cmp(&y.0));
            (rows.into_iter().map(|(_, state)| state).collect::<Vec<_>>(), overview.lease.map(|row| row.held))
        };
        let written = Timestamp::from_days(60);
        assert_eq!(states(None), (vec![Ended, Unfinished, Unfinished], None));
        assert_eq!(states(Some((written, Some(lease("b"))))), (vec![Ended, AtWork, Unfinished], Some(true)));
        assert_eq!(states(Some((written, None))), (vec![Ended, Unfinished, Unfinished], Some(true)));
        let dead = Timestamp::from_days(1);
        assert_eq!(states(Some((dead, Some(lease("b"))))), (vec![Ended, Unfinished, Unfinished], Some(false)));
        assert!(!overview(&journals, &Pending::default(), None).is_empty());
        let nothing = Found { lease: None, journals: Vec::new(), pending: &Pending::default(), aside: Vec::new() };
        assert!(Overview::new(&nothing, written).is_empty());
    }

    #[test]
    fn anything_that_waits_or_can_be_undone_or_put_back_is_something() {
        let empty = Overview::default();
        assert!(empty.is_empty());
        let row = run_row(&journal("run", None, &[]), Timestamp::from_days(1), &Pending::default());
        assert_eq!((row.state, row.gone.as_str(), &row.until), (Unfinished, "1970-01-02T00:00:00Z", &None));
        let one = Tally { count: 1, bytes: 0 };
        assert!(!Overview { waiting: one, ..empty.clone() }.is_empty());
        assert!(!Overview { runs: vec![row], ..empty.clone() }.is_empty());
        assert!(!Overview { aside: vec![AsideRow { run: "run".into(), content: one }], ..empty }.is_empty());
    }
}
