//! Connections that break, and servers that go and come back.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use anyhow::Result;
use regsweep::cli::words;
use regsweep::error::ErrorKind;
use regsweep::storage::descriptor_cache::Evictor;
use regsweep::storage::location::{RedisCache, RedisTls};
use regsweep::storage::open::Connection;

use crate::entries::{Entries, keys};
use crate::real::{self, Redis};
use crate::sign_in::refuses;

/// Stands before a server, and cuts each connection when so many bytes of requests have passed: in the middle of a request,
/// or, each second time, behind it and before its answer.
struct Cutter {
    port: u16,
    connections: Arc<AtomicUsize>,
}

impl Cutter {
    fn before(server: u16, after: usize) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let cutter = Self { port: listener.local_addr()?.port(), connections: Arc::default() };
        let connections = Arc::clone(&cutter.connections);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let behind = connections.fetch_add(1, Ordering::SeqCst) % 2 == 1;
                std::thread::spawn(move || pass(&client, server, after, behind));
            }
        });
        Ok(cutter)
    }
}

fn pass(client: &TcpStream, server: u16, after: usize, behind: bool) -> Option<()> {
    let upstream = TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, server))).ok()?;
    let full = Arc::new(AtomicBool::new(false));
    let answers = {
        let (mut upstream, mut client, full) =
            (upstream.try_clone().ok()?, client.try_clone().ok()?, Arc::clone(&full));
        std::thread::spawn(move || {
            while let Some(answer) = read(&mut upstream) {
                if full.load(Ordering::SeqCst) || client.write_all(&answer).is_err() {
                    break;
                }
            }
            client.shutdown(Shutdown::Both)
        })
    };
    let (mut from, mut to) = (client.try_clone().ok()?, upstream.try_clone().ok()?);
    let mut passed = 0;
    while let Some(request) = read(&mut from) {
        passed += request.len();
        if passed > after {
            full.store(true, Ordering::SeqCst);
            if !behind {
                to.write_all(&request[..request.len() / 2]).ok()?;
                break;
            }
        }
        to.write_all(&request).ok()?;
    }
    upstream.shutdown(Shutdown::Write).ok();
    answers.join().ok()?.ok()
}

fn read(from: &mut TcpStream) -> Option<Vec<u8>> {
    let mut buffer = vec![0; 1 << 14];
    let read = from.read(&mut buffer).ok().filter(|&read| read > 0)?;
    buffer.truncate(read);
    Some(buffer)
}

#[tokio::test]
async fn connections_that_break_in_the_middle_lose_nothing() -> Result<()> {
    let redis = Redis::start()?;
    let mut look = redis.look("")?;
    let all = Entries::new(&["a", "team/b"], 20_000);
    all.fill(&mut look)?;
    let cutter = Cutter::before(redis.port(), 1_000_000)?;
    let evictor = Evictor::connect(&real::redis::cache(cutter.port), &Connection::default()).await?;
    let evicted = all.evict(&evictor).await?;
    assert!(keys(&mut look)?.is_empty(), "all are gone");
    // What was removed before its answer was lost is not counted, nor is anything counted twice.
    assert!(evicted.keys < all.all().keys && evicted.members < all.all().members, "{evicted:?}");
    assert!(evicted.keys > all.all().keys / 2, "{evicted:?}");
    assert!(cutter.connections.load(Ordering::SeqCst) > 4);
    Ok(())
}

#[tokio::test]
async fn a_server_that_was_restarted_is_reached_again() -> Result<()> {
    let mut redis = Redis::start_with(&["--requirepass", "hunter2"])?;
    let evictor = Evictor::connect(&redis.cache_with("hunter2", 3), &Connection::default()).await?;
    let all = Entries::new(&["app"], 1500);
    for _ in 0..2 {
        redis.serve()?;
        let mut look = redis.look(":hunter2@/3")?;
        all.fill(&mut look)?;
        assert_eq!(all.evict(&evictor).await?, all.all());
        assert!(keys(&mut look)?.is_empty());
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_away_for_a_while_is_waited_for() -> Result<()> {
    let mut redis = Redis::start()?;
    let evictor = Arc::new(Evictor::connect(&redis.cache(), &Connection::default()).await?);
    redis.stop();
    let waiting = {
        let evictor = Arc::clone(&evictor);
        tokio::spawn(async move { Entries::new(&["app"], 10).evict(&evictor).await })
    };
    // Refused for certain at least once; a run of the test in which it was not is no failure.
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    redis.serve()?;
    assert_eq!(waiting.await??.keys, 0);
    let mut look = redis.look("")?;
    let all = Entries::new(&["app"], 10);
    all.fill(&mut look)?;
    assert_eq!(all.evict(&evictor).await?, all.all());
    Ok(())
}

#[tokio::test]
async fn a_server_that_stays_away_is_an_error_that_says_what_may_happen() -> Result<()> {
    let mut redis = Redis::start_with(&["--requirepass", "hunter2"])?;
    let evictor = Evictor::connect(&redis.cache_with("hunter2", 0), &Connection::default()).await?.with_retries(2);
    redis.stop();
    let error = Entries::new(&["app"], 1).evict(&evictor).await.expect_err("nobody answers");
    assert_eq!(error.kind(), ErrorKind::Unreachable);
    let told = words::error(&error);
    assert!(told.contains("the registry may go on claiming blobs that are gone"), "{told}");
    assert!(told.contains("`redis.addr` (line 7 of config.yml)") && !told.contains("hunter2"), "{told}");
    Ok(())
}

/// Were it tried again and again, a run would hang where a permission was taken away in its midst.
#[tokio::test]
async fn a_refusal_is_not_repeated() -> Result<()> {
    let redis = Redis::start()?;
    let mut admin = redis.look("")?;
    redis::cmd("ACL").arg("SETUSER").arg("me").arg(&["on", ">hunter2", "~*", "+@all"]).exec(&mut admin)?;
    let mut cache = redis.cache_with("hunter2", 0);
    cache.username = Some("me".to_owned());
    let evictor = Evictor::connect(&cache, &Connection::default()).await?;
    redis::cmd("ACL").arg("SETUSER").arg("me").arg("-del").exec(&mut admin)?;
    redis::cmd("CONFIG").arg("RESETSTAT").exec(&mut admin)?;
    let error = Entries::new(&[], 1).evict(&evictor).await.expect_err("not permitted");
    assert_eq!(error.kind(), ErrorKind::Permission, "{error}");
    let stats: String = redis::cmd("INFO").arg("commandstats").query(&mut admin)?;
    assert!(stats.contains("cmdstat_del:calls=0,") && stats.contains("rejected_calls=1,"), "{stats}");
    Ok(())
}

/// Who accepts and then says nothing must not hold a run up for ever.
#[tokio::test]
async fn a_server_that_says_nothing_is_given_up() -> Result<()> {
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = silent.local_addr()?.port();
    let tls = Some(RedisTls::default());
    let (plain, encrypted) = (real::redis::cache(port), RedisCache { tls, ..real::redis::cache(port) });
    let (within_10_s, within_5_s) = ("no answer within 10 s", "no answer within 5 s");
    tokio::join!(
        refuses(&plain, ErrorKind::Unreachable, within_10_s),
        refuses(&encrypted, ErrorKind::Unreachable, within_5_s),
    );
    Ok(())
}
