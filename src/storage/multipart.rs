//! Asking S3 for incomplete multipart uploads, which no listing shows. Nobody has to let it be found out: whatever fails
//! here is told as not known, and fails no run.
//!
//! Elsewhere there is nothing to ask for: what a registry leaves behind on GCS (a resumable upload) or on Azure (blocks that
//! no list names) the store itself lets go after a week.

use super::backend::Backend;
use super::cloud::Cloud;
use super::signed::{IN_QUERIES, Reply, Signed};
use super::store_keeps::granted;
use super::xml::Element;
use crate::collect::multipart::{Multipart, Multiparts, Parts};
use crate::layout::{self, StorageKey};
use crate::model::Timestamp;
use futures::{StreamExt, stream};
use http::StatusCode;
use percent_encoding::utf8_percent_encode;
use std::sync::OnceLock;

/// Asks for all below the root, and what there is of each.
pub(super) async fn below(cloud: &Cloud, concurrency: usize) -> Multiparts {
    let (Backend::S3(_), Some(signed)) = (&cloud.backend, &cloud.signed) else { return Multiparts::None };
    match all(cloud, signed, concurrency).await {
        Ok(all) => Multiparts::Known(all),
        Err(why) => Multiparts::NotKnown(why),
    }
}

async fn all(cloud: &Cloud, signed: &Signed, concurrency: usize) -> Result<Vec<Multipart>, String> {
    let (mut all, mut markers) = (Vec::new(), None);
    // Where one may not be looked at, no other may.
    let denied = OnceLock::new();
    loop {
        let page = page(cloud, signed, markers.as_ref()).await?;
        let looks: Vec<_> = page.begun.into_iter().map(|begun| with_parts(cloud, signed, begun, &denied)).collect();
        let found: Vec<Option<Multipart>> = stream::iter(looks).buffered(concurrency.max(1)).collect().await;
        all.extend(found.into_iter().flatten());
        match page.next {
            None => return Ok(all),
            Some(next) if Some(&next) == markers.as_ref() => return Err("the store's listing does not go on".into()),
            Some(next) => markers = Some(next),
        }
    }
}

async fn page(cloud: &Cloud, signed: &Signed, after: Option<&(String, String)>) -> Result<Page, String> {
    let encoded = |text: &str| utf8_percent_encode(text, IN_QUERIES).to_string();
    // Signed is what is in order.
    let after =
        after.map(|(key, id)| (format!("key-marker={}&", encoded(key)), format!("&upload-id-marker={}", encoded(id))));
    let (key, id) = after.unwrap_or_default();
    let prefix = encoded(&format!("{}{}", cloud.prefix, layout::V2));
    let reply = signed.get(&format!("?{key}prefix={prefix}{id}&uploads=")).await;
    let reply = granted(reply, "s3:ListBucketMultipartUploads")?;
    let mut page = begun(&reply.body).ok_or("the store's answer is not understood")?;
    for (key, ..) in &mut page.begun {
        let below = key.strip_prefix(&cloud.prefix).ok_or("the store tells of uploads that were not asked for")?;
        *key = below.to_owned();
    }
    Ok(page)
}

/// Looks at the parts; nothing if the upload is gone by now. Of what is of no shape that a registry writes the parts do not
/// matter: it stays.
async fn with_parts(
    cloud: &Cloud,
    signed: &Signed,
    (key, id, initiated): Begun,
    denied: &OnceLock<String>,
) -> Option<Multipart> {
    let is_known = matches!(StorageKey::parse(&key), StorageKey::Upload { .. } | StorageKey::Blob(_));
    let parts = if !is_known || layout::is_unaddressable(&key) {
        Parts::NotKnown("no registry writes this key".into())
    } else if let Some(why) = denied.get() {
        Parts::NotKnown(why.as_str().into())
    } else {
        match of(cloud, signed, &key, &id).await {
            Ok(parts) => parts?,
            Err(why) => Parts::NotKnown(denied.get_or_init(|| why).as_str().into()),
        }
    };
    Some(Multipart { key, id, initiated, parts })
}

/// The parts of one upload; nothing if it is gone.
///
/// # Errors
/// Why they are not known, in words.
pub(super) async fn of(cloud: &Cloud, signed: &Signed, key: &str, id: &str) -> Result<Option<Parts>, String> {
    let (mut bytes, mut newest, mut after) = (0_u64, None, None);
    loop {
        let marker = after.map(|after: u64| format!("part-number-marker={after}&")).unwrap_or_default();
        let query = format!("?{marker}uploadId={}", utf8_percent_encode(id, IN_QUERIES));
        let reply = signed.get_of(&format!("{}{key}", cloud.prefix), &query).await;
        if reply.as_ref().is_ok_and(|reply: &Reply| reply.status == StatusCode::NOT_FOUND) {
            return Ok(None);
        }
        let reply = granted(reply, "s3:ListMultipartUploadParts")?;
        let page = parts(&reply.body).ok_or("the store's answer is not understood")?;
        bytes = bytes.saturating_add(page.bytes);
        newest = newest.max(page.newest);
        match page.next {
            None => return Ok(Some(Parts::Known { bytes, newest })),
            Some(next) if after.is_some_and(|after| next <= after) => {
                return Err("the store's listing does not go on".into());
            }
            Some(next) => after = Some(next),
        }
    }
}

/// Key, id and beginning of an upload.
type Begun = (String, Box<str>, Timestamp);

