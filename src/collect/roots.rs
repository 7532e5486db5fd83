//! What keeps things alive by itself, and why: the roots of each repository.

use super::dismissed::Dismissed;
use super::graph::{Graph, Node};
use super::inventory::{Inventory, Link, Repository, TagEntry, Target};
use super::keep_from::KeepFrom;
use super::options::Options;
use super::problem::{ProblemCode, Problems};
use crate::layout;
use crate::model::{Digest, Tag, Timestamp};
use std::time::Duration;

/// Why something is kept. The order is that of marking: what is needed for an earlier reason is not counted for a later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// A tag, a revision (without `-m`), damage, or the user keeps it.
    Needed,
    /// Only a tag whose revision link is missing keeps it.
    BrokenTag,
    /// Only its age, or that of a link, keeps it.
    Young,
    /// Only a repository outside `--repository`, or a pointer that cannot or could not be deleted, keeps it.
    PointerStays,
}

impl Reason {
    /// All, in the order of marking.
    pub const ALL: [Self; 4] = [Self::Needed, Self::BrokenTag, Self::Young, Self::PointerStays];
}

/// One root: a digest that a repository (by its index) needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    /// The repository's index in the inventory; `None` for what is kept everywhere.
    pub repository: Option<usize>,
    /// The digest.
    pub digest: Digest,
    /// Why.
    pub reason: Reason,
}

/// Whether a repository is damaged: a link in it is of unknown shape, or a manifest in it cannot tell what it needs.
///
/// The registry serves a blob only through a layer link and a manifest only through a revision link. Keeping both sets,
/// with their closure, keeps all that can be served, whatever the damaged manifest would have said.
///
/// What was dismissed may be unreadable: it goes, and damages nothing.
#[must_use]
pub fn is_damaged(at: usize, repository: &Repository, graph: &Graph, dismissed: &Dismissed) -> bool {
    let unreadable = |digest: &Digest| matches!(graph.node_of(digest), Node::Unreadable(_));
    let stays = |link: &&Link| dismissed.revision(at, link).is_none();
    let revisions = repository.revisions.iter().filter(stays).flat_map(names);
    let stays = |(tag, entry): &(&Tag, &TagEntry)| dismissed.tag(at, tag, entry).is_none();
    let current = repository.tags.iter().filter(stays).filter_map(|(_, entry)| entry.current.as_ref());
    let tagged = current.filter_map(|current| current.target.digest());
    repository.damaged && !dismissed.is_whole(at) || revisions.chain(tagged).any(unreadable)
}

/// Everything that any pointer in a repository names.
pub fn every_name(repository: &Repository) -> impl Iterator<Item = &Digest> {
    let links = repository.revisions.iter().chain(&repository.layers).flat_map(names);
    let signatures = repository.signatures.iter().flat_map(|link| [&link.revision, &link.signature]);
    let history = repository.tags.values().flat_map(|entry| &entry.history).map(|link| &link.digest);
    links.chain(signatures).chain(history).chain(&repository.suspects)
}

/// The digests that a link names: the one in its key, and the one in its content.
pub fn names(link: &Link) -> impl Iterator<Item = &Digest> {
    [Some(&link.digest), link.alias()].into_iter().flatten()
}

/// All roots of a registry, but for what is dismissed.
#[must_use]
pub fn roots(
    inventory: &Inventory,
    graph: &Graph,
    options: &Options,
    dismissed: &Dismissed,
    now: Timestamp,
) -> Vec<Root> {
    let mut collector = Collector { graph, options, dismissed, now, roots: Vec::new() };
    for (at, repository) in inventory.repositories.iter().enumerate() {
        collector.add_repository(at, repository);
    }
    collector.add_kept_from(inventory);
    let strangers = inventory.strangers.iter().cloned();
    collector.roots.extend(strangers.map(|digest| Root { repository: None, digest, reason: Reason::Needed }));
    collector.roots
}

