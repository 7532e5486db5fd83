//! All that a scan learned, as one value.

use super::applied::Left;
use super::blobs::{BlobSurvey, Owners};
use super::dismissed::Dismissed;
use super::graph::Graph;
use super::inventory::Inventory;
use super::mark::Marks;
use super::problem::Problems;
use super::roots::Root;
use super::state::taken::Taken;
use crate::model::{RepositoryName, Timestamp};

/// All that a scan learned.
#[derive(Debug, Clone, Default)]
pub struct Scan {
    /// What the listing of repositories said.
    pub inventory: Inventory,
    /// What names what.
    pub graph: Graph,
    /// What is needed.
    pub marks: Marks,
    /// What the blobs came to.
    pub blobs: BlobSurvey,
    /// Whose the blobs were that go.
    pub owners: Owners,
    /// What is odd.
    pub problems: Problems,
    /// *Now*, as it was judged.
    pub now: Timestamp,
    /// When the last young link is old enough.
    pub young_until: Option<Timestamp>,
    /// Pointers that may go and stay all the same: they are not in the plan that is applied. What they need stays as well,
    /// whenever marks are made anew.
    pub staying: Vec<Root>,
    /// What goes by decision although a pointer names it, as it looked when that was decided.
    pub dismissed: Dismissed,
    /// Manifests whose links earlier runs, and this one, have taken away and that may still be brought back.
    pub taken: Vec<Taken>,
    /// Repositories that were named and of which nothing is there but empty directories, for which a registry lists them.
    pub hollow: Vec<RepositoryName>,
    /// What of the applied plan may not go now, and what may go and is not in it.
    pub left: Left,
}
