//! What was typed to look at what is there.

use super::JsonOutlet;
use crate::collect::list::order::By;
use crate::collect::pattern::Pattern;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// Options of `ls`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub struct List {
    /// What to list: nothing for all repositories, REPOSITORY for its tags, REPOSITORY:TAG or REPOSITORY@DIGEST for the
    /// tree of one image. Repository and tag may be globs, or re: and a regular expression: then the tags that match
    #[arg(value_name = "IMAGE")]
    pub image: Option<String>,
    /// The manifests that no tag names, in the tags' place
    #[arg(long)]
    pub untagged: bool,
    /// Only digests, one a line, each once
    #[arg(long)]
    pub digests: bool,
    /// Only what names and listings tell: no manifest is read but those of one image, and no blob is listed
    #[arg(long)]
    pub brief: bool,
    /// By what to sort: names and the numbers in them going up, all else the largest or newest first
    #[arg(long, value_enum, default_value_t = Sort::Name)]
    pub sort: Sort,
    /// The other way round
    #[arg(short, long)]
    pub reverse: bool,
    /// Only these repositories: a glob, or re: and a regular expression; repeatable
    #[arg(long, value_name = "PATTERN", conflicts_with = "image")]
    pub repository: Vec<Pattern>,
    /// Also write the rows as CSV; `-` writes them to stdout instead of the text
    #[arg(long, value_name = "FILE|-", conflicts_with = "digests")]
    pub csv: Vec<PathBuf>,
    /// Files.
    #[command(flatten)]
    pub outlets: JsonOutlet,
}

/// By what to sort.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Sort {
    /// By name, `v9` before `v10`.
    Name,
    /// By bytes.
    Size,
    /// By the time of the last push.
    Pushed,
    /// Images: by the date in their configuration.
    Created,
    /// Images: by the number of signatures and the like.
    Referrers,
    /// Repositories: by the number of tags.
    Tags,
    /// Repositories: by the number of manifests.
    Manifests,
    /// Repositories: by the bytes that others need as well.
    Shared,
}

impl Sort {
    /// What it means.
    #[must_use]
    pub fn by(self) -> By {
        match self {
            Self::Name => By::Name,
            Self::Size => By::Size,
            Self::Pushed => By::Pushed,
            Self::Created => By::Created,
            Self::Referrers => By::Referrers,
            Self::Tags => By::Tags,
            Self::Manifests => By::Manifests,
            Self::Shared => By::Shared,
        }
    }
}
