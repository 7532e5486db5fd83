//! The links and uploads of one repository, each with its class.

use super::census::Known;
use super::class::{self, Class, LinkKind};
use crate::collect::decide::{self, Decision};
use crate::collect::entry::Evidence;
use crate::collect::inventory::{Link, Repository, Target};
use crate::collect::roots::names;
use crate::layout;
use crate::model::{Digest, RepositoryName, Tag, Timestamp};

/// A key that is written down only where somebody wants to know it.
#[derive(Debug, Clone)]
pub(super) enum Key<'a> {
    Layer(&'a RepositoryName, Digest),
    Revision(&'a RepositoryName, &'a Digest),
    Signature(&'a RepositoryName, &'a Digest, &'a Digest),
    Tag(&'a RepositoryName, &'a Tag),
    History(&'a RepositoryName, &'a Tag, &'a Digest),
    Upload(&'a str),
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
        }
    }
}

/// A link, or a file of an upload.
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
        for revision in &repository.revisions {
            link(Key::Revision(name, &revision.digest), revision, LinkKind::Name, self.is_there(revision));
        }
        for layer in repository.layers.iter() {
            let needed = names(&layer).any(|digest| self.is_needed(at, digest));
            let key = Key::Layer(name, layer.digest.clone());
            link(key, &layer, LinkKind::Layer { needed }, self.is_there(&layer));
        }
        for (tag, entry) in &repository.tags {
            for history in &entry.history {
                link(Key::History(name, tag, &history.digest), history, LinkKind::History, true);
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
        let limit = self.known.scenarios.first().and_then(|scenario| scenario.options.uploads_older_than);
        for upload in repository.uploads.values() {
            let class = match decide::upload(upload.newest(), limit, self.known.now, true, false) {
                Decision::Keep(_) => Class::UploadsActive,
                Decision::Delete(_) => Class::UploadsStale,
            };
            for (key, seen) in &upload.files {
                let (size, modified, outside) = (seen.size, seen.modified, seen.outside);
                tell(Pointer { key: Key::Upload(key), class, size, modified, outside });
            }
        }
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
