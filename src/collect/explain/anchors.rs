//! What keeps a digest in a repository by itself, in words that name it: the roots, told to people.
//!
//! The rules are those of [`roots`](crate::collect::roots); a test holds the two together.

use crate::collect::dismissed::Dismissed;
use crate::collect::graph::{Graph, Id, Node};
use crate::collect::inventory::{Inventory, Link, Repository, Target};
use crate::collect::keep_from::KeepFrom;
use crate::collect::options::Options;
use crate::collect::roots::{all_names, every_name, is_damaged, names};
use crate::model::{Digest, Timestamp};
use serde::Serialize;
use std::collections::HashMap;

/// What keeps it. In the order of their weight: what people mean by "in use" first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// A tag names it.
    Tag,
    /// `--keep-from` names it.
    KeepFrom,
    /// A tag names it whose revision link is missing.
    BrokenTag,
    /// A tag whose link cannot be read may mean it.
    UnreadableTag,
    /// A link of a shape that no registry writes names it.
    UnknownLink,
    /// Something in its repository cannot be read: everything there stays.
    Damage,
    /// Its revision link, or that of what it stands for, is young.
    YoungManifest,
    /// Its layer link is young.
    YoungLayerLink,
    /// A tag named it until a moment ago.
    YoungHistory,
    /// A pointer to it lies outside the root.
    OutsideRoot,
    /// It is a manifest, and without `-m` all of these stay.
    Manifest,
    /// Something else that was decided.
    Other,
}

/// One thing that keeps a digest by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anchor {
    /// What.
    pub by: By,
    /// Its tag, if it is one.
    pub tag: Option<String>,
    /// Until when, if it is only young.
    pub until: Option<Timestamp>,
}

impl Anchor {
    fn new(by: By) -> Self {
        Self { by, tag: None, until: None }
    }

    fn of_tag(by: By, tag: &impl ToString) -> Self {
        Self { tag: Some(tag.to_string()), ..Self::new(by) }
    }

    /// What people would call its name, for sorting.
    pub(super) fn order(&self) -> (By, &str) {
        (self.by, self.tag.as_deref().unwrap_or_default())
    }
}

/// Everything that keeps something in one repository.
#[derive(Debug, Clone, Default)]
pub struct Anchors(HashMap<Id, Vec<Anchor>>);

impl Anchors {
    /// Looks them up; `at` is the repository's place in the inventory.
    #[must_use]
    pub fn of(
        at: usize,
        (inventory, graph, dismissed): (&Inventory, &Graph, &Dismissed),
        options: &Options,
        now: Timestamp,
    ) -> Self {
        let Some(repository) = inventory.repositories.get(at) else { return Self::default() };
        let mut collector = Collector { graph, anchors: Self::default() };
        collector.tags(at, repository, dismissed);
        collector.kept_from(inventory, repository, options);
        collector.add_all(repository.suspects.iter(), &Anchor::new(By::UnknownLink));
        if is_damaged(at, repository, graph, dismissed) {
            let all: Vec<Digest> = every_name(repository).collect();
            collector.add_all(all.iter(), &Anchor::new(By::Damage));
        }
        collector.young(at, repository, dismissed, options, now);
        let links =
            repository.revisions.iter().chain(repository.layers.odd().iter().cloned()).chain(repository.histories());
        for link in links.filter(Link::is_outside) {
            collector.add_all(names(&link), &Anchor::new(By::OutsideRoot));
        }
        for link in repository.signatures.iter().filter(|link| link.evidence.outside) {
            collector.add_all([&link.revision, &link.signature], &Anchor::new(By::OutsideRoot));
        }
        if !options.delete_untagged {
            for link in repository.revisions.iter().filter(|link| dismissed.revision(at, link).is_none()) {
                collector.add_all(names(&link), &Anchor::new(By::Manifest));
            }
        }
        let mut anchors = collector.anchors;
        for kept in anchors.0.values_mut() {
            kept.sort_by(|a, b| a.order().cmp(&b.order()).then(b.until.cmp(&a.until)));
            kept.dedup_by(|a, b| a.order() == b.order());
        }
        anchors
    }

