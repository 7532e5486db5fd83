//! What was typed to learn why something stays or goes.

use super::prune::At;
use super::{JsonOutlet, duration};
use crate::collect::explain::asked::Asked;
use crate::storage::location::Secret;
use clap::Args;
use std::path::PathBuf;
use std::time::Duration;

/// Options of `explain`. The registry is named with --registry or by the environment.
#[derive(Debug, Args)]
pub struct Explain {
    /// What to explain: a digest (12 digits of it are enough), REPOSITORY:TAG, or REPOSITORY@DIGEST
    #[arg(value_name = "DIGEST|IMAGE")]
    pub asked: Asked,
    /// As a collection would decide that removes manifests that no tag needs
    #[arg(short = 'm', long)]
    pub delete_untagged: bool,
    /// As prune would decide by the rules in this file
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// Measure the ages of the rules at this time: RFC 3339, a date (00:00 UTC), or from now on (+30d)
    #[arg(long, value_name = "TIME", requires = "policy")]
    pub at: Option<At>,
    /// As a run would decide that takes the registry to be stopped or read-only
    #[arg(long)]
    pub offline: bool,
    /// As a run would decide with this --min-age [default: 24h; 0s with --offline]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub min_age: Option<Duration>,
    /// As a run would decide with this --defer [default: as for garbage-collect]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub defer: Option<Duration>,
    /// As a run would decide that keeps what stands in this list; `-` reads stdin
    #[arg(long, value_name = "FILE|-")]
    pub keep_from: Vec<PathBuf>,
    /// What the registry remembers blobs in, where its configuration does not say: none, inmemory, or
    /// `redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE]` (rediss:// with TLS)
    #[arg(long, value_name = "CACHE", value_parser = super::secret)]
    pub descriptor_cache: Option<Secret>,
    /// Where else the report goes.
    #[command(flatten)]
    pub outlets: JsonOutlet,
}

impl Explain {
    /// What a collection would be told with the same words.
    #[must_use]
    pub fn deciding(&self) -> super::Deciding {
        super::Deciding {
            offline: self.offline,
            min_age: self.min_age,
            defer: self.defer,
            settle: None,
            aside: super::AsideWhen::Auto,
            max_scan_age: Duration::from_mins(5),
            uploads_older_than: super::Limit(None),
            max_delete_percent: None,
            allow: Vec::new(),
            keep_from: self.keep_from.clone(),
            descriptor_cache: self.descriptor_cache.clone(),
            output: None,
        }
    }
}
