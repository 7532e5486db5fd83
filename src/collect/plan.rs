//! The plan: what goes, in which order, why, and on what evidence. A value; nothing here can delete.

use super::decide::DeleteReason;
use super::dismissed::Dismissed;
use super::entry::Evidence;
use super::graph::Graph;
use super::mark::Marks;
use crate::model::{Digest, RepositoryName};
use serde::Serialize;
use std::sync::Arc;

/// The stages of a run, in order: pointers go before what they point to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// A tag's `current/link`.
    Tag,
    /// An entry of a tag's history.
    TagHistory,
    /// A revision link (and its old signature links).
    Revision,
    /// A layer link.
    LayerLink,
    /// An object of an upload.
    Upload,
    /// Content.
    Blob,
}

impl Stage {
    /// All, in order.
    pub const ALL: [Self; 6] = [Self::Tag, Self::TagHistory, Self::Revision, Self::LayerLink, Self::Upload, Self::Blob];

    /// The word in plans and reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Tag => "tag",
            Self::TagHistory => "tag_history",
            Self::Revision => "revision",
            Self::LayerLink => "layer_link",
            Self::Upload => "upload",
            Self::Blob => "blob",
        }
    }

    /// Whether what this stage deletes is a pointer: if it stays, what it points to stays.
    #[must_use]
    pub fn is_pointer(self) -> bool {
        match self {
            Self::Tag | Self::TagHistory | Self::Revision | Self::LayerLink => true,
            Self::Upload | Self::Blob => false,
        }
    }
}

/// One object to delete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deletion {
    /// The stage it belongs to.
    pub stage: Stage,
    /// Its key, relative to the root.
    pub key: String,
    /// The digest it holds or points to.
    pub digest: Option<Digest>,
    /// The other digest that its content points to.
    pub alias: Option<Digest>,
    /// The repository it is in, by name and by index in the inventory.
    pub repository: Option<(usize, RepositoryName)>,
    /// What the listing said of it.
    pub evidence: Evidence,
    /// Why it goes.
    pub reason: DeleteReason,
    /// The rule that let it go, in words.
    pub rule: Option<Arc<str>>,
    /// Parents before children: a deletion begins when all of lower levels of its stage have ended.
    pub level: u32,
}

/// Everything that goes, ordered by stage, level and key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    deletions: Vec<Deletion>,
}

impl Plan {
    /// Puts deletions in order, each key once: of two levels the later counts.
    #[must_use]
    pub fn new(mut deletions: Vec<Deletion>) -> Self {
        deletions.sort_by(|a, b| (a.stage, &a.key, b.level).cmp(&(b.stage, &b.key, a.level)));
        deletions.dedup_by(|a, b| a.key == b.key);
        deletions.sort_by(|a, b| (a.stage, a.level, &a.key).cmp(&(b.stage, b.level, &b.key)));
        Self { deletions }
    }

    /// The deletions, in order.
    #[must_use]
    pub fn deletions(&self) -> &[Deletion] {
        &self.deletions
    }

    /// Whether nothing goes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.deletions.is_empty()
    }

    /// All bytes of what goes; if no number can hold them, the largest.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.deletions.iter().map(|deletion| deletion.evidence.size).fold(0, u64::saturating_add)
    }
}

/// Whether a planned deletion may still go, once more is known to be needed than when it was planned.
#[must_use]
pub fn still_goes(deletion: &Deletion, graph: &Graph, marks: &Marks, dismissed: &Dismissed) -> bool {
    let digests = [&deletion.digest, &deletion.alias];
    let mut ids = digests.into_iter().flatten().map(|digest| graph.id(digest));
    match (deletion.stage, &deletion.repository) {
        (Stage::Upload, _) => true,
        (Stage::Blob, _) | (_, None) => ids.all(|id| marks.anywhere(id).is_none()),
        // What a tag names may be needed for another reason; that the tag goes was decided.
        (Stage::Tag, Some((at, _))) => dismissed.is_of_tag(*at, &deletion.key),
        (Stage::TagHistory, Some((at, _))) if dismissed.is_of_tag(*at, &deletion.key) => true,
        (Stage::TagHistory | Stage::Revision | Stage::LayerLink, Some((at, _))) => {
            ids.all(|id| marks.in_repository(*at, id).is_none())
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::collect::graph::{Expectation, Fetched};
    use crate::collect::levels::set_levels;
    use crate::layout;
    use crate::model::Timestamp;

    fn going(digest: &Digest) -> Deletion {
        let name = RepositoryName::new("a").unwrap();
        Deletion {
            stage: Stage::Revision,
            key: layout::revision_link(&name, digest),
            digest: Some(digest.clone()),
            alias: None,
            repository: Some((0, name)),
            evidence: Evidence { size: 71, modified: Timestamp::from_days(1), etag: None, outside: false },
            reason: DeleteReason::UntaggedManifest,
            rule: None,
            level: 0,
        }
    }

    /// A manifest of these children, about that subject.
    fn add(graph: &mut Graph, children: &[&Digest], subject: Option<&Digest>) -> Digest {
        let descriptor = |digest: &&Digest| format!(r#"{{"digest":"{digest}"}}"#);
        let children: Vec<String> = children.iter().map(descriptor).collect();
        let subject = subject.map_or("null".to_owned(), |digest| descriptor(&digest));
        let json = format!(r#"{{"schemaVersion":2,"manifests":[{}],"subject":{subject}}}"#, children.join(","));
        let digest = Digest::of(json.as_bytes());
        graph.learn(&digest, Expectation::Manifest, &Fetched::Bytes(json.into()));
        digest
    }

    /// A plan with one key twice would be saved, and refused when it is to be applied.
    #[test]
    fn key_goes_once_whatever_its_levels_are() {
        let at = |content: &[u8], level| Deletion { level, ..going(&Digest::of(content)) };
        let plan = Plan::new(vec![at(b"a", 0), at(b"b", 0), at(b"a", 1)]);
        assert_eq!(plan.deletions(), [at(b"b", 0), at(b"a", 1)]);
    }

    #[test]
    fn parents_go_before_children_and_subjects_before_what_is_about_them() {
        let mut graph = Graph::default();
        let child = add(&mut graph, &[], None);
        let inner = add(&mut graph, &[&child], None);
        let outer = add(&mut graph, &[&inner, &child], None);
        let signature = add(&mut graph, &[], Some(&outer));
        let mut deletions: Vec<Deletion> = [&child, &signature, &inner, &outer].map(going).into();
        set_levels(&mut deletions, &graph);
        let level = |digest: &Digest| deletions.iter().find(|it| it.digest.as_ref() == Some(digest)).unwrap().level;
        assert!(level(&outer) < level(&inner) && level(&inner) < level(&child), "{deletions:#?}");
        assert!(level(&outer) < level(&signature));
        let plan = Plan::new(deletions);
        assert_eq!(plan.deletions()[0].digest.as_ref(), Some(&outer));
        assert_eq!(plan.deletions()[3].digest.as_ref(), Some(&child));
    }

    #[test]
    fn what_is_planned_twice_goes_once() {
        let digest = Digest::of(b"x");
        assert_eq!(Plan::new(vec![going(&digest), going(&digest)]).deletions().len(), 1);
    }
}
