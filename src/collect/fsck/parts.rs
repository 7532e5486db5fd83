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

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::super::scene::descriptor;
    use super::*;
    use crate::collect::scene::of;

    /// Hears manifests of these texts, each under its digest.
    fn heard(texts: &[&str]) -> (Parts, Graph) {
        let (mut parts, mut graph) = (Parts::default(), Graph::default());
        for text in texts {
            let read = Read::of(&of(text), &Fetched::Bytes((*text).to_owned().into()));
            parts.hear(&of(text), Expectation::Manifest, &read, &mut graph);
        }
        (parts, graph)
    }

    fn with(field: &str, content: &str, more: &str) -> String {
        format!("{field}{}", descriptor(content).replace('}', &format!("{more}}}")))
    }

    #[test]
    fn part_is_what_asks_for_most() {
        let urls = r#","urls":["https://layers.example"]"#;
        let cache = r#","mediaType":"application/vnd.buildkit.cacheconfig.v0""#;
        let manifest = r#","mediaType":"application/vnd.oci.image.manifest.v1+json""#;
        let layers = [with("", "own", ""), with("", "foreign", urls), with("", "both", urls), with("", "both", "")];
        let image =
            format!(r#"{{"schemaVersion":2,{},"layers":[{}]}}"#, with(r#""config":"#, "config", ""), layers.join(","));
        let children =
            [with("", "child", manifest), with("", "cache", cache), with("", "two", manifest), with("", "two", cache)];
        let index = format!(r#"{{"schemaVersion":2,"manifests":[{}]}}"#, children.join(","));
        let odd = format!(
            r#"{{"schemaVersion":2,"layers":[{}],"manifests":[{},{}]}}"#,
            [with("", "third", urls), with("", "own child", "")].join(","),
            with("", "third", manifest),
            with("", "own child", manifest)
        );
        let (parts, graph) = heard(&[&image, &index, &odd]);
        let role =
            |manifest: &str, part: &str| parts.role(graph.id(&of(manifest)).unwrap(), graph.id(&of(part)).unwrap());
        for (part, is) in [("config", Role::Own), ("own", Role::Own), ("foreign", Role::Foreign), ("both", Role::Own)] {
            assert_eq!(role(&image, part), is, "{part}");
        }
        for (part, is) in [("child", Role::Child), ("cache", Role::OwnOfIndex), ("two", Role::OwnOfIndex)] {
            assert_eq!(role(&index, part), is, "{part}");
        }
        assert_eq!((role(&odd, "third"), role(&odd, "own child")), (Role::Foreign, Role::Own));
        assert_eq!(role(&index, "foreign"), Role::Own, "what another says of it counts there alone");
    }

    #[test]
    fn every_manifest_has_its_own_word_on_the_size_of_a_part() {
        let image =
            |part: &str, size: &str| format!(r#"{{"schemaVersion":2,"layers":[{{"digest":"{}"{size}}}]}}"#, of(part));
        let texts = [
            image("a", ",\"size\":5"),
            image("a", ",\"size\":6"),
            image("a", ",\"size\":5,\"x\":1"),
            image("b", ""),
            image("c", ",\"size\":0"),
        ];
        let (parts, graph) = heard(&texts.each_ref().map(String::as_str));
        let size =
            |text: usize, part: &str| parts.size(graph.id(&of(&texts[text])).unwrap(), graph.id(&of(part)).unwrap());
        assert_eq!([0, 1, 2].map(|text| size(text, "a")), [Some(5), Some(6), Some(5)]);
        assert_eq!((size(3, "b"), size(4, "c")), (None, Some(0)));
        assert_eq!(Parts::default().size(graph.id(&of("c")).unwrap(), graph.id(&of("c")).unwrap()), None);
    }

    #[test]
    fn manifest_that_cannot_be_read_has_no_parts() {
        let text = format!(r#"{{"schemaVersion":2,"layers":[{}]}}"#, descriptor("layer"));
        for (digest, fetched) in [(of("x"), Fetched::Bytes(text.clone().into())), (of(&text), Fetched::Missing)] {
            assert!(Read::of(&digest, &fetched).parts.is_empty());
        }
        assert_eq!(Read::of(&of(&text), &Fetched::Bytes(text.clone().into())).parts.len(), 1);
    }
}
