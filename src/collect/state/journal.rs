//! Pointers that a run takes away, written down before they go, so that they can be written back.

use crate::collect::graph::{Graph, Node};
use crate::collect::mark::Marks;
use crate::collect::plan::{Deletion, Stage};
use crate::layout::StorageKey;
use crate::model::{Digest, Timestamp};
use serde::{Deserialize, Serialize};

/// So many pointers go into one part.
pub const PART: usize = 20_000;

/// One pointer that was there: its key, and the digest that it held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removed {
    /// The key, relative to the root.
    pub key: String,
    /// The digest that the link held.
    pub content: Digest,
    /// What that manifest is about: if it comes back, this does as well.
    pub subject: Option<Digest>,
    /// When it was written, if it is a tag's: rules count the age of a tag from then, also once it is back.
    pub modified: Option<Timestamp>,
}

#[derive(Serialize, Deserialize)]
struct Line<'a> {
    key: std::borrow::Cow<'a, str>,
    content: std::borrow::Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    subject: Option<std::borrow::Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    modified: Option<std::borrow::Cow<'a, str>>,
}

impl Removed {
    /// What must be written down of a deletion; nothing for content and uploads, which are not pointers.
    #[must_use]
    pub fn of(deletion: &Deletion, graph: &Graph, marks: &Marks) -> Option<Self> {
        if !deletion.stage.is_pointer() {
            return None;
        }
        let content = deletion.alias.as_ref().or(deletion.digest.as_ref())?;
        let at = deletion.repository.as_ref().map(|(at, _)| *at);
        let subject = match (deletion.stage, graph.node_of(content)) {
            // What was dismissed although its subject stays is not to come back because of that subject.
            (Stage::Revision, Node::Manifest { subject: Some(subject), .. })
                if at.is_none_or(|at| marks.in_repository(at, Some(subject)).is_none()) =>
            {
                Some(graph.digest(subject))
            }
            _ => None,
        };
        // History that is newer than what a tag names looks like a push that is under way.
        let of_tag = matches!(deletion.stage, Stage::Tag | Stage::TagHistory);
        let modified = of_tag.then_some(deletion.evidence.modified);
        Some(Self { key: deletion.key.clone(), content: content.clone(), subject, modified })
    }

    /// The stage whose deletion it undoes. `None` if the key is not that of a pointer: such a line writes nothing.
    #[must_use]
    pub fn stage(&self) -> Option<Stage> {
        match StorageKey::parse(&self.key) {
            StorageKey::LayerLink { .. } => Some(Stage::LayerLink),
            StorageKey::RevisionLink { .. } | StorageKey::SignatureLink { .. } => Some(Stage::Revision),
            StorageKey::TagHistory { .. } => Some(Stage::TagHistory),
            StorageKey::TagCurrent { .. } => Some(Stage::Tag),
            StorageKey::Blob(_) | StorageKey::Upload { .. } | StorageKey::Suspect { .. } | StorageKey::Unrecognized => {
                None
            }
        }
    }
}

/// How many pointers of each kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Pointers {
    /// Tags.
    pub tags: u64,
    /// Entries of tags' histories.
    pub tag_history: u64,
    /// Revision links.
    pub manifests: u64,
    /// Layer links.
    pub layer_links: u64,
}

impl Pointers {
    /// Counts one more; what is no pointer does not count.
    pub fn add(&mut self, stage: Stage) {
        match stage {
            Stage::Tag => self.tags += 1,
            Stage::TagHistory => self.tag_history += 1,
            Stage::Revision => self.manifests += 1,
            Stage::LayerLink => self.layer_links += 1,
            Stage::Upload | Stage::Blob => {}
        }
    }

    /// All of them.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.tags + self.tag_history + self.manifests + self.layer_links
    }
}

impl std::ops::AddAssign for Pointers {
    fn add_assign(&mut self, other: Self) {
        self.tags += other.tags;
        self.tag_history += other.tag_history;
        self.manifests += other.manifests;
        self.layer_links += other.layer_links;
    }
}

impl FromIterator<Stage> for Pointers {
    fn from_iter<I: IntoIterator<Item = Stage>>(stages: I) -> Self {
        let mut pointers = Self::default();
        stages.into_iter().for_each(|stage| pointers.add(stage));
        pointers
    }
}

/// One part of a journal as it is written.
#[must_use]
pub fn to_text(part: &[Removed]) -> String {
    let mut text = String::new();
    for removed in part {
        let line = Line {
            key: removed.key.as_str().into(),
            content: removed.content.to_string().into(),
            subject: removed.subject.as_ref().map(|subject| subject.to_string().into()),
            modified: removed.modified.map(|modified| modified.to_rfc3339().into()),
        };
        text.push_str(&serde_json::to_string(&line).unwrap_or_default());
        text.push('\n');
    }
    text
}

