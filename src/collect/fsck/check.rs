//! Everything that is wrong, read off what was listed and read.

use super::affected::{Affected, tell};
use super::blobs::Stored;
use super::code::Code;
use super::finding::{Finding, Findings, Proof};
use super::named::{Named, is_there, suffering_from_links};
use super::parts::Parts;
use crate::collect::graph::{Graph, Id, Node};
use crate::collect::inventory::{Content, Inventory, Link, Repository, TagEntry, Target, Upload};
use crate::collect::problem::ProblemCode;
use crate::collect::roots::{is_linked, names};
use crate::collect::said::NOT_ITS_DIGEST;
use crate::layout;
use crate::model::{Algorithm, Digest, RepositoryName, Tag, Timestamp};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::Duration;

/// What is known of a registry.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// What the listing of repositories said, with all links read that had to be.
    pub inventory: &'a Inventory,
    /// What names what.
    pub graph: &'a Graph,
    /// What manifests say of their parts.
    pub parts: &'a Parts,
    /// What the listing of blobs said.
    pub stored: &'a Stored,
    /// *Now*.
    pub now: Timestamp,
    /// Whether keys with and without a leading slash are there.
    pub both_key_forms: bool,
}

/// A push may take so long from its first pointer to its last, and a listing may see some of them.
const PUSH: Duration = Duration::from_mins(2);
/// An upload that has begun may still be going on.
const UPLOAD: Duration = Duration::from_hours(24);

impl Known<'_> {
    /// Whether a pointer is so young that the push that wrote it may be under way.
    pub(super) fn is_young(&self, modified: Timestamp) -> bool {
        modified.is_younger_than(PUSH, self.now)
    }
}

/// Finds everything that is wrong.
pub fn check(known: &Known<'_>, findings: &mut Findings) {
    let mut affected = Affected::new(known.inventory, known.graph);
    let mut named = Named::default();
    let mut unreadable: BTreeMap<Digest, BTreeSet<usize>> = BTreeMap::new();
    if known.both_key_forms {
        findings.add(Finding::new(Code::BothKeyForms, format!("/{}", layout::V2)));
    }
    problems(known, findings);
    for (at, repository) in known.inventory.repositories.iter().enumerate() {
        for (tag, entry) in &repository.tags {
            self::tag(known, repository, (tag, entry), findings);
        }
        for link in &repository.revisions {
            revision(known, (at, repository), link, &mut affected, findings);
        }
        let served = served(known, repository);
        for id in &served {
            if matches!(known.graph.node(*id), Node::Unreadable(_)) {
                unreadable.entry(known.graph.digest(*id)).or_default().insert(at);
            }
        }
        let needed = named.see(known, at, &served);
        for link in repository.layers.iter() {
            layer(known, repository, &link, &needed, findings);
        }
        for (id, upload) in &repository.uploads {
            self::upload(known, &repository.name, (id, upload), findings);
        }
    }
    named.tell(known, &mut affected, findings);
    suffering_from_links(known, &mut affected, findings);
    for (digest, places) in unreadable {
        let Node::Unreadable(why) = known.graph.node_of(&digest) else { continue };
        let code = if *why == *NOT_ITS_DIGEST { Code::WrongContent } else { Code::UnreadableManifest };
        let mut finding = Finding::new(code, layout::blob_data(&digest)).about(&digest).saying(why.to_string());
        finding.proof = Proof::Manifest(digest.clone());
        if let (1, Some(at)) = (places.len(), places.first()) {
            finding.repository = Some(known.inventory.repositories[*at].name.clone());
        }
        let id = known.graph.id(&digest);
        let images = places.iter().flat_map(|at| affected.images(*at, id)).collect();
        tell(&mut finding, images);
        findings.add(finding);
    }
}

/// The manifests that a repository serves, or would if their tags were whole; each once.
pub(super) fn served(known: &Known<'_>, repository: &Repository) -> Vec<Id> {
    let linked = repository.revisions.iter().map(|link| link.alias().unwrap_or(&link.digest));
    let tagged = repository.current_tags().filter_map(|(_, current)| current.target.digest());
    let mut seen = HashSet::new();
    linked.chain(tagged).filter_map(|digest| known.graph.id(digest)).filter(|id| seen.insert(*id)).collect()
}

