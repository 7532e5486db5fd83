//! What S3 answers to `DeleteObjects`, key by key.

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

#[cfg(test)]
mod tests {
    use super::*;

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
