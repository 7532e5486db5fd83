//! The tags and manifests of repositories, a row for each.

use super::about::About;
use super::known::{Known, Read};
use super::tree::{Presence, State};
use super::walk::{Walk, walk};
use crate::collect::inventory::{Repository, Target};
use crate::collect::problem::ProblemCode;
use crate::model::{Digest, Kind, Tag, Timestamp};
use serde::{Serialize, Serializer};
use std::collections::{BTreeMap, HashMap};

/// What a manifest is, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Word {
    /// An image for one platform.
    Image,
    /// Several images under one name.
    Index,
    /// A chart, a signature, a cache, anything that is no image.
    Artifact,
    /// A Docker image of schema version 1.
    Schema1,
}

/// What is wrong with a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Trouble {
    /// What kind it is.
    pub code: ProblemCode,
    /// What it means.
    pub message: String,
}

/// What is known of one manifest with all below it. Where nothing was read, everything is `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Facts {
    /// What it is.
    pub kind: Option<Word>,
    /// Its media type, where it says one.
    pub media_type: Option<Box<str>>,
    /// What kind of artifact it is.
    pub artifact_type: Option<Box<str>>,
    /// What it runs on, in the order of the index.
    pub platforms: Vec<String>,
    /// Manifests that an index names and the repository does not have.
    pub absent: u64,
    /// Bytes of the manifest and all it names, each once.
    pub bytes: Option<u64>,
    /// When it was made, as it says: the newest date of its images.
    #[serde(serialize_with = "time")]
    pub created: Option<Timestamp>,
    /// How many signatures, SBOMs and the like are about it.
    pub referrers: Option<u64>,
    /// What is wrong with it.
    pub problem: Option<Trouble>,
}

/// One tag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TagRow {
    /// The repository.
    pub repository: String,
    /// The tag.
    pub tag: String,
    /// What it names; `None` if its link cannot be read.
    #[serde(serialize_with = "digest")]
    pub digest: Option<Digest>,
    /// When it was last pushed: the time of its link.
    #[serde(serialize_with = "time")]
    pub pushed: Option<Timestamp>,
    /// What it names is.
    #[serde(flatten)]
    pub facts: Facts,
}

/// One manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ManifestRow {
    /// The repository.
    pub repository: String,
    /// The manifest.
    #[serde(serialize_with = "digest")]
    pub digest: Option<Digest>,
    /// The tags that name it.
    pub tags: Vec<String>,
    /// The indexes that name it, by their digests.
    pub part_of: Vec<String>,
    /// What it is about.
    #[serde(serialize_with = "digest")]
    pub about: Option<Digest>,
    /// When it was last pushed: the time of its link.
    #[serde(serialize_with = "time")]
    pub pushed: Option<Timestamp>,
    /// What it is.
    #[serde(flatten)]
    pub facts: Facts,
}

#[expect(clippy::ref_option, reason = "as serde calls it")]
pub(in crate::collect) fn time<S: Serializer>(time: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    time.map(Timestamp::to_rfc3339).serialize(serializer)
}

#[expect(clippy::ref_option, reason = "as serde calls it")]
pub(super) fn digest<S: Serializer>(digest: &Option<Digest>, serializer: S) -> Result<S::Ok, S::Error> {
    digest.as_ref().map(Digest::to_string).serialize(serializer)
}

/// Makes the rows of one repository; what is told of a manifest is worked out once, however many tags it has.
#[derive(Debug)]
pub struct Rows<'a> {
    repository: &'a Repository,
    /// What was read, and what is about what; `None` if nothing was.
    read: Option<(&'a Known, About)>,
    /// What parts of images are not there or not served, as far as that was looked for.
    presence: &'a Presence,
    facts: HashMap<Digest, Facts>,
}

impl<'a> Rows<'a> {
    /// Begins; without `known` the rows tell what the listing told.
    #[must_use]
    pub fn new(repository: &'a Repository, known: Option<&'a Known>, presence: &'a Presence) -> Self {
        let read = known.map(|known| (known, About::of(repository, known)));
        Self { repository, read, presence, facts: HashMap::new() }
    }

    /// The tags that are wanted.
    pub fn tags(&mut self, wanted: impl Fn(&Tag) -> bool) -> Vec<TagRow> {
        let tags = self.repository.current_tags().filter(|(tag, _)| wanted(tag));
        let mut rows = Vec::new();
        for (tag, current) in tags {
            let (digest, facts) = match &current.target {
                Target::Digest(digest) => (Some(digest.clone()), self.facts_of_tag(digest)),
                Target::Unreadable(_) | Target::Unread => {
                    (None, Facts { problem: Some(Trouble::unreadable_tag()), ..Facts::default() })
                }
            };
            rows.push(TagRow {
                repository: self.repository.name.to_string(),
                tag: tag.to_string(),
                digest,
                pushed: Some(current.evidence.modified),
                facts,
            });
        }
        rows
    }

    fn facts_of_tag(&mut self, digest: &Digest) -> Facts {
        let mut facts = self.facts(digest);
        if facts.problem.is_none() && !self.repository.links_manifest(digest) {
            facts.problem = Some(Trouble::broken_tag());
        }
        if let Some(problem) = facts.problem.as_mut().filter(|problem| problem.code == ProblemCode::DanglingRevision) {
            problem.code = ProblemCode::DanglingTag;
        }
        facts
    }

