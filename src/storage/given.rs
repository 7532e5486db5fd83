//! Listings that are not asked for anew: an inventory that S3 has written, or what an earlier audit has saved. And saving
//! one, as it passes.
//!
//! What they say was so when they were made. That is good enough to count by; nothing is ever deleted on their word.

pub mod csv_rows;
pub mod files;
pub mod inventory;
pub mod parquet_rows;
pub mod record;
pub mod recorder;
pub mod saved;
pub mod source;
pub mod through;

pub use through::Through;
