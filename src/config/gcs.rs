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
