//! What an audit found, in one value for every outlet.

use super::scenario::Stored;
use crate::collect::blobs::Tally;
use crate::collect::counts::Counts;
use crate::collect::list::row::time;
use crate::collect::money::amount::Amount;
use crate::collect::report::RefusalRow;
use crate::model::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;

/// All that is below the root.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Findings {
    /// Objects.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// By class: every class, and each object in one.
    pub classes: BTreeMap<&'static str, Tally>,
    /// By storage class, as the store calls it.
    pub storage_classes: BTreeMap<String, Stored>,
    /// The same within each class.
    pub storage_by_class: BTreeMap<&'static str, BTreeMap<String, Tally>>,
    /// By month of last modification.
    pub months: BTreeMap<String, Tally>,
    /// What would be left and what would go, by what is done: `collection`, `collection_untagged`, and with rules `policy`.
    pub after: BTreeMap<&'static str, After>,
    /// By repository: the largest fair share first.
    pub repositories: Vec<Row>,
    /// Repositories that are not among these because they were not asked for.
    pub not_shown: NotShown,
    /// By group, if any were asked for: the largest fair share first.
    pub groups: Option<Vec<Row>>,
    /// What no repository uses.
    pub nobody: Row,
    /// The largest contents.
    pub largest_layers: Vec<Layer>,
    /// The layers that most images stand on.
    pub base_layers: Vec<Layer>,
    /// What listings do not show. `null` is not known.
    pub not_listed: NotListed,
}

/// What would be left and what would go of what is old enough, once it has waited. What is young, by `--min-age`, is left.
#[derive(Debug, Clone, Default, Serialize)]
pub struct After {
    /// Objects that are left.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// What goes.
    pub freed: Tally,
    /// The same by kind.
    pub planned: Counts,
    /// The same by storage class.
    pub storage_classes: BTreeMap<String, Going>,
    /// Why such a run would be refused here, if it would.
    pub refusals: Vec<RefusalRow>,
}

/// What goes of one storage class.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Going {
    /// How many objects.
    pub count: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Those of less than 128 KiB among them.
    pub small: Tally,
    /// By age in whole days since they were last modified, the youngest first; 366 stands for all that are older.
    pub ages: Vec<Age>,
}

/// What goes of one storage class and age.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Age {
    /// Whole days.
    pub days: u16,
    /// How much.
    #[serde(flatten)]
    pub stored: Stored,
}

/// A repository, a group of them, or nobody.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Row {
    /// Its name.
    pub name: String,
    /// Its group, if any were asked for.
    pub group: Option<String>,
    /// Repositories in it.
    pub repositories: u64,
    /// Tags.
    pub tags: u64,
    /// Manifests.
    pub manifests: u64,
    /// Those of them that no tag needs.
    pub untagged_manifests: u64,
    /// When something was last pushed to it: the newest time of its tags and manifests.
    #[serde(serialize_with = "time")]
    pub last_push: Option<Timestamp>,
    /// Bytes of all that it uses, each object in full, with its links and uploads.
    pub logical_bytes: u64,
    /// Of these, bytes that nobody else uses.
    pub unshared_bytes: u64,
    /// Its part of all bytes, where what several use is divided evenly: these add up to the whole. Objects that the same
    /// repositories use, and that are alike in class, month, storage class and in what becomes of them, are added up and
    /// then divided; what is left over goes to the first by name, a byte each.
    pub fair_share_bytes: u64,
    /// What removing it and collecting then would free.
    pub freed_by_deleting_bytes: u64,
    /// What its fair share costs per month, as far as it has a price; `null` where none of it has one.
    pub per_month: Option<Amount>,
    /// Bytes of its fair share that have no price; `null` where nothing is said of money.
    pub unpriced_bytes: Option<u64>,
    /// Bytes that it uses and that only manifests without a tag need, each object in full.
    pub untagged_bytes: u64,
    /// Its fair share of what goes, by what is done.
    pub freed_bytes: BTreeMap<&'static str, u64>,
    /// Its fair share by class.
    pub classes: BTreeMap<&'static str, u64>,
    /// Its fair share by storage class.
    pub storage_classes: BTreeMap<String, u64>,
    /// Its fair share by month of last modification.
    pub months: BTreeMap<String, u64>,
    /// The largest of what it uses.
    pub largest_layers: Vec<Layer>,
}

/// Repositories that are not shown.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct NotShown {
    /// How many.
    pub repositories: u64,
    /// Their fair share.
    pub fair_share_bytes: u64,
}

/// One content.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Layer {
    /// Its digest.
    pub digest: String,
    /// Its size in bytes; `null` if it is not there.
    pub bytes: Option<u64>,
    /// Its class.
    pub class: Option<&'static str>,
    /// How many images stand on it, if several do.
    pub images: Option<u64>,
    /// How many repositories use it.
    pub repositories: u64,
    /// The first of them by name.
    pub used_by: Vec<String>,
}

/// What listings do not show.
#[derive(Debug, Clone, Default, Serialize)]
pub struct NotListed {
    /// Multipart uploads that were begun and not ended.
    pub multipart_uploads: Option<Tally>,
    /// Versions of objects that are not the current ones.
    pub noncurrent_versions: Option<Tally>,
    /// The same by storage class.
    pub noncurrent_storage_classes: Option<BTreeMap<String, Stored>>,
    /// Marks that hide deleted objects.
    pub delete_markers: Option<Tally>,
}
