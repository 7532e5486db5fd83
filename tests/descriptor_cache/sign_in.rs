//! Passwords, users and databases; and what a person is told where one is wrong.

use anyhow::Result;
use regsweep::cli::words;
use regsweep::error::ErrorKind;
use regsweep::storage::descriptor_cache::Evictor;
use regsweep::storage::location::{HostPort, RedisCache, RedisServer, Secret};
use regsweep::storage::open::Connection;

use crate::entries::{Entries, keys};
use crate::real::{self, Redis};

/// It must not show anywhere.
const PASSWORD: &str = "hunter2 #@/é";

/// Evicts from a cache that `look` has filled.
async fn evicts(redis: &Redis, way: &str, cache: &RedisCache) -> Result<()> {
    let mut look = redis.look(way)?;
    let all = Entries::new(&["app"], 3);
    all.fill(&mut look)?;
    let evictor = Evictor::connect(cache, &Connection::default()).await?;
    assert!(!format!("{evictor:?} {cache:?} {cache}").contains("hunter2"));
    assert_eq!(all.evict(&evictor).await?, all.all());
    assert!(keys(&mut look)?.is_empty());
    Ok(())
}

/// No connection, for this reason; the text names the setting and the server, says what to do, and shows no password.
pub async fn refuses(cache: &RedisCache, kind: ErrorKind, why: &str) {
    let error = Evictor::connect(cache, &Connection::default()).await.expect_err("no connection");
    assert_eq!(error.kind(), kind, "{error}");
    let told = words::error(&error);
    let server = cache.to_string();
    for part in ["error: reach the registry's descriptor cache: ", &server, why, &format!("next: {}", cache.named_by)] {
        assert!(told.contains(part), "{part:?} is not told: {told}");
    }
    let all = format!("{told} {error:?}");
    assert!(!all.contains("hunter2"), "{all}");
}

#[tokio::test]
async fn a_password_and_a_database_are_used() -> Result<()> {
    let redis = Redis::start_with(&["--requirepass", PASSWORD])?;
    let way = ":hunter2%20%23%40%2F%C3%A9@";
    evicts(&redis, way, &redis.cache_with(PASSWORD, 0)).await?;
    evicts(&redis, &format!("{way}/9"), &redis.cache_with(PASSWORD, 9)).await?;
    let mut first = redis.look(way)?;
    let all = Entries::new(&["app"], 1);
    all.fill(&mut first)?;
    let evictor = Evictor::connect(&redis.cache_with(PASSWORD, 1), &Connection::default()).await?;
    assert_eq!(all.evict(&evictor).await?.keys, 0);
    assert_eq!(keys(&mut first)?.len(), 3, "of another database nothing is taken");
    Ok(())
}

#[tokio::test]
async fn a_user_with_the_least_permissions_is_enough() -> Result<()> {
    let redis = Redis::start()?;
    let mut admin = redis.look("")?;
    let rules = ["on", ">hunter2", "~blobs::*", "~repository::*", "+ping", "+select", "+del", "+srem"];
    redis::cmd("ACL").arg("SETUSER").arg("sweeper").arg(&rules).exec(&mut admin)?;
    let mut cache = RedisCache { username: Some("sweeper".to_owned()), ..redis.cache_with("hunter2", 2) };
    evicts(&redis, "/2", &cache).await?;
    redis::cmd("ACL").arg("SETUSER").arg("sweeper").arg("-del").exec(&mut admin)?;
    refuses(&cache, ErrorKind::Permission, "the user may not remove the registry's entries (NOPERM)").await;
    redis::cmd("ACL").arg("SETUSER").arg("sweeper").arg(&["+del", "resetkeys", "~blobs::*"]).exec(&mut admin)?;
    refuses(&cache, ErrorKind::Permission, "the user may not remove the registry's entries (NOPERM)").await;
    cache.username = Some("stranger".to_owned());
    refuses(&cache, ErrorKind::Credentials, "does not accept the user or the password (WRONGPASS)").await;
    Ok(())
}

#[tokio::test]
async fn what_is_wrong_is_told_before_anything_is_evicted() -> Result<()> {
    let redis = Redis::start_with(&["--requirepass", PASSWORD])?;
    refuses(&redis.cache_with("hunter2", 0), ErrorKind::Credentials, "(WRONGPASS)").await;
    refuses(&redis.cache(), ErrorKind::Credentials, "the server wants a password (NOAUTH)").await;
    let many = redis.cache_with(PASSWORD, 16);
    refuses(&many, ErrorKind::Configuration, "the server does not give the database 16").await;
    let mut elsewhere = redis.cache_with(PASSWORD, 0);
    elsewhere.server = RedisServer::At(HostPort { host: "127.0.0.1".to_owned(), port: 1 });
    refuses(&elsewhere, ErrorKind::Unreachable, "127.0.0.1:1: Connection refused").await;
    elsewhere.server = RedisServer::At(HostPort { host: "cache.invalid".to_owned(), port: 6379 });
    refuses(&elsewhere, ErrorKind::Unreachable, "cache.invalid:6379: ").await;
    Ok(())
}

/// As v3 registries do: a server without a password takes any.
#[tokio::test]
async fn a_password_that_nobody_asks_for_is_no_mistake() -> Result<()> {
    let redis = Redis::start()?;
    evicts(&redis, "", &redis.cache_with("hunter2", 0)).await?;
    let nameless = RedisCache { username: Some("somebody".to_owned()), ..redis.cache() };
    evicts(&redis, "", &nameless).await
}

#[tokio::test]
async fn a_server_that_repeats_the_password_is_not_quoted() -> Result<()> {
    let redis = Redis::start_with(&["--rename-command", "AUTH", "NOAUTHCOMMAND"])?;
    let mut cache = redis.cache_with("hunter2", 0);
    cache.username = Some("me".to_owned());
    refuses(&cache, ErrorKind::Credentials, "does not accept the user or the password (ERR)").await;
    Ok(())
}

#[tokio::test]
async fn servers_that_cannot_evict_are_found_out() -> Result<()> {
    let master = Redis::start()?;
    let replica = Redis::start_with(&["--replicaof", "127.0.0.1", &master.port().to_string()])?;
    refuses(&replica.cache(), ErrorKind::Unreachable, "the server is a replica").await;

    let cluster = Redis::start_with(&["--cluster-enabled", "yes"])?;
    refuses(&cluster.cache(), ErrorKind::Configuration, "a node of a Redis Cluster").await;
    let mut look = cluster.look("")?;
    redis::cmd("CLUSTER").arg("ADDSLOTSRANGE").arg(&["0", "16383"]).exec(&mut look)?;
    while !redis::cmd("CLUSTER").arg("INFO").query::<String>(&mut look)?.contains("cluster_state:ok") {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    refuses(&cluster.cache(), ErrorKind::Configuration, "a node of a Redis Cluster").await;
    refuses(&RedisCache { database: 1, ..cluster.cache() }, ErrorKind::Configuration, "does not give the database 1")
        .await;
    Ok(())
}

#[tokio::test]
async fn what_is_no_redis_is_found_out() -> Result<()> {
    let root = tempfile::tempdir()?;
    let registry = real::Registry::on_directory(root.path())?;
    let port = registry.host().rsplit(':').next().unwrap().parse()?;
    let mut cache = real::redis::cache(port);
    refuses(&cache, ErrorKind::Unreachable, "what answers there does not speak the protocol of Redis").await;
    cache.password = Some(Secret::new("hunter2"));
    refuses(&cache, ErrorKind::Unreachable, "what answers there does not speak the protocol of Redis").await;
    Ok(())
}
