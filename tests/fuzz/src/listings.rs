//! Listings that were made before: what is cut off or damaged is none, and what is read is what was written.

use super::text;
use regsweep::collect::entry::Entry;
use regsweep::storage::given::csv_rows;
use regsweep::storage::given::inventory::{Columns, Format, Manifest};
use regsweep::storage::given::record::Record;
use regsweep::storage::given::saved::{self, Header};

/// Any bytes: as a saved listing, as what one tells of objects, as an inventory's manifest, and as its rows.
pub fn check(data: &[u8]) {
    saved_listing(data);
    manifest(data);
    let all = "Bucket,Key,VersionId,IsLatest,IsDeleteMarker,Size,LastModifiedDate,ETag,StorageClass";
    for schema in [all, "Key,Size,LastModifiedDate"] {
        rows(data, &Columns::named(schema.split(',')).unwrap());
    }
}

type Listing = (Option<Header>, Vec<(Record, bool)>);

/// All of a listing, with its first line if it has one.
fn read(mut text: &[u8], has_header: bool) -> Result<Listing, String> {
    let header = if has_header { Some(saved::header(&mut text)?) } else { None };
    let mut all = Vec::new();
    saved::objects(&mut text, |record, outside| {
        all.push((record, outside));
        Ok(())
    })?;
    Ok((header, all))
}

fn written((header, all): &Listing) -> Vec<u8> {
    let mut out = Vec::new();
    if let Some(header) = header {
        saved::begin(&mut out, header).unwrap();
    }
    for (Record { key, size, modified, etag, class, .. }, outside) in all {
        let entry = Entry { key, size: *size, modified: *modified, etag: etag.as_deref(), outside: *outside };
        saved::object(&mut out, &entry, class.as_deref()).unwrap();
    }
    saved::end(&mut out, all.len() as u64).unwrap();
    out
}

fn saved_listing(data: &[u8]) {
    for has_header in [true, false] {
        match read(data, has_header) {
            Ok(listing) => {
                assert!(listing.1.iter().all(|(record, _)| record.is_listed()));
                let again = written(&listing);
                assert_eq!(read(&again, has_header).unwrap(), listing, "written anew it is another");
                // Its last byte is the end of a line, which nothing needs.
                let cut = text::place(&again[..again.len() - 1]);
                assert!(read(&again[..cut], has_header).is_err(), "cut off at {cut}");
            }
            Err(why) => text::is_for_people(&why),
        }
    }
}

fn manifest(data: &[u8]) {
    match Manifest::read(data) {
        Err(why) => text::is_for_people(&why),
        Ok(manifest) => {
            assert!(!manifest.files.is_empty());
            if let Format::Csv(columns) = manifest.format {
                let Columns { count, key, size, modified, etag, class, is_latest, is_marker } = columns;
                let mut places = vec![key, size, modified];
                places.extend([etag, class, is_latest, is_marker].into_iter().flatten());
                assert!(places.iter().all(|place| *place < count));
                places.sort_unstable();
                assert!(places.windows(2).all(|pair| pair[0] != pair[1]), "two columns in one place");
                rows(data, &columns);
            }
        }
    }
}

fn rows(data: &[u8], columns: &Columns) {
    let read = |data: &[u8]| {
        let mut all = Vec::new();
        csv_rows::read(data, columns, |record| {
            all.push(record);
            Ok(())
        })?;
        Ok::<_, String>(all)
    };
    match read(data) {
        Err(why) => text::is_for_people(&why),
        Ok(all) => {
            assert!(all.iter().all(|record| !record.key.is_empty()));
            if columns.is_latest.is_none() {
                assert!(all.iter().all(Record::is_listed), "nothing says that it is not");
            }
            let twice = read(&[data, b"\n", data].concat());
            // What stands in quotes may go on over lines; a byte order mark is none in the middle.
            if !data.contains(&b'"') && !data.starts_with(b"\xef\xbb\xbf") {
                assert_eq!(twice.unwrap(), [all.clone(), all].concat());
            }
        }
    }
}