fn problems(known: &Known<'_>, findings: &mut Findings) {
    let mut told: BTreeMap<Code, u64> = BTreeMap::new();
    let code = |code: ProblemCode| match code {
        ProblemCode::UnknownLink => Some(Code::UnknownLink),
        ProblemCode::InvalidRepository => Some(Code::InvalidRepository),
        ProblemCode::OutsideRoot => Some(Code::OutsideRoot),
        ProblemCode::UnaddressableKey => Some(Code::UnaddressableKey),
        // These are told with more of them.
        ProblemCode::DanglingRevision
        | ProblemCode::BrokenTag
        | ProblemCode::DanglingTag
        | ProblemCode::UnreadableTag
        | ProblemCode::UnreadableLink
        | ProblemCode::UnreadableManifest
        | ProblemCode::KeepFromUnknown
        | ProblemCode::KeptByKeepFrom
        | ProblemCode::EmptyRepository
        | ProblemCode::MultipartUploadsNotKnown
        | ProblemCode::MissingContent
        | ProblemCode::PushedJustNow => None,
    };
    for problem in known.inventory.problems.as_slice() {
        let (Some(code), Some(key)) = (code(problem.code), &problem.key) else { continue };
        *told.entry(code).or_default() += 1;
        let mut finding = Finding::new(code, key.clone());
        finding.repository = layout::repository_of(key).and_then(RepositoryName::new);
        findings.add(finding);
    }
    for (problem, count) in known.inventory.problems.counts() {
        if let Some(code) = code(problem) {
            findings.count_more(code, count.saturating_sub(told.get(&code).copied().unwrap_or_default()));
        }
    }
}

fn tag(known: &Known<'_>, repository: &Repository, (tag, entry): (&Tag, &TagEntry), findings: &mut Findings) {
    let key = layout::tag_current(&repository.name, tag);
    let new = |code: Code| {
        let mut finding = Finding::new(code, key.clone()).within(&repository.name);
        finding.images = vec![format!("{}:{tag}", repository.name)];
        finding.images_in_all = 1;
        finding
    };
    for link in entry.history.iter().filter(|link| !is_whole(link)) {
        let key = layout::tag_history(&repository.name, tag, &link.digest);
        let finding = Finding::new(Code::UnreadableHistory, key).within(&repository.name).about(&link.digest);
        let finding = finding.saying(format!("it has {} bytes", link.size()));
        findings.add(finding.proven_by(Proof::Link(Some(link.digest.clone()))));
    }
    let Some(current) = &entry.current else {
        let young = entry.history.iter().any(|link| known.is_young(link.modified()));
        let proof = Proof::Keys { absent: vec![key.clone()], there: Vec::new() };
        let finding = Finding::new(Code::TagWithoutCurrent, key.clone()).within(&repository.name);
        return findings.add(finding.young(young).proven_by(proof));
    };
    let is_young = known.is_young(current.evidence.modified);
    match &current.target {
        Target::Unreadable(_) | Target::Unread => {
            findings.add(new(Code::UnreadableTag).young(is_young).proven_by(Proof::Link(None)));
        }
        Target::Digest(digest) => {
            let blob = layout::blob_data(digest);
            if known.graph.node_of(digest) == Node::Missing && !is_there(known.stored, known, digest) {
                let proof = Proof::Keys { absent: vec![blob], there: vec![key.clone()] };
                findings.add(new(Code::DanglingTag).about(digest).young(is_young).proven_by(proof));
            } else if !is_linked(repository, digest) {
                let revision = layout::revision_link(&repository.name, digest);
                let proof = Proof::Keys { absent: vec![revision], there: vec![key.clone(), blob] };
                findings.add(new(Code::BrokenTag).about(digest).young(is_young).proven_by(proof));
            }
        }
    }
}

/// Whether a link's size is that of what it says: of one that ends in a newline it is not.
fn is_whole(link: &Link) -> bool {
    let says = link.alias().unwrap_or(&link.digest);
    link.size() == says.to_string().len() as u64
}

