//! Where the registry's Redis is: the option, and the section of the configuration. No part of an option is ever
//! repeated, and what is found can be dialled.

use super::machine::{self, FILE, Machine, SECRET};
use regsweep::config::{DescriptorCache, Overrides, RedisCache, Resolved, descriptor_cache, resolve};
use regsweep::error::Result;
use regsweep::storage::location::{DirectoryLocation, Location, RedisServer, Secret, Store};

/// Behind `=` the option's value; otherwise the section `redis`, with variables before it.
pub fn check(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    match text.strip_prefix('=') {
        Some(value) => option(value),
        None => section(&text),
    }
}

fn option(value: &str) {
    let found = descriptor_cache(&Secret::new(value));
    let is_url = value.contains("://");
    assert!(found.is_ok() || !value.contains(SECRET) || !format!("{:?}", found.as_ref().err()).contains(SECRET));
    match &found {
        Ok(DescriptorCache::None) => assert_eq!(value, "none"),
        Ok(DescriptorCache::InMemory) => assert_eq!(value, "inmemory"),
        Ok(DescriptorCache::Redis(redis)) => {
            assert!(is_url);
            named_again(redis);
        }
        Ok(DescriptorCache::Unknown) => panic!("the option tells"),
        Err(_) => {}
    }
    let found: Result<Resolved> = found.map(|descriptor_cache| Resolved {
        location: Location {
            store: Store::Directory(DirectoryLocation { root: "/".into() }),
            named_by: String::new(),
            from_configuration: false,
        },
        descriptor_cache,
        readonly: false,
        harbor: false,
        notes: Vec::new(),
    });
    machine::sound(&found);
    machine::shows_no_credential(value, &found);
}

/// What is printed leads to the same server, without the credentials.
fn named_again(redis: &RedisCache) {
    let again = descriptor_cache(&Secret::new(redis.to_string()));
    let expected = RedisCache { username: None, password: None, ..redis.clone() };
    assert_eq!(again.ok(), Some(DescriptorCache::Redis(expected)), "{redis}");
}

fn section(text: &str) {
    let (mut machine, mut overrides) = (Machine::default(), Overrides::default());
    let section = machine::begin(text, &mut machine, &mut overrides);
    let lines: String = section.split_inclusive('\n').map(|line| format!("  {line}")).collect();
    let head = "version: 0.1\nstorage:\n  filesystem:\n  cache:\n    blobdescriptor: redis\nredis:\n";
    machine.file = Some(format!("{head}{lines}"));
    let found = resolve(Some(FILE), &overrides, &machine);
    machine::sound(&found);
    machine::shows_no_credential(text, &found);
    if let Ok(resolved) = &found
        && let DescriptorCache::Redis(redis) = &resolved.descriptor_cache
        && let RedisServer::Master(sentinels) = &redis.server
    {
        assert!(!sentinels.master.is_empty());
    }
}
