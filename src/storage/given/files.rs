//! Where the files of an inventory are, and fetching them one by one.

use super::inventory::DataFile;
use crate::error::{Error, ErrorKind, Result};
use crate::storage::cloud::Cloud;
use crate::storage::reader::{Content, Storage};
use md5::{Digest as _, Md5};
use std::fmt::Write as _;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// A manifest is smaller.
const LARGEST_MANIFEST: u64 = 64 << 20;

/// Where an inventory is.
#[derive(Debug)]
pub enum Files {
    /// A copy of it on this machine: where its manifest is.
    Directory(PathBuf),
    /// In the bucket that it was written to.
    Bucket(Box<Cloud>),
}

impl Files {
    /// Reads the manifest.
    ///
    /// # Errors
    /// If it is not there or cannot be read.
    pub async fn manifest(&self, named: &str) -> Result<Vec<u8>> {
        let missing = || {
            let error = Error::new(ErrorKind::Usage, "read the inventory").on(named).because("there is no such object");
            error.next("name the manifest.json of one inventory, beside its date")
        };
        match self {
            Self::Directory(_) => std::fs::read(named).map_err(|error| unreadable(named, error)),
            Self::Bucket(cloud) => match cloud.read(named, LARGEST_MANIFEST).await? {
                Content::Bytes(bytes) => Ok(bytes.to_vec()),
                Content::Missing => Err(missing()),
                Content::TooLarge(size) => Err(missing().because(format!("{size} bytes are too many for a manifest"))),
            },
        }
    }

    /// Opens one of its files. What is in a bucket is brought here first, whole and as its checksum says.
    ///
    /// # Errors
    /// If it is not there, or not what it was.
    pub async fn open(&self, file: &DataFile) -> Result<File> {
        match self {
            Self::Directory(directory) => {
                let path = beside(directory, &file.key).ok_or_else(|| {
                    Error::new(ErrorKind::Usage, "read the inventory")
                        .on(file.key.clone())
                        .because(format!("it is neither in {} nor in data/ there or beside it", directory.display()))
                        .next("copy the inventory's data files as well")
                })?;
                File::open(&path).map_err(|error| unreadable(&path.display().to_string(), error))
            }
            Self::Bucket(cloud) => {
                let copy = tempfile::tempfile().map_err(|error| unreadable(&file.key, error))?;
                let mut copy = Summed { file: copy, md5: Md5::new() };
                cloud.download(&file.key, &mut copy).await?;
                let md5 = copy.md5.finalize().iter().fold(String::new(), |mut text, byte| {
                    let _ = write!(text, "{byte:02x}");
                    text
                });
                if file.md5.as_deref().is_some_and(|told| !told.eq_ignore_ascii_case(&md5)) {
                    return Err(Error::new(ErrorKind::Untrustworthy, "read the inventory")
                        .on(file.key.clone())
                        .because("its content is not what the manifest says (MD5)")
                        .next("take another day's inventory"));
                }
                let mut file = copy.file;
                io::Seek::rewind(&mut file).map_err(|error| unreadable("a temporary file", error))?;
                Ok(file)
            }
        }
    }
}

/// A file that knows the sum of what was written to it.
struct Summed {
    file: File,
    md5: Md5,
}

impl io::Write for Summed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.md5.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// A data file of a copy: inventories have theirs in `data/` beside the directory of the date.
fn beside(directory: &Path, key: &str) -> Option<PathBuf> {
    let name = Path::new(key).file_name()?;
    let places = [directory.join(name), directory.join("data").join(name), directory.join("../data").join(name)];
    places.into_iter().find(|path| path.is_file())
}

fn unreadable(named: &str, error: io::Error) -> Error {
    Error::new(ErrorKind::Io, "read the inventory").on(named.to_owned()).caused_by(error)
}
