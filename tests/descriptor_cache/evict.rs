//! What is evicted: what was named, and nothing else.

use anyhow::Result;
use regsweep::storage::descriptor_cache::{Evicted, Evictor};
use regsweep::storage::open::Connection;

use crate::entries::{Entries, keys, members};
use crate::real::Redis;

#[tokio::test]
async fn takes_out_what_was_named_and_leaves_all_else() -> Result<()> {
    let redis = Redis::start()?;
    let mut look = redis.look("")?;
    let all = Entries::new(&["app", "team/app"], 10);
    all.fill(&mut look)?;
    redis::cmd("SET").arg("another::program").arg("1").exec(&mut look)?;
    let before = keys(&mut look)?;
    let evictor = Evictor::connect(&redis.cache(), &Connection::default()).await?;
    assert_eq!(keys(&mut look)?, before, "connecting changes nothing");

    // Two blobs go from the registry, and with them a third from one repository only.
    let (gone, unlinked) = (all.part(0..2), all.part(2..3));
    let links = gone.links().chain(unlinked.links().take(1));
    let evicted = evictor.evict(&gone.digests, links).await?;
    assert_eq!(evicted, Evicted { keys: 2 + 4 + 1, members: 4 + 1 });

    let named = |digest: &str, left: &str| {
        let mut keys = vec![];
        for digest in gone.digests.iter().map(ToString::to_string).filter(|one| digest.is_empty() || one == digest) {
            keys.push(format!("blobs::{digest}"));
            keys.extend(["app", "team/app"].map(|name| format!("repository::{name}::blobs::{digest}")));
        }
        keys.push(format!("repository::app::blobs::{left}"));
        keys
    };
    let third = unlinked.digests[0].to_string();
    let mut expected = before;
    for key in named("", &third) {
        assert!(expected.remove(&key), "{key}");
    }
    assert_eq!(keys(&mut look)?, expected);
    let digests = |range| all.part(range).digests.iter().map(ToString::to_string).collect();
    assert_eq!(members(&mut look, "app")?, digests(3..10));
    assert_eq!(members(&mut look, "team/app")?, digests(2..10));

    assert_eq!(gone.evict(&evictor).await?, Evicted::default(), "what is gone already is not counted");
    assert_eq!(evictor.evict([], []).await?, Evicted::default());
    assert_eq!(keys(&mut look)?, expected);
    Ok(())
}

#[tokio::test]
async fn takes_out_a_hundred_thousand_keys() -> Result<()> {
    let redis = Redis::start()?;
    let mut look = redis.look("")?;
    let all = Entries::new(&["a", "b", "team/c"], 25_001);
    all.fill(&mut look)?;
    let stays = all.part(25_000..25_001);
    let goes = all.part(0..25_000);
    let sent = |look: &mut redis::Connection| -> Result<u64> {
        let text: String = redis::cmd("INFO").arg("commandstats").query(look)?;
        let calls = |command: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(&format!("cmdstat_{command}:calls="))).unwrap();
            line.split(',').next().unwrap().parse::<u64>().unwrap()
        };
        Ok(calls("del") + calls("srem"))
    };
    let evictor = Evictor::connect(&redis.cache(), &Connection::default()).await?;
    let before = sent(&mut look)?;
    assert_eq!(goes.evict(&evictor).await?, goes.all());
    assert_eq!(goes.all().keys, 100_000);
    let mut expected = std::collections::BTreeSet::from([format!("blobs::{}", stays.digests[0])]);
    for (repository, digest) in stays.links() {
        expected.insert(format!("repository::{}::blobs", repository.as_str()));
        expected.insert(format!("repository::{}::blobs::{digest}", repository.as_str()));
    }
    assert_eq!(keys(&mut look)?, expected);
    // 25 chunks of blobs, 75 of links with two commands each.
    assert_eq!(sent(&mut look)? - before, 175);
    Ok(())
}

#[tokio::test]
async fn several_at_a_time_do_not_mix_their_answers() -> Result<()> {
    let redis = Redis::start()?;
    let mut look = redis.look("")?;
    let all = Entries::new(&["a"], 6000);
    all.fill(&mut look)?;
    let evictor = Evictor::connect(&redis.cache(), &Connection::default()).await?;
    let parts = [all.part(0..1000), all.part(1000..1001), all.part(1001..6000)];
    let evicted = futures::future::join_all(parts.iter().map(|part| part.evict(&evictor))).await;
    for (evicted, part) in evicted.into_iter().zip(&parts) {
        assert_eq!(evicted?, part.all());
    }
    assert!(keys(&mut look)?.is_empty());
    Ok(())
}
