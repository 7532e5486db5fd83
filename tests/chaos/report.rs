//! What is told of a chaos: one line, and more below it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::scene::Report;
use crate::real::Broken;

impl Report {
    /// The tags and referrers that were broken for good, in the end or before their owners went on.
    pub fn broken(&self) -> BTreeSet<&str> {
        images(self.broken_meanwhile.iter().chain(&self.verdict.broken))
    }

    /// Whether everything that was acknowledged is whole, and nothing failed but what the registry refused.
    pub fn is_whole(&self) -> bool {
        self.broken().is_empty() && self.tally.failed.get() == 0
    }

    /// One line.
    pub fn summary(&self) -> String {
        let (chaos, tally, runs, verdict) = (&self.chaos, &self.tally, &self.runs, &self.verdict);
        let (tried, seconds) = (tally.tried.get(), self.took.as_secs_f64());
        let rate = f64::from(u32::try_from(tried).unwrap_or(u32::MAX)) / seconds;
        format!(
            "seed {}, {}, {}, {}: {tried} pushes in {seconds:.0} s ({rate:.1}/s), {} acknowledged, {} refused, {} failed, \
             {} retries; {} runs deleted {} keys, wrote back {}, put back {}; {} tags and {} referrers at the end, {} broken, {} more broken before",
            chaos.seed,
            chaos.place,
            chaos.memory,
            chaos.collector,
            tally.acknowledged,
            tally.refused,
            tally.failed,
            tally.retried,
            runs.count,
            runs.deleted,
            runs.mended,
            runs.put_back,
            verdict.tags,
            verdict.referrers,
            images(&verdict.broken).len(),
            self.broken().len() - images(&verdict.broken).len(),
        )
    }
}

fn images<'a>(broken: impl IntoIterator<Item = &'a Broken>) -> BTreeSet<&'a str> {
    broken.into_iter().map(|broken| broken.image.as_str()).collect()
}

/// Each image once, with the first thing it misses and how many more.
fn list(f: &mut fmt::Formatter<'_>, title: &str, broken: &[Broken]) -> fmt::Result {
    let mut by_image: BTreeMap<&str, BTreeMap<&str, &Broken>> = BTreeMap::new();
    for one in broken {
        by_image.entry(&one.image).or_default().insert(&one.what, one);
    }
    for missing in by_image.values() {
        let first = missing.values().next().map(ToString::to_string).unwrap_or_default();
        writeln!(f, "  {title}: {}; {} more are missing", first.trim(), missing.len() - 1)?;
    }
    Ok(())
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (tally, runs) = (&self.tally, &self.runs);
        writeln!(f, "{}", self.summary())?;
        writeln!(
            f,
            "  blobs: {} uploaded whole, {} in chunks, {} mounted, {} there already, {} given up",
            tally.uploads, tally.chunked, tally.mounts, tally.present, tally.given_up
        )?;
        writeln!(
            f,
            "  deletes: {} acknowledged, {} refused; {} tags pulled before they were given up, {} broken for a while",
            tally.deletes, tally.deletes_refused, tally.looks, tally.healed
        )?;
        writeln!(
            f,
            "  slowest manifest {:.1?}, longest run {:.1?}, exit codes {:?}, {} false claims, {} server errors",
            tally.slowest_put(),
            runs.longest,
            runs.exits,
            self.verdict.false_claims.len(),
            tally.errors
        )?;
        list(f, "broken", &self.verdict.broken)?;
        list(f, "broken before", &self.broken_meanwhile)?;
        list(f, "false claim", &self.verdict.false_claims)?;
        for said in &tally.said() {
            writeln!(f, "  error: {said}")?;
        }
        for said in self.server_said.iter().take(5) {
            writeln!(f, "  registry: {said}")?;
        }
        for complaint in &runs.complaints {
            writeln!(f, "  collector: {complaint}")?;
        }
        Ok(())
    }
}
