//! What of the damage can be mended, and by what: pointers that give nobody anything go, links that are needed are written.

use super::check::{Known, served};
use super::code::{Code, Level};
use super::finding::{Finding, Findings};
use super::parts::Role;
use crate::collect::decide::DeleteReason;
use crate::collect::dismissed::{Dismissed, Why};
use crate::collect::graph::Node;
use crate::collect::inventory::{Inventory, Target};
use crate::collect::options::Options;
use crate::collect::plan::{NewLink, Stage};
use crate::layout::{self, StorageKey};
use crate::model::{Digest, RepositoryName, Tag};
use std::collections::{BTreeMap, BTreeSet};

/// What mends a registry, as it was found.
#[derive(Debug, Clone, Default)]
pub struct Mend {
    /// Tags whose manifests are not there, with what they name.
    tags: BTreeMap<(RepositoryName, Tag), Digest>,
    /// Single links to take away, by their keys.
    links: BTreeMap<String, DeleteReason>,
    /// Links to write.
    writes: Vec<NewLink>,
    /// Findings of damage that this does not mend.
    pub left: u64,
}

/// A link that is written only if a manifest vouches for it.
#[derive(Debug, Clone)]
pub struct Wanted {
    link: NewLink,
    /// What manifests call it.
    pub part: Digest,
    /// The manifests of its repository that name it.
    pub manifests: Vec<Digest>,
}

impl Mend {
    /// Reads it off what was found. What is wanted, but not vouched for so far, is told beside it.
    #[must_use]
    pub fn of(known: &Known<'_>, findings: &Findings, options: &Options) -> (Self, Vec<Wanted>) {
        let (mut mend, mut wanted) = (Self::default(), Vec::new());
        for finding in findings.told() {
            let Some(name) = &finding.repository else {
                mend.left += u64::from(finding.level == Level::Damage);
                continue;
            };
            if options.is_in_scope(name.as_str()) && matches!(finding.level, Level::Damage | Level::Litter) {
                let mended = mend.add(known, name, finding, &mut wanted);
                mend.left += u64::from(!mended && finding.level == Level::Damage);
            }
        }
        (mend, wanted)
    }

    /// Tells whether it is mended, or may be.
    fn add(&mut self, known: &Known<'_>, name: &RepositoryName, finding: &Finding, wanted: &mut Vec<Wanted>) -> bool {
        let Some(digest) = &finding.digest else { return false };
        let key = || finding.key.clone();
        match (finding.code, StorageKey::parse(&finding.key)) {
            (Code::DanglingTag, StorageKey::TagCurrent { tag, .. }) => {
                self.tags.extend(Tag::new(tag).map(|tag| ((name.clone(), tag), digest.clone())));
                true
            }
            (Code::DanglingRevision | Code::DanglingLayerLink, _) => {
                self.links.insert(key(), DeleteReason::Dangling);
                true
            }
            (Code::UnreadableLink, StorageKey::LayerLink { digest, .. }) => {
                let is_there = known.graph.id(&digest).is_some_and(|id| known.stored.has(id));
                self.rewrite(Stage::LayerLink, key(), digest, is_there)
            }
            (Code::UnreadableLink, StorageKey::RevisionLink { digest, .. }) => {
                // A run that is killed before it is written anew must find that something needs it.
                let is_there = matches!(known.graph.node_of(&digest), Node::Manifest { .. });
                let is_there = is_there && is_named(known, name, &digest);
                self.rewrite(Stage::Revision, key(), digest, is_there)
            }
            (Code::BrokenTag, _) if is_whole(known, digest) => {
                let key = layout::revision_link(name, digest);
                self.writes.push(NewLink { stage: Stage::Revision, key, content: digest.clone() });
                true
            }
            (Code::MissingLink, _) => {
                wanted.extend(want(known, name, digest));
                true
            }
            _ => false,
        }
    }

    /// A link that is none can only have meant what its key says: the registry stores content by that name.
    fn rewrite(&mut self, stage: Stage, key: String, digest: Digest, is_there: bool) -> bool {
        if !matches!(digest, Digest::Sha256(_)) || !is_there {
            return false;
        }
        self.links.insert(key.clone(), DeleteReason::Unreadable);
        self.writes.push(NewLink { stage, key, content: digest });
        true
    }

    /// Adds a link that a manifest vouches for.
    pub fn vouched(&mut self, wanted: &Wanted) {
        self.writes.push(wanted.link.clone());
    }

    /// One that none vouches for: it is not mended.
    pub fn not_vouched(&mut self) {
        self.left += 1;
    }

