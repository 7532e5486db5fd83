//! Chaos against the real registry: clients push, move, delete and push again what is garbage at that moment, while a
//! collector runs in a loop. Whatever the registry acknowledged has to be there at the end, completely.
//!
//! The seed decides what each client does, not who is first: a run is not repeated to the request, but its choices are.
#![allow(clippy::disallowed_methods, reason = "tests know the time, and tidy up after themselves")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    unreachable_pub,
    reason = "a test fails by panicking, and a long one tells what came of it"
)]

mod lab;
mod real;
mod tool;

#[path = "chaos/collector.rs"]
mod collector;
#[path = "chaos/courier.rs"]
mod courier;
#[path = "chaos/image.rs"]
mod image;
#[path = "chaos/ledger.rs"]
mod ledger;
#[path = "chaos/oracle.rs"]
mod oracle;
#[path = "chaos/owner.rs"]
mod owner;
#[path = "chaos/report.rs"]
mod report;
#[path = "chaos/scene.rs"]
mod scene;
#[path = "chaos/slow.rs"]
mod slow;
#[path = "chaos/stall.rs"]
mod stall;
#[path = "chaos/tally.rs"]
mod tally;

use std::time::Duration;

use anyhow::{Result, ensure};
use collector::Kind;
use scene::{Chaos, Memory, Place, Report};
use slow::Slowness;

/// How long regsweep waits for pushes under way, in seconds.
const SETTLE: [u64; 2] = [2, 20];

/// A chaos in a directory.
fn chaos(seed: u64, pushes: usize, collector: Kind) -> Chaos {
    Chaos {
        seed,
        pushes,
        clients: 8,
        kept: 200,
        slow: Slowness { pushes: 3, layers: 3000, loose: 40, different: 30 },
        stalls: true,
        indexes: true,
        place: Place::Filesystem,
        memory: Memory::No,
        pause: Duration::ZERO,
        collector,
    }
}

/// The same in a bucket, where each request takes a hundred times as long.
fn on_s3(chaos: Chaos) -> Chaos {
    let slow = Slowness { layers: 25, loose: 4, different: 4, ..chaos.slow };
    Chaos { place: Place::S3, clients: 4, kept: 6, slow, ..chaos }
}

/// The same with a cache of descriptors. One in Redis is asked for each layer, and answers more slowly than a file.
fn remembering(chaos: Chaos, memory: Memory) -> Chaos {
    let layers = if memory == Memory::Redis { chaos.slow.layers / 5 } else { chaos.slow.layers };
    let slow = Slowness { layers, ..chaos.slow };
    Chaos { slow, memory, ..chaos }
}

fn regsweep(settle: u64, more: &[&str]) -> Kind {
    let settle = format!("{settle}s");
    let all = ["--min-age", "0s", "--settle", &settle].into_iter().chain(more.iter().copied());
    Kind::Regsweep(all.map(str::to_owned).collect())
}

/// The registry's own collector, as a careful person runs it: not all the time. With it around all the time, nothing that
/// is garbage lives long enough to be pushed again.
fn registrys_own(seed: u64, pushes: usize) -> Chaos {
    // Without pushes, too, it breaks indexes, and loses referrers: that would prove nothing.
    Chaos { indexes: false, pause: Duration::from_millis(300), ..chaos(seed, pushes, Kind::Registry) }
}

