//! `redis`: where the registry's descriptor cache is and how to sign in to it.

use super::node::Value;
use super::section::Section;
use crate::error::Result;
use crate::storage::location::{ClientCertificate, HostPort, RedisCache, RedisServer, RedisTls, Secret, Sentinels};

/// What to write instead of an address that is none, and the way out for who cannot change the configuration.
const NEXT: &str =
    "write HOST:PORT, and the password as `password`; or say with --descriptor-cache what the registry uses";

/// `redis` of v2.8 (`addr`), of v3 (`addrs`, `mastername`, `tls`: the options of go-redis) and of Harbor (`addr` with
/// commas, `sentinelMasterSet`, `enableTLS`; later `sentinel`). `cache` is how to call the setting that asks for it.
///
/// Without a server that regsweep can evict from there is none, and a note says why.
pub(super) fn from_section(section: &Section<'_>, cache: &str, notes: &mut Vec<String>) -> Result<Option<RedisCache>> {
    let Some((named_by, server)) = server(section, cache, notes)? else { return Ok(None) };
    let database = match section.filled("db")?.map(|text| text.parse::<u32>()) {
        None => 0,
        Some(Ok(database)) => database,
        Some(Err(_)) => return Err(section.wrong("db", "is no number of a database", "write a whole number from 0")),
    };
    Ok(Some(RedisCache {
        named_by,
        server,
        username: section.filled_as_written("username")?,
        password: section.filled_as_written("password")?.map(Secret::new),
        database,
        tls: tls(section, notes)?,
    }))
}

/// Which server, and the setting that names it, as go-redis chooses (`NewUniversalClient`): with a master's name the
/// addresses are sentinels', else several are a cluster's nodes.
fn server(section: &Section<'_>, cache: &str, notes: &mut Vec<String>) -> Result<Option<(String, RedisServer)>> {
    if let Some(sentinel) = section.section("sentinel")
        && let (Some(master), addresses) = (sentinel.filled_as_written("masterName")?, texts(&sentinel, "addresses")?)
        && !addresses.is_empty()
    {
        let addresses = host_ports(&sentinel, "addresses", &addresses)?;
        let sentinels = Sentinels { addresses, master, username: None, password: None };
        return Ok(Some((sentinel.setting("addresses"), RedisServer::Master(sentinels))));
    }
    let (v2, v3) = (texts(section, "addr")?, texts(section, "addrs")?);
    let key = if v3.is_empty() { "addr" } else { "addrs" };
    let setting = section.setting(key);
    if !v2.is_empty() && !v3.is_empty() && v2 != v3 {
        notes.push(format!(
            "{setting} (v3) is not {} (v2), and which of them the registry reads depends on its version: its cache is \
             treated as one that cannot be reached",
            section.setting("addr")
        ));
        return Ok(None);
    }
    let addresses = host_ports(section, key, if v3.is_empty() { &v2 } else { &v3 })?;
    let mut master = section.filled_as_written("mastername")?;
    if master.is_none() {
        master = section.filled_as_written("sentinelMasterSet")?;
    }
    let server = match (master, addresses.as_slice()) {
        (_, []) => {
            notes.push(format!("{cache} is redis, but `redis` has no address"));
            return Ok(None);
        }
        (Some(master), _) => RedisServer::Master(Sentinels {
            addresses,
            master,
            username: section.filled_as_written("sentinelusername")?,
            password: section.filled_as_written("sentinelpassword")?.map(Secret::new),
        }),
        (None, [one]) => RedisServer::At(one.clone()),
        (None, _) => {
            notes.push(format!(
                "{setting} names several servers and no `mastername`, so they are a Redis Cluster, from which regsweep \
                 does not evict: it is treated as a cache that cannot be reached"
            ));
            return Ok(None);
        }
    };
    Ok(Some((setting, server)))
}

/// A list of texts, also as one text with commas; what is empty is left out.
fn texts(section: &Section<'_>, key: &str) -> Result<Vec<String>> {
    let mut texts = Vec::new();
    match section.get(key).map(|node| &node.value) {
        Some(Value::List(list)) => {
            texts.extend(list.iter().filter_map(|item| match &item.value {
                Value::Text(text) => Some(text.clone()),
                _ => None,
            }));
        }
        _ => texts.extend(section.filled(key)?),
    }
    let parts = texts.iter().flat_map(|text| text.split(',')).map(str::trim);
    Ok(parts.filter(|part| !part.is_empty()).map(str::to_owned).collect())
}

