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
    let revisions = revisions.map(move |link| to_read(layout::revision_link(name, &link.digest), &link, false));
    let layers = repository.layers.iter().filter(unproven);
    let layers = layers.map(move |link| to_read(layout::layer_link(name, &link.digest), &link, false));
    let history = repository.tags.iter().flat_map(move |(tag, entry)| {
        let links = entry.history.into_iter().filter(unproven);
        links.map(move |link| to_read(layout::tag_history(name, &tag, &link.digest), &link, true))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::listing::{self, Builder};
    use crate::collect::scene::{Storage, name, of, sha512, tag};

    fn keys(inventory: &Inventory, revisions_read: bool) -> Vec<(String, bool)> {
        unproven(inventory, revisions_read).map(|link| (link.key, link.is_history)).collect()
    }

    /// As a store lists them whose `ETag`s prove nothing.
    fn inventory(storage: &Storage) -> Inventory {
        let mut builder = Builder::new(listing::Proof { etags: false, cheap_reads: false });
        storage.each_listed(|entry| drop(builder.see(entry)));
        builder.finish()
    }

    #[test]
    fn links_that_were_taken_at_their_keys_word_are_to_be_read() {
        let mut storage = Storage::default();
        let image = storage.index("app", &[]);
        storage.layer("app", "a");
        storage.tag("app", "v1", &image);
        let inventory = inventory(&storage);
        let revision = (layout::revision_link(&name("app"), &image), false);
        let layer = (layout::layer_link(&name("app"), &of("a")), false);
        let history = (layout::tag_history(&name("app"), &tag("v1"), &image), true);
        assert_eq!(keys(&inventory, false), [revision, layer.clone(), history.clone()]);
        assert_eq!(keys(&inventory, true), [layer, history], "its manifest links were read before");
        for link in unproven(&inventory, false) {
            assert_eq!((link.repository, link.modified), (name("app"), crate::collect::scene::WRITTEN));
        }
        // What is of another size was read before.
        storage.link(layout::layer_link(&name("app"), &of("a")), "x");
        assert_eq!(keys(&self::inventory(&storage), true).len(), 1);
        // Nor does what its `ETag` proves.
        let etag = format!("\"{}\"", crate::collect::entry::etag_of_link(&image));
        for key in [layout::revision_link(&name("app"), &image), layout::tag_history(&name("app"), &tag("v1"), &image)]
        {
            storage.put(key).etag = Some(etag.as_str().into());
        }
        assert_eq!(keys(&self::inventory(&storage), false), []);
    }

    #[test]
    fn link_is_judged_by_what_it_says() {
        let link = |digest: &Digest, is_history| Unproven {
            key: "key".into(),
            digest: digest.clone(),
            repository: name("app"),
            modified: Timestamp::from_days(1),
            is_history,
        };
        let judged = |digest: &Digest, is_history, text: &str| {
            let found = judge(&link(digest, is_history), text.as_bytes(), text.len() as u64)?;
            assert_eq!(
                (&*found.key, &found.repository, found.digest.as_ref()),
                ("key", &Some(name("app")), Some(digest))
            );
            assert_eq!(found.proof, Proof::Link(Some(digest.clone())));
            Some((found.code, found.detail.unwrap_or_default()))
        };
        let (a, b) = (of("a"), of("b"));
        for is_history in [true, false] {
            assert_eq!(judged(&a, is_history, &a.to_string()), None);
            assert_eq!(judged(&sha512("a"), is_history, &a.to_string()), None, "for which it stands");
        }
        let says = format!("it says {b}");
        assert_eq!(judged(&a, false, &b.to_string()), Some((Code::WrongLink, says.clone())));
        assert_eq!(judged(&a, true, &b.to_string()), Some((Code::UnreadableHistory, says)));
        let nothing = "it has 3 bytes".to_owned();
        assert_eq!(judged(&a, false, "odd"), Some((Code::UnreadableLink, nothing.clone())));
        assert_eq!(judged(&a, true, "odd"), Some((Code::UnreadableHistory, nothing.clone())));
        assert_eq!(judged(&sha512("a"), false, "odd"), Some((Code::UnreadableLink, nothing)));
        let large = judge(&link(&a, false), &[], 5000);
        assert_eq!(large.and_then(|found| found.detail).as_deref(), Some("it has 5000 bytes"));
    }
}
