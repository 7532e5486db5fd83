//! What must be there at the end, known exactly: each tag has one owner, who does one thing after the other.

use std::collections::{BTreeMap, BTreeSet};

/// `repository`, `tag`.
pub type Name = (&'static str, String);

/// What a tag may lead to: a manifest, or nothing. More than one only if a request had no clear answer.
pub type Possible = BTreeSet<Option<String>>;

/// An owner's tags and referrers.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    tags: BTreeMap<Name, Possible>,
    /// Referrers: repository, subject, and the referrer's digest.
    referrers: BTreeSet<(&'static str, String, String)>,
}

impl Ledger {
    /// The registry acknowledged this push.
    pub fn pushed(&mut self, name: &Name, digest: &str) {
        self.tags.insert(name.clone(), Possible::from([Some(digest.to_owned())]));
        self.forget_referrers();
    }

    /// Whether this push took place is not known.
    pub fn perhaps_pushed(&mut self, name: &Name, digest: &str) {
        let possible = self.tags.entry(name.clone()).or_insert_with(|| Possible::from([None]));
        possible.insert(Some(digest.to_owned()));
        self.forget_referrers();
    }

    /// The registry acknowledged that this manifest goes, and every tag that leads to it.
    pub fn deleted(&mut self, repository: &str, digest: &str) {
        self.leaves(repository, digest, true);
    }

    /// Whether this manifest went is not known.
    pub fn perhaps_deleted(&mut self, repository: &str, digest: &str) {
        self.leaves(repository, digest, false);
    }

    fn leaves(&mut self, repository: &str, digest: &str, for_sure: bool) {
        let digest = Some(digest.to_owned());
        for ((_, _), possible) in self.tags.iter_mut().filter(|((at, _), _)| *at == repository) {
            if possible.contains(&digest) {
                possible.insert(None);
            }
            if for_sure {
                possible.remove(&digest);
            }
        }
        self.forget_referrers();
    }

    /// The registry acknowledged a referrer of a manifest that has a tag.
    pub fn referred(&mut self, repository: &'static str, subject: &str, referrer: &str) {
        self.referrers.insert((repository, subject.to_owned(), referrer.to_owned()));
        self.forget_referrers();
    }

    /// A referrer must stay only as long as its subject has a tag all the time.
    fn forget_referrers(&mut self) {
        let tags = &self.tags;
        self.referrers.retain(|(repository, subject, _)| {
            let certain = Possible::from([Some(subject.clone())]);
            tags.iter().any(|((at, _), possible)| at == repository && *possible == certain)
        });
    }

    /// What the tag leads to, if that is known and not nothing.
    pub fn digest(&self, name: &Name) -> Option<&str> {
        let possible = self.tags.get(name).filter(|possible| possible.len() == 1)?;
        possible.first()?.as_deref()
    }

    /// Every tag that ever was, and what it may lead to now.
    pub fn tags(&self) -> impl Iterator<Item = (&Name, &Possible)> {
        self.tags.iter()
    }

    /// The referrers of this manifest that must be there.
    pub fn referrers_of<'a>(&'a self, repository: &'a str, subject: &'a str) -> impl Iterator<Item = &'a str> {
        let of_it = self.referrers.iter().filter(move |(at, of, _)| *at == repository && of == subject);
        of_it.map(|(_, _, digest)| digest.as_str())
    }

    /// The referrers that must be there: repository and digest.
    pub fn referrers(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.referrers.iter().map(|(repository, _, digest)| (*repository, digest.as_str()))
    }
}
