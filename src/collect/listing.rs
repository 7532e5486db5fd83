//! From a listing to an inventory: entry by entry, in any order.

use super::digest_table::DigestTable;
use super::entry::{Entry, md5_of_link};
use super::etag::{self, Etag};
use super::inventory::{Content, Current, Inventory, Link, Links, Repository, Signature, TagEntry, Target};
use super::listed_tags::ListedTags;
use super::problem::ProblemCode;
use super::shelf::Shelf;
use crate::layout::{self, SHA256_LINK_SIZE, StorageKey};
use crate::model::{Algorithm, Digest, RepositoryName};
use std::collections::HashMap;
use std::sync::Arc;

/// What a store's listing can prove about the content of links.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proof {
    /// `ETag`s are the MD5 of the content (S3, GCS), unless what is seen says otherwise.
    pub etags: bool,
    /// Links are cheap to read (a local directory), so revision links are read where nothing proves them.
    pub cheap_reads: bool,
}

/// So many unproven links are cheaper to read than to wonder about.
const FEW_LINKS: u64 = 100;

/// Takes a listing in, entry by entry, in any order.
#[derive(Debug)]
pub struct Builder {
    proof: Proof,
    inventory: Inventory,
    digests: DigestTable,
    page: u32,
    /// The tags of each repository so far.
    tags: Vec<ListedTags>,
    index: HashMap<String, usize>,
    last: Option<usize>,
    proven: u64,
    unproven: u64,
}

impl Builder {
    /// Begins.
    #[must_use]
    pub fn new(proof: Proof) -> Self {
        Self {
            proof,
            inventory: Inventory::default(),
            digests: DigestTable::default(),
            page: 0,
            tags: Vec::new(),
            index: HashMap::new(),
            last: None,
            proven: 0,
            unproven: 0,
        }
    }

    /// What is too much for memory goes on this shelf.
    #[must_use]
    pub fn shelving(mut self, beside: Option<Arc<dyn Shelf>>) -> Self {
        self.digests = DigestTable::with(beside);
        self
    }

    /// What follows is another page of the listing. Where this is told, links and tags need less sorting: those of a page are in order,
    /// and pages of ranges that are listed side by side are not.
    pub fn turn_page(&mut self) {
        self.page = self.page.wrapping_add(1);
        // A block of the end of one page and the beginning of another would overlap all that is between them.
        if let Some(last) = self.last {
            self.leave(last);
        }
    }

    /// Packs what came last of a repository: what follows is not next to it.
    fn leave(&mut self, at: usize) {
        // A directory comes in any order: there it would be packed one by one.
        if !self.proof.cheap_reads {
            self.tags[at].pack(self.digests.shelf_in_use());
            let repository = &mut self.inventory.repositories[at];
            repository.revisions.end_page(&self.digests);
            repository.layers.end_page(&self.digests);
        }
    }

