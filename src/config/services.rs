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

#[cfg(test)]
mod tests {

    use super::super::environment::fake::{ok, read, refused};
    use super::*;

    fn cached(cache: &str, redis: &str) -> String {
        format!("version: 0.1\nstorage:\n  filesystem:\n  cache:\n    {cache}\n{redis}\n")
    }

    fn cache(text: &str) -> DescriptorCache {
        ok(read(text, &[])).descriptor_cache
    }

    #[test]
    fn the_descriptor_cache_has_two_names() {
        assert_eq!(cache(&cached("blobdescriptor: inmemory", "")), DescriptorCache::InMemory);
        assert_eq!(cache(&cached("layerinfo: inmemory", "")), DescriptorCache::InMemory);
        assert_eq!(cache(&cached("layerinfo: inmemory\n    blobdescriptor: ''", "")), DescriptorCache::None);
        assert_eq!(cache(&cached("blobdescriptorsize: 1", "")), DescriptorCache::None);
        assert_eq!(cache("version: 0.1\nstorage: filesystem\n"), DescriptorCache::None);
    }

    #[test]
    fn an_unknown_cache_is_none_and_noted() {
        let resolved = ok(read(&cached("blobdescriptor: memcached", ""), &[]));
        assert_eq!(resolved.descriptor_cache, DescriptorCache::None);
        assert_eq!(
            resolved.notes,
            [
                "`storage.cache.blobdescriptor` (line 5 of /etc/r.yml) is no cache that the registry knows: it has none then"
            ]
        );
    }

    #[test]
    fn redis_of_v3_is_read() {
        let text = include_str!("../../testdata/configs/v3-filesystem.yml");
        let expected = RedisCache {
            addresses: vec!["redis-0:6379".into(), "redis-1:6379".into()],
            username: Some("registry".into()),
            password: Some(Secret::new("redis-password-must-not-show")),
            database: 2,
            sentinel_master: Some("registry".into()),
            tls: true,
        };
        assert_eq!(cache(text), DescriptorCache::Redis(expected));
    }

    #[test]
    fn redis_of_v2_is_read_with_variables() {
        let text = cached("blobdescriptor: redis", "redis:\n  addr: a:6379\n  db: 3\n  pool: {maxidle: 1}");
        let variables =
            [("REGISTRY_REDIS_ADDR", "b:6379"), ("REGISTRY_REDIS_PASSWORD", "hunter2"), ("REGISTRY_REDIS_db", "9")];
        let resolved = ok(read(&text, &variables));
        let expected = RedisCache {
            addresses: vec!["b:6379".into()],
            username: None,
            password: Some(Secret::new("hunter2")),
            database: 3,
            sentinel_master: None,
            tls: false,
        };
        assert_eq!(resolved.descriptor_cache, DescriptorCache::Redis(expected));
        let resolved = ok(read(&text, &[("REGISTRY_REDIS", "{addrs: [c:1]}")]));
        assert!(matches!(resolved.descriptor_cache, DescriptorCache::Redis(redis) if redis.addresses == ["c:1"]));
    }

    #[test]
    fn redis_without_an_address_is_unknown() {
        let resolved = ok(read(&cached("blobdescriptor: redis", ""), &[]));
        assert_eq!(resolved.descriptor_cache, DescriptorCache::Unknown);
        assert_eq!(resolved.notes.len(), 1);
    }

    #[test]
    fn a_redis_that_cannot_be_reached_is_refused_by_its_line() {
        let error = refused(read(&cached("blobdescriptor: redis", "redis:\n  addr: a:1\n  db: many"), &[]));
        assert!(error.contains("`redis.db` (line 8 of /etc/r.yml): is no number of a database"), "{error}");
        let error = refused(read(&cached("blobdescriptor: redis", "redis:\n  addr: u:hunter2@a:1"), &[]));
        assert!(error.contains("`redis.addr` (line 7 of /etc/r.yml): its address number 1 carries"), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
        assert!(refused(read(&cached("a: b", "redis: text"), &[])).contains("`redis` (line 6 of /etc/r.yml): is no"));
    }

    #[test]
    fn harbor_is_known_by_how_it_signs_in() {
        let resolved = ok(read(include_str!("../../testdata/configs/harbor.yml"), &[]));
        assert!(resolved.harbor);
        let DescriptorCache::Redis(redis) = resolved.descriptor_cache else {
            return assert!(resolved.notes.is_empty());
        };
        assert_eq!(redis.addresses, ["sentinel-0:26379", "sentinel-1:26379"]);
        assert_eq!((redis.sentinel_master.as_deref(), redis.database, redis.tls), (Some("mymaster"), 1, false));
        let with = |auth: &str| ok(read(&format!("version: 0.1\nstorage: filesystem\nauth:\n  {auth}\n"), &[])).harbor;
        assert!(with("token: {realm: 'https://h/service/token', issuer: harbor-token-issuer}"));
        assert!(with("token:\n    service: harbor-registry"));
        assert!(!with("token: {realm: 'https://auth', issuer: other, service: registry}"));
        assert!(!with("htpasswd: {realm: basic-realm, path: /etc/htpasswd}"));
        assert!(!with("silly:"));
    }

    #[test]
    fn readonly_is_a_switch() {
        let with = |readonly: &str| {
            read(&format!("version: 0.1\nstorage:\n  filesystem:\n  maintenance:\n    readonly: {readonly}\n"), &[])
        };
        assert!(ok(with("{enabled: yes}")).readonly);
        assert!(!ok(with("{enabled: false}")).readonly);
        assert!(!ok(with("")).readonly);
        assert!(refused(with("{enabled: perhaps}")).contains("`storage.maintenance.readonly.enabled` (line 5 of"));
    }
}
