//! What was found, each with its key, and counted however many there are.

use super::code::{Code, Level};
use crate::model::{Digest, RepositoryName};
use std::collections::BTreeMap;

/// How to make sure of a finding: what a listing leaves out, or a link says while it is written, proves nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// It is sure already.
    Sure,
    /// None of these keys is there, and all of those are.
    Keys {
        /// What is not there.
        absent: Vec<String>,
        /// What is there.
        there: Vec<String>,
    },
    /// The key's content is not one digest, or another than this.
    Link(Option<Digest>),
    /// The key's content is no sound manifest of this digest.
    Manifest(Digest),
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What kind.
    pub code: Code,
    /// How bad.
    pub level: Level,
    /// The key it is about; of something missing the key that it would have.
    pub key: String,
    /// The repository, if it is in one.
    pub repository: Option<RepositoryName>,
    /// The digest it is about; of something missing the one that would mend it.
    pub digest: Option<Digest>,
    /// More of it, in words.
    pub detail: Option<String>,
    /// The images that suffer from it: the first of them.
    pub images: Vec<String>,
    /// How many there are.
    pub images_in_all: u64,
    /// How to make sure of it.
    pub proof: Proof,
}

impl Finding {
    /// A finding of which nothing else is known.
    #[must_use]
    pub fn new(code: Code, key: String) -> Self {
        Self {
            code,
            level: code.level(),
            key,
            repository: None,
            digest: None,
            detail: None,
            images: Vec::new(),
            images_in_all: 0,
            proof: Proof::Sure,
        }
    }

    /// In this repository.
    #[must_use]
    pub fn within(self, repository: &RepositoryName) -> Self {
        Self { repository: Some(repository.clone()), ..self }
    }

    /// About this digest.
    #[must_use]
    pub fn about(self, digest: &Digest) -> Self {
        Self { digest: Some(digest.clone()), ..self }
    }

    /// With more words.
    #[must_use]
    pub fn saying(self, detail: impl Into<String>) -> Self {
        Self { detail: Some(detail.into()), ..self }
    }

    /// To be made sure of.
    #[must_use]
    pub fn proven_by(self, proof: Proof) -> Self {
        Self { proof, ..self }
    }

    /// Told as young, if it is.
    #[must_use]
    pub fn young(mut self, is_young: bool) -> Self {
        if is_young && matches!(self.level, Level::Damage | Level::Litter) {
            self.level = Level::Young;
        }
        self
    }
}

/// So many findings of one code and level are told in full.
pub const TOLD: usize = 1000;

/// All findings; each code's up to a number, and all of them counted.
#[derive(Debug, Clone, Default)]
pub struct Findings {
    tells_all: bool,
    told: Vec<Finding>,
    counts: BTreeMap<(Code, Level), u64>,
}

impl Findings {
    /// Findings that are all told, however many: each is to be mended.
    #[must_use]
    pub fn telling_all() -> Self {
        Self { tells_all: true, ..Self::default() }
    }

    /// Adds one.
    pub fn add(&mut self, finding: Finding) {
        let count = self.counts.entry((finding.code, finding.level)).or_default();
        *count += 1;
        if self.tells_all || *count <= TOLD as u64 {
            self.told.push(finding);
        }
    }

    /// Those that are told, the worst first.
    #[must_use]
    pub fn told(&self) -> &[Finding] {
        &self.told
    }

    /// Completes one of those that are told.
    pub(super) fn change(&mut self, at: usize, change: impl FnOnce(&mut Finding)) {
        if let Some(finding) = self.told.get_mut(at) {
            change(finding);
        }
    }

    /// Counts more of a kind that are not told.
    pub fn count_more(&mut self, code: Code, number: u64) {
        if number > 0 {
            *self.counts.entry((code, code.level())).or_default() += number;
        }
    }

    /// How many of each kind.
    pub fn counts(&self) -> impl Iterator<Item = (Code, Level, u64)> {
        self.counts.iter().map(|((code, level), count)| (*code, *level, *count))
    }

    /// How many of a level.
    #[must_use]
    pub fn of_level(&self, level: Level) -> u64 {
        self.counts().filter(|(_, of, _)| *of == level).map(|(.., count)| count).sum()
    }

    /// Puts them in the order of reports.
    pub fn sort(&mut self) {
        self.told.sort_by(|a, b| (a.level, a.code, &a.key, &a.detail).cmp(&(b.level, b.code, &b.key, &b.detail)));
    }

    /// Takes out those that a second look did not find; `holds` tells by their place among [`Self::told`].
    pub fn retain(&mut self, holds: impl Fn(usize, &Finding) -> bool) {
        for (at, finding) in std::mem::take(&mut self.told).into_iter().enumerate() {
            if holds(at, &finding) {
                self.told.push(finding);
            } else if let Some(count) = self.counts.get_mut(&(finding.code, finding.level)) {
                *count -= 1;
            }
        }
        self.counts.retain(|_, count| *count > 0);
    }
}
