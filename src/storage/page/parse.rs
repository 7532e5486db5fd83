//! From a store's answer to a page.
//!
//! `object_store` parses a listing into `Path`s, which cannot hold every key: one key with an empty part, a control
//! character or a leading slash fails the page or comes back as another key. So pages are read here, from the raw answer
//! ([`transport`](crate::storage::transport) hands it over), and `object_store` does what it is good at: signing, retrying,
//! building the request.

use super::{Dialect, NotAListing, Object, Page, flat};
use crate::collect::entry::Entry;
use crate::model::Timestamp;
use quick_xml::Reader;
use quick_xml::events::{BytesRef, Event};
use std::borrow::Cow;
use std::io::BufRead as _;
use std::ops::Range;

/// No store tells of an object in fewer bytes, as a rule.
const OF_AN_OBJECT: usize = 300;

/// Reads one answer to a listing request.
///
/// # Errors
/// If the document is cut off, is no listing, or an object in it lacks its key, size or time: a listing that is not
/// complete must never be taken for one that is.
pub fn parse(body: &[u8], dialect: Dialect) -> Result<Page, NotAListing> {
    read(body, dialect, true).map(|(page, _)| page)
}

/// Tells as well how many objects were read in one go.
fn read(body: &[u8], dialect: Dialect, in_one_go: bool) -> Result<(Page, usize), NotAListing> {
    let broken = |what: &dyn std::fmt::Display| NotAListing(what.to_string());
    let (mut reader, mut at_once, mut etag_text) = (Reader::from_reader(body), 0, String::new());
    let mut parser = Parser::new(dialect);
    // Less than half of a listing is keys and `ETag`s. Growing step by step copied all of it several times.
    parser.page.text.reserve(body.len() / 2);
    parser.page.objects.reserve(body.len() / OF_AN_OBJECT);
    loop {
        match reader.read_event().map_err(|error| broken(&error))? {
            Event::Start(start) => {
                let encoded = start.attributes_raw().len() > 1
                    && start
                        .attributes()
                        .flatten()
                        .any(|attribute| attribute.key.as_ref() == b"Encoded" && attribute.value.as_ref() == b"true");
                parser.start(start.local_name().as_ref(), encoded)?;
            }
            Event::End(end) => {
                parser.end(end.local_name().as_ref())?;
                if in_one_go && parser.is_between_objects() {
                    let mut rest = reader.stream();
                    while let Some((told, length)) = flat::object(rest.fill_buf().unwrap_or_default(), &mut etag_text) {
                        let flat::Told { key, size, modified, etag, class } = &told;
                        let (key, size, modified) = (key.as_ref(), *size, *modified);
                        let entry = Entry { key, size, modified, etag: etag.as_deref(), outside: false };
                        parser.page.push_of_class(&entry, class.as_deref().map(str::trim));
                        rest.consume(length);
                        at_once += 1;
                    }
                }
            }
            Event::Empty(empty) => {
                parser.start(empty.local_name().as_ref(), false)?;
                parser.end(empty.local_name().as_ref())?;
            }
            Event::Eof => break,
            // Half of a listing is about what is not asked: owners, checksums.
            Event::Text(_) | Event::CData(_) | Event::GeneralRef(_) if parser.field.is_none() => {}
            Event::Text(text) => parser.buffer.push_str(&text.decode().map_err(|error| broken(&error))?),
            Event::CData(text) => parser.buffer.push_str(&text.decode().map_err(|error| broken(&error))?),
            Event::GeneralRef(reference) => parser.buffer.push_str(&resolve(&reference)?),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
        }
    }
    Ok((parser.finish()?, at_once))
}

fn resolve(reference: &BytesRef<'_>) -> Result<String, NotAListing> {
    let unknown = || NotAListing("an unknown character reference".into());
    if let Some(character) = reference.resolve_char_ref().map_err(|_| unknown())? {
        return Ok(character.into());
    }
    let name = reference.decode().map_err(|_| unknown())?;
    quick_xml::escape::resolve_predefined_entity(&name).map(Into::into).ok_or_else(unknown)
}

