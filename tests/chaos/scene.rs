//! One chaos from beginning to end.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tokio::sync::watch;
use tokio::task::{JoinSet, spawn, spawn_blocking};

use super::collector::{Collector, Kind, Runs};
use super::courier::{Courier, Put};
use super::image::{Image, Pool};
use super::ledger::Ledger;
use super::oracle::{Verdict, false_claims, judge};
use super::owner::{Owner, World};
use super::slow::{Slow, Slowness};
use super::stall::Stall;
use super::tally::Tally;
use crate::real::{Broken, Cache, Moto, Redis, Registry, Storage};

const KEPT_IN: [&str; 6] = ["kept", "kept/a", "kept/b", "kept/c", "kept/d", "kept/e"];

/// Where the registry keeps its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In a directory.
    Filesystem,
    /// In a bucket of moto: a hundred times slower.
    S3,
}

/// Where the registry remembers blobs that it has seen: it goes on claiming them when they are gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Memory {
    /// Nowhere.
    No,
    /// In its own memory, which nobody reaches: it forgets when it is started anew, before the collector's last run.
    Own,
    /// In a Redis.
    Redis,
}

/// What a chaos is made of.
#[derive(Debug, Clone)]
pub struct Chaos {
    /// Decides the blobs, and what each client chooses; not which of them is first.
    pub seed: u64,
    /// Pushes of the ordinary clients, all together.
    pub pushes: usize,
    /// Ordinary clients.
    pub clients: usize,
    /// Images that nobody touches.
    pub kept: usize,
    /// Pushes of large images besides.
    pub slow: Slowness,
    /// Whether the registry stands still for a moment, now and then, as on a machine or a storage that stalls: a push
    /// that was checked before is written after.
    pub stalls: bool,
    /// Whether there are indexes and referrers: the registry's own collector breaks them even when nobody pushes.
    pub indexes: bool,
    /// The storage.
    pub place: Place,
    /// The registry's cache of descriptors.
    pub memory: Memory,
    /// Who collects meanwhile.
    pub collector: Kind,
    /// How long the collector rests between two runs. Without, nothing that is garbage lives long enough to be used.
    pub pause: Duration,
}

/// What came of it.
#[derive(Debug)]
pub struct Report {
    /// What it was.
    pub chaos: Chaos,
    /// What the clients did.
    pub tally: Arc<Tally>,
    /// What the collector did.
    pub runs: Runs,
    /// How long the clients were at it.
    pub took: Duration,
    /// What the registry wrote into its log of errors that it did not foresee.
    pub server_said: Vec<String>,
    /// What was broken for good while it went on, seen by the owners of the tags before they went on.
    pub broken_meanwhile: Vec<Broken>,
    /// What was found in the end.
    pub verdict: Verdict,
}

/// Images that nobody touches, so that a collector has something to read: what is pushed while it reads is what it misses.
async fn keep(mut keeper: Owner, count: usize) -> Result<Owner> {
    let pool = &Arc::clone(&keeper.world).pool;
    for number in 0..count {
        let repository = KEPT_IN[number % KEPT_IN.len()];
        let image = Image::of(&format!("kept-{number}"), &pool.configs[0], &pool.layers[..2], None);
        let at_once = number >= KEPT_IN.len();
        let end = keeper.push_and_note(&(repository, format!("v{number}")), &image, at_once).await;
        ensure!(end == Put::Acknowledged, "{:?}", keeper.courier.tally);
    }
    Ok(keeper)
}

