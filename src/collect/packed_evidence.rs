//! What a listing said of an object, in few bytes: its size, and its `ETag` as the stores write them.

use super::entry::{Evidence, md5_in};
use super::etag::Etag;
use crate::model::Timestamp;
use crate::model::digest::hex;

/// The marks of what an `ETag` is kept as.
mod mark {
    pub(super) const NONE: u8 = 0;
    /// The MD5 of the content in quotes.
    pub(super) const QUOTED: u8 = 1;
    /// The same of what was written in parts: how many there were follows.
    pub(super) const OF_PARTS: u8 = 2;
    /// Its text.
    pub(super) const TEXT: u8 = 3;
}

/// Writes it at the end of `place`, but for its time, unless it cannot be kept so.
pub(super) fn write(place: &mut Vec<u8>, evidence: &Evidence) -> Option<()> {
    let mut all = [0; 8 + 1 + 16 + 2];
    let Evidence { size, etag, outside, .. } = evidence;
    if *outside {
        return None;
    }
    all[..8].copy_from_slice(&size.to_le_bytes());
    let etag = etag.as_ref().map(Etag::text);
    let length = match etag.as_deref() {
        None => {
            all[8] = mark::NONE;
            9
        }
        Some(etag) => {
            if let Some((md5, parts)) = usual(etag) {
                all[8] = if parts.is_some() { mark::OF_PARTS } else { mark::QUOTED };
                all[9..25].copy_from_slice(&md5);
                all[25..].copy_from_slice(&parts.unwrap_or_default().to_le_bytes());
                if parts.is_some() { 27 } else { 25 }
            } else {
                all[8] = mark::TEXT;
                all[9..11].copy_from_slice(&u16::try_from(etag.len()).ok()?.to_le_bytes());
                11
            }
        }
    };
    let text = etag.as_deref().filter(|_| all[8] == mark::TEXT).unwrap_or_default();
    super::packed_deletion::make_room(place, length + text.len());
    place.extend_from_slice(&all[..length]);
    place.extend_from_slice(text.as_bytes());
    Some(())
}

/// The MD5 and the number of parts of an `ETag` that is written from these as it is.
fn usual(etag: &str) -> Option<([u8; 16], Option<u16>)> {
    let bare = etag.strip_prefix('"')?.strip_suffix('"')?;
    let (md5, parts) = bare.split_once('-').map_or((bare, None), |(md5, parts)| (md5, Some(parts)));
    let parts = parts.map(str::parse::<u16>).transpose().ok()?;
    let md5 = md5_in(md5)?;
    (written(md5, parts).text() == etag).then_some((md5, parts))
}

fn written(md5: [u8; 16], parts: Option<u16>) -> Etag {
    parts.map_or_else(|| md5.into(), |parts| format!("\"{}-{parts}\"", hex(&md5)).into())
}

/// The size alone.
pub(super) fn size(place: &[u8]) -> u64 {
    place.first_chunk().map_or(0, |size| u64::from_le_bytes(*size))
}

/// Reads it back; what follows it does not matter.
pub(super) fn read(place: &[u8], modified: Timestamp) -> Evidence {
    Evidence { size: size(place), modified, etag: etag(place.get(8..).unwrap_or_default()), outside: false }
}

fn etag(place: &[u8]) -> Option<Etag> {
    let (mark, rest) = place.split_first()?;
    match *mark {
        mark::QUOTED => Some(written(*rest.first_chunk()?, None)),
        mark::OF_PARTS => {
            let parts = u16::from_le_bytes(*rest.get(16..)?.first_chunk()?);
            Some(written(*rest.first_chunk()?, Some(parts)))
        }
        mark::TEXT => {
            let length = usize::from(u16::from_le_bytes(*rest.first_chunk()?));
            std::str::from_utf8(rest.get(2..2 + length)?).ok().map(Into::into)
        }
        _ => None,
    }
}
