//! Rows of an inventory that are separated by commas.

use super::inventory::Columns;
use super::record::Record;
use crate::error::shortened;
use crate::model::Timestamp;
use std::io::{self, Read};

/// No row of an inventory is nearly as long: a file that only looks like one must not fill the memory.
const LONGEST_ROW: usize = 1 << 20;

/// What is read of one row at most.
struct Bounded<R> {
    input: R,
    left: usize,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 && !buffer.is_empty() {
            return Err(io::Error::other("it is longer than any row"));
        }
        let room = buffer.len().min(self.left);
        let read = self.input.read(&mut buffer[..room])?;
        self.left -= read;
        Ok(read)
    }
}

/// Reads all rows.
///
/// # Errors
/// What is wrong, and in which line.
pub fn read(
    input: impl Read,
    columns: &Columns,
    mut see: impl FnMut(Record) -> Result<(), String>,
) -> Result<(), String> {
    let input = Bounded { input, left: LONGEST_ROW };
    let mut rows = csv::ReaderBuilder::new().has_headers(false).from_reader(input);
    let mut row = csv::StringRecord::new();
    loop {
        let line = rows.position().line();
        let wrong = |why: String| format!("line {line}: {}", shortened(&why));
        rows.get_mut().left = LONGEST_ROW;
        if !rows.read_record(&mut row).map_err(|error| wrong(error.to_string()))? {
            return Ok(());
        }
        if row.len() != columns.count {
            return Err(wrong(format!("{} columns instead of {}", row.len(), columns.count)));
        }
        see(record(&row, columns).map_err(wrong)?)?;
    }
}

fn record(row: &csv::StringRecord, columns: &Columns) -> Result<Record, String> {
    let text = |at: Option<usize>| at.and_then(|at| row.get(at)).filter(|text| !text.is_empty());
    let flag = |at: Option<usize>, absent| match text(at) {
        None => Ok(absent),
        Some("true") => Ok(true),
        Some("false") => Ok(false),
        Some(other) => Err(format!("{other:?} is neither true nor false")),
    };
    let is_marker = flag(columns.is_marker, false)?;
    let size = match text(Some(columns.size)) {
        Some(size) => size.parse().map_err(|_| format!("{size:?} is no size"))?,
        // A delete marker has none.
        None if is_marker => 0,
        None => return Err("there is no size".into()),
    };
    let modified = text(Some(columns.modified)).unwrap_or_default();
    Ok(Record {
        key: decoded(text(Some(columns.key)).ok_or("there is no key")?)?,
        size,
        modified: Timestamp::parse_rfc3339(modified).ok_or_else(|| format!("{modified:?} is no time"))?,
        etag: text(columns.etag).map(Into::into),
        class: text(columns.class).map(Into::into),
        is_latest: flag(columns.is_latest, true)?,
        is_marker,
    })
}

/// Keys are encoded as in URLs.
fn decoded(key: &str) -> Result<String, String> {
    let key = key.replace('+', " ");
    let decoded = percent_encoding::percent_decode_str(&key).decode_utf8();
    decoded.map(Into::into).map_err(|_| format!("{key:?} is no key"))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    const ALL: &str = "Bucket,Key,VersionId,IsLatest,IsDeleteMarker,Size,LastModifiedDate,ETag,StorageClass";

    fn rows(schema: &str, text: &str) -> Result<Vec<Record>, String> {
        let mut all = Vec::new();
        let columns = Columns::named(schema.split(',')).unwrap();
        read(text.as_bytes(), &columns, |record| {
            all.push(record);
            Ok(())
        })?;
        Ok(all)
    }

    #[test]
    fn versions_and_markers_are_told_from_what_is_listed() {
        let text = "\"b\",\"a%2Fx+y%2B\",\"v\",\"true\",\"false\",\"7\",\"2026-11-21T00:00:00.000Z\",\"e\",\"STANDARD\"\n\
                    \"b\",\"k\",\"w\",\"true\",\"true\",\"\",\"2026-11-21T00:00:00.000Z\",\"\",\"\"\n\
                    \"b\",\"k\",\"u\",\"false\",\"false\",\"5\",\"2026-11-20T00:00:00.000Z\",\"e\",\"STANDARD\"\n";
        let all = rows(ALL, text).unwrap();
        assert_eq!((all[0].key.as_str(), all[0].size, all[0].class.as_deref()), ("a/x y+", 7, Some("STANDARD")));
        assert_eq!(all.iter().map(Record::is_listed).collect::<Vec<_>>(), [true, false, false]);
        assert_eq!((all[1].is_marker, all[1].etag.as_deref()), (true, None));
        assert_eq!(all[2].clone().into_version().size, 5);
    }

    #[test]
    fn without_versions_every_row_is_listed() {
        let all = rows("Key,Size,LastModifiedDate", "k,7,2026-11-21T00:00:00.000Z\n").unwrap();
        assert!(all[0].is_listed());
    }

    #[test]
    fn line_that_is_wrong_is_named() {
        let wrong = |text: &str| rows("Key,Size,LastModifiedDate", text).unwrap_err();
        assert_eq!(wrong("k,7,2026-11-21T00:00:00.000Z\nk,x,2026-11-21T00:00:00.000Z\n"), "line 2: \"x\" is no size");
        assert_eq!(wrong("k,7,yesterday\n"), "line 1: \"yesterday\" is no time");
        assert!(wrong("k,,2026-11-21T00:00:00.000Z\n").contains("no size"));
        assert!(wrong("k,7\n").contains("columns"));
        assert!(wrong("%ff,7,2026-11-21T00:00:00.000Z\n").contains("no key"));
    }

    #[test]
    fn row_without_an_end_fills_no_memory_and_no_message() {
        let endless = "x".repeat(LONGEST_ROW + 9000);
        let why = rows("Key,Size,LastModifiedDate", &format!("\"{endless}")).unwrap_err();
        assert!(why.contains("longer than any row"), "{why}");
        let long = format!("k,{},2026-11-21T00:00:00.000Z\n", "9".repeat(100_000));
        assert!(rows("Key,Size,LastModifiedDate", &long).unwrap_err().len() < 1000);
        let row = "k,7,2026-11-21T00:00:00.000Z\n";
        assert_eq!(
            rows("Key,Size,LastModifiedDate", &row.repeat(100_000)).unwrap().len(),
            100_000,
            "each row by itself"
        );
    }
}
