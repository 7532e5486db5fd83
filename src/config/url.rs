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
        _ => {
            // What stands before `://` by mistake may be anything; only what looks like a scheme is repeated.
            let looks_so =
                scheme.chars().all(|character| character.is_ascii_alphanumeric() || "+-.".contains(character));
            let named = if looks_so && scheme.len() <= 12 { format!(" ({scheme}://)") } else { String::new() };
            return Err(unusable(named_by, format!("its scheme{named} is none that regsweep knows"), ACCEPTED));
        }
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

#[cfg(test)]
mod tests {

    use super::super::environment::fake::{Fake, ok, refused, root};
    use super::super::resolve::{Overrides, Resolved, resolve};
    use crate::error::Result;

    fn open(url: &str) -> Result<Resolved> {
        let fake = Fake::new().variable("AZURE_STORAGE_ACCOUNT", "a").directory("/a b");
        resolve(Some(url), &Overrides::default(), &fake)
    }

    #[test]
    fn urls_are_read() {
        for (url, location) in [
            ("s3://b", "s3://b"),
            ("S3://b/", "s3://b"),
            ("s3://b/a/b/", "s3://b/a/b"),
            ("gs://b/%C3%BC", "gs://b/ü"),
            ("az://$web/a%20b", "az://$web/a b"),
            ("file:///a%20b", "/a b"),
            ("file://localhost/a", "/a"),
        ] {
            let resolved = ok(open(url));
            assert_eq!(resolved.location.to_string(), location, "{url}");
            assert_eq!(resolved.location.named_by, "the argument");
            assert!(!resolved.location.from_configuration && resolved.notes.is_empty());
        }
    }

    #[test]
    fn a_url_inside_the_layout_leads_back_to_the_root() {
        let resolved = ok(open("s3://b/one/docker/registry/v2/blobs/"));
        assert_eq!(root(&resolved), "one/");
        assert_eq!(resolved.notes, ["the argument is inside a registry whose root is s3://b/one"]);
        assert_eq!(root(&ok(open("gs://b/docker/registry/v2"))), "");
    }

    #[test]
    fn what_does_not_belong_in_a_url_is_refused_without_showing_it() {
        for (url, why) in [
            ("s3://key:hunter2@b/root", "it carries user information"),
            ("s3://b/root?secret=hunter2", "it carries a query or a fragment"),
            ("s3://b#hunter2", "it carries a query or a fragment"),
            ("s3://minio:9000/b", "it carries a port"),
            ("gs://", "it names no bucket"),
            ("gs:///root", "it names no bucket"),
            ("s3://b%2Fc", "the name in it is no bucket's name"),
            ("s3://b/a//b", "its root has an empty part"),
            ("s3://b/a/../b", "its root has a part `.` or `..`"),
            ("s3://b/%00", "its root has a control character"),
            ("s3://b/%FF", "its percent-encoding is not UTF-8"),
            ("file://host/a", "it names a host or a relative path"),
            ("file://a", "it names a host or a relative path"),
            ("https://registry.example/v2", "https:// leads to a registry's API"),
            ("docker://registry.example", "docker:// leads to a registry's API"),
            (
                "swift://b",
                "its scheme (swift://) is none that regsweep knows -> name the registry's config.yml, its root",
            ),
        ] {
            let error = refused(open(url));
            assert!(error.starts_with("Usage: understand which registry is meant: the argument: "), "{error}");
            assert!(error.contains(why) && !error.contains("hunter2"), "{url}: {error}");
        }
    }
}
