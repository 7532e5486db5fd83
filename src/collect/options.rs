//! What the user decided: everything that can change a decision, and nothing else.

use super::keep_from::KeepFrom;
use super::pattern::Pattern;
use super::refusal::Allowed;
use std::time::Duration;

/// Whether the registry may be serving pushes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It may.
    Live,
    /// It is stopped or read-only, and stays so until the run ends.
    Offline,
}

impl Mode {
    /// The word in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Offline => "offline",
        }
    }

    /// The age below which things are kept, where the user says nothing.
    #[must_use]
    pub fn default_min_age(self) -> Duration {
        match self {
            Self::Live => Duration::from_hours(24),
            Self::Offline => Duration::ZERO,
        }
    }
}

/// Everything that decides.
#[derive(Debug, Clone)]
pub struct Options {
    /// Live or offline.
    pub mode: Mode,
    /// `-m`: revisions that no tag needs go.
    pub delete_untagged: bool,
    /// Pointers and blobs younger than this are kept, with all they need.
    pub min_age: Duration,
    /// Uploads older than this go; `None` keeps all.
    pub uploads_older_than: Option<Duration>,
    /// Only these repositories lose something; empty means all.
    pub repositories: Vec<Pattern>,
    /// Roots whatever the storage says.
    pub keep_from: Vec<KeepFrom>,
    /// The largest share of the registry's bytes that may go, in percent; `None` is without limit.
    pub max_delete_percent: Option<u8>,
    /// The refusals that the user takes upon himself.
    pub allow: Vec<Allowed>,
}

impl Options {
    /// Whether a repository may lose something.
    #[must_use]
    pub fn is_in_scope(&self, repository: &str) -> bool {
        self.repositories.is_empty() || self.repositories.iter().any(|pattern| pattern.matches(repository))
    }
}
