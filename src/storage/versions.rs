//! Listing what a versioned bucket of S3 keeps of what was deleted or written over.

use super::backend::Backend;
use super::cloud::Cloud;
use super::signed::IN_QUERIES;
use super::store_keeps::granted;
use super::xml::Element;
use crate::collect::versions::Version;
use crate::error::{Error, ErrorKind, Result};
use crate::model::Timestamp;
use futures::stream::{self, BoxStream, StreamExt};
use percent_encoding::utf8_percent_encode;

/// How often a page is asked for that cannot be understood.
const TRIES: u32 = 3;
/// The permission that it takes.
pub const TO_LIST: &str = "s3:ListBucketVersions";

/// All versions and delete markers below a prefix, page by page, by key, within a key the newest first. None where the
/// store has no such listing.
pub(super) fn below(cloud: &Cloud, prefix: &str) -> Option<BoxStream<'static, Result<Vec<Version>>>> {
    let (Backend::S3(_), Some(_)) = (&cloud.backend, &cloud.signed) else { return None };
    let (cloud, prefix) = (cloud.clone(), prefix.to_owned());
    let pages = stream::try_unfold(Some(None), move |at: Option<Option<Marker>>| {
        let (cloud, prefix) = (cloud.clone(), prefix.clone());
        async move {
            let Some(after) = at else { return Ok(None) };
            let page = page(&cloud, &prefix, after.as_ref()).await;
            let page = page.and_then(|page| match &page.next {
                Some(next) if !goes_on(after.as_ref(), next) => Err("the store's listing does not go on".into()),
                _ => Ok(page),
            });
            let page = page.map_err(|why| failed(&prefix, &why))?;
            Ok(Some((page.versions, page.next.map(Some))))
        }
    });
    Some(pages.boxed())
}

/// Whether the next page is another, and of no earlier key: pages without versions would lead in a circle for ever.
fn goes_on(after: Option<&Marker>, next: &Marker) -> bool {
    after.is_none_or(|after| next != after && next.0 >= after.0)
}

fn failed(prefix: &str, why: &str) -> Error {
    let is_denied = why.contains(TO_LIST);
    let kind = if is_denied { ErrorKind::Permission } else { ErrorKind::Unreachable };
    let error = Error::new(kind, "list old versions").on(prefix).because(why);
    if is_denied { error.next(format!("allow {TO_LIST} on the bucket")) } else { error.next("run again later") }
}

async fn page(cloud: &Cloud, prefix_below: &str, after: Option<&Marker>) -> std::result::Result<Page, String> {
    let Some(signed) = &cloud.signed else { return Err("there is no way to ask".into()) };
    let encoded = |text: &str| utf8_percent_encode(text, IN_QUERIES).to_string();
    let (key, id) = after.map_or_else(Default::default, |(key, id)| {
        (format!("&key-marker={}", encoded(key)), format!("&version-id-marker={}", encoded(id)))
    });
    let prefix = encoded(&format!("{}{prefix_below}", cloud.prefix));
    // Signed is what is in order.
    let query = format!("?encoding-type=url{key}&prefix={prefix}{id}&versions=");
    let mut tries = 1;
    let mut page = loop {
        let reply = granted(signed.get_page(&query).await, TO_LIST)?;
        match read(&reply.body) {
            Some(page) => break page,
            // It may have broken off: reading is safe to repeat.
            None if tries < TRIES => tries += 1,
            None => return Err("the store's answer is not understood".into()),
        }
    };
    for version in &mut page.versions {
        let below = version.key.strip_prefix(&cloud.prefix).filter(|below| below.starts_with(prefix_below));
        version.key = below.ok_or("the store tells of versions that were not asked for")?.to_owned();
    }
    Ok(page)
}

/// Key and id after which the next page begins.
type Marker = (String, String);

/// A page of versions.
#[derive(Debug, PartialEq, Eq)]
pub struct Page {
    /// The versions and markers, in the order of the answer.
    pub versions: Vec<Version>,
    /// Where the next page begins.
    pub next: Option<Marker>,
}

