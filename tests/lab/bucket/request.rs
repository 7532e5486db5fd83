//! An HTTP request, understood: which operation on which keys.

use bytes::Bytes;
use http::{HeaderMap, Method};
use percent_encoding::percent_decode_str;

use super::{Dialect, azure, xml};

/// The kind of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A page of a listing; its key is the prefix.
    List,
    /// GET of an object.
    Get,
    /// HEAD of an object.
    Head,
    /// PUT of an object.
    Put,
    /// Copy of an object; its key is the target.
    Copy,
    /// DELETE of one object.
    Delete,
    /// A batch delete (`POST ?delete`).
    Batch,
    /// A page of versions; its key is the prefix.
    Versions,
    /// A batch delete that names versions.
    Purge,
    /// Anything else.
    Other,
}

/// A request, ready to be obeyed or refused.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) kind: Kind,
    pub(super) bucket: String,
    pub(super) key: String,
    pub(super) keys: Vec<String>,
    /// The version that a delete names, key by key.
    pub(super) versions: Vec<Option<String>>,
    pub(super) query: Vec<(String, String)>,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// Whether a batch wants only its errors answered.
    pub(super) quiet: bool,
    /// `None` where a batch's body is not the XML it should be.
    pub(super) well_formed: bool,
    /// What is asked about the bucket itself; its key is this behind a question mark.
    pub(super) question: Option<&'static str>,
}

/// What can be asked about a bucket of S3, its listing and its uploads aside.
const QUESTIONS: [&str; 3] = ["versioning", "object-lock", "lifecycle"];
/// Where GCS answers for a bucket: its JSON API.
const RESOURCE: &str = "storage/v1/b/";

impl Request {
    pub(super) fn read(dialect: Dialect, parts: http::request::Parts, body: Bytes) -> Self {
        let path = decode(parts.uri.path());
        let path = path.strip_prefix('/').unwrap_or(&path);
        let resource = path.strip_prefix(RESOURCE).filter(|rest| dialect == Dialect::Gcs && !rest.contains('/'));
        let (bucket, key) = resource.map_or_else(|| path.split_once('/').unwrap_or((path, "")), |bucket| (bucket, ""));
        let query: Vec<(String, String)> = parts.uri.query().map(pairs).unwrap_or_default();
        let asks = |name: &str| query.iter().any(|(key, _)| key == name);
        let question = match dialect {
            _ if parts.method != Method::GET || !key.is_empty() => None,
            Dialect::S3 => QUESTIONS.into_iter().find(|question| asks(question)),
            Dialect::Gcs => resource.map(|_| "bucket"),
            Dialect::Azure => (bucket.is_empty() && asks("restype") && asks("comp")).then_some("properties"),
        };

        let has = |name: &str, wanted: &str| query.iter().any(|(key, value)| key == name && value == wanted);
        let kind = match (parts.method.as_str(), key.is_empty()) {
            _ if question.is_some() => Kind::Other,
            _ if dialect == Dialect::Azure => azure::kind(&parts.method, key, has, &parts.headers),
            ("GET", true) if asks("uploads") || asks("location") => Kind::Other,
            ("GET", true) if asks("versions") && dialect == Dialect::S3 => Kind::Versions,
            ("GET", true) => Kind::List,
            ("POST", true) if asks("delete") && dialect == Dialect::S3 => Kind::Batch,
            _ if asks("uploadId") || asks("uploads") => Kind::Other,
            ("GET", false) => Kind::Get,
            ("HEAD", false) => Kind::Head,
            ("PUT", false) if copy_source(&parts.headers).is_some() => Kind::Copy,
            ("PUT", false) => Kind::Put,
            ("DELETE", false) => Kind::Delete,
            _ => Kind::Other,
        };
        let mut request = Self {
            kind,
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            keys: vec![key.to_owned()],
            versions: Vec::new(),
            query,
            method: parts.method,
            headers: parts.headers,
            body,
            quiet: false,
            well_formed: true,
            question,
        };
        if kind == Kind::Other && request.key.is_empty() && request.query("uploads").is_some() {
            request.key = "?uploads".into();
            request.keys = vec![request.key.clone()];
        }
        if let Some(question) = question {
            request.key = format!("?{question}");
            request.keys = vec![request.key.clone()];
        }
        if kind == Kind::Delete {
            request.versions = vec![request.query("versionId").map(str::to_owned)];
        }
        if matches!(kind, Kind::List | Kind::Versions) {
            request.key = request.query("prefix").unwrap_or_default().to_owned();
            request.keys = vec![request.key.clone()];
        } else if kind == Kind::Batch && dialect == Dialect::Azure {
            let keys = azure::batch_keys(&String::from_utf8_lossy(&request.body), bucket);
            request.well_formed = keys.is_some();
            request.keys = keys.unwrap_or_default();
        } else if kind == Kind::Batch {
            let text = String::from_utf8_lossy(&request.body);
            let objects = objects(&text);
            request.quiet = xml::texts(&text, "Quiet").is_some_and(|found| found.iter().any(|text| text == "true"));
            request.well_formed = text.contains("<Delete") && text.contains("</Delete>") && objects.is_some();
            (request.keys, request.versions) = objects.unwrap_or_default().into_iter().unzip();
            if request.versions.iter().any(Option::is_some) {
                request.kind = Kind::Purge;
            }
        }
        request
    }

    /// The value of a query parameter.
    pub(super) fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The value of a header.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The bucket and key a copy is made from.
    pub(super) fn copy_source(&self) -> Option<(String, String)> {
        let source = decode(copy_source(&self.headers)?);
        // Azure names the source by its URL.
        let path = source.split_once("://").and_then(|(_, rest)| Some(rest.split_once('/')?.1)).unwrap_or(&source);
        let (bucket, key) = path.strip_prefix('/').unwrap_or(path).split_once('/')?;
        Some((bucket.to_owned(), key.to_owned()))
    }
}

/// Keys and versions of a batch; none where it is not understood.
fn objects(xml: &str) -> Option<Vec<(String, Option<String>)>> {
    let mut objects = Vec::new();
    for object in xml.split("<Object>").skip(1) {
        let (object, _) = object.split_once("</Object>")?;
        let [key] = xml::texts(object, "Key")?.try_into().ok()?;
        objects.push((key, xml::texts(object, "VersionId")?.pop()));
    }
    Some(objects)
}

fn copy_source(headers: &HeaderMap) -> Option<&str> {
    let names = ["x-amz-copy-source", "x-goog-copy-source", "x-ms-copy-source"];
    names.iter().find_map(|name| headers.get(*name))?.to_str().ok()
}

pub(super) fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

fn pairs(query: &str) -> Vec<(String, String)> {
    url::form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}