/// Reads a part back, and how many lines could not be understood. Only pointers of the registry are taken: no line of a
/// journal can have anything else written.
#[must_use]
pub fn parse(text: &[u8]) -> (Vec<Removed>, u64) {
    let (mut removed, mut odd) = (Vec::new(), 0);
    for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let read = serde_json::from_slice::<Line<'_>>(line).ok();
        let read = read.and_then(|line| {
            let subject = line.subject.map(|subject| subject.parse()).transpose().ok()?;
            let modified = line.modified.as_deref().and_then(Timestamp::parse_rfc3339);
            Some(Removed { content: line.content.parse().ok()?, key: line.key.into(), subject, modified })
        });
        match read.filter(|removed| removed.stage().is_some()) {
            Some(read) => removed.push(read),
            None => odd += 1,
        }
    }
    (removed, odd)
}

/// Written when a run has settled and mended what it had to: its journal serves only to undo from then on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// `regsweep.done/1`.
    pub schema: String,
    /// The command.
    pub command: String,
    /// When the run's pointers were gone, RFC 3339.
    pub gone: String,
    /// Until when what they pointed to waits, RFC 3339.
    pub until: String,
}

impl Done {
    /// As it is written.
    #[must_use]
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default() + "\n"
    }

    /// Reads one.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        serde_json::from_slice(text).ok().filter(|done: &Self| done.schema == "regsweep.done/1")
    }

    /// Until when the journal is kept.
    #[must_use]
    pub fn until(&self) -> Option<Timestamp> {
        Timestamp::parse_rfc3339(&self.until)
    }
}

