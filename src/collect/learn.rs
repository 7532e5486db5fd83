//! Which links have to be read, and what their content says.

use super::inventory::{Content, Inventory, Link, Repository, Target, Upload};
use super::problem::ProblemCode;
use crate::layout;
use crate::model::{Algorithm, Digest, Tag, Timestamp};
use std::time::Duration;

/// A link is one digest's text: a larger file is none and is not read to its end.
pub const LARGEST_LINK: u64 = 1024;

/// Something small that must be read before anything can be decided.
#[derive(Debug, Clone)]
pub struct ToRead {
    /// Its key.
    pub key: String,
    /// The number of its repository.
    pub repository: usize,
    what: What,
}

#[derive(Debug, Clone)]
enum What {
    Revision(usize),
    Layer(usize),
    Current(Tag),
    Start(String),
}

impl Inventory {
    /// All that must be read: unproven links, tags whose target is not known, and the start times of uploads that look
    /// older than `uploads_older_than` by the times of their files.
    #[must_use]
    pub fn to_read(&self, now: Timestamp, uploads_older_than: Option<Duration>) -> Vec<ToRead> {
        (0..self.repositories.len()).flat_map(|at| self.to_read_in(at, now, uploads_older_than)).collect()
    }

    /// The same of one repository, by its number.
    #[must_use]
    pub fn to_read_in(&self, at: usize, now: Timestamp, uploads_older_than: Option<Duration>) -> Vec<ToRead> {
        let Some(repository) = self.repositories.get(at) else { return Vec::new() };
        let name = &repository.name;
        let what = unread_in(repository, now, uploads_older_than).map(|unread| match unread {
            Unread::Revision(index, link) => (layout::revision_link(name, &link.digest), What::Revision(index)),
            Unread::Layer(index, link) => (layout::layer_link(name, &link.digest), What::Layer(index)),
            Unread::Current(tag) => (layout::tag_current(name, &tag), What::Current(tag)),
            Unread::Start(id, key) => (key.to_owned(), What::Start(id.to_owned())),
        });
        what.map(|(key, what)| ToRead { key, repository: at, what }).collect()
    }

    /// How many there are.
    #[must_use]
    pub fn count_to_read(&self, now: Timestamp, uploads_older_than: Option<Duration>) -> usize {
        let unread = |repository: &Repository| unread_in(repository, now, uploads_older_than).count();
        self.repositories.iter().map(unread).sum()
    }

    /// Takes in what a key's content is; `None` where there is no such key any more.
    pub fn learn(&mut self, read: &ToRead, content: Option<&[u8]>) {
        let Some(repository) = self.repositories.get_mut(read.repository) else { return };
        let (strict, lenient) = digest_in(content);
        let mut unreadable = false;
        match &read.what {
            What::Revision(index) | What::Layer(index) => {
                let links = if matches!(read.what, What::Layer(_)) {
                    repository.layers.odd_mut()
                } else {
                    repository.revisions.odd_mut()
                };
                let Some(link) = links.get_mut(*index) else { return };
                link.says(match strict.or(lenient) {
                    Some(ref digest) if *digest == link.digest => Content::AsNamed,
                    Some(digest) => Content::Other(digest),
                    None => Content::Unreadable,
                });
                unreadable = digest_in(content).0.is_none();
                // Content is stored under SHA-256: a link under another name does not tell any more for what it stood.
                let lost = *link.content() == Content::Unreadable && link.digest.algorithm() != Algorithm::Sha256;
                repository.damaged |= lost;
            }
            What::Current(tag) => {
                let Some(mut entry) = repository.tags.get(tag) else { return };
                let Some(current) = &mut entry.current else { return };
                current.target = match strict {
                    Some(digest) => Target::Digest(digest),
                    None => Target::Unreadable(lenient),
                };
                let is_unreadable = matches!(current.target, Target::Unreadable(_));
                repository.tags.insert(tag, &entry);
                if is_unreadable {
                    let message = format!(
                        "tag {tag} cannot be read: everything it has named is kept, and every manifest of its repository"
                    );
                    let name = repository.name.to_string();
                    self.problems.add(ProblemCode::UnreadableTag, Some(&name), Some(read.key.clone()), message);
                }
            }
            What::Start(id) => {
                let text = content.and_then(|bytes| std::str::from_utf8(bytes).ok());
                let started = text.and_then(|text| Timestamp::parse_rfc3339(text.trim()));
                if let Some(upload) = repository.uploads.get_mut(id) {
                    upload.started = started;
                }
            }
        }
        if unreadable {
            let message = "a link that is not one digest: it counts as naming the digest in its key";
            let name = self.repositories[read.repository].name.to_string();
            self.problems.add(ProblemCode::UnreadableLink, Some(&name), Some(read.key.clone()), message);
        }
    }
}

