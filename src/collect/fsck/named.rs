//! What manifests name: whether it is there, of the right size, and served by the repository.

use super::affected::{Affected, tell};
use super::blobs::Stored;
use super::check::{Known, served};
use super::code::Code;
use super::finding::{Finding, Findings, Proof};
use super::parts::Role;
use crate::collect::graph::{Id, Node};
use crate::collect::inventory::Repository;
use crate::collect::roots::names;
use crate::layout;
use crate::model::{Digest, RepositoryName};
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// Manifests, by the repository that has them.
type Manifests = BTreeSet<(usize, Id)>;

/// What was found to be wrong with what manifests name.
#[derive(Debug, Default)]
pub(super) struct Named {
    missing: BTreeMap<Digest, Manifests>,
    sizes: BTreeMap<Digest, (Manifests, BTreeSet<u64>)>,
    unlinked: BTreeMap<(usize, Digest), Manifests>,
    absent: BTreeSet<(usize, Digest)>,
    foreign: BTreeSet<(usize, Digest)>,
}

impl Named {
    /// Looks at all that the manifests of a repository name; tells which of it the repository must serve.
    pub(super) fn see(&mut self, known: &Known<'_>, at: usize, served: &[Id]) -> HashSet<Id> {
        let repository = &known.inventory.repositories[at];
        let mut needed = HashSet::new();
        for manifest in served {
            let Node::Manifest { references, .. } = known.graph.node(*manifest) else { continue };
            for part in references {
                let digest = known.graph.digest(*part);
                match known.parts.role(*manifest, *part) {
                    Role::Child => self.child(known, (at, repository), *manifest, (*part, digest)),
                    Role::Foreign => {
                        let is_here = known.stored.has(*part) && repository.layers.find(&digest).is_some();
                        if !is_here {
                            self.foreign.insert((at, digest));
                        }
                    }
                    role @ (Role::Own | Role::OwnOfIndex) => {
                        needed.insert(*part);
                        self.own(known, (at, repository), *manifest, (*part, digest), role, &mut needed);
                    }
                }
            }
        }
        needed
    }

    fn child(&mut self, known: &Known<'_>, (at, repository): (usize, &Repository), manifest: Id, part: (Id, Digest)) {
        let (id, digest) = part;
        let is_linked = repository.links_manifest(&digest);
        if !is_linked {
            self.absent.insert((at, digest));
        } else if let Some(size) = known.stored.size(id) {
            self.size(known, (at, manifest), (id, digest), size);
        }
    }

    fn own(
        &mut self,
        known: &Known<'_>,
        (at, repository): (usize, &Repository),
        manifest: Id,
        (id, digest): (Id, Digest),
        role: Role,
        needed: &mut HashSet<Id>,
    ) {
        let link = repository.layers.find(&digest);
        let alias = link.as_ref().and_then(|link| known.graph.id(link.alias()?));
        let content = alias.or_else(|| known.graph.aliases(id).first().copied()).unwrap_or(id);
        needed.insert(content);
        match known.stored.size(content) {
            None => {
                self.missing.entry(known.graph.digest(content)).or_default().insert((at, manifest));
            }
            Some(size) => {
                let is_served = link.is_some() || role == Role::OwnOfIndex && repository.links_manifest(&digest);
                if !is_served {
                    self.unlinked.entry((at, digest.clone())).or_default().insert((at, manifest));
                }
                let of = known.graph.digest(content);
                // The registry looks the content's own name up as well.
                if of != digest && repository.layers.find(&of).is_none() {
                    self.unlinked.entry((at, of.clone())).or_default().insert((at, manifest));
                }
                let said = known.parts.size(manifest, id);
                if said.is_some_and(|said| said != size) {
                    self.wrong_size(of, (at, manifest), said.unwrap_or_default());
                }
            }
        }
    }

    fn size(&mut self, known: &Known<'_>, manifest: (usize, Id), (id, digest): (Id, Digest), size: u64) {
        if let Some(said) = known.parts.size(manifest.1, id).filter(|said| *said != size) {
            self.wrong_size(digest, manifest, said);
        }
    }

    fn wrong_size(&mut self, digest: Digest, manifest: (usize, Id), said: u64) {
        let (manifests, sizes) = self.sizes.entry(digest).or_default();
        manifests.insert(manifest);
        sizes.insert(said);
    }