    /// Takes one entry in. Tells of which manifest it is a revision link, if it is one.
    pub fn see(&mut self, entry: &Entry<'_>) -> Option<Digest> {
        self.inventory.objects += 1;
        self.inventory.bytes = self.inventory.bytes.saturating_add(entry.size);
        if entry.outside {
            let message =
                "it is a symbolic link, or lies behind one that leaves the root: it counts, and is never deleted";
            self.inventory.problems.add(ProblemCode::OutsideRoot, None, Some(entry.key.to_owned()), message);
        }
        let key = StorageKey::parse(entry.key);
        if !key.is_plain() && layout::is_unaddressable(entry.key) {
            let message = "a key that the store's client cannot name: it is never deleted";
            self.inventory.problems.add(ProblemCode::UnaddressableKey, None, Some(entry.key.to_owned()), message);
            // It may still keep something alive.
            if let StorageKey::Suspect { place, digest } = key {
                self.suspect(place, digest, entry);
            }
            return None;
        }
        match key {
            StorageKey::LayerLink { repository, digest } => {
                let link = self.link(digest, entry, true);
                let page = self.page;
                self.repository(repository, |found, digests| found.layers.add(link, page, digests));
            }
            StorageKey::RevisionLink { repository, digest } => {
                let link = self.link(digest.clone(), entry, false);
                let page = self.page;
                self.repository(repository, |found, digests| found.revisions.add(link, page, digests));
                return Some(digest);
            }
            StorageKey::SignatureLink { repository, revision, signature } => {
                let link = Signature { revision, signature, evidence: entry.evidence() };
                self.repository(repository, |found, _| found.signatures.push(link));
            }
            StorageKey::TagCurrent { repository, tag } => {
                let current = Current { target: Target::Unread, evidence: entry.evidence() };
                self.tags(repository, |tags, beside| tags.current(tag, current, beside));
            }
            StorageKey::TagHistory { repository, tag, digest } => {
                // History decides nothing by its content: the key names the digest.
                let link = self.history(digest, entry);
                self.tags(repository, |tags, beside| tags.history(tag, link, beside));
            }
            StorageKey::Upload { repository, upload, .. } => {
                let file = (entry.key.to_owned(), entry.evidence());
                self.repository(repository, |found, _| {
                    found.uploads.entry(upload.to_owned()).or_default().files.push(file);
                });
            }
            StorageKey::Suspect { place, digest } => self.suspect(place, digest, entry),
            StorageKey::Blob(_) | StorageKey::Unrecognized => {}
        }
        None
    }

    fn suspect(&mut self, place: &str, digest: Option<Digest>, entry: &Entry<'_>) {
        let key = Some(entry.key.to_owned());
        if RepositoryName::new(place).is_some() {
            let message = "a link of a shape that no registry writes: what it names is kept, and so is everything in its repository";
            self.inventory.problems.add(ProblemCode::UnknownLink, Some(place), key, message);
            self.repository(place, |found, _| {
                found.damaged = true;
                found.suspects.extend(digest);
            });
        } else {
            let message = "a link under a name that no registry accepts: what it names is kept, with all that needs";
            self.inventory.problems.add(ProblemCode::InvalidRepository, None, key, message);
            self.inventory.strangers.extend(digest);
        }
    }

    fn link(&mut self, digest: Digest, entry: &Entry<'_>, of_layer: bool) -> Link {
        let is_usual = digest.algorithm() == Algorithm::Sha256 && entry.size == SHA256_LINK_SIZE;
        if is_usual && self.proof.etags && entry.is_proven_link_to(&digest) {
            self.proven += 1;
            return proven(digest, entry);
        }
        self.unproven += u64::from(is_usual);
        // Where nothing can prove it and reading is dear, a link of the usual form is taken at its key's word.
        let assumed = is_usual && !self.proof.etags && (of_layer || !self.proof.cheap_reads);
        Link::new(digest, if assumed { Content::AsNamed } else { Content::Unread }, entry.evidence())
    }

    /// History decides nothing by its content: the key names the digest.
    fn history(&self, digest: Digest, entry: &Entry<'_>) -> Link {
        let is_usual = digest.algorithm() == Algorithm::Sha256 && entry.size == SHA256_LINK_SIZE;
        if is_usual && self.proof.etags && entry.is_proven_link_to(&digest) {
            return proven(digest, entry);
        }
        Link::new(digest, Content::AsNamed, entry.evidence())
    }

    fn tags(&mut self, repository: &str, change: impl FnOnce(&mut ListedTags, Option<&Arc<dyn Shelf>>)) {
        if let Some(at) = self.place(repository) {
            change(&mut self.tags[at], self.digests.shelf_in_use());
        }
    }

    fn repository(&mut self, name: &str, change: impl FnOnce(&mut Repository, &mut DigestTable)) {
        if let Some(at) = self.place(name) {
            change(&mut self.inventory.repositories[at], &mut self.digests);
        }
    }