/// Reads `ListVersionsResult`. An answer that does not say whether it is the last page is none: what comes after it may
/// be what a marker hides.
#[must_use]
pub fn read(body: &[u8]) -> Option<Page> {
    let root = Element::parse(body).filter(|root| root.name.starts_with("ListVersions"))?;
    let is_encoded = root.text_of("EncodingType") == Some("url");
    let text = |element: &Element, name: &str| {
        let text = &element.child(name)?.text;
        if !is_encoded {
            return Some(text.clone());
        }
        // S3 writes a space as a plus sign, and a plus sign as %2B.
        let text = text.replace('+', " ");
        percent_encoding::percent_decode_str(&text).decode_utf8().ok().map(Into::into)
    };
    let mut versions = Vec::new();
    for child in &root.children {
        let is_marker = match child.name.as_str() {
            "Version" => false,
            "DeleteMarker" => true,
            _ => continue,
        };
        versions.push(Version {
            key: text(child, "Key")?,
            id: child.text_of("VersionId").filter(|id| !id.is_empty())?.into(),
            is_latest: match child.text_of("IsLatest")? {
                "true" => true,
                "false" => false,
                _ => return None,
            },
            is_marker,
            modified: Timestamp::parse_rfc3339(child.text_of("LastModified")?)?,
            size: if is_marker { 0 } else { child.number_of("Size")? },
            storage_class: child.text_of("StorageClass").filter(|class| !class.is_empty()).map(Into::into),
        });
    }
    let next = match root.text_of("IsTruncated")? {
        "true" => {
            let key = text(&root, "NextKeyMarker").filter(|key| !key.is_empty())?;
            Some((key, root.text_of("NextVersionIdMarker").unwrap_or_default().to_owned()))
        }
        "false" => None,
        _ => return None,
    };
    Some(Page { versions, next })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn answer(inside: &str) -> Option<Page> {
        read(format!("<?xml version=\"1.0\"?><ListVersionsResult xmlns=\"u\">{inside}</ListVersionsResult>").as_bytes())
    }

    const LAST: &str = "<IsTruncated>false</IsTruncated>";
    const OBJECT: &str = "<Version><Key>a%2Fb+c%2B</Key><VersionId>x</VersionId><IsLatest>false</IsLatest>\
         <LastModified>2026-11-21T00:00:00.000Z</LastModified><ETag>\"e\"</ETag><Size>7</Size></Version>";
    const MARKER: &str = "<DeleteMarker><Key>a</Key><VersionId>null</VersionId><IsLatest>true</IsLatest>\
         <LastModified>2026-11-22T00:00:00Z</LastModified></DeleteMarker>";

    #[test]
    fn versions_and_markers_keep_the_order_of_the_answer() {
        let page = answer(&format!("<EncodingType>url</EncodingType>{LAST}{MARKER}{OBJECT}")).unwrap();
        let [marker, version] = page.versions.try_into().unwrap();
        let time = |text| Timestamp::parse_rfc3339(text).unwrap();
        assert_eq!((marker.is_marker, marker.is_latest, &*marker.id, marker.size), (true, true, "null", 0));
        assert_eq!(marker.modified, time("2026-11-22T00:00:00Z"));
        assert_eq!((version.key.as_str(), version.is_latest, version.size), ("a/b c+", false, 7));
        assert_eq!(page.next, None);
    }

    #[test]
    fn key_is_taken_as_it_is_where_the_store_does_not_encode() {
        let page = answer(&format!("{LAST}{OBJECT}")).unwrap();
        assert_eq!(page.versions[0].key, "a%2Fb+c%2B");
    }

    #[test]
    fn next_page_begins_after_key_and_version() {
        let markers = "<NextKeyMarker>k </NextKeyMarker><NextVersionIdMarker>i</NextVersionIdMarker>";
        let page = answer(&format!("<IsTruncated>true</IsTruncated>{markers}")).unwrap();
        assert_eq!(page.next, Some(("k ".to_owned(), "i".to_owned())));
    }

    #[test]
    fn listing_that_comes_back_does_not_go_on() {
        let marker = |key: &str, id: &str| (key.to_owned(), id.to_owned());
        assert!(goes_on(None, &marker("a", "1")));
        assert!(goes_on(Some(&marker("a", "1")), &marker("a", "2")));
        assert!(goes_on(Some(&marker("a", "1")), &marker("b", "1")));
        assert!(!goes_on(Some(&marker("a", "1")), &marker("a", "1")));
        assert!(!goes_on(Some(&marker("b", "1")), &marker("a", "2")));
    }

    #[test]
    fn what_is_cut_off_or_lacks_something_is_no_answer() {
        let whole = format!("<ListVersionsResult>{LAST}{OBJECT}</ListVersionsResult>");
        assert!(read(whole.as_bytes()).is_some());
        assert!(read(&whole.as_bytes()[..whole.len() - 4]).is_none());
        assert!(read(b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>").is_none());
        assert!(answer(OBJECT).is_none(), "whether there is more is not said");
        assert!(answer("<IsTruncated>true</IsTruncated>").is_none());
        for lacks in ["<VersionId>x</VersionId>", "<IsLatest>false</IsLatest>", "<Size>7</Size>"] {
            assert!(answer(&format!("{LAST}{}", OBJECT.replace(lacks, ""))).is_none(), "{lacks}");
        }
    }
}
