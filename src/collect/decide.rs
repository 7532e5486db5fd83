//! Keep or delete: one total function for each kind of object. Whatever is not certain is kept.

use super::entry::Entry;
use super::plan::Stage;
use super::roots::Reason;
use crate::model::Timestamp;
use serde::Serialize;
use std::time::Duration;

/// Why something goes. Scripts rely on the words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DeleteReason {
    /// An entry in a tag's history whose manifest its repository does not need.
    StaleTagHistory,
    /// A manifest that no tag needs (`-m`).
    UntaggedManifest,
    /// A link to a blob that no manifest of its repository needs.
    UnneededLayerLink,
    /// An upload that has shown no sign of life for long.
    StaleUpload,
    /// Content that nothing needs and no pointer names.
    UnreferencedBlob,
    /// The user named it, or what it belongs to.
    Named,
    /// A rule of retention lets it go, or what it belongs to.
    Retention,
    /// What it names is not there (`fsck --repair`).
    Dangling,
    /// It is no link, and is written anew (`fsck --repair`).
    Unreadable,
}

impl DeleteReason {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::StaleTagHistory,
        Self::UntaggedManifest,
        Self::UnneededLayerLink,
        Self::StaleUpload,
        Self::UnreferencedBlob,
        Self::Named,
        Self::Retention,
        Self::Dangling,
        Self::Unreadable,
    ];

    /// Whether something of this stage can go for this reason.
    #[must_use]
    pub fn is_of(self, stage: Stage) -> bool {
        match self {
            Self::StaleTagHistory => stage == Stage::TagHistory,
            Self::UntaggedManifest => stage == Stage::Revision,
            Self::UnneededLayerLink => stage == Stage::LayerLink,
            Self::StaleUpload => stage == Stage::Upload,
            Self::UnreferencedBlob => stage == Stage::Blob,
            Self::Named | Self::Retention | Self::Dangling => stage.is_pointer(),
            Self::Unreadable => matches!(stage, Stage::Revision | Stage::LayerLink),
        }
    }

    /// The word in plans and reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::StaleTagHistory => "stale_tag_history",
            Self::UntaggedManifest => "untagged_manifest",
            Self::UnneededLayerLink => "unneeded_layer_link",
            Self::StaleUpload => "stale_upload",
            Self::UnreferencedBlob => "unreferenced_blob",
            Self::Named => "named",
            Self::Retention => "retention",
            Self::Dangling => "dangling",
            Self::Unreadable => "unreadable",
        }
    }
}

/// Why something stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeepReason {
    /// It is needed.
    Needed(Reason),
    /// It is younger than `--min-age`.
    Young,
    /// It is no concern of the repositories that `--repository` names.
    OutOfScope,
    /// It is what its tag names now.
    Current,
    /// It is a symbolic link, or was reached through one that leaves the root.
    OutsideRoot,
    /// The user keeps all of its kind.
    SwitchedOff,
}

/// There is no third state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Decision {
    /// It stays.
    Keep(KeepReason),
    /// It goes.
    Delete(DeleteReason),
}

/// A link of any kind: `needed` is why its own repository needs what it names, `outside` whether it lies outside the root.
///
/// Age plays no part here: a young link is a root, so what it names is needed.
#[must_use]
pub fn link(needed: Option<Reason>, outside: bool, reason: DeleteReason) -> Decision {
    match needed {
        Some(reason) => Decision::Keep(KeepReason::Needed(reason)),
        None if outside => Decision::Keep(KeepReason::OutsideRoot),
        None => Decision::Delete(reason),
    }
}

/// An entry of a tag's history.
#[must_use]
pub fn history(needed: Option<Reason>, is_current: bool, outside: bool) -> Decision {
    if is_current {
        return Decision::Keep(KeepReason::Current);
    }
    link(needed, outside, DeleteReason::StaleTagHistory)
}

/// An upload, by its newest sign of life.
#[must_use]
pub fn upload(
    newest: Option<Timestamp>,
    limit: Option<Duration>,
    now: Timestamp,
    in_scope: bool,
    outside: bool,
) -> Decision {
    let Some(limit) = limit else { return Decision::Keep(KeepReason::SwitchedOff) };
    match newest {
        _ if !in_scope => Decision::Keep(KeepReason::OutOfScope),
        _ if outside => Decision::Keep(KeepReason::OutsideRoot),
        None => Decision::Keep(KeepReason::Young),
        // A limit of zero must not take an upload that begins in the future of a wrong clock.
        Some(newest) if newest.is_younger_than(limit, now) || newest > now => Decision::Keep(KeepReason::Young),
        Some(_) => Decision::Delete(DeleteReason::StaleUpload),
    }
}

/// A blob: `needed` is why anyone needs it; `in_scope` whether it concerns the repositories that may lose something.
#[must_use]
pub fn blob(needed: Option<Reason>, entry: &Entry<'_>, min_age: Duration, now: Timestamp, in_scope: bool) -> Decision {
    match needed {
        Some(reason) => Decision::Keep(KeepReason::Needed(reason)),
        None if entry.outside => Decision::Keep(KeepReason::OutsideRoot),
        None if !in_scope => Decision::Keep(KeepReason::OutOfScope),
        None if entry.modified.is_younger_than(min_age, now) => Decision::Keep(KeepReason::Young),
        None => Decision::Delete(DeleteReason::UnreferencedBlob),
    }
}

