//! Sentinels: they are asked for the master, each time anew.

use anyhow::Result;
use regsweep::error::ErrorKind;
use regsweep::storage::descriptor_cache::Evictor;
use regsweep::storage::location::{HostPort, RedisCache, RedisServer, Secret, Sentinels};
use regsweep::storage::open::Connection;

use crate::entries::{Entries, keys};
use crate::real::Redis;
use crate::sign_in::refuses;

fn cache(sentinels: &[u16], master: &str) -> RedisCache {
    let address = |port: &u16| HostPort { host: "127.0.0.1".to_owned(), port: *port };
    let sentinels = Sentinels {
        addresses: sentinels.iter().map(address).collect(),
        master: master.to_owned(),
        username: None,
        password: None,
    };
    RedisCache { server: RedisServer::Master(sentinels), ..crate::real::redis::cache(1) }
}

fn monitor(sentinel: &Redis, way: &str, master: &Redis) -> Result<()> {
    let mut look = sentinel.look(way)?;
    let port = master.port().to_string();
    redis::cmd("SENTINEL").arg(&["MONITOR", "mymaster", "127.0.0.1", &port, "1"]).exec(&mut look)?;
    Ok(())
}

#[tokio::test]
async fn the_master_is_asked_for_and_asked_for_again_when_it_moved() -> Result<()> {
    let (first, second) = (Redis::start()?, Redis::start()?);
    let sentinel = Redis::start_sentinel(&[])?;
    monitor(&sentinel, "", &first)?;
    // The first sentinel is dead.
    let evictor = Evictor::connect(&cache(&[1, sentinel.port()], "mymaster"), &Connection::default()).await?;
    let all = Entries::new(&["app"], 5);
    all.fill(&mut first.look("")?)?;
    assert_eq!(all.evict(&evictor).await?, all.all());

    all.fill(&mut second.look("")?)?;
    redis::cmd("SENTINEL").arg("REMOVE").arg("mymaster").exec(&mut sentinel.look("")?)?;
    monitor(&sentinel, "", &second)?;
    redis::cmd("REPLICAOF").arg("127.0.0.1").arg(second.port()).exec(&mut first.look("")?)?;
    assert_eq!(all.evict(&evictor).await?, all.all());
    assert!(keys(&mut second.look("")?)?.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_sentinel_that_does_not_help_is_told() -> Result<()> {
    let sentinel = Redis::start_sentinel(&["--requirepass", "hunter2"])?;
    let mut asked = cache(&[sentinel.port()], "mymaster");
    let its = |why: &str| format!("the sentinel 127.0.0.1:{}: {why}", sentinel.port());
    refuses(&asked, ErrorKind::Credentials, &its("the server wants a password (NOAUTH)")).await;
    // The server's password is not the sentinel's.
    asked.password = Some(Secret::new("another-hunter2"));
    refuses(&asked, ErrorKind::Credentials, &its("the server wants a password (NOAUTH)")).await;
    asked.password = None;
    let RedisServer::Master(sentinels) = &mut asked.server else { unreachable!() };
    sentinels.password = Some(Secret::new("hunter2"));
    refuses(&asked, ErrorKind::Configuration, &its("it knows no master of the name mymaster")).await;
    let master = Redis::start_with(&["--requirepass", "another-hunter2"])?;
    monitor(&sentinel, ":hunter2@", &master)?;
    refuses(&asked, ErrorKind::Credentials, "the server wants a password (NOAUTH)").await;
    asked.password = Some(Secret::new("another-hunter2"));
    Evictor::connect(&asked, &Connection::default()).await?;
    refuses(&cache(&[1], "mymaster"), ErrorKind::Unreachable, "127.0.0.1:1: Connection refused").await;
    Ok(())
}
