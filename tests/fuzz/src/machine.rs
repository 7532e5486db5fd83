//! A machine that is a value, and what holds for everything that is found by looking at one.

use regsweep::config::{Environment, Overrides, Resolved, descriptor_cache};
use regsweep::error::{Error, Result};
use regsweep::layout;
use regsweep::storage::location::{AzureCredential, DescriptorCache, GcsCredential, RedisServer, Secret, Store};
use std::io;
use std::path::{Path, PathBuf};

/// What stands for a password in the corpus: it may be shown nowhere.
pub const SECRET: &str = "hunter2";

/// Variables, one file and one directory.
#[derive(Debug, Clone, Default)]
pub struct Machine {
    /// Variables by name.
    pub variables: Vec<(String, String)>,
    /// The text of [`FILE`].
    pub file: Option<String>,
}

/// The one file.
pub const FILE: &str = "/etc/r.yml";
/// The one directory, with a registry in it.
pub const DIRECTORY: &str = "/srv/docker/registry/v2";

impl Environment for Machine {
    fn variables(&self) -> Vec<(String, String)> {
        self.variables.clone()
    }

    fn read(&self, path: &Path) -> io::Result<String> {
        let file = self.file.clone().filter(|_| path == Path::new(FILE));
        file.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn exists(&self, path: &Path) -> bool {
        self.is_directory(path) || (self.file.is_some() && path == Path::new(FILE))
    }

    fn is_directory(&self, path: &Path) -> bool {
        Path::new(DIRECTORY).starts_with(path)
    }

    fn working_directory(&self) -> io::Result<PathBuf> {
        Ok("/here".into())
    }
}

/// What the first lines of an input say: `--flag=value` and `NAME=value`; the rest is returned.
pub fn begin<'a>(mut text: &'a str, machine: &mut Machine, overrides: &mut Overrides) -> &'a str {
    while let Some((line, rest)) = text.split_once('\n') {
        let Some((name, value)) = line.split_once('=') else { break };
        let value = value.to_owned();
        match name {
            "--region" => overrides.region = Some(value),
            "--profile" => overrides.profile = Some(value),
            "--endpoint-url" => overrides.endpoint_url = Some(value),
            "--descriptor-cache" => overrides.descriptor_cache = descriptor_cache(&Secret::new(value)).ok(),
            _ if is_variable(name) => {
                // A process has each variable once.
                machine.variables.retain(|(other, _)| other != name);
                machine.variables.push((name.to_owned(), value));
            }
            _ => break,
        }
        text = rest;
    }
    text
}

fn is_variable(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_uppercase() || first == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Whatever is found has no key outside of its root, shows no credential, and is short enough to be printed.
pub fn sound(found: &Result<Resolved>) {
    let resolved = match found {
        Ok(resolved) => resolved,
        Err(error) => return refused(error),
    };
    match &resolved.location.store {
        Store::Directory(directory) => {
            let root = &directory.root;
            assert!(root.is_absolute() && root.components().all(|part| part.as_os_str() != ".."), "{}", root.display());
        }
        Store::S3(s3) => bucket(&s3.prefix, &s3.bucket, s3.endpoint.as_deref()),
        Store::Gcs(gcs) => bucket(&gcs.prefix, &gcs.bucket, gcs.endpoint.as_deref()),
        Store::Azure(azure) => bucket(&azure.prefix, &azure.container, azure.endpoint.as_deref()),
    }
    if let DescriptorCache::Redis(redis) = &resolved.descriptor_cache {
        let servers = match &redis.server {
            RedisServer::At(server) => std::slice::from_ref(server),
            RedisServer::Master(sentinels) => &sentinels.addresses,
        };
        assert!(!servers.is_empty() && servers.iter().all(|server| !server.host.is_empty() && server.port > 0));
    }
}

fn bucket(prefix: &str, bucket: &str, endpoint: Option<&str>) {
    assert!(!bucket.is_empty());
    if let Some(root) = prefix.strip_suffix('/') {
        assert!(!root.is_empty() && !root.split('/').any(|part| matches!(part, "" | "." | "..")), "{prefix:?}");
        let key = format!("{prefix}{}", layout::V2);
        assert!(!key.bytes().any(|byte| byte.is_ascii_control()) && !key.starts_with('/'), "{prefix:?}");
    } else {
        assert_eq!(prefix, "");
    }
    if let Some(endpoint) = endpoint {
        let rest = endpoint.strip_prefix("https://").or_else(|| endpoint.strip_prefix("http://")).unwrap();
        assert!(!rest.is_empty() && !rest.contains(['?', '#', ' ', '\n']), "{endpoint:?}");
        assert!(!rest.split('/').next().unwrap_or_default().contains('@'), "{endpoint:?}");
    }
}

fn refused(error: &Error) {
    assert!(error.hint().is_some_and(|hint| !hint.is_empty()), "{error}: and what now?");
}

/// All that is shown of what was found.
pub fn shown(found: &Result<Resolved>) -> String {
    match found {
        Ok(resolved) => format!("{resolved:?} {} {:?}", resolved.location, resolved.notes),
        Err(error) => format!("{error} {error:?} {:?}", error.hint()),
    }
}

/// The credentials in what was found.
pub fn credentials(resolved: &Resolved) -> Vec<&str> {
    let mut found: Vec<Option<&Secret>> = Vec::new();
    match &resolved.location.store {
        Store::Directory(_) => {}
        Store::S3(s3) => found.push(s3.keys.as_ref().map(|keys| &keys.secret_key)),
        Store::Gcs(gcs) => match &gcs.credential {
            GcsCredential::Inline(secret) | GcsCredential::Token(secret) => found.push(Some(secret)),
            GcsCredential::KeyFile(_) | GcsCredential::Default | GcsCredential::Anonymous => {}
        },
        Store::Azure(azure) => match &azure.credential {
            AzureCredential::SharedKey(secret)
            | AzureCredential::Sas(secret)
            | AzureCredential::ClientSecret { secret, .. } => found.push(Some(secret)),
            AzureCredential::Default => {}
        },
    }
    if let DescriptorCache::Redis(redis) = &resolved.descriptor_cache {
        found.push(redis.password.as_ref());
        if let RedisServer::Master(sentinels) = &redis.server {
            found.push(sentinels.password.as_ref());
        }
    }
    found.into_iter().flatten().map(Secret::reveal).collect()
}

/// If a password stands in an input once, and was understood as one, it is shown nowhere.
pub fn shows_no_credential(input: &str, found: &Result<Resolved>) {
    if input.matches(SECRET).count() == 1
        && let Ok(resolved) = found
        && credentials(resolved).iter().any(|secret| secret.contains(SECRET))
    {
        assert!(!shown(found).contains(SECRET), "{}", shown(found));
    }
}