fn host_ports(section: &Section<'_>, key: &str, addresses: &[String]) -> Result<Vec<HostPort>> {
    let numbered = addresses.iter().enumerate();
    numbered
        .map(|(index, address)| {
            let wrong = |why| section.wrong(key, format!("its address number {} {why}", index + 1), NEXT);
            host_port(address).map_err(wrong)
        })
        .collect()
}

/// `host:port`, `[address]:port`, or `:port` of this machine, as Go dials it.
fn host_port(address: &str) -> Result<HostPort, &'static str> {
    if address.contains('@') {
        return Err("carries credentials");
    }
    if address.contains('/') {
        return Err("is a URL or a path");
    }
    let (host, port) = address.rsplit_once(':').ok_or("has no port")?;
    let host = match host.strip_prefix('[').map(|rest| rest.strip_suffix(']')) {
        Some(inner) => inner.ok_or("has a bracket that is not closed")?,
        None if host.contains(':') => return Err("is an IPv6 address without brackets"),
        None if host.is_empty() => "localhost",
        None => host,
    };
    let port = port.parse::<u16>().ok().filter(|&port| port > 0).ok_or("has no port between 1 and 65535")?;
    Ok(HostPort { host: host.to_owned(), port })
}

/// `tls` of v3, which is on as soon as it names a file, and Harbor's `enableTLS`.
fn tls(section: &Section<'_>, notes: &mut Vec<String>) -> Result<Option<RedisTls>> {
    let harbor = section.flag("enableTLS")?.unwrap_or(false).then(RedisTls::default);
    let Some(tls) = section.section("tls") else { return Ok(harbor) };
    let root_cas: Vec<_> = texts(&tls, "rootcas")?.into_iter().map(Into::into).collect();
    let client = match (tls.filled("certificate")?, tls.filled("key")?) {
        (Some(certificate), Some(key)) => Some(ClientCertificate { certificate: certificate.into(), key: key.into() }),
        (None, None) => None,
        _ => {
            let setting = tls.first_setting(&["certificate", "key"]);
            notes.push(format!("{setting} is ignored, as by the registry: `certificate` and `key` go together"));
            return Ok(Some(RedisTls { client: None, root_cas }));
        }
    };
    if client.is_some() || !root_cas.is_empty() {
        return Ok(Some(RedisTls { client, root_cas }));
    }
    if harbor.is_none() && tls.flag("enabled").is_ok_and(|enabled| enabled == Some(true)) {
        let setting = tls.setting("enabled");
        notes.push(format!(
            "{setting} is ignored, as by the registry: its connection to Redis is encrypted if `certificate` and `key`, \
             or `rootcas`, are set"
        ));
    }
    Ok(harbor)
}

#[cfg(test)]
mod tests {
    use super::super::environment::fake::{ok, read, refused};
    use super::*;
    use crate::config::Resolved;
    use crate::storage::location::DescriptorCache;

    fn text(redis: &str) -> String {
        format!("version: 0.1\nstorage:\n  filesystem:\n  cache:\n    blobdescriptor: redis\nredis:\n{redis}\n")
    }

    fn with(redis: &str, variables: &[(&str, &str)]) -> Resolved {
        ok(read(&text(redis), variables))
    }

    fn cache(resolved: Resolved) -> RedisCache {
        match resolved.descriptor_cache {
            DescriptorCache::Redis(cache) => cache,
            other => unreachable!("{other:?}, {:?}", resolved.notes),
        }
    }

    fn at(host: &str, port: u16) -> HostPort {
        HostPort { host: host.into(), port }
    }

    #[test]
    fn redis_of_v3_is_read() {
        let resolved = ok(read(include_str!("../../testdata/configs/v3-filesystem.yml"), &[]));
        assert_eq!(
            cache(resolved),
            RedisCache {
                named_by: "`redis.addrs` (line 23 of /etc/r.yml)".into(),
                server: RedisServer::Master(Sentinels {
                    addresses: vec![at("redis-0", 6379), at("redis-1", 6379)],
                    master: "registry".into(),
                    username: None,
                    password: None,
                }),
                username: Some("registry".into()),
                password: Some(Secret::new("redis-password-must-not-show")),
                database: 2,
                tls: Some(RedisTls {
                    client: Some(ClientCertificate {
                        certificate: "/etc/redis/client.pem".into(),
                        key: "/etc/redis/client.key".into()
                    }),
                    root_cas: vec![],
                }),
            }
        );
    }