/// What is wrong with a link as such.
fn link(link: &Link, key: impl FnOnce() -> String, name: &RepositoryName) -> Option<Finding> {
    let code = match link.content() {
        Content::Unreadable | Content::Unread => Code::UnreadableLink,
        Content::Other(_) if !is_whole(link) => Code::UnreadableLink,
        Content::Other(_) if link.digest.algorithm() == Algorithm::Sha256 => Code::WrongLink,
        Content::AsNamed if link.digest.algorithm() == Algorithm::Sha256 && !is_whole(link) => Code::UnreadableLink,
        Content::AsNamed | Content::Other(_) => return None,
    };
    let finding = Finding::new(code, key()).within(name).about(&link.digest);
    let finding = match link.alias() {
        Some(alias) => finding.saying(format!("it says {alias}")),
        None => finding.saying(format!("it has {} bytes", link.size())),
    };
    let sha256 = (link.digest.algorithm() == Algorithm::Sha256).then(|| link.digest.clone());
    Some(finding.proven_by(Proof::Link(sha256)))
}

fn revision(
    known: &Known<'_>,
    (at, repository): (usize, &Repository),
    revision: &Link,
    affected: &mut Affected<'_>,
    findings: &mut Findings,
) {
    let name = &repository.name;
    let key = layout::revision_link(name, &revision.digest);
    let is_young = known.is_young(revision.modified());
    let ids: Vec<Id> = names(revision).filter_map(|digest| known.graph.id(digest)).collect();
    if let Some(mut finding) = link(revision, || key.clone(), name) {
        tell(&mut finding, affected.images(at, ids.iter().copied()));
        findings.add(finding.young(is_young));
    }
    let served = revision.alias().unwrap_or(&revision.digest);
    if known.graph.node_of(served) == Node::Missing && !is_there(known.stored, known, served) {
        let proof = Proof::Keys { absent: vec![layout::blob_data(served)], there: vec![key.clone()] };
        let mut finding = Finding::new(Code::DanglingRevision, key).within(name).about(served).proven_by(proof);
        tell(&mut finding, affected.images(at, ids));
        findings.add(finding.young(is_young));
    }
}

fn layer(known: &Known<'_>, repository: &Repository, layer: &Link, needed: &HashSet<Id>, findings: &mut Findings) {
    let name = &repository.name;
    // Of nearly all links there is nothing to tell: their keys need not be made.
    let key = || layout::layer_link(name, &layer.digest);
    if let Some(finding) = link(layer, key, name) {
        findings.add(finding.young(known.is_young(layer.modified())));
    }
    let content = layer.alias().unwrap_or(&layer.digest);
    let ids = names(layer).filter_map(|digest| known.graph.id(digest));
    let is_needed = ids.into_iter().any(|id| needed.contains(&id));
    let says = *layer.content() != Content::Unreadable;
    if says && !is_needed && !is_there(known.stored, known, content) {
        let proof = Proof::Keys { absent: vec![layout::blob_data(content)], there: vec![key()] };
        let finding = Finding::new(Code::DanglingLayerLink, key()).within(name).about(content).proven_by(proof);
        findings.add(finding.young(known.is_young(layer.modified())));
    }
}

fn upload(known: &Known<'_>, name: &RepositoryName, (id, upload): (&str, &Upload), findings: &mut Findings) {
    let started = upload.files.iter().find(|(key, _)| key.ends_with("/startedat"));
    if upload.started.is_some() {
        return;
    }
    let key = format!("{}startedat", layout::upload(name, id));
    let is_young = upload.newest().is_none_or(|newest| newest.is_younger_than(UPLOAD, known.now));
    let there = upload.files.first().map(|(key, _)| key.clone()).into_iter().collect();
    let absent = if started.is_none() { vec![key.clone()] } else { Vec::new() };
    let finding = Finding::new(Code::UploadWithoutStart, key).within(name);
    let finding = if started.is_some() { finding.saying("it holds no time") } else { finding };
    findings.add(finding.young(is_young).proven_by(Proof::Keys { absent, there }));
}
