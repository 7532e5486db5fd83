//! Writes a plan to a file: whole, or not at all.

use crate::collect::plan::Plan;
use crate::collect::sealed::{Header, seal};
use crate::error::{Error, ErrorKind, Result};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::{self, Write};
use std::path::Path;

/// Saves a plan; a name that ends in `.gz` compresses it.
///
/// # Errors
/// If the file cannot be written; then there is none, or the one that was there before.
pub fn save(path: &Path, header: &Header, plan: &Plan) -> Result<()> {
    write(path, header, plan).map_err(|error| {
        Error::new(ErrorKind::Io, "save the plan")
            .on(path.display().to_string())
            .caused_by(error)
            .next("name a file in a directory that is there and may be written to")
    })
}

fn write(path: &Path, header: &Header, plan: &Plan) -> io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    if path.extension().is_some_and(|extension| extension == "gz") {
        let mut encoder = GzEncoder::new(io::BufWriter::new(&mut file), Compression::default());
        seal(header, plan, |line| encoder.write_all(line.as_bytes()))?;
        encoder.finish()?.flush()?;
    } else {
        let mut writer = io::BufWriter::new(&mut file);
        seal(header, plan, |line| writer.write_all(line.as_bytes()))?;
        writer.flush()?;
    }
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}
