//! What this machine is asked: its clock, its name, its memory.

use crate::model::Timestamp;
use std::hash::{BuildHasher as _, Hash as _, Hasher as _};
use std::time::{SystemTime, UNIX_EPOCH};

/// This machine's clock, read once for a run.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the one reading of the clock; everything else is given the time")]
pub fn clock() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_nanos(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}

/// Two runs that begin within the same second must not have one name: one would write over the other's journal.
#[must_use]
pub fn run_name(started: Timestamp) -> String {
    let mut hasher = std::hash::DefaultHasher::new();
    (started.as_nanos(), std::process::id(), std::thread::current().id()).hash(&mut hasher);
    let random = std::hash::RandomState::new().hash_one(hasher.finish());
    // Runs of one second are told apart by their names as well: the later one sorts last.
    let millis = started.as_nanos().rem_euclid(1_000_000_000) / 1_000_000;
    format!("{}-{millis:03}{:05x}", started.to_compact(), random >> 44)
}

/// A number that nobody has chosen, short enough to be typed.
#[must_use]
pub fn seed() -> u64 {
    std::hash::RandomState::new().hash_one(std::process::id()) >> 40
}

/// This machine's name, for those who find a lease.
#[must_use]
pub fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok().or_else(|| std::env::var("HOSTNAME").ok());
    name.map_or_else(|| "unknown".into(), |name| name.trim().to_owned())
}

/// The most memory that was resident, where the system tells it.
#[must_use]
pub fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|rest| rest.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}
