//! Collects the garbage of a container registry straight from its storage: a local directory, S3, GCS or Azure, laid out
//! by the CNCF `distribution` registry (`registry:2`, `registry:3`). No registry has to run.
//!
//! # The promise
//!
//! 1. Nothing reachable is ever deleted. Where regsweep cannot know, it keeps, and says what it kept and why.
//! 2. Every number is honest: *planned*, *deleted*, *already gone*, *failed* and *unknown* are different words.
//! 3. The cost is the floor's: one listing per 1000 keys, one read per manifest, one delete request per 1000 keys.
//! 4. One bad object never blocks the rest.
//!
//! # The pipeline
//!
//! ```text
//!  Location ─► Storage ──list──► Inventory ──fetch──► Graph ──► Marks ─┐
//!                  └──list blobs (streamed) ─────────────► decide ─────┴─► Plan ─► Report   (a dry run ends here)
//!                                                                           └─ approve ─► Sweeper ─► Outcomes ─► Report
//! ```
//!
//! [`run`] tells it as a story. [`collect`] makes every decision and does no I/O; [`storage`] does the I/O and makes no
//! decision; one folder in it, [`storage::sweep`], deletes.
//!
//! # The words
//!
//! | word | meaning |
//! |---|---|
//! | [`Digest`](model::Digest) | algorithm and bytes of a content digest |
//! | [`Manifest`](model::Manifest) | image, index, artifact or schema 1: what it names, and what it is about |
//! | *revision link* | "this manifest exists in this repository" |
//! | *layer link* | "this repository may serve this blob" |
//! | *tag*, *tag history* | what a name points to now, and has pointed to |
//! | [`StorageKey`](layout::StorageKey) | every shape of key in the layout |
//! | [`Inventory`](collect::inventory::Inventory) | what the listings said |
//! | [`Graph`](collect::graph::Graph), [`Marks`](collect::mark::Marks) | what names what, and what is needed by whom |
//! | [`Decision`](collect::decide::Decision) | keep or delete, with a reason; there is no third state |
//! | [`Policy`](retention::policy::Policy), [`Verdict`](retention::verdict::Verdict) | the rules for tags, and what they say of one |
//! | [`Plan`](collect::plan::Plan) | what goes, in order, with evidence |
//! | [`Outcome`](collect::outcome::Outcome) | what came of each deletion |

pub mod cli;
pub mod collect;
pub mod config;
pub mod error;
pub mod event;
pub mod layout;
pub mod model;
pub mod retention;
pub mod run;
pub mod storage;
