//! What S3 answers to `DeleteObjects`, key by key, and what stores say of what they keep.

use quick_xml::Reader;
use quick_xml::events::{BytesRef, Event};
use std::collections::HashMap;

/// What the store said of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// It is gone.
    Deleted,
    /// It was not deleted, or nobody knows: why.
    Error {
        /// The store's word.
        code: String,
        /// The store's words.
        message: String,
    },
}

/// Reads an answer. Keys that it does not name, and all if it is cut off or no answer at all, are simply not in the map:
/// nobody knows what became of them.
#[derive(Debug, Default)]
pub struct Answer {
    /// What it says of each key that it names.
    pub keys: HashMap<String, Said>,
    /// What it says of each version of a key, where it names one.
    pub versions: HashMap<(String, String), Said>,
    /// Whether a delete left a delete marker: then it freed nothing, and the object is an old version now.
    pub leaves_markers: bool,
}

#[derive(Default)]
struct Item {
    key: Option<String>,
    version: Option<String>,
    marker: Option<String>,
    code: String,
    message: String,
}

/// Reads an answer of S3, as far as it goes.
#[must_use]
pub fn parse(body: &[u8]) -> Answer {
    let mut answer = Answer::default();
    let mut reader = Reader::from_reader(body);
    // The text of the element that was opened last; none if another stands within it, or a part of it cannot be read:
    // what is left of a key may be another key.
    let (mut item, mut text) = (Item::default(), None);
    loop {
        match reader.read_event() {
            Ok(Event::Start(start)) => {
                if matches!(start.local_name().as_ref(), b"Deleted" | b"Error") {
                    item = Item::default();
                }
                text = Some(String::new());
            }
            Ok(Event::Empty(_)) => text = None,
            Ok(Event::Text(part)) => text = joined(text, part.decode().ok().as_deref()),
            Ok(Event::CData(part)) => text = joined(text, part.decode().ok().as_deref()),
            Ok(Event::GeneralRef(part)) => text = joined(text, resolved(&part).as_deref()),
            Ok(Event::End(end)) => {
                let text = text.take();
                match end.local_name().as_ref() {
                    b"Key" => item.key = text,
                    b"VersionId" => item.version = text,
                    b"DeleteMarkerVersionId" => item.marker = text.filter(|id| !id.is_empty()),
                    b"Code" => item.code = text.unwrap_or_default(),
                    b"Message" => item.message = text.unwrap_or_default(),
                    b"DeleteMarker" => answer.leaves_markers |= text.is_some_and(|text| text.trim() == "true"),
                    b"Deleted" => {
                        if let Some(key) = item.key.take() {
                            // A marker of another id is a new one: the version was not deleted, it was hidden.
                            let is_it = |version: &String| item.marker.as_ref().is_none_or(|marker| marker == version);
                            if let Some(version) = item.version.take().filter(is_it) {
                                answer.versions.entry((key.clone(), version)).or_insert(Said::Deleted);
                            }
                            answer.keys.entry(key).or_insert(Said::Deleted);
                        }
                    }
                    b"Error" => {
                        let Item { key, version, code, message, .. } = std::mem::take(&mut item);
                        if let Some(key) = key {
                            // If the store says both, the worse counts.
                            let said = Said::Error { code, message };
                            if let Some(version) = version {
                                answer.versions.insert((key.clone(), version), said.clone());
                            }
                            answer.keys.insert(key, said);
                        }
                    }
                    _ => {}
                }
            }
            Ok(Event::Eof) | Err(_) => return answer,
            Ok(_) => {}
        }
    }
}

fn joined(text: Option<String>, part: Option<&str>) -> Option<String> {
    Some(text? + part?)
}

fn resolved(reference: &BytesRef<'_>) -> Option<String> {
    if let Some(character) = reference.resolve_char_ref().ok()? {
        return Some(character.into());
    }
    let name = reference.decode().ok()?;
    quick_xml::escape::resolve_predefined_entity(&name).map(Into::into)
}

