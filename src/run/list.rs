//! Listing for people and scripts: reads what was asked for and no more; writes nothing, and needs no lease.

mod not_there;

pub use not_there::{no_manifest, no_tag};

use super::scan::fetched;
use crate::collect::image_pattern::ImagePattern;
use crate::collect::inventory::{Inventory, Repository};
use crate::collect::learn::{LARGEST_LINK, ToRead};
use crate::collect::list::about::unread_of;
use crate::collect::list::known::Known;
use crate::collect::list::overview::Overview;
use crate::collect::list::tree::{Presence, State, blobs};
use crate::collect::list::walk::walk;
use crate::collect::listing::{Builder, Proof};
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, Observer, Phase};
use crate::layout::{self, StorageKey};
use crate::model::{Algorithm, Digest, RepositoryName, Tag, Timestamp, image_config, manifest};
use crate::storage::fetch::read_all;
use crate::storage::reader::{Area, Content, Storage};
use futures::{StreamExt, TryStreamExt, stream};
use std::collections::{BTreeSet, HashMap};

/// Who reads, and who wants to know.
#[derive(Clone, Copy)]
pub struct Listing<'a> {
    /// The registry.
    pub storage: &'a dyn Storage,
    /// How many requests are in flight at most.
    pub concurrency: usize,
    /// Whoever wants to know.
    pub observer: &'a dyn Observer,
}

impl std::fmt::Debug for Listing<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listing").field("storage", &self.storage).finish_non_exhaustive()
    }
}

/// Manifests and configurations are read so many at a time at most: each may be of 4 MiB.
const IN_FLIGHT: usize = 64;