    fn place(&mut self, name: &str) -> Option<usize> {
        let repositories = &mut self.inventory.repositories;
        // Listings come repository by repository: the last one is nearly always the one.
        let last = self.last.filter(|&last| repositories[last].name.as_str() == name);
        let at = if let Some(known) = last.or_else(|| self.index.get(name).copied()) {
            known
        } else {
            repositories.push(Repository::new(RepositoryName::new(name)?));
            self.tags.push(ListedTags::default());
            self.index.insert(name.to_owned(), repositories.len() - 1);
            repositories.len() - 1
        };
        if let Some(before) = self.last.filter(|before| *before != at) {
            self.leave(before);
        }
        self.last = Some(at);
        self.last
    }

    /// Ends the listing: sorts, and settles what needs no reading.
    ///
    /// Where hardly any `ETag` is the MD5 of its link (SSE-KMS and the like), `ETag`s prove nothing; then links of the
    /// usual form count as naming the digest in their key, and only what may differ is read. A few unproven links are
    /// read in any case: they may be what somebody wrote by hand.
    #[must_use]
    pub fn finish(mut self) -> Inventory {
        let few = self.unproven <= FEW_LINKS;
        let etags_prove = self.proof.etags && (self.proven >= self.unproven || few);
        self.inventory.digests = Arc::new(self.digests);
        let beside = self.inventory.digests.shelf_in_use();
        for (repository, tags) in self.inventory.repositories.iter_mut().zip(self.tags) {
            repository.revisions.settle(&self.inventory.digests);
            repository.layers.settle(&self.inventory.digests);
            let reads_revisions = etags_prove || self.proof.cheap_reads;
            assume(repository.revisions.odd_mut(), reads_revisions);
            assume(repository.layers.odd_mut(), etags_prove);
            repository.signatures.sort_by(|a, b| (&a.revision, &a.signature).cmp(&(&b.revision, &b.signature)));
            repository.signatures.dedup_by(|a, b| (&a.revision, &a.signature) == (&b.revision, &b.signature));
            let mut revisions = ByEtag { revisions: &repository.revisions, found: None };
            repository.tags = tags.settle(beside, |entry| resolve(entry, &mut revisions, etags_prove));
            for upload in repository.uploads.values_mut() {
                upload.files.sort_by(|a, b| a.0.cmp(&b.0));
            }
        }
        self.inventory.repositories.sort_by(|a, b| a.name.cmp(&b.name));
        self.inventory.strangers.sort();
        self.inventory.strangers.dedup();
        self.inventory
    }
}

/// A link whose `ETag` proves it: where it is written as S3 writes it, nothing has to be kept of it.
fn proven(digest: Digest, entry: &Entry<'_>) -> Link {
    if entry.etag.is_some_and(etag::is_usual) && !entry.outside {
        return Link::proven(digest, entry);
    }
    Link::new(digest, Content::AsNamed, entry.evidence())
}

/// Where nothing can be proven and reading is dear, a link of the usual form is taken at its key's word.
fn assume(links: &mut [Link], reads: bool) {
    for link in links {
        if reads || *link.content() != Content::Unread {
            continue;
        }
        if link.digest.algorithm() == Algorithm::Sha256 && link.size() == SHA256_LINK_SIZE {
            link.says(Content::AsNamed);
        }
    }
}

/// The manifests of a repository by the `ETag` of a link to them: worked out once, and only where a tag's history does
/// not have what it names. A hundred thousand tags without history must not be compared with as many manifests each.
struct ByEtag<'a> {
    revisions: &'a Links,
    found: Option<HashMap<[u8; 16], Digest>>,
}

impl ByEtag<'_> {
    fn find(&mut self, md5: [u8; 16]) -> Option<&Digest> {
        let by_etag = |link: Link| (md5_of_link(&link.digest), link.digest);
        self.found.get_or_insert_with(|| self.revisions.iter().map(by_etag).collect()).get(&md5)
    }
}

