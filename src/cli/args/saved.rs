//! What was typed about a saved plan.

use super::{Bounds, JsonOutlet, Outlets, duration, secret};
use crate::storage::location::Secret;
use clap::Args;
use std::path::PathBuf;
use std::time::Duration;

/// Options of `show`.
#[derive(Debug, Args)]
pub struct Show {
    /// The plan, as -o saved it
    #[arg(value_name = "PLAN")]
    pub plan: PathBuf,
    /// Files.
    #[command(flatten)]
    pub outlets: JsonOutlet,
}

/// Options of `apply`. None of them decides what goes: the plan's own do.
#[derive(Debug, Args)]
pub struct Apply {
    /// The plan, as -o saved it
    #[arg(value_name = "PLAN")]
    pub plan: PathBuf,
    /// Do everything but delete
    #[arg(short = 'n', long)]
    pub dry_run: bool,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
    /// Refuse a plan that was made longer ago
    #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = duration)]
    pub max_plan_age: Duration,
    /// What the registry remembers blobs in, where its configuration does not say: none, inmemory, or
    /// `redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE]` (rediss:// with TLS)
    #[arg(long, value_name = "CACHE", value_parser = secret)]
    pub descriptor_cache: Option<Secret>,
    /// What bounds the run.
    #[command(flatten)]
    pub bounds: Bounds,
    /// Files.
    #[command(flatten)]
    pub outlets: Outlets,
}
