//! What an object is: one of these, and never two.

use crate::collect::roots::Reason;
use crate::layout::state::StateKey;

/// What an object below the root is. Scripts rely on the words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Content that a tag needs, and that only one repository uses.
    TaggedUnshared,
    /// Content that a tag needs, and that several repositories use.
    TaggedShared,
    /// Content that only manifests without a tag need, and that only one repository uses. `-m` and rules can let it go.
    UntaggedUnshared,
    /// The same, where several repositories use it.
    UntaggedShared,
    /// Content that no image is known to need and that stays all the same: a damaged repository keeps all it has, a link
    /// of unknown shape keeps what it names, and what lies outside the root is never deleted.
    KeptForSafety,
    /// Content that nothing needs but that is younger than `--min-age`, or that a link so young names.
    Young,
    /// Content that nothing needs, and that an earlier run has found so: it waits, and can still be undone.
    Pending,
    /// Content that nothing needs.
    Unreferenced,
    /// Links that stay and whose content is there: revision links, layer links that a manifest of their repository needs,
    /// signature links, and what tags name now. One that cannot be read is among them.
    Links,
    /// Layer links to content that is there and that no manifest of their repository needs.
    OrphanLayerLinks,
    /// What tags have named: all entries of their histories, whatever they name.
    TagHistory,
    /// Links of any other kind whose content is not there.
    DanglingLinks,
    /// Uploads with a sign of life within `--uploads-older-than`.
    UploadsActive,
    /// Uploads without.
    UploadsStale,
    /// Parts of multipart uploads that are not complete (S3), which no listing shows: with a sign of life as uploads, or where
    /// nobody tells.
    PartsActive,
    /// The same without.
    PartsStale,
    /// Content that regsweep has moved out of the way.
    Aside,
    /// What else regsweep keeps below `docker/registry/regsweep/`: lease, journals, the list of what waits.
    RegsweepState,
    /// Objects among the registry's content and repositories that no registry writes there. Never deleted.
    Unrecognized,
    /// Objects below the root and in none of these places: not the registry's. Never deleted.
    Foreign,
}

impl Class {
    /// All, in the order of reports.
    pub const ALL: [Self; 20] = [
        Self::TaggedUnshared,
        Self::TaggedShared,
        Self::UntaggedUnshared,
        Self::UntaggedShared,
        Self::KeptForSafety,
        Self::Young,
        Self::Pending,
        Self::Unreferenced,
        Self::Links,
        Self::OrphanLayerLinks,
        Self::TagHistory,
        Self::DanglingLinks,
        Self::UploadsActive,
        Self::UploadsStale,
        Self::PartsActive,
        Self::PartsStale,
        Self::Aside,
        Self::RegsweepState,
        Self::Unrecognized,
        Self::Foreign,
    ];

    /// The word in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::TaggedUnshared => "needed_by_tags_unshared",
            Self::TaggedShared => "needed_by_tags_shared",
            Self::UntaggedUnshared => "needed_by_untagged_unshared",
            Self::UntaggedShared => "needed_by_untagged_shared",
            Self::KeptForSafety => "kept_for_safety",
            Self::Young => "young",
            Self::Pending => "pending",
            Self::Unreferenced => "unreferenced",
            Self::Links => "links",
            Self::OrphanLayerLinks => "orphan_layer_links",
            Self::TagHistory => "tag_history",
            Self::DanglingLinks => "dangling_links",
            Self::UploadsActive => "uploads_active",
            Self::UploadsStale => "uploads_stale",
            Self::PartsActive => "multipart_uploads_active",
            Self::PartsStale => "multipart_uploads_stale",
            Self::Aside => "aside",
            Self::RegsweepState => "regsweep_state",
            Self::Unrecognized => "unrecognized",
            Self::Foreign => "foreign",
        }
    }

    /// Whether it is of content, and not of what points to it or lies beside it.
    #[must_use]
    pub fn is_content(self) -> bool {
        self <= Self::Unreferenced
    }

    /// Whether only manifests without a tag need it.
    #[must_use]
    pub fn is_untagged(self) -> bool {
        matches!(self, Self::UntaggedUnshared | Self::UntaggedShared)
    }
}

/// What decides about content.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct BlobFacts {
    /// Whether a tag needs it.
    pub by_tags: bool,
    /// Whether a tag or any other manifest needs it.
    pub by_manifests: bool,
    /// Why a collection keeps it, if it does.
    pub kept: Option<Reason>,
    /// Whether it lies outside the root.
    pub outside: bool,
    /// Whether it is younger than `--min-age` itself.
    pub young: bool,
    /// Whether an earlier run has found that nothing needs it.
    pub waits: bool,
    /// How many repositories use it.
    pub users: usize,
}

