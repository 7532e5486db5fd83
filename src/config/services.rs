//! What else the configuration tells about the running registry: its descriptor cache, read-only mode, Harbor.

use super::node::{Node, Value};
use super::section::Section;
use super::variables::Sections;
use crate::error::Result;
use crate::storage::location::Secret;

/// Where the registry remembers which blobs exist: what it remembers outlives a deletion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DescriptorCache {
    /// It remembers nothing.
    None,
    /// In the memory of the running process, for as long as it runs.
    InMemory,
    /// In Redis.
    Redis(RedisCache),
    /// The registry's configuration is not known.
    Unknown,
}

/// How the registry reaches its Redis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedisCache {
    /// `host:port` of the server, of the cluster's nodes, or of the sentinels; never empty.
    pub addresses: Vec<String>,
    /// The user, where access control lists are used.
    pub username: Option<String>,
    /// The password.
    pub password: Option<Secret>,
    /// The number of the database.
    pub database: u32,
    /// The master's name: then the addresses are sentinels'.
    pub sentinel_master: Option<String>,
    /// Whether the connection is encrypted.
    pub tls: bool,
}

/// The descriptor cache (`handlers/app.go`): `cache.blobdescriptor`, where it is absent `cache.layerinfo`.
///
/// A file without it has none; variables alone do not tell, because the registry has a file too.
pub(super) fn descriptor_cache(
    sections: &Sections,
    from_file: bool,
    notes: &mut Vec<String>,
) -> Result<DescriptorCache> {
    let storage = Section::top("storage", &sections.storage);
    let absent = if from_file { DescriptorCache::None } else { DescriptorCache::Unknown };
    let Some(cache) = storage.section("cache") else { return Ok(absent) };
    let key = if cache.get("blobdescriptor").is_some() { "blobdescriptor" } else { "layerinfo" };
    match cache.filled(key)?.as_deref() {
        None => Ok(absent),
        Some("inmemory") => Ok(DescriptorCache::InMemory),
        Some("redis") => {
            let redis = redis(&Section::top("redis", &sections.redis))?;
            if redis.is_none() {
                notes.push(format!("{} is redis, but `redis` has no address", cache.setting(key)));
            }
            Ok(redis.map_or(DescriptorCache::Unknown, DescriptorCache::Redis))
        }
        Some(_) => {
            notes.push(format!("{} is no cache that the registry knows: it has none then", cache.setting(key)));
            Ok(DescriptorCache::None)
        }
    }
}

/// `redis` of v2.8 (`addr`), of v3 (`addrs`, `mastername`, `tls`) and of Harbor (`addr` with commas,
/// `sentinelMasterSet`, `enableTLS`).
fn redis(section: &Section<'_>) -> Result<Option<RedisCache>> {
    let mut addresses = Vec::new();
    match section.get("addrs").map(|node| &node.value) {
        Some(Value::List(list)) => {
            addresses.extend(list.iter().filter_map(|item| match &item.value {
                Value::Text(address) => Some(address.clone()),
                _ => None,
            }));
        }
        _ => addresses.extend(section.filled("addrs")?),
    }
    addresses.extend(section.filled("addr")?);
    let addresses: Vec<String> = addresses
        .iter()
        .flat_map(|addresses| addresses.split(','))
        .map(|address| address.trim().to_owned())
        .filter(|address| !address.is_empty())
        .collect();
    if let Some(with_password) = addresses.iter().position(|address| address.contains('@')) {
        let key = if section.get("addrs").is_some() { "addrs" } else { "addr" };
        let why = format!("its address number {} carries credentials", with_password + 1);
        return Err(section.wrong(key, why, "write HOST:PORT, and the password as `password`"));
    }
    if addresses.is_empty() {
        return Ok(None);
    }
    let database = match section.filled("db")?.map(|text| text.parse::<u32>()) {
        None => 0,
        Some(Ok(database)) => database,
        Some(Err(_)) => return Err(section.wrong("db", "is no number of a database", "write a whole number from 0")),
    };
    let mut master = section.filled("mastername")?;
    if master.is_none() {
        master = section.filled("sentinelMasterSet")?;
    }
    let tls = section.section("tls");
    let has_tls = tls.is_some_and(|tls| tls.first_setting(&["certificate", "key", "rootcas"]) != tls.name());
    Ok(Some(RedisCache {
        addresses,
        username: section.filled("username")?,
        password: section.filled("password")?.map(Secret::new),
        database,
        sentinel_master: master,
        tls: has_tls || section.flag("enableTLS")?.unwrap_or(false),
    }))
}

/// Whether the registry is configured read-only. It proves nothing: whether it runs so is another question.
pub(super) fn readonly(sections: &Sections) -> Result<bool> {
    let storage = Section::top("storage", &sections.storage);
    let readonly = storage.section("maintenance").and_then(|maintenance| maintenance.section("readonly"));
    Ok(readonly.map(|readonly| readonly.flag("enabled")).transpose()?.flatten().unwrap_or(false))
}

/// Whether this is Harbor's registry, whose tags live in Harbor's database: Harbor signs in to it with the realm
/// `harbor-registry-basic-realm` (since 2.0), before with tokens of `harbor-token-issuer` for `harbor-registry`.
pub(super) fn is_harbor(sections: &Sections) -> bool {
    let names = [("htpasswd", "realm"), ("token", "issuer"), ("token", "service"), ("token", "realm")];
    names.iter().any(|(provider, key)| {
        let parameters = sections.auth.map.get(provider).and_then(Node::map);
        let value = parameters.and_then(|parameters| parameters.get(key)).map(|node| &node.value);
        matches!(value, Some(Value::Text(text)) if
            matches!(text.as_str(), "harbor-registry-basic-realm" | "harbor-token-issuer" | "harbor-registry"))
    })
}
