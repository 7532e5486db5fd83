//! Reachability: from roots, down through what manifests name and up through what is about them.
//!
//! The result is a least fixed point, so it depends neither on the order of repositories nor on that of the listing.

use super::dismissed::Dismissed;
use super::graph::{Graph, Id, Node};
use super::inventory::{Inventory, Repository};
use super::needed::Needed;
use super::packed_roots::Roots;
use super::packing::Flags;
use super::roots::{Reason, every_name, names};
use crate::model::Digest;
use std::collections::{HashMap, HashSet};

/// What is needed, by whom, and why.
#[derive(Debug, Clone, Default)]
pub struct Marks {
    by_repository: Vec<Needed>,
    overall: Vec<Option<Reason>>,
    reasons: Vec<Reason>,
}

impl Marks {
    /// Why a repository needs a digest, if it does.
    #[must_use]
    pub fn in_repository(&self, repository: usize, id: Option<Id>) -> Option<Reason> {
        self.by_repository.get(repository)?.get(id?)
    }

    /// Forgets which repository needs what: what anyone needs stays known.
    pub(super) fn forget_repositories(&mut self) {
        self.by_repository = Vec::new();
    }

    /// All that a repository needs, in no order.
    pub fn of_repository(&self, repository: usize) -> impl Iterator<Item = Id> + '_ {
        self.by_repository.get(repository).into_iter().flat_map(Needed::ids)
    }

    /// Why anyone needs a digest, if anyone does.
    #[must_use]
    pub fn anywhere(&self, id: Option<Id>) -> Option<Reason> {
        *self.overall.get(id?.index())?
    }

    /// Whether any repository needs anything for this reason and no earlier one.
    #[must_use]
    pub fn has(&self, reason: Reason) -> bool {
        self.reasons.contains(&reason)
    }

    /// All that anyone needs.
    pub fn all<'a>(&'a self, graph: &'a Graph) -> impl Iterator<Item = (Id, Reason)> + 'a {
        graph.ids().filter_map(|id| Some((id, self.anywhere(Some(id))?)))
    }
}

/// Marks everything that the roots need.
///
/// A digest is *seen* when a repository is found to need it and *expanded* in that repository: the same digest may be a
/// mere blob for one repository and a manifest with children for another, and is followed in both.
#[must_use]
pub fn mark(inventory: &Inventory, graph: &mut Graph, roots: &Roots) -> Marks {
    mark_without(inventory, graph, roots, &Dismissed::default())
}

/// The same, where something is dismissed: what was meant itself is not kept by what it is about.
#[must_use]
pub fn mark_without(inventory: &Inventory, graph: &mut Graph, roots: &Roots, dismissed: &Dismissed) -> Marks {
    // A root may be something that no manifest names: the link of a blob that was just pushed.
    for root in roots.unknown() {
        graph.intern(&root.digest);
    }
    // So may what a manifest needs that cannot be read.
    let unreadable = |digest: &Digest| matches!(graph.node_of(digest), Node::Unreadable(_));
    let has_unreadable = |repository: &&Repository| repository.revisions.names().any(|digest| unreadable(&digest));
    let damaged: Vec<&Repository> = inventory.repositories.iter().filter(has_unreadable).collect();
    for digest in damaged.into_iter().flat_map(every_name) {
        graph.intern(&digest);
    }
    let anywhere = roots.iter(graph).filter(|(repository, ..)| repository.is_none());
    let anywhere: HashSet<Id> = anywhere.map(|(_, id, _)| id).collect();
    let mut marker = Marker::new(inventory, graph, dismissed, &anywhere);
    for reason in Reason::ALL {
        marker.reason = reason;
        let mut open = None;
        for (repository, id, _) in roots.iter(graph).filter(|root| root.2 == reason) {
            // Roots come repository by repository: so what is open and what waits is that of one, most of the time.
            if let Some(ended) = open.filter(|_| open != repository) {
                marker.drain();
                marker.marks.by_repository[ended].settle();
            }
            open = repository;
            marker.need_root(repository, id);
        }
        marker.drain();
    }
    let mut marks = marker.marks;
    marks.by_repository.iter_mut().for_each(Needed::settle);
    marks
}

