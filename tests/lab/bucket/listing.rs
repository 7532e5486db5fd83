//! `ListObjectsV2`.

use std::fmt::Write as _;
use std::ops::Bound;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::object::{Object, hex};
use super::request::{Kind, Request};
use super::server::Reply;
use super::store::{State, Store};
use super::{Dialect, xml};

/// What `encoding-type=url` leaves as it is.
pub(super) const URL: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'*');

/// Where a page goes on: after a key, or after everything below a common prefix.
pub(super) enum After {
    /// From this key on, itself included (only asked, never a token of ours).
    From(String),
    Key(String),
    Prefix(String),
}

impl After {
    fn token(&self) -> String {
        match self {
            Self::From(key) => format!("f{}", hex(key.as_bytes())),
            Self::Key(key) => format!("k{}", hex(key.as_bytes())),
            Self::Prefix(prefix) => format!("p{}", hex(prefix.as_bytes())),
        }
    }

    pub(super) fn from_token(token: &str) -> Option<Self> {
        let (kind, digits) = token.split_at_checked(1)?;
        let pair = |i| u8::from_str_radix(digits.get(i..i + 2)?, 16).ok();
        let bytes: Option<Vec<u8>> = (0..digits.len()).step_by(2).map(pair).collect();
        let text = String::from_utf8(bytes?).ok()?;
        match kind {
            "f" => Some(Self::From(text)),
            "k" => Some(Self::Key(text)),
            "p" => Some(Self::Prefix(text)),
            _ => None,
        }
    }

    fn passes(&self, key: &str) -> bool {
        match self {
            Self::From(first) => key >= first.as_str(),
            Self::Key(last) => key > last.as_str(),
            Self::Prefix(prefix) => key > prefix.as_str() && !key.starts_with(prefix.as_str()),
        }
    }
}

/// Answers one page of a listing.
pub(super) fn list(store: &Store, request: &Request, with_token: bool) -> Reply {
    let max_keys = match request.query("max-keys").map(str::parse::<usize>) {
        None => 1000,
        Some(Ok(n)) => n.min(1000),
        Some(Err(_)) => return Reply::error(400, "InvalidArgument", "Provided max-keys not an integer"),
    };
    let after = match request.query("continuation-token").map(After::from_token) {
        Some(None) => {
            return Reply::error(400, "InvalidArgument", "The continuation token provided is incorrect");
        }
        Some(after) => after,
        None => request.query("start-after").map(|key| After::Key(key.to_owned())),
    };
    let mut state = store.state();
    let limit = state.page_limit.unwrap_or(1000).min(max_keys);
    let page = page(&mut state, &request.key, request.query("delimiter"), after, limit);
    drop(state);
    Reply::xml(200, render(store, request, &page, max_keys, with_token))
}

#[derive(Default)]
pub(super) struct Page {
    pub(super) contents: Vec<(String, Object)>,
    pub(super) prefixes: Vec<String>,
    pub(super) next: Option<String>,
}

/// The page of keys and common prefixes that comes after `after`.
pub(super) fn page(
    state: &mut State,
    prefix: &str,
    delimiter: Option<&str>,
    after: Option<After>,
    limit: usize,
) -> Page {
    let State { objects, rules, .. } = state;
    let from = match &after {
        Some(After::From(key) | After::Key(key) | After::Prefix(key)) => prefix.max(key.as_str()).to_owned(),
        None => prefix.to_owned(),
    };
    let mut page = Page::default();
    let mut last = after;
    for (key, object) in objects.range::<String, _>((Bound::Included(&from), Bound::Unbounded)) {
        if !key.starts_with(prefix) {
            break;
        }
        if last.as_ref().is_some_and(|last| !last.passes(key)) || State::hides(rules, Kind::List, key) {
            continue;
        }
        if page.contents.len() + page.prefixes.len() == limit {
            page.next = last.map(|last| last.token()).filter(|_| limit > 0);
            return page;
        }
        let rest = &key[prefix.len()..];
        let common = delimiter.filter(|d| !d.is_empty()).and_then(|d| Some(&rest[..rest.find(d)? + d.len()]));
        if let Some(common) = common {
            let common = format!("{prefix}{common}");
            last = Some(After::Prefix(common.clone()));
            page.prefixes.push(common);
        } else {
            last = Some(After::Key(key.clone()));
            page.contents.push((key.clone(), object.clone()));
        }
    }
    page
}

fn render(store: &Store, request: &Request, page: &Page, max_keys: usize, with_token: bool) -> String {
    let url = request.query("encoding-type") == Some("url");
    let text = |key: &str| if url { utf8_percent_encode(key, URL).to_string() } else { xml::escape(key) };
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    out.push_str("<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
    let mut tag = |name: &str, value: &str| write!(out, "<{name}>{value}</{name}>").unwrap();
    tag("Name", &store.name);
    tag("Prefix", &text(&request.key));
    for (parameter, name) in [("start-after", "StartAfter"), ("delimiter", "Delimiter")] {
        if let Some(value) = request.query(parameter) {
            tag(name, &text(value));
        }
    }
    if let Some(token) = request.query("continuation-token") {
        tag("ContinuationToken", &xml::escape(token));
    }
    if let Some(next) = page.next.as_ref().filter(|_| with_token) {
        tag("NextContinuationToken", next);
    }
    tag("KeyCount", &(page.contents.len() + page.prefixes.len()).to_string());
    tag("MaxKeys", &max_keys.to_string());
    if url {
        tag("EncodingType", "url");
    }
    tag("IsTruncated", if page.next.is_some() { "true" } else { "false" });
    for (key, object) in &page.contents {
        let class = store.class_of(key);
        let (key, time, size) = (text(key), object.listed_time(), object.bytes.len());
        write!(out, "<Contents><Key>{key}</Key>").unwrap();
        if store.dialect == Dialect::Gcs {
            write!(out, "<Generation>{}</Generation><MetaGeneration>1</MetaGeneration>", generation(object)).unwrap();
        }
        write!(out, "<LastModified>{time}</LastModified>").unwrap();
        if !object.etag.is_empty() {
            write!(out, "<ETag>{}</ETag>", xml::escape(&object.quoted_etag())).unwrap();
        }
        if store.dialect == Dialect::S3 {
            out.push_str("<ChecksumAlgorithm>CRC64NVME</ChecksumAlgorithm><ChecksumType>FULL_OBJECT</ChecksumType>");
            let class = class.as_deref().unwrap_or("STANDARD");
            write!(out, "<Size>{size}</Size><StorageClass>{class}</StorageClass></Contents>").unwrap();
        } else {
            let class = class.map(|class| format!("<StorageClass>{class}</StorageClass>")).unwrap_or_default();
            write!(out, "<Size>{size}</Size>{class}</Contents>").unwrap();
        }
    }
    for prefix in &page.prefixes {
        write!(out, "<CommonPrefixes><Prefix>{}</Prefix></CommonPrefixes>", text(prefix)).unwrap();
    }
    out + "</ListBucketResult>"
}

/// A number that changes when the object is written again, as GCS counts them.
pub(super) fn generation(object: &Object) -> u128 {
    object.last_modified.duration_since(std::time::UNIX_EPOCH).map_or(1, |since| since.as_micros())
}