/// What a batch of Azure says of what was deleted: kept (soft delete, versions), or gone for good. Nothing where no part
/// says either.
#[must_use]
pub fn is_kept_by_azure(body: &[u8]) -> Option<bool> {
    let text = String::from_utf8_lossy(body);
    let headers = text.lines().filter_map(|line| line.split_once(':'));
    let said = headers.filter(|(name, _)| name.eq_ignore_ascii_case("x-ms-delete-type-permanent"));
    // If it says both, the worse counts.
    said.map(|(_, value)| !value.trim().eq_ignore_ascii_case("true")).max()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delete_markers_are_noticed() {
        let with = |text: &str| {
            let body = format!(
                "<DeleteResult><Deleted><Key>a</Key></Deleted><Deleted><Key>b</Key>{text}</Deleted></DeleteResult>"
            );
            let answer = parse(body.as_bytes());
            assert_eq!(answer.keys.len(), 2, "{text}");
            answer.leaves_markers
        };
        assert!(with("<DeleteMarker>true</DeleteMarker><DeleteMarkerVersionId>x</DeleteMarkerVersionId>"));
        assert!(!with("<DeleteMarker>false</DeleteMarker>"));
        assert!(!with(""));
    }

    #[test]
    fn azure_says_whether_a_delete_is_for_good() {
        let part = |said: &str| format!("--b\r\nContent-ID: 0\r\n\r\nHTTP/1.1 202 Accepted\r\n{said}\r\n\r\n");
        let of = |parts: &[&str]| is_kept_by_azure(parts.iter().map(|said| part(said)).collect::<String>().as_bytes());
        let (gone, kept) = ("x-ms-delete-type-permanent: true", "X-Ms-Delete-Type-Permanent:false");
        assert_eq!(of(&[gone, gone]), Some(false));
        assert_eq!(of(&[gone, kept, gone]), Some(true));
        assert_eq!(of(&["x-ms-version: 1"]), None);
        assert_eq!(is_kept_by_azure(b"\xff\x00"), None);
    }

    #[test]
    fn each_key_has_its_own_answer() {
        let answer = parse(
            b"<?xml version=\"1.0\"?><DeleteResult xmlns=\"x\"><Deleted><Key>a&amp;b</Key></Deleted><Error><Key>c</Key><Code>AccessDenied</Code><Message>no</Message></Error><Deleted><Key>c</Key></Deleted></DeleteResult>",
        );
        assert_eq!(answer.keys.get("a&b"), Some(&Said::Deleted));
        assert_eq!(answer.keys.get("c"), Some(&Said::Error { code: "AccessDenied".into(), message: "no".into() }));
        assert_eq!(answer.keys.len(), 2);
    }

    #[test]
    fn versions_of_one_key_are_told_apart() {
        let answer = parse(
            b"<DeleteResult><Deleted><Key>a</Key><VersionId>1</VersionId></Deleted><Error><Key>a</Key><VersionId>2</VersionId><Code>AccessDenied</Code></Error><Deleted><Key>a</Key></Deleted></DeleteResult>",
        );
        let said = |id: &str| answer.versions.get(&("a".to_owned(), id.to_owned()));
        assert_eq!(said("1"), Some(&Said::Deleted));
        assert_eq!(said("2"), Some(&Said::Error { code: "AccessDenied".into(), message: String::new() }));
        assert_eq!(answer.versions.len(), 2);
    }

    #[test]
    fn version_under_a_new_marker_is_not_deleted() {
        let with = |marker: &str| {
            let body = format!(
                "<DeleteResult><Deleted><Key>a</Key><VersionId>1</VersionId><DeleteMarker>true</DeleteMarker>\
                 <DeleteMarkerVersionId>{marker}</DeleteMarkerVersionId></Deleted></DeleteResult>"
            );
            let answer = parse(body.as_bytes());
            assert_eq!(answer.keys.get("a"), Some(&Said::Deleted));
            answer.versions.len()
        };
        assert_eq!((with("1"), with("2")), (1, 0), "the marker itself went, or another was made");
        assert_eq!(with(""), 1, "there is none");
    }

    #[test]
    fn what_is_left_of_a_key_is_no_key() {
        for key in ["a<b/>c", "<b/>c", "a<b>c</b>d", "a&nonsense;c", "a&#x110000;c", "a<!-- x --><b></b>"] {
            let body = format!("<DeleteResult><Deleted><Key>{key}</Key></Deleted></DeleteResult>");
            assert!(parse(body.as_bytes()).keys.is_empty(), "{key}");
        }
        let broken = b"<DeleteResult><Error><Key>a\xffb</Key><Code>x</Code></Error></DeleteResult>";
        assert!(parse(broken).keys.is_empty());
        let whole = parse(b"<DeleteResult><Deleted><Key>a<!-- x -->b&amp;<![CDATA[c]]></Key></Deleted></DeleteResult>");
        assert_eq!(whole.keys.keys().collect::<Vec<_>>(), ["ab&c"]);
    }

    #[test]
    fn what_is_cut_off_confirms_only_what_was_said() {
        let answer = parse(b"<DeleteResult><Deleted><Key>a</Key></Deleted><Deleted><Key>b</Ke");
        assert_eq!(answer.keys.keys().collect::<Vec<_>>(), ["a"]);
        assert!(parse(b"").keys.is_empty());
        assert!(parse(b"<DeleteResult/>").keys.is_empty());
        assert!(parse(b"\xff\xfe<<<>>").keys.is_empty());
    }
}