impl Chaos {
    /// Lets it happen.
    pub async fn run(self) -> Result<Report> {
        let root = tempfile::tempdir()?;
        let moto = if self.place == Place::S3 { Some(Moto::start("registry")?) } else { None };
        let storage = match &moto {
            Some(moto) => Storage::moto(moto, "/"),
            None => Storage::Filesystem(root.path().to_owned()),
        };
        let redis = if self.memory == Memory::Redis { Some(Redis::start()?) } else { None };
        let cache = match &redis {
            Some(redis) => Cache::Redis { port: redis.port(), database: 0, password: "" },
            None if self.memory == Memory::Own => Cache::InMemory,
            None => Cache::None,
        };
        let mut registry = Registry::start_with(storage, cache)?;
        let tally = Arc::new(Tally::default());
        let courier = Courier { client: registry.client()?, tally: Arc::clone(&tally) };
        let (ended, runs) = watch::channel(0);
        let world = Arc::new(World {
            pool: Pool::new(self.seed),
            indexes: self.indexes,
            left: AtomicUsize::new(self.pushes),
            runs,
            collected: self.collector != Kind::None,
        });

        // What is pushed before it begins does not count.
        let quiet = Courier { tally: Arc::default(), ..courier.clone() };
        let mut keeper = keep(Owner::new(self.clients, self.seed, &world, &quiet), self.kept).await?;
        let slow = Owner::new(self.clients + 1, self.seed, &world, &courier);
        let slow = Slow::begin(slow, &mut keeper, self.slow, self.seed).await?;

        let begun = Instant::now();
        let (kind, pause) = (self.collector.clone(), self.pause);
        let collector = Collector { kind, pause, config: registry.config() };
        let stop = Arc::new(AtomicBool::new(false));
        let looping = {
            let (collector, stop) = (collector.clone(), Arc::clone(&stop));
            spawn_blocking(move || collector.run_in_a_loop(&stop, &ended))
        };
        let stalling =
            registry.pid().filter(|_| self.stalls).map(|pid| spawn(Stall::new(pid).again_and_again(self.seed)));
        let mut clients = JoinSet::new();
        for id in 0..self.clients {
            clients.spawn(Owner::new(id, self.seed, &world, &courier).live());
        }
        clients.spawn(slow.live());
        let mut owners = vec![keeper];
        while let Some(owner) = clients.join_next().await {
            owners.push(owner?.with_context(|| format!("seed {}: {tally:?}", self.seed))?);
        }
        let took = begun.elapsed();
        if let Some(stalling) = stalling {
            stalling.abort();
            // It ends by itself only if something went wrong.
            if let Ok(ended) = stalling.await {
                ended?;
            }
        }
        stop.store(true, Ordering::SeqCst);
        let mut runs = looping.await??;

        // Refusals stand in the log as well, with codes of their own.
        let is_unforeseen = |line: &&str| line.contains("level=error") && line.contains("err.code=unknown ");
        let server_said = registry.log().lines().filter(is_unforeseen).map(str::to_owned).collect();
        // What a registry remembers of what is gone is forgotten; then comes the run that may still have to mend.
        if self.memory == Memory::Own {
            registry.serve()?;
        }
        let last = Collector { config: registry.config(), ..collector };
        runs = spawn_blocking(move || last.run(&mut runs).map(|()| runs)).await??;
        let claims = match &redis {
            Some(_) => false_claims(&registry.client()?, &world.pool).await?,
            None => Vec::new(),
        };
        // What counts is what the storage holds, whatever a cache says of it.
        registry.stop();
        let registry = Registry::start(registry.storage().clone())?;
        let broken_meanwhile = owners.iter().flat_map(|owner| owner.broken.clone()).collect();
        let ledgers: Vec<Ledger> = owners.into_iter().map(|owner| owner.ledger).collect();
        let verdict = judge(&registry.client()?, &ledgers).await?;
        ensure!(verdict.tags > 0, "no tag was looked at");
        Ok(Report {
            chaos: self,
            tally,
            runs,
            took,
            server_said,
            broken_meanwhile,
            verdict: Verdict { false_claims: claims, ..verdict },
        })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Filesystem => "filesystem",
            Self::S3 => "s3",
        })
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::No => "no cache",
            Self::Own => "inmemory",
            Self::Redis => "redis",
        })
    }
}