/// Finds what a tag names by its `ETag`, among what it has named first.
fn resolve(entry: &mut TagEntry, revisions: &mut ByEtag<'_>, etags_prove: bool) {
    let Some(current) = &mut entry.current else { return };
    let etag = current.evidence.etag.as_ref().filter(|_| etags_prove);
    let Some(md5) = etag.and_then(Etag::md5) else { return };
    let named = entry.history.iter().map(|link| &link.digest).find(|digest| md5_of_link(digest) == md5);
    if let Some(digest) = named.or_else(|| revisions.find(md5)) {
        current.target = Target::Digest(digest.clone());
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::collect::blobs::Tally;
    use crate::model::digest::hex;
    use crate::model::{Tag, Timestamp};
    use md5::Digest as _;
    use std::time::Duration;

    const S3: Proof = Proof { etags: true, cheap_reads: false };
    const AZURE: Proof = Proof { etags: false, cheap_reads: false };
    const DIRECTORY: Proof = Proof { etags: false, cheap_reads: true };

    fn etag(text: &str) -> String {
        hex(&md5::Md5::digest(text))
    }

    fn inventory(proof: Proof, entries: &[(String, u64, Option<String>)]) -> Inventory {
        let mut builder = Builder::new(proof);
        for (key, size, etag) in entries {
            let modified = Timestamp::from_days(1);
            builder.see(&Entry { key, size: *size, modified, etag: etag.as_deref(), outside: false });
        }
        builder.finish()
    }

    fn name() -> RepositoryName {
        RepositoryName::new("a").unwrap()
    }

    fn digest(number: u32) -> Digest {
        Digest::of(&number.to_le_bytes())
    }

    fn to_read(inventory: &Inventory) -> usize {
        inventory.to_read(Timestamp::from_days(9), Some(Duration::ZERO)).len()
    }

    /// A link as S3 lists it, with the `ETag` of what it says.
    fn link(key: String, says: &Digest) -> (String, u64, Option<String>) {
        (key, 71, Some(etag(&says.to_string())))
    }

    /// Of thousands of repositories each would hold a few links in memory until the end.
    #[test]
    fn what_is_listed_is_on_the_shelf_when_another_page_or_repository_follows() {
        use crate::collect::shelf::tests::InMemory;
        let shelf = Arc::new(InMemory::of(usize::MAX));
        let mut builder = Builder::new(S3).shelving(Some(Arc::clone(&shelf) as Arc<dyn Shelf>));
        let see = |builder: &mut Builder, repository: &str, numbers: std::ops::Range<u32>| {
            let name = RepositoryName::new(repository).unwrap();
            let mut digests: Vec<Digest> = numbers.map(digest).collect();
            digests.sort();
            for digest in digests {
                let (key, modified) = (layout::layer_link(&name, &digest), Timestamp::from_days(1));
                let etag = format!("\"{}\"", etag(&digest.to_string()));
                builder.see(&Entry { key: &key, size: 71, modified, etag: Some(&etag), outside: false });
            }
        };
        see(&mut builder, "a", 0..100);
        see(&mut builder, "b", 50..52);
        let grown = |builder: &mut Builder, next: fn(&mut Builder)| {
            let before = shelf.len();
            next(builder);
            shelf.len() - before
        };
        assert_eq!(grown(&mut builder, Builder::turn_page), 2 * 12, "links of b");
        assert_eq!(grown(&mut builder, Builder::turn_page), 0, "nothing came");
        see(&mut builder, "b", 52..55);
        let before = shelf.len();
        see(&mut builder, "c", 0..1);
        assert_eq!(shelf.len() - before, 3 * 12, "what came of b on another page");
    }

    #[test]
    fn proven_links_are_not_read() {
        let tag = Tag::new("v1").unwrap();
        let entries = [
            link(layout::layer_link(&name(), &digest(1)), &digest(1)),
            link(layout::revision_link(&name(), &digest(2)), &digest(2)),
            link(layout::tag_history(&name(), &tag, &digest(2)), &digest(2)),
            link(layout::tag_current(&name(), &tag), &digest(2)),
        ];
        let found = inventory(S3, &entries);
        assert_eq!(to_read(&found), 0);
        let current = found.repositories[0].tags.get(&tag).unwrap().current.unwrap();
        assert_eq!(current.target, Target::Digest(digest(2)));
    }

    /// A link that looks changed later stays, and one that has changed must look so.
    #[test]
    fn what_is_kept_of_a_link_is_what_was_listed() {
        let wide = Digest::from_parts("sha512", &digest(1).hex().repeat(2)).unwrap();
        let tag = Tag::new("v1").unwrap();
        let etags = |digest: &Digest| {
            let own = etag(&digest.to_string());
            let other = "0123456789abcdef0123456789abcdef";
            let written = |md5: &str| {
                [md5.to_owned(), format!("\"{md5}\""), format!("W/\"{md5}\""), format!("\"{}\"", md5.to_uppercase())]
            };
            let all = written(&own).into_iter().chain(written(other)).chain(["0x8D".to_owned()]);
            all.map(Some).chain([None]).collect::<Vec<_>>()
        };
        for digest in [digest(1), wide] {
            for (etag, size, outside, proof) in etags(&digest).iter().flat_map(|etag| {
                let sizes = [71, 73, 135].into_iter().flat_map(|size| [(size, false), (size, true)]);
                sizes.flat_map(move |(size, outside)| [S3, AZURE, DIRECTORY].map(|proof| (etag, size, outside, proof)))
            }) {
                let keys = [
                    layout::layer_link(&name(), &digest),
                    layout::revision_link(&name(), &digest),
                    layout::tag_history(&name(), &tag, &digest),
                ];
                let mut builder = Builder::new(proof);
                let entry =
                    |key| Entry { key, size, modified: Timestamp::from_days(1), etag: etag.as_deref(), outside };
                for key in &keys {
                    builder.see(&entry(key));
                }
                let found = builder.finish().repositories.remove(0);
                let history = &found.tags.get(&tag).unwrap().history[0];
                for link in [&found.layers.iter().next().unwrap(), &found.revisions.iter().next().unwrap(), history] {
                    assert_eq!((&link.digest, link.evidence()), (&digest, entry(&keys[0]).evidence()));
                }
            }
        }
    }

    #[test]
    fn link_that_says_something_else_is_read() {
        let entries = [
            link(layout::layer_link(&name(), &digest(1)), &digest(9)),
            (layout::layer_link(&name(), &digest(2)), 0, None),
            link(layout::revision_link(&name(), &digest(3)), &digest(3)),
        ];
        assert_eq!(to_read(&inventory(S3, &entries)), 2);
        assert_eq!(to_read(&inventory(AZURE, &entries)), 1, "only the empty one shows");
        assert_eq!(to_read(&inventory(DIRECTORY, &entries)), 2, "the empty one, and the revision link");
    }

    #[test]
    fn where_etags_prove_nothing_only_tags_are_read() {
        let opaque = |key: String| (key, 71, Some("0123456789abcdef0123456789abcdef".to_owned()));
        let mut entries: Vec<_> = (0..300).map(|at| opaque(layout::layer_link(&name(), &digest(at)))).collect();
        entries.push(opaque(layout::tag_current(&name(), &Tag::new("v1").unwrap())));
        assert_eq!(to_read(&inventory(S3, &entries)), 1);
    }

    /// A total that began anew would be small, and a small registry has no limit to the share that may go.
    #[test]
    fn sizes_that_no_number_holds_make_no_small_registry() {
        let upload = layout::upload(&name(), "0f8fad5b-d9cb-469f-a165-70867728950e");
        let file = |name: &str| (format!("{upload}{name}"), u64::MAX - 1, None);
        let found = inventory(S3, &[file("data"), file("startedat")]);
        assert_eq!(found.bytes, u64::MAX);
        assert_eq!(found.repositories[0].uploads.values().next().unwrap().bytes(), u64::MAX);
        let mut tally = Tally::default();
        tally.add(u64::MAX);
        tally.add(2);
        assert_eq!(tally, Tally { count: 2, bytes: u64::MAX });
    }

    #[test]
    fn tag_without_history_is_found_among_the_manifests() {
        let tag = |number: u32| Tag::new(&format!("v{number}")).unwrap();
        let mut entries = Vec::new();
        for number in 0..3 {
            entries.push(link(layout::revision_link(&name(), &digest(number)), &digest(number)));
            let (key, size, etag) = link(layout::tag_current(&name(), &tag(number)), &digest(number));
            entries.push((key, size, etag.map(|etag| format!("\"{}\"", etag.to_uppercase()))));
        }
        entries.push(link(layout::tag_history(&name(), &tag(1), &digest(7)), &digest(7)));
        let found = inventory(S3, &entries);
        for number in 0..3 {
            let current = found.repositories[0].tags.get(&tag(number)).unwrap().current.unwrap();
            assert_eq!(current.target, Target::Digest(digest(number)));
        }
    }

    /// Compared one with the other, these would take minutes.
    #[test]
    fn many_tags_without_history_are_found() {
        const TAGS: u32 = 20_000;
        let mut entries = Vec::new();
        for number in 0..TAGS {
            let tag = Tag::new(&format!("v{number}")).unwrap();
            entries.push(link(layout::revision_link(&name(), &digest(number)), &digest(number)));
            entries.push(link(layout::tag_current(&name(), &tag), &digest(number)));
        }
        assert_eq!(to_read(&inventory(S3, &entries)), 0);
    }

    #[test]
    fn link_listed_twice_counts_once() {
        let twice = [
            link(layout::layer_link(&name(), &digest(1)), &digest(1)),
            link(layout::layer_link(&name(), &digest(1)), &digest(1)),
        ];
        assert_eq!(inventory(S3, &twice).repositories[0].layers.len(), 1);
    }

    #[test]
    fn everything_listed_is_counted() {
        let entries = [
            link(layout::layer_link(&name(), &digest(1)), &digest(1)),
            (format!("{}.DS_Store", layout::REPOSITORIES), 9, None),
            (format!("{}a//b", layout::REPOSITORIES), 20, None),
        ];
        let found = inventory(S3, &entries);
        assert_eq!((found.objects, found.bytes), (3, 100));
    }

    /// ETags that are hardly ever the MD5 of a link prove nothing, also not that a link differs.
    #[test]
    fn etags_are_trusted_only_where_most_are_right_or_few_are_not() {
        let right = |at| link(layout::layer_link(&name(), &digest(at)), &digest(at));
        let wrong = |at| link(layout::layer_link(&name(), &digest(at)), &digest(at + 1));
        let read = |wrong_ones: u32, right_ones: u32| {
            let entries = (0..wrong_ones).map(wrong).chain((wrong_ones..wrong_ones + right_ones).map(right));
            to_read(&inventory(S3, &entries.collect::<Vec<_>>()))
        };
        assert_eq!(read(100, 0), 100, "few");
        assert_eq!(read(101, 0), 0, "many, and none is right");
        assert_eq!(read(101, 100), 0, "most are wrong");
        assert_eq!(read(101, 101), 101, "half are right");
        assert_eq!(read(0, 101), 0);
    }

    #[test]
    fn link_is_taken_at_its_keys_word_only_in_the_usual_form() {
        let usual = (layout::layer_link(&name(), &digest(1)), 71, None);
        let long = (layout::layer_link(&name(), &digest(2)), 72, None);
        let wide = Digest::from_parts("sha512", &digest(3).hex().repeat(2)).unwrap();
        let other_algorithm = (layout::layer_link(&name(), &wide), 71, None);
        // Sized as its own text, and proven to be it: the content is stored under another name all the same.
        let (key, _, etag) = link(layout::revision_link(&name(), &wide), &wide);
        let found = inventory(AZURE, &[usual, long, other_algorithm, (key, 71, etag.clone())]);
        assert_eq!(to_read(&found), 3);
        let proven = inventory(S3, &[(layout::layer_link(&name(), &wide), 71, etag)]);
        assert_eq!(to_read(&proven), 1, "the registry keeps nothing under this name");
        let long = link(layout::layer_link(&name(), &digest(2)), &digest(2));
        assert_eq!(
            to_read(&inventory(S3, &[(long.0, 72, long.2)])),
            1,
            "an ETag and a size that contradict each other"
        );
        assert_eq!(to_read(&inventory(DIRECTORY, &[(layout::revision_link(&name(), &digest(1)), 71, None)])), 1);
    }

    #[test]
    fn tag_names_what_its_etag_proves_and_is_read_elsewhere() {
        let tag = Tag::new("v1").unwrap();
        let target = |proof, says: &Digest, others: &[(String, u64, Option<String>)]| {
            let current = link(layout::tag_current(&name(), &tag), says);
            let found = inventory(proof, &[&[current], others].concat());
            found.repositories[0].tags.get(&tag).unwrap().current.as_ref().unwrap().target.clone()
        };
        let history = link(layout::tag_history(&name(), &tag, &digest(1)), &digest(1));
        let revision = link(layout::revision_link(&name(), &digest(2)), &digest(2));
        let others = [history, revision];
        assert_eq!(target(S3, &digest(1), &others), Target::Digest(digest(1)));
        assert_eq!(target(S3, &digest(2), &others), Target::Digest(digest(2)));
        assert_eq!(target(S3, &digest(3), &others), Target::Unread, "nobody knows such a digest");
        assert_eq!(target(DIRECTORY, &digest(1), &others), Target::Unread);
    }

    #[test]
    fn order_of_the_listing_plays_no_part() {
        let repositories = ["b", "a", "c", "b", "a", "c"].map(|name| RepositoryName::new(name).unwrap());
        let tag = Tag::new("v1").unwrap();
        let mut entries = Vec::new();
        for (at, repository) in (0..).zip(&repositories) {
            entries.push(link(layout::layer_link(repository, &digest(at)), &digest(at)));
            entries.push(link(layout::revision_link(repository, &digest(at)), &digest(at)));
            entries.push(link(layout::tag_history(repository, &tag, &digest(at)), &digest(at)));
            entries.push(link(layout::signature_link(repository, &digest(at), &digest(9)), &digest(9)));
            let upload = layout::upload(repository, "0f8fad5b-d9cb-469f-a165-70867728950e");
            entries.push((format!("{upload}{at}"), 5, None));
        }
        let found = inventory(S3, &entries);
        let names: Vec<&str> = found.repositories.iter().map(|repository| repository.name.as_str()).collect();
        assert_eq!(names, ["a", "b", "c"]);
        for repository in &found.repositories {
            assert!(repository.layers.iter().is_sorted_by(|a, b| a.digest < b.digest));
            assert!(repository.revisions.iter().is_sorted_by(|a, b| a.digest < b.digest));
            assert!(repository.tags.get(&tag).unwrap().history.is_sorted_by(|a, b| a.digest < b.digest));
            assert!(repository.signatures.is_sorted_by(|a, b| a.revision < b.revision));
            let upload = repository.uploads.values().next().unwrap();
            assert!(upload.files.is_sorted_by(|a, b| a.0 < b.0));
            assert_eq!((repository.layers.len(), repository.signatures.len(), upload.files.len()), (2, 2, 2));
        }
        entries.reverse();
        assert_eq!(format!("{:?}", inventory(S3, &entries)), format!("{found:?}"));
    }

    #[test]
    fn what_a_client_cannot_name_or_lies_outside_is_told_and_keeps_alive() {
        let hex = digest(1).hex();
        let entries = [
            (format!("{}a//_layers/sha256/{hex}/link", layout::REPOSITORIES), 71, None),
            (format!("{}a/_x/./sha256/{hex}/link", layout::REPOSITORIES), 71, None),
        ];
        let found = inventory(S3, &entries);
        assert_eq!(found.problems.count(ProblemCode::UnaddressableKey), 2);
        assert_eq!((found.strangers, &found.repositories[0].suspects[..]), (vec![digest(1)], &[digest(1)][..]));
        assert!(found.repositories[0].damaged);

        let mut builder = Builder::new(S3);
        let key = layout::layer_link(&name(), &digest(1));
        builder.see(&Entry { key: &key, size: 71, modified: Timestamp::from_days(1), etag: None, outside: true });
        let found = builder.finish();
        assert_eq!(found.problems.count(ProblemCode::OutsideRoot), 1);
        assert!(found.repositories[0].layers.odd()[0].is_outside());
    }
}
