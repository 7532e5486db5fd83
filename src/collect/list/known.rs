//! What reading gave: manifests and image configurations by their digests, each read once.

use crate::collect::graph::Fetched;
use crate::model::{Digest, ImageConfig, Outline, Platform, Timestamp};
use std::collections::{HashMap, HashSet};

/// A manifest as it was read.
#[derive(Debug, Clone)]
pub enum Read {
    /// What it shows, and its own size in bytes.
    Outline(Box<Outline>, u64),
    /// It is there, and cannot be read.
    Unreadable(Box<str>),
    /// It is not there.
    Missing,
}

/// What a configuration says that is shown.
#[derive(Debug, Clone, Default)]
pub struct Said {
    /// When the image was made.
    pub created: Option<Timestamp>,
    /// What it runs on.
    pub platform: Platform,
}

/// All that was read so far.
#[derive(Debug, Default)]
pub struct Known {
    manifests: HashMap<Digest, Read>,
    configs: HashMap<Digest, Said>,
    /// Configurations that were looked for and are not there.
    lost: HashSet<Digest>,
}

impl Known {
    /// Takes in what reading a manifest gave.
    pub fn learn_manifest(&mut self, digest: Digest, fetched: &Fetched) {
        let read = match fetched {
            Fetched::Missing => Read::Missing,
            Fetched::TooLarge(size) => Read::Unreadable(format!("{size} bytes are too many for a manifest").into()),
            Fetched::Bytes(bytes) if !digest.matches(bytes) => {
                Read::Unreadable("its content does not have its digest".into())
            }
            Fetched::Bytes(bytes) => match Outline::parse(bytes) {
                Ok(outline) => Read::Outline(Box::new(outline), bytes.len() as u64),
                Err(why) => Read::Unreadable(why.to_string().into()),
            },
        };
        self.manifests.insert(digest, read);
    }

    /// Takes in what reading a configuration gave. One that is damaged says nothing.
    pub fn learn_config(&mut self, digest: Digest, fetched: &Fetched) {
        if matches!(fetched, Fetched::Missing) {
            self.lost.insert(digest.clone());
        }
        let config = match fetched {
            Fetched::Bytes(bytes) if digest.matches(bytes) => ImageConfig::parse(bytes),
            Fetched::Bytes(_) | Fetched::Missing | Fetched::TooLarge(_) => None,
        };
        let said = config.map(|config| Said { created: config.created, platform: config.platform });
        self.configs.insert(digest, said.unwrap_or_default());
    }

    /// What reading a manifest gave, if it was read.
    #[must_use]
    pub fn manifest(&self, digest: &Digest) -> Option<&Read> {
        self.manifests.get(digest)
    }

    /// A manifest that was read well.
    #[must_use]
    pub fn outline(&self, digest: &Digest) -> Option<&Outline> {
        match self.manifests.get(digest)? {
            Read::Outline(outline, _) => Some(outline),
            Read::Unreadable(_) | Read::Missing => None,
        }
    }

    /// Whether a configuration was looked for and is not there.
    #[must_use]
    pub fn is_lost(&self, config: &Digest) -> bool {
        self.lost.contains(config)
    }

    /// What a configuration says, if it was read.
    #[must_use]
    pub fn config(&self, digest: &Digest) -> Option<&Said> {
        self.configs.get(digest)
    }
}
