//! What was typed as retention rules: a policy file, or one rule by flags.

use super::{Bounds, Deciding, Outlets, Scope};
use crate::collect::pattern::Pattern;
use crate::model::Timestamp;
use crate::retention::duration;
use crate::retention::version::Range;
use clap::Args;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// Options of `prune`.
#[derive(Debug, Args)]
pub struct Prune {
    /// The registry: its config.yml, a storage URL, or a directory
    #[arg(value_name = "REGISTRY")]
    pub operand: Option<String>,
    /// The rules.
    #[command(flatten)]
    pub rules: Rules,
    /// Do everything but delete
    #[arg(short = 'n', long)]
    pub dry_run: bool,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
    /// What of the registry it is about.
    #[command(flatten)]
    pub scope: Scope,
    /// What bounds the run.
    #[command(flatten)]
    pub bounds: Bounds,
    /// What decides.
    #[command(flatten)]
    pub deciding: Deciding,
    /// Files.
    #[command(flatten)]
    pub outlets: Outlets,
}

/// Retention rules: a file, or one rule for every repository.
#[derive(Debug, Clone, Default, Args)]
pub struct Rules {
    /// The rules, as a file
    #[arg(long, value_name = "FILE", conflicts_with = "flags")]
    pub policy: Option<PathBuf>,
    /// One rule by flags.
    #[command(flatten)]
    pub flags: Flags,
    /// Measure ages at this time: RFC 3339, a date (00:00 UTC), or from now on (+30d). Later than now, nothing is deleted
    #[arg(long, value_name = "TIME")]
    pub at: Option<At>,
}

/// One rule. What deletes must hold in all of its parts; one part that keeps suffices.
#[derive(Debug, Clone, Default, Args)]
#[group(id = "flags", multiple = true)]
pub struct Flags {
    /// Drop only these tags: a glob, or re: and a regular expression; repeatable
    #[arg(long, value_name = "PATTERN")]
    pub tag: Vec<Pattern>,
    /// Drop only tags that were pushed so long ago
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    pub older_than: Option<Duration>,
    /// Keep these tags, whatever else is said; repeatable
    #[arg(long, value_name = "PATTERN")]
    pub keep_tag: Vec<Pattern>,
    /// Keep the newest so many of the tags that --tag names, in each repository
    #[arg(long, value_name = "N")]
    pub keep_last: Option<NonZeroUsize>,
    /// Keep what was pushed less long ago
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    pub keep_younger_than: Option<Duration>,
    /// Keep versions in this range (">=1.0.0")
    #[arg(long, value_name = "RANGE")]
    pub keep_semver: Option<Range>,
    /// Remove manifests without a tag once they are so old
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    pub untagged_older_than: Option<Duration>,
}

/// When ages are measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// At this time.
    Time(Timestamp),
    /// So long after now.
    Later(Duration),
}

impl At {
    /// The time, where `now` is now.
    #[must_use]
    pub fn of(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Time(time) => time,
            Self::Later(duration) => now.plus(duration),
        }
    }
}

impl FromStr for At {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(later) = text.strip_prefix('+') {
            return duration::parse(later).map(Self::Later);
        }
        let time = Timestamp::parse_rfc3339(text).or_else(|| Timestamp::parse_date(text));
        time.map(Self::Time).ok_or_else(|| "write 2026-11-21T19:10:00Z, 2026-11-21 or +30d".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_points_or_from_now_on() {
        let now = Timestamp::from_days(20_000);
        let day = Duration::from_hours(24);
        assert_eq!("+30d".parse::<At>().map(|at| at.of(now)), Ok(now.plus(30 * day)));
        assert_eq!("1970-01-02".parse::<At>().map(|at| at.of(now)), Ok(Timestamp::from_days(1)));
        assert_eq!("1970-01-02T00:00:00Z".parse::<At>().map(|at| at.of(now)), Ok(Timestamp::from_days(1)));
        for text in ["", "30d", "-30d", "+", "+soon", "tomorrow", "2026-13-01"] {
            assert!(text.parse::<At>().is_err(), "{text}");
        }
    }
}