/// A page of uploads.
#[derive(Debug, PartialEq, Eq)]
pub struct Page {
    /// The uploads.
    pub begun: Vec<Begun>,
    /// Where the next page begins.
    pub next: Option<(String, String)>,
}

/// Reads `ListMultipartUploadsResult`. Some S3 servers answer any question about a bucket with its listing: that is none.
#[must_use]
pub fn begun(body: &[u8]) -> Option<Page> {
    let root = Element::parse(body).filter(|root| root.name == "ListMultipartUploadsResult")?;
    let uploads = root.children.iter().filter(|child| child.name == "Upload");
    let begun = uploads.map(|upload| {
        // A key is what it is, spaces at its ends as well.
        let key = upload.child("Key")?.text.clone();
        let initiated = Timestamp::parse_rfc3339(upload.text_of("Initiated")?)?;
        Some((key, upload.text_of("UploadId")?.into(), initiated))
    });
    let begun = begun.collect::<Option<Vec<_>>>()?;
    let next = match root.text_of("IsTruncated") {
        Some("true") => {
            let id = root.text_of("NextUploadIdMarker").unwrap_or_default().to_owned();
            Some((root.child("NextKeyMarker").filter(|key| !key.text.is_empty())?.text.clone(), id))
        }
        _ => None,
    };
    Some(Page { begun, next })
}

/// A page of parts.
#[derive(Debug, PartialEq, Eq)]
pub struct PartsPage {
    /// Bytes of the parts.
    pub bytes: u64,
    /// When the newest was written.
    pub newest: Option<Timestamp>,
    /// After which part the next page begins.
    pub next: Option<u64>,
}

/// Reads `ListPartsResult`; emulators name it otherwise.
#[must_use]
pub fn parts(body: &[u8]) -> Option<PartsPage> {
    let root = Element::parse(body).filter(|root| root.name.starts_with("ListParts"))?;
    let mut page = PartsPage { bytes: 0, newest: None, next: None };
    for part in root.children.iter().filter(|child| child.name == "Part") {
        page.bytes = page.bytes.saturating_add(part.number_of("Size")?);
        page.newest = page.newest.max(Some(Timestamp::parse_rfc3339(part.text_of("LastModified")?)?));
    }
    if root.text_of("IsTruncated") == Some("true") {
        page.next = Some(root.number_of("NextPartNumberMarker")?);
    }
    Some(page)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn uploads_are_read_as_stores_write_them_and_nothing_else_is() {
        let upload = "<Upload><UploadId>x+/=</UploadId><Key>a&amp;b </Key><Initiated>2026-11-21T00:00:00.000Z</Initiated>\
                      <Owner><ID>1</ID></Owner></Upload>";
        let answer =
            |inside: &str| format!("<ListMultipartUploadsResult xmlns=\"u\">{inside}</ListMultipartUploadsResult>");
        let time = Timestamp::parse_rfc3339("2026-11-21T00:00:00Z").unwrap();
        let found = ("a&b ".to_owned(), "x+/=".into(), time);
        let whole = answer(&format!("<IsTruncated>false</IsTruncated>{upload}"));
        assert_eq!(begun(whole.as_bytes()), Some(Page { begun: vec![found.clone()], next: None }));
        let markers = "<IsTruncated>true</IsTruncated><NextKeyMarker>k </NextKeyMarker><NextUploadIdMarker>i</NextUploadIdMarker>";
        let first = begun(answer(&format!("{markers}{upload}")).as_bytes()).unwrap();
        assert_eq!((first.begun, first.next), (vec![found], Some(("k ".to_owned(), "i".to_owned()))));
        for wrong in [
            answer("<IsTruncated>true</IsTruncated>"),
            answer("<Upload><Key>a</Key><UploadId>i</UploadId></Upload>"),
            answer("<Upload><Key>a</Key><Initiated>2026-11-21T00:00:00.000Z</Initiated></Upload>"),
            "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>".into(),
            whole[..whole.len() - 3].to_owned(),
        ] {
            assert_eq!(begun(wrong.as_bytes()), None, "{wrong}");
        }
    }

    #[test]
    fn parts_are_added_up_and_the_newest_counts() {
        let part = |size: &str, day: u8| {
            format!("<Part><LastModified>2026-11-{day:02}T00:00:00.000Z</LastModified><Size>{size}</Size></Part>")
        };
        let of = |inside: &str| parts(format!("<ListPartsResult>{inside}</ListPartsResult>").as_bytes());
        let newest = Timestamp::parse_rfc3339("2026-11-09T00:00:00Z");
        let all = [part("1", 8), part("20", 9), part("300", 7)].concat();
        assert_eq!(of(&all), Some(PartsPage { bytes: 321, newest, next: None }));
        assert_eq!(of(""), Some(PartsPage { bytes: 0, newest: None, next: None }));
        let more = "<IsTruncated>true</IsTruncated><NextPartNumberMarker>3</NextPartNumberMarker>";
        assert_eq!(of(&format!("{all}{more}")).unwrap().next, Some(3));
        let huge = [part(&u64::MAX.to_string(), 1), part("1", 1)].concat();
        assert_eq!(of(&huge).unwrap().bytes, u64::MAX);
        for wrong in ["<IsTruncated>true</IsTruncated>", "<Part><Size>1</Size></Part>", &part("x", 1), "<Part/>"] {
            assert_eq!(of(wrong), None, "{wrong}");
        }
        assert_eq!(parts(b"<Error><Code>NoSuchUpload</Code></Error>"), None);
    }
}
