//! What becomes of each pointer that was asked for, or that something needs which was.

use super::broken::{Broken, data};
use super::ground::{Asked, Ground};
use super::restoration::{Lost, Newer, Restoration, Write};
use super::wanted::{Line, Wanted};
use crate::collect::graph::Node;
use crate::collect::images::images_with;
use crate::collect::inventory::{Link, Repository, TagEntry};
use crate::collect::mark::Marks;
use crate::collect::options::Options;
use crate::collect::plan::{Stage, levels};
use crate::collect::state::mend::to_mend;
use crate::layout::{self, StorageKey};
use crate::model::{Digest, RepositoryName, Tag, Timestamp};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// What was learned so far, and what to look for.
#[derive(Debug)]
pub struct Choice {
    marks: Marks,
    asked: Asked,
    /// The numbers of the lines that were asked for, or that are needed.
    chosen: Vec<usize>,
    /// Contents to look for.
    pub contents: Vec<Digest>,
}

impl Ground<'_> {
    /// Chooses the pointers, once all manifests were read.
    #[must_use]
    pub fn choose(&mut self, options: &Options, now: Timestamp) -> Choice {
        let asked = self.asked();
        let marks = self.mark(images(&asked), options, now);
        let chosen: Vec<usize> = if matches!(self.wanted, Wanted::Needed) {
            let removed = self.lines.iter().map(|line| line.removed);
            let keys = to_mend(removed, &self.now, &self.graph, &marks).into_iter();
            let keys: HashSet<(&str, &Digest)> = keys.map(|it| (it.key.as_str(), &it.content)).collect();
            let is_needed = |line: &Line<'_>| keys.contains(&(line.removed.key.as_str(), &line.removed.content));
            (0..self.lines.len()).filter(|number| is_needed(&self.lines[*number])).collect()
        } else {
            let is_wanted = |line: &Line<'_>| self.wanted.picks(line) || self.needs(&marks, line);
            (0..self.lines.len()).filter(|number| is_wanted(&self.lines[*number])).collect()
        };
        let of_lines = chosen.iter().map(|number| &self.lines[*number].removed.content);
        let mut contents: BTreeSet<&Digest> = of_lines.collect();
        if !matches!(self.wanted, Wanted::Needed) {
            for (at, repository) in self.whole.repositories.iter().enumerate() {
                let links = repository.layers.iter().chain(&repository.revisions);
                let needed = links.filter(|link| marks.in_repository(at, self.graph.id(&link.digest)).is_some());
                contents.extend(needed.map(data));
            }
        }
        let is_open = |digest: &&Digest| *self.graph.node_of(digest) == Node::Plain;
        let contents = contents.into_iter().filter(is_open).cloned().collect();
        Choice { marks, asked, chosen, contents }
    }

    fn needs(&self, marks: &Marks, line: &Line<'_>) -> bool {
        let needs =
            |digest: &Digest| marks.in_repository(self.number(line.repository), self.graph.id(digest)).is_some();
        match &line.key {
            StorageKey::LayerLink { digest, .. } | StorageKey::RevisionLink { digest, .. } => {
                needs(digest) || needs(&line.removed.content)
            }
            StorageKey::SignatureLink { revision, .. } => needs(revision),
            _ => false,
        }
    }

    /// Decides about each pointer; `missing` are those of [`Choice::contents`] that are not there.
    #[must_use]
    pub fn decide(
        &mut self,
        choice: &Choice,
        missing: &HashSet<Digest>,
        options: &Options,
        now: Timestamp,
    ) -> Restoration {
        let broken = Broken::find(self, &choice.asked, missing);
        let sound = images(&choice.asked).filter(|(at, digest)| !broken.is(self, *at, digest));
        let sound: Vec<_> = sound.collect();
        let good = self.mark(sound.into_iter(), options, now);
        let mut result = Restoration {
            unmatched: self.wanted.unmatched(&self.lines, |image| self.is_there(image)),
            ..Restoration::default()
        };
        // Of several with one key, that of the newest run: names of runs begin with their time.
        let mut newest: BTreeMap<&str, &Line<'_>> = BTreeMap::new();
        for line in choice.chosen.iter().map(|number| &self.lines[*number]) {
            let known = newest.entry(&line.removed.key).or_insert(line);
            if known.run < line.run {
                *known = line;
            }
        }
        let mut writes = Vec::new();
        let mut lost = HashSet::new();
        for line in newest.into_values() {
            let Some(stage) = line.removed.stage() else { continue };
            let content = &line.removed.content;
            let is_gone = missing.contains(content) || *self.graph.node_of(content) == Node::Missing;
            match self.is_present(line) {
                Present::Yes => result.there.add(stage),
                Present::Other(image) => result.newer.push(Newer { image, was: content.to_string() }),
                Present::No if is_gone => {
                    result.gone.add(stage);
                    lost.insert(content);
                }
                Present::No if !self.wanted.halves() && self.is_half(line, (&choice.marks, &good), &broken) => {
                    result.incomplete.add(stage);
                }
                Present::No => writes.extend(write(line, stage)),
            }
        }
        result.lost = if matches!(self.wanted, Wanted::Needed) {
            let images = images_with(&lost, &self.now, &self.graph).into_iter();
            let missing: Vec<String> = lost.iter().map(ToString::to_string).collect();
            images.map(|image| Lost { image, missing: missing.clone() }).collect()
        } else {
            self.lost(&broken, &choice.asked)
        };
        let before = writes.len();
        self.leave_tagless(&mut writes);
        result.tagless = (before - writes.len()) as u64;
        result.groups = self.grouped(writes);
        result
    }

    /// Whether a pointer belongs to images only that cannot be whole any more.
    fn is_half(&self, line: &Line<'_>, (all, good): (&Marks, &Marks), broken: &Broken) -> bool {
        let at = self.number(line.repository);
        match &line.key {
            StorageKey::TagHistory { digest, .. } => broken.is(self, at, digest),
            StorageKey::TagCurrent { .. } => broken.is(self, at, &line.removed.content),
            StorageKey::RevisionLink { digest, .. } if broken.is(self, at, digest) => true,
            _ => self.needs(all, line) && !self.needs(good, line),
        }
    }

    fn leave_tagless(&self, writes: &mut Vec<Write>) {
        let tagged = writes.iter().filter(|write| write.stage == Stage::Tag);
        let tagged: HashSet<String> = tagged.map(|write| write.key.clone()).collect();
        let has_tag = |write: &Write| match StorageKey::parse(&write.key) {
            StorageKey::TagHistory { tag, .. } => Tag::new(tag).is_some_and(|tag| {
                let repository = self.now.repositories.get(self.number(write.repository.as_str()));
                let entry = repository.and_then(|repository| repository.tags.get(&tag));
                entry.is_some_and(|entry| entry.current.is_some())
                    || tagged.contains(&layout::tag_current(&write.repository, &tag))
            }),
            _ => true,
        };
        writes.retain(has_tag);
    }

    fn is_present(&self, line: &Line<'_>) -> Present {
        let Some(repository) = self.now.repositories.get(self.number(line.repository)) else { return Present::No };
        let there = match &line.key {
            StorageKey::LayerLink { digest, .. } => has(&repository.layers, digest),
            StorageKey::RevisionLink { digest, .. } => has(&repository.revisions, digest),
            StorageKey::SignatureLink { revision, signature, .. } => {
                repository.signatures.iter().any(|link| link.revision == *revision && link.signature == *signature)
            }
            StorageKey::TagHistory { tag, digest, .. } => {
                tag_of(repository, tag).is_some_and(|entry| has(&entry.history, digest))
            }
            StorageKey::TagCurrent { tag, .. } => {
                let current = tag_of(repository, tag).and_then(|entry| entry.current.as_ref());
                match current.map(|current| current.target.digest()) {
                    Some(target) if target != Some(&line.removed.content) => {
                        return Present::Other(format!("{}:{tag}", repository.name));
                    }
                    target => target.is_some(),
                }
            }
            _ => false,
        };
        if there { Present::Yes } else { Present::No }
    }

    fn lost(&self, broken: &Broken, asked: &Asked) -> Vec<Lost> {
        let mut lost = Vec::new();
        for (at, digest, missing) in broken.images(self, asked) {
            let name = &self.now.repositories[at].name;
            let missing: Vec<String> = missing.iter().map(ToString::to_string).collect();
            // A tag that names something else by now is another image.
            let names_it = |tag: &&Tag| {
                let current = tag_of(&self.now.repositories[at], tag.as_str()).and_then(|entry| entry.current.as_ref());
                current.is_none_or(|current| current.target.digest() == Some(&digest))
            };
            let tags = asked.get(&at).and_then(|images| images.get(&digest)).into_iter().flatten().filter(names_it);
            let mut images: Vec<String> = tags.map(|tag| format!("{name}:{tag}")).collect();
            if images.is_empty() {
                images.push(format!("{name}@{digest}"));
            }
            lost.extend(images.into_iter().map(|image| Lost { image, missing: missing.clone() }));
        }
        lost.sort_by(|a, b| a.image.cmp(&b.image));
        lost
    }

    /// What is needed comes back before what needs it: layers, then manifests, children before parents, then history, then
    /// tags.
    fn grouped(&self, writes: Vec<Write>) -> Vec<Vec<Write>> {
        let revisions = writes.iter().filter(|write| write.stage == Stage::Revision);
        let ids = revisions.filter_map(|write| self.graph.id(&write.content));
        let level: HashMap<_, _> = levels(ids, &self.graph);
        let rank = |write: &Write| match (write.stage, StorageKey::parse(&write.key)) {
            (Stage::LayerLink, _) => (0, 0),
            // Old signatures, before what they sign.
            (Stage::Revision, StorageKey::SignatureLink { .. }) => (1, 0),
            (Stage::Revision, _) => {
                let level = self.graph.id(&write.content).and_then(|id| level.get(&id)).copied().unwrap_or(0);
                (2, u32::MAX - level)
            }
            (Stage::TagHistory, _) => (3, 0),
            (Stage::Tag | Stage::Upload | Stage::Blob, _) => (4, 0),
        };
        let mut groups: BTreeMap<(u8, u32), Vec<Write>> = BTreeMap::new();
        for write in writes {
            groups.entry(rank(&write)).or_default().push(write);
        }
        groups.into_values().collect()
    }
}

fn write(line: &Line<'_>, stage: Stage) -> Option<Write> {
    let (key, content) = (line.removed.key.clone(), line.removed.content.clone());
    Some(Write { repository: RepositoryName::new(line.repository)?, stage, key, content })
}

enum Present {
    Yes,
    No,
    /// It is a tag, and names something else now.
    Other(String),
}

fn images(asked: &Asked) -> impl Iterator<Item = (usize, &Digest)> {
    asked.iter().flat_map(|(at, images)| images.keys().map(move |digest| (*at, digest)))
}

fn has(links: &[Link], digest: &Digest) -> bool {
    links.binary_search_by(|link| link.digest.cmp(digest)).is_ok()
}

fn tag_of<'r>(repository: &'r Repository, tag: &str) -> Option<&'r TagEntry> {
    Tag::new(tag).and_then(|tag| repository.tags.get(&tag))
}
