//! A shelf beside memory: a temporary file without a name, which is gone with the process however that ends.

use crate::collect::shelf::Shelf;
use crate::error::{Error, ErrorKind};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// Made when the first bytes come: most registries need none.
#[derive(Debug)]
pub struct TemporaryFile {
    directory: PathBuf,
    /// Nothing where no file can be made: then all stays in memory.
    file: OnceLock<Option<File>>,
    end: AtomicU64,
}

impl TemporaryFile {
    /// One in this directory.
    #[must_use]
    pub fn within(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into(), file: OnceLock::new(), end: AtomicU64::new(0) }
    }

    /// One where this machine has such files: in `TMPDIR`, or in `/var/tmp`, which is for large ones and, other than
    /// `/tmp`, memory nowhere.
    #[must_use]
    pub fn of_machine() -> Self {
        let large = Path::new("/var/tmp");
        let is_named = std::env::var_os("TMPDIR").is_some_and(|named| !named.is_empty());
        Self::within(if !is_named && large.is_dir() { large.to_owned() } else { std::env::temp_dir() })
    }

    fn file(&self) -> Option<&File> {
        self.file.get_or_init(|| tempfile::tempfile_in(&self.directory).ok()).as_ref()
    }
}

impl Shelf for TemporaryFile {
    fn put(&self, bytes: &[u8]) -> Option<u64> {
        let file = self.file()?;
        let at = self.end.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        // Of what is not written whole nobody is told the place: nothing asks for it.
        file.write_all_at(bytes, at).ok().map(|()| at)
    }

    fn get(&self, at: u64, bytes: &mut [u8]) {
        let read = self.file().ok_or_else(|| std::io::ErrorKind::NotFound.into());
        if let Err(error) = read.and_then(|file| file.read_exact_at(bytes, at)) {
            let error = Error::new(ErrorKind::Io, "get back what was put beside memory, in a temporary file")
                .on(self.directory.display().to_string())
                .caused_by(error)
                .next("run again; TMPDIR names another directory for it");
            std::panic::resume_unwind(Box::new(error));
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn what_is_put_is_got_back_and_leaves_nothing_behind() {
        let directory = tempfile::tempdir().unwrap();
        let shelf = TemporaryFile::within(directory.path());
        let texts: Vec<String> = (0..100).map(|number| format!("{number}").repeat(number)).collect();
        let places: Vec<u64> = texts.iter().map(|text| shelf.put(text.as_bytes()).unwrap()).collect();
        for (text, at) in texts.iter().zip(places).rev() {
            let mut bytes = vec![0; text.len()];
            shelf.get(at, &mut bytes);
            assert_eq!(bytes, text.as_bytes());
        }
        assert_eq!(directory.path().read_dir().unwrap().count(), 0, "the file has no name");
    }

    #[test]
    fn without_a_directory_nothing_is_taken() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(TemporaryFile::within(directory.path().join("none")).put(b"x"), None);
    }

    /// Nothing may be decided without it.
    #[test]
    fn what_cannot_be_got_back_ends_the_run_with_an_error_that_says_so() {
        let directory = tempfile::tempdir().unwrap();
        let shelf = TemporaryFile::within(directory.path());
        let at = shelf.put(b"four").unwrap();
        let unwound = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| shelf.get(at + 1, &mut [0; 4])));
        let error = unwound.unwrap_err().downcast::<Error>().unwrap();
        assert_eq!(error.kind(), ErrorKind::Io);
        let told = error.to_string();
        assert!(told.contains(&directory.path().display().to_string()), "{told}");
    }
}
