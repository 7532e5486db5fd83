//! What was typed to work on rules without a registry.

use super::prune::At;
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Commands about retention rules.
#[derive(Debug, Subcommand)]
pub enum Policy {
    /// Reads policies strictly, and tells all that is wrong with line and column
    Check(Check),
    /// Shows what a policy would do to a list of tags and dates
    ///
    /// The list is YAML, JSON, or rows with commas between, and may say what is expected of each tag: where a verdict
    /// differs, the exit code is 1.
    Test(Test),
    /// Tells which rule decides for an image, and why it would stay or go
    ///
    /// With -R the image is looked up in a registry: its repository is read, and nothing else. Else it stands in a fixture,
    /// or by itself.
    Explain(Explain),
    /// Writes the policy that is equal to another tool's rules, and names what has no equal
    Import(Import),
}

/// Options of `policy check`.
#[derive(Debug, Args)]
pub struct Check {
    /// The policies
    #[arg(value_name = "POLICY", required = true)]
    pub policies: Vec<PathBuf>,
}

/// Options of `policy test`.
#[derive(Debug, Args)]
pub struct Test {
    /// The policy
    #[arg(value_name = "POLICY")]
    pub policy: PathBuf,
    /// Tags and dates, and perhaps what is expected of them
    #[arg(value_name = "FIXTURE", required = true)]
    pub fixtures: Vec<PathBuf>,
    /// Measure ages at this time: RFC 3339, a date (00:00 UTC), or from the fixture's now on (+30d)
    #[arg(long, value_name = "TIME")]
    pub at: Option<At>,
}

/// Options of `policy explain`.
#[derive(Debug, Args)]
pub struct Explain {
    /// The policy
    #[arg(value_name = "POLICY")]
    pub policy: PathBuf,
    /// The image: REPOSITORY or REPOSITORY:TAG
    #[arg(value_name = "IMAGE")]
    pub image: String,
    /// Tags and dates, as for `policy test`
    #[arg(long, value_name = "FIXTURE")]
    pub fixture: Option<PathBuf>,
    /// When it was pushed, if it stands in no fixture: an age (41d), a date, RFC 3339
    #[arg(long, value_name = "TIME", conflicts_with = "fixture")]
    pub pushed: Option<String>,
    /// Measure ages at this time
    #[arg(long, value_name = "TIME")]
    pub at: Option<At>,
}

/// Options of `policy import`.
#[derive(Debug, Args)]
pub struct Import {
    /// Whose rules they are
    #[arg(value_enum)]
    pub from: Source,
    /// The rules; `-` or nothing reads stdin. For registry-cleanup: lines NAME=VALUE, and nothing reads the environment
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// The repositories that they are for, where they do not say so themselves; repeatable
    #[arg(long, value_name = "PATTERN")]
    pub repository: Vec<crate::collect::pattern::Pattern>,
}

/// Tools whose rules can be imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Source {
    /// The environment of `registry_cleanup.sh`.
    RegistryCleanup,
    /// A lifecycle policy of Amazon ECR (JSON).
    Ecr,
    /// Cleanup policies of Google Artifact Registry (JSON).
    ArtifactRegistry,
    /// The configuration of zot (JSON or YAML).
    Zot,
    /// A retention policy of Harbor, as its API has it (JSON).
    Harbor,
}
