//! What is about what in one repository: signatures, SBOMs, attestations.

use super::known::Known;
use crate::collect::inventory::{Repository, Target};
use crate::model::Digest;
use std::collections::{BTreeMap, HashMap, HashSet};

/// What is about each manifest of a repository: by its own word (`subject`), by the index under the fallback tag
/// `sha256-<hex>`, by a tag as cosign writes them (`sha256-<hex>.sig`).
#[derive(Debug, Default)]
pub struct About(HashMap<Digest, BTreeMap<Digest, Option<String>>>);

impl About {
    /// Looks it up in what was read of the repository.
    #[must_use]
    pub fn of(repository: &Repository, known: &Known) -> Self {
        let mut about = Self::default();
        for ref link in &repository.revisions {
            if let Some(subject) = known.outline(&link.digest).and_then(|outline| outline.subject.as_ref()) {
                about.add(subject, &link.digest, None);
            }
        }
        for (ref tag, ref current) in repository.current_tags() {
            let (Some((subject, suffix)), Target::Digest(digest)) = (tag.about(), &current.target) else { continue };
            let index = known.outline(digest).filter(|outline| suffix.is_empty() && !outline.manifests.is_empty());
            match index {
                Some(index) => {
                    let listed = index.manifests.iter().filter(|named| repository.links_manifest(&named.digest));
                    listed.for_each(|named| about.add(&subject, &named.digest, None));
                }
                // An index that lists nothing any more says so.
                None if suffix.is_empty() => {}
                None => about.add(&subject, digest, Some(tag.to_string())),
            }
        }
        about
    }

    fn add(&mut self, subject: &Digest, digest: &Digest, tag: Option<String>) {
        let by = self.0.entry(subject.clone()).or_default().entry(digest.clone()).or_default();
        if by.is_none() {
            *by = tag;
        }
    }

    /// What is about a manifest, each with the tag that says so, if one does.
    pub fn this<'a>(&'a self, digest: &Digest) -> impl Iterator<Item = (&'a Digest, Option<&'a str>)> + use<'a> {
        self.0.get(digest).into_iter().flatten().map(|(digest, tag)| (digest, tag.as_deref()))
    }

    /// How many are about a manifest.
    #[must_use]
    pub fn count(&self, digest: &Digest) -> u64 {
        self.0.get(digest).map_or(0, |about| about.len() as u64)
    }
}

/// What must be read next to know all of an image: itself, the manifests below it, and what tags say is about any of these.
#[must_use]
pub fn unread_of(root: &Digest, repository: &Repository, known: &Known) -> Vec<Digest> {
    let about = About::of(repository, known);
    let mut by_tag: HashMap<Digest, Vec<Digest>> = HashMap::new();
    for (tag, current) in repository.current_tags() {
        if let (Some((subject, _)), Target::Digest(digest)) = (tag.about(), current.target) {
            by_tag.entry(subject).or_default().push(digest);
        }
    }
    let mut unread = Vec::new();
    let mut seen: HashSet<&Digest> = HashSet::from([root]);
    let mut todo = vec![root];
    while let Some(digest) = todo.pop() {
        if known.manifest(digest).is_none() {
            unread.push(digest.clone());
        }
        let below = known.outline(digest).into_iter().flat_map(|outline| &outline.manifests);
        let below = below.map(|named| &named.digest).filter(|digest| repository.links_manifest(digest));
        let tagged = by_tag.get(digest).into_iter().flatten();
        let next = below.chain(tagged).chain(about.this(digest).map(|(digest, _)| digest));
        todo.extend(next.filter(|digest| seen.insert(*digest)));
    }
    unread
}
