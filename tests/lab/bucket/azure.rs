//! What Azure Blob Storage says differently: the listing, the batch, the errors.

use std::fmt::Write as _;

use http::{HeaderMap, Method};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::batch::obey;
use super::fault::Action;
use super::listing::{After, page};
use super::object::http_date;
use super::request::{Kind, Request, decode};
use super::server::Reply;
use super::store::{Store, Verdict};
use super::xml;

/// The most keys in a page.
const PAGE: usize = 5000;
/// The most requests in a batch.
const BATCH: usize = 256;
const BOUNDARY: &str = "batchresponse_00000000-0000-4000-8000-000000000000";

/// What a request wants, by method, parameters and headers.
pub(super) fn kind(method: &Method, key: &str, asks: impl Fn(&str, &str) -> bool, headers: &HeaderMap) -> Kind {
    let container = key.is_empty() && asks("restype", "container");
    match method.as_str() {
        "GET" if container && asks("comp", "list") => Kind::List,
        "POST" if container && asks("comp", "batch") => Kind::Batch,
        _ if key.is_empty() => Kind::Other,
        "GET" => Kind::Get,
        "HEAD" => Kind::Head,
        "PUT" if headers.contains_key("x-ms-copy-source") => Kind::Copy,
        "PUT" if headers.contains_key("x-ms-blob-type") => Kind::Put,
        "DELETE" => Kind::Delete,
        _ => Kind::Other,
    }
}

/// The keys of a batch's sub-requests; `None` where one is not a DELETE in this container.
pub(super) fn batch_keys(body: &str, container: &str) -> Option<Vec<String>> {
    let requests = body.lines().filter(|line| line.ends_with(" HTTP/1.1"));
    let key = |line: &str| {
        let path = line.strip_prefix("DELETE /")?.strip_suffix(" HTTP/1.1")?.split('?').next()?;
        decode(path).strip_prefix(container)?.strip_prefix('/').map(str::to_owned)
    };
    requests.map(key).collect()
}

/// Azure's word for an S3 code.
pub(super) fn code(s3: &str) -> &str {
    match s3 {
        "NoSuchKey" => "BlobNotFound",
        "NoSuchBucket" => "ContainerNotFound",
        "PreconditionFailed" => "ConditionNotMet",
        "AccessDenied" => "AuthorizationPermissionMismatch",
        "ExpiredToken" => "AuthenticationFailed",
        "SlowDown" => "ServerBusy",
        other => other,
    }
}

/// Answers one page of a listing.
pub(super) fn list(store: &Store, request: &Request, with_token: bool) -> Reply {
    let max_results = match request.query("maxresults").map(str::parse::<usize>) {
        None => PAGE,
        Some(Ok(n)) if n > 0 => n.min(PAGE),
        Some(_) => return Reply::error(400, "OutOfRangeQueryParameterValue", "maxresults is out of range"),
    };
    let after = match request.query("marker").filter(|marker| !marker.is_empty()).map(After::from_token) {
        Some(None) => return Reply::error(400, "InvalidQueryParameterValue", "marker is not one of ours"),
        Some(after) => after,
        None => request.query("startFrom").map(|key| After::From(key.to_owned())),
    };
    let mut state = store.state();
    let limit = state.page_limit.unwrap_or(PAGE).min(max_results);
    let page = page(&mut state, &request.key, request.query("delimiter"), after, limit);
    drop(state);

    let mut out = String::from("<?xml version=\"1.0\" encoding=\"utf-8\"?>");
    write!(out, "<EnumerationResults ContainerName=\"{}\">", store.name).unwrap();
    for (parameter, name) in [("prefix", "Prefix"), ("delimiter", "Delimiter"), ("maxresults", "MaxResults")] {
        if let Some(value) = request.query(parameter) {
            write!(out, "<{name}>{}</{name}>", xml::escape(value)).unwrap();
        }
    }
    out.push_str("<Blobs>");
    for (key, object) in &page.contents {
        let (time, size, etag) = (http_date(object.last_modified), object.bytes.len(), &object.etag);
        write!(out, "<Blob>{}<Properties><Creation-Time>{time}</Creation-Time>", name(key)).unwrap();
        write!(out, "<Last-Modified>{time}</Last-Modified><Etag>{etag}</Etag>").unwrap();
        write!(out, "<Content-Length>{size}</Content-Length>").unwrap();
        out.push_str("<Content-Type>application/octet-stream</Content-Type><BlobType>BlockBlob</BlobType>");
        let tier = store.class_of(key).unwrap_or_else(|| "Hot".to_owned());
        write!(out, "<AccessTier>{tier}</AccessTier></Properties></Blob>").unwrap();
    }
    for prefix in &page.prefixes {
        write!(out, "<BlobPrefix>{}</BlobPrefix>", name(prefix)).unwrap();
    }
    let next = page.next.filter(|_| with_token).unwrap_or_default();
    write!(out, "</Blobs><NextMarker>{next}</NextMarker></EnumerationResults>").unwrap();
    Reply::xml(200, out)
}

