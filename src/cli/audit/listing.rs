//! Counting by a listing that was made before, and saving one.

use crate::cli::args::{Audit, Common};
use crate::cli::short::Opening;
use crate::cli::{file, settings};
use crate::error::{Error, ErrorKind, Result};
use crate::storage::given::recorder::Recorder;
use crate::storage::given::saved::{Header, SCHEMA};
use crate::storage::given::source::Source;
use crate::storage::open::{self, Connection};
use std::path::Path;
use std::sync::Arc;

/// Opens what is to be counted by, if it is not the storage's own listing.
///
/// # Errors
/// If it cannot be read, or is of another registry.
pub(super) async fn source(args: &Audit, common: &Common, opening: &Opening) -> Result<Option<Arc<Source>>> {
    let Some(named) = &args.inventory else { return Ok(None) };
    let here = opening.opened.place();
    let source = match named.strip_prefix("s3://") {
        None => Source::on_this_machine(Path::new(named), here).await?,
        Some(rest) => {
            let (bucket, key) = rest.split_once('/').filter(|(_, key)| !key.is_empty()).ok_or_else(|| {
                let error = Error::new(ErrorKind::Usage, "find the inventory").on(named.clone());
                error.because("it names a bucket and no key").next("name its manifest.json")
            })?;
            let resolved = settings::named_alone(&format!("s3://{bucket}"), common)?;
            let connection = Connection {
                ca_file: common.ca_file.clone(),
                limits: settings::limits(common),
                ..Connection::default()
            };
            let bucket = open::open_bucket(&resolved.location, &connection).await?;
            Source::in_bucket(bucket, key, named, here).await?
        }
    };
    Ok(Some(Arc::new(source)))
}

/// Begins to save the listing, if it is to be.
///
/// # Errors
/// If it cannot be written there.
pub(super) fn recorder(args: &Audit, opening: &Opening, source: Option<&Arc<Source>>) -> Result<Option<Recorder>> {
    let Some(path) = &args.save_listing else { return Ok(None) };
    let created = source.map_or(opening.order.started, |source| source.created);
    let header = Header {
        schema: SCHEMA.into(),
        location: opening.order.location.clone(),
        place: opening.opened.place().clone(),
        created: created.to_rfc3339(),
    };
    Ok(Some(Recorder::new(header, Box::new(file::Draft::begin(path)?))))
}

/// Makes a file of what was saved.
///
/// # Errors
/// If it could not be written.
pub(super) fn finish(recorder: Recorder, path: &Path) -> Result<()> {
    recorder.finish().map_err(|error| {
        let failed = Error::new(ErrorKind::Io, "save the listing").on(path.display().to_string());
        failed.caused_by(error).next("name a file in a directory that is there and has room")
    })
}
