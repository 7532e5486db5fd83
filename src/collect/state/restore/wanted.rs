//! What was asked for, and which pointers of the journals that is.

use crate::collect::image_pattern::ImagePattern;
use crate::collect::state::journal::{Journal, Removed};
use crate::layout::StorageKey;
use crate::model::{Algorithm, Digest, RepositoryName};
use std::collections::BTreeSet;

/// What is to be restored.
#[derive(Debug, Clone)]
pub enum Wanted {
    /// Everything that any journal knows.
    All,
    /// What something that is kept needs now.
    Needed,
    /// What these runs took away, and what that needs.
    Runs(Vec<String>),
    /// These images, and what they need.
    Images(Vec<ImagePattern>),
    /// What names these digests, and what they need.
    Digests(Vec<Digest>),
}

impl Wanted {
    /// Whether a pointer comes back although an image that needs it cannot be whole any more.
    #[must_use]
    pub fn halves(&self) -> bool {
        match self {
            Self::All | Self::Needed => true,
            Self::Runs(_) | Self::Images(_) | Self::Digests(_) => false,
        }
    }

    /// Whether a pointer was asked for by itself, not only as something that an image needs.
    pub(super) fn picks(&self, line: &Line<'_>) -> bool {
        match self {
            Self::All => true,
            Self::Needed => false,
            Self::Runs(runs) => runs.iter().any(|run| run == line.run),
            Self::Images(images) => images.iter().any(|image| is_meant(image, line)),
            Self::Digests(digests) => digests.iter().any(|digest| line.names(digest)),
        }
    }

    /// What was asked for by name and no journal knows. `is_there`: whether an image is in the registry.
    pub(super) fn unmatched(&self, lines: &[Line<'_>], is_there: impl Fn(&ImagePattern) -> bool) -> Vec<String> {
        match self {
            Self::All | Self::Needed => Vec::new(),
            Self::Runs(runs) => {
                let unknown = |run: &&String| !lines.iter().any(|line| line.run == **run);
                runs.iter().filter(unknown).cloned().collect()
            }
            Self::Images(images) => {
                let unknown =
                    |image: &&ImagePattern| !lines.iter().any(|line| is_meant(image, line)) && !is_there(image);
                images.iter().filter(unknown).map(ToString::to_string).collect()
            }
            Self::Digests(digests) => {
                let unknown = |digest: &&Digest| !lines.iter().any(|line| line.names(digest));
                digests.iter().filter(unknown).map(ToString::to_string).collect()
            }
        }
    }
}

/// Whether a pointer belongs to an image by what it names. All of a repository belongs to it, what no image needs too.
fn is_meant(image: &ImagePattern, line: &Line<'_>) -> bool {
    image.is_of(line.repository)
        && (image.is_whole()
            || match &line.key {
                StorageKey::TagCurrent { tag, .. } => image.names_tag(tag) || image.names_digest(&line.removed.content),
                StorageKey::TagHistory { tag, digest, .. } => image.names_tag(tag) || image.names_digest(digest),
                _ => {
                    image.names_digest(&line.removed.content) || line.digest().is_some_and(|it| image.names_digest(it))
                }
            })
}

/// One pointer of a journal, understood.
#[derive(Debug, Clone)]
pub struct Line<'a> {
    /// The run that took it away.
    pub run: &'a str,
    /// The pointer.
    pub removed: &'a Removed,
    /// Its key, understood.
    pub key: StorageKey<'a>,
    /// The repository that it is in.
    pub repository: &'a str,
}

impl Line<'_> {
    /// The digest in its key.
    pub(super) fn digest(&self) -> Option<&Digest> {
        match &self.key {
            StorageKey::LayerLink { digest, .. }
            | StorageKey::RevisionLink { digest, .. }
            | StorageKey::TagHistory { digest, .. } => Some(digest),
            StorageKey::SignatureLink { signature, .. } => Some(signature),
            StorageKey::TagCurrent { .. }
            | StorageKey::Blob(_)
            | StorageKey::Upload { .. }
            | StorageKey::Suspect { .. }
            | StorageKey::Unrecognized => None,
        }
    }

    /// Whether it names a digest, by its key or by its content.
    pub(super) fn names(&self, digest: &Digest) -> bool {
        self.removed.content == *digest || self.digest() == Some(digest)
    }
}

