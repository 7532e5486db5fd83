//! Which storage a plan is for: what tells one registry's storage from every other.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The identity of a storage. Equal means the same place; whatever differs makes another.
///
/// A plan may only be applied where it was made. A copy of a registry has the same keys, sizes and digests, and may even
/// have the same times; what is garbage in one is not thereby garbage in the other.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// `directory`, `s3`, `gcs` or `azure`.
    pub kind: String,
    /// Where requests go: a URL without credentials, or the name of the cloud's own service, where a bucket's name is
    /// unique whatever the region.
    pub endpoint: Option<String>,
    /// The storage account (Azure).
    pub account: Option<String>,
    /// The bucket or container.
    pub bucket: Option<String>,
    /// What stands before every key, without the slash at its end; of a directory its path without symbolic links.
    pub root: String,
    /// The device of a directory.
    pub device: Option<u64>,
    /// The inode of a directory: another directory at the same path has another.
    pub inode: Option<u64>,
}

impl Place {
    /// What differs from `here`, for people; nothing if it is the same place.
    #[must_use]
    pub fn difference(&self, here: &Self) -> Option<String> {
        let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "none".into());
        let number = |value: Option<u64>| value.map_or_else(|| "none".into(), |number| number.to_string());
        let rows = [
            ("storage", self.kind.clone(), here.kind.clone()),
            ("endpoint", text(&self.endpoint), text(&here.endpoint)),
            ("account", text(&self.account), text(&here.account)),
            ("bucket", text(&self.bucket), text(&here.bucket)),
            ("root", self.root.clone(), here.root.clone()),
            ("device", number(self.device), number(here.device)),
            ("inode", number(self.inode), number(here.inode)),
        ];
        let differs = rows.into_iter().find(|(_, theirs, ours)| theirs != ours);
        differs.map(|(what, theirs, ours)| format!("the plan's {what} is {theirs}, and here it is {ours}"))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.kind)?;
        for (what, value) in [("at", &self.endpoint), ("account", &self.account), ("bucket", &self.bucket)] {
            if let Some(value) = value {
                write!(f, " {what} {value}")?;
            }
        }
        match (self.device, self.inode) {
            (Some(device), Some(inode)) => write!(f, ", device {device}, inode {inode}"),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_tells_places_apart() {
        let here = Place {
            kind: "azure".into(),
            endpoint: Some("https://a.blob.core.windows.net".into()),
            account: Some("a".into()),
            bucket: Some("c".into()),
            root: "r".into(),
            device: Some(1),
            inode: Some(2),
        };
        assert_eq!(here.difference(&here.clone()), None);
        for (other, word) in [
            (Place { kind: "s3".into(), ..here.clone() }, "storage"),
            (Place { endpoint: None, ..here.clone() }, "endpoint"),
            (Place { account: Some("b".into()), ..here.clone() }, "account"),
            (Place { bucket: Some("d".into()), ..here.clone() }, "bucket"),
            (Place { root: String::new(), ..here.clone() }, "root"),
            (Place { device: Some(3), ..here.clone() }, "device"),
            (Place { inode: None, ..here.clone() }, "inode"),
        ] {
            assert!(other.difference(&here).is_some_and(|told| told.contains(word)), "{word}");
            assert_ne!(other, here);
        }
    }

    #[test]
    fn place_is_told_by_what_tells_it_from_others() {
        let bucket = Place {
            kind: "s3".into(),
            endpoint: Some("AWS".into()),
            bucket: Some("b".into()),
            root: "r".into(),
            ..Place::default()
        };
        assert_eq!(bucket.to_string(), "s3 at AWS bucket b");
        let account = Place { kind: "azure".into(), account: Some("a".into()), ..Place::default() };
        assert_eq!(account.to_string(), "azure account a");
        let directory = Place { kind: "directory".into(), device: Some(1), inode: Some(2), ..Place::default() };
        assert_eq!(directory.to_string(), "directory, device 1, inode 2");
    }
}
