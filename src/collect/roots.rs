//! What keeps things alive by itself, and why: the roots of each repository.

use super::dismissed::Dismissed;
use super::graph::{Graph, Node};
use super::inventory::{Current, Inventory, Link, Repository, TagEntry, Target};
use super::keep_from::KeepFrom;
use super::options::Options;
use super::packed_roots::Roots;
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
    let stays = |link: &Link| dismissed.revision(at, link).is_none();
    let mut revisions = repository.revisions.iter().filter(stays).flat_map(all_names);
    let stays = |(tag, entry): &(Tag, TagEntry)| dismissed.tag(at, tag, entry).is_none();
    let current = || repository.tags.iter().filter(stays).filter_map(|(_, entry)| entry.current);
    let is_unreadable = |current: Current| current.target.digest().is_some_and(unreadable);
    repository.damaged && !dismissed.is_whole(at)
        || revisions.any(|digest| unreadable(&digest))
        || current().any(is_unreadable)
}

/// Everything that any pointer in a repository names.
pub fn every_name(repository: &Repository) -> impl Iterator<Item = Digest> {
    let revisions = repository.revisions.names();
    let layers = repository.layers.iter().flat_map(all_names);
    let signatures = repository.signatures.iter().flat_map(|link| [&link.revision, &link.signature]);
    let history = repository.histories().map(|link| link.digest);
    revisions.chain(layers).chain(history).chain(signatures.chain(&repository.suspects).cloned())
}

/// The digests that a link names: the one in its key, and the one in its content.
pub fn names(link: &Link) -> impl Iterator<Item = &Digest> {
    [Some(&link.digest), link.alias()].into_iter().flatten()
}

/// The same of a link that is not held.
pub fn all_names(link: Link) -> impl Iterator<Item = Digest> {
    let alias = link.alias().cloned();
    std::iter::once(link.digest).chain(alias)
}

/// All roots of a registry, but for what is dismissed.
#[must_use]
pub fn roots(inventory: &Inventory, graph: &Graph, options: &Options, dismissed: &Dismissed, now: Timestamp) -> Roots {
    let mut collector = Collector { graph, options, dismissed, now, roots: Roots::default() };
    for (at, repository) in inventory.repositories.iter().enumerate() {
        let before = collector.roots.len();
        collector.add_repository(at, repository);
        collector.roots.dedup_from(before);
    }
    collector.add_kept_from(inventory);
    for digest in &inventory.strangers {
        collector.push(Root { repository: None, digest: digest.clone(), reason: Reason::Needed });
    }
    collector.roots
}

struct Collector<'a> {
    graph: &'a Graph,
    options: &'a Options,
    dismissed: &'a Dismissed,
    now: Timestamp,
    roots: Roots,
}

