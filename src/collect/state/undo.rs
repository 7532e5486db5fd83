//! Whether what a run has taken away can still be brought back, and which run puts an end to that.

use super::journal::{Journal, Pointers};
use crate::collect::blobs::Tally;
use crate::collect::plan::{Plan, Stage};
use crate::model::{Digest, Timestamp};
use serde::Serialize;
use std::collections::{HashMap, HashSet};

/// What an undo of one run would find, as far as what its pointers themselves name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Undo {
    /// Pointers that are gone and whose content is there.
    pub possible: Pointers,
    /// Pointers that are there again.
    pub already_there: Pointers,
    /// Tags that name something else by now: nothing is written over a newer push.
    pub named_anew: Pointers,
    /// Tags that are there and that nobody can read: nothing is written over them either.
    pub unreadable: Pointers,
    /// Pointers that are gone, and their content as well.
    pub content_gone: Pointers,
}

/// What there is now at the key of a pointer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum At {
    /// Nothing.
    Nothing,
    /// A link whose key says what it names.
    Link,
    /// A tag's link that names this, or that nobody can read.
    Tag(Option<Digest>),
}

impl Undo {
    /// Of what a journal knows, by what there is at its keys, and which contents are there.
    #[must_use]
    pub fn of<'a>(journal: &Journal, at: impl Fn(&str) -> &'a At, has_content: impl Fn(&Digest) -> bool) -> Self {
        let mut undo = Self::default();
        for (removed, stage) in journal.removed.iter().filter_map(|removed| Some((removed, removed.stage()?))) {
            let pointers = match at(&removed.key) {
                At::Link => &mut undo.already_there,
                At::Tag(named) if named.as_ref() == Some(&removed.content) => &mut undo.already_there,
                At::Tag(Some(_)) => &mut undo.named_anew,
                At::Tag(None) => &mut undo.unreadable,
                At::Nothing if has_content(&removed.content) => &mut undo.possible,
                At::Nothing => &mut undo.content_gone,
            };
            pointers.add(stage);
        }
        undo
    }
}

/// A run that could have been undone for longer, were it not for a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EndsUndo {
    /// The run.
    pub run: String,
    /// Its command.
    pub command: String,
    /// Until when it could have been undone, RFC 3339.
    pub until: String,
    /// What of the content that it lets wait goes.
    pub blobs: Tally,
}

/// The runs whose undo a plan ends before its time, the newest first. What has waited as long as was said ends nothing.
pub fn ends_undo<'a>(journals: impl Iterator<Item = &'a Journal>, plan: &Plan, now: Timestamp) -> Vec<EndsUndo> {
    let is_open = |journal: &&Journal| {
        journal.done.as_ref().and_then(super::journal::Done::until).is_some_and(|until| until > now)
    };
    let open: Vec<&Journal> = journals.filter(is_open).collect();
    if open.is_empty() {
        return Vec::new();
    }
    let blobs = plan.deletions().range(plan.of_stage(Stage::Blob));
    let blobs = blobs.filter_map(|deletion| Some((deletion.digest?, deletion.evidence.size)));
    let blobs: HashMap<Digest, u64> = blobs.collect();
    let ended = |journal: &Journal| {
        let done = journal.done.as_ref()?;
        let named: HashSet<&Digest> = journal.removed.iter().map(|removed| &removed.content).collect();
        let mut tally = Tally::default();
        named.into_iter().filter_map(|digest| blobs.get(digest)).for_each(|size| tally.add(*size));
        (tally.count > 0).then(|| EndsUndo {
            run: journal.run.clone(),
            command: done.command.clone(),
            until: done.until.clone(),
            blobs: tally,
        })
    };
    let mut runs: Vec<EndsUndo> = open.into_iter().filter_map(ended).collect();
    runs.sort_by(|a, b| b.run.cmp(&a.run));
    runs
}

#[cfg(test)]
mod tests {
    use super::super::journal::{Done, Removed};
    use super::*;
    use crate::collect::scene::{self, DAY, NOW, Storage};
    use crate::layout;

    fn journal(run: &str, until: Option<Timestamp>, contents: &[&Digest]) -> Journal {
        let removed = contents.iter().map(|content| Removed {
            key: layout::layer_link(&scene::name("a"), content),
            content: (*content).clone(),
            subject: None,
            modified: None,
        });
        let done = until.map(|until| Done {
            schema: "regsweep.done/1".into(),
            command: "rm".into(),
            gone: NOW.to_rfc3339(),
            until: until.to_rfc3339(),
        });
        Journal { run: run.into(), removed: removed.collect(), done, ..Journal::default() }
    }

    #[test]
    fn run_whose_content_goes_before_its_time_is_told() {
        let mut storage = Storage::default();
        let orphans = ["1", "22", "333"].map(|text| storage.blob(text));
        let kept = storage.layer("a", "kept");
        let index = storage.index("a", &[&kept]);
        storage.tag("a", "v1", &index);
        let (_, plan) = storage.scan(&scene::options());
        let [one, two, three] = &orphans;
        let journals = [
            journal("1", Some(NOW.plus(DAY)), &[one, two, two, &kept]),
            journal("2", Some(NOW.plus(DAY)), &[two, three]),
            journal("over", Some(NOW), &[one]),
            journal("unfinished", None, &[one]),
            journal("other", Some(NOW.plus(DAY)), &[&scene::of("other")]),
        ];
        let told = ends_undo(journals.iter(), &plan, NOW);
        let rows: Vec<_> = told.iter().map(|row| (row.run.as_str(), row.blobs.count, row.blobs.bytes)).collect();
        assert_eq!(rows, [("2", 2, 5), ("1", 2, 3)]);
        assert_eq!(ends_undo(journals.iter(), &Plan::default(), NOW), []);
    }

    #[test]
    fn pointer_is_there_or_can_come_back_or_is_lost() {
        let [there, waits, gone] = ["there", "waits", "gone"].map(scene::of);
        let is_there = layout::layer_link(&scene::name("a"), &there);
        let undo = Undo::of(
            &journal("run", None, &[&there, &waits, &gone, &gone]),
            |key| if key == is_there { &At::Link } else { &At::Nothing },
            |content| *content != gone,
        );
        let layers = |layer_links| Pointers { layer_links, ..Pointers::default() };
        let expected =
            Undo { already_there: layers(1), possible: layers(1), content_gone: layers(2), ..Undo::default() };
        assert_eq!(undo, expected);
    }

    #[test]
    fn tag_that_names_something_else_by_now_is_not_there_again() {
        let (was, key) = (scene::of("was"), layout::tag_current(&scene::name("a"), &scene::tag("v1")));
        let removed = vec![Removed { key, content: was.clone(), subject: None, modified: None }];
        let journal = Journal { removed, ..Journal::default() };
        let undo = |at: At| Undo::of(&journal, |_| Box::leak(Box::new(at.clone())), |_| true);
        let tag = Pointers { tags: 1, ..Pointers::default() };
        let other = At::Tag(Some(scene::of("other")));
        assert_eq!(undo(other), Undo { named_anew: tag, ..Undo::default() });
        assert_eq!(undo(At::Tag(None)), Undo { unreadable: tag, ..Undo::default() });
        assert_eq!(undo(At::Tag(Some(was.clone()))), Undo { already_there: tag, ..Undo::default() });
        assert_eq!(undo(At::Nothing), Undo { possible: tag, ..Undo::default() });
    }
}