/// What must be read, where it stands.
enum Unread<'r> {
    Revision(usize, &'r Link),
    Layer(usize, &'r Link),
    Current(Tag),
    Start(&'r str, &'r str),
}

fn unread_in(
    repository: &Repository,
    now: Timestamp,
    uploads_older_than: Option<Duration>,
) -> impl Iterator<Item = Unread<'_>> {
    let revisions = unread(repository.revisions.odd()).map(|(index, link)| Unread::Revision(index, link));
    let layers = unread(repository.layers.odd()).map(|(index, link)| Unread::Layer(index, link));
    let tags = repository.current_tags().filter(|(_, current)| current.target == Target::Unread);
    let tags = tags.map(|(tag, _)| Unread::Current(tag));
    let uploads = repository
        .uploads
        .iter()
        .filter_map(move |(id, upload)| Some(Unread::Start(id, start_to_read(upload, now, uploads_older_than)?)));
    revisions.chain(layers).chain(tags).chain(uploads)
}

fn unread(links: &[Link]) -> impl Iterator<Item = (usize, &Link)> {
    links.iter().enumerate().filter(|(_, link)| *link.content() == Content::Unread)
}

/// The key of `startedat`, if the files of the upload are all old enough for it to matter.
fn start_to_read(upload: &Upload, now: Timestamp, limit: Option<Duration>) -> Option<&str> {
    let limit = limit?;
    let newest = upload.newest()?;
    let start = upload.files.iter().find(|(key, _)| key.ends_with("/startedat"))?;
    (!newest.is_younger_than(limit, now)).then_some(&*start.0)
}

