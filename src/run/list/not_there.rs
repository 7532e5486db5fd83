//! What was named is not there: the error says so, and what was perhaps meant.

use super::Listing;
use crate::collect::inventory::Repository;
use crate::collect::near::near;
use crate::error::{Error, ErrorKind, Result};
use crate::layout;
use crate::model::{Digest, RepositoryName, Tag};
use futures::{StreamExt, TryStreamExt};
use std::collections::BTreeSet;

impl Listing<'_> {
    /// The error for a repository that is not there, with those that were perhaps meant: its neighbours first, and of all
    /// only as many as a glance shows.
    pub(super) async fn no_repository(self, name: &str) -> Result<Error> {
        let mut names: BTreeSet<String> = BTreeSet::new();
        let is_directory = |directory: &&str| RepositoryName::new(&format!("{directory}/x")).is_some();
        let neighbours = name.rsplit_once('/').map(|(directory, _)| directory).filter(is_directory);
        let prefixes = [
            neighbours.map(|directory| format!("{}{directory}/", layout::REPOSITORIES)),
            Some(layout::REPOSITORIES.into()),
        ];
        let mut suggested = Vec::new();
        for prefix in prefixes.into_iter().flatten() {
            let mut pages = self.storage.list_prefix(prefix).take(GLANCE);
            while let Some(page) = pages.try_next().await? {
                let mut found = page.entries().filter_map(|entry| layout::repository_of(entry.key)).collect::<Vec<_>>();
                found.dedup();
                names.extend(found.into_iter().map(str::to_owned));
            }
            suggested = near(name, names.iter().map(String::as_str));
            if !suggested.is_empty() {
                break;
            }
        }
        let error =
            Error::new(ErrorKind::NotThere, "find the repository").on(name).because("there is no such repository");
        Ok(error.next(suggestion(&suggested, "`regsweep ls` lists all repositories")))
    }
}

/// So many pages are looked through for a name that was perhaps meant.
const GLANCE: usize = 20;

/// The error for a tag that is not there.
#[must_use]
pub fn no_tag(repository: &Repository, tag: &str) -> Error {
    let tags: Vec<Tag> = repository.current_tags().map(|(tag, _)| tag).collect();
    let suggested = near(tag, tags.iter().map(Tag::as_str));
    let all = format!("`regsweep ls {}` lists its tags", repository.name);
    Error::new(ErrorKind::NotThere, "find the tag")
        .on(format!("{}:{tag}", repository.name))
        .because("there is no such tag")
        .next(suggestion(&suggested, &all))
}

/// The error for a manifest that is not there.
#[must_use]
pub fn no_manifest(repository: &Repository, digest: &Digest) -> Error {
    Error::new(ErrorKind::NotThere, "find the manifest")
        .on(format!("{}@{digest}", repository.name))
        .because("the repository has no such manifest")
        .next(format!(
            "`regsweep ls {0} --digests` and `regsweep ls {0} --untagged --digests` list what it has",
            repository.name
        ))
}

fn suggestion(names: &[&str], all: &str) -> String {
    if names.is_empty() { all.to_owned() } else { format!("did you mean {}? {all}", names.join(", ")) }
}