struct Marker<'a> {
    inventory: &'a Inventory,
    graph: &'a Graph,
    dismissed: &'a Dismissed,
    marks: Marks,
    /// What is about a digest, in each repository.
    referrers: HashMap<(usize, Id), Vec<Id>>,
    /// The repositories whose links make a digest what it is, in order: a revision link makes it a manifest, an alias
    /// link makes it stand for another.
    carriers: Vec<(Id, u32)>,
    /// Whether a digest has any: of most it need not be looked for.
    is_carried: Flags,
    /// Whether anything is about a digest, in any repository.
    is_about: Flags,
    /// The repositories that link a digest in any way, of those that are roots wherever they are linked.
    linked: HashMap<Id, Vec<usize>>,
    reason: Reason,
    work: Vec<(u32, Id)>,
}

impl<'a> Marker<'a> {
    fn new(inventory: &'a Inventory, graph: &'a Graph, dismissed: &'a Dismissed, anywhere: &HashSet<Id>) -> Self {
        let marks = Marks {
            by_repository: vec![Needed::default(); inventory.repositories.len()],
            overall: vec![None; graph.len()],
            reasons: Vec::new(),
        };
        let mut marker = Self {
            inventory,
            graph,
            dismissed,
            marks,
            referrers: HashMap::new(),
            carriers: Vec::new(),
            is_carried: Flags::of(graph.len()),
            is_about: Flags::of(graph.len()),
            linked: HashMap::new(),
            reason: Reason::Needed,
            work: Vec::new(),
        };
        for (at, repository) in inventory.repositories.iter().enumerate() {
            marker.index(at, repository, anywhere);
        }
        marker.carriers.sort_unstable();
        marker.carriers.dedup();
        marker
    }

    fn index(&mut self, at: usize, repository: &Repository, anywhere: &HashSet<Id>) {
        for ref link in &repository.revisions {
            for id in names(link).filter_map(|digest| self.graph.id(digest)) {
                self.add_carrier(id, at);
                if let Node::Manifest { subject: Some(subject), .. } = self.graph.node(id)
                    && !self.dismissed.is_meant(at, link)
                {
                    self.add_referrer(at, subject, id);
                    for alias in self.graph.aliases(subject) {
                        self.add_referrer(at, *alias, id);
                    }
                }
            }
        }
        for link in repository.layers.odd().iter().filter(|link| link.alias().is_some()) {
            if let Some(id) = self.graph.id(&link.digest) {
                self.add_carrier(id, at);
            }
        }
        for link in &repository.signatures {
            if let (Some(revision), Some(signature)) = (self.graph.id(&link.revision), self.graph.id(&link.signature)) {
                self.add_referrer(at, revision, signature);
            }
        }
        if anywhere.is_empty() {
            return;
        }
        for link in repository.revisions.iter().chain(repository.layers.iter()) {
            for id in names(&link).filter_map(|digest| self.graph.id(digest)).filter(|id| anywhere.contains(id)) {
                let linked = self.linked.entry(id).or_default();
                if linked.last() != Some(&at) {
                    linked.push(at);
                }
            }
        }
    }

    fn add_referrer(&mut self, at: usize, subject: Id, referrer: Id) {
        self.is_about.set(subject.index());
        self.referrers.entry((at, subject)).or_default().push(referrer);
    }

    fn add_carrier(&mut self, id: Id, at: usize) {
        self.is_carried.set(id.index());
        self.carriers.push((id, narrow(at)));
    }

    /// The repositories that carry a digest.
    fn carriers(&self, id: Id) -> &[(Id, u32)] {
        if !self.is_carried.has(id.index()) {
            return &[];
        }
        let first = self.carriers.partition_point(|(other, _)| *other < id);
        let count = self.carriers[first..].iter().take_while(|(other, _)| *other == id).count();
        &self.carriers[first..first + count]
    }

    /// A root that belongs to no repository is one of every repository that links it.
    fn need_root(&mut self, repository: Option<usize>, id: Id) {
        if let Some(at) = repository {
            self.work.push((narrow(at), id));
            return;
        }
        let linked = self.linked.get(&id).map_or(&[][..], Vec::as_slice);
        self.work.extend(linked.iter().map(|at| (narrow(*at), id)));
        self.need_nowhere(id);
    }

