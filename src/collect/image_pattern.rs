//! Images as users name them: a repository, and perhaps a tag or a digest in it.

use super::pattern::{NotAPattern, Pattern};
use crate::model::Digest;
use std::fmt;
use std::str::FromStr;

/// `REPOSITORY`, `REPOSITORY:TAG` or `REPOSITORY@DIGEST`; repository and tag are patterns, each by itself.
#[derive(Debug, Clone)]
pub struct ImagePattern {
    text: String,
    repository: Pattern,
    what: What,
}

#[derive(Debug, Clone)]
enum What {
    Everything,
    Tag(Pattern),
    Digest(Digest),
}

impl ImagePattern {
    /// Whether it may mean something in a repository.
    #[must_use]
    pub fn is_of(&self, repository: &str) -> bool {
        self.repository.matches(repository)
    }

    /// Its repositories.
    #[must_use]
    pub fn repository(&self) -> &Pattern {
        &self.repository
    }

    /// The pattern of its tags, if it means tags.
    #[must_use]
    pub fn tag(&self) -> Option<&Pattern> {
        match &self.what {
            What::Tag(pattern) => Some(pattern),
            What::Everything | What::Digest(_) => None,
        }
    }

    /// Whether it means everything there is, whatever the registry: all of every repository, or of every one at some
    /// depth.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        let all = match &self.what {
            What::Everything => true,
            What::Tag(pattern) => pattern.matches_all(&["zq7", "0.x-qz", "Wj_4"]),
            What::Digest(_) => false,
        };
        all && [["zq7", "0xqz", "wj-4"], ["zq7/qz", "0xqz/7.q", "wj-4/zz"], ["zq7/qz/j", "0xqz/7.q/0", "wj-4/zz/x"]]
            .iter()
            .any(|names| self.repository.matches_all(names))
    }

    /// The digest it means, if it means one.
    #[must_use]
    pub fn digest(&self) -> Option<&Digest> {
        match &self.what {
            What::Digest(digest) => Some(digest),
            What::Everything | What::Tag(_) => None,
        }
    }

    /// Whether it means all of its repositories.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        matches!(self.what, What::Everything)
    }

    /// Whether it means a tag of its repositories.
    #[must_use]
    pub fn names_tag(&self, tag: &str) -> bool {
        match &self.what {
            What::Everything => true,
            What::Tag(pattern) => pattern.matches(tag),
            What::Digest(_) => false,
        }
    }

    /// Whether it means a digest, whatever tag it has.
    #[must_use]
    pub fn names_digest(&self, digest: &Digest) -> bool {
        match &self.what {
            What::Everything => true,
            What::Tag(_) => false,
            What::Digest(named) => named == digest,
        }
    }
}

impl FromStr for ImagePattern {
    type Err = NotAPattern;

    fn from_str(text: &str) -> Result<Self, NotAPattern> {
        let image = |repository, what| Self { text: text.to_owned(), repository, what };
        if let Some((repository, digest)) = text.rsplit_once('@') {
            let digest = digest.parse().map_err(|_| NotAPattern(format!("{digest:?} is no digest")))?;
            return Ok(image(repository.parse()?, What::Digest(digest)));
        }
        let names = text.strip_prefix("re:").map_or(0, |_| "re:".len());
        // A colon may also be part of a regular expression: `(?:a|b)`. There neither side is a pattern by itself.
        let colons = text[names..].match_indices(':').map(|(at, _)| names + at);
        let mut parts = colons.filter_map(|at| Some((text[..at].parse().ok()?, text[at + 1..].parse().ok()?)));
        match parts.next() {
            Some((repository, tag)) => Ok(image(repository, What::Tag(tag))),
            None if names == 0 && text.contains(':') => Err(NotAPattern("write REPOSITORY:TAG".into())),
            None => Ok(image(text.parse()?, What::Everything)),
        }
    }
}

impl fmt::Display for ImagePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn image(text: &str) -> ImagePattern {
        text.parse().unwrap()
    }

    fn means(text: &str, repository: &str, tag: &str) -> bool {
        image(text).is_of(repository) && image(text).names_tag(tag)
    }

    #[test]
    fn each_side_is_a_pattern_by_itself() {
        assert!(means("app:v1", "app", "v1") && !means("app:v1", "app", "v10") && !means("app:v1", "my/app", "v1"));
        assert!(means("team/*:v*", "team/app", "v10") && !means("team/*:v*", "team/a/b", "v10"));
        assert!(means("re:^team/:re:^v[0-9]+$", "team/a/b", "v10"));
        assert!(means("re:^team/:v1", "team/a", "v1") && means("team/**:re:1$", "team/a", "v1"));
        assert!(means("re:^(?:a|b)$:re:(?i:RC)", "a", "v1-rc1") && !means("re:^(?:a|b)$:re:(?i:RC)", "c", "v1-rc1"));
        assert!(means("re:^(?:a|b)$", "b", "anything"));
    }

    #[test]
    fn repository_alone_means_all_of_it() {
        assert!(image("app").is_whole() && means("app", "app", "v1") && image("app").names_digest(&Digest::of(b"x")));
        assert!(!image("app:v1").is_whole() && !image("app:v1").names_digest(&Digest::of(b"x")));
    }

    #[test]
    fn digest_means_itself() {
        let (digest, other) = (Digest::of(b"x"), Digest::of(b"y"));
        let pattern = image(&format!("team/**@{digest}"));
        assert!(pattern.is_of("team/a/b") && pattern.names_digest(&digest) && !pattern.names_digest(&other));
        assert!(!pattern.names_tag("v1"));
        let tagged = image("app:v1");
        assert_eq!([pattern.digest(), image("app").digest(), tagged.digest()], [Some(&digest), None, None]);
        assert!(tagged.tag().is_some_and(|tag| tag.matches("v1") && !tag.matches("v2")));
        assert!(pattern.tag().is_none() && image("app").tag().is_none());
    }

    #[test]
    fn what_means_everything_is_told_from_what_means_much() {
        for text in ["*", "**", "re:.*", "re:.", "re:^.+$", "re:", "*/*", "**/*", "**:*", "*:**", "re:.*:re:.*", "?*"] {
            assert!(image(text).is_everything(), "{text}");
        }
        let digest = Digest::of(b"x");
        for text in ["a*", "ci/**", "**/tmp", "re:tmp", "**:v*", "*:latest", "app:*", &format!("**@{digest}")] {
            assert!(!image(text).is_everything(), "{text}");
        }
    }

    #[test]
    fn what_is_no_pattern_is_told() {
        for text in ["", ":v1", "app:", "re:(", "a[:v1", "app@sha256:12", "app@v1"] {
            assert!(text.parse::<ImagePattern>().is_err(), "{text}");
        }
    }

    #[test]
    fn pattern_reads_back_as_it_was_written_and_says_what_is_missing() {
        for text in ["app", "team/*:v*", "re:^a$:re:b"] {
            assert_eq!(image(text).to_string(), text);
        }
        assert_eq!("app:".parse::<ImagePattern>().unwrap_err().to_string(), "write REPOSITORY:TAG");
        let broken = "re:(:".parse::<ImagePattern>().unwrap_err().to_string();
        assert!(broken.contains("unclosed group"), "{broken}");
        assert!("".parse::<ImagePattern>().unwrap_err().to_string().contains("empty"));
    }

    #[test]
    fn expression_may_end_at_its_first_letter() {
        assert!(means("re:a:b", "a", "b") && !means("re:a:b", "b", "b") && !means("re:a:b", "a", "c"));
        assert!(!image("re:a:b").is_whole());
    }
}
