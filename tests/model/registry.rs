//! What a registry does with a client's requests, step by step: between any two, others step in.
//!
//! Read off distribution 2.8.3 and 3.1.1: `linkedblobstore.go`, `blobwriter.go`, `blobstore.go`, `cachedblobdescriptorstore.go`,
//! the manifest handlers and `tagstore.go`. Where they differ, the one with more danger is modelled: 3.1.1 caches revisions
//! per repository too. Both ask the cache whether a manifest's own data is there, and write it only if not.

use crate::names::{Digest, Kind, Link, MANIFESTS, Repository, Set, link};
use crate::scenario::{CacheKind, Op, Scenario, Step, Who};
use crate::state::{Request, State};

/// The one step that client `index` or its request can take next, if any.
pub fn step(scenario: &Scenario, state: &State, index: usize) -> Option<(Step, State)> {
    if scenario.is_done(state, index) {
        return None;
    }
    let op = scenario.programs[index][usize::from(state.pushers[index].request)];
    let mut turn = Turn { scenario, before: state, next: *state, index };
    let step = match op {
        Op::Blob { repository, digest, from } => turn.blob(repository, digest, from)?,
        Op::Put { repository, manifest, tag } => turn.put(repository, manifest, tag)?,
        Op::Untag { repository, tag } => turn.untag(repository, tag),
        Op::Delete { repository, manifest } => turn.delete(repository, manifest),
    };
    let mut next = turn.next;
    if !next.pushers[index].is_busy() {
        nobody_waits_for(&mut next, index);
    }
    Some((Step { who: Who::Pusher(index), ..step }, next))
}

fn nobody_waits_for(state: &mut State, index: usize) {
    let ended = !(1 << index);
    state.storage.wait_outlasts &= ended;
    for collector in &mut state.collectors {
        collector.settles_for &= ended;
        collector.wait_outlasts &= ended;
    }
}

pub fn said(what: &'static str) -> Step {
    Step::new(Who::World, what)
}

/// Where the repository says that it has a digest.
pub fn membership(repository: Repository, digest: Digest) -> Link {
    link(repository, if MANIFESTS.has(digest) { Kind::Revision } else { Kind::Layer }, digest)
}

/// One step of one client's request.
pub struct Turn<'a> {
    pub scenario: &'a Scenario,
    pub before: &'a State,
    pub next: State,
    pub index: usize,
}

impl Turn<'_> {
    pub fn goes_to(&mut self, at: Request) {
        self.next.pushers[self.index].at = at;
    }

    pub fn ends(&mut self) {
        let pusher = &mut self.next.pushers[self.index];
        pusher.at = Request::Between;
        pusher.reference = 0;
        pusher.request += 1;
    }

    pub fn is_cached(&self) -> bool {
        self.scenario.cache != CacheKind::None
    }

    /// What a HEAD, a mount or the check of a PUT asks first.
    pub fn cache_knows(&self, repository: Repository, digest: Digest) -> bool {
        let cache = &self.before.cache;
        match self.scenario.cache {
            CacheKind::None => false,
            CacheKind::Memory => cache.repositories[repository as usize].has(digest),
            CacheKind::Redis => cache.repositories[repository as usize].has(digest) && cache.anywhere.has(digest),
        }
    }

    /// Whether the data is there, as far as the registry looks: not at all if the cache knows the digest from anywhere.
    pub fn finds_data(&self, digest: Digest) -> bool {
        self.is_cached() && self.before.cache.anywhere.has(digest) || self.before.storage.data.has(digest)
    }

    pub fn remember(&mut self, repository: Repository, digest: Digest) {
        self.next.cache.repositories[repository as usize].add(digest);
        self.next.cache.anywhere.add(digest);
    }

    pub fn write(&mut self, link: Link) {
        self.next.write(link, self.scenario.with_min_age);
        if link.kind == Kind::Layer && self.scenario.exposed(self.before).has(link.digest) {
            self.next.brought_back.add(link);
        }
    }

    pub fn is_held_back(&self, digest: Digest) -> bool {
        self.scenario.is_held_back(self.before, digest)
    }

    /// It was brought back while a window is open: nobody uses it before that closes.
    pub fn may_not_use(&self, link: Link) -> bool {
        self.before.brought_back.has(link)
    }

    fn untag(&mut self, repository: Repository, tag: u8) -> Step {
        let what = if self.before.pushers[self.index].at == Request::Between {
            self.remove_all(repository, Kind::Current(tag));
            self.next.unpromise(repository, tag);
            self.goes_to(Request::UntagHistory);
            "DELETE: removes the current link"
        } else {
            self.remove_all(repository, Kind::History(tag));
            self.ends();
            "DELETE: removes the history"
        };
        said(what).within(repository).tagged(tag)
    }

    fn remove_all(&mut self, repository: Repository, kind: Kind) {
        for links in [&mut self.next.storage.links, &mut self.next.storage.young] {
            links.set(repository, kind, Set::default());
        }
    }

    /// The promise ends with the request's first step: what a DELETE and a PUT of one manifest at one time leave behind is
    /// between the two clients.
    fn delete(&mut self, repository: Repository, manifest: Digest) -> Step {
        let tags = [0, 1].map(|tag| link(repository, Kind::Current(tag), manifest));
        let what = if self.before.pushers[self.index].at == Request::Between {
            self.next.unlink(link(repository, Kind::Revision, manifest));
            self.next.cache.repositories[repository as usize].remove(manifest);
            for current in tags {
                self.next.unpromise_link(current);
            }
            self.goes_to(Request::DeleteTags);
            "DELETE: removes the revision link of"
        } else {
            for (tag, current) in (0..2).zip(tags) {
                if self.before.storage.links.has(current) {
                    self.remove_all(repository, Kind::Current(tag));
                    self.remove_all(repository, Kind::History(tag));
                }
            }
            self.ends();
            "DELETE: removes the tags of"
        };
        said(what).of(manifest).within(repository)
    }
}
