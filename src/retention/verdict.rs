//! What the rules say of a tag, and why, in words that name the rule and the condition.

use super::duration;
use super::policy::Period;
use crate::model::Digest;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// What becomes of a tag or an untagged manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// It stays.
    Keep,
    /// It goes.
    Drop,
}

impl Decision {
    /// The word in reports and fixtures.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Drop => "drop",
        }
    }
}

/// What the rules say of one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The rule that decided; none where none is for the repository.
    pub rule: Option<Arc<str>>,
    /// The condition that decided.
    pub why: Why,
}

impl Verdict {
    /// Whether it stays. Only three reasons make anything go.
    #[must_use]
    pub fn decision(&self) -> Decision {
        match &self.why {
            Why::Selected(_) | Why::UntaggedFor { .. } | Why::GoesWith(_) => Decision::Drop,
            Why::NoRule
            | Why::NoTags
            | Why::Unreadable
            | Why::Kept(_)
            | Why::Missed(_)
            | Why::StaysWith(_)
            | Why::NoUntagged
            | Why::UntaggedOnlyFor { .. } => Decision::Keep,
        }
    }

    /// Whether it goes.
    #[must_use]
    pub fn drops(&self) -> bool {
        self.decision() == Decision::Drop
    }
}

/// `rule ci: older than 30d (pushed 41d ago)`.
impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.rule {
            Some(rule) => write!(f, "rule {rule}: {}", self.why),
            None => write!(f, "{}", self.why),
        }
    }
}

/// Why something stays or goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// No rule is for the repository.
    NoRule,
    /// The rule drops no tags.
    NoTags,
    /// What the tag names cannot be read.
    Unreadable,
    /// A condition keeps it.
    Kept(KeptBy),
    /// A condition for going does not hold.
    Missed(Missed),
    /// Every condition for going holds, and none keeps it.
    Selected(Vec<Held>),
    /// It belongs to something that stays.
    StaysWith(Digest),
    /// It belongs to something that goes.
    GoesWith(Digest),
    /// The rule says nothing of untagged manifests.
    NoUntagged,
    /// It has not been untagged for long enough, or nobody knows for how long.
    UntaggedOnlyFor {
        /// How long it must have been.
        limit: Duration,
        /// How long it has been.
        age: Option<Duration>,
    },
    /// It has been untagged for long enough.
    UntaggedFor {
        /// How long it must have been.
        limit: Duration,
        /// How long it has been.
        age: Duration,
    },
}

/// A condition that keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeptBy {
    /// A pattern of `keep.tags`.
    Tags(String),
    /// `keep.last`.
    Last(usize),
    /// `keep.last_per`, and the stream.
    LastPer(usize, String),
    /// `keep.semver`.
    Semver(String),
    /// `keep.younger_than`, and the age.
    YoungerThan(Duration, Option<Duration>),
    /// `keep.daily` and so on, and the day.
    Period(Period, usize, Option<String>),
    /// `keep.images_from`.
    Images(String),
}

/// A condition for going that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Missed {
    /// `delete.tags`.
    Tags,
    /// `delete.semver`.
    Semver(String),
    /// `delete.older_than`, and the age.
    OlderThan(Duration, Option<Duration>),
    /// `delete.created_older_than`, and the age.
    CreatedOlderThan(Duration, Option<Duration>),
    /// `delete.labels`: a name and the pattern for its value.
    Label(String, String),
    /// `delete.annotations`.
    Annotation(String, String),
}

/// A condition for going that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Held {
    /// A pattern of `delete.tags`.
    Tags(String),
    /// `delete.semver`.
    Semver(String),
    /// `delete.older_than`, and the age.
    OlderThan(Duration, Duration),
    /// `delete.created_older_than`, and the age.
    CreatedOlderThan(Duration, Duration),
    /// `delete.labels`: a name and the pattern for its value.
    Label(String, String),
    /// `delete.annotations`.
    Annotation(String, String),
}

/// `pushed 41d ago`.
struct Ago(&'static str, Option<Duration>);

impl fmt::Display for Ago {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.1 {
            Some(age) => write!(f, "{} {} ago", self.0, duration::age(age)),
            None => write!(f, "{} at an unknown time, which counts as now", self.0),
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRule => f.write_str("no rule is for this repository"),
            Self::NoTags => f.write_str("it drops no tags"),
            Self::Unreadable => f.write_str("what the tag names cannot be read"),
            Self::Kept(by) => by.fmt(f),
            Self::Missed(missed) => missed.fmt(f),
            Self::Selected(held) if held.is_empty() => f.write_str("every tag"),
            Self::Selected(held) => {
                for (at, held) in held.iter().enumerate() {
                    write!(f, "{}{held}", if at == 0 { "" } else { ", " })?;
                }
                Ok(())
            }
            Self::StaysWith(digest) => write!(f, "belongs to {digest}, which stays"),
            Self::GoesWith(digest) => write!(f, "belongs to {digest}, which goes"),
            Self::NoUntagged => f.write_str("it drops no untagged manifests"),
            Self::UntaggedOnlyFor { limit, age } => {
                write!(
                    f,
                    "untagged, but not older than {} ({})",
                    duration::written(*limit),
                    Ago("last seen in use", *age)
                )
            }
            Self::UntaggedFor { limit, age } => {
                let ago = Ago("pushed, or lost its last tag,", Some(*age));
                write!(f, "untagged and older than {} ({ago})", duration::written(*limit))
            }
        }
    }
}