    /// Dismisses what goes, as far as a scan finds it as it was found.
    pub fn dismiss(&self, inventory: &Inventory, dismissed: &mut Dismissed) {
        let why = Why::repair(DeleteReason::Dangling);
        for (at, repository) in inventory.repositories.iter().enumerate() {
            for (tag, current) in repository.current_tags() {
                let digest = self.tags.get(&(repository.name.clone(), tag.clone()));
                if digest.is_some_and(|digest| current.target == Target::Digest(digest.clone())) {
                    dismissed.add_lone_tag(inventory, at, tag, &why);
                }
            }
            let revisions = repository.revisions.iter().cloned();
            let revisions = revisions.map(|link| (layout::revision_link(&repository.name, &link.digest), link));
            let layers = repository.layers.iter();
            let layers = layers.map(|link| (layout::layer_link(&repository.name, &link.digest), link));
            for (key, link) in revisions.chain(layers).filter(|_| !self.links.is_empty()) {
                if let Some(reason) = self.links.get(&key) {
                    dismissed.add_lone_link(at, key, link.evidence(), &Why::repair(*reason));
                }
            }
        }
    }

    /// The links to write, as far as a scan finds them missing, or about to be taken away; and as far as they are allowed.
    #[must_use]
    pub fn writes(&self, inventory: &Inventory, options: &Options) -> Vec<NewLink> {
        let allowed = options.repair.as_ref().and_then(|repair| repair.links.as_ref());
        let is_allowed = |link: &&NewLink| allowed.is_none_or(|links| links.get(&link.key) == Some(&link.content));
        let is_there = |link: &NewLink| {
            let (repository, digest, is_layer) = match StorageKey::parse(&link.key) {
                StorageKey::LayerLink { repository, digest } => (repository, digest, true),
                StorageKey::RevisionLink { repository, digest } => (repository, digest, false),
                _ => return true,
            };
            let found = inventory.repositories.binary_search_by(|found| found.name.as_str().cmp(repository));
            let Ok(found) = found.map(|at| &inventory.repositories[at]) else { return true };
            if is_layer { found.layers.find(&digest).is_some() } else { found.links_manifest(&digest) }
        };
        let is_open = |link: &&NewLink| self.links.contains_key(&link.key) || !is_there(link);
        self.writes.iter().filter(is_allowed).filter(is_open).cloned().collect()
    }
}

/// Whether a tag names a manifest, or another manifest of its repository does.
fn is_named(known: &Known<'_>, name: &RepositoryName, digest: &Digest) -> bool {
    let found = known.inventory.repositories.binary_search_by(|found| found.name.cmp(name));
    let (Ok(at), Some(id)) = (found, known.graph.id(digest)) else { return false };
    let repository = &known.inventory.repositories[at];
    let is_tagged = repository.current_tags().any(|(_, current)| current.target.digest() == Some(digest));
    is_tagged
        || served(known, repository).into_iter().any(|manifest| match known.graph.node(manifest) {
            Node::Manifest { references, .. } => manifest != id && references.contains(&id),
            Node::Plain | Node::Unreadable(_) | Node::Missing => false,
        })
}

/// Whether all that an image needs for itself is there.
fn is_whole(known: &Known<'_>, digest: &Digest) -> bool {
    let Some(id) = known.graph.id(digest) else { return false };
    let Node::Manifest { references, .. } = known.graph.node(id) else { return false };
    references.iter().all(|part| {
        let content = known.graph.aliases(*part).first().unwrap_or(part);
        !matches!(known.parts.role(id, *part), Role::Own | Role::OwnOfIndex) || known.stored.has(*content)
    })
}

/// A missing layer link, with the manifests that may vouch for it.
fn want(known: &Known<'_>, name: &RepositoryName, digest: &Digest) -> Option<Wanted> {
    let at = known.inventory.repositories.binary_search_by(|found| found.name.cmp(name)).ok()?;
    let repository = &known.inventory.repositories[at];
    let id = known.graph.id(digest)?;
    // Where a name stands for it by a link of this repository, manifests may name it so.
    let alias = repository.layers.odd().iter().find(|link| link.alias() == Some(digest));
    let names: BTreeSet<_> = alias.and_then(|link| known.graph.id(&link.digest)).into_iter().chain([id]).collect();
    let mut part = digest.clone();
    let mut manifests = Vec::new();
    for manifest in served(known, repository) {
        let Node::Manifest { references, .. } = known.graph.node(manifest) else { continue };
        if let Some(named) = references.iter().find(|reference| names.contains(reference)) {
            part = known.graph.digest(*named);
            manifests.push(known.graph.digest(manifest));
        }
    }
    let content =
        known.graph.aliases(id).first().map_or_else(|| digest.clone(), |content| known.graph.digest(*content));
    let link = NewLink { stage: Stage::LayerLink, key: layout::layer_link(name, digest), content };
    Some(Wanted { link, part, manifests })
}
