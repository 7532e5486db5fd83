//! The shortest chains from what keeps something down to it.
//!
//! They are found from below: a layer has few above it, a tag may have anything below.

use super::anchors::{Anchor, Anchors, By};
use crate::collect::graph::{Graph, Id, Node};
use crate::collect::inventory::Inventory;
use crate::collect::mark::Marks;
use crate::collect::options::Options;
use crate::collect::report::Scan;
use crate::collect::roots::names;
use crate::model::Digest;
use serde::Serialize;
use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

/// How a link of a chain keeps the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Keeps {
    /// It names it.
    Names,
    /// A link says that its name stands for it.
    StandsFor,
    /// The next is about it: a signature, an SBOM.
    IsSubjectOf,
    /// It is the subject by the next one's name for it.
    IsCalled,
    /// Another repository has the link that makes it what it is.
    IsLinkedIn,
}

/// One link of a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The repository, by its place in the inventory.
    pub at: usize,
    /// The digest.
    pub digest: Digest,
    /// How it keeps the next; `None` for the last.
    pub keeps: Option<Keeps>,
}

/// A chain, from what keeps it down to what was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// What keeps its first link.
    pub anchor: Anchor,
    /// Its links, down to what was asked for. There is one at least.
    pub steps: Vec<Step>,
}

/// The shortest chain for each thing that keeps it, up to a number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chains {
    /// Those that are told: what is weightiest first, then the shortest.
    pub told: Vec<Chain>,
    /// How many others there are: one for each other thing that keeps it.
    pub more: u64,
    /// How many tags there are among all of them.
    pub tags: u64,
}

/// So many chains are told.
const TOLD: usize = 5;

type Place = (usize, Id);

/// Finds the chains that keep a digest: in one repository, or in all.
#[must_use]
pub fn chains(scan: &Scan, options: &Options, digest: &Digest, only: Option<usize>) -> Chains {
    let Some(target) = scan.graph.id(digest) else { return Chains::default() };
    let above = Above::new(&scan.inventory, &scan.graph);
    let needed = |at: usize, id: Id| scan.marks.in_repository(at, Some(id)).is_some();
    let all = 0..scan.inventory.repositories.len();
    let starts = all.filter(|at| only.is_none_or(|only| only == *at) && needed(*at, target));
    let mut next: HashMap<Place, Option<(Place, Keeps)>> = HashMap::new();
    let mut todo: VecDeque<(Place, usize)> = VecDeque::new();
    for at in starts {
        next.insert((at, target), None);
        todo.push_back(((at, target), 1));
    }
    let mut anchors: HashMap<usize, Anchors> = HashMap::new();
    let mut found: Vec<(usize, Place, Anchor)> = Vec::new();
    while let Some((place, length)) = todo.pop_front() {
        let known = (&scan.inventory, &scan.graph, &scan.dismissed);
        let here = anchors.entry(place.0).or_insert_with(|| Anchors::of(place.0, known, options, scan.now));
        let kept = here.this(place.1);
        found.extend(kept.iter().map(|anchor| (length, place, anchor.clone())));
        let mut parents = above.of(place, &scan.inventory, &scan.graph, &scan.marks);
        parents.retain(|(parent, _)| needed(parent.0, parent.1));
        // Of several ways of one length always the same is told.
        parents.sort_by_cached_key(|((at, id), keeps)| (*at, scan.graph.digest(*id), *keeps));
        for (parent, keeps) in parents {
            if let std::collections::hash_map::Entry::Vacant(vacant) = next.entry(parent) {
                vacant.insert(Some((place, keeps)));
                todo.push_back((parent, length + 1));
            }
        }
    }
    // Where a tag or the like keeps it, that manifests stay without `-m` is nothing new.
    if found.iter().any(|(_, _, anchor)| anchor.by < By::Manifest) {
        found.retain(|(_, _, anchor)| anchor.by < By::Manifest);
    }
    if found.is_empty() {
        // It is needed by the word of what this does not know: say so, not that nothing keeps it.
        let unknown = Anchor { by: By::Other, tag: None, until: None };
        let starts = next.iter().filter(|(_, below)| below.is_none()).map(|(place, _)| *place);
        found.extend(starts.min().map(|place| (1, place, unknown)));
    }
    finish(scan, found, &next)
}

