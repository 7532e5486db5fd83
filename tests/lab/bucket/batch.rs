//! `DeleteObjects`.

use std::fmt::Write as _;

use super::fault::Action;
use super::request::Request;
use super::server::Reply;
use super::store::{Store, Verdict};
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
    let marker = if store.state().versioning.is_some() { MARKER } else { "" };
    obey(store, request, verdict, |i, _, code| answer(&mut out, &request.keys[i], code, request.quiet, marker));
    if let Some(Action::Unasked { key, code }) = &verdict.action {
        answer(&mut out, key, code.as_deref(), false, "");
    }
    Reply::xml(200, out + "</DeleteResult>")
}

/// Obeys key by key; answers with the key's place, whether it was removed, and the code of its error.
pub(super) fn obey(
    store: &Store,
    request: &Request,
    verdict: &Verdict,
    mut answer: impl FnMut(usize, bool, Option<&str>),
) {
    let mut state = store.state();
    for (i, key) in request.keys.iter().enumerate() {
        let obeyed = match verdict.per_key.get(key) {
            Some(Action::FailKey { obeyed, .. } | Action::OmitKey { obeyed }) => *obeyed,
            _ => true,
        };
        let removed = obeyed && state.delete(key);
        match verdict.per_key.get(key) {
            Some(Action::OmitKey { .. }) => (),
            Some(Action::FailKey { code, .. }) => answer(i, removed, Some(code)),
            _ => answer(i, removed, None),
        }
    }
}

/// What S3 adds for each key of a bucket that is or was versioned.
const MARKER: &str = "<DeleteMarker>true</DeleteMarker><DeleteMarkerVersionId>lab</DeleteMarkerVersionId>";

fn answer(out: &mut String, key: &str, code: Option<&str>, quiet: bool, marker: &str) {
    let key = xml::escape(key);
    match code {
        Some(code) => {
            let message = xml::escape(message(code));
            write!(out, "<Error><Key>{key}</Key><Code>{code}</Code><Message>{message}</Message></Error>").unwrap();
        }
        None if quiet => (),
        None => write!(out, "<Deleted><Key>{key}</Key>{marker}</Deleted>").unwrap(),
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
