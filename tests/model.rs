//! An exhaustive model of the live protocol: a registry that serves pushes, clients, and regsweep beside them, in every
//! interleaving within bounds, with kills at every step.
//!
//! **The promise.** Whenever no run is under way and none was interrupted since the last that ended, every tag that was
//! acknowledged, and that nobody has overwritten or deleted since, pulls to its last layer. Tags that were there before
//! and that no client touches pull at every moment.
//!
//! **How to read it.** `collector.rs` is the protocol: the stages in their order, and when each is due. `stages.rs`
//! and `content_stages.rs` are what each does, one listing, link or blob per step, `judge.rs` is what it concludes. `registry.rs`, `blob_requests.rs` and
//! `manifest_requests.rs` are the registry, read off distribution 2.8.3 and 3.1.1, one access to storage or cache per
//! step. `protocol.rs` has a switch for each safety step, `assumptions.rs` what is taken for granted. `scenes.rs` is where
//! explorations begin, `search.rs` follows them breadth first, so that what it finds is a shortest way.
//!
//! **The tests.** `holds.rs`: the whole protocol keeps its promise. `ablations.rs`: without any one step a tag breaks.
//! `doubles.rs`: steps that the model does not miss, and what they are for. `risks.rs`: what remains, and how far it
//! reaches. `sweep.rs`: larger bounds, by `scripts/model`. With `REGSWEEP_TRACE=1` each test prints how many states it has
//! seen, and the ones that break something print the way there.
//!
//! **What is modelled.** Two repositories, two layers, four images, an index and an index of that; layer, revision, tag
//! history and tag links; HEAD, mount, upload, PUT, DELETE of a tag and of a manifest; no descriptor cache, one in Redis,
//! one in memory; `-m` always; `--defer` or none, `--min-age` or none, aside for everything, for manifests or for nothing;
//! runs that follow one another at once or after the wait; kill, signal and budget; a pointer whose delete fails; listings
//! that see two halves of a repository at two moments.
//!
//! **What is not.** A listing sees one repository, or half of it, at one moment. Time is not counted: a pause ends when the
//! requests have ended that were in flight when it began, a wait is over when a run begins that says so, and clocks
//! neither differ nor round. The lease is never lost during a run. Content whose delete fails, answers that are lost,
//! manifests that cannot be read (`regsweep` learns what a manifest names in the moment it lists it), uploads, aliases
//! and signatures are other tests' business (`tests/faults.rs`, `tests/promises.rs`).
//!
//! **Bounds.** One client with one push, two in one scene; one run with one kill or stop, or two runs with one failure. The
//! sweep: two runs with two interruptions, or three.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::struct_excessive_bools,
    clippy::cast_possible_truncation,
    unreachable_pub,
    reason = "a test fails by panicking; a state is made of small numbers and of much that is so or not"
)]

#[path = "model/assumptions.rs"]
mod assumptions;
#[path = "model/blob_requests.rs"]
mod blob_requests;
#[path = "model/check.rs"]
mod check;
#[path = "model/collector.rs"]
mod collector;
#[path = "model/content_stages.rs"]
mod content_stages;
#[path = "model/judge.rs"]
mod judge;
#[path = "model/manifest_requests.rs"]
mod manifest_requests;
#[path = "model/names.rs"]
mod names;
#[path = "model/protocol.rs"]
mod protocol;
#[path = "model/registry.rs"]
mod registry;
#[path = "model/scenario.rs"]
mod scenario;
#[path = "model/scenes.rs"]
mod scenes;
#[path = "model/search.rs"]
mod search;
#[path = "model/stages.rs"]
mod stages;
#[path = "model/state.rs"]
mod state;
#[path = "model/words.rs"]
mod words;

#[path = "model/ablations.rs"]
mod ablations;
#[path = "model/doubles.rs"]
mod doubles;
#[path = "model/holds.rs"]
mod holds;
#[path = "model/risks.rs"]
mod risks;
#[path = "model/sweep.rs"]
mod sweep;
