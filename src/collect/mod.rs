//! Every decision: what is there, what is needed, what goes, in which order, and what came of it.
//!
//! Pure and synchronous: no clock, no I/O, no runtime. *Now* is a value that is read once, elsewhere.

pub mod account;
pub mod applied;
pub mod audit;
pub mod blobs;
pub mod cost;
pub mod counts;
pub mod decide;
mod deletion_item;
mod deletion_order;
pub mod deletions;
mod digest_numbers;
pub mod digest_table;
pub mod dismissed;
mod dismissed_parts;
pub mod entry;
pub mod etag;
pub mod explain;
pub mod fingerprints;
pub mod fsck;
pub mod graph;
pub mod holders;
pub mod image_pattern;
pub mod images;
pub mod inventory;
pub mod keep_from;
pub mod learn;
mod levels;
pub mod links;
pub mod list;
mod listed_tags;
pub mod listing;
pub mod mark;
pub mod money;
pub mod multipart;
pub mod named;
pub mod near;
mod needed;
pub mod needs;
mod nodes;
pub mod options;
pub mod outcome;
mod owners;
mod packed_deletion;
mod packed_evidence;
mod packed_links;
pub mod packed_roots;
mod packed_tag;
mod packing;
pub mod pattern;
pub mod plan;
pub mod pointers;
pub mod problem;
pub mod refusal;
pub mod report;
pub mod retained;
pub mod roots;
pub mod said;
mod scan;
pub mod sealed;
pub mod shelf;
pub mod space;
pub mod state;
pub mod store_keeps;
pub mod tag_change;
pub mod tags;
mod unread;
pub mod versions;
mod why;

#[cfg(test)]
mod scene;
#[cfg(test)]
mod scene_listed;
