//! Where credentials come from, what is trusted, and that no secret is ever shown.
//!
//! Every server is in this process or ends with it, on 127.0.0.1. No cloud's metadata server is asked.
#![allow(clippy::disallowed_methods, reason = "tests know the time, and tidy up after themselves")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    unreachable_pub,
    reason = "a test fails by panicking"
)]

mod lab;
mod real;
mod tool;

#[path = "credentials/aws.rs"]
mod aws;
#[path = "credentials/google.rs"]
mod google;
#[path = "credentials/home.rs"]
mod home;
#[path = "credentials/service.rs"]
mod service;
#[path = "credentials/tls.rs"]
mod tls;
