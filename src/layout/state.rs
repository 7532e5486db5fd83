//! Keys of what regsweep itself keeps: beside `v2`, where the registry never looks.

use crate::model::Digest;

/// What stands before every key that regsweep keeps for itself.
pub const ROOT: &str = "docker/registry/regsweep/";
/// Who is at work.
pub const LEASE: &str = "docker/registry/regsweep/lease.json";
/// What waits to be deleted, and since when.
pub const PENDING: &str = "docker/registry/regsweep/pending";

/// What the name of a probe begins with, directly below [`ROOT`]; the run follows.
const PROBE: &str = "probe-";
/// What the name of a file begins with, directly below [`ROOT`], that is being written.
pub const DRAFT: &str = "draft-";

/// One key below [`ROOT`], understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StateKey<'a> {
    /// [`LEASE`].
    Lease,
    /// [`PENDING`].
    Pending,
    /// `probe-<run>`: written and removed to learn whether that is allowed.
    Probe,
    /// `draft-<letters and digits>`: a file that was being written.
    Draft,
    /// `runs/<run>/journal-<part>.jsonl`: pointers that a run was about to delete.
    Journal {
        /// The run.
        run: &'a str,
        /// Counted from zero.
        part: u32,
    },
    /// `runs/<run>/done.json`: the run has mended what it had to.
    Done {
        /// The run.
        run: &'a str,
    },
    /// `aside/<run>/<alg>/<hex>`: content that was moved out of the way.
    Aside {
        /// The run.
        run: &'a str,
        /// The content.
        digest: Digest,
    },
    /// Something else.
    Unrecognized,
}

impl<'a> StateKey<'a> {
    /// Understands a key.
    #[must_use]
    pub fn parse(key: &'a str) -> Self {
        let Some(rest) = key.strip_prefix(ROOT) else { return Self::Unrecognized };
        let parts: Vec<&'a str> = rest.split('/').collect();
        match *parts.as_slice() {
            ["lease.json"] => Self::Lease,
            ["pending"] => Self::Pending,
            [name] if name.strip_prefix(PROBE).is_some_and(is_run) => Self::Probe,
            [name] if name.strip_prefix(DRAFT).is_some_and(is_run) => Self::Draft,
            ["runs", run, "done.json"] if is_run(run) => Self::Done { run },
            ["runs", run, file] if is_run(run) => {
                part_of(file).map_or(Self::Unrecognized, |part| Self::Journal { run, part })
            }
            ["aside", run, algorithm, hex] if is_run(run) => {
                Digest::from_parts(algorithm, hex).map_or(Self::Unrecognized, |digest| Self::Aside { run, digest })
            }
            _ => Self::Unrecognized,
        }
    }
}

fn part_of(file: &str) -> Option<u32> {
    let digits = file.strip_prefix("journal-")?.strip_suffix(".jsonl")?;
    (digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_digit())).then(|| digits.parse().ok())?
}

/// Whether a text can be the name of a run: nothing in it may lead to another place.
#[must_use]
pub fn is_run(text: &str) -> bool {
    !text.is_empty() && text.len() <= 64 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// The key that a run writes and removes to learn whether that is allowed.
#[must_use]
pub fn probe(run: &str) -> String {
    format!("{ROOT}{PROBE}{run}")
}

/// The key of a part of a run's journal.
#[must_use]
pub fn journal(run: &str, part: u32) -> String {
    format!("{ROOT}runs/{run}/journal-{part:06}.jsonl")
}

/// The key that says that a run has ended as it should.
#[must_use]
pub fn done(run: &str) -> String {
    format!("{ROOT}runs/{run}/done.json")
}

/// The key of content that a run has moved out of the way.
#[must_use]
pub fn aside(run: &str, digest: &Digest) -> String {
    format!("{ROOT}aside/{run}/{}/{}", digest.algorithm().name(), digest.hex())
}

/// The directories that a deleted key may leave empty and that nobody else fills: up to the run's own.
#[must_use]
pub fn own_directory(key: &str) -> Option<String> {
    match StateKey::parse(key) {
        StateKey::Journal { run, .. } | StateKey::Done { run } => Some(format!("{ROOT}runs/{run}")),
        StateKey::Aside { run, .. } => Some(format!("{ROOT}aside/{run}")),
        StateKey::Lease | StateKey::Pending | StateKey::Probe | StateKey::Draft | StateKey::Unrecognized => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    const RUN: &str = "20261121T191005Z-0a1b2c";

    #[test]
    fn every_key_that_is_written_is_understood() {
        let digest = Digest::of(b"content");
        assert_eq!(StateKey::parse(LEASE), StateKey::Lease);
        assert_eq!(StateKey::parse(PENDING), StateKey::Pending);
        assert_eq!(StateKey::parse(&probe(RUN)), StateKey::Probe);
        assert_eq!(StateKey::parse(&format!("{ROOT}{DRAFT}x")), StateKey::Draft);
        assert_eq!(StateKey::parse(&journal(RUN, 12)), StateKey::Journal { run: RUN, part: 12 });
        assert_eq!(StateKey::parse(&done(RUN)), StateKey::Done { run: RUN });
        assert_eq!(StateKey::parse(&aside(RUN, &digest)), StateKey::Aside { run: RUN, digest });
    }

    #[test]
    fn what_leads_elsewhere_is_not_understood() {
        for key in [
            "docker/registry/v2/blobs/lease.json",
            "docker/registry/regsweep/runs/../done.json",
            "docker/registry/regsweep/runs//done.json",
            "docker/registry/regsweep/runs/a/journal-1.jsonl",
            "docker/registry/regsweep/runs/a/journal-+00001.jsonl",
            "docker/registry/regsweep/aside/a/sha256/xyz",
            "docker/registry/regsweep/aside/a/b/sha256/xyz",
            "docker/registry/regsweep/aside/../sha256/e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "docker/registry/regsweep/runs/../journal-000001.jsonl",
            "docker/registry/regsweep/runs/a/journal-0000001.jsonl",
            "docker/registry/regsweep/runs/a/done.txt",
            "docker/registry/regsweep/probe-",
            "docker/registry/regsweep/probe-a\u{1b}[2J",
            "docker/registry/regsweep/probe-notes.txt",
            "docker/registry/regsweep/draft-of my plan.md",
        ] {
            assert_eq!(StateKey::parse(key), StateKey::Unrecognized, "{key}");
        }
        assert_eq!(own_directory("docker/registry/regsweep/lease.json"), None);
        let aside = aside(RUN, &Digest::of(b""));
        assert_eq!(own_directory(&aside).unwrap(), format!("docker/registry/regsweep/aside/{RUN}"));
        assert!(is_run(&"a".repeat(64)) && !is_run(&"a".repeat(65)));
        assert_eq!(own_directory(&done(RUN)).unwrap(), format!("docker/registry/regsweep/runs/{RUN}"));
    }
}
