//! A listing that was made before, opened.

use super::files::Files;
use super::inventory::{Format, Manifest};
use super::record::Record;
use super::{csv_rows, parquet_rows, saved};
use crate::collect::entry::Entry;
use crate::collect::report::Requests;
use crate::collect::sealed::Place;
use crate::collect::versions::Version;
use crate::error::{Error, ErrorKind, Result};
use crate::model::Timestamp;
use crate::storage::cloud::Cloud;
use crate::storage::page::Page;
use crate::storage::reader::Storage as _;
use flate2::read::MultiGzDecoder;
use futures::stream::{self, BoxStream, StreamExt};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::mpsc;

/// A listing that was made before.
#[derive(Debug)]
pub struct Source {
    kind: Kind,
    /// When it was made.
    pub created: Timestamp,
    /// What it is, for people.
    pub what: &'static str,
    /// As it was named.
    named: String,
    /// What stands before the registry's keys in it.
    prefix: String,
}

#[derive(Debug)]
enum Kind {
    Saved(PathBuf),
    Inventory { manifest: Manifest, files: Files },
}

/// So many objects are handed on at a time.
const PAGE: usize = 1000;
/// So many pages wait to be looked at.
const PAGES: usize = 8;
/// What every compressed file begins with, whatever its name.
const GZIP: [u8; 2] = [0x1f, 0x8b];

impl Source {
    /// Opens a file on this machine: a saved listing, or the manifest of a copied inventory. It must be of this place.
    ///
    /// # Errors
    /// If it is neither, or of another place.
    pub async fn on_this_machine(path: &Path, here: &Place) -> Result<Self> {
        let named = path.display().to_string();
        let unreadable = |error: std::io::Error| {
            let kind = if error.kind() == std::io::ErrorKind::NotFound { ErrorKind::Usage } else { ErrorKind::Io };
            Error::new(kind, "read the listing").on(named.clone()).because(error.to_string()).next(ACCEPTED)
        };
        let mut input = plain(File::open(path).map_err(unreadable)?).map_err(unreadable)?;
        let Ok(header) = saved::header(&mut input) else {
            let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
            return Self::inventory(Files::Directory(directory.to_owned()), &named, &named, here).await;
        };
        if let Some(difference) = header.place.difference(here) {
            return Err(of_another(
                &named,
                &format!("it is of {}, which is another place: {difference}", header.location),
            ));
        }
        let created = Timestamp::parse_rfc3339(&header.created)
            .ok_or_else(|| torn(&named, "the time in its first line is none"))?;
        Ok(Self { kind: Kind::Saved(path.to_owned()), created, what: "saved listing", named, prefix: String::new() })
    }

    /// Opens an inventory in a bucket, by the key of its manifest.
    ///
    /// # Errors
    /// If it is not there, is none, or of another bucket.
    pub async fn in_bucket(bucket: Cloud, key: &str, named: &str, here: &Place) -> Result<Self> {
        Self::inventory(Files::Bucket(Box::new(bucket)), key, named, here).await
    }

    async fn inventory(files: Files, manifest: &str, named: &str, here: &Place) -> Result<Self> {
        let manifest = files.manifest(manifest).await?;
        let manifest = Manifest::read(&manifest).map_err(|why| {
            Error::new(ErrorKind::Usage, "understand the inventory").on(named).because(why).next(ACCEPTED)
        })?;
        if here.kind != "s3" || here.bucket.as_deref() != Some(&manifest.bucket) {
            let bucket = here.bucket.as_deref().unwrap_or("in no bucket");
            return Err(of_another(named, &format!("it is of {}, and the registry is {bucket}", manifest.bucket)));
        }
        let prefix = if here.root.is_empty() { String::new() } else { format!("{}/", here.root) };
        let created = manifest.created;
        Ok(Self {
            kind: Kind::Inventory { manifest, files },
            created,
            what: "S3 inventory",
            named: named.into(),
            prefix,
        })
    }

    /// What was asked of the bucket that holds it.
    #[must_use]
    pub fn requests(&self) -> Requests {
        match &self.kind {
            Kind::Inventory { files: Files::Bucket(cloud), .. } => cloud.requests(),
            Kind::Inventory { .. } | Kind::Saved(_) => Requests::default(),
        }
    }

    /// Whether it tells of old versions as well.
    #[must_use]
    pub fn has_versions(&self) -> bool {
        match &self.kind {
            Kind::Saved(_) => false,
            Kind::Inventory { manifest, .. } => manifest.format.has_versions(),
        }
    }

