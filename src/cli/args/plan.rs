//! What was typed to show or save a plan.

use super::prune::At;
use super::{Deciding, Outlets, Scope};
use clap::Args;
use std::path::PathBuf;

/// Options of `plan`.
#[derive(Debug, Args)]
pub struct Plan {
    /// The registry: its config.yml, a storage URL, or a directory
    #[arg(value_name = "REGISTRY")]
    pub operand: Option<String>,
    /// Show what prune would remove by the rules in this file
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// Measure ages at this time: RFC 3339, a date (00:00 UTC), or from now on (+30d)
    #[arg(long, value_name = "TIME", requires = "policy")]
    pub at: Option<At>,
    /// End with 5 if there is something to delete
    #[arg(long)]
    pub detailed_exitcode: bool,
    /// What of the registry.
    #[command(flatten)]
    pub scope: Scope,
    /// What decides.
    #[command(flatten)]
    pub deciding: Deciding,
    /// Files.
    #[command(flatten)]
    pub outlets: Outlets,
}
