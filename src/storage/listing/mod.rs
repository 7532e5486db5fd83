//! One listing as many stretches that are fetched side by side. What is cut where is decided by values alone; only
//! [`pages`] asks a store.

#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "what is calculated is how much is to come: mistakes cost requests, never keys"
)]

mod cutter;
mod digests;
mod names;
pub(super) mod pages;
mod stretch;
