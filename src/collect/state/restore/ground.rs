//! What a restore stands on: the repositories as they are, and as they would be with all that the journals know.

use super::wanted::{Line, Wanted};
use crate::collect::dismissed::Dismissed;
use crate::collect::entry::Evidence;
use crate::collect::graph::{Expectation, Fetched, Graph, manifests_to_read};
use crate::collect::image_pattern::ImagePattern;
use crate::collect::inventory::{Content, Inventory, Link, Repository, Signature};
use crate::collect::mark::{Marks, mark};
use crate::collect::options::Options;
use crate::collect::packed_roots::Roots;
use crate::collect::roots::{self, Reason, Root};
use crate::collect::state::taken::{Taken, needed_again};
use crate::layout::{SHA256_LINK_SIZE, StorageKey};
use crate::model::{Digest, RepositoryName, Tag, Timestamp};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// Where a restore begins.
#[derive(Debug)]
pub struct Ground<'a> {
    pub(super) wanted: &'a Wanted,
    pub(super) lines: Vec<Line<'a>>,
    /// Repositories as they were listed; those that only journals know are empty.
    pub(super) now: Inventory,
    /// The same, as if every pointer of the journals were there.
    pub(super) whole: Inventory,
    pub(super) graph: Graph,
    at: HashMap<String, usize>,
    read: HashSet<Digest>,
    /// Whether each line was asked for by itself.
    picked: Vec<bool>,
    /// Tags that say by their name that they are about what was asked for, with the numbers of their repositories: they
    /// went with it, and without them a signed image would come back unsigned.
    bound: BTreeSet<(usize, Tag)>,
}

/// Images that were asked for: by the number of their repository their manifests, and the tags that these have or had.
pub(super) type Asked = BTreeMap<usize, BTreeMap<Digest, BTreeSet<Tag>>>;

