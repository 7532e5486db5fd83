//! The promises that `regsweep gc --offline` keeps, one test each, on real directories and with the real program.
//!
//! Where they come from: the registry's own collector (what it does with each media type and each oddity, and its own
//! tests), and what has gone wrong with other collectors. Every run goes through [`check`], which also holds what no test
//! has to say again: a dry run changes nothing and tells what the run will do, every tag pulls what it pulled, the
//! report's numbers are those of the directory, and a second run finds nothing more.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, unreachable_pub, reason = "tests")]
#![allow(clippy::disallowed_methods, reason = "tests know the time, and remove what a registry would have lost")]

mod lab;
mod tool;

#[path = "promises/check.rs"]
mod check;
#[path = "promises/place.rs"]
mod place;

#[path = "promises/aliases.rs"]
mod aliases;
#[path = "promises/damage.rs"]
mod damage;
#[path = "promises/incidents.rs"]
mod incidents;
#[path = "promises/indexes.rs"]
mod indexes;
#[path = "promises/keep_from.rs"]
mod keep_from;
#[path = "promises/live.rs"]
mod live;
#[path = "promises/manifests.rs"]
mod manifests;
#[path = "promises/many_tags.rs"]
mod many_tags;
#[path = "promises/order.rs"]
mod order;
#[path = "promises/pending.rs"]
mod pending;
#[path = "promises/plans.rs"]
mod plans;
#[path = "promises/prune.rs"]
mod prune;
#[path = "promises/referrers.rs"]
mod referrers;
#[path = "promises/refusals.rs"]
mod refusals;
#[path = "promises/remove.rs"]
mod remove;
#[path = "promises/scope.rs"]
mod scope;
#[path = "promises/space.rs"]
mod space;
#[path = "promises/strangers.rs"]
mod strangers;
#[cfg(unix)]
#[path = "promises/symlinks.rs"]
mod symlinks;
#[path = "promises/tags.rs"]
mod tags;
#[path = "promises/undo.rs"]
mod undo;
#[path = "promises/undo_faults.rs"]
mod undo_faults;
#[path = "promises/undo_tags.rs"]
mod undo_tags;
#[path = "promises/uploads.rs"]
mod uploads;
#[path = "promises/upstream.rs"]
mod upstream;
#[path = "promises/waiting.rs"]
mod waiting;
