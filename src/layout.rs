//! The registry's storage layout: keys to meaning and back. Pure, and the only place that spells `docker/registry/v2`.
//!
//! Source: distribution, `registry/storage/paths.go` (2.8 and v3 have the same layout). All keys are relative to the
//! registry's root and never begin with a slash.
//!
//! What is not understood with certainty is [`StorageKey::Suspect`] where it might keep something alive, and
//! [`StorageKey::Unrecognized`] elsewhere; neither is ever deleted.

pub mod state;

mod directories;

pub use directories::{Relation, is_in_area, own_directory, relation, upload_directory};

use crate::model::{Digest, RepositoryName, Tag};

/// What stands before every key of the registry's, and of what regsweep keeps beside it.
pub const REGISTRY: &str = "docker/registry/";
/// What stands before every key of the registry's.
pub const V2: &str = "docker/registry/v2/";
/// Where all content is.
pub const BLOBS: &str = "docker/registry/v2/blobs/";
/// Where all names and links are.
pub const REPOSITORIES: &str = "docker/registry/v2/repositories/";
/// Written by GitLab's registry when its metadata database, and not the storage, says what is live.
pub const DATABASE_LOCK: &str = "docker/registry/lockfiles/database-in-use";
/// Written at the root by a registry that is a pull-through cache.
pub const SCHEDULER_STATE: &str = "scheduler-state.json";

/// The length in bytes of a link to a sha256 digest: exactly the digest's text.
pub const SHA256_LINK_SIZE: u64 = 71;

/// One key, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StorageKey<'a> {
    /// `blobs/<alg>/<2 hex>/<hex>/data`: content.
    Blob(Digest),
    /// `<name>/_layers/<alg>/<hex>/link`: this repository may serve this blob.
    LayerLink {
        /// The repository.
        repository: &'a str,
        /// The blob, as the key names it.
        digest: Digest,
    },
    /// `<name>/_manifests/revisions/<alg>/<hex>/link`: this manifest exists in this repository.
    RevisionLink {
        /// The repository.
        repository: &'a str,
        /// The manifest, as the key names it.
        digest: Digest,
    },
    /// `<name>/_manifests/revisions/<alg>/<hex>/signatures/<alg>/<hex>/link`: written by registries before 2.5.
    SignatureLink {
        /// The repository.
        repository: &'a str,
        /// The signed manifest.
        revision: Digest,
        /// The signature's blob.
        signature: Digest,
    },
    /// `<name>/_manifests/tags/<tag>/current/link`: what the tag names now.
    TagCurrent {
        /// The repository.
        repository: &'a str,
        /// The tag.
        tag: &'a str,
    },
    /// `<name>/_manifests/tags/<tag>/index/<alg>/<hex>/link`: what the tag has named at some time.
    TagHistory {
        /// The repository.
        repository: &'a str,
        /// The tag.
        tag: &'a str,
        /// The manifest.
        digest: Digest,
    },
    /// `<name>/_uploads/<uuid>/...`: an upload that has not ended.
    Upload {
        /// The repository.
        repository: &'a str,
        /// The upload's id, a UUID.
        upload: &'a str,
        /// Whether this is the file that holds the start time.
        is_start: bool,
    },
    /// A link of no shape we know, or under a name that the registry would not accept. It may keep its digest alive.
    Suspect {
        /// The directory before `_layers`, `_manifests` or the like; a repository's name if it is a valid one.
        place: &'a str,
        /// The digest that the key ends in, if it does.
        digest: Option<Digest>,
    },
    /// Something else: reported by audits, never deleted.
    Unrecognized,
}

impl<'a> StorageKey<'a> {
    /// Understands a key.
    #[must_use]
    pub fn parse(key: &'a str) -> Self {
        if let Some(rest) = key.strip_prefix(BLOBS) {
            return blob(rest).map_or(Self::Unrecognized, Self::Blob);
        }
        key.strip_prefix(REPOSITORIES).map_or(Self::Unrecognized, in_repositories)
    }