impl fmt::Display for KeptBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tags(pattern) => write!(f, "keep.tags {pattern}"),
            Self::Last(count) => write!(f, "keep.last {count}"),
            Self::LastPer(count, stream) => write!(f, "keep.last_per {count} of {stream}"),
            Self::Semver(range) => write!(f, "keep.semver {range}"),
            Self::YoungerThan(limit, age) => {
                write!(f, "keep.younger_than {} ({})", duration::written(*limit), Ago("pushed", *age))
            }
            Self::Period(period, count, Some(name)) => write!(f, "keep.{} {count} ({name})", period.name()),
            Self::Period(period, count, None) => write!(f, "keep.{} {count} ({})", period.name(), Ago("pushed", None)),
            Self::Images(file) => write!(f, "keep.images_from {file}"),
        }
    }
}

impl fmt::Display for Missed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tags => f.write_str("delete.tags does not name it"),
            Self::Semver(range) => write!(f, "no version in {range}"),
            Self::OlderThan(limit, age) => {
                write!(f, "not older than {} ({})", duration::written(*limit), Ago("pushed", *age))
            }
            Self::CreatedOlderThan(limit, age) => {
                write!(f, "not created more than {} ago ({})", duration::written(*limit), Ago("created", *age))
            }
            Self::Label(name, pattern) => write!(f, "label {name} is not {pattern}"),
            Self::Annotation(name, pattern) => write!(f, "annotation {name} is not {pattern}"),
        }
    }
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tags(pattern) => write!(f, "tag {pattern}"),
            Self::Semver(range) => write!(f, "version in {range}"),
            Self::OlderThan(limit, age) => {
                write!(f, "older than {} ({})", duration::written(*limit), Ago("pushed", Some(*age)))
            }
            Self::CreatedOlderThan(limit, age) => {
                write!(f, "created more than {} ago ({})", duration::written(*limit), Ago("created", Some(*age)))
            }
            Self::Label(name, pattern) => write!(f, "label {name} is {pattern}"),
            Self::Annotation(name, pattern) => write!(f, "annotation {name} is {pattern}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(rule: Option<&str>, why: Why) -> String {
        Verdict { rule: rule.map(Into::into), why }.to_string()
    }

    const DAY: Duration = Duration::from_hours(24);

    #[test]
    fn verdicts_name_rule_and_condition() {
        let held = vec![Held::OlderThan(30 * DAY, 41 * DAY), Held::Tags("pr-*".into())];
        assert_eq!(says(Some("ci"), Why::Selected(held)), "rule ci: older than 30d (pushed 41d ago), tag pr-*");
        assert_eq!(says(Some("ci"), Why::Selected(Vec::new())), "rule ci: every tag");
        assert_eq!(says(Some("ci"), Why::Kept(KeptBy::Last(10))), "rule ci: keep.last 10");
        assert_eq!(says(None, Why::NoRule), "no rule is for this repository");
        let younger = KeptBy::YoungerThan(7 * DAY, Some(3 * DAY));
        assert_eq!(says(Some("ci"), Why::Kept(younger)), "rule ci: keep.younger_than 7d (pushed 3d ago)");
        let missed = Missed::OlderThan(30 * DAY, None);
        assert_eq!(
            says(Some("ci"), Why::Missed(missed)),
            "rule ci: not older than 30d (pushed at an unknown time, which counts as now)"
        );
    }

    #[test]
    fn only_what_the_rules_let_go_drops() {
        let digest = Digest::of(b"x");
        let verdict = |why| Verdict { rule: Some("r".into()), why };
        for why in
            [Why::Selected(Vec::new()), Why::GoesWith(digest.clone()), Why::UntaggedFor { limit: DAY, age: 2 * DAY }]
        {
            assert!(verdict(why).drops());
        }
        for why in [
            Why::NoRule,
            Why::NoTags,
            Why::Unreadable,
            Why::Kept(KeptBy::Last(1)),
            Why::Missed(Missed::Tags),
            Why::StaysWith(digest),
            Why::NoUntagged,
            Why::UntaggedOnlyFor { limit: DAY, age: None },
        ] {
            assert_eq!(verdict(why).decision(), Decision::Keep);
        }
    }
}
