//! What the user decided: everything that can change a decision, and nothing else.

use super::image_pattern::ImagePattern;
use super::keep_from::KeepFrom;
use super::pattern::Pattern;
use super::refusal::Allowed;
use crate::model::{Digest, Timestamp};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

/// Whether the registry may be serving pushes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It may.
    Live,
    /// It is stopped or read-only, and stays so until the run ends.
    Offline,
}

/// The text is none of the words that an option knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is none of its words")]
pub struct UnknownWord(String);

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Mode {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        [Self::Live, Self::Offline].into_iter().find(|mode| mode.name() == text).ok_or_else(|| UnknownWord(text.into()))
    }
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

    /// How long content waits after its last pointer went, where the user says nothing. `remembers`: the registry may go
    /// on claiming content that is gone, for as long as it runs.
    #[must_use]
    pub fn default_defer(self, remembers: bool) -> Duration {
        match self {
            Self::Live if remembers => Duration::from_hours(7 * 24),
            Self::Live => Duration::from_hours(24),
            Self::Offline => Duration::ZERO,
        }
    }

    /// How long a push that was admitted before may take to write its links, where the user says nothing.
    #[must_use]
    pub fn default_settle(self) -> Duration {
        match self {
            Self::Live => Duration::from_mins(2),
            Self::Offline => Duration::ZERO,
        }
    }
}

/// Whether content is moved aside before it is deleted for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aside {
    /// Where moving costs nothing: in a directory.
    Auto,
    /// Always; in an object store at the price of a copy.
    Always,
    /// Never.
    Never,
}

impl fmt::Display for Aside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Aside {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        let all = [Self::Auto, Self::Always, Self::Never];
        all.into_iter().find(|aside| aside.name() == text).ok_or_else(|| UnknownWord(text.into()))
    }
}

impl Aside {
    /// The word on the command line and in plans.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Always => "always",
            Self::Never => "never",
        }
    }
}

/// So long at least what was removed by name, and nothing else, can be brought back.
const SHORTEST_UNDO: Duration = Duration::from_hours(24);

/// Everything that decides.
#[derive(Debug, Clone)]
pub struct Options {
    /// Live or offline.
    pub mode: Mode,
    /// `-m`: revisions that no tag needs go.
    pub delete_untagged: bool,
    /// Pointers and blobs younger than this are kept, with all they need.
    pub min_age: Duration,
    /// Content waits so long after its last pointer went, and can be brought back until then.
    pub defer: Duration,
    /// A push that was admitted before may take so long to write its links.
    pub settle: Duration,
    /// Whether content is moved aside before it is deleted for good.
    pub aside: Aside,
    /// No content goes on the word of a listing that began longer ago.
    pub max_scan_age: Duration,
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
    /// `rm`: what the user names, to go although pointers name it.
    pub images: Vec<ImagePattern>,
    /// Whether what nothing needs goes as well. Without it only what is dismissed goes, and content begins to wait.
    pub collects: bool,
    /// `prune`: the rules that let tags go.
    pub rules: Option<Rules>,
    /// `fsck --repair`: what is broken is mended, and nothing else goes.
    pub repair: Option<Repair>,
}

/// What a repair may write. What it removes is for the plan to say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Repair {
    /// Only these links, each with what it says; `None` is all that mend something.
    pub links: Option<BTreeMap<String, Digest>>,
}

/// Retention rules as they were given. What they mean is for [`retention`](crate::retention) to say; here they are text,
/// so that a saved plan is carried out by the very rules that it was made by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// The policy.
    pub text: Arc<str>,
    /// The images in each file that it names.
    pub images: BTreeMap<String, Vec<KeepFrom>>,
    /// When ages are measured; now, where nothing is said.
    pub at: Option<Timestamp>,
}

impl Options {
    /// How long content waits after its last pointer went: in any case as long as a push may take.
    #[must_use]
    pub fn wait(&self) -> Duration {
        if self.defer.is_zero() { Duration::ZERO } else { self.defer.max(self.settle) }
    }

    /// How long what a run took away can be brought back. A tag whose manifest stays waits for nothing: where content is
    /// left alone, it is brought back for a day all the same.
    #[must_use]
    pub fn undo(&self) -> Duration {
        if self.collects { self.wait() } else { self.wait().max(SHORTEST_UNDO) }
    }

    /// Whether tags decide what goes: then they must be all of the truth.
    #[must_use]
    pub fn trusts_tags(&self) -> bool {
        self.delete_untagged || self.rules.is_some()
    }

    /// Whether a repository may lose something.
    #[must_use]
    pub fn is_in_scope(&self, repository: &str) -> bool {
        self.repositories.is_empty() || self.repositories.iter().any(|pattern| pattern.matches(repository))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::super::scene::options;
    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    #[test]
    fn what_a_mode_keeps_without_a_word_is_as_documented() {
        let (live, offline) = (Mode::Live, Mode::Offline);
        assert_eq!([live, offline].map(Mode::default_min_age), [24 * HOUR, Duration::ZERO]);
        assert_eq!([live, offline].map(|mode| mode.default_defer(false)), [24 * HOUR, Duration::ZERO]);
        assert_eq!([live, offline].map(|mode| mode.default_defer(true)), [168 * HOUR, Duration::ZERO]);
        assert_eq!([live, offline].map(Mode::default_settle), [HOUR / 30, Duration::ZERO]);
    }

    #[test]
    fn words_read_back_and_others_are_refused() {
        for mode in [Mode::Live, Mode::Offline] {
            assert_eq!(mode.to_string().parse(), Ok(mode));
        }
        for aside in [Aside::Auto, Aside::Always, Aside::Never] {
            assert_eq!(aside.to_string().parse(), Ok(aside));
        }
        assert_eq!("Live".parse::<Mode>().unwrap_err().to_string(), "\"Live\" is none of its words");
        assert_eq!("".parse::<Aside>().unwrap_err().to_string(), "\"\" is none of its words");
        let words = [Mode::Live.name(), Mode::Offline.name(), Aside::Auto.name(), Aside::Always.name()];
        assert_eq!((words, Aside::Never.name()), (["live", "offline", "auto", "always"], "never"));
    }

    #[test]
    fn content_waits_at_least_as_long_as_a_push_may_take() {
        let wait = |defer, settle| Options { defer, settle, ..options() }.wait();
        assert_eq!(wait(24 * HOUR, HOUR), 24 * HOUR);
        assert_eq!(wait(HOUR, 24 * HOUR), 24 * HOUR);
        assert_eq!(wait(Duration::ZERO, HOUR), Duration::ZERO, "a registry that is stopped has no pushes");
    }

    #[test]
    fn without_a_pattern_all_repositories_may_lose_something() {
        assert!(options().is_in_scope("a"));
        let scoped = Options { repositories: vec!["b".parse().unwrap(), "c/*".parse().unwrap()], ..options() };
        assert_eq!(["a", "b", "c/d", "b/c"].map(|name| scoped.is_in_scope(name)), [false, true, true, false]);
    }

    #[test]
    fn what_was_removed_by_name_can_be_brought_back_for_a_day_at_least() {
        let undo = |defer, collects| Options { defer, collects, ..options() }.undo();
        assert_eq!((undo(Duration::ZERO, true), undo(HOUR, true)), (Duration::ZERO, HOUR));
        assert_eq!((undo(Duration::ZERO, false), undo(48 * HOUR, false)), (24 * HOUR, 48 * HOUR));
    }
}
