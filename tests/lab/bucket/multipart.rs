//! Incomplete multipart uploads of S3: listing them, listing their parts, aborting them.

use std::fmt::Write as _;
use std::time::SystemTime;

use super::request::Request;
use super::server::Reply;
use super::store::Store;
use super::xml;

/// So many uploads or parts are told at once, unless the bucket's pages are smaller.
const PAGE: usize = 1000;

/// Obeys a request about them; nothing if it is about something else.
pub(super) fn obey(store: &Store, request: &Request) -> Option<Reply> {
    match (request.method.as_str(), request.query("uploads"), request.query("uploadId")) {
        ("GET", Some(_), _) if request.key == "?uploads" => Some(uploads(store, request)),
        ("GET", _, Some(id)) => Some(parts(store, request, id)),
        ("DELETE", _, Some(id)) => {
            let id = (request.key.clone(), id.to_owned());
            let gone = store.state().begun.remove(&id);
            Some(if gone.is_some() { Reply::new(204, "") } else { no_such_upload() })
        }
        _ => None,
    }
}

fn no_such_upload() -> Reply {
    Reply::error(404, "NoSuchUpload", "The specified upload does not exist")
}

fn time(time: SystemTime) -> String {
    chrono::DateTime::<chrono::Utc>::from(time).to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}

fn uploads(store: &Store, request: &Request) -> Reply {
    let state = store.state();
    let prefix = request.query("prefix").unwrap_or_default();
    let key_marker = request.query("key-marker").unwrap_or_default();
    let id_marker = request.query("upload-id-marker").unwrap_or_default();
    let is_behind = |key: &str, id: &str| match id_marker {
        "" => key > key_marker,
        marker => (key, id) > (key_marker, marker),
    };
    let behind = state.begun.iter().filter(|((key, id), _)| key.starts_with(prefix) && is_behind(key, id));
    let size = state.page_limit.unwrap_or(PAGE).min(PAGE);
    let mut page: Vec<_> = behind.take(size + 1).collect();
    let is_truncated = page.len() > size;
    page.truncate(size);
    let mut out = format!("<ListMultipartUploadsResult><Bucket>{}</Bucket>", store.name);
    write!(out, "<IsTruncated>{is_truncated}</IsTruncated>").unwrap();
    for ((key, id), begun) in &page {
        let (key, initiated) = (xml::escape(key), time(begun.initiated));
        write!(out, "<Upload><Key>{key}</Key><UploadId>{id}</UploadId><Initiated>{initiated}</Initiated></Upload>")
            .unwrap();
    }
    if let Some(((key, id), _)) = page.last().filter(|_| is_truncated) {
        let key = xml::escape(key);
        write!(out, "<NextKeyMarker>{key}</NextKeyMarker><NextUploadIdMarker>{id}</NextUploadIdMarker>").unwrap();
    }
    Reply::xml(200, out + "</ListMultipartUploadsResult>")
}

fn parts(store: &Store, request: &Request, id: &str) -> Reply {
    let state = store.state();
    let Some(begun) = state.begun.get(&(request.key.clone(), id.to_owned())) else { return no_such_upload() };
    let after: usize = request.query("part-number-marker").and_then(|marker| marker.parse().ok()).unwrap_or(0);
    let size = state.page_limit.unwrap_or(PAGE).min(PAGE);
    let is_truncated = begun.parts.len() > after + size;
    let mut out = format!("<ListPartsResult><IsTruncated>{is_truncated}</IsTruncated>");
    for (at, (size, written)) in begun.parts.iter().enumerate().skip(after).take(size) {
        let (number, written) = (at + 1, time(*written));
        write!(
            out,
            "<Part><PartNumber>{number}</PartNumber><LastModified>{written}</LastModified><Size>{size}</Size></Part>"
        )
        .unwrap();
    }
    if is_truncated {
        write!(out, "<NextPartNumberMarker>{}</NextPartNumberMarker>", after + size).unwrap();
    }
    Reply::xml(200, out + "</ListPartsResult>")
}
