//! What was asked, understood before anything is opened.

use crate::cli::args::List;
use crate::collect::image_pattern::ImagePattern;
use crate::collect::list::order::{By, Sorted};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Digest, Tag};

/// What was asked.
#[derive(Debug)]
pub(super) enum Question {
    /// All repositories.
    Overview,
    /// Tags, or manifests without one.
    Rows(ImagePattern),
    /// One image.
    Tree(ImagePattern, OneOf),
}

#[derive(Debug)]
pub(super) enum OneOf {
    Tag(Tag),
    Digest(Digest),
}

impl Question {
    /// What the words mean.
    pub(super) fn of(args: &List) -> Result<Self> {
        let wrong =
            |why: &str, next: &str| Error::new(ErrorKind::Usage, "understand what to list").because(why).next(next);
        let question = match args.image.as_deref() {
            Some(image) => Self::of_image(image, args)?,
            None if args.untagged || args.digests => Self::Rows(everywhere()?),
            None => Self::Overview,
        };
        let names_images = match &question {
            Self::Overview => false,
            Self::Rows(image) => !image.is_whole(),
            Self::Tree(..) => true,
        };
        if args.untagged && names_images {
            return Err(wrong("--untagged lists manifests that have no tag", "name the repository alone"));
        }
        let by = args.sort.by();
        let known = if matches!(question, Self::Overview) {
            <crate::collect::list::overview::RepositoryRow as Sorted>::BY
        } else {
            <crate::collect::list::row::TagRow as Sorted>::BY
        };
        if !known.contains(&by) {
            let what = if matches!(question, Self::Overview) { "repositories" } else { "tags" };
            return Err(wrong(&format!("{what} cannot be sorted so"), "`regsweep ls --help` says what can"));
        }
        if args.brief && !matches!(by, By::Name | By::Tags | By::Manifests | By::Pushed) {
            return Err(wrong("--brief reads nothing that tells this", "sort by name or pushed, or leave --brief out"));
        }
        Ok(question)
    }

    fn of_image(image: &str, args: &List) -> Result<Self> {
        let wrong = |why: String, next: String| {
            Error::new(ErrorKind::Usage, "understand what to list").on(image).because(why).next(next)
        };
        let looks_like_a_registry = image.contains("://")
            || image.starts_with(['/', '.', '~'])
            || [".yml", ".yaml"].iter().any(|end| image.ends_with(end));
        if looks_like_a_registry {
            let next = format!("the registry goes behind -R: `regsweep ls -R {image}`");
            return Err(wrong("no repository is called like that".into(), next));
        }
        let how = "write REPOSITORY, REPOSITORY:TAG or REPOSITORY@DIGEST, without the registry's host";
        let pattern: ImagePattern = image
            .parse()
            .map_err(|error: crate::collect::pattern::NotAPattern| wrong(error.to_string(), how.into()))?;
        let one = match (pattern.tag().and_then(|tag| tag.literal()), pattern.digest()) {
            (Some(tag), _) => {
                let tag = Tag::new(tag).ok_or_else(|| wrong(format!("{tag:?} is no tag"), how.into()))?;
                Some(OneOf::Tag(tag))
            }
            (None, Some(digest)) => Some(OneOf::Digest(digest.clone())),
            (None, None) => None,
        };
        Ok(match one.filter(|_| pattern.repository().literal().is_some() && !args.digests) {
            Some(one) => Self::Tree(pattern, one),
            None => Self::Rows(pattern),
        })
    }
}

fn everywhere() -> Result<ImagePattern> {
    "**".parse().map_err(|_| Error::new(ErrorKind::Bug, "name all repositories"))
}
