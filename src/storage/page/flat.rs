//! One object of a listing, as the stores of S3's dialect write it: `<Contents>`, an element for each thing that is told of
//! it, `</Contents>`.
//!
//! A listing is little else, and an XML reader takes two fifths of the time of a run that only lists to give each tag and each
//! text as an event. This reads an object in one go, and only the shape that every store writes. Whatever else it meets (an
//! attribute, a comment, a prefix, something twice, something that is not there or says nothing) it leaves to the XML
//! reader, whose word is the one that counts: `what_is_read_in_one_go_is_what_xml_says` holds them together.

use crate::model::Timestamp;
use memchr::{memchr, memchr2};
use quick_xml::escape::unescape;
use std::borrow::Cow;

const OPEN: &[u8; 10] = b"<Contents>";
const CLOSE: &[u8; 11] = b"</Contents>";
/// Owners have names in them; nothing nests deeper.
const DEEPEST: usize = 3;

/// What is told of an object.
#[derive(Debug)]
pub(super) struct Told<'a> {
    pub(super) key: Cow<'a, str>,
    pub(super) size: u64,
    pub(super) modified: Timestamp,
    pub(super) etag: Option<Cow<'a, str>>,
    pub(super) class: Option<Cow<'a, str>>,
}

/// The object that a listing goes on with, and where it ends; none where it is not written as usual. The quotes of an `ETag` are
/// escaped there: it is put together in `etag_of`, whose place serves one object after the other.
pub(super) fn object<'a>(listing: &'a [u8], etag_of: &'a mut String) -> Option<(Told<'a>, usize)> {
    let mut rest = Rest { listing, at: listing.len() - listing.trim_ascii_start().len() };
    rest.take(OPEN)?;
    let (mut key, mut size, mut modified, mut etag, mut class) = (None, None, None, None, None);
    loop {
        rest.skip_space();
        if rest.take(CLOSE).is_some() {
            break;
        }
        let name = rest.start()?;
        let place = match name {
            b"Key" => &mut key,
            b"Size" => &mut size,
            b"LastModified" => &mut modified,
            b"ETag" => &mut etag,
            b"StorageClass" => &mut class,
            _ => {
                rest.pass(name, 1)?;
                continue;
            }
        };
        let text = rest.text()?;
        rest.end(name)?;
        if place.replace(text).is_some() {
            return None;
        }
    }
    let etag = match etag {
        Some(etag) => Some(quoted(etag, etag_of)?),
        None => None,
    };
    let class = match class {
        Some(class) => Some(unescaped(class)?),
        None => None,
    };
    let told = Told {
        key: unescaped(key?)?,
        size: super::parse::size(&unescaped(size?)?)?,
        modified: super::parse::modified(&unescaped(modified?)?)?,
        etag,
        class: class.filter(|class| !class.trim().is_empty()),
    };
    Some((told, rest.at))
}

fn unescaped(text: &str) -> Option<Cow<'_, str>> {
    if memchr(b'&', text.as_bytes()).is_some() { unescape(text).ok() } else { Some(text.into()) }
}

/// The same of an `ETag`: of nearly all nothing is escaped but the quotes.
fn quoted<'a>(text: &'a str, place: &'a mut String) -> Option<Cow<'a, str>> {
    let inner = text.strip_prefix("&quot;").and_then(|text| text.strip_suffix("&quot;"));
    match inner.filter(|inner| memchr(b'&', inner.as_bytes()).is_none()) {
        Some(inner) => {
            place.clear();
            place.extend(["\"", inner, "\""]);
            Some(Cow::Borrowed(place))
        }
        None => unescaped(text),
    }
}

/// What is not read yet.
struct Rest<'a> {
    listing: &'a [u8],
    at: usize,
}

impl<'a> Rest<'a> {
    fn left(&self) -> &'a [u8] {
        &self.listing[self.at..]
    }

    /// Of a length that is known when this is compiled: it is compared in a register.
    fn take<const LENGTH: usize>(&mut self, wanted: &[u8; LENGTH]) -> Option<()> {
        (self.left().first_chunk() == Some(wanted)).then(|| self.at += LENGTH)
    }

    fn skip_space(&mut self) {
        while self.left().first().is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
    }

    /// A tag that begins an element, and says nothing but its name.
    fn start(&mut self) -> Option<&'a [u8]> {
        self.take(b"<")?;
        let left = self.left();
        let name = &left[..left.iter().position(|byte| !byte.is_ascii_alphanumeric())?];
        self.at += name.len();
        self.take(b">")?;
        (!name.is_empty()).then_some(name)
    }

    fn end(&mut self, name: &[u8]) -> Option<()> {
        self.take(b"</")?;
        self.at += self.left().starts_with(name).then_some(name.len())?;
        self.take(b">")
    }

    /// What stands there up to the next tag.
    fn text(&mut self) -> Option<&'a str> {
        let left = self.left();
        let end = memchr(b'<', left)?;
        let text = std::str::from_utf8(&left[..end]).ok()?;
        self.at += end;
        Some(text)
    }

    /// Passes over an element of which nothing is asked, to its end.
    fn pass(&mut self, name: &[u8], depth: usize) -> Option<()> {
        loop {
            let left = self.left();
            let end = memchr2(b'<', b'&', left)?;
            self.at += end;
            match left.get(end..end + 2)? {
                b"</" => return self.end(name),
                [b'<', _] if depth < DEEPEST => {
                    let inner = self.start()?;
                    self.pass(inner, depth + 1)?;
                }
                _ => return None,
            }
        }
    }
}