/// The pointers of journals, in the order of the journals, and how many were left out: the registry writes no link whose
/// content contradicts its key, so such a line was altered.
#[must_use]
pub fn lines<'a>(journals: impl IntoIterator<Item = &'a Journal>) -> (Vec<Line<'a>>, u64) {
    let (mut lines, mut odd) = (Vec::new(), 0);
    for journal in journals {
        for removed in &journal.removed {
            match line(&journal.run, removed) {
                Some(line) => lines.push(line),
                None => odd += 1,
            }
        }
    }
    (lines, odd)
}

fn line<'a>(run: &'a str, removed: &'a Removed) -> Option<Line<'a>> {
    let key = StorageKey::parse(&removed.key);
    let repository = match &key {
        StorageKey::LayerLink { repository, .. }
        | StorageKey::RevisionLink { repository, .. }
        | StorageKey::SignatureLink { repository, .. }
        | StorageKey::TagCurrent { repository, .. }
        | StorageKey::TagHistory { repository, .. } => *repository,
        StorageKey::Blob(_) | StorageKey::Upload { .. } | StorageKey::Suspect { .. } | StorageKey::Unrecognized => {
            return None;
        }
    };
    let line = Line { run, removed, key, repository };
    // Content is stored under SHA-256: only a link of another name stands for something else.
    let agrees = |digest: &Digest| *digest == removed.content || digest.algorithm() != Algorithm::Sha256;
    line.digest().is_none_or(agrees).then_some(line)
}

