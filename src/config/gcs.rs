//! Google Cloud Storage (`registry/storage/driver/gcs`).

use std::path::PathBuf;

use super::endpoint;
use super::node::{Map, Node, Value};
use super::resolve::Context;
use super::root;
use super::section::{Section, wrong};
use super::url::Bucket;
use crate::error::Result;
use crate::storage::location::{GcsCredential, GcsLocation, Location, Secret, Store};

/// The driver's parameters (v3.1.1).
const PARAMETERS: [&str; 7] =
    ["bucket", "keyfile", "credentials", "rootdirectory", "chunksize", "maxconcurrency", "useragent"];

/// From `storage.gcs`. The driver asks whether a parameter is there, not whether it has a value, so that null becomes
/// the text `<nil>`.
pub(super) fn from_section(section: &Section<'_>, context: &mut Context<'_>) -> Result<Location> {
    context.refuse_overrides(&["--region", "--profile"], "Google Cloud Storage")?;
    section.refuse_null(
        "rootdirectory",
        "is empty (null), which the registry takes for the text `<nil>`",
        "write the root behind `rootdirectory:`, or remove the line to use the whole bucket",
    )?;
    let prefix = root::gcs_key_prefix(&section.text("rootdirectory")?.unwrap_or_default())
        .map_err(|why| section.wrong("rootdirectory", why, "move the registry to a root without such a part"))?;
    let (endpoint, usual) = endpoint_and_usual_credential(context)?;
    let store = GcsLocation {
        bucket: section.required("bucket")?,
        prefix,
        endpoint,
        credential: credential(section)?.unwrap_or(usual),
    };
    context.note_all(section.misspelt(&PARAMETERS));
    let named_by = section.first_setting(&["rootdirectory", "bucket"]);
    Ok(Location { store: Store::Gcs(store), named_by, from_configuration: true })
}

/// `keyfile` before `credentials`, as the driver takes them.
fn credential(section: &Section<'_>) -> Result<Option<GcsCredential>> {
    if section.get("keyfile").is_some() {
        return Ok(Some(GcsCredential::KeyFile(PathBuf::from(section.required("keyfile")?))));
    }
    let Some(node) = section.get("credentials") else { return Ok(None) };
    let Some(key) = node.map() else {
        let why = format!("is {} where the mapping of a service account's key is expected", node.kind());
        let next = "write the fields of the key below it, or name its file with `keyfile`";
        return Err(section.wrong("credentials", why, next));
    };
    Ok(Some(GcsCredential::Inline(Secret::new(json(key).to_string()))))
}

fn json(map: &Map) -> serde_json::Value {
    fn value(node: &Node) -> serde_json::Value {
        match &node.value {
            Value::Null => serde_json::Value::Null,
            Value::Boolean(value) => (*value).into(),
            // Every field of a key is text; numbers are texts that nobody quoted.
            Value::Integer(value) => value.to_string().into(),
            Value::Float(text) | Value::Text(text) => text.as_str().into(),
            Value::List(list) => list.iter().map(value).collect(),
            Value::Map(map) => json(map),
        }
    }
    serde_json::Value::Object(map.iter().map(|(key, node)| (key.to_owned(), value(node))).collect())
}

/// From `gs://bucket/root`.
pub(super) fn from_url(bucket: Bucket, context: &Context<'_>) -> Result<Store> {
    context.refuse_overrides(&["--region", "--profile"], "Google Cloud Storage")?;
    let (endpoint, credential) = endpoint_and_usual_credential(context)?;
    Ok(Store::Gcs(GcsLocation { bucket: bucket.name, prefix: bucket.prefix, endpoint, credential }))
}

/// `--endpoint-url`, or an emulator (which asks for no credential); a bearer token from the variables that gcloud and
/// Terraform read, or application default credentials.
fn endpoint_and_usual_credential(context: &Context<'_>) -> Result<(Option<String>, GcsCredential)> {
    let env = context.env;
    let token = env.first_of(&["CLOUDSDK_AUTH_ACCESS_TOKEN", "GOOGLE_OAUTH_ACCESS_TOKEN"]);
    let credential = token.map_or(GcsCredential::Default, |(_, token)| GcsCredential::Token(Secret::new(token)));
    if let Some(endpoint) = context.endpoint_override()? {
        return Ok((Some(endpoint), credential));
    }
    let Some((name, emulator)) = env.first_of(&["STORAGE_EMULATOR_HOST"]) else { return Ok((None, credential)) };
    let endpoint = endpoint::with_scheme(&emulator, "http")
        .map_err(|why| wrong(format!("`{name}`"), why, "write it as HOST:PORT or http://HOST:PORT"))?;
    Ok((Some(endpoint), GcsCredential::Anonymous))
}

