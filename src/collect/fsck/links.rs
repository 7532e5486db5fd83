//! What links say, where the listing does not prove it: links are checked as they are read, and none is held.

use super::code::Code;
use super::finding::{Finding, Proof};
use crate::collect::inventory::{Content, Inventory, Link, Repository};
use crate::layout;
use crate::model::{Algorithm, Digest, RepositoryName, Timestamp};

/// A link to read.
#[derive(Debug, Clone)]
pub struct Unproven {
    /// Its key.
    pub key: String,
    /// What its key names.
    pub digest: Digest,
    /// Its repository.
    pub repository: RepositoryName,
    /// When it was written.
    pub modified: Timestamp,
    is_history: bool,
}

/// Every link that was taken at its key's word: neither proven by the listing nor read so far. `revisions_read`: where
/// nothing proves revision links they were read already.
pub fn unproven(inventory: &Inventory, revisions_read: bool) -> impl Iterator<Item = Unproven> + '_ {
    inventory.repositories.iter().flat_map(move |repository| of_repository(repository, revisions_read))
}

fn of_repository(repository: &Repository, revisions_read: bool) -> impl Iterator<Item = Unproven> + '_ {
    let name = &repository.name;
    let unproven = |link: &Link| !link.is_proven() && *link.content() == Content::AsNamed;
    let to_read = move |key: String, link: &Link, is_history| Unproven {
        key,
        digest: link.digest.clone(),
        repository: name.clone(),
        modified: link.modified(),
        is_history,
    };
    let revisions = repository.revisions.iter().filter(move |link| !revisions_read && unproven(link));
    let revisions = revisions.map(move |link| to_read(layout::revision_link(name, &link.digest), link, false));
    let layers = repository.layers.iter().filter(unproven);
    let layers = layers.map(move |link| to_read(layout::layer_link(name, &link.digest), &link, false));
    let history = repository.tags.iter().flat_map(move |(tag, entry)| {
        let links = entry.history.iter().filter(move |link| unproven(link));
        links.map(move |link| to_read(layout::tag_history(name, tag, &link.digest), link, true))
    });
    revisions.chain(layers).chain(history)
}

/// What its content shows; `size` is that of all of it, of which `bytes` may be a part.
#[must_use]
pub fn judge(link: &Unproven, bytes: &[u8], size: u64) -> Option<Finding> {
    let says: Option<Digest> = std::str::from_utf8(bytes).ok().and_then(|text| text.parse().ok());
    let code = match (&says, link.is_history) {
        (Some(digest), _) if *digest == link.digest => return None,
        // A name by another algorithm stands for the content's own digest.
        (Some(_), _) if link.digest.algorithm() != Algorithm::Sha256 => return None,
        (_, true) => Code::UnreadableHistory,
        (Some(_), false) => Code::WrongLink,
        (None, false) => Code::UnreadableLink,
    };
    let finding = Finding::new(code, link.key.clone()).within(&link.repository).about(&link.digest);
    let finding = match says {
        Some(digest) => finding.saying(format!("it says {digest}")),
        None => finding.saying(format!("it has {size} bytes")),
    };
    Some(finding.proven_by(Proof::Link(Some(link.digest.clone()))))
}
