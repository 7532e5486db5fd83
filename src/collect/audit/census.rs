//! Counts every object below the root: what the listings tell passes by once, and what is kept of it is packed.

use super::bases::{self, Base};
use super::cells::{Cell, Cells, Fate, Month};
use super::class::{self, BlobFacts, Class};
use super::largest::{Large, Largest};
use super::pointers::{Pointer, View};
use super::scenario::{Freed, Going, Scenario, Stored, days};
use super::storage_class::{ClassId, StorageClasses};
use super::users::{SetId, Sets};
use crate::collect::blobs::Tally;
use crate::collect::decide::{self, Decision};
use crate::collect::entry::Entry;
use crate::collect::graph::{Graph, Id, IdMap};
use crate::collect::inventory::{Inventory, Target};
use crate::collect::mark::{Marks, mark};
use crate::collect::packed_roots::Roots;
use crate::collect::plan::Stage;
use crate::collect::roots::{Reason, Root, names};
use crate::collect::state::pending::Pending;
use crate::layout::{self, StorageKey};
use crate::model::{Digest, Timestamp};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// So many of the largest contents are told in all, and of each repository.
pub(super) const LARGEST: usize = 20;
const LARGEST_OF_ONE: usize = 3;

/// What a listing of repositories tells beside the inventory.
#[derive(Debug, Default)]
pub struct Seen {
    pub(super) storage: StorageClasses,
    pub(super) cells: Cells,
    /// By storage class.
    pub(super) stored: BTreeMap<ClassId, Stored>,
}

impl Seen {
    /// Takes one entry of the listing of repositories.
    pub fn see(&mut self, entry: &Entry<'_>, storage: Option<&str>) {
        let is_known = !layout::is_unaddressable(entry.key)
            && match StorageKey::parse(entry.key) {
                StorageKey::LayerLink { .. }
                | StorageKey::RevisionLink { .. }
                | StorageKey::SignatureLink { .. }
                | StorageKey::TagCurrent { .. }
                | StorageKey::TagHistory { .. }
                | StorageKey::Upload { .. } => true,
                StorageKey::Blob(_) | StorageKey::Suspect { .. } | StorageKey::Unrecognized => false,
            };
        if is_known {
            // The inventory has it; what it is can be told when all is known.
            self.storage.note(entry.key, storage);
        } else {
            self.nobodys(Class::Unrecognized, entry, storage);
        }
    }

    /// Counts an object that no repository uses.
    fn nobodys(&mut self, class: Class, entry: &Entry<'_>, storage: Option<&str>) {
        let storage = self.storage.id(storage);
        let (month, users, fate) = (Month::of(entry.modified), SetId::NOBODY, Fate::default());
        self.count(Cell { users, month, class, storage, fate }, entry.size);
    }

    /// Counts an object.
    pub(super) fn count(&mut self, cell: Cell, size: u64) {
        self.stored.entry(cell.storage).or_default().add(size);
        self.cells.add(cell, size);
    }
}

/// Numbers every digest that a link names, so that it can be told whether it was listed. Before anything is marked.
pub fn number_all_names(inventory: &Inventory, graph: &mut Graph) {
    for repository in &inventory.repositories {
        let links = repository.layers.odd().iter().flat_map(names);
        let signatures = repository.signatures.iter().flat_map(|link| [&link.revision, &link.signature]);
        for digest in links.chain(signatures) {
            graph.intern(digest);
        }
        for digest in repository.revisions.names().chain(repository.tagged()) {
            graph.intern(&digest);
        }
    }
}

/// What tags and other manifests need, whatever else keeps it.
#[derive(Debug)]
pub struct Needs {
    /// What tags need.
    tags: Vec<bool>,
    /// What tags or any other manifests need.
    manifests: Vec<bool>,
    /// What links keep that stand in no repository: it stays whatever is removed.
    strangers: Vec<bool>,
}