    /// Whether its form alone says that a client can name it (see [`is_unaddressable`]): each part is a word of the layout's,
    /// or a name that the registry accepts.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        match self {
            Self::Blob(_)
            | Self::LayerLink { .. }
            | Self::RevisionLink { .. }
            | Self::SignatureLink { .. }
            | Self::TagCurrent { .. }
            | Self::TagHistory { .. } => true,
            Self::Upload { .. } | Self::Suspect { .. } | Self::Unrecognized => false,
        }
    }
}

fn blob(rest: &str) -> Option<Digest> {
    let mut parts = rest.split('/');
    let (algorithm, shard, hex) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next() != Some("data") || parts.next().is_some() || hex.get(..2) != Some(shard) {
        return None;
    }
    Digest::from_parts(algorithm, hex).ok()
}

fn in_repositories(rest: &str) -> StorageKey<'_> {
    // No component of a repository's name begins with an underscore; the first that does is the registry's own.
    let Some((place, own)) = split_at_own_directory(rest) else {
        return suspect_or_unrecognized("", rest);
    };
    let known = if RepositoryName::is_valid(place) { in_repository(place, own) } else { None };
    known.unwrap_or_else(|| suspect_or_unrecognized(place, own))
}

fn split_at_own_directory(rest: &str) -> Option<(&str, &str)> {
    if rest.starts_with('_') {
        return Some(("", rest));
    }
    rest.find("/_").map(|slash| (&rest[..slash], &rest[slash + 1..]))
}

fn in_repository<'a>(repository: &'a str, own: &'a str) -> Option<StorageKey<'a>> {
    if let Some(rest) = own.strip_prefix("_layers/") {
        return Some(StorageKey::LayerLink { repository, digest: link(rest)? });
    }
    if let Some(rest) = own.strip_prefix("_manifests/revisions/") {
        let Some((revision, signature)) = rest.split_once("/signatures/") else {
            return Some(StorageKey::RevisionLink { repository, digest: link(rest)? });
        };
        let (algorithm, hex) = revision.split_once('/')?;
        let revision = Digest::from_parts(algorithm, hex).ok()?;
        return Some(StorageKey::SignatureLink { repository, revision, signature: link(signature)? });
    }
    if let Some(rest) = own.strip_prefix("_manifests/tags/") {
        let (tag, rest) = rest.split_once('/')?;
        if !Tag::is_valid(tag) {
            return None;
        }
        return match rest.strip_prefix("index/") {
            Some(rest) => Some(StorageKey::TagHistory { repository, tag, digest: link(rest)? }),
            None => (rest == "current/link").then_some(StorageKey::TagCurrent { repository, tag }),
        };
    }
    let (upload, file) = own.strip_prefix("_uploads/")?.split_once('/')?;
    is_uuid(upload).then_some(StorageKey::Upload { repository, upload, is_start: file == "startedat" })
}

/// The digest of `<alg>/<hex>/link`.
fn link(rest: &str) -> Option<Digest> {
    let (algorithm, hex) = rest.strip_suffix("/link")?.split_once('/')?;
    Digest::from_parts(algorithm, hex).ok()
}

fn suspect_or_unrecognized<'a>(place: &'a str, own: &str) -> StorageKey<'a> {
    let Some(path) = own.strip_suffix("/link") else {
        return StorageKey::Unrecognized;
    };
    let mut parts = path.rsplit('/');
    let hex = parts.next().unwrap_or_default();
    let algorithm = parts.next().unwrap_or_default();
    StorageKey::Suspect { place, digest: Digest::from_parts(algorithm, hex).ok() }
}

/// The form that the registry writes: lower-case hex in groups of 8, 4, 4, 4 and 12.
fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(position, byte)| match position {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
        })
}

/// The directory of a digest in a link tree: `<alg>/<hex>`.
fn path(digest: &Digest) -> String {
    format!("{}/{}", digest.algorithm().name(), digest.hex())
}

/// The key of a blob's content.
#[must_use]
pub fn blob_data(digest: &Digest) -> String {
    let hex = digest.hex();
    [BLOBS, digest.algorithm().name(), "/", &hex[..2], "/", &hex, "/data"].concat()
}

