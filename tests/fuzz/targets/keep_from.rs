//! See `src/keep_from.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| regsweep_fuzz::keep_from::check(data));