    /// Tells what was found.
    pub(super) fn tell(self, known: &Known<'_>, affected: &mut Affected<'_>, findings: &mut Findings) {
        let empty: BTreeSet<Digest> = known.stored.empty.iter().map(|id| known.graph.digest(*id)).collect();
        for (digest, manifests) in &self.missing {
            let key = layout::blob_data(digest);
            let proof = Proof::Keys { absent: vec![key.clone()], there: Vec::new() };
            let finding = Finding::new(Code::MissingBlob, key).about(digest).proven_by(proof);
            findings.add(suffering(finding, known, affected, manifests));
        }
        for (digest, (manifests, said)) in self.sizes.iter().filter(|(digest, _)| !empty.contains(digest)) {
            let size = known.graph.id(digest).and_then(|id| known.stored.size(id)).unwrap_or_default();
            let said: Vec<String> = said.iter().take(3).map(u64::to_string).collect();
            let detail = format!("it has {size} bytes, and manifests say {}", said.join(", "));
            let finding = Finding::new(Code::WrongSize, layout::blob_data(digest)).about(digest).saying(detail);
            findings.add(suffering(finding, known, affected, manifests));
        }
        let unread = |digest: &&Digest| matches!(known.graph.node_of(digest), Node::Plain);
        for digest in empty.iter().filter(unread) {
            let finding = Finding::new(Code::EmptyBlob, layout::blob_data(digest)).about(digest);
            let manifests = self.sizes.get(digest).map(|(manifests, _)| manifests.clone()).unwrap_or_default();
            findings.add(suffering(finding, known, affected, &manifests));
        }
        for ((at, digest), manifests) in &self.unlinked {
            let name = &known.inventory.repositories[*at].name;
            let key = layout::layer_link(name, digest);
            let proof = Proof::Keys { absent: vec![key.clone()], there: Vec::new() };
            let finding = Finding::new(Code::MissingLink, key).about(digest).within(name).proven_by(proof);
            findings.add(suffering(finding, known, affected, manifests));
        }
        for (code, places) in [(Code::AbsentChild, &self.absent), (Code::ForeignLayer, &self.foreign)] {
            for (at, digest) in places {
                let name = &known.inventory.repositories[*at].name;
                let key = if code == Code::AbsentChild {
                    layout::revision_link(name, digest)
                } else {
                    layout::layer_link(name, digest)
                };
                findings.add(Finding::new(code, key).about(digest).within(name));
            }
        }
    }
}

/// With the images that suffer from it. Where all of them are as young as a push that is under way, so is the finding.
fn suffering(mut finding: Finding, known: &Known<'_>, affected: &mut Affected<'_>, manifests: &Manifests) -> Finding {
    let mut by_repository: BTreeMap<usize, Vec<Id>> = BTreeMap::new();
    for (at, id) in manifests {
        by_repository.entry(*at).or_default().push(*id);
    }
    let mut images = BTreeSet::new();
    let mut is_young = !manifests.is_empty();
    for (at, ids) in &by_repository {
        let repository = &known.inventory.repositories[*at];
        let links = repository.revisions.iter();
        let old = links.filter(|link| !known.is_young(link.modified())).flat_map(names);
        let tags = repository.current_tags().filter(|(_, current)| !known.is_young(current.evidence.modified));
        let tagged = tags.filter_map(|(_, current)| current.target.digest());
        let old: HashSet<Id> = old.chain(tagged).filter_map(|digest| known.graph.id(digest)).collect();
        is_young &= ids.iter().all(|id| !old.contains(id));
        images.extend(affected.images(*at, ids.iter().copied()));
    }
    if let (1, Some(at)) = (by_repository.len(), by_repository.keys().next()) {
        finding.repository = Some(known.inventory.repositories[*at].name.clone());
    }
    tell(&mut finding, images);
    finding.young(is_young)
}

/// Adds the images that suffer from links that cannot be read, or say something else.
pub(super) fn suffering_from_links(known: &Known<'_>, affected: &mut Affected<'_>, findings: &mut Findings) {
    let mut wanted: BTreeMap<RepositoryName, Vec<(Id, usize)>> = BTreeMap::new();
    for (number, finding) in findings.told().iter().enumerate() {
        let is_of_link = matches!(finding.code, Code::UnreadableLink | Code::WrongLink);
        let id = finding.digest.as_ref().and_then(|digest| known.graph.id(digest));
        if let (true, Some(name), Some(id)) = (is_of_link && finding.images.is_empty(), &finding.repository, id) {
            wanted.entry(name.clone()).or_default().push((id, number));
        }
    }
    for (at, repository) in known.inventory.repositories.iter().enumerate() {
        let Some(wanted) = wanted.remove(&repository.name) else { continue };
        let mut naming: BTreeMap<Id, Vec<Id>> = wanted.iter().map(|(id, _)| (*id, vec![*id])).collect();
        for manifest in served(known, repository) {
            let Node::Manifest { references, .. } = known.graph.node(manifest) else { continue };
            for id in references.iter().chain(references.iter().flat_map(|id| known.graph.aliases(*id))) {
                if let Some(by) = naming.get_mut(id) {
                    by.push(manifest);
                }
            }
        }
        for (id, number) in wanted {
            let is_manifest = |id: &Id| !matches!(known.graph.node(*id), Node::Plain);
            let by = naming.get(&id).into_iter().flatten().copied().filter(is_manifest);
            let images = affected.images(at, by);
            findings.change(number, |finding| tell(finding, images));
        }
    }
}

/// Whether a content that a link stands for is there.
pub(super) fn is_there(stored: &Stored, known: &Known<'_>, digest: &Digest) -> bool {
    known.graph.id(digest).is_some_and(|id| stored.has(id))
}
