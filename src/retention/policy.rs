//! A retention policy as a value, wherever it came from: a file, or the flags of `prune`.

use super::version::Range;
use crate::collect::keep_from::KeepFrom;
use crate::collect::pattern::Pattern;
use crate::model::{Digest, RepositoryName, Tag};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What a rule is called that was given by flags.
pub const COMMAND_LINE: &str = "command line";

/// Rules for repositories. The first whose repositories match decides; where none matches, nothing is deleted.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// In the order they are asked.
    pub rules: Vec<Rule>,
}

/// One rule. It is asked of each of its repositories by itself: nothing is counted over two of them.
#[derive(Debug, Clone)]
pub struct Rule {
    /// What it is called in reports; no two are called the same.
    pub name: String,
    /// The line it was written in, if it was.
    pub line: Option<usize>,
    /// The repositories it is for.
    pub repositories: Vec<Pattern>,
    /// Which tags may go; without it none does.
    pub delete: Option<Delete>,
    /// Which of them stay all the same.
    pub keep: Keep,
    /// Manifests that had no tag go once they are so old; without it they stay.
    pub untagged_older_than: Option<Duration>,
}

/// What selects tags to go. Every condition that is given must hold; with none every tag is selected.
#[derive(Debug, Clone, Default)]
pub struct Delete {
    /// Pushed so long ago.
    pub older_than: Option<Duration>,
    /// Created so long ago.
    pub created_older_than: Option<Duration>,
    /// Named by one of these; `None` is every tag.
    pub tags: Option<Vec<Pattern>>,
    /// A version in this range.
    pub semver: Option<Range>,
    /// Labels of the image's configuration, each with a value that matches.
    pub labels: Vec<(String, Pattern)>,
    /// Annotations of the manifest, each with a value that matches.
    pub annotations: Vec<(String, Pattern)>,
}

/// What keeps tags. One condition suffices, and it always wins.
#[derive(Debug, Clone, Default)]
pub struct Keep {
    /// Named by one of these.
    pub tags: Vec<Pattern>,
    /// The newest so many.
    pub last: Option<usize>,
    /// The newest so many of each stream.
    pub last_per: Option<LastPer>,
    /// A version in this range.
    pub semver: Option<Range>,
    /// Pushed less long ago.
    pub younger_than: Option<Duration>,
    /// The newest tag of each of the last periods that have one, shortest periods first.
    pub periods: Vec<(Period, usize)>,
    /// What somebody uses.
    pub images: Option<InUse>,
}

impl Keep {
    /// Whether other tags decide with whether one is kept.
    #[must_use]
    pub fn compares(&self) -> bool {
        self.last.is_some() || self.last_per.is_some() || !self.periods.is_empty()
    }

    /// Whether nothing is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let Self { tags, last, last_per, semver, younger_than, periods, images } = self;
        tags.is_empty()
            && last.is_none()
            && last_per.is_none()
            && semver.is_none()
            && younger_than.is_none()
            && periods.is_empty()
            && images.is_none()
    }
}

/// The newest tags of each stream: tags for which the named groups of an expression have the same values.
#[derive(Debug, Clone)]
pub struct LastPer {
    /// Searched in the tag; has at least one named group.
    pub pattern: regex::Regex,
    /// How many of each stay.
    pub count: usize,
}

/// A stretch of the calendar, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Period {
    /// A day.
    Day,
    /// A week, which begins on Monday.
    Week,
    /// A month.
    Month,
    /// A year.
    Year,
}

impl Period {
    /// All, shortest first.
    pub const ALL: [Self; 4] = [Self::Day, Self::Week, Self::Month, Self::Year];

    /// The key in a policy.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Day => "daily",
            Self::Week => "weekly",
            Self::Month => "monthly",
            Self::Year => "yearly",
        }
    }
}

/// Images that are in use, from a file.
#[derive(Debug, Clone)]
pub struct InUse {
    /// How the file was named.
    pub file: String,
    digests: BTreeSet<Digest>,
    tags: BTreeMap<RepositoryName, BTreeSet<Tag>>,
}

impl InUse {
    /// What a file lists.
    #[must_use]
    pub fn new(file: impl Into<String>, images: impl IntoIterator<Item = KeepFrom>) -> Self {
        let mut in_use = Self { file: file.into(), digests: BTreeSet::new(), tags: BTreeMap::new() };
        for image in images {
            let repositories = image.repositories();
            match image {
                KeepFrom::Digest(digest) | KeepFrom::Image(_, digest) => {
                    in_use.digests.insert(digest);
                }
                KeepFrom::Tag(_, tag) => {
                    for repository in repositories {
                        in_use.tags.entry(repository).or_default().insert(tag.clone());
                    }
                }
            }
        }
        in_use
    }

    /// Whether a digest is in use.
    #[must_use]
    pub fn has_digest(&self, digest: &Digest) -> bool {
        self.digests.contains(digest)
    }

    /// Whether a tag is in use.
    #[must_use]
    pub fn has_tag(&self, repository: &RepositoryName, tag: &Tag) -> bool {
        self.tags.get(repository).is_some_and(|tags| tags.contains(tag))
    }
}

impl Policy {
    /// The rule that decides for a repository, if one does.
    #[must_use]
    pub fn rule_for(&self, repository: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.is_for(repository))
    }
}

impl Rule {
    /// Whether it is for a repository. An earlier rule may be so as well.
    #[must_use]
    pub fn is_for(&self, repository: &str) -> bool {
        self.repositories.iter().any(|pattern| pattern.matches(repository))
    }

    /// Whether the time of creation decides anything: then, and only then, configurations have to be read.
    #[must_use]
    pub fn needs_created(&self) -> bool {
        self.delete.as_ref().is_some_and(|delete| delete.created_older_than.is_some())
    }

    /// Whether labels decide anything.
    #[must_use]
    pub fn needs_labels(&self) -> bool {
        self.delete.as_ref().is_some_and(|delete| !delete.labels.is_empty())
    }

    /// Whether annotations decide anything.
    #[must_use]
    pub fn needs_annotations(&self) -> bool {
        self.delete.as_ref().is_some_and(|delete| !delete.annotations.is_empty())
    }
}

impl Delete {
    /// Whether a tag's name is among those that may go; other conditions may still save it.
    #[must_use]
    pub fn names(&self, tag: &str) -> bool {
        self.tags.as_ref().is_none_or(|patterns| patterns.iter().any(|pattern| pattern.matches(tag)))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn what_keeps_by_itself_is_told_from_what_depends_on_other_tags() {
        let (day, pattern) = (Duration::from_hours(24), regex::Regex::new("(?<major>[0-9]+)").unwrap());
        let by_itself = Keep { tags: vec!["v*".parse().unwrap()], younger_than: Some(day), ..Keep::default() };
        let comparing = [
            Keep { last: Some(3), ..Keep::default() },
            Keep { last_per: Some(LastPer { pattern, count: 1 }), ..Keep::default() },
            Keep { periods: vec![(Period::Day, 7)], ..Keep::default() },
        ];
        assert!(!by_itself.compares() && !Keep::default().compares());
        assert!(comparing.iter().all(Keep::compares));
        assert!(Keep::default().is_empty() && !by_itself.is_empty() && comparing.iter().all(|keep| !keep.is_empty()));
    }
}
