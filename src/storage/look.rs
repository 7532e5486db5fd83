//! Looking into a directory that is open, by name.

use crate::layout;
use crate::model::{Algorithm, Timestamp};
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat};
use std::ffi::{OsStr, OsString};
use std::fs::Metadata;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::UNIX_EPOCH;

/// A directory that is open: what is looked at in it is found without walking to it again.
#[derive(Debug)]
pub(super) struct Opened(Dir);

/// What something in a directory is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Anything else.
    File,
    Directory,
    Link,
}

/// Something in a directory.
#[derive(Debug)]
pub(super) struct Child {
    pub(super) name: OsString,
    pub(super) kind: Kind,
}

/// What decides about a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Looked {
    pub(super) size: u64,
    pub(super) modified: Timestamp,
}

/// The directory itself and its entry in the one above: what a directory without subdirectories is linked by.
const LINKS_OF_NONE: u64 = 2;
/// What content lies in.
const CONTENT: &str = "data";
/// What a link lies in.
pub(super) const LINK: &str = "link";

impl Opened {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self(Dir::new(rustix::fs::open(path, flags, Mode::empty())?)?))
    }

    /// All that is in it.
    pub(super) fn children(&mut self) -> io::Result<Vec<Child>> {
        let mut children = Vec::new();
        while let Some(entry) = self.0.read() {
            let entry = entry?;
            let (name, kind) = (entry.file_name().to_bytes(), entry.file_type());
            if !matches!(name, b"." | b"..") {
                let name = OsStr::from_bytes(name).to_owned();
                let kind = if kind == FileType::Unknown { self.kind(&name)? } else { kind };
                let kind = match kind {
                    FileType::Directory => Kind::Directory,
                    FileType::Symlink => Kind::Link,
                    _ => Kind::File,
                };
                children.push(Child { name, kind });
            }
        }
        Ok(children)
    }

    fn kind(&self, name: &OsStr) -> io::Result<FileType> {
        Ok(FileType::from_raw_mode(self.raw(name)?.st_mode))
    }

    fn raw(&self, name: &OsStr) -> io::Result<Stat> {
        Ok(rustix::fs::statat(self.0.fd()?, name, AtFlags::SYMLINK_NOFOLLOW)?)
    }

    /// Looks at a file in it.
    pub(super) fn stat(&self, name: &OsStr) -> io::Result<Looked> {
        Ok(looked(&self.raw(name)?))
    }

    /// Whether this file system counts subdirectories among a directory's links, as seen by this one, which has so many.
    #[allow(clippy::useless_conversion, reason = "numbers are of other types on other systems")]
    pub(super) fn counts_subdirectories(&self, subdirectories: usize) -> bool {
        let links = self.0.stat().ok().and_then(|stat| u64::try_from(stat.st_nlink).ok());
        subdirectories > 0 && links == Some(LINKS_OF_NONE + subdirectories as u64)
    }

    /// The file of that name in a subdirectory. Where directories may lie beside it, there are none. It may be that other
    /// files are: no registry puts any there, and they would neither keep anything nor go.
    pub(super) fn only_file_in(&self, subdirectory: &OsStr, only: Only) -> Option<Looked> {
        if only.beside_directories && self.links(subdirectory)? != LINKS_OF_NONE {
            return None;
        }
        let mut path = subdirectory.to_owned();
        path.push("/");
        path.push(only.file);
        let stat = self.raw(&path).ok()?;
        (FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile).then(|| looked(&stat))
    }

    /// Where a tag has a current link and a history by SHA-256, and nothing else: the link. What is in the history is then
    /// all that is left to be read of the tag.
    pub(super) fn usual_tag(&self, tag: &OsStr) -> Option<Looked> {
        let in_tag = |name: &str| {
            let mut path = tag.to_owned();
            path.push(name);
            path
        };
        let of_two = LINKS_OF_NONE + 2;
        let is_usual = self.links(tag)? == of_two
            && self.links(&in_tag("/index"))? == LINKS_OF_NONE + 1
            && self.links(&in_tag("/index/sha256")).is_some();
        let only = Only { file: LINK, beside_directories: true };
        is_usual.then(|| self.only_file_in(&in_tag("/current"), only)).flatten()
    }

    /// How many entries a directory is linked by; none if it is no directory.
    #[allow(clippy::useless_conversion, reason = "numbers are of other types on other systems")]
    fn links(&self, directory: &OsStr) -> Option<u64> {
        let stat = self.raw(directory).ok()?;
        let is_directory = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
        u64::try_from(stat.st_nlink).ok().filter(|_| is_directory)
    }
}

#[allow(clippy::useless_conversion, reason = "numbers are of other types on other systems")]
fn looked(stat: &Stat) -> Looked {
    let seconds = i64::try_from(stat.st_mtime).unwrap_or(i64::MAX);
    let nanos = i64::try_from(stat.st_mtime_nsec).unwrap_or_default();
    let modified = Timestamp::from_nanos(seconds.saturating_mul(1_000_000_000).saturating_add(nanos));
    Looked { size: u64::try_from(stat.st_size).unwrap_or_default(), modified }
}

