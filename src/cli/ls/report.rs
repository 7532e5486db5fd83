//! What was found, in one value for every outlet.

use crate::cli::args::List;
use crate::collect::inventory::Repository;
use crate::collect::list::overview::{RepositoryRow, Total};
use crate::collect::list::row::{ManifestRow, TagRow};
use crate::collect::list::tree::Tree;
use crate::collect::problem::Problem;
use crate::collect::report::Requests;
use serde::Serialize;

pub(super) const SCHEMA: &str = "regsweep.list/1";

/// A listing. What was not asked for is `null`.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    schema: &'static str,
    command: &'static str,
    version: &'static str,
    exit_code: u8,
    error: Option<()>,
    location: String,
    /// What was asked for, as it was typed.
    image: Option<String>,
    untagged: bool,
    brief: bool,
    /// All that is there.
    pub(super) total: Option<Total>,
    pub(super) repositories: Option<Vec<RepositoryRow>>,
    pub(super) tags: Option<Vec<TagRow>>,
    pub(super) manifests: Option<Vec<ManifestRow>>,
    pub(super) images: Option<Vec<Tree>>,
    /// What is damaged in the links that were looked at.
    pub(super) problems: Vec<Problem>,
    pub(super) requests: Requests,
    /// How much is in each repository that was looked at.
    #[serde(skip)]
    pub(super) looked_at: Vec<LookedAt>,
}

/// How much is in a repository.
#[derive(Debug)]
pub(super) struct LookedAt {
    pub(super) name: String,
    pub(super) tags: u64,
    pub(super) manifests: u64,
}

impl Report {
    pub(super) fn new(location: &str, args: &List) -> Self {
        Self {
            schema: SCHEMA,
            command: "ls",
            version: env!("CARGO_PKG_VERSION"),
            exit_code: 0,
            error: None,
            location: location.to_owned(),
            image: args.image.clone(),
            untagged: args.untagged,
            brief: args.brief,
            total: None,
            repositories: None,
            tags: None,
            manifests: None,
            images: None,
            problems: Vec::new(),
            requests: Requests::default(),
            looked_at: Vec::new(),
        }
    }

    pub(super) fn location(&self) -> &str {
        &self.location
    }

    pub(super) fn is_untagged(&self) -> bool {
        self.untagged
    }

    pub(super) fn is_brief(&self) -> bool {
        self.brief
    }

    /// Notes how much is in a repository.
    pub(super) fn listed(&mut self, repository: &Repository) {
        let tags = repository.current_tags().count() as u64;
        let manifests = repository.revisions.len() as u64;
        self.looked_at.push(LookedAt { name: repository.name.to_string(), tags, manifests });
    }
}