struct Collector<'a> {
    graph: &'a Graph,
    options: &'a Options,
    dismissed: &'a Dismissed,
    now: Timestamp,
    roots: Vec<Root>,
}

impl Collector<'_> {
    fn add<'d>(&mut self, at: usize, reason: Reason, digests: impl IntoIterator<Item = &'d Digest>) {
        let digests = digests.into_iter().cloned();
        self.roots.extend(digests.map(|digest| Root { repository: Some(at), digest, reason }));
    }

    fn add_repository(&mut self, at: usize, repository: &Repository) {
        if is_damaged(at, repository, self.graph, self.dismissed) {
            self.add(at, Reason::Needed, every_name(repository));
        }
        // A link of unknown shape stays, and what it names.
        self.add(at, Reason::Needed, &repository.suspects);
        if !self.options.delete_untagged {
            let stays = |link: &&Link| self.dismissed.revision(at, link).is_none();
            self.add(at, Reason::Needed, repository.revisions.iter().filter(stays).flat_map(names));
        }
        self.add_tags(at, repository);
        self.add_young(at, repository);
        self.add_outside(at, repository);
        if !self.options.is_in_scope(repository.name.as_str()) {
            self.add(at, Reason::PointerStays, every_name(repository));
        }
    }

    fn add_tags(&mut self, at: usize, repository: &Repository) {
        for (tag, entry) in &repository.tags {
            let Some(current) = &entry.current else { continue };
            if self.dismissed.tag(at, tag, entry).is_some() {
                continue;
            }
            match &current.target {
                Target::Digest(digest) if is_linked(repository, digest) => self.add(at, Reason::Needed, [digest]),
                // The registry answers 404 for it, but its content is there and can be made whole.
                Target::Digest(digest) => {
                    if *self.graph.node_of(digest) != Node::Missing {
                        self.add(at, Reason::BrokenTag, [digest]);
                    }
                }
                Target::Unreadable(perhaps) => {
                    self.add(at, Reason::Needed, perhaps);
                    self.add(at, Reason::Needed, entry.history.iter().map(|link| &link.digest));
                    self.add(at, Reason::Needed, repository.revisions.iter().flat_map(names));
                }
                // Nothing may be decided on a link that was not read.
                Target::Unread => self.add(at, Reason::Needed, every_name(repository)),
            }
        }
    }

    fn add_young(&mut self, at: usize, repository: &Repository) {
        let (min_age, now) = (self.options.min_age, self.now);
        let is_young = |link: &&Link| link.evidence.modified.is_younger_than(min_age, now);
        // What was dismissed goes whatever its age.
        let revisions = repository.revisions.iter().filter(|link| self.dismissed.revision(at, link).is_none());
        let layers = repository.layers.iter().filter(|link| self.dismissed.layer(at, link).is_none());
        let young: Vec<&Digest> = revisions.chain(layers).filter(is_young).flat_map(names).collect();
        self.add(at, Reason::Young, young);
        for (tag, entry) in &repository.tags {
            if self.dismissed.tag(at, tag, entry).is_some() {
                continue;
            }
            // What a tag named until a moment ago lost its tag a moment ago.
            let tag_is_young = is_young_tag(entry.current.as_ref().map(|c| c.evidence.modified), min_age, now);
            let history = entry
                .history
                .iter()
                .filter(|link| is_young(link) || tag_is_young && is_linked(repository, &link.digest))
                .filter(|link| self.dismissed.manifest(at, &link.digest).is_none());
            let history: Vec<&Digest> = history.map(|link| &link.digest).collect();
            self.add(at, Reason::Young, history);
        }
    }

    /// A pointer outside the root is never deleted, so what it names must stay as well.
    fn add_outside(&mut self, at: usize, repository: &Repository) {
        let history = repository.tags.values().flat_map(|entry| &entry.history);
        let links = repository.revisions.iter().chain(&repository.layers).chain(history);
        let outside: Vec<&Digest> = links.filter(|link| link.evidence.outside).flat_map(names).collect();
        self.add(at, Reason::PointerStays, outside);
        let signatures = repository.signatures.iter().filter(|link| link.evidence.outside);
        self.add(at, Reason::PointerStays, signatures.flat_map(|link| [&link.revision, &link.signature]));
    }

    fn add_kept_from(&mut self, inventory: &Inventory) {
        for keep in &self.options.keep_from {
            match keep {
                KeepFrom::Digest(digest) | KeepFrom::Image(_, digest) => {
                    self.roots.push(Root { repository: None, digest: digest.clone(), reason: Reason::Needed });
                }
                KeepFrom::Tag(..) => {
                    for (at, digest) in tagged(keep, inventory) {
                        self.add(at, Reason::Needed, [digest]);
                    }
                }
            }
        }
    }
}

