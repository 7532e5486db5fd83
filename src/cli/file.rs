//! Reports and listings in files: written whole, or not at all.

use crate::error::{Error, ErrorKind, Result};
use crate::storage::given::recorder;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// Writes a file. A reader never sees a part of it, and if it cannot be written the one that was there before stays.
///
/// # Errors
/// If it cannot be written.
pub fn write(path: &Path, text: &str) -> Result<()> {
    let failed = |error| failed(path, error);
    // A device or a pipe is no file that could be replaced.
    if path.metadata().is_ok_and(|found| !found.is_file()) {
        let opened = std::fs::File::options().write(true).open(path);
        return opened.and_then(|mut file| file.write_all(text.as_bytes())).map_err(failed);
    }
    let written = builder().tempfile_in(directory(path)).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    });
    written.map_err(failed)
}

/// A listing that is being saved: a file when it is finished, and nothing before.
#[derive(Debug)]
pub struct Draft {
    path: PathBuf,
    file: NamedTempFile,
    out: Packer,
}

#[derive(Debug)]
enum Packer {
    Plain(BufWriter<File>),
    Gzip(Box<GzEncoder<BufWriter<File>>>),
}

impl Draft {
    /// Begins one; a name that ends in `.gz` compresses it.
    ///
    /// # Errors
    /// If it cannot be written there.
    pub fn begin(path: &Path) -> Result<Self> {
        let failed = |error| failed(path, error);
        let file = builder().tempfile_in(directory(path)).map_err(failed)?;
        let out = Packer::of(path, &file).map_err(failed)?;
        Ok(Self { path: path.to_owned(), file, out })
    }
}

impl Packer {
    fn of(path: &Path, file: &NamedTempFile) -> io::Result<Self> {
        let out = BufWriter::new(file.as_file().try_clone()?);
        let is_packed = path.extension().is_some_and(|extension| extension == "gz");
        Ok(if is_packed { Self::Gzip(Box::new(GzEncoder::new(out, Compression::default()))) } else { Self::Plain(out) })
    }
}

impl Write for Draft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.out {
            Packer::Plain(out) => out.write(bytes),
            Packer::Gzip(out) => out.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.out {
            Packer::Plain(out) => out.flush(),
            Packer::Gzip(out) => out.flush(),
        }
    }
}

impl recorder::Draft for Draft {
    fn restart(&mut self) -> io::Result<()> {
        let file = builder().tempfile_in(directory(&self.path))?;
        self.out = Packer::of(&self.path, &file)?;
        self.file = file;
        Ok(())
    }

    fn finish(self: Box<Self>) -> io::Result<()> {
        let Self { path, file, out } = *self;
        match out {
            Packer::Plain(mut out) => out.flush()?,
            Packer::Gzip(out) => out.finish()?.flush()?,
        }
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    }
}

/// Finds out whether a file could be written, and leaves nothing behind.
///
/// # Errors
/// If it could not.
pub fn check(path: &Path) -> Result<()> {
    match path.metadata() {
        Ok(found) if found.is_dir() => Err(failed(path, io::ErrorKind::IsADirectory.into())),
        Ok(found) if !found.is_file() => Ok(()),
        _ => builder().tempfile_in(directory(path)).map(drop).map_err(|error| failed(path, error)),
    }
}

fn directory(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn failed(path: &Path, error: io::Error) -> Error {
    // Some of these tell the name of a temporary file too, which nobody has asked for.
    let text = error.to_string();
    let error = match text.split_once(" at path ") {
        Some((why, _)) => io::Error::new(error.kind(), why.to_owned()),
        None => error,
    };
    Error::new(ErrorKind::Io, "write the report")
        .on(path.display().to_string())
        .caused_by(error)
        .next("name a file in a directory that is there and may be written to")
}

/// As any program's files: a report is for others to read, as far as the user's mask lets them.
fn builder() -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder
}
