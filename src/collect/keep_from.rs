//! `--keep-from`: digests and images that are roots whatever the storage says.

use crate::error::quoted;
use crate::model::{Algorithm, Digest, RepositoryName, Tag};
use std::fmt;
use std::str::FromStr;

/// One line of a keep-from list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeepFrom {
    /// A digest, wherever it is.
    Digest(Digest),
    /// An image by its tag. The repository's name may begin with the host of a registry, which is not stored.
    Tag(String, Tag),
    /// An image by its digest; kept wherever it is.
    Image(String, Digest),
}

/// A line that is no digest and no image.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {} is neither a digest nor an image (REPOSITORY:TAG, REPOSITORY@DIGEST)", quoted(text))]
pub struct NotAnImage {
    /// Counted from one.
    pub line: usize,
    /// What stands there.
    pub text: String,
}

impl KeepFrom {
    /// Reads a list: one digest or image a line; empty lines and what follows `#` do not count.
    ///
    /// # Errors
    /// If any line is neither: a list that is only half understood would keep only half.
    pub fn parse_list(text: &str) -> Result<Vec<Self>, NotAnImage> {
        let mut list = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let entry = line.split('#').next().unwrap_or_default().trim();
            if !entry.is_empty() {
                let parsed = Self::parse(entry);
                list.push(parsed.ok_or_else(|| NotAnImage { line: index + 1, text: entry.to_owned() })?);
            }
        }
        Ok(list)
    }

    fn parse(entry: &str) -> Option<Self> {
        if let Ok(digest) = entry.parse() {
            return Some(Self::Digest(digest));
        }
        if let Some((image, digest)) = entry.split_once('@') {
            // `name:tag@digest` is what container runtimes print: the digest decides.
            let name = image.rsplit_once(':').filter(|(_, tag)| !tag.contains('/')).map_or(image, |(name, _)| name);
            return (!names(name).is_empty())
                .then_some(())
                .and_then(|()| digest.parse().ok())
                .map(|digest| Self::Image(name.to_owned(), digest));
        }
        let (name, tag) = match entry.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => (name, tag),
            _ => (entry, "latest"),
        };
        // `sha256:0123456789ab` is a digest cut short, and hardly a repository of that name.
        (!names(name).is_empty() && !is_algorithm(name)).then_some(())?;
        Tag::new(tag).map(|tag| Self::Tag(name.to_owned(), tag))
    }

    /// The repositories that this may mean: the name as it stands, and without a leading host.
    #[must_use]
    pub fn repositories(&self) -> Vec<RepositoryName> {
        match self {
            Self::Digest(_) => Vec::new(),
            Self::Tag(name, _) | Self::Image(name, _) => names(name),
        }
    }
}

/// Reads back as what it is.
impl fmt::Display for KeepFrom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Digest(digest) => write!(f, "{digest}"),
            Self::Tag(name, tag) => write!(f, "{name}:{tag}"),
            Self::Image(name, digest) => write!(f, "{name}@{digest}"),
        }
    }
}

impl FromStr for KeepFrom {
    type Err = NotAnImage;

    fn from_str(text: &str) -> Result<Self, NotAnImage> {
        Self::parse(text).ok_or_else(|| NotAnImage { line: 1, text: text.to_owned() })
    }
}

fn is_algorithm(name: &str) -> bool {
    Algorithm::ALL.iter().any(|algorithm| algorithm.name() == name)
}