/// The prefix of everything in a repository. Ends with a slash, so that `images` does not cover `images2`; nested
/// repositories are covered.
#[must_use]
pub fn repository(name: &RepositoryName) -> String {
    format!("{REPOSITORIES}{name}/")
}

/// The prefix of a repository's manifests and tags. Ends with a slash; nested repositories are not covered.
#[must_use]
pub fn manifests(name: &RepositoryName) -> String {
    format!("{REPOSITORIES}{name}/_manifests/")
}

/// The prefixes of what else a repository holds: its layer links, and its uploads.
#[must_use]
pub fn layers_and_uploads(name: &RepositoryName) -> [String; 2] {
    ["_layers", "_uploads"].map(|own| format!("{REPOSITORIES}{name}/{own}/"))
}

/// The repository that a key belongs to, by its looks; `None` where it is below none.
#[must_use]
pub fn repository_of(key: &str) -> Option<&str> {
    let (place, _) = split_at_own_directory(key.strip_prefix(REPOSITORIES)?)?;
    (!place.is_empty()).then_some(place)
}

/// Whether a key is that of a layer link.
#[must_use]
pub fn is_layer_link(key: &str) -> bool {
    matches!(StorageKey::parse(key), StorageKey::LayerLink { .. })
}

/// The key of a layer link.
#[must_use]
pub fn layer_link(name: &RepositoryName, digest: &Digest) -> String {
    format!("{REPOSITORIES}{name}/_layers/{}/link", path(digest))
}

/// The key of a revision link.
#[must_use]
pub fn revision_link(name: &RepositoryName, digest: &Digest) -> String {
    format!("{REPOSITORIES}{name}/_manifests/revisions/{}/link", path(digest))
}

/// The key of a signature link of registries before 2.5.
#[must_use]
pub fn signature_link(name: &RepositoryName, revision: &Digest, signature: &Digest) -> String {
    format!("{REPOSITORIES}{name}/_manifests/revisions/{}/signatures/{}/link", path(revision), path(signature))
}

/// The directory of a tag. Does not end with a slash.
#[must_use]
pub fn tag(name: &RepositoryName, tag: &Tag) -> String {
    format!("{REPOSITORIES}{name}/_manifests/tags/{tag}")
}

/// The prefix of all tags of a repository, with their history. Ends with a slash.
#[must_use]
pub fn tags(name: &RepositoryName) -> String {
    format!("{REPOSITORIES}{name}/_manifests/tags/")
}

/// The key of what a tag names now.
#[must_use]
pub fn tag_current(name: &RepositoryName, tag: &Tag) -> String {
    format!("{REPOSITORIES}{name}/_manifests/tags/{tag}/current/link")
}

/// The key of an entry in a tag's history.
#[must_use]
pub fn tag_history(name: &RepositoryName, tag: &Tag, digest: &Digest) -> String {
    format!("{REPOSITORIES}{name}/_manifests/tags/{tag}/index/{}/link", path(digest))
}

/// The prefix of everything that belongs to an upload. Ends with a slash.
#[must_use]
pub fn upload(name: &RepositoryName, upload: &str) -> String {
    format!("{REPOSITORIES}{name}/_uploads/{upload}/")
}

