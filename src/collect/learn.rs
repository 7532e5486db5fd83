//! Which links have to be read, and what their content says.

use super::inventory::{Content, Inventory, Link, Target, Upload};
use super::problem::ProblemCode;
use crate::layout;
use crate::model::{Digest, Tag, Timestamp};
use std::time::Duration;

/// A link is one digest's text: a larger file is none and is not read to its end.
pub const LARGEST_LINK: u64 = 1024;

/// Something small that must be read before anything can be decided.
#[derive(Debug, Clone)]
pub struct ToRead {
    /// Its key.
    pub key: String,
    repository: usize,
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
        let mut list = Vec::new();
        for (at, repository) in self.repositories.iter().enumerate() {
            let name = &repository.name;
            let mut push = |key, what| list.push(ToRead { key, repository: at, what });
            for (index, link) in unread(&repository.revisions) {
                push(layout::revision_link(name, &link.digest), What::Revision(index));
            }
            for (index, link) in unread(&repository.layers) {
                push(layout::layer_link(name, &link.digest), What::Layer(index));
            }
            for (tag, current) in repository.current_tags() {
                if current.target == Target::Unread {
                    push(layout::tag_current(name, tag), What::Current(tag.clone()));
                }
            }
            for (id, upload) in &repository.uploads {
                if let Some(key) = start_to_read(upload, now, uploads_older_than) {
                    push(key, What::Start(id.clone()));
                }
            }
        }
        list
    }

    /// Takes in what a key's content is; `None` where there is no such key any more.
    pub fn learn(&mut self, read: &ToRead, content: Option<&[u8]>) {
        let Some(repository) = self.repositories.get_mut(read.repository) else { return };
        let (strict, lenient) = digest_in(content);
        let mut unreadable = false;
        match &read.what {
            What::Revision(index) | What::Layer(index) => {
                let links = if matches!(read.what, What::Layer(_)) {
                    &mut repository.layers
                } else {
                    &mut repository.revisions
                };
                let Some(link) = links.get_mut(*index) else { return };
                link.content = match strict.or(lenient) {
                    Some(ref digest) if *digest == link.digest => Content::AsNamed,
                    Some(digest) => Content::Other(digest),
                    None => Content::Unreadable,
                };
                unreadable = digest_in(content).0.is_none();
            }
            What::Current(tag) => {
                let current = repository.tags.get_mut(tag).and_then(|entry| entry.current.as_mut());
                let Some(current) = current else { return };
                current.target = match strict {
                    Some(digest) => Target::Digest(digest),
                    None => Target::Unreadable(lenient),
                };
                if matches!(current.target, Target::Unreadable(_)) {
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

fn unread(links: &[Link]) -> impl Iterator<Item = (usize, &Link)> {
    links.iter().enumerate().filter(|(_, link)| link.content == Content::Unread)
}

/// The key of `startedat`, if the files of the upload are all old enough for it to matter.
fn start_to_read(upload: &Upload, now: Timestamp, limit: Option<Duration>) -> Option<String> {
    let limit = limit?;
    let newest = upload.newest()?;
    let start = upload.files.iter().find(|(key, _)| key.ends_with("/startedat"))?;
    (!newest.is_younger_than(limit, now)).then(|| start.0.clone())
}

/// The digest that a link holds exactly, as the registry demands, and the one that it holds but for white space.
fn digest_in(content: Option<&[u8]>) -> (Option<Digest>, Option<Digest>) {
    let Some(text) = content.and_then(|bytes| std::str::from_utf8(bytes).ok()) else { return (None, None) };
    (text.parse().ok(), text.trim().parse().ok())
}
