//! What the listing of `repositories/` said: repositories with their links, tags and uploads.

use super::digest_table::DigestTable;
use super::entry::Evidence;
use super::multipart::Multipart;
use super::problem::Problems;
use crate::layout;
use crate::model::{Digest, RepositoryName, Tag, Timestamp};
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

pub use super::links::{Content, Link, Links};
pub use super::tags::{TagEntry, Tags};

/// What a tag names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A manifest.
    Digest(Digest),
    /// Its link is not one digest; the digest that was perhaps meant (a link that ends in a newline) counts as well.
    Unreadable(Option<Digest>),
    /// Not read so far.
    Unread,
}

impl Target {
    /// The same, of one that is not held.
    #[must_use]
    pub fn into_digest(self) -> Option<Digest> {
        match self {
            Self::Digest(digest) | Self::Unreadable(Some(digest)) => Some(digest),
            Self::Unreadable(None) | Self::Unread => None,
        }
    }

    /// The manifest it names, or perhaps means.
    #[must_use]
    pub fn digest(&self) -> Option<&Digest> {
        match self {
            Self::Digest(digest) | Self::Unreadable(Some(digest)) => Some(digest),
            Self::Unreadable(None) | Self::Unread => None,
        }
    }
}

/// What a tag names now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Current {
    /// What it names.
    pub target: Target,
    /// What the listing said of its link.
    pub evidence: Evidence,
}

/// An upload that has not ended.
#[derive(Debug, Clone, Default)]
pub struct Upload {
    /// The keys below it, and what the listing said of each.
    pub files: Vec<(String, Evidence)>,
    /// The time in `startedat`, once it was read.
    pub started: Option<Timestamp>,
    /// What no listing shows of it.
    pub multiparts: Vec<Multipart>,
}

impl Upload {
    /// The newest sign of life; none where one is not known.
    #[must_use]
    pub fn newest(&self) -> Option<Timestamp> {
        let parts: Option<Vec<Timestamp>> = self.multiparts.iter().map(Multipart::newest).collect();
        self.files.iter().map(|(_, evidence)| evidence.modified).chain(self.started).chain(parts?).max()
    }

    /// Bytes of all its files and parts.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let parts = self.multiparts.iter().map(Multipart::bytes);
        self.files.iter().map(|(_, evidence)| evidence.size).chain(parts).fold(0, u64::saturating_add)
    }
}

/// A signature link of a registry before 2.5.
#[derive(Debug, Clone)]
pub struct Signature {
    /// The signed manifest.
    pub revision: Digest,
    /// The signature's blob.
    pub signature: Digest,
    /// What the listing said of the link.
    pub evidence: Evidence,
}

/// One repository.
#[derive(Debug, Clone)]
pub struct Repository {
    /// Its name.
    pub name: RepositoryName,
    /// Its manifests.
    pub revisions: Links,
    /// The blobs it may serve.
    pub layers: Links,
    /// Signatures of old registries.
    pub signatures: Vec<Signature>,
    /// Its tags and their history.
    pub tags: Tags,
    /// Its uploads, by id.
    pub uploads: BTreeMap<String, Upload>,
    /// Digests that links of unknown shape name.
    pub suspects: Vec<Digest>,
    /// Whether something in it cannot be understood: then it keeps every revision and every layer link.
    pub damaged: bool,
}

/// So many tags are looked up together, in about 10 MB.
const AT_ONCE: usize = if cfg!(test) { 2 } else { 1 << 18 };

impl Repository {
    /// One of which nothing is known but its name.
    #[must_use]
    pub fn new(name: RepositoryName) -> Self {
        Self {
            name,
            revisions: Links::default(),
            layers: Links::default(),
            signatures: Vec::new(),
            tags: Tags::default(),
            uploads: BTreeMap::new(),
            suspects: Vec::new(),
            damaged: false,
        }
    }

    /// Whether it links a manifest. Its links are sorted by digest once a listing has ended.
    #[must_use]
    pub fn links_manifest(&self, digest: &Digest) -> bool {
        self.revisions.has(digest)
    }

