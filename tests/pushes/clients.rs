//! Clients that push what a run is about to take away, each its own.

use super::lab::bucket::Store;
use super::lab::pull::{referrers, try_pull};
use super::lab::push::{Push, Shelf as _};
use super::lab::registry::{Digest, RegistryBuilder, revision_key};
use super::lab::tree::Tree;

/// A new image of garbage layers.
const REUSE: &str = "reuse";
/// The manifest of a garbage image, sent again under a new tag and nothing else.
const RETAG: &str = "retag";
/// An index of a garbage image.
const INDEX: &str = "index";
/// A new image of layers that are mounted from where they are garbage.
const MOUNT: &str = "mount";
const SOURCE: &str = "team/source";
/// Something about a kept image, of a garbage layer.
const ABOUT: &str = "about";

/// For each client a repository with an image that is kept and one that is garbage.
pub fn registry() -> RegistryBuilder {
    let mut r = RegistryBuilder::new();
    for repo in [REUSE, RETAG, INDEX, MOUNT, SOURCE, ABOUT] {
        let kept = kept(&mut r, repo);
        r.tag(repo, "latest", &kept);
        if repo != MOUNT {
            garbage(&mut r, repo);
        }
    }
    let (old, about) = (garbage(&mut r, RETAG), "sbom of what goes");
    r.tag_history(RETAG, "latest", &old);
    r.referrer(RETAG, &old, "application/spdx+json", about);
    r
}

fn kept(r: &mut RegistryBuilder, repo: &str) -> Digest {
    r.image(repo, &format!("kept in {repo}"), &["base"]).digest
}

fn garbage(r: &mut RegistryBuilder, repo: &str) -> Digest {
    r.image(repo, &format!("garbage of {repo}"), &["base", &format!("layer of {repo}")]).digest
}

/// Someone who pushes.
pub struct Client {
    push: Push,
    /// What an index names: pushed first, where it is not there.
    child: Option<Push>,
    /// Only the manifest is sent.
    bare: bool,
}

/// One of each.
pub fn all() -> Vec<Client> {
    let mut r = registry();
    let mut new = |repo: &str, of: &str| {
        let image = r.image(repo, &format!("new in {repo}"), &["base", &format!("layer of {of}")]);
        Push::again(r.tree(), repo, "new", &image.digest)
    };
    let (reuse, mount) = (new(REUSE, REUSE), new(MOUNT, SOURCE));
    let (old, child) = (garbage(&mut r, RETAG), garbage(&mut r, INDEX));
    let retag = Push::again(r.tree(), RETAG, "back", &old);
    let index = r.index(INDEX, &[&child]);
    let (index, child) = (Push::again(r.tree(), INDEX, "new", &index), Push::again(r.tree(), INDEX, "", &child));
    let subject = kept(&mut r, ABOUT);
    let about = r.referrer(ABOUT, &subject, "application/spdx+json", &format!("layer of {ABOUT}"));
    let about = Push::again(r.tree(), ABOUT, "", &about.digest).untagged();
    let client = |push| Client { push, child: None, bare: false };
    vec![
        client(reuse),
        client(mount),
        client(about),
        Client { bare: true, ..client(retag) },
        Client { child: Some(child.untagged()), ..client(index) },
    ]
}

impl Client {
    /// Everything up to the registry's checks of the manifest; if it passes them, what else the registry has seen.
    pub fn admit(&self, to: &Store) -> Option<Admitted> {
        if !self.bare {
            self.push.mount(to, SOURCE);
            self.push.upload(to);
        }
        if let Some(child) = self.child.as_ref().filter(|child| !to.has(&revision_key(&child.repo, &child.digest))) {
            child.upload(to);
            child.finish(to);
        }
        self.push.is_admitted(to).then(|| Admitted { has_data: self.push.has_data(to) })
    }

    /// What the registry writes then.
    pub fn finish(&self, to: &Store, admitted: &Admitted) {
        self.push.finish_after_look(to, admitted.has_data);
    }

    /// As a report names it.
    pub fn image(&self) -> String {
        let (repo, reference) = (&self.push.repo, self.push.reference());
        let sign = if reference.contains(':') { '@' } else { ':' };
        format!("{repo}{sign}{reference}")
    }

    /// What a client that pulls it now misses.
    pub fn lacks(&self, before: &Tree, now: &Tree) -> Vec<String> {
        let repo = &self.push.repo;
        let pulled = try_pull(now, repo, self.push.reference());
        let mut lacks: Vec<String> = pulled.broken.into_iter().chain(pulled.absent).collect();
        for referrer in if self.bare { referrers(before, repo, &self.push.digest) } else { Vec::new() } {
            lacks.extend(try_pull(now, repo, &referrer).broken.into_iter().map(|what| format!("about it: {what}")));
        }
        lacks
    }
}

/// The registry has let the manifest pass.
#[derive(Debug, Clone)]
pub struct Admitted {
    has_data: bool,
}
