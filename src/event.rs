//! How a run tells of its progress. No terminal code here: whoever watches decides what to show.

use crate::collect::plan::Stage;

/// What a run is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Listing `repositories/`.
    ListRepositories,
    /// Reading links that the listing does not prove.
    ReadLinks,
    /// Reading manifests.
    ReadManifests,
    /// Reading image configurations.
    ReadConfigurations,
    /// Working out what is needed.
    Mark,
    /// Listing `blobs/`.
    ListBlobs,
    /// Listing what lies beside the registry's own.
    ListElsewhere,
    /// Listing old versions.
    ListVersions,
    /// Comparing what is needed with what was listed.
    Verify,
    /// Listing once more what is about to lose something.
    Recheck,
    /// Deleting.
    Delete(Stage),
    /// Deleting old versions.
    DeleteVersions,
    /// Waiting until pushes that began before have ended.
    Settle,
    /// Writing back what is needed after all.
    Mend,
    /// Letting go what was moved aside.
    LetGo,
    /// Looking whether content is there.
    LookForContent,
    /// Comparing contents with their digests.
    CheckContent,
    /// Writing back what was asked for.
    Restore,
}

impl Phase {
    /// For people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ListRepositories => "listing repositories",
            Self::ReadLinks => "reading links",
            Self::ReadManifests => "reading manifests",
            Self::ReadConfigurations => "reading image configurations",
            Self::Mark => "working out what is needed",
            Self::ListBlobs => "listing blobs",
            Self::ListElsewhere => "listing what else is there",
            Self::ListVersions => "listing old versions",
            Self::Verify => "verifying the listing",
            Self::Recheck => "checking once more",
            Self::Delete(Stage::Tag) => "deleting tags",
            Self::Delete(Stage::TagHistory) => "deleting tag history",
            Self::Delete(Stage::Revision) => "deleting manifests",
            Self::Delete(Stage::LayerLink) => "deleting layer links",
            Self::Delete(Stage::Upload) => "deleting uploads",
            Self::Delete(Stage::Blob) => "deleting blobs",
            Self::DeleteVersions => "deleting old versions",
            Self::Settle => "waiting for pushes that began before",
            Self::Mend => "writing back what is needed after all",
            Self::LetGo => "deleting what was moved aside",
            Self::LookForContent => "looking whether content is there",
            Self::CheckContent => "checking content",
            Self::Restore => "writing back",
        }
    }
}

/// Something that happened.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// A phase begins; how many things it will handle, if that is known. Of a wait these are its seconds.
    Begin(Phase, Option<u64>),
    /// So many more things were handled, of so many bytes.
    Progress(u64, u64),
    /// The current phase has ended.
    End,
    /// A key was deleted, as the store confirmed.
    Deleted(&'a crate::collect::plan::Deletion),
}

/// Whoever wants to know.
pub trait Observer: Send + Sync {
    /// Takes notice. Must not block.
    fn notice(&self, event: Event<'_>);
}

/// Nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct Nobody;

impl Observer for Nobody {
    fn notice(&self, _event: Event<'_>) {}
}