    /// What keeps a digest by itself, the weightiest first.
    #[must_use]
    pub fn this(&self, id: Id) -> &[Anchor] {
        self.0.get(&id).map_or(&[], Vec::as_slice)
    }
}

struct Collector<'a> {
    graph: &'a Graph,
    anchors: Anchors,
}

impl Collector<'_> {
    fn add_all<'d>(&mut self, digests: impl IntoIterator<Item = &'d Digest>, anchor: &Anchor) {
        for id in digests.into_iter().filter_map(|digest| self.graph.id(digest)) {
            self.anchors.0.entry(id).or_default().push(anchor.clone());
        }
    }

    fn tags(&mut self, at: usize, repository: &Repository, dismissed: &Dismissed) {
        for (ref tag, ref entry) in &repository.tags {
            let Some(current) = &entry.current else { continue };
            if dismissed.tag(at, tag, entry).is_some() {
                continue;
            }
            let unreadable = Anchor::of_tag(By::UnreadableTag, tag);
            match &current.target {
                Target::Digest(digest) if repository.links_manifest(digest) => {
                    self.add_all([digest], &Anchor::of_tag(By::Tag, tag));
                }
                Target::Digest(digest) if self.graph.node_of(digest) != Node::Missing => {
                    self.add_all([digest], &Anchor::of_tag(By::BrokenTag, tag));
                }
                Target::Digest(_) => {}
                Target::Unreadable(perhaps) => {
                    let meant = perhaps.iter().chain(entry.history.iter().map(|link| &link.digest));
                    let linked: Vec<Digest> = repository.revisions.names().collect();
                    self.add_all(meant.chain(&linked), &unreadable);
                }
                Target::Unread => {
                    let all: Vec<Digest> = every_name(repository).collect();
                    self.add_all(&all, &unreadable);
                }
            }
        }
    }

    fn kept_from(&mut self, inventory: &Inventory, repository: &Repository, options: &Options) {
        let anchor = Anchor::new(By::KeepFrom);
        for keep in &options.keep_from {
            match keep {
                KeepFrom::Digest(digest) | KeepFrom::Image(_, digest) => self.add_all([digest], &anchor),
                KeepFrom::Tag(_, tag) if keep.repositories().contains(&repository.name) => {
                    let current = repository.tags.get(tag).and_then(|entry| entry.current);
                    self.add_all(current.as_ref().and_then(|current| current.target.digest()), &anchor);
                }
                KeepFrom::Tag(..) => {}
            }
        }
        self.add_all(&inventory.strangers, &Anchor::new(By::UnknownLink));
    }

    fn young(&mut self, at: usize, repository: &Repository, dismissed: &Dismissed, options: &Options, now: Timestamp) {
        let is_young = |time: Timestamp| time.is_younger_than(options.min_age, now);
        let anchor = |by, time: Timestamp| Anchor { until: Some(time.plus(options.min_age)), ..Anchor::new(by) };
        let stay = repository.revisions.iter().filter(|link| dismissed.revision(at, link).is_none());
        for link in stay.filter(|link| is_young(link.modified())) {
            self.add_all(names(&link), &anchor(By::YoungManifest, link.modified()));
        }
        let stay = repository.layers.iter().filter(|link: &Link| is_young(link.modified()));
        for link in stay.filter(|link| dismissed.layer(at, link).is_none()) {
            let by = anchor(By::YoungLayerLink, link.modified());
            let all: Vec<Digest> = all_names(link).collect();
            self.add_all(&all, &by);
        }
        for (ref tag, ref entry) in &repository.tags {
            if dismissed.tag(at, tag, entry).is_some() {
                continue;
            }
            let changed = entry.current.as_ref().map(|current| current.evidence.modified);
            let lost = changed.filter(|time| is_young(*time));
            for link in entry.history.iter().filter(|link| dismissed.manifest(at, &link.digest).is_none()) {
                let own = Some(link.modified()).filter(|time| is_young(*time));
                let until = own.max(lost.filter(|_| repository.links_manifest(&link.digest)));
                if let Some(time) = until {
                    let by = Anchor { tag: Some(tag.to_string()), ..anchor(By::YoungHistory, time) };
                    self.add_all([&link.digest], &by);
                }
            }
        }
    }
}