    #[test]
    fn redis_of_v2_is_read_with_variables() {
        let redis = "  addr: a:6379\n  db: 3\n  dialtimeout: 10ms\n  readtimeout: 10ms\n  pool: {maxidle: 1}";
        let variables =
            [("REGISTRY_REDIS_ADDR", "b:6379"), ("REGISTRY_REDIS_PASSWORD", "hunter2"), ("REGISTRY_REDIS_db", "9")];
        let expected = RedisCache {
            named_by: "`REGISTRY_REDIS_ADDR`".into(),
            server: RedisServer::At(at("b", 6379)),
            username: None,
            password: Some(Secret::new("hunter2")),
            database: 3,
            tls: None,
        };
        let resolved = with(redis, &variables);
        assert!(!format!("{resolved:?}").contains("hunter2"));
        assert_eq!(cache(resolved), expected);
        assert_eq!(cache(with(redis, &[("REGISTRY_REDIS", "{addrs: [c:1]}")])).server, RedisServer::At(at("c", 1)));
    }

    #[test]
    fn variables_of_v3_reach_the_options() {
        let redis = "  addrs: [a:1]";
        let variables = [
            ("REGISTRY_REDIS_ADDRS", "[s-0:26379, s-1:26379]"),
            ("REGISTRY_REDIS_MASTERNAME", "m"),
            ("REGISTRY_REDIS_SENTINELUSERNAME", "watch"),
            ("REGISTRY_REDIS_SENTINELPASSWORD", "hunter2"),
            ("REGISTRY_REDIS_TLS_ROOTCAS", "[/ca-1.pem, /ca-2.pem]"),
        ];
        let found = cache(with(redis, &variables));
        assert_eq!(
            found.server,
            RedisServer::Master(Sentinels {
                addresses: vec![at("s-0", 26379), at("s-1", 26379)],
                master: "m".into(),
                username: Some("watch".into()),
                password: Some(Secret::new("hunter2")),
            })
        );
        let root_cas = vec!["/ca-1.pem".into(), "/ca-2.pem".into()];
        assert_eq!(found.tls, Some(RedisTls { client: None, root_cas }));
        // v3.0 knows them only below the name of its Go field; later versions know both.
        let found =
            cache(with(redis, &[("REGISTRY_REDIS_OPTIONS_ADDRS", "[b:2]"), ("REGISTRY_REDIS_OPTIONS_DB", "4")]));
        assert_eq!((found.server, found.database), (RedisServer::At(at("b", 2)), 4));
        // The registry makes nothing of a part of a list.
        let resolved = with(redis, &[("REGISTRY_REDIS_ADDRS_0", "b:2")]);
        assert_eq!(resolved.notes.len(), 1, "{:?}", resolved.notes);
        assert_eq!(cache(resolved).server, RedisServer::At(at("a", 1)));
        assert_eq!(with("  db: 1", &[("REGISTRY_REDIS_ADDRS_0", "b:2")]).descriptor_cache, DescriptorCache::Unknown);
    }

    #[test]
    fn a_password_of_digits_is_taken_as_it_was_written() {
        for password in ["0123", "1_000", "0x1F", "yes", "1e5", "-1", "123"] {
            let found = cache(with(&format!("  addr: a:1\n  password: {password} # secret"), &[]));
            assert_eq!(found.password, Some(Secret::new(password)), "{password}");
            let found = cache(with("  addr: a:1", &[("REGISTRY_REDIS_PASSWORD", password)]));
            assert_eq!(found.password, Some(Secret::new(password)), "{password}");
        }
        assert_eq!(cache(with("  addr: a:1\n  password: ''", &[])).password, None);
        assert_eq!(cache(with("  addr: a:1\n  password: &p 12\n", &[])).password, Some(Secret::new("12")));
    }

    #[test]
    fn addresses_are_as_go_dials_them() {
        for (address, host, port) in
            [("localhost:6379", "localhost", 6379), ("[::1]:1", "::1", 1), (":6380", "localhost", 6380)]
        {
            assert_eq!(host_port(address), Ok(at(host, port)), "{address}");
        }
        assert_eq!(at("::1", 1).to_string(), "[::1]:1");
        for address in ["", "a", "::1", "[::1", "[::1:1", "a:", "a:0", "a:65536", "a:redis", "redis://a:1", "u:p@a:1"] {
            assert!(host_port(address).is_err(), "{address}");
        }
    }

