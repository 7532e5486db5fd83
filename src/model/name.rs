//! Names that the registry accepts: repositories and tags.
//!
//! The grammar is that of `distribution/reference` (0.5.0, 0.6.0), which every registry of the 2.x and 3.x lines uses.

use super::digest::Digest;
use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

/// A repository's name, for example `team/app`. It cannot hold `..`, an empty part or a control character.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepositoryName(Arc<str>);

/// A tag's name, for example `v1.2`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(Box<str>);

const LONGEST_NAME: usize = 255;
const LONGEST_TAG: usize = 128;

impl RepositoryName {
    /// Checks a name.
    ///
    /// Components are `[a-z0-9]+` parts joined by `.`, `_`, `__` or dashes; the first component may instead be a domain,
    /// which may have upper case. A port (`host:5000/...`) is no valid directory, so it is not accepted here.
    #[must_use]
    pub fn new(name: &str) -> Option<Self> {
        Self::is_valid(name).then(|| Self(name.into()))
    }

    /// Whether it would be accepted.
    #[must_use]
    pub fn is_valid(name: &str) -> bool {
        let (first, rest) = name.split_once('/').map_or((name, None), |(first, rest)| (first, Some(rest)));
        let first_is_good = is_component(first) || (rest.is_some() && is_domain(first));
        name.len() <= LONGEST_NAME && first_is_good && rest.is_none_or(|rest| rest.split('/').all(is_component))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Tag {
    /// Checks a tag: `[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}`.
    #[must_use]
    pub fn new(tag: &str) -> Option<Self> {
        Self::is_valid(tag).then(|| Self(tag.into()))
    }

    /// Whether it would be accepted.
    #[must_use]
    pub fn is_valid(tag: &str) -> bool {
        tag.as_bytes().first().is_some_and(|first| first.is_ascii_alphanumeric() || *first == b'_')
            && tag.len() <= LONGEST_TAG
            && tag.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
    }

    /// The tag.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The manifest that a tag is about by its name, and what follows the digest: `sha256-<hex>` is the fallback for the
    /// referrers of a manifest, `sha256-<hex>.sig`, `.att` and `.sbom` are cosign's.
    #[must_use]
    pub fn about(&self) -> Option<(Digest, &str)> {
        let (algorithm, rest) = self.0.split_once('-')?;
        let (hex, suffix) = rest.find('.').map_or((rest, ""), |dot| rest.split_at(dot));
        let digest = Digest::from_parts(algorithm, hex).ok()?;
        matches!(suffix, "" | ".sig" | ".att" | ".sbom").then_some((digest, suffix))
    }
}

/// `[a-z0-9]+(?:(?:[._]|__|[-]+)[a-z0-9]+)*`
fn is_component(component: &str) -> bool {
    let alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = component.as_bytes();
    let mut separator = 0..0;
    for (position, &byte) in bytes.iter().enumerate() {
        if alphanumeric(byte) {
            let between = &bytes[separator.clone()];
            let good = match between {
                [] | [b'.' | b'_'] | [b'_', b'_'] => true,
                dashes => dashes.iter().all(|&dash| dash == b'-'),
            };
            if !good || separator.start == 0 && !between.is_empty() {
                return false;
            }
            separator = position + 1..position + 1;
        } else if matches!(byte, b'.' | b'_' | b'-') {
            separator.end = position + 1;
        } else {
            return false;
        }
    }
    !bytes.is_empty() && separator.is_empty()
}

/// Labels of letters (of either case), digits and inner dashes, joined by dots. A single label counts, as the grammar has
/// it: `Up/foo` is accepted, `Up` is not.
fn is_domain(component: &str) -> bool {
    component.split('.').all(|part| {
        let bytes = part.as_bytes();
        let edges = [bytes.first(), bytes.last()];
        edges.iter().all(|edge| edge.is_some_and(u8::is_ascii_alphanumeric))
            && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
    })
}

macro_rules! text_of_a_name {
    ($type:ty) => {
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }
        impl Borrow<str> for $type {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}
text_of_a_name!(RepositoryName);
text_of_a_name!(Tag);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn accepts_what_the_registry_accepts() {
        for name in ["a", "a/b", "a__b/c", "a---b", "Up/foo", "Up.com/foo", "0.1_2", "library/alpine", "my-host/x"] {
            assert!(RepositoryName::new(name).is_some(), "{name}");
        }
        for tag in ["latest", "_x", "1.0", "a-b.c_D", &"t".repeat(128)] {
            assert!(Tag::new(tag).is_some(), "{tag}");
        }
    }

    #[test]
    fn refuses_what_the_registry_refuses() {
        let long = "a/".repeat(128) + "a";
        for name in [
            "", "Up", "a/Up", "a_/b", "a..b", "_a", "a/_b", "a/", "/a", "a//b", "..", "a/../b", "a___b", "a._b",
            "a:5/b", "a b", "a\nb", "é", &long,
        ] {
            assert!(RepositoryName::new(name).is_none(), "{name}");
        }
        for tag in ["", ".a", "-a", "a/b", "a b", "a\0", "é", &"t".repeat(129)] {
            assert!(Tag::new(tag).is_none(), "{tag}");
        }
    }

    #[test]
    fn tag_is_about_what_its_name_says() {
        let digest = Digest::of(b"image");
        let name = digest.to_string().replace(':', "-");
        let about = |tag: &str| Tag::new(tag).and_then(|tag| tag.about().map(|(of, rest)| (of, rest.to_owned())));
        for suffix in ["", ".sig", ".att", ".sbom"] {
            assert_eq!(about(&format!("{name}{suffix}")), Some((digest.clone(), suffix.to_owned())));
        }
        for tag in ["latest", "sha256-12", "v1.sig", &format!("{name}.txt"), &format!("x-{name}"), &format!("{name}-x")]
        {
            assert_eq!(about(tag), None, "{tag}");
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_grammar(name in "[a-zA-Z0-9._/-]{0,12}") {
            let component = "[a-z0-9]+(?:(?:[._]|__|[-]+)[a-z0-9]+)*";
            let label = "(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])";
            let grammar = regex::Regex::new(&format!(r"^(?:{label}(?:\.{label})*/)?{component}(?:/{component})*$"));
            prop_assert_eq!(RepositoryName::new(&name).is_some(), grammar.is_ok_and(|grammar| grammar.is_match(&name)));
        }

        #[test]
        fn never_holds_a_way_out(name: String) {
            if let Some(name) = RepositoryName::new(&name) {
                prop_assert!(name.as_str().split('/').all(|part| !part.is_empty() && part != "." && part != ".."));
            }
        }
    }
}
