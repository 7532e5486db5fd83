//! What `rm` was told to remove, found in the inventory.

use super::dismissed::{Dismissed, Why};
use super::image_pattern::ImagePattern;
use super::inventory::{Inventory, Repository};
use super::keep_from::KeepFrom;
use super::near::near;
use super::plan::Stage;
use super::state::journal::{Journal, Removed};
use crate::layout::StorageKey;
use crate::model::{Digest, Tag};
use std::collections::BTreeSet;

/// What the user named and nothing is: the text, and what there is instead, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unmatched {
    /// As it was typed.
    pub image: String,
    /// What there is instead.
    pub why: String,
}

/// Finds what was named. What names nothing is told: a typo must not look like a job that is done.
///
/// A tag that `--keep-from` names as well stays. `killed`: what runs that were killed were about to remove; the same
/// command does the rest, although half of what it names is gone.
#[must_use]
pub fn named(
    images: &[ImagePattern],
    inventory: &Inventory,
    keep_from: &[KeepFrom],
    killed: &[&Journal],
) -> (Dismissed, Vec<Unmatched>) {
    let (mut dismissed, mut unmatched) = (Dismissed::default(), Vec::new());
    let why = Why::named();
    for image in images {
        let (mut repositories, mut found) = (0_u64, false);
        for (at, repository) in inventory.repositories.iter().enumerate() {
            if !image.is_of(repository.name.as_str()) {
                continue;
            }
            repositories += 1;
            if image.is_whole() {
                dismissed.add_repository(inventory, at, &why);
                found = true;
                continue;
            }
            for tag in repository.tags.keys().filter(|tag| image.names_tag(tag.as_str())) {
                found = true;
                if !is_kept(keep_from, repository, &tag) {
                    dismissed.add_tag(inventory, at, &tag, &why);
                }
            }
            for digest in digests(image, repository) {
                dismissed.add_manifest(inventory, at, &digest, &why);
                found = true;
            }
        }
        for journal in killed {
            found |= go_on(image, journal, inventory, &mut dismissed);
        }
        if !found {
            let why = words(image, repositories, inventory);
            unmatched.push(Unmatched { image: image.to_string(), why });
        }
    }
    (dismissed, unmatched)
}

/// Tags that were named, and that `--keep-from` names as well: whoever named them is told that they stay.
#[must_use]
pub fn kept_tags(images: &[ImagePattern], inventory: &Inventory, keep_from: &[KeepFrom]) -> Vec<(usize, Tag)> {
    if keep_from.is_empty() {
        return Vec::new();
    }
    let repositories = inventory.repositories.iter().enumerate();
    let kept = repositories.flat_map(|(at, repository)| {
        let is_named = |tag: &Tag| {
            images.iter().any(|image| image.is_of(repository.name.as_str()) && image.names_tag(tag.as_str()))
        };
        let is_kept = |tag: &Tag| is_kept(keep_from, repository, tag);
        repository.tags.keys().filter(is_named).filter(is_kept).map(move |tag| (at, tag)).collect::<Vec<_>>()
    });
    kept.collect()
}

/// What a run that was killed has left of an image. Tells whether that run was about this image.
///
/// Without its tag, or its index, nothing in the listing says that a manifest was to go.
fn go_on(image: &ImagePattern, journal: &Journal, inventory: &Inventory, dismissed: &mut Dismissed) -> bool {
    let find = |name: &str| inventory.repositories.binary_search_by(|found| found.name.as_str().cmp(name)).ok();
    let is_gone = |removed: &&Removed| match StorageKey::parse(&removed.key) {
        StorageKey::TagCurrent { repository, tag } if image.is_of(repository) => {
            let entry = find(repository).and_then(|at| inventory.repositories[at].tags.get(tag));
            let is_meant = image.names_tag(tag) || image.names_digest(&removed.content);
            is_meant && entry.is_none_or(|entry| entry.current.is_none())
        }
        StorageKey::RevisionLink { repository, digest } if image.is_of(repository) => {
            let is_linked = find(repository).is_some_and(|at| inventory.repositories[at].links_manifest(&digest));
            image.names_digest(&digest) && !is_linked
        }
        _ => false,
    };
    let why = Why::named();
    let mut repositories = BTreeSet::new();
    for removed in journal.removed.iter().filter(is_gone) {
        let name = repository_of(&removed.key);
        repositories.insert(name);
        if let Some(at) = find(name) {
            dismissed.add_tagged(inventory, at, &removed.content, &why);
        }
    }
    for removed in journal.removed.iter().filter(|removed| removed.stage() == Some(Stage::Revision)) {
        let name = repository_of(&removed.key);
        if let Some(at) = find(name).filter(|_| repositories.contains(name)) {
            dismissed.add_untagged(inventory, at, &removed.content, &why);
        }
    }
    !repositories.is_empty()
}

