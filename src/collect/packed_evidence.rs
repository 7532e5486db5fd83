//! What a listing said of an object, in few bytes: its size, and its `ETag` as the stores write them.

use super::entry::{Evidence, md5_in};
use super::etag::Etag;
use super::packing::make_room;
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
    let text = etag.as_ref().filter(|etag| etag.usual().is_none()).map(Etag::text);
    let (mut told, md5) = ("", etag.as_ref().and_then(Etag::usual));
    let length = match (md5, text.as_deref()) {
        (Some(md5), _) => {
            all[8] = mark::QUOTED;
            all[9..25].copy_from_slice(&md5);
            25
        }
        (None, None) => {
            all[8] = mark::NONE;
            9
        }
        (None, Some(text)) => {
            if let Some((md5, parts)) = of_parts(text) {
                all[8] = mark::OF_PARTS;
                all[9..25].copy_from_slice(&md5);
                all[25..].copy_from_slice(&parts.to_le_bytes());
                27
            } else {
                all[8] = mark::TEXT;
                all[9..11].copy_from_slice(&u16::try_from(text.len()).ok()?.to_le_bytes());
                told = text;
                11
            }
        }
    };
    make_room(place, length + told.len());
    place.extend_from_slice(&all[..length]);
    place.extend_from_slice(told.as_bytes());
    Some(())
}

/// The MD5 and the number of parts of an `ETag` that is written from these as it is.
fn of_parts(etag: &str) -> Option<([u8; 16], u16)> {
    let (md5, parts) = etag.strip_prefix('"')?.strip_suffix('"')?.split_once('-')?;
    let (md5, parts) = (md5_in(md5)?, parts.parse().ok()?);
    (written(md5, parts) == etag).then_some((md5, parts))
}

fn written(md5: [u8; 16], parts: u16) -> String {
    format!("\"{}-{parts}\"", hex(&md5))
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
        mark::QUOTED => Some((*rest.first_chunk::<16>()?).into()),
        mark::OF_PARTS => {
            let parts = u16::from_le_bytes(*rest.get(16..)?.first_chunk()?);
            Some(written(*rest.first_chunk()?, parts).into())
        }
        mark::TEXT => {
            let length = usize::from(u16::from_le_bytes(*rest.first_chunk()?));
            std::str::from_utf8(rest.get(2..2 + length)?).ok().map(Into::into)
        }
        _ => None,
    }
}
