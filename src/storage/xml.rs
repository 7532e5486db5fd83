//! Small XML answers as trees. Listings are not read this way: they are long, and read as they stream by.

use quick_xml::Reader;
use quick_xml::events::Event;

/// An element: its name without a prefix, its own text, and what is in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Element {
    pub(super) name: String,
    pub(super) text: String,
    pub(super) children: Vec<Element>,
}

/// Deeper than this no answer nests.
const DEEPEST: usize = 16;

impl Element {
    /// The root of an answer; none if it is cut off, or no XML.
    pub(super) fn parse(body: &[u8]) -> Option<Self> {
        let mut reader = Reader::from_reader(body);
        let named = |name: &[u8]| Self { name: String::from_utf8_lossy(name).into_owned(), ..Self::default() };
        // The first is no element: the root ends up in it.
        let mut open = vec![Self::default()];
        loop {
            match reader.read_event().ok()? {
                Event::Start(start) if open.len() <= DEEPEST => open.push(named(start.local_name().as_ref())),
                Event::Start(_) => return None,
                Event::Empty(empty) => open.last_mut()?.children.push(named(empty.local_name().as_ref())),
                Event::End(_) => {
                    let element = open.pop()?;
                    open.last_mut()?.children.push(element);
                }
                Event::Text(text) => open.last_mut()?.text.push_str(&text.decode().ok()?),
                Event::CData(text) => open.last_mut()?.text.push_str(&text.decode().ok()?),
                Event::GeneralRef(reference) => {
                    let text = &mut open.last_mut()?.text;
                    if let Some(character) = reference.resolve_char_ref().ok()? {
                        text.push(character);
                    } else {
                        let name = reference.decode().ok()?;
                        text.push_str(quick_xml::escape::resolve_predefined_entity(&name)?);
                    }
                }
                Event::Eof => {
                    let [top] = <[Self; 1]>::try_from(open).ok()?;
                    return top.children.into_iter().next_back();
                }
                Event::Decl(_) | Event::Comment(_) | Event::PI(_) | Event::DocType(_) => {}
            }
        }
    }

    /// The first element in it of that name.
    pub(super) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The text of the first element in it of that name.
    pub(super) fn text_of(&self, name: &str) -> Option<&str> {
        self.child(name).map(|child| child.text.trim())
    }

    /// The number in the first element in it of that name.
    pub(super) fn number_of(&self, name: &str) -> Option<u64> {
        self.text_of(name)?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn elements_are_found_by_name_whatever_their_namespace() {
        let body = b"\xef\xbb\xbf<?xml version=\"1.0\"?>\n<!-- x --><a:Root xmlns:a=\"u\"><a:Days> 7 </a:Days><Empty/>\
            <P>x&amp;&#x79;<![CDATA[<z>]]></P></a:Root>";
        let root = Element::parse(body).unwrap();
        assert_eq!((root.name.as_str(), root.number_of("Days"), root.text_of("Empty")), ("Root", Some(7), Some("")));
        assert_eq!((root.text_of("P"), root.child("None")), (Some("x&y<z>"), None));
    }

    #[test]
    fn what_is_cut_off_or_no_xml_is_nothing() {
        for body in ["", "no", "<a><b>1</b>", "<a></b>", "{\"a\": 1}", "<a>&nonsense;</a>"] {
            assert_eq!(Element::parse(body.as_bytes()), None, "{body}");
        }
        let deep = "<a>".repeat(100_000) + &"</a>".repeat(100_000);
        assert_eq!(Element::parse(deep.as_bytes()), None);
    }
}