impl Needs {
    /// Follows tags, then all revision links.
    #[must_use]
    pub fn of(inventory: &Inventory, graph: &mut Graph) -> Self {
        let root = |repository, digest: &Digest| Root { repository, digest: digest.clone(), reason: Reason::Needed };
        let (mut tags, mut all) = (Roots::default(), Roots::default());
        for (at, repository) in inventory.repositories.iter().enumerate() {
            let tagged = repository.current_tags().filter_map(|(_, current)| match current.target {
                Target::Digest(digest) => Some(digest),
                Target::Unreadable(_) | Target::Unread => None,
            });
            for digest in tagged {
                tags.add(root(Some(at), &digest), graph);
                all.add(root(Some(at), &digest), graph);
            }
            let linked = repository.revisions.names();
            linked.for_each(|digest| all.add(root(Some(at), &digest), graph));
        }
        let mut strangers = Roots::default();
        strangers.add_all(inventory.strangers.iter().map(|digest| root(None, digest)), graph);
        let mut flags = |roots: &Roots| {
            let marks = mark(inventory, graph, roots);
            graph.ids().map(|id| marks.anywhere(Some(id)).is_some()).collect()
        };
        let (tags, manifests) = (flags(&tags), flags(&all));
        let strangers = if inventory.strangers.is_empty() { Vec::new() } else { flags(&strangers) };
        Self { tags, manifests, strangers }
    }

    /// Whether a tag needs it.
    pub(super) fn is_by_tags(&self, id: Id) -> bool {
        self.tags.get(id.index()).copied().unwrap_or(false)
    }
}

/// What is known before content is listed.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// What the listing of repositories said.
    pub inventory: &'a Inventory,
    /// What names what.
    pub graph: &'a Graph,
    /// What tags and manifests need.
    pub needs: &'a Needs,
    /// What would go, and when; the first is a plain collection.
    pub scenarios: &'a [Scenario],
    /// What waits, by the word of earlier runs.
    pub record: &'a Pending,
    /// *Now*.
    pub now: Timestamp,
}

/// Counts.
#[derive(Debug)]
pub struct Census<'a> {
    pub(super) known: Known<'a>,
    pub(super) seen: Seen,
    pub(super) sets: Sets,
    users: Vec<SetId>,
    listed: Vec<bool>,
    pub(super) freed: Vec<Freed>,
    pub(super) bases: IdMap<Base>,
    pub(super) largest: Largest,
    pub(super) largest_of: Vec<Largest>,
}

impl<'a> Census<'a> {
    /// Begins, once the repositories are listed and it is known what needs what.
    #[must_use]
    pub fn new(known: Known<'a>, seen: Seen) -> Self {
        let Known { inventory, graph, scenarios, .. } = known;
        let mut census = Self {
            known,
            seen,
            sets: Sets::default(),
            users: vec![SetId::NOBODY; graph.len()],
            listed: vec![false; graph.len()],
            freed: scenarios.iter().map(|_| Freed::default()).collect(),
            bases: bases::of(graph),
            largest: Largest::default(),
            largest_of: vec![Largest::default(); inventory.repositories.len()],
        };
        census.find_users();
        census
    }

    /// Whoever needs content uses it. What nobody needs belongs to those that link it.
    fn find_users(&mut self) {
        let Known { inventory, graph, .. } = self.known;
        let Some(marks) = self.marks() else { return };
        for (at, repository) in (0..).zip(&inventory.repositories) {
            for id in marks.of_repository(at as usize) {
                self.add_user(id, at);
            }
            let links = repository.revisions.names().filter_map(|digest| graph.id(&digest));
            let layers = repository.layers.iter().flat_map(crate::collect::roots::all_names);
            let layers = layers.filter_map(|digest| graph.id(&digest));
            let signatures = repository.signatures.iter().filter_map(|link| graph.id(&link.signature));
            for id in links.chain(layers).chain(signatures) {
                if marks.anywhere(Some(id)).is_none() {
                    self.add_user(id, at);
                }
            }
        }
    }

    fn add_user(&mut self, id: Id, repository: u32) {
        if let Some(users) = self.users.get_mut(id.index()) {
            *users = self.sets.with(*users, repository);
        }
    }