#[expect(clippy::struct_excessive_bools, reason = "the state of a parser of flat XML")]
struct Parser {
    dialect: Dialect,
    page: Page,
    depth: usize,
    complete: bool,
    truncated: Option<bool>,
    /// How deep the object is that is being read; 0 between two.
    object: usize,
    in_properties: bool,
    in_common: bool,
    /// How many directories there were when the one began that is being read.
    directories: usize,
    field: Option<Field>,
    encoded: bool,
    buffer: String,
    key: Option<Range<usize>>,
    size: Option<u64>,
    modified: Option<Timestamp>,
    etag: Option<Range<usize>>,
    class: u8,
    is_directory: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Field {
    Key,
    Size,
    Modified,
    Etag,
    Class,
    ResourceType,
    Next,
    Truncated,
    Directory,
}

impl Parser {
    fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            page: Page::default(),
            depth: 0,
            complete: false,
            truncated: None,
            object: 0,
            in_properties: false,
            in_common: false,
            directories: 0,
            field: None,
            encoded: false,
            buffer: String::new(),
            key: None,
            size: None,
            modified: None,
            etag: None,
            class: 0,
            is_directory: false,
        }
    }

    fn start(&mut self, name: &[u8], encoded: bool) -> Result<(), NotAListing> {
        let (root, object): (&[u8], &[u8]) = match self.dialect {
            Dialect::S3 => (b"ListBucketResult", b"Contents"),
            Dialect::Azure => (b"EnumerationResults", b"Blob"),
        };
        if self.complete {
            return Err(NotAListing("another document follows upon it".into()));
        }
        if self.depth == 0 && name != root {
            return Err(NotAListing(format!("it begins with <{}>", String::from_utf8_lossy(name))));
        }
        self.depth += 1;
        if self.object == 0 && name == object {
            self.object = self.depth;
        }
        // What stands deeper, or beside them, is told of something else.
        let below = self.depth - self.object;
        let is_own = self.object > 0 && below == 1;
        let is_property = self.object > 0 && below == 2 && self.in_properties;
        self.in_properties |= is_own && name == b"Properties";
        if self.object == 0 && self.puts_together(name) && !self.in_common {
            (self.in_common, self.directories) = (true, self.page.directories.len());
        }
        self.field = match (self.dialect, name) {
            (Dialect::S3, b"Key") | (Dialect::Azure, b"Name") if is_own => Some(Field::Key),
            (Dialect::S3, b"Size") if is_own => Some(Field::Size),
            (Dialect::S3, b"LastModified") if is_own => Some(Field::Modified),
            (Dialect::S3, b"ETag") if is_own => Some(Field::Etag),
            (Dialect::S3, b"StorageClass") if is_own => Some(Field::Class),
            (Dialect::Azure, b"Content-Length") if is_property => Some(Field::Size),
            (Dialect::Azure, b"Last-Modified") if is_property => Some(Field::Modified),
            (Dialect::Azure, b"Etag") if is_property => Some(Field::Etag),
            (Dialect::Azure, b"AccessTier") if is_property => Some(Field::Class),
            (Dialect::Azure, b"ResourceType") if is_property => Some(Field::ResourceType),
            _ if self.object > 0 => None,
            (Dialect::S3, b"NextContinuationToken") | (Dialect::Azure, b"NextMarker") => Some(Field::Next),
            (Dialect::S3, b"IsTruncated") => Some(Field::Truncated),
            (Dialect::S3, b"Prefix") | (Dialect::Azure, b"Name") if self.in_common => Some(Field::Directory),
            _ => None,
        };
        self.encoded = encoded;
        self.buffer.clear();
        Ok(())
    }

    /// Whether an element tells of keys that a listing by a delimiter has put together.
    fn puts_together(&self, name: &[u8]) -> bool {
        match self.dialect {
            Dialect::S3 => name == b"CommonPrefixes",
            Dialect::Azure => name == b"BlobPrefix",
        }
    }

    fn end(&mut self, name: &[u8]) -> Result<(), NotAListing> {
        self.depth -= 1;
        self.complete |= self.depth == 0;
        let text = self.buffer.as_str();
        match self.field.take() {
            Some(Field::Key) => {
                let key = decoded(text, self.encoded)?;
                self.key = Some(self.page.store(&key));
            }
            Some(Field::Size) => self.size = size(text),
            Some(Field::Modified) => self.modified = modified(text),
            Some(Field::Etag) => self.etag = Some(self.page.store(text)),
            Some(Field::Class) => {
                let name = text.trim();
                self.class = if name.is_empty() { 0 } else { self.page.class(name) };
            }
            Some(Field::ResourceType) => self.is_directory = text.trim() == "directory",
            Some(Field::Directory) => self.page.directories.push(decoded(text, self.encoded)?.into_owned()),
            Some(Field::Next) => self.page.next = Some(text.to_owned()).filter(|token| !token.is_empty()),
            Some(Field::Truncated) => {
                self.truncated = match text.trim() {
                    "true" => Some(true),
                    "false" => Some(false),
                    other => return Err(NotAListing(format!("it is truncated: {other:?}"))),
                };
            }
            None => {}
        }
        if self.puts_together(name)
            && std::mem::take(&mut self.in_common)
            && self.page.directories.len() == self.directories
        {
            return Err(NotAListing("a directory has no name".into()));
        }
        if self.object > 0 {
            let below = self.depth + 1 - self.object;
            self.in_properties &= below > 1;
            if below == 0 {
                self.object = 0;
                return self.object();
            }
        }
        Ok(())
    }

    /// Whether an object may follow, of which nothing has been read.
    fn is_between_objects(&self) -> bool {
        self.dialect == Dialect::S3 && self.depth == 1 && self.object == 0 && !self.in_common
    }

    fn object(&mut self) -> Result<(), NotAListing> {
        let (etag, class) = (self.etag.take(), std::mem::take(&mut self.class));
        let is_directory = std::mem::take(&mut self.is_directory);
        match (self.key.take(), self.size.take(), self.modified.take()) {
            (Some(_), _, _) if is_directory => Ok(()),
            (Some(key), Some(size), Some(modified)) => {
                self.page.objects.push(Object { key, etag, size, modified, outside: false, class });
                Ok(())
            }
            (key, ..) => {
                let key = key.map(|key| &self.page.text[key]);
                Err(NotAListing(format!("object {key:?} lacks its key, size or time")))
            }
        }
    }

    fn finish(mut self) -> Result<Page, NotAListing> {
        if !self.complete {
            return Err(NotAListing("it is cut off".into()));
        }
        match (self.dialect, self.truncated) {
            (Dialect::S3, Some(true)) if self.page.next.is_none() => {
                Err(NotAListing("it is truncated, but there is no token for the rest".into()))
            }
            // Only a clear word ends a listing: what a page leaves out would be taken for gone.
            (Dialect::S3, None) if self.page.next.is_none() => {
                Err(NotAListing("it does not say whether it is truncated".into()))
            }
            (Dialect::S3, Some(false)) => {
                self.page.next = None;
                Ok(self.page)
            }
            (Dialect::S3, Some(true) | None) | (Dialect::Azure, _) => Ok(self.page),
        }
    }
}

