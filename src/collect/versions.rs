//! Old versions of objects, and the marks that hide deleted ones: what a versioned bucket of S3 keeps, and bills, of what
//! was deleted or written over. No registry ever reads them.
//!
//! What is current is never touched, and nothing that is hidden is brought back: a mark goes after every version that it
//! hides.

mod row;
pub mod shown;
pub mod spared;

pub use row::{Kept, OldVersions};

use super::blobs::Tally;
use crate::layout::{self, StorageKey};
use crate::model::Timestamp;
use serde::Serialize;
use std::cmp::{Ordering, Reverse};
use std::collections::HashMap;

/// One version of an object, or a mark that the object is deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The object's key.
    pub key: String,
    /// Tells it from others of the same key.
    pub id: Box<str>,
    /// Whether it is what a reader of the key gets.
    pub is_latest: bool,
    /// Whether it is a delete marker.
    pub is_marker: bool,
    /// When it was written.
    pub modified: Timestamp,
    /// Its size in bytes; a marker has none.
    pub size: u64,
    /// Its storage class, where that is told; a marker has none.
    pub storage_class: Option<Box<str>>,
}

/// What there is of versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Amount {
    /// Versions that are not current.
    pub noncurrent_versions: Tally,
    /// Delete markers, current or not.
    pub delete_markers: u64,
}

impl Amount {
    /// Counts one more, which is not a current object.
    pub fn add(&mut self, version: &Version) {
        if version.is_marker {
            self.delete_markers += 1;
        } else {
            self.noncurrent_versions.add(version.size);
        }
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.noncurrent_versions.count + self.delete_markers
    }

    /// Both together.
    #[must_use]
    pub fn plus(mut self, other: Self) -> Self {
        self.noncurrent_versions.add_all(other.noncurrent_versions);
        self.delete_markers += other.delete_markers;
        self
    }
}

/// Why an old version, or a marker, stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stays {
    /// It has been old for less than was asked.
    Young,
    /// What is current at its key is missing or damaged, and may be mended from it.
    Needed,
    /// No registry writes its key.
    Foreign,
    /// The next write to its key takes its place: a delete by its id could hit that.
    Reused,
    /// A version that it hides stays.
    Hides,
    /// Not one version of its key is told to be the current one, or two of it have the same id.
    Unclear,
    /// More would go than one run can remember.
    Later,
}

/// Tells whether something needs what is at a key, and what is current there does not serve it; `true` asks about a key
/// of which nothing is current.
pub trait Needs: std::fmt::Debug {
    /// Whether it does.
    fn is_needed(&self, key: &str, is_gone: bool) -> bool;

    /// Whether what is at the key is content that something needs: it never changes, so that versions of another size show
    /// that one of them is damaged.
    fn is_needed_content(&self, key: &str) -> bool;
}

/// What decides.
#[derive(Debug, Clone, Copy)]
pub struct Rule<'a> {
    /// What has been old since then, or before, goes.
    pub before: Timestamp,
    /// Whether a version without an id of its own (`null`) may become the current one at any moment: so it is beside a live
    /// registry where versioning is suspended, for the bucket or for some of its keys.
    pub null_is_reused: bool,
    /// Who needs what.
    pub needs: &'a dyn Needs,
}

/// What is decided of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It goes.
    Goes(Version),
    /// It goes once every version that goes before it is gone: it hides those.
    GoesLast(Version),
    /// It stays.
    Stays(Version, Stays),
}

/// The id of what was written while versioning was not on.
const NULL: &str = "null";

/// Puts together what belongs to one key, as pages pass. Some stores tell of all markers of a page after all versions: what
/// was judged before its marker came would be taken for what is current, and a marker alone for one that hides nothing.
#[derive(Debug, Default)]
pub struct ByKey {
    last: Vec<Version>,
}

/// A page began with a key that comes before the end of the page before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutOfOrder;

