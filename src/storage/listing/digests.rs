//! Where a listing is among digests: they are spread evenly, so how far one page came tells how many are to come.

use crate::layout;

/// A place in a directory of digests.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Place<'a> {
    /// The directory, with its last slash.
    pub(super) directory: &'a str,
    /// How much of the directory lies before it, from 0 to 1.
    pub(super) fraction: f64,
}

const HEX: usize = 8;

/// Where a key is among digests, if it is.
pub(super) fn place(key: &str) -> Option<Place<'_>> {
    let at = key.rfind("/sha256/")? + "/sha256/".len();
    let (directory, rest) = key.split_at(at);
    let shard = if is_sharded(directory) { "00/".len() } else { 0 };
    let number = u32::from_str_radix(rest.get(shard..shard + HEX)?, 16).ok()?;
    Some(Place { directory, fraction: f64::from(number) / 2_f64.powi(32) })
}

/// The end of everything in a directory of digests.
pub(super) fn end_of(directory: &str) -> String {
    format!("{directory}~")
}

/// What begins a directory's part at this fraction.
pub(super) fn key_at(directory: &str, fraction: f64) -> String {
    let number = (fraction * 2_f64.powi(32)) as u32;
    let shard = if is_sharded(directory) { format!("{:02x}/", number >> 24) } else { String::new() };
    format!("{directory}{shard}{number:08x}")
}

/// Content lies in 256 directories by the first two digits.
fn is_sharded(directory: &str) -> bool {
    directory.strip_suffix("sha256/") == Some(layout::BLOBS)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::model::Digest;

    #[test]
    fn a_place_is_found_again_by_its_fraction() {
        for digest in (0..50_u32).map(|number| Digest::of(&number.to_le_bytes())) {
            let links = format!("docker/registry/v2/repositories/a/_layers/sha256/{}/link", digest.hex());
            for key in [layout::blob_data(&digest), links] {
                let found = place(&key).unwrap();
                let cut = key_at(found.directory, found.fraction);
                assert!(cut < key && key.starts_with(&cut) && key < end_of(found.directory), "{key} {cut}");
            }
        }
    }

    #[test]
    fn what_is_no_digest_is_no_place() {
        for key in ["docker/registry/v2/repositories/a/_layers/sha256/xyz/link", "a", "/sha256/", "/sha256/é€é€é€é€"]
        {
            assert_eq!(place(key), None, "{key}");
        }
    }

    #[test]
    fn fractions_beyond_the_ends_stay_inside() {
        assert_eq!(key_at("d/", -1.0), "d/00000000");
        assert_eq!(key_at("d/", 1.5), "d/ffffffff");
        assert_eq!(key_at(&format!("{}sha256/", layout::BLOBS), 0.5), format!("{}sha256/80/80000000", layout::BLOBS));
    }
}
