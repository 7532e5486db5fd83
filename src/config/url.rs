//! Storage URLs: `s3://bucket/root`, `gs://bucket/root`, `az://container/root`, `file:///directory`.

use std::path::PathBuf;

use percent_encoding::percent_decode_str;

use super::root;
use crate::error::{Error, ErrorKind, Result};

/// What the user may name, for every refusal.
pub(super) const ACCEPTED: &str = "name the registry's config.yml, its root directory, or a storage URL: \
                                   s3://BUCKET[/ROOT], gs://BUCKET[/ROOT], az://CONTAINER[/ROOT], file:///DIRECTORY";

/// A parsed URL.
pub(super) enum StorageUrl {
    /// `file://`
    Directory(PathBuf),
    /// `s3://`
    S3(Bucket),
    /// `gs://`
    Gcs(Bucket),
    /// `az://`
    Azure(Bucket),
}

/// A bucket or container, and what stands before `docker/registry/v2` in it.
pub(super) struct Bucket {
    /// The name.
    pub(super) name: String,
    /// Empty, or ends with `/`.
    pub(super) prefix: String,
    /// Whether the URL led into `docker/registry/v2`, and was cut above it.
    pub(super) cut: bool,
}

/// An error about the operand; `named_by` says where it came from. It is not quoted: a URL can hold a password.
pub(super) fn unusable(named_by: &str, why: impl Into<String>, next: impl Into<String>) -> Error {
    Error::new(ErrorKind::Usage, "understand which registry is meant").on(named_by).because(why).next(next)
}

/// Parses an operand that is a URL; `None` is a path.
pub(super) fn parse(operand: &str, named_by: &str) -> Result<Option<StorageUrl>> {
    let Some((scheme, rest)) = operand.split_once("://") else { return Ok(None) };
    let scheme = scheme.to_ascii_lowercase();
    let kind: fn(Bucket) -> StorageUrl = match scheme.as_str() {
        "file" => return directory(rest, named_by).map(Some),
        "s3" => StorageUrl::S3,
        "gs" => StorageUrl::Gcs,
        "az" => StorageUrl::Azure,
        "http" | "https" | "docker" | "oci" => {
            let why = format!("{scheme}:// leads to a registry's API, but regsweep works on the registry's storage");
            return Err(unusable(named_by, why, ACCEPTED));
        }
        _ => return Err(unusable(named_by, "its scheme is none that regsweep knows", ACCEPTED)),
    };
    bucket(rest, &scheme, named_by).map(|bucket| Some(kind(bucket)))
}

fn bucket(rest: &str, scheme: &str, named_by: &str) -> Result<Bucket> {
    let shape = format!("write it as {scheme}://NAME[/ROOT]");
    let (name, path) = rest.split_once('/').unwrap_or((rest, ""));
    if name.contains('@') {
        let next = format!("{shape}, and give credentials the way the cloud's own tools take them");
        return Err(unusable(named_by, "it carries user information", next));
    }
    no_query(rest, named_by)?;
    if name.contains(':') {
        let next = format!("{shape}, and give the endpoint with --endpoint-url");
        return Err(unusable(named_by, "it carries a port", next));
    }
    if name.is_empty() {
        return Err(unusable(named_by, "it names no bucket", shape));
    }
    if !name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '$')) {
        return Err(unusable(named_by, "the name in it is no bucket's name", shape));
    }
    let path = decoded(path, named_by)?;
    let parts: Vec<&str> = path.split('/').collect();
    let above = root::above_layout(&parts);
    let root = above.map_or_else(|| path.clone(), |parts| parts.join("/"));
    let prefix = root::key_prefix(&root).map_err(|why| unusable(named_by, format!("its root {why}"), shape))?;
    Ok(Bucket { name: name.to_owned(), prefix, cut: above.is_some() })
}

fn directory(rest: &str, named_by: &str) -> Result<StorageUrl> {
    let next = "write it as file:///DIRECTORY, with three slashes";
    no_query(rest, named_by)?;
    let path = rest.strip_prefix("localhost").unwrap_or(rest);
    if !path.starts_with('/') {
        return Err(unusable(named_by, "it names a host or a relative path", next));
    }
    Ok(StorageUrl::Directory(PathBuf::from(decoded(path, named_by)?)))
}

fn no_query(rest: &str, named_by: &str) -> Result<()> {
    if rest.contains(['?', '#']) {
        let next = "leave it out; in a name, write ? as %3F and # as %23";
        return Err(unusable(named_by, "it carries a query or a fragment", next));
    }
    Ok(())
}

fn decoded(path: &str, named_by: &str) -> Result<String> {
    let decoded = percent_decode_str(path).decode_utf8();
    decoded.map(std::borrow::Cow::into_owned).map_err(|_| {
        unusable(named_by, "its percent-encoding is not UTF-8", "encode the bytes of the UTF-8 text, and % as %25")
    })
}
