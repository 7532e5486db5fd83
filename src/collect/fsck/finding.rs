//! What was found, each with its key, and counted however many there are.

use super::code::{Code, Level};
use crate::model::{Digest, RepositoryName};
use std::collections::BTreeMap;

/// How to make sure of a finding: what a listing leaves out, or a link says while it is written, proves nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// It is sure already.
    Sure,
    /// None of these keys is there, and all of those are.
    Keys {
        /// What is not there.
        absent: Vec<String>,
        /// What is there.
        there: Vec<String>,
    },
    /// The key's content is not one digest, or another than this.
    Link(Option<Digest>),
    /// The key's content is no sound manifest of this digest.
    Manifest(Digest),
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What kind.
    pub code: Code,
    /// How bad.
    pub level: Level,
    /// The key it is about; of something missing the key that it would have.
    pub key: String,
    /// The repository, if it is in one.
    pub repository: Option<RepositoryName>,
    /// The digest it is about; of something missing the one that would mend it.
    pub digest: Option<Digest>,
    /// More of it, in words.
    pub detail: Option<String>,
    /// The images that suffer from it: the first of them.
    pub images: Vec<String>,
    /// How many there are.
    pub images_in_all: u64,
    /// How to make sure of it.
    pub proof: Proof,
}

impl Finding {
    /// A finding of which nothing else is known.
    #[must_use]
    pub fn new(code: Code, key: String) -> Self {
        Self {
            code,
            level: code.level(),
            key,
            repository: None,
            digest: None,
            detail: None,
            images: Vec::new(),
            images_in_all: 0,
            proof: Proof::Sure,
        }
    }

    /// In this repository.
    #[must_use]
    pub fn within(self, repository: &RepositoryName) -> Self {
        Self { repository: Some(repository.clone()), ..self }
    }

    /// About this digest.
    #[must_use]
    pub fn about(self, digest: &Digest) -> Self {
        Self { digest: Some(digest.clone()), ..self }
    }

    /// With more words.
    #[must_use]
    pub fn saying(self, detail: impl Into<String>) -> Self {
        Self { detail: Some(detail.into()), ..self }
    }

    /// To be made sure of.
    #[must_use]
    pub fn proven_by(self, proof: Proof) -> Self {
        Self { proof, ..self }
    }

    /// Told as young, if it is.
    #[must_use]
    pub fn young(mut self, is_young: bool) -> Self {
        if is_young && matches!(self.level, Level::Damage | Level::Litter) {
            self.level = Level::Young;
        }
        self
    }
}

/// So many findings of one code and level are told in full.
pub const TOLD: usize = 1000;

/// All findings; each code's up to a number, and all of them counted.
#[derive(Debug, Clone, Default)]
pub struct Findings {
    tells_all: bool,
    told: Vec<Finding>,
    counts: BTreeMap<(Code, Level), u64>,
}

impl Findings {
    /// Findings that are all told, however many: each is to be mended.
    #[must_use]
    pub fn telling_all() -> Self {
        Self { tells_all: true, ..Self::default() }
    }

    /// Adds one.
    pub fn add(&mut self, finding: Finding) {
        let count = self.counts.entry((finding.code, finding.level)).or_default();
        *count += 1;
        if self.tells_all || *count <= TOLD as u64 {
            self.told.push(finding);
        }
    }

    /// Those that are told, the worst first.
    #[must_use]
    pub fn told(&self) -> &[Finding] {
        &self.told
    }

    /// Completes one of those that are told.
    pub(super) fn change(&mut self, at: usize, change: impl FnOnce(&mut Finding)) {
        if let Some(finding) = self.told.get_mut(at) {
            change(finding);
        }
    }

    /// Counts more of a kind that are not told.
    pub fn count_more(&mut self, code: Code, number: u64) {
        if number > 0 {
            *self.counts.entry((code, code.level())).or_default() += number;
        }
    }

    /// How many of each kind.
    pub fn counts(&self) -> impl Iterator<Item = (Code, Level, u64)> {
        self.counts.iter().map(|((code, level), count)| (*code, *level, *count))
    }

    /// How many of a level.
    #[must_use]
    pub fn of_level(&self, level: Level) -> u64 {
        self.counts().filter(|(_, of, _)| *of == level).map(|(.., count)| count).sum()
    }

    /// Puts them in the order of reports.
    pub fn sort(&mut self) {
        self.told.sort_by(|a, b| (a.level, a.code, &a.key, &a.detail).cmp(&(b.level, b.code, &b.key, &b.detail)));
    }