    /// What its tags name that it does not link: of nearly all repositories nothing. Links may lie beside memory, where it
    /// would take long to look up each, and a set of them would be much of all memory.
    #[must_use]
    pub fn unlinked(&self) -> HashSet<Digest> {
        let (mut unlinked, mut tagged) = (HashSet::new(), self.tagged());
        loop {
            let mut targets: Vec<Digest> = tagged.by_ref().take(AT_ONCE).collect();
            if targets.is_empty() {
                return unlinked;
            }
            targets.sort_unstable();
            let mut links = self.revisions.iter().map(|link| link.digest).peekable();
            for target in targets {
                while links.next_if(|link| *link < target).is_some() {}
                if links.peek() != Some(&target) {
                    unlinked.insert(target);
                }
            }
        }
    }

    /// What its tags name now, or perhaps mean.
    pub fn tagged(&self) -> impl Iterator<Item = Digest> + '_ {
        self.current_tags().filter_map(|(_, current)| current.target.into_digest())
    }

    /// All that its tags have named.
    pub fn histories(&self) -> impl Iterator<Item = Link> + '_ {
        self.tags.values().flat_map(|entry| entry.history)
    }

    /// Tags that name something now.
    pub fn current_tags(&self) -> impl Iterator<Item = (Tag, Current)> + '_ {
        self.tags.iter().filter_map(|(tag, entry)| Some((tag, entry.current?)))
    }
}

/// All repositories, in the order of their names, whatever the order of the listing was.
#[derive(Debug, Clone, Default)]
pub struct Inventory {
    /// The repositories.
    pub repositories: Vec<Repository>,
    /// The digests of layer links.
    pub digests: Arc<DigestTable>,
    /// Digests that are linked under names that no registry accepts: kept with all they need.
    pub strangers: Vec<Digest>,
    /// What is odd.
    pub problems: Problems,
    /// Objects seen, whatever they are.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Incomplete multipart uploads that are part of no upload: of blobs, or of what no registry writes.
    pub multiparts: Vec<Multipart>,
    /// Bytes of all incomplete multipart uploads, which no listing shows.
    pub multipart_bytes: u64,
}

