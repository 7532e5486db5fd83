//! The manifest of an S3 Inventory: which files there are, and what is in their columns.
//!
//! Source: Amazon S3 User Guide, "Locating your inventory list" and "Amazon S3 Inventory list".

use crate::error::shortened;
use crate::model::Timestamp;
use serde::Deserialize;

/// What an inventory's `manifest.json` tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// The bucket that was listed.
    pub bucket: String,
    /// When it was.
    pub created: Timestamp,
    /// How the files are written.
    pub format: Format,
    /// The files.
    pub files: Vec<DataFile>,
}

/// How the files of an inventory are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Format {
    /// Comma separated and compressed with gzip, with these columns and without a heading.
    Csv(Columns),
    /// Apache Parquet, which names its columns.
    Parquet {
        /// Whether it tells of old versions as well.
        has_versions: bool,
    },
}

/// One file of an inventory.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct DataFile {
    /// Its key in the bucket that the inventory was written to.
    pub key: String,
    /// Its MD5, in hexadecimal.
    #[serde(rename = "MD5checksum")]
    pub md5: Option<String>,
}

/// Where the columns are that matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Columns {
    /// How many there are.
    pub count: usize,
    /// `Key`
    pub key: usize,
    /// `Size`
    pub size: usize,
    /// `LastModifiedDate`
    pub modified: usize,
    /// `ETag`
    pub etag: Option<usize>,
    /// `StorageClass`
    pub class: Option<usize>,
    /// `IsLatest`
    pub is_latest: Option<usize>,
    /// `IsDeleteMarker`
    pub is_marker: Option<usize>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    source_bucket: String,
    creation_timestamp: String,
    file_format: String,
    file_schema: String,
    files: Vec<DataFile>,
}

impl Manifest {
    /// Reads one.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn read(text: &[u8]) -> Result<Self, String> {
        let written: Written = serde_json::from_slice(text)
            .map_err(|error| format!("it is no manifest: {}", shortened(&error.to_string())))?;
        let milliseconds: i64 = written
            .creation_timestamp
            .parse()
            .map_err(|_| "its creationTimestamp is no number of milliseconds".to_owned())?;
        let format = match written.file_format.as_str() {
            "CSV" => Format::Csv(Columns::named(written.file_schema.split(',').map(str::trim))?),
            "Parquet" => Format::Parquet { has_versions: written.file_schema.contains("is_delete_marker") },
            other => return Err(format!("its files are {}; CSV and Parquet can be read", shortened(other))),
        };
        // Without a file there is an inventory of an empty bucket, which has no registry.
        if written.files.is_empty() {
            return Err("it names no files".into());
        }
        Ok(Self {
            bucket: written.source_bucket,
            created: Timestamp::from_nanos(milliseconds.saturating_mul(1_000_000)),
            format,
            files: written.files,
        })
    }
}

impl Columns {
    /// Finds them by their names in a schema.
    ///
    /// # Errors
    /// Which of them is not there.
    pub fn named<'n>(names: impl Iterator<Item = &'n str>) -> Result<Self, String> {
        let names: Vec<&str> = names.collect();
        let at = |wanted: &str| names.iter().position(|name| *name == wanted);
        let needed = |wanted: &str| {
            at(wanted).ok_or_else(|| format!("it has no column {wanted}: add it to the inventory's configuration"))
        };
        let columns = Self {
            count: names.len(),
            key: needed("Key")?,
            size: needed("Size")?,
            modified: needed("LastModifiedDate")?,
            etag: at("ETag"),
            class: at("StorageClass"),
            is_latest: at("IsLatest"),
            is_marker: at("IsDeleteMarker"),
        };
        if columns.is_latest.is_some() != columns.is_marker.is_some() {
            return Err("it has only one of the columns IsLatest and IsDeleteMarker".into());
        }
        Ok(columns)
    }
}

impl Format {
    /// Whether it tells of old versions as well.
    #[must_use]
    pub fn has_versions(&self) -> bool {
        match self {
            Self::Csv(columns) => columns.is_latest.is_some(),
            Self::Parquet { has_versions } => *has_versions,
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    /// As the user guide shows it.
    fn manifest(format: &str, schema: &str) -> String {
        format!(
            r#"{{"sourceBucket": "example-source-bucket", "destinationBucket": "arn:aws:s3:::example-inventory-bucket",
            "version": "2016-11-30", "creationTimestamp": "1514944800000", "fileFormat": "{format}",
            "fileSchema": "{schema}",
            "files": [{{"key": "Inventory/example-source-bucket/2016-11-06T21-32Z/files/939c6d46.csv.gz", "size": 2147483647,
            "MD5checksum": "f11166069f1990abeb9c97ace9cdfabc"}}]}}"#
        )
    }

    #[test]
    fn manifest_of_the_user_guide_is_understood() {
        let schema = "Bucket, Key, VersionId, IsLatest, IsDeleteMarker, Size, LastModifiedDate, ETag, StorageClass";
        let read = Manifest::read(manifest("CSV", schema).as_bytes()).unwrap();
        assert_eq!(read.bucket, "example-source-bucket");
        assert_eq!(read.created, Timestamp::parse_rfc3339("2018-01-03T02:00:00Z").unwrap());
        assert_eq!(read.files[0].md5.as_deref(), Some("f11166069f1990abeb9c97ace9cdfabc"));
        assert!(read.format.has_versions());
        let Format::Csv(columns) = read.format else { unreachable!("it is CSV") };
        assert_eq!((columns.count, columns.key, columns.size, columns.modified), (9, 1, 5, 6));
        let parquet = "message s3.inventory { required binary bucket (UTF8); required binary key (UTF8); }";
        let format = |schema: &str| Manifest::read(manifest("Parquet", schema).as_bytes()).unwrap().format;
        assert_eq!(format(parquet), Format::Parquet { has_versions: false });
        let versions = parquet.replace('}', "optional boolean is_latest; optional boolean is_delete_marker; }");
        assert_eq!(format(&versions), Format::Parquet { has_versions: true });
    }

    #[test]
    fn what_is_missing_is_named() {
        let why = |format: &str, schema: &str| Manifest::read(manifest(format, schema).as_bytes()).unwrap_err();
        assert!(why("ORC", "").contains("ORC"));
        assert!(why("CSV", "Bucket, Key, Size").contains("LastModifiedDate"));
        assert!(why("CSV", "Key, Size, LastModifiedDate, IsLatest").contains("IsDeleteMarker"));
        assert!(Manifest::read(b"{}").unwrap_err().contains("no manifest"));
        let empty = manifest("Parquet", "").replace("\"files\": [", "\"files\": [], \"x\": [");
        assert!(Manifest::read(empty.as_bytes()).unwrap_err().contains("no files"));
    }
}
