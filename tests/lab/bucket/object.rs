//! A stored object and its `ETag`.

use std::fmt::Write as _;
use std::time::SystemTime;

use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, Utc};
use md5::{Digest as _, Md5};

/// An object in the bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// The content.
    pub bytes: Bytes,
    /// When it was written; listings show milliseconds, headers seconds.
    pub last_modified: SystemTime,
    /// The `ETag` without quotes; none is answered where it is empty.
    pub etag: String,
}

/// How the bucket makes `ETag`s for objects put from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EtagStyle {
    /// Hex MD5 of the content, as a single PUT without KMS gives.
    #[default]
    Md5,
    /// Another 32 hex digits, as under SSE-KMS: looks like an MD5 and is none.
    Opaque,
    /// As after a multipart upload: `<hex>-2`.
    Multipart,
    /// As Azure makes them: no function of the content.
    Azure,
    /// No `ETag` at all.
    Absent,
}

impl EtagStyle {
    /// The `ETag` of content under this style, without quotes.
    pub fn etag(self, bytes: &[u8]) -> String {
        let md5 = |salt: &[u8]| hex(&Md5::new().chain_update(salt).chain_update(bytes).finalize());
        match self {
            Self::Md5 => md5(b""),
            Self::Opaque => md5(b"kms"),
            Self::Multipart => md5(b"part") + "-2",
            Self::Azure => format!("0x8D{}", &md5(b"azure").to_uppercase()[..12]),
            Self::Absent => String::new(),
        }
    }
}

impl Object {
    /// The `ETag` with its quotes, as a header carries it.
    pub fn quoted_etag(&self) -> String {
        format!("\"{}\"", self.etag)
    }

    /// The time in a listing: `2024-02-29T12:00:00.000Z`.
    pub fn listed_time(&self) -> String {
        listed_time(self.last_modified)
    }
}

/// A time in a listing.
pub(super) fn listed_time(time: SystemTime) -> String {
    DateTime::<Utc>::from(time).to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// The time in a header: `Thu, 29 Feb 2024 12:00:00 GMT`.
pub fn http_date(time: SystemTime) -> String {
    DateTime::<Utc>::from(time).format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// Lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}