/// The repositories that have to be looked at; `None` for all there are.
#[must_use]
pub fn repositories(lines: &[Line<'_>], wanted: &Wanted) -> Option<BTreeSet<RepositoryName>> {
    let concerns = |line: &&Line<'_>| match wanted {
        Wanted::All | Wanted::Runs(_) | Wanted::Digests(_) => wanted.picks(line),
        // An image may be there, and only what it needs be gone.
        Wanted::Images(images) => images.iter().any(|image| image.is_of(line.repository)),
        Wanted::Needed => true,
    };
    let names: BTreeSet<&str> = lines.iter().filter(concerns).map(|line| line.repository).collect();
    (!matches!(wanted, Wanted::Needed)).then(|| names.into_iter().filter_map(RepositoryName::new).collect())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::collect::scene::{name, of, sha512, tag};
    use crate::layout;

    /// What two runs took of two repositories; the second run a link by another name.
    fn journals() -> Vec<Journal> {
        let (image, layer) = (of("image"), of("layer"));
        let journal = |run: &str, pointers: Vec<(String, &Digest)>| Journal {
            run: run.into(),
            removed: pointers
                .into_iter()
                .map(|(key, content)| Removed { key, content: content.clone(), subject: None, modified: None })
                .collect(),
            ..Journal::default()
        };
        let (a, b) = (name("a"), name("b"));
        vec![
            journal(
                "one",
                vec![
                    (layout::tag_current(&a, &tag("v1")), &image),
                    (layout::tag_history(&a, &tag("v1"), &image), &image),
                    (layout::tag_history(&a, &tag("v2"), &of("old")), &of("old")),
                    (layout::revision_link(&a, &image), &image),
                    (layout::signature_link(&a, &image, &of("signature")), &of("signature")),
                ],
            ),
            journal("two", vec![(layout::layer_link(&b, &sha512("layer")), &layer)]),
        ]
    }

    /// The numbers of the pointers that were asked for.
    fn picked(wanted: &Wanted) -> Vec<usize> {
        let journals = journals();
        let (lines, odd) = lines(&journals);
        assert_eq!((lines.len(), odd), (6, 0));
        (0..lines.len()).filter(|at| wanted.picks(&lines[*at])).collect()
    }

    fn images(texts: &[&str]) -> Wanted {
        Wanted::Images(texts.iter().map(|text| text.parse().unwrap()).collect())
    }

    #[test]
    fn what_is_asked_for_is_picked_by_run_image_or_digest() {
        assert_eq!(picked(&Wanted::All), [0, 1, 2, 3, 4, 5]);
        assert_eq!(picked(&Wanted::Needed), Vec::<usize>::new());
        assert_eq!(picked(&Wanted::Runs(vec!["two".into(), "three".into()])), [5]);
        assert_eq!(picked(&images(&["a:v1"])), [0, 1]);
        assert_eq!(picked(&images(&["*:v2"])), [2]);
        assert_eq!(picked(&images(&["a"])), [0, 1, 2, 3, 4], "all of it");
        assert_eq!(picked(&images(&[&format!("a@{}", of("image"))])), [0, 1, 3]);
        assert_eq!(picked(&images(&[&format!("a@{}", of("signature"))])), [4]);
        for digest in [of("layer"), sha512("layer")] {
            assert_eq!(picked(&images(&[&format!("b@{digest}")])), [5]);
            assert_eq!(picked(&images(&[&format!("a@{digest}")])), Vec::<usize>::new());
            assert_eq!(picked(&Wanted::Digests(vec![digest])), [5]);
        }
        assert_eq!(picked(&Wanted::Digests(vec![of("image"), of("nobody")])), [0, 1, 3]);
    }

    #[test]
    fn what_nobody_knows_is_told() {
        let journals = journals();
        let (lines, _) = lines(&journals);
        let unmatched = |wanted: &Wanted| wanted.unmatched(&lines, |image| image.is_of("there"));
        assert_eq!(unmatched(&Wanted::All).len() + unmatched(&Wanted::Needed).len(), 0);
        assert_eq!(unmatched(&Wanted::Runs(vec!["two".into(), "three".into()])), ["three"]);
        assert_eq!(unmatched(&images(&["a:v1", "a:v3", "there:v1", "c"])), ["a:v3", "c"]);
        let digests = [of("image"), sha512("layer"), of("nobody")];
        assert_eq!(unmatched(&Wanted::Digests(digests.into())), [of("nobody").to_string()]);
    }

    #[test]
    fn only_repositories_that_may_hold_something_of_it_are_looked_at() {
        let journals = journals();
        let (lines, _) = lines(&journals);
        let names = |wanted: &Wanted| {
            repositories(&lines, wanted).map(|names| names.iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        let list = |names: &[&str]| Some(names.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(names(&Wanted::All), list(&["a", "b"]));
        assert_eq!(names(&Wanted::Needed), None);
        assert_eq!(names(&Wanted::Runs(vec!["two".into()])), list(&["b"]));
        assert_eq!(names(&images(&["a:v3"])), list(&["a"]), "it may be there");
        assert_eq!(names(&Wanted::Digests(vec![of("nobody")])), list(&[]));
    }

    #[test]
    fn only_a_link_of_another_name_may_hold_another_digest() {
        let (a, x, y) = (name("a"), of("x"), of("y"));
        let journal = |key: String| Journal {
            removed: vec![Removed { key, content: y.clone(), subject: None, modified: None }],
            ..Journal::default()
        };
        let counted = |key: String| {
            let journals = [journal(key)];
            let (lines, odd) = lines(&journals);
            (lines.len(), odd)
        };
        assert_eq!(counted(layout::layer_link(&a, &sha512("x"))), (1, 0));
        assert_eq!(counted(layout::layer_link(&a, &y)), (1, 0));
        assert_eq!(counted(layout::tag_current(&a, &tag("v1"))), (1, 0));
        assert_eq!(counted(layout::layer_link(&a, &x)), (0, 1));
        assert_eq!(counted(layout::blob_data(&y)), (0, 1));
    }

    #[test]
    fn only_what_is_asked_for_by_name_comes_back_whole_or_not_at_all() {
        let by_name = [images(&["a"]), Wanted::Runs(Vec::new()), Wanted::Digests(Vec::new())];
        assert!(by_name.iter().all(|wanted| !wanted.halves()));
        assert!(Wanted::All.halves() && Wanted::Needed.halves());
    }
}
