//! What S3 answers to `DeleteObjects`, key by key, and what stores say of what they keep.

use quick_xml::Reader;
use quick_xml::events::Event;
use std::collections::HashMap;

/// What the store said of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Said {
    Deleted,
    Error { code: String, message: String },
}

/// Reads an answer. Keys that it does not name, and all if it is cut off or no answer at all, are simply not in the map:
/// nobody knows what became of them.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) keys: HashMap<String, Said>,
    /// Whether a delete left a delete marker: then it freed nothing, and the object is an old version now.
    pub(super) leaves_markers: bool,
}

#[derive(Default)]
struct Item {
    key: Option<String>,
    code: String,
    message: String,
}

pub(super) fn parse(body: &[u8]) -> Answer {
    let mut answer = Answer::default();
    let mut reader = Reader::from_reader(body);
    let (mut item, mut text) = (Item::default(), String::new());
    loop {
        match reader.read_event() {
            Ok(Event::Start(start)) => {
                if matches!(start.local_name().as_ref(), b"Deleted" | b"Error") {
                    item = Item::default();
                }
                text.clear();
            }
            Ok(Event::Text(part)) => text.push_str(&part.decode().unwrap_or_default()),
            Ok(Event::CData(part)) => text.push_str(&part.decode().unwrap_or_default()),
            Ok(Event::GeneralRef(part)) => {
                if let Ok(Some(character)) = part.resolve_char_ref() {
                    text.push(character);
                } else {
                    let name = part.decode().unwrap_or_default();
                    text.push_str(quick_xml::escape::resolve_predefined_entity(&name).unwrap_or_default());
                }
            }
            Ok(Event::End(end)) => match end.local_name().as_ref() {
                b"Key" => item.key = Some(std::mem::take(&mut text)),
                b"Code" => item.code = std::mem::take(&mut text),
                b"Message" => item.message = std::mem::take(&mut text),
                b"DeleteMarker" => answer.leaves_markers |= text.trim() == "true",
                b"Deleted" => {
                    if let Some(key) = item.key.take() {
                        answer.keys.entry(key).or_insert(Said::Deleted);
                    }
                }
                b"Error" => {
                    let Item { key, code, message } = std::mem::take(&mut item);
                    if let Some(key) = key {
                        // If the store says both, the worse counts.
                        answer.keys.insert(key, Said::Error { code, message });
                    }
                }
                _ => {}
            },
            Ok(Event::Eof) | Err(_) => return answer,
            Ok(_) => {}
        }
    }
}

/// What a batch of Azure says of what was deleted: kept (soft delete, versions), or gone for good. Nothing where no part
/// says either.
pub(super) fn is_kept_by_azure(body: &[u8]) -> Option<bool> {
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
    fn what_is_cut_off_confirms_only_what_was_said() {
        let answer = parse(b"<DeleteResult><Deleted><Key>a</Key></Deleted><Deleted><Key>b</Ke");
        assert_eq!(answer.keys.keys().collect::<Vec<_>>(), ["a"]);
        assert!(parse(b"").keys.is_empty());
        assert!(parse(b"<DeleteResult/>").keys.is_empty());
        assert!(parse(b"\xff\xfe<<<>>").keys.is_empty());
    }
}
