//! GET, HEAD, PUT, copy and DELETE of one object, and what the bucket says of itself.

use std::ops::Range;
use std::time::SystemTime;

use super::fault::Action;
use super::listing::{generation, list};
use super::multipart;
use super::object::{Object, http_date};
use super::request::{Kind, Request};
use super::server::Reply;
use super::store::{State, Store, Verdict};
use super::{Dialect, azure, batch, versions, xml};

/// Obeys a request.
pub(super) fn obey(store: &Store, request: &Request, verdict: &Verdict) -> Reply {
    if request.bucket != store.name && request.question != Some("properties") {
        return Reply::error(404, "NoSuchBucket", batch::message("NoSuchBucket"));
    }
    match request.kind {
        Kind::List => {
            let with_token = !matches!(verdict.action, Some(Action::PageWithoutToken));
            let list = if store.dialect == Dialect::Azure { azure::list } else { list };
            list(store, request, with_token)
        }
        Kind::Get | Kind::Head => read(store, request),
        Kind::Put => write(store, request),
        Kind::Copy => copy(store, request),
        Kind::Delete => delete(store, request),
        Kind::Batch if store.dialect == Dialect::Azure => azure::batch(store, request, verdict),
        Kind::Batch | Kind::Purge => batch::delete_objects(store, request, verdict),
        Kind::Versions => {
            let with_markers = !matches!(verdict.action, Some(Action::PageWithoutToken));
            versions::list(store, request, with_markers, matches!(verdict.action, Some(Action::PageFromStart)))
        }
        Kind::Other => other(store, request),
    }
}

fn no_such_key() -> Reply {
    Reply::error(404, "NoSuchKey", batch::message("NoSuchKey"))
}

fn precondition_failed() -> Reply {
    Reply::error(412, "PreconditionFailed", batch::message("PreconditionFailed"))
}

fn read(store: &Store, request: &Request) -> Reply {
    let Some(object) = store.get(&request.key) else { return no_such_key() };
    let etag = object.quoted_etag();
    let names = |header: &str| request.header(header).map(|list| list.split(',').any(|e| matches_etag(e, &etag)));
    let since = |header: &str| request.header(header).and_then(parse_date).map(|time| object.last_modified > time);
    if names("if-match") == Some(false) || (names("if-match").is_none() && since("if-unmodified-since") == Some(true)) {
        return precondition_failed();
    }
    let unchanged = names("if-none-match").unwrap_or_else(|| since("if-modified-since") == Some(false));
    if unchanged {
        return describe(Reply::new(304, ""), store, request, &object);
    }
    let size = object.bytes.len();
    match request.header("range").map(|range| parse_range(range, size)) {
        Some(None) => Reply::error(416, "InvalidRange", "The requested range is not satisfiable"),
        Some(Some(range)) => {
            let shown = format!("bytes {}-{}/{size}", range.start, range.end - 1);
            describe(Reply::new(206, object.bytes.slice(range)).header("content-range", shown), store, request, &object)
        }
        None => describe(Reply::new(200, object.bytes.clone()), store, request, &object),
    }
}

fn describe(reply: Reply, store: &Store, request: &Request, object: &Object) -> Reply {
    let mut reply = reply
        .header("last-modified", http_date(object.last_modified))
        .header("accept-ranges", "bytes")
        .header("content-type", "application/octet-stream");
    if !object.etag.is_empty() {
        reply = reply.header("etag", object.quoted_etag());
    }
    if store.dialect == Dialect::Gcs {
        reply = reply.header("x-goog-generation", generation(object).to_string());
    }
    let state = store.state();
    match (store.dialect, state.names_versions()) {
        (Dialect::S3, true) => reply.header("x-amz-version-id", state.id_of(&request.key)),
        (Dialect::Azure, true) => reply.header("x-ms-version-id", "2024-02-29T12:00:00.0000000Z"),
        _ => reply,
    }
}

/// Whether a condition on a write holds; `true` where the bucket ignores conditions.
fn condition_holds(state: &State, request: &Request) -> bool {
    let there = state.objects.get(&request.key);
    let holds = |header: &str, holds: &dyn Fn(&str) -> bool| request.header(header).is_none_or(holds);
    state.ignore_conditions
        || (holds("if-none-match", &|etag| there.is_none_or(|o| !matches_etag(etag, &o.quoted_etag())))
            && holds("if-match", &|etag| there.is_some_and(|o| matches_etag(etag, &o.quoted_etag())))
            && holds("x-goog-if-generation-match", &|wanted| {
                there.map_or_else(|| "0".to_owned(), |o| generation(o).to_string()) == wanted
            }))
}

fn write(store: &Store, request: &Request) -> Reply {
    put(store, request, request.body.clone(), |object| {
        let status = if store.dialect == Dialect::Azure { 201 } else { 200 };
        let mut reply = Reply::new(status, "").header("etag", object.quoted_etag());
        if store.dialect == Dialect::Azure {
            reply = reply.header("last-modified", http_date(object.last_modified));
        }
        if store.dialect == Dialect::Gcs {
            reply = reply.header("x-goog-generation", generation(object).to_string());
        }
        reply
    })
}