impl<'a> Ground<'a> {
    /// Puts together what was listed and what journals know. Lines of other repositories than `names` play no part.
    #[must_use]
    pub fn new(
        wanted: &'a Wanted,
        lines: &[Line<'a>],
        names: Option<&BTreeSet<RepositoryName>>,
        mut now: Inventory,
    ) -> Self {
        let is_of = |line: &&Line<'_>| names.is_none_or(|names| names.contains(line.repository));
        let lines: Vec<Line<'a>> = lines.iter().filter(is_of).cloned().collect();
        let known = now.repositories.iter().enumerate();
        let mut at: HashMap<String, usize> = known.map(|(at, repository)| (repository.name.to_string(), at)).collect();
        for line in &lines {
            if !at.contains_key(line.repository)
                && let Some(name) = RepositoryName::new(line.repository)
            {
                at.insert(name.to_string(), now.repositories.len());
                now.repositories.push(Repository::new(name));
            }
        }
        let mut whole = now.clone();
        for line in &lines {
            if let Some(at) = at.get(line.repository) {
                add(&mut whole.repositories[*at], line);
            }
        }
        let mut graph = Graph::new(if matches!(wanted, Wanted::Needed) { &now } else { &whole });
        graph.expect(whole.repositories.iter().flat_map(|repository| repository.revisions.names()));
        let picked = lines.iter().map(|line| wanted.picks(line)).collect();
        Self { wanted, lines, now, whole, graph, at, read: HashSet::new(), picked, bound: BTreeSet::new() }
    }

    /// What has to be read next to know what is needed. To be asked for again after each round, until it is nothing.
    pub fn manifests_to_read(&mut self) -> Vec<(Digest, Expectation)> {
        let mut list = if matches!(self.wanted, Wanted::Needed) {
            manifests_to_read(&self.now, &[])
        } else {
            self.bind();
            let asked = self.asked().into_iter().flat_map(|(at, images)| {
                let repository = &self.whole.repositories[at];
                images.into_keys().filter(|digest| repository.links_manifest(digest))
            });
            asked.map(|digest| (digest, Expectation::Manifest)).collect()
        };
        // What is about an image comes back with it.
        let about = self.lines.iter().filter(|line| line.removed.subject.is_some());
        list.extend(about.map(|line| (line.removed.content.clone(), Expectation::Manifest)));
        list.extend(self.graph.to_follow().into_iter().map(|digest| (digest, Expectation::Manifest)));
        list.retain(|(digest, _)| self.read.insert(digest.clone()));
        list
    }

    /// Takes in what reading a manifest gave.
    pub fn learn(&mut self, digest: &Digest, expectation: Expectation, fetched: &Fetched) {
        self.graph.learn(digest, expectation, fetched);
    }

    /// The number of a repository; of one that nobody knows none that is.
    pub(super) fn number(&self, repository: &str) -> usize {
        self.at.get(repository).copied().unwrap_or(usize::MAX)
    }

    /// The images that were asked for. A tag may be there, and only what it needs be gone.
    pub(super) fn asked(&self) -> Asked {
        let mut asked = Asked::new();
        for line in (0..self.lines.len()).filter(|number| self.picks(*number)).map(|number| &self.lines[number]) {
            let at = self.number(line.repository);
            let Some(repository) = self.whole.repositories.get(at) else { continue };
            let (digest, tag) = match &line.key {
                StorageKey::RevisionLink { digest, .. } => (digest, None),
                // What a tag has named may be gone for long.
                StorageKey::TagHistory { digest, .. } if repository.links_manifest(digest) => (digest, None),
                StorageKey::TagCurrent { tag, .. } => (&line.removed.content, Tag::new(tag)),
                StorageKey::LayerLink { digest, .. } if matches!(self.wanted, Wanted::Digests(_)) => (digest, None),
                _ => continue,
            };
            asked.entry(at).or_default().entry(digest.clone()).or_default().extend(tag);
        }
        if let Wanted::Images(images) = self.wanted {
            for (at, repository) in self.now.repositories.iter().enumerate() {
                for image in images.iter().filter(|image| image.is_of(repository.name.as_str())) {
                    for (digest, tag) in present(image, repository) {
                        asked.entry(at).or_default().entry(digest).or_default().extend(tag);
                    }
                }
            }
        }
        asked
    }

    /// Whether the pointer of a line was asked for, or is a tag about what was.
    pub(super) fn picks(&self, number: usize) -> bool {
        let line = &self.lines[number];
        self.picked[number]
            || match &line.key {
                StorageKey::TagCurrent { tag, .. } | StorageKey::TagHistory { tag, .. } if !self.bound.is_empty() => {
                    Tag::new(tag).is_some_and(|tag| self.bound.contains(&(self.number(line.repository), tag)))
                }
                _ => false,
            }
    }

    /// Finds the tags that are about what was asked for, as far as it has been read, and about those, and so on.
    pub(super) fn bind(&mut self) {
        if !matches!(self.wanted, Wanted::Images(_) | Wanted::Digests(_)) {
            return;
        }
        let tags = self.lines.iter().filter_map(|line| match &line.key {
            StorageKey::TagCurrent { tag, .. } => {
                let tag = Tag::new(tag)?;
                let image = tag.about()?.0;
                Some((self.number(line.repository), tag, image))
            }
            _ => None,
        });
        let tags: Vec<(usize, Tag, Digest)> = tags.collect();
        while !tags.is_empty() {
            let asked = self.asked();
            let marks = self.mark_asked(images(&asked));
            let before = self.bound.len();
            for (at, tag, image) in &tags {
                if marks.in_repository(*at, self.graph.id(image)).is_some() {
                    self.bound.insert((*at, tag.clone()));
                }
            }
            if self.bound.len() == before {
                break;
            }
        }
    }

    /// Whether an image that was asked for is there.
    pub(super) fn is_there(&self, image: &ImagePattern) -> bool {
        let mut of = self.now.repositories.iter().filter(|repository| image.is_of(repository.name.as_str()));
        of.any(|repository| !present(image, repository).is_empty())
    }

    /// What these images need, or, if nothing was asked for by name, what is needed by what is there.
    pub(super) fn mark<'d>(
        &mut self,
        asked: impl Iterator<Item = (usize, &'d Digest)>,
        options: &Options,
        now: Timestamp,
    ) -> Marks {
        if matches!(self.wanted, Wanted::Needed) {
            let taken: Vec<Taken> = Taken::among(self.lines.iter().map(|line| line.removed)).collect();
            let mut roots = roots::roots(&self.now, &self.graph, options, &Dismissed::default(), now);
            loop {
                let marks = mark(&self.now, &mut self.graph, &roots);
                let again = needed_again(&taken, &self.now, &self.graph, &marks);
                if again.is_empty() {
                    return marks;
                }
                roots.add_all(again, &self.graph);
            }
        }
        self.mark_asked(asked)
    }

    fn mark_asked<'d>(&mut self, asked: impl Iterator<Item = (usize, &'d Digest)>) -> Marks {
        let root = |(at, digest): (usize, &Digest)| Root {
            repository: Some(at),
            digest: digest.clone(),
            reason: Reason::Needed,
        };
        let mut roots = Roots::default();
        roots.add_all(asked.map(root), &self.graph);
        mark(&self.whole, &mut self.graph, &roots)
    }
}

/// The images that were asked for, with the numbers of their repositories.
pub(super) fn images(asked: &Asked) -> impl Iterator<Item = (usize, &Digest)> {
    asked.iter().flat_map(|(at, images)| images.keys().map(move |digest| (*at, digest)))
}

/// What of an image is there: its manifests, and their tags.
fn present(image: &ImagePattern, repository: &Repository) -> Vec<(Digest, Option<Tag>)> {
    let tagged = repository.current_tags().filter_map(|(tag, current)| Some((current.target.into_digest()?, tag)));
    let tagged = tagged.filter(|(digest, tag)| image.names_tag(tag.as_str()) || image.names_digest(digest));
    let linked = repository.revisions.iter().map(|link| link.digest);
    let linked = linked.filter(|digest| image.names_digest(digest));
    tagged.map(|(digest, tag)| (digest, Some(tag))).chain(linked.map(|digest| (digest, None))).collect()
}

fn add(repository: &mut Repository, line: &Line<'_>) {
    let evidence = || Evidence { size: SHA256_LINK_SIZE, modified: Timestamp::default(), etag: None, outside: false };
    let link_to = |digest: &Digest| {
        let other = (line.removed.content != *digest).then(|| line.removed.content.clone());
        Link::new(digest.clone(), other.map_or(Content::AsNamed, Content::Other), evidence())
    };
    match &line.key {
        StorageKey::LayerLink { digest, .. } => repository.layers.insert(link_to(digest)),
        StorageKey::RevisionLink { digest, .. } => repository.revisions.insert(link_to(digest)),
        StorageKey::SignatureLink { revision, signature, .. } => {
            let (revision, signature) = (revision.clone(), signature.clone());
            repository.signatures.push(Signature { revision, signature, evidence: evidence() });
        }
        _ => {}
    }
}
