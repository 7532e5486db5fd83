//! The tree of one image: index, platforms, config and layers, and what is about each.

use super::about::About;
use super::known::{Known, Read};
use super::row::{Facts, Trouble, digest as as_text, facts, time};
use super::walk::{self, Child, walk};
use crate::collect::inventory::Repository;
use crate::model::outline::Named;
use crate::model::{Digest, Platform, Timestamp};
use serde::Serialize;
use std::collections::{HashMap, HashSet};

/// What a part is to what stands above it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The image itself, or a manifest of an index.
    Manifest,
    /// The configuration.
    Config,
    /// A layer.
    Layer,
    /// Something else that is no manifest: what a cache lists.
    Blob,
    /// Something that is about what stands above it.
    Referrer,
}

/// What is wrong or odd with a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It is named, linked, and its content is not there.
    Missing,
    /// Its content is there, and the repository may not serve it.
    NotLinked,
    /// A manifest that the repository does not have: clients pull the others.
    Absent,
    /// It is had elsewhere, by design.
    Foreign,
    /// It is there and cannot be read.
    Unreadable,
    /// It has been shown further up.
    Above,
    /// It is nested deeper than anybody can follow.
    TooDeep,
}

/// One part of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Node {
    /// What it is to what stands above it.
    pub role: Role,
    /// Its digest.
    pub digest: String,
    /// What kind of content it is, as far as it is said.
    pub media_type: Option<Box<str>>,
    /// What kind of artifact it is.
    pub artifact_type: Option<Box<str>>,
    /// What it runs on.
    pub platform: Option<String>,
    /// Its own size.
    pub size: Option<u64>,
    /// Of a manifest, bytes of it and all below it, each once.
    pub bytes: Option<u64>,
    /// When it was made, as it says.
    #[serde(serialize_with = "time")]
    pub created: Option<Timestamp>,
    /// The tag that says that it is about what stands above it (`sha256-<hex>.sig`).
    pub tag: Option<String>,
    /// What is wrong or odd with it.
    pub state: Option<State>,
    /// What it names.
    pub parts: Vec<Node>,
    /// What is about it.
    pub referrers: Vec<Node>,
}

/// One image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tree {
    /// The repository.
    pub repository: String,
    /// The tag it was asked for by, if by one.
    pub tag: Option<String>,
    /// Its digest; `None` if the tag cannot be read.
    #[serde(serialize_with = "as_text")]
    pub digest: Option<Digest>,
    /// All tags that name it.
    pub tags: Vec<String>,
    /// What it is about itself.
    #[serde(serialize_with = "as_text")]
    pub about: Option<Digest>,
    /// When it was last pushed.
    #[serde(serialize_with = "time")]
    pub pushed: Option<Timestamp>,
    /// What it comes to.
    #[serde(flatten)]
    pub facts: Facts,
    /// Its parts, from the top; `None` if the tag cannot be read.
    pub root: Option<Node>,
}

impl Tree {
    /// What is left of an image whose tag cannot be read.
    #[must_use]
    pub fn of_unreadable_tag(repository: &Repository, tag: &str, pushed: Option<Timestamp>) -> Self {
        Self {
            repository: repository.name.to_string(),
            tag: Some(tag.to_owned()),
            digest: None,
            tags: Vec::new(),
            about: None,
            pushed,
            facts: Facts { problem: Some(Trouble::unreadable_tag()), ..Facts::default() },
            root: None,
        }
    }

    /// Every part with this state, in order.
    #[must_use]
    pub fn digests_with(&self, state: State) -> Vec<&str> {
        let mut found = Vec::new();
        let mut todo: Vec<&Node> = self.root.iter().collect();
        while let Some(node) = todo.pop() {
            if node.state == Some(state) {
                found.push(node.digest.as_str());
            }
            todo.extend(node.referrers.iter().rev().chain(node.parts.iter().rev()));
        }
        found
    }
}

/// Where the content of blobs is: what looking for each gave. What was not looked for is taken to be there.
pub type Presence = HashMap<Digest, State>;

/// Everything but manifests that the image needs, and what is about it: to be looked for before the tree is shown.
#[must_use]
pub fn blobs(root: &Digest, repository: &Repository, known: &Known) -> Vec<Digest> {
    let about = About::of(repository, known);
    let mut blobs = Vec::new();
    let mut seen: HashSet<Digest> = HashSet::from([root.clone()]);
    let mut todo = vec![root.clone()];
    while let Some(digest) = todo.pop() {
        let below = walk(&digest, repository, known);
        blobs.extend(below.blobs);
        for manifest in std::iter::once(digest).chain(below.manifests) {
            todo.extend(
                about.this(&manifest).map(|(digest, _)| digest.clone()).filter(|digest| seen.insert(digest.clone())),
            );
        }
    }
    blobs.sort();
    blobs.dedup();
    blobs
}