    /// What a plain collection keeps.
    pub(super) fn marks(&self) -> Option<&'a Marks> {
        self.known.scenarios.first().map(|scenario| &scenario.marks)
    }

    /// Whether content was listed.
    #[must_use]
    pub fn is_listed(&self, id: Id) -> bool {
        self.listed.get(id.index()).copied().unwrap_or(false)
    }

    /// Takes one entry of the listing of blobs.
    pub fn see_blob(&mut self, entry: &Entry<'_>, storage: Option<&str>) {
        let StorageKey::Blob(digest) = StorageKey::parse(entry.key) else {
            return self.seen.nobodys(Class::Unrecognized, entry, storage);
        };
        let Known { graph, needs, scenarios, record, now, .. } = self.known;
        let storage = self.seen.storage.id(storage);
        let id = graph.id(&digest);
        let is = |flags: &[bool]| id.and_then(|id| flags.get(id.index())).copied().unwrap_or(false);
        if let Some(listed) = id.and_then(|id| self.listed.get_mut(id.index())) {
            *listed = true;
        }
        let users = id.and_then(|id| self.users.get(id.index())).copied().unwrap_or_default();
        let min_age = scenarios.first().map(|scenario| scenario.options.min_age).unwrap_or_default();
        let class = class::of_blob(&BlobFacts {
            by_tags: is(&needs.tags),
            by_manifests: is(&needs.manifests),
            kept: self.marks().and_then(|marks| marks.anywhere(id)),
            outside: entry.outside,
            young: entry.modified.is_younger_than(min_age, now),
            waits: record.get(&digest).is_some(),
            users: self.sets.count(users),
        });
        let mut fate = Fate::default().sticking(entry.outside || is(&needs.strangers));
        for (number, scenario) in scenarios.iter().enumerate() {
            let needed = scenario.marks.anywhere(id);
            if let Decision::Delete(_) = decide::blob(needed, entry, scenario.options.min_age, now, true) {
                fate = fate.going_in(number);
                let age = days(entry.modified, now);
                self.freed[number].add((Stage::Blob, (entry.key, None)), entry.size, storage, age);
            }
        }
        if let Some(base) = id.and_then(|id| self.bases.get_mut(&id)) {
            (base.size, base.users) = (Some(entry.size), users);
        }
        let large = || Large { size: entry.size, digest: Reverse(digest.clone()), users, class };
        self.largest.see(LARGEST, entry.size, large);
        for at in self.sets.members(users) {
            self.largest_of[at].see(LARGEST_OF_ONE, entry.size, large);
        }
        self.seen.count(Cell { users, month: Month::of(entry.modified), class, storage, fate }, entry.size);
    }

    /// Takes one entry of what lies in neither area.
    pub fn see_elsewhere(&mut self, entry: &Entry<'_>, storage: Option<&str>) {
        self.seen.nobodys(class::of_key_elsewhere(entry.key), entry, storage);
    }

    /// Counts the links and uploads, once all content was listed.
    pub(super) fn count_pointers(&mut self) {
        let (going, listed) = (Going::of(self.known.scenarios), std::mem::take(&mut self.listed));
        let view = View { known: self.known, listed: &listed };
        for at in 0..self.known.inventory.repositories.len() {
            let number = u32::try_from(at).unwrap_or(u32::MAX);
            let users = self.sets.with(SetId::NOBODY, number);
            view.of_repository(at, |pointer| self.count_pointer(&pointer, (Some(at), users), &going));
        }
        view.of_nobody(|pointer| self.count_pointer(&pointer, (None, SetId::NOBODY), &going));
        self.listed = listed;
    }

    fn count_pointer(&mut self, pointer: &Pointer<'_>, (at, users): (Option<usize>, SetId), going: &Going<'_>) {
        let storage = self.seen.storage.noted(|| pointer.key.text());
        let mut fate = Fate::default().sticking(pointer.outside);
        if going.any_of(at) {
            let key = pointer.key.text();
            let what = (key.as_str(), pointer.key.upload_id());
            for (number, stage) in going.of_key(at, what) {
                fate = fate.going_in(*number);
                let age = days(pointer.modified, self.known.now);
                self.freed[*number].add((*stage, what), pointer.size, storage, age);
            }
        }
        let month = Month::of(pointer.modified);
        self.seen.count(Cell { users, month, class: pointer.class, storage, fate }, pointer.size);
    }
}

impl Seen {
    /// Everything that was counted.
    pub(super) fn all(&self) -> Tally {
        let mut all = Tally::default();
        self.cells.iter().for_each(|(_, tally)| all.add_all(tally));
        all
    }
}