fn finish(
    scan: &Scan,
    mut found: Vec<(usize, Place, Anchor)>,
    next: &HashMap<Place, Option<(Place, Keeps)>>,
) -> Chains {
    let order = |a: &(usize, Place, Anchor), b: &(usize, Place, Anchor)| -> Ordering {
        let (one, other) = (a.2.order(), b.2.order());
        let places = || a.1.0.cmp(&b.1.0).then_with(|| scan.graph.digest(a.1.1).cmp(&scan.graph.digest(b.1.1)));
        one.0.cmp(&other.0).then(a.0.cmp(&b.0)).then(one.1.cmp(other.1)).then_with(places)
    };
    found.sort_by(order);
    let tags = found.iter().filter(|(_, _, anchor)| anchor.by == By::Tag).count() as u64;
    let more = found.len().saturating_sub(TOLD) as u64;
    found.truncate(TOLD);
    let told = found.into_iter().map(|(_, top, anchor)| {
        let mut steps = Vec::new();
        let mut place = Some(top);
        while let Some((at, id)) = place {
            let below = next.get(&(at, id)).copied().flatten();
            let keeps = below.map(|(_, keeps)| keeps);
            steps.push(Step { at, digest: scan.graph.digest(id), keeps });
            place = below.map(|(place, _)| place);
        }
        Chain { anchor, steps }
    });
    Chains { told: told.collect(), more, tags }
}

/// What is directly above each digest, for all repositories alike.
struct Above {
    /// Manifests by what they name.
    naming: HashMap<Id, Vec<Id>>,
    /// Names by what they stand for.
    called: HashMap<Id, Vec<Id>>,
    /// Manifests by the name they have for their subject.
    about: HashMap<Id, Vec<Id>>,
    /// Repositories whose links make a digest what it is.
    carriers: BTreeMap<Id, HashSet<usize>>,
    /// Signatures of old registries: what each signs, by repository.
    signed: HashMap<Place, Vec<Id>>,
}

impl Above {
    fn new(inventory: &Inventory, graph: &Graph) -> Self {
        let mut above = Self {
            naming: HashMap::new(),
            called: HashMap::new(),
            about: HashMap::new(),
            carriers: BTreeMap::new(),
            signed: HashMap::new(),
        };
        for (id, node) in graph.known() {
            if let Node::Manifest { references, subject } = node {
                for child in references.all().iter() {
                    above.naming.entry(*child).or_default().push(id);
                }
                if let Some(subject) = subject {
                    above.about.entry(subject).or_default().push(id);
                }
            }
        }
        for (at, repository) in inventory.repositories.iter().enumerate() {
            for ref link in &repository.revisions {
                for id in names(link).filter_map(|digest| graph.id(digest)) {
                    above.carriers.entry(id).or_default().insert(at);
                }
            }
            let odd = repository.layers.odd().iter().chain(repository.revisions.odd());
            for link in odd.filter(|link| link.alias().is_some()) {
                let (Some(name), Some(meant)) = (graph.id(&link.digest), link.alias().and_then(|it| graph.id(it)))
                else {
                    continue;
                };
                above.carriers.entry(name).or_default().insert(at);
                let names = above.called.entry(meant).or_default();
                if !names.contains(&name) {
                    names.push(name);
                }
            }
            for link in &repository.signatures {
                let ids = (graph.id(&link.signature), graph.id(&link.revision));
                if let (Some(signature), Some(revision)) = ids {
                    above.signed.entry((at, signature)).or_default().push(revision);
                }
            }
        }
        above
    }

    fn of(&self, (at, id): Place, inventory: &Inventory, graph: &Graph, marks: &Marks) -> Vec<(Place, Keeps)> {
        let mut parents: Vec<(Place, Keeps)> = Vec::new();
        let here = |ids: &[Id], keeps: Keeps| ids.iter().map(|id| ((at, *id), keeps)).collect::<Vec<_>>();
        let of = |map: &HashMap<Id, Vec<Id>>| map.get(&id).cloned().unwrap_or_default();
        parents.extend(here(&of(&self.naming), Keeps::Names));
        parents.extend(here(&of(&self.called), Keeps::StandsFor));
        let signed = self.signed.get(&(at, id)).cloned().unwrap_or_default();
        parents.extend(here(&signed, Keeps::IsSubjectOf));
        let is_linked = |id: Id| {
            let digest = graph.digest(id);
            let repository = &inventory.repositories[at];
            repository.links_manifest(&digest) || repository.revisions.iter().any(|link| link.alias() == Some(&digest))
        };
        if let Node::Manifest { subject: Some(subject), .. } = graph.node(id)
            && is_linked(id)
        {
            let subjects = std::iter::once(subject).chain(graph.aliases(subject).iter().copied());
            parents.extend(subjects.map(|subject| ((at, subject), Keeps::IsSubjectOf)));
        }
        // A subject's other name is needed with what is about it by that name.
        parents.extend(here(&of(&self.about), Keeps::IsCalled));
        let carriers = self.carriers.get(&id);
        if carriers.is_some_and(|carriers| carriers.contains(&at)) {
            let needs = |other: &usize| *other != at && marks.in_repository(*other, Some(id)).is_some();
            let lacks = |other: &usize| !carriers.is_some_and(|carriers| carriers.contains(other));
            let others = (0..inventory.repositories.len()).filter(|other| needs(other) && lacks(other));
            parents.extend(others.map(|other| ((other, id), Keeps::IsLinkedIn)));
        }
        parents
    }
}
