//! What a manifest says of what it needs: all that is kept of its bytes.

use super::graph::Fetched;
use crate::model::{Digest, Manifest};

/// Why content cannot be read that is not what its name says.
pub const NOT_ITS_DIGEST: &str = "its content does not have its digest";

/// What reading a manifest came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// A manifest.
    Names(Names),
    /// There is something, and it cannot tell what it needs: why.
    Unreadable(Box<str>),
    /// There is nothing.
    Missing,
}

/// What a manifest names, and what it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// All that it names, in order.
    pub references: Vec<Digest>,
    /// What it is about.
    pub subject: Option<Digest>,
}

impl From<Manifest> for Names {
    fn from(manifest: Manifest) -> Self {
        let references = manifest.references.into_iter().map(|reference| reference.digest).collect();
        Self { references, subject: manifest.subject }
    }
}

impl Said {
    /// Reads it off what was fetched under `digest`. Costs the digest of all bytes, and can be done anywhere.
    #[must_use]
    pub fn of(digest: &Digest, fetched: &Fetched) -> Self {
        match fetched {
            Fetched::Missing => Self::Missing,
            Fetched::TooLarge(size) => Self::Unreadable(format!("{size} bytes are too many for a manifest").into()),
            Fetched::Bytes(bytes) if !digest.matches(bytes) => Self::Unreadable(NOT_ITS_DIGEST.into()),
            Fetched::Bytes(bytes) => match Manifest::parse(bytes) {
                Ok(manifest) => Self::Names(manifest.into()),
                Err(why) => Self::Unreadable(why.to_string().into()),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_manifest_whose_bytes_have_its_digest_names_anything() {
        let child = Digest::of(b"child");
        let json =
            format!(r#"{{"schemaVersion":2,"manifests":[{{"digest":"{child}"}}],"subject":{{"digest":"{child}"}}}}"#);
        let (digest, bytes) = (Digest::of(json.as_bytes()), Fetched::Bytes(json.into()));
        let names = Said::Names(Names { references: vec![child.clone()], subject: Some(child) });
        assert_eq!(Said::of(&digest, &bytes), names);
        for (digest, fetched) in [
            (Digest::of(b"other"), bytes),
            (Digest::of(b"x"), Fetched::Bytes("x".into())),
            (digest, Fetched::TooLarge(9)),
        ] {
            assert!(matches!(Said::of(&digest, &fetched), Said::Unreadable(_)), "{fetched:?}");
        }
        assert_eq!(Said::of(&Digest::of(b"x"), &Fetched::Missing), Said::Missing);
    }
}
