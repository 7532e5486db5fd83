//! What is to be explained, as it was typed.

use crate::model::{Digest, RepositoryName, Tag};
use std::fmt;
use std::str::FromStr;

/// What is to be explained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// Content, wherever it is linked.
    Digest(Wanted),
    /// What a tag names.
    Tag(RepositoryName, Tag),
    /// Content in one repository.
    In(RepositoryName, Wanted),
}

/// A digest, or its first digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// All of it.
    Whole(Digest),
    /// The first digits of a SHA-256, as `ls` shows them.
    Short(String),
}

/// So many digits at least tell a digest from others: as many as `ls` shows.
const SHORTEST: usize = 12;
/// The digits of a SHA-256.
const LONGEST: usize = 64;

/// The text names nothing that could be explained.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotAsked(String);

impl FromStr for Wanted {
    type Err = NotAsked;

    fn from_str(text: &str) -> Result<Self, NotAsked> {
        if let Ok(digest) = text.parse() {
            return Ok(Self::Whole(digest));
        }
        let digits = text.strip_prefix("sha256:").unwrap_or(text);
        let is_hex = digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if is_hex && (SHORTEST..LONGEST).contains(&digits.len()) {
            return Ok(Self::Short(digits.to_owned()));
        }
        if is_hex && digits.len() == LONGEST {
            return format!("sha256:{digits}").parse().map(Self::Whole).map_err(|_| NotAsked("no digest".into()));
        }
        Err(NotAsked(format!("{text:?} is no digest, nor its first {SHORTEST} digits or more")))
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(digest) => digest.fmt(f),
            Self::Short(digits) => f.write_str(digits),
        }
    }
}

impl Wanted {
    /// Whether a digest is meant.
    #[must_use]
    pub fn is(&self, digest: &Digest) -> bool {
        match (self, digest) {
            (Self::Whole(wanted), _) => wanted == digest,
            (Self::Short(digits), Digest::Sha256(_)) => digest.hex().starts_with(digits.as_str()),
            (Self::Short(_), Digest::Sha384(_) | Digest::Sha512(_)) => false,
        }
    }
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Digest(wanted) => wanted.fmt(f),
            Self::Tag(name, tag) => write!(f, "{name}:{tag}"),
            Self::In(name, wanted) => write!(f, "{name}@{wanted}"),
        }
    }
}

impl FromStr for Asked {
    type Err = NotAsked;

    fn from_str(text: &str) -> Result<Self, NotAsked> {
        let name = |text: &str| {
            RepositoryName::new(text).ok_or_else(|| NotAsked(format!("{text:?} is the name of no repository")))
        };
        if let Some((repository, digest)) = text.rsplit_once('@') {
            return Ok(Self::In(name(repository)?, digest.parse()?));
        }
        if let Ok(wanted) = text.parse() {
            return Ok(Self::Digest(wanted));
        }
        let Some((repository, tag)) = text.rsplit_once(':') else {
            return Err(NotAsked(format!(
                "{text:?} is no digest, and names no tag: say REPOSITORY:TAG, or REPOSITORY@DIGEST"
            )));
        };
        let tag = Tag::new(tag).ok_or_else(|| NotAsked(format!("{tag:?} is no tag")))?;
        Ok(Self::Tag(name(repository)?, tag))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::super::super::scene::{name, of, tag};
    use super::*;

    #[test]
    fn every_form_is_understood() {
        let digest = of("x");
        let whole = Wanted::Whole(digest.clone());
        let read = |text: &str| text.parse::<Asked>();
        assert_eq!(read(&digest.to_string()), Ok(Asked::Digest(whole.clone())));
        assert_eq!(read(&digest.hex()), Ok(Asked::Digest(whole.clone())));
        assert_eq!(read(&format!("a/b@{digest}")), Ok(Asked::In(name("a/b"), whole)));
        assert_eq!(read("a/b:v1"), Ok(Asked::Tag(name("a/b"), tag("v1"))));
        let short = digest.hex()[..12].to_owned();
        assert_eq!(read(&short), Ok(Asked::Digest(Wanted::Short(short.clone()))));
        assert_eq!(read(&format!("sha256:{short}")), Ok(Asked::Digest(Wanted::Short(short.clone()))));
        assert_eq!(read(&format!("a@{short}")), Ok(Asked::In(name("a"), Wanted::Short(short))));
        for nonsense in ["", "a", "a@b", "A:v1", "a:", "abc", "a/b:é", "@", ":"] {
            assert!(read(nonsense).is_err(), "{nonsense}");
        }
    }

    #[test]
    fn short_digest_means_what_begins_so() {
        let short: Wanted = of("x").hex()[..12].parse().unwrap();
        assert!(short.is(&of("x")) && !short.is(&of("y")));
        let wide = Digest::from_parts("sha512", &of("x").hex().repeat(2)).unwrap();
        assert!(!short.is(&wide) && Wanted::Whole(wide.clone()).is(&wide));
    }
}
