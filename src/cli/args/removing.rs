//! What was typed to remove what is named.

use super::{Bounds, Deciding, Outlets};
use crate::collect::image_pattern::ImagePattern;
use clap::Args;

/// Options of `rm`. The registry is named with --registry or by the environment.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub struct Remove {
    /// What to remove: `REPOSITORY:TAG`, `REPOSITORY@DIGEST` or a whole `REPOSITORY`; repository and tag each a glob (`*`
    /// stops at `/`, `**` does not), or re: and a regular expression
    #[arg(value_name = "IMAGE", required = true)]
    pub images: Vec<ImagePattern>,
    /// Collect afterwards, in the same plan: also content, layer links and stale uploads that nothing needs
    #[arg(long)]
    pub gc: bool,
    /// What is not there is no error
    #[arg(long)]
    pub ignore_missing: bool,
    /// Do everything but delete
    #[arg(short = 'n', long)]
    pub dry_run: bool,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
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