    /// Marks a digest, and all it names, that no repository may link at all.
    fn need_nowhere(&mut self, id: Id) {
        let mut todo = vec![id];
        let mut seen = HashSet::new();
        while let Some(id) = todo.pop() {
            if !seen.insert(id) {
                continue;
            }
            if self.marks.reasons.last() != Some(&self.reason) {
                self.marks.reasons.push(self.reason);
            }
            self.mark_overall(id);
            todo.extend(self.graph.aliases(id));
            if let Node::Manifest { references, .. } = self.graph.node(id) {
                todo.extend(references.all().iter());
            }
            let carriers: Vec<(u32, Id)> = self.carriers(id).iter().map(|(id, at)| (*at, *id)).collect();
            self.work.extend(carriers);
        }
    }

    fn mark_overall(&mut self, id: Id) {
        let overall = &mut self.marks.overall[id.index()];
        *overall = Some(overall.map_or(self.reason, |before| before.min(self.reason)));
    }

    fn drain(&mut self) {
        // No recursion: a hostile index may be nested as deep as it likes.
        while let Some((at, id)) = self.work.pop() {
            let at = at as usize;
            let all = self.graph.len();
            if !self.marks.by_repository[at].insert(id, self.reason, all) {
                continue;
            }
            if self.marks.reasons.last() != Some(&self.reason) {
                self.marks.reasons.push(self.reason);
            }
            self.mark_overall(id);
            self.need_all_beside(at, id);
            let expanded = self.graph.node(id).named();
            let up = if self.is_about.has(id.index()) { self.referrers.get(&(at, id)) } else { None };
            let up = up.map_or(&[][..], Vec::as_slice);
            let down = expanded.iter().chain(self.graph.aliases(id)).chain(up);
            self.work.extend(down.map(|next| (narrow(at), *next)));
            // What is about this by another name needs that name: without its link the next run would not know.
            let names = up.iter().filter_map(|referrer| match self.graph.node(*referrer) {
                Node::Manifest { subject, .. } => subject,
                Node::Plain | Node::Unreadable(_) | Node::Missing => None,
            });
            self.work.extend(names.map(|subject| (narrow(at), subject)));
            self.need_of_others(at, id);
        }
    }

    /// A manifest that cannot tell what it needs may need anything that its repository can serve. One that was dismissed
    /// does not make its repository damaged by being there, only by being needed after all.
    fn need_all_beside(&mut self, at: usize, id: Id) {
        let is_linked = || self.is_carrier(at, id);
        if self.dismissed.is_empty() || !matches!(self.graph.node(id), Node::Unreadable(_)) || !is_linked() {
            return;
        }
        let all = every_name(&self.inventory.repositories[at]).filter_map(|digest| self.graph.id(&digest));
        self.work.extend(all.map(|id| (narrow(at), id)));
    }

    /// A repository may need what only other repositories link: an index whose child is a manifest elsewhere, a reference
    /// that stands for a blob only through a link elsewhere. Then those links are needed too: without them the next run
    /// would not know that this is a manifest, and would take what it needs.
    fn need_of_others(&mut self, at: usize, id: Id) {
        if !self.is_carrier(at, id) {
            let others: Vec<(u32, Id)> = self.carriers(id).iter().map(|(id, other)| (*other, *id)).collect();
            self.work.extend(others);
        }
    }

    fn is_carrier(&self, at: usize, id: Id) -> bool {
        self.is_carried.has(id.index()) && self.carriers.binary_search(&(id, narrow(at))).is_ok()
    }
}