fn repository_of(key: &str) -> &str {
    match StorageKey::parse(key) {
        StorageKey::TagCurrent { repository, .. } | StorageKey::RevisionLink { repository, .. } => repository,
        _ => "",
    }
}

fn is_kept(keep_from: &[KeepFrom], repository: &Repository, tag: &Tag) -> bool {
    keep_from.iter().any(|keep| {
        matches!(keep, KeepFrom::Tag(_, kept) if kept == tag) && keep.repositories().contains(&repository.name)
    })
}

/// The digests in a repository that an image means: linked, tagged, or only in a tag's history.
fn digests(image: &ImagePattern, repository: &Repository) -> Vec<Digest> {
    let linked = repository.revisions.iter().map(|link| link.digest);
    let history = repository.histories().map(|link| link.digest);
    let all = linked.chain(repository.tagged()).chain(history);
    let mut found: Vec<Digest> = all.filter(|digest| image.names_digest(digest)).collect();
    found.sort();
    found.dedup();
    found
}

fn perhaps(alike: &[&str]) -> String {
    if alike.is_empty() { String::new() } else { format!("; is it {}?", alike.join(", ")) }
}

fn words(image: &ImagePattern, repositories: u64, inventory: &Inventory) -> String {
    match repositories {
        0 => {
            let names = inventory.repositories.iter().map(|it| it.name.as_str());
            format!("no repository is called so{}", perhaps(&near(image.repository().text(), names)))
        }
        1 => {
            let repository = inventory.repositories.iter().find(|found| image.is_of(found.name.as_str()));
            let tags: Vec<Tag> = repository.into_iter().flat_map(|found| found.tags.keys()).collect();
            let name = repository.map(|found| found.name.to_string()).unwrap_or_default();
            let alike = image.tag().map_or_else(Vec::new, |tag| near(tag.text(), tags.iter().map(Tag::as_str)));
            format!("there is nothing of that name in {name}{}", perhaps(&alike))
        }
        many => format!("there is nothing of that name in any of {many} repositories"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::scene::{Storage, name, of, options, removing, tag};
    use super::*;
    use crate::layout;

    fn unmatched(storage: &Storage, images: &[&str]) -> Vec<(String, String)> {
        let (_, unmatched) = named(&removing(images).images, &storage.inventory(&options()), &[], &[]);
        unmatched.into_iter().map(|it| (it.image, it.why)).collect()
    }

    fn registry() -> (Storage, Digest) {
        let mut storage = Storage::default();
        let image = storage.index("team/app", &[]);
        storage.tag("team/app", "v1", &image);
        storage.tag("team/app", "v2", &of("elsewhere"));
        storage.put(layout::tag_history(&name("team/app"), &tag("v1"), &of("before")));
        storage.index("team/api", &[]);
        (storage, image)
    }

    #[test]
    fn what_is_there_in_any_way_is_found() {
        let (storage, image) = registry();
        for text in [image.to_string(), of("elsewhere").to_string(), of("before").to_string()] {
            assert_eq!(unmatched(&storage, &[&format!("team/app@{text}")]), [], "{text}");
        }
        assert_eq!(unmatched(&storage, &["team/app:v*", "team/app", "team/*"]), []);
    }

    #[test]
    fn what_names_nothing_is_told_with_what_was_perhaps_meant() {
        let (storage, image) = registry();
        let told = |text: &str, why: &str| (text.to_owned(), why.to_owned());
        let here = "there is nothing of that name in team/app";
        assert_eq!(unmatched(&storage, &["team/app:v3"]), [told("team/app:v3", &format!("{here}; is it v1, v2?"))]);
        assert_eq!(unmatched(&storage, &["team/app:other"]), [told("team/app:other", here)]);
        let name = "no repository is called so; is it team/app, team/api?";
        assert_eq!(unmatched(&storage, &["taem/app", "team/app:v1"]), [told("taem/app", name)]);
        assert_eq!(unmatched(&storage, &["nowhere"]), [told("nowhere", "no repository is called so")]);
        let many = "there is nothing of that name in any of 2 repositories";
        assert_eq!(unmatched(&storage, &["team/*:v3"]), [told("team/*:v3", many)]);
        let digest = format!("team/api@{}", of("nothing"));
        assert_eq!(unmatched(&storage, &[&digest]), [told(&digest, "there is nothing of that name in team/api")]);
        assert_ne!(image, of("nothing"));
    }

    #[test]
    fn tag_that_is_to_be_kept_stays_though_it_is_named() {
        let (storage, _) = registry();
        let inventory = storage.inventory(&options());
        let kept = |texts: &[&str]| {
            let keep: Vec<KeepFrom> = texts.iter().filter_map(|text| text.parse().ok()).collect();
            let (dismissed, unmatched) = named(&removing(&["team/app:v1"]).images, &inventory, &keep, &[]);
            assert_eq!((keep.len(), unmatched.len()), (texts.len(), 0));
            let told = kept_tags(&removing(&["team/app:v1"]).images, &inventory, &keep);
            assert_eq!(told == [(1, tag("v1"))], dismissed.is_empty(), "{told:?}");
            dismissed.is_empty()
        };
        assert!(kept(&["team/app:v1"]) && kept(&["host:5000/team/app:v1", "team/app:v2"]));
        assert!(!kept(&["team/app:v2"]) && !kept(&["team/api:v1"]) && !kept(&[]));
    }

    /// What a run that was killed had taken away: its keys, and the manifests that they named.
    fn killed(removed: &[(String, &Digest)]) -> Journal {
        let removed = removed.iter().map(|(key, content)| {
            let (key, content) = (key.clone(), (*content).clone());
            Removed { key, content, subject: None, modified: None }
        });
        Journal { run: "r".into(), removed: removed.collect(), ..Journal::default() }
    }

    /// Manifests by their repository that go when `images` are named after that run; none if that run was not about them.
    fn goes_on(storage: &Storage, journal: &Journal, images: &[&str]) -> Option<BTreeSet<(String, Digest)>> {
        let inventory = storage.inventory(&options());
        let (dismissed, unmatched) = named(&removing(images).images, &inventory, &[], &[journal]);
        let manifests = dismissed.repositories.iter().flat_map(|(at, here)| {
            here.manifests.keys().map(|digest| (inventory.repositories[*at].name.to_string(), digest.clone()))
        });
        let manifests = manifests.collect();
        unmatched.is_empty().then_some(manifests)
    }

    #[test]
    fn same_command_does_what_a_killed_run_has_left() {
        let mut storage = Storage::default();
        let (image, other) = (storage.index("app", &[]), storage.index("app", &[&of("part")]));
        storage.tag("app", "there", &other);
        storage.index("web", &[]);
        let current = |text: &str| layout::tag_current(&name("app"), &tag(text));
        let gone = killed(&[(current("v1"), &image)]);
        let is_left = Some(BTreeSet::from([("app".to_owned(), image.clone())]));
        assert_eq!(goes_on(&storage, &gone, &["app:v1"]), is_left);
        assert_eq!(goes_on(&storage, &gone, &[&format!("app@{image}")]), is_left, "by its digest as well");
        assert_eq!(goes_on(&storage, &gone, &["app:v2"]), None, "another tag was not begun");
        assert_eq!(goes_on(&storage, &gone, &["web:v1"]), None, "nor one of another repository");
        // A tag that is there was not taken away, or is pushed again: it goes by its name alone.
        let stayed = killed(&[(current("there"), &image)]);
        assert_eq!(goes_on(&storage, &stayed, &["app:there"]), Some(BTreeSet::from([("app".to_owned(), other)])));
        assert_eq!(goes_on(&storage, &stayed, &["app:v1"]), None);
    }

    /// Without its revision link nothing tells what an index that was removed by its digest had in it.
    #[test]
    fn parts_of_a_manifest_that_a_killed_run_took_away_go_with_the_same_command() {
        let mut storage = Storage::default();
        let part = storage.index("app", &[]);
        let web = storage.index("web", &[]);
        let index = of("index");
        let link = |repository: &str, digest: &Digest| layout::revision_link(&name(repository), digest);
        let journal = killed(&[(link("app", &index), &index), (link("app", &part), &part), (link("web", &web), &web)]);
        let goes = |images: &[&str]| goes_on(&storage, &journal, images);
        let both = BTreeSet::from([("app".to_owned(), index.clone()), ("app".to_owned(), part.clone())]);
        assert_eq!(goes(&[&format!("app@{index}")]), Some(both), "and nothing of another repository");
        assert_eq!(goes(&[&format!("web@{index}")]), None, "it was in another repository");
        assert_eq!(goes(&["app:v1"]), None);
        let linked = BTreeSet::from([("app".to_owned(), part.clone())]);
        assert_eq!(goes(&[&format!("app@{part}")]), Some(linked), "what is there goes by its name alone");
    }
}
