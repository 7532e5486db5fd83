//! What else the configuration tells about the running registry: its descriptor cache, read-only mode, Harbor.

use super::node::{Node, Value};
use super::redis;
use super::section::Section;
use super::variables::Sections;
use crate::error::Result;
use crate::storage::location::DescriptorCache;

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
            let redis = redis::from_section(&Section::top("redis", &sections.redis), &cache.setting(key), notes)?;
            Ok(redis.map_or(DescriptorCache::Unknown, DescriptorCache::Redis))
        }
        Some(_) => {
            notes.push(format!("{} is no cache that the registry knows: it has none then", cache.setting(key)));
            Ok(DescriptorCache::None)
        }
    }
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

    fn cached(cache: &str) -> String {
        format!("version: 0.1\nstorage:\n  filesystem:\n  cache:\n    {cache}\n")
    }

    fn cache(text: &str) -> DescriptorCache {
        ok(read(text, &[])).descriptor_cache
    }

    #[test]
    fn the_descriptor_cache_has_two_names() {
        assert_eq!(cache(&cached("blobdescriptor: inmemory")), DescriptorCache::InMemory);
        assert_eq!(cache(&cached("layerinfo: inmemory")), DescriptorCache::InMemory);
        assert_eq!(cache(&cached("layerinfo: inmemory\n    blobdescriptor: ''")), DescriptorCache::None);
        assert_eq!(cache(&cached("blobdescriptorsize: 1")), DescriptorCache::None);
        assert_eq!(cache("version: 0.1\nstorage: filesystem\n"), DescriptorCache::None);
    }

    #[test]
    fn an_unknown_cache_is_none_and_noted() {
        let resolved = ok(read(&cached("blobdescriptor: memcached"), &[]));
        assert_eq!(resolved.descriptor_cache, DescriptorCache::None);
        assert_eq!(
            resolved.notes,
            [
                "`storage.cache.blobdescriptor` (line 5 of /etc/r.yml) is no cache that the registry knows: it has none then"
            ]
        );
    }

    #[test]
    fn harbor_is_known_by_how_it_signs_in() {
        let resolved = ok(read(include_str!("../../testdata/configs/harbor.yml"), &[]));
        assert!(resolved.harbor && resolved.notes.is_empty());
        assert!(matches!(resolved.descriptor_cache, DescriptorCache::Redis(_)));
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