/// The number of a repository, in half its place.
fn narrow(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::keep_from::KeepFrom;
    use super::super::options::Options;
    use super::super::report::Scan;
    use super::super::roots::Root;
    use super::super::scene::{DAY, NOW, Storage, keys, name, of, options, sha512};
    use super::*;
    use crate::layout;

    fn scan(storage: &Storage) -> Scan {
        storage.scan(&options()).0
    }

    /// The repositories that need a digest, by number.
    fn needed_in(scan: &Scan, digest: &Digest) -> Vec<usize> {
        let repositories = 0..scan.inventory.repositories.len();
        repositories.filter(|at| scan.marks.in_repository(*at, scan.graph.id(digest)).is_some()).collect()
    }

    #[test]
    fn reasons_are_told_if_something_is_needed_for_them() {
        let mut storage = Storage::default();
        let layer = storage.layer("a", "layer");
        let image = storage.index("a", &[&layer]);
        storage.tag("a", "v1", &image);
        let has = |storage: &Storage, options: &Options| {
            let marks = storage.scan(options).0.marks;
            Reason::ALL.map(|reason| marks.has(reason))
        };
        assert_eq!(has(&storage, &options()), [true, false, false, false]);
        storage.layer("a", "young");
        storage.seen(&layout::layer_link(&name("a"), &of("young"))).modified = NOW;
        assert_eq!(has(&storage, &Options { min_age: DAY, ..options() }), [true, false, true, false]);
        assert_eq!(has(&Storage::default(), &options()), [false; 4]);
        // What is to be kept may be linked nowhere.
        let keep_from = of("elsewhere").to_string().parse().into_iter().collect();
        assert_eq!(has(&Storage::default(), &Options { keep_from, ..options() }), [true, false, false, false]);
        let mut scan = scan(&storage);
        assert_eq!(needed_in(&scan, &layer), [0]);
        scan.marks.forget_repositories();
        assert!(needed_in(&scan, &layer).is_empty() && scan.marks.anywhere(scan.graph.id(&layer)).is_some());
    }

    #[test]
    fn what_is_needed_is_needed_to_any_depth_and_nothing_else_is() {
        let mut storage = Storage::default();
        let (layer, other) = (storage.layer("a", "layer"), storage.layer("a", "other"));
        let child = storage.index("a", &[&layer]);
        let inner = storage.index("a", &[&child]);
        let outer = storage.index("a", &[&inner, &of("not there")]);
        storage.tag("a", "v1", &outer);
        let scan = scan(&storage);
        let all: HashSet<Digest> = scan.marks.all(&scan.graph).map(|(id, _)| scan.graph.digest(id)).collect();
        let expected = [&layer, &child, &inner, &outer, &of("not there")];
        assert_eq!(all, expected.into_iter().cloned().collect());
        for digest in all {
            assert_eq!(scan.marks.anywhere(scan.graph.id(&digest)), Some(Reason::Needed));
        }
        assert_eq!(scan.marks.anywhere(scan.graph.id(&other)), None);
        assert_eq!(scan.marks.in_repository(1, scan.graph.id(&layer)), None, "there is no such repository");
        assert_eq!(scan.marks.anywhere(None), None);
    }

    #[test]
    fn earlier_reason_counts_in_each_repository_and_overall() {
        let mut storage = Storage::default();
        let layer = storage.layer("a", "layer");
        let image = storage.index("a", &[&layer]);
        storage.tag("a", "v1", &image);
        storage.layer("b", "layer");
        storage.seen(&layout::layer_link(&name("b"), &layer)).outside = true;
        let scan = scan(&storage);
        let id = scan.graph.id(&layer);
        assert_eq!(scan.marks.in_repository(0, id), Some(Reason::Needed));
        assert_eq!(scan.marks.in_repository(1, id), Some(Reason::PointerStays));
        assert_eq!(scan.marks.anywhere(id), Some(Reason::Needed));
    }

    #[test]
    fn each_repository_needs_for_itself() {
        let mut storage = Storage::default();
        let layer = storage.layer("a", "layer");
        let image = storage.index("a", &[&layer]);
        storage.tag("a", "v1", &image);
        storage.layer("b", "layer");
        let (_, plan) = storage.scan(&options());
        assert_eq!(keys(&plan), [layout::layer_link(&name("b"), &layer)].into());
    }

    /// Without the other repository's links the next run would not know that the child is a manifest.
    #[test]
    fn child_that_only_others_link_keeps_its_links_there() {
        let mut storage = Storage::default();
        let layer = storage.layer("b", "layer");
        let child = storage.index("b", &[&layer]);
        // Also where a third repository links it, whichever comes first.
        storage.put(layout::revision_link(&name("c"), &child));
        storage.put(layout::layer_link(&name("c"), &layer));
        let index = storage.index("a", &[&child]);
        storage.tag("a", "v1", &index);
        let scan = scan(&storage);
        assert_eq!(needed_in(&scan, &child), [0, 1, 2]);
        assert_eq!(needed_in(&scan, &layer), [0, 1, 2]);
        assert_eq!(storage.kept(&options()).len(), storage.objects.len());
        // Whoever links it himself needs nobody.
        storage.put(layout::revision_link(&name("a"), &child));
        assert_eq!(needed_in(&self::scan(&storage), &child), [0]);
    }

    #[test]
    fn what_is_about_an_image_is_needed_with_it_and_goes_with_it() {
        let mut storage = Storage::default();
        let image = storage.index("a", &[]);
        let sbom = storage.layer("a", "sbom");
        let about = storage.about("a", &[&sbom], Some(&image));
        let above = storage.about("a", &[], Some(&about));
        let signature = storage.layer("a", "signature");
        storage.put(layout::signature_link(&name("a"), &image, &signature));
        // In another repository nothing is about it.
        storage.put(layout::revision_link(&name("b"), &about));
        assert!(storage.kept(&options()).is_empty());
        storage.tag("a", "v1", &image);
        let scan = scan(&storage);
        for digest in [&image, &sbom, &about, &above, &signature] {
            assert_eq!(needed_in(&scan, digest), [0]);
        }
    }

    #[test]
    fn what_stands_for_another_is_needed_with_it() {
        let mut storage = Storage::default();
        let (layer, alias) = (storage.layer("a", "layer"), sha512("layer"));
        storage.link(layout::layer_link(&name("a"), &alias), &layer.to_string());
        let image = storage.index("a", &[&alias]);
        let named = sha512("image");
        storage.link(layout::revision_link(&name("a"), &named), &image.to_string());
        let about = storage.about("a", &[], Some(&named));
        storage.tag("a", "v1", &image);
        // A link elsewhere that alone tells for what the name stands.
        let index = storage.index("b", &[&alias]);
        storage.tag("b", "v1", &index);
        let scan = scan(&storage);
        for digest in [&layer, &alias] {
            assert_eq!(needed_in(&scan, digest), [0, 1]);
        }
        assert_eq!(needed_in(&scan, &about), [0]);
        assert_eq!(needed_in(&scan, &named), [0], "the name by which it is about the image");
        assert_eq!(storage.kept(&options()).len(), storage.objects.len());
    }

    #[test]
    fn what_nobody_links_is_kept_with_all_that_needs() {
        let mut storage = Storage::default();
        let layer = storage.blob("layer");
        let child = storage.index("b", &[&layer]);
        let index = storage.index("b", &[&child]);
        storage.objects.remove(&layout::revision_link(&name("b"), &index));
        storage.layer("a", "other");
        let keep = Options { keep_from: vec![KeepFrom::Digest(index.clone())], ..options() };
        let (scan, _) = storage.scan(&keep);
        for digest in [&layer, &child, &index] {
            assert_eq!(scan.marks.anywhere(scan.graph.id(digest)), Some(Reason::Needed));
        }
        assert_eq!(needed_in(&scan, &child), [1], "whose link says that it is a manifest");
        assert_eq!(needed_in(&scan, &index), Vec::<usize>::new());
    }

    #[test]
    fn manifests_that_name_each_other_end() {
        let mut graph = Graph::default();
        let mut storage = Storage::default();
        let (one, two) = (storage.layer("a", "one"), storage.layer("a", "two"));
        // No bytes have such digests; aliases can say it.
        storage.link(layout::layer_link(&name("a"), &sha512("one")), &one.to_string());
        let inventory = storage.inventory(&options());
        graph.learn_links(&inventory);
        let root = |digest: &Digest| Root { repository: None, digest: digest.clone(), reason: Reason::Needed };
        let mut roots = Roots::default();
        roots.add_all([root(&sha512("one")), root(&two), root(&two)], &graph);
        let marks = mark(&inventory, &mut graph, &roots);
        for digest in [&one, &two, &sha512("one")] {
            assert_eq!(marks.in_repository(0, graph.id(digest)), Some(Reason::Needed));
        }
    }

    /// A manifest that cannot be read and was dismissed damages nothing, unless something needs it after all.
    #[test]
    fn dismissed_manifest_that_cannot_be_read_keeps_all_beside_it_once_it_is_needed() {
        let mut storage = Storage::default();
        let broken = storage.manifest("a", "{");
        storage.tag("a", "v1", &broken);
        let image = storage.index("a", &[]);
        storage.tag("a", "v2", &image);
        let beside = storage.layer("a", "beside");
        storage.layer("b", "beside");
        let remove = Options { images: super::super::scene::removing(&["a:v1"]).images, ..options() };
        let needed = |storage: &Storage, digest: &Digest| needed_in(&storage.scan(&remove).0, digest);
        assert_eq!((needed(&storage, &beside), needed(&storage, &image)), (vec![], vec![0]));
        let index = storage.index("b", &[&broken]);
        storage.tag("b", "v1", &index);
        assert_eq!((needed(&storage, &broken), needed(&storage, &beside)), (vec![0, 1], vec![0]));
    }
}
