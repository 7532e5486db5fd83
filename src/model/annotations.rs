//! The annotations of a manifest. Nothing that is needed hangs on them, so reading is lenient.

use serde::Deserialize;
use std::collections::BTreeMap;

/// The annotations of a manifest's own: those of what it lists are theirs. None of bytes that are no manifest.
#[must_use]
pub fn annotations(bytes: &[u8]) -> BTreeMap<String, String> {
    #[derive(Deserialize)]
    struct Fields {
        #[serde(default)]
        annotations: Option<BTreeMap<String, String>>,
    }
    serde_json::from_slice::<Fields>(bytes).ok().and_then(|fields| fields.annotations).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_texts_are_annotations() {
        let found = annotations(br#"{"annotations": {"a": "b"}, "manifests": [{"annotations": {"c": "d"}}]}"#);
        assert_eq!(found, BTreeMap::from([("a".to_owned(), "b".to_owned())]));
        for odd in [
            "",
            "{}",
            "[]",
            r#"{"annotations": null}"#,
            r#"{"annotations": {"a": 1}}"#,
            r#"{"annotations": []}"#,
            "\u{0}",
        ] {
            assert!(annotations(odd.as_bytes()).is_empty(), "{odd}");
        }
    }
}