#[cfg(test)]
mod tests {
    use super::super::entry::Evidence;
    use super::*;

    const DAY: Duration = Duration::from_hours(24);
    const NOW: Timestamp = Timestamp::from_days(20_000);

    fn seen(days_ago: i64) -> Evidence {
        Evidence { size: 1, modified: Timestamp::from_days(20_000 - days_ago), etag: None, outside: false }
    }

    fn listed(days_ago: i64) -> Entry<'static> {
        Entry { key: "", size: 1, modified: Timestamp::from_days(20_000 - days_ago), etag: None, outside: false }
    }

    #[test]
    fn every_branch_for_a_link() {
        use DeleteReason::UntaggedManifest as Why;
        assert_eq!(link(Some(Reason::Young), false, Why), Decision::Keep(KeepReason::Needed(Reason::Young)));
        assert_eq!(link(None, true, Why), Decision::Keep(KeepReason::OutsideRoot));
        assert_eq!(link(None, false, Why), Decision::Delete(Why));
        assert_eq!(history(None, true, false), Decision::Keep(KeepReason::Current));
        assert_eq!(history(None, false, false), Decision::Delete(DeleteReason::StaleTagHistory));
    }

    #[test]
    fn every_branch_for_an_upload() {
        let old = Some(seen(8).modified);
        let week = Some(7 * DAY);
        assert_eq!(upload(old, None, NOW, true, false), Decision::Keep(KeepReason::SwitchedOff));
        assert_eq!(upload(old, week, NOW, false, false), Decision::Keep(KeepReason::OutOfScope));
        assert_eq!(upload(old, week, NOW, true, true), Decision::Keep(KeepReason::OutsideRoot));
        assert_eq!(upload(None, week, NOW, true, false), Decision::Keep(KeepReason::Young));
        assert_eq!(upload(Some(seen(6).modified), week, NOW, true, false), Decision::Keep(KeepReason::Young));
        let future = Some(seen(-1).modified);
        assert_eq!(upload(future, Some(Duration::ZERO), NOW, true, false), Decision::Keep(KeepReason::Young));
        assert_eq!(upload(old, week, NOW, true, false), Decision::Delete(DeleteReason::StaleUpload));
    }

    #[test]
    fn every_branch_for_a_blob() {
        let needed = Some(Reason::Needed);
        assert_eq!(blob(needed, &listed(9), DAY, NOW, true), Decision::Keep(KeepReason::Needed(Reason::Needed)));
        assert_eq!(
            blob(None, &Entry { outside: true, ..listed(100) }, DAY, NOW, true),
            Decision::Keep(KeepReason::OutsideRoot)
        );
        assert_eq!(blob(None, &listed(9), DAY, NOW, false), Decision::Keep(KeepReason::OutOfScope));
        assert_eq!(blob(None, &listed(0), DAY, NOW, true), Decision::Keep(KeepReason::Young));
        assert_eq!(blob(None, &listed(-1), DAY, NOW, true), Decision::Keep(KeepReason::Young));
        assert_eq!(blob(None, &listed(0), Duration::ZERO, NOW, true), Decision::Delete(DeleteReason::UnreferencedBlob));
        assert_eq!(blob(None, &listed(1), DAY, NOW, true), Decision::Delete(DeleteReason::UnreferencedBlob));
    }

    #[test]
    fn each_reason_is_of_one_stage() {
        use Stage::{Blob, LayerLink, Revision, TagHistory, Upload};
        for (reason, only, word) in [
            (DeleteReason::StaleTagHistory, TagHistory, "stale_tag_history"),
            (DeleteReason::UntaggedManifest, Revision, "untagged_manifest"),
            (DeleteReason::UnneededLayerLink, LayerLink, "unneeded_layer_link"),
            (DeleteReason::StaleUpload, Upload, "stale_upload"),
            (DeleteReason::UnreferencedBlob, Blob, "unreferenced_blob"),
        ] {
            assert_eq!(Stage::ALL.into_iter().filter(|stage| reason.is_of(*stage)).collect::<Vec<_>>(), [only]);
            assert_eq!(reason.name(), word);
        }
    }

    /// An upload that begins at this very moment is as old as a limit of nothing.
    #[test]
    fn upload_of_this_moment_goes_where_nothing_is_too_young() {
        let now = upload(Some(NOW), Some(Duration::ZERO), NOW, true, false);
        assert_eq!(now, Decision::Delete(DeleteReason::StaleUpload));
    }

    #[test]
    fn what_was_decided_by_name_or_rule_is_a_pointer() {
        for (reason, word) in [(DeleteReason::Named, "named"), (DeleteReason::Retention, "retention")] {
            let stages = Stage::ALL.into_iter().filter(|stage| reason.is_of(*stage)).collect::<Vec<_>>();
            assert_eq!(stages, [Stage::Tag, Stage::TagHistory, Stage::Revision, Stage::LayerLink]);
            assert_eq!(reason.name(), word);
        }
    }
}
