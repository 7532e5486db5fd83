//! The kinds of damage, each with what it means for people and what mends it. Scripts rely on the codes.

use serde::Serialize;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Something cannot be pulled or pushed as it should.
    Damage,
    /// It would be damage, if it were not so young that a push may be under way.
    Young,
    /// It does no harm, and nobody needs it.
    Litter,
    /// It is as it may be, and good to know.
    Note,
}

/// What was found. In the order of reports: the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// Content that a manifest names is not there.
    MissingBlob,
    /// Content does not have its digest.
    WrongContent,
    /// A manifest that cannot tell what it needs.
    UnreadableManifest,
    /// Content is of another size than a manifest says.
    WrongSize,
    /// Content of no bytes under a digest that is not that of nothing.
    EmptyBlob,
    /// A tag whose manifest is not there.
    DanglingTag,
    /// A tag whose manifest is there, and not linked in its repository.
    BrokenTag,
    /// A tag whose link is not one digest.
    UnreadableTag,
    /// A revision link whose manifest is not there.
    DanglingRevision,
    /// Content that is there, and that a manifest's repository may not serve.
    MissingLink,
    /// A link whose content is not one digest.
    UnreadableLink,
    /// A link that names another digest than its key.
    WrongLink,
    /// Keys both with and without a leading slash.
    BothKeyForms,
    /// A link of a shape that no release of the registry writes.
    UnknownLink,
    /// Links under a name that no registry accepts.
    InvalidRepository,
    /// A key that the store's client cannot name.
    UnaddressableKey,
    /// A layer link whose content is not there, and that no manifest of its repository needs.
    DanglingLayerLink,
    /// An entry of a tag's history that is not one digest.
    UnreadableHistory,
    /// A tag's directory that says nothing of what the tag names.
    TagWithoutCurrent,
    /// An upload of which nothing tells when it began.
    UploadWithoutStart,
    /// Something that no registry writes.
    ForeignObject,
    /// Something that is a symbolic link, or lies behind one that leaves the root.
    OutsideRoot,
    /// A manifest that an index names and its repository does not have.
    AbsentChild,
    /// A layer that is had elsewhere.
    ForeignLayer,
}

impl Code {
    /// All of them, the worst first.
    pub const ALL: [Self; 24] = [
        Self::MissingBlob,
        Self::WrongContent,
        Self::UnreadableManifest,
        Self::WrongSize,
        Self::EmptyBlob,
        Self::DanglingTag,
        Self::BrokenTag,
        Self::UnreadableTag,
        Self::DanglingRevision,
        Self::MissingLink,
        Self::UnreadableLink,
        Self::WrongLink,
        Self::BothKeyForms,
        Self::UnknownLink,
        Self::InvalidRepository,
        Self::UnaddressableKey,
        Self::DanglingLayerLink,
        Self::UnreadableHistory,
        Self::TagWithoutCurrent,
        Self::UploadWithoutStart,
        Self::ForeignObject,
        Self::OutsideRoot,
        Self::AbsentChild,
        Self::ForeignLayer,
    ];

