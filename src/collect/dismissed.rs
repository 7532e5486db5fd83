//! What goes by decision although a pointer names it: because the user has named it (`rm`), or by a rule (`prune`).
//!
//! A value. Everything in it is noted as the scan saw it, and counts only as long as it looks the same: a tag that is
//! pushed again, a manifest that is sent again is a new one, of which nobody has decided anything. So marks that are made
//! from a later look are right without this being made anew.

use super::decide::DeleteReason;
use super::entry::Evidence;
use super::graph::{Graph, Id, Node};
use super::inventory::{Inventory, Link, Repository, TagEntry};
use super::mark::{Marks, mark_without};
use super::options::Options;
use super::roots::{names, roots};
use super::tag_change::{can_be_told_from, is_half_pushed};
use crate::layout::StorageKey;
use crate::model::{Digest, Tag, Timestamp};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

/// A push that is under way has mostly ended by then.
const A_MOMENT: Duration = Duration::from_secs(2);

/// Why something was dismissed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Why {
    /// [`DeleteReason::Named`] or [`DeleteReason::Retention`].
    pub reason: DeleteReason,
    /// The rule that decided, and how, in words.
    pub rule: Option<Arc<str>>,
}

impl Why {
    /// The user named it.
    #[must_use]
    pub fn named() -> Self {
        Self { reason: DeleteReason::Named, rule: None }
    }

    /// A rule lets it go; which, and by what condition, in words.
    #[must_use]
    pub fn rule(words: &str) -> Self {
        Self { reason: DeleteReason::Retention, rule: Some(words.into()) }
    }
}

/// All that is dismissed, by the repository's index in the inventory.
#[derive(Debug, Clone, Default)]
pub struct Dismissed {
    repositories: BTreeMap<usize, Here>,
}

/// What is dismissed in one repository, and how the scan saw it.
#[derive(Debug, Clone, Default)]
struct Here {
    tags: BTreeMap<Tag, (TagEntry, Why)>,
    manifests: HashMap<Digest, (Option<Evidence>, Why)>,
    layers: HashMap<Digest, (Evidence, Why)>,
    /// Those among the manifests that were meant themselves, and not only as part of something.
    meant: HashSet<Digest>,
    /// Those among them that must not stay: if something needs one, nothing goes.
    must_go: BTreeSet<Digest>,
    is_whole: bool,
}

