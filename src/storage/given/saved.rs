//! A listing in a file (`regsweep.listing/1`): a line that says of what, one line for each object, and one that says how
//! many there were. A file without its last line is none.

use super::record::Record;
use crate::collect::entry::Entry;
use crate::collect::sealed::Place;
use crate::error::shortened;
use crate::model::Timestamp;
use serde::{Deserialize, Serialize};
use std::io::{self, BufRead, Read, Write};

/// What stands in the first line of a saved listing.
pub const SCHEMA: &str = "regsweep.listing/1";

/// No line is nearly as long: a file that only looks like a listing must not fill the memory.
const LONGEST_LINE: u64 = 1 << 20;

/// Reads the next line; nothing at the end.
fn next_line(input: &mut impl BufRead, line: &mut String) -> Result<(), String> {
    line.clear();
    input.take(LONGEST_LINE).read_line(line).map_err(|error| error.to_string())?;
    if line.len() as u64 == LONGEST_LINE { Err("it is longer than any line".into()) } else { Ok(()) }
}

/// The first line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// [`SCHEMA`].
    pub schema: String,
    /// The registry's storage, for people.
    pub location: String,
    /// Which of all places that is.
    pub place: Place,
    /// When it was listed, RFC 3339.
    pub created: String,
}

/// The last line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct End {
    objects: u64,
}

/// The line of an object. Keys are relative to the registry's root.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    #[serde(borrow)]
    key: std::borrow::Cow<'a, str>,
    size: u64,
    modified: std::borrow::Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    etag: Option<std::borrow::Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    class: Option<std::borrow::Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    outside: bool,
}

/// Writes the first line.
///
/// # Errors
/// If it cannot be written.
pub fn begin(out: &mut impl Write, header: &Header) -> io::Result<()> {
    serde_json::to_writer(&mut *out, header)?;
    out.write_all(b"\n")
}

/// Writes the line of an object.
///
/// # Errors
/// If it cannot be written.
pub fn object(out: &mut impl Write, entry: &Entry<'_>, class: Option<&str>) -> io::Result<()> {
    let line = Line {
        key: entry.key.into(),
        size: entry.size,
        modified: entry.modified.to_rfc3339().into(),
        etag: entry.etag.map(Into::into),
        class: class.map(Into::into),
        outside: entry.outside,
    };
    serde_json::to_writer(&mut *out, &line)?;
    out.write_all(b"\n")
}

/// Writes the last line.
///
/// # Errors
/// If it cannot be written.
pub fn end(out: &mut impl Write, objects: u64) -> io::Result<()> {
    serde_json::to_writer(&mut *out, &End { objects })?;
    out.write_all(b"\n")
}

/// Reads the first line.
///
/// # Errors
/// What is wrong with it, in words.
pub fn header(input: &mut impl BufRead) -> Result<Header, String> {
    let mut line = String::new();
    next_line(input, &mut line)?;
    let header: Header = serde_json::from_str(&line).map_err(|_| "it is no saved listing".to_owned())?;
    if header.schema == SCHEMA {
        Ok(header)
    } else {
        Err(format!("it is of another version of regsweep ({})", shortened(&header.schema)))
    }
}

/// Reads all that comes after the first line. What was seen until then counts only if this ends well.
///
/// # Errors
/// What is wrong, and in which line.
pub fn objects(
    input: &mut impl BufRead,
    mut see: impl FnMut(Record, bool) -> Result<(), String>,
) -> Result<(), String> {
    let (mut text, mut number, mut seen) = (String::new(), 1_u64, 0_u64);
    loop {
        number += 1;
        let wrong = |why: &dyn std::fmt::Display| format!("line {number}: {}", shortened(&why.to_string()));
        next_line(input, &mut text).map_err(|why| wrong(&why))?;
        if text.is_empty() {
            return Err("it ends too early: it was not written to its end".into());
        }
        if let Ok(End { objects }) = serde_json::from_str(&text) {
            return if objects == seen { Ok(()) } else { Err(format!("{seen} objects instead of {objects}")) };
        }
        let line: Line<'_> = serde_json::from_str(&text).map_err(|error| wrong(&error))?;
        let modified = Timestamp::parse_rfc3339(&line.modified).ok_or_else(|| wrong(&"its time is none"))?;
        let record = Record {
            key: line.key.into_owned(),
            size: line.size,
            modified,
            etag: line.etag.map(Into::into),
            class: line.class.map(Into::into),
            is_latest: true,
            is_marker: false,
        };
        see(record, line.outside)?;
        seen += 1;
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn listing() -> Vec<u8> {
        let mut out = Vec::new();
        let header = Header {
            schema: SCHEMA.into(),
            location: "s3://b/root".into(),
            place: Place { kind: "s3".into(), ..Place::default() },
            created: "2026-11-22T00:00:00Z".into(),
        };
        begin(&mut out, &header).unwrap();
        let modified = Timestamp::from_nanos(1_234_567_890_123_456_789);
        let entry = Entry { key: "a \"b\"\n", size: 7, modified, etag: Some("\"e\""), outside: true };
        object(&mut out, &entry, Some("STANDARD")).unwrap();
        object(&mut out, &Entry { key: "c", etag: None, outside: false, ..entry }, None).unwrap();
        end(&mut out, 2).unwrap();
        out
    }

    fn read(mut text: &[u8]) -> Result<Vec<(Record, bool)>, String> {
        header(&mut text)?;
        let mut all = Vec::new();
        objects(&mut text, |record, outside| {
            all.push((record, outside));
            Ok(())
        })?;
        Ok(all)
    }

    #[test]
    fn what_was_saved_is_read_to_the_last_nanosecond() {
        let all = read(&listing()).unwrap();
        let (first, outside) = &all[0];
        assert_eq!(
            (first.key.as_str(), first.size, first.etag.as_deref(), *outside),
            ("a \"b\"\n", 7, Some("\"e\""), true)
        );
        assert_eq!((first.modified.as_nanos(), first.class.as_deref()), (1_234_567_890_123_456_789, Some("STANDARD")));
        assert_eq!((all[1].0.etag.as_deref(), all[1].0.class.as_deref(), all[1].1, all.len()), (None, None, false, 2));
    }

    #[test]
    fn listing_that_is_cut_off_anywhere_is_none() {
        let whole = listing();
        for end in 0..whole.len() - 1 {
            assert!(read(&whole[..end]).is_err(), "{end}");
        }
        let text = String::from_utf8(whole).unwrap();
        assert!(read(text.replace("\"objects\":2", "\"objects\":3").as_bytes()).unwrap_err().contains("2 objects"));
        assert!(read(text.replace("listing/1", "listing/2").as_bytes()).unwrap_err().contains("another version"));
        assert!(read(b"{}\n").unwrap_err().contains("no saved listing"));
    }

    #[test]
    fn line_without_an_end_fills_no_memory_and_no_message() {
        let begun = listing();
        let first = begun.iter().position(|byte| *byte == b'\n').unwrap() + 1;
        let endless = [&begun[..first], &b"x".repeat(2 << 20)].concat();
        assert_eq!(read(&endless).unwrap_err(), "line 2: it is longer than any line");
        assert!(read(&endless[first..]).is_err());
        let field = format!("{{\"{}\":1}}\n", "y".repeat(100_000));
        assert!(read(&[&begun[..first], field.as_bytes()].concat()).unwrap_err().len() < 1000);
    }
}