/// Builds trees of one repository.
#[derive(Debug)]
pub struct Planter<'a> {
    repository: &'a Repository,
    known: &'a Known,
    about: About,
    presence: &'a Presence,
    shown: HashSet<Digest>,
}

/// Deeper than this nothing is shown: no client nests like that, and a hostile index must not fill the stack.
const DEEPEST: usize = 16;

impl<'a> Planter<'a> {
    /// Begins.
    #[must_use]
    pub fn new(repository: &'a Repository, known: &'a Known, presence: &'a Presence) -> Self {
        Self { repository, known, about: About::of(repository, known), presence, shown: HashSet::new() }
    }

    /// The tree of a manifest.
    pub fn tree(&mut self, digest: &Digest, tag: Option<&str>, pushed: Option<Timestamp>) -> Tree {
        self.shown.clear();
        let names = self.repository.current_tags().filter(|(_, current)| current.target.digest() == Some(digest));
        let mut facts = facts(digest, self.repository, (self.known, self.presence), &self.about);
        if facts.problem.is_none() && !self.repository.links_manifest(digest) {
            facts.problem = Some(Trouble::broken_tag());
        }
        Tree {
            repository: self.repository.name.to_string(),
            tag: tag.map(Into::into),
            digest: Some(digest.clone()),
            tags: names.map(|(tag, _)| tag.to_string()).collect(),
            about: self.known.outline(digest).and_then(|outline| outline.subject.clone()),
            pushed,
            facts,
            root: Some(self.manifest(digest, Role::Manifest, 0)),
        }
    }

    fn manifest(&mut self, digest: &Digest, role: Role, depth: usize) -> Node {
        let mut node = plain(digest, role);
        if !self.shown.insert(digest.clone()) {
            node.state = Some(State::Above);
            return node;
        }
        let (outline, size) = match self.known.manifest(digest) {
            Some(Read::Outline(outline, size)) => (outline, *size),
            Some(Read::Unreadable(_)) => return Node { state: Some(State::Unreadable), ..node },
            Some(Read::Missing) => return Node { state: Some(State::Missing), ..node },
            None => return Node { state: Some(State::Absent), ..node },
        };
        let below = walk(digest, self.repository, self.known);
        node.media_type.clone_from(&outline.media_type);
        node.artifact_type = outline.artifact().map(Into::into);
        node.platform = below.platforms.first().filter(|_| below.platforms.len() == 1).cloned();
        (node.size, node.bytes, node.created) = (Some(size), below.bytes, below.created);
        if depth >= DEEPEST {
            node.state = Some(State::TooDeep);
            return node;
        }
        node.parts.extend(outline.config.iter().map(|named| self.blob(named, Role::Config)));
        node.parts.extend(outline.layers.iter().map(|named| self.blob(named, Role::Layer)));
        for named in &outline.manifests {
            let mut part = match walk::child(self.repository, named) {
                Child::Manifest => self.manifest(&named.digest, Role::Manifest, depth + 1),
                Child::Blob => self.blob(named, Role::Blob),
                Child::Absent => Node { state: Some(State::Absent), ..of(named, Role::Manifest) },
            };
            part.platform = named.details.platform.as_ref().map(Platform::to_string).or(part.platform);
            node.parts.push(part);
        }
        let about: Vec<_> =
            self.about.this(digest).map(|(digest, tag)| (digest.clone(), tag.map(str::to_owned))).collect();
        for (referrer, tag) in about {
            let referrer = self.manifest(&referrer, Role::Referrer, depth + 1);
            node.referrers.push(Node { tag, ..referrer });
        }
        node
    }

    fn blob(&self, named: &Named, role: Role) -> Node {
        let foreign = named.details.is_foreign.then_some(State::Foreign);
        let looked_for = || self.presence.get(&named.digest).copied();
        Node { state: foreign.or_else(looked_for), ..of(named, role) }
    }
}

fn plain(digest: &Digest, role: Role) -> Node {
    Node {
        role,
        digest: digest.to_string(),
        media_type: None,
        artifact_type: None,
        platform: None,
        size: None,
        bytes: None,
        created: None,
        tag: None,
        state: None,
        parts: Vec::new(),
        referrers: Vec::new(),
    }
}

fn of(named: &Named, role: Role) -> Node {
    Node { media_type: named.details.media_type.clone(), size: named.details.size, ..plain(&named.digest, role) }
}
