//! The links and uploads of one repository, each with its class.

use super::census::Known;
use super::class::{self, Class, LinkKind};
use crate::collect::decide::{self, Decision};
use crate::collect::entry::Evidence;
use crate::collect::inventory::{Link, Repository, Target};
use crate::collect::multipart::Multipart;
use crate::collect::roots::names;
use crate::layout;
use crate::model::{Digest, RepositoryName, Tag, Timestamp};

/// A key that is written down only where somebody wants to know it.
#[derive(Debug, Clone)]
pub(super) enum Key<'a> {
    Layer(&'a RepositoryName, Digest),
    Revision(&'a RepositoryName, Digest),
    Signature(&'a RepositoryName, &'a Digest, &'a Digest),
    Tag(&'a RepositoryName, Tag),
    History(&'a RepositoryName, Tag, Digest),
    Upload(&'a str),
    Parts(&'a Multipart),
}

impl Key<'_> {
    pub(super) fn text(&self) -> String {
        match self {
            Self::Layer(name, digest) => layout::layer_link(name, digest),
            Self::Revision(name, digest) => layout::revision_link(name, digest),
            Self::Signature(name, revision, signature) => layout::signature_link(name, revision, signature),
            Self::Tag(name, tag) => layout::tag_current(name, tag),
            Self::History(name, tag, digest) => layout::tag_history(name, tag, digest),
            Self::Upload(key) => (*key).to_owned(),
            Self::Parts(multipart) => multipart.key.clone(),
        }
    }

    /// Which multipart upload of its key it is, if it is one.
    pub(super) fn upload_id(&self) -> Option<&str> {
        match self {
            Self::Parts(multipart) => Some(&multipart.id),
            _ => None,
        }
    }
}

/// A link, or a file or parts of an upload.
#[derive(Debug, Clone)]
pub(super) struct Pointer<'a> {
    pub(super) key: Key<'a>,
    pub(super) class: Class,
    pub(super) size: u64,
    pub(super) modified: Timestamp,
    pub(super) outside: bool,
}

/// What is known once all content was listed.
#[derive(Debug, Clone, Copy)]
pub(super) struct View<'a, 'l> {
    pub(super) known: Known<'a>,
    /// Whether each digest of the graph was listed.
    pub(super) listed: &'l [bool],
}

impl<'a> View<'a, '_> {
    /// Tells of all links and uploads of a repository.
    pub(super) fn of_repository(self, at: usize, mut tell: impl FnMut(Pointer<'a>)) {
        let repository = &self.known.inventory.repositories[at];
        let name = &repository.name;
        let mut link = |key, link: &Link, kind, is_there| {
            let (size, modified, outside) = (link.size(), link.modified(), link.is_outside());
            tell(Pointer { key, class: class::of_link(kind, is_there), size, modified, outside });
        };
        for ref revision in &repository.revisions {
            let key = Key::Revision(name, revision.digest.clone());
            link(key, revision, LinkKind::Name, self.is_there(revision));
        }
        for layer in repository.layers.iter() {
            let needed = names(&layer).any(|digest| self.is_needed(at, digest));
            let key = Key::Layer(name, layer.digest.clone());
            link(key, &layer, LinkKind::Layer { needed }, self.is_there(&layer));
        }
        for (tag, entry) in &repository.tags {
            for history in &entry.history {
                let key = Key::History(name, tag.clone(), history.digest.clone());
                link(key, history, LinkKind::History, true);
            }
        }
        let mut name_of = |key, is_there, seen: &Evidence| {
            let (size, modified, outside) = (seen.size, seen.modified, seen.outside);
            tell(Pointer { key, class: class::of_link(LinkKind::Name, is_there), size, modified, outside });
        };
        for (tag, current) in repository.current_tags() {
            let is_there = match &current.target {
                Target::Digest(digest) => self.is_listed(digest),
                Target::Unreadable(_) | Target::Unread => true,
            };
            name_of(Key::Tag(name, tag), is_there, &current.evidence);
        }
        for link in &repository.signatures {
            let key = Key::Signature(name, &link.revision, &link.signature);
            name_of(key, self.is_listed(&link.signature), &link.evidence);
        }
        self.uploads(repository, tell);
    }

    fn uploads(self, repository: &'a Repository, mut tell: impl FnMut(Pointer<'a>)) {
        for upload in repository.uploads.values() {
            let is_stale = self.is_stale(upload.newest());
            let class = if is_stale { Class::UploadsStale } else { Class::UploadsActive };
            for (key, seen) in &upload.files {
                let (size, modified, outside) = (seen.size, seen.modified, seen.outside);
                tell(Pointer { key: Key::Upload(key), class, size, modified, outside });
            }
            upload.multiparts.iter().for_each(|multipart| tell(parts(multipart, is_stale)));
        }
    }

    /// Tells of all multipart uploads that are part of no upload.
    pub(super) fn of_nobody(self, mut tell: impl FnMut(Pointer<'a>)) {
        for multipart in &self.known.inventory.multiparts {
            tell(parts(multipart, self.is_stale(multipart.newest())));
        }
    }

    fn is_stale(self, newest: Option<Timestamp>) -> bool {
        let limit = self.known.scenarios.first().and_then(|scenario| scenario.options.uploads_older_than);
        matches!(decide::upload(newest, limit, self.known.now, true, false), Decision::Delete(_))
    }

    /// What a link serves is what its content names.
    fn is_there(self, link: &Link) -> bool {
        self.is_listed(link.alias().unwrap_or(&link.digest))
    }

    fn is_listed(self, digest: &Digest) -> bool {
        let id = self.known.graph.id(digest);
        id.and_then(|id| self.listed.get(id.index())).copied().unwrap_or(false)
    }

    fn is_needed(self, at: usize, digest: &Digest) -> bool {
        let marks = self.known.scenarios.first().map(|scenario| &scenario.marks);
        marks.is_some_and(|marks| marks.in_repository(at, self.known.graph.id(digest)).is_some())
    }
}

fn parts(multipart: &Multipart, is_stale: bool) -> Pointer<'_> {
    let Evidence { size, modified, outside, .. } = multipart.evidence();
    let class = if is_stale { Class::PartsStale } else { Class::PartsActive };
    Pointer { key: Key::Parts(multipart), class, size, modified, outside }
}