#[cfg(test)]
mod tests {

    #![expect(clippy::panic, reason = "a test fails by panicking")]

    use super::super::environment::fake::{Fake, ok, read, refused};
    use super::super::resolve::{Overrides, Resolved, resolve};
    use super::*;

    fn with(lines: &[&str]) -> String {
        format!("version: 0.1\nstorage:\n  gcs:\n    bucket: b\n    {}\n", lines.join("\n    "))
    }

    fn gcs(result: Result<Resolved>) -> GcsLocation {
        let Store::Gcs(gcs) = ok(result).location.store else { panic!("this is GCS") };
        gcs
    }

    #[test]
    fn rootdirectory_becomes_the_prefix() {
        let cases = [
            ("", ""),
            ("rootdirectory: ''", ""),
            ("rootdirectory: /", ""),
            ("rootdirectory: /prefix", "prefix/"),
            ("rootdirectory: prefix/", "prefix/"),
            ("rootdirectory: ' prefix'", "prefix/"),
        ];
        for (line, prefix) in cases {
            assert_eq!(gcs(read(&with(&[line]), &[])).prefix, prefix, "{line:?}");
        }
        let error = refused(read(&with(&["rootdirectory: a//b"]), &[]));
        assert!(error.contains("`storage.gcs.rootdirectory` (line 5 of /etc/r.yml): has an empty part"), "{error}");
    }

    #[test]
    fn null_rootdirectory_names_the_line() {
        assert_eq!(
            refused(read(&with(&["rootdirectory:"]), &[])),
            "Configuration: read the registry's configuration: `storage.gcs.rootdirectory` (line 5 of /etc/r.yml): is \
             empty (null), which the registry takes for the text `<nil>` -> write the root behind `rootdirectory:`, or \
             remove the line to use the whole bucket"
        );
    }

    #[test]
    fn a_key_file_goes_before_an_inline_key() {
        assert_eq!(gcs(read(&with(&[]), &[])).credential, GcsCredential::Default);
        let both = with(&["credentials: {type: x}", "keyfile: /etc/registry/gcs.key"]);
        assert_eq!(gcs(read(&both, &[])).credential, GcsCredential::KeyFile("/etc/registry/gcs.key".into()));
        assert!(refused(read(&with(&["keyfile:"]), &[])).contains("`storage.gcs.keyfile` (line 5 of /etc/r.yml)"));
    }

    #[test]
    fn an_inline_key_becomes_json_and_never_shows() {
        let resolved = ok(read(include_str!("../../testdata/configs/v3-gcs.yml"), &[]));
        let shown = format!("{resolved:?} {}", resolved.location);
        assert!(!shown.contains("must-not-show"), "{shown}");
        let gcs = gcs(Ok(resolved));
        assert_eq!((gcs.bucket.as_str(), gcs.prefix.as_str()), ("images", "registry/"));
        let GcsCredential::Inline(key) = gcs.credential else { panic!("the key is inline") };
        let Ok(key) = serde_json::from_str::<serde_json::Value>(key.reveal()) else { panic!("it is JSON") };
        assert_eq!(key["private_key"], "gcs-secret-must-not-show");
        assert_eq!(key["client_id"], "1234567890");
    }

    #[test]
    fn a_key_that_is_no_mapping_is_refused_without_showing_it() {
        let error = refused(read(&with(&["credentials: hunter2"]), &[]));
        assert!(error.contains("is text where the mapping of a service account's key is expected"), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }

    #[test]
    fn an_emulator_asks_for_no_credential() {
        for (host, endpoint) in [("localhost:4443", "http://localhost:4443"), ("https://fake/", "https://fake")] {
            let fake = Fake::new().variable("STORAGE_EMULATOR_HOST", host).variable("GOOGLE_OAUTH_ACCESS_TOKEN", "t");
            let gcs = gcs(resolve(Some("gs://b"), &Overrides::default(), &fake));
            assert_eq!((gcs.endpoint.as_deref(), gcs.credential), (Some(endpoint), GcsCredential::Anonymous));
        }
    }

    #[test]
    fn a_url_takes_a_bearer_token() {
        let fake = Fake::new().variable("GOOGLE_OAUTH_ACCESS_TOKEN", "b").variable("CLOUDSDK_AUTH_ACCESS_TOKEN", "a");
        let overrides = Overrides { endpoint_url: Some("https://restricted".into()), ..Overrides::default() };
        let gcs = gcs(resolve(Some("gs://b/one"), &overrides, &fake));
        assert_eq!(gcs.credential, GcsCredential::Token(Secret::new("a")));
        assert_eq!((gcs.endpoint.as_deref(), gcs.prefix.as_str()), (Some("https://restricted"), "one/"));
    }
}
