//! What was typed to look for damage, and to mend it.

use super::{Bounds, Deciding, JsonOutlet};
use crate::collect::pattern::Pattern;
use clap::Args;

/// Options of `fsck`. Those that decide and bound are for --repair.
#[derive(Debug, Args)]
pub struct Fsck {
    /// The registry: its config.yml, a storage URL, or a directory
    #[arg(value_name = "REGISTRY")]
    pub operand: Option<String>,
    /// Compare contents with their digests too: all of them, or so many of a hundred
    #[arg(long, value_name = "PERCENT", num_args = 0..=1, require_equals = true, default_missing_value = "100", value_parser = percent)]
    pub checksum: Option<f64>,
    /// The number that chooses the contents to compare, as an earlier report tells it
    #[arg(long, value_name = "N", requires = "checksum")]
    pub seed: Option<u64>,
    /// Only these repositories are told of, or mended: a glob, or re: and a regular expression; repeatable
    #[arg(long, value_name = "PATTERN")]
    pub repository: Vec<Pattern>,
    /// Mend what can be mended
    #[arg(long, conflicts_with_all = ["checksum", "seed"])]
    pub repair: bool,
    /// With --repair: show what would be done, and do nothing
    #[arg(short = 'n', long, requires = "repair")]
    pub dry_run: bool,
    /// With --repair: do not ask
    #[arg(long, requires = "repair")]
    pub yes: bool,
    /// What bounds the run.
    #[command(flatten)]
    pub bounds: Bounds,
    /// What decides.
    #[command(flatten)]
    pub deciding: Deciding,
    /// Where else the report goes.
    #[command(flatten)]
    pub outlets: JsonOutlet,
}

fn percent(text: &str) -> Result<f64, String> {
    let percent: f64 = text.trim_end_matches('%').parse().map_err(|_| "write a number of percent".to_owned())?;
    if percent > 0.0 && percent <= 100.0 { Ok(percent) } else { Err("more than 0, and 100 at most".into()) }
}
