//! `--descriptor-cache`: what the registry remembers blobs in, where its configuration does not say, or not rightly.

use percent_encoding::percent_decode_str;
use url::{Host, Url};

use crate::error::{Error, ErrorKind, Result};
use crate::storage::location::{DescriptorCache, HostPort, RedisCache, RedisServer, RedisTls, Secret};

/// How the option is called.
const OPTION: &str = "--descriptor-cache";
const SHAPE: &str = "write none, inmemory, or redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE] (rediss:// with TLS)";
const DEFAULT_PORT: u16 = 6379;

/// Reads the option's value. It may hold a password, so that no part of it is ever repeated.
///
/// # Errors
/// Of kind [`ErrorKind::Usage`] if it is none of what [`DescriptorCache`] can be told to be.
pub fn descriptor_cache(value: &Secret) -> Result<DescriptorCache> {
    match value.reveal() {
        "none" => Ok(DescriptorCache::None),
        "inmemory" => Ok(DescriptorCache::InMemory),
        "" => Err(unusable("it is empty", SHAPE)),
        text => redis(text).map(DescriptorCache::Redis),
    }
}

fn unusable(why: &str, next: impl Into<String>) -> Error {
    Error::new(ErrorKind::Usage, "understand the descriptor cache").on(OPTION).because(why).next(next)
}

fn redis(text: &str) -> Result<RedisCache> {
    let encode = "in a user's name or password, write / as %2F, ? as %3F, # as %23, @ as %40 and % as %25";
    let scheme = text.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    let tls = match scheme.as_deref() {
        Some("redis") => None,
        Some("rediss") => Some(RedisTls::default()),
        _ => return Err(unusable("it is neither a word that regsweep knows nor a redis:// URL", SHAPE)),
    };
    let url = Url::parse(text).map_err(|_| unusable("its URL cannot be read", format!("{SHAPE}; {encode}")))?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err(unusable("its URL carries a query or a fragment", format!("leave it out; {encode}")));
    }
    let host = match url.host() {
        Some(Host::Ipv6(address)) => address.to_string(),
        Some(Host::Ipv4(address)) => address.to_string(),
        // Of a scheme that is not the web's, the parser leaves the host as it was written.
        Some(Host::Domain(name)) if is_name(name) => name.to_owned(),
        _ => return Err(unusable("its URL names no host", format!("{SHAPE}; {encode}"))),
    };
    let decoded = |text: &str| {
        let decoded = percent_decode_str(text).decode_utf8();
        decoded.map(std::borrow::Cow::into_owned).map_err(|_| unusable("its percent-encoding is not UTF-8", encode))
    };
    let username = Some(decoded(url.username())?).filter(|name| !name.is_empty());
    let password = url.password().map(decoded).transpose()?.filter(|password| !password.is_empty());
    if username.is_some() && password.is_none() {
        return Err(unusable("its URL has a user without a password", "write redis://:PASSWORD@HOST"));
    }
    let database = match url.path().trim_start_matches('/') {
        "" => 0,
        number => number.parse().map_err(|_| {
            let next = format!("{SHAPE}: the database is a number, such as 0; {encode}");
            unusable("its URL has a path that is no number of a database", next)
        })?,
    };
    Ok(RedisCache {
        named_by: OPTION.to_owned(),
        server: RedisServer::At(HostPort { host, port: url.port().unwrap_or(DEFAULT_PORT) }),
        username,
        password: password.map(Secret::new),
        database,
        tls,
    })
}

fn is_name(host: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    !host.is_empty() && host.bytes().all(known)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Result<DescriptorCache> {
        descriptor_cache(&Secret::new(text))
    }

    fn redis(text: &str) -> RedisCache {
        match read(text) {
            Ok(DescriptorCache::Redis(cache)) => cache,
            other => unreachable!("{text}: {other:?}"),
        }
    }

    #[test]
    fn words_and_urls_are_read() {
        assert_eq!(read("none").ok(), Some(DescriptorCache::None));
        assert_eq!(read("inmemory").ok(), Some(DescriptorCache::InMemory));
        for (text, shown, user, password) in [
            ("redis://h", "redis://h:6379/0", None, None),
            ("redis://h:1/", "redis://h:1/0", None, None),
            ("REDISS://h.example:1/3", "rediss://h.example:1/3", None, None),
            ("redis://[::1]:1/15", "redis://[::1]:1/15", None, None),
            ("redis://127.0.0.1", "redis://127.0.0.1:6379/0", None, None),
            ("redis://:hunter2@my_redis:1", "redis://my_redis:1/0", None, Some("hunter2")),
            ("redis://me:a%40b%2F%C3%BC@h", "redis://h:6379/0", Some("me"), Some("a@b/ü")),
            ("redis://:p%@h", "redis://h:6379/0", None, Some("p%")),
        ] {
            let cache = redis(text);
            assert_eq!(cache.to_string(), shown, "{text}");
            assert_eq!(cache.username.as_deref(), user, "{text}");
            assert_eq!(cache.password.as_ref().map(Secret::reveal), password, "{text}");
            assert_eq!(cache.named_by, "--descriptor-cache");
        }
    }

    #[test]
    fn what_cannot_be_read_is_refused_without_showing_it() {
        for (text, why) in [
            ("", "it is empty"),
            ("hunter2", "it is neither a word that regsweep knows nor a redis:// URL"),
            ("None", "it is neither"),
            ("redis", "it is neither"),
            ("hunter2://h", "it is neither"),
            ("redis+sentinel://:hunter2@h", "it is neither"),
            ("unix:///hunter2.sock", "it is neither"),
            ("redis://", "names no host"),
            ("redis:///2", "names no host"),
            ("redis://:hunter2@", "cannot be read"),
            ("redis://:hun/ter2@h", "cannot be read"),
            ("redis://:hun#ter2@h", "cannot be read"),
            ("redis://hunter2:h/1", "cannot be read"),
            ("redis://h:65536", "cannot be read"),
            ("redis://a%20hunter2", "names no host"),
            ("redis://a,hunter2", "names no host"),
            ("redis://hunter2@h", "a user without a password"),
            ("redis://h?db=hunter2", "a query or a fragment"),
            ("redis://h#hunter2", "a query or a fragment"),
            ("redis://h/hunter2", "a path that is no number"),
            ("redis://h/-1", "a path that is no number"),
            ("redis://h/1/2", "a path that is no number"),
            ("redis://:%FFhunter2@h", "percent-encoding is not UTF-8"),
        ] {
            let error = read(text).err().map(|error| (error.kind(), format!("{error} {error:?} {:?}", error.hint())));
            let Some((kind, error)) = error else { unreachable!("{text} is taken") };
            assert_eq!(kind, ErrorKind::Usage, "{text}");
            assert!(error.contains(why), "{text}: {error}");
            assert!(!error.contains("hun") && !error.contains("ter2"), "{text}: {error}");
        }
        assert!(!format!("{:?}", redis("redis://me:hunter2@h")).contains("hunter2"));
    }

    proptest! {
        #[test]
        fn no_text_is_a_panic(text in "(rediss?://)?\\PC{0,40}") {
            drop(read(&text));
        }

        #[test]
        fn no_password_is_repeated(password in "[!-~]{4,20}") {
            let text = format!("redis://:Zx9{password}Qy7@h/1");
            let shown = match read(&text) {
                Ok(cache) => format!("{cache:?}"),
                Err(error) => format!("{error} {error:?}"),
            };
            prop_assert!(!shown.contains("Zx9") && !shown.contains("Qy7"), "{}", shown);
        }
    }
}