pub(super) fn size(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

pub(super) fn modified(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    Timestamp::parse_rfc3339(text).or_else(|| Timestamp::parse_http(text))
}

/// Azure percent-encodes a name that XML cannot hold.
fn decoded(text: &str, encoded: bool) -> Result<Cow<'_, str>, NotAListing> {
    if !encoded {
        return Ok(text.into());
    }
    let decoded = percent_encoding::percent_decode_str(text).decode_utf8();
    decoded.map_err(|_| NotAListing("a name that is not UTF-8".into()))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use proptest::prelude::*;

    fn s3(contents: &str, rest: &str) -> String {
        format!(
            r#"<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name><Prefix>p</Prefix><IsTruncated>false</IsTruncated>{contents}{rest}</ListBucketResult>"#
        )
    }

    fn object(key: &str) -> String {
        format!(
            "<Contents><Key>{key}</Key><LastModified>2026-11-21T00:00:00.000Z</LastModified><ETag>&quot;0&#x30;&quot;</ETag><ChecksumAlgorithm>CRC64NVME</ChecksumAlgorithm><Size>71</Size><Owner><ID>x</ID></Owner><StorageClass>STANDARD</StorageClass></Contents>"
        )
    }

    fn keys(page: &Page) -> Vec<&str> {
        page.entries().map(|entry| entry.key).collect()
    }

    #[test]
    fn any_key_is_listed_as_it_is() {
        let body = s3(
            &[object("/lead"), object("a//b"), object("../x"), object("a&#x9;&amp;b"), object("d/"), object(" s ")]
                .concat(),
            "",
        );
        let page = parse(body.as_bytes(), Dialect::S3).unwrap();
        assert_eq!(keys(&page), ["/lead", "a//b", "../x", "a\t&b", "d/", " s "]);
        let first = page.entries().next().unwrap();
        assert_eq!((first.size, first.etag), (71, Some("\"00\"")));
        assert_eq!(page.entries_with_class().next().unwrap().1, Some("STANDARD"));
        assert_eq!(first.modified.to_rfc3339(), "2026-11-21T00:00:00Z");
        assert_eq!(page.next, None);
    }

    /// Pieces of listings, as they are and as they should not be.
    fn piece() -> impl Strategy<Value = String> {
        let element = |name: &'static str| {
            let text = prop_oneof![
                6 => prop::sample::select(vec![
                    "71", "k", "a/b", "2026-11-21T00:00:00.000Z", "Sat, 21 Nov 2026 17:14:30 GMT", "&quot;e&quot;", "GLACIER",
                ]).prop_map(str::to_owned),
                1 => prop::sample::select(vec![
                    "", " ", "&#x9;", "&amp;", "&none;", "&", "a>b", "]]>", "<!-- c -->x", "<![CDATA[c]]>", "<b/>", "<b>c</b>",
                    "&quot;", "&quot;&quot;", "&quot;a&amp;b&quot;", "&quot;\r\n&quot;", "&quot;e", "&quot; ]]> &quot;",
                    "<ID>i</ID>", "<ID>i<b>c<d>e</d></b></ID>", "<b", "\u{e9}", "\r\n", "<?p?>",
                ]).prop_map(str::to_owned),
            ];
            text.prop_map(move |text| format!("<{name}>{text}</{name}>"))
        };
        let odd = prop::sample::select(vec![
            "\n  ",
            "<Key/>",
            "<Key >k</Key>",
            "<Key>k</Key >",
            "<x:Key>k</x:Key>",
            "<Key a='>'>k</Key>",
            "text",
            "&lt;",
            "<",
            "</Contents>",
            "<Contents>",
            "<!-- <Key>k</Key> -->",
            "<Owner><Key>o</Key></Owner>",
            "<Size>+5</Size>",
            "<>k</>",
        ]);
        prop_oneof![
            8 => prop::sample::select(vec!["Key", "Size", "LastModified", "ETag", "StorageClass", "Owner"]).prop_flat_map(element),
            1 => odd.prop_map(str::to_owned),
        ]
    }

    fn some_object() -> impl Strategy<Value = String> {
        let whole = Just("<Key>k</Key><Size>71</Size><LastModified>2026-11-21T00:00:00.000Z</LastModified>".to_owned());
        let inner = prop::collection::vec(prop_oneof![whole, piece()], 0..6);
        let space = prop::sample::select(vec!["", "", " ", "\n\t", "\u{a0}", "<!---->"]);
        (inner, space).prop_map(|(inner, space)| format!("{space}<Contents>{}</Contents>", inner.concat()))
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

        /// The one thing that `flat` must hold.
        #[test]
        fn what_is_read_in_one_go_is_what_xml_says(
            objects in prop::collection::vec(prop_oneof![3 => Just(object("a/b")), 2 => some_object()], 0..5),
            cut in 0_usize..40,
            at: prop::sample::Index,
            byte in prop::sample::select(vec![0xff_u8, 0, b'<', b'&']),
        ) {
            let body = s3(&objects.concat(), "<CommonPrefixes><Prefix>d/</Prefix></CommonPrefixes>");
            let mut damaged = body.clone().into_bytes();
            let at = at.index(damaged.len());
            damaged[at] = byte;
            for text in [body.as_bytes(), &body.as_bytes()[..body.len().saturating_sub(cut * 10)], &damaged] {
                let both = [true, false].map(|in_one_go| -> Result<_, String> {
                    let (page, _) = read(text, Dialect::S3, in_one_go).map_err(|error| error.to_string())?;
                    let rows: Vec<String> = page.entries_with_class().map(|row| format!("{row:?}")).collect();
                    Ok((rows, page.directories, page.next))
                });
                prop_assert_eq!(&both[0], &both[1], "{}", &String::from_utf8_lossy(text));
            }
        }
    }

    #[test]
    fn usual_objects_are_read_in_one_go() {
        let body = s3(&object("k").repeat(3), "");
        let (page, at_once) = read(body.as_bytes(), Dialect::S3, true).unwrap();
        assert_eq!((keys(&page), at_once), (vec!["k"; 3], 3));
        assert_eq!(page.entries().map(|entry| (entry.size, entry.etag)).collect::<Vec<_>>(), [(71, Some("\"00\"")); 3]);
        let spaced = s3(&format!("\n  {}", object("k").replace('<', "\n<").replace("\n</", "</")).repeat(3), "");
        assert_eq!(read(spaced.as_bytes(), Dialect::S3, true).unwrap().1, 3);
        assert_eq!(read(body.as_bytes(), Dialect::S3, false).unwrap().1, 0);
    }

    #[test]
    fn incomplete_listing_is_no_listing() {
        let whole = s3(&object("k"), "");
        for end in 0..whole.len() {
            assert!(parse(&whole.as_bytes()[..end], Dialect::S3).is_err(), "{}", &whole[..end]);
        }
        let twice =
            parse(whole.repeat(2).replace("<?xml version=\"1.0\" encoding=\"UTF-8\"?>", "").as_bytes(), Dialect::S3);
        assert!(twice.unwrap_err().to_string().contains("another document"), "the second may be cut off");
        let no_size = whole.replace("<Size>71</Size>", "");
        assert!(
            parse(no_size.as_bytes(), Dialect::S3).unwrap_err().to_string().contains("lacks its key, size or time")
        );
        let lost_token = whole.replace("<IsTruncated>false", "<IsTruncated>true");
        assert!(parse(lost_token.as_bytes(), Dialect::S3).unwrap_err().to_string().contains("no token"));
        let unsaid = whole.replace("<IsTruncated>false</IsTruncated>", "");
        assert!(parse(unsaid.as_bytes(), Dialect::S3).unwrap_err().to_string().contains("does not say"));
        let odd = whole.replace(">false<", ">True<");
        assert!(parse(odd.as_bytes(), Dialect::S3).unwrap_err().to_string().contains("True"));
        assert!(parse(b"<html></html>", Dialect::S3).unwrap_err().to_string().contains("begins with <html>"));
        assert!(parse(b"<Error><Code>SlowDown</Code></Error>", Dialect::S3).is_err());
    }

    #[test]
    fn reason_is_short_whatever_the_answer_is() {
        let long = "x".repeat(1 << 20);
        for body in [format!("<{long}/>"), format!("<ListBucketResult></{long}>")] {
            let error = parse(body.as_bytes(), Dialect::S3).unwrap_err().to_string();
            assert!(error.len() < 400, "{}", error.len());
        }
    }

    #[test]
    fn goes_on_where_the_page_was_truncated() {
        let body = s3(&object("k"), "<NextContinuationToken>a&amp;b</NextContinuationToken>").replace("false", "true");
        assert_eq!(parse(body.as_bytes(), Dialect::S3).unwrap().next.as_deref(), Some("a&b"));
        let unsaid = body.replace("<IsTruncated>true</IsTruncated>", "");
        assert_eq!(parse(unsaid.as_bytes(), Dialect::S3).unwrap().next.as_deref(), Some("a&b"));
    }

    /// What names something else must neither hide an object nor change it.
    #[test]
    fn only_what_stands_in_its_place_is_about_an_object() {
        let owner = "<Owner><Key>other</Key><Size>1</Size><Contents><Key>x</Key></Contents></Owner>";
        let body = s3(&object("k").replace("</Contents>", &format!("{owner}</Contents>")), "");
        let page = parse(body.as_bytes(), Dialect::S3).unwrap();
        assert_eq!((keys(&page), page.entries().next().unwrap().size), (vec!["k"], 71));
        let blob = |more: &str| {
            format!(
                "<EnumerationResults><Blobs><Blob><Name>k</Name><Properties><Last-Modified>Sat, 21 Nov 2026 17:14:30 GMT\
                 </Last-Modified><Content-Length>71</Content-Length>{more}</Properties><Metadata><Name>m</Name>\
                 <ResourceType>directory</ResourceType><Content-Length>1</Content-Length></Metadata></Blob></Blobs>\
                 <NextMarker/></EnumerationResults>"
            )
        };
        let nested = "<Properties><ResourceType>directory</ResourceType></Properties>";
        for more in ["", nested] {
            let page = parse(blob(more).as_bytes(), Dialect::Azure).unwrap();
            assert_eq!((keys(&page), page.entries().next().unwrap().size), (vec!["k"], 71));
        }
        let page = parse(blob("<ResourceType>directory</ResourceType>").as_bytes(), Dialect::Azure).unwrap();
        assert!(page.is_empty());
    }

    #[test]
    fn directory_without_a_name_is_no_listing() {
        for prefix in ["", "<Prefix>a<b/></Prefix>", "<Owner/>"] {
            let body = s3("", &format!("<CommonPrefixes>{prefix}</CommonPrefixes>"));
            let error = parse(body.as_bytes(), Dialect::S3).unwrap_err();
            assert!(error.to_string().contains("has no name"), "{prefix}: {error}");
        }
    }

    #[test]
    fn what_a_delimiter_puts_together_is_told() {
        let body = s3(
            &object("a/k"),
            "<CommonPrefixes><Prefix>a/x&amp;y/</Prefix></CommonPrefixes><CommonPrefixes><Prefix>a/z/</Prefix></CommonPrefixes>",
        );
        let mut page = parse(body.as_bytes(), Dialect::S3).unwrap();
        assert_eq!(page.directories, ["a/x&y/", "a/z/"], "not the prefix that was asked for");
        page.relative_to("a/").unwrap();
        assert_eq!((keys(&page), &page.directories[..]), (vec!["k"], &["x&y/".to_owned(), "z/".to_owned()][..]));
        assert!(page.relative_to("b/").is_err());
    }

    #[test]
    fn reads_azure_and_skips_its_directories() {
        let blob = |name: &str, kind: &str| {
            format!(
                "<Blob><Name{name}</Name><Properties><Last-Modified>Sat, 21 Nov 2026 00:00:00 GMT</Last-Modified><Etag>0x8D</Etag><Content-Length>5</Content-Length>{kind}</Properties><OrMetadata/></Blob>"
            )
        };
        let body = format!(
            "\u{feff}<?xml version=\"1.0\"?><EnumerationResults ServiceEndpoint=\"x\" ContainerName=\"c\"><Prefix>/d</Prefix><Blobs>{}{}{}</Blobs><NextMarker>m</NextMarker></EnumerationResults>",
            blob(">/docker/x", ""),
            blob(" Encoded=\"true\">a%EF%BF%BE", ""),
            blob(">dir", "<ResourceType>directory</ResourceType>"),
        );
        let page = parse(body.as_bytes(), Dialect::Azure).unwrap();
        assert_eq!(keys(&page), ["/docker/x", "a\u{fffe}"]);
        assert_eq!(page.next.as_deref(), Some("m"));
    }
}