fn names(name: &str) -> Vec<RepositoryName> {
    let without_host = name.split_once('/').filter(|(host, _)| {
        host.contains(['.', ':']) || *host == "localhost" || host.chars().any(|letter| letter.is_ascii_uppercase())
    });
    [Some(name), without_host.map(|(_, rest)| rest)].into_iter().flatten().filter_map(RepositoryName::new).collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn one(line: &str) -> KeepFrom {
        KeepFrom::parse_list(line).unwrap().remove(0)
    }

    fn means(line: &str) -> Vec<String> {
        one(line).repositories().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn reads_what_runtimes_print() {
        let digest = Digest::of(b"");
        assert_eq!(one(&digest.to_string()), KeepFrom::Digest(digest.clone()));
        assert_eq!(one(&format!("team/app:1.0@{digest} # in use")), KeepFrom::Image("team/app".into(), digest));
        assert_eq!(means("team/app:1.0"), ["team/app"]);
        assert_eq!(means("registry.example.com:5000/team/app:1.0"), ["team/app"]);
        assert_eq!(means("registry.example.com/team/app"), ["registry.example.com/team/app", "team/app"]);
        assert_eq!(one("app"), KeepFrom::Tag("app".into(), Tag::new("latest").unwrap()));
    }

    /// A file that was taken for a list may have one line of any length.
    #[test]
    fn reason_is_short_whatever_the_line_is() {
        for line in ["x ", "x\u{11}\u{10ffff}"] {
            let error = KeepFrom::parse_list(&line.repeat(1 << 20)).unwrap_err();
            assert!(error.to_string().len() < 500);
        }
    }

    #[test]
    fn half_understood_list_is_no_list() {
        let error = KeepFrom::parse_list("app:1\n\n# nothing\nnot an image\n").unwrap_err();
        assert_eq!(error.line, 4);
        assert!(error.to_string().contains("\"not an image\""));
        assert!(KeepFrom::parse_list("app@sha256:12").is_err());
        assert!(KeepFrom::parse_list("UP:1").is_err());
        assert!(KeepFrom::parse_list("sha256:0123456789ab").is_err());
        assert_eq!(KeepFrom::parse_list("\n# nothing\n").unwrap(), []);
    }

    #[test]
    fn image_reads_back_as_it_was_written() {
        let digest = Digest::of(b"");
        for text in [digest.to_string(), "host:5000/app:1.0".into(), format!("app@{digest}")] {
            assert_eq!(text.parse::<KeepFrom>().unwrap().to_string(), text);
        }
        assert_eq!("app".parse::<KeepFrom>().unwrap().to_string(), "app:latest");
        assert_eq!("no image".parse::<KeepFrom>().unwrap_err().line, 1);
    }

    #[test]
    fn colon_before_a_slash_is_no_tag() {
        let digest = Digest::of(b"");
        assert_eq!(one("localhost:5000/app"), KeepFrom::Tag("localhost:5000/app".into(), Tag::new("latest").unwrap()));
        assert_eq!(means("localhost:5000/app"), ["app"]);
        let image = |name: &str| KeepFrom::Image(name.into(), digest.clone());
        assert_eq!(one(&format!("localhost:5000/app@{digest}")), image("localhost:5000/app"));
        assert_eq!(one(&format!("localhost:5000/app:1@{digest}")), image("localhost:5000/app"));
        assert_eq!(one(&format!("app@{digest}")), image("app"));
        assert!(KeepFrom::parse_list(&format!("UP@{digest}")).is_err());
        assert_eq!(one(&digest.to_string()).repositories(), []);
    }

    #[test]
    fn host_is_told_from_the_first_part_of_a_name() {
        assert_eq!(means("localhost/app"), ["localhost/app", "app"]);
        assert_eq!(means("Host/app"), ["Host/app", "app"]);
        assert_eq!(means("a.b/app"), ["a.b/app", "app"]);
        assert_eq!(means("team/app"), ["team/app"], "a part without a dot, a colon or upper case is no host");
    }

    #[test]
    fn comments_and_empty_lines_do_not_count() {
        let list = KeepFrom::parse_list("# all of these\n\n app:1 # in use\n\tapp:2\n").unwrap();
        assert_eq!(list.iter().map(ToString::to_string).collect::<Vec<_>>(), ["app:1", "app:2"]);
        assert_eq!(KeepFrom::parse_list("a b").unwrap_err().line, 1);
    }
}