impl Listing<'_> {
    /// All repositories, and with `sized` all blobs: their listings, and no read.
    ///
    /// # Errors
    /// If the storage cannot be listed.
    pub async fn overview(self, sized: bool) -> Result<Overview> {
        let mut overview = Overview::default();
        let areas = [(Area::Repositories, Phase::ListRepositories), (Area::Blobs, Phase::ListBlobs)];
        for (area, phase) in areas.into_iter().take(1 + usize::from(sized)) {
            self.observer.notice(Event::Begin(phase, None));
            let mut pages = self.storage.list(area);
            while let Some(page) = pages.try_next().await? {
                for entry in page.entries() {
                    if area == Area::Blobs { overview.see_blob(&entry) } else { overview.see(&entry) }
                }
                self.observer.notice(Event::Progress(page.len() as u64, 0));
            }
            self.observer.notice(Event::End);
        }
        Ok(overview)
    }

    /// The repositories of an image pattern: their manifests and tags. Only these are listed, and where the pattern leaves
    /// their names open what is in the directory that it names. The links of tags for which `reads` holds are read where
    /// the listing does not prove them; other links are taken at their key's word.
    ///
    /// # Errors
    /// If there is no such repository, or the storage cannot be listed or read.
    pub async fn repositories(self, image: &ImagePattern, reads: impl Fn(&Tag) -> bool) -> Result<Inventory> {
        let pattern = image.repository();
        let mut inventory = match pattern.literal() {
            Some(name) => self.one(name).await?,
            None => self.matching(image).await?,
        };
        self.read_tags(&mut inventory, reads).await?;
        Ok(inventory)
    }

    async fn one(self, name: &str) -> Result<Inventory> {
        let Some(valid) = RepositoryName::new(name) else { return Err(self.no_repository(name).await?) };
        let mut builder = self.builder();
        self.list(layout::manifests(&valid), |_| true, &mut builder).await?;
        let mut inventory = builder.finish();
        if inventory.repositories.is_empty() {
            if !self.has_other_keys(&valid).await? {
                return Err(self.no_repository(name).await?);
            }
            inventory.repositories.push(Repository::new(valid));
        }
        Ok(inventory)
    }

    /// Whether a repository without manifests and tags is there all the same.
    async fn has_other_keys(self, name: &RepositoryName) -> Result<bool> {
        for prefix in layout::layers_and_uploads(name) {
            let mut pages = self.storage.list_prefix(prefix);
            while let Some(page) = pages.try_next().await? {
                if !page.is_empty() {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    async fn matching(self, image: &ImagePattern) -> Result<Inventory> {
        let directory = image.repository().directory();
        let prefix =
            directory.map_or_else(|| layout::REPOSITORIES.into(), |name| format!("{}{name}/", layout::REPOSITORIES));
        let mut builder = self.builder();
        let mut names: BTreeSet<String> = BTreeSet::new();
        let mut last: Option<(String, bool)> = None;
        let wanted = |key: &str| {
            let Some(name) = layout::repository_of(key) else { return false };
            let matches = match &last {
                Some((known, matches)) if known == name => *matches,
                _ => {
                    let matches = image.is_of(name);
                    if matches && RepositoryName::new(name).is_some() {
                        names.insert(name.to_owned());
                    }
                    last = Some((name.to_owned(), matches));
                    matches
                }
            };
            matches && !layout::is_layer_link(key)
        };
        self.list(prefix, wanted, &mut builder).await?;
        let mut inventory = builder.finish();
        let known: BTreeSet<String> =
            inventory.repositories.iter().map(|repository| repository.name.to_string()).collect();
        let bare = names.difference(&known).filter_map(|name| RepositoryName::new(name)).map(Repository::new);
        inventory.repositories.extend(bare);
        inventory.repositories.sort_by(|a, b| a.name.cmp(&b.name));
        if inventory.repositories.is_empty() {
            return Err(Error::new(ErrorKind::NotThere, "find a repository")
                .on(image.repository().to_string())
                .because("no repository matches")
                .next("* stops at a slash and ** does not; `regsweep ls` lists all repositories"));
        }
        Ok(inventory)
    }

    fn builder(self) -> Builder {
        // A link of the usual form is not worth a read here: nothing is decided by it.
        Builder::new(Proof { cheap_reads: false, ..self.storage.proof() })
    }

    async fn list(self, prefix: String, mut wanted: impl FnMut(&str) -> bool, builder: &mut Builder) -> Result<()> {
        self.observer.notice(Event::Begin(Phase::ListRepositories, None));
        let mut pages = self.storage.list_prefix(prefix);
        while let Some(page) = pages.try_next().await? {
            page.entries().filter(|entry| wanted(entry.key)).for_each(|entry| _ = builder.see(&entry));
            self.observer.notice(Event::Progress(page.len() as u64, 0));
        }
        self.observer.notice(Event::End);
        Ok(())
    }

    async fn read_tags(self, inventory: &mut Inventory, reads: impl Fn(&Tag) -> bool) -> Result<()> {
        let is_wanted = |link: &ToRead| match StorageKey::parse(&link.key) {
            StorageKey::TagCurrent { tag, .. } => Tag::new(tag).is_some_and(|tag| reads(&tag)),
            _ => true,
        };
        let mut to_read = inventory.to_read(Timestamp::default(), None);
        to_read.retain(is_wanted);
        let mut read = Vec::new();
        let phase = Phase::ReadLinks;
        self.read(phase, to_read, |link| link.key.clone(), LARGEST_LINK, |link, content| read.push((link, content)))
            .await?;
        for (link, content) in &read {
            match content {
                Content::Bytes(bytes) => inventory.learn(link, Some(bytes)),
                Content::Missing | Content::TooLarge(_) => inventory.learn(link, None),
            }
        }
        Ok(())
    }

    /// Every manifest of these repositories, each once: only they tell what they are about.
    ///
    /// # Errors
    /// If the storage cannot be read.
    pub async fn manifests(self, inventory: &Inventory) -> Result<Known> {
        let mut known = Known::default();
        let mut wanted: BTreeSet<Digest> = BTreeSet::new();
        for repository in &inventory.repositories {
            wanted.extend(repository.revisions.iter().map(|link| link.digest));
            wanted.extend(repository.tagged());
        }
        self.learn_manifests(&mut known, wanted.into_iter().collect()).await?;
        Ok(known)
    }

    /// The manifests of one image alone, and of what its tags say is about it.
    ///
    /// # Errors
    /// If the storage cannot be read.
    pub async fn manifests_of(self, root: &Digest, repository: &Repository) -> Result<Known> {
        let mut known = Known::default();
        loop {
            let wanted = unread_of(root, repository, &known);
            if wanted.is_empty() {
                return Ok(known);
            }
            self.learn_manifests(&mut known, wanted).await?;
        }
    }

    async fn learn_manifests(self, known: &mut Known, wanted: Vec<Digest>) -> Result<()> {
        let take = |digest, content| known.learn_manifest(digest, &fetched(content));
        self.read(Phase::ReadManifests, wanted, layout::blob_data, manifest::LARGEST, take).await
    }

    /// The configurations of these images, each once: they tell platform and date.
    ///
    /// # Errors
    /// If the storage cannot be read.
    pub async fn configurations<'d>(
        self,
        known: &mut Known,
        images: impl Iterator<Item = (&'d Repository, &'d Digest)>,
    ) -> Result<()> {
        let images: HashMap<&Digest, &Repository> = images.map(|(repository, digest)| (digest, repository)).collect();
        let configs = images.into_iter().flat_map(|(digest, repository)| walk(digest, repository, known).configs);
        let configs: BTreeSet<Digest> = configs.collect();
        let mut read = Vec::new();
        let take = |digest: Digest, content| read.push((digest, content));
        self.read(Phase::ReadConfigurations, configs, layout::blob_data, image_config::LARGEST, take).await?;
        for (digest, content) in read {
            known.learn_config(digest, &fetched(content));
        }
        Ok(())
    }

    /// Looks whether the parts of an image are there and may be served; tells of those of which this is not so.
    ///
    /// # Errors
    /// If the storage cannot be read.
    pub async fn presence(self, root: &Digest, repository: &Repository, known: &Known) -> Result<Presence> {
        self.presence_of(blobs(root, repository, known), repository).await
    }

    /// The same for many images, where a look costs no request: elsewhere nothing is looked for.
    ///
    /// # Errors
    /// If the storage cannot be read.
    pub async fn cheap_presence(self, images: &[Digest], repository: &Repository, known: &Known) -> Result<Presence> {
        if !self.storage.proof().cheap_reads {
            return Ok(Presence::new());
        }
        let images: BTreeSet<&Digest> = images.iter().collect();
        let blobs: BTreeSet<Digest> =
            images.into_iter().flat_map(|image| walk(image, repository, known).blobs).collect();
        self.presence_of(blobs.into_iter().collect(), repository).await
    }

    async fn presence_of(self, blobs: Vec<Digest>, repository: &Repository) -> Result<Presence> {
        self.observer.notice(Event::Begin(Phase::LookForContent, Some(blobs.len() as u64)));
        let name = &repository.name;
        let looks = blobs.into_iter().map(|digest| async move { Ok((self.state(name, &digest).await?, digest)) });
        let mut looks = Box::pin(stream::iter(looks).buffer_unordered(self.concurrency.clamp(1, IN_FLIGHT)));
        let mut presence = Presence::new();
        while let Some((state, digest)) = looks.try_next().await? {
            self.observer.notice(Event::Progress(1, 0));
            presence.extend(state.map(|state| (digest, state)));
        }
        drop(looks);
        self.observer.notice(Event::End);
        Ok(presence)
    }

    async fn state(self, repository: &RepositoryName, digest: &Digest) -> Result<Option<State>> {
        let link = layout::layer_link(repository, digest);
        // Content is stored under its SHA-256: a link under another name says which that is.
        let stands_for = match digest.algorithm() {
            Algorithm::Sha256 => self.storage.exists(&link).await?.then(|| digest.clone()),
            Algorithm::Sha384 | Algorithm::Sha512 => match self.storage.read(&link, LARGEST_LINK).await? {
                Content::Bytes(bytes) => std::str::from_utf8(&bytes).ok().and_then(|text| text.trim().parse().ok()),
                Content::Missing | Content::TooLarge(_) => None,
            },
        };
        let is_linked = stands_for.is_some();
        let content = layout::blob_data(stands_for.as_ref().unwrap_or(digest));
        Ok(match (self.storage.exists(&content).await?, is_linked) {
            (false, _) => Some(State::Missing),
            (true, false) => Some(State::NotLinked),
            (true, true) => None,
        })
    }

    async fn read<T: Send>(
        self,
        phase: Phase,
        items: impl IntoIterator<Item = T, IntoIter: ExactSizeIterator + Send> + Send,
        key: impl Fn(&T) -> String + Sync,
        limit: u64,
        mut take: impl FnMut(T, Content),
    ) -> Result<()> {
        let items = items.into_iter();
        self.observer.notice(Event::Begin(phase, Some(items.len() as u64)));
        read_all(self.storage, items, key, limit, self.concurrency.min(IN_FLIGHT), |item, content| {
            self.observer.notice(Event::Progress(1, 0));
            take(item, content);
        })
        .await?;
        self.observer.notice(Event::End);
        Ok(())
    }
}
