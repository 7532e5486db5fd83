//! A plan in a file: written whole, or not at all; read only as far as its seal confirms it.

use super::engine::Job;
use crate::collect::plan::Plan;
use crate::collect::report::Report;
use crate::collect::sealed::write::NotSealed;
use crate::collect::sealed::{Header, Line, Reader, Sealed, Unsound, seal};
use crate::error::{Error, ErrorKind, Result};
use crate::model::Timestamp;
use crate::storage::open::Opened;
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

/// The header of a plan that a run has made.
#[must_use]
pub fn header(job: &Job, report: &Report, opened: &Opened, created: Timestamp, plan: &Plan) -> Header {
    let mut options = job.options.clone();
    // Whoever reviews the plan sees what is written as well, and no more than that is.
    if let Some(repair) = &mut options.repair {
        repair.links = Some(plan.links().iter().map(|link| (link.key.clone(), link.content.clone())).collect());
    }
    Header {
        version: report.version.into(),
        run: report.run.clone(),
        command: report.command.clone(),
        location: report.location.clone(),
        place: opened.place().clone(),
        named: job.named.clone(),
        options,
        created,
        cautions: report.cautions.clone(),
    }
}

/// Saves a plan; a name that ends in `.gz` compresses it.
///
/// # Errors
/// If the file cannot be written; then there is none, or the one that was there before.
pub fn save(path: &Path, header: &Header, plan: &Plan) -> Result<()> {
    write(path, header, plan).map_err(|error| {
        let failed = Error::new(ErrorKind::Io, "save the plan").on(path.display().to_string());
        match error {
            NotSealed::Write(error) => {
                failed.caused_by(error).next("name a file in a directory that is there and may be written to")
            }
            NotSealed::TooLong(_) => failed.because(error.to_string()).next("run without -o"),
        }
    })
}

fn write(path: &Path, header: &Header, plan: &Plan) -> Result<(), NotSealed<io::Error>> {
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
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// What every compressed file begins with, whatever its name.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Reads a plan and checks its seal. Lines are shown as they come; they count only if this ends well.
///
/// # Errors
/// If there is no such file, it cannot be read, or it is not what was sealed.
pub fn read(path: &Path, mut see: impl FnMut(Line)) -> Result<Sealed> {
    let doing = |kind| Error::new(kind, "read the plan").on(path.display().to_string());
    let unsound = |why: Unsound| {
        let error = doing(ErrorKind::Refused).code(why.code()).because(why.to_string());
        error.next("nothing was changed; make a new plan with -o, and leave its file as it is")
    };
    let failed = |error: io::Error, is_packed: bool| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::IsADirectory => {
            doing(ErrorKind::Usage).because(error.to_string()).next("name a file that -o has saved")
        }
        io::ErrorKind::UnexpectedEof if is_packed => {
            unsound(Unsound::Torn("its compressed data ends too early".into()))
        }
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData if is_packed => {
            unsound(Unsound::Altered(error.to_string()))
        }
        _ => doing(ErrorKind::Io).caused_by(error),
    };
    let mut file = File::open(path).map_err(|error| failed(error, false))?;
    let mut begin = Vec::new();
    Read::take(&mut file, GZIP.len() as u64).read_to_end(&mut begin).map_err(|error| failed(error, false))?;
    let is_packed = begin == GZIP;
    let whole = io::Cursor::new(begin).chain(file);
    let mut bytes: Box<dyn Read> = if is_packed { Box::new(MultiGzDecoder::new(whole)) } else { Box::new(whole) };
    let (mut reader, mut piece) = (Reader::new(), vec![0; 64 << 10]);
    loop {
        match bytes.read(&mut piece) {
            Ok(0) => return reader.finish().map_err(unsound),
            Ok(length) => reader.take(&piece[..length], &mut see).map_err(unsound)?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(failed(error, is_packed)),
        }
    }
}