fn copy(store: &Store, request: &Request) -> Reply {
    let Some((bucket, key)) = request.copy_source() else {
        return Reply::error(400, "InvalidArgument", "Copy Source must mention the source bucket and key");
    };
    if bucket != store.name {
        return Reply::error(404, "NoSuchBucket", batch::message("NoSuchBucket"));
    }
    let Some(source) = store.get(&key) else { return no_such_key() };
    put(store, request, source.bytes, |object| {
        if store.dialect == Dialect::Azure {
            let reply = Reply::new(202, "").header("x-ms-copy-status", "success").header("x-ms-copy-id", "lab");
            return reply.header("etag", object.quoted_etag()).header("last-modified", http_date(object.last_modified));
        }
        let (etag, time) = (xml::escape(&object.quoted_etag()), object.listed_time());
        Reply::xml(
            200,
            format!("<CopyObjectResult><LastModified>{time}</LastModified><ETag>{etag}</ETag></CopyObjectResult>"),
        )
    })
}

fn put(store: &Store, request: &Request, bytes: bytes::Bytes, answer: impl Fn(&Object) -> Reply) -> Reply {
    let now = store.now();
    let mut state = store.state();
    if !condition_holds(&state, request) {
        if store.dialect == Dialect::Azure && request.header("if-none-match") == Some("*") {
            return Reply::error(409, "BlobAlreadyExists", "The specified blob already exists.");
        }
        return precondition_failed();
    }
    let object = Object { etag: state.etag_style.etag(&bytes), bytes, last_modified: now };
    let reply = answer(&object);
    state.write(&request.key, object);
    match store.dialect {
        Dialect::S3 if state.keeps_versions() => reply.header("x-amz-version-id", state.id_of(&request.key)),
        _ => reply,
    }
}

fn delete(store: &Store, request: &Request) -> Reply {
    let now = store.now();
    let mut state = store.state();
    if !condition_holds(&state, request) {
        return precondition_failed();
    }
    let version = request.versions.first().and_then(Option::as_deref).filter(|_| store.dialect == Dialect::S3);
    let deleted = state.delete(&request.key, version, now);
    let mut reply = match store.dialect {
        Dialect::S3 => Reply::new(204, ""),
        _ if !deleted.was_there => return no_such_key(),
        Dialect::Azure => return Reply::new(202, ""),
        Dialect::Gcs => return Reply::new(204, ""),
    };
    if deleted.marker.is_some() {
        reply = reply.header("x-amz-delete-marker", "true");
    }
    match deleted.version.or(deleted.marker) {
        Some(id) => reply.header("x-amz-version-id", id),
        None => reply,
    }
}

fn other(store: &Store, request: &Request) -> Reply {
    let empty = request.key.is_empty();
    if empty && request.method == "HEAD" {
        return Reply::new(200, "");
    }
    if let Some(question) = request.question {
        return about_the_bucket(store, question);
    }
    if let Some(reply) = multipart::obey(store, request) {
        return reply;
    }
    Reply::error(501, "NotImplemented", "A header or query you provided is not implemented by the laboratory")
}

/// What was set for the question, or what a new bucket says.
fn about_the_bucket(store: &Store, question: &str) -> Reply {
    let state = store.state();
    if let Some(body) = state.about.get(question) {
        return Reply::new(200, body.clone());
    }
    match question {
        "versioning" => {
            let status = state.versioning.as_ref().map(|s| format!("<Status>{s}</Status>")).unwrap_or_default();
            Reply::xml(200, format!("<VersioningConfiguration>{status}</VersioningConfiguration>"))
        }
        "object-lock" => Reply::error(404, "ObjectLockConfigurationNotFoundError", "There is none for this bucket"),
        "lifecycle" => Reply::error(404, "NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist"),
        "bucket" => Reply::new(200, "{\"softDeletePolicy\": {\"retentionDurationSeconds\": \"0\"}}"),
        _ => {
            let policy = "<DeleteRetentionPolicy><Enabled>false</Enabled></DeleteRetentionPolicy>";
            Reply::xml(200, format!("<StorageServiceProperties>{policy}</StorageServiceProperties>"))
        }
    }
}

fn matches_etag(wanted: &str, etag: &str) -> bool {
    let wanted = wanted.trim();
    wanted == "*" || wanted.trim_matches('"') == etag.trim_matches('"')
}

fn parse_date(text: &str) -> Option<SystemTime> {
    Some(chrono::DateTime::parse_from_rfc2822(text).ok()?.into())
}

/// `bytes=1-2`, `bytes=1-`, `bytes=-2`; `None` where it is not satisfiable.
fn parse_range(text: &str, size: usize) -> Option<Range<usize>> {
    let (from, to) = text.strip_prefix("bytes=")?.split_once('-')?;
    let range = match (from.parse::<usize>(), to.parse::<usize>()) {
        (Ok(from), Ok(to)) => from..size.min(to.saturating_add(1)),
        (Ok(from), Err(_)) => from..size,
        (Err(_), Ok(last)) => size.saturating_sub(last)..size,
        (Err(_), Err(_)) => return None,
    };
    (range.start < range.end).then_some(range)
}