/// The digest that a link holds exactly, as the registry demands, and the one that it holds but for white space.
#[must_use]
pub fn digest_in(content: Option<&[u8]>) -> (Option<Digest>, Option<Digest>) {
    let Some(text) = content.and_then(|bytes| std::str::from_utf8(bytes).ok()) else { return (None, None) };
    (text.parse().ok(), text.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::collect::entry::Entry;
    use crate::collect::listing::{Builder, Proof};
    use crate::model::RepositoryName;

    const WEEK: Duration = Duration::from_hours(168);
    const NOW: Timestamp = Timestamp::from_days(100);

    fn listed(keys: &[(String, Timestamp)]) -> Inventory {
        let mut builder = Builder::new(Proof { etags: false, cheap_reads: true });
        for (key, modified) in keys {
            builder.see(&Entry { key, size: 71, modified: *modified, etag: None, outside: false });
        }
        builder.finish()
    }

    fn name() -> RepositoryName {
        RepositoryName::new("a").unwrap()
    }

    fn revision_says(content: Option<&[u8]>) -> (Content, u64) {
        let mut inventory = listed(&[(layout::revision_link(&name(), &Digest::of(b"1")), NOW)]);
        let read = inventory.to_read(NOW, None).remove(0);
        inventory.learn(&read, content);
        let content = inventory.repositories[0].revisions.iter().next().unwrap().content().clone();
        (content, inventory.problems.count(ProblemCode::UnreadableLink))
    }

    #[test]
    fn every_content_of_a_link() {
        let (own, other) = (Digest::of(b"1").to_string(), Digest::of(b"2"));
        assert_eq!(revision_says(Some(own.as_bytes())), (Content::AsNamed, 0));
        assert_eq!(
            revision_says(Some(format!("{own}\n").as_bytes())),
            (Content::AsNamed, 1),
            "the registry cannot read it"
        );
        assert_eq!(revision_says(Some(other.to_string().as_bytes())), (Content::Other(other), 0));
        for nonsense in [Some(&b""[..]), Some(b"\xff"), Some(b"sha256:12"), None] {
            assert_eq!(revision_says(nonsense), (Content::Unreadable, 1), "{nonsense:?}");
        }
    }

    fn tag_says(content: &[u8]) -> Target {
        let tag = Tag::new("t").unwrap();
        let mut inventory = listed(&[(layout::tag_current(&name(), &tag), NOW)]);
        let read = inventory.to_read(NOW, None).remove(0);
        inventory.learn(&read, Some(content));
        inventory.repositories[0].tags.get(&tag).unwrap().current.as_ref().unwrap().target.clone()
    }

    #[test]
    fn every_content_of_a_tag() {
        let digest = Digest::of(b"1");
        assert_eq!(tag_says(digest.to_string().as_bytes()), Target::Digest(digest.clone()));
        assert_eq!(tag_says(format!("{digest}\n").as_bytes()), Target::Unreadable(Some(digest)));
        assert_eq!(tag_says(b""), Target::Unreadable(None));
    }

    #[test]
    fn start_time_is_read_only_where_it_matters() {
        let upload = layout::upload(&name(), "0f8fad5b-d9cb-469f-a165-70867728950e");
        let files = |days: i64| {
            let at = Timestamp::from_days(100 - days);
            listed(&[(format!("{upload}data"), at), (format!("{upload}startedat"), at)])
        };
        assert_eq!(files(1).to_read(NOW, Some(WEEK)).len(), 0, "young by its files already");
        assert_eq!(files(8).to_read(NOW, None).len(), 0, "nobody wants to know");
        let mut stale = files(8);
        let read = stale.to_read(NOW, Some(WEEK)).remove(0);
        stale.learn(&read, Some(b"1970-04-10T00:00:00Z"));
        let newest = stale.repositories[0].uploads.values().next().unwrap().newest();
        assert_eq!(newest, Some(Timestamp::from_days(99)), "younger by its start than by its files");
    }

    /// Content is stored under SHA-256: a link of another name that says nothing hides what its repository serves by it.
    #[test]
    fn only_a_link_of_another_name_that_says_nothing_damages_its_repository() {
        let wide = Digest::from_parts("sha512", &Digest::of(b"1").hex().repeat(2)).unwrap();
        let damaged = |digest: &Digest, content: Option<&[u8]>| {
            let mut inventory = listed(&[(layout::layer_link(&name(), digest), NOW)]);
            inventory.repositories[0].layers.doubt();
            let read = inventory.to_read(NOW, None).remove(0);
            assert_eq!(read.key, layout::layer_link(&name(), digest));
            inventory.learn(&read, content);
            inventory.repositories[0].damaged
        };
        assert!(damaged(&wide, Some(b"nonsense")));
        assert!(!damaged(&wide, Some(Digest::of(b"1").to_string().as_bytes())));
        assert!(!damaged(&Digest::of(b"1"), Some(b"nonsense")));
        assert!(!damaged(&wide, Some(wide.to_string().as_bytes())));
    }

    #[test]
    fn damage_stays_whatever_is_read_later() {
        let mut inventory = listed(&[(layout::revision_link(&name(), &Digest::of(b"1")), NOW)]);
        inventory.repositories[0].damaged = true;
        let read = inventory.to_read(NOW, None).remove(0);
        inventory.learn(&read, Some(Digest::of(b"1").to_string().as_bytes()));
        assert!(inventory.repositories[0].damaged);
    }

    #[test]
    fn what_was_read_is_not_read_again() {
        let tag = Tag::new("t").unwrap();
        let one = Digest::of(b"1");
        let keys = [layout::revision_link(&name(), &one), layout::tag_current(&name(), &tag)];
        let mut inventory = listed(&keys.clone().map(|key| (key, NOW)));
        let reads = inventory.to_read(NOW, None);
        assert_eq!(inventory.count_to_read(NOW, None), reads.len());
        assert_eq!(reads.iter().map(|read| &read.key).collect::<Vec<_>>(), keys.iter().collect::<Vec<_>>());
        for read in reads {
            inventory.learn(&read, Some(one.to_string().as_bytes()));
        }
        assert_eq!((inventory.to_read(NOW, None).len(), inventory.count_to_read(NOW, None)), (0, 0));
    }
}
