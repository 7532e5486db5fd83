//! What was typed to look at what waits, and to bring it back.

use super::JsonOutlet;
use clap::Args;

/// Options of `restore`.
#[derive(Debug, Args)]
pub struct Restore {
    /// The registry: its config.yml, a storage URL, or a directory
    #[arg(value_name = "REGISTRY")]
    pub operand: Option<String>,
    /// What to restore.
    #[command(flatten)]
    pub what: What,
    /// Show what would be written, and write nothing
    #[arg(short = 'n', long)]
    pub dry_run: bool,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
    /// Files.
    #[command(flatten)]
    pub outlets: JsonOutlet,
}

/// What to restore.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct What {
    /// Everything that can be, also of images that cannot be whole any more
    #[arg(long)]
    pub all: bool,
    /// What this run took away, as its report and `pending` call it; repeatable
    #[arg(long, value_name = "RUN", value_parser = run_name)]
    pub run: Vec<String>,
    /// These images: `REPOSITORY`, `REPOSITORY:TAG` or `REPOSITORY@DIGEST`; each side a glob, or re: and a regular
    /// expression; repeatable
    #[arg(long, value_name = "IMAGE")]
    pub image: Vec<crate::collect::image_pattern::ImagePattern>,
    /// Whatever names this digest, with all that it needs; repeatable
    #[arg(long, value_name = "DIGEST")]
    pub digest: Vec<crate::model::Digest>,
    /// Only what something that is there needs now, as every collection does first
    #[arg(long)]
    pub needed: bool,
}

/// Options of `pending`.
#[derive(Debug, Args)]
pub struct Waiting {
    /// The registry: its config.yml, a storage URL, or a directory
    #[arg(value_name = "REGISTRY")]
    pub operand: Option<String>,
    /// Files.
    #[command(flatten)]
    pub outlets: JsonOutlet,
}

fn run_name(text: &str) -> Result<String, String> {
    if crate::layout::state::is_run(text) {
        Ok(text.to_owned())
    } else {
        Err("`regsweep pending` names the runs".into())
    }
}