impl ByKey {
    /// Takes the next page; tells of each key that is complete.
    ///
    /// # Errors
    /// If keys come back that were taken for complete.
    pub fn see(&mut self, mut page: Vec<Version>, mut tell: impl FnMut(Vec<Version>)) -> Result<(), OutOfOrder> {
        page.sort_by(|a, b| a.key.cmp(&b.key));
        for version in page {
            match self.last.first().map(|last| last.key.cmp(&version.key)) {
                None | Some(Ordering::Equal) => self.last.push(version),
                Some(Ordering::Less) => tell(std::mem::replace(&mut self.last, vec![version])),
                Some(Ordering::Greater) => return Err(OutOfOrder),
            }
        }
        Ok(())
    }

    /// What is left when nothing more comes.
    pub fn finish(&mut self, mut tell: impl FnMut(Vec<Version>)) {
        if !self.last.is_empty() {
            tell(std::mem::take(&mut self.last));
        }
    }
}

/// Judges all that there is of one key. The current object is not told of.
pub fn judge(rule: Rule<'_>, versions: Vec<Version>, mut tell: impl FnMut(Verdict)) {
    let (mut versions, is_told_once) = told_once(versions);
    versions.sort_by_key(|version| (!version.is_latest, Reverse(version.modified)));
    let is_sound = is_told_once && versions.iter().filter(|version| version.is_latest).count() == 1;
    let mut versions = versions.into_iter();
    let Some(first) = versions.next() else { return };
    let is_gone = is_sound && first.is_marker;
    let stays = if !is_ours(&first.key) {
        Some(Stays::Foreign)
    } else if !is_sound {
        // Something wrote while the listing was made, or the listing is not what it should be: nobody knows what is
        // current.
        Some(Stays::Unclear)
    } else if rule.needs.is_needed(&first.key, is_gone) {
        Some(Stays::Needed)
    } else {
        None
    };
    let is_content = rule.needs.is_needed_content(&first.key);
    let decided = |version: &Version, old_since: Timestamp| {
        let differs = is_content && !is_gone && !version.is_marker && version.size != first.size;
        let damaged = differs.then_some(Stays::Needed);
        let young = (old_since > rule.before).then_some(Stays::Young);
        let reused = (rule.null_is_reused && &*version.id == NULL).then_some(Stays::Reused);
        stays.or(damaged).or(young).or(reused)
    };
    // Stores tell whole seconds: of versions that are as old as each other nobody knows which was the last, so all of them
    // are old since the next newer one.
    let (mut newer, mut group, mut hides) = (first.modified, None, false);
    for version in versions.filter(|version| version.is_marker || !version.is_latest) {
        newer = group.filter(|group| version.modified < *group).unwrap_or(newer);
        group = Some(version.modified);
        let why = decided(&version, newer.max(version.modified));
        hides |= why.is_some();
        tell(match why {
            Some(why) => Verdict::Stays(version, why),
            None => Verdict::Goes(version),
        });
    }
    if first.is_marker || !first.is_latest {
        tell(match decided(&first, first.modified).or(hides.then_some(Stays::Hides)) {
            Some(why) => Verdict::Stays(first, why),
            None => Verdict::GoesLast(first),
        });
    }
}

/// Each version once: some stores begin a page with the version that the last one ended with. Tells whether no two others
/// have the same id.
fn told_once(versions: Vec<Version>) -> (Vec<Version>, bool) {
    let (mut places, mut once, mut is_sound) = (HashMap::new(), Vec::<Version>::new(), true);
    for version in versions {
        match places.get(&version.id) {
            Some(at) if once[*at] == version => continue,
            Some(_) => is_sound = false,
            None => drop(places.insert(version.id.clone(), once.len())),
        }
        once.push(version);
    }
    (once, is_sound)
}

/// Whether a registry, or regsweep beside it, writes this key.
fn is_ours(key: &str) -> bool {
    if layout::is_unaddressable(key) {
        return false;
    }
    match StorageKey::parse(key) {
        StorageKey::Suspect { .. } => false,
        StorageKey::Unrecognized => layout::state::StateKey::parse(key) != layout::state::StateKey::Unrecognized,
        _ => true,
    }
}

#[cfg(test)]
mod tests;
