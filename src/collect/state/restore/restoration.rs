//! What a restore comes to, before anything is written.

use crate::collect::plan::Stage;
use crate::collect::state::journal::Pointers;
use crate::model::{Digest, RepositoryName, Timestamp};
use serde::Serialize;

/// A pointer to write back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// The repository.
    pub repository: RepositoryName,
    /// What kind it is.
    pub stage: Stage,
    /// The key.
    pub key: String,
    /// The digest that it held.
    pub content: Digest,
    /// When it had been written, if that is known and matters: of tags and their history.
    pub modified: Option<Timestamp>,
}

/// A tag that names something now: a push that came later, which is not written over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Newer {
    /// The tag, with its repository.
    pub image: String,
    /// What it named when it was taken away.
    pub was: String,
}

/// An image that cannot be whole any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Lost {
    /// The image.
    pub image: String,
    /// What is gone, or cannot be read.
    pub missing: Vec<String>,
}

/// What becomes of all of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Restoration {
    /// What is written back, in groups: all of one is there before the next begins.
    pub groups: Vec<Vec<Write>>,
    /// What is there already.
    pub there: Pointers,
    /// Tags that name something now.
    pub newer: Vec<Newer>,
    /// What names something that is gone.
    pub gone: Pointers,
    /// What stays away because the image that needs it could not be whole.
    pub incomplete: Pointers,
    /// History of tags that are gone themselves: without its current link the registry would list such a tag, and not
    /// serve it.
    pub tagless: u64,
    /// Images that cannot be whole any more.
    pub lost: Vec<Lost>,
    /// What was asked for by name and nothing knows.
    pub unmatched: Vec<String>,
}

impl Restoration {
    /// All that is written back.
    pub fn writes(&self) -> impl Iterator<Item = &Write> {
        self.groups.iter().flatten()
    }

    /// How much that is.
    #[must_use]
    pub fn planned(&self) -> Pointers {
        self.writes().map(|write| write.stage).collect()
    }
}