impl Dismissed {
    /// Whether nothing is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.repositories.is_empty()
    }

    /// A tag with its history, and the manifest that it names: that goes if nothing else needs it. A tag of which a part
    /// lies outside the root cannot go, and is not dismissed.
    pub fn add_tag(&mut self, inventory: &Inventory, at: usize, tag: &Tag, why: &Why) {
        let Some(repository) = inventory.repositories.get(at) else { return };
        let Some(entry) = repository.tags.get(tag) else { return };
        let current = entry.current.iter().map(|current| &current.evidence);
        if current.chain(entry.history.iter().map(|link| &link.evidence)).any(|evidence| evidence.outside) {
            return;
        }
        if let Some(digest) = entry.current.as_ref().and_then(|current| current.target.digest()) {
            let digest = digest.clone();
            self.add_tagged(inventory, at, &digest, why);
        }
        self.here(at).tags.entry(tag.clone()).or_insert_with(|| (entry.clone(), why.clone()));
    }

    /// The manifest of a tag that goes, or is gone: it goes as well if nothing else needs it.
    pub fn add_tagged(&mut self, inventory: &Inventory, at: usize, digest: &Digest, why: &Why) {
        let Some(repository) = inventory.repositories.get(at) else { return };
        self.add(repository, at, digest, why);
        // A rule that drops a tag says nothing of what the tagged manifest is about.
        if why.reason == DeleteReason::Named {
            self.here(at).meant.insert(digest.clone());
        }
    }

    /// A manifest, with every tag that names it. Its revision link may be missing.
    pub fn add_manifest(&mut self, inventory: &Inventory, at: usize, digest: &Digest, why: &Why) {
        let Some(repository) = inventory.repositories.get(at) else { return };
        let tagged = repository.current_tags().filter(|(_, current)| current.target.digest() == Some(digest));
        let tags: Vec<&Tag> = tagged.map(|(tag, _)| tag).collect();
        for tag in tags {
            self.add_tag(inventory, at, tag, why);
        }
        self.add(repository, at, digest, why);
        let here = self.here(at);
        here.meant.insert(digest.clone());
        here.must_go.insert(digest.clone());
    }

    /// A manifest that has no tag, or loses it by a rule: it goes if nothing else needs it.
    pub fn add_untagged(&mut self, inventory: &Inventory, at: usize, digest: &Digest, why: &Why) {
        if let Some(repository) = inventory.repositories.get(at) {
            self.add(repository, at, digest, why);
        }
    }

    /// All of a repository, so that it is gone from the catalogue as well. Repositories below it stay.
    pub fn add_repository(&mut self, inventory: &Inventory, at: usize, why: &Why) {
        let Some(repository) = inventory.repositories.get(at) else { return };
        for tag in repository.tags.keys() {
            self.add_tag(inventory, at, tag, why);
        }
        for digest in repository.revisions.iter().flat_map(names) {
            self.add_manifest(inventory, at, digest, why);
        }
        let here = self.here(at);
        here.is_whole = true;
        let layers = repository.layers.iter();
        here.layers.extend(layers.map(|link| (link.digest.clone(), (link.evidence.clone(), why.clone()))));
    }

    fn here(&mut self, at: usize) -> &mut Here {
        self.repositories.entry(at).or_default()
    }

    /// Tells whether it is new.
    fn add(&mut self, repository: &Repository, at: usize, digest: &Digest, why: &Why) -> bool {
        let links = repository.revisions.binary_search_by(|link| link.digest.cmp(digest));
        let seen = links.ok().map(|link| repository.revisions[link].evidence.clone());
        let manifests = &mut self.here(at).manifests;
        let is_new = !manifests.contains_key(digest);
        manifests.entry(digest.clone()).or_insert_with(|| (seen, why.clone()));
        is_new
    }

    /// Adds what belongs to what is dismissed: children of indexes, what is about something dismissed, to any depth; and
    /// the tags by which signatures of an image are found, if that image goes. Whether each of these goes is up to the
    /// marks: what something else needs stays.
    pub fn complete(&mut self, inventory: &Inventory, graph: &mut Graph, options: &Options, now: Timestamp) {
        if self.is_empty() {
            return;
        }
        loop {
            self.add_parts(inventory, graph);
            let marks = mark_without(inventory, graph, &roots(inventory, graph, options, self, now), self);
            if !self.add_bound_tags(inventory, graph, &marks) {
                return;
            }
        }
    }

    fn add_parts(&mut self, inventory: &Inventory, graph: &Graph) {
        let all: Vec<usize> = self.repositories.keys().copied().collect();
        for at in all {
            let Some(repository) = inventory.repositories.get(at) else { continue };
            let mut about: HashMap<Id, Vec<&Digest>> = HashMap::new();
            let mut linked: HashMap<Id, &Digest> = HashMap::new();
            for link in &repository.revisions {
                for id in names(link).filter_map(|digest| graph.id(digest)) {
                    linked.insert(id, &link.digest);
                    if let Node::Manifest { subject: Some(subject), .. } = graph.node(id) {
                        about.entry(*subject).or_default().push(&link.digest);
                    }
                }
            }
            let dismissed = self.here(at).manifests.iter();
            let mut todo: Vec<(Digest, Why)> =
                dismissed.map(|(digest, (_, why))| (digest.clone(), why.clone())).collect();
            while let Some((digest, why)) = todo.pop() {
                let Some(id) = graph.id(&digest) else { continue };
                let children = match graph.node(id) {
                    Node::Manifest { references, .. } => &references[..],
                    Node::Plain | Node::Unreadable(_) | Node::Missing => &[],
                };
                let children = children.iter().chain(graph.aliases(id)).filter_map(|child| linked.get(child));
                let referrers = about.get(&id).into_iter().flatten();
                let parts: Vec<&Digest> = children.chain(referrers).copied().collect();
                for part in parts {
                    if self.add(repository, at, part, &why) {
                        todo.push((part.clone(), why.clone()));
                    }
                }
            }
        }
    }

    /// The tags `sha256-<hex>` of images that go. Tells whether any is new.
    fn add_bound_tags(&mut self, inventory: &Inventory, graph: &Graph, marks: &Marks) -> bool {
        let mut bound: Vec<(usize, Tag, Why)> = Vec::new();
        for (at, here) in &self.repositories {
            let Some(repository) = inventory.repositories.get(*at) else { continue };
            for tag in repository.tags.keys().filter(|tag| !here.tags.contains_key(*tag)) {
                let image = tag.bound_to().and_then(|image| here.manifests.get_key_value(&image));
                if let Some((image, (_, why))) = image
                    && marks.in_repository(*at, graph.id(image)).is_none()
                {
                    bound.push((*at, tag.clone(), why.clone()));
                }
            }
        }
        let before = self.count_tags();
        for (at, tag, why) in bound {
            self.add_tag(inventory, at, &tag, &why);
        }
        self.count_tags() > before
    }

    fn count_tags(&self) -> usize {
        self.repositories.values().map(|here| here.tags.len()).sum()
    }

    /// Why a tag goes, if it is dismissed and looks as it did then.
    #[must_use]
    pub fn tag(&self, at: usize, tag: &Tag, entry: &TagEntry) -> Option<&Why> {
        let (seen, why) = self.repositories.get(&at)?.tags.get(tag)?;
        (seen == entry).then_some(why)
    }

    /// How a dismissed tag was seen.
    #[must_use]
    pub fn seen(&self, at: usize, tag: &Tag) -> Option<&TagEntry> {
        self.repositories.get(&at)?.tags.get(tag).map(|(seen, _)| seen)
    }

    /// Why a revision link goes, if it is dismissed and looks as it did then, and nothing needs it.
    #[must_use]
    pub fn revision(&self, at: usize, link: &Link) -> Option<&Why> {
        let here = self.repositories.get(&at)?;
        let (seen, why) = names(link).find_map(|digest| here.manifests.get(digest))?;
        seen.as_ref().is_none_or(|seen| *seen == link.evidence).then_some(why)
    }

    /// Why a manifest is dismissed, whether it is linked or not.
    #[must_use]
    pub fn manifest(&self, at: usize, digest: &Digest) -> Option<&Why> {
        self.repositories.get(&at)?.manifests.get(digest).map(|(_, why)| why)
    }

    /// Why a layer link goes, if its whole repository is dismissed and it looks as it did then.
    #[must_use]
    pub fn layer(&self, at: usize, link: &Link) -> Option<&Why> {
        let (seen, why) = self.repositories.get(&at)?.layers.get(&link.digest)?;
        (*seen == link.evidence).then_some(why)
    }

    /// Whether a manifest was meant itself. Then what it is about does not keep it.
    #[must_use]
    pub fn is_meant(&self, at: usize, link: &Link) -> bool {
        let is_meant = |here: &Here| names(link).any(|digest| here.meant.contains(digest));
        self.repositories.get(&at).is_some_and(is_meant) && self.revision(at, link).is_some()
    }

    /// Whether all of a repository is dismissed.
    #[must_use]
    pub fn is_whole(&self, at: usize) -> bool {
        self.repositories.get(&at).is_some_and(|here| here.is_whole)
    }

    /// The manifests that the user has named, and that must not stay.
    pub fn must_go(&self) -> impl Iterator<Item = (usize, &Digest)> {
        self.repositories.iter().flat_map(|(at, here)| here.must_go.iter().map(move |digest| (*at, digest)))
    }

    /// A tag that stays after all, and keeps what it names.
    pub fn spare_tag(&mut self, at: usize, tag: &str) {
        if let Some(here) = self.repositories.get_mut(&at) {
            here.tags.retain(|known, _| known.as_str() != tag);
        }
    }

    /// When to look once more: a later write to one of these tags could not be told from what was seen at `looked`, or a
    /// push to one is under way.
    #[must_use]
    pub fn look_again(&self, looked: Timestamp, settle: Duration) -> Option<Timestamp> {
        let entries = self.repositories.values().flat_map(|here| here.tags.values());
        let times = entries.filter_map(|(seen, _)| {
            let soon = is_half_pushed(seen, looked, settle).then(|| looked.plus(A_MOMENT));
            can_be_told_from(seen, looked).max(soon)
        });
        times.max()
    }

    /// Tags of which that still holds: they stay.
    pub fn spare_just_pushed(&mut self, looked: Timestamp, settle: Duration) -> Vec<(usize, Tag)> {
        let mut spared = Vec::new();
        for (at, here) in &mut self.repositories {
            here.tags.retain(|tag, (seen, _)| {
                let is_told = can_be_told_from(seen, looked).is_none() && !is_half_pushed(seen, looked, settle);
                if !is_told {
                    spared.push((*at, tag.clone()));
                }
                is_told
            });
        }
        spared
    }

    /// Whether the key is that of a dismissed tag, or of an entry in its history.
    #[must_use]
    pub fn is_of_tag(&self, at: usize, key: &str) -> bool {
        let (StorageKey::TagCurrent { tag, .. } | StorageKey::TagHistory { tag, .. }) = StorageKey::parse(key) else {
            return false;
        };
        self.repositories.get(&at).is_some_and(|here| here.tags.contains_key(tag))
    }
}