/// The journal of one run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Journal {
    /// The run.
    pub run: String,
    /// Its keys in the storage.
    pub keys: Vec<String>,
    /// What it took away.
    pub removed: Vec<Removed>,
    /// Whether it ended as it should, and until when it is kept.
    pub done: Option<Done>,
    /// Lines that could not be understood: what they say cannot be written back.
    pub odd: u64,
    /// Whole parts that could not be read, each of up to [`PART`] lines: nor can what these say.
    pub unread_parts: u64,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
    use super::*;
    use crate::collect::scene::{self, Storage};
    use crate::layout;
    use crate::model::{RepositoryName, Tag};

    fn removed() -> Vec<Removed> {
        let (name, tag, digest) = (RepositoryName::new("a/b").unwrap(), Tag::new("v1").unwrap(), Digest::of(b"x"));
        let keys = [
            layout::tag_current(&name, &tag),
            layout::tag_history(&name, &tag, &digest),
            layout::revision_link(&name, &digest),
            layout::layer_link(&name, &digest),
        ];
        keys.map(|key| Removed { key, content: digest.clone(), subject: None, modified: None }).to_vec()
    }

    #[test]
    fn what_is_written_is_read_back() {
        assert_eq!(parse(to_text(&removed()).as_bytes()), (removed(), 0));
        let about = removed().into_iter().map(|one| Removed { subject: Some(Digest::of(b"subject")), ..one });
        let about: Vec<Removed> = about.collect();
        assert_eq!(parse(to_text(&about).as_bytes()), (about, 0));
        let modified = Some(Timestamp::from_parts(1_700_000_000, 123_456_789));
        let timed: Vec<Removed> = removed().into_iter().map(|one| Removed { modified, ..one }).collect();
        assert_eq!(parse(to_text(&timed).as_bytes()), (timed.clone(), 0));
        let odd = to_text(&timed).replace("2023-", "x");
        assert_eq!(parse(odd.as_bytes()), (removed(), 0), "what is no time is none, and the link comes back");
        let stages: Vec<_> = removed().iter().map(|removed| removed.stage().unwrap()).collect();
        assert_eq!(stages, [Stage::Tag, Stage::TagHistory, Stage::Revision, Stage::LayerLink]);
    }

    #[test]
    fn only_pointers_of_the_registry_are_taken() {
        let digest = Digest::of(b"x");
        let hostile = [
            layout::blob_data(&digest),
            "docker/registry/v2/repositories/../../../etc/link".into(),
            "docker/registry/v2/repositories/a/_uploads/11111111-2222-4333-a444-555555555555/data".into(),
            "/etc/passwd".into(),
        ];
        let lines = hostile.map(|key| Removed { key, content: digest.clone(), subject: None, modified: None });
        assert_eq!(parse(to_text(&lines).as_bytes()), (Vec::new(), 4));
        let other = br#"{"key": "docker/registry/v2/repositories/a/_manifests/tags/v/current/link", "content": "no"}"#;
        assert_eq!(parse(other), (Vec::new(), 1));
        assert_eq!(parse(b"\xff\n[]\n"), (Vec::new(), 2));
        let about = to_text(&removed()).replace('}', r#","subject":"sha256:0"}"#);
        assert_eq!(parse(about.as_bytes()), (Vec::new(), 4));
    }

    #[test]
    fn a_journal_cut_short_gives_whole_lines_only() {
        let text = to_text(&removed());
        for end in 0..text.len() {
            let (read, _) = parse(&text.as_bytes()[..end]);
            assert!(read.iter().zip(removed()).all(|(read, removed)| *read == removed), "cut at {end}");
        }
    }

    /// Whoever removed a signature by its name does not get it back with its image.
    #[test]
    fn what_was_removed_from_a_subject_that_stays_is_not_bound_to_it() {
        let mut storage = Storage::default();
        let subject = storage.index("a", &[]);
        storage.tag("a", "v1", &subject);
        let about = storage.about("a", &[], Some(&subject));
        let written = |images: &[&str]| {
            let (scan, plan) = storage.scan(&scene::removing(images));
            let removed = plan.deletions().iter().filter_map(|one| Removed::of(&one, &scan.graph, &scan.marks));
            let of_it: Vec<Removed> = removed.filter(|removed| removed.content == about).collect();
            let [removed] = &of_it[..] else { panic!("{of_it:?}") };
            removed.subject.clone()
        };
        assert_eq!(written(&[&format!("a@{about}")]), None);
        assert_eq!(written(&["a:v1", &format!("a@{about}")]), Some(subject.clone()), "both go");
    }

    #[test]
    fn pointer_is_written_down_with_what_it_held_and_what_it_is_about() {
        let mut storage = Storage::default();
        let subject = storage.index("a", &[]);
        let about = storage.about("a", &[], Some(&subject));
        let content = storage.blob("content");
        storage.link(layout::layer_link(&scene::name("a"), &scene::sha512("content")), &content.to_string());
        storage.link(layout::revision_link(&scene::name("a"), &scene::sha512("about")), &about.to_string());
        storage.put(layout::layer_link(&scene::name("a"), &about));
        storage.upload("a", &["data"]);
        let (scan, plan) = storage.scan(&scene::options());
        let written: Vec<Removed> =
            plan.deletions().iter().filter_map(|deletion| Removed::of(&deletion, &scan.graph, &scan.marks)).collect();
        let removed = |key, content: &Digest, subject: Option<&Digest>| Removed {
            key,
            content: content.clone(),
            subject: subject.cloned(),
            modified: None,
        };
        let a = scene::name("a");
        let mut expected = vec![
            removed(layout::revision_link(&a, &subject), &subject, None),
            removed(layout::revision_link(&a, &about), &about, Some(&subject)),
            removed(layout::revision_link(&a, &scene::sha512("about")), &about, Some(&subject)),
            removed(layout::layer_link(&a, &about), &about, None),
            removed(layout::layer_link(&a, &scene::sha512("content")), &content, None),
        ];
        let mut written = written;
        for list in [&mut written, &mut expected] {
            list.sort_by(|a, b| a.key.cmp(&b.key));
        }
        assert_eq!(written, expected);
    }

    #[test]
    fn pointers_of_every_kind_add_up() {
        let stages = [
            (Stage::Tag, 1),
            (Stage::TagHistory, 2),
            (Stage::Revision, 3),
            (Stage::LayerLink, 4),
            (Stage::Upload, 5),
            (Stage::Blob, 6),
        ];
        let all = stages.into_iter().flat_map(|(stage, count)| std::iter::repeat_n(stage, count));
        let mut pointers: Pointers = all.collect();
        assert_eq!(pointers, Pointers { tags: 1, tag_history: 2, manifests: 3, layer_links: 4 });
        assert_eq!(pointers.total(), 10);
        pointers += Pointers { tags: 10, tag_history: 20, manifests: 30, layer_links: 40 };
        assert_eq!(pointers, Pointers { tags: 11, tag_history: 22, manifests: 33, layer_links: 44 });
    }

    #[test]
    fn end_of_a_run_reads_back_and_another_schema_is_none() {
        let done = Done {
            schema: "regsweep.done/1".into(),
            command: "garbage-collect".into(),
            gone: "2026-11-21T00:00:00Z".into(),
            until: "1970-01-02T00:00:00Z".into(),
        };
        assert!(done.to_text().ends_with("}\n"));
        assert_eq!(Done::parse(done.to_text().as_bytes()), Some(done.clone()));
        assert_eq!(done.until(), Some(Timestamp::from_days(1)));
        let newer = Done { schema: "regsweep.done/2".into(), until: "never".into(), ..done };
        assert_eq!((Done::parse(newer.to_text().as_bytes()), newer.until()), (None, None));
    }
}