/// A `Name` element; what XML cannot hold makes Azure percent-encode the whole name and say so.
fn name(key: &str) -> String {
    let holds = |c: char| !matches!(c, '\u{fffe}' | '\u{ffff}') && (c as u32 >= 0x20 || "\t\n\r".contains(c));
    if key.chars().all(holds) {
        return format!("<Name>{}</Name>", xml::escape(key));
    }
    format!("<Name Encoded=\"true\">{}</Name>", utf8_percent_encode(key, NON_ALPHANUMERIC))
}

/// Obeys a Blob Batch, and answers part by part as the rules want.
pub(super) fn batch(store: &Store, request: &Request, verdict: &Verdict) -> Reply {
    if !request.well_formed || request.keys.is_empty() || request.keys.len() > BATCH {
        return Reply::error(400, "InvalidInput", "One of the request inputs is not valid.");
    }
    let mut out = String::new();
    let soft = store.state().about.get("properties").is_some_and(|said| said.contains("<Enabled>true"));
    let is_permanent = !soft && !store.state().keeps_versions();
    let mut part = |id: usize, status: u16, code: Option<&str>| {
        let (said, code) = (super::batch::message(code.unwrap_or_default()), code.unwrap_or_default());
        let reason = if status == 202 { "Accepted" } else { said };
        let kind = match status {
            202 => format!("x-ms-delete-type-permanent: {is_permanent}\r\n"),
            _ => String::new(),
        };
        write!(
            out,
            "--{BOUNDARY}\r\nContent-Type: application/http\r\nContent-ID: {id}\r\n\r\nHTTP/1.1 {status} {reason}\r\n\
             {kind}x-ms-error-code: {code}\r\nx-ms-request-id: lab\r\nx-ms-version: 2023-11-03\r\n\r\n\r\n"
        )
        .unwrap();
    };
    let keys = &request.keys;
    obey(store, request, verdict, |id, deleted, code| match (code, deleted.was_there) {
        _ if matches!(verdict.action, Some(Action::EmptyAnswer)) => (),
        (Some(code), _) => part(id, status_of(code), Some(self::code(code))),
        (None, true) => part(id, 202, None),
        (None, false) => part(id, 404, Some("BlobNotFound")),
    });
    if let Some(Action::Unasked { code, .. }) = &verdict.action {
        part(keys.len(), code.as_deref().map_or(202, status_of), code.as_deref());
    }
    write!(out, "--{BOUNDARY}--\r\n").unwrap();
    Reply::new(202, out).header("content-type", format!("multipart/mixed; boundary={BOUNDARY}"))
}

fn status_of(code: &str) -> u16 {
    match code {
        "SlowDown" | "ServerBusy" => 503,
        "InternalError" => 500,
        "NoSuchKey" => 404,
        _ => 403,
    }
}