/// Nothing that was acknowledged is lost beside regsweep. A push that takes longer than regsweep waits for it may be lost,
/// and the documentation says so: on a machine that was so busy, it is tried again with more patience.
async fn survives(chaos: impl Fn(u64) -> Chaos) -> Result<Report> {
    for settle in SETTLE {
        let report = chaos(settle).run().await?;
        println!("{report}");
        let proves = report.is_whole() || report.tally.slowest_put() < Duration::from_secs(settle);
        if !proves {
            continue;
        }
        assert!(report.is_whole(), "{report}");
        // A run that reads what is being written may stop, refuse, or leave something for the next one. The last one has
        // nobody beside it.
        assert_eq!(report.runs.last, Some(0), "{report}");
        let stopped = report.runs.exits.iter().filter(|(code, _)| **code != 0);
        assert!(stopped.clone().all(|(code, _)| [1, 3, 4].contains(code)), "{report}");
        assert!(stopped.map(|(_, count)| count).sum::<usize>() * 2 < report.runs.count, "{report}");
        assert!(report.runs.deleted > 0, "{report}");
        return Ok(report);
    }
    panic!("the registry was too slow on this machine: a push took longer than {SETTLE:?} s");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_breaks_without_a_collector() -> Result<()> {
    let report = chaos(1, 60, Kind::None).run().await?;
    assert!(report.is_whole(), "{report}");
    assert_eq!(report.tally.refused.get(), 0, "{report}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_registrys_own_collector_breaks_tags_in_this_chaos() -> Result<()> {
    let report = registrys_own(2, 40).run().await?;
    assert!(report.broken().len() > 1, "{report}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_tag_is_lost_beside_a_live_registry_on_a_directory() -> Result<()> {
    survives(|settle| chaos(3, 150, regsweep(settle, &["--defer", "0s"]))).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_tag_is_lost_beside_a_live_registry_on_s3() -> Result<()> {
    let live = |settle| chaos(4, 20, regsweep(settle, &["--defer", "0s", "--aside", "always"]));
    survives(|settle| on_s3(live(settle))).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_tag_is_lost_beside_a_live_registry_that_remembers_in_redis() -> Result<()> {
    let live = |settle| chaos(5, 100, regsweep(settle, &["--defer", "0s"]));
    let report = survives(|settle| remembering(live(settle), Memory::Redis)).await?;
    assert!(report.verdict.false_claims.is_empty(), "{report}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_tag_is_lost_beside_a_live_registry_that_remembers_by_itself() -> Result<()> {
    let live = |settle| chaos(6, 100, regsweep(settle, &["--defer", "1h"]));
    survives(|settle| remembering(live(settle), Memory::Own)).await?;
    Ok(())
}

fn variable<T: std::str::FromStr>(name: &str, default: T) -> T {
    let Ok(text) = std::env::var(format!("REGSWEEP_CHAOS_{name}")) else { return default };
    text.parse().ok().unwrap_or_else(|| panic!("REGSWEEP_CHAOS_{name}={text:?} is not understood"))
}

/// What `scripts/chaos` runs, as its options say.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "long: scripts/chaos runs it"]
async fn full() -> Result<()> {
    let (seed, pushes) = (variable("SEED", 1), variable("PUSHES", 5000));
    let text = |name, default: &str| variable(name, default.to_owned());
    let (place, memory) = (text("STORAGE", "filesystem"), text("CACHE", "none"));
    let mut more = vec!["--defer", if memory == "inmemory" { "1h" } else { "0s" }];
    more.extend((place == "s3").then_some(["--aside", "always"]).into_iter().flatten());
    let mut chaos = match text("COLLECTOR", "regsweep").as_str() {
        "none" => chaos(seed, pushes, Kind::None),
        "registry" => registrys_own(seed, pushes),
        "regsweep" => chaos(seed, pushes, regsweep(variable("SETTLE", SETTLE[0]), &more)),
        other => panic!("REGSWEEP_CHAOS_COLLECTOR={other:?}: none, registry or regsweep"),
    };
    chaos.slow =
        Slowness { pushes: pushes.div_ceil(50), layers: 4000, loose: 40, different: (pushes / 2).clamp(30, 2000) };
    let chaos = match place.as_str() {
        "filesystem" => chaos,
        "s3" => on_s3(chaos),
        other => panic!("REGSWEEP_CHAOS_STORAGE={other:?}: filesystem or s3"),
    };
    let chaos = match memory.as_str() {
        "none" => chaos,
        "inmemory" => remembering(chaos, Memory::Own),
        "redis" => remembering(chaos, Memory::Redis),
        other => panic!("REGSWEEP_CHAOS_CACHE={other:?}: none, redis or inmemory"),
    };
    let report = chaos.run().await?;
    println!("{report}");
    ensure!(report.is_whole(), "{}", report.summary());
    Ok(())
}
