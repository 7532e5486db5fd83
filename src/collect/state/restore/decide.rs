//! What becomes of each pointer that was asked for, or that something needs which was.

use super::broken::{Broken, data};
use super::ground::{Asked, Ground, images};
use super::restoration::{Lost, Newer, Restoration, Write};
use super::wanted::{Line, Wanted};
use crate::collect::graph::Node;
use crate::collect::images::images_with;
use crate::collect::inventory::{Link, Repository, TagEntry};
use crate::collect::levels::levels;
use crate::collect::mark::Marks;
use crate::collect::options::Options;
use crate::collect::plan::Stage;
use crate::collect::state::journal::Removed;
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
        self.bind();
        let asked = self.asked();
        let marks = self.mark(images(&asked), options, now);
        let chosen: Vec<usize> = if matches!(self.wanted, Wanted::Needed) {
            let removed = self.lines.iter().map(|line| line.removed);
            let keys = to_mend(removed, &self.now, &self.graph, &marks).into_iter();
            let keys: HashSet<(&str, &Digest)> = keys.map(|it| (it.key.as_str(), &it.content)).collect();
            let is_needed = |line: &Line<'_>| keys.contains(&(line.removed.key.as_str(), &line.removed.content));
            (0..self.lines.len()).filter(|number| is_needed(&self.lines[*number])).collect()
        } else {
            let is_wanted = |number: &usize| self.picks(*number) || self.needs(&marks, &self.lines[*number]);
            (0..self.lines.len()).filter(is_wanted).collect()
        };
        let of_lines = chosen.iter().map(|number| &self.lines[*number].removed.content);
        let mut contents: BTreeSet<Digest> = of_lines.cloned().collect();
        if !matches!(self.wanted, Wanted::Needed) {
            for (at, repository) in self.whole.repositories.iter().enumerate() {
                let links = repository.layers.iter().chain(repository.revisions.iter());
                let needed = links.filter(|link| marks.in_repository(at, self.graph.id(&link.digest)).is_some());
                contents.extend(needed.map(|link| data(&link).clone()));
            }
        }
        let is_open = |digest: &Digest| self.graph.node_of(digest) == Node::Plain;
        let contents = contents.into_iter().filter(is_open).collect();
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
            let is_gone = missing.contains(content) || self.graph.node_of(content) == Node::Missing;
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
            StorageKey::LayerLink { digest, .. } => repository.layers.find(digest).is_some(),
            StorageKey::RevisionLink { digest, .. } => repository.links_manifest(digest),
            StorageKey::SignatureLink { revision, signature, .. } => {
                repository.signatures.iter().any(|link| link.revision == *revision && link.signature == *signature)
            }
            StorageKey::TagHistory { tag, digest, .. } => {
                tag_of(repository, tag).is_some_and(|entry| has(&entry.history, digest))
            }
            StorageKey::TagCurrent { tag, .. } => {
                let current = tag_of(repository, tag).and_then(|entry| entry.current);
                match current.map(|current| current.target.into_digest()) {
                    Some(target) if target.as_ref() != Some(&line.removed.content) => {
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
                let current = tag_of(&self.now.repositories[at], tag.as_str()).and_then(|entry| entry.current);
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
    let Removed { key, content, modified, .. } = line.removed.clone();
    Some(Write { repository: RepositoryName::new(line.repository)?, stage, key, content, modified })
}

enum Present {
    Yes,
    No,
    /// It is a tag, and names something else now.
    Other(String),
}

fn has(links: &[Link], digest: &Digest) -> bool {
    links.binary_search_by(|link| link.digest.cmp(digest)).is_ok()
}

fn tag_of(repository: &Repository, tag: &str) -> Option<TagEntry> {
    repository.tags.get(tag)
}

#[cfg(test)]
mod tests {
    //! Over registries as sets of keys.
    #![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

    use super::super::*;
    use crate::collect::entry::Entry;
    use crate::collect::graph::{Expectation, Fetched};
    use crate::collect::listing::{Builder, Proof};
    use crate::collect::options::{Aside, Mode, Options};
    use crate::collect::plan::Stage;
    use crate::collect::state::journal::{Journal, Pointers, Removed};
    use crate::layout;
    use crate::model::{Digest, Manifest, RepositoryName, Tag, Timestamp};
    use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
    use std::time::Duration;

    const NOW: Timestamp = Timestamp::from_days(100);
    const PUSHED: Timestamp = Timestamp::from_days(42);

    fn name(text: &str) -> RepositoryName {
        RepositoryName::new(text).unwrap()
    }

    fn tag(text: &str) -> Tag {
        Tag::new(text).unwrap()
    }

    /// What is there, what journals know, and all contents.
    #[derive(Default)]
    struct World {
        now: BTreeMap<String, Digest>,
        journals: Vec<Journal>,
        contents: HashMap<Digest, Option<String>>,
    }

    impl World {
        fn blob(&mut self, text: &str) -> Digest {
            let digest = Digest::of(text.as_bytes());
            self.contents.insert(digest.clone(), None);
            digest
        }

        fn manifest(&mut self, json: &str) -> Digest {
            let digest = Digest::of(json.as_bytes());
            self.contents.insert(digest.clone(), Some(json.to_owned()));
            digest
        }

        fn image(&mut self, layers: &[&Digest], subject: Option<&Digest>) -> Digest {
            let of = |digest: &Digest| format!(r#"{{"digest":"{digest}"}}"#);
            let layers: Vec<String> = layers.iter().map(|digest| of(digest)).collect();
            let subject = subject.map_or("null".to_owned(), of);
            self.manifest(&format!(r#"{{"schemaVersion":2,"layers":[{}],"subject":{subject}}}"#, layers.join(",")))
        }

        fn index(&mut self, children: &[&Digest]) -> Digest {
            let children: Vec<String> = children.iter().map(|digest| format!(r#"{{"digest":"{digest}"}}"#)).collect();
            self.manifest(&format!(r#"{{"schemaVersion":2,"manifests":[{}]}}"#, children.join(",")))
        }

        fn there(&mut self, key: String, content: &Digest) {
            self.now.insert(key, content.clone());
        }

        fn took(&mut self, run: &str, pointers: &[(String, &Digest)]) {
            let removed = pointers.iter().map(|(key, content)| {
                let json = self
                    .contents
                    .get(*content)
                    .and_then(|json| json.as_deref())
                    .filter(|_| key.contains("/revisions/"));
                let subject = json.and_then(|json| Manifest::parse(json.as_bytes()).ok()?.subject);
                let modified = key.contains("/tags/").then_some(PUSHED);
                Removed { key: key.clone(), content: (*content).clone(), subject, modified }
            });
            self.journals.push(Journal { run: run.into(), removed: removed.collect(), ..Journal::default() });
        }

        fn lose(&mut self, digest: &Digest) {
            self.contents.remove(digest);
        }

        fn restore(&self, wanted: &Wanted) -> Restoration {
            let options = Options {
                mode: Mode::Live,
                delete_untagged: false,
                min_age: Duration::ZERO,
                defer: Duration::ZERO,
                settle: Duration::ZERO,
                aside: Aside::Never,
                max_scan_age: Duration::ZERO,
                uploads_older_than: None,
                repositories: Vec::new(),
                keep_from: Vec::new(),
                max_delete_percent: None,
                allow: Vec::new(),
                images: Vec::new(),
                collects: true,
                rules: None,
                repair: None,
            };
            let (lines, _) = lines(&self.journals);
            let names = repositories(&lines, wanted);
            let mut builder = Builder::new(Proof { etags: false, cheap_reads: true });
            let is_listed = |key: &str| {
                names.as_ref().is_none_or(|names| names.iter().any(|name| key.starts_with(&layout::repository(name))))
            };
            for key in self.now.keys().filter(|key| is_listed(key)) {
                builder.see(&Entry { key, size: 71, modified: Timestamp::from_days(1), etag: None, outside: false });
            }
            let mut inventory = builder.finish();
            for read in inventory.to_read(NOW, None) {
                inventory.learn(&read, Some(self.now[&read.key].to_string().as_bytes()));
            }
            let mut ground = Ground::new(wanted, &lines, names.as_ref(), inventory);
            let mut rounds = 0;
            loop {
                let wanted = ground.manifests_to_read();
                if wanted.is_empty() {
                    break;
                }
                rounds += 1;
                assert!(rounds < 20, "it does not end");
                for (digest, expectation) in wanted {
                    let fetched = match self.contents.get(&digest) {
                        Some(Some(json)) => Fetched::Bytes(json.clone().into()),
                        Some(None) => Fetched::Bytes("a layer".into()),
                        None => Fetched::Missing,
                    };
                    assert!(expectation == Expectation::Manifest || matches!(ground.wanted, Wanted::Needed));
                    ground.learn(&digest, expectation, &fetched);
                }
            }
            let choice = ground.choose(&options, NOW);
            let missing: HashSet<Digest> =
                choice.contents.iter().filter(|digest| !self.contents.contains_key(*digest)).cloned().collect();
            ground.decide(&choice, &missing, &options, NOW)
        }
    }

    fn keys(restoration: &Restoration) -> BTreeSet<String> {
        restoration.writes().map(|write| write.key.clone()).collect()
    }

    fn set(keys: impl IntoIterator<Item = String>) -> BTreeSet<String> {
        keys.into_iter().collect()
    }

    /// An image of two layers that one run took with its tag, in `app`.
    struct Taken {
        world: World,
        image: Digest,
        layers: [Digest; 2],
        keys: Vec<(String, Digest)>,
    }

    fn taken() -> Taken {
        let mut world = World::default();
        let layers = [world.blob("one"), world.blob("two")];
        let image = world.image(&[&layers[0], &layers[1]], None);
        let app = name("app");
        let keys = vec![
            (layout::tag_current(&app, &tag("v1")), image.clone()),
            (layout::tag_history(&app, &tag("v1"), &image), image.clone()),
            (layout::revision_link(&app, &image), image.clone()),
            (layout::layer_link(&app, &layers[0]), layers[0].clone()),
            (layout::layer_link(&app, &layers[1]), layers[1].clone()),
        ];
        let pointers: Vec<(String, &Digest)> = keys.iter().map(|(key, content)| (key.clone(), content)).collect();
        world.took("run", &pointers);
        Taken { world, image, layers, keys }
    }

    fn image_of(text: &str) -> Wanted {
        Wanted::Images(vec![text.parse().unwrap()])
    }

    #[test]
    fn everything_comes_back_in_order() {
        let taken = taken();
        let all = taken.world.restore(&Wanted::All);
        assert_eq!(keys(&all), set(taken.keys.iter().map(|(key, _)| key.clone())));
        let stages: Vec<Vec<Stage>> =
            all.groups.iter().map(|group| group.iter().map(|write| write.stage).collect()).collect();
        let expected = vec![
            vec![Stage::LayerLink, Stage::LayerLink],
            vec![Stage::Revision],
            vec![Stage::TagHistory],
            vec![Stage::Tag],
        ];
        assert_eq!(stages, expected);
        assert_eq!(all.planned(), Pointers { tags: 1, tag_history: 1, manifests: 1, layer_links: 2 });
        assert_eq!((all.planned().total(), all.there.total(), all.lost.len()), (5, 0, 0));
        let times: Vec<_> = all.writes().map(|write| write.modified).collect();
        assert_eq!(times, [None, None, None, Some(PUSHED), Some(PUSHED)], "rules count the age of a tag from its push");
        // However it is asked for.
        for wanted in [
            image_of("app:v1"),
            image_of("a*"),
            image_of(&format!("app@{}", taken.image)),
            Wanted::Digests(vec![taken.image.clone()]),
            Wanted::Runs(vec!["run".into()]),
        ] {
            assert_eq!(taken.world.restore(&wanted), all, "{wanted:?}");
        }
    }

    #[test]
    fn what_nobody_knows_is_told_and_writes_nothing() {
        let taken = taken();
        let other = Digest::of(b"other");
        for (wanted, text) in [
            (image_of("app:v2"), "app:v2".to_owned()),
            (image_of("app2:v1"), "app2:v1".to_owned()),
            (Wanted::Digests(vec![other.clone()]), other.to_string()),
            (Wanted::Runs(vec!["other".into()]), "other".to_owned()),
        ] {
            let restoration = taken.world.restore(&wanted);
            assert_eq!((keys(&restoration), restoration.unmatched), (BTreeSet::new(), vec![text]));
        }
        assert_eq!(World::default().restore(&Wanted::All), Restoration::default());
    }

    /// Cosign's signature of an image, that of the SBOM about it, and what is about nothing that was asked for.
    #[test]
    fn tags_that_are_about_an_image_come_back_with_it() {
        let mut taken = taken();
        let (app, other) = (name("app"), taken.world.image(&[], None));
        let about = |digest: &Digest, suffix: &str| tag(&format!("sha256-{}.{suffix}", digest.hex()));
        let layers = ["signature", "sbom", "unsigned"].map(|text| taken.world.blob(text));
        let [signature, sbom, of_other] = layers.each_ref().map(|layer| taken.world.image(&[layer], None));
        let of_sbom = taken.world.image(&[&layers[0], &layers[1]], None);
        let tags = [
            (about(&taken.image, "sig"), &signature),
            (about(&taken.image, "sbom"), &sbom),
            (about(&sbom, "sig"), &of_sbom),
            (about(&other, "sig"), &of_other),
        ];
        let pointers = |(tag, digest): &(Tag, &Digest)| {
            let tags = [layout::tag_current(&app, tag), layout::tag_history(&app, tag, digest)];
            tags.into_iter().chain([layout::revision_link(&app, digest)]).collect::<Vec<_>>()
        };
        for entry in &tags {
            let keys: Vec<(String, &Digest)> = pointers(entry).into_iter().map(|key| (key, entry.1)).collect();
            taken.world.took("run", &keys);
        }
        let bound = tags[..3].iter().flat_map(pointers);
        let expected = set(taken.keys.iter().map(|(key, _)| key.clone()).chain(bound));
        for wanted in
            [image_of("app:v1"), image_of(&format!("app@{}", taken.image)), Wanted::Digests(vec![taken.image.clone()])]
        {
            assert_eq!(keys(&taken.world.restore(&wanted)), expected, "{wanted:?}");
        }
        let alone = taken.world.restore(&image_of(&format!("app:{}", tags[3].0)));
        assert_eq!(keys(&alone), set(pointers(&tags[3])), "what it is about is not asked for");
    }

    #[test]
    fn what_is_there_is_not_written_and_a_newer_push_stays() {
        let mut taken = taken();
        for (key, content) in taken.keys.clone() {
            taken.world.there(key, &content);
        }
        let restoration = taken.world.restore(&Wanted::All);
        assert_eq!((restoration.planned().total(), restoration.there.total()), (0, 5));

        let newer = taken.world.image(&[], None);
        taken.world.there(taken.keys[0].0.clone(), &newer);
        let restoration = taken.world.restore(&image_of("app:v1"));
        assert_eq!((restoration.planned().total(), restoration.there.tags), (0, 0));
        assert_eq!(restoration.newer, [Newer { image: "app:v1".into(), was: taken.image.to_string() }]);
    }

    #[test]
    fn image_with_a_layer_that_is_gone_comes_back_only_with_everything() {
        let mut taken = taken();
        taken.world.lose(&taken.layers[1]);
        let lost = [Lost { image: "app:v1".into(), missing: vec![taken.layers[1].to_string()] }];
        for wanted in [image_of("app:v1"), Wanted::Runs(vec!["run".into()]), Wanted::Digests(vec![taken.image.clone()])]
        {
            let restoration = taken.world.restore(&wanted);
            assert_eq!(keys(&restoration), BTreeSet::new(), "{wanted:?}");
            assert_eq!(restoration.lost, lost);
            assert_eq!((restoration.gone.layer_links, restoration.incomplete.total()), (1, 4));
        }
        let restoration = taken.world.restore(&Wanted::All);
        assert_eq!(restoration.planned(), Pointers { tags: 1, tag_history: 1, manifests: 1, layer_links: 1 });
        assert_eq!((restoration.lost, restoration.gone.total()), (lost.to_vec(), 1));
    }

    #[test]
    fn image_whose_manifest_is_gone_or_damaged_is_lost() {
        let mut gone = taken();
        gone.world.lose(&gone.image);
        let mut damaged = taken();
        damaged.world.contents.insert(damaged.image.clone(), Some("{".into()));
        for (taken, revisions) in [(gone, 0), (damaged, 1)] {
            let restoration = taken.world.restore(&image_of("app:v1"));
            assert_eq!(keys(&restoration), BTreeSet::new());
            assert_eq!(restoration.lost, [Lost { image: "app:v1".into(), missing: vec![taken.image.to_string()] }]);
            assert_eq!(taken.world.restore(&Wanted::All).planned().manifests, revisions);
        }
    }

    #[test]
    fn what_was_never_in_a_repository_breaks_nothing() {
        let mut world = World::default();
        let (layer, foreign, elsewhere) = (world.blob("layer"), Digest::of(b"foreign"), Digest::of(b"sparse"));
        let image = world.image(&[&layer, &foreign], None);
        let index = world.index(&[&image, &elsewhere]);
        let app = name("app");
        let pointers = [
            (layout::revision_link(&app, &index), &index),
            (layout::revision_link(&app, &image), &image),
            (layout::layer_link(&app, &layer), &layer),
        ];
        world.took("run", &pointers);
        let restoration = world.restore(&Wanted::Digests(vec![index.clone()]));
        assert_eq!((restoration.lost.len(), restoration.planned().total()), (0, 3));
        let order: Vec<&Digest> = restoration.groups.iter().flatten().map(|write| &write.content).collect();
        assert_eq!(order, [&layer, &image, &index], "children before parents");
    }

    #[test]
    fn layer_comes_back_from_another_run_and_not_into_another_repository() {
        let mut taken = taken();
        let shared = taken.layers[0].clone();
        let (app, other) = (name("app"), name("other"));
        let index = taken.world.index(&[&taken.image]);
        taken.world.took("later", &[(layout::revision_link(&app, &index), &index)]);
        taken.world.took("elsewhere", &[(layout::layer_link(&other, &shared), &shared)]);
        let restoration = taken.world.restore(&Wanted::Runs(vec!["later".into()]));
        let expected = [
            layout::revision_link(&app, &index),
            layout::revision_link(&app, &taken.image),
            layout::layer_link(&app, &taken.layers[0]),
            layout::layer_link(&app, &taken.layers[1]),
        ];
        assert_eq!(keys(&restoration), set(expected), "not the tag of the other run either");
        let restoration = taken.world.restore(&Wanted::Digests(vec![shared.clone()]));
        assert_eq!(keys(&restoration), set([layout::layer_link(&app, &shared), layout::layer_link(&other, &shared)]));
    }

    #[test]
    fn what_is_about_an_image_comes_back_with_it() {
        let mut taken = taken();
        let app = name("app");
        let sbom = taken.world.image(&[], Some(&taken.image));
        let signature = taken.world.image(&[], Some(&sbom));
        let stranger = taken.world.image(&[&taken.layers[0]], Some(&Digest::of(b"another")));
        let signed = taken.world.blob("an old signature");
        let pointers = [
            (layout::revision_link(&app, &sbom), &sbom),
            (layout::revision_link(&app, &signature), &signature),
            (layout::revision_link(&app, &stranger), &stranger),
            (layout::signature_link(&app, &taken.image, &signed), &signed),
            (layout::layer_link(&app, &signed), &signed),
        ];
        taken.world.took("later", &pointers);
        let restoration = taken.world.restore(&image_of("app:v1"));
        let found = keys(&restoration);
        for (key, content) in &pointers {
            assert_eq!(found.contains(key), *content != &stranger, "{key}");
        }
        let at = |key: &str| restoration.writes().position(|write| write.key == key).unwrap();
        assert!(at(&pointers[3].0) < at(&taken.keys[2].0), "an old signature comes before what it signs");
    }

    #[test]
    fn image_by_another_name_needs_both_links() {
        let mut world = World::default();
        let app = name("app");
        let layer = world.blob("layer");
        let alias = Digest::from_parts("sha512", &"ab".repeat(64)).unwrap();
        let image = world.image(&[&alias], None);
        let pointers = [
            (layout::revision_link(&app, &image), &image),
            (layout::layer_link(&app, &alias), &layer),
            (layout::layer_link(&app, &layer), &layer),
        ];
        world.took("run", &pointers);
        let wanted = image_of(&format!("app@{image}"));
        let restoration = world.restore(&wanted);
        assert_eq!(keys(&restoration), set(pointers.map(|(key, _)| key)));
        assert!(restoration.writes().any(|write| write.key.contains("sha512") && write.content == layer));
        world.lose(&layer);
        let restoration = world.restore(&wanted);
        assert_eq!((keys(&restoration), restoration.lost.len()), (BTreeSet::new(), 1));
    }

    #[test]
    fn newest_run_says_what_a_tag_named() {
        let mut world = World::default();
        let (app, v1) = (name("app"), tag("v1"));
        let (old, new) = (world.image(&[], None), world.index(&[]));
        for digest in [&old, &new] {
            world.there(layout::revision_link(&app, digest), digest);
        }
        let runs = [("20260102T000000Z-0", &new), ("20260101T000000Z-f", &old)];
        for runs in [runs, [runs[1], runs[0]]] {
            world.journals.clear();
            for (run, digest) in runs {
                world.took(run, &[(layout::tag_current(&app, &v1), digest)]);
            }
            let tagged =
                |wanted: &Wanted| world.restore(wanted).writes().map(|write| write.content.clone()).collect::<Vec<_>>();
            assert_eq!(tagged(&Wanted::All), std::slice::from_ref(&new));
            assert_eq!(tagged(&Wanted::Runs(vec!["20260101T000000Z-f".into()])), std::slice::from_ref(&old));
        }
    }

    /// The image is whole without it; half a signature is none.
    #[test]
    fn signature_whose_layer_is_gone_stays_away_from_its_image() {
        let mut taken = taken();
        let app = name("app");
        let gone = Digest::of(b"gone");
        let sbom = taken.world.image(&[&gone], Some(&taken.image));
        let pointers = [(layout::revision_link(&app, &sbom), &sbom), (layout::layer_link(&app, &gone), &gone)];
        taken.world.took("later", &pointers);
        let restoration = taken.world.restore(&image_of("app:v1"));
        assert_eq!(keys(&restoration), set(taken.keys.iter().map(|(key, _)| key.clone())));
        assert_eq!((restoration.incomplete.manifests, restoration.gone.layer_links), (1, 1));
    }

    #[test]
    fn tag_whose_manifest_its_repository_lacks_comes_back_only_with_everything() {
        let mut world = World::default();
        let image = world.image(&[], None);
        world.took("run", &[(layout::tag_current(&name("app"), &tag("v1")), &image)]);
        let restoration = world.restore(&image_of("app:v1"));
        assert_eq!((restoration.planned().total(), restoration.incomplete.tags, restoration.lost.len()), (0, 1, 1));
        assert_eq!(world.restore(&Wanted::All).planned().tags, 1);
        world.there(layout::revision_link(&name("app"), &image), &image);
        assert_eq!(world.restore(&image_of("app:v1")).planned().tags, 1);
    }

    #[test]
    fn history_alone_makes_no_tag_and_loses_no_image() {
        let mut taken = taken();
        let app = name("app");
        let (gone, dead) = (layout::tag_history(&app, &tag("gone"), &taken.image), Digest::of(b"dead"));
        let stale = layout::tag_history(&app, &tag("v1"), &dead);
        taken.world.took("later", &[(gone.clone(), &taken.image), (stale.clone(), &dead)]);
        for wanted in [Wanted::All, Wanted::Runs(vec!["run".into(), "later".into()])] {
            let restoration = taken.world.restore(&wanted);
            assert_eq!((restoration.tagless, restoration.gone.tag_history, restoration.lost.len()), (1, 1, 0));
            assert!(!keys(&restoration).contains(&gone) && !keys(&restoration).contains(&stale));
        }
    }

    #[test]
    fn tag_that_is_there_gets_its_links_back_by_name_or_when_needed() {
        let mut taken = taken();
        let app = name("app");
        let index = taken.world.index(&[&taken.image]);
        taken.world.there(layout::tag_current(&app, &tag("now")), &index);
        taken.world.there(layout::revision_link(&app, &index), &index);
        let links = set(taken.keys[2..].iter().map(|(key, _)| key.clone()));
        assert_eq!(keys(&taken.world.restore(&image_of("app:now"))), links);
        assert_eq!(keys(&taken.world.restore(&Wanted::Needed)), links, "and no tag");
        taken.world.lose(&taken.layers[0]);
        let restoration = taken.world.restore(&Wanted::Needed);
        assert_eq!((restoration.planned().total(), restoration.gone.layer_links), (2, 1));
        assert_eq!(restoration.lost.iter().map(|lost| lost.image.as_str()).collect::<Vec<_>>(), ["app:now"]);
        assert_eq!(taken.world.restore(&image_of("app:now")).planned().total(), 0, "half an image");
    }

    #[test]
    fn nothing_is_needed_where_nothing_is_there() {
        let restoration = taken().world.restore(&Wanted::Needed);
        assert_eq!(restoration, Restoration::default());
    }

    #[test]
    fn lines_that_contradict_themselves_are_left_out() {
        let mut world = World::default();
        let (image, other) = (world.image(&[], None), world.blob("other"));
        let app = name("app");
        let pointers = [
            (layout::layer_link(&app, &image), &other),
            (layout::revision_link(&app, &other), &image),
            (layout::tag_history(&app, &tag("v1"), &other), &image),
            (layout::signature_link(&app, &image, &other), &image),
            (layout::blob_data(&other), &other),
        ];
        world.took("run", &pointers);
        assert_eq!(lines(&world.journals).1, 5);
        assert_eq!(world.restore(&Wanted::All).planned().total(), 0);
    }

    #[test]
    fn an_image_is_told_once_by_what_contains_it() {
        let mut taken = taken();
        let app = name("app");
        let inner = taken.world.index(&[&taken.image]);
        let outer = taken.world.index(&[&inner, &taken.image]);
        taken.world.took(
            "later",
            &[(layout::revision_link(&app, &inner), &inner), (layout::revision_link(&app, &outer), &outer)],
        );
        taken.world.lose(&taken.layers[0]);
        let restoration = taken.world.restore(&Wanted::Runs(vec!["later".into()]));
        assert_eq!(restoration.lost.len(), 1);
        assert_eq!(restoration.lost[0].image, format!("app@{outer}"));
        assert_eq!(restoration.planned().total(), 0, "the other layer stays away, too");
    }

    #[test]
    fn link_by_another_name_comes_back_with_what_it_stands_for() {
        let mut world = World::default();
        let app = name("app");
        let layer = world.blob("layer");
        let alias = Digest::from_parts("sha512", &"ab".repeat(64)).unwrap();
        let image = world.image(&[&layer], None);
        let pointers = [(layout::revision_link(&app, &image), &image), (layout::layer_link(&app, &alias), &layer)];
        world.took("run", &pointers);
        let restoration = world.restore(&image_of(&format!("app@{image}")));
        assert_eq!(keys(&restoration), set(pointers.map(|(key, _)| key)));
    }

    /// What is listed may stand for content that is gone: then the image is as lost as if the link were.
    #[test]
    fn image_whose_link_is_there_and_whose_content_is_gone_is_lost() {
        let mut taken = taken();
        // No journal knows of it: only the listing does.
        let (link, layer) = (taken.keys[3].0.clone(), taken.layers[0].clone());
        taken.world.journals[0].removed.retain(|removed| removed.key != link);
        taken.world.there(link, &layer);
        taken.world.lose(&layer);
        let restoration = taken.world.restore(&image_of("app:v1"));
        let lost = [Lost { image: "app:v1".into(), missing: vec![taken.layers[0].to_string()] }];
        assert_eq!((keys(&restoration), restoration.lost), (BTreeSet::new(), lost.to_vec()));
    }

    #[test]
    fn signature_that_is_there_is_not_written_again() {
        let mut taken = taken();
        let app = name("app");
        let [one, two] = ["one signature", "another signature"].map(|text| taken.world.blob(text));
        let link = |signature| (layout::signature_link(&app, &taken.image, signature), signature);
        let pointers = [link(&one), link(&two)];
        let there = pointers[1].0.clone();
        taken.world.took("later", &pointers);
        taken.world.there(there.clone(), &two);
        let restoration = taken.world.restore(&Wanted::All);
        assert!(keys(&restoration).contains(&layout::signature_link(&app, &taken.image, &one)));
        assert!(!keys(&restoration).contains(&there));
        assert_eq!(restoration.there, Pointers { manifests: 1, ..Pointers::default() });
    }

    #[test]
    fn history_of_a_tag_that_is_there_comes_back() {
        let mut taken = taken();
        let app = name("app");
        let other = taken.world.image(&[], None);
        taken.world.there(layout::tag_current(&app, &tag("v1")), &other);
        taken.world.there(layout::revision_link(&app, &other), &other);
        let restoration = taken.world.restore(&Wanted::All);
        assert_eq!((restoration.planned().tags, restoration.planned().tag_history), (0, 1));
        assert_eq!((restoration.tagless, restoration.newer.len()), (0, 1));
    }

    /// Of two images of one run only one is whole: what both need comes back, what only the other needs does not.
    #[test]
    fn only_what_a_whole_image_needs_comes_back() {
        let mut taken = taken();
        let app = name("app");
        let (more, gone) = (taken.world.blob("more"), Digest::of(b"gone"));
        let half = taken.world.image(&[&taken.layers[0], &more, &gone], None);
        let pointers = [
            (layout::tag_current(&app, &tag("half")), &half),
            (layout::tag_history(&app, &tag("half"), &half), &half),
            (layout::revision_link(&app, &half), &half),
            (layout::layer_link(&app, &more), &more),
            (layout::layer_link(&app, &gone), &gone),
        ];
        taken.world.took("run", &pointers);
        let restoration = taken.world.restore(&Wanted::Runs(vec!["run".into()]));
        assert_eq!(keys(&restoration), set(taken.keys.iter().map(|(key, _)| key.clone())));
        let incomplete = Pointers { tags: 1, tag_history: 1, manifests: 1, layer_links: 1 };
        assert_eq!((restoration.incomplete, restoration.gone.layer_links), (incomplete, 1));
        assert_eq!(restoration.lost, [Lost { image: "app:half".into(), missing: vec![gone.to_string()] }]);
    }

    /// What no image needs and no image lacks comes back with its run.
    #[test]
    fn link_that_nothing_needs_comes_back_with_its_run() {
        let mut world = World::default();
        let layer = world.blob("layer");
        let key = layout::layer_link(&name("app"), &layer);
        world.took("run", &[(key.clone(), &layer)]);
        assert_eq!(keys(&world.restore(&Wanted::Runs(vec!["run".into()]))), set([key]));
    }

    #[test]
    fn lost_image_is_told_by_its_tag_only_while_that_names_nothing_else() {
        let mut taken = taken();
        taken.world.lose(&taken.layers[0]);
        let lost = |world: &World| world.restore(&image_of("app:v1")).lost[0].image.clone();
        taken.world.there(taken.keys[0].0.clone(), &taken.image);
        assert_eq!(lost(&taken.world), "app:v1");
        let newer = taken.world.image(&[], None);
        taken.world.there(layout::revision_link(&name("app"), &newer), &newer);
        taken.world.there(taken.keys[0].0.clone(), &newer);
        assert_eq!(lost(&taken.world), format!("app@{}", taken.image));
    }

    #[test]
    fn what_another_repository_has_is_not_there_in_this_one() {
        let mut taken = taken();
        let before = name("a");
        for (key, content) in taken.keys.clone() {
            taken.world.there(key.replace("/app/", &format!("/{before}/")), &content);
        }
        taken.world.took("run", &[(layout::layer_link(&before, &Digest::of(b"other")), &Digest::of(b"other"))]);
        for wanted in [Wanted::All, image_of("app:v1")] {
            let restoration = taken.world.restore(&wanted);
            assert_eq!(keys(&restoration), set(taken.keys.iter().map(|(key, _)| key.clone())));
            assert_eq!(restoration.there, Pointers::default());
        }
    }

    #[test]
    fn what_a_tag_has_named_comes_back_where_its_revision_does() {
        let mut world = World::default();
        let (app, other, v1) = (name("app"), name("other"), tag("v1"));
        let layer = world.blob("layer");
        let (old, now) = (world.image(&[&layer], None), world.image(&[], None));
        for repository in [&app, &other] {
            world.there(layout::tag_current(repository, &v1), &now);
            world.there(layout::revision_link(repository, &now), &now);
        }
        let links = |repository| {
            [(layout::tag_history(repository, &v1, &old), &old), (layout::layer_link(repository, &layer), &layer)]
        };
        let revision = (layout::revision_link(&app, &old), &old);
        world.took("run", &[&links(&app)[..], &links(&other), std::slice::from_ref(&revision)].concat());
        let whole = [links(&app).map(|(key, _)| key).to_vec(), vec![revision.0]].concat();
        assert_eq!(keys(&world.restore(&image_of("app:v1"))), set(whole.clone()));
        // There the manifest could not be served, whatever layers it had.
        let history = links(&other)[0].0.clone();
        let expected = set(whole.into_iter().chain([history]));
        assert_eq!(keys(&world.restore(&Wanted::Digests(vec![old.clone()]))), expected);
    }

    #[test]
    fn digest_that_was_asked_for_comes_back_with_what_it_stands_for() {
        let mut world = World::default();
        let app = name("app");
        let layer = world.blob("layer");
        let alias = Digest::from_parts("sha512", &"ab".repeat(64)).unwrap();
        let pointers = [(layout::layer_link(&app, &alias), &layer), (layout::layer_link(&app, &layer), &layer)];
        world.took("run", &pointers);
        let wanted = Wanted::Digests(vec![alias]);
        assert_eq!(keys(&world.restore(&wanted)), set(pointers.map(|(key, _)| key)));
        world.lose(&layer);
        let restoration = world.restore(&wanted);
        assert_eq!((restoration.planned().total(), restoration.lost.len()), (0, 1));
    }

    #[test]
    fn image_that_is_there_is_known_though_no_journal_knows_it() {
        let mut taken = taken();
        let app = name("app");
        let other = taken.world.image(&[], None);
        taken.world.there(layout::tag_current(&app, &tag("now")), &other);
        taken.world.there(layout::revision_link(&app, &other), &other);
        let restoration = taken.world.restore(&image_of("app:now"));
        assert_eq!((restoration.unmatched, restoration.groups), (Vec::new(), Vec::new()));
    }
}