    /// The manifests that are wanted, each told the tags that name it.
    pub fn manifests(&mut self, wanted: impl Fn(&Digest, &[String]) -> bool) -> Vec<ManifestRow> {
        let mut tags: HashMap<Digest, Vec<String>> = HashMap::new();
        for (tag, current) in self.repository.current_tags() {
            if let Some(digest) = current.target.into_digest() {
                tags.entry(digest).or_default().push(tag.to_string());
            }
        }
        let parents = self.parents();
        let mut rows = Vec::new();
        for ref link in &self.repository.revisions {
            let tags = tags.remove(&link.digest).unwrap_or_default();
            if !wanted(&link.digest, &tags) {
                continue;
            }
            let outline = self.read.as_ref().and_then(|(known, _)| known.outline(&link.digest));
            rows.push(ManifestRow {
                repository: self.repository.name.to_string(),
                digest: Some(link.digest.clone()),
                tags,
                part_of: parents.get(&link.digest).into_iter().flatten().map(ToString::to_string).collect(),
                about: outline.and_then(|outline| outline.subject.clone()),
                pushed: Some(link.modified()),
                facts: self.facts(&link.digest),
            });
        }
        rows
    }

    fn parents(&self) -> BTreeMap<Digest, Vec<Digest>> {
        let mut parents: BTreeMap<Digest, Vec<Digest>> = BTreeMap::new();
        let Some((known, _)) = &self.read else { return parents };
        for ref link in &self.repository.revisions {
            for named in known.outline(&link.digest).into_iter().flat_map(|outline| &outline.manifests) {
                let of = parents.entry(named.digest.clone()).or_default();
                // An index may list a thing twice.
                if of.last() != Some(&link.digest) {
                    of.push(link.digest.clone());
                }
            }
        }
        parents
    }

    fn facts(&mut self, digest: &Digest) -> Facts {
        let Some((known, about)) = &self.read else { return Facts::default() };
        if let Some(facts) = self.facts.get(digest) {
            return facts.clone();
        }
        let facts = facts(digest, self.repository, (known, self.presence), about);
        self.facts.insert(digest.clone(), facts.clone());
        facts
    }
}

/// What is told of a manifest that was looked for.
#[must_use]
pub fn facts(digest: &Digest, repository: &Repository, (known, presence): (&Known, &Presence), about: &About) -> Facts {
    let referrers = Some(about.count(digest));
    let broken =
        |code, message: &str| Facts { referrers, problem: Some(Trouble::new(code, message)), ..Facts::default() };
    match known.manifest(digest) {
        None => Facts { referrers, ..Facts::default() },
        Some(Read::Missing) => {
            broken(ProblemCode::DanglingRevision, "its manifest is not there: it cannot be pulled; push it again")
        }
        Some(Read::Unreadable(why)) => broken(ProblemCode::UnreadableManifest, &format!("it cannot be read: {why}")),
        Some(Read::Outline(outline, _)) => {
            let Walk { bytes, platforms, created, absent, broken, blobs, .. } = walk(digest, repository, known);
            let message =
                || format!("{broken} of the manifests below it cannot be read, or are not there; push it again");
            let problem = (broken > 0).then(|| Trouble::new(ProblemCode::UnreadableManifest, &message()));
            let is_lost = |blob: &&Digest| {
                known.is_lost(blob) || matches!(presence.get(blob), Some(State::Missing | State::NotLinked))
            };
            let lost = blobs.iter().filter(is_lost).count();
            let problem = problem.or_else(|| (lost > 0).then(|| Trouble::missing(lost, blobs.len())));
            let artifact_type = outline.artifact().map(Into::into);
            let kind = match (outline.kind, &artifact_type) {
                (Kind::Schema1, _) => Word::Schema1,
                (Kind::Artifact | Kind::Unknown, _) | (Kind::Image | Kind::Index, Some(_)) => Word::Artifact,
                (Kind::Image, None) => Word::Image,
                (Kind::Index, None) => Word::Index,
            };
            Facts {
                kind: Some(kind),
                media_type: outline.media_type.clone(),
                artifact_type,
                platforms,
                absent,
                bytes,
                created,
                referrers,
                problem,
            }
        }
    }
}

impl Trouble {
    /// Something is wrong.
    #[must_use]
    pub fn new(code: ProblemCode, message: &str) -> Self {
        Self { code, message: message.to_owned() }
    }

    /// An image that lacks so many of the configurations and layers that it needs.
    fn missing(lost: usize, all: usize) -> Self {
        let are = if lost == 1 { "is" } else { "are" };
        let message = format!(
            "{lost} of its {all} layers and configurations {are} not there or not served: it cannot be pulled; push it again"
        );
        Self::new(ProblemCode::MissingContent, &message)
    }

    /// A tag whose manifest its repository does not link.
    #[must_use]
    pub fn broken_tag() -> Self {
        let message = "its repository does not link the manifest any more: the registry answers 404; push it again";
        Self::new(ProblemCode::BrokenTag, message)
    }

    /// A tag whose link is not one digest.
    #[must_use]
    pub fn unreadable_tag() -> Self {
        let message = "its link is not one digest: the registry cannot read it either; push it again";
        Self::new(ProblemCode::UnreadableTag, message)
    }
}
