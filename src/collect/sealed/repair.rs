//! What a repair may write, in a plan's header: each link with what it says, so that whoever reviews the plan sees all of it.

use super::text::Text;
use crate::collect::options::Repair;
use crate::model::Digest;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// As it stands in the header.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenRepair {
    // So that a list which is left out is an error, and does not count as all.
    #[serde(deserialize_with = "Option::deserialize")]
    links: Option<BTreeMap<String, Text<Digest>>>,
}

impl From<&Repair> for WrittenRepair {
    fn from(repair: &Repair) -> Self {
        let texts = |links: &BTreeMap<String, Digest>| {
            links.iter().map(|(key, content)| (key.clone(), Text(content.clone()))).collect()
        };
        Self { links: repair.links.as_ref().map(texts) }
    }
}

impl WrittenRepair {
    /// What was written.
    pub(super) fn into_repair(self) -> Repair {
        let links = |links: BTreeMap<String, Text<Digest>>| {
            links.into_iter().map(|(key, Text(content))| (key, content)).collect()
        };
        Repair { links: self.links.map(links) }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use serde_json::{Value, json};

    fn read(value: Value) -> Result<Repair, String> {
        let written: Result<WrittenRepair, _> = serde_json::from_value(value);
        written.map(WrittenRepair::into_repair).map_err(|error| error.to_string())
    }

    #[test]
    fn links_read_back_as_what_they_were_and_nothing_is_passed_over() {
        let links = BTreeMap::from([("key".to_owned(), Digest::of(b"x"))]);
        for links in [None, Some(links)] {
            let repair = Repair { links };
            let written = serde_json::to_value(WrittenRepair::from(&repair)).unwrap();
            assert_eq!(read(written.clone()).unwrap(), repair);
            for (field, value) in [("newer", json!(1)), ("links", json!({"key": "sha256:12"}))] {
                let mut other = written.clone();
                other[field] = value;
                assert!(read(other).is_err(), "{field}");
            }
        }
        assert!(read(json!({})).is_err());
    }
}
