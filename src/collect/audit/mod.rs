//! Where the bytes are: every object below the root in exactly one class, and every byte with whose it is.

mod bases;
pub mod cells;
pub mod census;
pub mod class;
pub mod compare;
pub mod group;
mod largest;
mod pointers;
pub mod report;
mod rows;
pub mod scenario;
pub mod storage_class;
mod sums;
pub mod users;

#[cfg(test)]
mod tests;
