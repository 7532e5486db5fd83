//! What manifests name, kept on this machine between runs (`--cache-dir`): a manifest never changes, so the next run need not
//! read it again.
//!
//! There is one file for each registry, to which records are added. A record is a digest and what its manifest names, with
//! a checksum: one that was cut off, overwritten, moved or damaged is none, and its manifest is read again. So nobody waits
//! for anybody: one run writes a file at a time (it holds its lock), any number read it meanwhile, and a run that is killed
//! leaves what it has written so far. All of it may be deleted at any time.
//!
//! The checksum is against accidents. Whoever can write the file can make regsweep believe that a manifest needs nothing;
//! so the directory must belong to the user that regsweep runs as, and nobody else may write to it.
//!
//! What is remembered says nothing of what is there: a manifest whose data is gone is told by the listing of blobs, and then
//! the run begins anew without it.

mod file;
mod place;
pub mod record;

pub use file::{ManifestCache, beginning};
