//! Reports in files: written whole, or not at all.

use crate::error::{Error, ErrorKind, Result};
use std::io::{self, Write};
use std::path::Path;

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