    #[test]
    fn a_server_that_cannot_be_told_is_unknown_and_noted() {
        for (redis, note) in [
            ("", "`storage.cache.blobdescriptor` (line 5 of /etc/r.yml) is redis, but `redis` has no address"),
            ("  addrs: []", "is redis, but `redis` has no address"),
            ("  addrs: [a:1, b:1]", "`redis.addrs` (line 7 of /etc/r.yml) names several servers and no `mastername`"),
            ("  addr: a:1,b:1", "`redis.addr` (line 7 of /etc/r.yml) names several servers and no `mastername`"),
            ("  addr: a:1\n  addrs: [b:1]", "`redis.addrs` (line 8 of /etc/r.yml) (v3) is not `redis.addr` (line 7 of"),
        ] {
            let resolved = with(redis, &[]);
            assert_eq!(resolved.descriptor_cache, DescriptorCache::Unknown, "{redis}");
            assert!(resolved.notes.len() == 1 && resolved.notes[0].contains(note), "{:?}", resolved.notes);
        }
        assert_eq!(cache(with("  addr: a:1\n  addrs: [a:1]", &[])).server, RedisServer::At(at("a", 1)));
    }

    #[test]
    fn encryption_is_on_when_a_file_is_named() {
        assert_eq!(
            cache(with("  addrs: [a:1]\n  tls: {rootcas: [/ca.pem]}", &[])).tls.unwrap_or_default().root_cas.len(),
            1
        );
        for off in ["  tls:", "  tls: {}", "  tls: {clientcas: [/ca.pem]}", "  tls: {enabled: false}"] {
            let resolved = with(&format!("  addrs: [a:1]\n{off}"), &[]);
            assert_eq!(resolved.notes, [""; 0], "{off}");
            assert_eq!(cache(resolved).tls, None, "{off}");
        }
        let resolved = with("  addrs: [a:1]\n  tls:\n    enabled: true", &[]);
        assert!(
            resolved.notes[0].contains("`redis.tls.enabled` (line 9 of /etc/r.yml) is ignored"),
            "{:?}",
            resolved.notes
        );
        assert_eq!(cache(resolved).tls, None);
        let resolved = with("  addrs: [a:1]\n  tls:\n    key: /k.pem", &[]);
        assert!(
            resolved.notes[0].contains("`redis.tls.key` (line 9 of /etc/r.yml) is ignored"),
            "{:?}",
            resolved.notes
        );
        assert_eq!(cache(resolved).tls, Some(RedisTls::default()));
    }

    #[test]
    fn redis_of_harbor_is_read() {
        let found = cache(ok(read(include_str!("../../testdata/configs/harbor.yml"), &[])));
        let sentinels = Sentinels {
            addresses: vec![at("sentinel-0", 26379), at("sentinel-1", 26379)],
            master: "mymaster".into(),
            username: None,
            password: None,
        };
        assert_eq!((&found.server, found.database, &found.tls), (&RedisServer::Master(sentinels), 1, &None));
        let later = "  addr: a:1\n  sentinel:\n    masterName: mymaster\n    addresses: ['sentinel-0:26379', 'sentinel-1:26379']";
        let later = cache(with(later, &[]));
        assert_eq!(
            (later.server, later.named_by.as_str()),
            (found.server, "`redis.sentinel.addresses` (line 10 of /etc/r.yml)")
        );
        assert_eq!(cache(with("  addr: a:1\n  sentinel: {}", &[])).server, RedisServer::At(at("a", 1)));
        assert_eq!(cache(with("  addr: a:1\n  enableTLS: true", &[])).tls, Some(RedisTls::default()));
    }

    #[test]
    fn what_cannot_be_reached_is_refused_by_its_line() {
        for (redis, why) in [
            ("  addr: a:1\n  db: many", "`redis.db` (line 8 of /etc/r.yml): is no number of a database"),
            ("  addr: u:hunter2@a:1", "`redis.addr` (line 7 of /etc/r.yml): its address number 1 carries credentials"),
            ("  addrs: [a:1, hunter2]", "`redis.addrs` (line 7 of /etc/r.yml): its address number 2 has no port"),
        ] {
            let error = refused(read(&text(redis), &[]));
            assert!(error.contains(why) && !error.contains("hunter2"), "{error}");
        }
        let plain = "version: 0.1\nstorage:\n  filesystem:\n  cache:\n    a: b\nredis: text\n";
        assert!(refused(read(plain, &[])).contains("`redis` (line 6 of /etc/r.yml): is no"));
    }

    #[test]
    fn a_redis_that_is_no_cache_is_not_looked_at() {
        let plain = "version: 0.1\nstorage: filesystem\nredis:\n  addr: nonsense\n  db: many\n";
        let resolved = ok(read(plain, &[]));
        assert_eq!((resolved.descriptor_cache, resolved.notes), (DescriptorCache::None, vec![]));
    }
}