    /// The word in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::MissingBlob => "missing_blob",
            Self::WrongContent => "wrong_content",
            Self::UnreadableManifest => "unreadable_manifest",
            Self::WrongSize => "wrong_size",
            Self::EmptyBlob => "empty_blob",
            Self::DanglingTag => "dangling_tag",
            Self::BrokenTag => "broken_tag",
            Self::UnreadableTag => "unreadable_tag",
            Self::DanglingRevision => "dangling_revision",
            Self::MissingLink => "missing_link",
            Self::UnreadableLink => "unreadable_link",
            Self::WrongLink => "wrong_link",
            Self::BothKeyForms => "both_key_forms",
            Self::UnknownLink => "unknown_link",
            Self::InvalidRepository => "invalid_repository",
            Self::UnaddressableKey => "unaddressable_key",
            Self::DanglingLayerLink => "dangling_layer_link",
            Self::UnreadableHistory => "unreadable_history",
            Self::TagWithoutCurrent => "tag_without_current",
            Self::UploadWithoutStart => "upload_without_start",
            Self::ForeignObject => "foreign_object",
            Self::OutsideRoot => "outside_root",
            Self::AbsentChild => "absent_child",
            Self::ForeignLayer => "foreign_layer",
        }
    }

    /// How bad it is, once it is old enough to be sure of.
    #[must_use]
    pub fn level(self) -> Level {
        match self {
            Self::MissingBlob
            | Self::WrongContent
            | Self::UnreadableManifest
            | Self::WrongSize
            | Self::EmptyBlob
            | Self::DanglingTag
            | Self::BrokenTag
            | Self::UnreadableTag
            | Self::DanglingRevision
            | Self::MissingLink
            | Self::UnreadableLink
            | Self::WrongLink
            | Self::BothKeyForms => Level::Damage,
            Self::UnknownLink
            | Self::InvalidRepository
            | Self::UnaddressableKey
            | Self::DanglingLayerLink
            | Self::UnreadableHistory
            | Self::TagWithoutCurrent
            | Self::UploadWithoutStart
            | Self::ForeignObject => Level::Litter,
            Self::OutsideRoot | Self::AbsentChild | Self::ForeignLayer => Level::Note,
        }
    }

    /// What it means.
    #[must_use]
    pub fn consequence(self) -> &'static str {
        match self {
            Self::MissingBlob => "content that manifests name is not there: these images cannot be pulled",
            Self::WrongContent => "content does not have its digest: clients refuse what they pull",
            Self::UnreadableManifest => "a manifest that cannot be read: the registry does not serve it",
            Self::WrongSize => "content is of another size than a manifest says: clients refuse what they pull",
            Self::EmptyBlob => "content of no bytes: whatever names it cannot be pulled, and pushes take it for there",
            Self::DanglingTag => "a tag names a manifest that is not there: it is listed, and cannot be pulled",
            Self::BrokenTag => "a tag names a manifest that its repository does not link: the registry answers 404",
            Self::UnreadableTag => "a tag's link is not one digest: it cannot be pulled",
            Self::DanglingRevision => "a manifest is linked, and its content is not there",
            Self::MissingLink => "content is there, and the repository may not serve it: the registry answers 404",
            Self::UnreadableLink => "a link is not one digest: the registry cannot read it, and serves nothing by it",
            Self::WrongLink => "a link names another digest than its key: the registry serves something else by it",
            Self::BothKeyForms => "keys both with and without a leading slash: a registry sees only one half of them",
            Self::UnknownLink => "links of a shape that no registry writes: all of their repository is kept",
            Self::InvalidRepository => "links under names that no registry accepts: what they name is kept",
            Self::UnaddressableKey => "keys that the store's client cannot name: they are never deleted",
            Self::DanglingLayerLink => "layer links whose content is not there, and that no manifest here needs",
            Self::UnreadableHistory => "entries of a tag's history that are not one digest",
            Self::TagWithoutCurrent => "directories of tags that name nothing now",
            Self::UploadWithoutStart => {
                "uploads of which nothing tells when they began: the registry never purges them"
            }
            Self::ForeignObject => "objects that no registry writes",
            Self::OutsideRoot => "symbolic links, or what lies behind one that leaves the root",
            Self::AbsentChild => {
                "manifests that an index names and its repository does not have: clients pull the others"
            }
            Self::ForeignLayer => "layers that are had elsewhere, by their URLs",
        }
    }

    /// What mends it.
    #[must_use]
    pub fn remedy(self) -> &'static str {
        match self {
            Self::MissingBlob => {
                "push one of the images again, or copy the content of that digest from wherever it still is; `regsweep restore` if a run has taken it away"
            }
            Self::WrongContent => {
                "delete the object and push one of the images again, or put the right content in its place"
            }
            Self::UnreadableManifest => {
                "push the image again after deleting the object, or let it go (`regsweep rm REPOSITORY@DIGEST`)"
            }
            Self::WrongSize => {
                "delete the object and push the image again; if the content is right, the manifest is not"
            }
            Self::EmptyBlob => "delete the object, then push the image again: a crash of the registry has left it",
            Self::DanglingTag => "push it again, or let it go: `regsweep fsck --repair`",
            Self::BrokenTag => "`regsweep fsck --repair` links the manifest again; or let it go (`regsweep rm`)",
            Self::UnreadableTag => "push it again, or let it go (`regsweep rm REPOSITORY:TAG`)",
            Self::DanglingRevision => "push the image again, or let the link go: `regsweep fsck --repair`",
            Self::MissingLink => "`regsweep fsck --repair` writes the link anew where a manifest needs it",
            Self::UnreadableLink => "`regsweep fsck --repair` writes it anew where its content is there",
            Self::WrongLink => "look what it should be, delete it, and push the image again",
            Self::BothKeyForms => "move the keys of one form to the other while the registry is stopped",
            Self::UnknownLink => "find out what writes them; delete them if nothing needs them",
            Self::InvalidRepository => "delete them if nothing needs them: no registry serves them",
            Self::UnaddressableKey => "delete them with the store's own tools",
            Self::DanglingLayerLink => "`regsweep fsck --repair`, or any `garbage-collect`, removes them",
            Self::UnreadableHistory => "`garbage-collect` removes those that nothing needs; the others do no harm",
            Self::TagWithoutCurrent => "`garbage-collect` removes what nothing needs of them; the rest does no harm",
            Self::UploadWithoutStart => "`garbage-collect` removes them once they are old (--uploads-older-than)",
            Self::ForeignObject => "delete them if nobody else needs them: regsweep never does",
            Self::OutsideRoot => "nothing, if this is meant: they count, and are never deleted",
            Self::AbsentChild => "nothing: an index may name more than was pushed",
            Self::ForeignLayer => "nothing: clients fetch them from where they are",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_told_from_the_worst_on_and_by_their_names() {
        assert!(Code::ALL.is_sorted());
        assert!(Code::ALL.map(|code| (code.level() == Level::Young, code.level())).is_sorted());
        for code in Code::ALL {
            assert_eq!(serde_json::to_value(code).ok(), Some(code.name().into()));
        }
    }

    #[test]
    fn every_code_tells_what_it_means_and_what_mends_it() {
        for words in [Code::consequence, Code::remedy] {
            let told: std::collections::BTreeSet<&str> = Code::ALL.into_iter().map(words).collect();
            assert_eq!(told.len(), Code::ALL.len(), "each in its own words");
            assert!(told.iter().all(|words| words.contains(' ')));
        }
    }
}