/// Whether no client of an object store that thinks in paths can name a key: an empty part, `.` or `..`, a control
/// character. The registry writes no such key.
#[must_use]
pub fn is_unaddressable(key: &str) -> bool {
    // Hardly any key has either. They are counted, and not looked for one by one, so that many letters are compared at once.
    let bytes = key.as_bytes();
    let is_plain = bytes.iter().filter(|byte| !(b' '..0x7f).contains(*byte)).count() == 0;
    let is_odd_part = |(slash, next): &(&u8, &u8)| **slash == b'/' && matches!(**next, b'/' | b'.');
    let has_odd_part = bytes.iter().zip(bytes.iter().skip(1)).filter(is_odd_part).count() > 0;
    let at_an_end = matches!(bytes.first(), None | Some(b'/' | b'.')) || bytes.last() == Some(&b'/');
    (has_odd_part || at_an_end) && key.split('/').any(|part| matches!(part, "" | "." | ".."))
        || !is_plain && key.chars().any(|letter| letter.is_control() || letter == char::REPLACEMENT_CHARACTER)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use proptest::prelude::*;

    fn parse(rest: &str) -> StorageKey<'_> {
        in_repositories(rest)
    }

    fn digest() -> Digest {
        Digest::of(b"x")
    }

    proptest! {
        /// However it is found out.
        #[test]
        fn key_with_an_odd_part_or_letter_is_unaddressable(key in "[./ab\u{1}\u{7f}\u{fffd}é]{0,8}") {
            let odd_part = key.split('/').any(|part| part.is_empty() || part == "." || part == "..");
            let odd_letter = key.chars().any(|letter| letter.is_control() || letter == char::REPLACEMENT_CHARACTER);
            prop_assert_eq!(is_unaddressable(&key), odd_part || odd_letter);
        }
    }

    #[test]
    fn key_is_unaddressable_wherever_its_odd_part_stands() {
        for key in ["", "/", "/a", "a/", "a/b/", "a//b", ".", "..", "./a", "../a", "a/.", "a/..", "a/./b", "a/../b"] {
            assert!(is_unaddressable(key), "{key:?}");
        }
        for key in ["a", ".a", "a.", "a/b", "a/.b", "a/..b", "a/b..", "...", "a/...", "\u{e9}"] {
            assert!(!is_unaddressable(key), "{key:?}");
        }
    }

    proptest! {
        /// Else a key that no client can name would be planned.
        #[test]
        fn key_that_is_plain_by_its_form_can_be_named(
            place in "([a-b./_\u{1}é]{1,6})|[a-b]",
            tag in "[a./_\u{1}-]{1,4}",
            form in 0_usize..6,
            cut in 0_usize..4,
            odd in prop::sample::select(vec!["", "/", ".", "..", "\u{1}", "\u{7f}", "é", "/.", "//"]),
            at: prop::sample::Index,
        ) {
            let path = path(&digest());
            let mut key = match form {
                0 => blob_data(&digest()),
                1 => format!("{REPOSITORIES}{place}/_layers/{path}/link"),
                2 => format!("{REPOSITORIES}{place}/_manifests/revisions/{path}/link"),
                3 => format!("{REPOSITORIES}{place}/_manifests/revisions/{path}/signatures/{path}/link"),
                4 => format!("{REPOSITORIES}{place}/_manifests/tags/{tag}/current/link"),
                _ => format!("{REPOSITORIES}{place}/_manifests/tags/{tag}/index/{path}/link"),
            };
            if cut == 0 {
                let places: Vec<usize> = key.char_indices().map(|(place, _)| place).collect();
                key.insert_str(*at.get(&places), odd);
            }
            prop_assert!(!StorageKey::parse(&key).is_plain() || !is_unaddressable(&key), "{key:?}");
        }
    }

    #[test]
    fn what_the_registry_writes_is_plain_but_for_uploads() {
        let (name, tag) = (RepositoryName::new("a").unwrap(), Tag::new("v1").unwrap());
        for (key, is_plain) in [
            (blob_data(&digest()), true),
            (layer_link(&name, &digest()), true),
            (revision_link(&name, &digest()), true),
            (signature_link(&name, &digest(), &digest()), true),
            (tag_current(&name, &tag), true),
            (tag_history(&name, &tag, &digest()), true),
            (format!("{}startedat", upload(&name, "01234567-89ab-cdef-0123-456789abcdef")), false),
            (format!("{}_x/link", repository(&name)), false),
            (V2.to_owned(), false),
        ] {
            assert_eq!(StorageKey::parse(&key).is_plain(), is_plain, "{key}");
        }
    }

    proptest! {
        #[test]
        fn reads_back_what_it_writes(
            name in "[a-z0-9]{1,5}(/[a-z0-9]{1,5}){0,3}",
            tag in "[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}",
            content: Vec<u8>,
            wide: bool,
        ) {
            let digest = if wide {
                Digest::from_parts("sha512", &Digest::of(&content).hex().repeat(2)).unwrap()
            } else {
                Digest::of(&content)
            };
            let (name, tag) = (RepositoryName::new(&name).unwrap(), Tag::new(&tag).unwrap());
            let repository = name.as_str();
            for (key, expected) in [
                (blob_data(&digest), StorageKey::Blob(digest.clone())),
                (layer_link(&name, &digest), StorageKey::LayerLink { repository, digest: digest.clone() }),
                (revision_link(&name, &digest), StorageKey::RevisionLink { repository, digest: digest.clone() }),
                (signature_link(&name, &digest, &digest), StorageKey::SignatureLink { repository, revision: digest.clone(), signature: digest.clone() }),
                (tag_current(&name, &tag), StorageKey::TagCurrent { repository, tag: tag.as_str() }),
                (tag_history(&name, &tag, &digest), StorageKey::TagHistory { repository, tag: tag.as_str(), digest: digest.clone() }),
            ] {
                prop_assert_eq!(StorageKey::parse(&key), expected);
                prop_assert_eq!(own_directory(&key), key.rsplit_once('/').map(|(directory, _)| directory));
            }
        }

        #[test]
        fn never_panics(key: String, rest: String) {
            let _ = StorageKey::parse(&key);
            let _ = StorageKey::parse(&format!("{REPOSITORIES}{rest}"));
            let _ = StorageKey::parse(&format!("{REPOSITORIES}a/_manifests/{rest}/link"));
            let _ = StorageKey::parse(&format!("{BLOBS}{rest}"));
            let _ = own_directory(&key);
        }
    }

    #[test]
    fn blob_under_a_foreign_shard_is_not_touched() {
        let hex = digest().hex();
        assert!(blob(&format!("sha256/{}/{hex}/data", &hex[..2])).is_some());
        for rest in [
            format!("sha256/00/{hex}/data"),
            format!("sha256/{}/{hex}/data.5c1b1f2e-0000-4000-8000-000000000000.tmp", &hex[..2]),
            format!("sha256/{}/{hex}/data/x", &hex[..2]),
            format!("md5/{}/{hex}/data", &hex[..2]),
            format!("sha256/{}/{}/data", &hex[..2], hex.to_uppercase()),
            "sha256/é/é/data".to_owned(),
        ] {
            assert_eq!(blob(&rest), None, "{rest}");
        }
    }

    #[test]
    fn link_of_unknown_shape_keeps_its_digest() {
        let hex = digest().hex();
        for (rest, place) in [
            (format!("a/_manifests/revisions/sha256/{hex}/_referrers/x/sha256/{hex}/link"), "a"),
            (format!("a/_referrers/sha256/{hex}/link"), "a"),
            (format!("a/_manifests/tags/not a tag/index/sha256/{hex}/link"), "a"),
            (format!("Up/_layers/sha256/{hex}/link"), "Up"),
            (format!("_layers/sha256/{hex}/link"), ""),
            (format!("a/b/sha256/{hex}/link"), ""),
        ] {
            assert_eq!(parse(&rest), StorageKey::Suspect { place, digest: Some(digest()) }, "{rest}");
        }
        assert_eq!(parse("a/_layers/sha256/zz/link"), StorageKey::Suspect { place: "a", digest: None });
        assert_eq!(parse("a/_manifests/tags/not a tag/current/link"), StorageKey::Suspect { place: "a", digest: None });
    }

    #[test]
    fn stray_files_are_unrecognized() {
        for rest in
            ["a/.DS_Store", "a/_manifests/tags/.DS_Store", "", "a/_layers/sha256/", "a/_uploads/not-a-uuid/data"]
        {
            assert_eq!(parse(rest), StorageKey::Unrecognized, "{rest}");
        }
        assert_eq!(StorageKey::parse("scheduler-state.json"), StorageKey::Unrecognized);
        assert_eq!(StorageKey::parse("docker/registry/v2"), StorageKey::Unrecognized);
    }

    #[test]
    fn everything_below_an_upload_belongs_to_it() {
        let id = "0f8fad5b-d9cb-469f-a165-70867728950e";
        for (file, is_start) in [("data", false), ("startedat", true), ("hashstates/sha256/0", false)] {
            for repository in ["a/b", id] {
                let key = format!("{REPOSITORIES}{repository}/_uploads/{id}/{file}");
                assert_eq!(StorageKey::parse(&key), StorageKey::Upload { repository, upload: id, is_start });
                assert_eq!(own_directory(&key).unwrap(), format!("{REPOSITORIES}{repository}/_uploads/{id}"));
            }
        }
    }

    #[test]
    fn upload_is_named_by_a_uuid_as_the_registry_writes_it() {
        let id = "0f8fad5b-d9cb-469f-a165-70867728950e";
        assert!(is_uuid(id));
        for other in [
            String::new(),
            id[1..].to_owned(),
            format!("{id}0"),
            id.to_uppercase(),
            id.replace('-', "0"),
            id.replace('0', "-"),
            id.replace('0', "g"),
        ] {
            assert!(!is_uuid(&other), "{other}");
        }
    }

    #[test]
    fn directories_beside_the_areas_are_told_from_those_that_hold_them() {
        for holds in ["", "docker/", "docker/registry/", V2] {
            assert_eq!(relation(holds), Relation::HoldsAreas, "{holds}");
        }
        for is in [BLOBS, REPOSITORIES] {
            assert_eq!(relation(is), Relation::IsArea, "{is}");
        }
        for beside in
            ["/", "dock/", "docker/registry/regsweep/", "docker/registry/v2/blob/", "docker/registry/v2/blobs/x/"]
        {
            assert_eq!(relation(beside), Relation::Beside, "{beside}");
        }
    }

    #[test]
    fn repository_prefix_does_not_cover_its_neighbour() {
        let images = repository(&RepositoryName::new("images").unwrap());
        let neighbour = layer_link(&RepositoryName::new("images2").unwrap(), &digest());
        assert!(!neighbour.starts_with(&images));
    }

    #[test]
    fn prefixes_cover_their_keys_and_the_repository_of_a_key_is_read_off_it() {
        let (name, tag) = (RepositoryName::new("a/b").unwrap(), Tag::new("v1").unwrap());
        let nested = RepositoryName::new("a/b/c").unwrap();
        let link = layer_link(&name, &digest());
        let upload = upload(&name, "0f8fad5b-d9cb-469f-a165-70867728950e");
        for (prefix, key) in [
            (manifests(&name), revision_link(&name, &digest())),
            (manifests(&name), tag_current(&name, &tag)),
            (tags(&name), tag_current(&name, &tag)),
            (self::tag(&name, &tag) + "/", tag_current(&name, &tag)),
            (self::tag(&name, &tag) + "/", tag_history(&name, &tag, &digest())),
            (layers_and_uploads(&name)[0].clone(), link.clone()),
            (layers_and_uploads(&name)[1].clone(), upload),
        ] {
            assert!(key.starts_with(&prefix) && prefix.starts_with(&repository(&name)), "{prefix}");
            assert!(prefix.ends_with('/') && prefix.len() > repository(&name).len());
            assert!(!key.replace("a/b", "a/b/c").starts_with(&prefix), "{prefix}");
            assert_eq!(repository_of(&key), Some("a/b"));
        }
        assert_eq!(repository_of(&layer_link(&nested, &digest())), Some("a/b/c"));
        assert_eq!(repository_of(&format!("{REPOSITORIES}Up/_layers/x")), Some("Up"), "by its looks");
        for key in [format!("{REPOSITORIES}_layers/x"), format!("{REPOSITORIES}a/b"), blob_data(&digest())] {
            assert_eq!(repository_of(&key), None, "{key}");
        }
        assert!(is_layer_link(&link) && !is_layer_link(&revision_link(&name, &digest())));
    }
}