    /// Takes out those that a second look did not find; `holds` tells by their place among [`Self::told`].
    pub fn retain(&mut self, holds: impl Fn(usize, &Finding) -> bool) {
        for (at, finding) in std::mem::take(&mut self.told).into_iter().enumerate() {
            if holds(at, &finding) {
                self.told.push(finding);
            } else if let Some(count) = self.counts.get_mut(&(finding.code, finding.level)) {
                *count -= 1;
            }
        }
        self.counts.retain(|_, count| *count > 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(code: Code, key: &str) -> Finding {
        Finding::new(code, key.to_owned())
    }

    #[test]
    fn what_is_known_of_a_finding_stays_with_it() {
        let (name, digest) = (RepositoryName::new("app"), Digest::of(b"x"));
        let proof = Proof::Link(None);
        let all = |finding: Finding| {
            let finding = name.iter().fold(finding, Finding::within).about(&digest).saying("words");
            finding.proven_by(proof.clone()).young(true)
        };
        let found = all(finding(Code::WrongSize, "key"));
        let Finding { code, level, key, repository, digest: about, detail, images, images_in_all, proof: by } = found;
        assert_eq!((code, level, &*key), (Code::WrongSize, Level::Young, "key"));
        assert_eq!((repository, about, detail.as_deref()), (name.clone(), Some(digest.clone()), Some("words")));
        assert_eq!((images.len(), images_in_all, by), (0, 0, proof.clone()));
    }

    #[test]
    fn only_what_could_be_a_push_is_young() {
        let level = |code: Code, is_young: bool| finding(code, "").young(is_young).level;
        assert_eq!(level(Code::MissingBlob, false), Level::Damage);
        assert_eq!([Code::MissingBlob, Code::ForeignObject].map(|code| level(code, true)), [Level::Young; 2]);
        assert_eq!([true, false].map(|is_young| level(Code::ForeignLayer, is_young)), [Level::Note; 2]);
    }

    #[test]
    fn all_are_counted_and_of_each_kind_so_many_are_told() {
        for (mut findings, told) in [(Findings::default(), TOLD + 1), (Findings::telling_all(), TOLD + 3)] {
            for number in 0..TOLD + 2 {
                findings.add(finding(Code::WrongLink, &number.to_string()));
            }
            findings.add(finding(Code::ForeignLayer, "note"));
            findings.count_more(Code::UnknownLink, 0);
            let counts = |findings: &Findings| findings.counts().collect::<Vec<_>>();
            let links = (Code::WrongLink, Level::Damage, TOLD as u64 + 2);
            let layers = (Code::ForeignLayer, Level::Note, 1);
            assert_eq!(counts(&findings), [links, layers]);
            assert_eq!(findings.told().len(), told);
            findings.count_more(Code::UnknownLink, 2);
            findings.count_more(Code::UnknownLink, 3);
            assert_eq!(counts(&findings), [links, (Code::UnknownLink, Level::Litter, 5), layers]);
            let levels = [Level::Damage, Level::Young, Level::Litter, Level::Note];
            assert_eq!(levels.map(|level| findings.of_level(level)), [links.2, 0, 5, 1]);
        }
    }

    #[test]
    fn the_worst_is_told_first() {
        let mut findings = Findings::default();
        let detail = |words: &str| finding(Code::WrongLink, "b").saying(words);
        let inorder = [
            finding(Code::MissingBlob, "z"),
            finding(Code::WrongLink, "a"),
            detail("a"),
            detail("b"),
            finding(Code::MissingBlob, "young").young(true),
            finding(Code::ForeignObject, "a"),
        ];
        for found in inorder.iter().rev() {
            findings.add(found.clone());
        }
        findings.sort();
        assert_eq!(findings.told(), inorder);
    }

    #[test]
    fn finding_that_is_told_can_be_completed() {
        let mut findings = Findings::default();
        for key in ["a", "b", "c"] {
            findings.add(finding(Code::WrongLink, key));
        }
        findings.change(1, |finding| finding.images_in_all = 7);
        findings.change(99, |finding| finding.images_in_all = 8);
        let suffering: Vec<u64> = findings.told().iter().map(|finding| finding.images_in_all).collect();
        assert_eq!(suffering, [0, 7, 0]);
    }

    #[test]
    fn what_a_second_look_does_not_find_is_neither_told_nor_counted() {
        let mut findings = Findings::default();
        for key in ["a", "b", "c"] {
            findings.add(finding(Code::WrongLink, key));
        }
        findings.add(finding(Code::ForeignObject, "d"));
        findings.count_more(Code::UnknownLink, 5);
        findings.retain(|at, finding| at == 1 || finding.key == "c");
        let keys: Vec<&str> = findings.told().iter().map(|finding| &*finding.key).collect();
        assert_eq!(keys, ["b", "c"]);
        let counts: Vec<_> = findings.counts().collect();
        assert_eq!(counts, [(Code::WrongLink, Level::Damage, 2), (Code::UnknownLink, Level::Litter, 5)]);
    }
}
