//! Rows of an inventory in Apache Parquet.

use super::record::Record;
use crate::model::Timestamp;
use parquet::file::reader::{ChunkReader, FileReader};
use parquet::file::serialized_reader::SerializedFileReader;
use parquet::record::{Field, Row};
use parquet::schema::types::Type;
use std::sync::Arc;

/// The columns that matter, as S3 names them.
const COLUMNS: [&str; 7] =
    ["key", "size", "last_modified_date", "e_tag", "storage_class", "is_latest", "is_delete_marker"];

/// Reads all rows; tells whether the file has old versions as well.
///
/// # Errors
/// What is wrong, in words.
pub fn read(file: impl ChunkReader + 'static, mut see: impl FnMut(Record) -> Result<(), String>) -> Result<(), String> {
    let wrong = |error: parquet::errors::ParquetError| error.to_string();
    let reader = SerializedFileReader::new(file).map_err(wrong)?;
    let schema = reader.metadata().file_metadata().schema();
    // What else there is is not decoded.
    let fields = schema.get_fields().iter().filter(|field| COLUMNS.contains(&field.name()));
    let fields: Vec<_> = fields.map(Arc::clone).collect();
    let projection = Type::group_type_builder(schema.name()).with_fields(fields).build().map_err(wrong)?;
    let rows = reader.get_row_iter(Some(projection)).map_err(wrong)?;
    for (number, row) in rows.enumerate() {
        let row = row.map_err(wrong)?;
        see(record(&row).map_err(|why| format!("row {}: {}", number + 1, crate::error::shortened(&why)))?)?;
    }
    Ok(())
}

fn record(row: &Row) -> Result<Record, String> {
    let mut found = [const { None }; COLUMNS.len()];
    for (name, field) in row.get_column_iter() {
        if let Some(at) = COLUMNS.iter().position(|column| column == name) {
            found[at] = Some(field).filter(|field| **field != Field::Null);
        }
    }
    let [key, size, modified, etag, class, is_latest, is_marker] = found;
    let is_marker = flag(is_marker, false)?;
    Ok(Record {
        key: text(key)?.ok_or("there is no key")?,
        size: match size {
            None if is_marker => 0,
            None => return Err("there is no size".into()),
            Some(size) => whole(size).ok_or_else(|| format!("{size} is no size"))?,
        },
        modified: modified.and_then(time).ok_or("there is no time of modification")?,
        etag: text(etag)?,
        class: text(class)?,
        is_latest: flag(is_latest, true)?,
        is_marker,
    })
}

fn text(field: Option<&Field>) -> Result<Option<String>, String> {
    match field {
        None => Ok(None),
        Some(Field::Str(text)) => Ok(Some(text.clone()).filter(|text| !text.is_empty())),
        // A column that is not marked as text.
        Some(Field::Bytes(bytes)) => {
            bytes.as_utf8().map(|text| Some(text.to_owned())).map_err(|error| error.to_string())
        }
        Some(other) => Err(format!("{other} is no text")),
    }
}

fn whole(field: &Field) -> Option<u64> {
    match field {
        Field::Long(size) => u64::try_from(*size).ok(),
        Field::Int(size) => u64::try_from(*size).ok(),
        Field::ULong(size) => Some(*size),
        Field::UInt(size) => Some(u64::from(*size)),
        _ => None,
    }
}

fn flag(field: Option<&Field>, absent: bool) -> Result<bool, String> {
    match field {
        None => Ok(absent),
        Some(Field::Bool(flag)) => Ok(*flag),
        Some(other) => Err(format!("{other} is neither true nor false")),
    }
}

fn time(field: &Field) -> Option<Timestamp> {
    match field {
        Field::TimestampMillis(at) => Some(Timestamp::from_nanos(at.saturating_mul(1_000_000))),
        Field::TimestampMicros(at) => Some(Timestamp::from_nanos(at.saturating_mul(1000))),
        Field::Str(text) => Timestamp::parse_rfc3339(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use bytes::Bytes;
    use parquet::basic::{Compression, GzipLevel};
    use parquet::data_type::{BoolType, ByteArray, ByteArrayType, Int64Type};
    use parquet::file::properties::WriterProperties;
    use parquet::file::writer::SerializedFileWriter;
    use parquet::schema::parser::parse_message_type;

    /// The schema that S3 writes into the manifest of an inventory of all versions.
    const SCHEMA: &str = "message s3.inventory { required binary bucket (UTF8); required binary key (UTF8); \
        optional binary version_id (UTF8); optional boolean is_latest; optional boolean is_delete_marker; \
        optional int64 size; optional int64 last_modified_date (TIMESTAMP_MILLIS); optional binary e_tag (UTF8); \
        optional binary storage_class (UTF8); }";

    /// A current object, a delete marker, and an old version.
    fn inventory(compression: Compression) -> Bytes {
        let properties = Arc::new(WriterProperties::builder().set_compression(compression).build());
        let schema = Arc::new(parse_message_type(SCHEMA).unwrap());
        let mut writer = SerializedFileWriter::new(Vec::new(), schema, properties).unwrap();
        let mut group = writer.next_row_group().unwrap();
        let texts = |texts: &[&str]| texts.iter().map(|text| ByteArray::from(*text)).collect::<Vec<_>>();
        let mut at = 0;
        while let Some(mut column) = group.next_column().unwrap() {
            let three = Some(&[1, 1, 1][..]);
            let written = match at {
                0 => column.typed::<ByteArrayType>().write_batch(&texts(&["b"; 3]), None, None),
                1 => column.typed::<ByteArrayType>().write_batch(&texts(&["a", "k", "k"]), None, None),
                2 | 7 | 8 => column.typed::<ByteArrayType>().write_batch(&texts(&["x"; 3]), three, None),
                3 => column.typed::<BoolType>().write_batch(&[true, true, false], three, None),
                4 => column.typed::<BoolType>().write_batch(&[false, true, false], three, None),
                5 => column.typed::<Int64Type>().write_batch(&[7, 5], Some(&[1, 0, 1]), None),
                _ => column.typed::<Int64Type>().write_batch(&[1000, 2000, 500], three, None),
            };
            assert!(written.unwrap() > 0);
            column.close().unwrap();
            at += 1;
        }
        group.close().unwrap();
        writer.into_inner().unwrap().into()
    }

    fn rows(file: Bytes) -> Result<Vec<Record>, String> {
        let mut all = Vec::new();
        read(file, |record| {
            all.push(record);
            Ok(())
        })?;
        Ok(all)
    }

    #[test]
    fn versions_and_markers_are_told_from_what_is_listed() {
        for compression in [Compression::UNCOMPRESSED, Compression::SNAPPY, Compression::GZIP(GzipLevel::default())] {
            let all = rows(inventory(compression)).unwrap();
            assert_eq!(all.iter().map(|record| record.key.as_str()).collect::<Vec<_>>(), ["a", "k", "k"]);
            assert_eq!(all.iter().map(|record| record.size).collect::<Vec<_>>(), [7, 0, 5]);
            assert_eq!(all.iter().map(Record::is_listed).collect::<Vec<_>>(), [true, false, false]);
            assert_eq!(all[0].modified, Timestamp::from_nanos(1_000_000_000));
            assert_eq!(all[0].class.as_deref(), Some("x"));
        }
    }

    #[test]
    fn what_is_no_parquet_or_is_cut_off_is_told() {
        assert!(rows(Bytes::from_static(b"Bucket,Key")).is_err());
        let whole = inventory(Compression::SNAPPY);
        assert!(rows(whole.slice(..whole.len() - 9)).is_err());
    }
}
