//! `DeleteObjects`.

use std::fmt::Write as _;

use super::fault::Action;
use super::request::Request;
use super::server::Reply;
use super::store::{Store, Verdict};
use super::versions::Deleted;
use super::xml;

/// Obeys a batch, key by key, and answers as the rules want.
pub(super) fn delete_objects(store: &Store, request: &Request, verdict: &Verdict) -> Reply {
    let checked =
        request.headers.keys().any(|name| name == "content-md5" || name.as_str().starts_with("x-amz-checksum-"));
    if !checked {
        return Reply::error(400, "InvalidRequest", "Missing required header for this request: Content-MD5");
    }
    if !request.well_formed || request.keys.is_empty() || request.keys.len() > 1000 {
        let message = "The XML you provided was not well-formed or did not validate against our published schema";
        return Reply::error(400, "MalformedXML", message);
    }
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    if matches!(verdict.action, Some(Action::EmptyAnswer)) {
        obey(store, request, verdict, |_, _, _| ());
        out.push_str("<DeleteResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"/>");
        return Reply::xml(200, out);
    }
    out.push_str("<DeleteResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
    obey(store, request, verdict, |i, deleted, code| {
        let asked = request.versions.get(i).and_then(Option::as_deref);
        let versions = match code {
            Some(_) => named("VersionId", asked),
            None => marker(deleted),
        };
        answer(&mut out, &request.keys[i], code, request.quiet, &versions);
    });
    if let Some(Action::Unasked { key, code }) = &verdict.action {
        answer(&mut out, key, code.as_deref(), false, "");
    }
    Reply::xml(200, out + "</DeleteResult>")
}

/// Obeys key by key; answers with the key's place, what came of it, and the code of its error.
pub(super) fn obey(
    store: &Store,
    request: &Request,
    verdict: &Verdict,
    mut answer: impl FnMut(usize, &Deleted, Option<&str>),
) {
    let now = store.now();
    let mut state = store.state();
    for (i, key) in request.keys.iter().enumerate() {
        let version = request.versions.get(i).and_then(Option::as_deref);
        let obeyed = match verdict.per_key.get(&i) {
            Some(Action::FailKey { obeyed, .. } | Action::OmitKey { obeyed }) => *obeyed,
            _ => true,
        };
        let deleted = if obeyed { state.delete(key, version, now) } else { Deleted::default() };
        match verdict.per_key.get(&i) {
            Some(Action::OmitKey { .. }) => (),
            Some(Action::FailKey { code, .. }) => answer(i, &deleted, Some(code)),
            _ => answer(i, &deleted, None),
        }
    }
}

fn named(name: &str, text: Option<&str>) -> String {
    text.map(|text| format!("<{name}>{}</{name}>", xml::escape(text))).unwrap_or_default()
}

/// What S3 adds for each key of a bucket that is or was versioned.
fn marker(deleted: &Deleted) -> String {
    let version = named("VersionId", deleted.version.as_deref());
    let marker = deleted.marker.as_deref();
    let is_marker = if marker.is_some() { "<DeleteMarker>true</DeleteMarker>" } else { "" };
    version + is_marker + &named("DeleteMarkerVersionId", marker)
}

fn answer(out: &mut String, key: &str, code: Option<&str>, quiet: bool, versions: &str) {
    let key = xml::escape(key);
    match code {
        Some(code) => {
            let message = xml::escape(message(code));
            write!(out, "<Error><Key>{key}</Key>{versions}<Code>{code}</Code><Message>{message}</Message></Error>")
                .unwrap();
        }
        None if quiet => (),
        None => write!(out, "<Deleted><Key>{key}</Key>{versions}</Deleted>").unwrap(),
    }
}

/// What S3 says beside a code.
pub(super) fn message(code: &str) -> &'static str {
    match code {
        "AccessDenied" => "Access Denied",
        "ExpiredToken" => "The provided token has expired.",
        "SlowDown" => "Please reduce your request rate.",
        "InternalError" => "We encountered an internal error. Please try again.",
        "NoSuchKey" => "The specified key does not exist.",
        "NoSuchBucket" => "The specified bucket does not exist",
        "PreconditionFailed" => "At least one of the pre-conditions you specified did not hold",
        _ => "The laboratory refuses.",
    }
}