impl Collector<'_> {
    fn add<'d>(&mut self, at: usize, reason: Reason, digests: impl IntoIterator<Item = &'d Digest>) {
        self.add_all(at, reason, digests.into_iter().cloned());
    }

    fn add_all(&mut self, at: usize, reason: Reason, digests: impl Iterator<Item = Digest>) {
        digests.for_each(|digest| self.push(Root { repository: Some(at), digest, reason }));
    }

    fn push(&mut self, root: Root) {
        self.roots.add(root, self.graph);
    }

    fn add_repository(&mut self, at: usize, repository: &Repository) {
        if is_damaged(at, repository, self.graph, self.dismissed) {
            self.add_all(at, Reason::Needed, every_name(repository));
        }
        // A link of unknown shape stays, and what it names.
        self.add(at, Reason::Needed, &repository.suspects);
        if !self.options.delete_untagged {
            let dismissed = self.dismissed;
            let stays = |link: &Link| dismissed.revision(at, link).is_none();
            self.add_all(at, Reason::Needed, repository.revisions.iter().filter(stays).flat_map(all_names));
        }
        self.add_tags(at, repository);
        self.add_young(at, repository);
        self.add_outside(at, repository);
        if !self.options.is_in_scope(repository.name.as_str()) {
            self.add_all(at, Reason::PointerStays, every_name(repository));
        }
    }

    fn add_tags(&mut self, at: usize, repository: &Repository) {
        let unlinked = repository.unlinked();
        for (ref tag, ref entry) in &repository.tags {
            let Some(current) = &entry.current else { continue };
            if self.dismissed.tag(at, tag, entry).is_some() {
                continue;
            }
            match &current.target {
                Target::Digest(digest) if !unlinked.contains(digest) => self.add(at, Reason::Needed, [digest]),
                // The registry answers 404 for it, but its content is there and can be made whole.
                Target::Digest(digest) => {
                    if self.graph.node_of(digest) != Node::Missing {
                        self.add(at, Reason::BrokenTag, [digest]);
                    }
                }
                Target::Unreadable(perhaps) => {
                    self.add(at, Reason::Needed, perhaps);
                    self.add(at, Reason::Needed, entry.history.iter().map(|link| &link.digest));
                    self.add_all(at, Reason::Needed, repository.revisions.names());
                }
                // Nothing may be decided on a link that was not read.
                Target::Unread => self.add_all(at, Reason::Needed, every_name(repository)),
            }
        }
    }

    fn add_young(&mut self, at: usize, repository: &Repository) {
        let (min_age, now) = (self.options.min_age, self.now);
        let is_young = |link: &Link| link.modified().is_younger_than(min_age, now);
        // What was dismissed goes whatever its age.
        let revisions = repository.revisions.iter().filter(|link| self.dismissed.revision(at, link).is_none());
        let young: Vec<Digest> = revisions.filter(is_young).flat_map(all_names).collect();
        self.add(at, Reason::Young, &young);
        let layers = repository.layers.by_time(move |modified| modified.is_younger_than(min_age, now));
        let layers: Vec<Link> = layers.filter(|link| self.dismissed.layer(at, link).is_none()).collect();
        self.add_all(at, Reason::Young, layers.into_iter().flat_map(all_names));
        for (ref tag, ref entry) in &repository.tags {
            if self.dismissed.tag(at, tag, entry).is_some() {
                continue;
            }
            // What a tag named until a moment ago lost its tag a moment ago.
            let tag_is_young = is_young_tag(entry.current.as_ref().map(|c| c.evidence.modified), min_age, now);
            let history = entry
                .history
                .iter()
                .filter(|link| is_young(link) || tag_is_young && repository.links_manifest(&link.digest))
                .filter(|link| self.dismissed.manifest(at, &link.digest).is_none());
            let history: Vec<&Digest> = history.map(|link| &link.digest).collect();
            self.add(at, Reason::Young, history);
        }
    }

    /// A pointer outside the root is never deleted, so what it names must stay as well.
    fn add_outside(&mut self, at: usize, repository: &Repository) {
        let links =
            repository.revisions.iter().chain(repository.layers.odd().iter().cloned()).chain(repository.histories());
        let outside: Vec<Digest> = links.filter(Link::is_outside).flat_map(all_names).collect();
        self.add(at, Reason::PointerStays, &outside);
        let signatures = repository.signatures.iter().filter(|link| link.evidence.outside);
        self.add(at, Reason::PointerStays, signatures.flat_map(|link| [&link.revision, &link.signature]));
    }

    fn add_kept_from(&mut self, inventory: &Inventory) {
        for keep in &self.options.keep_from {
            match keep {
                KeepFrom::Digest(digest) | KeepFrom::Image(_, digest) => {
                    self.push(Root { repository: None, digest: digest.clone(), reason: Reason::Needed });
                }
                KeepFrom::Tag(..) => {
                    for (at, digest) in tagged(keep, inventory) {
                        self.add(at, Reason::Needed, [&digest]);
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
fn tagged(keep: &KeepFrom, inventory: &Inventory) -> Vec<(usize, Digest)> {
    let KeepFrom::Tag(_, tag) = keep else { return Vec::new() };
    let names = keep.repositories();
    let repositories = inventory.repositories.iter().enumerate().filter(|(_, found)| names.contains(&found.name));
    let current = repositories.filter_map(|(at, found)| Some((at, found.tags.get(tag)?.current?)));
    current.filter_map(|(at, current)| Some((at, current.target.into_digest()?))).collect()
}

/// What the roots themselves show to be odd.
#[must_use]
pub fn problems(inventory: &Inventory, graph: &Graph, options: &Options) -> Problems {
    let mut problems = Problems::default();
    for repository in &inventory.repositories {
        let name = Some(repository.name.as_str());
        for ref link in &repository.revisions {
            let key = || Some(layout::revision_link(&repository.name, &link.digest));
            let served = link.alias().unwrap_or(&link.digest);
            match graph.node_of(served) {
                Node::Missing => {
                    let message =
                        format!("manifest {served} is linked, but its content is not there: it cannot be pulled");
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
        let unlinked = repository.unlinked();
        for (ref tag, ref current) in repository.current_tags() {
            let Target::Digest(digest) = &current.target else { continue };
            if !unlinked.contains(digest) {
                continue;
            }
            let key = Some(layout::tag_current(&repository.name, tag));
            let image = format!("{}@{digest}", repository.name);
            if graph.node_of(digest) == Node::Missing {
                let message = format!("tag {tag} names {digest}, which is not there: it cannot be pulled");
                problems.add(ProblemCode::DanglingTag, name, key, message);
            } else {
                let message = format!(
                    "tag {tag} names {digest}, which this repository does not link: it cannot be pulled, and its content is kept; `regsweep fsck --repair` mends it, or let it go with `regsweep rm {image}`"
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

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::super::scene::{DAY, NOW, Storage, name, of, options, sha512, tag};
    use super::*;

    fn with_min_age() -> Options {
        Options { min_age: DAY, ..options() }
    }

    /// Why the first repository needs a digest.
    fn reason(storage: &Storage, options: &Options, digest: &Digest) -> Option<Reason> {
        let (scan, _) = storage.scan(options);
        scan.marks.in_repository(0, scan.graph.id(digest))
    }

    fn codes(storage: &Storage, options: &Options) -> Vec<ProblemCode> {
        storage.scan(options).0.problems.counts().map(|(code, _)| code).collect()
    }

    /// An image with its layer; nothing tags it.
    fn untagged() -> (Storage, Digest, Digest) {
        let mut storage = Storage::default();
        let layer = storage.layer("a", "layer");
        let image = storage.index("a", &[&layer]);
        (storage, image, layer)
    }

    #[test]
    fn keeps_tagged_image_and_lets_untagged_go_only_if_told() {
        let (mut storage, image, layer) = untagged();
        assert_eq!(reason(&storage, &options(), &image), None);
        assert!(storage.kept(&options()).is_empty());
        let careful = Options { delete_untagged: false, ..options() };
        assert_eq!(reason(&storage, &careful, &layer), Some(Reason::Needed));
        assert_eq!(storage.kept(&careful).len(), storage.objects.len());
        storage.tag("a", "v1", &image);
        assert_eq!(reason(&storage, &options(), &layer), Some(Reason::Needed));
        assert_eq!(storage.kept(&options()).len(), storage.objects.len());
        assert_eq!(codes(&storage, &options()), []);
    }

    #[test]
    fn damaged_repository_keeps_all_that_any_pointer_names() {
        let (mut healthy, image, layer) = untagged();
        let (history, signature) = (healthy.blob("history"), healthy.layer("a", "signature"));
        healthy.put(layout::tag_history(&name("a"), &tag("v1"), &history));
        healthy.put(layout::signature_link(&name("a"), &image, &signature));
        assert!(healthy.kept(&options()).is_empty());

        let mut unknown_link = healthy.clone();
        let suspect = unknown_link.blob("suspect");
        let shape = format!("{}_referrers/sha256/{}/link", layout::repository(&name("a")), suspect.hex());
        unknown_link.put(shape);
        assert_eq!(codes(&unknown_link, &options()), [ProblemCode::UnknownLink]);
        let mut unreadable = healthy.clone();
        unreadable.manifest("a", "{");
        assert_eq!(codes(&unreadable, &options()), [ProblemCode::UnreadableManifest]);
        let mut unreadable_tagged = healthy;
        let broken = unreadable_tagged.blob("{");
        unreadable_tagged.manifests.insert(broken.clone(), "{".into());
        unreadable_tagged.tag("a", "v2", &broken);
        for (storage, odd) in [(unknown_link, suspect), (unreadable, of("{")), (unreadable_tagged, broken)] {
            for digest in [&image, &layer, &history, &signature, &odd] {
                assert_eq!(reason(&storage, &options(), digest), Some(Reason::Needed));
            }
            assert_eq!(storage.kept(&options()).len(), storage.objects.len());
        }
    }

    #[test]
    fn repository_out_of_scope_keeps_all_its_pointers() {
        let (storage, image, _) = untagged();
        let others = Options { repositories: vec!["b".parse().unwrap()], ..options() };
        assert_eq!(reason(&storage, &others, &image), Some(Reason::PointerStays));
        assert_eq!(storage.kept(&others).len(), storage.objects.len());
        let own = Options { repositories: vec!["a".parse().unwrap()], ..options() };
        assert!(storage.kept(&own).is_empty());
    }

    /// The registry answers 404 for such a tag; its content is kept, for another reason than that of a whole image.
    #[test]
    fn tag_without_its_revision_link_keeps_what_is_there() {
        let (mut storage, image, layer) = untagged();
        storage.tag("a", "v1", &image);
        storage.objects.remove(&layout::revision_link(&name("a"), &image));
        assert_eq!(reason(&storage, &options(), &layer), Some(Reason::BrokenTag));
        assert_eq!(codes(&storage, &options()), [ProblemCode::BrokenTag]);
        storage.objects.remove(&layout::blob_data(&image));
        storage.manifests.clear();
        assert_eq!(reason(&storage, &options(), &image), None);
        assert_eq!(codes(&storage, &options()), [ProblemCode::DanglingTag]);
    }

    #[test]
    fn revision_link_without_its_manifest_is_told() {
        let (mut storage, image, _) = untagged();
        storage.objects.remove(&layout::blob_data(&image));
        storage.manifests.clear();
        assert_eq!(codes(&storage, &options()), [ProblemCode::DanglingRevision]);
    }

    #[test]
    fn tag_that_cannot_be_read_keeps_its_history_and_every_revision() {
        let (mut storage, image, layer) = untagged();
        let (meant, before) = (storage.blob("meant"), storage.blob("before"));
        storage.put(layout::tag_history(&name("a"), &tag("v1"), &before));
        storage.link(layout::tag_current(&name("a"), &tag("v1")), &format!("{meant}\n"));
        for digest in [&image, &layer, &meant, &before] {
            assert_eq!(reason(&storage, &options(), digest), Some(Reason::Needed));
        }
    }

    #[test]
    fn young_link_of_any_kind_keeps_what_it_names() {
        let (mut storage, image, layer) = untagged();
        let recent = NOW.plus(DAY / 2);
        let now = Timestamp::from_nanos(NOW.as_nanos() - 1);
        for key in [layout::revision_link(&name("a"), &image), layout::layer_link(&name("a"), &layer)] {
            for time in [now, recent] {
                let mut young = storage.clone();
                young.seen(&key).modified = time;
                assert_eq!(reason(&young, &with_min_age(), &layer), Some(Reason::Young), "{key}");
                assert_eq!(reason(&young, &options(), &layer), None, "{key}");
            }
        }
        let history = layout::tag_history(&name("a"), &tag("v1"), &image);
        storage.put(history.clone());
        assert_eq!(reason(&storage, &with_min_age(), &image), None);
        storage.seen(&history).modified = now;
        assert_eq!(reason(&storage, &with_min_age(), &image), Some(Reason::Young));
    }

    /// A tag that was moved a moment ago: whoever pulls by the digest of a moment ago is served.
    #[test]
    fn what_a_young_tag_named_before_is_young() {
        let (mut storage, image, layer) = untagged();
        let (next, unlinked) = (storage.index("a", &[]), of("unlinked"));
        storage.tag("a", "v1", &next);
        let history = |digest| layout::tag_history(&name("a"), &tag("v1"), digest);
        storage.put(history(&image));
        storage.put(history(&unlinked));
        assert_eq!(reason(&storage, &with_min_age(), &layer), None, "the tag is old");
        storage.seen(&layout::tag_current(&name("a"), &tag("v1"))).modified = NOW;
        assert_eq!(reason(&storage, &with_min_age(), &layer), Some(Reason::Young));
        assert_eq!(reason(&storage, &with_min_age(), &unlinked), None);
        assert_eq!(reason(&storage, &options(), &layer), None, "nothing is young without an age");
    }

    #[test]
    fn pointer_outside_of_the_root_keeps_what_it_names() {
        let (mut storage, image, layer) = untagged();
        let (history, signature) = (storage.blob("history"), storage.blob("signature"));
        let pointers = [
            (layout::revision_link(&name("a"), &image), &image),
            (layout::layer_link(&name("a"), &layer), &layer),
            (layout::tag_history(&name("a"), &tag("v1"), &history), &history),
            (layout::signature_link(&name("a"), &image, &signature), &signature),
        ];
        for (key, _) in &pointers {
            storage.put(key.clone());
        }
        for (key, digest) in pointers {
            let mut linked = storage.clone();
            linked.seen(&key).outside = true;
            assert_eq!(reason(&linked, &options(), digest), Some(Reason::PointerStays), "{key}");
            assert!(linked.kept(&options()).contains(&layout::blob_data(digest)));
        }
    }

    #[test]
    fn keep_from_keeps_digests_wherever_they_are_and_tags_where_they_are() {
        let (mut storage, image, layer) = untagged();
        let keep = |text: &str| Options { keep_from: vec![text.parse().unwrap()], ..options() };
        for text in [image.to_string(), format!("elsewhere@{image}")] {
            assert_eq!(reason(&storage, &keep(&text), &layer), Some(Reason::Needed), "{text}");
        }
        // A tag whose link cannot be read keeps everything anyhow; one without a revision link only for that reason.
        storage.objects.remove(&layout::revision_link(&name("a"), &image));
        storage.tag("a", "v1", &image);
        assert_eq!(reason(&storage, &keep("a:v1"), &image), Some(Reason::Needed));
        for unknown in ["a:v2", "b:v1"] {
            assert_eq!(reason(&storage, &keep(unknown), &image), Some(Reason::BrokenTag), "{unknown}");
            assert!(codes(&storage, &keep(unknown)).contains(&ProblemCode::KeepFromUnknown), "{unknown}");
        }
        assert!(!codes(&storage, &keep("a:v1")).contains(&ProblemCode::KeepFromUnknown));
    }

    #[test]
    fn link_under_a_name_that_no_registry_accepts_keeps_what_it_names() {
        let (mut storage, image, layer) = untagged();
        storage.put(format!("{}Up/_layers/sha256/{}/link", layout::REPOSITORIES, image.hex()));
        assert_eq!(reason(&storage, &options(), &layer), Some(Reason::Needed));
        assert_eq!(codes(&storage, &options()), [ProblemCode::InvalidRepository]);
    }

    #[test]
    fn both_names_of_a_link_are_roots() {
        let mut storage = Storage::default();
        let (alias, content) = (sha512("content"), storage.blob("content"));
        let link = layout::layer_link(&name("a"), &alias);
        storage.link(link.clone(), &content.to_string()).modified = NOW;
        for digest in [&alias, &content] {
            assert_eq!(reason(&storage, &with_min_age(), digest), Some(Reason::Young));
        }
        assert_eq!(storage.kept(&with_min_age()).len(), 2);
    }
}
