//! Answers to listing requests: one that is cut off is none, no object in one is overlooked, and any key comes back as it
//! is.

use super::text;
use regsweep::collect::entry::Entry;
use regsweep::storage::page::{self, Dialect, Page};
use regsweep::storage::xml::Element;

/// Any bytes as an answer of either kind.
pub fn check(data: &[u8]) {
    for dialect in [Dialect::S3, Dialect::Azure] {
        match page::parse(data, dialect) {
            Ok(page) => {
                cut(data, dialect, &page);
                in_pieces(data, dialect, &page);
                assert_eq!(objects(data, dialect).unwrap_or(page.len()), page.len(), "an object is overlooked");
                written(&page, dialect);
                relative(page);
            }
            Err(why) => text::is_for_people(&why.to_string()),
        }
    }
}

type Row<'a> = (&'a str, u64, i64, Option<&'a str>);

fn row(entry: Entry<'_>) -> Row<'_> {
    (entry.key, entry.size, entry.modified.as_nanos(), entry.etag)
}

fn rows(page: &Page) -> (Vec<Row<'_>>, &[String], Option<&str>) {
    let rows: Vec<Row<'_>> = page.entries().map(row).collect();
    assert!(rows.len() == page.len() && rows.is_empty() == page.is_empty());
    (rows, &page.directories, page.next.as_deref())
}

/// What is left out at the end would be taken for gone.
fn cut(data: &[u8], dialect: Dialect, page: &Page) {
    let place = text::place(data);
    let tags = data[..place].iter().rposition(|byte| *byte == b'<').unwrap_or_default();
    for end in [place, tags, data.len() - 1] {
        if let Ok(other) = page::parse(&data[..end], dialect) {
            assert_eq!(rows(&other), rows(page), "cut off at {end}, it is another listing");
        }
    }
}

/// A comment makes the XML reader read an object that would be read in one go, and changes nothing.
fn in_pieces(data: &[u8], dialect: Dialect, page: &Page) {
    let Ok(body) = std::str::from_utf8(data) else { return };
    if dialect == Dialect::S3 && !body.contains("<!") {
        let other = page::parse(body.replace("<Contents>", "<Contents><!---->").as_bytes(), dialect).unwrap();
        assert_eq!(rows(&other), rows(page), "in pieces it is another");
        let classes =
            |page: &Page| page.entries_with_class().map(|(_, class)| class.map(str::to_owned)).collect::<Vec<_>>();
        assert_eq!(classes(&other), classes(page));
    }
}

/// How many objects there are in an answer of the usual form, counted in another way.
fn objects(data: &[u8], dialect: Dialect) -> Option<usize> {
    let root = Element::parse(data)?;
    let (within, object) = match dialect {
        Dialect::S3 => (vec![&root], "Contents"),
        Dialect::Azure => (root.children.iter().filter(|child| child.name == "Blobs").collect(), "Blob"),
    };
    let found: Vec<&Element> =
        within.iter().flat_map(|element| &element.children).filter(|child| child.name == object).collect();
    let is_directory = |blob: &Element| {
        let properties = blob.children.iter().filter(|child| child.name == "Properties");
        let kinds = properties.flat_map(|properties| &properties.children);
        kinds.filter(|child| child.name == "ResourceType").any(|kind| kind.text.trim() == "directory")
    };
    // One within another, or elsewhere, is no usual form.
    let is_usual = count(&root, object) == found.len();
    is_usual.then(|| found.into_iter().filter(|blob| dialect == Dialect::S3 || !is_directory(blob)).count())
}

fn count(element: &Element, name: &str) -> usize {
    usize::from(element.name == name) + element.children.iter().map(|child| count(child, name)).sum::<usize>()
}

fn written(page: &Page, dialect: Dialect) {
    let mut objects = String::new();
    for entry in page.entries() {
        let (key, modified) = (text::escaped(entry.key), entry.modified.to_rfc3339());
        let tag =
            |name: &str| entry.etag.map_or_else(String::new, |tag| format!("<{name}>{}</{name}>", text::escaped(tag)));
        objects += &match dialect {
            Dialect::S3 => format!(
                "<Contents><Key>{key}</Key><LastModified>{modified}</LastModified>{}<Size>{}</Size></Contents>",
                tag("ETag"),
                entry.size
            ),
            Dialect::Azure => format!(
                "<Blob><Name>{key}</Name><Properties><Last-Modified>{modified}</Last-Modified>{}<Content-Length>{}\
                 </Content-Length></Properties></Blob>",
                tag("Etag"),
                entry.size
            ),
        };
    }
    for directory in &page.directories {
        let name = text::escaped(directory);
        objects += &match dialect {
            Dialect::S3 => format!("<CommonPrefixes><Prefix>{name}</Prefix></CommonPrefixes>"),
            Dialect::Azure => format!("<BlobPrefix><Name>{name}</Name></BlobPrefix>"),
        };
    }
    let next = page.next.as_deref().map(text::escaped);
    let body = match dialect {
        Dialect::S3 => format!(
            "<ListBucketResult><IsTruncated>{}</IsTruncated>{objects}<NextContinuationToken>{}</NextContinuationToken>\
             </ListBucketResult>",
            next.is_some(),
            next.as_deref().unwrap_or_default()
        ),
        Dialect::Azure => format!(
            "<EnumerationResults><Blobs>{objects}</Blobs><NextMarker>{}</NextMarker></EnumerationResults>",
            next.as_deref().unwrap_or_default()
        ),
    };
    let again = page::parse(body.as_bytes(), dialect).unwrap();
    assert_eq!(rows(&again), rows(page), "written anew it is another");
    let end = text::place(body.as_bytes());
    assert!(page::parse(&body.as_bytes()[..end], dialect).is_err(), "cut off at {end}: {body}");
}

/// Only what was asked for is taken.
fn relative(page: Page) {
    let prefix = page.entries().next().map_or("", |entry| entry.key).chars().take(2).collect::<String>();
    let keys: Vec<String> = page.entries().map(|entry| entry.key.to_owned()).collect();
    let directories = page.directories.clone();
    let mut cut = page;
    let result = cut.relative_to(&prefix);
    assert_eq!(result.is_ok(), keys.iter().chain(&directories).all(|key| key.starts_with(&prefix)));
    match result {
        Ok(()) => {
            cut.retain(|key| !key.ends_with('/'));
            let rest = keys.iter().filter_map(|key| key.strip_prefix(&prefix)).filter(|key| !key.ends_with('/'));
            assert!(rest.eq(cut.entries().map(|entry| entry.key)));
            assert!(directories.iter().filter_map(|key| key.strip_prefix(&prefix)).eq(&cut.directories));
        }
        Err(why) => text::is_for_people(&why.to_string()),
    }
}