    /// The objects below the registry's root whose keys are wanted, page by page.
    #[must_use]
    pub fn pages(self: &Arc<Self>, wanted: fn(&str) -> bool) -> BoxStream<'static, Result<Page>> {
        self.read(move |record, outside, page: &mut Page| {
            if record.is_listed() && wanted(&record.key) {
                let Record { key, size, modified, etag, class, .. } = &record;
                let entry = Entry { key, size: *size, modified: *modified, etag: etag.as_deref(), outside };
                page.push_of_class(&entry, class.as_deref());
            }
            page.len()
        })
    }

    /// The old versions and delete markers below a prefix of the root, page by page, in no order. They have no ids.
    #[must_use]
    pub fn versions(self: &Arc<Self>, prefix: &str) -> Option<BoxStream<'static, Result<Vec<Version>>>> {
        let prefix = prefix.to_owned();
        self.has_versions().then(|| {
            self.read(move |record, _, versions: &mut Vec<Version>| {
                if !record.is_listed() && record.key.starts_with(&prefix) {
                    versions.push(record.into_version());
                }
                versions.len()
            })
        })
    }

    /// Reads it from its beginning to its end, and hands on what `take` gathers.
    fn read<T: Default + Send + 'static>(
        self: &Arc<Self>,
        take: impl Fn(Record, bool, &mut T) -> usize + Clone + Send + 'static,
    ) -> BoxStream<'static, Result<T>> {
        let (to, from) = mpsc::channel(PAGES);
        let source = Arc::clone(self);
        tokio::spawn(async move {
            if let Err(error) = source.read_all(take, &to).await {
                let _ = to.send(Err(error)).await;
            }
        });
        stream::unfold(from, |mut from| async move { from.recv().await.map(|page| (page, from)) }).boxed()
    }

    async fn read_all<T: Default + Send + 'static>(
        &self,
        take: impl Fn(Record, bool, &mut T) -> usize + Clone + Send + 'static,
        to: &mpsc::Sender<Result<T>>,
    ) -> Result<()> {
        match &self.kind {
            Kind::Saved(path) => {
                let file = File::open(path).map_err(|error| {
                    Error::new(ErrorKind::Io, "read the listing").on(self.named.clone()).caused_by(error)
                })?;
                self.read_file(file, None, &self.named, take, to).await
            }
            Kind::Inventory { manifest, files } => {
                for file in &manifest.files {
                    let opened = files.open(file).await?;
                    self.read_file(opened, Some(manifest.format.clone()), &file.key, take.clone(), to).await?;
                }
                Ok(())
            }
        }
    }

    /// Reads one file in a thread of its own.
    async fn read_file<T: Default + Send + 'static>(
        &self,
        file: File,
        format: Option<Format>,
        named: &str,
        take: impl Fn(Record, bool, &mut T) -> usize + Send + 'static,
        to: &mpsc::Sender<Result<T>>,
    ) -> Result<()> {
        let (prefix, to) = (self.prefix.clone(), to.clone());
        let read = tokio::task::spawn_blocking(move || {
            let mut page = T::default();
            let mut see = |mut record: Record, outside: bool| {
                if !record.key.starts_with(&prefix) {
                    return Ok(());
                }
                record.key.drain(..prefix.len());
                if take(record, outside, &mut page) >= PAGE {
                    to.blocking_send(Ok(std::mem::take(&mut page))).map_err(|_| ENDED.to_owned())?;
                }
                Ok(())
            };
            match format {
                None => {
                    let mut input = plain(file).map_err(|error| error.to_string())?;
                    saved::header(&mut input)?;
                    saved::objects(&mut input, see)?;
                }
                Some(Format::Csv(columns)) => {
                    let input = plain(file).map_err(|error| error.to_string())?;
                    csv_rows::read(input, &columns, |record| see(record, false))?;
                }
                Some(Format::Parquet { .. }) => parquet_rows::read(file, |record| see(record, false))?,
            }
            to.blocking_send(Ok(page)).map_err(|_| ENDED.to_owned())
        });
        match read.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(why)) => Err(torn(named, &why)),
            Err(error) => Err(Error::new(ErrorKind::Bug, "read the listing").on(named).caused_by(error)),
        }
    }
}

const ENDED: &str = "nobody wants the rest";
const ACCEPTED: &str =
    "name what audit --save-listing has saved, or the manifest.json of an S3 inventory (CSV or Parquet)";

/// What is in a file, compressed or not.
fn plain(file: File) -> std::io::Result<Box<dyn BufRead + Send>> {
    let mut input = BufReader::new(file);
    let is_packed = input.fill_buf()?.starts_with(&GZIP);
    Ok(if is_packed { Box::new(BufReader::new(MultiGzDecoder::new(input))) } else { Box::new(input) })
}

fn of_another(named: &str, why: &str) -> Error {
    let error = Error::new(ErrorKind::Usage, "use the listing").on(named).because(why);
    error.next("name a listing of this registry's storage, or leave it out")
}

fn torn(named: &str, why: &str) -> Error {
    let error = Error::new(ErrorKind::Untrustworthy, "read the listing").on(named).because(why);
    error.next("nothing was counted; take another one, or leave it out")
}