/// When a file was last modified.
pub(super) fn modified(metadata: &Metadata) -> Timestamp {
    let Ok(time) = metadata.modified() else { return Timestamp::from_nanos(i64::MAX) };
    let nanos = match time.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_nanos()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_nanos()).map_or(i64::MIN, |nanos| -nanos),
    };
    Timestamp::from_nanos(nanos)
}

/// What a registry puts into a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Only {
    /// The name of the one file.
    pub(super) file: &'static str,
    /// Whether some release of the registry has put directories beside it.
    pub(super) beside_directories: bool,
}

/// What a registry puts, and nothing else, into a directory that is called so and lies there.
pub(super) fn only_file(parent: &str, name: &OsStr) -> Option<Only> {
    if parent.contains("/_manifests/tags/") && name == "current" {
        return Some(Only { file: LINK, beside_directories: true });
    }
    let algorithm = parent.strip_suffix('/')?.rsplit('/').next()?;
    let digits = |algorithm: Algorithm| match algorithm {
        Algorithm::Sha256 => 64,
        Algorithm::Sha384 => 96,
        Algorithm::Sha512 => 128,
    };
    let is_hex = name.as_bytes().iter().all(|letter| matches!(letter, b'0'..=b'9' | b'a'..=b'f'));
    if !is_hex {
        return None;
    }
    let of = |algorithm: &str, only: Only| {
        let known = Algorithm::ALL.into_iter().find(|known| known.name() == algorithm)?;
        (name.len() == digits(known)).then_some(only)
    };
    if let Some(below) = parent.strip_prefix(layout::BLOBS) {
        return of(below.split('/').next()?, Only { file: CONTENT, beside_directories: false });
    }
    of(algorithm, Only { file: LINK, beside_directories: !lie_alone(parent) })
}

/// Whether layer links or a tag's history lie there. Nothing has ever lain beside one of these.
fn lie_alone(parent: &str) -> bool {
    matches!(parent.rsplit('/').nth(2), Some("_layers" | "index"))
}

/// Whether these are the directories of tags.
pub(super) fn is_of_tags(parent: &str) -> bool {
    parent.ends_with("/_manifests/tags/")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use std::fs;

    #[test]
    fn links_and_contents_lie_alone_in_their_directories_and_nothing_else_does() {
        let name = "a/_manifests";
        let hex = "0f".repeat(32);
        let file = |parent: &str, name: &str| only_file(parent, OsStr::new(name)).map(|only| only.file);
        let repositories = layout::REPOSITORIES;
        assert_eq!(file(&format!("{}sha256/0f/", layout::BLOBS), &hex), Some("data"));
        assert_eq!(file(&format!("{repositories}a/_layers/sha256/"), &hex), Some("link"));
        assert_eq!(file(&format!("{repositories}a/_layers/sha512/"), &hex.repeat(2)), Some("link"));
        assert_eq!(file(&format!("{repositories}{name}/revisions/sha256/"), &hex), Some("link"));
        assert_eq!(file(&format!("{repositories}{name}/tags/v1/"), "current"), Some("link"));
        assert_eq!(file(&format!("{repositories}{name}/tags/v1/index/sha256/"), &hex), Some("link"));
        for (parent, name) in [
            (format!("{repositories}{name}/tags/v1/"), "index"),
            (format!("{repositories}{name}/tags/"), "v1"),
            (format!("{repositories}a/_layers/sha512/"), &*hex),
            (format!("{repositories}a/_layers/"), "sha256"),
            (format!("{repositories}a/_uploads/"), &hex),
            (format!("{}sha256/0f/", layout::BLOBS), "0f"),
            (layout::REPOSITORIES.to_owned(), "current"),
        ] {
            assert_eq!(file(&parent, name), None, "{parent} {name}");
        }
    }

    #[test]
    fn only_a_plain_file_in_a_directory_without_directories_is_taken_for_all_there_is() {
        let root = tempfile::tempdir().unwrap();
        let make = |path: &str| fs::create_dir_all(root.path().join(path)).unwrap();
        for name in ["plain", "empty", "nested/below", "linked"] {
            make(name);
        }
        for name in ["plain/link", "nested/link"] {
            fs::write(root.path().join(name), "text").unwrap();
        }
        std::os::unix::fs::symlink("../plain/link", root.path().join("linked/link")).unwrap();
        let mut opened = Opened::open(root.path()).unwrap();
        assert_eq!(opened.children().unwrap().len(), 4);
        let look = |name: &str| opened.only_file_in(OsStr::new(name), Only { file: "link", beside_directories: true });
        let whole = fs::metadata(root.path().join("plain/link")).unwrap();
        let modified = super::modified(&whole);
        // Not every file system says how many directories a directory has.
        if opened.counts_subdirectories(4) {
            assert_eq!(look("plain"), Some(Looked { size: 4, modified }));
        }
        for name in ["empty", "nested", "linked", "absent"] {
            assert_eq!(look(name), None, "{name}");
        }
        assert!(!opened.counts_subdirectories(3) && !opened.counts_subdirectories(0));
        assert_eq!(opened.stat(OsStr::new("plain/link")).unwrap(), Looked { size: 4, modified });
    }
}
