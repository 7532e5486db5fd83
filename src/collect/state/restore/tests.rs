//! Decisions of a restore, over registries as sets of keys.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use super::*;
use crate::collect::entry::Entry;
use crate::collect::graph::{Expectation, Fetched};
use crate::collect::listing::{Builder, Proof};
use crate::collect::options::{Aside, Mode, Options};
use crate::collect::plan::Stage;
use crate::collect::state::journal::{Journal, Pointers, Removed};
use crate::layout;
use crate::model::{Digest, RepositoryName, Tag, Timestamp};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::Duration;

const NOW: Timestamp = Timestamp::from_days(100);

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
        let removed = pointers.iter().map(|(key, content)| Removed {
            key: key.clone(),
            content: (*content).clone(),
            subject: None,
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
    for wanted in [image_of("app:v1"), Wanted::Runs(vec!["run".into()]), Wanted::Digests(vec![taken.image.clone()])] {
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
    world.took("20260102T000000Z-0", &[(layout::tag_current(&app, &v1), &new)]);
    world.took("20260101T000000Z-f", &[(layout::tag_current(&app, &v1), &old)]);
    let tagged =
        |wanted: &Wanted| world.restore(wanted).writes().map(|write| write.content.clone()).collect::<Vec<_>>();
    assert_eq!(tagged(&Wanted::All), std::slice::from_ref(&new));
    assert_eq!(tagged(&Wanted::Runs(vec!["20260101T000000Z-f".into()])), std::slice::from_ref(&old));
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
    taken
        .world
        .took("later", &[(layout::revision_link(&app, &inner), &inner), (layout::revision_link(&app, &outer), &outer)]);
    taken.world.lose(&taken.layers[0]);
    let restoration = taken.world.restore(&Wanted::Runs(vec!["later".into()]));
    assert_eq!(restoration.lost.len(), 1);
    assert_eq!(restoration.lost[0].image, format!("app@{outer}"));
    assert_eq!(restoration.planned().total(), 0, "the other layer stays away, too");
}
