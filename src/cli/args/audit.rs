//! What was typed to see where the bytes are.

use super::outlets::Outlets;
use super::prune::At;
use super::{Limit, duration, duration_or_off};
use crate::collect::pattern::Pattern;
use clap::Args;
use std::path::PathBuf;
use std::time::Duration;

/// Options of `audit`.
#[derive(Debug, Args)]
pub struct Audit {
    /// The registry: its config.yml, a storage URL, or a directory
    #[arg(value_name = "REGISTRY")]
    pub operand: Option<String>,
    /// Group repositories: re: and a regular expression whose first named part is the group (`re:^(?<team>[^/]+)/`), or a
    /// file with a pattern for repositories and the name of a group on each line, of which the first that matches counts
    #[arg(long, value_name = "re:EXPRESSION|FILE")]
    pub group: Option<String>,
    /// Show only these repositories: a glob, or re: and a regular expression; repeatable. All are counted
    #[arg(long, value_name = "PATTERN")]
    pub repository: Vec<Pattern>,
    /// Tell what `prune` with the rules in this file would free
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// Measure the ages of these rules at this time: RFC 3339, a date (00:00 UTC), or from now on (+30d)
    #[arg(long, value_name = "TIME", requires = "policy")]
    pub at: Option<At>,
    /// Take prices from this file, not from the list that comes with regsweep
    #[arg(long, value_name = "FILE")]
    pub prices: Option<PathBuf>,
    /// The region whose prices count (eu-west-1, eastus-lrs); S3 tells it, GCS and Azure do not
    #[arg(long, value_name = "REGION")]
    pub price_region: Option<String>,
    /// Tell what has grown and shrunk since an earlier audit, by the JSON it wrote
    #[arg(long, value_name = "FILE")]
    pub compare: Option<PathBuf>,
    /// Write the report as one HTML file for the one who pays; repeatable
    #[arg(long, value_name = "FILE", help_heading = "Reports in files")]
    pub html: Vec<PathBuf>,
    /// What is younger counts as young, with all it needs
    #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = duration)]
    pub min_age: Duration,
    /// Uploads that have shown no sign of life for so long are stale; `off`: none is
    #[arg(long, value_name = "DURATION|off", default_value = "168h", value_parser = duration_or_off)]
    pub uploads_older_than: Limit,
    /// Count by this S3 inventory (its manifest.json, in a bucket or copied here; CSV or Parquet), or by what --save-listing
    /// has saved, in place of a listing
    #[arg(long, value_name = "s3://BUCKET/KEY|FILE")]
    pub inventory: Option<String>,
    /// Save the listing, to count by it again; `.gz` compresses
    #[arg(long, value_name = "FILE")]
    pub save_listing: Option<PathBuf>,
    /// Files.
    #[command(flatten)]
    pub outlets: Outlets,
}
