//! What was found damaged, odd or in the way: reported, contained, never a reason to lose anything.

use serde::Serialize;
use std::collections::BTreeMap;

/// The kind of a problem. Scripts rely on the codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ProblemCode {
    /// A revision link whose manifest is not there.
    DanglingRevision,
    /// A tag whose revision link is missing while its manifest is there.
    BrokenTag,
    /// A tag whose manifest is not there.
    DanglingTag,
    /// A tag whose link cannot be read.
    UnreadableTag,
    /// An image of which a layer or the configuration is not there, or not served.
    MissingContent,
    /// A link whose content is not one digest.
    UnreadableLink,
    /// A manifest that cannot tell what it needs.
    UnreadableManifest,
    /// A link of a shape that no release of the registry writes.
    UnknownLink,
    /// Links under a repository name that the registry does not accept.
    InvalidRepository,
    /// Something that is a symbolic link, or was reached through one that leaves the root.
    OutsideRoot,
    /// A key that the store's protocol library cannot name.
    UnaddressableKey,
    /// An image of `--keep-from` that is not in this registry.
    KeepFromUnknown,
    /// Incomplete multipart uploads that the store does not tell of.
    MultipartUploadsNotKnown,
    /// A repository of which nothing is there but empty directories.
    EmptyRepository,
    /// A tag that was named to go, and that `--keep-from` names as well.
    KeptByKeepFrom,
    /// A tag that was to go, and that somebody pushes at this very moment.
    PushedJustNow,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// What kind it is.
    pub code: ProblemCode,
    /// The repository it is in.
    pub repository: Option<String>,
    /// The key it is about.
    pub key: Option<String>,
    /// What it means, and what was done about it.
    pub message: String,
}

/// All findings, up to a number for each code: a damaged registry with millions of them must not fill the memory.
#[derive(Debug, Clone, Default)]
pub struct Problems {
    found: Vec<Problem>,
    counts: BTreeMap<ProblemCode, u64>,
}

/// How many findings of one code are told in full.
pub const TOLD_IN_FULL: u64 = 1000;

impl Problems {
    /// Adds a finding.
    pub fn add(
        &mut self,
        code: ProblemCode,
        repository: Option<&str>,
        key: Option<String>,
        message: impl Into<String>,
    ) {
        let count = self.counts.entry(code).or_default();
        *count += 1;
        if *count <= TOLD_IN_FULL {
            self.found.push(Problem { code, repository: repository.map(Into::into), key, message: message.into() });
        }
    }

    /// The findings that are told in full.
    #[must_use]
    pub fn as_slice(&self) -> &[Problem] {
        &self.found
    }

    /// How many findings there are of a code.
    #[must_use]
    pub fn count(&self, code: ProblemCode) -> u64 {
        self.counts.get(&code).copied().unwrap_or(0)
    }

    /// All counts.
    pub fn counts(&self) -> impl Iterator<Item = (ProblemCode, u64)> {
        self.counts.iter().map(|(code, count)| (*code, *count))
    }

    /// Takes in the findings of another part of the run.
    pub fn extend(&mut self, other: Self) {
        for (code, count) in other.counts {
            *self.counts.entry(code).or_default() += count;
        }
        self.found.extend(other.found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_counted_and_the_first_told() {
        let mut problems = Problems::default();
        for number in 0..TOLD_IN_FULL + 2 {
            problems.add(ProblemCode::BrokenTag, Some("a"), None, number.to_string());
        }
        problems.add(ProblemCode::UnknownLink, None, Some("key".into()), "odd");
        let told: Vec<&str> = problems.as_slice().iter().map(|problem| problem.message.as_str()).collect();
        let numbers: Vec<String> = (0..TOLD_IN_FULL).map(|number| number.to_string()).collect();
        assert_eq!(told, numbers.iter().map(String::as_str).chain(["odd"]).collect::<Vec<_>>());
        let counts = [(ProblemCode::BrokenTag, TOLD_IN_FULL + 2), (ProblemCode::UnknownLink, 1)];
        assert_eq!(problems.counts().collect::<Vec<_>>(), counts);
        assert_eq!(counts.map(|(code, _)| problems.count(code)), [TOLD_IN_FULL + 2, 1]);
        assert_eq!(problems.count(ProblemCode::DanglingTag), 0);
    }

    #[test]
    fn what_parts_of_a_run_found_is_added_up() {
        let mut all = Problems::default();
        for codes in [vec![ProblemCode::BrokenTag], vec![ProblemCode::BrokenTag, ProblemCode::DanglingTag]] {
            let mut part = Problems::default();
            for code in codes {
                part.add(code, None, None, "why");
            }
            all.extend(part);
        }
        assert_eq!(all.counts().collect::<Vec<_>>(), [(ProblemCode::BrokenTag, 2), (ProblemCode::DanglingTag, 1)]);
        assert_eq!(all.as_slice().len(), 3);
    }
}
