//! Small answers of stores: what cannot be read tells nothing, and a store that keeps versions is never said to free.

use super::text;
use regsweep::collect::store_keeps::Deleted;
use regsweep::layout;
use regsweep::storage::explain;
use regsweep::storage::multipart;
use regsweep::storage::store_keeps::{self, Versioning};
use regsweep::storage::xml::Element;

/// Any bytes as an answer to each of the questions.
pub fn check(data: &[u8]) {
    let root = Element::parse(data);
    if let Some(root) = &root {
        tree(root);
    }
    s3(data, root.as_ref());
    uploads(data, root.as_ref());
    gcs(data);
    let _ = store_keeps::azure(data).map_err(|why| text::is_for_people(&why));
    error(&String::from_utf8_lossy(data));
}

/// No upload and no part is overlooked, and a page that is not the last says where the next begins.
fn uploads(data: &[u8], root: Option<&Element>) {
    let count = |name: &str| root.map_or(0, |root| root.children.iter().filter(|child| child.name == name).count());
    if let Some(page) = multipart::begun(data) {
        assert_eq!(page.begun.len(), count("Upload"), "an upload is overlooked");
        assert!(page.next.is_none_or(|(key, _)| !key.is_empty()));
    }
    if let Some(page) = multipart::parts(data) {
        assert_eq!(page.newest.is_some(), count("Part") > 0, "parts are as old as they are");
        assert!(page.bytes == 0 || count("Part") > 0);
    }
}

fn tree(root: &Element) {
    assert!(depth(root) <= 16);
    if is_plain(root) {
        let body = written(root);
        assert_eq!(Element::parse(body.as_bytes()).as_ref(), Some(root), "written anew it is another");
        let end = text::place(body.as_bytes());
        assert_eq!(Element::parse(&body.as_bytes()[..end]), None, "cut off at {end}: {body}");
    }
}

fn depth(element: &Element) -> usize {
    1 + element.children.iter().map(depth).max().unwrap_or_default()
}

/// Whether its names are such as stores use.
fn is_plain(element: &Element) -> bool {
    let is_name = |name: &str| {
        name.starts_with(|first: char| first.is_ascii_alphabetic())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    is_name(&element.name) && element.children.iter().all(is_plain)
}

fn written(element: &Element) -> String {
    let (name, text) = (&element.name, text::escaped(&element.text));
    let children: String = element.children.iter().map(written).collect();
    format!("<{name}>{text}{children}</{name}>")
}

fn s3(data: &[u8], root: Option<&Element>) {
    match store_keeps::versioning(data) {
        Ok(Versioning::Never) => {
            let root = root.unwrap();
            assert!(root.name.contains("Versioning") && root.text_of("Status").is_none_or(str::is_empty));
        }
        Ok(Versioning::Enabled | Versioning::Suspended) => assert!(root.is_some()),
        Err(why) => text::is_for_people(&why),
    }
    let lock = store_keeps::lock_of(data);
    assert!(lock.is_none() || root.is_some_and(|root| root.text_of("ObjectLockEnabled") == Some("Enabled")));
    let near = store_keeps::noncurrent_days(data, "root/docker/registry/v2/");
    let nearer = store_keeps::noncurrent_days(data, "root/docker/registry/v2/blobs/");
    // A rule for all of a prefix is a rule for each part of it.
    match (near, nearer) {
        (Ok(near), Ok(nearer)) => {
            assert!(near.is_none() || nearer.is_some_and(|nearer| Some(nearer) <= near), "{near:?}, {nearer:?}");
        }
        (near, nearer) => assert!(near.is_err() && nearer.is_err()),
    }
}

fn gcs(data: &[u8]) {
    let value: Option<serde_json::Value> = serde_json::from_slice(data).ok();
    match store_keeps::gcs(data, layout::V2) {
        Ok(keeps) => {
            let value = value.unwrap();
            let is_versioned = value.pointer("/versioning/enabled") == Some(&true.into());
            assert!(!is_versioned || matches!(keeps.deleted, Deleted::Held { .. }));
        }
        Err(why) => {
            assert!(!value.is_some_and(|value| value.is_object()));
            text::is_for_people(&why);
        }
    }
}

/// What a person is told of an error: short, and without a signature.
fn error(text: &str) {
    let scrubbed = explain::scrubbed(text);
    assert_eq!(explain::scrubbed(&scrubbed), scrubbed);
    for query in scrubbed.split('?').skip(1) {
        assert!(
            query.starts_with("...")
                || query.is_empty()
                || query.starts_with([' ', '"', '\'', ')', '>'])
                || query.starts_with(char::is_whitespace),
            "{query:?}"
        );
    }
    assert!(explain::shortened(text).chars().count() <= 303);
    if let Some(code) = explain::code(text) {
        assert!(text.contains(&format!("<Code>{code}</Code>")));
    }
}