fn is_young_tag(modified: Option<Timestamp>, min_age: Duration, now: Timestamp) -> bool {
    modified.is_some_and(|modified| modified.is_younger_than(min_age, now))
}

/// What an image of `--keep-from` names in this registry.
fn tagged<'a>(keep: &KeepFrom, inventory: &'a Inventory) -> Vec<(usize, &'a Digest)> {
    let KeepFrom::Tag(_, tag) = keep else { return Vec::new() };
    let names = keep.repositories();
    let repositories = inventory.repositories.iter().enumerate().filter(|(_, found)| names.contains(&found.name));
    let current = repositories.filter_map(|(at, found)| Some((at, found.tags.get(tag)?.current.as_ref()?)));
    current.filter_map(|(at, current)| Some((at, current.target.digest()?))).collect()
}

/// Whether the repository has a revision link for a digest.
#[must_use]
pub fn is_linked(repository: &Repository, digest: &Digest) -> bool {
    repository.revisions.binary_search_by(|link| link.digest.cmp(digest)).is_ok()
}

/// What the roots themselves show to be odd.
#[must_use]
pub fn problems(inventory: &Inventory, graph: &Graph, options: &Options) -> Problems {
    let mut problems = Problems::default();
    for repository in &inventory.repositories {
        let name = Some(repository.name.as_str());
        for link in &repository.revisions {
            let key = || Some(layout::revision_link(&repository.name, &link.digest));
            let served = link.alias().unwrap_or(&link.digest);
            match graph.node_of(served) {
                Node::Missing => {
                    let message = format!("manifest {served} is linked, but its content is not there: the link stays");
                    problems.add(ProblemCode::DanglingRevision, name, key(), message);
                }
                Node::Unreadable(why) => {
                    let message = format!(
                        "manifest {served} cannot be read ({why}): its repository keeps every manifest and every layer"
                    );
                    problems.add(ProblemCode::UnreadableManifest, name, key(), message);
                }
                Node::Plain | Node::Manifest { .. } => {}
            }
        }
        for (tag, current) in repository.current_tags() {
            let Target::Digest(digest) = &current.target else { continue };
            if is_linked(repository, digest) {
                continue;
            }
            let key = Some(layout::tag_current(&repository.name, tag));
            let image = format!("{}@{digest}", repository.name);
            if *graph.node_of(digest) == Node::Missing {
                let message =
                    format!("tag {tag} names {digest}, which is not there: the tag stays, and cannot be pulled");
                problems.add(ProblemCode::DanglingTag, name, key, message);
            } else {
                let message = format!(
                    "tag {tag} names {digest}, which this repository does not link: it cannot be pulled, and its content is kept; push it again to mend it, or let it go with `regsweep rm {image}` (later versions: `regsweep fsck --repair`)"
                );
                problems.add(ProblemCode::BrokenTag, name, key, message);
            }
        }
    }
    for keep in options.keep_from.iter().filter(|keep| matches!(keep, KeepFrom::Tag(..))) {
        if let KeepFrom::Tag(image, tag) = keep
            && tagged(keep, inventory).is_empty()
        {
            let message = format!("{image}:{tag} of --keep-from is not in this registry");
            problems.add(ProblemCode::KeepFromUnknown, None, None, message);
        }
    }
    problems
}
