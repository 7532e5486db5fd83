//! What `rm` was told to remove, found in the inventory.

use super::dismissed::{Dismissed, Why};
use super::image_pattern::ImagePattern;
use super::inventory::{Inventory, Repository};
use super::keep_from::KeepFrom;
use super::near::near;
use crate::model::{Digest, Tag};

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
/// A tag that `--keep-from` names as well stays.
#[must_use]
pub fn named(images: &[ImagePattern], inventory: &Inventory, keep_from: &[KeepFrom]) -> (Dismissed, Vec<Unmatched>) {
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
                if !is_kept(keep_from, repository, tag) {
                    dismissed.add_tag(inventory, at, tag, &why);
                }
            }
            for digest in digests(image, repository) {
                dismissed.add_manifest(inventory, at, &digest, &why);
                found = true;
            }
        }
        if !found {
            let why = words(image, repositories, inventory);
            unmatched.push(Unmatched { image: image.to_string(), why });
        }
    }
    (dismissed, unmatched)
}

fn is_kept(keep_from: &[KeepFrom], repository: &Repository, tag: &Tag) -> bool {
    keep_from.iter().any(|keep| {
        matches!(keep, KeepFrom::Tag(_, kept) if kept == tag) && keep.repositories().contains(&repository.name)
    })
}

/// The digests in a repository that an image means: linked, tagged, or only in a tag's history.
fn digests(image: &ImagePattern, repository: &Repository) -> Vec<Digest> {
    let linked = repository.revisions.iter().map(|link| &link.digest);
    let tagged = repository.current_tags().filter_map(|(_, current)| current.target.digest());
    let history = repository.tags.values().flat_map(|entry| &entry.history).map(|link| &link.digest);
    let mut found: Vec<Digest> =
        linked.chain(tagged).chain(history).filter(|digest| image.names_digest(digest)).cloned().collect();
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
            let tags = repository.into_iter().flat_map(|found| found.tags.keys()).map(Tag::as_str);
            let name = repository.map(|found| found.name.to_string()).unwrap_or_default();
            let alike = image.tag().map_or_else(Vec::new, |tag| near(tag.text(), tags));
            format!("there is nothing of that name in {name}{}", perhaps(&alike))
        }
        many => format!("there is nothing of that name in any of {many} repositories"),
    }
}
