//! What manifests say of their parts beside their digests: which are children of an index, which are had elsewhere, and
//! how large each is. Packed: a registry of a million manifests names many times as many parts.

use crate::collect::graph::{Expectation, Fetched, Graph, Id};
use crate::collect::said::Said;
use crate::model::{Digest, Kind, MediaType, Outline};
use std::collections::{HashMap, HashSet};

/// What is kept of a manifest's bytes.
#[derive(Debug, Clone)]
pub struct Read {
    said: Said,
    parts: Vec<Part>,
}

#[derive(Debug, Clone)]
struct Part {
    digest: Digest,
    size: Option<u64>,
    role: Role,
}

/// What a part is to its manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Configuration, layer or blob of an image: its repository must serve it.
    Own,
    /// The same, named by an index: caches do that.
    OwnOfIndex,
    /// A manifest of an index: it may be absent.
    Child,
    /// A layer that is had elsewhere.
    Foreign,
}

impl Read {
    /// Reads it off what was fetched under `digest`.
    #[must_use]
    pub fn of(digest: &Digest, fetched: &Fetched) -> Self {
        let said = Said::of(digest, fetched);
        let outline = match (&said, fetched) {
            (Said::Names(_), Fetched::Bytes(bytes)) => Outline::parse(bytes).ok(),
            _ => None,
        };
        let parts = outline.map(|outline| parts(&outline)).unwrap_or_default();
        Self { said, parts }
    }
}

fn parts(outline: &Outline) -> Vec<Part> {
    let own = outline.config.iter().chain(&outline.layers);
    let own = own.map(|named| (named, if named.details.is_foreign { Role::Foreign } else { Role::Own }));
    let is_blob = |media_type: &str| MediaType(media_type).kind() == Kind::Unknown;
    let children = outline.manifests.iter().map(|named| {
        let is_blob = named.details.media_type.as_deref().is_some_and(is_blob);
        (named, if is_blob { Role::OwnOfIndex } else { Role::Child })
    });
    let all = own.chain(children);
    all.map(|(named, role)| Part { digest: named.digest.clone(), size: named.details.size, role }).collect()
}

/// What manifests say of their parts, by the numbers of the graph.
#[derive(Debug, Clone, Default)]
pub struct Parts {
    children: HashSet<(Id, Id)>,
    of_index: HashSet<(Id, Id)>,
    foreign: HashSet<(Id, Id)>,
    /// Own parts that the same manifest names as something else, too.
    also_own: HashSet<(Id, Id)>,
    /// The size that is said of each first, plus one; zero where none is.
    sizes: Vec<u64>,
    /// Where another manifest says something else.
    others: HashMap<(Id, Id), u64>,
}

impl Parts {
    /// Takes in a manifest, and lets the graph know it.
    pub fn hear(&mut self, digest: &Digest, expectation: Expectation, read: &Read, graph: &mut Graph) {
        graph.hear(digest, expectation, &read.said);
        let manifest = graph.intern(digest);
        let others = read.parts.iter().filter(|part| part.role != Role::Own).map(|part| &part.digest);
        let others: HashSet<&Digest> = others.collect();
        for part in &read.parts {
            let id = graph.intern(&part.digest);
            match part.role {
                // Most parts are that and nothing else: only what is another as well needs a word for it.
                Role::Own if others.contains(&part.digest) => drop(self.also_own.insert((manifest, id))),
                Role::Own => {}
                Role::OwnOfIndex => drop(self.of_index.insert((manifest, id))),
                Role::Child => drop(self.children.insert((manifest, id))),
                Role::Foreign => drop(self.foreign.insert((manifest, id))),
            }
            if let Some(size) = part.size {
                self.say(manifest, id, size);
            }
        }
    }

    fn say(&mut self, manifest: Id, id: Id, size: u64) {
        if self.sizes.len() <= id.index() {
            self.sizes.resize(id.index() + 1, 0);
        }
        let known = &mut self.sizes[id.index()];
        let said = size.saturating_add(1);
        if *known == 0 {
            *known = said;
        } else if *known != said {
            self.others.insert((manifest, id), size);
        }
    }

    /// What a part is to a manifest. What is named twice is what asks for most.
    #[must_use]
    pub fn role(&self, manifest: Id, part: Id) -> Role {
        let pair = (manifest, part);
        if self.also_own.contains(&pair) {
            Role::Own
        } else if self.of_index.contains(&pair) {
            Role::OwnOfIndex
        } else if self.foreign.contains(&pair) {
            Role::Foreign
        } else if self.children.contains(&pair) {
            Role::Child
        } else {
            Role::Own
        }
    }

    /// The size that a manifest says a part has.
    #[must_use]
    pub fn size(&self, manifest: Id, part: Id) -> Option<u64> {
        let other = self.others.get(&(manifest, part)).copied();
        other.or_else(|| self.sizes.get(part.index())?.checked_sub(1))
    }
}
