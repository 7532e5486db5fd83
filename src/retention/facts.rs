//! What the engine decides on: the tags and untagged manifests of one repository, as values.

use crate::model::{Digest, RepositoryName, Tag, Timestamp};
use std::collections::BTreeMap;

/// Names and values, of labels or annotations.
pub type Labels = BTreeMap<String, String>;

/// One repository.
#[derive(Debug, Clone)]
pub struct RepositoryFacts {
    /// Its name.
    pub name: RepositoryName,
    /// Its tags, each once, in any order.
    pub tags: Vec<TagFacts>,
    /// Its manifests that no tag names, in any order.
    pub untagged: Vec<UntaggedFacts>,
}

/// One tag. What is not known is `None`, and never counts against it.
#[derive(Debug, Clone)]
pub struct TagFacts {
    /// The tag.
    pub tag: Tag,
    /// What it names; `None` if its link cannot be read.
    pub digest: Option<Digest>,
    /// Everything that its manifest is made of: the children of an index to any depth, and configurations.
    pub parts: Vec<Digest>,
    /// The last modified time of its `current/link`.
    pub pushed: Option<Timestamp>,
    /// The time in the image's configuration.
    pub created: Option<Timestamp>,
    /// The labels in the image's configuration.
    pub labels: Option<Labels>,
    /// The annotations of its manifest.
    pub annotations: Option<Labels>,
}

/// One manifest that no tag names.
#[derive(Debug, Clone)]
pub struct UntaggedFacts {
    /// The manifest.
    pub digest: Digest,
    /// The last modified time of its revision link.
    pub pushed: Option<Timestamp>,
    /// When it lost its last tag, as far as is known: the time since which a tag that has named it names another.
    pub lost: Option<Timestamp>,
    /// What it is part of or says something about: the indexes that list it, and its `subject`. It shares their fate.
    pub belongs_to: Vec<Digest>,
}

impl TagFacts {
    /// A tag of which nothing else is known.
    #[must_use]
    pub fn new(tag: Tag, digest: Digest, pushed: Option<Timestamp>) -> Self {
        Self { tag, digest: Some(digest), parts: Vec::new(), pushed, created: None, labels: None, annotations: None }
    }

    /// The image that a tag of the form `sha256-<hex>`, perhaps with `.sig`, `.att` or `.sbom`, is about: such tags hold
    /// signatures and the like where the registry knows no `subject`.
    #[must_use]
    pub fn is_about(&self) -> Option<Digest> {
        self.tag.about().map(|(image, _)| image)
    }
}

/// 2013-01-01. No image is older than Docker; what says so was built with a clock of its own, reproducibly at the epoch or
/// with a flat battery.
pub const OLDEST: Timestamp = Timestamp::from_days(15_706);

/// A time, if it is one: not before 2013, and not after `now`.
///
/// Nothing else may be concluded from a time: what is not known is newest, and never makes anything old.
#[must_use]
pub fn sane(time: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
    time.filter(|time| (OLDEST..=now).contains(time))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn time(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).unwrap()
    }

    #[test]
    fn odd_times_are_none() {
        let now = time("2026-11-21T00:00:00Z");
        for good in ["2013-01-01T00:00:00Z", "2026-11-21T00:00:00Z", "2020-02-29T12:00:00Z"] {
            assert_eq!(sane(Some(time(good)), now), Some(time(good)));
        }
        for odd in ["2012-12-31T23:59:59.999999999Z", "1970-01-01T00:00:00Z", "2026-11-21T00:00:00.000000001Z"] {
            assert_eq!(sane(Some(time(odd)), now), None, "{odd}");
        }
        assert_eq!(sane(None, now), None);
    }

    #[test]
    fn tags_of_signatures_say_what_they_are_about() {
        let image = Digest::of(b"image");
        let about = |tag: &str| TagFacts::new(Tag::new(tag).unwrap(), Digest::of(b"x"), None).is_about();
        let hex = image.to_string().replace("sha256:", "");
        for suffix in ["", ".sig", ".att", ".sbom"] {
            assert_eq!(about(&format!("sha256-{hex}{suffix}")), Some(image.clone()), "{suffix}");
        }
        for tag in ["latest", "sha256-abc", "v1-2", "sha256", &format!("md5-{hex}"), &format!("sha256-{hex}.txt")] {
            assert_eq!(about(tag), None, "{tag}");
        }
    }
}