impl Inventory {
    /// Every pointer, of any kind and wherever it is, that names one of these digests: its key, and the digest. A link of
    /// a shape that no registry writes has no key here.
    pub fn pointers_to(&self, digests: &HashSet<&Digest>) -> impl Iterator<Item = (String, Digest)> {
        let is_wanted = |digest: &&Digest| digests.contains(*digest);
        let mut found: Vec<(String, Digest)> = Vec::new();
        for repository in &self.repositories {
            let name = &repository.name;
            for ref link in &repository.revisions {
                let named = [Some(&link.digest), link.alias()].into_iter().flatten().filter(is_wanted);
                found.extend(named.map(|digest| (layout::revision_link(name, &link.digest), digest.clone())));
            }
            for link in repository.layers.iter() {
                let named = [Some(&link.digest), link.alias()].into_iter().flatten().filter(is_wanted);
                found.extend(named.map(|digest| (layout::layer_link(name, &link.digest), digest.clone())));
            }
            for link in &repository.signatures {
                let named = [&link.revision, &link.signature].into_iter().filter(is_wanted);
                let key = || layout::signature_link(name, &link.revision, &link.signature);
                found.extend(named.map(|digest| (key(), digest.clone())));
            }
            for (ref tag, ref entry) in &repository.tags {
                let current = entry.current.as_ref().and_then(|current| current.target.digest()).filter(is_wanted);
                found.extend(current.map(|digest| (layout::tag_current(name, tag), digest.clone())));
                let history = entry.history.iter().map(|link| &link.digest).filter(is_wanted);
                found.extend(history.map(|digest| (layout::tag_history(name, tag, digest), digest.clone())));
            }
            found.extend(repository.suspects.iter().filter(is_wanted).map(|digest| (String::new(), digest.clone())));
        }
        found.extend(self.strangers.iter().filter(is_wanted).map(|digest| (String::new(), digest.clone())));
        found.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::super::scene::{DAY, NOW, Storage, name, of, options, sha512, tag};
    use super::*;

    #[test]
    fn every_pointer_to_a_digest_is_found_by_its_key() {
        let (digest, alias, other) = (of("x"), sha512("x"), of("other"));
        let a = name("a");
        let pointers = [
            layout::layer_link(&a, &alias),
            layout::layer_link(&a, &digest),
            layout::revision_link(&a, &alias),
            layout::revision_link(&a, &digest),
            layout::signature_link(&a, &digest, &other),
            layout::signature_link(&a, &other, &digest),
            layout::tag_current(&a, &tag("v1")),
            layout::tag_history(&a, &tag("v1"), &digest),
        ];
        let mut storage = Storage::default();
        for key in &pointers {
            storage.link(key.clone(), &digest.to_string());
        }
        storage.put(layout::layer_link(&a, &other));
        storage.put(layout::revision_link(&a, &other));
        storage.put(layout::tag_history(&a, &tag("v1"), &other));
        let inventory = storage.inventory(&options());
        let mut found: Vec<_> = inventory.pointers_to(&HashSet::from([&digest])).collect();
        found.sort();
        let mut expected: Vec<_> = pointers.iter().map(|key| (key.clone(), digest.clone())).collect();
        expected.sort();
        assert_eq!(found, expected);

        let mut odd = Storage::default();
        odd.put(format!("{}_x/sha256/{}/link", layout::repository(&a), digest.hex()));
        odd.put(format!("{}Up/_layers/sha256/{}/link", layout::REPOSITORIES, other.hex()));
        let inventory = odd.inventory(&options());
        let found: HashSet<_> = inventory.pointers_to(&HashSet::from([&digest, &other])).collect();
        assert_eq!(found, HashSet::from([(String::new(), digest), (String::new(), other)]));
    }

    #[test]
    fn upload_is_as_young_as_its_newest_file_or_its_start_and_as_large_as_all_files() {
        let evidence = |size, modified| Evidence { size, modified, etag: None, outside: false };
        let mut upload = Upload::default();
        assert_eq!((upload.newest(), upload.bytes()), (None, 0));
        upload.files = vec![("a".into(), evidence(3, NOW)), ("b".into(), evidence(4, Timestamp::from_days(1)))];
        assert_eq!((upload.newest(), upload.bytes()), (Some(NOW), 7));
        upload.started = Some(NOW.plus(DAY));
        assert_eq!(upload.newest(), Some(NOW.plus(DAY)));
    }

    #[test]
    fn link_names_another_digest_only_if_it_says_so() {
        let link = |content| Link::new(of("x"), content, seen());
        assert_eq!(link(Content::Other(of("y"))).alias(), Some(&of("y")));
        for content in [Content::AsNamed, Content::Unreadable, Content::Unread] {
            assert_eq!(link(content).alias(), None);
        }
        assert_eq!(Target::Unreadable(Some(of("x"))).digest(), Some(&of("x")));
        assert_eq!(Target::Digest(of("x")).digest(), Some(&of("x")));
        assert_eq!((Target::Unreadable(None).digest(), Target::Unread.digest()), (None, None));
    }

    fn seen() -> Evidence {
        Evidence { size: 71, modified: NOW, etag: None, outside: false }
    }

    #[test]
    fn tags_of_what_is_not_linked_are_told() {
        let mut storage = Storage::default();
        assert!(Repository::new(name("a")).unlinked().is_empty());
        for number in 0..7 {
            let image = storage.index("a", &[&of(&number.to_string())]);
            storage.tag("a", &format!("v{number}"), &image);
            storage.tag("a", &format!("w{number}"), &image);
        }
        assert!(storage.inventory(&options()).repositories[0].unlinked().is_empty());
        let unlinked = [of("x"), of("y"), sha512("z")];
        for (number, digest) in unlinked.iter().enumerate() {
            storage.tag("a", &format!("x{number}"), digest);
        }
        assert_eq!(storage.inventory(&options()).repositories[0].unlinked(), HashSet::from(unlinked));
    }

    #[test]
    fn history_alone_makes_no_tag() {
        let mut storage = Storage::default();
        storage.tag("a", "v1", &of("x"));
        storage.put(layout::tag_history(&name("a"), &tag("v2"), &of("x")));
        let inventory = storage.inventory(&options());
        let tags: Vec<Tag> = inventory.repositories[0].current_tags().map(|(tag, _)| tag).collect();
        assert_eq!(tags, [tag("v1")]);
    }
}