/// The class of content.
#[must_use]
pub fn of_blob(facts: &BlobFacts) -> Class {
    let several = facts.users > 1;
    match facts.kept {
        _ if facts.by_tags && several => Class::TaggedShared,
        _ if facts.by_tags => Class::TaggedUnshared,
        _ if facts.by_manifests && several => Class::UntaggedShared,
        _ if facts.by_manifests => Class::UntaggedUnshared,
        Some(Reason::Young) => Class::Young,
        Some(Reason::Needed | Reason::BrokenTag | Reason::PointerStays) => Class::KeptForSafety,
        None if facts.outside => Class::KeptForSafety,
        None if facts.young => Class::Young,
        None if facts.waits => Class::Pending,
        None => Class::Unreferenced,
    }
}

/// What kind of link it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkKind {
    /// A layer link, and whether its repository needs what it names.
    Layer {
        /// Whether it does.
        needed: bool,
    },
    /// A revision link, a signature link, or what a tag names now.
    Name,
    /// An entry of a tag's history.
    History,
}

/// The class of a link. `is_there`: its content was listed, or it cannot be read and so names none for certain.
#[must_use]
pub fn of_link(kind: LinkKind, is_there: bool) -> Class {
    match kind {
        LinkKind::History => Class::TagHistory,
        LinkKind::Layer { .. } | LinkKind::Name if !is_there => Class::DanglingLinks,
        LinkKind::Layer { needed: false } => Class::OrphanLayerLinks,
        LinkKind::Layer { needed: true } | LinkKind::Name => Class::Links,
    }
}

/// The class of a key that is in neither area.
#[must_use]
pub fn of_key_elsewhere(key: &str) -> Class {
    match StateKey::parse(key) {
        StateKey::Aside { .. } => Class::Aside,
        StateKey::Lease
        | StateKey::Pending
        | StateKey::Probe
        | StateKey::Draft
        | StateKey::Journal { .. }
        | StateKey::Done { .. } => Class::RegsweepState,
        // Below its directory, yet nothing that it writes.
        StateKey::Unrecognized => Class::Foreign,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn words_are_all_different() {
        let names: BTreeSet<_> = Class::ALL.iter().map(|class| class.name()).collect();
        assert_eq!(names.len(), Class::ALL.len());
    }

    #[test]
    fn content_is_of_the_strongest_class_that_it_can_be() {
        let nothing = BlobFacts {
            by_tags: false,
            by_manifests: false,
            kept: None,
            outside: false,
            young: false,
            waits: false,
            users: 0,
        };
        let needed = BlobFacts { by_manifests: true, kept: Some(Reason::Needed), users: 1, ..nothing };
        let tagged = BlobFacts { by_tags: true, ..needed };
        let all = BlobFacts { outside: true, young: true, waits: true, ..nothing };
        for (facts, class) in [
            (tagged, Class::TaggedUnshared),
            (BlobFacts { users: 2, ..tagged }, Class::TaggedShared),
            (BlobFacts { users: 0, ..tagged }, Class::TaggedUnshared),
            (needed, Class::UntaggedUnshared),
            (BlobFacts { users: 2, ..needed }, Class::UntaggedShared),
            (BlobFacts { kept: Some(Reason::Young), ..all }, Class::Young),
            (BlobFacts { kept: Some(Reason::Needed), ..all }, Class::KeptForSafety),
            (BlobFacts { kept: Some(Reason::BrokenTag), ..all }, Class::KeptForSafety),
            (BlobFacts { kept: Some(Reason::PointerStays), users: 3, ..all }, Class::KeptForSafety),
            (all, Class::KeptForSafety),
            (BlobFacts { outside: false, ..all }, Class::Young),
            (BlobFacts { outside: false, young: false, ..all }, Class::Pending),
            (nothing, Class::Unreferenced),
            (BlobFacts { users: 2, ..nothing }, Class::Unreferenced),
        ] {
            assert_eq!(of_blob(&facts), class, "{facts:?}");
        }
    }

    #[test]
    fn link_is_what_its_kind_and_its_content_make_it() {
        let layer = |needed| LinkKind::Layer { needed };
        for (kind, is_there, class) in [
            (layer(true), true, Class::Links),
            (layer(false), true, Class::OrphanLayerLinks),
            (layer(true), false, Class::DanglingLinks),
            (layer(false), false, Class::DanglingLinks),
            (LinkKind::Name, true, Class::Links),
            (LinkKind::Name, false, Class::DanglingLinks),
            (LinkKind::History, true, Class::TagHistory),
            (LinkKind::History, false, Class::TagHistory),
        ] {
            assert_eq!(of_link(kind, is_there), class, "{kind:?} {is_there}");
        }
    }

    #[test]
    fn what_regsweep_keeps_is_told_from_what_others_keep() {
        let digest = crate::model::Digest::of(b"x");
        let aside = crate::layout::state::aside("run", &digest);
        for (key, class) in [
            (aside.as_str(), Class::Aside),
            (crate::layout::state::LEASE, Class::RegsweepState),
            (crate::layout::state::PENDING, Class::RegsweepState),
            ("docker/registry/regsweep/runs/a/done.json", Class::RegsweepState),
            ("docker/registry/regsweep/notes.txt", Class::Foreign),
            ("docker/registry/v2/notes.txt", Class::Foreign),
            ("scheduler-state.json", Class::Foreign),
        ] {
            assert_eq!(of_key_elsewhere(key), class, "{key}");
        }
    }
}
